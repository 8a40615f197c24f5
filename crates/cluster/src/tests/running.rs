//! Commands in containers, on a server that speaks the protocol of nodes.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::fake::{Fake, connect, refusal};
use crate::{Connection, ErrorKind, ExecEnd, ExecInput, ExecOptions, ExecOutput, Token};

type Socket = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// A server on which `command` is what every command does.
async fn server<F>(protocol: &'static str, command: fn(Socket) -> F) -> Connection
where
    F: Future<Output = ()> + Send + 'static,
{
    let answer = move |request: Request| async move {
        assert_eq!(request.headers()[header::AUTHORIZATION], "Bearer hers");
        let key = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
        tokio::spawn(async move {
            let upgraded = hyper::upgrade::on(request).await.unwrap();
            command(WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await).await;
        });
        let headers = [
            (header::CONNECTION, HeaderValue::from_static("Upgrade")),
            (header::UPGRADE, HeaderValue::from_static("websocket")),
            (header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol)),
            (header::SEC_WEBSOCKET_ACCEPT, HeaderValue::from_str(&key).unwrap()),
        ];
        let response: Response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
        response
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
    connect(&url, "token: the-consoles").with_token(&Token::new("hers"))
}

fn of(channel: u8, content: &[u8]) -> Message {
    Message::Binary(Bytes::from([&[channel], content].concat()))
}

fn ended(code: &str) -> Message {
    let status = json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": [{"reason": "ExitCode", "message": code}]}});
    of(3, status.to_string().as_bytes())
}

fn shell() -> ExecOptions {
    ExecOptions { command: vec!["sh".to_owned()], stdin: true, tty: true, container: None }
}

/// Says back what it is told, and ends with the code that follows `exit `.
async fn echo(mut socket: Socket) {
    socket.send(of(1, b"")).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        let Message::Binary(bytes) = message else { continue };
        match bytes[0] {
            0 if bytes[1..].starts_with(b"exit ") => {
                socket.send(ended(std::str::from_utf8(&bytes[6..]).unwrap())).await.unwrap();
            }
            0 => socket.send(of(1, &bytes[1..])).await.unwrap(),
            channel => socket.send(of(2, format!("{channel}").as_bytes())).await.unwrap(),
        }
    }
}

#[tokio::test]
async fn what_is_typed_comes_back_and_the_code_is_told() {
    for (protocol, tells) in [("v5.channel.k8s.io", true), ("v4.channel.k8s.io", false)] {
        let mut exec = server(protocol, echo).await.exec("a", "web", &shell()).await.unwrap();
        assert_eq!(exec.tells_end(), tells);
        let input = exec.input();
        input.send(ExecInput::Bytes(Bytes::from_static(b"hello"))).await.unwrap();
        assert_eq!(exec.next().await, Some(Ok(ExecOutput::Out(Bytes::from_static(b"hello")))));
        input.send(ExecInput::Resize { columns: 80, rows: 24 }).await.unwrap();
        assert_eq!(exec.next().await, Some(Ok(ExecOutput::Error(Bytes::from_static(b"4")))));
        input.send(ExecInput::End).await.unwrap();
        if tells {
            assert_eq!(exec.next().await, Some(Ok(ExecOutput::Error(Bytes::from_static(b"255")))));
        }
        input.send(ExecInput::Bytes(Bytes::from_static(b"exit 42"))).await.unwrap();
        assert_eq!(exec.next().await, Some(Ok(ExecOutput::Ended(ExecEnd::Exited(42)))));
        assert_eq!(exec.next().await, None);
    }
}

/// Prints without an end, and stops when it is told anything.
async fn flood(socket: Socket) {
    let (mut sink, mut source) = socket.split();
    let printing = async { while sink.send(of(1, &[b'y'; 4096])).await.is_ok() {} };
    tokio::select! {
        () = printing => {}
        _ = source.next() => {}
    }
    sink.send(ended("130")).await.unwrap();
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_command_that_floods_can_be_interrupted_by_who_has_not_read_yet() {
    let mut exec = server("v4.channel.k8s.io", flood).await.exec("a", "web", &shell()).await.unwrap();
    // Nothing was read so far: all buffers on the way fill up.
    assert!(matches!(exec.next().await, Some(Ok(ExecOutput::Out(_)))));
    exec.input().send(ExecInput::Bytes(Bytes::from_static(b"\x03"))).await.unwrap();
    let mut read = 0;
    let end = loop {
        match timeout(Duration::from_secs(60), exec.next()).await.unwrap() {
            Some(Ok(ExecOutput::Out(bytes))) => read += bytes.len(),
            other => break other,
        }
    };
    assert_eq!(end, Some(Ok(ExecOutput::Ended(ExecEnd::Exited(130)))));
    assert!(read < 64 << 20, "no more than the buffers on the way hold: {read}");
}

async fn gone(socket: Socket) {
    drop(socket);
}

async fn too_long(mut socket: Socket) {
    drop(socket.send(of(1, &vec![b'y'; 2 << 20])).await);
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn an_end_that_is_not_told_is_not_made_up_and_no_message_fills_the_memory() {
    for connection in [server("v5.channel.k8s.io", gone).await, server("v5.channel.k8s.io", too_long).await] {
        let mut exec = connection.exec("a", "web", &shell()).await.unwrap();
        let error = exec.next().await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.to_string().ends_with("what became of the command is not known"), "{error}");
        assert_eq!(exec.next().await, None);
    }
}

#[tokio::test]
async fn a_cut_ends_both_directions() {
    let mut exec = server("v5.channel.k8s.io", echo).await.exec("a", "web", &shell()).await.unwrap();
    let input = exec.input();
    exec.cutter().cut();
    assert_eq!(exec.next().await, None);
    input.closed().await;
}

#[tokio::test]
async fn refusals_are_told_in_the_servers_words_without_what_was_to_be_run() {
    let fake = Fake::start(|asked| match asked.path.as_str() {
        "/api/v1/namespaces/a/pods/forbidden/exec" => refusal(403, "Forbidden", "ada may not create pods/exec"),
        "/api/v1/namespaces/a/pods/other/exec" => refusal(400, "BadRequest", "container x is not valid for pod other"),
        "/api/v1/namespaces/a/pods/stopped/exec" => refusal(500, "", "container is in CONTAINER_EXITED state"),
        "/api/v1/namespaces/a/pods/plain/exec" => "no WebSocket".into_response(),
        path => panic!("{path}"),
    })
    .await;
    let secret = ExecOptions { command: vec!["p4ssword".to_owned()], ..ExecOptions::default() };
    let mut told = Vec::new();
    for pod in ["forbidden", "other", "stopped", "plain", "../secrets"] {
        let error = fake.connect().exec("a", pod, &secret).await.unwrap_err();
        assert!(!error.to_string().contains("p4ssword"), "{error}");
        told.push(error.kind());
    }
    let expected =
        [ErrorKind::Forbidden, ErrorKind::NotFound, ErrorKind::Other, ErrorKind::Malformed, ErrorKind::NotFound];
    assert_eq!(told, expected);
    assert_eq!(fake.asked().len(), 4, "what cannot be a name is not asked for");
}
