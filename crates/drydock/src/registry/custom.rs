//! Custom resource definitions: checked and established on arrival, then served like anything else.

use std::sync::Arc;

use pilothouse_model::{PrinterColumn, Read, Resource, Str};
use serde_json::{Value, json};

use super::{Scale, Served};
use crate::failure::FieldProblem;

/// Where definitions lie.
pub(crate) const CRD_COLLECTION: &str = "customresourcedefinitions.apiextensions.k8s.io";

const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The resources that a definition makes, one for each served version. A definition that is not readable makes none: it
/// was refused when it came.
pub(crate) fn definitions_of(definition: &Value) -> Vec<Served> {
    let versions = definition.items("/spec/versions");
    let storage = versions.iter().find(|version| version.boolean("/storage") == Some(true)).or(versions.first());
    let Some(storage_name) = storage.and_then(|version| version.text("/name")) else { return Vec::new() };
    versions
        .iter()
        .filter(|version| version.boolean("/served") == Some(true))
        .filter_map(|version| served(definition, version, storage_name))
        .collect()
}

fn texts(value: &Value, pointer: &str) -> Vec<Str> {
    value.items(pointer).iter().filter_map(Value::as_str).map(Str::from).collect()
}

fn served(definition: &Value, version: &Value, storage: &str) -> Option<Served> {
    let group = definition.text("/spec/group")?;
    let plural = definition.text("/spec/names/plural")?;
    let kind = definition.text("/spec/names/kind")?;
    let columns: Vec<PrinterColumn> = version
        .items("/additionalPrinterColumns")
        .iter()
        .filter_map(|column| serde_json::from_value(column.clone()).ok())
        .collect();
    let resource = Resource {
        group: group.into(),
        version: version.text("/name")?.into(),
        plural: plural.into(),
        singular: definition.text("/spec/names/singular").map_or_else(|| kind.to_lowercase().into(), Str::from),
        kind: kind.into(),
        namespaced: definition.text("/spec/scope") == Some("Namespaced"),
        verbs: VERBS.iter().map(|verb| Str::from(*verb)).collect(),
        subresources: Vec::new(),
        short_names: texts(definition, "/spec/names/shortNames"),
        categories: texts(definition, "/spec/names/categories"),
        preferred: false,
        printer_columns: Some(columns),
    };
    let scale = version.pointer("/subresources/scale").and_then(|scale| {
        Some(Scale {
            wanted: scale.text("/specReplicasPath")?.to_owned(),
            present: scale.text("/statusReplicasPath")?.to_owned(),
            selector: scale.text("/labelSelectorPath").map(str::to_owned),
        })
    });
    Some(Served {
        collection: format!("{plural}.{group}").into(),
        stored_as: format!("{group}/{storage}"),
        resource,
        status: version.pointer("/subresources/status").is_some(),
        scale,
        generation: true,
        schema: version.pointer("/schema/openAPIV3Schema").cloned().map(Arc::new),
        custom: true,
        further: &[],
    })
}

/// Checks a definition and gives it the names and conditions of an established one, at once: there is nobody whom the
/// names could conflict with.
pub(crate) fn accept(definition: &mut Value, now: &str) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    for pointer in ["/spec/group", "/spec/names/plural", "/spec/names/kind", "/spec/scope"] {
        if definition.text(pointer).is_none_or(str::is_empty) {
            problems.push(FieldProblem::required(&pointer[1..].replace('/', "."), ""));
        }
    }
    if !definition.items("/spec/versions").iter().any(|version| version.boolean("/storage") == Some(true)) {
        let versions = definition.pointer("/spec/versions").cloned().unwrap_or(Value::Null);
        let why = "must have exactly one version marked as storage version";
        problems.push(FieldProblem::invalid("spec.versions", &versions, why));
    }
    if !problems.is_empty() {
        return problems;
    }
    let expected = format!(
        "{}.{}",
        definition.text("/spec/names/plural").unwrap_or_default(),
        definition.text("/spec/group").unwrap_or_default()
    );
    let name = definition.text("/metadata/name").unwrap_or_default().to_owned();
    if name != expected {
        let why = "must be spec.names.plural+\".\"+spec.group";
        problems.push(FieldProblem::invalid("metadata.name", &json!(name), why));
        return problems;
    }
    complete_names(definition);
    let established = json!([
        condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]);
    let stored: Vec<Value> = definition
        .items("/spec/versions")
        .iter()
        .filter(|version| version.boolean("/storage") == Some(true))
        .filter_map(|version| version.get("name").cloned())
        .collect();
    let already = definition
        .pointer("/status/conditions")
        .is_some_and(|conditions| conditions.as_array().is_some_and(|c| !c.is_empty()));
    let names = definition["spec"]["names"].clone();
    definition["status"]["acceptedNames"] = names;
    if !already {
        definition["status"]["conditions"] = established;
        definition["status"]["storedVersions"] = Value::Array(stored);
    }
    problems
}

fn complete_names(definition: &mut Value) {
    let kind = definition.text("/spec/names/kind").unwrap_or_default().to_owned();
    if definition.text("/spec/names/singular").is_none_or(str::is_empty) {
        definition["spec"]["names"]["singular"] = json!(kind.to_lowercase());
    }
    if definition.text("/spec/names/listKind").is_none_or(str::is_empty) {
        definition["spec"]["names"]["listKind"] = json!(format!("{kind}List"));
    }
    if definition.pointer("/spec/conversion").is_none() {
        definition["spec"]["conversion"] = json!({ "strategy": "None" });
    }
}

fn condition(kind: &str, reason: &str, message: &str, now: &str) -> Value {
    json!({ "type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message })
}
