//! What is not anywhere.

use axum::http::{HeaderMap, Uri};
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
