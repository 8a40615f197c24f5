//! What goes on after its answer has begun: streams, and terminals. Nobody has more of them than a person can look at, and none
//! outlives the credential or the session that began it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::Response;
use futures::{StreamExt, stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::terminal::Renewed;

/// The most streams of one person at once: each page has one, and a log another.
const MOST: usize = 256;
/// The most terminals of one person at once.
const MOST_TERMINALS: usize = 16;
/// How long a session that was signed out of begins no stream: by then the browser has let go of it.
const LEAVING: Duration = Duration::from_secs(60);
/// The last message of a stream whose credential or session has come to its end: with the next one it goes on.
const ANOTHER: &[u8] = b"event: again\ndata:\n\n";

/// The streams and terminals that everybody has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    /// By person.
    open: HashMap<[u8; 32], Vec<Arc<Stream>>>,
    /// The sessions that were signed out of lately.
    left: Vec<(Instant, [u8; 32])>,
}

#[derive(Debug)]
struct Stream {
    /// The sessions that it was begun with.
    sessions: Vec<[u8; 32]>,
    signed_out: CancellationToken,
    /// What makes it a terminal.
    terminal: Option<Reached>,
}

/// Where an open terminal is told of newer credentials.
#[derive(Debug)]
pub(crate) struct Reached {
    /// Names it; only its page knows the name.
    pub(crate) name: String,
    /// Where they go.
    pub(crate) renewed: mpsc::Sender<Renewed>,
}

/// Why there is no room for a stream.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum NoPlace {
    /// The person has as many as there may be.
    TooMany,
    /// The session was signed out of.
    SignedOut,
}

/// One of somebody's streams; dropping it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    streams: Streams,
    person: [u8; 32],
    stream: Arc<Stream>,
}

impl Streams {
    /// Room for one more of a person, begun with these sessions; for a terminal where there is something to reach it by.
    pub(crate) fn place(
        &self,
        person: [u8; 32],
        sessions: Vec<[u8; 32]>,
        terminal: Option<Reached>,
    ) -> Result<Place, NoPlace> {
        let mut table = self.table();
        if table.left.iter().any(|(when, left)| when.elapsed() < LEAVING && sessions.contains(left)) {
            return Err(NoPlace::SignedOut);
        }
        let own = table.open.entry(person).or_default();
        let most = if terminal.is_some() { MOST_TERMINALS } else { MOST };
        if own.iter().filter(|one| one.terminal.is_some() == terminal.is_some()).count() >= most {
            return Err(NoPlace::TooMany);
        }
        let stream = Arc::new(Stream { sessions, signed_out: CancellationToken::new(), terminal });
        own.push(Arc::clone(&stream));
        Ok(Place { streams: self.clone(), person, stream })
    }

    /// Lets one of somebody's terminals go on with a newer credential; `false` when there is none of that name.
    pub(crate) fn renew(&self, name: &str, renewed: Renewed) -> bool {
        let table = self.table();
        let own = table.open.get(&renewed.leave.person).into_iter().flatten();
        let named = own.filter_map(|one| one.terminal.as_ref()).find(|terminal| terminal.name == name);
        // One that is told already needs no other.
        named.is_some_and(|terminal| terminal.renewed.try_send(renewed).is_ok())
    }

    /// Ends all that a session has open, and lets nothing begin that is on its way.
    pub(crate) fn sign_out(&self, session: [u8; 32]) {
        let mut table = self.table();
        table.left.retain(|(when, left)| when.elapsed() < LEAVING && *left != session);
        table.left.push((Instant::now(), session));
        let own = table.open.values().flatten().filter(|stream| stream.sessions.contains(&session));
        own.for_each(|stream| stream.signed_out.cancel());
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Is over when its session is signed out of.
    pub(crate) fn signed_out(&self) -> CancellationToken {
        self.stream.signed_out.clone()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.streams.table();
        if let Some(own) = table.open.get_mut(&self.person) {
            own.retain(|stream| !Arc::ptr_eq(stream, &self.stream));
            if own.is_empty() {
                table.open.remove(&self.person);
            }
        }
    }
}

/// Whether an answer goes on after it has begun.
pub(super) fn goes_on(response: &Response) -> bool {
    response.body().size_hint().exact().is_none()
}

/// Ends a stream after this time, or when its session is signed out of: nothing goes on with a credential that has come to its
/// end.
pub(super) fn ending(response: Response, lasts: Duration, place: Place) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    // A text ends without a word: what would be said of its end would be taken for a part of it.
    let last = kind.starts_with("text/event-stream").then_some(ANOTHER);
    response.map(|body| {
        let signed_out = place.signed_out();
        let late = Box::pin(async move {
            tokio::select! {
                () = tokio::time::sleep(lasts) => (),
                () = signed_out.cancelled() => (),
            }
        });
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
        Streams::default().place([0; 32], Vec::new(), None).unwrap()
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
        let place = |person, terminal| streams.place([person; 32], Vec::new(), terminal);
        let terminal = || Some(Reached { name: "one".to_owned(), renewed: mpsc::channel(1).0 });
        let mut hers: Vec<_> = (0..MOST).map(|_| place(1, None).unwrap()).collect();
        assert_eq!(place(1, None).unwrap_err(), NoPlace::TooMany);
        assert!(place(2, None).is_ok());
        let terminals: Vec<_> = (0..MOST_TERMINALS).map(|_| place(1, terminal()).unwrap()).collect();
        assert_eq!(place(1, terminal()).unwrap_err(), NoPlace::TooMany, "of terminals there are fewer");
        hers.pop();
        assert!(place(1, None).is_ok());
        drop((hers, terminals));
        assert!(streams.table().open.is_empty(), "nothing is remembered of those who are gone");
    }

    #[tokio::test]
    async fn signing_out_ends_the_streams_of_that_session_and_none_begins_on_the_way() {
        let streams = Streams::default();
        let (here, there) = ([1; 32], [2; 32]);
        let place = |sessions: &[[u8; 32]]| streams.place([0; 32], sessions.to_vec(), None);
        let (ended, both, other) = (place(&[here]).unwrap(), place(&[there, here]).unwrap(), place(&[there]).unwrap());
        streams.sign_out(here);
        assert!(!other.signed_out().is_cancelled(), "another browser of the same person goes on");
        let endless = || Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
        for place in [ended, both] {
            let response = ([(header::CONTENT_TYPE, "text/event-stream")], endless()).into_response();
            assert_eq!(whole(ending(response, Duration::from_secs(3_600), place)).await, ANOTHER);
        }
        assert_eq!(place(&[here]).unwrap_err(), NoPlace::SignedOut);
        assert!(place(&[there]).is_ok());
        for (when, _) in &mut streams.table().left {
            *when = when.checked_sub(LEAVING).unwrap();
        }
        assert!(place(&[here]).is_ok());
        streams.sign_out(there);
        assert_eq!(streams.table().left.len(), 1, "what was long ago is forgotten");
    }
}
