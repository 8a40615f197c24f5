//! Rows of the API: one page of a list, or a window as a stream.

use axum::response::Response;
use axum::response::sse::{Event, KeepAlive};
use futures::stream;
use pilothouse_app::{Cluster, Listing, Record, RowId, Source, Update, is_whole, listing_json, row_json};
use pilothouse_model::{Column, Completeness, Timestamp};
use serde_json::{Value, json};

use super::doubts;
use crate::components::rows::key;
use crate::failure;
use crate::question::Question;
use crate::server::Web;
use crate::sse::sse;

/// One page of a list: what the command line prints, and how much it knows.
pub(super) fn page(cluster: &Cluster, listing: &Listing) -> Value {
    let mut page = listing_json(cluster.id(), listing);
    page["next"] = json!(listing.next);
    page["unfiltered"] = json!(listing.unfiltered);
    page["notes"] = json!(notes(&listing.completeness, &listing.notes));
    page
}

fn notes(completeness: &Completeness, notes: &[String]) -> Vec<String> {
    [&doubts(completeness), notes].concat()
}

fn moment(as_of: Option<Timestamp>) -> Option<String> {
    as_of.map(|moment| moment.to_string())
}

/// A window over a list, until the reader goes away.
pub(super) fn stream(web: &Web, cluster: &Cluster, source: Source, question: &Question) -> Response {
    let live = match cluster.window(source, question.ask()) {
        Ok(live) => live,
        Err(error) => return failure::api(&error),
    };
    let events = stream::unfold(Some((live, cluster.clone())), |following| async move {
        let (mut live, cluster) = following?;
        if let Some(update) = live.next().await {
            let event = Event::default().event("rows").json_data(message(&cluster, &update));
            return Some((event, Some((live, cluster))));
        }
        // The credential is not accepted any more: that is the last thing that is told.
        let error = live.refused()?;
        Some((Event::default().event("error").json_data(failure::body(error)), None))
    });
    sse(web, KeepAlive::default(), events)
}

/// One change. To apply it: take out `left` and `moved`, put in `entered` and `moved` by ascending index, then take over
/// `changed`.
fn message(cluster: &Cluster, update: &Update) -> Value {
    let delta = update.delta.clone().unwrap_or_default();
    let place = |index: usize, record: &Record, columns: &[Column]| {
        json!({
            "index": index,
            "id": key(&RowId::of(&record.row)),
            "row": row_json(cluster.id(), &record.row, columns),
        })
    };
    let cells = |changed: &[usize]| -> Vec<_> {
        changed.iter().filter_map(|cell| update.columns.get(*cell)).map(|column| column.id.to_string()).collect()
    };
    json!({
        "total": update.total,
        "unfiltered": update.unfiltered,
        "asOf": moment(update.as_of),
        "complete": is_whole(&update.completeness, &update.notes),
        "notes": notes(&update.completeness, &update.notes),
        "entered": delta.entered.iter().map(|(index, record)| place(*index, record, &update.columns)).collect::<Vec<_>>(),
        "left": delta.left.iter().map(key).collect::<Vec<_>>(),
        "moved": delta.moved.iter().map(|(index, row)| json!({"index": index, "id": key(row)})).collect::<Vec<_>>(),
        "changed": delta.changed.iter().map(|(index, record, changed)| {
            let mut place = place(*index, record, &update.columns);
            place["cells"] = json!(cells(changed));
            place
        }).collect::<Vec<_>>(),
    })
}
