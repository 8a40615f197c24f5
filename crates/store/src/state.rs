//! One state of a table: what a snapshot reads and the writer changes.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pilothouse_model::{Column, Completeness, Row};
use rustc_hash::FxHasher;

use crate::change::History;
use crate::chunks::{HashIndex, Place, Slots, Sorted};
use crate::facts::Facts;
use crate::record::{Record, RowId, natural_order};
use crate::words::Clerk;

/// One state of a table. Clones share all chunks.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) columns: Arc<[Column]>,
    pub(crate) completeness: Completeness,
    pub(crate) version: u64,
    pub(crate) history: History,
    /// Tells two tables apart whose versions happen to be equal.
    pub(crate) table: Arc<()>,
    slots: Slots,
    /// What questions read of the rows, by slot.
    pub(crate) facts: Facts,
    /// Slots in natural order. Behind one more pointer, as are the indexes: most commits do not touch them.
    order: Arc<Sorted<u32>>,
    owners: Arc<HashIndex>,
    labels: Arc<HashIndex>,
}

impl State {
    pub(crate) fn new(columns: Arc<[Column]>) -> Self {
        Self {
            columns,
            completeness: Completeness::Loading,
            version: 0,
            history: History::default(),
            table: Arc::new(()),
            slots: Slots::default(),
            facts: Facts::default(),
            order: Arc::default(),
            owners: Arc::default(),
            labels: Arc::default(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Every record in natural order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.order.iter().filter_map(|slot| self.slots.get(*slot))
    }

    /// The first record that is not `before`, and those behind it, in natural order.
    pub(crate) fn from(&self, before: impl Fn(&Row) -> bool) -> impl Iterator<Item = &Arc<Record>> {
        self.order.from(self.find(before)).filter_map(|slot| self.slots.get(*slot))
    }

    fn find(&self, before: impl Fn(&Row) -> bool) -> Place {
        self.order.find(|slot| self.slots.get(*slot).is_some_and(|record| before(&record.row)))
    }

    pub(crate) fn record(&self, slot: u32) -> Option<&Arc<Record>> {
        self.slots.get(slot)
    }

    /// Every slot with a row, in natural order.
    pub(crate) fn slots_in_order(&self) -> impl Iterator<Item = u32> {
        self.order.iter().copied()
    }

    /// The slots behind the first so many, in natural order.
    pub(crate) fn slots_from(&self, position: usize) -> impl Iterator<Item = u32> {
        self.order.from(self.order.at(position)).copied()
    }

    /// How many rows come before one of this identity in natural order, and whether there is one.
    pub(crate) fn rank(&self, id: &RowId) -> (usize, bool) {
        let place = self.find(|row| id.order(row).is_gt());
        let record = self.order.get(place).and_then(|slot| self.slots.get(*slot));
        (self.order.position(place), record.is_some_and(|record| id.is(&record.row)))
    }

    pub(crate) fn slots_in_namespace(&self, namespace: &str) -> impl Iterator<Item = u32> + use<'_> {
        let first = self.find(|row| row.namespace.as_deref() < Some(namespace));
        let end = self.find(|row| row.namespace.as_deref() <= Some(namespace));
        let count = self.order.position(end) - self.order.position(first);
        self.order.from(first).copied().take(count)
    }

    /// The rows of this namespace and name, of any kind.
    pub(crate) fn slots_named(&self, namespace: Option<&str>, name: &str) -> impl Iterator<Item = u32> {
        let first = self.find(|row| (row.namespace.as_deref(), &*row.name) < (namespace, name));
        self.order.from(first).copied().take_while(move |slot| {
            self.slots
                .get(*slot)
                .is_some_and(|record| record.row.namespace.as_deref() == namespace && *record.row.name == *name)
        })
    }

    fn slot(&self, id: &RowId) -> Option<(Place, u32)> {
        let place = self.find(|row| id.order(row).is_gt());
        let slot = *self.order.get(place)?;
        id.is(&self.slots.get(slot)?.row).then_some((place, slot))
    }

    pub(crate) fn get(&self, id: &RowId) -> Option<&Arc<Record>> {
        self.slots.get(self.slot(id)?.1)
    }

    pub(crate) fn dependents(&self, uid: &str) -> impl Iterator<Item = &Arc<Record>> {
        self.candidates(&self.owners, hash(uid)).filter(move |record| record.row.owners.iter().any(|own| **own == *uid))
    }

    /// In no particular order.
    pub(crate) fn labelled(&self, key: &str, value: &str) -> impl Iterator<Item = &Arc<Record>> {
        self.candidates(&self.labels, hash((key, value))).filter(move |record| record.row.label(key) == Some(value))
    }

    /// The slots of the same, if they are no more than `most`.
    pub(crate) fn labelled_slots(&self, key: &str, value: &str, most: usize) -> Option<impl Iterator<Item = u32>> {
        let hash = hash((key, value));
        let own = move |slot: &u32| self.slots.get(*slot).and_then(|record| record.row.label(key));
        (self.labels.count(hash) <= most).then(|| self.labels.slots(hash).filter(move |slot| own(slot) == Some(value)))
    }

    fn candidates<'a>(&'a self, index: &'a HashIndex, hash: u32) -> impl Iterator<Item = &'a Arc<Record>> {
        index.slots(hash).filter_map(|slot| self.slots.get(slot))
    }

    /// Entries by order, owner and label.
    #[cfg(test)]
    pub(crate) fn index_sizes(&self) -> [usize; 3] {
        [self.order.len(), self.owners.len(), self.labels.len()]
    }

    /// Writes a record over the one of the same identity, which it returns. `free` gives the slot of a new one.
    pub(crate) fn put(
        &mut self,
        id: &RowId,
        record: Arc<Record>,
        clerk: &mut Clerk,
        free: impl FnOnce() -> u32,
    ) -> Option<Arc<Record>> {
        match self.slot(id) {
            Some((_, slot)) => {
                let before = self.slots.get(slot).cloned()?;
                self.reindex(slot, Some(&before.row), Some(&record.row));
                self.facts.write(slot, Some(&before.row), &record.row, clerk);
                self.slots.set(slot, Some(record));
                Some(before)
            }
            None => {
                let slot = free();
                let place = self.find(|row| natural_order(row, &record.row).is_lt());
                Arc::make_mut(&mut self.order).insert(place, slot);
                self.reindex(slot, None, Some(&record.row));
                self.facts.write(slot, None, &record.row, clerk);
                self.slots.set(slot, Some(record));
                None
            }
        }
    }

    /// Takes a record out; gives it and its slot.
    pub(crate) fn take(&mut self, id: &RowId, clerk: &mut Clerk) -> Option<(Arc<Record>, u32)> {
        let (place, slot) = self.slot(id)?;
        let before = self.slots.get(slot).cloned()?;
        self.reindex(slot, Some(&before.row), None);
        Arc::make_mut(&mut self.order).remove(place);
        self.facts.clear(slot, clerk);
        self.slots.set(slot, None);
        Some((before, slot))
    }

    fn reindex(&mut self, slot: u32, before: Option<&Row>, after: Option<&Row>) {
        if before.map(|row| &row.owners) != after.map(|row| &row.owners) {
            let owners = |row: &Row| row.owners.iter().map(|owner| hash(&**owner)).collect();
            update(&mut self.owners, slot, (before.map_or(Vec::new(), owners), after.map_or(Vec::new(), owners)));
        }
        if before.map(|row| &row.labels) != after.map(|row| &row.labels) {
            let labels = |row: &Row| row.labels.iter().map(|(key, value)| hash((&**key, &**value))).collect();
            update(&mut self.labels, slot, (before.map_or(Vec::new(), labels), after.map_or(Vec::new(), labels)));
        }
    }
}

/// Replaces the hashes under which a slot is found.
fn update<H: IntoIterator<Item = u32> + PartialEq>(index: &mut Arc<HashIndex>, slot: u32, (before, after): (H, H)) {
    if before == after {
        return;
    }
    let index = Arc::make_mut(index);
    before.into_iter().for_each(|hash| index.remove(hash, slot));
    after.into_iter().for_each(|hash| index.insert(hash, slot));
}

fn hash(key: impl Hash) -> u32 {
    let mut hasher = FxHasher::default();
    key.hash(&mut hasher);
    let hash = hasher.finish();
    (hash ^ (hash >> 32)) as u32
}
