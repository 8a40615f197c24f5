//! Patches: merge, JSON and strategic, and their errors.

use serde_json::json;

use super::{config_map, namespace};
use crate::recorder::{MERGE, PATCH, Recorder, STRATEGIC};

const MAPS: &str = "/api/v1/namespaces/patches/configmaps";
const DEPLOYMENTS: &str = "/apis/apps/v1/namespaces/patches/deployments";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "patches").await;
    recorder.admin.ensure(MAPS, &config_map("one", &json!({"a": "1", "b": "2"}))).await;
    merge(recorder).await;
    steps(recorder).await;
    strategic(recorder).await;
}

async fn merge(recorder: &mut Recorder) {
    let path = format!("{MAPS}/one");
    recorder.patch("merge", &path, (MERGE, &json!({"data": {"a": "3", "c": "4"}}))).await;
    recorder.patch("merge with null removes", &path, (MERGE, &json!({"data": {"b": null}}))).await;
    recorder.patch("merge labels", &path, (MERGE, &json!({"metadata": {"labels": {"x": "y"}}}))).await;
    recorder.patch("merge at a former version", &path, (MERGE, &json!({"metadata": {"resourceVersion": "1"}}))).await;
    recorder.patch("merge what is missing", &format!("{MAPS}/missing"), (MERGE, &json!({}))).await;
    recorder.patch("merge that renames", &path, (MERGE, &json!({"metadata": {"name": "two"}}))).await;
    recorder.patch("merge a list", &path, (MERGE, &json!([1]))).await;
    recorder.patch("a patch of an unknown type", &path, ("text/plain", &json!({}))).await;
}

async fn steps(recorder: &mut Recorder) {
    let path = format!("{MAPS}/one");
    let good = json!([
        {"op": "test", "path": "/data/a", "value": "3"},
        {"op": "replace", "path": "/data/a", "value": "5"},
        {"op": "add", "path": "/data/d", "value": "6"},
        {"op": "remove", "path": "/data/c"},
    ]);
    recorder.patch("JSON patch", &path, (PATCH, &good)).await;
    let failing = json!([{"op": "test", "path": "/data/a", "value": "other"}]);
    recorder.patch("JSON patch whose test fails", &path, (PATCH, &failing)).await;
    let missing = json!([{"op": "remove", "path": "/data/none"}]);
    recorder.patch("JSON patch that removes nothing", &path, (PATCH, &missing)).await;
    recorder.patch("JSON patch that is no list", &path, (PATCH, &json!({"a": 1}))).await;
}

async fn strategic(recorder: &mut Recorder) {
    let deployment = json!({
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [
                    {"name": "main", "image": "registry.example/main:1", "env": [{"name": "A", "value": "1"}]},
                    {"name": "side", "image": "registry.example/side:1"},
                ]},
            },
        },
    });
    recorder.admin.ensure(DEPLOYMENTS, &deployment).await;
    let path = format!("{DEPLOYMENTS}/web");
    let containers = |patch| json!({"spec": {"template": {"spec": {"containers": patch}}}});
    let image = containers(json!([{"name": "side", "image": "registry.example/side:2"}]));
    outlined(recorder, "strategic merge by container name", &path, &image).await;
    let env = containers(json!([{"name": "main", "env": [{"name": "B", "value": "2"}]}]));
    outlined(recorder, "strategic merge inside a container", &path, &env).await;
    let removed = containers(json!([{"name": "side", "$patch": "delete"}]));
    outlined(recorder, "strategic merge that deletes", &path, &removed).await;
    let annotated = json!({"spec": {"template": {"metadata": {"annotations": {"restarted": "now"}}}}});
    outlined(recorder, "strategic merge of an annotation", &path, &annotated).await;
}

/// Patches and keeps what the patch was about: a real server fills in defaults that an embedded one leaves out.
async fn outlined(recorder: &mut Recorder, step: &str, path: &str, patch: &serde_json::Value) {
    let answer = recorder.admin.send(reqwest::Method::PATCH, path, Some((STRATEGIC, patch))).await;
    let template = &answer.body["spec"]["template"];
    let outline = |container: &serde_json::Value| json!([container["name"], container["image"], container["env"]]);
    let containers: Vec<_> = crate::recorder::list(&template["spec"]["containers"]).iter().map(outline).collect();
    let metadata = &template["metadata"];
    let facts = json!({"code": answer.status, "generation": answer.body["metadata"]["generation"]});
    recorder.note(step, json!({"facts": facts, "containers": containers, "metadata": metadata}));
}
