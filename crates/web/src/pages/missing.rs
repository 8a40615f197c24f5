//! What is not anywhere, or is not done this way.

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use pilothouse_app::{AppError, ErrorKind};

use crate::failure;
use crate::visit::Visit;

/// Any address that no route knows.
pub(crate) async fn show(uri: Uri, headers: HeaderMap, visit: Visit) -> Response {
    let error = AppError::new(ErrorKind::NotFound, format!("there is nothing at {}", uri.path()))
        .hint("the navigation leads to everything there is; the API is described at /api/v1/openapi.json");
    if failure::wants_json(uri.path(), &headers) { failure::api(&error) } else { visit.answer(Err(error)) }
}

/// An address that is known, asked by a method that it does not have. Which it has, the router tells in `Allow`.
pub(crate) async fn method(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let error = AppError::new(ErrorKind::BadInput, format!("{method} cannot be asked of {}", uri.path()))
        .hint("the header `Allow` names what can");
    failure::plain(StatusCode::METHOD_NOT_ALLOWED, &error, failure::wants_json(uri.path(), &headers))
}
