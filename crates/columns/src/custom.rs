//! Columns of resources that this crate does not know: their own printer columns, else their age.

use pilothouse_model::{Cell, Column, ColumnKind, Object, PrinterColumn, Resource, time};
use serde_json::Value;

use crate::jsonpath::Path;
use crate::kinds::age;

/// The printer columns that a custom resource definition gives, as they stand; a resource without any shows its age.
pub(crate) fn columns(resource: &Resource) -> Vec<Column> {
    match printer_columns(resource) {
        [] => vec![Column::new("Age", ColumnKind::Age)],
        printed => printed.iter().map(column).collect(),
    }
}

/// One cell per column.
pub(crate) fn cells(resource: &Resource, object: &Object) -> Vec<Cell> {
    match printer_columns(resource) {
        [] => vec![age(object)],
        printed => printed.iter().map(|column| cell(column, object)).collect(),
    }
}

pub(crate) fn printer_columns(resource: &Resource) -> &[PrinterColumn] {
    resource.printer_columns.as_deref().unwrap_or_default()
}

/// A printer column as a column.
pub(crate) fn column(printed: &PrinterColumn) -> Column {
    let kind = match printed.kind.as_str() {
        "integer" => ColumnKind::Integer,
        "number" => ColumnKind::Number,
        "boolean" => ColumnKind::Boolean,
        "date" => ColumnKind::Age,
        _ => ColumnKind::Text,
    };
    let mut column = Column::new(&printed.name, kind);
    column.wide = printed.priority > 0;
    column.description = printed.description.as_str().into();
    column
}

/// What a printer column shows of an object.
pub(crate) fn cell(printed: &PrinterColumn, object: &Object) -> Cell {
    let Some(path) = Path::parse(&printed.json_path) else { return Cell::Unknown };
    let found: Vec<_> = path.find(object.value()).into_iter().filter(|value| !value.is_null()).collect();
    let Some(first) = found.first() else { return Cell::Missing };
    let typed = match printed.kind.as_str() {
        "integer" => whole(first).map(Cell::Integer),
        "number" => first.as_f64().map(Cell::Number),
        "boolean" => first.as_bool().map(Cell::Boolean),
        "date" => first.as_str().and_then(time::parse).map(Cell::from),
        _ => Some(Cell::text(&found.iter().map(|value| shown(value)).collect::<Vec<_>>().join(","))),
    };
    typed.unwrap_or(Cell::Unknown)
}

/// Whole numbers may arrive as `3.0`.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_f64().filter(|number| number.abs() < 9e15).map(|number| number.trunc() as i64))
}

/// Texts as they are, anything else as JSON.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn printed(kind: &str, path: &str) -> PrinterColumn {
        let (kind, json_path) = (kind.to_owned(), path.to_owned());
        PrinterColumn {
            name: "X".to_owned(),
            kind,
            format: String::new(),
            description: String::new(),
            priority: 0,
            json_path,
        }
    }

    #[test]
    fn cells_are_typed_and_never_guessed() {
        let object = Object::new(json!({
            "metadata": {"name": "x"},
            "spec": {"n": 3, "f": 3.0, "b": true, "s": "text", "t": "2026-01-02T03:04:05Z", "list": ["a", "b"], "nil": null},
        }))
        .unwrap();
        let cases = [
            ("integer", ".spec.n", Cell::Integer(3)),
            ("integer", ".spec.f", Cell::Integer(3)),
            ("integer", ".spec.s", Cell::Unknown),
            ("number", ".spec.n", Cell::Number(3.0)),
            ("boolean", ".spec.b", Cell::Boolean(true)),
            ("boolean", ".spec.s", Cell::Unknown),
            (
                "date",
                ".spec.t",
                Cell::Time("2026-01-02T03:04:05Z".parse::<pilothouse_model::Timestamp>().unwrap().into()),
            ),
            ("date", ".spec.s", Cell::Unknown),
            ("string", ".spec.s", Cell::text("text")),
            ("string", ".spec.n", Cell::text("3")),
            ("string", ".spec.list[*]", Cell::text("a,b")),
            ("string", ".spec.list", Cell::text("[\"a\",\"b\"]")),
            ("string", ".spec.nothing", Cell::Missing),
            ("string", ".spec.nil", Cell::Missing),
            ("string", ".spec[", Cell::Unknown),
        ];
        for (kind, path, expected) in cases {
            assert_eq!(cell(&printed(kind, path), &object), expected, "{kind} {path}");
        }
    }
}
