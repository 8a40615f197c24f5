//! Compressed answers over real connections: at once, no faster than they are read, and anew after a reconnect.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::middleware;
use axum::routing::get;
use futures::stream;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::tests::Reader;
use super::*;
use crate::listen;
use crate::session::LaunchSecret;

/// A server until it is dropped.
async fn served(router: impl FnOnce(SocketAddr, CancellationToken) -> Router) -> (String, DropGuard) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, shutdown) = (listener.local_addr().unwrap(), CancellationToken::new());
    let router = router(address, shutdown.clone());
    tokio::spawn(listen::serve(listener, None, router, shutdown.clone()));
    (format!("http://{address}"), shutdown.drop_guard())
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn a_stream_begins_anew_for_who_comes_back_and_is_plain_for_who_reads_no_gzip() {
    let (engine, _folder) = crate::tests::engine();
    let secret = LaunchSecret::generate();
    let door = crate::Door::Local(secret.clone());
    let (base, _server) = served(|address, shutdown| crate::router(engine, address, door, shutdown).unwrap()).await;
    let follow = async |accepted: &str| {
        let request = client().get(format!("{base}/c/prod/live?watch=state")).bearer_auth(secret.reveal());
        request.header(header::ACCEPT_ENCODING, accepted).send().await.unwrap()
    };
    for round in 0..3 {
        // The connection before has ended, or has not: each has its own beginning.
        let mut response = follow("gzip, deflate, br, zstd").await;
        assert_eq!(response.headers()[header::CONTENT_ENCODING], "gzip", "{round}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        assert_eq!(response.headers()[header::VARY], "accept-encoding");
        let (mut reader, mut text) = (Reader::default(), Vec::new());
        while !text.ends_with(b"\n\n") {
            text.extend(reader.read(&response.chunk().await.unwrap().unwrap()));
        }
        assert!(text.starts_with(b"event: update\ndata: {\"watch\":0"), "{}", String::from_utf8_lossy(&text));
    }
    let mut plain = follow("br, gzip;q=0").await;
    assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
    assert!(plain.chunk().await.unwrap().unwrap().starts_with(b"event: update\ndata: {\"watch\":0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_read_is_not_made() {
    const EVENT: usize = 64 << 10;
    const ALL: usize = 4_000;
    // More than the system keeps for both sides of a connection, and far less than all there is.
    const ON_THE_WAY: usize = 400;
    let made = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&made);
    // Noise does not become small, and the same noise is too long ago.
    let noise: Bytes = (0..EVENT).map(|_| rand::random::<u8>()).collect();
    let events = move || {
        let (counted, noise) = (Arc::clone(&counted), noise.clone());
        let make = move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok::<_, axum::Error>(noise.clone())
        };
        let body = Body::from_stream(stream::iter(0..ALL).map(make));
        async move { ([(header::CONTENT_TYPE, "text/event-stream")], body) }
    };
    let router = Router::new().route("/", get(events)).layer(middleware::from_fn(compress));
    let (base, _server) = served(|_, _| router).await;
    let mut response = client().get(base).header(header::ACCEPT_ENCODING, "gzip").send().await.unwrap();
    // Until nothing more is made, for now.
    let settled = async || loop {
        let before = made.load(Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(100)).await;
        if before > 0 && made.load(Ordering::SeqCst) == before {
            return before;
        }
    };
    let ahead = settled().await;
    assert!((1..=ON_THE_WAY).contains(&ahead), "{ahead} events were made that nobody read");
    let (mut reader, mut read) = (Reader::default(), 0);
    while read < 2 * ON_THE_WAY * EVENT {
        read += reader.read(&response.chunk().await.unwrap().unwrap()).len();
    }
    let ahead = settled().await - read / EVENT;
    assert!(ahead <= ON_THE_WAY, "{ahead} events were made that nobody read");
}
