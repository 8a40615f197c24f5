//! Answers without an end: nobody has more of them than a person can look at, and none outlives the credential that began it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::Response;
use futures::{StreamExt, stream};

/// The most streams of one person at once: each page has one, and a log another.
const MOST: usize = 256;
/// The last message of a stream whose credential has come to its end: with the next one it goes on.
const ANOTHER: &[u8] = b"event: again\ndata:\n\n";

/// How many streams everybody has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<HashMap<[u8; 32], usize>>>);

/// One of somebody's streams; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Place {
    streams: Streams,
    person: [u8; 32],
}

impl Streams {
    /// Room for one more; `None` when that person has as many as there may be.
    pub(super) fn place(&self, person: [u8; 32]) -> Option<Place> {
        let mut streams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = streams.entry(person).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Place { streams: self.clone(), person })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut streams = self.streams.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = streams.entry(self.person) {
            match *count.get() {
                0 | 1 => drop(count.remove()),
                _ => *count.get_mut() -= 1,
            }
        }
    }
}

/// Whether an answer goes on after it has begun.
pub(super) fn goes_on(response: &Response) -> bool {
    response.body().size_hint().exact().is_none()
}

/// Ends a stream after this time: nothing goes on with a credential that has come to its end.
pub(super) fn ending(response: Response, lasts: Duration, place: Place) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A text ends without a word: what would be said of its end would be taken for a part of it.
    let last = kind.starts_with("text/event-stream").then_some(ANOTHER);
    response.map(|body| {
        let late = Box::pin(tokio::time::sleep(lasts));
        let pieces = stream::unfold(Some((body.into_data_stream(), late, place)), move |state| async move {
            let (mut pieces, mut late, place) = state?;
            tokio::select! {
                biased;
                () = &mut late => last.map(|last| (Ok(Bytes::from_static(last)), None)),
                piece = pieces.next() => piece.map(|piece| (piece, Some((pieces, late, place)))),
            }
        });
        Body::from_stream(pieces)
    })
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    fn place() -> Place {
        Streams::default().place([0; 32]).unwrap()
    }

    async fn whole(response: Response) -> Bytes {
        axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap()
    }

    #[tokio::test]
    async fn a_stream_ends_with_its_credential_and_says_so_where_it_can() {
        let of = |kind: &'static str, pieces: Body| ([(header::CONTENT_TYPE, kind)], pieces).into_response();
        let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        let hour = Duration::from_secs(3_600);
        for kind in ["text/event-stream", "text/plain; charset=utf-8"] {
            let said = if kind == "text/event-stream" { ANOTHER } else { b"" };
            let response = of(kind, endless());
            assert!(goes_on(&response));
            assert_eq!(whole(ending(response, Duration::ZERO, place())).await, said, "{kind}");
            assert_eq!(whole(ending(of(kind, Body::from("one\n")), hour, place())).await, "one\n");
        }
        assert!(!goes_on(&of("text/html", Body::from("page"))), "a page is whole at once");
    }

    #[test]
    fn nobody_has_more_streams_than_there_may_be_and_nobody_takes_those_of_others() {
        let streams = Streams::default();
        let mut hers: Vec<_> = (0..MOST).map(|_| streams.place([1; 32]).unwrap()).collect();
        assert!(streams.place([1; 32]).is_none());
        assert!(streams.place([2; 32]).is_some());
        hers.pop();
        assert!(streams.place([1; 32]).is_some());
        drop(hers);
        assert!(streams.0.lock().unwrap().is_empty(), "nothing is remembered of those who are gone");
    }
}
