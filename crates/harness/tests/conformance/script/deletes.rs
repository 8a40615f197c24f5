//! Deletions: finalizers, preconditions, owners, collections, namespaces.

use reqwest::Method;
use serde_json::{Value, json};

use super::{config_map, namespace, pod};
use crate::recorder::{MERGE, Recorder, list};

const MAPS: &str = "/api/v1/namespaces/deletes/configmaps";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "deletes").await;
    plain(recorder).await;
    finalizers(recorder).await;
    owners(recorder).await;
    collections(recorder).await;
    whole_namespace(recorder).await;
}

async fn plain(recorder: &mut Recorder) {
    recorder.admin.ensure(MAPS, &config_map("one", &json!({}))).await;
    let path = format!("{MAPS}/one");
    let other = json!({"preconditions": {"uid": "0b0e26a5-1f5b-4d3a-9f39-5f1f9f0f8a10"}});
    recorder.delete("delete another one of the same name", &path, Some(&other)).await;
    recorder.delete("delete as a dry run", &format!("{path}?dryRun=All"), None).await;
    recorder.delete("delete", &path, None).await;
    recorder.delete("delete again", &path, None).await;
    recorder.admin.ensure("/api/v1/namespaces/deletes/pods", &pod("one", &json!({}))).await;
    let answer = recorder.admin.send(Method::DELETE, "/api/v1/namespaces/deletes/pods/one", None).await;
    let facts = json!({"code": answer.status, "kind": answer.body["kind"], "name": answer.body["metadata"]["name"]});
    recorder.note("delete a pod that no node runs", facts);
    recorder.gone("it is gone at once", "/api/v1/namespaces/deletes/pods/one").await;
    let mut running = pod("running", &json!({}));
    running["spec"]["nodeName"] = json!("some-node");
    recorder.admin.ensure("/api/v1/namespaces/deletes/pods", &running).await;
    let path = "/api/v1/namespaces/deletes/pods/running";
    let answer = recorder.admin.send(Method::DELETE, path, None).await;
    let metadata = &answer.body["metadata"];
    let facts =
        json!([answer.status, metadata["deletionTimestamp"].is_string(), metadata["deletionGracePeriodSeconds"]]);
    recorder.note("delete a pod on a node", facts);
    let now = json!({"gracePeriodSeconds": 0});
    let answer = recorder.admin.send(Method::DELETE, path, Some(("application/json", &now))).await;
    recorder.note("delete it now", json!(answer.status));
    recorder.gone("the pod on a node is gone", path).await;
}

async fn finalizers(recorder: &mut Recorder) {
    let held = json!({"metadata": {"name": "held", "finalizers": ["harbour.example/anchor"]}});
    recorder.admin.ensure(MAPS, &held).await;
    let path = format!("{MAPS}/held");
    recorder.delete("delete what a finalizer holds", &path, None).await;
    recorder.get("it waits for the finalizer", &path).await;
    let more = json!({"metadata": {"finalizers": ["harbour.example/anchor", "harbour.example/rope"]}});
    recorder.patch("no finalizer can be added now", &path, (MERGE, &more)).await;
    recorder.patch("release it", &path, (MERGE, &json!({"metadata": {"finalizers": null}}))).await;
    recorder.gone("released, it goes", &path).await;
}

async fn owned(recorder: &Recorder, name: &str, owner: &Value) {
    let reference = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
        "controller": true, "blockOwnerDeletion": true,
    });
    recorder.admin.ensure(MAPS, &json!({"metadata": {"name": name, "ownerReferences": [reference]}})).await;
}

async fn owners(recorder: &mut Recorder) {
    for policy in ["Background", "Foreground", "Orphan"] {
        let name = format!("owner-{}", policy.to_lowercase());
        recorder.admin.ensure(MAPS, &config_map(&name, &json!({}))).await;
        let path = format!("{MAPS}/{name}");
        let owner = recorder.admin.get(&path).await.body;
        let child = format!("{name}-child");
        owned(recorder, &child, &owner).await;
        let child_path = format!("{MAPS}/{child}");
        // The garbage collector of a real server must have seen both, or it treats the child as a latecomer.
        recorder.admin.wait(&child_path, |answer| answer.status == 200).await;
        let options = json!({"propagationPolicy": policy});
        recorder.admin.send(Method::DELETE, &path, Some(("application/json", &options))).await;
        recorder.gone(&format!("{policy}: the owner goes"), &path).await;
        if policy == "Orphan" {
            let left = recorder.admin.get(&child_path).await;
            recorder.note("Orphan: the child stays, without an owner", left.body["metadata"].clone());
        } else {
            recorder.gone(&format!("{policy}: the child goes"), &child_path).await;
        }
    }
    let lost = json!({"metadata": {"name": "ghost", "uid": "0b0e26a5-1f5b-4d3a-9f39-5f1f9f0f8a10"}});
    owned(recorder, "lost", &lost).await;
    recorder.gone("a child whose owner never was goes too", &format!("{MAPS}/lost")).await;
}

async fn collections(recorder: &mut Recorder) {
    for (name, tier) in [("c-1", "drop"), ("c-2", "drop"), ("c-3", "keep")] {
        recorder.admin.ensure(MAPS, &json!({"metadata": {"name": name, "labels": {"tier": tier}}})).await;
    }
    let answer = recorder.admin.send(Method::DELETE, &format!("{MAPS}?labelSelector=tier%3Ddrop"), None).await;
    recorder.note("delete a selection", json!({"code": answer.status, "kind": answer.body["kind"]}));
    let left = recorder.admin.get(&format!("{MAPS}?labelSelector=tier")).await;
    let names: Vec<&Value> = list(&left.body["items"]).iter().map(|item| &item["metadata"]["name"]).collect();
    recorder.note("what the selection left", json!(names));
}

async fn whole_namespace(recorder: &mut Recorder) {
    namespace(recorder, "doomed").await;
    let maps = "/api/v1/namespaces/doomed/configmaps";
    recorder.admin.ensure(maps, &config_map("one", &json!({}))).await;
    let answer = recorder.admin.send(Method::DELETE, "/api/v1/namespaces/doomed", None).await;
    let facts = json!({"code": answer.status, "phase": answer.body["status"]["phase"]});
    recorder.note("delete a namespace", facts);
    recorder.gone("the namespace goes", "/api/v1/namespaces/doomed").await;
    recorder.gone("with all that was in it", &format!("{maps}/one")).await;
}
