//! Server-sent events: to whoever listens, until the console ends.

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream::{Stream, StreamExt};

use crate::server::Web;

/// The answer that sends these events, and signs of life between them.
pub(crate) fn sse(
    web: &Web,
    alive: KeepAlive,
    events: impl Stream<Item = Result<Event, axum::Error>> + Send + 'static,
) -> Response {
    Sse::new(events.take_until(web.shutdown.clone().cancelled_owned())).keep_alive(alive).into_response()
}
