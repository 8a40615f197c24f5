//! The steps of a write: what the client may set, what the server sets, what stays.

use pilothouse_model::Read;
use serde_json::{Value, json};

use super::{now, stamp};
use crate::BEGAN;
use crate::failure::{Failure, FieldProblem};
use crate::present;
use crate::random;
use crate::registry::Served;
use crate::shape;

/// The body must be of the kind and version that the path says; where it does not say, the path decides.
pub(super) fn check_type(served: &Served, value: &Value) -> Result<(), Failure> {
    let version = served.api_version();
    let told = value.text("/apiVersion").filter(|told| !told.is_empty());
    if let Some(told) = told
        && told != version
    {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({told}) does not match the expected API version ({version})"
        )));
    }
    let kind = &*served.resource.kind;
    if let Some(told) = value.text("/kind").filter(|told| !told.is_empty() && *told != kind) {
        let message = if served.custom {
            format!("the kind in the data ({told}) does not match the expected kind ({kind})")
        } else {
            format!("{told} in version \"{}\" cannot be handled as a {kind}", served.resource.version)
        };
        return Err(Failure::bad_request(message));
    }
    match value.get("metadata") {
        None | Some(Value::Object(_)) => Ok(()),
        Some(_) => Err(Failure::bad_request("metadata is not an object")),
    }
}

/// The object, in its stored version, must have its kind's form; of custom resources only the metadata has one here, the
/// rest is their schema's.
pub(super) fn check_form(served: &Served, value: &Value) -> Result<(), Failure> {
    let known = shape::name_of(&served.resource.group, &served.resource.kind).filter(|_| !served.custom);
    let wrong = match known {
        // Stored events are those of the core group.
        Some(_) if served.is("events.k8s.io", "events") => shape::check("core.Event", value, ""),
        Some(name) => shape::check(name, value, ""),
        None => shape::check("meta.ObjectMeta", &value["metadata"], "metadata").or_else(|| {
            let parts = ["spec", "status"].into_iter().filter(|_| !served.custom);
            let odd = |part: &&str| value.get(*part).is_some_and(|inner| !inner.is_object() && !inner.is_null());
            parts.into_iter().find(odd).map(|part| format!("json: {part} is not an object"))
        }),
    };
    match wrong {
        None => Ok(()),
        Some(why) => {
            let (kind, version) = (&served.resource.kind, &served.resource.version);
            Err(Failure::bad_request(format!("{kind} in version \"{version}\" cannot be handled as a {kind}: {why}")))
        }
    }
}

/// Drops the fields that the kind does not have; a strict client is refused instead.
pub(super) fn drop_unknown(served: &Served, value: &mut Value, strict: bool) -> Result<(), Failure> {
    let known = shape::name_of(&served.resource.group, &served.resource.kind).filter(|_| !served.custom);
    let unknown = match (&served.schema, known) {
        // What a schema does not know is dropped as its defaults are filled in.
        (Some(schema), _) if strict => shape::beyond_schema(schema, value),
        (None, Some(_)) if served.is("events.k8s.io", "events") => shape::prune("core.Event", value),
        (None, Some(name)) => shape::prune(name, value),
        _ => Vec::new(),
    };
    if unknown.is_empty() || !strict {
        return Ok(());
    }
    let said: Vec<String> = unknown.iter().map(|path| format!("unknown field \"{path}\"")).collect();
    let (kind, version) = (&served.resource.kind, &served.resource.version);
    Err(Failure::bad_request(format!(
        "{kind} in version \"{version}\" cannot be handled as a {kind}: strict decoding error: {}",
        said.join(", ")
    )))
}

/// Gives a new object its namespace and name; tells whether the name was generated.
pub(super) fn name(served: &Served, namespace: Option<&str>, value: &mut Value) -> Result<bool, Failure> {
    if value.get("metadata").is_none() {
        value["metadata"] = json!({});
    }
    let told = value.text("/metadata/namespace").unwrap_or_default().to_owned();
    match namespace {
        Some(namespace) if told.is_empty() || told == namespace => value["metadata"]["namespace"] = json!(namespace),
        Some(_) => {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
        None if served.resource.namespaced => {
            return Err(Failure::bad_request("an empty namespace may not be set during creation"));
        }
        None => {
            if let Some(metadata) = value["metadata"].as_object_mut() {
                metadata.remove("namespace");
            }
        }
    }
    if value.text("/metadata/name").is_some_and(|name| !name.is_empty()) {
        return Ok(false);
    }
    let Some(base) = value.text("/metadata/generateName").filter(|base| !base.is_empty()).map(str::to_owned) else {
        let problem = FieldProblem::required("metadata.name", "name or generateName is required");
        return Err(Failure::invalid(served, "", &[problem]));
    };
    let suffix = random::suffix().map_err(|error| Failure::internal(error.to_string()))?;
    // Names end at 63 bytes; the base is ASCII or fails validation later.
    let short: String = base.chars().take(58).collect();
    value["metadata"]["name"] = json!(format!("{short}{suffix}"));
    Ok(true)
}

/// What the server says of a new object.
pub(super) fn fresh(served: &Served, value: Value) -> Result<Value, Failure> {
    let mut value = present::to_stored(served, value);
    if value.text("/metadata/resourceVersion").is_some_and(|version| !version.is_empty()) {
        return Err(Failure::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let since = since(&value);
    let unique = random::unique_id().map_err(|error| Failure::internal(error.to_string()))?;
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for field in [
            "resourceVersion",
            "selfLink",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "managedFields",
        ] {
            metadata.remove(field);
        }
        metadata.insert("uid".to_owned(), json!(unique));
        metadata.insert("creationTimestamp".to_owned(), json!(since));
        if served.generation {
            metadata.insert("generation".to_owned(), json!(1));
        }
        drop_empty_maps(metadata);
    }
    if served.status
        && let Some(fields) = value.as_object_mut()
    {
        fields.remove("status");
    }
    Ok(value)
}

/// Since when a new object exists: the present, or what it tells of the past, so that a story can have one.
fn since(value: &Value) -> String {
    let told = value.pointer("/metadata/annotations").and_then(|notes| notes.get(BEGAN)?.as_str());
    let told = told.and_then(pilothouse_model::time::parse).filter(|told| *told < jiff::Timestamp::now());
    told.map_or_else(now, stamp)
}

fn drop_empty_maps(metadata: &mut serde_json::Map<String, Value>) {
    metadata.retain(|_, value| match value {
        Value::Null => false,
        Value::Object(map) => !map.is_empty(),
        Value::Array(list) => !list.is_empty(),
        _ => true,
    });
}

/// A change must be of the object that the path names, and of the version that the client saw.
pub(super) fn check_identity(served: &Served, name: &str, current: &Value, edited: &Value) -> Result<(), Failure> {
    if !edited.is_object() || !edited.get("metadata").is_some_and(Value::is_object) {
        return Err(Failure::bad_request("what comes of the request is not an object with metadata"));
    }
    check_type(served, edited)?;
    let told = edited.text("/metadata/name").unwrap_or_default();
    if told != name {
        return Err(Failure::bad_request(format!(
            "the name of the object ({told}) does not match the name on the URL ({name})"
        )));
    }
    let namespace = current.text("/metadata/namespace").unwrap_or_default();
    let told = edited.text("/metadata/namespace").unwrap_or(namespace);
    if told != namespace && !told.is_empty() {
        return Err(Failure::bad_request(format!(
            "the namespace of the object ({told}) does not match the namespace on the URL ({namespace})"
        )));
    }
    let uid = current.text("/metadata/uid").unwrap_or_default();
    if let Some(told) = edited.text("/metadata/uid").filter(|told| !told.is_empty() && *told != uid) {
        let why = format!("Precondition failed: UID in precondition: {told}, UID in object meta: {uid}");
        return Err(Failure::conflict(served, name, &why));
    }
    let seen = edited.text("/metadata/resourceVersion").filter(|version| !version.is_empty() && *version != "0");
    if seen.is_some_and(|version| Some(version) != current.text("/metadata/resourceVersion")) {
        return Err(Failure::stale(served, name));
    }
    Ok(())
}

/// The new version: the part that was written from the client, the rest as it was.
pub(super) fn merged(served: &Served, current: &Value, edited: Value, subresource: &str) -> Value {
    let mut value = match subresource {
        "status" => with_status(served, current, &edited),
        _ => {
            let mut value = edited;
            if served.status {
                copy(current, &mut value, "status");
            }
            value
        }
    };
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "resourceVersion",
        "generateName",
    ] {
        copy(&current["metadata"], &mut value["metadata"], field);
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        drop_empty_maps(metadata);
    }
    value
}

/// A write of the status of a custom resource changes nothing else; that of a built-in one may change labels and such.
fn with_status(served: &Served, current: &Value, edited: &Value) -> Value {
    let mut value = current.clone();
    copy(edited, &mut value, "status");
    if !served.custom {
        copy(edited, &mut value, "metadata");
        copy(&current["metadata"], &mut value["metadata"], "ownerReferences");
    }
    value
}

fn copy(from: &Value, to: &mut Value, field: &str) {
    let Some(fields) = to.as_object_mut() else { return };
    match from.get(field) {
        Some(value) => fields.insert(field.to_owned(), value.clone()),
        None => fields.remove(field),
    };
}

/// A changed specification is a new generation.
pub(super) fn bump_generation(served: &Served, current: &Value, value: &mut Value) {
    if !served.generation {
        return;
    }
    let besides = |field: &str| field != "metadata" && !(field == "status" && (served.status || !served.custom));
    let told = |value: &Value| {
        value.as_object().map(|fields| {
            fields
                .iter()
                .filter(|(field, _)| besides(field))
                .map(|(k, v)| (k.clone(), v.clone()))
                .collect::<std::collections::BTreeMap<_, _>>()
        })
    };
    if told(current) != told(value) {
        let generation = current.integer("/metadata/generation").unwrap_or(0) + 1;
        value["metadata"]["generation"] = json!(generation);
    }
}

/// Whether nothing changed but the book-keeping of who manages which field since when.
pub(super) fn same(current: &Value, value: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        for entry in value.pointer_mut("/metadata/managedFields").and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(fields) = entry.as_object_mut() {
                fields.remove("time");
            }
        }
        value
    };
    current == value || bare(current) == bare(value)
}

/// Whether the object was waiting to go and nothing holds it any longer.
pub(super) fn is_done(served: &Served, value: &Value) -> bool {
    value.text("/metadata/deletionTimestamp").is_some()
        && value.items("/metadata/finalizers").is_empty()
        && value.integer("/metadata/deletionGracePeriodSeconds").unwrap_or(0) == 0
        && (!served.is("", "namespaces") || value.items("/spec/finalizers").is_empty())
}
