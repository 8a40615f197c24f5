//! Bodies of requests: how large, in which format.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::failure::Failure;
use crate::shape;

/// As large as the real server takes them.
const LIMIT: usize = 3 * 1024 * 1024;

/// How much of a body that is too large is read all the same, so that its sender gets to read the answer.
const PATIENCE: usize = 32 * 1024 * 1024;

/// The whole body.
pub(crate) async fn read(mut incoming: Incoming) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    let mut length = 0_usize;
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| Failure::bad_request(format!("the body could not be read: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= LIMIT {
            bytes.extend_from_slice(&data);
        } else if length > PATIENCE {
            break;
        }
    }
    if length > LIMIT { Err(Failure::too_large(LIMIT)) } else { Ok(bytes.freeze()) }
}

/// `application/json` without its parameters; empty when there is none.
pub(crate) fn media_type(headers: &HeaderMap) -> &str {
    let whole = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim()
}

/// The object in a body of JSON, YAML or protobuf.
pub(crate) fn object(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Failure> {
    let value = match media_type(headers) {
        "" | "application/json" => json(bytes)?,
        "application/yaml" | "application/x-yaml" | "text/yaml" => yaml(bytes)?,
        "application/vnd.kubernetes.protobuf" => {
            shape::decode(bytes).map_err(|error| Failure::bad_request(error.to_string()))?
        }
        _ => {
            return Err(Failure::unsupported_media(
                "the body of the request was in an unknown format - accepted media types include: application/json, \
                 application/yaml, application/vnd.kubernetes.protobuf",
            ));
        }
    };
    if value.is_object() { Ok(value) } else { Err(Failure::bad_request("the body is not a JSON object")) }
}

/// JSON of any kind.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, Failure> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}")))
}

/// YAML of any kind; JSON is YAML.
pub(crate) fn yaml(bytes: &[u8]) -> Result<Value, Failure> {
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    serde_saphyr::from_slice(bytes).map_err(|error| Failure::bad_request(format!("error decoding YAML: {error}")))
}
