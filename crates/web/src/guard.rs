//! The one door: every request to every route and stream passes here, and what is not expressly let in is refused.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use pilothouse_app::{AppError, ErrorKind};

use crate::assets;
use crate::failure;
use crate::question::Pairs;
use crate::session::Sessions;

/// What anyone on this machine may fetch: the look of the page that says what is missing, and nothing else.
pub(crate) const PUBLIC: [&str; 2] = [assets::STYLE, assets::LOGO];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What the guard knows.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The names under which this listener may be addressed: `127.0.0.1:8700`, `localhost:8700`.
    authorities: Vec<String>,
    sessions: Sessions,
}

impl Guard {
    pub(crate) fn new(address: SocketAddr, sessions: Sessions) -> Self {
        let port = address.port();
        let own = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let mut authorities = Vec::new();
        for host in ["localhost", "127.0.0.1", "[::1]", &own] {
            authorities.push(format!("{host}:{port}"));
            if port == 80 {
                authorities.push(host.to_owned());
            }
        }
        Self { authorities, sessions }
    }

    /// Why a request may not pass, or how it goes on.
    fn judge(&self, request: &Request) -> Verdict {
        let headers = request.headers();
        let Some(host) = host(request) else { return Verdict::Refused("the request names no host") };
        if !self.authorities.iter().any(|known| known.eq_ignore_ascii_case(host)) {
            return Verdict::Refused("the console answers on loopback only, under localhost or 127.0.0.1 and its port");
        }
        if let Some(origin) = headers.get(header::ORIGIN) {
            let own = format!("http://{host}");
            if !origin.to_str().is_ok_and(|origin| origin.eq_ignore_ascii_case(&own)) {
                return Verdict::Refused("the request comes from another site");
            }
        }
        if !same_site(headers, request.method()) {
            return Verdict::Refused("the request comes from another site");
        }
        if PUBLIC.contains(&request.uri().path()) || self.has_session(headers) {
            return Verdict::Passes;
        }
        match launch(request.uri()) {
            Some(secret) if self.sessions.enters(&secret) => Verdict::Enters,
            _ => Verdict::Unknown,
        }
    }

    fn has_session(&self, headers: &HeaderMap) -> bool {
        let texts = |name| headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        texts(header::COOKIE).any(|cookies| self.sessions.in_cookies(cookies))
            || texts(header::AUTHORIZATION)
                .filter_map(|value| value.split_once(' '))
                .any(|(scheme, secret)| scheme.eq_ignore_ascii_case("bearer") && self.sessions.is_launch(secret.trim()))
    }
}

/// What becomes of a request.
enum Verdict {
    /// It goes on to its route.
    Passes,
    /// It presented the launch secret: it gets a session and the address without the secret.
    Enters,
    /// It has no session.
    Unknown,
    /// It must not be here at all, and why.
    Refused(&'static str),
}

/// The authority that the request is for.
fn host(request: &Request) -> Option<&str> {
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok(),
        // HTTP/2 carries it in the address.
        (None, None) => request.uri().authority().map(axum::http::uri::Authority::as_str),
        _ => None,
    }
}

/// What browsers say of where a request began. Another port of this host is the same site but not the same origin; only
/// following a link may lead here from elsewhere.
fn same_site(headers: &HeaderMap, method: &Method) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    match text("sec-fetch-site") {
        None | Some("same-origin" | "none") => true,
        Some(_) => method == Method::GET && text("sec-fetch-mode") == Some("navigate"),
    }
}

fn launch(uri: &Uri) -> Option<String> {
    if uri.path() != "/" {
        return None;
    }
    let Query(pairs) = Query::<Pairs>::try_from_uri(uri).ok()?;
    pairs.into_iter().find(|(name, _)| name == "launch").map(|(_, secret)| secret)
}

/// Judges a request, and dresses every answer.
pub(crate) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let wants_json = failure::wants_json(request.uri().path(), request.headers());
    let launches = launch(request.uri()).is_some();
    let mut response = match guard.judge(&request) {
        // The secret does not stay in the address bar.
        Verdict::Passes if launches => Redirect::to("/").into_response(),
        Verdict::Passes => next.run(request).await,
        Verdict::Enters => ([(header::SET_COOKIE, guard.sessions.set_cookie())], Redirect::to("/")).into_response(),
        Verdict::Unknown => failure::plain(
            StatusCode::UNAUTHORIZED,
            &AppError::new(ErrorKind::Unauthorized, "This browser has no session with the console.").hint(
                "Open the address that pilothouse printed in the terminal, with ?launch=... at its end. If you came here \
                 by a link in another page, reload.",
            ),
            wants_json,
        ),
        Verdict::Refused(why) => failure::plain(
            StatusCode::FORBIDDEN,
            &AppError::new(ErrorKind::Forbidden, format!("Refused: {why}.")),
            wants_json,
        ),
    };
    dress(response.headers_mut());
    response
}

fn dress(headers: &mut HeaderMap) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        // Nothing is told to other sites. Within the console browsers tell it all the same, for without it they also keep to
        // themselves from where a form is sent.
        (header::REFERRER_POLICY, "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}
