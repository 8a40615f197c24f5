//! A connection to one cluster: single requests, and the doors to discovery and watching.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
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
use crate::reach::Reach;
use crate::reason;
use crate::signal::Signal;
use crate::token::Token;
use crate::{decode, path, watch};

/// How long a server may take to begin an answer; its own limit for a request is a minute.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a server may pause within an answer.
const PAUSE: Duration = Duration::from_secs(30);
/// How much of an error's body is read.
const ERROR_BODY: usize = 64 * 1024;
/// The longest answer that is taken in, of what is no list: no server may fill our memory.
pub(crate) const LONGEST: usize = 64 << 20;

/// A connection to one cluster; cheap to clone. The network is used when something is asked.
#[derive(Clone)]
pub struct Connection {
    credential: Arc<Credential>,
    /// The way to the same server without any credential of ours; people's tokens go over it.
    bare: Arc<Credential>,
    /// The person who asks; else the console itself does.
    token: Option<Token>,
    /// Shared by all who ask this server.
    pub(crate) reach: Arc<Reach>,
}

/// One request to the API server.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    /// What goes along beside the credential; `Accept` is JSON unless it says otherwise.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Whether it changes something, so that an answer that does not come leaves open whether it did.
    pub(crate) changes: bool,
}

impl<'a> Call<'a> {
    /// A plain GET.
    pub(crate) fn get(path: &'a str) -> Self {
        Self { method: Method::GET, path, headers: HeaderMap::new(), body: Bytes::new(), changes: false }
    }

    /// A request that carries a body of this kind.
    pub(crate) fn with_body(method: Method, path: &'a str, kind: HeaderValue, body: Bytes) -> Self {
        Self { method, path, headers: HeaderMap::from_iter([(header::CONTENT_TYPE, kind)]), body, changes: false }
    }

    /// The error of a request that was sent and not answered.
    fn left_open(&self, error: ClusterError) -> ClusterError {
        match error {
            ClusterError::Unreachable { server, reason } if self.changes => {
                let reason = format!("{reason}; whether the change was made is not known");
                ClusterError::Unreachable { server, reason }
            }
            error => error,
        }
    }

    /// Method and path, as errors name the request: its parameters have no place in a sentence.
    pub(crate) fn words(&self) -> String {
        format!("{} {}", self.method, self.path.split('?').next().unwrap_or(self.path))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("server", &self.server()).finish_non_exhaustive()
    }
}

impl Connection {
    /// A connection to the cluster of the context `name`. Reads certificates; asks nobody yet.
    pub fn open(contexts: &Contexts, name: &str) -> Result<Self, ClusterError> {
        let credential = Credential::new(contexts, name)?;
        let bare = Arc::new(credential.bare());
        Ok(Self { credential: Arc::new(credential), bare, token: None, reach: Arc::default() })
    }

    /// The same server, found and trusted in the same way, asked with this bearer token alone: nothing of our own credential
    /// goes along, and nothing of it is tried when the server refuses the token. Cheap.
    pub fn with_token(&self, token: &Token) -> Self {
        Self { token: Some(token.clone()), ..self.without_credential() }
    }

    /// The same server, found and trusted in the same way, asked without any credential.
    pub fn without_credential(&self) -> Self {
        let Self { bare, reach, .. } = self;
        Self { credential: Arc::clone(bare), bare: Arc::clone(bare), token: None, reach: Arc::clone(reach) }
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

    /// One Secret with its values, for a person who asks to see them: the one door through which they come.
    pub async fn get_secret(&self, resource: &Resource, namespace: &str, name: &str) -> Result<Object, ClusterError> {
        let path = path::object(resource, Some(namespace), name)?;
        if !decode::is_secret(resource) {
            return Err(malformed(&path, format!("{} are no Secrets", resource.group_resource())));
        }
        let body = self.read(&path).await?;
        decode::revealed(&body, resource).map_err(|reason| malformed(&path, reason))
    }

    /// Lists a resource (in one namespace or in all) and follows it until the receiver is dropped. Must be called within a
    /// tokio runtime. See [`Signal`] for what comes.
    pub fn watch(&self, resource: Arc<Resource>, namespace: Option<String>) -> mpsc::Receiver<Signal> {
        watch::start(self.clone(), resource, (namespace, None), Pace::default())
    }

    /// The same for the one object of this name: all that may be listed by who may list it by name only.
    pub fn watch_named(
        &self,
        resource: Arc<Resource>,
        namespace: Option<String>,
        name: String,
    ) -> mpsc::Receiver<Signal> {
        watch::start(self.clone(), resource, (namespace, Some(name)), Pace::default())
    }

    /// The JSON at `path`, decoded.
    pub(crate) async fn read_json<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<T, ClusterError> {
        let body = self.read(path).await?;
        serde_json::from_slice(&body).map_err(|error| malformed(path, error.to_string()))
    }

    /// The body of the answer to a plain GET.
    pub(crate) async fn read(&self, path: &str) -> Result<Bytes, ClusterError> {
        self.read_within(path, LONGEST, BytesMut::new()).await
    }

    /// The same, of an answer that may have another length, written into `memory`.
    pub(crate) async fn read_within(&self, path: &str, limit: usize, memory: BytesMut) -> Result<Bytes, ClusterError> {
        let call = Call::get(path);
        let response = self.send(&call).await?;
        let bytes = self.collect_into(memory, response.into_body(), limit).await?;
        if bytes.len() < limit { Ok(bytes) } else { Err(too_large(&call.words(), limit)) }
    }

    /// Sends a request and waits for the head of a good answer. A refused credential of ours is renewed once; a person's
    /// token is the person's to renew.
    pub(crate) async fn send(&self, call: &Call<'_>) -> Result<Response<Body>, ClusterError> {
        let first = self.send_once(call).await;
        match first {
            Err((ClusterError::Unauthorized { .. }, Some(generation))) if self.token.is_none() => {
                self.credential.reject(generation).await;
                self.send_once(call).await.map_err(|(error, _)| error)
            }
            other => other.map_err(|(error, _)| error),
        }
    }

    /// An error comes with the build of the client that the server answered to, if it did.
    pub(crate) async fn send_once(&self, call: &Call<'_>) -> Result<Response<Body>, (ClusterError, Option<u64>)> {
        let request = self.request(call).map_err(|error| (error, None))?;
        let (client, generation) = self.credential.client().await.map_err(|error| (error, None))?;
        let response = match timeout(ANSWER, client.send(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let told = reason::from_kube(self.server(), &error);
                if matches!(told, ClusterError::Unreachable { .. }) {
                    self.reach.set_lost(true);
                }
                return Err((if reason::was_sent(&error) { call.left_open(told) } else { told }, None));
            }
            Err(_) => {
                self.reach.set_lost(true);
                return Err((call.left_open(self.silent(ANSWER)), None));
            }
        };
        if response.status().is_success() || response.status() == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let (head, body) = response.into_parts();
        // The status alone tells enough when its words cannot be read.
        let body = self.collect(body, ERROR_BODY).await.unwrap_or_default();
        let error = reason::from_answer(self.server(), &call.words(), &head, &body);
        let error = match (&self.token, error) {
            (Some(_), ClusterError::Unauthorized { .. }) => self.token_refused(reason::TOKEN_REFUSED),
            (Some(_), error) => error,
            (None, error) => self.credential.explained(error, generation),
        };
        Err((error, Some(generation)))
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Body>, ClusterError> {
        let broken = |error: http::Error| ClusterError::Malformed {
            request: call.words(),
            reason: format!("this is not a path of the API: {error}"),
        };
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(call.path)
            .body(Body::from(call.body.to_vec()))
            .map_err(broken)?;
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(call.headers.clone());
        if let Some(token) = &self.token {
            let value = token.header().ok_or_else(|| self.token_refused(reason::NO_TOKEN))?;
            headers.insert(header::AUTHORIZATION, value);
        }
        Ok(request)
    }

    fn token_refused(&self, reason: &str) -> ClusterError {
        ClusterError::Unauthorized { server: self.server().to_owned(), reason: reason.to_owned() }
    }

    /// The whole body of the answer to a request (method and path), which must be shorter than `limit`.
    pub(crate) async fn collect_whole(&self, body: Body, request: &str, limit: usize) -> Result<Bytes, ClusterError> {
        let bytes = self.collect(body, limit).await?;
        if bytes.len() < limit { Ok(bytes) } else { Err(too_large(request, limit)) }
    }

    /// The whole body, or its beginning when it is longer than `limit`.
    pub(crate) async fn collect(&self, body: Body, limit: usize) -> Result<Bytes, ClusterError> {
        self.collect_into(BytesMut::new(), body, limit).await
    }

    async fn collect_into(&self, mut bytes: BytesMut, mut body: Body, limit: usize) -> Result<Bytes, ClusterError> {
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

    pub(crate) fn silent(&self, time: Duration) -> ClusterError {
        ClusterError::Unreachable {
            server: self.server().to_owned(),
            reason: format!(
                "no answer within {} seconds; it is overloaded, or something between us drops packets",
                time.as_secs()
            ),
        }
    }
}

/// The error for an answer to a request (method and path) that goes beyond `limit` bytes.
pub(crate) fn too_large(request: &str, limit: usize) -> ClusterError {
    ClusterError::TooLarge { request: request.to_owned(), megabytes: limit >> 20 }
}

/// The error for an answer to a GET of `path` that is not what it should be.
pub(crate) fn malformed(path: &str, reason: String) -> ClusterError {
    ClusterError::Malformed { request: Call::get(path).words(), reason }
}
