//! Who manages which field: the sets in `metadata.managedFields`, and what each kind of write does to them.

pub(crate) mod lists;
pub(crate) mod set;

use pilothouse_model::Read;
use serde_json::{Value, json};

use crate::api::write::{Intent, now};
use crate::registry::Served;
use lists::Lists;

/// How a field came to be managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// By server-side apply.
    Apply,
    /// By anything else.
    Update,
}

impl Operation {
    fn word(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// Metadata that nobody manages.
const SYSTEM: [&str; 11] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
    "generateName",
];

/// The object less what nobody manages.
pub(crate) fn managed_part(value: &Value) -> Value {
    let mut part = value.clone();
    if let Some(fields) = part.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
        if let Some(metadata) = fields.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.retain(|field, _| !SYSTEM.contains(&field.as_str()));
            if metadata.is_empty() {
                fields.remove("metadata");
            }
        }
    }
    part
}

/// Writes into a new version who manages what, given the version before. Server-side apply brings its own entry along (see
/// [`crate::apply`]), except for a new object.
pub(crate) fn record(served: &Served, before: Option<&Value>, value: &mut Value, intent: &Intent) {
    let lists = Lists::of(served);
    let new = managed_part(value);
    let whole = set::of(&new, &lists);
    let mut entries: Vec<Value> = match (before, intent.operation) {
        (None, _) => Vec::new(),
        // Apply has already written its entry and taken fields from others.
        (Some(_), Operation::Apply) => value.items("/metadata/managedFields").to_vec(),
        (Some(before), Operation::Update) => before.items("/metadata/managedFields").to_vec(),
    };
    let reset = before.is_some()
        && intent.operation == Operation::Update
        && value.pointer("/metadata/managedFields") == Some(&json!([{}]));
    if reset {
        entries.clear();
    }
    let changed = match before {
        None => whole.clone(),
        Some(_) if intent.operation == Operation::Apply || reset => json!({}),
        Some(before) => set::changed(&managed_part(before), &new, &lists),
    };
    for entry in &mut entries {
        let own = is_of(entry, intent);
        let kept = set::intersection(&entry["fieldsV1"], &whole);
        let kept = if own { set::union(&kept, &changed) } else { set::difference(&kept, &changed) };
        if kept != entry["fieldsV1"] {
            entry["fieldsV1"] = kept;
            if own {
                entry["time"] = json!(now());
            }
        }
    }
    if !set::is_empty(&changed) && !entries.iter().any(|entry| is_of(entry, intent)) {
        entries.push(entry(served, intent, &changed));
    }
    entries.retain(|entry| !set::is_empty(&entry["fieldsV1"]));
    if entries.is_empty() {
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
    } else {
        value["metadata"]["managedFields"] = Value::Array(entries);
    }
}

/// An entry of `managedFields`.
pub(crate) fn entry(served: &Served, intent: &Intent, fields: &Value) -> Value {
    let mut entry = json!({
        "manager": intent.manager,
        "operation": intent.operation.word(),
        "apiVersion": served.api_version(),
        "time": now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    });
    if !intent.subresource.is_empty() {
        entry["subresource"] = json!(intent.subresource);
    }
    entry
}

/// Whether an entry is this writer's.
pub(crate) fn is_of(entry: &Value, intent: &Intent) -> bool {
    entry.text("/manager") == Some(&intent.manager)
        && entry.text("/operation") == Some(intent.operation.word())
        && entry.text("/subresource").unwrap_or_default() == intent.subresource
}
