//! Starting and stopping: the listener, TLS, the connections, and the kubeconfig that leads to them.

mod kubeconfig;
mod tls;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::{Api, Settings};
use crate::user::{Tokens, User};
use crate::{duties, http, random};

/// How a server should run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Users besides [`User::admin`].
    pub users: Vec<User>,
    /// How many changes of each collection are remembered; older ones answer 410.
    pub history: usize,
    /// How often watches that allow bookmarks get one.
    pub bookmark_every: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            users: Vec::new(),
            history: 10_000,
            bookmark_every: Duration::from_secs(15),
        }
    }
}

/// Why a server could not start or answer.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address is taken or not allowed.
    #[error("the embedded cluster cannot listen on {address}: {error}; choose another address or port 0")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// The certificates could not be made.
    #[error("the embedded cluster could not make its certificates: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS could not be set up.
    #[error("the embedded cluster could not set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system's random source failed.
    #[error("the system's random source failed")]
    Random,
    /// Nobody of this name may sign in.
    #[error("the embedded cluster has no user `{name}`; it has {known}")]
    UnknownUser {
        /// The name.
        name: String,
        /// Those that there are.
        known: String,
    },
}

/// A running server. Dropping it stops it without waiting; [`Server::shutdown`] waits.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    authority: String,
    tokens: HashMap<String, String>,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Starts listening.
    pub async fn start(options: Options) -> Result<Self, ServerError> {
        let certificates = tls::make()?;
        let failed = |error| ServerError::Listen { address: options.listen, error };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let known = Tokens::default();
        let mut tokens = HashMap::new();
        for user in std::iter::once(User::admin()).chain(options.users) {
            let token = random::secret()?;
            tokens.insert(user.name.clone(), token.clone());
            known.add(token, user);
        }
        let stopping = CancellationToken::new();
        let tasks = TaskTracker::new();
        let settings = Settings { history: options.history, bookmark_every: options.bookmark_every };
        let (api, errands) = Api::new(known, settings, certificates.authority.clone(), stopping.clone());
        let api = Arc::new(api);
        duties::furnish(&api);
        tasks.spawn(duties::run(api.clone(), errands, stopping.clone()));
        let connections =
            Connections { api, acceptor: certificates.acceptor, stopping: stopping.clone(), tasks: tasks.clone() };
        tasks.spawn(connections.accept(listener));
        tasks.close();
        Ok(Self { address, authority: certificates.authority, tokens, stopping, tasks })
    }

    /// `https://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// The certificate authority's certificate in PEM.
    pub fn certificate_authority(&self) -> &str {
        &self.authority
    }

    /// The bearer token of a user.
    pub fn token(&self, user: &str) -> Result<&str, ServerError> {
        self.tokens.get(user).map(String::as_str).ok_or_else(|| {
            let mut known: Vec<&str> = self.tokens.keys().map(String::as_str).collect();
            known.sort_unstable();
            ServerError::UnknownUser { name: user.to_owned(), known: known.join(", ") }
        })
    }

    /// A kubeconfig with which `user` reaches this server.
    pub fn kubeconfig(&self, user: &str) -> Result<String, ServerError> {
        Ok(kubeconfig::write(&self.url(), &self.authority, user, self.token(user)?))
    }

    /// Stops: open watches end, requests under way get a moment to finish.
    pub async fn shutdown(self) {
        self.stopping.cancel();
        if tokio::time::timeout(Duration::from_secs(5), self.tasks.wait()).await.is_err() {
            tracing::warn!("the embedded cluster's connections did not close in time; they are dropped");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Takes connections and serves them.
#[derive(Clone)]
struct Connections {
    api: Arc<Api>,
    acceptor: TlsAcceptor,
    stopping: CancellationToken,
    tasks: TaskTracker,
}

impl Connections {
    async fn accept(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stopping.cancelled() => return,
            };
            match accepted {
                Ok((stream, _)) => {
                    self.tasks.spawn(self.clone().serve(stream));
                }
                Err(error) => {
                    // Out of file descriptors, most often: the next moment may have some.
                    tracing::warn!(%error, "could not take a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn serve(self, stream: TcpStream) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "could not switch off Nagle's algorithm");
        }
        let stream = match tokio::time::timeout(Duration::from_secs(10), self.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => return tracing::debug!("a TLS handshake took too long"),
        };
        let api = self.api;
        let mut builder = auto::Builder::new(TokioExecutor::new());
        // A client of many watches opens many streams on one connection.
        builder.http2().max_concurrent_streams(1000);
        let connection = builder.serve_connection(
            TokioIo::new(stream),
            service_fn(move |request| {
                let api = api.clone();
                async move { Ok::<_, std::convert::Infallible>(http::answer(api, request).await) }
            }),
        );
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.stopping.cancelled() => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(Duration::from_secs(2), connection).await {
                    Ok(ended) => ended,
                    Err(_) => return,
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection broke");
        }
    }
}
