//! A node that runs commands for pods: an API server hands what is executed in a pod on to it. What it runs is real, on this
//! machine; only the containers are not. Each has a log of one line.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::api::Api;

/// What a node's commands speak.
pub const V4: &str = "v4.channel.k8s.io";
/// The same with a word for the end of the input.
pub const V5: &str = "v5.channel.k8s.io";
/// How long the other side of a command that has ended may take to go.
const FAREWELL: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Sink = Arc<tokio::sync::Mutex<SplitSink<Socket, Message>>>;

/// A running node; dropping it ends it.
#[derive(Debug)]
pub struct Kubelet {
    port: u16,
    state: Arc<State>,
    task: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    protocol: &'static str,
    /// The containers that run, by `namespace/pod`.
    running: Mutex<BTreeMap<String, Vec<String>>>,
    sizes: Mutex<Vec<String>>,
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Kubelet {
    /// Starts it with one of the protocols.
    pub async fn start(protocol: &'static str) -> Self {
        let certified = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS has versions")
            .with_no_client_auth()
            .with_single_cert(vec![certified.cert.der().clone()], key)
            .expect("the certificate fits its key");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::new(State { protocol, running: Mutex::default(), sizes: Mutex::default() });
        let task = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), Arc::clone(&state)));
        Self { port, state, task }
    }

    /// Makes a pod whose containers run here.
    pub async fn run(&self, admin: &Api, (namespace, pod): (&str, &str), containers: &[&str]) {
        let node = format!("node-{}", self.port);
        let nodes = "/api/v1/nodes";
        admin.ensure(nodes, &json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}})).await;
        let status = json!({"status": {
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self.port}},
        }});
        let merge = "application/merge-patch+json";
        let patch = async |path: &str, body: &serde_json::Value| {
            let answer = admin.send(reqwest::Method::PATCH, path, Some((merge, body))).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        };
        patch(&format!("{nodes}/{node}/status"), &status).await;
        let list =
            |one: &dyn Fn(&str) -> serde_json::Value| containers.iter().map(|name| one(name)).collect::<Vec<_>>();
        let spec = json!({"nodeName": node, "containers": list(&|name| json!({"name": name, "image": "example.com/tools:1"}))});
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        admin.ensure(&pods, &json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod}, "spec": spec})).await;
        let state = |name: &str| {
            json!({"name": name, "ready": true, "restartCount": 0, "image": "example.com/tools:1", "imageID": "",
                "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}})
        };
        let status = json!({"status": {"phase": "Running", "containerStatuses": list(&state)}});
        patch(&format!("{pods}/{pod}/status"), &status).await;
        let names = containers.iter().map(|name| (*name).to_owned()).collect();
        let mut running = self.state.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(format!("{namespace}/{pod}"), names);
    }

    /// Lets a container end, which the API server does not hear of.
    pub fn stop(&self, namespace: &str, pod: &str) {
        let mut running = self.state.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.remove(&format!("{namespace}/{pod}"));
    }

    /// The sizes that terminals were told to have, as they came.
    pub fn sizes(&self) -> Vec<String> {
        self.state.sizes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), Arc::clone(&state));
        tokio::spawn(async move { converse(stream, &tls, state).await });
    }
}

async fn converse(stream: TcpStream, tls: &TlsAcceptor, state: Arc<State>) {
    let Ok(stream) = tls.accept(stream).await else { return };
    let service = service_fn(move |request| {
        let answer = answer(request, &state);
        async move { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // A client that goes away is no failure.
    drop(connection.with_upgrades().await);
}

/// What is to be run.
#[derive(Debug, Default)]
struct Asked {
    command: Vec<String>,
    input: bool,
    tty: bool,
}

fn answer(mut request: Request<Incoming>, state: &Arc<State>) -> Response<String> {
    let said = |status: StatusCode, words: &str| {
        let mut response = Response::new(words.to_owned());
        *response.status_mut() = status;
        response
    };
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').collect();
    let ["", what @ ("exec" | "containerLogs"), namespace, pod, container] = parts.as_slice() else {
        return said(StatusCode::NOT_FOUND, "404 page not found");
    };
    let running = state.running.lock().unwrap_or_else(PoisonError::into_inner);
    match running.get(&format!("{namespace}/{pod}")) {
        None => return said(StatusCode::INTERNAL_SERVER_ERROR, "container is in CONTAINER_EXITED state"),
        Some(names) if !names.iter().any(|name| name == container) => {
            return said(StatusCode::INTERNAL_SERVER_ERROR, &format!("container not found (\"{container}\")"));
        }
        Some(_) => drop(running),
    }
    if *what == "containerLogs" {
        return said(StatusCode::OK, &format!("{container} of {pod} in {namespace} has begun\n"));
    }
    let header = |name: header::HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
    let offered = header(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    let Some(key) = header(header::SEC_WEBSOCKET_KEY).filter(|_| offered.contains(state.protocol)) else {
        return said(StatusCode::BAD_REQUEST, "unable to upgrade: no protocol that both know");
    };
    let accept = derive_accept_key(key.as_bytes());
    let asked = read(request.uri().query().unwrap_or_default());
    let upgrading = hyper::upgrade::on(&mut request);
    let state = Arc::clone(state);
    let mut response = said(StatusCode::SWITCHING_PROTOCOLS, "");
    for (name, value) in [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "websocket"),
        (header::SEC_WEBSOCKET_PROTOCOL, state.protocol),
        (header::SEC_WEBSOCKET_ACCEPT, &accept),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_str(value).expect("plain text"));
    }
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrading.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            run(socket, asked, &state).await;
        }
    });
    response
}

/// What API servers write for nodes: `input=1&output=1&tty=1&command=sh`.
fn read(query: &str) -> Asked {
    let mut asked = Asked::default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "command" => asked.command.push(unescaped(value)),
            "input" | "stdin" => asked.input = matches!(value, "1" | "true"),
            "tty" => asked.tty = matches!(value, "1" | "true"),
            _ => {}
        }
    }
    asked
}

fn unescaped(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, ..]) => {
                let code = [*high, *low].map(char::from).iter().collect::<String>();
                bytes.push(u8::from_str_radix(&code, 16).expect("escapes are hexadecimal"));
                rest = &after[2..];
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).expect("commands are text")
}

/// Starts it; in a terminal of its own where one was asked for.
fn spawn(asked: &Asked) -> std::io::Result<Child> {
    let quoted = asked.command.iter().map(|part| format!("'{}'", part.replace('\'', "'\\''")));
    let mut command = if asked.tty {
        // The shell that opens the terminal would start anyway, and say itself that there is no such program.
        let found = std::process::Command::new("sh").args(["-c", "command -v \"$0\"", &asked.command[0]]).output()?;
        if !found.status.success() {
            return Err(std::io::ErrorKind::NotFound.into());
        }
        let mut command = Command::new("script");
        command.args(["-qfec", &quoted.collect::<Vec<_>>().join(" "), "/dev/null"]);
        command
    } else {
        let mut command = Command::new(&asked.command[0]);
        command.args(&asked.command[1..]);
        command
    };
    command.env("TERM", "xterm").env("PS1", "$ ").stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command.stdin(if asked.input { Stdio::piped() } else { Stdio::null() }).spawn()
}

async fn run(socket: Socket, asked: Asked, state: &State) {
    let (sink, mut source) = socket.split();
    let sink: Sink = Arc::new(tokio::sync::Mutex::new(sink));
    for channel in 1..=3 {
        say(&sink, channel, b"").await;
    }
    let Ok(mut child) = spawn(&asked) else {
        let words = format!("exec: \"{}\": executable file not found in $PATH", asked.command[0]);
        let status = json!({"status": "Failure", "reason": "InternalError", "message": words, "code": 500});
        say(&sink, 3, status.to_string().as_bytes()).await;
        return part(&sink, source).await;
    };
    let (out, errors) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    let input = child.stdin.take();
    let printing = async {
        tokio::join!(print(out, &sink, 1), print(errors, &sink, 2));
        child.wait().await.expect("a child ends")
    };
    let code = tokio::select! {
        status = printing => status.code().unwrap_or(137),
        // Nobody is there any more: the child ends with us.
        () = listen(&mut source, input, state) => return,
    };
    let status = if code == 0 {
        json!({"status": "Success"})
    } else {
        json!({"status": "Failure", "reason": "NonZeroExitCode", "message": format!("command terminated with non-zero exit code: {code}"),
            "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]}})
    };
    say(&sink, 3, status.to_string().as_bytes()).await;
    part(&sink, source).await;
}

/// Ends the conversation. What still comes in is read: left unread, it would reset the connection, and take with it what was
/// said last.
async fn part(sink: &Sink, mut source: SplitStream<Socket>) {
    drop(sink.lock().await.close().await);
    let rest = async { while let Some(Ok(_)) = source.next().await {} };
    drop(timeout(FAREWELL, rest).await);
}

async fn say(sink: &Sink, channel: u8, content: &[u8]) {
    let message = [&[channel], content].concat();
    // Who has gone needs no answer.
    drop(sink.lock().await.send(Message::Binary(message.into())).await);
}

async fn print(mut from: impl AsyncRead + Unpin, sink: &Sink, channel: u8) {
    let mut piece = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        say(sink, channel, &piece[..read]).await;
    }
}

/// Hands on what comes in, until the connection ends.
async fn listen(source: &mut SplitStream<Socket>, mut input: Option<ChildStdin>, state: &State) {
    while let Some(Ok(message)) = source.next().await {
        let Message::Binary(bytes) = message else { continue };
        match bytes.as_ref() {
            [0, content @ ..] => {
                if let Some(input) = &mut input {
                    // A program may have closed its input.
                    drop(input.write_all(content).await);
                    drop(input.flush().await);
                }
            }
            [4, content @ ..] => {
                let size = String::from_utf8_lossy(content).into_owned();
                state.sizes.lock().unwrap_or_else(PoisonError::into_inner).push(size);
            }
            [255, 0] => drop(input.take()),
            _ => {}
        }
    }
}
