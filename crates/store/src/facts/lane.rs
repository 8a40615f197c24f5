//! The values of one field for the slots of one chunk.

use std::sync::Arc;

use pilothouse_model::Cell;

use super::{Code, Mask, SLOTS};
use crate::words::Word;

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
}

#[derive(Clone, Debug)]
enum Codes {
    Same(Code),
    Narrow(Arc<[u32; SLOTS]>),
    Wide(Arc<[u64; SLOTS]>),
}

impl Default for Lane {
    fn default() -> Self {
        Self { kind: Kind::None, texts: false, codes: Codes::Same(Code::UNKNOWN) }
    }
}

impl Lane {
    pub(crate) fn get(&self, index: usize) -> Code {
        match &self.codes {
            Codes::Same(code) => *code,
            Codes::Narrow(codes) => Code::widen(codes[index]),
            Codes::Wide(codes) => Code(codes[index]),
        }
    }

    /// Every value.
    pub(crate) fn read(&self) -> [Code; SLOTS] {
        match &self.codes {
            Codes::Same(code) => [*code; SLOTS],
            Codes::Narrow(codes) => std::array::from_fn(|at| Code::widen(codes[at])),
            Codes::Wide(codes) => std::array::from_fn(|at| Code(codes[at])),
        }
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

    /// Writes one value; `alone` when no other slot of the chunk holds a row.
    pub(crate) fn set(&mut self, index: usize, code: Code, kind: Kind, alone: bool) {
        self.kind = if alone { kind } else { self.kind.join(kind) };
        self.texts = code.as_word().is_some() || (self.texts && !alone);
        if alone {
            self.codes = Codes::Same(code);
            return;
        }
        if self.get(index) == code {
            return;
        }
        match (&mut self.codes, code.narrow()) {
            (Codes::Narrow(codes), Some(narrow)) => Arc::make_mut(codes)[index] = narrow,
            (Codes::Wide(codes), _) => Arc::make_mut(codes)[index] = code.0,
            (Codes::Same(same), Some(narrow)) if same.narrow().is_some() => {
                let mut codes = [same.narrow().unwrap_or(u32::MAX); SLOTS];
                codes[index] = narrow;
                self.codes = Codes::Narrow(Arc::new(codes));
            }
            (Codes::Same(_) | Codes::Narrow(_), _) => {
                let mut codes = self.read().map(|code| code.0);
                codes[index] = code.0;
                self.codes = Codes::Wide(Arc::new(codes));
            }
        }
    }
}
