//! The scripted API server: plain HTTP on loopback; a function decides each answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use futures::stream;
use pilothouse_model::{Object, Resource, Str};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Receiver;
use tokio::task::JoinHandle;

use crate::backoff::Pace;
use crate::{Connection, Contexts, Malformed, Signal};

/// One request, as a script sees it.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: HashMap<String, String>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How many requests of the same kind came before: `list`, `watch`, or the path of anything else.
    pub(super) before: usize,
}

impl Asked {
    pub(super) fn is_watch(&self) -> bool {
        self.query.contains_key("watch")
    }

    pub(super) fn get(&self, key: &str) -> &str {
        self.query.get(key).map_or("", String::as_str)
    }
}

/// A running server.
pub(super) struct Fake {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Fake {
    pub(super) async fn start(script: impl Fn(Asked) -> Response + Send + Sync + 'static) -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
    }

    pub(super) fn start_on(listener: TcpListener, script: impl Fn(Asked) -> Response + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        let counts: Mutex<HashMap<String, usize>> = Mutex::default();
        let script = Arc::new((script, counts));
        type Parameters = Query<HashMap<String, String>>;
        let answer = move |method: Method, uri: Uri, Query(query): Parameters, headers: HeaderMap, body: Bytes| {
            log.lock().unwrap().push(uri.to_string());
            let (script, counts) = &*script;
            let kind = match (query.contains_key("watch"), query.contains_key("limit")) {
                (true, _) => "watch".to_owned(),
                (_, true) => "list".to_owned(),
                _ => uri.path().to_owned(),
            };
            let before = {
                let mut counts = counts.lock().unwrap();
                let count = counts.entry(kind).or_default();
                *count += 1;
                *count - 1
            };
            let response = script(Asked { method, path: uri.path().to_owned(), query, headers, body, before });
            async move { response }
        };
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            axum::serve(listener, Router::new().fallback(answer)).await.unwrap();
        });
        Self { url, asked, task }
    }

    /// Path and query of every request so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn connect(&self) -> Connection {
        connect(&self.url, "token: t")
    }

    /// Watches pods with waits of milliseconds and pages of two.
    pub(super) fn watch(&self, resource: Resource) -> Receiver<Signal> {
        self.watch_at(resource, pace())
    }

    pub(super) fn watch_at(&self, resource: Resource, pace: Pace) -> Receiver<Signal> {
        crate::watch::start(self.connect(), Arc::new(resource), (None, None), pace)
    }
}

pub(super) fn pace() -> Pace {
    Pace {
        first: Duration::from_millis(1),
        longest: Duration::from_millis(4),
        slow: Duration::from_millis(20),
        poll: Duration::from_millis(1),
        slow_poll: Duration::from_millis(4),
        page: 2,
        ..Pace::default()
    }
}

/// A connection to `url`; `user` is YAML.
pub(super) fn connect(url: &str, user: &str) -> Connection {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, kubeconfig(url, user)).unwrap();
    Connection::open(&Contexts::load(Some(path), None).unwrap(), "fake").unwrap()
}

pub(super) fn kubeconfig(url: &str, user: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Config, current-context: fake, clusters: [{{name: fake, cluster: {{server: \"{url}\"}}}}], \
         users: [{{name: me, user: {{{user}}}}}], contexts: [{{name: fake, context: {{cluster: fake, user: me}}}}]}}"
    )
}

pub(crate) fn resource(group: &str, version: &str, plural: &str, kind: &str) -> Resource {
    Resource { verbs: ["get", "list", "watch"].map(Str::from).to_vec(), ..Resource::new(group, version, plural, kind) }
}

pub(super) fn pods() -> Resource {
    resource("", "v1", "pods", "Pod")
}

/// An object as lists give it: without `apiVersion` and `kind`.
pub(super) fn pod(name: &str, version: u64) -> Value {
    json!({"metadata": {"name": name, "namespace": "team-a", "resourceVersion": version.to_string()}})
}

/// A page; a `next` that is not empty is the continue token.
pub(super) fn page(items: &[Value], version: u64, next: &str) -> Response {
    answer(json!({
        "kind": "List", "apiVersion": "v1", "items": items,
        "metadata": {"resourceVersion": version.to_string(), "continue": next, "remainingItemCount": 7}
    }))
}

pub(super) fn answer(value: Value) -> Response {
    axum::Json(value).into_response()
}

pub(super) fn refusal(code: u16, reason: &str, message: &str) -> Response {
    (StatusCode::from_u16(code).unwrap(), axum::Json(status(code, reason, message))).into_response()
}

pub(super) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message})
}

pub(super) fn event(kind: &str, object: &Value) -> String {
    format!("{}\n", json!({"type": kind, "object": object}))
}

/// How a streamed answer ends.
#[derive(Clone, Copy)]
pub(super) enum Ending {
    /// Never, while the server lives.
    Open,
    /// As HTTP says.
    Clean,
    /// In the middle.
    Cut,
}

/// A watch that answers these chunks.
pub(super) fn streamed(chunks: &[String], ending: Ending) -> Response {
    let sent = stream::iter(chunks.iter().map(|chunk| Ok(Bytes::from(chunk.clone()))).collect::<Vec<_>>());
    let body = match ending {
        Ending::Open => Body::from_stream(sent.chain(stream::pending::<Result<Bytes, Infallible>>())),
        Ending::Clean => Body::from_stream::<_>(sent.map(|chunk: Result<Bytes, Infallible>| chunk)),
        Ending::Cut => {
            Body::from_stream(sent.map(|chunk: Result<Bytes, Infallible>| chunk.map_err(|never| match never {})).chain(
                stream::once(async {
                    // What was written before goes out when the stream makes the server wait.
                    tokio::task::yield_now().await;
                    Err(std::io::Error::other("cut"))
                }),
            ))
        }
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// A watch that answers one piece, and another after a while.
pub(super) fn slowly(first: String, second: String, after: Duration) -> Response {
    let second = stream::once(async move {
        tokio::time::sleep(after).await;
        Ok::<_, Infallible>(Bytes::from(second))
    });
    let body = stream::once(async move { Ok(Bytes::from(first)) }).chain(second).chain(stream::pending());
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(body)).into_response()
}

/// The next signal; fails the test when none comes.
pub(super) async fn next(signals: &mut Receiver<Signal>) -> Signal {
    tokio::time::timeout(Duration::from_secs(20), signals.recv())
        .await
        .expect("no signal came")
        .expect("the watch ended")
}

/// The next signals, each in a few words.
pub(super) async fn story(signals: &mut Receiver<Signal>, count: usize) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..count {
        told.push(words(&next(signals).await));
    }
    told
}

/// The objects of a page, and what is none.
pub(super) fn page_of(signal: Signal) -> (Vec<Object>, Vec<Malformed>) {
    let Signal::Page(items) = signal else { panic!("{signal:?} is no page") };
    let (objects, malformed): (Vec<_>, Vec<_>) = items.objects().partition(Result::is_ok);
    (objects.into_iter().flatten().collect(), malformed.into_iter().filter_map(Result::err).collect())
}

pub(super) fn words(signal: &Signal) -> String {
    match signal {
        Signal::Listing { first: true } => "listing for the first time".to_owned(),
        Signal::Listing { first: false } => "listing again".to_owned(),
        Signal::Page(items) => {
            let names =
                items.clone().objects().map(|item| item.map_or("?".to_owned(), |object| object.name().to_owned()));
            format!("page {}", names.collect::<Vec<_>>().join(" "))
        }
        Signal::Listed => "listed".to_owned(),
        Signal::Applied(object) => format!("applied {}@{}", object.name(), object.resource_version()),
        Signal::Deleted(object) => format!("deleted {}@{}", object.name(), object.resource_version()),
        Signal::Malformed(_) => "malformed".to_owned(),
        Signal::Fresh => "fresh".to_owned(),
        Signal::Trouble { error, .. } => format!("trouble {}", format!("{:?}", error.kind()).to_lowercase()),
    }
}
