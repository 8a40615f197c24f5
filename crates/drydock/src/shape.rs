//! What the built-in kinds look like: their fields and types, read from a table beside this file. It serves the reading of
//! protobuf bodies and the OpenAPI documents.

mod check;
mod unknown;
mod wire;

use std::collections::HashMap;
use std::sync::OnceLock;

use serde_json::{Map, Value, json};

pub(crate) use check::check;
pub(crate) use unknown::{beyond_schema, prune};
pub(crate) use wire::decode;

use crate::fields::lists;

const TABLE: &str = include_str!("shape/fields.txt");

/// The type of a field or of the items of a list or map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Text.
    Text,
    /// Whole number.
    Integer,
    /// Number.
    Number,
    /// Truth value.
    Truth,
    /// Bytes, base64 in JSON.
    Bytes,
    /// Quantity.
    Quantity,
    /// A moment; `true` with microseconds.
    Time(bool),
    /// Number or text.
    IntegerOrText,
    /// JSON as it is.
    Raw,
    /// Another type of the table.
    Message(&'static str),
}

/// How often a field holds its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    /// Once.
    One,
    /// A list.
    List,
    /// A map from text.
    Map,
}

/// One field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    /// Name in JSON.
    pub(crate) name: &'static str,
    /// Number on the wire.
    pub(crate) number: u64,
    /// How often.
    pub(crate) many: Many,
    /// Of what.
    pub(crate) kind: Type,
    /// Whether its own fields stand in its place in JSON.
    pub(crate) inline: bool,
}

type Table = HashMap<&'static str, Vec<Field>>;

fn table() -> &'static Table {
    static READ: OnceLock<Table> = OnceLock::new();
    READ.get_or_init(|| {
        TABLE
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let (name, fields) = line.split_once(' ')?;
                Some((name, fields.split(' ').filter_map(field).collect()))
            })
            .collect()
    })
}

fn field(text: &'static str) -> Option<Field> {
    let mut parts = text.splitn(3, ':');
    let (name, number, kind) = (parts.next()?, parts.next()?, parts.next()?);
    let (many, kind) = if let Some(inner) = kind.strip_prefix('[') {
        (Many::List, inner.trim_end_matches(']'))
    } else if let Some(inner) = kind.strip_prefix('{') {
        (Many::Map, inner.trim_end_matches('}'))
    } else {
        (Many::One, kind)
    };
    let kind = match kind {
        "s" => Type::Text,
        "i" => Type::Integer,
        "d" => Type::Number,
        "b" => Type::Truth,
        "x" => Type::Bytes,
        "q" => Type::Quantity,
        "t" => Type::Time(false),
        "m" => Type::Time(true),
        "o" => Type::IntegerOrText,
        "r" => Type::Raw,
        message => Type::Message(message),
    };
    let inline = name.starts_with('@');
    Some(Field { name: name.trim_start_matches('@'), number: number.parse().ok()?, many, kind, inline })
}

/// The fields of a type of the table.
pub(crate) fn fields(name: &str) -> Option<&'static [Field]> {
    table().get(name).map(Vec::as_slice)
}

/// The name in the table of a kind of a group: `core.Pod`.
pub(crate) fn name_of(group: &str, kind: &str) -> Option<&'static str> {
    let short = match group {
        "" => "core",
        "rbac.authorization.k8s.io" => "rbac",
        other => other.split('.').next().unwrap_or(other),
    };
    let found = table().get_key_value(format!("{short}.{kind}").as_str());
    found.or_else(|| table().get_key_value(format!("meta.{kind}").as_str())).map(|(name, _)| *name)
}

/// All types, each as an OpenAPI schema under the name that `rename` gives it; `reference` is what references begin with.
pub(crate) fn schemas(rename: impl Fn(&str) -> String, reference: &str) -> Map<String, Value> {
    table().keys().map(|name| (rename(name), schema(name, &rename, reference))).collect()
}

/// One type as an OpenAPI schema.
pub(crate) fn schema(name: &str, rename: &impl Fn(&str) -> String, reference: &str) -> Value {
    let mut properties = Map::new();
    for field in fields(name).into_iter().flatten() {
        if let (true, Type::Message(inner)) = (field.inline, field.kind) {
            for field in fields(inner).into_iter().flatten() {
                properties.insert(field.name.to_owned(), described(inner, field, rename, reference));
            }
        } else {
            properties.insert(field.name.to_owned(), described(name, field, rename, reference));
        }
    }
    json!({ "type": "object", "properties": properties })
}

/// A field's schema, and how its list merges.
fn described(owner: &str, field: &Field, rename: &impl Fn(&str) -> String, reference: &str) -> Value {
    let mut property = property(field, rename, reference);
    if let (Many::List, Some(key)) = (field.many, lists::strategy(owner, field.name)) {
        property["x-kubernetes-patch-strategy"] = json!("merge");
        if !key.is_empty() {
            property["x-kubernetes-patch-merge-key"] = json!(key);
        }
    }
    property
}

fn property(field: &Field, rename: &impl Fn(&str) -> String, reference: &str) -> Value {
    let one = match field.kind {
        Type::Text | Type::Quantity => json!({ "type": "string" }),
        Type::Integer => json!({ "type": "integer", "format": "int32" }),
        Type::Number => json!({ "type": "number", "format": "double" }),
        Type::Truth => json!({ "type": "boolean" }),
        Type::Bytes => json!({ "type": "string", "format": "byte" }),
        Type::Time(_) => json!({ "type": "string", "format": "date-time" }),
        Type::IntegerOrText => json!({ "type": "string", "format": "int-or-string" }),
        Type::Raw => json!({ "type": "object" }),
        // In the authorization kinds, a map from text to lists of text hides behind a type with one list.
        Type::Message(name) if name.ends_with("ExtraValue") => {
            json!({ "type": "array", "items": { "type": "string" } })
        }
        Type::Message(name) => json!({ "$ref": format!("{reference}{}", rename(name)) }),
    };
    match field.many {
        Many::One => one,
        Many::List => json!({ "type": "array", "items": one }),
        Many::Map => json!({ "type": "object", "additionalProperties": one }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    #[test]
    fn every_line_reads_and_every_type_it_names_is_there() {
        for (name, fields) in table() {
            assert!(!fields.is_empty(), "{name}");
            for field in fields {
                if let Type::Message(inner) = field.kind {
                    assert!(table().contains_key(inner), "{name}.{}: {inner}", field.name);
                }
            }
        }
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let told: usize = lines.map(|line| line.split(' ').count() - 1).sum();
        assert_eq!(table().values().map(Vec::len).sum::<usize>(), told);
    }

    #[test]
    fn the_builtin_kinds_are_in_the_table() {
        let registry = Registry::builtin();
        for (group, versions) in registry.groups() {
            for served in versions.iter().flat_map(|version| registry.of(group, version)) {
                let outside = ["apiextensions.k8s.io", "apiregistration.k8s.io"].contains(&group);
                assert_eq!(name_of(group, &served.resource.kind).is_none(), outside, "{}", served.resource.kind);
            }
        }
    }
}
