//! From a request to a WebSocket: what is asked for, what must be answered, and what a refusal means.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::connection::{Call, Connection};
use crate::error::ClusterError;

/// The protocols that we speak, the better one first.
const OFFERED: &str = "v5.channel.k8s.io, v4.channel.k8s.io";
/// The one that can tell of the end of the input.
const V5: &[u8] = b"v5.channel.k8s.io";
const V4: &[u8] = b"v4.channel.k8s.io";
/// The longest message that is taken in; API servers send some ten kilobytes.
const LONGEST: usize = 1 << 20;

/// A WebSocket on which a protocol of commands is spoken.
pub(super) struct Opened {
    pub(super) stream: WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>,
    /// Whether the protocol can tell of the end of the input.
    pub(super) tells_end: bool,
}

impl Connection {
    /// Asks for a WebSocket at `path`.
    pub(super) async fn upgrade(&self, path: &str) -> Result<Opened, ClusterError> {
        let key = generate_key();
        let request = Call::get(path).words();
        let wrong = |reason: &str| ClusterError::Malformed { request: request.clone(), reason: reason.to_owned() };
        let mut call = Call::get(path);
        let headers = [
            (header::CONNECTION, "Upgrade"),
            (header::UPGRADE, "websocket"),
            (header::SEC_WEBSOCKET_VERSION, "13"),
            (header::SEC_WEBSOCKET_PROTOCOL, OFFERED),
        ];
        call.headers.extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
        let value = HeaderValue::from_str(&key).map_err(|_| wrong("no key could be made for it"))?;
        call.headers.insert(header::SEC_WEBSOCKET_KEY, value);
        let response = self.send(&call).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(wrong("it did not become a WebSocket; something on the way may not let any through"));
        }
        let tells_end = agreed(response.headers(), &key).map_err(wrong)?;
        let upgraded = hyper::upgrade::on(response).await.map_err(|error| wrong(&error.to_string()))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .write_buffer_size(0)
            .max_message_size(Some(LONGEST))
            .max_frame_size(Some(LONGEST));
        let stream = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Client, Some(config)).await;
        Ok(Opened { stream, tells_end })
    }
}

/// Whether an answer is one to this key and in which protocol.
fn agreed(headers: &HeaderMap, key: &str) -> Result<bool, &'static str> {
    let is = |name: header::HeaderName, wanted: &str| {
        headers.get(name).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(wanted.as_bytes()))
    };
    let accepted = derive_accept_key(key.as_bytes());
    let accepts =
        headers.get(header::SEC_WEBSOCKET_ACCEPT).is_some_and(|value| value.as_bytes() == accepted.as_bytes());
    if !is(header::UPGRADE, "websocket") || !accepts {
        return Err("it became something else than a WebSocket");
    }
    match headers.get(header::SEC_WEBSOCKET_PROTOCOL).map(HeaderValue::as_bytes) {
        Some(V5) => Ok(true),
        Some(V4) => Ok(false),
        _ => Err("it speaks neither v5.channel.k8s.io nor v4.channel.k8s.io"),
    }
}

/// How nodes say that there is no such container.
const NO_CONTAINER: [&str; 2] = ["container not found", "is not valid for pod"];
/// How they say that it does not run.
const NOT_RUNNING: [&str; 5] = [
    "is not running",
    "not created or running",
    "CONTAINER_EXITED",
    "unable to find running container",
    "has not started",
];

/// A refusal told by what it means: nodes answer 400 and 500 to what is no fault of theirs.
pub(super) fn explained(error: ClusterError) -> ClusterError {
    let ClusterError::Other { request, code, retry_after, message } = error else { return error };
    let says = |words: &[&str]| words.iter().any(|words| message.contains(words));
    if says(&NO_CONTAINER) {
        return ClusterError::NotFound { message };
    }
    let message = if says(&NOT_RUNNING) { format!("the container does not run: {message}") } else { message };
    ClusterError::Other { request, code, retry_after, message }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn only_an_answer_to_our_own_key_counts() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let good = [
            ("upgrade", "WebSocket"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
            ("sec-websocket-protocol", "v5.channel.k8s.io"),
        ];
        let with = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::from_iter(
                good.map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value))),
            );
            headers.insert(name, HeaderValue::from_static(value));
            agreed(&headers, key)
        };
        assert_eq!(with("x", "y"), Ok(true));
        assert_eq!(with("sec-websocket-protocol", "v4.channel.k8s.io"), Ok(false));
        for (name, value) in [
            ("upgrade", "SPDY/3.1"),
            ("sec-websocket-accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("sec-websocket-protocol", "base64.channel.k8s.io"),
        ] {
            assert!(with(name, value).is_err(), "{name}");
        }
    }

    #[test]
    fn what_nodes_answer_is_told_by_what_it_means() {
        let told = |code, message: &str| {
            let message = message.to_owned();
            explained(ClusterError::Other { request: String::new(), code, retry_after: None, message })
        };
        assert_eq!(told(400, "container web is not valid for pod a").kind(), ErrorKind::NotFound);
        assert_eq!(told(500, "container not found (\"web\")").kind(), ErrorKind::NotFound);
        let stopped = told(500, "container is in CONTAINER_EXITED state");
        assert!(stopped.to_string().contains("the container does not run"), "{stopped}");
        assert_eq!(told(500, "boom").to_string(), "the API server answered 500 to : boom");
    }
}
