//! What differs between two pages.

use std::hash::Hash;
use std::sync::Arc;

use pilothouse_model::{Cell, Row};
use rustc_hash::FxHashMap;

use crate::record::{Record, RowId};

/// What differs between the page a reader has and the page that is.
///
/// To apply it: take out `left` and `moved`, then put in `entered` and `moved` by ascending index, then take over
/// `changed`. [`Delta::apply`] does so.
#[derive(Clone, Debug, Default)]
pub struct Delta {
    /// How many rows match, on all pages.
    pub total: usize,
    /// Rows that are new on the page, each with its index on the new page, ascending.
    pub entered: Vec<(usize, Arc<Record>)>,
    /// Rows that are no longer on the page.
    pub left: Vec<RowId>,
    /// Rows that stand elsewhere relative to those that stayed, each with its index on the new page, ascending. As few as
    /// possible.
    pub moved: Vec<(usize, RowId)>,
    /// Rows that were on the page and look different now: index on the new page, the row, and which of its cells differ.
    /// No cells mean that its status or labels alone differ.
    pub changed: Vec<(usize, Arc<Record>, Vec<usize>)>,
}

impl Delta {
    /// Whether the page stays as it is (the total may still differ).
    pub fn is_empty(&self) -> bool {
        self.entered.is_empty() && self.left.is_empty() && self.moved.is_empty() && self.changed.is_empty()
    }

    /// Makes the new page of the old one: what a delta means, for readers that keep the page as records. Those that keep it
    /// in another form (a browser does) follow the same steps.
    pub fn apply(&self, page: &mut Vec<Arc<Record>>) {
        page.retain(|record| !self.left.iter().any(|id| id.is(&record.row)));
        let mut taken = FxHashMap::default();
        for (_, id) in &self.moved {
            if let Some(at) = page.iter().position(|record| id.is(&record.row)) {
                taken.insert(id, page.remove(at));
            }
        }
        let moved = self.moved.iter().filter_map(|(index, id)| Some((*index, taken.get(id)?)));
        let mut arriving: Vec<_> = self.entered.iter().map(|(index, record)| (*index, record)).chain(moved).collect();
        arriving.sort_by_key(|(index, _)| *index);
        for (index, record) in arriving {
            page.insert(index.min(page.len()), record.clone());
        }
        for (index, record, _) in &self.changed {
            if let Some(place) = page.get_mut(*index) {
                *place = record.clone();
            }
        }
    }

    /// What leads from one page to the next.
    pub(crate) fn between(old: &[Arc<Record>], new: &[Arc<Record>], total: usize) -> Self {
        let mut delta = Self { total, ..Self::default() };
        if old.len() == new.len() && old.iter().zip(new).all(|(one, other)| Arc::ptr_eq(one, other)) {
            return delta;
        }
        let ids = |page: &[Arc<Record>]| page.iter().map(|record| RowId::of(&record.row)).collect::<Vec<_>>();
        let (before, after) = (ids(old), ids(new));
        let steps = Steps::between(&before, &after);
        delta.entered = steps.entered.iter().map(|index| (*index, new[*index].clone())).collect();
        delta.left = steps.left.iter().map(|place| before[*place].clone()).collect();
        delta.moved = steps.moved.iter().map(|index| (*index, after[*index].clone())).collect();
        let changed = |(place, index): &(usize, usize)| {
            let cells = difference(&old[*place].row, &new[*index].row)?;
            Some((*index, new[*index].clone(), cells))
        };
        delta.changed = steps.stayed.iter().filter_map(changed).collect();
        delta
    }
}

/// What leads from one sequence of distinct things to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// Where new ones stand, ascending.
    pub entered: Vec<usize>,
    /// Where those stood that are gone.
    pub left: Vec<usize>,
    /// Where those stand now that have to be moved, ascending: as few as possible.
    pub moved: Vec<usize>,
    /// Of those that are in both: where each stood and where it stands, by the latter.
    pub stayed: Vec<(usize, usize)>,
}

impl Steps {
    /// The steps from `old` to `new`.
    pub fn between<K: Eq + Hash>(old: &[K], new: &[K]) -> Self {
        let places: FxHashMap<&K, usize> = old.iter().enumerate().map(|(place, key)| (key, place)).collect();
        let mut steps = Self::default();
        let mut gone = vec![true; old.len()];
        for (index, key) in new.iter().enumerate() {
            match places.get(key) {
                None => steps.entered.push(index),
                Some(place) => {
                    gone[*place] = false;
                    steps.stayed.push((*place, index));
                }
            }
        }
        steps.left = (0..old.len()).filter(|place| gone[*place]).collect();
        let resting = longest_rise(&steps.stayed.iter().map(|(place, _)| *place).collect::<Vec<_>>());
        let moving = steps.stayed.iter().zip(resting).filter(|(_, rests)| !rests);
        steps.moved = moving.map(|((_, index), _)| *index).collect();
        steps
    }
}

/// Which cells of two versions of a row differ; `None` when the two look the same.
pub fn difference(old: &Row, new: &Row) -> Option<Vec<usize>> {
    let cells: Vec<usize> = (0..old.cells.len().max(new.cells.len()))
        .filter(|index| old.cells.get(*index).map(show) != new.cells.get(*index).map(show))
        .collect();
    let same = cells.is_empty()
        && old.resource.version == new.resource.version
        && old.status == new.status
        && old.uid == new.uid
        && old.created == new.created
        && old.deleted == new.deleted
        && old.labels == new.labels;
    (!same).then_some(cells)
}

/// Numbers that are not a number differ from themselves and would change for ever.
fn show(cell: &Cell) -> (Option<u64>, Option<&Cell>) {
    match cell {
        Cell::Number(number) => (Some(number.to_bits()), None),
        cell => (None, Some(cell)),
    }
}

/// Marks one longest rising subsequence of distinct numbers.
fn longest_rise(numbers: &[usize]) -> Vec<bool> {
    // `ends[n]` is where a rise of n + 1 numbers with the smallest last number ends.
    let mut ends: Vec<usize> = Vec::new();
    let mut earlier: Vec<Option<usize>> = Vec::with_capacity(numbers.len());
    for (at, number) in numbers.iter().enumerate() {
        let length = ends.partition_point(|end| numbers[*end] < *number);
        earlier.push(length.checked_sub(1).map(|before| ends[before]));
        match ends.get_mut(length) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut marked = vec![false; numbers.len()];
    let mut at = ends.last().copied();
    while let Some(index) = at {
        marked[index] = true;
        at = earlier[index];
    }
    marked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn naive_longest(numbers: &[usize]) -> usize {
        let mut best: Vec<usize> = Vec::new();
        for (at, number) in numbers.iter().enumerate() {
            let before = (0..at).filter(|earlier| numbers[*earlier] < *number).map(|earlier| best[earlier]).max();
            best.push(before.unwrap_or(0) + 1);
        }
        best.into_iter().max().unwrap_or(0)
    }

    proptest! {
        #[test]
        fn a_longest_rise_rises_and_is_longest(numbers in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle()) {
            let marked = longest_rise(&numbers);
            let rise: Vec<_> = numbers.iter().zip(&marked).filter(|(_, marked)| **marked).map(|(n, _)| *n).collect();
            prop_assert!(rise.is_sorted());
            prop_assert_eq!(rise.len(), naive_longest(&numbers));
        }
    }
}
