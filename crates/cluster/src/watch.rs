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

/// Where only listing is possible, the wait is so many times as long as listing takes, within the bounds of [`Pace`].
const REST: u32 = 20;

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
    let (backoff, circles) = (Backoff::new(pace.clone()), Backoff::new(pace.clone()));
    let mut life = Life {
        connection,
        scope,
        pace,
        sender: sender.clone(),
        backoff,
        circles,
        listed: false,
        turns: 0,
        bookmarks: false,
    };
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
    /// After errors...
    backoff: Backoff,
    /// ...and after ends that are none, which follow one another only where something is wrong.
    circles: Backoff,
    /// Whether a list was ever completed.
    listed: bool,
    /// How often the server had turned when it was last asked.
    turns: u64,
    /// Whether the server sends bookmarks.
    bookmarks: bool,
}

impl Life {
    /// Runs until it is dropped, or until nobody listens.
    async fn run(&mut self) {
        while !self.sender.is_closed() {
            let begun = Instant::now();
            let Some(version) = self.list().await else { continue };
            let took = begun.elapsed();
            let resource = &self.scope.resource;
            // Of some it is not known what the server offers.
            let offered = resource.offers("watch") || resource.verbs.is_empty();
            if !offered || !self.follow(version).await {
                // What was listed is all there is, as of then.
                self.backoff.reset();
                let often = took.saturating_mul(REST).clamp(self.pace.poll, self.pace.slow_poll);
                sleep(jitter(often)).await;
            }
        }
    }

    /// One try at a list; on failure the wait is over when this returns.
    async fn list(&mut self) -> Option<String> {
        self.tell(Signal::Listing { first: !self.listed }).await;
        self.turns = self.connection.turns();
        match list::list(&self.connection, &self.scope, &self.sender).await {
            Ok(version) => {
                self.listed = true;
                self.tell(Signal::Listed).await;
                Some(version)
            }
            // A continue token has ended: normal for a long list, so the first time it begins anew at once.
            Err(ClusterError::Gone { .. }) if self.circles.is_fresh() => {
                self.circles.next();
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

    /// Watches from `version` on, again and again, until a new list is needed. Whether this may be watched at all.
    async fn follow(&mut self, mut version: String) -> bool {
        let mut refused = 0;
        let mut first = true;
        loop {
            let begun = Instant::now();
            self.turns = self.connection.turns();
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
                self.circles.reset();
            }
            if self.sender.is_closed() {
                return true;
            }
            match end {
                End::Over => {
                    refused = 0;
                    self.pause(self.pace.settled).await;
                }
                End::Failed(ClusterError::Forbidden { .. } | ClusterError::Other { code: 405, .. }) if first => {
                    return false;
                }
                // What is absent may come back with other objects, and rights may be taken away.
                End::Failed(error @ (ClusterError::NotFound { .. } | ClusterError::Forbidden { .. })) => {
                    self.rest(error).await;
                    return true;
                }
                End::Failed(error) => {
                    refused += usize::from(error.kind() == ErrorKind::Other);
                    self.rest(error).await;
                    // It may be our version that the server cannot bear: after its store was restored, versions run anew.
                    if refused >= REFUSALS {
                        return true;
                    }
                }
                End::Gone => {
                    self.pause(self.pace.longest).await;
                    return true;
                }
                End::Broken(error) => {
                    self.rest(error).await;
                    return true;
                }
            }
            first = false;
        }
    }

    /// After an end without an error: go on at once, but not in circles.
    async fn pause(&mut self, longest: Duration) {
        let first = self.circles.is_fresh();
        let wait = self.circles.next().min(longest);
        if !first {
            sleep(wait).await;
        }
    }

    /// Tells of an error and waits; where the server was lost, no longer than until it is back.
    async fn rest(&mut self, error: ClusterError) {
        let news = self.backoff.is_fresh() && !matches!(error, ClusterError::Unreachable { .. });
        let retry_in = self.backoff.after(&error);
        let (server, resource) = (self.connection.server(), self.scope.resource.group_resource());
        let seconds = retry_in.as_secs_f64();
        // That a server is away is told once for all of its resources, by whoever connects to it.
        if news {
            tracing::warn!(server, %resource, %error, seconds, "a watch failed and waits");
        } else {
            tracing::info!(server, %resource, %error, seconds, "a watch failed and waits");
        }
        self.tell(Signal::Trouble { error, retry_in }).await;
        tokio::select! {
            () = sleep(retry_in) => {}
            () = self.connection.back(self.turns) => self.backoff.reset(),
        }
    }

    /// Sends a signal. That nobody listens is seen by the loops above.
    async fn tell(&self, signal: Signal) {
        if self.sender.send(signal).await.is_err() {
            tracing::trace!("a watch ends: nobody listens");
        }
    }
}
