//! Windows: a question with an offset and a length that somebody looks at.

mod delta;

use std::cmp::Ordering;
use std::sync::Arc;

use pilothouse_model::{Plan, Row, Timestamp};

pub use delta::{Delta, Steps, difference};

use crate::change::{Change, ChangeSet};
use crate::record::{Record, RowId};
use crate::run::Answer;
use crate::snapshot::Snapshot;

/// A page that somebody looks at while the table changes.
///
/// It costs what is on the screen: a change beside the page at most moves the total, a change of a row on the page that
/// keeps its place is taken over, and only what can bring other rows onto the page asks the table again.
#[derive(Debug)]
pub struct Window {
    plan: Plan,
    offset: usize,
    limit: usize,
    seen: Option<Seen>,
}

/// What the window showed last.
#[derive(Debug)]
struct Seen {
    snapshot: Snapshot,
    at: Timestamp,
    total: usize,
    page: Vec<Arc<Record>>,
}

impl Window {
    /// A window that has shown nothing yet.
    pub fn new(plan: Plan, offset: usize, limit: usize) -> Self {
        Self { plan, offset, limit, seen: None }
    }

    /// The question.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// How many rows match, as last told; `None` before the first update.
    pub fn total(&self) -> Option<usize> {
        self.seen.as_ref().map(|seen| seen.total)
    }

    /// The rows of the page, as last told.
    pub fn page(&self) -> &[Arc<Record>] {
        self.seen.as_ref().map_or(&[], |seen| &seen.page)
    }

    /// What differs from what it told last; `None` when nothing does. The first update always tells, even of no rows.
    ///
    /// Snapshots of another table (the resource was let go and is watched again) are fine.
    pub fn update(&mut self, snapshot: &Snapshot, now: Timestamp) -> Option<Delta> {
        let Some(mut seen) = self.seen.take() else {
            let answer = self.ask(snapshot, now);
            let delta = Delta::between(&[], &answer.rows, answer.total);
            self.seen = Some(Seen::of(snapshot, now, answer));
            return Some(delta);
        };
        let followed = self.follow(&seen, snapshot, now);
        let answer = followed.unwrap_or_else(|| self.ask(snapshot, now));
        let delta = Delta::between(&seen.page, &answer.rows, answer.total);
        let differs = !delta.is_empty() || delta.total != seen.total;
        seen = Seen::of(snapshot, now, answer);
        self.seen = Some(seen);
        differs.then_some(delta)
    }

    fn ask(&self, snapshot: &Snapshot, now: Timestamp) -> Answer {
        snapshot.run(&self.plan, self.offset, self.limit, now)
    }

    /// The answer made from the last one and the changes since, or `None` when only the table knows.
    fn follow(&self, seen: &Seen, snapshot: &Snapshot, now: Timestamp) -> Option<Answer> {
        if !snapshot.is_of_the_same_table(&seen.snapshot) {
            return None;
        }
        let (earlier, later) = (seen.snapshot.version(), snapshot.version());
        if self.plan.depends_on_time() && (earlier != later || seen.at != now) {
            return None;
        }
        let mut answer = Answer { total: seen.total, rows: seen.page.clone() };
        if earlier == later {
            return Some(answer);
        }
        let sets: Vec<Arc<ChangeSet>> = snapshot.changes_since(earlier)?;
        for change in sets.iter().flat_map(|set| &set.changes) {
            self.follow_change(&mut answer, change, now)?;
        }
        Some(answer)
    }

    fn follow_change(&self, answer: &mut Answer, change: &Change, now: Timestamp) -> Option<()> {
        let matching = |record: &&Arc<Record>| self.plan.matches(&record.row, now);
        let before = change.before.as_ref().filter(matching);
        let after = change.after.as_ref().filter(matching);
        if before.is_none() && after.is_none() {
            return Some(());
        }
        let beside = |record: &Arc<Record>| self.side(&answer.rows, &record.row);
        match (before.map(beside), after.map(beside)) {
            // Behind a full page, rows come, go and change as they like.
            (None | Some(Side::Behind), None | Some(Side::Behind)) => {}
            (Some(Side::Ahead), Some(Side::Ahead)) => {}
            (Some(Side::Within), Some(Side::Within)) => {
                let (before, after) = (before?, after?);
                if self.plan.compare(&before.row, &after.row).is_ne() {
                    return None;
                }
                let id = RowId::of(&after.row);
                *answer.rows.iter_mut().find(|record| id.is(&record.row))? = after.clone();
            }
            _ => return None,
        }
        answer.total = answer.total + usize::from(after.is_some()) - usize::from(before.is_some());
        Some(())
    }

    /// Where a matching row stands beside the page.
    fn side(&self, page: &[Arc<Record>], row: &Row) -> Side {
        let order = |other: Option<&Arc<Record>>| other.map(|other| self.plan.compare(row, &other.row));
        if order(page.first()) == Some(Ordering::Less) {
            Side::Ahead
        } else if order(page.last()) == Some(Ordering::Greater) && page.len() == self.limit {
            Side::Behind
        } else {
            Side::Within
        }
    }
}

impl Seen {
    fn of(snapshot: &Snapshot, at: Timestamp, answer: Answer) -> Self {
        Self { snapshot: snapshot.clone(), at, total: answer.total, page: answer.rows }
    }
}

/// Where a row stands beside a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// On earlier pages, or about to be first of all.
    Ahead,
    /// On the page, or where only the table can tell.
    Within,
    /// On later pages.
    Behind,
}
