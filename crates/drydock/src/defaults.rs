//! Values that the API server fills in where a client leaves them out: those that clients and controllers rely on.

mod schema;

use pilothouse_model::Read;
use serde_json::{Map, Value, json};

use crate::registry::Served;

/// Fills in the defaults of a resource's objects.
pub(crate) fn fill(served: &Served, value: &mut Value) {
    if let Some(schema) = &served.schema {
        schema::fill(schema, value);
        return;
    }
    match (&*served.resource.group, &*served.resource.plural) {
        ("", "pods") => pod(value),
        ("", "namespaces") => namespace(value),
        ("", "services") => service(value),
        ("", "secrets") => secret(value),
        ("", "persistentvolumeclaims") => {
            default(&mut value["spec"], "volumeMode", json!("Filesystem"));
            phase(value, "Pending");
        }
        ("", "persistentvolumes") => {
            default(&mut value["spec"], "volumeMode", json!("Filesystem"));
            default(&mut value["spec"], "persistentVolumeReclaimPolicy", json!("Retain"));
            phase(value, "Pending");
        }
        ("", "nodes") => {
            default(value, "spec", json!({}));
            default(value, "status", json!({}));
        }
        ("apps", _) | ("", "replicationcontrollers") => workload(&served.resource.plural, value),
        ("batch", "jobs") => job(value),
        ("batch", "cronjobs") => cron_job(value),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => binding(value),
        ("storage.k8s.io", "storageclasses") => {
            default(value, "reclaimPolicy", json!("Delete"));
            default(value, "volumeBindingMode", json!("Immediate"));
        }
        ("policy", "poddisruptionbudgets") => default(value, "status", json!({})),
        _ => {}
    }
}

/// Sets a field of an object where it is absent; creates the object where that is absent.
fn default(value: &mut Value, field: &str, new: Value) {
    if value.is_null() {
        *value = Value::Object(Map::new());
    }
    if let Some(fields) = value.as_object_mut()
        && fields.get(field).is_none_or(Value::is_null)
    {
        fields.insert(field.to_owned(), new);
    }
}

fn phase(value: &mut Value, word: &str) {
    default(&mut value["status"], "phase", json!(word));
}

fn namespace(value: &mut Value) {
    if value.text("/metadata/deletionTimestamp").is_none() {
        default(&mut value["spec"], "finalizers", json!(["kubernetes"]));
    }
    phase(value, "Active");
    let name = value["metadata"]["name"].clone();
    if value["metadata"].get("labels").is_none_or(Value::is_null) {
        value["metadata"]["labels"] = json!({});
    }
    // The API server insists on this one.
    if let Some(labels) = value["metadata"]["labels"].as_object_mut() {
        labels.insert("kubernetes.io/metadata.name".to_owned(), name);
    }
}

fn service(value: &mut Value) {
    let spec = &mut value["spec"];
    default(spec, "type", json!("ClusterIP"));
    default(spec, "sessionAffinity", json!("None"));
    if spec["type"] != "ExternalName" {
        default(spec, "internalTrafficPolicy", json!("Cluster"));
        default(spec, "ipFamilies", json!(["IPv4"]));
        default(spec, "ipFamilyPolicy", json!("SingleStack"));
    }
    for port in spec.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", json!("TCP"));
        let target = port["port"].clone();
        default(port, "targetPort", target);
    }
    if spec["type"] != "ExternalName" && spec.get("clusterIP").is_none_or(|ip| ip.is_null() || ip == "") {
        let address = address(value.text("/metadata/uid").unwrap_or_default());
        value["spec"]["clusterIP"] = json!(address);
    }
    if value["spec"]["type"] != "ExternalName" {
        let address = value["spec"]["clusterIP"].clone();
        default(&mut value["spec"], "clusterIPs", json!([address]));
    }
    default(&mut value["status"], "loadBalancer", json!({}));
}

/// An address out of 10.96.0.0/12, from the object's unique id: two services may share one, and nothing routes it.
fn address(uid: &str) -> String {
    let sum = uid.bytes().fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("10.{}.{}.{}", 96 + sum % 16, (sum >> 8) % 256, 1 + (sum >> 16) % 254)
}

fn secret(value: &mut Value) {
    default(value, "type", json!("Opaque"));
    let Some(plain) = value.as_object_mut().and_then(|fields| fields.remove("stringData")) else { return };
    for (key, text) in plain.as_object().into_iter().flatten() {
        let encoded =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text.as_str().unwrap_or_default());
        default(value, "data", json!({}));
        value["data"][key] = json!(encoded);
    }
}

fn binding(value: &mut Value) {
    default(&mut value["roleRef"], "apiGroup", json!("rbac.authorization.k8s.io"));
    for subject in value.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if matches!(subject.text("/kind"), Some("User" | "Group")) {
            default(subject, "apiGroup", json!("rbac.authorization.k8s.io"));
        }
    }
}

fn pod(value: &mut Value) {
    pod_spec(&mut value["spec"]);
    let spec = &mut value["spec"];
    default(spec, "enableServiceLinks", json!(true));
    default(spec, "serviceAccountName", json!("default"));
    let account = spec["serviceAccountName"].clone();
    default(spec, "serviceAccount", account);
    default(spec, "preemptionPolicy", json!("PreemptLowerPriority"));
    default(spec, "priority", json!(0));
    // Every pod tolerates a node that is briefly away.
    if spec.get("tolerations").is_none() {
        let away =
            |key: &str| json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 });
        spec["tolerations"] = json!([away("node.kubernetes.io/not-ready"), away("node.kubernetes.io/unreachable")]);
    }
    phase(value, "Pending");
    let class = quality(value);
    default(&mut value["status"], "qosClass", json!(class));
}

/// `Guaranteed` when all limits equal their requests, `BestEffort` when there are none, else `Burstable`.
fn quality(pod: &Value) -> &'static str {
    let containers = pod.items("/spec/containers").iter().chain(pod.items("/spec/initContainers"));
    let (mut any, mut all) = (false, true);
    for container in containers {
        for resource in ["cpu", "memory"] {
            let limit = container.pointer(&format!("/resources/limits/{resource}"));
            let request = container.pointer(&format!("/resources/requests/{resource}"));
            any |= limit.is_some() || request.is_some();
            all &= limit.is_some() && (request.is_none() || request == limit);
        }
    }
    match (any, all) {
        (false, _) => "BestEffort",
        (true, true) => "Guaranteed",
        (true, false) => "Burstable",
    }
}

fn pod_spec(spec: &mut Value) {
    default(spec, "restartPolicy", json!("Always"));
    default(spec, "dnsPolicy", json!("ClusterFirst"));
    default(spec, "schedulerName", json!("default-scheduler"));
    default(spec, "securityContext", json!({}));
    default(spec, "terminationGracePeriodSeconds", json!(30));
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            self::container(container);
        }
    }
}

fn container(container: &mut Value) {
    let image = container.text("/image").unwrap_or_default();
    let tag = image.rsplit('/').next().and_then(|name| name.split_once(':')).map(|(_, tag)| tag);
    let pull = if image.contains('@') || tag.is_some_and(|tag| tag != "latest") { "IfNotPresent" } else { "Always" };
    default(container, "imagePullPolicy", json!(pull));
    default(container, "resources", json!({}));
    default(container, "terminationMessagePath", json!("/dev/termination-log"));
    default(container, "terminationMessagePolicy", json!("File"));
    for port in container.get_mut("ports").and_then(Value::as_array_mut).into_iter().flatten() {
        default(port, "protocol", json!("TCP"));
    }
    // What is limited and not requested is requested as limited.
    let limits = container.pointer("/resources/limits").and_then(Value::as_object).cloned().unwrap_or_default();
    for (resource, amount) in limits {
        default(&mut container["resources"]["requests"], &resource, amount);
    }
}

fn workload(plural: &str, value: &mut Value) {
    if plural == "controllerrevisions" {
        return;
    }
    let spec = &mut value["spec"];
    pod_spec(&mut spec["template"]["spec"]);
    if plural != "daemonsets" {
        default(spec, "replicas", json!(1));
    }
    match plural {
        "deployments" => {
            default(spec, "revisionHistoryLimit", json!(10));
            default(spec, "progressDeadlineSeconds", json!(600));
            default(&mut spec["strategy"], "type", json!("RollingUpdate"));
            if spec["strategy"]["type"] == "RollingUpdate" {
                default(&mut spec["strategy"]["rollingUpdate"], "maxSurge", json!("25%"));
                default(&mut spec["strategy"]["rollingUpdate"], "maxUnavailable", json!("25%"));
            }
        }
        "statefulsets" => {
            default(spec, "revisionHistoryLimit", json!(10));
            default(spec, "podManagementPolicy", json!("OrderedReady"));
            default(&mut spec["updateStrategy"], "type", json!("RollingUpdate"));
            default(&mut spec["persistentVolumeClaimRetentionPolicy"], "whenDeleted", json!("Retain"));
            default(&mut spec["persistentVolumeClaimRetentionPolicy"], "whenScaled", json!("Retain"));
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                default(&mut spec["updateStrategy"]["rollingUpdate"], "partition", json!(0));
            }
        }
        "daemonsets" => {
            default(spec, "revisionHistoryLimit", json!(10));
            default(&mut spec["updateStrategy"], "type", json!("RollingUpdate"));
            if spec["updateStrategy"]["type"] == "RollingUpdate" {
                default(&mut spec["updateStrategy"]["rollingUpdate"], "maxSurge", json!(0));
                default(&mut spec["updateStrategy"]["rollingUpdate"], "maxUnavailable", json!(1));
            }
        }
        _ => {}
    }
    let zero = match plural {
        "statefulsets" => json!({ "replicas": 0, "availableReplicas": 0 }),
        "replicasets" | "replicationcontrollers" => json!({ "replicas": 0 }),
        "daemonsets" => {
            json!({ "currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0 })
        }
        _ => json!({}),
    };
    default(value, "status", zero);
}

fn job(value: &mut Value) {
    job_spec(&mut value["spec"]);
    let uid = value["metadata"]["uid"].clone();
    let name = value["metadata"]["name"].clone();
    let manual = value.boolean("/spec/manualSelector") == Some(true);
    if !manual && value.pointer("/spec/selector").is_none() {
        // Without a selector of one's own, the job selects what carries its unique id.
        value["spec"]["selector"] = json!({ "matchLabels": { "batch.kubernetes.io/controller-uid": uid } });
        let labels = &mut value["spec"]["template"]["metadata"]["labels"];
        for (label, text) in [
            ("batch.kubernetes.io/controller-uid", &uid),
            ("batch.kubernetes.io/job-name", &name),
            ("controller-uid", &uid),
            ("job-name", &name),
        ] {
            default(labels, label, text.clone());
        }
    }
    default(value, "status", json!({}));
}

fn job_spec(spec: &mut Value) {
    pod_spec(&mut spec["template"]["spec"]);
    if spec.get("parallelism").is_none_or(Value::is_null) && spec.get("completions").is_none_or(Value::is_null) {
        default(spec, "completions", json!(1));
    }
    default(spec, "parallelism", json!(1));
    default(spec, "backoffLimit", json!(6));
    default(spec, "completionMode", json!("NonIndexed"));
    default(spec, "suspend", json!(false));
    default(spec, "manualSelector", json!(false));
    default(spec, "podReplacementPolicy", json!("TerminatingOrFailed"));
}

fn cron_job(value: &mut Value) {
    let spec = &mut value["spec"];
    default(spec, "concurrencyPolicy", json!("Allow"));
    default(spec, "suspend", json!(false));
    default(spec, "successfulJobsHistoryLimit", json!(3));
    default(spec, "failedJobsHistoryLimit", json!(1));
    pod_spec(&mut spec["jobTemplate"]["spec"]["template"]["spec"]);
    default(value, "status", json!({}));
}
