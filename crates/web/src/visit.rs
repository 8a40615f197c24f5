//! One request for a page: which cluster, which question, how to answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::html;
use pilothouse_app::{AppError, Cluster, ConnectionState, Engine, ErrorKind};
use pilothouse_model::{Level, ObjectRef, Resource};
use std::sync::Arc;

use crate::components::freshness;
use crate::components::scene::Scene;
use crate::failure;
use crate::frame::{ClusterFrame, Content, Frame, trouble};
use crate::question::{Pairs, Question};
use crate::server::Web;
use crate::session::cookie;
use crate::urls;

/// How long a page waits for what is not known yet: the first byte never waits for a slow cluster.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

/// A request for a page.
pub(crate) struct Visit {
    /// The engine.
    pub(crate) engine: Engine,
    /// Path parameters.
    params: HashMap<String, String>,
    /// Query parameters.
    pub(crate) pairs: Pairs,
    path: String,
    theme: Option<&'static str>,
}

impl FromRequestParts<Web> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Infallible> {
        // What cannot be decoded is no parameter; the page then says what it misses.
        let params = Path::<HashMap<String, String>>::from_request_parts(parts, web)
            .await
            .map_or_else(|_| HashMap::new(), |Path(params)| params);
        let pairs =
            Query::<Pairs>::from_request_parts(parts, web).await.map_or_else(|_| Pairs::new(), |Query(pairs)| pairs);
        let cookies = parts.headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let theme = match cookie(cookies, "pilothouse-theme") {
            Some("dark") => Some("dark"),
            Some("light") => Some("light"),
            _ => None,
        };
        let path = parts.uri.path().to_owned();
        Ok(Self { engine: web.engine.clone(), params, pairs, path, theme })
    }
}

impl Visit {
    /// A path parameter. What cannot be a name in Kubernetes is refused here, before it can become a part of an address of
    /// the API server: a slash, a percent sign, or a dot segment.
    pub(crate) fn param(&self, name: &str) -> Result<&str, AppError> {
        let value = self.params.get(name).map(String::as_str).unwrap_or_default();
        name_of(value)
    }

    /// The same, for a parameter that the route may not have.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, AppError> {
        if self.params.contains_key(name) { self.param(name).map(Some) } else { Ok(None) }
    }

    /// A query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The question.
    pub(crate) fn question(&self) -> Result<Question, AppError> {
        Question::read(&self.pairs)
    }

    /// The cluster. Any text may be a context's name.
    pub(crate) fn cluster(&self) -> Result<Cluster, AppError> {
        self.engine.cluster(self.params.get("cluster").map(String::as_str).unwrap_or_default())
    }

    /// The resource of `{group}/{version}/{plural}`.
    pub(crate) async fn resource(&self, cluster: &Cluster) -> Result<Arc<Resource>, AppError> {
        let (group, version, plural) = (self.param("group")?, self.param("version")?, self.param("plural")?);
        cluster.wait_catalog(PATIENCE).await?.resource(group, version, plural)
    }

    /// Namespace and name of the address, when the resource's objects live there.
    pub(crate) fn object_key(&self, resource: &Resource) -> Result<(Option<&str>, &str), AppError> {
        let (namespace, name) = (self.optional("namespace")?, self.param("name")?);
        if resource.namespaced == namespace.is_some() {
            return Ok((namespace, name));
        }
        let words = if resource.namespaced { "lives in a namespace" } else { "lives in no namespace" };
        Err(AppError::new(ErrorKind::NotFound, format!("a {} {words}: the address does not fit", resource.kind)))
    }

    fn frame(&self) -> Frame {
        let question = self.question().map(|question| question.scope()).unwrap_or_default();
        let cluster = self.cluster().ok().map(|cluster| cluster_frame(&cluster));
        Frame {
            now: self.engine.now(),
            theme: self.theme,
            path: self.path.clone(),
            clusters: self.engine.clusters(),
            cluster,
            question,
        }
    }

    /// The answer: the page in its frame, or why there is none.
    pub(crate) fn answer(&self, result: Result<Content, AppError>) -> Response {
        let mut frame = self.frame();
        match result {
            Ok(content) => {
                frame.question = self.question().unwrap_or_default();
                frame.render(&content).into_response()
            }
            Err(error) => {
                let status = failure::status(error.kind);
                (status, frame.render(&self.failed(&error, status))).into_response()
            }
        }
    }

    /// A page about a failure. While the cluster cannot be reached it follows the connection and opens by itself.
    fn failed(&self, error: &AppError, status: StatusCode) -> Content {
        let state = self.cluster().ok().map(|cluster| cluster.state());
        let waiting = error.kind == ErrorKind::Unavailable || matches!(state, Some(ConnectionState::Failed { .. }));
        let title = match status {
            _ if waiting => "The cluster does not answer yet",
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::BAD_REQUEST => "The question cannot be read",
            _ => "This did not work",
        };
        let body = html! {
            div.head { div { h1 { (title) } } }
            @if let (true, Some(state)) = (waiting, &state) {
                div data-watch=(urls::watch_state(matches!(state, ConnectionState::Connected { .. }))) {
                    div data-part="trouble" {
                        (trouble(state, self.engine.now()))
                    }
                }
            } @else {
                (freshness::notice(Level::Error, &error.message, error.hint.as_deref().unwrap_or_default()))
                @if let Some((url, name)) = self.meant(error) { p { a.button href=(url) { "Open " (name) } } }
            }
        };
        Content { title: title.to_owned(), body, scoped: None, waits: waiting }
    }

    /// The list that was likely meant by a resource's name that the cluster does not know.
    fn meant(&self, error: &AppError) -> Option<(urls::Url, String)> {
        let cluster = self.cluster().ok()?;
        let name = error.replacement.as_ref()?;
        let resource = cluster.catalog()?.find(name).ok()?;
        Some((urls::list(cluster.id().as_str(), &resource), name.clone()))
    }

    /// Runs `with` with the surroundings of this page's parts.
    pub(crate) fn scene<T>(&self, cluster: &Cluster, scope: Question, with: impl FnOnce(&Scene<'_>) -> T) -> T {
        scene(&self.engine, cluster, scope, with)
    }
}

/// Runs `with` with the surroundings of the parts of a page about `cluster`.
pub(crate) fn scene<T>(engine: &Engine, cluster: &Cluster, scope: Question, with: impl FnOnce(&Scene<'_>) -> T) -> T {
    let resolve = |reference: &ObjectRef| cluster.link(reference);
    with(&Scene { cluster: cluster.id().as_str(), now: engine.now(), scope, resolve: &resolve })
}

/// The text, when it can be a name in Kubernetes.
pub(crate) fn name_of(value: &str) -> Result<&str, AppError> {
    let odd = value.is_empty()
        || value == "."
        || value == ".."
        || value.contains(['/', '%', '\\'])
        || value.contains(char::is_control);
    if odd {
        return Err(AppError::new(
            ErrorKind::NotFound,
            format!("\"{}\" cannot be the name of anything here", value.escape_debug()),
        ));
    }
    Ok(value)
}

fn cluster_frame(cluster: &Cluster) -> ClusterFrame {
    let places = cluster.places().into_iter();
    let instruments = places.map(|(instrument, places)| (instrument.manifest(), places)).collect();
    ClusterFrame {
        name: cluster.id().as_str().to_owned(),
        state: cluster.state(),
        instruments,
        navigation: cluster.catalog().map(|catalog| catalog.navigation()),
        namespaces: cluster.namespaces(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_name_never_reaches_the_cluster() {
        for good in ["web-1", "system:node", "a.b.c", "..a", "ä"] {
            assert!(name_of(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../secrets", "%2e%2e", "a\\b", "a\nb"] {
            assert!(name_of(bad).is_err(), "{bad}");
        }
    }
}
