//! A proxy that does to requests whatever a bad network, a busy API server or a broken proxy would do, on command.
//!
//! It stands between a client and a real API server. The near side is plain HTTP/1.1 on loopback, so that it can cut an
//! answer at any byte; the far side is the server's own TLS.

mod exchange;
mod wire;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::kubeconfig::Credential;

/// Changes the body of an answer to a GET of a path (with its query); `None` leaves it as it is.
pub type Rewrite = Arc<dyn Fn(&str, Option<&[u8]>) -> Option<Vec<u8>> + Send + Sync>;

/// What happens to requests. The default is fair: nothing does.
#[derive(Clone, Default)]
pub struct Weather {
    /// Nobody listens: connections are closed as soon as they come, and those there are, at once.
    pub down: bool,
    /// Connections and requests are taken, and nothing comes back any more, not even of what is under way.
    pub black_hole: bool,
    /// Watches end this long after their answer has begun, properly.
    pub close_watches: Option<Duration>,
    /// Requests of this sort get an error instead of an answer.
    pub refuse: Option<Refusal>,
    /// Answers begin this much later.
    pub delay: Duration,
    /// Bytes of body a second, of each answer.
    pub bandwidth: Option<usize>,
    /// Each answer is cut after so many bytes of its body (lists at half of it), or ends there as if it were whole.
    pub cut: Option<Cut>,
    /// Instead of what the server answers.
    pub garbage: Option<Vec<u8>>,
    /// Changes answers; called with `None` before the server is asked, then with what it answered.
    pub rewrite: Option<Rewrite>,
}

/// An error that is answered in the server's place.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Whether only watches get it.
    pub only_watches: bool,
    /// HTTP status.
    pub code: u16,
    /// `Retry-After`, in seconds.
    pub retry_after: Option<u64>,
}

/// Where an answer is cut.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    /// After how many bytes of body.
    pub after: usize,
    /// Whether the cut looks like a proper end.
    pub clean: bool,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The headers as they came.
    pub headers: Vec<(String, String)>,
    /// Whether it was refused by the proxy.
    pub refused: bool,
}

/// A running proxy; dropping it ends it.
pub struct Faults {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What all connections share.
struct Shared {
    weather: watch::Sender<Weather>,
    seen: Mutex<Vec<Seen>>,
    sent: AtomicU64,
    server: String,
    client: reqwest::Client,
}

impl Drop for Faults {
    fn drop(&mut self) {
        self.task.abort();
        // What is under way would outlive the test's runtime otherwise.
        self.shared.weather.send_modify(|weather| weather.down = true);
    }
}

impl Faults {
    /// A proxy to the server that this credential leads to, in fair weather.
    pub async fn start(credential: &Credential) -> Self {
        crate::api::install_cryptography();
        let authority = reqwest::Certificate::from_pem(credential.authority.as_bytes()).expect("the authority is PEM");
        let client =
            reqwest::Client::builder().tls_certs_only([authority]).no_proxy().build().expect("a client can be built");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            weather: watch::Sender::default(),
            seen: Mutex::default(),
            sent: AtomicU64::new(0),
            server: credential.server.clone(),
            client,
        });
        let serving = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a listener accepts");
                tokio::spawn(exchange::serve(Arc::clone(&serving), stream));
            }
        });
        Self { address, shared, task }
    }

    /// The proxy's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Writes a kubeconfig whose server is `url`, with the credential's token.
    pub fn kubeconfig(folder: &Path, name: &str, (url, token): (&str, &str)) -> PathBuf {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "clusters": [{"name": name, "cluster": {"server": url}}],
            "users": [{"name": name, "user": {"token": token}}],
        });
        let path = folder.join(format!("{name}.faults"));
        std::fs::write(&path, config.to_string()).expect("the folder is writable");
        path
    }

    /// Changes the weather, for what is under way, too.
    pub fn set(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Fair weather.
    pub fn clear(&self) {
        self.set(Weather::default());
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets the requests so far.
    pub fn forget(&self) {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// How many bytes of bodies went to clients so far.
    pub fn bytes(&self) -> u64 {
        self.shared.sent.load(Ordering::Relaxed)
    }
}

impl Shared {
    fn note(&self, request: &wire::Request, refused: bool) {
        let wire::Request { method, path, headers, .. } = request;
        let (method, path, headers) = (method.clone(), path.clone(), headers.clone());
        let seen = Seen { at: Instant::now(), method, path, headers, refused };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    }
}

/// A `Status` as API servers write it.
fn status(code: u16, retry_after: Option<u64>) -> Value {
    let reason = match code {
        410 => "Expired",
        429 => "TooManyRequests",
        _ => "InternalError",
    };
    let mut status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
        "message": format!("a {code} from the proxy"),
    });
    if let Some(seconds) = retry_after {
        status["details"] = json!({"retryAfterSeconds": seconds});
    }
    status
}
