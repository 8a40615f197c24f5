//! Answers: content negotiation and the bodies of responses.

use std::convert::Infallible;

use bytes::Bytes;
use futures::Stream;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use serde_json::Value;

use crate::failure::Failure;

/// The body of a response.
pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// The shape in which a client wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As they are.
    Whole,
    /// As rows with headings.
    Table,
    /// Their metadata alone.
    Partial,
}

/// What a client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Negotiated {
    /// The shape.
    pub(crate) shape: Shape,
    /// Whether as YAML.
    pub(crate) yaml: bool,
}

impl Negotiated {
    /// The first kind of answer that a client accepts and the server has.
    pub(crate) fn from(headers: &HeaderMap) -> Result<Self, Failure> {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if accept.trim().is_empty() {
            return Ok(Self { shape: Shape::Whole, yaml: false });
        }
        accept
            .split(',')
            .find_map(Self::read)
            .ok_or_else(|| Failure::not_acceptable("application/json, application/yaml"))
    }

    fn read(part: &str) -> Option<Self> {
        let mut pieces = part.split(';').map(str::trim);
        let media = pieces.next()?;
        let yaml = matches!(media, "application/yaml" | "text/yaml");
        if !yaml && !matches!(media, "application/json" | "application/*" | "*/*" | "text/html") {
            return None;
        }
        let mut shape = Shape::Whole;
        for piece in pieces {
            match piece.split_once('=') {
                Some(("as", "Table")) => shape = Shape::Table,
                Some(("as", "PartialObjectMetadata" | "PartialObjectMetadataList")) => shape = Shape::Partial,
                Some(("as", _)) => return None,
                _ => {}
            }
        }
        Some(Self { shape, yaml })
    }
}

/// Whether the `Accept` header asks for aggregated discovery; gives its version.
pub(crate) fn aggregated(headers: &HeaderMap) -> Option<&'static str> {
    let accept = headers.get(header::ACCEPT)?.to_str().ok()?;
    let wanted = accept.split(',').find(|part| part.contains("as=APIGroupDiscoveryList"))?;
    if wanted.contains("v=v2beta1") {
        Some("v2beta1")
    } else if wanted.contains("v=v2") {
        Some("v2")
    } else {
        None
    }
}

/// A body that is whole.
pub(crate) fn whole(code: StatusCode, media: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(bytes.into()).boxed_unsync());
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// Plain text.
pub(crate) fn text(text: impl Into<Bytes>) -> Response<Body> {
    whole(StatusCode::OK, "text/plain; charset=utf-8", text)
}

/// JSON.
pub(crate) fn json(code: StatusCode, value: &Value) -> Response<Body> {
    whole(code, "application/json", value.to_string())
}

/// JSON, or YAML where it was asked for.
pub(crate) fn object(code: StatusCode, accepted: Negotiated, value: &Value) -> Result<Response<Body>, Failure> {
    if !accepted.yaml {
        return Ok(json(code, value));
    }
    let text =
        serde_saphyr::to_string(value).map_err(|error| Failure::internal(format!("no YAML could be made: {error}")))?;
    Ok(whole(code, "application/yaml", text))
}

/// A failure as a `Status`.
pub(crate) fn failure(failure: &Failure) -> Response<Body> {
    let mut response = json(failure.code, &failure.status());
    if failure.code == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// A body that goes on.
pub(crate) fn stream(media: &'static str, chunks: impl Stream<Item = Bytes> + Send + 'static) -> Response<Body> {
    use futures::StreamExt as _;
    let frames = chunks.map(|bytes| Ok::<_, Infallible>(Frame::data(bytes)));
    let mut response = Response::new(BodyExt::boxed_unsync(StreamBody::new(frames)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(text: &str) -> Option<Shape> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, text.parse().unwrap());
        Negotiated::from(&headers).ok().map(|negotiated| negotiated.shape)
    }

    #[test]
    fn the_first_known_shape_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(accept(kubectl), Some(Shape::Table));
        assert_eq!(accept("application/vnd.kubernetes.protobuf,application/json"), Some(Shape::Whole));
        assert_eq!(accept("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"), Some(Shape::Partial));
        assert_eq!(accept("application/json;as=Nonsense,*/*"), Some(Shape::Whole));
        assert_eq!(accept("application/vnd.kubernetes.protobuf"), None);
    }
}
