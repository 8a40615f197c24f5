//! Puts rows in the order of a plan: by numbers that order as their values do.

use std::borrow::Cow;
use std::cmp::Ordering;

use pilothouse_model::Sort;

use super::cover::Cover;
use crate::facts::{Code, Reader, SLOTS};
use crate::page_key::Value;
use crate::state::State;
use crate::words::{Word, Words};

/// Up to so many different texts are put in order by themselves; more are looked up in the order of all.
const FEW: usize = 2048;

/// By slot, the values of one sort key of the rows of a cover.
struct Keys {
    values: Vec<u64>,
    /// Where a value that some row had stands among them.
    after: u64,
}

/// A row to be put in order.
#[derive(Clone, Copy)]
struct Entry {
    /// The values of the first two sort keys.
    keys: [u64; 2],
    /// The place in natural order.
    rank: u32,
    slot: u32,
}

/// Rows in an order, none of which is looked at more than needed.
pub(crate) struct Ordered {
    entries: Vec<Entry>,
    /// The values of the sort keys behind the first two.
    rest: Vec<Keys>,
}

impl Ordered {
    /// The rows of a cover; with `after` (the values of a row, and how many rows come before it in natural order and
    /// whether one of them is itself) only those behind it.
    pub(crate) fn new(state: &State, cover: &Cover, order: &[Sort], after: Option<(&[Value], (usize, bool))>) -> Self {
        let value = |at: usize| after.and_then(|(values, _)| values.get(at));
        let keys = order.iter().enumerate().map(|(at, sort)| Keys::new(state, cover, sort, value(at)));
        let mut keys: Vec<Keys> = keys.collect();
        let rest = keys.split_off(keys.len().min(2));
        let of = |at: usize, slot: u32| {
            keys.get(at).and_then(|keys| keys.values.get(slot as usize)).copied().unwrap_or_default()
        };
        let mut entries = Vec::with_capacity(cover.count);
        for (rank, slot) in state.slots_in_order().enumerate() {
            if cover.has(slot) {
                entries.push(Entry { keys: [of(0, slot), of(1, slot)], rank: rank as u32, slot });
            }
        }
        let mut ordered = Self { entries, rest };
        if let Some((_, (before, itself))) = after {
            let first = [0, 1].map(|at| keys.get(at).map_or(0, |keys| keys.after));
            let Self { entries, rest } = &mut ordered;
            entries.retain(|entry| {
                let behind = rest.iter().map(|keys| keys.value(entry.slot).cmp(&keys.after));
                let ordering = behind.fold(entry.keys.cmp(&first), Ordering::then);
                ordering.is_gt() || (ordering.is_eq() && entry.rank as usize >= before + usize::from(itself))
            });
        }
        ordered
    }

    /// The slots from `start` on, at most `limit`, in order.
    pub(crate) fn page(mut self, start: usize, limit: usize) -> Vec<u32> {
        let Self { entries, rest } = &mut self;
        let order = |left: &Entry, right: &Entry| {
            let ordering = left.keys.cmp(&right.keys);
            let rest = || rest.iter().map(|keys| keys.value(left.slot).cmp(&keys.value(right.slot)));
            ordering
                .then_with(|| rest().find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal))
                .then_with(|| left.rank.cmp(&right.rank))
        };
        if start >= entries.len() || limit == 0 {
            return Vec::new();
        }
        if start > 0 {
            entries.select_nth_unstable_by(start, order);
        }
        let mut page = entries.split_off(start);
        if limit < page.len() {
            page.select_nth_unstable_by(limit, order);
            page.truncate(limit);
        }
        page.sort_unstable_by(order);
        page.into_iter().map(|entry| entry.slot).collect()
    }
}

impl Keys {
    fn value(&self, slot: u32) -> u64 {
        self.values.get(slot as usize).copied().unwrap_or(u64::MAX)
    }

    fn new(state: &State, cover: &Cover, sort: &Sort, after: Option<&Value>) -> Self {
        let facts = &state.facts;
        let reader = Reader::new(facts, &sort.field);
        let mut codes = vec![Code::MISSING; facts.chunks().len() * SLOTS];
        let mut seen = vec![false; facts.words.len()];
        let mut different: Vec<Word> = Vec::new();
        for (at, mask) in cover.chunks() {
            let read = reader.read(&facts.chunks()[at], mask);
            let codes = &mut codes[at * SLOTS..][..SLOTS];
            mask.each(|index| {
                codes[index] = read[index];
                if let Some(word) = read[index].as_word()
                    && let Some(seen) = seen.get_mut(word as usize)
                    && !std::mem::replace(seen, true)
                {
                    different.push(word);
                }
            });
        }
        // A text that is there has an odd rank, so that one that is gone fits between.
        let place = after.map(|value| match value {
            Value::Text(wanted) => rank_among(&facts.words, &different, wanted),
            _ => 0,
        });
        let ranks = ranks(&facts.words, different);
        let values = codes.into_iter().map(|code| match code.as_word() {
            Some(word) => {
                let rank = ranks.get(word as usize).copied().unwrap_or_default();
                Code::ranked(u64::from(rank) * 2 + 1).directed(sort.descending)
            }
            None => code.directed(sort.descending),
        });
        let after = match after {
            Some(Value::Number(number)) => Code::number(*number),
            Some(Value::Text(_)) => Code::ranked(place.unwrap_or_default()),
            Some(Value::Unknown) => Code::UNKNOWN,
            Some(Value::Missing) | None => Code::MISSING,
        };
        Self { values: values.collect(), after: after.directed(sort.descending) }
    }
}

/// By word, the ranks of these words among each other, or among all.
pub(super) fn ranks(words: &Words, different: Vec<Word>) -> Vec<u32> {
    let mut ranks = vec![0; words.len()];
    let mut place = |rank: usize, word: Word| ranks[word as usize] = rank as u32;
    if different.len() <= FEW {
        let mut texts: Vec<(Cow<'_, str>, Word)> = different.into_iter().map(|word| (words.text(word), word)).collect();
        texts.sort_unstable();
        texts.into_iter().enumerate().for_each(|(rank, (_, word))| place(rank, word));
    } else {
        words.in_order().enumerate().for_each(|(rank, word)| place(rank, word));
    }
    ranks
}

/// Where a text stands among the same ranks, doubled: odd where it is one of the words.
fn rank_among(words: &Words, different: &[Word], wanted: &str) -> u64 {
    let (before, found) = if different.len() <= FEW {
        let before = different.iter().filter(|word| words.order(**word, wanted).is_lt()).count();
        (before, different.iter().any(|word| words.is(*word, wanted)))
    } else {
        let (before, found) = words.place(wanted);
        (before, found.is_some())
    };
    before as u64 * 2 + u64::from(found)
}
