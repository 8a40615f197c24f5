//! Bare HTTP to an API server, without any client library in between.

use std::sync::Once;
use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

use crate::kubeconfig::Credential;

/// An API server as one user sees it.
#[derive(Clone, Debug)]
pub struct Api {
    credential: Credential,
    client: reqwest::Client,
}

/// What came back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The body as JSON, or as a string when it is not JSON.
    pub body: Value,
}

/// Makes `ring` the one provider of cryptography in this process.
pub fn install_cryptography() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Another test of the same process may have been first, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}

impl Api {
    /// A client that uses this credential.
    pub fn new(credential: Credential) -> Self {
        install_cryptography();
        let authority = reqwest::Certificate::from_pem(credential.authority.as_bytes()).expect("the authority is PEM");
        let client =
            reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().expect("a client can be built");
        Self { credential, client }
    }

    /// The credential it uses.
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// A request for `path`, with the credential attached.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.credential.server))
            .bearer_auth(&self.credential.token)
            .timeout(Duration::from_secs(60))
    }

    /// Sends a request and reads the whole answer; `None` when there was none.
    pub async fn try_send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Option<Answer> {
        let mut request = self.request(method, path);
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body.to_string());
        }
        read(request).await
    }

    /// Sends a request and reads the whole answer.
    pub async fn send(&self, method: Method, path: &str, body: Option<(&str, &Value)>) -> Answer {
        let name = format!("{method} {path}");
        self.try_send(method, path, body).await.unwrap_or_else(|| panic!("{name}: no answer"))
    }

    /// Gets `path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// Posts `body` to `path`, which must succeed or find that the object is there already.
    pub async fn ensure(&self, path: &str, body: &Value) {
        let answer = self.send(Method::POST, path, Some(("application/json", body))).await;
        assert!(matches!(answer.status, 200..300 | 409), "POST {path}: {} {}", answer.status, answer.body);
    }

    /// Asks for `path` until the answer satisfies `ready`, for at most a minute; gives the last answer.
    pub async fn wait(&self, path: &str, ready: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
        loop {
            let answer = self.try_send(Method::GET, path, None).await;
            if let Some(answer) = answer.filter(|answer| ready(answer)) {
                return answer;
            }
            assert!(tokio::time::Instant::now() < deadline, "GET {path}: not as expected within a minute");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Sends `request`; `None` when there was no answer.
pub async fn read(request: reqwest::RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let text = response.text().await.ok()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Some(Answer { status, body })
}
