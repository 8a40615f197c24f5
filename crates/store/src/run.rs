//! Runs a plan over a state: which rows match, how many, and one page of them in order.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use pilothouse_model::filter::SortKey;
use pilothouse_model::{Cell, Field, Filter, Plan, Requirement, Sort, Str, Timestamp};

use crate::matcher::visit;
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

pub(crate) fn run<'a>(snapshot: &'a Snapshot, plan: &'a Plan, page: Range<usize>, now: Timestamp) -> Answer {
    if *plan == Plan::everything() {
        let rows = snapshot.iter().skip(page.start).take(page.len()).cloned().collect();
        return Answer { total: snapshot.len(), rows };
    }
    let (candidates, natural) = candidates(snapshot, plan);
    let (mut total, mut rows) = (0, Vec::new());
    if natural && plan.order.is_empty() {
        visit(candidates, (plan, now), Vec::new(), |record| {
            if page.contains(&total) {
                rows.push(record.clone());
            }
            total += 1;
        });
        return Answer { total, rows };
    }
    let mut best = Best::new(page.end, |left: &Ranked<'_>, right: &Ranked<'_>| left.order(right, &plan.order));
    let fields = plan.order.iter().map(|sort| &sort.field).collect();
    visit(candidates, (plan, now), fields, |record| {
        let rank = if natural { total } else { 0 };
        best.offer(Ranked { keys: [key(plan, 0, record), key(plan, 1, record)], rank, record });
        total += 1;
    });
    rows.extend(best.page(page.start).into_iter().map(|ranked| ranked.record.clone()));
    Answer { total, rows }
}

fn key<'a>(plan: &Plan, index: usize, record: &'a Record) -> SortKey<'a> {
    plan.order.get(index).map_or(SortKey::Missing, |sort| sort.field.sort_key(&record.row))
}

/// A matching row, with what most comparisons need at hand.
struct Ranked<'a> {
    /// The values of the first two sort keys.
    keys: [SortKey<'a>; 2],
    /// The place in natural order, or zero where candidates came in no order.
    rank: usize,
    record: &'a Arc<Record>,
}

impl Ranked<'_> {
    /// As [`Plan::compare`], without going to the rows more than needed.
    fn order(&self, other: &Self, sorts: &[Sort]) -> Ordering {
        for (index, sort) in sorts.iter().enumerate() {
            let ordering = match (self.keys.get(index), other.keys.get(index)) {
                (Some(left), Some(right)) => left.order(right, sort.descending),
                _ => sort
                    .field
                    .sort_key(&self.record.row)
                    .order(&sort.field.sort_key(&other.record.row), sort.descending),
            };
            if ordering.is_ne() {
                return ordering;
            }
        }
        self.order_naturally(other)
    }

    fn order_naturally(&self, other: &Self) -> Ordering {
        self.rank.cmp(&other.rank).then_with(|| natural_order(&self.record.row, &other.record.row))
    }
}

/// The first so many of all items offered, in an order: keeps no more than about twice as many, and turns away most of
/// the rest by one comparison.
struct Best<T, O> {
    kept: Vec<T>,
    most: usize,
    order: O,
    /// Whether `kept[most - 1]` is the last of the first `most` so far.
    settled: bool,
}

impl<T, O: Fn(&T, &T) -> Ordering> Best<T, O> {
    /// Below this there is nothing to gain from throwing items away.
    const FEW: usize = 512;

    fn new(most: usize, order: O) -> Self {
        Self { kept: Vec::new(), most, order, settled: false }
    }

    fn offer(&mut self, item: T) {
        if self.most == 0 || (self.settled && (self.order)(&item, &self.kept[self.most - 1]).is_ge()) {
            return;
        }
        self.kept.push(item);
        if self.kept.len() >= self.most.saturating_mul(2).max(Self::FEW) {
            self.kept.select_nth_unstable_by(self.most - 1, &self.order);
            self.kept.truncate(self.most);
            self.settled = true;
        }
    }

    /// What comes from `start` on, in order.
    fn page(mut self, start: usize) -> Vec<T> {
        let (most, order) = (self.most, self.order);
        if start >= most.min(self.kept.len()) {
            return Vec::new();
        }
        if most < self.kept.len() {
            self.kept.select_nth_unstable_by(most, &order);
            self.kept.truncate(most);
        }
        if start > 0 {
            self.kept.select_nth_unstable_by(start, &order);
        }
        let mut page = self.kept.split_off(start);
        page.sort_unstable_by(&order);
        page
    }
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

pub(crate) fn count_by<'a>(
    snapshot: &'a Snapshot,
    plan: &'a Plan,
    field: &Field,
    now: Timestamp,
) -> Vec<(Cell, usize)> {
    let mut counts: BTreeMap<SortKey<'_>, (usize, &Arc<Record>)> = BTreeMap::new();
    visit(candidates(snapshot, plan).0, (plan, now), vec![field], |record| {
        counts.entry(field.sort_key(&record.row)).or_insert((0, record)).0 += 1;
    });
    let mut counts: Vec<_> = counts.into_values().map(|(count, example)| (field.of(&example.row), count)).collect();
    // Stable: equal counts stay in the order of their values.
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_are_those_that_sorting_puts_first(
            items in prop::collection::vec(0..500_u32, 0..3000),
            most in prop_oneof![0..40_usize, 0..3000_usize, Just(usize::MAX)],
            start in prop_oneof![0..40_usize, 0..3000_usize],
        ) {
            // Numbered, so that no two are equal.
            let items: Vec<(u32, usize)> = items.into_iter().enumerate().map(|(at, item)| (item, at)).collect();
            let mut best = Best::new(most, <(u32, usize)>::cmp);
            for item in &items {
                best.offer(*item);
                prop_assert!(best.kept.len() <= most.saturating_mul(2).max(512));
            }
            let mut sorted = items;
            sorted.sort_unstable();
            let expected: Vec<_> = sorted.into_iter().take(most).skip(start).collect();
            prop_assert_eq!(best.page(start), expected);
        }
    }
}
