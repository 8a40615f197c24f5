//! Vectors in shared chunks: a clone copies pointers, a write copies the one chunk that it touches.

use std::sync::Arc;

use crate::record::Record;

/// Records of a leaf of [`Slots`], and leaves of a branch: a write copies one of each, and each pointer copied is a count
/// somewhere in memory.
const WIDTH: usize = 16;
/// Items a chunk of [`Sorted`] has at most.
const MOST: usize = 512;
/// Places for further items that a chunk gets at a time. Doubling would leave a third of the memory unused.
const SPARE: usize = 64;

type Leaf = [Option<Arc<Record>>; WIDTH];
type Branch = [Arc<Leaf>; WIDTH];

/// Records by slot number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slots {
    branches: Vec<Arc<Branch>>,
}

impl Slots {
    pub(crate) fn get(&self, slot: u32) -> Option<&Arc<Record>> {
        let slot = slot as usize;
        self.branches.get(slot / WIDTH / WIDTH)?[slot / WIDTH % WIDTH][slot % WIDTH].as_ref()
    }

    /// Writes a slot.
    pub(crate) fn set(&mut self, slot: u32, record: Option<Arc<Record>>) {
        let slot = slot as usize;
        while self.branches.len() <= slot / WIDTH / WIDTH {
            self.branches.push(Arc::default());
        }
        if let Some(branch) = self.branches.get_mut(slot / WIDTH / WIDTH) {
            let leaf = &mut Arc::make_mut(branch)[slot / WIDTH % WIDTH];
            Arc::make_mut(leaf)[slot % WIDTH] = record;
        }
    }
}

/// A place in [`Sorted`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    chunk: usize,
    index: usize,
}

/// Items in an order that the caller knows.
#[derive(Clone, Debug)]
pub(crate) struct Sorted<T> {
    /// None is empty.
    chunks: Vec<Chunk<T>>,
    length: usize,
}

#[derive(Clone, Debug)]
struct Chunk<T> {
    items: Arc<Vec<T>>,
    /// The last of them once more: who looks for a chunk reads no other.
    last: T,
}

impl<T: Copy> Chunk<T> {
    /// `None` without items.
    fn new(items: Vec<T>) -> Option<Self> {
        let last = *items.last()?;
        Some(Self { items: Arc::new(items), last })
    }

    /// Lets a closure change the items; false when none is left.
    fn change(&mut self, change: impl FnOnce(&mut Vec<T>)) -> bool {
        let items = Arc::make_mut(&mut self.items);
        change(items);
        items.last().is_some_and(|last| {
            self.last = *last;
            true
        })
    }
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), length: 0 }
    }
}

impl<T: Copy> Sorted<T> {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// The first place whose item is not `before`.
    pub(crate) fn find(&self, before: impl Fn(&T) -> bool) -> Place {
        let chunk = self.chunks.partition_point(|chunk| before(&chunk.last));
        let index = self.chunks.get(chunk).map_or(0, |chunk| chunk.items.partition_point(&before));
        Place { chunk, index }
    }

    /// How many items come before a place.
    pub(crate) fn position(&self, place: Place) -> usize {
        self.chunks.iter().take(place.chunk).map(|chunk| chunk.items.len()).sum::<usize>() + place.index
    }

    /// The place that so many items come before.
    pub(crate) fn at(&self, mut position: usize) -> Place {
        for (chunk, Chunk { items, .. }) in self.chunks.iter().enumerate() {
            if position < items.len() {
                return Place { chunk, index: position };
            }
            position -= items.len();
        }
        Place { chunk: self.chunks.len(), index: 0 }
    }

    pub(crate) fn get(&self, place: Place) -> Option<&T> {
        self.chunks.get(place.chunk)?.items.get(place.index)
    }

    /// The items from `place` on.
    pub(crate) fn from(&self, place: Place) -> impl Iterator<Item = &T> {
        let (first, rest) = match self.chunks.get(place.chunk..) {
            Some([first, rest @ ..]) => (first.items.get(place.index..).unwrap_or_default(), rest),
            _ => (&[][..], &[][..]),
        };
        first.iter().chain(rest.iter().flat_map(|chunk| chunk.items.iter()))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.from(Place { chunk: 0, index: 0 })
    }

    /// Puts `item` before what stands at `place`.
    pub(crate) fn insert(&mut self, place: Place, item: T) {
        // Behind the last chunk means at the end of the last chunk.
        let past_the_end = place.chunk >= self.chunks.len();
        self.length += 1;
        if past_the_end && self.chunks.last().is_none_or(|last| last.items.len() >= MOST) {
            let mut items = Vec::with_capacity(SPARE);
            items.push(item);
            self.chunks.extend(Chunk::new(items));
            return;
        }
        let at = place.chunk.min(self.chunks.len().saturating_sub(1));
        let Some(chunk) = self.chunks.get_mut(at) else { return };
        let mut half = Vec::new();
        chunk.change(|items| {
            if items.len() == items.capacity() {
                items.reserve_exact(SPARE);
            }
            items.insert(if past_the_end { items.len() } else { place.index.min(items.len()) }, item);
            if items.len() > MOST {
                half = items.split_off(MOST / 2);
                items.shrink_to(MOST / 2 + SPARE);
            }
        });
        if let Some(half) = Chunk::new(half) {
            self.chunks.insert(at + 1, half);
        }
    }

    /// Takes out what stands at `place`.
    pub(crate) fn remove(&mut self, place: Place) {
        if self.get(place).is_none() {
            return;
        }
        let Some(chunk) = self.chunks.get_mut(place.chunk) else { return };
        self.length -= 1;
        if !chunk.change(|items| {
            items.remove(place.index);
        }) {
            self.chunks.remove(place.chunk);
            return;
        }
        self.merge(place.chunk);
        if let Some(earlier) = place.chunk.checked_sub(1) {
            self.merge(earlier);
        }
    }

    /// Joins a chunk with the next one when both together are small.
    fn merge(&mut self, at: usize) {
        let Some([one, next]) = self.chunks.get(at..at + 2) else { return };
        if one.items.len() + next.items.len() <= MOST / 2 {
            let next = self.chunks.remove(at + 1);
            if let Some(one) = self.chunks.get_mut(at) {
                one.change(|items| items.extend_from_slice(&next.items));
            }
        }
    }
}

/// An index without keys: pairs of a key's hash and a slot. A lookup gives candidates; the caller checks their rows.
#[derive(Clone, Debug, Default)]
pub(crate) struct HashIndex {
    pairs: Sorted<u64>,
}

impl HashIndex {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn insert(&mut self, hash: u32, slot: u32) {
        let pair = pair(hash, slot);
        let place = self.pairs.find(|other| *other < pair);
        if self.pairs.get(place) != Some(&pair) {
            self.pairs.insert(place, pair);
        }
    }

    pub(crate) fn remove(&mut self, hash: u32, slot: u32) {
        let pair = pair(hash, slot);
        let place = self.pairs.find(|other| *other < pair);
        if self.pairs.get(place) == Some(&pair) {
            self.pairs.remove(place);
        }
    }

    /// How many slots are under this hash.
    pub(crate) fn count(&self, hash: u32) -> usize {
        let place = |before: &dyn Fn(u32) -> bool| self.pairs.find(|other| before((*other >> 32) as u32));
        self.pairs.position(place(&|other| other <= hash)) - self.pairs.position(place(&|other| other < hash))
    }

    /// The slots under this hash, ascending.
    pub(crate) fn slots(&self, hash: u32) -> impl Iterator<Item = u32> {
        let first = pair(hash, 0);
        self.pairs
            .from(self.pairs.find(|other| *other < first))
            .take_while(move |other| **other >> 32 == u64::from(hash))
            .map(|other| (*other & u64::from(u32::MAX)) as u32)
    }
}

fn pair(hash: u32, slot: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(slot)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_index_is_a_set_of_pairs(ops in prop::collection::vec((any::<bool>(), 0..4_u32, 0..2000_u32), 0..3000)) {
            let (mut index, mut oracle) = (HashIndex::default(), BTreeSet::new());
            let mut kept = None;
            let half = ops.len() / 2;
            for (number, (add, hash, slot)) in ops.into_iter().enumerate() {
                if number == half {
                    kept = Some((index.clone(), oracle.clone()));
                }
                if add {
                    index.insert(hash, slot);
                    oracle.insert((hash, slot));
                } else {
                    index.remove(hash, slot);
                    oracle.remove(&(hash, slot));
                }
            }
            // A clone taken on the way is untouched by later writes.
            for (index, oracle) in kept.into_iter().chain([(index, oracle)]) {
                prop_assert_eq!(index.pairs.len(), oracle.len());
                let holds = |chunk: &Chunk<u64>| chunk.items.last() == Some(&chunk.last) && chunk.items.len() <= MOST;
                prop_assert!(index.pairs.chunks.iter().all(holds));
                for hash in 0..5 {
                    let expected: Vec<_> = oracle.iter().filter(|pair| pair.0 == hash).map(|pair| pair.1).collect();
                    prop_assert_eq!(index.count(hash), expected.len());
                    prop_assert_eq!(index.slots(hash).collect::<Vec<_>>(), expected);
                }
            }
        }
    }

    #[test]
    fn chunks_split_and_merge() {
        let mut index = HashIndex::default();
        for slot in 0..5000 {
            index.insert(7, slot);
        }
        assert!(index.pairs.chunks.len() >= 5000 / MOST);
        for slot in (0..5000).filter(|slot| slot % 100 != 0) {
            index.remove(7, slot);
        }
        assert!(index.pairs.chunks.len() < 4, "{}", index.pairs.chunks.len());
        assert_eq!(index.slots(7).collect::<Vec<_>>(), (0..50).map(|n| n * 100).collect::<Vec<_>>());
    }
}
