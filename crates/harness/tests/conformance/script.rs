//! The script: the same requests for every server, by subject.

mod apply;
mod definitions;
mod deletes;
mod discovery;
mod lists;
mod objects;
mod patches;
mod rights;
mod tables;
mod watches;

use serde_json::{Value, json};

use crate::recorder::Recorder;

/// Sends every request of the script.
pub(crate) async fn run(recorder: &mut Recorder) {
    objects::run(recorder).await;
    lists::run(recorder).await;
    watches::run(recorder).await;
    patches::run(recorder).await;
    apply::run(recorder).await;
    definitions::run(recorder).await;
    deletes::run(recorder).await;
    tables::run(recorder).await;
    rights::run(recorder).await;
    discovery::run(recorder).await;
}

/// Makes a namespace for one subject, and waits for the certificate that every namespace gets.
async fn namespace(recorder: &Recorder, name: &str) {
    recorder.admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
    let path = format!("/api/v1/namespaces/{name}/configmaps/kube-root-ca.crt");
    recorder.admin.wait(&path, |answer| answer.status == 200).await;
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn pod(name: &str, labels: &Value) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "registry.example/main:1"}]},
    })
}
