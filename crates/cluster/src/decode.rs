//! From the server's bytes to objects: one parse per object, without what the console never keeps.

use std::fmt;

use pilothouse_model::{Object, Resource};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

mod secret;

/// Reads a list that Go may have written as `null`.
pub(crate) fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Decodes one object.
pub(crate) fn object(json: &[u8], resource: &Resource) -> Result<Object, String> {
    Stamp::of(resource).object(json)
}

/// Whether these are the objects whose values are hidden.
pub(crate) fn is_secret(resource: &Resource) -> bool {
    resource.group.is_empty() && &*resource.plural == "secrets"
}

/// Decodes one Secret with its values, for the one door through which they may come.
pub(crate) fn revealed(json: &[u8], resource: &Resource) -> Result<Object, String> {
    Stamp { secret: false, ..Stamp::of(resource) }.object(json)
}

/// What a server answered to a write: often the object, else a `Status` or what belongs to the subresource. Without what is
/// kept of no object.
pub(crate) fn answer(json: &[u8], resource: &Resource) -> Result<Value, String> {
    let mut value: Value = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let Some(map) = value.as_object_mut() else { return Err("expected an object".to_owned()) };
    if let Some(metadata) = map.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if is_secret(resource) {
        secret::hide(map);
    }
    Ok(value)
}

/// `namespace/name` of an item that is otherwise unreadable, if these can be told.
pub(crate) fn name_of(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        metadata: Name,
    }
    #[derive(Deserialize)]
    struct Name {
        namespace: Option<String>,
        name: String,
    }
    // Why this fails was told already.
    let Named { metadata } = serde_json::from_str(json).ok()?;
    Some(match metadata.namespace {
        Some(namespace) => format!("{namespace}/{}", metadata.name),
        None => metadata.name,
    })
}

/// The largest object that is taken in. API servers store a megabyte and a half, where they were told to, some more.
const LONGEST: usize = 16 << 20;
/// Text of this length may be dense enough to need a look.
const DENSE: usize = 1 << 20;
/// The most values that such an object may hold: short ones need many times the memory of their text.
const MOST_VALUES: usize = 1_000_000;

/// No object may fill our memory, whoever made it.
fn refuse_too_large(json: &[u8]) -> Result<(), String> {
    if json.len() > LONGEST {
        return Err(format!("it is larger than {} MiB", LONGEST >> 20));
    }
    let values = || json.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if json.len() > DENSE && values() > MOST_VALUES {
        return Err(format!("it holds more than {MOST_VALUES} values"));
    }
    Ok(())
}

/// What lists leave out of their items, and what to hide.
pub(crate) struct Stamp {
    api_version: String,
    kind: String,
    secret: bool,
}

impl Stamp {
    pub(crate) fn of(resource: &Resource) -> Self {
        Self { api_version: resource.api_version(), kind: resource.kind.to_string(), secret: is_secret(resource) }
    }

    pub(crate) fn object(&self, json: &[u8]) -> Result<Object, String> {
        refuse_too_large(json)?;
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let mut map = WithoutManagedFields
            .deserialize(&mut deserializer)
            .and_then(|map| deserializer.end().map(|()| map))
            .map_err(|error| error.to_string())?;
        for (key, text) in [("apiVersion", &self.api_version), ("kind", &self.kind)] {
            if map.get(key).and_then(Value::as_str).unwrap_or_default().is_empty() {
                map.insert(key.to_owned(), Value::String(text.clone()));
            }
        }
        if self.secret {
            secret::hide(&mut map);
        }
        Object::new(Value::Object(map)).map_err(|error| error.why)
    }
}

/// Reads an object and skips `metadata.managedFields`, often half of its bytes.
struct WithoutManagedFields;

impl<'de> DeserializeSeed<'de> for WithoutManagedFields {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for WithoutManagedFields {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            let value = if key == "metadata" {
                Value::Object(access.next_value_seed(Metadata)?)
            } else {
                access.next_value()?
            };
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Reads `metadata`.
struct Metadata;

impl<'de> DeserializeSeed<'de> for Metadata {
    type Value = Map<String, Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata {
    type Value = Map<String, Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`metadata` to be an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            if key == "managedFields" {
                access.next_value::<IgnoredAny>()?;
            } else {
                map.insert(key, access.next_value()?);
            }
        }
        Ok(map)
    }
}

#[cfg(test)]
mod tests;
