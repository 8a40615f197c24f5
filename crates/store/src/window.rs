//! Windows: a question with an offset and a length that somebody looks at.

mod delta;
mod strip;

use std::ops::Range;
use std::sync::Arc;

use pilothouse_model::{Plan, Timestamp};

pub use delta::{Delta, Steps, difference};

use crate::record::Record;
use crate::run::steady_until;
use crate::snapshot::Snapshot;
use strip::Strip;

/// A page that somebody looks at while the table changes.
///
/// It costs what is on the screen: it keeps the page and some rows on either side of it, in order, and takes over what
/// changes in and beside them. The table is asked again only when these rows run out, when the reader is too far behind,
/// or when time alone makes rows match or cease to.
#[derive(Debug)]
pub struct Window {
    plan: Plan,
    offset: usize,
    limit: usize,
    seen: Option<Seen>,
    /// What its reader has on the screen before the first update: rows of the window in whose place it is.
    before: Vec<Arc<Record>>,
}

/// What the window showed last.
#[derive(Debug)]
struct Seen {
    snapshot: Snapshot,
    strip: Strip,
    page: Vec<Arc<Record>>,
    /// From when until when (in seconds since 1970) the same rows give the same answer.
    steady: Range<f64>,
}

impl Window {
    /// A window that has shown nothing yet.
    pub fn new(plan: Plan, offset: usize, limit: usize) -> Self {
        Self { plan, offset, limit, seen: None, before: Vec::new() }
    }

    /// The same in the place of another one, over whatever table: its first update leads on from what the other one told last,
    /// and so takes from the screen what is not to be seen any more.
    #[must_use]
    pub fn in_place_of(self, other: &mut Self) -> Self {
        let told = std::mem::take(&mut other.before);
        let before = other.seen.take().map_or(told, |seen| seen.page);
        Self { before, ..self }
    }

    /// The question.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many rows match, as last told; `None` before the first update.
    pub fn total(&self) -> Option<usize> {
        self.seen.as_ref().map(|seen| seen.strip.total())
    }

    /// The rows of the page, as last told.
    pub fn page(&self) -> &[Arc<Record>] {
        self.seen.as_ref().map_or(&[], |seen| &seen.page)
    }

    /// What differs from what it told last; `None` when nothing does. The first update always tells, even of no rows.
    ///
    /// Snapshots of another table (the resource was let go and is watched again) are fine.
    pub fn update(&mut self, snapshot: &Snapshot, now: Timestamp) -> Option<Delta> {
        let Some(seen) = self.seen.take() else {
            let seen = self.ask(snapshot, now);
            let delta = Delta::between(&std::mem::take(&mut self.before), &seen.page, seen.strip.total());
            self.seen = Some(seen);
            return Some(delta);
        };
        let (total, page) = (seen.strip.total(), seen.page.clone());
        let seen = self.follow(seen, snapshot, now).unwrap_or_else(|| self.ask(snapshot, now));
        let delta = Delta::between(&page, &seen.page, seen.strip.total());
        self.seen = Some(seen);
        (!delta.is_empty() || delta.total != total).then_some(delta)
    }

    fn ask(&self, snapshot: &Snapshot, now: Timestamp) -> Seen {
        let strip = Strip::ask(snapshot, &self.plan, (self.offset, self.limit), now);
        let page = strip.page(self.offset, self.limit).unwrap_or_default().to_vec();
        let steady = seconds(now)..steady_until(snapshot, &self.plan.filter, now);
        Seen { snapshot: snapshot.clone(), strip, page, steady }
    }

    /// What is to be seen, made from what was and the changes since; `None` when only the table knows.
    fn follow(&self, mut seen: Seen, snapshot: &Snapshot, now: Timestamp) -> Option<Seen> {
        let steady = seen.steady.contains(&seconds(now)) || !self.plan.depends_on_time();
        if !steady || !snapshot.is_of_the_same_table(&seen.snapshot) {
            return None;
        }
        let (earlier, later) = (seen.snapshot.version(), snapshot.version());
        if earlier == later {
            return Some(seen);
        }
        for change in snapshot.changes_since(earlier)?.iter().flat_map(|set| &set.changes) {
            let matching = |record: &&Arc<Record>| self.plan.matches(&record.row, now);
            let before = change.before.as_ref().filter(matching);
            let after = change.after.as_ref().filter(matching);
            if let Some(after) = &change.after {
                seen.steady.end = seen.steady.end.min(self.plan.filter.steady_until(&after.row, now));
            }
            seen.strip.change(&self.plan, before, after)?;
        }
        seen.strip.trim(self.offset, self.limit);
        seen.page = seen.strip.page(self.offset, self.limit)?.to_vec();
        seen.snapshot = snapshot.clone();
        Some(seen)
    }
}

fn seconds(now: Timestamp) -> f64 {
    now.as_duration().as_secs_f64()
}
