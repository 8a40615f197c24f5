//! What questions read of the rows, by slot: the values of each field as numbers, one behind the other.
//!
//! A row says where its texts lie, a text lies anywhere: reading them for 100,000 rows waits for memory at every step.
//! Facts are the same once more, made for reading straight through: per field and 256 slots one block of numbers, in
//! which a text is its [`Word`].

pub(crate) mod code;
mod lane;
mod lists;
mod reader;

use std::sync::Arc;

use pilothouse_model::{Cell, Field, Row, Timestamp};

pub(crate) use code::Code;
pub(crate) use lane::{Kind, Lane};
pub(crate) use lists::Lists;
pub(crate) use reader::Reader;

use crate::words::{Clerk, Pairs, Words};

/// Slots of a [`Chunk`].
pub(crate) const SLOTS: usize = 256;
/// The fields that every row has; columns follow.
const FIXED: usize = 9;

/// The facts of a table. Clones share all chunks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) words: Words,
    pub(crate) pairs: Pairs,
    chunks: Vec<Arc<Chunk>>,
}

/// The facts of neighbouring slots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Chunk {
    /// Which slots hold a row.
    pub(crate) live: Mask,
    /// By field; a lane that is not there holds nothing but [`Code::UNKNOWN`].
    lanes: Vec<Lane>,
    /// Per row, its labels as pairs.
    pub(crate) labels: Arc<Lists>,
    /// Per row, its images as words.
    pub(crate) images: Arc<Lists>,
}

/// A set of the slots of one chunk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask(pub(crate) [u64; SLOTS / 64]);

impl Mask {
    pub(crate) fn is_empty(self) -> bool {
        self.0 == [0; SLOTS / 64]
    }

    pub(crate) fn count(self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub(crate) fn has(self, index: usize) -> bool {
        self.0[index / 64] & 1 << (index % 64) != 0
    }

    pub(crate) fn set(&mut self, index: usize, value: bool) {
        let bit = 1 << (index % 64);
        if value {
            self.0[index / 64] |= bit;
        } else {
            self.0[index / 64] &= !bit;
        }
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] | other.0[at]))
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|at| self.0[at] & !other.0[at]))
    }

    /// The slots of it for which something holds.
    pub(crate) fn filter(self, mut holds: impl FnMut(usize) -> bool) -> Self {
        let mut kept = Self::default();
        for (at, (word, kept)) in self.0.iter().zip(&mut kept.0).enumerate() {
            let mut rest = *word;
            while rest != 0 {
                let bit = rest.trailing_zeros() as usize;
                rest &= rest - 1;
                *kept |= u64::from(holds(at * 64 + bit)) << bit;
            }
        }
        kept
    }

    pub(crate) fn each(self, mut visit: impl FnMut(usize)) {
        self.filter(|index| {
            visit(index);
            false
        });
    }
}

/// The lane of a field that has one.
pub(crate) fn lane_of(field: &Field) -> Option<usize> {
    Some(match field {
        Field::Namespace => 0,
        Field::Name => 1,
        Field::Kind => 2,
        Field::State => 3,
        Field::Level => 4,
        Field::Reason => 5,
        Field::Message => 6,
        Field::Created => 7,
        Field::Deleted => 8,
        Field::Column(index) => FIXED.checked_add(*index)?,
        Field::Image | Field::Label(_) => return None,
    })
}

/// The lanes that free text reads: texts of a row, and of its status, and its cells, but no kind or level.
pub(crate) fn is_read_by_free_text(lane: usize) -> bool {
    matches!(lane, 0 | 1 | 3 | 5 | 6) || lane >= FIXED
}

impl Chunk {
    pub(crate) fn lane(&self, lane: usize) -> Option<&Lane> {
        self.lanes.get(lane)
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = (usize, &Lane)> {
        self.lanes.iter().enumerate()
    }
}

impl Facts {
    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// Writes the facts of a slot. A slot in use is taken back first.
    pub(crate) fn write(&mut self, slot: u32, row: &Row, clerk: &mut Clerk) {
        let (at, index) = (slot as usize / SLOTS, slot as usize % SLOTS);
        while self.chunks.len() <= at {
            self.chunks.push(Arc::default());
        }
        let Self { words, pairs, chunks } = self;
        // First what is new, then what was: texts that stay keep their numbers.
        let labels: Vec<u32> =
            row.labels.iter().map(|(key, value)| clerk.pair((&mut *words, &mut *pairs), key, value)).collect();
        let images: Vec<u32> = row.images.iter().map(|image| clerk.word(words, image)).collect();
        let codes = codes(row, |text| Code::word(clerk.word(words, text)));
        let before = Self::used(&chunks[at], index);
        let chunk = Arc::make_mut(&mut chunks[at]);
        let alone = chunk.live.without(Mask::default().with(index)).is_empty();
        for (lane, (code, kind)) in codes.iter().enumerate() {
            if lane >= chunk.lanes.len() {
                chunk.lanes.push(Lane::default());
            }
            chunk.lanes[lane].set(index, *code, *kind, alone);
        }
        for lane in chunk.lanes.iter_mut().skip(codes.len()) {
            lane.set(index, Code::UNKNOWN, Kind::None, alone);
        }
        for (lists, items) in [(&mut chunk.labels, &labels), (&mut chunk.images, &images)] {
            if lists.get(index) != &items[..] {
                Arc::make_mut(lists).set(index, items);
            }
        }
        chunk.live.set(index, true);
        before.release(clerk, words, pairs);
    }

    /// Takes the facts of a slot back.
    pub(crate) fn clear(&mut self, slot: u32, clerk: &mut Clerk) {
        let (at, index) = (slot as usize / SLOTS, slot as usize % SLOTS);
        let Self { words, pairs, chunks } = self;
        let Some(shared) = chunks.get_mut(at) else { return };
        let before = Self::used(shared, index);
        let chunk = Arc::make_mut(shared);
        for lists in [&mut chunk.labels, &mut chunk.images] {
            if !lists.get(index).is_empty() {
                Arc::make_mut(lists).set(index, &[]);
            }
        }
        chunk.live.set(index, false);
        if chunk.live.is_empty() {
            *chunk = Chunk::default();
        }
        before.release(clerk, words, pairs);
    }

    fn used(chunk: &Chunk, index: usize) -> Used {
        if !chunk.live.has(index) {
            return Used::default();
        }
        let words = chunk.lanes.iter().filter_map(|lane| lane.get(index).as_word());
        Used {
            words: words.chain(chunk.images.get(index).iter().copied()).collect(),
            pairs: chunk.labels.get(index).to_vec(),
        }
    }
}

impl Mask {
    fn with(mut self, index: usize) -> Self {
        self.set(index, true);
        self
    }
}

/// What a slot uses.
#[derive(Default)]
struct Used {
    words: Vec<u32>,
    pairs: Vec<u32>,
}

impl Used {
    fn release(self, clerk: &mut Clerk, words: &mut Words, pairs: &mut Pairs) {
        self.words.into_iter().for_each(|word| clerk.release_word(words, word));
        self.pairs.into_iter().for_each(|pair| clerk.release_pair((&mut *words, &mut *pairs), pair));
    }
}

/// The values of the lanes of a row: as [`Field::sort_key`] gives them.
fn codes(row: &Row, mut word: impl FnMut(&str) -> Code) -> Vec<(Code, Kind)> {
    let time = |time: Option<Timestamp>| match time {
        Some(time) => (Code::number(time.as_duration().as_secs_f64()), Kind::Time),
        None => (Code::MISSING, Kind::None),
    };
    let mut codes = Vec::with_capacity(FIXED + row.cells.len());
    let status = &row.status;
    codes.push(row.namespace.as_deref().map_or(Code::MISSING, &mut word));
    codes.push(word(&row.name));
    codes.push(word(&row.resource.kind));
    let mut filled = |text: &str| if text.is_empty() { Code::MISSING } else { word(text) };
    let texts = [filled(&status.word), filled(status.level.as_str()), filled(&status.reason), filled(&status.message)];
    codes.extend(texts);
    let mut codes: Vec<(Code, Kind)> = codes.into_iter().map(|code| (code, Kind::None)).collect();
    codes.push(time(row.created));
    codes.push(time(row.deleted));
    codes.extend(row.cells.iter().map(|cell| match cell {
        Cell::Missing => (Code::MISSING, Kind::None),
        Cell::Unknown => (Code::UNKNOWN, Kind::None),
        Cell::Text(text) => (word(text), Kind::None),
        cell => (cell.number().map_or(Code::UNKNOWN, Code::number), Kind::of(cell)),
    }));
    codes
}
