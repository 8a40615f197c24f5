//! Rows as the API and the command line write them.

use pilothouse_model::{Cause, ClusterId, Column, Completeness, Row};
use serde_json::{Map, Value, json};

use crate::ask::Listing;

/// One row as JSON. Status texts that are empty stay empty strings; a state that the kind does not have is `null`.
pub fn row_json(cluster: &ClusterId, row: &Row, columns: &[Column]) -> Value {
    let cells: Map<String, Value> = columns
        .iter()
        .zip(&row.cells)
        .map(|(column, cell)| (column.id.to_string(), serde_json::to_value(cell).unwrap_or(Value::Null)))
        .collect();
    let labels: Map<String, Value> =
        row.labels.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect();
    json!({
        "cluster": cluster,
        "apiVersion": row.resource.api_version(),
        "kind": &*row.resource.kind,
        "namespace": row.namespace.as_deref(),
        "name": &*row.name,
        "uid": &*row.uid,
        "state": row.status.is_some().then_some(&*row.status.word),
        "level": row.status.is_some().then(|| row.status.level.as_str()),
        "reason": &*row.status.reason,
        "message": &*row.status.message,
        "created": row.created.map(|moment| moment.to_string()),
        "labels": labels,
        "cells": cells,
    })
}

/// An explanation as the API and the command line write it.
pub fn explanation_json(cluster: &ClusterId, row: &Row, causes: &[Cause], completeness: &Completeness) -> Value {
    json!({
        "cluster": cluster,
        "object": row.reference(),
        "state": row.status.is_some().then_some(&*row.status.word),
        "level": row.status.is_some().then(|| row.status.level.as_str()),
        "reason": &*row.status.reason,
        "message": &*row.status.message,
        "complete": completeness.is_complete(),
        "causes": causes,
    })
}

/// A list as the API and the command line write it.
pub fn listing_json(cluster: &ClusterId, listing: &Listing) -> Value {
    let rows: Vec<_> = listing.rows.iter().map(|record| row_json(cluster, &record.row, &listing.columns)).collect();
    json!({
        "total": listing.total,
        "asOf": listing.as_of.map(|moment| moment.to_string()),
        "complete": listing.completeness == Completeness::Complete,
        "notes": listing.notes,
        "rows": rows,
    })
}
