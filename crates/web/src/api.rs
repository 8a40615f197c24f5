//! The JSON API under `/api/v1`: one handler per operation of the app's table.

use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, header};
use axum::middleware::from_fn;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use pilothouse_app::{AppError, Ask, Cluster, ConnectionState, ErrorKind, OPERATIONS, Source, explanation_json};
use pilothouse_model::{Completeness, Object, Resource};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::timeout;

use crate::deeds::from_own_page;
use crate::failure;
use crate::pages::complete;
use crate::question::Question;
use crate::server::Web;
use crate::visit::Visit;

mod act;
mod counts;
mod many;
mod openapi;
mod parameters;
mod rows;
mod search;

/// Where the API stands.
pub(crate) const ROOT: &str = "/api/v1";

/// A script waits longer than a person: for a whole first list.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every operation's route, and the document that describes them.
pub(crate) fn routes() -> Router<Web> {
    let described = Router::new().route(&format!("{ROOT}/openapi.json"), get(describe));
    OPERATIONS.iter().fold(described, |router, operation| match handler(operation.id) {
        Some(handler) => {
            let handler = handler
                .layer(from_fn(move |request, next| parameters::known(operation, request, next)))
                .layer(from_fn(from_own_page));
            router.route(&format!("{ROOT}{}", operation.path), handler)
        }
        None => router,
    })
}

/// The handler of an operation; a test proves that every operation has one.
fn handler(id: &str) -> Option<MethodRouter<Web>> {
    Some(match id {
        "listClusters" => get(clusters),
        "listAllWorkloads" => get(many::workloads),
        "listAllObjects" => get(many::objects),
        "search" => get(search::search),
        "listResources" => get(resources),
        "completeQuestion" => get(completions),
        "listWorkloads" => get(workloads),
        "listObjects" => get(objects),
        "countWorkloads" => get(counts::workloads),
        "countObjects" => get(counts::objects),
        "getNamespacedObject" | "getObject" => get(object),
        "explainNamespacedObject" | "explainObject" => get(explanation),
        "listNamespacedObjectEvents" | "listObjectEvents" => get(events),
        "listNamespacedObjectActions" | "listObjectActions" => get(act::offers),
        "actOnNamespacedObject" | "actOnObject" => post(act::act),
        "deleteNamespacedObject" | "deleteObject" => delete(act::delete),
        // The largest object that an API server takes, and then some.
        "replaceNamespacedObject" | "replaceObject" => put(act::replace).layer(DefaultBodyLimit::max(4 << 20)),
        "revealNamespacedObject" => post(act::reveal),
        "readNamespacedObjectLog" => get(act::log),
        _ => return None,
    })
}

async fn describe() -> Response {
    Json(openapi::document()).into_response()
}

fn answer(result: Result<Value, AppError>) -> Response {
    match result {
        Ok(value) => Json(value).into_response(),
        Err(error) => failure::api(&error),
    }
}

async fn clusters(visit: Visit) -> Response {
    let clusters: Vec<_> = visit
        .engine
        .clusters()
        .into_iter()
        .map(|view| {
            let (state, version, error) = match &view.connection {
                ConnectionState::Idle => ("idle", None, None),
                ConnectionState::Connecting => ("connecting", None, None),
                ConnectionState::Connected { version } => ("connected", Some(version.clone()), None),
                ConnectionState::Failed { error, .. } => ("failed", None, Some(error.message.clone())),
            };
            json!({
                "name": view.id, "server": view.server, "current": view.current,
                "state": state, "version": version, "error": error,
            })
        })
        .collect();
    Json(json!({ "clusters": clusters })).into_response()
}

async fn resources(visit: Visit) -> Response {
    answer(all_resources(&visit).await)
}

async fn all_resources(visit: &Visit) -> Result<Value, AppError> {
    let catalog = visit.cluster()?.wait_catalog(PATIENCE).await?;
    let resources: Vec<_> = catalog
        .resources
        .iter()
        .map(|resource| {
            json!({
                "group": &*resource.group, "version": &*resource.version, "plural": &*resource.plural,
                "kind": &*resource.kind, "namespaced": resource.namespaced, "preferred": resource.preferred,
                "verbs": resource.verbs, "shortNames": resource.short_names,
            })
        })
        .collect();
    let notes: Vec<_> = catalog.problems.iter().map(ToString::to_string).collect();
    Ok(json!({ "total": resources.len(), "resources": resources, "notes": notes }))
}

async fn completions(visit: Visit) -> Response {
    answer(complete::answer(&visit, PATIENCE, true).await)
}

async fn workloads(State(web): State<Web>, headers: HeaderMap, visit: Visit) -> Response {
    let cluster = match visit.cluster() {
        Ok(cluster) => cluster,
        Err(error) => return failure::api(&error),
    };
    match cluster.wait_catalog(PATIENCE).await {
        Ok(_) => list(&web, &headers, &visit, (&cluster, Source::Workloads)).await,
        Err(error) => failure::api(&error),
    }
}

async fn objects(State(web): State<Web>, headers: HeaderMap, visit: Visit) -> Response {
    match listed(&visit).await {
        Ok((cluster, resource)) => list(&web, &headers, &visit, (&cluster, Source::Resource(resource))).await,
        Err(error) => failure::api(&error),
    }
}

/// The cluster and resource of the address.
async fn listed(visit: &Visit) -> Result<(Cluster, Arc<Resource>), AppError> {
    let cluster = visit.cluster()?;
    let (group, version, plural) = (visit.param("group")?, visit.param("version")?, visit.param("plural")?);
    let resource = cluster.wait_catalog(PATIENCE).await?.resource(group, version, plural)?;
    Ok((cluster, resource))
}

async fn list(web: &Web, headers: &HeaderMap, visit: &Visit, (cluster, source): (&Cluster, Source)) -> Response {
    let question = match Question::read_api(&visit.pairs) {
        Ok(question) => question,
        Err(error) => return failure::api(&error),
    };
    let after = visit.query("after").unwrap_or_default().to_owned();
    if wants_stream(headers) {
        if !after.is_empty() {
            let error =
                AppError::new(ErrorKind::BadInput, "a stream follows the rows from an offset on, not after a place");
            return failure::api(&error.hint("leave `after` out"));
        }
        return rows::stream(web, cluster, source, &question);
    }
    let ask = Ask { after, ..question.ask() };
    answer(cluster.list_settled(&source, &ask, PATIENCE).await.map(|listing| rows::page(cluster, &listing)))
}

/// Whether the one who asks wants to go on listening.
fn wants_stream(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/event-stream"))
}

/// The object of the address.
async fn target(visit: &Visit) -> Result<(Cluster, Arc<Resource>, Option<&str>, &str), AppError> {
    let (cluster, resource) = listed(visit).await?;
    let (namespace, name) = visit.object_key(&resource)?;
    Ok((cluster, resource, namespace, name))
}

async fn object(visit: Visit) -> Response {
    answer(one_object(&visit).await)
}

async fn one_object(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, resource, namespace, name) = target(visit).await?;
    Ok(in_time(&cluster, cluster.read(&resource, namespace, name)).await?.object.into_value())
}

/// What the API server itself is asked, if it answers while a script waits.
async fn in_time<T>(cluster: &Cluster, asked: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
    let silent = |_| {
        let message = format!("the cluster {} has not answered within {} seconds", cluster.id(), PATIENCE.as_secs());
        AppError::new(ErrorKind::Unavailable, message).hint("lists tell what is known of it, and how old that is")
    };
    timeout(PATIENCE, asked).await.map_err(silent)?
}

async fn explanation(visit: Visit) -> Response {
    answer(why(&visit).await)
}

async fn why(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, resource, namespace, name) = target(visit).await?;
    let (row, causes, completeness) = cluster.explain(&resource, namespace, name, PATIENCE).await?;
    let mut explanation = explanation_json(cluster.id(), &row, &causes, &completeness);
    explanation["notes"] = json!(doubts(&completeness));
    Ok(explanation)
}

async fn events(visit: Visit) -> Response {
    answer(all_events(&visit).await)
}

async fn all_events(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, resource, namespace, name) = target(visit).await?;
    let (events, completeness) = cluster.events(&resource, namespace, name, PATIENCE).await?;
    let events: Vec<&Value> = events.iter().map(|event| Object::value(event)).collect();
    Ok(json!({
        "total": events.len(),
        "complete": completeness.is_complete(),
        "notes": doubts(&completeness),
        "events": events,
    }))
}

/// Why an answer is not all there is, in words.
fn doubts(completeness: &Completeness) -> Vec<String> {
    match completeness {
        Completeness::Complete => Vec::new(),
        Completeness::Loading => vec!["the first list is still being read".to_owned()],
        Completeness::Stale(reason) => vec![format!("the cluster does not tell of changes at the moment: {reason}")],
        Completeness::Forbidden(reason) => vec![format!("the cluster does not allow it: {reason}")],
        Completeness::Absent => vec!["the cluster does not serve this resource".to_owned()],
        Completeness::Broken(reason) => vec![format!("it could not be read: {reason}")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_handler() {
        for operation in OPERATIONS {
            assert!(handler(operation.id).is_some(), "{}", operation.id);
        }
        assert!(handler("unheardOf").is_none());
    }
}
