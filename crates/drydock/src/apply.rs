//! Server-side apply: the configuration that one manager wants, merged with what others manage.

use pilothouse_model::Read;
use serde_json::{Map, Value, json};

use crate::api::Asked;
use crate::api::write::Intent;
use crate::failure::Failure;
use crate::fields::lists::{ListKind, Lists, key_of};
use crate::fields::{self, Operation, managed_part, set};
use crate::http::body;
use crate::registry::Served;

/// The configuration in the body; nulls in it say nothing.
pub(crate) fn configuration(asked: &Asked) -> Result<Value, Failure> {
    let mut config = body::yaml(&asked.bytes)?;
    if !config.is_object() {
        return Err(Failure::bad_request("the body is not an object"));
    }
    for field in ["apiVersion", "kind"] {
        if config.text(&format!("/{field}")).is_none_or(str::is_empty) {
            return Err(Failure::bad_request(format!("the body must say its {field}")));
        }
    }
    if !config.items("/metadata/managedFields").is_empty() {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    drop_nulls(&mut config);
    match config.get("metadata") {
        None => config["metadata"] = json!({}),
        Some(Value::Object(_)) => {}
        Some(_) => return Err(Failure::bad_request("metadata is not an object")),
    }
    // The path names the object.
    if config.text("/metadata/name").is_none() {
        config["metadata"]["name"] = json!(asked.name()?);
    }
    Ok(config)
}

fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, inner| !inner.is_null());
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// One application of a configuration to an object that exists.
pub(crate) struct Merge<'a> {
    /// The resource.
    pub(crate) served: &'a Served,
    /// What is wanted.
    pub(crate) config: &'a Value,
    /// By whom.
    pub(crate) manager: &'a str,
    /// Which part.
    pub(crate) subresource: &'static str,
    /// Whether others' fields are taken over.
    pub(crate) force: bool,
}

impl Merge<'_> {
    /// The new version of the object.
    pub(crate) fn onto(&self, live: &Value) -> Result<Value, Failure> {
        let lists = Lists::of(self.served);
        let intent = Intent {
            manager: self.manager.to_owned(),
            operation: Operation::Apply,
            subresource: self.subresource,
            dry_run: false,
            strict: false,
        };
        let mut wanted = managed_part(self.config);
        if self.served.status
            && let Some(fields) = wanted.as_object_mut()
        {
            // Each part is applied through its own path.
            if self.subresource == "status" {
                fields.retain(|field, _| field == "status");
            } else {
                fields.remove("status");
            }
        }
        let wanted_set = set::of(&wanted, &lists);
        let mut entries = live.items("/metadata/managedFields").to_vec();
        let before = entries.iter().find(|entry| fields::is_of(entry, &intent)).map(|entry| entry["fieldsV1"].clone());
        entries.retain(|entry| !fields::is_of(entry, &intent));

        let differs = set::changed(&managed_part(live), &wanted, &lists);
        let mut conflicts = Vec::new();
        for entry in &mut entries {
            let contested = set::intersection(&set::intersection(&wanted_set, &entry["fieldsV1"]), &differs);
            if !set::is_empty(&contested) {
                let fields = paths(&contested);
                conflicts.extend(fields.into_iter().map(|path| (rival(entry), path)));
                entry["fieldsV1"] = set::difference(&entry["fieldsV1"], &contested);
            }
        }
        if !conflicts.is_empty() && !self.force {
            return Err(self.conflict(&conflicts));
        }
        let mut value = live.clone();
        merge(&mut value, &wanted, &lists, &mut Vec::new());
        if let Some(before) = before {
            let others = entries.iter().fold(json!({}), |all, entry| set::union(&all, &entry["fieldsV1"]));
            let abandoned = set::difference(&set::difference(&before, &wanted_set), &others);
            remove(&mut value, &abandoned);
        }
        entries.push(fields::entry(self.served, &intent, &wanted_set));
        value["metadata"]["managedFields"] = Value::Array(entries);
        if let Some(version) = self.config.pointer("/metadata/resourceVersion") {
            value["metadata"]["resourceVersion"] = version.clone();
        }
        Ok(value)
    }

    fn conflict(&self, conflicts: &[(String, String)]) -> Failure {
        let said: Vec<String> =
            conflicts.iter().map(|(manager, path)| format!("conflict with {manager}: {path}")).collect();
        let many = if said.len() == 1 { "conflict" } else { "conflicts" };
        let mut failure = Failure::new(
            http::StatusCode::CONFLICT,
            "Conflict",
            format!("Apply failed with {} {many}: {}", said.len(), said.join(", ")),
        );
        failure.details = json!({
            "causes": conflicts
                .iter()
                .map(|(manager, path)| json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with {manager}"),
                    "field": path,
                }))
                .collect::<Vec<_>>(),
        });
        failure
    }
}

/// Another manager, as conflicts name it: `"kubectl" using apps/v1`.
fn rival(entry: &Value) -> String {
    let name = entry.text("/manager").unwrap_or_default();
    match (entry.text("/operation"), entry.text("/apiVersion")) {
        (Some("Update"), Some(version)) => format!("\"{name}\" using {version}"),
        _ => format!("\"{name}\""),
    }
}

/// Dotted paths of the leaves of a set: `.spec.containers[name="a"].image`.
fn paths(set: &Value) -> Vec<String> {
    fn walk(set: &Value, path: &str, all: &mut Vec<String>) {
        let fields = set.as_object().into_iter().flatten();
        let mut leaf = true;
        for (key, inner) in fields {
            leaf = false;
            let step = match key.split_once(':') {
                Some(("f", field)) => format!(".{field}"),
                Some(("k", keys)) => {
                    let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                    let pairs: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    format!("[{}]", pairs.join(","))
                }
                Some((_, value)) => format!("[={value}]"),
                None => continue,
            };
            walk(inner, &format!("{path}{step}"), all);
        }
        if leaf {
            all.push(path.to_owned());
        }
    }
    let mut all = Vec::new();
    walk(set, "", &mut all);
    all
}

/// Merges what is wanted into what is there.
fn merge<'c>(value: &mut Value, wanted: &'c Value, lists: &Lists<'_>, path: &mut Vec<&'c str>) {
    match (value, wanted) {
        (Value::Object(own), Value::Object(fields)) => {
            for (field, inner) in fields {
                path.push(field);
                merge(own.entry(field.clone()).or_insert(Value::Null), inner, lists, path);
                path.pop();
            }
        }
        (Value::Array(own), Value::Array(items)) => match lists.kind(path) {
            ListKind::Atomic => own.clone_from(items),
            ListKind::Set => {
                for item in items {
                    if !own.contains(item) {
                        own.push(item.clone());
                    }
                }
            }
            ListKind::Map(keys) => {
                for item in items {
                    let key = key_of(item, &keys);
                    match own.iter_mut().find(|own| key.is_some() && key_of(own, &keys) == key) {
                        Some(own) => merge(own, item, lists, path),
                        None => own.push(item.clone()),
                    }
                }
            }
        },
        (value, wanted) => value.clone_from(wanted),
    }
}

/// Removes a set of fields.
fn remove(value: &mut Value, gone: &Value) {
    let Some(gone) = gone.as_object() else { return };
    for (key, inner) in gone {
        match key.split_once(':') {
            Some(("f", field)) => {
                let Some(fields) = value.as_object_mut() else { continue };
                if set::is_empty(inner) {
                    fields.remove(field);
                } else if let Some(own) = fields.get_mut(field) {
                    remove(own, inner);
                    if own.as_array().is_some_and(Vec::is_empty) || own.as_object().is_some_and(Map::is_empty) {
                        fields.remove(field);
                    }
                }
            }
            Some(("k", keys)) => {
                let Some(items) = value.as_array_mut() else { continue };
                let Ok(keys) = serde_json::from_str::<Map<String, Value>>(keys) else { continue };
                let names: Vec<String> = keys.keys().cloned().collect();
                let is_it = |item: &Value| key_of(item, &names).as_ref() == Some(&keys);
                if inner.get(".").is_some() {
                    items.retain(|item| !is_it(item));
                } else if let Some(item) = items.iter_mut().find(|item| is_it(item)) {
                    remove(item, inner);
                }
            }
            Some(("v", item)) => {
                if let Some(items) = value.as_array_mut() {
                    let gone: Option<Value> = serde_json::from_str(item).ok();
                    items.retain(|own| gone.as_ref() != Some(own));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn applied(live: &Value, config: &Value, manager: &str, force: bool) -> Result<Value, Failure> {
        let registry = Registry::builtin();
        let served = registry.find("apps", "v1", "deployments").unwrap();
        Merge { served, config, manager, subresource: "", force }.onto(live)
    }

    fn object(labels: &Value, replicas: Option<i64>) -> Value {
        let mut value = json!({ "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "d", "labels": labels }, "spec": {} });
        if let Some(replicas) = replicas {
            value["spec"]["replicas"] = json!(replicas);
        }
        value
    }

    #[test]
    fn what_a_manager_no_longer_wants_goes_unless_another_has_it() {
        let empty = json!({ "metadata": { "name": "d" }, "spec": {} });
        let first = applied(&empty, &object(&json!({ "a": "1", "b": "1" }), Some(1)), "one", false).unwrap();
        let second = applied(&first, &object(&json!({ "b": "1" }), None), "two", false).unwrap();
        let third = applied(&second, &object(&json!({}), Some(1)), "one", false).unwrap();
        assert_eq!(third["metadata"]["labels"], json!({ "b": "1" }));
        assert_eq!(third["spec"]["replicas"], 1);
    }

    #[test]
    fn another_value_of_anothers_field_is_a_conflict_unless_forced() {
        let empty = json!({ "metadata": { "name": "d" }, "spec": {} });
        let first = applied(&empty, &object(&json!({}), Some(1)), "one", false).unwrap();
        let same = applied(&first, &object(&json!({}), Some(1)), "two", false);
        assert!(same.is_ok(), "the same value is shared");
        let failure = applied(&first, &object(&json!({}), Some(2)), "two", false).unwrap_err();
        assert_eq!(failure.message, "Apply failed with 1 conflict: conflict with \"one\": .spec.replicas");
        let forced = applied(&first, &object(&json!({}), Some(2)), "two", true).unwrap();
        assert_eq!(forced["spec"]["replicas"], 2);
    }
}
