//! The documents as JSON: version 2 of everything, version 3 of one group and version.

use serde_json::{Map, Value, json};

use crate::registry::{Registry, Served};

/// The parameters of writes that kubectl looks for before it uses them.
const WRITE_PARAMETERS: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];

fn title() -> Value {
    json!({ "title": "Kubernetes", "version": "v1.33.0+pilothouse" })
}

/// The name of a kind's schema: the group's parts turned around, then version and kind.
fn schema_name(served: &Served) -> String {
    let resource = &served.resource;
    let group = if resource.group.is_empty() {
        "io.k8s.api.core".to_owned()
    } else if served.custom {
        resource.group.split('.').rev().collect::<Vec<_>>().join(".")
    } else {
        let short = resource.group.split('.').next().unwrap_or_default();
        format!("io.k8s.api.{short}")
    };
    format!("{group}.{}.{}", resource.version, resource.kind)
}

fn gvk(served: &Served) -> Value {
    let resource = &served.resource;
    json!({ "group": &*resource.group, "version": &*resource.version, "kind": &*resource.kind })
}

/// The schema of a kind: a custom resource's own; of the built-in ones only what all objects share.
fn schema(served: &Served) -> Value {
    let mut schema = served.schema.as_deref().cloned().unwrap_or_else(|| {
        json!({
            "type": "object",
            "description": format!("{} of the embedded cluster.", served.resource.kind),
            "x-kubernetes-preserve-unknown-fields": true,
        })
    });
    if schema.get("properties").is_none() {
        schema["properties"] = json!({});
    }
    let common = [
        ("apiVersion", json!({ "type": "string", "description": "The version of the schema of this object." })),
        ("kind", json!({ "type": "string", "description": "The kind of this object." })),
        (
            "metadata",
            json!({ "type": "object", "description": "Name, namespace, labels and the rest that all objects have." }),
        ),
    ];
    for (field, description) in common {
        schema["properties"][field] = description;
    }
    schema["x-kubernetes-group-version-kind"] = json!([gvk(served)]);
    schema
}

fn item_path(served: &Served) -> String {
    let resource = &served.resource;
    let namespace = resource.namespaced.then_some("{namespace}");
    format!("{}/{{name}}", resource.path(namespace))
}

/// Version 3, of one group and version.
pub(super) fn third(registry: &Registry, group: &str, version: &str) -> Value {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for served in registry.of(group, version).filter(|served| served.resource.offers("patch")) {
        let name = schema_name(served);
        schemas.insert(name.clone(), schema(served));
        let parameters: Vec<Value> = WRITE_PARAMETERS
            .iter()
            .map(|parameter| {
                let kind = if *parameter == "force" { "boolean" } else { "string" };
                json!({ "name": parameter, "in": "query", "schema": { "type": kind, "uniqueItems": true } })
            })
            .collect();
        let content = json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{name}") } } });
        let operation = |action: &str, parameters: &[Value]| {
            json!({
                "operationId": format!("{action}{}{}", served.resource.version, served.resource.kind),
                "parameters": parameters,
                "responses": { "200": { "description": "OK", "content": content } },
                "x-kubernetes-action": action,
                "x-kubernetes-group-version-kind": gvk(served),
            })
        };
        let item = json!({
            "get": operation("get", &[]),
            "put": operation("put", &parameters),
            "patch": operation("patch", &parameters),
            "delete": operation("delete", &[]),
        });
        paths.insert(item_path(served), item);
    }
    json!({ "openapi": "3.0.0", "info": title(), "paths": paths, "components": { "schemas": schemas } })
}

/// Version 2, of everything.
pub(super) fn second(registry: &Registry) -> Value {
    let mut definitions = Map::new();
    let mut paths = Map::new();
    for (group, versions) in registry.groups() {
        for version in versions {
            for served in registry.of(group, version).filter(|served| served.resource.offers("patch")) {
                definitions.insert(schema_name(served), schema(served));
                let parameters: Vec<Value> = WRITE_PARAMETERS
                    .iter()
                    .map(|name| {
                        let kind = if *name == "force" { "boolean" } else { "string" };
                        json!({ "name": name, "in": "query", "type": kind, "uniqueItems": true })
                    })
                    .collect();
                let patch = json!({
                    "consumes": ["application/json-patch+json", "application/merge-patch+json"],
                    "parameters": parameters,
                    "responses": { "200": { "description": "OK" } },
                    "x-kubernetes-action": "patch",
                    "x-kubernetes-group-version-kind": gvk(served),
                });
                paths.insert(item_path(served), json!({ "patch": patch }));
            }
        }
    }
    json!({ "swagger": "2.0", "info": title(), "paths": paths, "definitions": definitions })
}
