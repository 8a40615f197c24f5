//! What goes on for as long as a cluster is held: connecting, discovering again, letting go of tables.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError, Weak};
use std::time::{Duration, Instant};

use futures::future::FutureExt;
use jiff::SignedDuration;
use pilothouse_cluster::ClusterError;

use super::{Cluster, ConnectionState, Inner, LINGER, public};
use crate::catalog::Catalog;
use crate::clock;
use crate::error::{AppError, ErrorKind};
use crate::isolate::Defect;
use crate::person::Viewer;

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

impl Cluster {
    /// One attempt to connect or to discover again; gives how long to wait before the next.
    async fn attempt(&self, attempts: &mut u32) -> Duration {
        let begun = Instant::now();
        let error = match self.discover().await {
            Ok(version) => {
                *attempts = 0;
                self.inner.state.send_replace(ConnectionState::Connected { version });
                return rest_after(begun.elapsed());
            }
            Err(error) => error,
        };
        *attempts = attempts.saturating_add(1);
        let wait = wait_after(&error, *attempts);
        tracing::warn!(cluster = %self.id(), attempts, "cannot reach the cluster: {error}");
        let retry_at = clock::now() + SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
        let failed = ConnectionState::Failed { error: self.told(error.into()), retry_at, attempts: *attempts };
        self.inner.state.send_replace(failed);
        wait
    }

    /// The failure of the console's own connection. Where many people read it, it says nothing of the console's credential
    /// and surroundings: its log does.
    fn told(&self, error: AppError) -> AppError {
        if !self.settings().shared || public(&error.message) == error.message {
            return error;
        }
        let message = format!("the console cannot connect to {} at {}", self.id(), self.server());
        AppError::new(ErrorKind::Unavailable, message).hint("its own log says why; it is tried again")
    }

    async fn discover(&self) -> Result<String, ClusterError> {
        let version = self.inner.connection.version().await?;
        let before = self.known_catalog();
        let mut discovery = self.inner.connection.discover().await?;
        for problem in discovery.problems.iter_mut().filter(|_| self.settings().shared) {
            // Whom the cluster takes the console for is nobody else's to know.
            if let Some(at) = problem.why.find(": not allowed") {
                problem.why.truncate(at);
            }
        }
        let catalog = Catalog::new(discovery).after(before.as_deref());
        if before.as_deref() != Some(&catalog) {
            self.inner.catalog.store(Some(Arc::new(catalog)));
            self.inner.changed.send_modify(|version| *version += 1);
        }
        Ok(version)
    }

    fn is_idle(&self) -> bool {
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > LINGER && self.tables().is_empty()
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

/// Connects, discovers again now and then, and lets go of tables that nobody uses, for as long as the cluster is held.
pub(super) async fn keep(cluster: Weak<Inner>) {
    let mut attempts = 0_u32;
    loop {
        let Some(inner) = cluster.upgrade() else { return };
        let cluster_now = Cluster { inner, viewer: Viewer::Console };
        cluster_now.release();
        let wait = if attempts == 0 && cluster_now.known_catalog().is_some() && cluster_now.is_idle() {
            REDISCOVER
        } else {
            match AssertUnwindSafe(cluster_now.attempt(&mut attempts)).catch_unwind().await {
                Ok(wait) => wait,
                Err(panic) => cluster_now.stumbled(&Defect::of(&*panic)),
            }
        };
        drop(cluster_now);
        tokio::time::sleep(wait).await;
    }
}

impl Cluster {
    /// The attempt to connect panicked, which is a defect of ours; it is told and tried again.
    fn stumbled(&self, defect: &Defect) -> Duration {
        let retry_at = clock::now() + SignedDuration::try_from(SLOWEST_RETRY).unwrap_or(SignedDuration::ZERO);
        let error = AppError::new(ErrorKind::Malformed, format!("cannot read what {} serves: {defect}", self.server()));
        self.inner.state.send_replace(ConnectionState::Failed { error, retry_at, attempts: 1 });
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
