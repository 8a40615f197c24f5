//! One watched table that rows of workloads are computed from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pilothouse_model::{Completeness, Instrument, Resource, Str};
use pilothouse_store::{Record, RowId, Snapshot};
use rustc_hash::FxHashSet;

use crate::feed::{Freshness, LiveTable, Scope};
use crate::looks::{Edges, Look};
use crate::moment::Watched;
use crate::rights::View;
use crate::words::some;

use super::Open;

/// One watched table.
pub(super) struct Input {
    pub(super) table: Arc<LiveTable>,
    pub(super) resource: Arc<Resource>,
    pub(super) scope: Scope,
    /// What of it goes into rows.
    pub(super) view: View,
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
        (resource, view): (&Arc<Resource>, View),
        table: Arc<LiveTable>,
        scope: Scope,
        runs: Option<&'static dyn Instrument>,
    ) -> Self {
        let (snapshot, freshness) = (table.snapshot(), table.freshness());
        Self { table, resource: Arc::clone(resource), view, scope, runs, snapshot, freshness, seen: runs.is_none() }
    }

    /// Whether the table has told nothing since.
    pub(super) fn is_current(&self) -> bool {
        self.seen && Arc::ptr_eq(&self.snapshot, &self.table.snapshot()) && !self.table.is_dead()
    }

    /// Whether nothing has changed that is in sight. What has changed beyond is passed over.
    pub(super) fn rests(&mut self) -> bool {
        if !self.seen || self.table.is_dead() {
            return false;
        }
        let now = self.table.snapshot();
        if Arc::ptr_eq(&self.snapshot, &now) {
            return true;
        }
        let freshness = self.table.freshness();
        let same = now.is_of_the_same_table(&self.snapshot)
            && now.completeness() == self.snapshot.completeness()
            && Freshness { last: freshness.last, ..self.freshness.clone() } == freshness;
        let Some(changes) = now.changes_since(self.snapshot.version()).filter(|_| same) else { return false };
        let mut changes = changes.iter().flat_map(|set| &set.changes);
        if changes.any(|change| self.view.named.sees(change.id.namespace.as_deref(), &change.id.name)) {
            return false;
        }
        (self.snapshot, self.freshness) = (now, freshness);
        true
    }

    /// Whether nothing at all is known of it yet.
    pub(super) fn is_blank(&self) -> bool {
        // Of what is not seen it is known that it is not.
        self.view == View::ALL && self.snapshot.is_empty() && *self.snapshot.completeness() == Completeness::Loading
    }

    /// Turns to a new table when the present one is not kept up to date any more.
    pub(super) fn revive(&mut self, open: &mut Open<'_>) {
        if self.table.is_dead() {
            self.table = open(&self.resource, self.scope.clone());
        }
    }

    /// A row that may become a workload.
    pub(super) fn row(&self, id: &RowId) -> Option<&Arc<Record>> {
        self.snapshot.row(id).filter(|record| self.view.listed.sees(record.row.namespace.as_deref(), &record.row.name))
    }

    pub(super) fn watched(&self) -> Watched {
        Watched {
            resource: Arc::clone(&self.resource),
            snapshot: Arc::clone(&self.snapshot),
            scope: self.scope.clone(),
            view: self.view.clone(),
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
        // What is not seen has a part in nothing.
        let view = &self.view;
        match changes {
            Some(changes) => {
                for change in changes.iter().flat_map(|set| &set.changes) {
                    if !view.named.sees(change.id.namespace.as_deref(), &change.id.name) {
                        continue;
                    }
                    if self.runs.is_some() && view.listed.sees(change.id.namespace.as_deref(), &change.id.name) {
                        dirty.insert(change.id.clone());
                    }
                    for record in [&change.before, &change.after].into_iter().flatten() {
                        edges.touched(&record.row, dirty);
                    }
                }
            }
            None if self.runs.is_some() => {
                let seen = now
                    .iter()
                    .chain(before.iter())
                    .filter(|record| view.listed.sees(record.row.namespace.as_deref(), &record.row.name));
                dirty.extend(seen.map(|record| RowId::of(&record.row)));
            }
            None => {}
        }
    }
}

/// What a person should know of the inputs: each reason once, with the resources it holds for.
pub(super) fn doubts<'a>(inputs: impl Iterator<Item = &'a Input>) -> Vec<String> {
    let mut forbidden = Vec::new();
    let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for input in inputs {
        let name = input.resource.group_resource().to_string();
        match input.snapshot.completeness() {
            Completeness::Forbidden(_) => forbidden.push(name),
            Completeness::Broken(why) | Completeness::Stale(why) => {
                reasons.entry(why.clone()).or_default().push(name);
            }
            Completeness::Complete | Completeness::Loading | Completeness::Absent => {}
        }
    }
    let forbidden = (!forbidden.is_empty()).then(|| format!("{} may not be listed", some(&forbidden)));
    let reasons = reasons.into_iter().map(|(why, names)| format!("{}: {why}", some(&names)));
    forbidden.into_iter().chain(reasons).collect()
}

/// What a person should know of single objects: those that cannot be read, and those whose row cannot be computed. And the
/// namespaces that they are in.
pub(super) fn singles<'a>(
    inputs: impl Iterator<Item = &'a Input>,
    defects: &BTreeMap<RowId, String>,
) -> (Arc<[String]>, Arc<BTreeSet<Option<Str>>>) {
    let mut places: BTreeSet<Option<Str>> = defects.keys().map(|id| id.namespace.clone()).collect();
    let mut notes = Vec::new();
    for input in inputs {
        notes.extend(input.freshness.notes(&input.view.listed));
        places.extend(input.freshness.unreadable.iter().map(|unread| unread.namespace().map(Str::from)));
    }
    let mut panicked: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (id, why) in defects {
        panicked.entry(why).or_default().push(id.to_string());
    }
    notes.extend(panicked.into_iter().map(|(why, rows)| format!("{} cannot be computed: {why}", some(&rows))));
    (notes.into(), Arc::new(places))
}
