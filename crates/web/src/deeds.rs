//! What it takes to do something with a session: a request that says that it comes from a page of the console.
//!
//! The guard refuses what says that it comes from elsewhere. Browsers say where a form or a script's request comes from; one
//! that carries the session's cookie and says nothing is no browser that we know, and does nothing here. Scripts carry a
//! bearer token, which no browser adds by itself.

use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use pilothouse_app::{AppError, ErrorKind};

use crate::failure;

/// Lets a request pass that only reads, or that may do something.
pub(crate) async fn from_own_page(request: Request, next: Next) -> Response {
    if may_act(request.method(), request.headers()) {
        return next.run(request).await;
    }
    let wants_json = failure::wants_json(request.uri().path(), request.headers());
    let message = "Refused: the request does not say that it comes from a page of the console.";
    let error = AppError::new(ErrorKind::Forbidden, message).hint("scripts send a bearer token in place of the cookie");
    failure::plain(StatusCode::FORBIDDEN, &error, wants_json)
}

fn may_act(method: &Method, headers: &HeaderMap) -> bool {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let told = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    reads || told || !headers.contains_key(header::COOKIE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_alone_does_nothing() {
        let headers =
            |names: &[&'static str]| names.iter().map(|name| (name.parse().unwrap(), "x".parse().unwrap())).collect();
        let may = |method: Method, names: &[&'static str]| may_act(&method, &headers(names));
        assert!(may(Method::GET, &["cookie"]) && may(Method::HEAD, &["cookie"]));
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            assert!(!may(method.clone(), &["cookie"]), "{method}");
            assert!(!may(method.clone(), &["cookie", "authorization"]), "{method}");
            assert!(may(method.clone(), &["cookie", "origin"]), "{method}");
            assert!(may(method.clone(), &["cookie", "sec-fetch-site"]), "{method}");
            assert!(may(method, &["authorization"]));
        }
    }
}
