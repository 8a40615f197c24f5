//! What is compressed for whom, and that nothing of a stream waits or is read ahead.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::{Request, header};
use axum::middleware;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::get;
use flate2::write::GzDecoder;
use futures::channel::mpsc;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::*;

const BROWSER: (&str, &str) = ("accept-encoding", "gzip, deflate, br, zstd");

/// Reads gzip as it arrives.
pub(crate) struct Reader(GzDecoder<Vec<u8>>);

impl Default for Reader {
    fn default() -> Self {
        Self(GzDecoder::new(Vec::new()))
    }
}

impl Reader {
    /// What these bytes add to the text.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.0.write_all(bytes).unwrap();
        self.0.flush().unwrap();
        std::mem::take(self.0.get_mut())
    }

    /// Whether the text came to its end, and its sum is right.
    pub(crate) fn ends_well(mut self) -> bool {
        self.0.try_finish().is_ok()
    }
}

/// How many bytes each of these texts takes on one stream.
pub(crate) fn sizes(texts: &[String]) -> Vec<usize> {
    let mut gzip = Gzip::default();
    texts.iter().map(|text| gzip.piece(text.as_bytes()).unwrap().len()).collect()
}

fn long() -> String {
    "<tr><td>one and the same</td></tr>".repeat(100)
}

fn of(kind: &'static str, text: String) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, kind)], text)
}

/// One answer of every sort, behind the layer.
fn router() -> Router {
    Router::new()
        .route("/page", get(async || of("text/html; charset=utf-8", long())).post(async || long()))
        .route("/json", get(async || of("application/json", long())))
        .route("/icons", get(async || of("image/svg+xml", long())))
        .route("/picture", get(async || of("image/png", long())))
        .route("/short", get(async || of("text/html", "short".to_owned())))
        .route("/packed", get(async || ([(header::CONTENT_ENCODING, "br")], long())))
        .route("/as-it-is", get(async || ([(header::CACHE_CONTROL, "no-store, no-transform")], long())))
        .route("/part", get(async || ([(header::CONTENT_RANGE, "bytes 0-3399/9000")], long())))
        .layer(middleware::from_fn(compress))
}

async fn ask(router: &Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn told(response: &Response, name: header::HeaderName) -> &str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

async fn whole(response: Response) -> Vec<u8> {
    response.into_body().collect().await.unwrap().to_bytes().to_vec()
}

#[tokio::test]
async fn texts_are_compressed_for_those_who_ask() {
    let router = router();
    for path in ["/page", "/json", "/icons"] {
        let plain = ask(&router, "GET", path, &[]).await;
        assert_eq!((told(&plain, header::VARY), told(&plain, header::CONTENT_ENCODING)), ("accept-encoding", ""));
        assert_eq!(told(&plain, header::CONTENT_LENGTH), "3400");
        assert_eq!(whole(plain).await, long().as_bytes());
        let packed = ask(&router, "GET", path, &[BROWSER]).await;
        assert_eq!((told(&packed, header::VARY), told(&packed, header::CONTENT_ENCODING)), ("accept-encoding", "gzip"));
        assert_eq!(told(&packed, header::CONTENT_LENGTH), "");
        let (packed, mut reader) = (whole(packed).await, Reader::default());
        assert!(packed.len() < 200, "{}", packed.len());
        assert_eq!(reader.read(&packed), long().as_bytes());
        assert!(reader.ends_well());
    }
    for path in ["/picture", "/short", "/packed", "/as-it-is", "/part"] {
        let response = ask(&router, "GET", path, &[BROWSER]).await;
        assert_eq!(told(&response, header::VARY), "", "{path}");
        assert_ne!(told(&response, header::CONTENT_ENCODING), "gzip", "{path}");
        let plain = ask(&router, "GET", path, &[]).await;
        assert_eq!(whole(response).await, whole(plain).await, "{path}");
    }
}

#[tokio::test]
async fn answers_whose_length_would_tell_something_go_as_they_are() {
    let router = router();
    let plain = [
        ("POST", vec![BROWSER]),
        ("HEAD", vec![BROWSER]),
        ("GET", vec![BROWSER, ("sec-fetch-site", "cross-site")]),
        ("GET", vec![BROWSER, ("sec-fetch-site", "same-site")]),
        ("GET", vec![BROWSER, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")]),
    ];
    for (method, headers) in plain {
        let response = ask(&router, method, "/page", &headers).await;
        assert_eq!(told(&response, header::CONTENT_ENCODING), "", "{method} {headers:?}");
        assert_eq!(told(&response, header::CONTENT_LENGTH), "3400");
    }
    for site in ["same-origin", "none"] {
        let response = ask(&router, "GET", "/page", &[BROWSER, ("sec-fetch-site", site)]).await;
        assert_eq!(told(&response, header::CONTENT_ENCODING), "gzip", "{site}");
    }
}

#[tokio::test]
async fn an_event_can_be_read_before_the_next_one_is_there_and_so_can_a_sign_of_life() {
    let (say, events) = mpsc::unbounded::<String>();
    let events = events.map(|text| Ok::<_, axum::Error>(Event::default().data(text)));
    let alive = KeepAlive::new().interval(std::time::Duration::from_millis(20)).text("alive");
    let response = Sse::new(events).keep_alive(alive).into_response();
    let mut pieces = pieces(response.into_body());
    let mut reader = Reader::default();
    for round in 0..5 {
        say.unbounded_send(format!("round {round}")).unwrap();
        // Signs of life may stand before it.
        let event = format!("data: round {round}\n\n");
        loop {
            let text = String::from_utf8(reader.read(&pieces.next().await.unwrap().unwrap())).unwrap();
            if text.ends_with(&event) {
                break;
            }
            assert!(text.ends_with(": alive\n\n"), "{text:?}");
        }
        // Nothing is said for a while.
        let alive = reader.read(&pieces.next().await.unwrap().unwrap());
        assert_eq!(std::str::from_utf8(&alive).unwrap(), ": alive\n\n");
    }
    drop(say);
    let mut rest = Vec::new();
    while let Some(piece) = pieces.next().await {
        rest.extend(reader.read(&piece.unwrap()));
    }
    assert!(!String::from_utf8(rest).unwrap().contains("round") && reader.ends_well());
}

#[tokio::test]
async fn nothing_is_read_ahead_of_who_reads_slowly() {
    let read = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&read);
    let endless = stream::repeat_with(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok::<_, axum::Error>(Bytes::from(vec![7; 1 << 10]))
    });
    let mut pieces = pieces(Body::from_stream(endless));
    assert_eq!(read.load(Ordering::SeqCst), 0);
    for round in 1..4 {
        pieces.next().await.unwrap().unwrap();
        assert_eq!(read.load(Ordering::SeqCst), (round * PIECE) >> 10, "one piece and no more");
    }
}

#[tokio::test]
async fn a_long_answer_becomes_pieces_and_a_failure_comes_after_what_was_there() {
    let text: Vec<u8> = (0..1_000_000_u32).flat_map(|number| number.to_string().into_bytes()).collect();
    let failing = [Ok(Bytes::from(text.clone())), Ok(Bytes::new()), Err(axum::Error::new("broken"))];
    let mut packed = pieces(Body::from_stream(stream::iter(failing)));
    let (mut reader, mut read, mut count) = (Reader::default(), Vec::new(), 0);
    let error = loop {
        match packed.next().await.unwrap() {
            Ok(piece) => read.extend(reader.read(&piece)),
            Err(error) => break error,
        }
        count += 1;
    };
    assert_eq!((read.len(), count), (text.len(), text.len().div_ceil(PIECE)));
    assert!(read == text && error.to_string() == "broken");
    assert!(packed.next().await.is_none() && !reader.ends_well(), "nobody takes it for the whole");
}
