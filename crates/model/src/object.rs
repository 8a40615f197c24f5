//! A Kubernetes object: its JSON with typed, forgiving readers.
//!
//! Readers return `None` for what is absent *or of another type than expected*: a malformed field never panics and is
//! never mistaken for a value.

use serde_json::Value;

use crate::id::ObjectRef;
use crate::time;
use jiff::Timestamp;

/// A value that is not a Kubernetes object, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Kubernetes object: {why}")]
pub struct MalformedObject {
    /// What is missing or wrong, in words.
    pub why: String,
}

/// A Kubernetes object as the API server sent it, less what the console never keeps (`managedFields`, Secret values).
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    value: Value,
}

/// How many images of one object are told apart.
const MOST_IMAGES: usize = 64;

impl Object {
    /// Takes a JSON value that has at least `metadata.name`.
    pub fn new(value: Value) -> Result<Self, MalformedObject> {
        let why = match value.get("metadata") {
            _ if !value.is_object() => "the value is not a JSON object",
            None => "it has no `metadata`",
            Some(metadata) => match metadata.get("name") {
                Some(Value::String(name)) if !name.is_empty() => return Ok(Self { value }),
                Some(Value::String(_)) => "`metadata.name` is empty",
                Some(_) => "`metadata.name` is not a string",
                None => "it has no `metadata.name`",
            },
        };
        Err(MalformedObject { why: why.to_owned() })
    }

    /// The whole JSON.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The whole JSON, owned.
    pub fn into_value(self) -> Value {
        self.value
    }

    /// What stands at a JSON pointer.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        find(&self.value, pointer)
    }

    /// `apiVersion`, empty when the server left it out.
    pub fn api_version(&self) -> &str {
        self.value.text("/apiVersion").unwrap_or_default()
    }

    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version().split_once('/').map_or("", |(group, _)| group)
    }

    /// `kind`, empty when the server left it out.
    pub fn kind(&self) -> &str {
        self.value.text("/kind").unwrap_or_default()
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        self.value.text("/metadata/name").unwrap_or_default()
    }

    /// `metadata.namespace`; `None` for a cluster-scoped object.
    pub fn namespace(&self) -> Option<&str> {
        self.value.text("/metadata/namespace").filter(|namespace| !namespace.is_empty())
    }

    /// `metadata.uid`, empty when unknown.
    pub fn uid(&self) -> &str {
        self.value.text("/metadata/uid").unwrap_or_default()
    }

    /// `metadata.resourceVersion`, empty when unknown.
    pub fn resource_version(&self) -> &str {
        self.value.text("/metadata/resourceVersion").unwrap_or_default()
    }

    /// `metadata.creationTimestamp`.
    pub fn created(&self) -> Option<Timestamp> {
        self.value.time("/metadata/creationTimestamp")
    }

    /// `metadata.deletionTimestamp`: set while the object waits for its end.
    pub fn deleted(&self) -> Option<Timestamp> {
        self.value.time("/metadata/deletionTimestamp")
    }

    /// `metadata.labels`, as pairs.
    pub fn labels(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(self.pointer("/metadata/labels"))
    }

    /// One label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.pointer("/metadata/labels")?.get(key)?.as_str()
    }

    /// The container images that `spec` names anywhere, each once, in no particular order: pod templates stand at other places in
    /// every kind.
    pub fn images(&self) -> Vec<&str> {
        let mut images = Vec::new();
        let mut open: Vec<&Value> = self.value.get("spec").into_iter().collect();
        while let Some(value) = open.pop() {
            match value {
                Value::Object(fields) => {
                    if let Some(Value::String(image)) = fields.get("image")
                        && !image.is_empty()
                        && !images.contains(&image.as_str())
                        && images.len() < MOST_IMAGES
                    {
                        images.push(image);
                    }
                    open.extend(fields.values().filter(|value| value.is_object() || value.is_array()));
                }
                Value::Array(items) => open.extend(items.iter().filter(|value| value.is_object() || value.is_array())),
                _ => {}
            }
        }
        images
    }

    /// `metadata.annotations`, as pairs.
    pub fn annotations(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(self.pointer("/metadata/annotations"))
    }

    /// One annotation.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    /// `metadata.ownerReferences`.
    pub fn owners(&self) -> impl Iterator<Item = OwnerReference<'_>> {
        self.value.items("/metadata/ownerReferences").iter().filter_map(OwnerReference::read)
    }

    /// The owner that controls this object.
    pub fn controller(&self) -> Option<OwnerReference<'_>> {
        self.owners().find(|owner| owner.controller)
    }

    /// `status.conditions`.
    pub fn conditions(&self) -> impl Iterator<Item = Condition<'_>> {
        self.value.items("/status/conditions").iter().filter_map(Condition::read)
    }

    /// The condition of this type.
    pub fn condition(&self, kind: &str) -> Option<Condition<'_>> {
        self.conditions().find(|condition| condition.kind == kind)
    }

    /// A reference to this object.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.api_version().to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().map(str::to_owned),
            name: self.name().to_owned(),
            uid: Some(self.uid()).filter(|uid| !uid.is_empty()).map(str::to_owned),
        }
    }
}

/// `object.text("/spec/nodeName")` reads like the value it stands for.
impl std::ops::Deref for Object {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.value
    }
}

fn pairs(value: Option<&Value>) -> impl Iterator<Item = (&str, &str)> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| value.as_str().map(|text| (key.as_str(), text)))
}

/// Typed reading of JSON by JSON pointer (RFC 6901: a `/` inside a key is written `~1`).
pub trait Read {
    /// A string.
    fn text(&self, pointer: &str) -> Option<&str>;
    /// A whole number.
    fn integer(&self, pointer: &str) -> Option<i64>;
    /// A truth value.
    fn boolean(&self, pointer: &str) -> Option<bool>;
    /// A moment in RFC 3339.
    fn time(&self, pointer: &str) -> Option<Timestamp>;
    /// A list; empty when absent. Where absent and empty differ, use [`Value::pointer`].
    fn items(&self, pointer: &str) -> &[Value];
    /// A map's entries; none when absent.
    fn entries(&self, pointer: &str) -> impl Iterator<Item = (&str, &Value)>;
}

impl Read for Value {
    fn text(&self, pointer: &str) -> Option<&str> {
        find(self, pointer)?.as_str()
    }

    fn integer(&self, pointer: &str) -> Option<i64> {
        find(self, pointer)?.as_i64()
    }

    fn boolean(&self, pointer: &str) -> Option<bool> {
        find(self, pointer)?.as_bool()
    }

    fn time(&self, pointer: &str) -> Option<Timestamp> {
        time::parse(self.text(pointer)?)
    }

    fn items(&self, pointer: &str) -> &[Value] {
        find(self, pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    fn entries(&self, pointer: &str) -> impl Iterator<Item = (&str, &Value)> {
        find(self, pointer).and_then(Value::as_object).into_iter().flatten().map(|(key, value)| (key.as_str(), value))
    }
}

/// What stands at a JSON pointer, as [`Value::pointer`] finds it. That one makes two texts of each part of the pointer, and rows
/// are made with some fifty of them.
fn find<'a>(value: &'a Value, pointer: &str) -> Option<&'a Value> {
    if pointer.is_empty() || pointer.contains('~') {
        return value.pointer(pointer);
    }
    pointer.strip_prefix('/')?.split('/').try_fold(value, |value, part| match value {
        Value::Object(map) => map.get(part),
        Value::Array(items) => {
            let plain = !part.starts_with('+') && (part == "0" || !part.starts_with('0'));
            items.get(part.parse::<usize>().ok().filter(|_| plain)?)
        }
        _ => None,
    })
}

/// One entry of `metadata.ownerReferences`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerReference<'a> {
    /// The owner's `apiVersion`.
    pub api_version: &'a str,
    /// The owner's kind.
    pub kind: &'a str,
    /// The owner's name, in the same namespace or cluster-scoped.
    pub name: &'a str,
    /// The owner's unique id.
    pub uid: &'a str,
    /// Whether it is the one controller.
    pub controller: bool,
}

impl<'a> OwnerReference<'a> {
    fn read(value: &'a Value) -> Option<Self> {
        Some(Self {
            api_version: value.text("/apiVersion")?,
            kind: value.text("/kind")?,
            name: value.text("/name")?,
            uid: value.text("/uid").unwrap_or_default(),
            controller: value.boolean("/controller").unwrap_or(false),
        })
    }

    /// The owner's API group; empty for the core group.
    pub fn group(&self) -> &'a str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

/// One entry of `status.conditions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition<'a> {
    /// `type`.
    pub kind: &'a str,
    /// `True`, `False` or `Unknown`.
    pub status: &'a str,
    /// Reason in one word, or empty.
    pub reason: &'a str,
    /// Message for people, or empty.
    pub message: &'a str,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl<'a> Condition<'a> {
    /// Reads one condition; `None` when it has no type.
    pub fn read(value: &'a Value) -> Option<Self> {
        Some(Self {
            kind: value.text("/type")?,
            status: value.text("/status").unwrap_or("Unknown"),
            reason: value.text("/reason").unwrap_or_default(),
            message: value.text("/message").unwrap_or_default(),
            since: value.time("/lastTransitionTime"),
        })
    }

    /// Whether the status is `True`.
    pub fn is_true(&self) -> bool {
        self.status == "True"
    }

    /// Whether the status is `False`.
    pub fn is_false(&self) -> bool {
        self.status == "False"
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pointers_lead_where_the_ones_of_json_lead(pointer in "/?((a|b~1|~0|0|1|00|\\+1|é|)/?){0,5}") {
            let inner = json!({"a": [1, {"a": 2, "": [0]}], "b/": {"~": [[3]]}, "0": 4, "1": [5], "": {"": 6}, "é": [7]});
            let value = json!([inner, [inner], {"a": inner, "b/": [inner], "00": inner, "": inner}]);
            for value in [&value, &inner, &inner["a"]] {
                prop_assert_eq!(find(value, &pointer), value.pointer(&pointer), "{}", pointer);
            }
        }
    }

    #[test]
    fn images_are_found_wherever_a_pod_template_stands() {
        let object = Object::new(json!({
            "metadata": {"name": "train", "annotations": {"image": "not-one"}},
            "spec": {
                "replicaSpecs": {"Worker": {"template": {"spec": {
                    "containers": [{"image": "trainer:1", "env": [{"name": "image", "value": "x"}]}, {"image": ""}],
                    "initContainers": [{"image": "fetch:2"}, {"image": "trainer:1"}, {"image": {"not": "a text"}}],
                }}}},
            },
            "status": {"containerStatuses": [{"image": "sha256:1"}]},
        }))
        .unwrap();
        let mut images = object.images();
        images.sort_unstable();
        assert_eq!(images, ["fetch:2", "trainer:1"]);
    }
}
