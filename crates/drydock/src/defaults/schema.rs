//! Custom resources: defaults out of their schema, and the pruning of what the schema does not know.

use pilothouse_model::Read;
use serde_json::{Map, Value};

/// Fills in defaults and drops unknown fields.
pub(super) fn fill(schema: &Value, value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        let keep: Vec<(String, Value)> =
            ["apiVersion", "kind", "metadata"].into_iter().filter_map(|field| fields.remove_entry(field)).collect();
        shape(schema, value);
        if let Some(fields) = value.as_object_mut() {
            fields.extend(keep);
        }
    }
}

fn shape(schema: &Value, value: &mut Value) {
    if schema.boolean("/x-kubernetes-embedded-resource") == Some(true) {
        return;
    }
    match value {
        Value::Object(fields) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let additional = schema.get("additionalProperties");
            let preserve = schema.boolean("/x-kubernetes-preserve-unknown-fields") == Some(true);
            if let Some(properties) = properties {
                add_defaults(properties, fields);
            }
            if !preserve && additional.is_none_or(|additional| additional == &Value::Bool(false)) {
                // A schema that names no properties at all prunes everything, as Kubernetes does.
                fields.retain(|field, _| properties.is_some_and(|properties| properties.contains_key(field)));
            }
            for (field, inner) in fields.iter_mut() {
                match properties.and_then(|properties| properties.get(field)) {
                    Some(schema) => shape(schema, inner),
                    None => {
                        if let Some(schema) = additional.filter(|additional| additional.is_object()) {
                            shape(schema, inner);
                        }
                    }
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                items.iter_mut().for_each(|item| shape(schema, item));
            }
        }
        _ => {}
    }
}

fn add_defaults(properties: &Map<String, Value>, fields: &mut Map<String, Value>) {
    for (field, schema) in properties {
        let nullable = schema.boolean("/nullable") == Some(true);
        match (schema.get("default"), fields.get(field)) {
            (Some(default), None) => {
                fields.insert(field.clone(), default.clone());
            }
            (Some(default), Some(Value::Null)) if !nullable => {
                fields.insert(field.clone(), default.clone());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_come_and_unknown_fields_go() {
        let schema = json!({ "type": "object", "properties": {
            "spec": { "type": "object", "properties": {
                "replicas": { "type": "integer", "default": 1 },
                "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
                "map": { "type": "object", "additionalProperties": { "type": "object", "properties": { "a": { "default": "x" } } } },
                "list": { "type": "array", "items": { "type": "object", "properties": { "n": { "type": "string" } } } },
            } },
        } });
        let mut value = json!({
            "apiVersion": "a/v1", "kind": "A", "metadata": { "name": "x" }, "other": 1,
            "spec": { "unknown": true, "free": { "any": 1 }, "map": { "k": { "b": 2 } }, "list": [{ "n": "1", "m": 2 }] },
        });
        fill(&schema, &mut value);
        assert_eq!(
            value,
            json!({
                "apiVersion": "a/v1", "kind": "A", "metadata": { "name": "x" },
                "spec": { "replicas": 1, "free": { "any": 1 }, "map": { "k": { "a": "x" } }, "list": [{ "n": "1" }] },
            })
        );
    }
}
