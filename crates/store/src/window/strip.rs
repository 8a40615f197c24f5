//! A part of an answer, kept true change by change.

use std::cmp::Ordering;
use std::sync::Arc;

use pilothouse_model::{Plan, Row, Timestamp};

use crate::record::{Record, RowId};
use crate::snapshot::Snapshot;

/// Rows kept on either side of a page: at least, and at most.
const MARGIN: (usize, usize) = (16, 128);

/// Consecutive rows of an answer.
#[derive(Debug)]
pub(super) struct Strip {
    /// How many rows of the answer come before them.
    first: usize,
    rows: Vec<Arc<Record>>,
    /// How many rows the answer has.
    total: usize,
}

/// Where a matching row stands beside a strip.
enum Side {
    Ahead,
    /// At this place, or before what stands there.
    Within(usize),
    Behind,
}

fn margin(limit: usize) -> usize {
    limit.clamp(MARGIN.0, MARGIN.1)
}

impl Strip {
    /// Asks for a page and the rows beside it.
    pub(super) fn ask(snapshot: &Snapshot, plan: &Plan, (offset, limit): (usize, usize), now: Timestamp) -> Self {
        let first = offset.saturating_sub(margin(limit));
        let answer =
            snapshot.run(plan, first, (offset - first).saturating_add(limit).saturating_add(margin(limit)), now);
        Self { first: first.min(answer.total), rows: answer.rows, total: answer.total }
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    /// A page; `None` when it is not all here.
    pub(super) fn page(&self, offset: usize, limit: usize) -> Option<&[Arc<Record>]> {
        let (start, end) = (offset.min(self.total), offset.saturating_add(limit).min(self.total));
        self.rows.get(start.checked_sub(self.first)?..end.checked_sub(self.first)?)
    }

    /// Takes over a change of one row: what matched before, and what matches now. `None` when only the table knows.
    pub(super) fn change(
        &mut self,
        plan: &Plan,
        before: Option<&Arc<Record>>,
        after: Option<&Arc<Record>>,
    ) -> Option<()> {
        if let Some(before) = before {
            match self.side(plan, &before.row)? {
                Side::Ahead => self.first = self.first.checked_sub(1)?,
                Side::Behind => {}
                Side::Within(at) => {
                    if !RowId::of(&before.row).is(&self.rows.get(at)?.row) {
                        return None;
                    }
                    self.rows.remove(at);
                }
            }
            self.total = self.total.checked_sub(1)?;
        }
        if let Some(after) = after {
            match self.side(plan, &after.row)? {
                Side::Ahead => self.first += 1,
                Side::Behind => {}
                Side::Within(at) => self.rows.insert(at, after.clone()),
            }
            self.total += 1;
        }
        Some(())
    }

    fn side(&self, plan: &Plan, row: &Row) -> Option<Side> {
        let behind_all = self.first + self.rows.len() == self.total;
        let (Some(first), Some(last)) = (self.rows.first(), self.rows.last()) else {
            return match self.first {
                0 if behind_all => Some(Side::Within(0)),
                // Behind the last row of all there is nothing to stand behind.
                _ if behind_all => Some(Side::Ahead),
                _ => None,
            };
        };
        if self.first > 0 && plan.compare(row, &first.row) == Ordering::Less {
            return Some(Side::Ahead);
        }
        if !behind_all && plan.compare(row, &last.row) == Ordering::Greater {
            return Some(Side::Behind);
        }
        Some(Side::Within(self.rows.partition_point(|other| plan.compare(&other.row, row) == Ordering::Less)))
    }

    /// Lets go of rows far from a page.
    pub(super) fn trim(&mut self, offset: usize, limit: usize) {
        let most = margin(limit).saturating_mul(2);
        let end = offset.saturating_add(limit).saturating_sub(self.first).saturating_add(most);
        self.rows.truncate(end);
        let spare = offset.saturating_sub(self.first).saturating_sub(most).min(self.rows.len());
        if spare > 0 {
            self.rows.drain(..spare);
            self.first += spare;
        }
    }
}
