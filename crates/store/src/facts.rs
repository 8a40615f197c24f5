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

use pilothouse_model::filter::SortKey;
use pilothouse_model::{Cell, Field, Row, Str};

pub(crate) use code::Code;
pub(crate) use lane::{Kind, Lane};
pub(crate) use lists::Lists;
pub(crate) use reader::Reader;

use crate::words::{Clerk, Pairs, Word, Words};

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
    pub(crate) const ALL: Self = Self([u64::MAX; SLOTS / 64]);

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

/// Where a text is an image, it is told as of this lane: that of kinds, which no free text reads.
pub(crate) const IMAGES: usize = 2;

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

    /// Writes the lanes in which a row differs from the one before it in the same slot. Gives the words that are used no
    /// more.
    fn write_lanes(
        &mut self,
        index: usize,
        (before, row): (Option<&Row>, &Row),
        words: &mut Words,
        clerk: &mut Clerk,
    ) -> Vec<Word> {
        let mut used = Vec::new();
        let alone = self.live.without(Mask::default().with(index)).is_empty();
        for lane in 0..FIXED + row.cells.len().max(self.lanes.len().saturating_sub(FIXED)) {
            let value = Value::of(row, lane);
            if !alone && before.is_some_and(|before| Value::of(before, lane) == value) {
                continue;
            }
            if lane >= self.lanes.len() {
                self.lanes.push(Lane::default());
            }
            let (number, lane) = (lane, &mut self.lanes[lane]);
            if before.is_some() {
                used.extend(lane.words(index));
            }
            let written = lane::Written {
                code: match value.key {
                    SortKey::Number(number) => Code::number(number),
                    SortKey::Text(text) => {
                        let word = clerk.word(words, text);
                        words.add_lane(word, number);
                        Code::word(word)
                    }
                    SortKey::Unknown => Code::UNKNOWN,
                    SortKey::Missing => Code::MISSING,
                },
                kind: match value.cell {
                    Some(cell) => Kind::of(cell),
                    None if value.time && matches!(value.key, SortKey::Number(_)) => Kind::Time,
                    None => Kind::None,
                },
                shown: value.cell.and_then(shown).map_or(Code::MISSING, |text| Code::word(clerk.word(words, &text))),
            };
            lane.set(index, written, alone);
        }
        used
    }
}

impl Facts {
    pub(crate) fn chunks(&self) -> &[Arc<Chunk>] {
        &self.chunks
    }

    /// Writes the facts of a slot, in which `before` stood: what stays the same is not touched.
    pub(crate) fn write(&mut self, slot: u32, before: Option<&Row>, row: &Row, clerk: &mut Clerk) {
        let (at, index) = (slot as usize / SLOTS, slot as usize % SLOTS);
        while self.chunks.len() <= at {
            self.chunks.push(Arc::default());
        }
        let Self { words, pairs, chunks } = self;
        let chunk = Arc::make_mut(&mut chunks[at]);
        // What was is released last: texts that stay keep their numbers.
        let mut used = Used { words: chunk.write_lanes(index, (before, row), words, clerk), pairs: Vec::new() };
        if before.map(|before| &before.labels) != Some(&row.labels) {
            let pair = |(key, value): (&Str, &Str)| clerk.pair((&mut *words, &mut *pairs), key, value);
            let labels: Vec<u32> = row.labels.iter().map(pair).collect();
            used.pairs.extend(chunk.labels.get(index));
            chunk.labels = Lists::with(&chunk.labels, index, &labels);
        }
        if before.map(|before| &before.images) != Some(&row.images) {
            let images: Vec<u32> = row.images.iter().map(|image| clerk.word(words, image)).collect();
            images.iter().for_each(|word| words.add_lane(*word, IMAGES));
            used.words.extend(chunk.images.get(index));
            chunk.images = Lists::with(&chunk.images, index, &images);
        }
        chunk.live.set(index, true);
        used.release(clerk, words, pairs);
    }

    /// Takes the facts of a slot back.
    pub(crate) fn clear(&mut self, slot: u32, clerk: &mut Clerk) {
        let (at, index) = (slot as usize / SLOTS, slot as usize % SLOTS);
        let Self { words, pairs, chunks } = self;
        let Some(shared) = chunks.get_mut(at) else { return };
        let mut used = Used::default();
        for lane in &shared.lanes {
            used.words.extend(lane.words(index));
        }
        used.words.extend(shared.images.get(index));
        used.pairs.extend(shared.labels.get(index));
        let chunk = Arc::make_mut(shared);
        chunk.labels = Lists::with(&chunk.labels, index, &[]);
        chunk.images = Lists::with(&chunk.images, index, &[]);
        chunk.live.set(index, false);
        if chunk.live.is_empty() {
            *chunk = Chunk::default();
        }
        used.release(clerk, words, pairs);
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

/// What a row has in a lane.
#[derive(PartialEq)]
struct Value<'a> {
    key: SortKey<'a>,
    /// Of columns.
    cell: Option<&'a Cell>,
    /// Whether it is a moment that is no cell.
    time: bool,
}

impl<'a> Value<'a> {
    fn of(row: &'a Row, lane: usize) -> Self {
        let field = match lane {
            0 => Field::Namespace,
            1 => Field::Name,
            2 => Field::Kind,
            3 => Field::State,
            4 => Field::Level,
            5 => Field::Reason,
            6 => Field::Message,
            7 => Field::Created,
            8 => Field::Deleted,
            column => Field::Column(column - FIXED),
        };
        let cell = lane.checked_sub(FIXED).and_then(|column| row.cells.get(column));
        Self { key: field.sort_key(row), cell, time: matches!(field, Field::Created | Field::Deleted) }
    }
}

/// The text that stands for a cell whose number does not tell all that it is compared by.
fn shown(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Fraction(fraction) => Some(fraction.to_string()),
        Cell::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The cell that [`shown`] gave the text of.
pub(crate) fn cell_shown(text: &str) -> Option<Cell> {
    match text.split_once('/') {
        Some((ready, total)) => Some(Cell::fraction(ready.parse().ok()?, total.parse().ok()?)),
        None => text.parse().ok().map(Cell::Boolean),
    }
}
