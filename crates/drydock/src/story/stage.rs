//! What all actors share: the API, the mirror, time, chance, and the few kinds of write they make.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use pilothouse_model::Read;

use super::api::{Api, ApiError};
use super::chronicle::Chronicle;
use super::clock::Clock;
use super::dice::Dice;
use super::kind::Kind;
use super::mirror::{Mirror, name_of};
use super::quota;

/// Where the actors stand. Clones share everything.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) api: Api,
    pub(super) mirror: Mirror,
    pub(super) clock: Clock,
    pub(super) dice: Dice,
    pub(super) chronicle: Chronicle,
}

impl Stage {
    fn path(kind: Kind, object: &Value) -> String {
        let (namespace, name) = name_of(object);
        format!("{}/{name}", kind.path(Some(&namespace)))
    }

    /// Creates an object; its kind is filled in. A pod must fit its namespace's quota.
    pub(super) async fn create(&self, kind: Kind, mut object: Value) -> Result<Arc<Value>, ApiError> {
        let place = kind.place();
        object["apiVersion"] = place.api_version.into();
        object["kind"] = place.kind.into();
        if kind == Kind::Pod {
            quota::admit(&self.mirror, &object)?;
        }
        let namespace = object.text("/metadata/namespace").unwrap_or_default().to_owned();
        let made = self.api.post(&kind.path(Some(&namespace)), &object).await?;
        Ok(self.mirror.observe(kind, made))
    }

    /// Creates an object unless one of its name is there; tells which.
    pub(super) async fn ensure(&self, kind: Kind, object: Value) -> Result<bool, ApiError> {
        match self.create(kind, object).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Merges a patch into an object (not into its status, where that is a subresource).
    pub(super) async fn patch(&self, kind: Kind, object: &Value, patch: &Value) -> Result<Arc<Value>, ApiError> {
        let changed = self.api.merge(&Self::path(kind, object), patch).await?;
        Ok(self.mirror.observe(kind, changed))
    }

    /// Makes an object's status what is given; writes nothing when it is so already.
    pub(super) async fn set_status(&self, kind: Kind, object: &Value, status: &Value) -> Result<bool, ApiError> {
        let old = object.get("status").cloned().unwrap_or_else(|| json!({}));
        let Some(change) = difference(&old, status) else { return Ok(false) };
        let path = Self::path(kind, object);
        let path = if kind.has_status() { format!("{path}/status") } else { path };
        let changed = self.api.merge(&path, &json!({ "status": change })).await?;
        self.mirror.observe(kind, changed);
        Ok(true)
    }

    /// Deletes an object; that it is gone already is fine.
    pub(super) async fn delete(&self, kind: Kind, object: &Value) -> Result<(), ApiError> {
        self.delete_within(kind, object, None).await
    }

    /// Removes a pod for good, as its kubelet does when the containers have ended.
    pub(super) async fn delete_now(&self, kind: Kind, object: &Value) -> Result<(), ApiError> {
        self.delete_within(kind, object, Some(0)).await
    }

    async fn delete_within(&self, kind: Kind, object: &Value, grace: Option<u32>) -> Result<(), ApiError> {
        let uid = object.text("/metadata/uid").unwrap_or_default();
        match self.api.delete(&Self::path(kind, object), uid, grace).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_missing() || error.is_conflict() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Deletes an object unless it is being deleted.
    pub(super) async fn delete_once(&self, kind: Kind, object: &Value) -> Result<(), ApiError> {
        if object.pointer("/metadata/deletionTimestamp").is_some() { Ok(()) } else { self.delete(kind, object).await }
    }

    /// Writes an event about an object.
    pub(super) async fn normal(&self, object: &Value, source: &str, reason: &str, message: &str) {
        self.chronicle
            .write(&self.api, object, &super::chronicle::Entry { warning: false, source, reason, message })
            .await;
    }

    /// Writes a warning about an object.
    pub(super) async fn warning(&self, object: &Value, source: &str, reason: &str, message: &str) {
        self.chronicle
            .write(&self.api, object, &super::chronicle::Entry { warning: true, source, reason, message })
            .await;
    }
}

/// The JSON merge patch that turns `old` into `new`; `None` when they are the same.
pub(super) fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else { return Some(new.clone()) };
    let mut patch = Map::new();
    for key in before.keys().filter(|key| !after.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in after.iter().filter(|(_, value)| !value.is_null()) {
        match before.get(key) {
            Some(known) => patch.extend(difference(known, value).map(|inner| (key.clone(), inner))),
            None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    // Values that are null in `new` mean absence; a patch says so only when there was something.
    for key in after.iter().filter(|(key, value)| value.is_null() && before.contains_key(*key)).map(|(key, _)| key) {
        patch.insert(key.clone(), Value::Null);
    }
    if patch.is_empty() { None } else { Some(Value::Object(patch)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_turns_old_into_new() {
        let old = json!({"a": 1, "b": {"c": [1, 2], "d": 2}, "e": "x"});
        let new = json!({"a": 1, "b": {"c": [1, 3]}, "f": {"g": 1}, "h": null});
        let mut turned = old.clone();
        json_patch::merge(&mut turned, &difference(&old, &new).unwrap());
        assert_eq!(turned, json!({"a": 1, "b": {"c": [1, 3]}, "f": {"g": 1}}));
        assert_eq!(difference(&new, &new), None);
        assert_eq!(difference(&json!({"a": 1}), &json!({"a": 1, "b": null})), None);
    }
}
