//! The OpenAPI document, made from the app's table of operations.

use pilothouse_app::{Method, OPERATIONS, Operation};
use pilothouse_model::Level;
use serde_json::{Map, Value, json};

use super::ROOT;

/// The whole document.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in OPERATIONS {
        paths.entry(operation.path).or_insert(json!({}))[operation.method.as_str()] = describe(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pilothouse",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the console shows, as JSON. Unknown is not empty and not zero: `complete` and `notes` say how much an answer knows.",
        },
        "servers": [{ "url": ROOT }],
        "security": [{ "launchSecret": [] }],
        "paths": paths,
        "components": { "schemas": schemas(), "securitySchemes": security() },
    })
}

fn security() -> Value {
    json!({
        "launchSecret": {
            "type": "http",
            "scheme": "bearer",
            "description": "The secret at the end of the address that the console prints when it starts.",
        }
    })
}

fn describe(operation: &Operation) -> Value {
    let schema = json!({ "$ref": format!("#/components/schemas/{}", operation.answer) });
    let mut content = match operation.answer {
        "Log" => json!({ "text/plain": { "schema": schema } }),
        _ => json!({ "application/json": { "schema": schema } }),
    };
    if operation.streams {
        content["text/event-stream"] = json!({ "schema": {
            "type": "string",
            "description": if operation.answer == "Log" {
                "Events named `lines`, each a JSON array of lines; at the end `end`, or `trouble` with a `message`."
            } else {
                "A window: events named `rows`, each a RowsChange as JSON. The first brings the whole page."
            },
        }});
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters(operation),
        "responses": {
            "200": { "description": "The answer.", "content": content },
            "default": {
                "description": "Why there is no answer.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } },
            },
        },
    });
    if operation.method == Method::Put {
        let object = json!({ "schema": reference("Object") });
        described["requestBody"] =
            json!({ "required": true, "content": { "application/json": object, "application/yaml": object } });
    }
    described
}

fn parameters(operation: &Operation) -> Vec<Value> {
    let in_path = path_parameters(operation.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let in_query = operation.parameters.iter().map(|parameter| {
        json!({
            "name": parameter.name, "in": "query", "description": parameter.summary,
            "schema": { "type": parameter.kind },
        })
    });
    in_path.chain(in_query).collect()
}

/// The names in braces.
fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

#[expect(clippy::needless_pass_by_value, reason = "schemas read as what they are, without a & before every literal")]
fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Schemas of all answers.
fn schemas() -> Value {
    let (text, whole, truth) = (json!({"type": "string"}), json!({"type": "integer"}), json!({"type": "boolean"}));
    let texts = list(&text);
    let maybe_text = json!({"type": ["string", "null"]});
    let moment = json!({"type": ["string", "null"], "format": "date-time"});
    let levels: Vec<_> = Level::ALL.iter().map(|level| json!(level.as_str())).chain([Value::Null]).collect();
    let raw = json!({"type": "object", "description": "As Kubernetes describes it, without managed fields and Secret values."});
    let about = json!({
        "total": whole, "unfiltered": whole, "asOf": moment, "complete": truth, "notes": texts,
    });
    let with = |more: Value| {
        let mut all = about.clone();
        if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
            all.extend(more);
        }
        all
    };
    let placed = object(
        &["index", "id", "row"],
        json!({
            "index": whole, "id": text, "row": reference("Row"), "cells": texts,
        }),
    );
    let moved = object(&["index", "id"], json!({"index": whole, "id": text}));
    json!({
        "Clusters": object(&["clusters"], json!({"clusters": list(&object(&["name", "current", "state"], json!({
            "name": text, "server": maybe_text, "current": truth, "version": maybe_text, "error": maybe_text,
            "state": {"type": "string", "enum": ["idle", "connecting", "connected", "failed"]},
        })))})),
        "Resources": object(&["total", "resources", "notes"], json!({"total": whole, "notes": texts, "resources": list(&object(
            &["group", "version", "plural", "kind", "namespaced", "preferred", "verbs", "shortNames"],
            json!({
                "group": text, "version": text, "plural": text, "kind": text, "namespaced": truth, "preferred": truth,
                "verbs": texts, "shortNames": texts,
            }),
        ))})),
        "Rows": object(&["total", "unfiltered", "asOf", "complete", "notes", "rows"], with(json!({"rows": list(&reference("Row"))}))),
        "RowsChange": object(
            &["total", "unfiltered", "asOf", "complete", "notes", "entered", "left", "moved", "changed"],
            with(json!({"entered": list(&placed), "left": texts, "moved": list(&moved), "changed": list(&placed)})),
        ),
        "AllRows": object(&["total", "unfiltered", "asOf", "complete", "clusters", "rows"], json!({
            "total": whole, "unfiltered": whole, "asOf": moment, "complete": truth,
            "clusters": list(&reference("Part")), "rows": list(&reference("Row")),
        })),
        "Found": object(&["total", "complete", "searched", "of", "kinds", "namespaces", "clusters", "gaps", "rows"], json!({
            "total": whole, "complete": truth, "searched": whole, "of": whole,
            "kinds": list(&reference("Facet")), "namespaces": list(&reference("Facet")), "clusters": list(&reference("Facet")),
            "gaps": list(&object(&["cluster", "kinds", "why"], json!({"cluster": text, "kinds": texts, "why": text}))),
            "rows": list(&json!({"allOf": [reference("Row"), object(&["matched"], json!({
                "matched": object(&["in", "text"], json!({"in": text, "text": text})),
            }))]})),
        })),
        "Facet": object(&["value", "count"], json!({"value": text, "count": whole})),
        "Part": object(&["name", "state", "complete", "asOf", "total", "error", "notes"], json!({
            "name": text, "state": {"type": "string", "enum": ["connecting", "connected", "failed"]},
            "complete": truth, "asOf": moment, "total": {"type": ["integer", "null"]}, "error": maybe_text, "notes": texts,
        })),
        "Row": object(
            &["cluster", "apiVersion", "kind", "namespace", "name", "uid", "state", "level", "reason", "message", "created", "labels", "cells", "unknown"],
            json!({
                "cluster": text, "apiVersion": text, "kind": text, "namespace": maybe_text, "name": text, "uid": text,
                "state": maybe_text, "level": {"type": ["string", "null"], "enum": levels},
                "reason": text, "message": text, "created": moment,
                "labels": {"type": "object", "additionalProperties": text},
                "cells": {"type": "object", "description": "Typed values by column; null for what is missing or unknown."},
                "unknown": {
                    "type": "array", "items": text, "description": "The columns whose value cannot be told, rather than is missing.",
                },
            }),
        ),
        "Counts": object(
            &["cluster", "total", "unfiltered", "asOf", "complete", "notes", "counts"],
            with(json!({"cluster": text, "counts": list(&object(&["field", "distinct", "values"], json!({
                "field": text,
                "distinct": {"type": "integer", "description": "How many different values there are, listed or not."},
                "values": list(&object(&["value", "unknown", "count"], json!({
                    "value": {"description": "As in a row's cells; null where there is none."},
                    "unknown": {"type": "boolean", "description": "Whether the value cannot be told."},
                    "count": whole,
                }))),
            })))})),
        ),
        "Object": raw,
        "Completions": object(&["replace", "items"], json!({
            "replace": object(&["start", "end"], json!({"start": whole, "end": whole})),
            "items": list(&object(&["text", "kind", "detail", "count"], json!({
                "text": text, "kind": {"type": "string", "enum": ["field", "value", "operator", "function"]},
                "detail": text, "count": {"type": ["integer", "null"], "description": "How many rows have it, where that was counted."},
            }))),
        })),
        "Actions": object(&["total", "actions"], json!({"total": whole, "actions": list(&object(&["id", "title", "danger"], json!({
            "id": text, "title": text, "danger": {"type": "string", "enum": ["reversible", "disruptive", "destructive"]},
        })))})),
        "Done": object(&["request", "dryRun", "answer"], json!({
            "request": {"type": "string", "description": "Names the deed; its line in the audit log has it, too."},
            "dryRun": truth, "answer": raw,
        })),
        "Secret": {"type": "object", "description": "A Secret as Kubernetes describes it, with its values."},
        "Log": {"type": "string", "description": "The log as its container wrote it."},
        "Explanation": object(&["cluster", "object", "state", "level", "reason", "message", "complete", "notes", "causes"], json!({
            "cluster": text, "object": raw, "state": maybe_text, "level": maybe_text, "reason": text, "message": text,
            "complete": truth, "notes": texts,
            "causes": list(&object(&["id", "certainty", "title", "detail", "advice", "evidence"], json!({
                "id": text, "certainty": {"type": "string", "enum": ["certain", "likely", "possible"]},
                "title": text, "detail": text, "advice": texts,
                "evidence": list(&object(&["object", "field", "value"], json!({
                    "object": raw, "field": text, "value": text, "since": moment,
                }))),
            }))),
        })),
        "Events": object(&["total", "complete", "notes", "events"], json!({
            "total": whole, "complete": truth, "notes": texts, "events": list(&raw),
        })),
        "Failure": object(&["error"], json!({"error": object(&["kind", "message", "hint", "span"], json!({
            "kind": text, "message": text, "hint": maybe_text,
            "span": {"type": ["object", "null"], "properties": {"text": text, "start": whole, "end": whole}},
        }))})),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` in the document.
    fn references(value: &Value, into: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(target)) = map.get("$ref") {
                    into.push(target.clone());
                }
                map.values().for_each(|value| references(value, into));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, into)),
            _ => {}
        }
    }

    #[test]
    fn every_operation_is_described_with_its_parameters_and_answer() {
        let document = document();
        for operation in OPERATIONS {
            let described = &document["paths"][operation.path][operation.method.as_str()];
            assert_eq!(described["operationId"], operation.id);
            let named = described["parameters"].as_array().unwrap().len();
            assert_eq!(named, operation.parameters.len() + operation.path.matches('{').count(), "{}", operation.id);
            assert_eq!(described["responses"]["200"]["content"].get("text/event-stream").is_some(), operation.streams);
        }
        let described = document["paths"].as_object().unwrap().values().map(|path| path.as_object().unwrap().len());
        assert_eq!(described.sum::<usize>(), OPERATIONS.len());
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut all = Vec::new();
        references(&document, &mut all);
        assert!(all.len() > OPERATIONS.len());
        for target in all {
            assert!(document.pointer(target.trim_start_matches('#')).is_some(), "{target}");
        }
    }
}
