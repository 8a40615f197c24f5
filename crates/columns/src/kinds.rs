//! The table of well-known kinds, and the words that their rows are written with.

mod access;
mod apps;
mod batch;
mod config;
mod core;
mod machinery;
mod network;
mod nodes;
mod scaling;
mod storage;

use pilothouse_model::{Cell, Column, ColumnKind, Level, Object, Projection, Read, Resource, Status};
use serde_json::Value;

/// A kind that kubectl has columns for.
pub(crate) struct Kind {
    /// API groups that it lives in: it may have moved.
    groups: &'static [&'static str],
    plural: &'static str,
    headings: &'static [Heading],
    pub(crate) project: fn(&Object) -> Projection,
}

/// A column's heading.
pub(crate) struct Heading {
    title: &'static str,
    kind: ColumnKind,
    wide: bool,
}

impl Heading {
    const fn new(title: &'static str, kind: ColumnKind) -> Self {
        Self { title, kind, wide: false }
    }

    const fn text(title: &'static str) -> Self {
        Self::new(title, ColumnKind::Text)
    }

    const fn integer(title: &'static str) -> Self {
        Self::new(title, ColumnKind::Integer)
    }

    const fn status() -> Self {
        Self::new("Status", ColumnKind::Status)
    }

    const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }
}

const AGE: Heading = Heading::new("Age", ColumnKind::Age);
const CREATED_AT: Heading = Heading::new("Created At", ColumnKind::Time);

impl Kind {
    /// Its columns, after the name.
    pub(crate) fn columns(&self) -> Vec<Column> {
        let column = |heading: &Heading| {
            let column = Column::new(heading.title, heading.kind);
            if heading.wide { column.wide() } else { column }
        };
        self.headings.iter().map(column).collect()
    }
}

/// The table, file by file.
const TABLES: [&[Kind]; 10] = [
    core::KINDS,
    nodes::KINDS,
    apps::KINDS,
    batch::KINDS,
    config::KINDS,
    storage::KINDS,
    network::KINDS,
    access::KINDS,
    scaling::KINDS,
    machinery::KINDS,
];

/// The well-known kind that a resource is.
pub(crate) fn find(resource: &Resource) -> Option<&'static Kind> {
    let is = |kind: &&Kind| *kind.plural == *resource.plural && kind.groups.contains(&&*resource.group);
    TABLES.into_iter().flatten().find(is)
}

/// Every group and plural of the table.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.into_iter().flatten().flat_map(|kind| kind.groups.iter().map(|group| (*group, kind.plural)))
}

/// A row of a kind that has no state of its own; what is being deleted says so.
fn plain(object: &Object, cells: Vec<Cell>) -> Projection {
    let status = if object.deleted().is_some() { terminating() } else { Status::none() };
    Projection { status, cells }
}

fn terminating() -> Status {
    Status::new(Level::Progress, "Terminating")
}

/// When an object was made, for an age column.
pub(crate) fn age(object: &Object) -> Cell {
    object.created().map_or(Cell::Unknown, Cell::from)
}

/// A whole number that stands in the object; absent counts as the zero that Go's encoder leaves out.
fn count(value: &Value, pointer: &str) -> Cell {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Cell::Integer(0),
        Some(number) => number.as_i64().map_or(Cell::Unknown, Cell::Integer),
    }
}

/// A whole number that may be left out, and then means nothing.
fn optional_count(value: &Value, pointer: &str) -> Cell {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Cell::Missing,
        Some(number) => number.as_i64().map_or(Cell::Unknown, Cell::Integer),
    }
}

/// A text that stands in the object: missing when absent or empty, unknown when it is no text.
fn text(value: &Value, pointer: &str) -> Cell {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Cell::Missing,
        Some(Value::String(text)) if text.is_empty() => Cell::Missing,
        Some(Value::String(text)) => Cell::text(text),
        Some(_) => Cell::Unknown,
    }
}

/// A text that kubectl shows as it is, also when it is empty.
fn plain_text(value: &Value, pointer: &str) -> Cell {
    match text(value, pointer) {
        Cell::Missing => Cell::text(""),
        cell => cell,
    }
}

/// A truth value; absent is false, as Go's encoder leaves it out.
fn truth(value: &Value, pointer: &str) -> Cell {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Cell::Boolean(false),
        Some(truth) => truth.as_bool().map_or(Cell::Unknown, Cell::Boolean),
    }
}

/// How many entries a list or a map has.
fn length(value: &Value, pointer: &str) -> Cell {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Cell::Integer(0),
        Some(Value::Array(list)) => whole(list.len()),
        Some(Value::Object(map)) => whole(map.len()),
        Some(_) => Cell::Unknown,
    }
}

fn whole(length: usize) -> Cell {
    i64::try_from(length).map_or(Cell::Unknown, Cell::Integer)
}

/// Texts joined by commas; missing when there are none.
fn joined<'a>(texts: impl IntoIterator<Item = &'a str>) -> Cell {
    let joined = texts.into_iter().collect::<Vec<_>>().join(",");
    if joined.is_empty() { Cell::Missing } else { Cell::text(&joined) }
}

/// The container names and images of a pod template at `/spec/template/spec`-like `pointer`.
fn containers(object: &Value, pointer: &str) -> [Cell; 2] {
    let containers = object.items(&format!("{pointer}/containers"));
    let all = |field: &str| {
        let texts = containers.iter().filter_map(|container| container.text(field)).collect::<Vec<_>>();
        Cell::text(&texts.join(","))
    };
    [all("/name"), all("/image")]
}

/// A label selector (`matchLabels` and `matchExpressions`) as kubectl writes it.
fn selector(value: Option<&Value>) -> Cell {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Cell::Missing };
    let mut parts: Vec<(&str, String)> = Vec::new();
    for (key, label) in value.entries("/matchLabels") {
        parts.push((key, format!("{key}={}", label.as_str().unwrap_or("<unknown>"))));
    }
    for expression in value.items("/matchExpressions") {
        let key = expression.text("/key").unwrap_or("<unknown>");
        let mut values: Vec<_> = expression.items("/values").iter().filter_map(Value::as_str).collect();
        values.sort_unstable();
        let part = match expression.text("/operator") {
            Some("In") => format!("{key} in ({})", values.join(",")),
            Some("NotIn") => format!("{key} notin ({})", values.join(",")),
            Some("Exists") => key.to_owned(),
            Some("DoesNotExist") => format!("!{key}"),
            _ => return Cell::Unknown,
        };
        parts.push((key, part));
    }
    parts.sort();
    joined(parts.iter().map(|(_, part)| part.as_str()))
}

/// A plain map of labels as kubectl writes it: `app=web,tier=front`.
fn labels(value: &Value, pointer: &str) -> Cell {
    let mut parts: Vec<_> =
        value.entries(pointer).map(|(key, label)| format!("{key}={}", label.as_str().unwrap_or("<unknown>"))).collect();
    parts.sort();
    joined(parts.iter().map(String::as_str))
}

/// An integer or a text, such as `maxUnavailable: 1` or `50%`.
fn number_or_text(value: &Value, pointer: &str) -> Option<String> {
    match value.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
