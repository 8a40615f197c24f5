//! The API's operations that do something, and those that open what is closed: logs and values of Secrets.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use pilothouse_app::{
    AppError, Choice, Cluster, Deletion, Done, ErrorKind, Expected, Offer, Propagation, Target, parse_object,
};
use pilothouse_model::{Danger, GroupResource};
use serde_json::{Value, json};

use super::{PATIENCE, answer, in_time, target as addressed};
use crate::failure;
use crate::pages::logs;
use crate::server::Web;
use crate::visit::Visit;

async fn target(visit: &Visit) -> Result<(Cluster, Target), AppError> {
    let (cluster, resource, namespace, name) = addressed(visit).await?;
    let target = Target::new(&resource, namespace, name);
    Ok((cluster, target))
}

/// Whether it is only tried; `All` is Kubernetes' own word for it.
fn dry_run(visit: &Visit) -> Result<bool, AppError> {
    if visit.query("dryRun") == Some("All") { Ok(true) } else { visit.flag("dryRun") }
}

fn number<T: std::str::FromStr>(visit: &Visit, name: &str) -> Result<Option<T>, AppError> {
    let wrong = |_| AppError::new(ErrorKind::BadInput, format!("`{name}` must be a whole number within its bounds"));
    visit.query(name).map(|text| text.parse().map_err(wrong)).transpose()
}

/// Which object is meant.
fn expected(visit: &Visit) -> Expected {
    let text = |name: &str| visit.query(name).map(str::to_owned);
    Expected { uid: text("uid"), version: text("resourceVersion") }
}

fn told(done: &Done) -> Value {
    json!({"request": done.request, "dryRun": done.dry_run, "answer": done.answer})
}

/// `GET …/actions`
pub(super) async fn offers(visit: Visit) -> Response {
    answer(offered(&visit).await)
}

async fn offered(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, target) = target(visit).await?;
    let object = in_time(&cluster, cluster.read_own(&target)).await?;
    let offers = cluster.offers(&target, &object, PATIENCE).await;
    let one = |offer: &Offer| json!({"id": offer.id, "title": offer.title, "danger": danger(offer.danger)});
    Ok(json!({"total": offers.len(), "actions": offers.iter().map(one).collect::<Vec<_>>()}))
}

fn danger(danger: Danger) -> &'static str {
    match danger {
        Danger::Reversible => "reversible",
        Danger::Disruptive => "disruptive",
        Danger::Destructive => "destructive",
    }
}

/// `POST …/actions/{action}`
pub(super) async fn act(visit: Visit) -> Response {
    answer(acted(&visit).await)
}

async fn acted(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, target) = target(visit).await?;
    let (number, dry_run) = (number(visit, "number")?, dry_run(visit)?);
    let choice = Choice { number, expected: expected(visit), dry_run };
    Ok(told(&cluster.act(&target, visit.param("action")?, &choice).await?))
}

/// A body that is larger than what the operation takes, or that does not come.
fn unread(rejection: &BytesRejection) -> Response {
    let message = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than this operation takes",
        _ => "the body did not come whole",
    };
    failure::plain(rejection.status(), &AppError::new(ErrorKind::BadInput, message), true)
}

/// `DELETE …/{name}`
pub(super) async fn delete(visit: Visit, body: Result<Bytes, BytesRejection>) -> Response {
    match body {
        Ok(body) => answer(deleted(&visit, &body).await),
        Err(rejection) => unread(&rejection),
    }
}

async fn deleted(visit: &Visit, body: &Bytes) -> Result<Value, AppError> {
    if !body.is_empty() {
        return Err(AppError::new(ErrorKind::BadInput, "deleting takes no body")
            .hint("say how in the address: dryRun, propagationPolicy, gracePeriodSeconds, uid, resourceVersion"));
    }
    let (cluster, target) = target(visit).await?;
    let wrong = |text: &str| {
        AppError::new(ErrorKind::BadInput, format!("`{text}` is no propagation policy"))
            .hint("it takes Background, Foreground, Orphan")
    };
    let policy = visit.query("propagationPolicy").map(|text| Propagation::read(text).ok_or_else(|| wrong(text)));
    let deletion = Deletion {
        propagation: policy.transpose()?,
        grace: number(visit, "gracePeriodSeconds")?,
        expected: expected(visit),
        dry_run: dry_run(visit)?,
    };
    Ok(told(&cluster.delete(&target, &deletion).await?))
}

/// `PUT …/{name}`
pub(super) async fn replace(visit: Visit, body: Result<Bytes, BytesRejection>) -> Response {
    match body {
        Ok(body) => answer(replaced(&visit, &body).await),
        Err(rejection) => unread(&rejection),
    }
}

async fn replaced(visit: &Visit, body: &Bytes) -> Result<Value, AppError> {
    let (cluster, target) = target(visit).await?;
    let text = std::str::from_utf8(body).map_err(|_| AppError::new(ErrorKind::BadInput, "the body is no text"))?;
    Ok(told(&cluster.replace(&target, parse_object(text)?, dry_run(visit)?).await?))
}

/// `POST …/reveal`
pub(super) async fn reveal(visit: Visit) -> Response {
    match revealed(&visit).await {
        // `no-store` is what the guard writes on every answer; here it is said on its own.
        Ok(object) => ([(header::CACHE_CONTROL, "no-store")], Json(object)).into_response(),
        Err(error) => failure::api(&error),
    }
}

async fn revealed(visit: &Visit) -> Result<Value, AppError> {
    let (cluster, target) = target(visit).await?;
    Ok(cluster.reveal(&target).await?.into_value())
}

/// `GET …/log`
pub(super) async fn log(State(web): State<Web>, headers: HeaderMap, visit: Visit) -> Response {
    let streams = super::wants_stream(&headers);
    match addressed(&visit).await {
        Ok((_, resource, Some(namespace), name)) if resource.group_resource() == GroupResource::new("", "pods") => {
            logs::api(&web, &visit, (namespace, name), streams).await
        }
        Ok((_, resource, ..)) => {
            let message = format!("{} have no log; ask for the log of a pod", resource.group_resource());
            failure::api(&AppError::new(ErrorKind::BadInput, message))
        }
        Err(error) => failure::api(&error),
    }
}
