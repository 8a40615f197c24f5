//! Small readers and makers of Kubernetes JSON that several actors share.

use serde_json::{Map, Value, json};

use pilothouse_model::{Read, Timestamp};

use super::clock::stamp;
use super::kind::Kind;

/// One annotation.
pub(super) fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/annotations")?.get(key)?.as_str()
}

/// One label.
pub(super) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    object.pointer("/metadata/labels")?.get(key)?.as_str()
}

/// `metadata.name`, empty when absent.
pub(super) fn name(object: &Value) -> &str {
    object.text("/metadata/name").unwrap_or_default()
}

/// `metadata.namespace`, empty when absent.
pub(super) fn namespace(object: &Value) -> &str {
    object.text("/metadata/namespace").unwrap_or_default()
}

/// Namespace and name as one text: the purpose of draws about this object.
pub(super) fn title(object: &Value) -> String {
    format!("{}/{}", namespace(object), name(object))
}

/// Whether somebody asked for its deletion.
pub(super) fn is_ending(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some()
}

/// Whether a pod has come to its end.
pub(super) fn is_finished_pod(pod: &Value) -> bool {
    matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed"))
}

/// Whether a pod's containers run and are ready.
pub(super) fn is_ready_pod(pod: &Value) -> bool {
    !is_ending(pod) && condition_is(pod, "Ready", "True")
}

/// Whether a condition has this status.
pub(super) fn condition_is(object: &Value, kind: &str, status: &str) -> bool {
    condition(object, kind).and_then(|condition| condition.text("/status")) == Some(status)
}

/// One of `status.conditions`.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object.items("/status/conditions").iter().find(|condition| condition.text("/type") == Some(kind))
}

/// The owner reference of a controller.
pub(super) fn owner_reference(kind: Kind, owner: &Value) -> Value {
    let place = kind.place();
    json!({
        "apiVersion": place.api_version, "kind": place.kind, "name": name(owner),
        "uid": owner.text("/metadata/uid"), "controller": true, "blockOwnerDeletion": true,
    })
}

/// Metadata of an object that `owner` makes in its own namespace.
pub(super) fn owned_metadata(kind: Kind, owner: &Value, name: &str) -> Value {
    json!({
        "name": name, "namespace": namespace(owner), "labels": {}, "annotations": {},
        "ownerReferences": [owner_reference(kind, owner)],
    })
}

/// Adds entries to `metadata.labels` or `metadata.annotations`.
pub(super) fn add(object: &mut Value, part: &str, entries: impl IntoIterator<Item = (String, Value)>) {
    if !object["metadata"][part].is_object() {
        object["metadata"][part] = json!({});
    }
    if let Some(map) = object["metadata"][part].as_object_mut() {
        map.extend(entries);
    }
}

/// Adds labels.
pub(super) fn add_labels(object: &mut Value, labels: &[(&str, &str)]) {
    add(object, "labels", labels.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
}

/// A map at a pointer, as pairs to be handed on.
pub(super) fn map_at(object: &Value, pointer: &str) -> Map<String, Value> {
    object.pointer(pointer).and_then(Value::as_object).cloned().unwrap_or_default()
}

/// The latest moment at which one of these pods' containers ended.
pub(super) fn last_finish<'a>(pods: impl IntoIterator<Item = &'a Value>) -> Option<Timestamp> {
    pods.into_iter()
        .flat_map(|pod| pod.items("/status/containerStatuses"))
        .filter_map(|status| status.time("/state/terminated/finishedAt"))
        .max()
}

/// The main container's end: exit code and reason.
pub(super) fn ended(pod: &Value) -> Option<(i64, String)> {
    let state = pod.pointer("/status/containerStatuses/0/state/terminated")?;
    Some((state.integer("/exitCode")?, state.text("/reason").unwrap_or("Error").to_owned()))
}

/// What a condition should say; see [`set_condition`].
pub(super) struct Said<'a> {
    pub(super) kind: &'a str,
    pub(super) status: bool,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

/// Sets a condition in a list of conditions, in place or at the end; its time moves only when its status does.
pub(super) fn set_condition(conditions: &mut Vec<Value>, said: &Said<'_>, at: Timestamp) {
    let status = if said.status { "True" } else { "False" };
    let known = conditions.iter_mut().find(|condition| condition.text("/type") == Some(said.kind));
    let since = match &known {
        Some(condition) if condition.text("/status") == Some(status) => condition.text("/lastTransitionTime"),
        _ => None,
    };
    let since = since.map_or_else(|| stamp(at), str::to_owned);
    let condition = json!({
        "type": said.kind, "status": status, "reason": said.reason, "message": said.message, "lastTransitionTime": since,
    });
    match known {
        Some(known) => *known = condition,
        None => conditions.push(condition),
    }
}

/// Sets a condition the way the kubeflow.org controllers do: one that changes moves to the end (their lists are read from
/// the end), and carries `lastUpdateTime` as well.
pub(super) fn append_condition(conditions: &mut Vec<Value>, said: &Said<'_>, at: Timestamp) {
    let status = if said.status { "True" } else { "False" };
    let is_same = |condition: &Value| {
        condition.text("/type") == Some(said.kind)
            && condition.text("/status") == Some(status)
            && condition.text("/reason") == Some(said.reason)
    };
    if conditions.iter().any(is_same) {
        return;
    }
    let kept = conditions.iter().position(|condition| condition.text("/type") == Some(said.kind));
    let mut moved: Vec<Value> = kept.map(|index| conditions.remove(index)).into_iter().collect();
    set_condition(&mut moved, said, at);
    for mut condition in moved {
        condition["lastUpdateTime"] = stamp(at).into();
        conditions.push(condition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_moves_to_the_end() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let mut all = Vec::new();
        for (kind, status) in
            [("Created", true), ("Running", true), ("Created", true), ("Failed", true), ("Running", false)]
        {
            append_condition(&mut all, &Said { kind, status, reason: "X", message: "" }, at);
        }
        let order: Vec<&str> = all.iter().filter_map(|one| one.text("/type")).collect();
        assert_eq!(order, ["Created", "Failed", "Running"]);
    }

    #[test]
    fn a_condition_keeps_its_time_while_its_status_stays() {
        let (one, two): (Timestamp, Timestamp) =
            ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-01-01T00:00:09Z".parse().unwrap());
        let mut all = Vec::new();
        let said = |status, reason| Said { kind: "Ready", status, reason, message: "" };
        set_condition(&mut all, &said(true, "A"), one);
        set_condition(&mut all, &said(true, "B"), two);
        assert_eq!(all[0]["lastTransitionTime"], "2026-01-01T00:00:00Z");
        assert_eq!(all[0]["reason"], "B");
        set_condition(&mut all, &said(false, "B"), two);
        assert_eq!(all[0]["lastTransitionTime"], "2026-01-01T00:00:09Z");
        assert_eq!(all.len(), 1);
    }
}
