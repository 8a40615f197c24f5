//! Fields that a kind does not have: named for strict clients, dropped for all.

use pilothouse_model::Read;
use serde_json::{Map, Value};

use super::{Field, Many, Type, fields};

/// Drops the fields that a type of the table does not have, and tells their paths.
pub(crate) fn prune(name: &str, value: &mut Value) -> Vec<String> {
    let mut dropped = Vec::new();
    if let Value::Object(object) = value {
        prune_object(name, object, "", &mut dropped);
    }
    dropped
}

fn prune_object(name: &str, object: &mut Map<String, Value>, path: &str, dropped: &mut Vec<String>) {
    let Some(own) = fields(name) else { return };
    let inlined = own.iter().filter(|field| field.inline).filter_map(|field| match field.kind {
        Type::Message(inner) => fields(inner),
        _ => None,
    });
    let known: Vec<&Field> = own.iter().filter(|field| !field.inline).chain(inlined.flatten()).collect();
    // What has metadata is an object of its own, here or as a template, and may say what it is.
    let typed = known.iter().any(|field| field.name == "metadata");
    object.retain(|key, value| {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        if typed && matches!(key.as_str(), "apiVersion" | "kind") {
            return true;
        }
        let Some(field) = known.iter().find(|field| field.name == key) else {
            dropped.push(path);
            return false;
        };
        if let Type::Message(inner) = field.kind {
            prune_field(field.many, inner, value, &path, dropped);
        }
        true
    });
}

fn prune_field(many: Many, name: &str, value: &mut Value, path: &str, dropped: &mut Vec<String>) {
    match (many, value) {
        (Many::One, Value::Object(object)) => prune_object(name, object, path, dropped),
        (Many::List, Value::Array(items)) => {
            for (at, item) in items.iter_mut().enumerate() {
                if let Value::Object(object) = item {
                    prune_object(name, object, &format!("{path}[{at}]"), dropped);
                }
            }
        }
        (Many::Map, Value::Object(entries)) => {
            for (key, inner) in entries {
                if let Value::Object(object) = inner {
                    prune_object(name, object, &format!("{path}.{key}"), dropped);
                }
            }
        }
        _ => {}
    }
}

/// The fields of a custom resource that its schema does not know.
pub(crate) fn beyond_schema(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (field, inner) in value.entries("").filter(|(field, _)| !matches!(*field, "apiVersion" | "kind" | "metadata")) {
        match schema.get("properties").and_then(|properties| properties.get(field)) {
            Some(schema) => walk(schema, inner, field, &mut found),
            None if schema.boolean("/x-kubernetes-preserve-unknown-fields") == Some(true) => {}
            None => found.push(field.to_owned()),
        }
    }
    found
}

fn walk(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if schema.boolean("/x-kubernetes-embedded-resource") == Some(true) {
        return;
    }
    match value {
        Value::Object(fields) => {
            let additional = schema.get("additionalProperties");
            let free = schema.boolean("/x-kubernetes-preserve-unknown-fields") == Some(true)
                || additional.is_some_and(|additional| additional != &Value::Bool(false));
            for (field, inner) in fields {
                let path = format!("{path}.{field}");
                let own = schema.get("properties").and_then(|properties| properties.get(field));
                match own.or_else(|| additional.filter(|additional| additional.is_object())) {
                    Some(schema) => walk(schema, inner, &path, found),
                    None if free => {}
                    None => found.push(path),
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    walk(schema, item, &format!("{path}[{at}]"), found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_fields_go_and_are_named() {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "x", "nickname": "y" },
            "spec": { "containers": [{ "name": "c", "imag": "x" }], "volumes": [{ "name": "v", "emptyDir": { "medium": "" } }] },
        });
        assert_eq!(prune("core.Pod", &mut pod), ["metadata.nickname", "spec.containers[0].imag"]);
        assert_eq!(pod["spec"]["containers"], json!([{ "name": "c" }]));
        assert_eq!(pod["spec"]["volumes"][0]["emptyDir"], json!({ "medium": "" }));
        let mut set =
            json!({ "spec": { "volumeClaimTemplates": [{ "kind": "PersistentVolumeClaim", "apiVersion": "v1" }] } });
        assert_eq!(prune("apps.StatefulSet", &mut set), Vec::<String>::new());
    }

    #[test]
    fn a_schema_knows_its_fields() {
        let schema = json!({ "properties": { "spec": { "properties": {
            "n": { "type": "integer" },
            "free": { "x-kubernetes-preserve-unknown-fields": true },
            "map": { "additionalProperties": { "properties": { "a": {} } } },
        } } } });
        let value = json!({ "kind": "A", "spec": { "n": 1, "m": 2, "free": { "x": 1 }, "map": { "k": { "a": 1, "b": 2 } } }, "z": 1 });
        assert_eq!(beyond_schema(&schema, &value), ["spec.m", "spec.map.k.b", "z"]);
    }
}
