//! Rows as the API and the command line write them.

use pilothouse_model::{Cause, Cell, ClusterId, Column, Completeness, Row};
use serde_json::{Map, Value, json};

use crate::ask::Listing;
use crate::counts::{Counts, FieldCounts};
use crate::many::{ManyListing, ManyRow, Part};
use crate::search::{Facet, Found, Hit, SearchGap};

/// One row as JSON. Status texts that are empty stay empty strings; a state that the kind does not have is `null`. So is a
/// cell that the object does not have, and one that cannot be told, whose column stands in `unknown`.
pub fn row_json(cluster: &ClusterId, row: &Row, columns: &[Column]) -> Value {
    let cells: Map<String, Value> = columns
        .iter()
        .zip(&row.cells)
        .map(|(column, cell)| (column.id.to_string(), serde_json::to_value(cell).unwrap_or(Value::Null)))
        .collect();
    let unknown: Vec<&str> = columns
        .iter()
        .zip(&row.cells)
        .filter(|(_, cell)| matches!(cell, Cell::Unknown))
        .map(|(column, _)| &*column.id)
        .collect();
    let labels: Map<String, Value> =
        row.labels.iter().map(|(key, value)| (key.to_string(), Value::from(&**value))).collect();
    json!({
        "cluster": cluster,
        "apiVersion": row.resource.api_version(),
        "kind": &*row.resource.kind,
        "namespace": row.namespace.as_deref(),
        "name": &*row.name,
        "uid": row.uid,
        "state": row.status.is_some().then_some(&*row.status.word),
        "level": row.status.is_some().then(|| row.status.level.as_str()),
        "reason": &*row.status.reason,
        "message": &*row.status.message,
        "created": row.created.map(|moment| moment.get().to_string()),
        "labels": labels,
        "cells": cells,
        "unknown": unknown,
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

/// Whether an answer is all there is, as the API and the command line tell it: a note says what is missing, such as kinds of
/// workloads that may not be listed.
pub fn is_whole(completeness: &Completeness, notes: &[String]) -> bool {
    completeness.is_complete() && notes.is_empty()
}

/// A list as the API and the command line write it.
pub fn listing_json(cluster: &ClusterId, listing: &Listing) -> Value {
    let rows: Vec<_> = listing.rows.iter().map(|record| row_json(cluster, &record.row, &listing.columns)).collect();
    json!({
        "total": listing.total,
        "asOf": listing.as_of.map(|moment| moment.to_string()),
        "complete": is_whole(&listing.completeness, &listing.notes),
        "notes": listing.notes,
        "rows": rows,
    })
}

/// How the rows of a list divide, as the API and the command line write it: at most `most` values of each field, the most
/// frequent ones. A value that a row does not have is `null`, and so is one that cannot be told, which is `unknown`.
pub fn counts_json(cluster: &ClusterId, counts: &Counts, most: usize) -> Value {
    let value = |(cell, count): &(Cell, usize)| {
        json!({
            "value": serde_json::to_value(cell).unwrap_or(Value::Null),
            "unknown": matches!(cell, Cell::Unknown),
            "count": count,
        })
    };
    let field = |field: &FieldCounts| {
        json!({
            "field": field.name,
            "distinct": field.values.len(),
            "values": field.values.iter().take(most).map(value).collect::<Vec<_>>(),
        })
    };
    json!({
        "cluster": cluster,
        "total": counts.total,
        "unfiltered": counts.unfiltered,
        "asOf": counts.as_of.map(|moment| moment.to_string()),
        "complete": is_whole(&counts.completeness, &counts.notes),
        "notes": counts.notes,
        "counts": counts.fields.iter().map(field).collect::<Vec<_>>(),
    })
}

/// A list over several clusters as the API and the command line write it.
pub fn many_json(listing: &ManyListing) -> Value {
    let rows: Vec<_> = listing.rows.iter().map(|row| many_row_json(row, &listing.columns)).collect();
    json!({
        "total": listing.total,
        "unfiltered": listing.unfiltered,
        "asOf": listing.as_of().map(|moment| moment.to_string()),
        "complete": listing.is_complete(),
        "clusters": parts_json(&listing.parts),
        "rows": rows,
    })
}

/// One row of a list over several clusters; `columns` are those of the whole list.
pub fn many_row_json(row: &ManyRow, columns: &[Column]) -> Value {
    let mut value = row_json(&row.cluster, &row.row, columns);
    // The cluster is told beside the cells: it is not the object's.
    if let Some(cells) = value.get_mut("cells").and_then(Value::as_object_mut) {
        cells.remove("cluster");
    }
    value
}

/// What a search found, as the API and the command line write it.
pub fn found_json(found: &Found) -> Value {
    let facets = |facets: &[Facet]| -> Vec<Value> {
        facets.iter().map(|facet| json!({"value": facet.value, "count": facet.count})).collect()
    };
    let hit = |hit: &Hit| {
        let mut row = row_json(&hit.cluster, &hit.record.row, &hit.columns);
        row["matched"] = json!({"in": hit.matched.what.as_str(), "text": hit.matched.text});
        row
    };
    let gap = |gap: &SearchGap| json!({"cluster": gap.cluster, "kinds": gap.kinds, "why": gap.why.to_string()});
    json!({
        "total": found.total,
        "complete": found.gaps.is_empty(),
        "searched": found.searched,
        "of": found.of,
        "kinds": facets(&found.kinds),
        "namespaces": facets(&found.namespaces),
        "clusters": facets(&found.clusters),
        "gaps": found.gaps.iter().map(gap).collect::<Vec<_>>(),
        "rows": found.hits.iter().map(hit).collect::<Vec<_>>(),
    })
}

/// How each cluster takes part in an answer.
pub fn parts_json(parts: &[Part]) -> Vec<Value> {
    let part = |part: &Part| {
        // What is not served has no rows: that is known.
        let known = part.tells_rows() || part.completeness == Completeness::Absent;
        json!({
            "name": part.cluster,
            "state": part.standing().as_str(),
            "complete": part.is_whole(),
            "asOf": part.as_of.map(|moment| moment.to_string()),
            "total": known.then_some(part.total),
            "error": part.reason(),
            "notes": part.notes,
        })
    };
    parts.iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::{ColumnKind, Object, Projection, Resource, Status};

    use super::*;
    use crate::cluster::ConnectionState;

    fn row(status: Status) -> Row {
        let resource = Resource::new("apps", "v1", "deployments", "Deployment");
        let object = Object::new(json!({"metadata": {
            "namespace": "team-a", "name": "web", "uid": "u", "labels": {"app": "web"},
            "creationTimestamp": "2026-01-02T03:04:05Z",
        }}));
        let cells = vec![Cell::fraction(1, 2), Cell::Missing, Cell::Unknown, Cell::Integer(0)];
        Row::assemble(Arc::new(resource), &object.unwrap(), Projection { status, cells }, &mut |text| text.into())
    }

    #[test]
    fn a_row_is_written_with_typed_cells_and_null_for_what_it_does_not_have() {
        let columns = ["Ready", "Queue", "GPU", "Restarts"].map(|title| Column::new(title, ColumnKind::Integer));
        let cluster = ClusterId::new("lab");
        let written = row_json(&cluster, &row(Status::none()), &columns);
        let expected = json!({
            "cluster": "lab", "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "team-a", "name": "web",
            "uid": "u", "state": null, "level": null, "reason": "", "message": "", "created": "2026-01-02T03:04:05Z",
            "labels": {"app": "web"}, "cells": {"ready": "1/2", "queue": null, "gpu": null, "restarts": 0},
            "unknown": ["gpu"],
        });
        assert_eq!(written, expected);
        let failed = Status::new(pilothouse_model::Level::Error, "Failed").because("OOMKilled", "out of memory");
        let written = row_json(&cluster, &row(failed), &columns);
        assert_eq!(written["state"], "Failed");
        assert_eq!((&written["level"], &written["reason"]), (&json!("error"), &json!("OOMKilled")));
    }

    #[test]
    fn a_list_says_whether_it_is_complete_and_from_when() {
        let listing = Listing {
            columns: Vec::new().into(),
            rows: Vec::new(),
            total: 7,
            next: None,
            unfiltered: 9,
            as_of: None,
            completeness: Completeness::Stale("cut".to_owned()),
            notes: vec!["a note".to_owned()],
        };
        let expected = json!({"total": 7, "asOf": null, "complete": false, "notes": ["a note"], "rows": []});
        assert_eq!(listing_json(&ClusterId::new("lab"), &listing), expected);
    }

    #[test]
    fn counts_tell_missing_and_unknown_apart_and_how_many_values_there_are() {
        let values = vec![(Cell::text("a"), 3), (Cell::Missing, 2), (Cell::Unknown, 1), (Cell::text("b"), 1)];
        let counts = Counts {
            columns: Vec::new().into(),
            fields: vec![FieldCounts { name: "node".to_owned(), values }],
            total: 7,
            unfiltered: 9,
            as_of: None,
            completeness: Completeness::Complete,
            notes: Vec::new(),
        };
        let expected = json!({
            "cluster": "lab", "total": 7, "unfiltered": 9, "asOf": null, "complete": true, "notes": [],
            "counts": [{"field": "node", "distinct": 4, "values": [
                {"value": "a", "unknown": false, "count": 3},
                {"value": null, "unknown": false, "count": 2},
                {"value": null, "unknown": true, "count": 1},
            ]}],
        });
        assert_eq!(counts_json(&ClusterId::new("lab"), &counts, 3), expected);
    }

    #[test]
    fn how_many_rows_a_cluster_has_is_not_told_where_it_is_not_known() {
        let part = |completeness, unfiltered| Part {
            cluster: ClusterId::new("lab"),
            connection: ConnectionState::Idle,
            completeness,
            as_of: None,
            total: 0,
            unfiltered,
            notes: Vec::new(),
            error: None,
        };
        let refused = || Completeness::Broken("refused".to_owned());
        let parts = [
            part(refused(), 0),
            part(Completeness::Forbidden("no".to_owned()), 0),
            part(Completeness::Loading, 0),
            part(Completeness::Loading, 7),
            part(Completeness::Stale("cut".to_owned()), 0),
            part(Completeness::Complete, 0),
            part(Completeness::Absent, 0),
        ];
        let told = Value::from(parts_json(&parts));
        let totals: Vec<&Value> = (0..parts.len()).map(|index| &told[index]["total"]).collect();
        let (unknown, none) = (&Value::Null, &json!(0));
        assert_eq!(totals, [unknown, unknown, unknown, none, none, none, none], "what is not served has no rows");
        assert_eq!((&told[0]["error"], &told[0]["complete"]), (&json!("refused"), &json!(false)));
        let notes = vec!["jobs.batch may not be listed".to_owned()];
        assert_eq!(parts_json(&[Part { notes, ..part(Completeness::Complete, 0) }])[0]["complete"], false);
    }

    #[test]
    fn what_the_cluster_does_not_serve_is_completely_known() {
        let known = |completeness, notes| {
            let nothing = Listing {
                columns: Vec::new().into(),
                rows: Vec::new(),
                total: 0,
                next: None,
                unfiltered: 0,
                as_of: None,
                completeness,
                notes,
            };
            listing_json(&ClusterId::new("lab"), &nothing)["complete"] == true
        };
        assert!(known(Completeness::Complete, Vec::new()) && known(Completeness::Absent, Vec::new()));
        assert!(!known(Completeness::Loading, Vec::new()));
        assert!(!known(Completeness::Forbidden("no".to_owned()), Vec::new()));
        let denied = vec!["jobs.batch may not be listed".to_owned()];
        assert!(!known(Completeness::Complete, denied), "workloads of a kind that may not be listed are missing");
    }
}
