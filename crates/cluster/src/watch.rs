//! The life of a watch: list, follow, and begin again when something breaks.

use std::sync::Arc;
use std::time::Duration;

use pilothouse_model::Resource;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::{Instant, sleep};

use crate::backoff::{Backoff, Pace, jitter};
use crate::connection::Connection;
use crate::error::{ClusterError, ErrorKind};
use crate::follow::{End, Follow};
use crate::list::{self, Scope};
use crate::signal::Signal;

/// How many signals wait for a slow listener; a page of large objects is some megabytes.
const CAPACITY: usize = 4;

/// Within which time those ask again who waited for a server that is back.
const TOGETHER: Duration = Duration::from_secs(1);

/// After how many refusals of a watch it is listed again.
const REFUSALS: usize = 4;

/// Starts a watch that ends when the receiver is dropped.
pub(crate) fn start(
    connection: Connection,
    resource: Arc<Resource>,
    (namespace, name): (Option<String>, Option<String>),
    pace: Pace,
) -> Receiver<Signal> {
    let (sender, receiver) = mpsc::channel(CAPACITY);
    let scope = Scope { resource, namespace, name, page: pace.page };
    tokio::spawn(live(connection, scope, pace, sender));
    receiver
}

/// Watches while anybody listens.
pub(crate) async fn live(connection: Connection, scope: Scope, pace: Pace, sender: Sender<Signal>) {
    let backoff = Backoff::new(pace.clone());
    let mut life = Life { connection, scope, pace, sender: sender.clone(), backoff, listed: false, bookmarks: false };
    tokio::select! {
        () = sender.closed() => {}
        () = life.run() => {}
    }
}

/// Everything that outlasts one request.
struct Life {
    connection: Connection,
    scope: Scope,
    pace: Pace,
    sender: Sender<Signal>,
    backoff: Backoff,
    /// Whether a list was ever completed.
    listed: bool,
    /// Whether the server sends bookmarks.
    bookmarks: bool,
}

impl Life {
    /// Runs until it is dropped, or until nobody listens.
    async fn run(&mut self) {
        while !self.sender.is_closed() {
            let Some(version) = self.list().await else { continue };
            self.follow(version).await;
        }
    }

    /// One try at a list; on failure the wait is over when this returns.
    async fn list(&mut self) -> Option<String> {
        self.tell(Signal::Listing { first: !self.listed }).await;
        match list::list(&self.connection, &self.scope, &self.sender).await {
            Ok(version) => {
                self.listed = true;
                self.tell(Signal::Listed).await;
                Some(version)
            }
            // A continue token has ended: normal for a long list, so the first time it begins anew at once.
            Err(ClusterError::Gone { .. }) if self.backoff.is_fresh() => {
                self.backoff.next();
                None
            }
            Err(error) => {
                if error.kind() == ErrorKind::TooLarge {
                    self.scope.page = (self.scope.page / 8).max(1);
                }
                self.rest(error).await;
                None
            }
        }
    }

    /// Watches from `version` on, again and again, until a new list is needed.
    async fn follow(&mut self, mut version: String) {
        let mut refused = 0;
        loop {
            let begun = Instant::now();
            let mut follow = Follow {
                connection: &self.connection,
                scope: &self.scope,
                pace: &self.pace,
                sender: &self.sender,
                version: &mut version,
                frames: 0,
                bookmarks: &mut self.bookmarks,
                marked: false,
                caught_up: false,
            };
            let end = follow.run().await;
            let lived = follow.frames > 0 || follow.caught_up || begun.elapsed() >= self.pace.settled;
            if lived && !matches!(end, End::Failed(_) | End::Broken(_)) {
                self.backoff.reset();
            }
            if self.sender.is_closed() {
                return;
            }
            match end {
                End::Over => {
                    refused = 0;
                    self.pause(self.pace.settled).await;
                }
                // What is absent may come back with other objects; what may be listed but not watched is polled.
                End::Failed(error @ (ClusterError::NotFound { .. } | ClusterError::Forbidden { .. })) => {
                    return self.rest(error).await;
                }
                End::Failed(error) => {
                    refused += usize::from(error.kind() == ErrorKind::Other);
                    self.rest(error).await;
                    // It may be our version that the server cannot bear: after its store was restored, versions run anew.
                    if refused >= REFUSALS {
                        return;
                    }
                }
                End::Gone => return self.pause(self.pace.longest).await,
                End::Broken(error) => return self.rest(error).await,
            }
        }
    }

    /// After an end without an error: go on at once, but not in circles.
    async fn pause(&mut self, longest: Duration) {
        let first = self.backoff.is_fresh();
        let wait = self.backoff.next().min(longest);
        if !first {
            sleep(wait).await;
        }
    }

    /// Tells of an error and waits; for a server that could not be reached no longer than until it has answered somebody.
    async fn rest(&mut self, error: ClusterError) {
        let retry_in = self.backoff.after(&error);
        let away = matches!(error, ClusterError::Unreachable { .. } | ClusterError::Other { code: 500.., .. });
        let connection = self.connection.clone();
        let back = connection.back();
        self.tell(Signal::Trouble { error, retry_in }).await;
        tokio::select! {
            () = sleep(retry_in) => {}
            // All who waited ask, but not all at the same moment.
            () = back, if away => sleep(jitter(TOGETHER).min(retry_in)).await,
        }
    }

    /// Sends a signal. That nobody listens is seen by the loops above.
    async fn tell(&self, signal: Signal) {
        if self.sender.send(signal).await.is_err() {
            tracing::trace!("a watch ends: nobody listens");
        }
    }
}
