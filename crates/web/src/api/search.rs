//! Search over everything.

use axum::response::Response;
use pilothouse_app::{AppError, ErrorKind, MOST_RESULTS, SearchAsk, found_json};
use serde_json::Value;

use super::{PATIENCE, answer};
use crate::question::Question;
use crate::visit::Visit;

pub(super) async fn search(visit: Visit) -> Response {
    answer(found(&visit).await)
}

async fn found(visit: &Visit) -> Result<Value, AppError> {
    let question = Question::read_api(&visit.pairs)?;
    if question.q.is_empty() {
        return Err(
            AppError::new(ErrorKind::BadInput, "a search needs words: q=web").hint("write what to look for in q")
        );
    }
    if question.limit.is_some_and(|limit| limit > MOST_RESULTS) {
        let message = format!("a search gives {MOST_RESULTS} results at most");
        return Err(AppError::new(ErrorKind::BadInput, message).hint("narrow it with filters: kind:Pod, ns:team-a"));
    }
    let ask = SearchAsk { text: question.q, namespaces: question.namespaces, limit: question.limit };
    let found = visit.engine.many(&question.clusters)?.search(ask)?.settled(PATIENCE).await?;
    Ok(found_json(&found))
}
