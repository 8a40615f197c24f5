//! One request for a page: which cluster, which question, how to answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use maud::html;
use pilothouse_app::{AppError, Cluster, ClusterView, ConnectionState, Engine, ErrorKind, NavigationGroup};
use pilothouse_model::{Level, ObjectRef, Resource};
use std::sync::Arc;

use crate::components::freshness;
use crate::components::scene::Scene;
use crate::failure;
use crate::frame::{ClusterFrame, Content, Frame, trouble};
use crate::guard::Asker;
use crate::question::{Pairs, Question};
use crate::server::Web;
use crate::session::cookie;
use crate::signin::SignedIn;
use crate::terminal::Leave;
use crate::urls;

/// How long a page waits for what is not known yet: the first byte never waits for a slow cluster.
pub(crate) const PATIENCE: Duration = Duration::from_millis(300);

/// Seconds after which a page asks again for what a connected cluster did not answer.
const AGAIN: u32 = 5;

/// A request for a page.
pub(crate) struct Visit {
    /// The engine.
    pub(crate) engine: Engine,
    /// Path parameters; `None` when the path cannot be decoded.
    params: Option<HashMap<String, String>>,
    /// Query parameters.
    pub(crate) pairs: Pairs,
    path: String,
    theme: Option<&'static str>,
    /// Who is signed in; `None` where nobody signs in.
    signed_in: Option<SignedIn>,
    /// What a terminal is bound to; `None` where nobody signs in.
    pub(crate) leave: Option<Leave>,
}

/// `light` or `dark`, when a person chose.
pub(crate) fn theme(headers: &HeaderMap) -> Option<&'static str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    match cookies.filter_map(|cookies| cookie(cookies, "pilothouse-theme")).next() {
        Some("dark") => Some("dark"),
        Some("light") => Some("light"),
        _ => None,
    }
}

impl FromRequestParts<Web> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Infallible> {
        // Routes without parameters have none; what cannot be decoded is told by whoever asks for one.
        let params = match Path::<HashMap<String, String>>::from_request_parts(parts, web).await {
            Ok(Path(params)) => Some(params),
            Err(_) => None,
        };
        let pairs =
            Query::<Pairs>::from_request_parts(parts, web).await.map_or_else(|_| Pairs::new(), |Query(pairs)| pairs);
        let path = parts.uri.path().to_owned();
        let theme = theme(&parts.headers);
        // Who asks comes from the door alone. In a shared console the engine without anybody answers nothing.
        let (engine, signed_in, leave) = match parts.extensions.get::<Asker>().cloned() {
            Some(Asker { engine, signed_in, leave }) => (engine, Some(signed_in), leave),
            None => (web.engine.clone(), None, None),
        };
        Ok(Self { engine, signed_in, leave, params, pairs, path, theme })
    }
}

impl Visit {
    /// A path parameter. What cannot be a name in Kubernetes is refused here, before it can become a part of an address of
    /// the API server: a slash, a percent sign, or a dot segment.
    pub(crate) fn param(&self, name: &str) -> Result<&str, AppError> {
        name_of(self.params()?.get(name).map(String::as_str).unwrap_or_default())
    }

    /// The same, for a parameter that the route may not have.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, AppError> {
        if self.params()?.contains_key(name) { self.param(name).map(Some) } else { Ok(None) }
    }

    /// A query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter that is on or off; off when it is left out.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, AppError> {
        match self.query(name) {
            None | Some("false" | "0") => Ok(false),
            Some("true" | "1") => Ok(true),
            Some(other) => {
                Err(AppError::new(ErrorKind::BadInput, format!("`{name}={other}` is neither true nor false")))
            }
        }
    }

    /// The question.
    pub(crate) fn question(&self) -> Result<Question, AppError> {
        Question::read(&self.pairs)
    }

    /// The cluster. Any text may be a context's name.
    pub(crate) fn cluster(&self) -> Result<Cluster, AppError> {
        self.engine.cluster(self.params()?.get("cluster").map(String::as_str).unwrap_or_default())
    }

    /// The cluster, where the route names one.
    pub(crate) fn optional_cluster(&self) -> Option<Result<Cluster, AppError>> {
        let names_one = self.params.as_ref().is_none_or(|params| params.contains_key("cluster"));
        names_one.then(|| self.cluster())
    }

    fn params(&self) -> Result<&HashMap<String, String>, AppError> {
        let broken = || AppError::new(ErrorKind::NotFound, "this address cannot be decoded: it is not UTF-8");
        self.params.as_ref().ok_or_else(broken)
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
            signed_in: self.signed_in.clone(),
            clusters: self.engine.clusters(),
            everywhere: if cluster.is_none() { self.everywhere() } else { Vec::new() },
            cluster,
            question,
        }
    }

    /// The resources of the first cluster that is connected.
    pub(crate) fn everywhere(&self) -> Vec<NavigationGroup> {
        let connected = |view: &ClusterView| matches!(view.connection, ConnectionState::Connected { .. });
        let navigation = |view: ClusterView| self.engine.cluster(view.id.as_str()).ok()?.navigation();
        self.engine.clusters().into_iter().filter(connected).find_map(navigation).unwrap_or_default()
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
                failure::marked((status, frame.render(&self.failed(&error))).into_response(), &error)
            }
        }
    }

    /// A page about a failure.
    fn failed(&self, error: &AppError) -> Content {
        let state = self.cluster().ok().map(|cluster| cluster.state());
        failed(error, state.as_ref(), self.meant(error), self.engine.now())
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

/// A page about a failure. While the cluster is not connected it follows the connection and opens by itself; what a
/// connected cluster did not answer is asked again after a while.
fn failed(
    error: &AppError,
    state: Option<&ConnectionState>,
    meant: Option<(urls::Url, String)>,
    now: Timestamp,
) -> Content {
    let down = state.filter(|state| match state {
        ConnectionState::Connected { .. } => false,
        ConnectionState::Idle | ConnectionState::Connecting => error.kind == ErrorKind::Unavailable,
        // Without a connection, its own failure says more than what it leads to.
        ConnectionState::Failed { error: cause, .. } => error.kind == ErrorKind::Unavailable || cause == error,
    });
    let title = match down {
        // The page follows the connection, whose own failure may be another one than that of the first look.
        Some(ConnectionState::Failed { error: cause, .. }) => title(cause, true),
        // Nothing was opened at all: the kubeconfig does not let it.
        None if state.is_none() && matches!(error.kind, ErrorKind::BadInput | ErrorKind::Unavailable) => {
            "The cluster cannot be opened"
        }
        _ => title(error, down.is_some()),
    };
    // Rights come and go.
    let again = down.is_none() && matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Forbidden);
    let body = html! {
        @if down.is_none() { div.head { div { h1 { (title) } } } }
        @if let Some(state) = down {
            div data-watch=(urls::watch_state(false)) { div data-part="trouble" { (reaching(state, now)) } }
        } @else {
            (freshness::notice(Level::Error, &error.message, error.hint.as_deref().unwrap_or_default()))
            @if again { p.faint data-again=(AGAIN) { "It is asked again every " (AGAIN) " seconds." } }
            @if let Some((url, name)) = meant { p { a.button href=(url) { "Open " (name) } } }
        }
    };
    Content { title: title.to_owned(), body, scoped: None, waits: down.is_some() || again }
}

/// Of a connection that does not stand: what it lacks, and when it is tried again; nothing when it stands.
pub(crate) fn reaching(state: &ConnectionState, now: Timestamp) -> maud::Markup {
    let title = match state {
        ConnectionState::Connected { .. } => return html! {},
        ConnectionState::Idle | ConnectionState::Connecting => "The cluster does not answer yet",
        ConnectionState::Failed { error, .. } => title(error, true),
    };
    html! {
        div.head { div { h1 { (title) } } }
        (trouble(state, now))
    }
}

fn title(error: &AppError, down: bool) -> &'static str {
    match error.kind {
        ErrorKind::Unavailable if down => "The cluster does not answer yet",
        ErrorKind::Unavailable => "The cluster does not answer this now",
        ErrorKind::NotFound | ErrorKind::NotOffered => "Not found",
        ErrorKind::Conflict => "It has changed meanwhile",
        ErrorKind::Forbidden => "Not allowed",
        ErrorKind::Unauthorized => "The cluster does not accept your credential",
        ErrorKind::BadInput if error.span.is_some() => "The question cannot be read",
        ErrorKind::BadInput => "This cannot be asked",
        ErrorKind::Malformed => "The answer of the cluster cannot be read",
    }
}

/// Runs `with` with the surroundings of the parts of a page about `cluster`.
pub(crate) fn scene<T>(engine: &Engine, cluster: &Cluster, scope: Question, with: impl FnOnce(&Scene<'_>) -> T) -> T {
    let resolve = |reference: &ObjectRef| cluster.link(reference);
    with(&Scene { cluster: cluster.id().as_str(), now: engine.now(), scope, resolve: &resolve })
}

/// The text, when it can be a name in Kubernetes.
pub(crate) fn name_of(value: &str) -> Result<&str, AppError> {
    // Some servers take what follows a semicolon for no part of the segment.
    let bare = value.split(';').next().unwrap_or_default();
    let odd = matches!(bare, "" | "." | "..") || value.contains(['/', '%', '\\']) || value.contains(char::is_control);
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
    let catalog = cluster.catalog();
    let problems = catalog.iter().flat_map(|catalog| &catalog.problems).map(ToString::to_string).collect();
    ClusterFrame {
        name: cluster.id().as_str().to_owned(),
        state: cluster.state(),
        instruments,
        navigation: cluster.navigation(),
        problems,
        namespaces: cluster.namespaces().unwrap_or_default(),
        namespaces_completeness: cluster.namespaces_completeness(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected() -> ConnectionState {
        ConnectionState::Connected { version: "v1.33.0".into() }
    }

    fn broken(error: &AppError) -> ConnectionState {
        ConnectionState::Failed { error: error.clone(), retry_at: Timestamp::UNIX_EPOCH, attempts: 2 }
    }

    fn page(error: &AppError, state: &ConnectionState) -> (String, String, bool) {
        let content = failed(error, Some(state), None, Timestamp::UNIX_EPOCH);
        (content.title, content.body.into_string(), content.waits)
    }

    #[test]
    fn what_a_connected_cluster_does_not_answer_is_told_and_asked_again() {
        let busy = AppError::new(ErrorKind::Unavailable, "too many requests");
        let (title, body, waits) = page(&busy, &connected());
        assert!(body.contains("Too many requests.") && body.contains("data-again"), "{body}");
        assert!(waits && title == "The cluster does not answer this now", "{title}");
        let (_, body, waits) = page(&AppError::new(ErrorKind::Forbidden, "not yours"), &connected());
        assert!(waits && body.contains("data-again"), "{body}");
        let (title, body, waits) = page(&busy, &ConnectionState::Connecting);
        assert!(waits && title.ends_with("yet") && body.contains("data-watch"), "{title} {body}");
    }

    #[test]
    fn a_page_without_a_connection_tells_of_its_own_failure() {
        let away = AppError::new(ErrorKind::Unavailable, "refused");
        let missing = AppError::new(ErrorKind::NotFound, "no such pod");
        let (title, body, waits) = page(&missing, &broken(&away));
        assert!(title == "Not found" && body.contains("No such pod") && !waits, "{title} {body}");
        let credential = AppError::new(ErrorKind::Unauthorized, "the token has expired");
        let (title, body, waits) = page(&credential, &broken(&credential));
        assert_eq!(title, "The cluster does not accept your credential");
        assert!(waits && body.contains("The token has expired.") && body.contains("data-watch"), "{body}");
    }

    #[test]
    fn a_refused_credential_is_no_silence() {
        let credential = AppError::new(ErrorKind::Unauthorized, "the token has expired");
        let silent = AppError::new(ErrorKind::Unavailable, "still connecting");
        let (title, body, _) = page(&silent, &broken(&credential));
        assert_eq!(title, "The cluster does not accept your credential");
        assert!(body.contains("<h1>The cluster does not accept your credential</h1>"), "{body}");
        let missing = AppError::new(ErrorKind::BadInput, "the context names a cluster that is not there");
        let content = failed(&missing, None, None, Timestamp::UNIX_EPOCH);
        assert_eq!(content.title, "The cluster cannot be opened");
    }

    #[test]
    fn what_cannot_be_a_name_never_reaches_the_cluster() {
        for good in ["web-1", "system:node", "a.b.c", "..a", "ä"] {
            assert!(name_of(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", "../secrets", "%2e%2e", "a\\b", "a\nb", "..;", ";x"] {
            assert!(name_of(bad).is_err(), "{bad}");
        }
    }
}
