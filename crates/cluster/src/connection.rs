//! A connection to one cluster: single requests, and the doors to discovery and watching.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::Body;
use pilothouse_model::{Object, Resource};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::backoff::Pace;
use crate::config::Contexts;
use crate::credential::Credential;
use crate::discovery::{self, Discovery};
use crate::error::ClusterError;
use crate::reason;
use crate::signal::Signal;
use crate::{decode, path, watch};

/// How long a server may take to begin an answer; its own limit for a request is a minute.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a server may pause within an answer.
const PAUSE: Duration = Duration::from_secs(30);
/// How much of an error's body is read.
const ERROR_BODY: usize = 64 * 1024;
/// The longest answer that is taken in: no server may fill our memory. A page of 500 of the largest objects that API servers
/// store is longer, and is asked for again in smaller pages.
pub(crate) const LONGEST: usize = 256 << 20;

/// A connection to one cluster; cheap to clone. The network is used when something is asked.
#[derive(Clone)]
pub struct Connection {
    credential: Arc<Credential>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server()).finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection to the cluster of the context `name`. Reads certificates; asks nobody yet.
    pub fn open(contexts: &Contexts, name: &str) -> Result<Self, ClusterError> {
        Ok(Self { credential: Arc::new(Credential::new(contexts, name)?) })
    }

    /// The API server's URL.
    pub fn server(&self) -> &str {
        self.credential.server()
    }

    /// The server's version: `v1.33.1`.
    pub async fn version(&self) -> Result<String, ClusterError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            git_version: String,
        }
        let version: Version = self.read_json("/version").await?;
        Ok(version.git_version)
    }

    /// What the cluster serves. A group that cannot be read becomes one of [`Discovery::problems`].
    pub async fn discover(&self) -> Result<Discovery, ClusterError> {
        discovery::discover(self).await
    }

    /// One object; `namespace` is `None` for cluster-scoped resources.
    pub async fn get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Object, ClusterError> {
        let path = path::object(resource, namespace, name)?;
        let body = self.read(&path).await?;
        decode::object(&body, resource).map_err(|reason| malformed(&path, reason))
    }

    /// Lists a resource (in one namespace or in all) and follows it until the receiver is dropped. Must be called within a
    /// tokio runtime. See [`Signal`] for what comes.
    pub fn watch(&self, resource: Arc<Resource>, namespace: Option<String>) -> mpsc::Receiver<Signal> {
        watch::start(self.clone(), resource, namespace, Pace::default())
    }

    /// The JSON at `path`, decoded.
    pub(crate) async fn read_json<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, ClusterError> {
        let body = self.read(path).await?;
        serde_json::from_slice(&body).map_err(|error| malformed(path, error.to_string()))
    }

    /// The body of the answer to a plain GET.
    pub(crate) async fn read(&self, path: &str) -> Result<Bytes, ClusterError> {
        let response = self.send(path, &HeaderMap::new()).await?;
        self.collect_whole(response.into_body(), path, LONGEST).await
    }

    /// Sends a GET and waits for the head of a good answer. A refused credential is renewed once.
    pub(crate) async fn send(&self, path: &str, headers: &HeaderMap) -> Result<Response<Body>, ClusterError> {
        let first = self.send_once(path, headers).await;
        match first {
            Err((ClusterError::Unauthorized { .. }, Some(generation))) => {
                self.credential.reject(generation).await;
                self.send_once(path, headers).await.map_err(|(error, _)| error)
            }
            other => other.map_err(|(error, _)| error),
        }
    }

    /// An error comes with the build of the client that the server answered to, if it did.
    async fn send_once(&self, path: &str, headers: &HeaderMap) -> Result<Response<Body>, (ClusterError, Option<u64>)> {
        let (client, generation) = self.credential.client().await.map_err(|error| (error, None))?;
        let mut request = Request::get(path)
            .body(Body::empty())
            .map_err(|error| (malformed(path, format!("this is not a path of the API: {error}")), None))?;
        request.headers_mut().insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        request.headers_mut().extend(headers.clone());
        let response = timeout(ANSWER, client.send(request))
            .await
            .map_err(|_| (self.silent(ANSWER), None))?
            .map_err(|error| (reason::from_kube(self.server(), &error), None))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        // The status alone tells enough when its words cannot be read.
        let body = self.collect(body, ERROR_BODY).await.unwrap_or_default();
        let error = reason::from_answer(self.server(), path, &head, &body);
        Err((self.credential.explained(error, generation), Some(generation)))
    }

    /// The whole body of the answer to a GET of `path`, which must be shorter than `limit`.
    pub(crate) async fn collect_whole(&self, body: Body, path: &str, limit: usize) -> Result<Bytes, ClusterError> {
        let bytes = self.collect(body, limit).await?;
        if bytes.len() < limit { Ok(bytes) } else { Err(too_large(path, limit)) }
    }

    /// The whole body, or its beginning when it is longer than `limit`.
    pub(crate) async fn collect(&self, mut body: Body, limit: usize) -> Result<Bytes, ClusterError> {
        let mut bytes = BytesMut::new();
        while bytes.len() < limit {
            let frame = timeout(PAUSE, body.frame()).await.map_err(|_| self.silent(PAUSE))?;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| reason::from_kube(self.server(), &error))?;
            if let Ok(data) = frame.into_data() {
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    }

    fn silent(&self, time: Duration) -> ClusterError {
        ClusterError::Unreachable {
            server: self.server().to_owned(),
            reason: format!(
                "no answer within {} seconds; it is overloaded, or something between us drops packets",
                time.as_secs()
            ),
        }
    }
}

/// The error for an answer to a GET of `path` that goes beyond `limit` bytes.
pub(crate) fn too_large(path: &str, limit: usize) -> ClusterError {
    ClusterError::TooLarge { request: format!("GET {path}"), megabytes: limit >> 20 }
}

/// The error for an answer to a GET of `path` that is not what it should be.
pub(crate) fn malformed(path: &str, reason: String) -> ClusterError {
    ClusterError::Malformed { request: format!("GET {path}"), reason }
}
