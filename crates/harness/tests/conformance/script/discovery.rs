//! Discovery: the groups and resources that every client asks for first.

use serde_json::{Value, json};

use crate::recorder::{Recorder, list};

/// Resources whose description must be the same, by the path of their group and version.
const EXPECTED: [(&str, &[&str]); 8] = [
    (
        "/api/v1",
        &[
            "configmaps",
            "endpoints",
            "events",
            "limitranges",
            "namespaces",
            "namespaces/status",
            "nodes",
            "nodes/status",
            "persistentvolumeclaims",
            "persistentvolumes",
            "pods",
            "pods/log",
            "pods/status",
            "resourcequotas",
            "secrets",
            "serviceaccounts",
            "services",
        ],
    ),
    ("/apis/apps/v1", &["daemonsets", "deployments", "deployments/status", "replicasets", "statefulsets"]),
    ("/apis/batch/v1", &["jobs", "jobs/status"]),
    ("/apis/rbac.authorization.k8s.io/v1", &["clusterrolebindings", "clusterroles", "rolebindings", "roles"]),
    ("/apis/apiextensions.k8s.io/v1", &["customresourcedefinitions", "customresourcedefinitions/status"]),
    ("/apis/authorization.k8s.io/v1", &["selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"]),
    ("/apis/networking.k8s.io/v1", &["ingresses", "networkpolicies"]),
    ("/apis/storage.k8s.io/v1", &["storageclasses"]),
];

pub(super) async fn run(recorder: &mut Recorder) {
    for (path, names) in EXPECTED {
        let answer = recorder.admin.get(path).await;
        let head = json!([answer.status, answer.body["kind"], answer.body["apiVersion"], answer.body["groupVersion"]]);
        recorder.note(&format!("the list {path}"), head);
        for name in names {
            let found = list(&answer.body["resources"]).iter().find(|resource| resource["name"] == *name);
            recorder.note(&format!("{path}: {name}"), found.map_or(Value::Null, described));
        }
    }
    let answer = recorder.admin.get("/api").await;
    recorder.note("the core versions", json!([answer.status, answer.body["kind"], answer.body["versions"]]));
    let answer = recorder.admin.get("/apis").await;
    recorder.note("the list of groups", json!([answer.status, answer.body["kind"], answer.body["apiVersion"]]));
    let group = list(&answer.body["groups"]).iter().find(|group| group["name"] == "apps").cloned();
    recorder.note("one group", group.unwrap_or(Value::Null));
    let answer = recorder.admin.get("/version").await;
    let fields = ["major", "minor", "gitVersion", "platform"].map(|field| answer.body[field].is_string());
    recorder.note("the version", json!([answer.status, fields]));
    recorder.get("an unknown version of a group", "/apis/apps/v9").await;
    for path in ["/healthz", "/readyz", "/livez"] {
        recorder.get(&format!("the health at {path}"), path).await;
    }
}

/// One resource's description; the order of the lists is the server's own.
fn described(resource: &Value) -> Value {
    let mut resource = resource.clone();
    for field in ["verbs", "shortNames", "categories"] {
        if let Some(items) = resource[field].as_array_mut() {
            items.sort_by_key(Value::to_string);
        }
    }
    resource
}
