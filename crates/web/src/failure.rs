//! A failure as it leaves the house: HTTP status, JSON, or a page in words.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use pilothouse_app::{AppError, ErrorKind};
use serde_json::{Value, json};

use crate::components::prose::sentence;
use crate::frame::bare;

/// The HTTP status of a kind of failure. A cluster that refuses our credential is not a console that refuses the browser:
/// that is told apart from a missing session.
pub(crate) fn status(kind: ErrorKind) -> StatusCode {
    match kind {
        ErrorKind::BadInput => StatusCode::BAD_REQUEST,
        ErrorKind::NotFound | ErrorKind::NotOffered => StatusCode::NOT_FOUND,
        ErrorKind::Conflict => StatusCode::CONFLICT,
        ErrorKind::Forbidden => StatusCode::FORBIDDEN,
        ErrorKind::Unauthorized | ErrorKind::Malformed => StatusCode::BAD_GATEWAY,
        ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The kind's name in the API.
fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::BadInput => "badInput",
        ErrorKind::NotFound | ErrorKind::NotOffered => "notFound",
        ErrorKind::Conflict => "conflict",
        ErrorKind::Forbidden => "forbidden",
        ErrorKind::Unauthorized => "unauthorized",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Malformed => "malformed",
    }
}

/// The body of a failed API call.
pub(crate) fn body(error: &AppError) -> Value {
    let span = error.span.as_ref().map(|(text, range)| json!({"text": text, "start": range.start, "end": range.end}));
    json!({"error": {
        "kind": kind(error.kind),
        "message": error.message,
        "hint": error.hint,
        "span": span,
    }})
}

/// A failed API call.
pub(crate) fn api(error: &AppError) -> Response {
    marked((status(error.kind), Json(body(error))).into_response(), error)
}

/// The answer with the kind of its failure attached, for the door to see.
pub(crate) fn marked(mut response: Response, error: &AppError) -> Response {
    response.extensions_mut().insert(error.kind);
    response
}

/// Whether the one who asks reads JSON rather than pages.
pub(crate) fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !accept.contains("text/html") && (path.starts_with("/api/") || accept.contains("json"))
}

/// A failure without the frame around it: there is no session, or no page.
pub(crate) fn plain(status: StatusCode, error: &AppError, as_json: bool) -> Response {
    if as_json { (status, Json(body(error))).into_response() } else { (status, plain_page(error)).into_response() }
}

fn plain_page(error: &AppError) -> Markup {
    let body = html! {
        h1 { (sentence(&error.message)) }
        @if let Some(hint) = &error.hint { p { (sentence(hint)) } }
    };
    bare(error.message.trim_end_matches('.'), (None, None), &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_in_the_api_says_kind_words_and_place() {
        let error = AppError {
            kind: ErrorKind::BadInput,
            message: "there is no field `stat`".into(),
            hint: Some("did you mean `state`?".into()),
            span: Some(("stat:failed".into(), 0..4)),
            replacement: Some("state".into()),
        };
        insta::assert_json_snapshot!(body(&error), @r#"
        {
          "error": {
            "hint": "did you mean `state`?",
            "kind": "badInput",
            "message": "there is no field `stat`",
            "span": {
              "end": 4,
              "start": 0,
              "text": "stat:failed"
            }
          }
        }
        "#);
    }

    #[test]
    fn browsers_get_pages_and_scripts_get_json() {
        let accept = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, value.parse().unwrap());
            headers
        };
        assert!(wants_json("/api/v1/clusters", &HeaderMap::new()));
        assert!(wants_json("/api/v1/clusters", &accept("*/*")));
        assert!(!wants_json("/api/v1/clusters", &accept("text/html,*/*")));
        assert!(wants_json("/c/prod", &accept("application/json")));
        assert!(!wants_json("/c/prod", &accept("*/*")));
    }
}
