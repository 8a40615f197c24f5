//! Server-side apply: creation, ownership of fields, conflicts.

use reqwest::Method;
use serde_json::{Value, json};

use super::namespace;
use crate::recorder::{APPLY, Recorder};

const MAPS: &str = "/api/v1/namespaces/apply/configmaps";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "apply").await;
    let path = format!("{MAPS}/one");
    let body = map(&json!({"a": "1", "b": "2"}));
    apply(recorder, "apply creates", &format!("{path}?fieldManager=first"), &body).await;
    apply(recorder, "apply again", &format!("{path}?fieldManager=first"), &body).await;
    let less = map(&json!({"a": "1"}));
    apply(recorder, "apply without a field removes it", &format!("{path}?fieldManager=first"), &less).await;
    let other = map(&json!({"a": "9"}));
    apply(recorder, "apply of a field of another manager", &format!("{path}?fieldManager=second"), &other).await;
    apply(recorder, "apply with force", &format!("{path}?fieldManager=second&force=true"), &other).await;
    let more = map(&json!({"c": "3"}));
    apply(recorder, "apply of an own field", &format!("{path}?fieldManager=third"), &more).await;
    let managers = recorder.admin.get(&path).await;
    recorder.note("the sum of all managers", managers.body["data"].clone());
    apply(recorder, "apply without a manager", &path, &body).await;
}

fn map(data: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "one", "labels": {"applied": "yes"}}, "data": data})
}

async fn apply(recorder: &mut Recorder, step: &str, path: &str, body: &Value) {
    let answer = recorder.admin.send(Method::PATCH, path, Some((APPLY, body))).await;
    let data = answer.body.get("data").cloned().unwrap_or(Value::Null);
    let facts = json!({"code": answer.status, "reason": answer.body["reason"], "data": data});
    recorder.note(step, facts);
}
