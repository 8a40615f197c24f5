//! `/sign-in` and what belongs to it: pages and forms that work without any script.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use pilothouse_app::{AppError, ErrorKind};
use pilothouse_model::Level;
use std::sync::Arc;

use crate::components::freshness::notice;
use crate::components::icon::icon;
use crate::failure;
use crate::frame::bare;
use crate::guard::sitting;
use crate::openid::{Callback, Flow, OpenIdError};
use crate::question::Pairs;
use crate::server::Web;
use crate::session::sealed::{Jar, Session};
use crate::signin::{Shared, destination, pasted};
use crate::urls;
use crate::visit::theme;

/// How long a person may take with the issuer, in seconds.
const FLOW: i64 = 900;
/// How many sign-ins of one browser may be under way at once.
const FLOWS: usize = 4;
/// The most of an issuer's words that is shown.
const WORDS: usize = 300;

/// `GET /sign-in`
pub(crate) async fn show(State(web): State<Web>, headers: HeaderMap, Query(pairs): Query<Pairs>) -> Response {
    let Some(shared) = &web.shared else { return StatusCode::NOT_FOUND.into_response() };
    let then = destination(value(&pairs, "then"));
    page(shared, &headers, then, None)
}

/// `POST /sign-in`: a bearer token for one cluster.
pub(crate) async fn token(State(web): State<Web>, headers: HeaderMap, Form(pairs): Form<Pairs>) -> Response {
    let Some(shared) = &web.shared else { return StatusCode::NOT_FOUND.into_response() };
    let (cluster, then) = (value(&pairs, "cluster"), destination(value(&pairs, "then")));
    let signed_in = async {
        if !shared.clusters().iter().any(|known| known == cluster) {
            return Err(AppError::new(ErrorKind::NotFound, "there is no such cluster to sign in to"));
        }
        let token = pasted(value(&pairs, "token")).ok_or_else(|| {
            AppError::new(ErrorKind::BadInput, "this is no bearer token: it is one line without blanks")
        })?;
        let session = shared.sign_in(cluster, token).await?;
        enter(shared, &headers, &session, then)
    };
    match signed_in.await {
        Ok(response) => response,
        Err(error) => page(shared, &headers, then, Some((cluster, &error))),
    }
}

/// `GET /sign-in/{cluster}/openid`: off to the issuer.
pub(crate) async fn openid(
    State(web): State<Web>,
    Path(cluster): Path<String>,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Response {
    let Some(shared) = &web.shared else { return StatusCode::NOT_FOUND.into_response() };
    let then = destination(value(&pairs, "then"));
    let from = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    let Some(issuer) = shared.issuer(&cluster).filter(|_| matches!(from, None | Some(b"same-origin" | b"none"))) else {
        // Another site may lead people to the page, not through it.
        return Redirect::to(urls::sign_in(then).as_str()).into_response();
    };
    match issuer.begin(&shared.callback(&cluster)).await {
        Ok((address, [state, nonce, verifier])) => {
            let flow = Flow { cluster, state, nonce, verifier, then: then.to_owned(), until: shared.now() + FLOW };
            let sealed = serde_json::to_vec(&flow).ok();
            let cookie = sealed.and_then(|plain| shared.cookies.set_flow(&flow.state, &plain, FLOW));
            let Some(cookie) = cookie else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
            let mut response = Redirect::to(&address).into_response();
            for old in shared.cookies.end_flows(&Jar::read(&headers), FLOWS - 1) {
                response.headers_mut().append(header::SET_COOKIE, old);
            }
            response.headers_mut().append(header::SET_COOKIE, cookie);
            response
        }
        Err(error) => page(shared, &headers, then, Some((&cluster, &told(&error)))),
    }
}

/// `GET /sign-in/{cluster}/callback`: back from the issuer.
pub(crate) async fn callback(
    State(web): State<Web>,
    Path(cluster): Path<String>,
    headers: HeaderMap,
    Query(pairs): Query<Pairs>,
) -> Response {
    let Some(shared) = &web.shared else { return StatusCode::NOT_FOUND.into_response() };
    let state = value(&pairs, "state");
    let Some(flow) = begun(shared, &headers, &cluster, state) else {
        let error =
            AppError::new(ErrorKind::BadInput, "this sign-in was not begun in this browser, or it took too long")
                .hint("begin again");
        return page(shared, &headers, "/", Some((&cluster, &error)));
    };
    let mut response = match finish(shared, &headers, &flow, &pairs).await {
        Ok(response) => response,
        Err(error) => page(shared, &headers, destination(&flow.then), Some((&cluster, &error))),
    };
    // Whatever came of it, the same answer does not count twice.
    if let Some(cookie) = shared.cookies.end_flow(state) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The sign-in that this browser began under this state.
fn begun(shared: &Shared, headers: &HeaderMap, cluster: &str, state: &str) -> Option<Flow> {
    let plain = shared.cookies.get_flow(state, &Jar::read(headers))?;
    let flow: Flow = serde_json::from_slice(&plain).ok()?;
    (flow.state == state && flow.cluster == cluster && shared.now() < flow.until).then_some(flow)
}

async fn finish(shared: &Shared, headers: &HeaderMap, flow: &Flow, pairs: &Pairs) -> Result<Response, AppError> {
    let issuer = shared
        .issuer(&flow.cluster)
        .ok_or_else(|| AppError::new(ErrorKind::NotFound, "this cluster has no issuer to sign in with"))?;
    let refused = value(pairs, "error");
    if !refused.is_empty() {
        let words: String = format!("{refused}: {}", value(pairs, "error_description")).chars().take(WORDS).collect();
        let said = format!("the issuer {} says {}", issuer.url(), words.trim_end_matches([':', ' ']));
        return Err(AppError::new(ErrorKind::Unauthorized, said));
    }
    let named = pairs.iter().find(|(name, _)| name == "iss").map(|(_, value)| value.as_str());
    let callback = Callback { code: value(pairs, "code"), issuer: named };
    let granted = issuer.finish(&shared.callback(&flow.cluster), flow, callback).await.map_err(|error| told(&error))?;
    let session = shared.sign_in_with(&flow.cluster, granted).await?;
    enter(shared, headers, &session, destination(&flow.then))
}

/// Begins the session, and goes where the person wanted to.
fn enter(shared: &Shared, headers: &HeaderMap, session: &Session, then: &str) -> Result<Response, AppError> {
    let cookies = shared.cookies.begin(session, &Jar::read(headers), shared.now());
    let cookies = cookies.ok_or_else(|| {
        AppError::new(ErrorKind::BadInput, "this token is too long for a browser to carry")
            .hint("ask for a shorter one")
    })?;
    let mut response = Redirect::to(then).into_response();
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// `POST /sign-out`: ends every session of this browser, and leads on to the issuers that keep one of their own.
pub(crate) async fn sign_out(State(web): State<Web>, headers: HeaderMap) -> Response {
    let Some(shared) = &web.shared else { return StatusCode::NOT_FOUND.into_response() };
    let jar = Jar::read(&headers);
    let back = format!("{}{}", shared.public, urls::sign_in("/"));
    let mut ends = Vec::new();
    let sessions = shared.sessions(&jar);
    shared.engine(&sessions, None).leave();
    // All of them before anything is awaited: nothing goes on while an issuer takes its time.
    for session in &sessions {
        shared.streams.sign_out(sitting(session));
    }
    for session in sessions {
        let Some(issuer) = shared.issuer(&session.cluster).filter(|_| session.subject.is_some()) else { continue };
        if let Some(end) = issuer.end(&session.token, &back).await
            && !ends.iter().any(|(known, _)| known == issuer.url())
        {
            ends.push((issuer.url().to_owned(), end));
        }
    }
    let mut response =
        bare("Signed out", (theme(&headers), ends.first().map(|(_, end)| end.as_str())), &signed_out(&ends))
            .into_response();
    let clusters = shared.clusters().iter().flat_map(|cluster| shared.cookies.end(cluster, &jar));
    for cookie in clusters.chain(shared.cookies.end_flows(&jar, 0)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn signed_out(ends: &[(String, String)]) -> Markup {
    html! {
        h1 { "You are signed out" }
        @if ends.is_empty() {
            p { "This browser holds no session with the console any more." }
        } @else {
            p { "This browser holds no session with the console any more. Signing out of the issuer follows by itself." }
            ul.ends { @for (issuer, end) in ends { li { a.button href=(end) { "Sign out of " (short(issuer)) } } } }
        }
        p { a href=(urls::sign_in("/")) { "Sign in again" } }
    }
}

/// The page, perhaps with what went wrong with one cluster.
fn page(shared: &Arc<Shared>, headers: &HeaderMap, then: &str, problem: Option<(&str, &AppError)>) -> Response {
    let sessions = shared.sessions(&Jar::read(headers));
    let clusters: Vec<Choice<'_>> = shared
        .clusters()
        .iter()
        .map(|cluster| Choice {
            cluster,
            issuer: shared.issuer(cluster).map(|issuer| issuer.url()),
            name: sessions.iter().find(|session| session.cluster == *cluster).map(|session| session.name.as_str()),
            open: problem.is_some_and(|(failed, _)| failed == cluster),
        })
        .collect();
    let status = problem.map_or(StatusCode::OK, |(_, error)| match error.kind {
        ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
        kind => failure::status(kind),
    });
    let body = view(&clusters, then, problem);
    (status, bare("Sign in", (theme(headers), None), &body)).into_response()
}

/// One cluster to sign in to.
struct Choice<'a> {
    cluster: &'a str,
    issuer: Option<&'a str>,
    /// Who is signed in to it already.
    name: Option<&'a str>,
    /// Whether its form for a token is shown at once.
    open: bool,
}

fn view(clusters: &[Choice<'_>], then: &str, problem: Option<(&str, &AppError)>) -> Markup {
    html! {
        h1 { "Sign in" }
        p { "You see what the cluster lets you see, and act with your own rights." }
        @if let Some((cluster, error)) = problem {
            div role="alert" {
                (notice(Level::Error, &format!("Not signed in to {cluster}: {}", error.message), error.hint.as_deref().unwrap_or_default()))
            }
        }
        ul.choices {
            @for choice in clusters {
                li {
                    h2 { (choice.cluster) }
                    @if let Some(name) = choice.name { p.already { "Signed in as " strong { (name) } ". " a href=(urls::cluster(choice.cluster)) { "Open" } } }
                    @if let Some(issuer) = choice.issuer {
                        a.button.primary href=(urls::sign_in_with_issuer(choice.cluster, then)) { "Sign in with " (short(issuer)) }
                        details open[choice.open] { summary { "Use a bearer token" (icon("down")) } (form(choice.cluster, then)) }
                    } @else {
                        (form(choice.cluster, then))
                    }
                }
            }
        }
        @if clusters.iter().any(|choice| choice.name.is_some()) {
            form method="post" action="/sign-out" { button.button type="submit" { "Sign out everywhere" } }
        }
    }
}

fn form(cluster: &str, then: &str) -> Markup {
    html! {
        form.token method="post" action="/sign-in" {
            input type="hidden" name="cluster" value=(cluster);
            @if then != "/" { input type="hidden" name="then" value=(then); }
            label {
                span { "Bearer token" }
                input type="password" name="token" required autocomplete="off" spellcheck="false"
                    aria-label={ "Bearer token for " (cluster) };
            }
            button.button type="submit" { "Sign in" }
        }
    }
}

/// An issuer as people know it: without what every one of them begins with.
fn short(issuer: &str) -> &str {
    issuer.trim_start_matches("https://").trim_end_matches('/')
}

fn told(error: &OpenIdError) -> AppError {
    tracing::warn!(%error, "a sign-in failed");
    let (kind, hint) = match error {
        OpenIdError::Silent { .. } => {
            (ErrorKind::Unavailable, "try again in a moment; whoever runs the console sees more in its log")
        }
        OpenIdError::Refused { .. } => (ErrorKind::Unauthorized, "begin again"),
        OpenIdError::Options { .. } | OpenIdError::Wrong { .. } => {
            (ErrorKind::Unauthorized, "begin again; if it lasts, tell whoever runs the console")
        }
    };
    AppError::new(kind, error.to_string()).hint(hint)
}

fn value<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cluster_has_its_ways_in_and_nothing_is_markup() {
        let choices = [
            Choice { cluster: "prod", issuer: Some("https://id.example.com/"), name: None, open: false },
            Choice { cluster: "<b>x</b>", issuer: None, name: Some("<i>ada"), open: false },
        ];
        let error = AppError::new(ErrorKind::Unauthorized, "<script>no");
        let html = view(&choices, "/c/prod?q=a&ns=b", Some(("prod", &error))).into_string();
        assert!(html.contains("Sign in with id.example.com</a>"), "{html}");
        assert!(html.contains("/sign-in/prod/openid?then=/c/prod%3Fq%3Da%26ns%3Db"), "{html}");
        assert!(html.contains("value=\"/c/prod?q=a&amp;ns=b\""), "{html}");
        assert_eq!(html.matches("type=\"password\"").count(), 2);
        assert!(!html.contains("<b>x") && !html.contains("<i>ada") && !html.contains("<script"), "{html}");
        assert!(html.contains("action=\"/sign-out\""));
        assert!(!view(&choices[..1], "/", None).into_string().contains("/sign-out"));
    }
}
