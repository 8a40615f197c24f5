//! Runs a plan over a state: which rows match, how many, and one page of them in order.

mod cover;
mod order;
mod test;
mod verdicts;

use std::cmp::Reverse;
use std::sync::Arc;

use pilothouse_model::filter::reaches;
use pilothouse_model::{Cell, Field, Filter, Plan, Timestamp};
use rustc_hash::FxHashMap;

use crate::facts::{Code, Reader, SLOTS};
use crate::page_key::PageKey;
use crate::record::Record;
use crate::snapshot::Snapshot;
use crate::state::State;
use cover::Cover;
use order::{Ordered, Ranks};
use test::Matcher;

/// When so small a part of the rows is left, the rows themselves are asked: what a question has to prepare for reading
/// straight through would cost more.
const SMALL_PART: usize = 32;

/// One page of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How many rows match, on all pages.
    pub total: usize,
    /// The rows of the page.
    pub rows: Vec<Arc<Record>>,
}

/// So few rows are put in order by themselves.
const FEW: usize = 256;

fn is_small(count: usize, state: &State) -> bool {
    count <= state.len() / SMALL_PART
}

/// The slots of the rows that match.
fn matching(state: &State, plan: &Plan, now: Timestamp) -> Cover {
    let mut cover = Cover::of(state, plan);
    if plan.filter == Filter::All || cover.count == 0 {
        return cover;
    }
    if is_small(cover.count, state) {
        let holds = |slot| state.record(slot).is_some_and(|record| plan.filter.matches(&record.row, now));
        cover.keep(|at, mask| mask.filter(|index| holds((at * SLOTS + index) as u32)));
    } else {
        let mut matcher = Matcher::new(state, &plan.filter, now);
        cover.keep(|at, mask| matcher.matching(at, mask));
    }
    cover
}

fn records(state: &State, slots: impl IntoIterator<Item = u32>) -> Vec<Arc<Record>> {
    slots.into_iter().filter_map(|slot| state.record(slot)).cloned().collect()
}

/// The rows themselves, in order.
fn few(state: &State, cover: &Cover, plan: &Plan) -> Vec<Arc<Record>> {
    let mut few = records(state, cover.slots());
    few.sort_unstable_by(|left, right| plan.compare(&left.row, &right.row));
    few
}

/// The rows that a plan matches at one moment, looked for once: pages and counts are read from it.
pub struct Selection<'a> {
    state: &'a State,
    plan: &'a Plan,
    cover: Cover,
}

impl<'a> Selection<'a> {
    pub(crate) fn new(state: &'a State, plan: &'a Plan, now: Timestamp) -> Self {
        Self { state, plan, cover: matching(state, plan, now) }
    }

    /// How many rows match.
    pub fn total(&self) -> usize {
        self.cover.count
    }

    /// One page of them, in the plan's order.
    pub fn page(&self, offset: usize, limit: usize) -> Vec<Arc<Record>> {
        let Self { state, plan, cover } = self;
        if offset >= cover.count || limit == 0 {
            return Vec::new();
        }
        if plan.order.is_empty() && cover.count == state.len() {
            return records(state, state.slots_from(offset).take(limit));
        }
        if is_small(cover.count, state) && cover.count <= FEW {
            return few(state, cover, plan).into_iter().skip(offset).take(limit).collect();
        }
        if plan.order.is_empty() {
            let slots = state.slots_in_order().filter(|slot| cover.has(*slot));
            return records(state, slots.skip(offset).take(limit));
        }
        let mut cover = cover.clone();
        let offset = order::narrow(state, &mut cover, &plan.order, offset, limit);
        records(state, Ordered::new(state, &cover, &plan.order, None).page(offset, limit))
    }

    /// The page that follows a row: exact also when that row, or any other, has changed or gone since its key was taken.
    ///
    /// The key has to be of a plan of the same order ([`PageKey::fits`]).
    pub fn page_after(&self, key: &PageKey, limit: usize) -> Vec<Arc<Record>> {
        let Self { state, plan, cover } = self;
        let (before, itself) = state.rank(&key.id());
        if plan.order.is_empty() {
            let slots = state.slots_from(before + usize::from(itself)).filter(|slot| cover.has(*slot));
            return records(state, slots.take(limit));
        }
        let after = Some((key.values(), (before, itself)));
        records(state, Ordered::new(state, cover, &plan.order, after).page(0, limit))
    }

    /// How many rows have each value of a field, the most frequent first and equally frequent ones in the order of their
    /// values. Rows without a value count as [`Cell::Missing`] or [`Cell::Unknown`].
    pub fn count_by(&self, field: &Field) -> Vec<(Cell, usize)> {
        count(self.state, &self.cover, field)
    }
}

/// Until when (in seconds since 1970) a filter holds for the same rows as `now`: the next moment at which one of them
/// reaches an age that is asked for.
pub(crate) fn steady_until(snapshot: &Snapshot, filter: &Filter, now: Timestamp) -> f64 {
    let (state, mut until) = (snapshot.state(), f64::INFINITY);
    filter.each_age(&mut |field, seconds| {
        let reader = Reader::new(&state.facts, field);
        for chunk in state.facts.chunks() {
            let codes = reader.read(chunk, chunk.live);
            chunk.live.each(|index| {
                if let Some(moment) = codes[index].as_number() {
                    until = until.min(reaches(moment, seconds, now));
                }
            });
        }
    });
    until
}

fn count(state: &State, cover: &Cover, field: &Field) -> Vec<(Cell, usize)> {
    let reader = Reader::new(&state.facts, field);
    // How many, and a row that has it.
    let mut words: Vec<(u32, u32)> = vec![(0, 0); state.facts.words.len()];
    let mut others: FxHashMap<Code, (u32, u32)> = FxHashMap::default();
    let mut different = Vec::new();
    for (at, mask) in cover.chunks() {
        let codes = reader.read(&state.facts.chunks()[at], mask);
        mask.each(|index| {
            let counted = match codes[index].as_word() {
                Some(word) => &mut words[word as usize],
                None => others.entry(codes[index]).or_default(),
            };
            if counted.0 == 0 {
                counted.1 = (at * SLOTS + index) as u32;
                different.push(codes[index]);
            }
            counted.0 += 1;
        });
    }
    let counted = |code: Code| match code.as_word() {
        Some(word) => words[word as usize],
        None => others.get(&code).copied().unwrap_or_default(),
    };
    let ranks = Ranks::new(&state.facts.words, different.iter().filter_map(|code| code.as_word()).collect());
    let ranked = |code: Code| match code.as_word() {
        Some(word) => Code::word(ranks.of(word)),
        None => code,
    };
    let mut counts: Vec<(Reverse<u32>, Code, u32)> = different
        .into_iter()
        .map(|code| {
            let (count, slot) = counted(code);
            (Reverse(count), ranked(code), slot)
        })
        .collect();
    counts.sort_unstable();
    let row = |slot| state.record(slot).map(|record| field.of(&record.row));
    counts.into_iter().filter_map(|(count, _, slot)| Some((row(slot)?, count.0 as usize))).collect()
}
