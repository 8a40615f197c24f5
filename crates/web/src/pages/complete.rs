//! What can be written next in a list's search field: `/c/{cluster}/complete?resource=core/v1/pods&q=state:fa&cursor=8`, and
//! `/all/complete` for lists over several clusters.

use std::time::Duration;

use axum::Json;
use axum::response::{IntoResponse, Response};
use pilothouse_app::{AppError, Ask, Cluster, Completion, CompletionKind, ErrorKind, ManySource, Source};
use serde_json::{Value, json};

use crate::failure;
use crate::visit::{PATIENCE, Visit, name_of};

/// `/c/{cluster}/complete`: with what is known now. Who types waits for nothing.
pub(crate) async fn show(visit: Visit) -> Response {
    match answer(&visit, PATIENCE, false).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => failure::api(&error),
    }
}

/// `/all/complete`
pub(crate) async fn show_all(visit: Visit) -> Response {
    match in_all(&visit) {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => failure::api(&error),
    }
}

fn in_all(visit: &Visit) -> Result<Value, AppError> {
    let question = visit.question()?;
    let many = visit.engine.many(&question.clusters)?;
    let source = match named(visit)? {
        None => ManySource::Workloads,
        Some((group, version, plural)) => {
            ManySource::Resource { group: group.to_owned(), version: version.to_owned(), plural: plural.to_owned() }
        }
    };
    let (q, cursor) = text(visit)?;
    let ask = Ask { q, sort: String::new(), offset: 0, limit: Some(0), ..question.ask() };
    Ok(body(&many.complete(&source, &ask, cursor)?))
}

/// What can be written, as JSON; `settled` waits for the rows as long as `patience` lasts.
pub(crate) async fn answer(visit: &Visit, patience: Duration, settled: bool) -> Result<Value, AppError> {
    let cluster = visit.cluster()?;
    let source = source(visit, &cluster, patience).await?;
    let (q, cursor) = text(visit)?;
    let question = visit.question()?.of(&source);
    let scope = Ask { q: String::new(), sort: String::new(), offset: 0, limit: Some(0), ..question.ask() };
    if settled {
        cluster.list_settled(&source, &scope, patience).await?;
    }
    let completion = cluster.complete(&source, &Ask { q, ..scope }, cursor)?;
    Ok(body(&completion))
}

/// The query text as it stands in the field, with the blanks at its ends, and the cursor, which counts them.
fn text(visit: &Visit) -> Result<(String, usize), AppError> {
    let q = visit.query("q").unwrap_or_default().to_owned();
    let cursor = match visit.query("cursor") {
        None | Some("") => q.len(),
        Some(text) => text.parse().map_err(|_| {
            AppError::new(ErrorKind::BadInput, format!("`cursor={text}` is no place in a text"))
                .hint("write how many bytes of q stand before the cursor, or leave it out for the end")
        })?,
    };
    Ok((q, cursor))
}

/// What the address names: `core/v1/pods`, or workloads where it names nothing.
async fn source(visit: &Visit, cluster: &Cluster, patience: Duration) -> Result<Source, AppError> {
    let catalog = cluster.wait_catalog(patience).await?;
    Ok(match named(visit)? {
        None => Source::Workloads,
        Some((group, version, plural)) => Source::Resource(catalog.resource(group, version, plural)?),
    })
}

/// Group, version and plural of the resource that the address names; `None` for workloads.
fn named(visit: &Visit) -> Result<Option<(&str, &str, &str)>, AppError> {
    let named = visit.query("resource").unwrap_or_default();
    if matches!(named, "" | "workloads") {
        return Ok(None);
    }
    let parts = named.split('/').map(name_of).collect::<Result<Vec<_>, _>>()?;
    match *parts.as_slice() {
        [group, version, plural] => Ok(Some((group, version, plural))),
        _ => Err(AppError::new(ErrorKind::BadInput, format!("`resource={named}` is not GROUP/VERSION/PLURAL"))
            .hint("write it as in core/v1/pods or apps/v1/deployments; leave it out for workloads")),
    }
}

fn body(completion: &Completion) -> Value {
    let items: Vec<_> = completion
        .items
        .iter()
        .map(|item| json!({ "text": item.text, "kind": kind(item.kind), "detail": item.detail, "count": item.count }))
        .collect();
    json!({ "replace": { "start": completion.replace.start, "end": completion.replace.end }, "items": items })
}

fn kind(kind: CompletionKind) -> &'static str {
    match kind {
        CompletionKind::Field => "field",
        CompletionKind::Value => "value",
        CompletionKind::Operator => "operator",
        CompletionKind::Function => "function",
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_app::CompletionItem;

    use super::*;

    #[test]
    fn offers_are_told_with_their_kind_and_count() {
        let item =
            |text: &str, kind, count| CompletionItem { text: text.to_owned(), kind, detail: String::new(), count };
        let items = vec![
            item("state:", CompletionKind::Field, None),
            item("failed", CompletionKind::Value, Some(3)),
            item("OR ", CompletionKind::Operator, None),
            item("has:", CompletionKind::Function, None),
        ];
        let body = body(&Completion { replace: 2..5, items });
        assert_eq!(body["replace"], json!({"start": 2, "end": 5}));
        let kinds: Vec<_> = body["items"].as_array().unwrap().iter().map(|item| &item["kind"]).collect();
        assert_eq!(kinds, ["field", "value", "operator", "function"]);
        assert_eq!((&body["items"][0]["count"], &body["items"][1]["count"]), (&Value::Null, &json!(3)));
    }
}
