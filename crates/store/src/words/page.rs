//! Texts of a table one behind the other, in lower case and with what restores them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::Range;

/// Texts of a [`Page`].
pub(super) const TEXTS: usize = 256;
/// Stands behind each text, so that what is found within a page rarely reaches over the end of a text.
const END: char = '\n';

/// Neighbouring texts, one behind the other: searched in one go.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// With ASCII letters in lower case.
    lower: String,
    /// Which bytes are letters in upper case: a bit each, up to the last of them. Most texts have none or one.
    upper: Vec<u64>,
    /// How many texts there are.
    pub(super) count: usize,
    /// Where each text ends, behind its [`END`].
    ends: [u32; TEXTS],
    /// By text, the lanes that have it, or once had.
    pub(super) lanes: [LaneSet; TEXTS],
    /// Whether there is, or once was, anything but ASCII.
    beyond_ascii: bool,
}

/// Some lanes of a row. Far ones may be told as others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneSet(u16);

impl LaneSet {
    pub(crate) fn one(lane: usize) -> Self {
        Self(1 << (lane % 16))
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn may_have(self, lane: usize) -> bool {
        self.or(Self::one(lane)) == self
    }
}

impl Default for Page {
    fn default() -> Self {
        let (lower, upper) = (String::new(), Vec::new());
        Self { lower, upper, count: 0, ends: [0; TEXTS], lanes: [LaneSet::default(); TEXTS], beyond_ascii: false }
    }
}

impl Page {
    fn range(&self, index: usize) -> Range<usize> {
        let Some(end) = self.ends().get(index) else { return 0..0 };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        start..(*end as usize).saturating_sub(END.len_utf8()).max(start)
    }

    /// Where the letters in upper case are, from the start of a range.
    fn uppers(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let blocks = range.start / 64..self.upper.len().min(range.end.div_ceil(64));
        blocks.flat_map(move |block| {
            let mut bits = self.upper[block];
            if block == range.start / 64 {
                bits &= u64::MAX << (range.start % 64);
            }
            if block == range.end / 64 {
                bits &= !(u64::MAX << (range.end % 64));
            }
            let start = range.start;
            std::iter::from_fn(move || {
                let at = (bits != 0).then(|| block * 64 + bits.trailing_zeros() as usize - start);
                bits &= bits.wrapping_sub(1);
                at
            })
        })
    }

    /// How a text as it is orders against another one.
    pub(super) fn order(&self, index: usize, text: &[u8]) -> Ordering {
        let range = self.range(index);
        let own = self.lower.as_bytes().get(range.clone()).unwrap_or_default();
        let mut from = 0;
        for at in self.uppers(range) {
            let before = own[from..at].cmp(&text[from..at.min(text.len())]);
            let order = before.then_with(|| Some(own[at].to_ascii_uppercase()).cmp(&text.get(at).copied()));
            if order.is_ne() {
                return order;
            }
            from = at + 1;
        }
        own[from..].cmp(&text[from..])
    }

    /// A part of the page as it is.
    fn part(&self, range: Range<usize>) -> Cow<'_, str> {
        let lower = self.lower.get(range.clone()).unwrap_or_default();
        let mut uppers = self.uppers(range).peekable();
        if uppers.peek().is_none() {
            return Cow::Borrowed(lower);
        }
        let mut exact = lower.to_owned();
        for at in uppers {
            if let Some(letter) = exact.get_mut(at..=at) {
                letter.make_ascii_uppercase();
            }
        }
        Cow::Owned(exact)
    }

    pub(super) fn text(&self, index: usize) -> Cow<'_, str> {
        self.part(self.range(index))
    }

    /// All texts as they are.
    pub(crate) fn exact(&self) -> Cow<'_, str> {
        self.part(0..self.lower.len())
    }

    /// All texts with ASCII letters in lower case.
    pub(crate) fn lower(&self) -> &str {
        &self.lower
    }

    /// Whether all texts are ASCII, as far as is known.
    pub(crate) fn is_ascii(&self) -> bool {
        !self.beyond_ascii
    }

    /// Where each text ends; the next one starts there.
    pub(crate) fn ends(&self) -> &[u32] {
        &self.ends[..self.count.min(TEXTS)]
    }

    /// Writes one text over another, or behind the last.
    pub(super) fn set(&mut self, index: usize, text: &str) {
        if index >= self.count {
            self.push(text);
        } else {
            let range = self.range(index);
            let behind = self.part(range.end..self.lower.len()).into_owned();
            let grown = i64::try_from(text.len()).unwrap_or(0) - i64::try_from(range.len()).unwrap_or(0);
            self.cut(range.start);
            self.write(text);
            self.write(&behind);
            for end in &mut self.ends[index..self.count] {
                *end = u32::try_from(i64::from(*end) + grown).unwrap_or(u32::MAX);
            }
            self.lanes[index] = LaneSet::default();
        }
        if self.count == TEXTS {
            self.lower.shrink_to_fit();
            self.upper.shrink_to_fit();
        }
    }

    fn push(&mut self, text: &str) {
        self.write(text);
        self.lower.push(END);
        if let Some(end) = self.ends.get_mut(self.count) {
            *end = u32::try_from(self.lower.len()).unwrap_or(u32::MAX);
            self.count += 1;
        }
    }

    /// Writes at the end.
    fn write(&mut self, text: &str) {
        let start = self.lower.len();
        self.lower.push_str(text);
        self.beyond_ascii |= !text.is_ascii();
        let uppers = text.bytes().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        for at in uppers.map(|(at, _)| start + at) {
            if at / 64 >= self.upper.len() {
                self.upper.resize(at / 64 + 1, 0);
            }
            self.upper[at / 64] |= 1 << (at % 64);
        }
        if let Some(written) = self.lower.get_mut(start..) {
            written.make_ascii_lowercase();
        }
    }

    /// Takes away everything from here on.
    fn cut(&mut self, start: usize) {
        self.lower.truncate(start);
        self.upper.truncate(start.div_ceil(64));
        if let Some(last) = self.upper.get_mut(start / 64) {
            *last &= (1 << (start % 64)) - 1;
        }
    }
}
