//! Counts that stay true: told again when they differ, and no more often than their cost allows.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Counts, telling};
use crate::ask::{Ask, Source};
use crate::cluster::{Chosen, Cluster};
use crate::error::ErrorKind;
use crate::rights::Changes;

/// The shortest time between two counts.
const APART: Duration = Duration::from_secs(2);
/// All open windows together spend one part of so many of the time on counting...
const SHARE: u32 = 20;
/// ...as long as that keeps nobody waiting longer than this.
const LONGEST_APART: Duration = Duration::from_secs(30);
/// How often is looked for another table, and for values that depend on the time.
const LOOK: Duration = Duration::from_secs(15);

/// The counts of a list, followed.
pub struct LiveCounts {
    cluster: Cluster,
    source: Source,
    ask: Ask,
    /// What was counted last, of which rows, and when the next count may be.
    last: Option<(Counts, Basis)>,
    ready: Instant,
}

/// What a count was made from.
struct Basis {
    chosen: Chosen,
    /// The state of the table.
    version: u64,
    news: watch::Receiver<u64>,
    rights: Option<Changes>,
}

impl Cluster {
    /// Follows how the rows of a list divide by the fields that tell people something.
    pub fn live_counts(&self, source: Source, ask: Ask) -> LiveCounts {
        LiveCounts { cluster: self.clone(), source, ask, last: None, ready: Instant::now() }
    }
}

impl LiveCounts {
    /// The next counts: at once the first time, then when they differ. `None` when the engine shuts down, and when the
    /// question is not answered any more; the window over the same list says why.
    pub async fn next(&mut self) -> Option<Counts> {
        loop {
            if let Some((_, basis)) = &mut self.last {
                basis.changed(&self.cluster).await?;
                sleep_until(self.ready).await;
            }
            let chosen = match self.cluster.choose(&self.source, &self.ask) {
                Ok(chosen) => chosen,
                // Nobody can say at the moment what may be seen: what was told stays for so long.
                Err(error) if error.kind == ErrorKind::Unavailable && self.last.is_some() => continue,
                Err(_) => return None,
            };
            let basis = Basis::of(chosen);
            if let Some((_, last)) = &self.last
                && last.is_like(&basis, &self.ask)
            {
                continue;
            }
            let counts = self.count(&basis.chosen)?;
            let differs = self.last.as_ref().is_none_or(|(last, _)| last.fields != counts.fields);
            self.last = Some((counts.clone(), basis));
            if differs {
                return Some(counts);
            }
        }
    }

    fn count(&mut self, chosen: &Chosen) -> Option<Counts> {
        let begun = Instant::now();
        let fields = telling(chosen.table.columns(), &self.source).join(",");
        let counts = chosen.counts(&self.ask, &fields).ok()?;
        let windows = u32::try_from(self.cluster.inner.windows.load(Ordering::Relaxed)).unwrap_or(u32::MAX).max(1);
        self.ready = Instant::now() + apart(begun.elapsed(), windows);
        Some(counts)
    }
}

/// How long after a count that took so long the next may be, when so many windows are open.
fn apart(took: Duration, windows: u32) -> Duration {
    took.saturating_mul(SHARE.saturating_mul(windows)).clamp(APART, LONGEST_APART)
}

impl Basis {
    fn of(chosen: Chosen) -> Self {
        let news = chosen.subscribe();
        let rights = chosen.changes.clone();
        let version = chosen.moment().0.version();
        Self { chosen, version, news, rights }
    }

    /// Whether the counts cannot differ.
    fn is_like(&self, other: &Self, ask: &Ask) -> bool {
        self.chosen.is_like(&other.chosen)
            && self.version == other.version
            && self.chosen.plan(ask).is_ok_and(|plan| !plan.depends_on_time())
    }

    /// Waits until the counts may differ.
    async fn changed(&mut self, cluster: &Cluster) -> Option<()> {
        let rights = async {
            match &mut self.rights {
                Some(rights) => rights.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = cluster.closed() => return None,
            () = rights => {}
            // What is written no more has another in its place soon.
            changed = self.news.changed(), if !self.chosen.table.is_still() => changed.ok()?,
            () = tokio::time::sleep(LOOK) => {}
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counting_takes_no_more_than_its_share_of_the_time() {
        let millis = Duration::from_millis;
        assert_eq!(apart(millis(1), 1), APART);
        assert_eq!(apart(millis(10), 20), millis(4000));
        assert_eq!(apart(millis(10), 200), LONGEST_APART);
    }
}
