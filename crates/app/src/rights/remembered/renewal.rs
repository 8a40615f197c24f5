//! What is remembered of somebody's rights is asked for again and again, for as long as somebody needs it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::super::grants::{Grants, Told};
use super::super::kept::Kept;
use super::{Known, Remembered};
use crate::cluster::{Cluster, Inner};
use crate::error::{AppError, ErrorKind};
use crate::isolate::Defect;

/// How soon it is tried again when the cluster did not answer.
const AGAIN: Duration = Duration::from_secs(2);
/// How long reasons to ask again are gathered.
const SOON: Duration = Duration::from_millis(50);
/// How soon after another somebody's rights are asked about because something changed.
const PACE: Duration = Duration::from_secs(1);

/// What is carried from renewal to renewal.
#[derive(Default)]
pub(super) struct Renewal {
    /// Wakes when namespaces appear, where it is the namespaces that are asked about.
    pub(super) namespaces: Option<watch::Receiver<u64>>,
    pub(super) grants: Option<(Arc<Grants>, watch::Receiver<Arc<Told>>)>,
    pub(super) kept: Option<Kept>,
}

impl Renewal {
    /// When to ask again before the usual time.
    fn unsettled(&self) -> Option<Instant> {
        let ((_, told), kept) = self.grants.as_ref().zip(self.kept.as_ref())?;
        kept.unsettled(&told.borrow())
    }

    /// Waits until a namespace appears, or a role or binding changes.
    async fn changed(&mut self) {
        if let (Some((_, told)), Some(kept)) = (&mut self.grants, &self.kept) {
            if told.wait_for(|told| kept.misses(told)).await.is_ok() {
                return;
            }
        } else if let Some(namespaces) = &mut self.namespaces
            && namespaces.changed().await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Asks again and again, until nobody needs it.
pub(super) async fn renew(cluster: Weak<Inner>, remembered: Weak<Remembered>) {
    let mut renewal = Renewal::default();
    loop {
        let Some((inner, this)) = cluster.upgrade().zip(remembered.upgrade()) else { return };
        if this.is_at_rest() {
            this.asleep.store(true, Ordering::Release);
            // Whoever asked in between found nobody asleep.
            if !this.is_at_rest() {
                this.asleep.store(false, Ordering::Release);
                continue;
            }
            // What was told is not renewed: whoever asks next wakes this, and waits.
            this.publish(Known::Pending, Duration::ZERO);
            renewal = Renewal::default();
            let wake = Arc::clone(&this.wake);
            drop((inner, this));
            wake.notified().await;
            continue;
        }
        let began = Instant::now();
        let rights_for = inner.settings.rights_for;
        let cluster_now = Cluster::of_holder(inner, &this.holder);
        let resolved = AssertUnwindSafe(this.resolve(&cluster_now, &mut renewal)).catch_unwind().await;
        let resolved = resolved.unwrap_or_else(|panic| {
            let words = Defect::of(&*panic).to_string();
            Err(AppError::new(ErrorKind::Malformed, format!("it cannot be told what you may see: {words}")))
        });
        let mut pace = rights_for / 2;
        let wait = match resolved {
            Ok(rights) => {
                this.publish(Known::Rights(Arc::new(rights)), rights_for);
                pace = PACE.min(pace);
                spread(rights_for / 2)
            }
            Err(error) => {
                tracing::info!(cluster = %cluster_now.id(), "the rights of someone cannot be told: {error}");
                let unknown = error.kind == ErrorKind::Unavailable;
                if error.kind == ErrorKind::Unauthorized {
                    cluster_now.leave();
                }
                if !unknown {
                    renewal = Renewal::default();
                }
                // An answer that still holds outlasts a moment of silence.
                if !unknown || !matches!(this.now.borrow().known(), Known::Rights(_)) {
                    this.publish(Known::Failed(error), rights_for);
                }
                if unknown { AGAIN.min(rights_for / 2) } else { rights_for / 2 }
            }
        };
        // Neither the cluster nor the rights are held while nothing happens: whoever let go of them ends this.
        let wake = Arc::clone(&this.wake);
        drop((cluster_now, this));
        let until =
            renewal.unsettled().map_or(began + wait, |until| until.min(began + wait)).max(Instant::now() + SOON);
        // Several may be asked about, or appear, at once; and roles and bindings may change all the time.
        let earliest = tokio::select! {
            () = sleep_until(until) => continue,
            () = wake.notified() => began,
            () = renewal.changed() => began + pace.min(wait),
        };
        sleep_until(earliest.max(Instant::now() + SOON.min(wait))).await;
    }
}

/// A time at or before this one: people who came together are not asked about together for ever.
fn spread(time: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 256;
    time - time / 1024 * u32::try_from(random).unwrap_or_default()
}
