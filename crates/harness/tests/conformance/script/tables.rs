//! The well-known kinds as tables: the columns and cells that kubectl prints.

use reqwest::Method;
use serde_json::{Value, json};

use super::{config_map, namespace};
use crate::recorder::{MERGE, Recorder};

const CORE: &str = "/api/v1/namespaces/tables";
const APPS: &str = "/apis/apps/v1/namespaces/tables";
const BATCH: &str = "/apis/batch/v1/namespaces/tables";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "tables").await;
    pods(recorder).await;
    nodes(recorder).await;
    apps(recorder).await;
    jobs(recorder).await;
    others(recorder).await;
}

/// Creates an object and gives it a status.
async fn with_status(recorder: &Recorder, collection: &str, object: &Value, status: &Value) {
    recorder.admin.ensure(collection, object).await;
    let name = object["metadata"]["name"].as_str().expect("the object has a name");
    let path = format!("{collection}/{name}/status");
    let body = json!({"status": status});
    let answer = recorder.admin.send(Method::PATCH, &path, Some((MERGE, &body))).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.body);
}

fn pod(name: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "spec": {
            "nodeName": "node-a",
            "containers": [{"name": "main", "image": "registry.example/main:1"}, {"name": "side", "image": "registry.example/side:1"}],
        },
    })
}

fn container(name: &str, ready: bool, restarts: i64, state: &Value) -> Value {
    json!({"name": name, "ready": ready, "restartCount": restarts, "state": state, "image": "i", "imageID": "i"})
}

async fn pods(recorder: &mut Recorder) {
    let running = json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}});
    let waiting = |reason: &str| json!({"waiting": {"reason": reason, "message": "m"}});
    let ended = |code: i64, reason: &str| json!({"terminated": {"exitCode": code, "reason": reason}});
    let ready = json!([{"type": "Ready", "status": "True"}]);
    let two = |first: Value, second: Value| json!([first, second]);
    let cases = [
        ("a-pending", json!({"phase": "Pending"})),
        (
            "b-running",
            json!({
                "phase": "Running", "conditions": ready, "podIP": "10.0.0.9", "podIPs": [{"ip": "10.0.0.9"}],
                "containerStatuses": two(container("main", true, 0, &running), container("side", true, 0, &running)),
            }),
        ),
        (
            "c-crashing",
            json!({
                "phase": "Running",
                "containerStatuses": two(container("main", false, 4, &waiting("CrashLoopBackOff")), container("side", true, 0, &running)),
            }),
        ),
        (
            "d-image",
            json!({
                "phase": "Pending",
                "containerStatuses": two(container("main", false, 0, &waiting("ImagePullBackOff")), container("side", false, 0, &waiting("ContainerCreating"))),
            }),
        ),
        (
            "e-memory",
            json!({
                "phase": "Failed",
                "containerStatuses": two(container("main", false, 0, &ended(137, "OOMKilled")), container("side", false, 0, &ended(0, "Completed"))),
            }),
        ),
        (
            "f-done",
            json!({
                "phase": "Succeeded",
                "containerStatuses": two(container("main", false, 0, &ended(0, "Completed")), container("side", false, 0, &ended(0, "Completed"))),
            }),
        ),
        (
            "g-evicted",
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
        ),
        (
            "h-half",
            json!({
                "phase": "Running", "conditions": ready,
                "containerStatuses": two(container("main", false, 1, &ended(0, "Completed")), container("side", true, 0, &running)),
            }),
        ),
        (
            "i-signal",
            json!({
                "phase": "Failed",
                "containerStatuses": two(container("main", false, 0, &json!({"terminated": {"exitCode": 0, "signal": 9}})), container("side", false, 0, &json!({"terminated": {"exitCode": 3}}))),
            }),
        ),
    ];
    for (name, status) in cases {
        with_status(recorder, &format!("{CORE}/pods"), &pod(name), &status).await;
    }
    let mut starting = pod("j-init");
    starting["spec"]["initContainers"] = json!([{"name": "first", "image": "i"}, {"name": "second", "image": "i"}]);
    let status = json!({
        "phase": "Pending",
        "initContainerStatuses": two(container("first", true, 0, &ended(0, "Completed")), container("second", false, 2, &waiting("CrashLoopBackOff"))),
        "containerStatuses": two(container("main", false, 0, &waiting("PodInitializing")), container("side", false, 0, &waiting("PodInitializing"))),
    });
    with_status(recorder, &format!("{CORE}/pods"), &starting, &status).await;
    recorder.table("pods as a table", &format!("{CORE}/pods")).await;
    recorder.table("one pod as a table", &format!("{CORE}/pods/b-running")).await;
    recorder.table("an empty selection as a table", &format!("{CORE}/pods?labelSelector=none%3Dsuch")).await;
    recorder.table("whole objects in a table", &format!("{CORE}/pods?includeObject=Object&limit=1")).await;
    recorder.table("a missing pod as a table", &format!("{CORE}/pods/none")).await;
}

async fn nodes(recorder: &mut Recorder) {
    let node = json!({
        "metadata": {"name": "node-a", "labels": {"node-role.kubernetes.io/worker": "", "kubernetes.io/hostname": "node-a"}},
        "spec": {"unschedulable": true},
    });
    let status = json!({
        "conditions": [{"type": "Ready", "status": "True"}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {
            "kubeletVersion": "v1.20.2", "osImage": "Harbour 1", "kernelVersion": "6.1", "containerRuntimeVersion": "containerd://1.7",
            "machineID": "", "systemUUID": "", "bootID": "", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64",
        },
    });
    with_status(recorder, "/api/v1/nodes", &node, &status).await;
    recorder.table("nodes as a table", "/api/v1/nodes/node-a").await;
}

fn workload(name: &str, extra: &Value) -> Value {
    let mut object = json!({
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "registry.example/main:1"}]},
            },
        },
    });
    for (field, value) in extra.as_object().into_iter().flatten() {
        object["spec"][field] = value.clone();
    }
    object
}

async fn apps(recorder: &mut Recorder) {
    let status = json!({"replicas": 3, "readyReplicas": 2, "updatedReplicas": 3, "availableReplicas": 1, "unavailableReplicas": 2});
    let deployments = format!("{APPS}/deployments");
    with_status(recorder, &deployments, &workload("web", &json!({"replicas": 3})), &status).await;
    recorder.table("deployments as a table", &deployments).await;
    let status = json!({"replicas": 3, "readyReplicas": 2});
    let sets = format!("{APPS}/replicasets");
    with_status(recorder, &sets, &workload("web", &json!({"replicas": 3})), &status).await;
    recorder.table("replica sets as a table", &sets).await;
    let sets = format!("{APPS}/statefulsets");
    with_status(recorder, &sets, &workload("db", &json!({"replicas": 3, "serviceName": "db"})), &status).await;
    recorder.table("stateful sets as a table", &sets).await;
    let status = json!({
        "desiredNumberScheduled": 4, "currentNumberScheduled": 3, "numberReady": 2, "updatedNumberScheduled": 1,
        "numberAvailable": 2, "numberMisscheduled": 0,
    });
    let sets = format!("{APPS}/daemonsets");
    with_status(recorder, &sets, &workload("agent", &json!({})), &status).await;
    recorder.table("daemon sets as a table", &sets).await;
}

async fn jobs(recorder: &mut Recorder) {
    let job = json!({
        "metadata": {"name": "train"},
        "spec": {
            "completions": 2,
            "template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": "registry.example/main:1"}]}},
        },
    });
    let status = json!({"succeeded": 1, "startTime": "2026-01-02T03:04:05Z"});
    with_status(recorder, &format!("{BATCH}/jobs"), &job, &status).await;
    recorder.table("jobs as a table", &format!("{BATCH}/jobs")).await;
}

async fn others(recorder: &mut Recorder) {
    recorder.table("config maps as a table", &format!("{CORE}/configmaps?fieldSelector=metadata.name%3Dnone")).await;
    recorder.admin.ensure(&format!("{CORE}/configmaps"), &config_map("settings", &json!({"a": "1", "b": "2"}))).await;
    recorder.table("a config map as a table", &format!("{CORE}/configmaps/settings")).await;
    recorder
        .admin
        .ensure(&format!("{CORE}/secrets"), &json!({"metadata": {"name": "key"}, "data": {"a": "MQ=="}}))
        .await;
    recorder.table("a secret as a table", &format!("{CORE}/secrets/key")).await;
    let service = json!({
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "clusterIP": "None", "ports": [{"name": "http", "port": 80, "protocol": "TCP"}]},
    });
    recorder.admin.ensure(&format!("{CORE}/services"), &service).await;
    recorder.table("a service as a table", &format!("{CORE}/services/web")).await;
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "volumeMode": "Filesystem", "resources": {"requests": {"storage": "10Gi"}}},
    });
    let status = json!({"phase": "Bound", "capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"]});
    with_status(recorder, &format!("{CORE}/persistentvolumeclaims"), &claim, &status).await;
    recorder.table("claims as a table", &format!("{CORE}/persistentvolumeclaims")).await;
    recorder.table("a namespace as a table", "/api/v1/namespaces/tables").await;
    let event = json!({
        "metadata": {"name": "web.1"}, "type": "Warning", "reason": "Failed", "message": "It sank.\n", "count": 3,
        "involvedObject": {"kind": "Pod", "name": "web", "namespace": "tables"}, "source": {"component": "kubelet"},
        "firstTimestamp": "2026-01-02T03:04:05Z", "lastTimestamp": "2026-01-02T03:04:05Z",
    });
    recorder.admin.ensure(&format!("{CORE}/events"), &event).await;
    recorder.table("events as a table", &format!("{CORE}/events")).await;
    recorder
        .table("service accounts as a table", &format!("{CORE}/serviceaccounts?fieldSelector=metadata.name%3Dnone"))
        .await;
    let quota = json!({"metadata": {"name": "limits"}, "spec": {"hard": {"pods": "10"}}});
    with_status(
        recorder,
        &format!("{CORE}/resourcequotas"),
        &quota,
        &json!({"hard": {"pods": "10"}, "used": {"pods": "3"}}),
    )
    .await;
    recorder.table("quotas as a table", &format!("{CORE}/resourcequotas")).await;
}
