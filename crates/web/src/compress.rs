//! Answers as small as the one who asks can read them: gzip over texts, piece by piece, so that a stream is never held back.
//!
//! Compressed, the length of an answer tells something of what is in it, to whoever watches the wire. What is compressed, and
//! for whom, is decided in docs/decisions/0014.

use axum::body::{Body, BodyDataStream, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::{StreamExt, stream};

mod accepted;
mod gzip;

pub(crate) use accepted::welcomes_gzip;
use gzip::Gzip;

/// Whole answers that are shorter than this go as they are.
const WORTH_IT: u64 = 1 << 10;
/// How much text becomes one piece at most.
const PIECE: usize = 64 << 10;

/// Compresses an answer when that is asked for and harmless.
pub(crate) async fn compress(request: Request, next: Next) -> Response {
    let welcome = request.method() == Method::GET && welcomes_gzip(request.headers()) && !led_here(request.headers());
    let mut response = next.run(request).await;
    if !has_text(&response) {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("accept-encoding"));
    if !welcome {
        return response;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    headers.remove(header::CONTENT_LENGTH);
    response.map(|plain| Body::from_stream(pieces(plain)))
}

/// Whether another site led the browser here, and so may have written a part of the question.
fn led_here(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").into_iter().any(|site| site != "same-origin" && site != "none")
}

/// Whether an answer is a text that is worth compressing, and is not compressed already.
fn has_text(response: &Response) -> bool {
    let headers = response.headers();
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let kind = text(header::CONTENT_TYPE).split(';').next().unwrap_or_default().trim();
    let is_text = kind.starts_with("text/") || matches!(kind, "application/json" | "image/svg+xml");
    let as_it_is = headers.contains_key(header::CONTENT_ENCODING)
        || headers.contains_key(header::CONTENT_RANGE)
        || response.status() == StatusCode::PARTIAL_CONTENT
        || text(header::CACHE_CONTROL).contains("no-transform");
    is_text && !as_it_is && response.body().size_hint().exact().is_none_or(|length| length >= WORTH_IT)
}

/// A body on its way.
struct Packing {
    plain: BodyDataStream,
    gzip: Gzip,
    /// Of a long piece of the body, what is still to be packed.
    rest: Bytes,
    /// How the body ended.
    ended: Option<Result<(), axum::Error>>,
}

/// The body in gzip. Nothing is read of it before a piece is asked for, and nothing that is there waits for more.
fn pieces(plain: Body) -> stream::BoxStream<'static, Result<Bytes, axum::Error>> {
    let packing = Packing { plain: plain.into_data_stream(), gzip: Gzip::default(), rest: Bytes::new(), ended: None };
    stream::unfold(Some(packing), |packing| async move {
        let mut packing = packing?;
        let text = packing.gather().await;
        if text.is_empty() {
            return match packing.ended {
                Some(Err(error)) => Some((Err(error), None)),
                _ => Some((Ok(packing.gzip.end().into()), None)),
            };
        }
        match packing.gzip.piece(&text) {
            Ok(piece) => Some((Ok(piece.into()), Some(packing))),
            Err(error) => Some((Err(axum::Error::new(error)), None)),
        }
    })
    .boxed()
}

impl Packing {
    /// What is there, as soon as something is; no more than one piece of it. Nothing when the body is over.
    async fn gather(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        if !self.rest.is_empty() {
            // Between the pieces of a long answer others have their turn.
            tokio::task::yield_now().await;
        }
        while text.len() < PIECE {
            if self.rest.is_empty() {
                if self.ended.is_some() {
                    break;
                }
                let more = if text.is_empty() {
                    self.plain.next().await
                } else {
                    match futures::poll!(self.plain.next()) {
                        std::task::Poll::Ready(more) => more,
                        std::task::Poll::Pending => break,
                    }
                };
                match more {
                    Some(Ok(more)) => self.rest = more,
                    Some(Err(error)) => self.ended = Some(Err(error)),
                    None => self.ended = Some(Ok(())),
                }
            }
            let more = self.rest.split_to(self.rest.len().min(PIECE - text.len()));
            text.extend_from_slice(&more);
        }
        text
    }
}

#[cfg(test)]
pub(crate) mod tests;
#[cfg(test)]
mod wire;
