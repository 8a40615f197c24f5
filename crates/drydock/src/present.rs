//! How objects are shown: in the version asked for, whole, as metadata alone, or as a table.

mod event;

use std::borrow::Cow;

use jiff::Timestamp;
use pilothouse_model::Object;
use serde_json::{Value, json};

use crate::http::reply::Shape;
use crate::registry::Served;
use crate::storage::Stored;

/// The object in the version that was asked for.
pub(crate) fn in_version<'a>(served: &Served, value: &'a Value) -> Cow<'a, Value> {
    if served.is("events.k8s.io", "events") {
        return Cow::Owned(event::to_new(value));
    }
    if served.custom && value["apiVersion"].as_str() != Some(&served.api_version()) {
        let mut value = value.clone();
        value["apiVersion"] = json!(served.api_version());
        return Cow::Owned(value);
    }
    Cow::Borrowed(value)
}

/// The object as it is stored.
pub(crate) fn to_stored(served: &Served, mut value: Value) -> Value {
    if served.is("events.k8s.io", "events") {
        value = event::to_core(value);
    }
    value["apiVersion"] = json!(served.stored_as);
    value["kind"] = json!(&*served.resource.kind);
    value
}

/// One object in a shape.
pub(crate) fn one<'a>(served: &Served, stored: &'a Stored, shape: Shape, include: Option<&str>) -> Cow<'a, Value> {
    match shape {
        Shape::Whole => in_version(served, &stored.value),
        Shape::Partial => Cow::Owned(partial(&stored.value)),
        Shape::Table => {
            let revision = stored.value["metadata"]["resourceVersion"].clone();
            let rows = [row(served, stored, include)];
            Cow::Owned(table(&json!({ "resourceVersion": revision }), &columns(served), &rows))
        }
    }
}

/// The metadata of an object.
pub(crate) fn partial(value: &Value) -> Value {
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": value["metadata"] })
}

/// A table of rows.
pub(crate) fn table(metadata: &Value, columns: &Value, rows: &[Value]) -> Value {
    json!({
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// Headings of the table of a resource.
pub(crate) fn columns(served: &Served) -> Value {
    let definition = |column: pilothouse_columns::TableColumn| {
        json!({
            "name": column.name,
            "type": column.kind,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        })
    };
    pilothouse_columns::table_columns(&served.resource).into_iter().map(definition).collect()
}

/// One row; `include` is `None`, `Metadata` or `Object`, as clients say it.
pub(crate) fn row(served: &Served, stored: &Stored, include: Option<&str>) -> Value {
    let cells = match Object::new(in_version(served, &stored.value).into_owned()) {
        Ok(object) => pilothouse_columns::table_cells(&served.resource, &object, Timestamp::now()),
        // Nothing without a name is ever stored.
        Err(_) => Vec::new(),
    };
    let object = match include {
        Some("None") => Value::Null,
        Some("Object") => in_version(served, &stored.value).into_owned(),
        _ => partial(&stored.value),
    };
    if object.is_null() { json!({ "cells": cells }) } else { json!({ "cells": cells, "object": object }) }
}
