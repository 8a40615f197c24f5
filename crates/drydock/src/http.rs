//! From an HTTP request to an answer: who asks, for what, may they, and what comes of it.

pub(crate) mod body;
pub(crate) mod query;
pub(crate) mod reply;
mod route;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;

use crate::api::{self, Api, Asked};
use crate::failure::Failure;
use crate::rbac::{self, ResourceWish, Wish};
use crate::registry::Registry;
use crate::user::{self, User};
use crate::{discovery, openapi};
use query::Query;
use reply::{Body, Negotiated};
pub(crate) use route::{ResourcePath, Route};

/// Answers one request; failures become `Status` objects.
pub(crate) async fn answer(api: Arc<Api>, request: Request<Incoming>) -> Response<Body> {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let answered = AssertUnwindSafe(respond(&api, request)).catch_unwind().await;
    match answered {
        Ok(Ok(response)) => response,
        // A bug of ours must not look like a broken connection. Storage is consistent after each of its steps.
        Err(_) => {
            tracing::error!(%method, path, "answering a request panicked");
            reply::failure(&Failure::internal("the embedded cluster could not answer this request"))
        }
        Ok(Err(failure)) => {
            tracing::debug!(%method, path, code = failure.code.as_u16(), message = failure.message, "refused");
            reply::failure(&failure)
        }
    }
}

async fn respond(api: &Arc<Api>, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let path = request.uri().path().to_owned();
    let query = Query::parse(request.uri().query().unwrap_or_default());
    if matches!(path.as_str(), "/healthz" | "/livez" | "/readyz") {
        return Ok(reply::text("ok"));
    }
    let user = identify(api, request.headers())?;
    let route = Route::parse(&path)?;
    let wish = wish(&route, request.method(), &query);
    authorize(api, &user, &route, &wish)?;
    match route {
        Route::Path(path) => {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return Err(Failure::method_not_allowed());
            }
            plain(api, &path, request.headers())
        }
        Route::Resource(target) => {
            let registry = api.registry();
            let Some(served) = registry.find(&target.group, &target.version, &target.plural).cloned() else {
                return Err(Failure::no_such_path());
            };
            let accepted = Negotiated::from(request.headers())?;
            let (parts, incoming) = request.into_parts();
            let bytes = body::read(incoming).await?;
            let asked =
                Asked { method: parts.method, query, headers: parts.headers, bytes, user, accepted, served, target };
            api::dispatch(api, asked).await
        }
    }
}

/// Who asks, or whom they act as if they may.
fn identify(api: &Api, headers: &http::HeaderMap) -> Result<User, Failure> {
    let user = api.tokens.authenticate(headers)?;
    let Some(other) = user::impersonated(headers) else { return Ok(user) };
    let state = api.storage.read();
    let mut wishes = vec![("users", &other.name)];
    wishes.extend(other.groups.iter().map(|group| ("groups", group)));
    for (resource, name) in wishes {
        let wish = ResourceWish {
            verb: "impersonate".to_owned(),
            resource: resource.to_owned(),
            name: name.clone(),
            ..ResourceWish::default()
        };
        let wish = Wish::Resource(wish);
        if !rbac::allows(&state, &user, &wish) {
            let message = format!("{resource} \"{name}\" is forbidden: {}", wish.refusal(&user));
            return Err(Failure::new(StatusCode::FORBIDDEN, "Forbidden", message));
        }
    }
    drop(state);
    Ok(other)
}

/// What the request wants to do, in the words of access control.
fn wish(route: &Route, method: &Method, query: &Query) -> Wish {
    match route {
        Route::Path(path) => Wish::Path { path: path.clone(), verb: method.as_str().to_lowercase() },
        Route::Resource(target) => {
            let verb = match (method.as_str(), &target.name) {
                ("GET" | "HEAD", None) if query.flag("watch") => "watch",
                ("GET" | "HEAD", Some(_)) => "get",
                ("GET" | "HEAD", None) => "list",
                ("POST", _) => "create",
                ("PUT", _) => "update",
                ("PATCH", _) => "patch",
                ("DELETE", Some(_)) => "delete",
                ("DELETE", None) => "deletecollection",
                _ => "",
            };
            let selected = query.get("fieldSelector").and_then(|text| text.strip_prefix("metadata.name="));
            Wish::Resource(ResourceWish {
                verb: verb.to_owned(),
                group: target.group.clone(),
                resource: target.plural.clone(),
                subresource: target.subresource.clone().unwrap_or_default(),
                namespace: target.namespace.clone().unwrap_or_default(),
                name: target.name.clone().or_else(|| selected.map(str::to_owned)).unwrap_or_default(),
            })
        }
    }
}

fn authorize(api: &Api, user: &User, route: &Route, wish: &Wish) -> Result<(), Failure> {
    if rbac::allows(&api.storage.read(), user, wish) {
        return Ok(());
    }
    let refusal = wish.refusal(user);
    let (subject, details) = match route {
        Route::Path(path) => (format!("forbidden: {refusal}"), serde_json::json!({ "name": path })),
        Route::Resource(target) => {
            let mut kind = target.plural.clone();
            if !target.group.is_empty() {
                kind = format!("{kind}.{}", target.group);
            }
            let name = target.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
            let mut details = serde_json::json!({ "kind": target.plural });
            if !target.group.is_empty() {
                details["group"] = target.group.clone().into();
            }
            if let Some(name) = &target.name {
                details["name"] = name.clone().into();
            }
            (format!("{kind}{name} is forbidden: {refusal}"), details)
        }
    };
    let mut failure = Failure::new(StatusCode::FORBIDDEN, "Forbidden", subject);
    failure.details = details;
    Err(failure)
}

/// Paths that are no resources.
fn plain(api: &Arc<Api>, path: &str, headers: &http::HeaderMap) -> Result<Response<Body>, Failure> {
    let registry = api.registry();
    if path.starts_with("/openapi/") {
        return openapi::answer(&registry, path, headers);
    }
    match discovery::answer(&registry, path, headers) {
        // What is not even a group is not worth a Status, finds the real server.
        Err(failure) if failure.code == StatusCode::NOT_FOUND && !is_in_a_group(&registry, path) => {
            Ok(reply::whole(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n"))
        }
        answered => answered,
    }
}

/// Whether a path lies below a group that there is, whatever the version.
fn is_in_a_group(registry: &Registry, path: &str) -> bool {
    let group = path.strip_prefix("/apis/").and_then(|rest| rest.split('/').next());
    group.is_some_and(|group| !registry.versions(group).is_empty())
}

impl ResourcePath {
    /// The namespace in which a namespaced resource is asked for.
    pub(crate) fn scope(&self, namespaced: bool) -> Option<&str> {
        self.namespace.as_deref().filter(|_| namespaced)
    }
}
