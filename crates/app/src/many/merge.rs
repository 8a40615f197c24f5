//! Rows of several clusters in one order, and what differs between two pages of them.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::Arc;

use pilothouse_model::{ClusterId, Column};
use pilothouse_store::{Record, RowId, Steps, difference};

use super::ManyRow;
use super::among::{Among, Key};
use crate::error::AppError;

/// The rows that one cluster brings, in the order of the question.
pub(super) struct Share {
    pub(super) cluster: ClusterId,
    pub(super) rows: Vec<Arc<Record>>,
    pub(super) among: Among,
    /// Where the whole list's columns are in these rows.
    pub(super) places: Vec<Option<usize>>,
    /// What the whole is ordered by, as these rows have it.
    pub(super) keys: Vec<(Key, bool)>,
}

/// The identity of a row among those of several clusters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManyId {
    /// The cluster.
    pub cluster: ClusterId,
    /// The row within it.
    pub row: RowId,
}

/// What differs between two pages; read and applied as [`pilothouse_store::Delta`].
#[derive(Clone, Debug, Default)]
pub struct ManyDelta {
    /// Rows that are new on the page, each with its index on the new page, ascending.
    pub entered: Vec<(usize, ManyRow)>,
    /// Rows that are no longer on the page.
    pub left: Vec<ManyId>,
    /// Rows that stand elsewhere, each with its index on the new page, ascending.
    pub moved: Vec<(usize, ManyId)>,
    /// Rows that look different now: index on the new page, the row, and which of its cells differ.
    pub changed: Vec<(usize, ManyRow, Vec<usize>)>,
}

impl ManyRow {
    /// Its identity.
    pub fn id(&self) -> ManyId {
        ManyId { cluster: self.cluster.clone(), row: RowId::of(&self.record.row) }
    }
}

impl Share {
    /// Rows of a cluster with its own columns, and the order of the whole list as text.
    pub(super) fn new(
        cluster: &ClusterId,
        among: Among,
        (own, rows): (&[Column], Vec<Arc<Record>>),
        sort: &str,
    ) -> Result<Self, AppError> {
        let order = pilothouse_query::parse_sort(sort, &among.columns_of(own))
            .map_err(|error| AppError::question(sort, &error))?;
        let (places, keys) = (among.places(own), among.keys(&order, own));
        Ok(Self { cluster: cluster.clone(), rows, among, places, keys })
    }
}

/// The next row of a share.
struct Head<'a> {
    share: &'a Share,
    index: usize,
    at: usize,
}

impl Head<'_> {
    fn record(&self) -> &Arc<Record> {
        &self.share.rows[self.at]
    }
}

impl Ord for Head<'_> {
    /// By the question's order; then by cluster, so that rows which nothing else orders stand together; then naturally.
    fn cmp(&self, other: &Self) -> Ordering {
        let (row, others) = (&self.record().row, &other.record().row);
        let by_cluster = || self.share.cluster.cmp(&other.share.cluster);
        for ((key, descending), (counterpart, _)) in self.share.keys.iter().zip(&other.share.keys) {
            let ordering = match (key, counterpart) {
                (Key::Field(field), Key::Field(its)) => field.sort_key(row).order(&its.sort_key(others), *descending),
                _ if *descending => by_cluster().reverse(),
                _ => by_cluster(),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        // Rows of one share are in order already.
        by_cluster().then(self.index.cmp(&other.index)).then(self.at.cmp(&other.at))
    }
}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head<'_> {}

/// One page of the rows of all shares. Rows that stand on `before` and are the same are taken from it.
pub(super) fn page(shares: &[Share], offset: usize, limit: Option<usize>, before: &[ManyRow]) -> Vec<ManyRow> {
    let mut heads: BinaryHeap<Reverse<Head<'_>>> = shares
        .iter()
        .enumerate()
        .filter(|(_, share)| !share.rows.is_empty())
        .map(|(index, share)| Reverse(Head { share, index, at: 0 }))
        .collect();
    let known: rustc_hash::FxHashMap<*const Record, &ManyRow> =
        before.iter().map(|row| (Arc::as_ptr(&row.record), row)).collect();
    let mut rows = Vec::new();
    let mut place = 0;
    while let Some(Reverse(head)) = heads.pop() {
        if limit.is_some_and(|limit| rows.len() >= limit) {
            break;
        }
        if place >= offset {
            let (record, share) = (head.record(), head.share);
            let same = known.get(&Arc::as_ptr(record)).filter(|row| row.cluster == share.cluster);
            rows.push(match same {
                Some(row) => ManyRow::clone(row),
                None => ManyRow {
                    cluster: share.cluster.clone(),
                    row: Arc::new(share.among.row(&record.row, &share.places)),
                    record: Arc::clone(record),
                },
            });
        }
        place += 1;
        if head.at + 1 < head.share.rows.len() {
            heads.push(Reverse(Head { at: head.at + 1, ..head }));
        }
    }
    rows
}

impl ManyDelta {
    /// Whether the page stays as it is.
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.left.is_empty() && self.moved.is_empty() && self.changed.is_empty()
    }

    /// What leads from one page to the next.
    pub(super) fn between(old: &[ManyRow], new: &[ManyRow]) -> Self {
        if old.len() == new.len() && old.iter().zip(new).all(|(one, other)| Arc::ptr_eq(&one.row, &other.row)) {
            return Self::default();
        }
        let ids = |page: &[ManyRow]| page.iter().map(ManyRow::id).collect::<Vec<_>>();
        let (before, after) = (ids(old), ids(new));
        let steps = Steps::between(&before, &after);
        let changed = |(place, index): &(usize, usize)| {
            let cells = difference(&old[*place].row, &new[*index].row)?;
            Some((*index, new[*index].clone(), cells))
        };
        Self {
            entered: steps.entered.iter().map(|index| (*index, new[*index].clone())).collect(),
            left: steps.left.iter().map(|place| before[*place].clone()).collect(),
            moved: steps.moved.iter().map(|index| (*index, after[*index].clone())).collect(),
            changed: steps.stayed.iter().filter_map(changed).collect(),
        }
    }

    /// Makes the new page of the old one.
    pub fn apply(&self, page: &mut Vec<ManyRow>) {
        page.retain(|row| !self.left.contains(&row.id()));
        let mut taken = Vec::new();
        for (index, id) in &self.moved {
            if let Some(at) = page.iter().position(|row| row.id() == *id) {
                taken.push((*index, page.remove(at)));
            }
        }
        taken.extend(self.entered.iter().cloned());
        taken.sort_by_key(|(index, _)| *index);
        for (index, row) in taken {
            page.insert(index.min(page.len()), row);
        }
        for (index, row, _) in &self.changed {
            if let Some(place) = page.get_mut(*index) {
                *place = row.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests;
