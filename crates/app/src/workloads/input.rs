//! One watched table that rows of workloads are computed from.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilothouse_model::{Completeness, Instrument, Resource};
use pilothouse_store::{RowId, Snapshot};
use rustc_hash::FxHashSet;

use crate::feed::{Freshness, LiveTable, Scope};
use crate::looks::{Edges, Look};
use crate::moment::Watched;

use super::Open;

/// How many resources or rows a note names.
const MOST_NAMED: usize = 5;

/// One watched table.
pub(super) struct Input {
    pub(super) table: Arc<LiveTable>,
    pub(super) resource: Arc<Resource>,
    pub(super) scope: Scope,
    /// The instrument whose workloads these objects are; `None` for tables that are only looked at.
    pub(super) runs: Option<&'static dyn Instrument>,
    /// The moment that rows are computed from.
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) freshness: Freshness,
    /// Whether the rows that this input has a part in know of `snapshot`.
    seen: bool,
}

impl Input {
    pub(super) fn new(
        resource: &Arc<Resource>,
        table: Arc<LiveTable>,
        scope: Scope,
        runs: Option<&'static dyn Instrument>,
    ) -> Self {
        let (snapshot, freshness) = (table.snapshot(), table.freshness());
        Self { table, resource: Arc::clone(resource), scope, runs, snapshot, freshness, seen: runs.is_none() }
    }

    /// Whether nothing at all is known of it yet.
    pub(super) fn is_blank(&self) -> bool {
        self.snapshot.is_empty() && *self.snapshot.completeness() == Completeness::Loading
    }

    /// Turns to a new table when the present one is not kept up to date any more.
    pub(super) fn revive(&mut self, open: &mut Open<'_>) {
        if self.table.is_dead() {
            self.table = open(&self.resource, self.scope.clone());
        }
    }

    pub(super) fn watched(&self) -> Watched {
        Watched {
            resource: Arc::clone(&self.resource),
            snapshot: Arc::clone(&self.snapshot),
            scope: self.scope.clone(),
        }
    }

    /// Takes the present; adds the workloads whose row may differ for it.
    pub(super) fn advance(&mut self, edges: &Edges, dirty: &mut FxHashSet<RowId>) {
        let before = std::mem::replace(&mut self.snapshot, self.table.snapshot());
        self.freshness = self.table.freshness();
        let now = &self.snapshot;
        let first = !std::mem::replace(&mut self.seen, true);
        let same_table = now.is_of_the_same_table(&before);
        if !first && same_table && before.version() == now.version() {
            return;
        }
        let changes = if same_table && !first { now.changes_since(before.version()) } else { None };
        if changes.is_none() || before.completeness() != now.completeness() {
            dirty.extend(edges.to(Look::resource(self.resource.group_resource())).cloned());
        }
        match changes {
            Some(changes) => {
                for change in changes.iter().flat_map(|set| &set.changes) {
                    if self.runs.is_some() {
                        dirty.insert(change.id.clone());
                    }
                    for record in [&change.before, &change.after].into_iter().flatten() {
                        edges.touched(&record.row, dirty);
                    }
                }
            }
            None if self.runs.is_some() => {
                dirty.extend(now.iter().map(|record| RowId::of(&record.row)));
                dirty.extend(before.iter().map(|record| RowId::of(&record.row)));
            }
            None => {}
        }
    }
}

/// What a person should know of the inputs: each reason once, with the resources it holds for.
pub(super) fn doubts<'a>(inputs: impl Iterator<Item = &'a Input>, defects: &BTreeMap<RowId, String>) -> Vec<String> {
    let mut forbidden = Vec::new();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut notes = Vec::new();
    for input in inputs {
        let name = input.resource.group_resource().to_string();
        match input.snapshot.completeness() {
            Completeness::Forbidden(_) => forbidden.push(name),
            Completeness::Broken(why) | Completeness::Stale(why) => reasons.entry(why.clone()).or_default().push(name),
            Completeness::Complete | Completeness::Loading | Completeness::Absent => {}
        }
        notes.extend(input.freshness.notes.iter().cloned());
    }
    if !forbidden.is_empty() {
        notes.push(format!("the cluster does not let us list {}", some(&forbidden)));
    }
    notes.extend(reasons.into_iter().map(|(why, names)| format!("{}: {why}", some(&names))));
    let mut panicked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, why) in defects {
        panicked.entry(why).or_default().push(id.to_string());
    }
    notes.extend(panicked.into_iter().map(|(why, rows)| format!("{} cannot be computed: {why}", some(&rows))));
    notes
}

/// `a, b and c`, or the first few and how many more.
fn some(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        names if names.len() <= MOST_NAMED => {
            let (last, others) = names.split_last().map_or(("", names), |(last, others)| (last.as_str(), others));
            format!("{} and {last}", others.join(", "))
        }
        names => format!("{} and {} more", names[..MOST_NAMED].join(", "), names.len() - MOST_NAMED),
    }
}

#[cfg(test)]
mod tests {
    use super::some;

    #[test]
    fn names_are_listed_and_long_lists_cut() {
        let names: Vec<String> = "abcdefg".chars().map(String::from).collect();
        assert_eq!(some(&names[..1]), "a");
        assert_eq!(some(&names[..3]), "a, b and c");
        assert_eq!(some(&names[..5]), "a, b, c, d and e");
        assert_eq!(some(&names), "a, b, c, d, e and 2 more");
    }
}
