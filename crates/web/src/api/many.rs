//! Rows of several clusters: one page of a list, or a window as a stream.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::{Event, KeepAlive};
use futures::stream;
use pilothouse_app::{
    AppError, ErrorKind, Many, ManyRow, ManySource, ManyUpdate, many_json, many_row_json, parts_json,
};
use serde_json::{Value, json};

use super::{PATIENCE, answer, wants_stream};
use crate::components::rows::key;
use crate::failure;
use crate::pages::all::source;
use crate::question::Question;
use crate::server::Web;
use crate::sse::sse;
use crate::visit::Visit;

pub(super) async fn workloads(State(web): State<Web>, headers: HeaderMap, visit: Visit) -> Response {
    list(&web, &headers, &visit, Ok(ManySource::Workloads)).await
}

pub(super) async fn objects(State(web): State<Web>, headers: HeaderMap, visit: Visit) -> Response {
    list(&web, &headers, &visit, source(&visit)).await
}

async fn list(web: &Web, headers: &HeaderMap, visit: &Visit, source: Result<ManySource, AppError>) -> Response {
    let asked = || {
        let question = Question::read_api(&visit.pairs)?;
        if visit.query("after").is_some_and(|after| !after.is_empty()) {
            let message = "a list over several clusters goes on from an offset, not after a place";
            return Err(AppError::new(ErrorKind::BadInput, message).hint("use `offset` in place of `after`"));
        }
        let many = visit.engine.many(&question.clusters)?;
        Ok::<_, AppError>((many, source?, question))
    };
    let (many, source, question) = match asked() {
        Ok(asked) => asked,
        Err(error) => return failure::api(&error),
    };
    if wants_stream(headers) {
        return follow(web, &many, &source, &question);
    }
    answer(many.list_settled(&source, &question.ask(), PATIENCE).await.map(|listing| many_json(&listing)))
}

/// A window over the list, until the reader goes away.
fn follow(web: &Web, many: &Many, source: &ManySource, question: &Question) -> Response {
    let live = match many.window(source, &question.ask()) {
        Ok(live) => live,
        Err(error) => return failure::api(&error),
    };
    let events = stream::unfold(Some(live), |live| async move {
        let mut live = live?;
        if let Some(update) = live.next().await {
            return Some((Event::default().event("rows").json_data(message(&update)), Some(live)));
        }
        // No credential is accepted any more: that is the last thing that is told.
        let error = live.refused()?;
        Some((Event::default().event("error").json_data(failure::body(error)), None))
    });
    sse(web, KeepAlive::default(), events)
}

/// One change; read as that of a window over one cluster, with how each cluster takes part.
fn message(update: &ManyUpdate) -> Value {
    let delta = update.delta.clone().unwrap_or_default();
    let id = |id: &pilothouse_app::ManyId| format!("{}:{}", id.cluster, key(&id.row));
    let place = |index: usize, row: &ManyRow| json!({"index": index, "id": id(&row.id()), "row": many_row_json(row, &update.columns)});
    let cells = |changed: &[usize]| -> Vec<_> {
        changed.iter().filter_map(|cell| update.columns.get(*cell)).map(|column| column.id.to_string()).collect()
    };
    json!({
        "total": update.total,
        "unfiltered": update.unfiltered,
        "asOf": update.as_of().map(|moment| moment.to_string()),
        "complete": update.is_complete(),
        "clusters": parts_json(&update.parts),
        "notes": Vec::<String>::new(),
        "entered": delta.entered.iter().map(|(index, row)| place(*index, row)).collect::<Vec<_>>(),
        "left": delta.left.iter().map(id).collect::<Vec<_>>(),
        "moved": delta.moved.iter().map(|(index, row)| json!({"index": index, "id": id(row)})).collect::<Vec<_>>(),
        "changed": delta.changed.iter().map(|(index, row, changed)| {
            let mut place = place(*index, row);
            place["cells"] = json!(cells(changed));
            place
        }).collect::<Vec<_>>(),
    })
}
