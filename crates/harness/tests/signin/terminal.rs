//! A terminal whose session gets another token goes on with that one, and ends with the token that it has otherwise.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use pilothouse_harness::Kubelet;
use pilothouse_harness::kubelet::V4;
use reqwest::StatusCode;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::browser::Browser;
use crate::first_sign_in;
use crate::world::World;

const PLACE: &str = "/c/prod/terminal/team-a/web";
const PATIENCE: Duration = Duration::from_secs(60);

struct Terminal(WebSocketStream<TlsStream<TcpStream>>);

impl Terminal {
    /// Opens one, as a page of the console does.
    async fn open(world: &World, browser: &Browser) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(world.authority.as_bytes()).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let tcp = TcpStream::connect(("127.0.0.1", world.port())).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        let host = format!("127.0.0.1:{}", world.port());
        let request = format!(
            "GET {PLACE}?command=cat HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nCookie: {}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            browser.cookies()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }

    async fn next(&mut self) -> Message {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Ping(_) | Message::Pong(_) => {}
                message => return message,
            }
        }
    }

    /// The next thing that is said beside what is printed.
    async fn said(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminal_lives_as_long_as_its_session_has_a_token() {
    let world = World::start().await;
    let admin = world.plane.admin();
    let node = Kubelet::start(V4).await;
    node.run(admin, ("team-a", "web"), &["main"]).await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a";
    let rule = json!({"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create", "get"]});
    admin.ensure(&format!("{rbac}/roles"), &json!({"metadata": {"name": "run"}, "rules": [rule]})).await;
    let binding = json!({
        "metadata": {"name": "run"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "run"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}],
    });
    admin.ensure(&format!("{rbac}/rolebindings"), &binding).await;
    let mut ada = Browser::new(&world.authority);
    first_sign_in(&mut ada, &world).await;

    let (mut renewed, mut left) = (Terminal::open(&world, &ada).await, Terminal::open(&world, &ada).await);
    let (open, other) = (renewed.said().await, left.said().await);
    assert_eq!((&open["event"], &other["event"]), (&json!("open"), &json!("open")), "{open} {other}");
    tokio::time::sleep(Duration::from_secs(open["renew"].as_u64().unwrap() + 1)).await;
    // Only the page of a terminal knows its name.
    let go_on = |name: &str| world.at(&format!("{PLACE}/go-on?name={name}")).parse().unwrap();
    assert_eq!(ada.clone().submit(go_on("guess"), "").await.status, StatusCode::NOT_FOUND);
    let answer = ada.submit(go_on(open["name"].as_str().unwrap()), "").await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "{}", answer.text);
    assert_eq!(renewed.said().await["event"], "renewed");

    let end = left.said().await;
    assert_eq!(end["event"], "end", "{end}");
    renewed.0.send(Message::binary(&b"still\r"[..])).await.unwrap();
    let mut printed = String::new();
    while !printed.contains("still\r\nstill") {
        match renewed.next().await {
            Message::Binary(bytes) => printed.push_str(&String::from_utf8_lossy(&bytes)),
            other => panic!("{other:?}"),
        }
    }
}
