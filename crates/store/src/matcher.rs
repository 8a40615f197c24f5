//! A plan's condition made ready to look at many rows in turn.

use pilothouse_model::filter::mentions;
use pilothouse_model::{Filter, Plan, Row, Timestamp};

/// Answers as [`Plan::matches`] does, and remembers what free text need not look at again.
pub(crate) struct Matcher<'a> {
    plan: &'a Plan,
    test: Test<'a>,
    now: Timestamp,
}

enum Test<'a> {
    And(Vec<Test<'a>>),
    Or(Vec<Test<'a>>),
    Not(Box<Test<'a>>),
    /// A needle and the last row that does not mention it.
    Text(&'a str, Option<&'a Row>),
    Plain(&'a Filter),
}

impl<'a> Matcher<'a> {
    pub(crate) fn new(plan: &'a Plan, now: Timestamp) -> Self {
        Self { plan, test: Test::of(&plan.filter), now }
    }

    pub(crate) fn matches(&mut self, row: &'a Row) -> bool {
        self.plan.covers(row.namespace.as_ref()) && self.test.holds(row, self.now)
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
            Filter::Text(needle) => Self::Text(needle, None),
            other => Self::Plain(other),
        }
    }

    fn holds(&mut self, row: &'a Row, now: Timestamp) -> bool {
        match self {
            Self::And(tests) => tests.iter_mut().all(|test| test.holds(row, now)),
            Self::Or(tests) => tests.iter_mut().any(|test| test.holds(row, now)),
            Self::Not(test) => !test.holds(row, now),
            Self::Text(needle, miss) => {
                let found = mentions(row, needle, *miss);
                if !found {
                    *miss = Some(row);
                }
                found
            }
            Self::Plain(filter) => filter.matches(row, now),
        }
    }
}
