//! The documents as JSON: version 2 of everything, version 3 of one group and version.

use serde_json::{Map, Value, json};

use crate::registry::{Registry, Served};
use crate::shape;

/// The parameters of writes that kubectl looks for before it uses them.
const WRITE_PARAMETERS: [&str; 4] = ["dryRun", "fieldManager", "fieldValidation", "force"];

/// Where version 2 keeps its schemas.
const DEFINITIONS: &str = "#/definitions/";

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

/// The schema of a kind. Those of the built-in kinds refer to their types.
fn schema(served: &Served, reference: &str) -> Value {
    let known = shape::name_of(&served.resource.group, &served.resource.kind);
    let mut schema = match (&served.schema, known) {
        (Some(own), _) => own.as_ref().clone(),
        (None, Some(name)) => shape::schema(name, &type_name, reference),
        (None, None) => json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true }),
    };
    // A schema without properties allows everything; with some, clients of version 2 refuse the others.
    let open = schema.get("properties").is_none();
    if open && reference == DEFINITIONS {
        schema["x-kubernetes-group-version-kind"] = json!([gvk(served)]);
        return schema;
    }
    if open {
        schema["properties"] = json!({});
    }
    if schema.get("description").is_none() {
        schema["description"] = json!(format!("{} in version {}.", served.resource.kind, served.api_version()));
    }
    for (field, description) in [
        ("apiVersion", "The version of the schema of this object: group and version."),
        ("kind", "The kind of this object."),
    ] {
        schema["properties"][field] = json!({ "type": "string", "description": description });
    }
    let metadata = json!({ "$ref": format!("{reference}{}", type_name("meta.ObjectMeta")) });
    let description = "Name, namespace, labels and whatever else all objects have.";
    // Version 3 allows nothing beside a reference, version 2 nothing around it.
    schema["properties"]["metadata"] =
        if reference == DEFINITIONS { metadata } else { json!({ "description": description, "allOf": [metadata] }) };
    schema["x-kubernetes-group-version-kind"] = json!([gvk(served)]);
    schema
}

/// What a type of the table is called in documents.
fn type_name(name: &str) -> String {
    match name.split_once('.') {
        Some(("meta", kind)) => format!("io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"),
        Some((group, kind)) => format!("io.k8s.api.{group}.v1.{kind}"),
        None => name.to_owned(),
    }
}

/// The types of the table that a set of schemas needs, and those that these need.
fn add_types(schemas: &mut Map<String, Value>, reference: &str) {
    let mut types = shape::schemas(type_name, reference);
    let mut wanted: Vec<String> = schemas.values().flat_map(|schema| references(schema, reference)).collect();
    while let Some(name) = wanted.pop() {
        if let Some(schema) = types.remove(&name)
            && !schemas.contains_key(&name)
        {
            wanted.extend(references(&schema, reference));
            schemas.insert(name, schema);
        }
    }
}

fn references(value: &Value, reference: &str) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(field, inner)| match inner {
                Value::String(text) if field == "$ref" => {
                    text.strip_prefix(reference).map(str::to_owned).into_iter().collect()
                }
                inner => references(inner, reference),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(|item| references(item, reference)).collect(),
        _ => Vec::new(),
    }
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
        schemas.insert(name.clone(), schema(served, "#/components/schemas/"));
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
    add_types(&mut schemas, "#/components/schemas/");
    json!({ "openapi": "3.0.0", "info": title(), "paths": paths, "components": { "schemas": schemas } })
}

/// Version 2, of everything.
pub(super) fn second(registry: &Registry) -> Value {
    let mut definitions = Map::new();
    let mut paths = Map::new();
    for (group, versions) in registry.groups() {
        for version in versions {
            for served in registry.of(group, version).filter(|served| served.resource.offers("patch")) {
                definitions.insert(schema_name(served), schema(served, DEFINITIONS));
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
    add_types(&mut definitions, DEFINITIONS);
    json!({ "swagger": "2.0", "info": title(), "paths": paths, "definitions": definitions })
}
