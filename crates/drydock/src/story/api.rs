//! A small client of the Kubernetes API over HTTPS: the story's only way to the cluster.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use pilothouse_model::Read;

use super::StoryError;
use super::kind::Kind;

/// Where the story plays: any Kubernetes API server.
#[derive(Clone, Debug)]
pub struct Target {
    /// `https://host:port`.
    pub url: String,
    /// The certificate authority that signed the server's certificate, as PEM.
    pub ca_pem: Vec<u8>,
    /// Who the story is. It needs the rights of a cluster administrator.
    pub credential: Credential,
}

/// How the story proves who it is.
#[derive(Clone)]
pub enum Credential {
    /// A bearer token.
    Token(String),
    /// A client certificate and its key, as PEM.
    Certificate {
        /// Certificate chain.
        certificate_pem: Vec<u8>,
        /// Private key.
        key_pem: Vec<u8>,
    },
}

impl std::fmt::Debug for Credential {
    /// Says which kind of credential, never the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token",
            Self::Certificate { .. } => "Certificate",
        })
    }
}

/// A request that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The server answered with an error.
    #[error("{message}")]
    Refused { status: u16, reason: String, message: String },
    /// No (whole) answer.
    #[error("{0}")]
    Transport(String),
}

impl ApiError {
    /// The object is not there (any more).
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404 | 410, .. })
    }

    /// It exists already, or somebody else was faster.
    pub(super) fn is_conflict(&self) -> bool {
        matches!(self, Self::Refused { status: 409, .. })
    }

    /// Quota or permission.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { status: 403, .. })
    }
}

impl From<reqwest::Error> for ApiError {
    fn from(error: reqwest::Error) -> Self {
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        Self::Transport(text)
    }
}

/// The client; clones share connections.
#[derive(Clone)]
pub(super) struct Api {
    client: reqwest::Client,
    base: String,
    token: Option<String>,
    /// Bounds the requests in flight, so that the story is kind to the server.
    turns: Arc<Semaphore>,
}

const REQUESTS_IN_FLIGHT: usize = 8;

impl Api {
    pub(super) fn new(target: &Target) -> Result<Self, StoryError> {
        let token = match &target.credential {
            Credential::Token(token) => Some(token.clone()),
            Credential::Certificate { .. } => None,
        };
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls(target)?)
            .no_proxy()
            .connect_timeout(Duration::from_secs(10))
            .build()
            .map_err(|error| StoryError::Client(error.to_string()))?;
        Ok(Self {
            client,
            base: target.url.trim_end_matches('/').to_owned(),
            token,
            turns: Arc::new(Semaphore::new(REQUESTS_IN_FLIGHT)),
        })
    }

    fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base)).header("accept", "application/json");
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value, ApiError> {
        let turn = self.turns.acquire().await.map_err(|closed| ApiError::Transport(closed.to_string()))?;
        let response = request.timeout(Duration::from_secs(30)).send().await?;
        let status = response.status();
        let bytes = response.bytes().await?;
        drop(turn);
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &bytes));
        }
        serde_json::from_slice(&bytes).map_err(|error| ApiError::Transport(format!("not JSON: {error}")))
    }

    /// Any document at a path.
    pub(super) async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.send(self.request(reqwest::Method::GET, path)).await
    }

    /// Creates an object in a collection (or posts to a subresource).
    pub(super) async fn post(&self, path: &str, object: &Value) -> Result<Value, ApiError> {
        self.send(self.request(reqwest::Method::POST, path).json(object)).await
    }

    /// A JSON merge patch.
    pub(super) async fn merge(&self, path: &str, patch: &Value) -> Result<Value, ApiError> {
        let request = self
            .request(reqwest::Method::PATCH, path)
            .header("content-type", "application/merge-patch+json")
            .body(patch.to_string());
        self.send(request).await
    }

    /// Deletes one object, and only the one with this unique id.
    pub(super) async fn delete(&self, path: &str, uid: &str, grace: Option<u32>) -> Result<Value, ApiError> {
        let mut options = json!({
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background",
            "preconditions": { "uid": uid },
        });
        if let Some(grace) = grace {
            options["gracePeriodSeconds"] = json!(grace);
        }
        self.send(self.request(reqwest::Method::DELETE, path).json(&options)).await
    }

    /// Deletes whatever has this path.
    pub(super) async fn delete_plain(&self, path: &str) -> Result<Value, ApiError> {
        self.send(self.request(reqwest::Method::DELETE, path)).await
    }

    /// Opens a watch; the caller reads the response's lines.
    pub(super) async fn watch(&self, kind: Kind, version: &str) -> Result<reqwest::Response, ApiError> {
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds=290&resourceVersion={version}",
            kind.path(None)
        );
        let response = self.request(reqwest::Method::GET, &path).send().await?;
        let status = response.status();
        if status.is_success() { Ok(response) } else { Err(refusal(status.as_u16(), &response.bytes().await?)) }
    }
}

fn refusal(status: u16, body: &[u8]) -> ApiError {
    let answer: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
    let message = match answer.text("/message") {
        Some(message) => message.to_owned(),
        None => format!("HTTP {status}: {}", String::from_utf8_lossy(body)),
    };
    ApiError::Refused { status, reason: answer.text("/reason").unwrap_or("Unknown").to_owned(), message }
}

/// TLS that trusts the target's authority alone, with ring and without a process-wide provider.
fn tls(target: &Target) -> Result<rustls::ClientConfig, StoryError> {
    let wrong = |what: &str, why: &dyn std::fmt::Display| StoryError::Credential(format!("{what}: {why}"));
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&target.ca_pem) {
        let certificate = certificate.map_err(|error| wrong("the certificate authority", &error))?;
        roots.add(certificate).map_err(|error| wrong("the certificate authority", &error))?;
    }
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong("TLS", &error))?
        .with_root_certificates(roots);
    let mut config = match &target.credential {
        Credential::Token(_) => builder.with_no_client_auth(),
        Credential::Certificate { certificate_pem, key_pem } => {
            let chain = CertificateDer::pem_slice_iter(certificate_pem)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong("the client certificate", &error))?;
            let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|error| wrong("the client key", &error))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| wrong("the client certificate", &error))?
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}
