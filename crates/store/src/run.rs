//! Runs a plan over a state: which rows match, how many, and one page of them in order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use pilothouse_model::filter::SortKey;
use pilothouse_model::{Cell, Field, Filter, Plan, Requirement, Sort, Str, Timestamp};

use crate::record::{Record, natural_order};
use crate::snapshot::Snapshot;

/// One page of an answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// How many rows match, on all pages.
    pub total: usize,
    /// The rows of the page.
    pub rows: Vec<Arc<Record>>,
}

pub(crate) fn run(snapshot: &Snapshot, plan: &Plan, page: Range<usize>, now: Timestamp) -> Answer {
    let (candidates, natural) = candidates(snapshot, plan);
    let matching = candidates.filter(|record| plan.matches(&record.row, now));
    if natural && plan.order.is_empty() {
        let (mut total, mut rows) = (0, Vec::new());
        for record in matching {
            if page.contains(&total) {
                rows.push(record.clone());
            }
            total += 1;
        }
        return Answer { total, rows };
    }
    let first = plan.order.first();
    let mut found: Vec<Ranked<'_>> = matching
        .enumerate()
        .map(|(rank, record)| Ranked {
            key: first.map_or(SortKey::Missing, |sort| sort.field.sort_key(&record.row)),
            rank: if natural { rank } else { 0 },
            record,
        })
        .collect();
    let total = found.len();
    let rows = cut(&mut found, page, |left, right| left.order(right, &plan.order));
    Answer { total, rows: rows.iter().map(|ranked| ranked.record.clone()).collect() }
}

/// A matching row, with what the comparison needs first at hand.
struct Ranked<'a> {
    /// The value of the first sort key.
    key: SortKey<'a>,
    /// The place in natural order, or zero where candidates came in no order.
    rank: usize,
    record: &'a Arc<Record>,
}

impl Ranked<'_> {
    /// As [`Plan::compare`], without going to the rows more than needed.
    fn order(&self, other: &Self, sorts: &[Sort]) -> Ordering {
        let Some((first, rest)) = sorts.split_first() else { return self.order_naturally(other) };
        let mut ordering = self.key.order(&other.key, first.descending);
        for sort in rest {
            if ordering.is_ne() {
                return ordering;
            }
            let (left, right) = (sort.field.sort_key(&self.record.row), sort.field.sort_key(&other.record.row));
            ordering = left.order(&right, sort.descending);
        }
        ordering.then_with(|| self.order_naturally(other))
    }

    fn order_naturally(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| natural_order(&self.record.row, &other.record.row))
    }
}

/// The items of a page in order, without sorting what is not on it.
fn cut<T>(items: &mut [T], page: Range<usize>, order: impl Fn(&T, &T) -> Ordering) -> &[T] {
    if page.start >= items.len() || page.is_empty() {
        return &[];
    }
    let length = page.len().min(items.len() - page.start);
    if page.start > 0 {
        items.select_nth_unstable_by(page.start, &order);
    }
    let items = &mut items[page.start..];
    if length < items.len() {
        items.select_nth_unstable_by(length, &order);
    }
    items[..length].sort_unstable_by(&order);
    &items[..length]
}

type Records<'a> = Box<dyn Iterator<Item = &'a Arc<Record>> + 'a>;

/// A superset of the matching rows, and whether it comes in natural order.
fn candidates<'a>(snapshot: &'a Snapshot, plan: &'a Plan) -> (Records<'a>, bool) {
    if let Some((key, value)) = label_equality(&plan.filter) {
        // Worth it for a rare label only: many rows in no order are slower than all in order.
        let most = snapshot.len() / 8;
        let rare: Vec<_> = snapshot.state().labelled(key, value).take(most + 1).collect();
        if rare.len() <= most {
            return (Box::new(rare.into_iter()), false);
        }
    }
    match &plan.namespaces {
        None => (Box::new(snapshot.iter()), true),
        Some(namespaces) => {
            let mut namespaces: Vec<&Str> = namespaces.iter().collect();
            namespaces.sort_unstable();
            namespaces.dedup();
            (Box::new(namespaces.into_iter().flat_map(|namespace| snapshot.in_namespace(namespace))), true)
        }
    }
}

/// A label that every matching row has.
fn label_equality(filter: &Filter) -> Option<(&str, &str)> {
    match filter {
        Filter::And(filters) => filters.iter().find_map(label_equality),
        Filter::Labels(selector) => selector.requirements.iter().find_map(|requirement| match requirement {
            Requirement::In(key, values) if values.len() == 1 => values.first().map(|value| (&**key, &**value)),
            _ => None,
        }),
        _ => None,
    }
}

pub(crate) fn count_by(snapshot: &Snapshot, plan: &Plan, field: &Field, now: Timestamp) -> Vec<(Cell, usize)> {
    let mut counts: BTreeMap<SortKey<'_>, (usize, &Arc<Record>)> = BTreeMap::new();
    for record in candidates(snapshot, plan).0.filter(|record| plan.matches(&record.row, now)) {
        counts.entry(field.sort_key(&record.row)).or_insert((0, record)).0 += 1;
    }
    let mut counts: Vec<_> = counts.into_values().map(|(count, example)| (field.of(&example.row), count)).collect();
    // Stable: equal counts stay in the order of their values.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
