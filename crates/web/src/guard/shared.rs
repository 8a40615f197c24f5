//! The door of a shared console: nobody passes without a session, and everybody passes as who they are.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::percent_decode_str;
use pilothouse_app::{AppError, Engine, ErrorKind};
use tokio::time::Instant;

use super::streams::{NoPlace, ending, goes_on};
use super::{PUBLIC, from_here, host, refused};
use crate::failure;
use crate::session::sealed::{Jar, Session};
use crate::signin::{Seen, Shared, SignedIn, destination, fingerprint, pasted};
use crate::terminal::Leave;
use crate::urls;

/// What tells the script of a page that there is no session any more, and where there may be one again.
const SIGN_IN: header::HeaderName = header::HeaderName::from_static("pilothouse-sign-in");

/// Who asks, for the one request that carries it.
#[derive(Clone)]
pub(crate) struct Asker {
    /// The engine as that person sees it.
    pub(crate) engine: Engine,
    /// Where that person is signed in.
    pub(crate) signed_in: SignedIn,
    /// What a terminal of that person in the cluster asked for is bound to.
    pub(crate) leave: Option<Leave>,
}

/// Refuses a request, sends it to sign in, or lets it pass as somebody.
pub(super) async fn check(shared: &Arc<Shared>, request: Request, next: Next) -> Response {
    let wants_json = failure::wants_json(request.uri().path(), request.headers());
    if let Err(why) = judge(shared, &request) {
        return refused(&why, wants_json);
    }
    let path = request.uri().path();
    if PUBLIC.contains(&path) || opens(path) {
        return next.run(request).await;
    }
    let cluster = cluster_of(path);
    match bearer(request.headers()) {
        Some(token) if path.starts_with("/api/") => match (cluster, token) {
            (Some(cluster), Some(token)) => as_bearer(shared, (&cluster, &token), request, next).await,
            _ => unknown(&request, "A bearer token is good for one cluster, under /api/v1/clusters/NAME/ alone."),
        },
        _ => as_person(shared, cluster.as_deref(), request, next).await,
    }
}

/// Why a request must not be here at all.
fn judge(shared: &Shared, request: &Request) -> Result<(), String> {
    let host = host(request).ok_or("the request names no host")?;
    if !shared.public.is_host(host) {
        return Err(format!("the console answers under {} only", shared.public));
    }
    from_here(request, |origin| shared.public.is_origin(origin))?;
    let headers = request.headers();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    // A browser says where a change comes from; a program has no cookies that another site could use.
    let says = headers.contains_key(header::ORIGIN)
        || headers.get("sec-fetch-site").is_some_and(|site| site.as_bytes() == b"same-origin");
    if !reads && !says && bearer(headers).is_none() {
        return Err("a change must say where it comes from".to_owned());
    }
    Ok(())
}

/// Whether a page is for those who are not signed in yet, or not any more.
fn opens(path: &str) -> bool {
    path == "/sign-in" || path.starts_with("/sign-in/") || path == "/sign-out"
}

/// The cluster that an address is about.
fn cluster_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/c/").or_else(|| path.strip_prefix("/api/v1/clusters/"))?;
    let segment = rest.split('/').next().filter(|segment| !segment.is_empty())?;
    percent_decode_str(segment).decode_utf8().ok().map(|name| name.into_owned())
}

/// The bearer token of a request; an inner `None` when it cannot be one.
fn bearer(headers: &HeaderMap) -> Option<Option<String>> {
    let mut values = headers.get_all(header::AUTHORIZATION).into_iter();
    let value = values.next()?.to_str().unwrap_or_default();
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    Some(pasted(token).filter(|_| values.next().is_none()).map(str::to_owned))
}

/// With the credential that the request brought, for its cluster alone; what cookies say does not count.
async fn as_bearer(shared: &Arc<Shared>, (cluster, token): (&str, &str), request: Request, next: Next) -> Response {
    match shared.bearer(cluster, token).await {
        Ok(session) => {
            let sessions = [session];
            let request = dress(shared, &sessions, Some(cluster), request);
            let response = next.run(request).await;
            let [session] = &sessions;
            if tells_refusal(&response) && shared.is_refused(session).await {
                let error = AppError::new(ErrorKind::Unauthorized, "the cluster does not accept this bearer token");
                return unauthorized(&error);
            }
            bounded(shared, &sessions, response)
        }
        Err(error) if error.kind == ErrorKind::Unauthorized => unauthorized(&error),
        Err(error) => failure::api(&error),
    }
}

/// With the sessions of the cookies.
async fn as_person(shared: &Arc<Shared>, cluster: Option<&str>, request: Request, next: Next) -> Response {
    let Seen { sessions, set } = shared.recognise(request.headers(), cluster).await;
    let here = cluster.filter(|name| shared.clusters().iter().any(|known| known == name));
    let used: Vec<Session> = match here {
        Some(here) => sessions.iter().filter(|session| session.cluster == here).cloned().collect(),
        None => sessions.clone(),
    };
    let mut response = if used.is_empty() {
        let words =
            if sessions.is_empty() { "You are not signed in." } else { "You are not signed in to this cluster." };
        unknown(&request, words)
    } else {
        let cookies = request.headers().clone();
        let asked = Asked::of(&request);
        let request = dress(shared, &sessions, cluster, request);
        let response = next.run(request).await;
        match used.first().filter(|_| here.is_some()) {
            // It was good when it came, and is not any more: it was revoked.
            Some(session) if tells_refusal(&response) && shared.is_refused(session).await => {
                let mut response = asked.unknown("The cluster does not accept your credential any more.");
                add(&mut response, shared.cookies.end(&session.cluster, &Jar::read(&cookies)));
                return response;
            }
            _ => bounded(shared, &used, response),
        }
    };
    add(&mut response, set);
    response
}

fn add(response: &mut Response, cookies: Vec<HeaderValue>) {
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

/// Whether the answer says that a credential was refused: ours, or the console's own.
fn tells_refusal(response: &Response) -> bool {
    response.extensions().get::<ErrorKind>() == Some(&ErrorKind::Unauthorized)
}

/// Stands for the one whose session it is, in its cluster.
fn person(session: &Session) -> [u8; 32] {
    fingerprint(&whose(session))
}

/// Stands for the session itself, in one browser; with a renewed token it is the same.
pub(crate) fn sitting(session: &Session) -> [u8; 32] {
    let [cluster, kind, who] = whose(session);
    fingerprint(&[cluster, kind, who, &session.until.to_string(), &session.number.to_string()])
}

/// What tells the one whose session it is from everybody else. A name that the cluster did not say may be that of many: then it
/// is the issuer's word for that one, of the one issuer that the cluster has here, or the token.
fn whose(session: &Session) -> [&str; 3] {
    match &session.subject {
        _ if session.named => [&session.cluster, "name", &session.name],
        Some(subject) => [&session.cluster, "subject", subject],
        None => [&session.cluster, "token", &session.token],
    }
}

/// The request as these sessions' person asks it.
fn dress(shared: &Shared, sessions: &[Session], cluster: Option<&str>, mut request: Request) -> Request {
    let names = sessions.iter().map(|session| (session.cluster.clone(), session.name.clone())).collect();
    let here = sessions.iter().find(|session| Some(session.cluster.as_str()) == cluster);
    let until = |time: i64| Duration::from_secs(u64::try_from(time.saturating_sub(shared.now())).unwrap_or(0));
    let leave = here.map(|session| Leave {
        person: person(session),
        session: Some(sitting(session)),
        lasts: Instant::now().checked_add(until(session.token_end.map_or(session.until, |end| end.min(session.until)))),
        renew: session.refresh.as_ref().and_then(|_| session.due()).map(until),
    });
    let asker = Asker { engine: shared.engine(sessions, cluster), signed_in: SignedIn(names), leave };
    request.extensions_mut().insert(asker);
    // Nothing behind the door reads a credential from the request.
    request.headers_mut().remove(header::AUTHORIZATION);
    request
}

/// The answer; one that goes on for no longer than these sessions, and not beside too many others.
fn bounded(shared: &Shared, sessions: &[Session], response: Response) -> Response {
    if !goes_on(&response) {
        return response;
    }
    let people: Vec<&str> = sessions.iter().flat_map(whose).collect();
    match shared.streams.place(fingerprint(&people), sessions.iter().map(sitting).collect(), None) {
        Ok(place) => ending(response, lasts(shared, sessions), place),
        Err(NoPlace::SignedOut) => {
            unauthorized(&AppError::new(ErrorKind::Unauthorized, "You are signed out.").hint("sign in again"))
        }
        Err(NoPlace::TooMany) => {
            let error = AppError::new(ErrorKind::Unavailable, "You follow too many things at once.")
                .hint("close some pages of the console, or end a script that follows lists or logs");
            failure::plain(StatusCode::TOO_MANY_REQUESTS, &error, true)
        }
    }
}

/// How long what was begun with these sessions may go on.
fn lasts(shared: &Shared, sessions: &[Session]) -> Duration {
    let end = sessions.iter().map(Session::lasts).min().unwrap_or(i64::MAX);
    Duration::from_secs(u64::try_from(end.saturating_sub(shared.now())).unwrap_or(0))
}

/// What decides how someone is told that there is no session.
struct Asked {
    /// Where it wanted to go.
    path: String,
    /// A page in the browser, which can go and sign in.
    page: bool,
    /// A part of a page, fetched by its script.
    part: bool,
    json: bool,
}

impl Asked {
    fn of(request: &Request) -> Self {
        let (headers, path) = (request.headers(), request.uri().path());
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let json = failure::wants_json(path, headers);
        let streams = text("accept").contains("text/event-stream");
        let part = headers.contains_key("hx-request");
        let navigates = matches!(text("sec-fetch-mode"), "" | "navigate") && request.method() == Method::GET;
        let whole = request.uri().path_and_query().map_or(path, |path| path.as_str());
        let page = navigates && !json && !streams && !part && !path.starts_with("/api/");
        Self { path: destination(whole).to_owned(), page, part, json }
    }

    /// Sends a person to sign in; says to a program that it has to.
    fn unknown(&self, words: &str) -> Response {
        let sign_in = urls::sign_in(&self.path);
        if self.page {
            return Redirect::to(sign_in.as_str()).into_response();
        }
        let error = AppError::new(ErrorKind::Unauthorized, words).hint(
            "Sign in at /sign-in, or send a token that the cluster accepts as `Authorization: Bearer`, under \
             /api/v1/clusters/NAME/.",
        );
        let mut response = failure::plain(StatusCode::UNAUTHORIZED, &error, self.json);
        if let Ok(place) = HeaderValue::from_str(sign_in.as_str()) {
            if self.part {
                response.headers_mut().insert("hx-redirect", place.clone());
            }
            response.headers_mut().insert(SIGN_IN, place);
        }
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        response
    }
}

fn unknown(request: &Request, words: &str) -> Response {
    Asked::of(request).unknown(words)
}

fn unauthorized(error: &AppError) -> Response {
    let mut response = failure::plain(StatusCode::UNAUTHORIZED, error, true);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::sealed::tests::session;

    #[test]
    fn only_a_name_that_the_cluster_said_makes_two_sessions_one_persons() {
        let hers = Session { named: true, ..session("one") };
        let again = Session { token: "two".into(), subject: Some("1".into()), ..hers.clone() };
        assert_eq!(person(&hers), person(&again), "from two browsers, with a token or by an issuer");
        assert_eq!(sitting(&hers), sitting(&again), "renewed, it is the same session");
        assert_ne!(
            sitting(&hers),
            sitting(&Session { until: hers.until + 1, ..again.clone() }),
            "begun at another time"
        );
        assert_ne!(sitting(&hers), sitting(&Session { number: 1, ..again }), "begun at the same time elsewhere");
        assert_ne!(person(&hers), person(&Session { name: "ben".into(), ..hers.clone() }));
        assert_ne!(person(&hers), person(&Session { cluster: "dev".into(), ..hers.clone() }));

        let opaque = |token: &str| Session { name: "signed in".into(), named: false, ..session(token) };
        assert_ne!(person(&opaque("one")), person(&opaque("two")));
        assert_eq!(person(&opaque("one")), person(&opaque("one")));
        let issued = |token: &str, subject: &str| Session { subject: Some(subject.into()), ..opaque(token) };
        assert_eq!(person(&issued("one", "1")), person(&issued("two", "1")), "it goes on with a renewed token");
        assert_ne!(person(&issued("one", "1")), person(&issued("one", "2")));
        // Nobody becomes somebody else by what a token says.
        let claims = Session { name: "ada".into(), ..opaque("three") };
        assert_ne!(person(&hers), person(&claims));
        assert_ne!(person(&opaque("x")), person(&issued("y", "x")));
    }

    #[test]
    fn addresses_tell_their_cluster() {
        for (path, cluster) in [
            ("/c/prod", Some("prod")),
            ("/c/a%2Fb/workloads", Some("a/b")),
            ("/api/v1/clusters/prod/workloads", Some("prod")),
            ("/api/v1/clusters", None),
            ("/api/v1/clusters/", None),
            ("/clusters", None),
            ("/c/%ff", None),
        ] {
            assert_eq!(cluster_of(path).as_deref(), cluster, "{path}");
        }
    }

    #[test]
    fn only_one_bearer_token_counts() {
        let read = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            bearer(&headers)
        };
        assert_eq!(read(&["bearer abc"]), Some(Some("abc".to_owned())));
        assert_eq!(read(&["Basic abc"]), None);
        assert_eq!(read(&[]), None);
        for odd in [&["Bearer"][..], &["Bearer a b"], &["Bearer a", "Bearer b"], &["Bearer a", "Basic b"]] {
            assert_eq!(read(odd), Some(None), "{odd:?}");
        }
    }
}
