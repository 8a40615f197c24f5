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
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::{Pace, within};
use crate::config::Contexts;
use crate::credential::Credential;
use crate::discovery::{self, Discovery};
use crate::error::ClusterError;
use crate::reason;
use crate::signal::Signal;
use crate::token::Token;
use crate::{decode, path};

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
    reach: Arc<Reach>,
}

/// A server that was lost for ten times as long as this is asked this often whether it is back, for all who wait for it...
const ASK: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// ...how long it may take to answer...
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// ...and how long it may say that it is not ready, or nothing, and is still taken for one that starts.
const STARTING: Duration = Duration::from_secs(60);
/// How often a server is asked for a sign of life while all who have to do with it only listen...
const LISTEN: Duration = Duration::from_secs(15);
/// ...and how long it may take to give one.
const LISTEN_WITHIN: Duration = Duration::from_secs(10);
/// How long a server is lost before those who only listen to it believe that, too.
const DOUBT: Duration = Duration::from_secs(2);
/// Within which time those ask again who waited for a server that is back.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether a server can be reached, as all see it who ask it.
struct Reach {
    /// How often it was lost or came back, odd while it is lost, and when it last was.
    turns: watch::Sender<(u64, Instant)>,
    /// Held by the one who asks for all who wait.
    asking: Mutex<()>,
    /// Since when a lost server answers, and is not ready.
    starting: Mutex<Option<Instant>>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { turns: watch::Sender::new((0, Instant::now())), asking: Mutex::default(), starting: Mutex::default() }
    }
}

impl Reach {
    fn is_lost(turns: u64) -> bool {
        turns % 2 == 1
    }

    fn set_lost(&self, lost: bool) {
        self.turns.send_if_modified(|(turns, when)| {
            let turned = Self::is_lost(*turns) != lost;
            if turned {
                (*turns, *when) = (*turns + 1, Instant::now());
            }
            turned
        });
    }
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

    /// How often the server was lost or came back, for [`Self::back`].
    pub fn turns(&self) -> u64 {
        self.reach.turns.borrow().0
    }

    /// Is over soon after the server could not be reached by somebody who asked it; not for all who wait at the same moment.
    /// One of those who wait asks it now and then.
    pub async fn lost(&self) {
        let mut turns = self.reach.turns.subscribe();
        let asks = async {
            let _turn = self.reach.asking.lock().await;
            loop {
                sleep(LISTEN).await;
                // Whatever it answers is a sign of life.
                if timeout(LISTEN_WITHIN, self.send_once(&Call::get("/readyz"))).await.is_err() {
                    self.reach.set_lost(true);
                }
            }
        };
        tokio::select! {
            // The sender is ours: it is not gone.
            _ = turns.wait_for(|(turns, _)| Reach::is_lost(*turns)) => {}
            () = asks => {}
        }
        sleep(ASK[0] + within(TOGETHER)).await;
    }

    /// Is over when the server was lost after it had turned `since` times, and has been for a while.
    pub(crate) async fn given_up(&self, since: u64) {
        let mut turns = self.reach.turns.subscribe();
        while turns.wait_for(|(turns, _)| *turns > since && Reach::is_lost(*turns)).await.is_ok() {
            if timeout(DOUBT, turns.wait_for(|(turns, _)| !Reach::is_lost(*turns))).await.is_err() {
                return;
            }
        }
    }

    /// As if somebody had found that the server cannot be reached.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.reach.set_lost(true);
    }

    /// Is over when the server was lost after it had turned `since` times, or was lost then, and is ready again; not for all
    /// who wait at the same moment. While it is lost, one of those who wait asks it.
    pub async fn back(&self, since: u64) {
        let (mut turns, mut losses) = (self.reach.turns.subscribe(), self.reach.turns.subscribe());
        let asks = async {
            while losses.wait_for(|(turns, _)| Reach::is_lost(*turns)).await.is_ok() {
                let _turn = self.reach.asking.lock().await;
                let mut wait = ASK[0];
                while Reach::is_lost(self.turns()) {
                    sleep(wait).await;
                    wait = match self.regain().await {
                        Err(ClusterError::Unreachable { .. }) => {
                            let lost_for = self.reach.turns.borrow().1.elapsed();
                            (lost_for / 10).clamp(ASK[0], ASK[1])
                        }
                        // It starts, or is back.
                        _ => ASK[0],
                    };
                }
            }
        };
        let is_back = async { drop(turns.wait_for(|(turns, _)| *turns > since && !Reach::is_lost(*turns)).await) };
        tokio::select! {
            () = is_back => {}
            () = asks => {}
        }
        sleep(within(TOGETHER)).await;
    }

    /// Asks a server that was lost whether it is ready; an error says why it is not. What one answers that is still starting
    /// is not to be believed: at first it neither knows all that it serves nor who may do what.
    pub async fn regain(&self) -> Result<(), ClusterError> {
        let mut starting = self.reach.starting.lock().await;
        if !Reach::is_lost(self.turns()) {
            return Ok(());
        }
        match timeout(ASK_WITHIN, self.send_once(&Call::get("/readyz"))).await {
            Err(_) if starting.get_or_insert_with(Instant::now).elapsed() < STARTING => {
                return Err(self.silent(ASK_WITHIN));
            }
            Ok(Err((error @ ClusterError::Unreachable { .. }, _))) => {
                *starting = None;
                return Err(error);
            }
            Ok(Err((error @ ClusterError::Other { code: 500.., .. }, _)))
                if starting.get_or_insert_with(Instant::now).elapsed() < STARTING =>
            {
                return Err(error);
            }
            // One that does not let us ask this is taken as ready; whoever asks it something else will see.
            Err(_) | Ok(_) => {}
        }
        *starting = None;
        self.reach.set_lost(false);
        Ok(())
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
        crate::watch::start(self.clone(), resource, (namespace, None), Pace::default())
    }

    /// The same for the one object of this name: all that may be listed by who may list it by name only.
    pub fn watch_named(
        &self,
        resource: Arc<Resource>,
        namespace: Option<String>,
        name: String,
    ) -> mpsc::Receiver<Signal> {
        crate::watch::start(self.clone(), resource, (namespace, Some(name)), Pace::default())
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
    async fn send_once(&self, call: &Call<'_>) -> Result<Response<Body>, (ClusterError, Option<u64>)> {
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

    /// The error of one who only listens to a server that others do not reach.
    pub(crate) fn silent_to_others(&self) -> ClusterError {
        ClusterError::Unreachable {
            server: self.server().to_owned(),
            reason: "it gives no sign of life, and does not answer what else it is asked".to_owned(),
        }
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
