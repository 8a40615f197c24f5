//! A few numbers per slot, of all slots of one chunk one behind the other.

use std::sync::Arc;

use super::SLOTS;

/// Places for further numbers that are made at a time.
const SPARE: usize = 128;

/// Numbers per slot.
#[derive(Clone, Debug)]
pub(crate) struct Lists {
    /// Where those of each slot end.
    ends: [u32; SLOTS],
    items: Vec<u32>,
}

impl Default for Lists {
    fn default() -> Self {
        Self { ends: [0; SLOTS], items: Vec::new() }
    }
}

impl Lists {
    pub(crate) fn get(&self, index: usize) -> &[u32] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        &self.items[start..self.ends[index] as usize]
    }

    /// The same with other numbers for one slot.
    pub(super) fn with(lists: &Arc<Self>, index: usize, items: &[u32]) -> Arc<Self> {
        let mut lists = Arc::clone(lists);
        if lists.get(index) != items {
            Arc::make_mut(&mut lists).set(index, items);
        }
        lists
    }

    fn set(&mut self, index: usize, items: &[u32]) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]) as usize;
        let end = self.ends[index] as usize;
        if self.items.capacity() < self.items.len() + items.len() {
            self.items.reserve_exact(items.len().max(SPARE));
        }
        self.items.splice(start..end, items.iter().copied());
        let (new, old) = (items.len() as u32, (end - start) as u32);
        for end in &mut self.ends[index..] {
            *end = *end + new - old;
        }
    }
}
