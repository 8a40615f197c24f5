//! Counts of the API: how the rows of a list divide.

use axum::response::Response;
use pilothouse_app::{AppError, Cluster, Source, counts_json};
use serde_json::{Value, json};

use super::{PATIENCE, answer, doubts, listed};
use crate::question::Question;
use crate::visit::Visit;

/// What is counted when nobody says.
const USUAL: &str = "state,namespace";

pub(super) async fn workloads(visit: Visit) -> Response {
    answer(of_workloads(&visit).await)
}

pub(super) async fn objects(visit: Visit) -> Response {
    answer(of_objects(&visit).await)
}

async fn of_workloads(visit: &Visit) -> Result<Value, AppError> {
    let cluster = visit.cluster()?;
    cluster.wait_catalog(PATIENCE).await?;
    counted(visit, &cluster, &Source::Workloads).await
}

async fn of_objects(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, resource) = listed(visit).await?;
    counted(visit, &cluster, &Source::Resource(resource)).await
}

async fn counted(visit: &Visit, cluster: &Cluster, source: &Source) -> Result<Value, AppError> {
    let question = Question::read_api(&visit.pairs)?;
    let by = visit.query("by").map(str::trim).filter(|by| !by.is_empty()).unwrap_or(USUAL);
    let counts = cluster.counts_settled(source, &question.of(source).ask(), by, PATIENCE).await?;
    let mut body = counts_json(cluster.id(), &counts, question.rows());
    body["notes"] = json!([doubts(&counts.completeness), counts.notes].concat());
    Ok(body)
}
