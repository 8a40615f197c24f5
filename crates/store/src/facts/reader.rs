//! Reads one field of many rows.

use pilothouse_model::Field;

use super::{Chunk, Code, Facts, Mask, SLOTS, lane_of};
use crate::words::Word;

/// Reads one field, chunk by chunk.
pub(crate) enum Reader {
    Lane(usize),
    /// The first image.
    Image,
    /// By pair, the word of the value where the pair has the label's key.
    Label(Vec<Option<Word>>),
}

impl Reader {
    pub(crate) fn new(facts: &Facts, field: &Field) -> Self {
        match (field, lane_of(field)) {
            (_, Some(lane)) => Self::Lane(lane),
            (Field::Label(key), None) => {
                let key = facts.words.place(key).1;
                let value = |(own, value)| (Some(own) == key).then_some(value);
                Self::Label(facts.pairs.iter().map(value).collect())
            }
            (_, None) => Self::Image,
        }
    }

    /// The values of these slots of a chunk; those of others mean nothing.
    pub(crate) fn read(&self, chunk: &Chunk, mask: Mask) -> [Code; SLOTS] {
        let mut codes = [Code::MISSING; SLOTS];
        match self {
            Self::Lane(lane) => codes = chunk.lane(*lane).map_or([Code::UNKNOWN; SLOTS], |lane| lane.read(mask)),
            Self::Image => mask.each(|index| {
                if let Some(image) = chunk.images.get(index).first() {
                    codes[index] = Code::word(*image);
                }
            }),
            Self::Label(values) => mask.each(|index| {
                let value = |pair: &u32| values.get(*pair as usize).copied().flatten();
                if let Some(value) = chunk.labels.get(index).iter().find_map(value) {
                    codes[index] = Code::word(value);
                }
            }),
        }
        codes
    }
}
