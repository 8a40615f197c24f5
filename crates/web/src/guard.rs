//! The one door: every request to every route and stream passes here, and what is not expressly let in is refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use futures::{StreamExt, stream};
use pilothouse_app::{AppError, ErrorKind};

use crate::assets;
use crate::failure;
use crate::question::Pairs;
use crate::session::Sessions;
use crate::signin::Shared;

mod shared;
mod streams;

pub(crate) use shared::{Asker, sitting};
pub(crate) use streams::{NoPlace, Place, Reached, Streams};

/// What anyone may fetch: the look of the page that says what is missing, and nothing else.
pub(crate) const PUBLIC: [&str; 3] = [assets::STYLE, assets::LOGO, assets::ICONS];

/// How long the body of a request may take.
const BODY: Duration = Duration::from_secs(60);

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What the guard knows.
pub(crate) enum Guard {
    /// The console of one person on this machine.
    Local(Local),
    /// A console of many people.
    Shared(Arc<Shared>),
}

/// What it takes to speak to the console of one person.
#[derive(Debug)]
pub(crate) struct Local {
    /// The names under which this listener may be addressed: `127.0.0.1:8700`, `localhost:8700`.
    authorities: Vec<String>,
    sessions: Sessions,
}

impl Local {
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
        let own = format!("http://{host}");
        if let Err(why) = from_here(request, |origin| origin.eq_ignore_ascii_case(&own)) {
            return Verdict::Refused(why);
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

/// The authority that the request is for. One that names several is for none of them.
fn host(request: &Request) -> Option<&str> {
    let mut hosts = request.headers().get_all(header::HOST).into_iter();
    // HTTP/2 carries it in the address, and so may HTTP/1.1.
    let address = request.uri().authority().map(axum::http::uri::Authority::as_str);
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().filter(|host| address.is_none_or(|other| other == *host)),
        (None, None) => address,
        _ => None,
    }
}

/// Whether a request begins on a page of ours, or is one that may begin elsewhere.
fn from_here(request: &Request, is_ours: impl Fn(&str) -> bool) -> Result<(), &'static str> {
    let headers = request.headers();
    let elsewhere = "the request comes from another site";
    let mut origins = headers.get_all(header::ORIGIN).into_iter();
    if !origins.all(|origin| origin.to_str().is_ok_and(&is_ours)) || !same_site(headers, request.method()) {
        return Err(elsewhere);
    }
    // Nobody acts for somebody else through the console: who asks is who signed in.
    if headers.keys().any(|name| name.as_str().starts_with("impersonate-")) {
        return Err("the console does not act for somebody else than the one who is signed in");
    }
    Ok(())
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
    let request = request.map(body_in_time);
    let (mut response, secure) = match &*guard {
        Guard::Local(local) => (local.check(request, next).await, false),
        Guard::Shared(shared) => (shared::check(shared, request, next).await, shared.public.is_secure()),
    };
    dress(response.headers_mut(), secure);
    response
}

impl Local {
    async fn check(&self, request: Request, next: Next) -> Response {
        let wants_json = failure::wants_json(request.uri().path(), request.headers());
        let part = request.headers().contains_key("hx-request");
        let launches = launch(request.uri()).is_some();
        match self.judge(&request) {
            // The secret does not stay in the address bar.
            Verdict::Passes if launches => Redirect::to("/").into_response(),
            Verdict::Passes => next.run(request).await,
            Verdict::Enters => ([(header::SET_COOKIE, self.sessions.set_cookie())], Redirect::to("/")).into_response(),
            Verdict::Unknown => {
                let error = AppError::new(ErrorKind::Unauthorized, "This browser has no session with the console.").hint(
                "Open the address that pilothouse printed in the terminal, with ?launch=... at its end. If you came here \
                 by a link in another page, reload.",
            );
                let mut response = failure::plain(StatusCode::UNAUTHORIZED, &error, wants_json);
                if part {
                    // These words are no part of a page: the script has the browser load them whole.
                    response.headers_mut().insert("hx-refresh", HeaderValue::from_static("true"));
                }
                response
            }
            Verdict::Refused(why) => refused(why, wants_json),
        }
    }
}

fn refused(why: &str, wants_json: bool) -> Response {
    let error = AppError::new(ErrorKind::Forbidden, format!("Refused: {why}."));
    failure::plain(StatusCode::FORBIDDEN, &error, wants_json)
}

fn dress(headers: &mut HeaderMap, secure: bool) {
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
    if secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    // Nothing that depends on who asks is kept anywhere on the way.
    let same_for_all = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("immutable"));
    if !headers.get(header::CACHE_CONTROL).is_some_and(same_for_all) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The body of a request, which must be whole within a while: a client that never ends would keep its place.
fn body_in_time(body: Body) -> Body {
    if body.is_end_stream() {
        return body;
    }
    let late = Box::pin(tokio::time::sleep(BODY));
    let pieces = stream::unfold(Some((body.into_data_stream(), late)), |state| async {
        let (mut pieces, mut late) = state?;
        tokio::select! {
            () = &mut late => Some((Err(axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut))), None)),
            piece = pieces.next() => piece.map(|piece| (piece, Some((pieces, late)))),
        }
    });
    Body::from_stream(pieces)
}
