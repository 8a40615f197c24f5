//! Watches: frames, selectors, bookmarks, and a version that is too old.

use reqwest::Method;
use serde_json::{Value, json};

use super::{config_map, namespace};
use crate::recorder::{JSON, MERGE, Recorder};

const MAPS: &str = "/api/v1/namespaces/watches/configmaps";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "watches").await;
    changes(recorder).await;
    selected(recorder).await;
    from_nothing(recorder).await;
    bookmarks(recorder).await;
    too_old(recorder).await;
}

async fn version(recorder: &Recorder) -> String {
    let answer = recorder.admin.get(&format!("{MAPS}?limit=1")).await;
    answer.body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned()
}

async fn change(recorder: &Recorder, method: Method, path: &str, body: Option<(&str, &Value)>) {
    let answer = recorder.admin.send(method, path, body).await;
    assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.body);
}

async fn changes(recorder: &mut Recorder) {
    let from = version(recorder).await;
    let mut frames = recorder.watch(&format!("{MAPS}?watch=true&resourceVersion={from}")).await;
    change(recorder, Method::POST, MAPS, Some((JSON, &config_map("one", &json!({"a": "1"}))))).await;
    let path = format!("{MAPS}/one");
    change(recorder, Method::PATCH, &path, Some((MERGE, &json!({"data": {"a": "2"}})))).await;
    change(recorder, Method::DELETE, &path, None).await;
    let seen = frames.take(3).await;
    recorder.note("a watch tells every change", json!({"code": frames.code, "frames": seen}));
    let mut again = recorder.watch(&format!("{MAPS}?watch=true&resourceVersion={from}")).await;
    let replayed = again.take(3).await;
    recorder.note("a watch from a former version tells what was missed", json!(replayed == seen));
}

async fn selected(recorder: &mut Recorder) {
    let from = version(recorder).await;
    let path = format!("{MAPS}?watch=1&labelSelector=tier%3Done&resourceVersion={from}");
    let mut frames = recorder.watch(&path).await;
    let body = json!({"metadata": {"name": "moving", "labels": {"tier": "one"}}});
    change(recorder, Method::POST, MAPS, Some((JSON, &body))).await;
    let moving = format!("{MAPS}/moving");
    change(recorder, Method::PATCH, &moving, Some((MERGE, &json!({"metadata": {"labels": {"tier": "two"}}})))).await;
    change(recorder, Method::PATCH, &moving, Some((MERGE, &json!({"metadata": {"labels": {"tier": "one"}}})))).await;
    recorder.note("leaving a selection is a deletion, entering it an addition", json!(frames.take(3).await));
    let path = format!("{MAPS}?watch=1&fieldSelector=metadata.name%3Dmoving&resourceVersion={from}");
    let mut frames = recorder.watch(&path).await;
    recorder.note("a watch of one object", json!(frames.take(3).await));
}

async fn from_nothing(recorder: &mut Recorder) {
    let path = format!("{MAPS}?watch=1&labelSelector=tier");
    let mut frames = recorder.watch(&path).await;
    recorder.note("a watch without a version begins with what is there", json!(frames.take(1).await));
    let path = format!("{MAPS}?watch=1&labelSelector=tier&resourceVersion=0");
    let mut frames = recorder.watch(&path).await;
    recorder.note("so does a watch from version zero", json!(frames.take(1).await));
}

async fn bookmarks(recorder: &mut Recorder) {
    let from = version(recorder).await;
    let query = format!("watch=1&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion={from}");
    let mut frames = recorder.watch(&format!("{MAPS}?{query}")).await;
    // A bookmark tells how far the server got; without a change elsewhere there is nothing to tell.
    recorder.admin.ensure("/api/v1/namespaces/default/configmaps", &config_map("elsewhere", &json!({}))).await;
    let mut bookmark = Value::Null;
    while let Some(frame) = frames.next().await {
        bookmark = frame;
    }
    recorder.note("a watch ends with a bookmark", bookmark);
}

async fn too_old(recorder: &mut Recorder) {
    let mut frames = recorder.watch(&format!("{MAPS}?watch=1&resourceVersion=1")).await;
    let frame = frames.next().await.unwrap_or(Value::Null);
    let object = &frame["object"];
    let facts =
        json!({"code": frames.code, "type": frame["type"], "error": object["code"], "reason": object["reason"]});
    recorder.note("a version that is too old", facts);
    let answer = recorder.admin.get(&format!("{MAPS}?watch=1&resourceVersion=old")).await;
    recorder.note("a watch from a broken version", json!({"code": answer.status, "body": answer.body}));
}
