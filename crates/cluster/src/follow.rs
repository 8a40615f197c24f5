//! One watch request, from its answer to its end.

use std::time::Duration;

use http::{HeaderValue, header};
use http_body_util::BodyExt;
use kube::client::Body;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout_at};

use crate::backoff::{Pace, jitter};
use crate::connection::{Call, Connection, malformed, too_large};
use crate::error::ClusterError;
use crate::frames::{self, Frame, Lines};
use crate::list::Scope;
use crate::path;
use crate::reason;
use crate::signal::Signal;

/// How much longer than agreed a watch may last before it counts as dead.
const GRACE: Duration = Duration::from_secs(15);

/// A watch that was just opened first tells what was missed. When nothing has come for this long, all of that was told...
const QUIET: Duration = Duration::from_millis(100);
/// ...and where something comes all the time, after this long.
const CAUGHT_UP: Duration = Duration::from_millis(800);
/// How often a stream of changes says that it is current.
const TOLD_OFTEN: Duration = Duration::from_millis(100);

/// How a watch ended.
#[derive(Debug)]
pub(crate) enum End {
    /// As watches do: its time was over, or the connection was cut. It goes on from the version reached.
    Over,
    /// The server does not know the version any more.
    Gone,
    /// The stream told of an error or could not be read; what is known may be wrong, so list again.
    Broken(ClusterError),
    /// The server said no, or nothing.
    Failed(ClusterError),
}

/// A watch in progress.
pub(crate) struct Follow<'a> {
    pub(crate) connection: &'a Connection,
    pub(crate) scope: &'a Scope,
    pub(crate) pace: &'a Pace,
    pub(crate) sender: &'a Sender<Signal>,
    /// The version reached; moves on with every frame.
    pub(crate) version: &'a mut String,
    /// How many frames came.
    pub(crate) frames: usize,
    /// Whether this server sent bookmarks, when one was last due: then silence means something.
    pub(crate) bookmarks: &'a mut bool,
    /// Whether this watch has brought one.
    pub(crate) marked: bool,
    /// Whether what was missed before it was opened has been told.
    pub(crate) caught_up: bool,
}

impl Follow<'_> {
    /// Watches until the server ends it, or it breaks.
    pub(crate) async fn run(&mut self) -> End {
        let span = jitter(if *self.bookmarks { self.pace.watch } else { self.pace.brief });
        let query = format!(
            "watch=true&allowWatchBookmarks=true&resourceVersion={}&timeoutSeconds={}",
            path::escape(self.version),
            span.as_secs().max(1)
        );
        let path = match self.scope.path(&query) {
            Ok(path) => path,
            Err(error) => return End::Failed(error),
        };
        let mut call = Call::get(&path);
        // Newer servers compress a watch event by event, which the client's decoder cannot follow.
        call.headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let response = match self.connection.send(&call).await {
            Ok(response) => response,
            Err(ClusterError::Gone { .. }) => return End::Gone,
            Err(error) => return End::Failed(error),
        };
        self.read(response.into_body(), &path, Instant::now() + span + GRACE).await
    }

    async fn read(&mut self, mut body: Body, path: &str, deadline: Instant) -> End {
        let mut lines = Lines::default();
        let opened = Instant::now();
        let turns = self.connection.turns();
        let (mut heard, mut told) = (opened, opened);
        // Whether something came of which it was not said that it is all.
        let mut owed = true;
        loop {
            let silence = if self.marked { self.pace.silence } else { self.pace.unmarked };
            let end = if *self.bookmarks { deadline.min(heard + silence) } else { deadline };
            let patience = if owed { end.min(Instant::now() + QUIET) } else { end };
            let frame = tokio::select! {
                frame = timeout_at(patience, body.frame()) => frame,
                // Silence is no sign of life of a server that does not answer others.
                error = self.connection.given_up(turns) => return End::Failed(error),
            };
            let frame = match frame {
                Ok(Some(Ok(frame))) => frame,
                // Who answers less than a frame is no API server, or something between us cuts what it answers.
                Ok(None) if self.frames == 0 && !lines.is_empty() => {
                    return End::Broken(malformed(path, "it ended before the first frame did".to_owned()));
                }
                Ok(None) => return End::Over,
                Ok(Some(Err(error))) => {
                    tracing::debug!(%error, path, "a watch was cut");
                    return End::Over;
                }
                Err(_) if Instant::now() >= end => {
                    tracing::debug!(path, "a watch went silent");
                    *self.bookmarks = false;
                    return End::Over;
                }
                // Half a frame means that more is to come.
                Err(_) if !lines.is_empty() => continue,
                Err(_) => {
                    self.caught_up = true;
                    (told, owed) = (Instant::now(), false);
                    if self.sender.send(Signal::Fresh).await.is_err() {
                        return End::Over;
                    }
                    continue;
                }
            };
            let Ok(data) = frame.into_data() else { continue };
            heard = Instant::now();
            lines.push(&data);
            while let Some(line) = lines.next() {
                if let Some(end) = self.take(&line, path).await {
                    return end;
                }
            }
            if lines.is_overlong() {
                return End::Broken(too_large(&Call::get(path).words(), frames::LONGEST));
            }
            self.caught_up |= opened.elapsed() >= CAUGHT_UP && lines.is_empty();
            owed = true;
            if self.caught_up && told.elapsed() >= TOLD_OFTEN && lines.is_empty() {
                (told, owed) = (Instant::now(), false);
                if self.sender.send(Signal::Fresh).await.is_err() {
                    return End::Over;
                }
            }
        }
    }

    /// Passes one frame on; gives an end when it is one.
    async fn take(&mut self, line: &[u8], path: &str) -> Option<End> {
        let frame = match Frame::read(line, &self.scope.resource) {
            Ok(frame) => frame,
            Err(why) => return Some(End::Broken(malformed(path, why))),
        };
        let (signal, version) = match frame {
            Frame::Applied(object) => {
                let version = object.resource_version().to_owned();
                (Signal::Applied(object), Some(version))
            }
            Frame::Deleted(object) => {
                let version = object.resource_version().to_owned();
                (Signal::Deleted(object), Some(version))
            }
            Frame::Bookmark(version) => {
                (*self.bookmarks, self.marked) = (true, true);
                self.caught_up = true;
                (Signal::Fresh, Some(version))
            }
            Frame::Malformed(malformed, version) => (Signal::Malformed(malformed), version),
            Frame::Error(status) => {
                let error = reason::from_status(self.connection.server(), &Call::get(path).words(), status);
                return Some(match error {
                    ClusterError::Gone { .. } => End::Gone,
                    // The server could not go on from our version, so that version is not worth another try.
                    error => End::Broken(error),
                });
            }
        };
        self.frames += 1;
        if let Some(version) = version.filter(|version| !version.is_empty()) {
            *self.version = version;
        }
        self.sender.send(signal).await.is_err().then_some(End::Over)
    }
}
