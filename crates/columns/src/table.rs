//! The same rows as an API server's `Table` (`meta.k8s.io/v1`): what kubectl prints.

use pilothouse_model::{Cell, Column, ColumnKind, Object, PrinterColumn, Quantity, Resource, Timestamp, time};
use serde_json::Value;

use crate::{custom, kinds, pod};

/// One column definition of a `Table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Heading.
    pub name: String,
    /// OpenAPI type: `string`, `integer`, `number`, `boolean`, `date`.
    pub kind: String,
    /// OpenAPI format, `name` for the name; or empty.
    pub format: String,
    /// What it means, or empty.
    pub description: String,
    /// Zero shows always, more only in the wide view.
    pub priority: i32,
}

/// The column definitions, the name first. Events alone have it last.
pub fn table_columns(resource: &Resource) -> Vec<TableColumn> {
    let name = TableColumn {
        name: "Name".to_owned(),
        kind: "string".to_owned(),
        format: "name".to_owned(),
        description: "Name must be unique within a namespace.".to_owned(),
        priority: i32::from(is_events(resource)),
    };
    let printed = custom::printer_columns(resource);
    let rest: Vec<TableColumn> = if kinds::find(resource).is_none() && !printed.is_empty() {
        let column = |column: &PrinterColumn| TableColumn {
            name: column.name.clone(),
            kind: column.kind.clone(),
            format: column.format.clone(),
            description: column.description.clone(),
            priority: column.priority,
        };
        printed.iter().map(column).collect()
    } else {
        let column = |column: &Column| TableColumn {
            name: column.title.to_string(),
            kind: declared(resource, column.kind).to_owned(),
            format: String::new(),
            description: column.description.to_string(),
            priority: i32::from(column.wide),
        };
        crate::columns(resource).iter().map(column).collect()
    };
    with_name(resource, name, rest)
}

/// One row: a JSON value per column of [`table_columns`].
pub fn table_cells(resource: &Resource, object: &Object, now: Timestamp) -> Vec<Value> {
    let columns = crate::columns(resource);
    let cells = crate::project(resource, object).cells;
    let well_known = kinds::find(resource).is_some();
    let shown = |(cell, column): (&Cell, &Column)| match (as_text(resource, column, cell), cell) {
        (Some(text), _) if well_known => Value::from(text),
        // A custom resource's cell without a value is null, which kubectl prints as `<none>`.
        (_, Cell::Missing | Cell::Unknown) if !well_known && &*column.title != "Age" => Value::Null,
        (_, Cell::Integer(number)) => Value::from(*number),
        (_, Cell::Number(number)) => Value::from(*number),
        (_, Cell::Boolean(truth)) => Value::from(*truth),
        (_, cell) => Value::from(cell.show(column.kind, now)),
    };
    let mut rest: Vec<Value> = cells.iter().zip(&columns).map(shown).collect();
    if is(resource, "", "pods") {
        tell_last_restart(&mut rest, object, now);
    }
    let mark = if is_default_class(resource, object) { " (default)" } else { "" };
    with_name(resource, Value::from(format!("{}{mark}", object.name())), rest)
}

fn with_name<T>(resource: &Resource, name: T, mut rest: Vec<T>) -> Vec<T> {
    if is_events(resource) {
        rest.push(name);
    } else {
        rest.insert(0, name);
    }
    rest
}

fn is(resource: &Resource, group: &str, plural: &str) -> bool {
    &*resource.group == group && &*resource.plural == plural
}

/// Whether these are events, whose names kubectl shows last.
pub fn is_events(resource: &Resource) -> bool {
    is(resource, "", "events") || is(resource, "events.k8s.io", "events")
}

/// Resources whose API server calls every column a string, whatever it sends in it.
const ALL_STRINGS: [&str; 10] = [
    "configmaps",
    "controllerrevisions",
    "deployments",
    "events",
    "flowschemas",
    "horizontalpodautoscalers",
    "prioritylevelconfigurations",
    "secrets",
    "serviceaccounts",
    "storageclasses",
];

fn declared(resource: &Resource, kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Time => "date",
        _ if ALL_STRINGS.contains(&&*resource.plural) => "string",
        ColumnKind::Integer => "integer",
        ColumnKind::Number => "number",
        ColumnKind::Boolean => "boolean",
        _ => "string",
    }
}

/// What some cells are sent as although they hold a number or a truth value.
fn as_text(resource: &Resource, column: &Column, cell: &Cell) -> Option<String> {
    match cell {
        Cell::Integer(number) if &*column.title == "MinPods" => Some(number.to_string()),
        Cell::Boolean(truth) if is(resource, "batch", "cronjobs") => {
            Some(if *truth { "True" } else { "False" }.to_owned())
        }
        Cell::Quantity(amount) => Some(canonical(*amount)),
        _ => None,
    }
}

/// The shorter of the exact binary and decimal spellings: `1500Mi`, `10G`.
fn canonical(amount: Quantity) -> String {
    let units = amount.as_milli() / 1000;
    if amount.as_milli() % 1000 != 0 || units == 0 {
        return amount.to_string();
    }
    let exact = |base: i128, suffixes: [&str; 6]| {
        let sizes = (1..=6).rev().map(|power| base.pow(power)).zip(suffixes.into_iter().rev());
        let fit = sizes.into_iter().find(|(size, _)| units % size == 0);
        fit.map_or_else(|| units.to_string(), |(size, suffix)| format!("{}{suffix}", units / size))
    };
    let binary = exact(1024, ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]);
    let decimal = exact(1000, ["k", "M", "G", "T", "P", "E"]);
    if decimal.len() < binary.len() { decimal } else { binary }
}

/// `3 (5m ago)`.
fn tell_last_restart(cells: &mut [Value], object: &Object, now: Timestamp) {
    let summary = pod::summary(object);
    if let (Some(cell), Some(moment)) = (cells.get_mut(2), summary.last_restart)
        && summary.restarts != 0
    {
        *cell = Value::from(format!("{} ({} ago)", summary.restarts, time::age(moment, now)));
    }
}

/// Whether this is the storage class that claims without one get; kubectl says so behind its name.
pub fn is_default_class(resource: &Resource, object: &Object) -> bool {
    let marks = ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    is(resource, "storage.k8s.io", "storageclasses") && marks.iter().any(|mark| object.annotation(mark) == Some("true"))
}

#[test]
fn sizes_are_spelled_as_they_were_written() {
    for text in ["1500Mi", "10G", "1Gi", "10Gi", "100", "1k", "1Ki", "5M", "0", "500m"] {
        assert_eq!(canonical(text.parse().expect("a quantity")), text);
    }
}
