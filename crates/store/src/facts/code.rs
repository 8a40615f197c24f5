//! A value as one number that orders as values do.

/// A value of a row in 64 bits. Numbers order as numbers; behind them come texts (by [`Word`](crate::words::Word), or by
/// rank once a question has asked for it), what is unknown, and what is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Code(pub(crate) u64);

/// Behind every number: no number that is one orders after it, and those that are none are all the same.
const TEXTS: u64 = 0xfff9_0000_0000_0000;
/// Behind every text.
const LACKING: u64 = 0xffff_0000_0000_0000;
const SIGN: u64 = 1 << 63;

/// In [`Code::narrow`], texts have this bit.
const NARROW_TEXT: u32 = 1 << 31;

impl Code {
    pub(crate) const UNKNOWN: Self = Self(u64::MAX - 1);
    pub(crate) const MISSING: Self = Self(u64::MAX);

    pub(crate) fn number(number: f64) -> Self {
        let bits = if number.is_nan() { f64::NAN } else { number }.to_bits();
        Self(if bits & SIGN == 0 { bits | SIGN } else { !bits })
    }

    /// A text by its word or rank.
    pub(crate) fn word(word: u32) -> Self {
        Self(TEXTS + u64::from(word))
    }

    /// A text by a rank that may be beyond 32 bits.
    pub(crate) fn ranked(rank: u64) -> Self {
        Self(TEXTS + rank)
    }

    pub(crate) fn as_word(self) -> Option<u32> {
        (TEXTS..LACKING).contains(&self.0).then(|| (self.0 - TEXTS) as u32)
    }

    pub(crate) fn as_number(self) -> Option<f64> {
        (self.0 < TEXTS).then(|| f64::from_bits(if self.0 & SIGN == 0 { !self.0 } else { self.0 & !SIGN }))
    }

    /// Whether there is a value.
    pub(crate) fn is_some(self) -> bool {
        self.0 < LACKING
    }

    /// As [`SortKey::order`](pilothouse_model::filter::SortKey::order) orders: what lacks a value is last either way.
    pub(crate) fn directed(self, descending: bool) -> u64 {
        if descending && self.is_some() { LACKING - 1 - self.0 } else { self.0 }
    }

    /// The same in half the bits, for texts, what lacks a value, and whole numbers that are not too great.
    pub(crate) fn narrow(self) -> Option<u32> {
        match (self, self.as_word(), self.as_number()) {
            (Self::MISSING, ..) => Some(u32::MAX),
            (Self::UNKNOWN, ..) => Some(u32::MAX - 1),
            (_, Some(word), _) if word < NARROW_TEXT - 2 => Some(NARROW_TEXT | word),
            (_, _, Some(number)) => {
                let whole = number as u32;
                (whole < NARROW_TEXT && Self::number(f64::from(whole)) == self).then_some(whole)
            }
            _ => None,
        }
    }

    /// The word that a narrow code stands for.
    pub(crate) fn narrow_word(narrow: u32) -> Option<u32> {
        (narrow & NARROW_TEXT != 0 && narrow < u32::MAX - 1).then_some(narrow & !NARROW_TEXT)
    }

    /// The word of a narrow code, or a number that is no word's: of them there are fewer.
    pub(crate) fn narrow_index(narrow: u32) -> u32 {
        narrow ^ NARROW_TEXT
    }

    pub(crate) fn widen(narrow: u32) -> Self {
        match narrow {
            u32::MAX => Self::MISSING,
            0xffff_fffe => Self::UNKNOWN,
            text if text & NARROW_TEXT != 0 => Self::word(text & !NARROW_TEXT),
            whole => Self::number(f64::from(whole)),
        }
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::filter::SortKey;
    use proptest::prelude::*;

    use super::*;

    fn code() -> impl Strategy<Value = Code> {
        prop_oneof![
            any::<f64>().prop_map(Code::number),
            (-3..3_i32).prop_map(|number| Code::number(f64::from(number) / 2.0)),
            Just(Code::number(f64::NAN)),
            Just(Code::number(f64::INFINITY)),
            Just(Code::number(-0.0)),
            Just(Code::number(2_147_483_647.0)),
            Just(Code::number(2_147_483_648.0)),
            any::<u32>().prop_map(Code::word),
            (0..9_u32).prop_map(Code::word),
            Just(Code::UNKNOWN),
            Just(Code::MISSING),
        ]
    }

    /// Words in the order of texts.
    fn key(code: Code, text: &mut String) -> SortKey<'_> {
        match (code.as_number(), code.as_word()) {
            (Some(number), _) => SortKey::Number(number),
            (None, Some(word)) => {
                *text = format!("{word:010}");
                SortKey::Text(text)
            }
            (None, None) if code == Code::UNKNOWN => SortKey::Unknown,
            (None, None) => SortKey::Missing,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]
        #[test]
        fn codes_order_as_sort_keys(left in code(), right in code(), descending: bool) {
            let (mut one, mut other) = (String::new(), String::new());
            let expected = key(left, &mut one).order(&key(right, &mut other), descending);
            prop_assert_eq!(left.directed(descending).cmp(&right.directed(descending)), expected);
            prop_assert_eq!(left.narrow().map_or(left, Code::widen), left);
            prop_assert_eq!(left.is_some(), left.as_number().is_some() || left.as_word().is_some());
            if let Some(narrow) = left.narrow() {
                let index = Code::narrow_index(narrow);
                prop_assert_eq!((index < NARROW_TEXT - 2).then_some(index), left.as_word());
            }
        }
    }
}
