//! Creating, reading and replacing one object, and the errors of each.

use serde_json::json;

use super::{config_map, namespace};
use crate::recorder::Recorder;

const MAPS: &str = "/api/v1/namespaces/objects/configmaps";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "objects").await;
    create(recorder).await;
    create_wrongly(recorder).await;
    replace(recorder).await;
    read_wrongly(recorder).await;
}

async fn create(recorder: &mut Recorder) {
    recorder.post("create a config map", MAPS, &config_map("one", &json!({"a": "1"}))).await;
    recorder.get("get a config map", &format!("{MAPS}/one")).await;
    let bare = json!({"metadata": {"name": "bare"}});
    recorder.post("create without kind and version", MAPS, &bare).await;
    let rehearsed = config_map("rehearsed", &json!({}));
    recorder.post("create as a dry run", &format!("{MAPS}?dryRun=All"), &rehearsed).await;
    recorder.get("a dry run leaves nothing", &format!("{MAPS}/rehearsed")).await;
    let generated = json!({"metadata": {"generateName": "some-"}, "data": {"a": "1"}});
    let answer = recorder.admin.send(reqwest::Method::POST, MAPS, Some(("application/json", &generated))).await;
    let name = answer.body["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let facts = json!({"code": answer.status, "length": name.len(), "begins": name.starts_with("some-")});
    recorder.note("create with a generated name", facts);
    let secret = json!({"metadata": {"name": "key"}, "stringData": {"word": "open"}});
    recorder.post("create a secret from plain text", "/api/v1/namespaces/objects/secrets", &secret).await;
    let home = json!({"metadata": {"name": "objects-other", "labels": {"team": "a"}}});
    recorder.post("create a namespace", "/api/v1/namespaces", &home).await;
}

async fn create_wrongly(recorder: &mut Recorder) {
    recorder.post("create what exists", MAPS, &config_map("one", &json!({}))).await;
    recorder
        .post("create in a missing namespace", "/api/v1/namespaces/nowhere/configmaps", &config_map("one", &json!({})))
        .await;
    recorder.post("create with an invalid name", MAPS, &config_map("Not Valid", &json!({}))).await;
    recorder.post("create without a name", MAPS, &json!({"metadata": {}})).await;
    let other = json!({"metadata": {"name": "other", "namespace": "elsewhere"}});
    recorder.post("create with another namespace in the body", MAPS, &other).await;
    let wrong = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "wrong"}});
    recorder.post("create another kind", MAPS, &wrong).await;
    recorder.post("create from a bare string", MAPS, &json!("text")).await;
    let versioned = json!({"metadata": {"name": "versioned", "resourceVersion": "12"}});
    recorder.post("create with a resource version", MAPS, &versioned).await;
    let labelled = json!({"metadata": {"name": "labelled", "labels": {"a b": "c"}}});
    recorder.post("create with an invalid label", MAPS, &labelled).await;
}

async fn replace(recorder: &mut Recorder) {
    let path = format!("{MAPS}/one");
    recorder.put("replace without a resource version", &path, &config_map("one", &json!({"a": "2"}))).await;
    let mut current = recorder.admin.get(&path).await.body;
    current["data"] = json!({"a": "3"});
    recorder.put("replace the current version", &path, &current).await;
    recorder.put("replace a former version", &path, &current).await;
    let latest = recorder.admin.get(&path).await.body;
    let again = recorder.admin.send(reqwest::Method::PUT, &path, Some(("application/json", &latest))).await;
    let same = again.body["metadata"]["resourceVersion"] == latest["metadata"]["resourceVersion"];
    recorder.note("replacing by the same keeps the version", json!({"code": again.status, "same": same}));
    recorder.put("replace under another name", &path, &config_map("two", &json!({}))).await;
    recorder.put("replace what is missing", &format!("{MAPS}/missing"), &config_map("missing", &json!({}))).await;
    let mut foreign = recorder.admin.get(&path).await.body;
    foreign["metadata"]["uid"] = json!("0b0e26a5-1f5b-4d3a-9f39-5f1f9f0f8a10");
    recorder.put("replace with another unique id", &path, &foreign).await;
}

async fn read_wrongly(recorder: &mut Recorder) {
    recorder.get("get what is missing", &format!("{MAPS}/missing")).await;
    recorder.get("get a missing namespace", "/api/v1/namespaces/nowhere").await;
    recorder.get("get an unknown resource", "/api/v1/namespaces/objects/wonders").await;
    recorder.get("get an unknown group", "/apis/wonders.example/v1/wonders").await;
    recorder.get("list in a missing namespace", "/api/v1/namespaces/nowhere/configmaps").await;
    recorder
        .ask("a method that nobody offers", reqwest::Method::PUT, MAPS, Some(("application/json", &json!({}))))
        .await;
    let api = recorder.admin.clone();
    let mut nobody = api.credential().clone();
    nobody.token = "nobody-knows-it".to_owned();
    let answer = pilothouse_harness::Api::new(nobody).get(MAPS).await;
    recorder.note("an unknown token", json!({"code": answer.status, "body": answer.body}));
}
