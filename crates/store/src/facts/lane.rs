//! The values of one field for the slots of one chunk.

use std::sync::Arc;

use pilothouse_model::Cell;

use super::{Code, Mask, SLOTS};
use crate::words::{Bits, Word};

/// What the numbers of a lane are: decides how they compare with an operand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There are none.
    #[default]
    None,
    /// Numbers that compare as such.
    Plain,
    /// Moments, in seconds since 1970.
    Time,
    /// Fractions, booleans, or several kinds: only the cell itself knows.
    Odd,
}

impl Kind {
    pub(crate) fn of(cell: &Cell) -> Self {
        match cell {
            Cell::Missing | Cell::Unknown | Cell::Text(_) => Self::None,
            Cell::Integer(_) | Cell::Number(_) | Cell::Quantity(_) | Cell::Duration(_) => Self::Plain,
            Cell::Time(_) => Self::Time,
            Cell::Fraction(..) | Cell::Boolean(_) => Self::Odd,
        }
    }

    fn join(self, other: Self) -> Self {
        match (self, other) {
            (Self::None, kind) | (kind, Self::None) => kind,
            (one, other) if one == other => one,
            _ => Self::Odd,
        }
    }
}

/// The values of one field, in as little space as they need.
#[derive(Clone, Debug)]
pub(crate) struct Lane {
    pub(crate) kind: Kind,
    /// Whether any of the values may be a text.
    texts: bool,
    codes: Codes,
    /// The texts that stand for fractions and booleans, which compare by more than their number.
    shown: Codes,
}

/// Words no further apart than this are looked for together.
const NEAR: u32 = 4096;

/// What is written in a slot.
pub(super) struct Written {
    pub(super) code: Code,
    pub(super) kind: Kind,
    /// A text that stands for it, or [`Code::MISSING`].
    pub(super) shown: Code,
}

#[derive(Clone, Debug)]
enum Codes {
    Same(Code),
    Narrow(Arc<[u32; SLOTS]>),
    Wide(Arc<[u64; SLOTS]>),
}

impl Default for Lane {
    fn default() -> Self {
        Self { kind: Kind::None, texts: false, codes: Codes::Same(Code::UNKNOWN), shown: Codes::Same(Code::MISSING) }
    }
}

impl Codes {
    fn get(&self, index: usize) -> Code {
        match self {
            Self::Same(code) => *code,
            Self::Narrow(codes) => Code::widen(codes[index]),
            Self::Wide(codes) => Code(codes[index]),
        }
    }

    fn read(&self, mask: Mask) -> [Code; SLOTS] {
        let mut read = [Code::MISSING; SLOTS];
        match self {
            Self::Same(code) => read = [*code; SLOTS],
            Self::Narrow(codes) => mask.each(|at| read[at] = Code::widen(codes[at])),
            Self::Wide(codes) => mask.each(|at| read[at] = Code(codes[at])),
        }
        read
    }

    fn set(&mut self, index: usize, code: Code, alone: bool) {
        if alone {
            *self = Self::Same(code);
            return;
        }
        if self.get(index) == code {
            return;
        }
        match (&mut *self, code.narrow()) {
            (Self::Narrow(codes), Some(narrow)) => Arc::make_mut(codes)[index] = narrow,
            (Self::Wide(codes), _) => Arc::make_mut(codes)[index] = code.0,
            (Self::Same(same), Some(narrow)) if same.narrow().is_some() => {
                let mut codes = [same.narrow().unwrap_or(u32::MAX); SLOTS];
                codes[index] = narrow;
                *self = Self::Narrow(Arc::new(codes));
            }
            (Self::Same(_) | Self::Narrow(_), _) => {
                let mut codes = self.read(Mask::ALL).map(|code| code.0);
                codes[index] = code.0;
                *self = Self::Wide(Arc::new(codes));
            }
        }
    }
}

/// Whether a text of these may be among them. Neighbouring rows came together, and so did their texts: mostly the words of
/// a lane lie close to each other.
fn may_hold(codes: &[u32; SLOTS], words: &Bits) -> bool {
    let indexes = codes.iter().map(|code| Code::narrow_index(*code));
    let (least, most) = indexes.fold((u32::MAX, 0), |(least, most), index| (least.min(index), most.max(index)));
    most - least > NEAR || words.has_between(least, most)
}

impl Lane {
    /// The values of these slots; those of others mean nothing.
    pub(crate) fn read(&self, mask: Mask) -> [Code; SLOTS] {
        self.codes.read(mask)
    }

    /// Whether it is known to hold the same.
    pub(crate) fn reads_as(&self, other: &Self) -> bool {
        match (&self.codes, &other.codes) {
            (Codes::Same(own), Codes::Same(other)) => own == other,
            (Codes::Narrow(own), Codes::Narrow(other)) => own == other,
            _ => false,
        }
    }

    /// The word that stands for a value which compares by more than its number.
    pub(crate) fn shown(&self, index: usize) -> Option<Word> {
        self.shown.get(index).as_word()
    }

    /// The words that a slot uses.
    pub(super) fn words(&self, index: usize) -> impl Iterator<Item = Word> {
        self.codes.get(index).as_word().into_iter().chain(self.shown(index))
    }

    /// The slots of `mask` that have a text for which something holds.
    pub(crate) fn filter_words(&self, mask: Mask, mut holds: impl FnMut(Word) -> bool) -> Mask {
        match &self.codes {
            _ if !self.texts => Mask::default(),
            Codes::Same(code) if code.as_word().is_some_and(&mut holds) => mask,
            Codes::Same(_) => Mask::default(),
            Codes::Narrow(codes) => mask.filter(|index| Code::narrow_word(codes[index]).is_some_and(&mut holds)),
            Codes::Wide(codes) => mask.filter(|index| Code(codes[index]).as_word().is_some_and(&mut holds)),
        }
    }

    /// The slots of `mask` that have a text of these.
    pub(crate) fn filter_bits(&self, mask: Mask, words: &Bits) -> Mask {
        match &self.codes {
            Codes::Narrow(codes) if self.texts => {
                if !may_hold(codes, words) {
                    return Mask::default();
                }
                // All slots of a block at once, without a branch for each.
                let block = |at: usize| {
                    let slots = codes[at * 64..at * 64 + 64].iter().enumerate();
                    slots.fold(0, |hits, (bit, code)| hits | u64::from(words.has(Code::narrow_index(*code))) << bit)
                };
                Mask(std::array::from_fn(|at| if mask.0[at] == 0 { 0 } else { block(at) & mask.0[at] }))
            }
            _ => self.filter_words(mask, |word| words.has(word)),
        }
    }

    /// Writes one value; `alone` when no other slot of the chunk holds a row.
    pub(super) fn set(&mut self, index: usize, Written { code, kind, shown }: Written, alone: bool) {
        self.kind = if alone { kind } else { self.kind.join(kind) };
        self.texts = code.as_word().is_some() || (self.texts && !alone);
        self.codes.set(index, code, alone);
        self.shown.set(index, shown, alone);
    }
}
