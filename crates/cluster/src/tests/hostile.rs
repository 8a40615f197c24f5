//! A server that wants to fill our memory.

use std::io::Write;

use axum::body::Bytes;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::fake::{Fake, connect, next, page, pods, resource, story};
use crate::{ErrorKind, Signal};

/// The server under an address that is not taken for this machine: only then are answers compressed.
fn distant(fake: &Fake) -> crate::Connection {
    connect(&fake.url.replace("127.0.0.1", "0.0.0.0"), "token: t")
}

/// Some hundred kilobytes that become so many megabytes.
fn bomb(megabytes: usize) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let mebibyte = vec![b' '; 1 << 20];
    for _ in 0..megabytes {
        encoder.write_all(&mebibyte).unwrap();
    }
    encoder.finish().unwrap().into()
}

fn compressed(code: StatusCode, body: &Bytes) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CONTENT_ENCODING, "gzip")];
    (code, headers, body.clone()).into_response()
}

/// The most memory that this process ever had, in megabytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() >> 10
}

#[tokio::test]
async fn a_decompression_bomb_is_given_up_wherever_it_comes() {
    let body = bomb(1500);
    assert!(body.len() < 20 << 20);
    let before = peak();
    let fake = Fake::start(move |asked| {
        assert!(asked.headers.contains_key("accept-encoding"), "a distant server may compress");
        match asked.path.as_str() {
            "/refused" => compressed(StatusCode::FORBIDDEN, &body),
            _ => compressed(StatusCode::OK, &body),
        }
    })
    .await;
    let distant = distant(&fake);
    let error = distant.get(&pods(), Some("team-a"), "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    let error = distant.read("/refused").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "of an error only the beginning is read");
    assert_eq!(distant.discover().await.unwrap_err().kind(), ErrorKind::TooLarge);
    // A list asks for smaller pages, and tells when even those are too large.
    let mut signals = distant.watch(std::sync::Arc::new(pods()), None);
    next(&mut signals).await;
    assert_eq!(story(&mut signals, 1).await, ["trouble toolarge"]);
    drop(signals);
    // The longest page, twice while a buffer grows; the bomb itself would be more by far.
    let grown = peak() - before;
    assert!(grown < 700, "{grown} MB");
}

#[tokio::test]
async fn a_compressed_answer_of_usual_size_is_read() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(json!({"gitVersion": "v1.33.1"}).to_string().as_bytes()).unwrap();
    let body = Bytes::from(encoder.finish().unwrap());
    let fake = Fake::start(move |_| compressed(StatusCode::OK, &body)).await;
    assert_eq!(distant(&fake).version().await.unwrap(), "v1.33.1");
}

#[tokio::test]
async fn a_frame_without_an_end_is_given_up() {
    let line = Bytes::from(vec![b'x'; 1 << 20]);
    let fake = Fake::start(move |asked| {
        if !asked.is_watch() {
            return page(&[], 10, "");
        }
        let line = line.clone();
        let endless = futures::stream::repeat_with(move || Ok::<_, std::convert::Infallible>(line.clone()));
        axum::body::Body::from_stream(endless).into_response()
    })
    .await;
    let mut signals = fake.watch(resource("", "v1", "configmaps", "ConfigMap"));
    story(&mut signals, 3).await;
    let Signal::Trouble { error, .. } = next(&mut signals).await else { panic!("no trouble") };
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}
