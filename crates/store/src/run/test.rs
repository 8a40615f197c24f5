//! A filter made ready to look at many rows at a time.

use std::collections::BTreeSet;

use pilothouse_model::{Comparison, Field, Filter, LabelSelector, Operand, Requirement, Timestamp};

use super::verdicts::{Hits, Judge, Verdicts};
use crate::facts::{Chunk, IMAGES, Kind, Lane, Mask, SLOTS, is_read_by_free_text, lane_of};
use crate::state::State;
use crate::words::Word;

/// A filter over the facts of a state at a moment.
pub(crate) struct Matcher<'a> {
    state: &'a State,
    now: Timestamp,
    test: Test<'a>,
}

enum Test<'a> {
    All,
    And(Vec<Test<'a>>),
    Or(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    /// The value of a field that has a lane.
    Lane {
        lane: usize,
        verdicts: Verdicts<'a>,
        numbers: Numbers,
        /// Of cells that compare by more than their number.
        shown: Option<Verdicts<'a>>,
        filter: &'a Filter,
    },
    /// Any of the images.
    Images(Verdicts<'a>),
    /// The value of one label; the answers are by word of the value.
    Label(Option<Word>, Verdicts<'a>),
    Labels(Selected),
    /// Found when first needed.
    Mentions(&'a Filter, Option<Hits>),
    /// Asked of the row itself.
    Row(&'a Filter),
}

/// How numbers compare.
enum Numbers {
    /// Any number will do.
    All,
    /// Numbers as such, and moments, too.
    Number(Comparison, f64),
    /// Spans, and how long ago moments were.
    Ago(Comparison, f64),
    /// Moments.
    Moment(Comparison, f64),
    /// None does.
    Never,
}

/// Nearer than this in seconds, the exact moments decide.
const NEAR: f64 = 0.001;

impl Numbers {
    fn of(comparison: Comparison, operand: &Operand) -> Self {
        match operand {
            Operand::Number(number) => Self::Number(comparison, *number),
            Operand::Ago(seconds) => Self::Ago(comparison, *seconds),
            Operand::Moment(moment) => Self::Moment(comparison, moment.as_duration().as_secs_f64()),
            Operand::Text(_) | Operand::Exact(_) | Operand::Pattern(_) => Self::Never,
        }
    }

    /// Whether a number of this kind compares; `None` when the row has to be asked.
    fn hold(&self, kind: Kind, number: f64, now: f64) -> Option<bool> {
        let clear = |comparison: Comparison, value: f64, other: f64| {
            ((value - other).abs() > NEAR).then(|| comparison.holds(value.total_cmp(&other)))
        };
        match (self, kind) {
            (Self::All, _) => Some(true),
            (_, Kind::Odd) => None,
            (Self::Never, _) => Some(false),
            (Self::Ago(comparison, wanted), Kind::Time) => clear(*comparison, now - number, *wanted),
            (Self::Moment(comparison, wanted), Kind::Time) => clear(*comparison, number, *wanted),
            (Self::Moment(..), _) => Some(false),
            (Self::Number(comparison, wanted) | Self::Ago(comparison, wanted), _) => {
                Some(comparison.holds(number.total_cmp(wanted)))
            }
        }
    }
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(state: &'a State, filter: &'a Filter, now: Timestamp) -> Self {
        Self { state, now, test: Test::of(state, filter, now) }
    }

    /// The slots of a chunk's mask that match.
    pub(crate) fn matching(&mut self, at: usize, mask: Mask) -> Mask {
        match self.state.facts.chunks().get(at) {
            Some(chunk) => self.test.holds(&Place { state: self.state, now: self.now, chunk, at }, mask),
            None => Mask::default(),
        }
    }
}

/// Where a test looks.
struct Place<'a> {
    state: &'a State,
    now: Timestamp,
    chunk: &'a Chunk,
    at: usize,
}

impl Place<'_> {
    fn ask(&self, filter: &Filter, index: usize) -> bool {
        let record = self.state.record((self.at * SLOTS + index) as u32);
        record.is_some_and(|record| filter.matches(&record.row, self.now))
    }
}

impl<'a> Test<'a> {
    fn of(state: &State, filter: &'a Filter, now: Timestamp) -> Self {
        match filter {
            Filter::All => Self::All,
            Filter::And(filters) => {
                let mut tests: Vec<Self> = filters.iter().map(|filter| Self::of(state, filter, now)).collect();
                tests.sort_by_key(Self::cost);
                Self::And(tests)
            }
            Filter::Or(filters) => {
                let mut tests: Vec<Self> = filters.iter().map(|filter| Self::of(state, filter, now)).collect();
                tests.sort_by_key(Self::cost);
                Self::Or(tests)
            }
            Filter::Not(filter) => Self::Not(Box::new(Self::of(state, filter, now))),
            Filter::Compare(field, comparison, operand) => {
                let numbers = Numbers::of(*comparison, operand);
                Self::field((state, now), field, Judge::Compare(*comparison, operand), numbers, filter)
            }
            Filter::Exists(field) => Self::field((state, now), field, Judge::Any, Numbers::All, filter),
            Filter::Levels(levels) => {
                Self::field((state, now), &Field::Level, Judge::Levels(levels), Numbers::Never, filter)
            }
            Filter::Labels(selector) => Selected::of(state, selector).map_or(Self::Row(filter), Self::Labels),
            Filter::Text(needle) if needle.is_empty() => Self::All,
            Filter::Text(_) | Filter::Mentions(_) => Self::Mentions(filter, None),
        }
    }

    fn field(
        (state, now): (&State, Timestamp),
        field: &Field,
        judge: Judge<'a>,
        numbers: Numbers,
        filter: &'a Filter,
    ) -> Self {
        let verdicts = Verdicts::new(judge);
        match (field, lane_of(field)) {
            (_, Some(lane)) => {
                let shown = match judge {
                    Judge::Compare(comparison, operand) => Some(Judge::Shown(comparison, operand, now)),
                    Judge::Levels(_) | Judge::Shown(..) | Judge::Any => None,
                };
                Self::Lane { lane, verdicts, numbers, shown: shown.map(Verdicts::new), filter }
            }
            (Field::Image, None) => Self::Images(verdicts),
            (Field::Label(key), None) => Self::Label(state.facts.words.place(key).1, verdicts),
            (_, None) => Self::Row(filter),
        }
    }

    /// What costs least is asked first, of the most rows.
    fn cost(&self) -> u8 {
        match self {
            Self::All => 0,
            Self::Lane { .. } => 1,
            Self::Images(_) | Self::Label(..) | Self::Labels(_) => 2,
            Self::Not(test) => test.cost(),
            Self::And(tests) | Self::Or(tests) => tests.iter().map(Self::cost).max().unwrap_or(0),
            Self::Mentions(..) => 3,
            Self::Row(_) => 4,
        }
    }

    fn holds(&mut self, place: &Place<'_>, mask: Mask) -> Mask {
        let facts = &place.state.facts;
        match self {
            _ if mask.is_empty() => mask,
            Self::All => mask,
            Self::And(tests) => tests.iter_mut().fold(mask, |rest, test| test.holds(place, rest)),
            Self::Or(tests) => {
                tests.iter_mut().fold(Mask::default(), |found, test| found.or(test.holds(place, mask.without(found))))
            }
            Self::Not(test) => mask.without(test.holds(place, mask)),
            Self::Lane { lane, verdicts, numbers, shown, filter } => {
                let Some(lane) = place.chunk.lane(*lane) else { return Mask::default() };
                if lane.kind == Kind::None && !matches!(numbers, Numbers::All) {
                    return lane.filter_words(mask, |word| verdicts.of(&facts.words, word));
                }
                let now = place.now.as_duration().as_secs_f64();
                let codes = lane.read(mask);
                mask.filter(|index| match (codes[index].as_word(), codes[index].as_number()) {
                    (Some(word), _) => verdicts.of(&facts.words, word),
                    (None, Some(number)) => {
                        numbers.hold(lane.kind, number, now).unwrap_or_else(|| match (lane.shown(index), &mut *shown) {
                            (Some(word), Some(shown)) => shown.of(&facts.words, word),
                            _ => place.ask(filter, index),
                        })
                    }
                    (None, None) => false,
                })
            }
            Self::Images(verdicts) => {
                mask.filter(|index| place.chunk.images.get(index).iter().any(|word| verdicts.of(&facts.words, *word)))
            }
            Self::Label(key, verdicts) => mask.filter(|index| {
                let pairs = place.chunk.labels.get(index).iter().map(|pair| facts.pairs.get(*pair));
                pairs.into_iter().any(|(own, value)| Some(own) == *key && verdicts.of(&facts.words, value))
            }),
            Self::Labels(selected) => mask.filter(|index| selected.selects(place.chunk.labels.get(index))),
            Self::Mentions(filter, hits) => {
                let hits = hits.get_or_insert_with(|| match filter {
                    Filter::Mentions(pattern) => Hits::of_pattern(facts, pattern),
                    Filter::Text(needle) => Hits::of_text(facts, needle),
                    _ => Hits::of_text(facts, ""),
                });
                mentioning(place.chunk, hits, mask)
            }
            Self::Row(filter) => mask.filter(|index| place.ask(filter, index)),
        }
    }
}

/// The slots of which any text is hit.
fn mentioning(chunk: &Chunk, hits: &Hits, mask: Mask) -> Mask {
    let mut found = Mask::default();
    if !hits.words.any {
        return found;
    }
    let reads = |lane: usize| is_read_by_free_text(lane) && hits.lanes.may_have(lane);
    let lanes: Vec<&Lane> = chunk.lanes().filter(|(lane, _)| reads(*lane)).map(|(_, lane)| lane).collect();
    for (at, lane) in lanes.iter().enumerate() {
        // Columns often show what a row says anyway.
        if !lanes[..at].iter().any(|before| before.reads_as(lane)) {
            found = found.or(lane.filter_bits(mask.without(found), &hits.words));
        }
    }
    if hits.lanes.may_have(IMAGES) {
        let rest = mask.without(found);
        found = found.or(rest.filter(|index| chunk.images.get(index).iter().any(|word| hits.words.has(*word))));
    }
    if hits.pairs.any {
        let rest = mask.without(found);
        found = found.or(rest.filter(|index| chunk.labels.get(index).iter().any(|pair| hits.pairs.has(*pair))));
    }
    found
}

/// A label selector: what each pair fulfils, one bit for each requirement.
struct Selected {
    pairs: Vec<u32>,
    /// The bits that have to be there.
    present: u32,
    /// The bits that must not.
    absent: u32,
}

impl Selected {
    /// `None` for more requirements than there are bits.
    fn of(state: &State, selector: &LabelSelector) -> Option<Self> {
        let facts = &state.facts;
        let mut selected = Self { pairs: vec![0; facts.pairs.len()], present: 0, absent: 0 };
        if selector.requirements.len() > 32 {
            return None;
        }
        for (at, requirement) in selector.requirements.iter().enumerate() {
            let bit = 1 << at;
            match requirement {
                Requirement::NotIn(..) | Requirement::Absent(_) => selected.absent |= bit,
                Requirement::In(..) | Requirement::Exists(_) => selected.present |= bit,
                Requirement::Greater(..) | Requirement::Less(..) => selected.present |= bit,
            }
            let Some(key) = facts.words.place(requirement.key()).1 else { continue };
            let words = |values: &BTreeSet<String>| -> Vec<Word> {
                values.iter().filter_map(|value| facts.words.place(value).1).collect()
            };
            let fits: Box<dyn Fn(Word) -> bool> = match requirement {
                Requirement::In(_, values) | Requirement::NotIn(_, values) => {
                    let values = words(values);
                    Box::new(move |value| values.contains(&value))
                }
                Requirement::Exists(_) | Requirement::Absent(_) => Box::new(|_| true),
                Requirement::Greater(..) | Requirement::Less(..) => {
                    Box::new(|value| requirement.holds(Some(&facts.words.text(value))))
                }
            };
            for (bits, (own, value)) in selected.pairs.iter_mut().zip(facts.pairs.iter()) {
                if own == key && fits(value) {
                    *bits |= bit;
                }
            }
        }
        Some(selected)
    }

    fn selects(&self, labels: &[u32]) -> bool {
        let bits = labels.iter().fold(0, |bits, pair| bits | self.pairs.get(*pair as usize).copied().unwrap_or(0));
        bits & self.present == self.present && bits & self.absent == 0
    }
}
