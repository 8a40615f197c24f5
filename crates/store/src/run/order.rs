//! Puts rows in the order of a plan: by numbers that order as their values do.

use std::borrow::Cow;
use std::cmp::Ordering;

use pilothouse_model::Sort;
use rustc_hash::FxHashMap;

use super::cover::Cover;
use crate::facts::{Code, Reader};
use crate::page_key::Value;
use crate::state::State;
use crate::words::{Bits, Word, Words};

/// Up to so many different texts are put in order by themselves; more are looked up in the order of all.
const FEW: usize = 2048;

/// The values of one sort key of the rows of a cover, one behind the other.
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
    /// The place in the cover.
    place: u32,
}

/// Rows in an order, none of which is looked at more than needed.
pub(crate) struct Ordered {
    slots: Vec<u32>,
    entries: Vec<Entry>,
    /// The values of the sort keys behind the first two.
    rest: Vec<Keys>,
}

/// Takes away rows of a cover that are not on a page, as far as the first keys tell. Gives where the page begins among the
/// others.
pub(crate) fn narrow(state: &State, cover: &mut Cover, order: &[Sort], mut start: usize, limit: usize) -> usize {
    for sort in order {
        let end = start.saturating_add(limit).min(cover.count);
        if end == cover.count && start == 0 || start >= end {
            break;
        }
        let keys = Keys::new(state, cover, sort, None);
        let mut values = keys.values.clone();
        let (_, last, _) = values.select_nth_unstable(end - 1);
        let last = *last;
        let (_, first, _) = values[..end].select_nth_unstable(start);
        let first = *first;
        start -= values[..start].iter().filter(|value| **value < first).count();
        let mut values = keys.values.iter();
        let mut on_page = || values.next().is_some_and(|value| (first..=last).contains(value));
        cover.keep(|_, mask| mask.filter(|_| on_page()));
        // Only rows that are equal up to here are told apart by the next key alone.
        if first != last {
            break;
        }
    }
    start
}

impl Ordered {
    /// The rows of a cover; with `after` (the values of a row, and how many rows come before it in natural order and
    /// whether one of them is itself) only those behind it.
    pub(crate) fn new(state: &State, cover: &Cover, order: &[Sort], after: Option<(&[Value], (usize, bool))>) -> Self {
        let value = |at: usize| after.and_then(|(values, _)| values.get(at));
        let keys = order.iter().enumerate().map(|(at, sort)| Keys::new(state, cover, sort, value(at)));
        let mut keys: Vec<Keys> = keys.collect();
        let rest = keys.split_off(keys.len().min(2));
        let of = |at: usize, place: usize| keys.get(at).map_or(0, |keys| keys.values[place]);
        let slots = cover.slots();
        let mut entries = Vec::with_capacity(slots.len());
        // Mostly the slots are in natural order, too.
        let mut next = 0;
        for (rank, slot) in state.slots_in_order().enumerate().filter(|(_, slot)| cover.has(*slot)) {
            let place = if slots.get(next) == Some(&slot) { Ok(next) } else { slots.binary_search(&slot) };
            if let Ok(place) = place {
                entries.push(Entry { keys: [of(0, place), of(1, place)], rank: rank as u32, place: place as u32 });
                next = place + 1;
            }
        }
        let mut ordered = Self { slots, entries, rest };
        if let Some((_, (before, itself))) = after {
            let first = [0, 1].map(|at| keys.get(at).map_or(0, |keys| keys.after));
            let Self { entries, rest, .. } = &mut ordered;
            entries.retain(|entry| {
                let behind = rest.iter().map(|keys| keys.value(entry.place).cmp(&keys.after));
                let ordering = behind.fold(entry.keys.cmp(&first), Ordering::then);
                ordering.is_gt() || (ordering.is_eq() && entry.rank as usize >= before + usize::from(itself))
            });
        }
        ordered
    }

    /// The slots from `start` on, at most `limit`, in order.
    pub(crate) fn page(mut self, start: usize, limit: usize) -> Vec<u32> {
        let Self { slots, entries, rest } = &mut self;
        let order = |left: &Entry, right: &Entry| {
            let ordering = left.keys.cmp(&right.keys);
            let rest = || rest.iter().map(|keys| keys.value(left.place).cmp(&keys.value(right.place)));
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
        page.into_iter().map(|entry| slots[entry.place as usize]).collect()
    }
}

impl Keys {
    fn value(&self, place: u32) -> u64 {
        self.values.get(place as usize).copied().unwrap_or(u64::MAX)
    }

    fn new(state: &State, cover: &Cover, sort: &Sort, after: Option<&Value>) -> Self {
        let facts = &state.facts;
        let reader = Reader::new(facts, &sort.field);
        let mut codes = Vec::with_capacity(cover.count);
        for (at, mask) in cover.chunks() {
            let read = reader.read(&facts.chunks()[at], mask);
            mask.each(|index| codes.push(read[index]));
        }
        let different = different(&facts.words, &codes);
        // A text that is there has an odd rank, so that one that is gone fits between.
        let place = after.map(|value| match value {
            Value::Text(wanted) => rank_among(&facts.words, &different, wanted),
            _ => 0,
        });
        let ranks = Ranks::new(&facts.words, different);
        let ranked = |code: Code| match code.as_word() {
            Some(word) => Code::ranked(u64::from(ranks.of(word)) * 2 + 1),
            None => code,
        };
        let values = codes.into_iter().map(|code| ranked(code).directed(sort.descending)).collect();
        let after = match after {
            Some(Value::Number(number)) => Code::number(*number),
            Some(Value::Text(_)) => Code::ranked(place.unwrap_or_default()),
            Some(Value::Unknown) => Code::UNKNOWN,
            Some(Value::Missing) | None => Code::MISSING,
        };
        Self { values, after: after.directed(sort.descending) }
    }
}

/// The words among some values, each once.
fn different(words: &Words, codes: &[Code]) -> Vec<Word> {
    let texts = codes.iter().filter_map(|code| code.as_word());
    if codes.len() <= FEW {
        let mut different: Vec<Word> = texts.collect();
        different.sort_unstable();
        different.dedup();
        return different;
    }
    let mut seen = Bits::new(words.len());
    let mut is_new = |word: Word| {
        !seen.has(word) && {
            seen.add(word);
            true
        }
    };
    texts.filter(|word| is_new(*word)).collect()
}

/// The ranks of some words among each other, or among all.
pub(super) enum Ranks {
    Few(FxHashMap<Word, u32>),
    Many(Vec<u32>),
}

impl Ranks {
    pub(super) fn new(words: &Words, different: Vec<Word>) -> Self {
        if different.len() > FEW {
            let mut ranks = vec![0; words.len()];
            words.in_order().enumerate().for_each(|(rank, word)| ranks[word as usize] = rank as u32);
            return Self::Many(ranks);
        }
        let mut texts: Vec<(Cow<'_, str>, Word)> = different.into_iter().map(|word| (words.text(word), word)).collect();
        texts.sort_unstable();
        Self::Few(texts.into_iter().enumerate().map(|(rank, (_, word))| (word, rank as u32)).collect())
    }

    pub(super) fn of(&self, word: Word) -> u32 {
        let rank = match self {
            Self::Few(ranks) => ranks.get(&word),
            Self::Many(ranks) => ranks.get(word as usize),
        };
        rank.copied().unwrap_or_default()
    }
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
