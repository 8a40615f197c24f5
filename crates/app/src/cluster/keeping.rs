//! What goes on for as long as a cluster is held: connecting, discovering again, letting go of tables.

use std::future::pending;
use std::panic::AssertUnwindSafe;
use std::sync::Weak;
use std::time::{Duration, Instant};

use futures::future::FutureExt;
use jiff::SignedDuration;
use pilothouse_cluster::{ClusterError, Connection};

use super::reached::Reached;
use super::tables::TableKey;
use super::{Cluster, ConnectionState, Inner};
use crate::catalog::Catalog;
use crate::clock;
use crate::discreet;
use crate::error::{AppError, ErrorKind};
use crate::isolate::Defect;
use crate::person::Viewer;
use crate::rights::sign_in_again;

/// How often the resources of a cluster that someone looks at are discovered again.
const REDISCOVER: Duration = Duration::from_secs(30);
/// Where discovering takes long, as with thousands of kinds, the wait is so many times as long...
const REST: u32 = 20;
/// ...and this at most.
const LONGEST_REST: Duration = Duration::from_secs(300);
/// The longest wait between two attempts to connect that we choose ourselves...
const SLOWEST_RETRY: Duration = Duration::from_secs(30);
/// ...and the longest that a server may ask for.
const LONGEST_ASKED: Duration = Duration::from_secs(300);
/// The wait after a refused credential: it does not become right by itself, and many wrong ones may lock an account.
const REFUSED: Duration = Duration::from_secs(60);

/// How often what nobody uses is let go of, where the console does nothing else by itself.
const TIDY: Duration = Duration::from_secs(10);
/// How a server is called that does not tell its version.
const UNTOLD: &str = "version not told";

impl Cluster {
    /// One attempt to connect or to discover again; gives how long to wait before the next.
    async fn attempt(&self, reached: &Reached, attempts: &mut u32) -> Duration {
        let begun = Instant::now();
        let error = match self.discover(reached).await {
            Ok(version) => {
                *attempts = 0;
                reached.state.send_replace(ConnectionState::Connected { version });
                return self.crowded(rest_after(begun.elapsed())).min(LONGEST_REST);
            }
            Err(error) => error,
        };
        *attempts = attempts.saturating_add(1);
        let wait = wait_after(&error, *attempts);
        tracing::warn!(cluster = %self.id(), attempts, "cannot reach the cluster: {error}");
        let retry_at = clock::now() + SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
        let failed = ConnectionState::Failed { error: self.told(error), retry_at, attempts: *attempts };
        reached.state.send_replace(failed);
        wait
    }

    /// The failure of a connection, for those who read it. Of the console's own it says nothing of the console's credential
    /// and surroundings where many people read it: its log does.
    fn told(&self, failure: ClusterError) -> AppError {
        let open = discreet::open(&failure);
        let error = AppError::from(failure);
        if let Viewer::Person(_) = self.viewer {
            return match error.kind {
                ErrorKind::Unauthorized => sign_in_again(self),
                ErrorKind::Forbidden => {
                    let message = format!("the cluster {} does not let you ask what it serves", self.id());
                    AppError::new(ErrorKind::Forbidden, message)
                        .hint("ask whoever runs it for the cluster role system:discovery, or for another credential")
                }
                _ => error,
            };
        }
        if !self.settings().shared {
            return error;
        }
        let message = open.unwrap_or_else(|| format!("the console cannot connect to {}", self.id()));
        AppError::new(ErrorKind::Unavailable, message).hint("the console's own log says why; it is tried again")
    }

    async fn discover(&self, reached: &Reached) -> Result<String, ClusterError> {
        let nobody = |_| ClusterError::Unauthorized {
            server: self.server().to_owned(),
            reason: "there is no credential to ask it with".to_owned(),
        };
        let connection = self.connection_of(&self.holder().map_err(nobody)?);
        connection.regain().await?;
        let version = match connection.version().await {
            // What it serves tells more than which version it is.
            Err(ClusterError::Forbidden { .. }) => UNTOLD.to_owned(),
            version => version?,
        };
        let before = reached.catalog.load_full();
        let mut discovery = connection.discover().await?;
        if self.settings().shared {
            discovery.problems.iter_mut().for_each(discreet::make_public);
        }
        let catalog = Catalog::new(discovery).after(before.as_deref());
        if before.as_deref() != Some(&catalog) {
            reached.catalog.store(Some(self.same_catalog(catalog)));
            self.inner.changed.send_modify(|version| *version += 1);
        }
        Ok(version)
    }

    /// Whether nobody looks at anything that this connection shows.
    fn is_idle(&self, reached: &Reached) -> bool {
        let own = self.settings().user_credentials_only;
        let holder = self.holder().ok();
        let watched = |key: &TableKey| !own || key.holder() == holder.as_ref();
        reached.rests() && !self.tables().keys().any(watched)
    }
}

/// How long to wait after a discovery that took so long.
fn rest_after(took: Duration) -> Duration {
    took.saturating_mul(REST).clamp(REDISCOVER, LONGEST_REST)
}

/// How long to wait after so many failed attempts in a row.
fn wait_after(error: &ClusterError, attempts: u32) -> Duration {
    if let ClusterError::Unauthorized { .. } = error {
        return REFUSED;
    }
    match error.retry_after() {
        Some(asked) => asked.clamp(Duration::from_secs(1), LONGEST_ASKED),
        None => Duration::from_secs(1 << attempts.min(5)).min(SLOWEST_RETRY),
    }
}

/// Connects as `viewer` and discovers again now and then, for as long as what is reached is held. Where that is everybody's,
/// it lets go of what nobody uses, too.
pub(super) async fn keep(cluster: Weak<Inner>, reached: Weak<Reached>, viewer: Viewer) {
    let mut attempts = 0_u32;
    loop {
        let Some((inner, reached_now)) = cluster.upgrade().zip(reached.upgrade()) else { return };
        let cluster_now = Cluster { inner, viewer: viewer.clone() };
        if viewer == Viewer::Console {
            cluster_now.release();
        }
        let connection = cluster_now.holder().map(|holder| cluster_now.connection_of(&holder)).ok();
        let turns = connection.as_ref().map_or(0, Connection::turns);
        let known = reached_now.catalog.load().is_some();
        let idle = attempts == 0 && known && cluster_now.is_idle(&reached_now);
        let wait = if idle {
            REDISCOVER
        } else {
            match AssertUnwindSafe(cluster_now.attempt(&reached_now, &mut attempts)).catch_unwind().await {
                Ok(wait) => wait,
                Err(panic) => cluster_now.stumbled(&reached_now, &Defect::of(&*panic)),
            }
        };
        drop((cluster_now, reached_now));
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = turned(connection.as_ref(), turns, attempts == 0), if !idle => {}
        }
    }
}

/// Is over when somebody who asked a connected server found that it is away, or that one that was away is back.
async fn turned(connection: Option<&Connection>, turns: u64, connected: bool) {
    match connection {
        Some(connection) if connected => connection.lost().await,
        Some(connection) => connection.back(turns).await,
        None => pending().await,
    }
}

/// Lets go of what nobody uses, where only people connect.
pub(super) async fn tidy(cluster: Weak<Inner>) {
    loop {
        tokio::time::sleep(TIDY).await;
        let Some(inner) = cluster.upgrade() else { return };
        let cluster_now = Cluster { inner, viewer: Viewer::Nobody };
        cluster_now.release();
        cluster_now.release_reached();
    }
}

impl Cluster {
    /// The attempt to connect panicked, which is a defect of ours; it is told and tried again.
    fn stumbled(&self, reached: &Reached, defect: &Defect) -> Duration {
        let retry_at = clock::now() + SignedDuration::try_from(SLOWEST_RETRY).unwrap_or(SignedDuration::ZERO);
        let error = AppError::new(ErrorKind::Malformed, format!("cannot read what {} serves: {defect}", self.server()));
        reached.state.send_replace(ConnectionState::Failed { error, retry_at, attempts: 1 });
        SLOWEST_RETRY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_discovery_that_takes_long_is_repeated_rarely() {
        for (took, rest) in [(0, 30_000), (1_500, 30_000), (2_000, 40_000), (6_000, 120_000), (60_000, 300_000)] {
            assert_eq!(rest_after(Duration::from_millis(took)), Duration::from_millis(rest), "{took}");
        }
    }

    #[test]
    fn a_refused_credential_is_tried_again_slowly_from_the_start() {
        let refused = ClusterError::Unauthorized { server: String::new(), reason: String::new() };
        let unreachable = ClusterError::Unreachable { server: String::new(), reason: String::new() };
        for attempts in 1..40 {
            assert_eq!(wait_after(&refused, attempts), REFUSED);
            assert!(wait_after(&unreachable, attempts) <= SLOWEST_RETRY);
        }
        let busy =
            |seconds| ClusterError::TooMany { retry_after: Some(Duration::from_secs(seconds)), message: String::new() };
        assert_eq!(wait_after(&busy(77), 1), Duration::from_secs(77));
        assert_eq!(wait_after(&busy(1_000_000), 1), LONGEST_ASKED);
    }
}
