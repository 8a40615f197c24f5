//! The few requests to an issuer: TLS by rustls, no redirects, bounded in time and size.

use std::time::Duration;

use futures::future::BoxFuture;
use openidconnect::{HttpRequest, HttpResponse};
use reqwest::Url;

/// How long an issuer may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The longest answer that is read.
const LONGEST: usize = 1 << 20;

/// Why a request did not bring an answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("{0}")]
    Failed(String),
    #[error("its answer is longer than {} KiB", LONGEST >> 10)]
    TooLong,
    #[error("one of its addresses does not begin with https://")]
    Unsafe,
    #[error("its answer cannot be taken over: {0}")]
    Odd(#[from] openidconnect::http::Error),
}

impl From<reqwest::Error> for HttpError {
    fn from(error: reqwest::Error) -> Self {
        // The address may hold a code or a token: it is left out.
        Self::Failed(super::reason(&error.without_url()))
    }
}

/// A client that trusts these authorities alone, or those of the system.
pub(super) fn client(authorities: Option<&[u8]>) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(ANSWER);
    if let Some(pem) = authorities {
        let unreadable = |error: reqwest::Error| format!("the certificates of its authority cannot be read: {error}");
        let certificates = reqwest::Certificate::from_pem_bundle(pem).map_err(unreadable)?;
        if certificates.is_empty() {
            return Err("the file of its authority holds no certificate in PEM".to_owned());
        }
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().map_err(|error| super::reason(&error))
}

/// Whether nobody between us and this address can read or change what is said.
pub(super) fn is_safe(url: &Url) -> bool {
    let local = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
    url.scheme() == "https" || url.scheme() == "http" && local
}

/// What openidconnect sends its requests with.
pub(super) fn sender(client: &reqwest::Client) -> impl Fn(HttpRequest) -> Sent + Send + Sync + 'static {
    let client = client.clone();
    move |request| Box::pin(send(client.clone(), request))
}

type Sent = BoxFuture<'static, Result<HttpResponse, HttpError>>;

/// Sends one request and reads the whole answer.
async fn send(client: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let request: reqwest::Request = request.try_into()?;
    // The addresses come from the issuer's own document.
    if !is_safe(request.url()) {
        return Err(HttpError::Unsafe);
    }
    let mut answer = client.execute(request).await?;
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > LONGEST {
            return Err(HttpError::TooLong);
        }
        body.extend_from_slice(&piece);
    }
    let mut response = openidconnect::http::Response::builder().status(answer.status()).body(body)?;
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};

    use super::*;

    async fn ask(address: &str) -> Result<HttpResponse, HttpError> {
        // Another test of this process may have been first.
        drop(rustls::crypto::ring::default_provider().install_default());
        let request = openidconnect::http::Request::get(address).body(Vec::new()).unwrap();
        sender(&client(None).unwrap())(request).await
    }

    #[tokio::test]
    async fn no_address_of_an_issuer_is_asked_without_tls() {
        for address in ["http://issuer.example/keys", "http://169.254.169.254/", "http://127.0.0.1.evil.example/"] {
            assert!(matches!(ask(address).await, Err(HttpError::Unsafe)), "{address}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let endless = axum::Router::new().fallback(async || {
            let piece = Bytes::from_static(&[b' '; 4_096]);
            Body::from_stream(futures::stream::repeat_with(move || Ok::<_, std::io::Error>(piece.clone())))
        });
        tokio::spawn(async move { axum::serve(listener, endless).await });
        assert!(matches!(ask(&address).await, Err(HttpError::TooLong)));
    }
}
