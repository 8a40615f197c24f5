//! A plan's condition made ready to look at many rows in turn.

use std::hint::black_box;
use std::sync::Arc;

use pilothouse_model::filter::SortKey;
use pilothouse_model::filter::text::{Misses, mentions_again};
use pilothouse_model::{Field, Filter, Plan, Row, Timestamp};

use crate::record::Record;

/// Rows that are fetched from memory together.
const BLOCK: usize = 64;

/// Visits the records that match. `fields` are those that the visitor reads.
pub(crate) fn visit<'a>(
    mut candidates: impl Iterator<Item = &'a Arc<Record>>,
    (plan, now): (&'a Plan, Timestamp),
    fields: Vec<&Field>,
    mut visitor: impl FnMut(&'a Arc<Record>),
) {
    let mut matcher = Matcher::new(plan, now);
    let ahead = Ahead::of(plan, fields);
    let mut block = Vec::with_capacity(BLOCK);
    loop {
        block.clear();
        block.extend(candidates.by_ref().take(BLOCK));
        if block.is_empty() {
            return;
        }
        ahead.fetch(&block);
        for record in &block {
            if matcher.matches(&record.row) {
                visitor(record);
            }
        }
    }
}

/// Reads what a block of rows will be asked for before it is asked row by row. The rows lie all over the memory, and one
/// question after the other waits for each of them; plain reads without decisions between them wait for many at once.
struct Ahead<'a> {
    fields: Vec<&'a Field>,
    labels: bool,
}

impl<'a> Ahead<'a> {
    fn of(plan: &'a Plan, fields: Vec<&'a Field>) -> Self {
        let mut ahead = Self { fields, labels: false };
        ahead.expect(&plan.filter);
        let all = ahead.fields.len();
        ahead.fields.retain(|field| !matches!(field, Field::Label(_)));
        ahead.labels |= ahead.fields.len() < all;
        ahead
    }

    fn expect(&mut self, filter: &'a Filter) {
        match filter {
            // What comes later is asked of few rows.
            Filter::And(filters) => {
                let cheap = filters
                    .iter()
                    .find(|filter| !matches!(filter, Filter::Text(_) | Filter::Mentions(_) | Filter::All));
                cheap.or(filters.first()).into_iter().for_each(|filter| self.expect(filter));
            }
            Filter::Or(filters) => filters.iter().for_each(|filter| self.expect(filter)),
            Filter::Not(filter) => self.expect(filter),
            Filter::Compare(field, ..) | Filter::Exists(field) => self.fields.push(field),
            Filter::Labels(_) => self.labels = true,
            Filter::Text(_) | Filter::Mentions(_) => {
                self.fields.push(&Field::Name);
                self.fields.push(&Field::Column(0));
                self.labels = true;
            }
            Filter::All | Filter::Levels(_) => {}
        }
    }

    fn fetch(&self, block: &[&Arc<Record>]) {
        let mut sum = 0;
        for Record { row, .. } in block.iter().map(|record| &***record) {
            let namespace = row.namespace.as_ref().map_or(0, |namespace| namespace.len());
            sum ^= namespace ^ row.name.len() ^ row.labels.len() ^ row.status.word.len() ^ row.cells.len();
        }
        for field in &self.fields {
            for record in block {
                sum ^= match field.sort_key(&record.row) {
                    SortKey::Number(number) => number.to_bits() as usize,
                    SortKey::Text(text) => text.as_bytes().first().copied().map_or(0, usize::from),
                    SortKey::Unknown | SortKey::Missing => 0,
                };
            }
        }
        if self.labels {
            for record in block {
                sum ^= record.row.labels.first().map_or(0, |(key, _)| key.len());
            }
        }
        black_box(sum);
    }
}

/// Answers as [`Plan::matches`] does, and remembers what free text need not look at again.
struct Matcher<'a> {
    plan: &'a Plan,
    test: Test<'a>,
    now: Timestamp,
}

enum Test<'a> {
    And(Vec<Test<'a>>),
    Or(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    /// A needle and where it was not.
    Text(&'a str, Misses<'a>),
    Plain(&'a Filter),
}

impl<'a> Matcher<'a> {
    fn new(plan: &'a Plan, now: Timestamp) -> Self {
        Self { plan, test: Test::of(&plan.filter), now }
    }

    fn matches(&mut self, row: &'a Row) -> bool {
        self.plan.covers(row) && self.test.holds(row, self.now)
    }
}

impl<'a> Test<'a> {
    fn of(filter: &'a Filter) -> Self {
        match filter {
            Filter::And(filters) => {
                let mut tests: Vec<Self> = filters.iter().map(Self::of).collect();
                // Free text costs most; it goes last.
                tests.sort_by_key(|test| !matches!(test, Self::Plain(_)));
                Self::And(tests)
            }
            Filter::Or(filters) => Self::Or(filters.iter().map(Self::of).collect()),
            Filter::Not(filter) => Self::Not(Box::new(Self::of(filter))),
            Filter::Text(needle) => Self::Text(needle, Misses::new()),
            other => Self::Plain(other),
        }
    }

    fn holds(&mut self, row: &'a Row, now: Timestamp) -> bool {
        match self {
            Self::And(tests) => tests.iter_mut().all(|test| test.holds(row, now)),
            Self::Or(tests) => tests.iter_mut().any(|test| test.holds(row, now)),
            Self::Not(test) => !test.holds(row, now),
            Self::Text(needle, misses) => mentions_again(row, needle, misses),
            Self::Plain(filter) => filter.matches(row, now),
        }
    }
}
