//! What a commit changed, and the last few of them.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::record::{Record, RowId};

/// A reader that is further behind than this many commits or changes reads everything anew. Each change keeps the row that
/// was.
const MOST_SETS: usize = 256;
const MOST_CHANGES: usize = 4096;

/// What one commit changed.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// The version of the table after it.
    pub version: u64,
    /// One entry per row that differs, in natural order.
    pub changes: Vec<Change>,
    /// Whether the completeness of the table changed.
    pub completeness_changed: bool,
}

/// One row that a commit changed.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which row.
    pub id: RowId,
    /// What it was; `None` when it is new.
    pub before: Option<Arc<Record>>,
    /// What it is; `None` when it is gone.
    pub after: Option<Arc<Record>>,
}

/// The last change sets, bounded.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    sets: VecDeque<Arc<ChangeSet>>,
    changes: usize,
}

impl History {
    pub(crate) fn push(&mut self, set: Arc<ChangeSet>) {
        self.changes += set.changes.len();
        self.sets.push_back(set);
        while self.sets.len() > MOST_SETS || self.changes > MOST_CHANGES {
            let Some(oldest) = self.sets.pop_front() else { return };
            self.changes -= oldest.changes.len();
        }
    }

    /// The sets that lead from `version` to `now`; `None` when they are no longer all here.
    pub(crate) fn since(&self, version: u64, now: u64) -> Option<Vec<Arc<ChangeSet>>> {
        let missed = usize::try_from(now.checked_sub(version)?).ok()?;
        let skipped = self.sets.len().checked_sub(missed)?;
        Some(self.sets.iter().skip(skipped).cloned().collect())
    }
}
