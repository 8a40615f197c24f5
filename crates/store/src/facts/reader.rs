//! Reads one field of many rows.

use pilothouse_model::Field;

use super::{Chunk, Code, Facts, SLOTS, lane_of};
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

    /// The values of the slots of a chunk; those of slots without a row mean nothing.
    pub(crate) fn read(&self, chunk: &Chunk) -> [Code; SLOTS] {
        let or_missing = |word: Option<Word>| word.map_or(Code::MISSING, Code::word);
        match self {
            Self::Lane(lane) => chunk.lane(*lane).map_or([Code::UNKNOWN; SLOTS], |lane| lane.read()),
            Self::Image => std::array::from_fn(|index| or_missing(chunk.images.get(index).first().copied())),
            Self::Label(values) => std::array::from_fn(|index| {
                let value = |pair: &u32| values.get(*pair as usize).copied().flatten();
                or_missing(chunk.labels.get(index).iter().find_map(value))
            }),
        }
    }
}
