//! From a request to a WebSocket.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// The longest message that a page may send: it cuts what somebody pastes into pieces.
const LONGEST: usize = 64 << 10;

pub(super) type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// The answer that makes a WebSocket of a request; `None` when it does not ask for one.
pub(super) fn accept(request: &mut Request) -> Option<(Response, OnUpgrade)> {
    let response = create_response_with_body(request, Body::empty).ok()?;
    Some((response, hyper::upgrade::on(request)))
}

/// The WebSocket, once the answer has gone out.
pub(super) async fn opened(upgrade: OnUpgrade) -> Option<Socket> {
    let upgraded = match upgrade.await {
        Ok(upgraded) => upgraded,
        Err(error) => {
            tracing::debug!(%error, "a terminal was not opened");
            return None;
        }
    };
    let config = WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(LONGEST))
        .max_frame_size(Some(LONGEST));
    Some(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await)
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    #[test]
    fn only_a_handshake_becomes_a_web_socket() {
        let asked = |pairs: &[(&str, &str)]| {
            let request =
                pairs.iter().fold(Request::builder().uri("/"), |request, (name, value)| request.header(*name, *value));
            accept(&mut request.body(Body::empty()).unwrap())
        };
        let good = [
            ("connection", "keep-alive, Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ];
        let (response, _) = asked(&good).unwrap();
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for missing in 0..good.len() {
            let mut less = good.to_vec();
            less.remove(missing);
            assert!(asked(&less).is_none(), "{missing}");
        }
    }
}
