//! The derived table of workloads: each row is computed from an object and from what its instrument looks at, and computed
//! again when any of that changes. The cost stays with what changed.

mod input;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use pilothouse_model::{Completeness, GroupResource, Instrument, Object, Resource, Row, Sight, Str, Workload};
use pilothouse_store::{Body, Interner, Record, RowId, Snapshot, Table};
use rustc_hash::{FxHashMap, FxHashSet};
use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::cluster::{Cluster, Cut, Inner, understanding};
use crate::feed::{Freshness, LiveTable, Places, Scope, Shared, worst};
use crate::isolate::guarded;
use crate::looks::{Edges, Look};
use crate::moment::{Looked, Moment, Name};
use crate::rights::{Holder, View};
use input::{Input, doubts, singles};

/// How long changes are gathered before rows are computed again.
const FOLD: Duration = Duration::from_millis(100);
/// How long it is not worth telling that nothing but the time has passed.
const QUIET: Duration = Duration::from_secs(1);
/// Why nothing is known of a resource of which nothing is seen.
const NOT_SEEN: &str = "you may not list it";

/// Gives the live table of a resource.
pub(crate) type Open<'a> = dyn FnMut(&Arc<Resource>, Scope) -> Arc<LiveTable> + 'a;

/// Starts to derive the workloads of a cluster in a scope, from all that there is or from what some may see. Does not keep
/// the cluster: the cluster keeps the table.
pub(crate) fn derive(cluster: &Cluster, scope: Scope, cut: Option<Cut>) -> LiveTable {
    // What went wrong with somebody's own credential is that one's to know.
    let discreet = cluster.settings().shared && !cut.as_ref().is_some_and(|cut| cut.own);
    let state = Derivation { cut, ..Derivation::new(scope, cluster.inner.instruments) };
    let shared = Shared::new(Workload::columns().into(), state.table.snapshot(), None, discreet);
    let changed = cluster.inner.changed.subscribe();
    LiveTable::new(Arc::clone(&shared), run(state, Arc::downgrade(&cluster.inner), changed, shared))
}

async fn run(
    mut state: Derivation,
    cluster: Weak<Inner>,
    mut changed: tokio::sync::watch::Receiver<u64>,
    shared: Arc<Shared>,
) {
    let holder = state.cut.as_ref().map_or(Holder::Console, |cut| cut.holder.clone());
    loop {
        let began = Instant::now();
        let Some(inner) = cluster.upgrade() else { return };
        let cluster_now = Cluster::of_holder(inner, &holder);
        // Most changes of a large cluster are out of the sight of most people, and cost a look.
        if cluster_now.known_catalog().is_some_and(|catalog| state.rests(&catalog)) {
            drop(cluster_now);
            tokio::time::sleep_until(began + FOLD).await;
            match changed.has_changed() {
                Ok(true) => changed.mark_unchanged(),
                // How current the rest is has to be told when nothing else happens.
                Ok(false) => drop(tokio::time::timeout(QUIET, changed.changed()).await),
                Err(_) => return,
            }
            continue;
        }
        let publisher = Arc::clone(&shared);
        // Thousands of rows may have to be computed: beside the runtime, which answers questions meanwhile.
        let reader = holder.clone();
        let stepped = tokio::task::spawn_blocking(move || {
            if let Some(catalog) = cluster_now.known_catalog()
                && !state.is_current(&catalog)
            {
                let mut open = |resource: &Arc<Resource>, scope| cluster_now.table_of(&reader, resource, &scope);
                let (snapshot, freshness) = state.step(&catalog, &mut open);
                if state.is_news(&snapshot, &freshness) {
                    publisher.publish(snapshot, freshness);
                }
            }
            state
        });
        state = match stepped.await {
            Ok(state) => state,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return,
            },
        };
        tokio::time::sleep_until(began + FOLD).await;
        if changed.changed().await.is_err() {
            return;
        }
    }
}

/// The few ways in which rows look, each once: rows of one kind mostly look alike.
#[derive(Default)]
struct Ways(BTreeSet<Arc<Looked>>);

impl Ways {
    fn share(&mut self, looked: Looked) -> Arc<Looked> {
        let looked = Arc::new(looked);
        let known = self.0.get(&looked).cloned();
        known.unwrap_or_else(|| {
            self.0.insert(Arc::clone(&looked));
            looked
        })
    }

    /// Forgets those in which no row looks any more.
    fn forget(&mut self) {
        self.0.retain(|looked| Arc::strong_count(looked) > 1);
    }
}

/// The table of workloads, what it is made from, and how.
pub(crate) struct Derivation {
    scope: Scope,
    instruments: &'static [&'static dyn Instrument],
    table: Table,
    interner: Interner,
    inputs: BTreeMap<Name, Input>,
    edges: Edges,
    catalog: Option<Arc<Catalog>>,
    /// Rows that could not be computed, and why.
    defects: BTreeMap<RowId, String>,
    /// What goes in, when that is not everything.
    cut: Option<Cut>,
    /// The names of all inputs.
    reads: Arc<[Name]>,
    /// Where the computation of each row looked, and the same together by namespace, until one differs.
    looked: FxHashMap<RowId, Arc<Looked>>,
    ways: Ways,
    together: Option<Arc<BTreeMap<Str, Looked>>>,
    /// What was published last.
    told: Option<(u64, Freshness)>,
    /// When it was last brought up to the present.
    stepped: Option<Instant>,
    /// Whether something was passed over since: how current everything is has to be told yet.
    passed: bool,
}

impl Derivation {
    pub(crate) fn new(scope: Scope, instruments: &'static [&'static dyn Instrument]) -> Self {
        Self {
            scope,
            instruments,
            table: Table::new(Workload::columns().into()),
            interner: Interner::new(),
            inputs: BTreeMap::new(),
            edges: Edges::default(),
            catalog: None,
            defects: BTreeMap::new(),
            cut: None,
            reads: Arc::default(),
            looked: FxHashMap::default(),
            ways: Ways::default(),
            together: None,
            told: None,
            stepped: None,
            passed: false,
        }
    }

    /// Whether nothing has happened since the last step.
    fn is_current(&self, catalog: &Arc<Catalog>) -> bool {
        let same = self.catalog.as_ref().is_some_and(|last| Arc::ptr_eq(last, catalog));
        same && !self.passed && self.told.is_some() && self.inputs.values().all(Input::is_current)
    }

    /// Whether nothing has happened in sight, and it was told lately how current everything is.
    fn rests(&mut self, catalog: &Arc<Catalog>) -> bool {
        let same = self.catalog.as_ref().is_some_and(|last| Arc::ptr_eq(last, catalog));
        let recent = self.stepped.is_some_and(|stepped| stepped.elapsed() < QUIET);
        let rests = same && recent && self.inputs.values_mut().all(Input::rests);
        self.passed |= rests;
        rests
    }

    /// Whether anybody has to know: rows differ, or how much is known, or some time has passed.
    fn is_news(&mut self, snapshot: &Snapshot, freshness: &Freshness) -> bool {
        let same = self.told.as_ref().is_some_and(|(version, last)| {
            let soon = match (last.last, freshness.last) {
                (Some(before), Some(now)) => now.count.duration_since(before.count) < QUIET,
                (before, now) => before == now,
            };
            *version == snapshot.version() && soon && Freshness { last: freshness.last, ..last.clone() } == *freshness
        });
        if !same {
            self.told = Some((snapshot.version(), freshness.clone()));
        }
        !same
    }

    /// What of a resource goes in.
    fn view(&self, resource: &Resource) -> View {
        self.cut.as_ref().map_or(View::ALL, |cut| cut.sights.view(resource.group_resource()).clone())
    }

    /// Brings the table up to the present.
    pub(crate) fn step(&mut self, catalog: &Arc<Catalog>, open: &mut Open<'_>) -> (Snapshot, Freshness) {
        let mut dirty = FxHashSet::default();
        (self.stepped, self.passed) = (Some(Instant::now()), false);
        if self.catalog.as_deref() != Some(&**catalog) {
            self.follow(catalog, open, &mut dirty);
            self.catalog = Some(Arc::clone(catalog));
        }
        for input in self.inputs.values_mut() {
            input.revive(open);
            input.advance(&self.edges, &mut dirty);
        }
        // What a computation looks at for the first time is watched from then on, and the computation put again, unless
        // nothing is known there yet.
        while !dirty.is_empty() {
            let missing = self.compute(catalog, &dirty);
            dirty.clear();
            for name in missing {
                let Some(resource) = catalog.served(GroupResource::new(&name.0, &name.1)) else { continue };
                if !self.open(resource, None, open).is_blank() {
                    dirty.extend(self.edges.to(Look::resource(resource.group_resource())).cloned());
                }
            }
        }
        self.moment(catalog)
    }

    /// Watches every resource that can be a workload, at the version that the catalog prefers now, and lets go of those that
    /// are served no more.
    fn follow(&mut self, catalog: &Catalog, open: &mut Open<'_>, dirty: &mut FxHashSet<RowId>) {
        let current = |name: &Name, input: &Input| {
            catalog.served(GroupResource::new(&name.0, &name.1)).is_some_and(|now| *now == input.resource)
        };
        let outdated: Vec<Name> =
            self.inputs.iter().filter(|(name, input)| !current(name, input)).map(|(name, _)| name.clone()).collect();
        for name in outdated {
            let Some(input) = self.inputs.remove(&name) else { continue };
            dirty.extend(self.edges.to(Look::resource(input.resource.group_resource())).cloned());
            let of_kind = |id: &&RowId| id.group == input.resource.group && id.kind == input.resource.kind;
            let rows: Vec<RowId> = self.edges.rows().filter(of_kind).cloned().collect();
            rows.iter().for_each(|id| self.forget(id));
        }
        let before = self.catalog.take();
        if before.as_ref().is_some_and(|before| before.problems != catalog.problems) {
            // Whoever looked for something may have been told that it is unknown, or may be told so now.
            dirty.extend(self.edges.rows().cloned());
        }
        for resource in catalog.listed() {
            let name = resource.group_resource();
            if before.as_ref().is_some_and(|before| !before.serves(name)) {
                // Who looked for it in vain may find it now.
                dirty.extend(self.edges.to(Look::resource(name)).cloned());
            }
            let instrument = understanding(self.instruments, name);
            if let Some(instrument) = instrument.filter(|instrument| instrument.runs(name)) {
                self.open(resource, Some(instrument), open);
            }
        }
    }

    fn open(&mut self, resource: &Arc<Resource>, runs: Option<&'static dyn Instrument>, open: &mut Open<'_>) -> &Input {
        let name = (resource.group.to_string(), resource.plural.to_string());
        let (view, own) = (self.view(resource), self.cut.as_ref().is_some_and(|cut| cut.own));
        let scope = match &view.listed {
            // Where nobody may read the whole, what may be seen is all that is read.
            Sight::Some(seen) if own => Some(Places::of(seen, &[])),
            _ if resource.namespaced => self.scope.clone(),
            _ => None,
        };
        self.inputs.entry(name).or_insert_with(|| {
            let table = if view.listed.is_none() && (own || view.named.is_none()) {
                Arc::new(LiveTable::still(Vec::new().into(), Completeness::Forbidden(NOT_SEEN.to_owned())))
            } else {
                open(resource, scope.clone())
            };
            Input::new((resource, view), table, scope, runs)
        })
    }

    /// Computes rows again; gives the names of tables that were looked for and are not watched.
    fn compute(&mut self, catalog: &Catalog, dirty: &FxHashSet<RowId>) -> BTreeSet<Name> {
        let moment = Moment::new(catalog, self.inputs.values().map(Input::watched).collect());
        for id in dirty {
            let of_kind = |input: &&Input| input.resource.group == id.group && input.resource.kind == id.kind;
            let Some((instrument, input)) =
                self.inputs.values().find(of_kind).and_then(|input| Some((input.runs?, input)))
            else {
                self.forget(id);
                continue;
            };
            moment.turn_to(id.namespace.clone());
            let Some(record) = input.row(id).cloned() else {
                self.forget(id);
                continue;
            };
            match record.object() {
                Ok(object) => self.compute_row(&record.row, instrument, &object, &moment),
                Err(error) => self.defect(id, &error.to_string()),
            }
        }
        moment.missing()
    }

    /// `listed` is the row of the object in its own list.
    fn compute_row(&mut self, listed: &Row, instrument: &'static dyn Instrument, object: &Object, moment: &Moment<'_>) {
        let computed = guarded(|| {
            let workload = instrument.workload(object, moment)?;
            let resource = Arc::clone(&listed.resource);
            let mut row = workload.into_row(resource, object, &mut |text| self.interner.intern(text));
            row.share_with(listed);
            Some(row)
        });
        let id = RowId::of(listed);
        self.edges.replace(&id, &moment.take_looks());
        self.look(&id, Some(moment.take_looked()));
        match computed {
            Ok(row) => {
                self.defects.remove(&id);
                match row {
                    Some(row) => self.table.upsert(Record { row, body: Body::none() }),
                    None => self.table.remove(&id),
                };
            }
            Err(defect) => self.defect(&id, &defect.to_string()),
        }
    }

    /// Remembers where the computation of a row looked.
    fn look(&mut self, id: &RowId, looked: Option<Looked>) {
        if self.looked.get(id).map(|known| &**known) == looked.as_ref() {
            return;
        }
        self.together = None;
        match looked {
            Some(looked) => self.looked.insert(id.clone(), self.ways.share(looked)),
            None => self.looked.remove(id),
        };
    }

    /// Where the rows of each namespace look.
    fn looked(&mut self) -> Arc<BTreeMap<Str, Looked>> {
        let Self { looked, together, ways, .. } = self;
        let gather = || {
            let mut all: BTreeMap<Str, BTreeSet<&Arc<Looked>>> = BTreeMap::new();
            for (id, looked) in looked {
                let Some(namespace) = &id.namespace else { continue };
                all.entry(namespace.clone()).or_default().insert(looked);
            }
            let join = |ways: BTreeSet<&Arc<Looked>>| {
                ways.into_iter().fold(Looked::default(), |mut sum, way| {
                    sum.own.extend(way.own.iter().cloned());
                    sum.beyond.extend(way.beyond.iter().cloned());
                    sum
                })
            };
            Arc::new(all.into_iter().map(|(namespace, ways)| (namespace, join(ways))).collect())
        };
        let together = Arc::clone(together.get_or_insert_with(gather));
        ways.forget();
        together
    }

    /// A row that cannot be computed stays as it was, and is told.
    fn defect(&mut self, id: &RowId, why: &str) {
        tracing::error!(workload = %id, "{why}");
        self.defects.insert(id.clone(), why.to_owned());
    }

    fn forget(&mut self, id: &RowId) {
        self.edges.forget(id);
        self.look(id, None);
        self.defects.remove(id);
        self.table.remove(id);
    }

    /// Why kinds of workloads may be missing: it is not known whether the cluster serves them.
    fn unknown_kinds(&self, catalog: &Catalog) -> BTreeSet<String> {
        let kinds = self
            .instruments
            .iter()
            .flat_map(|instrument| instrument.manifest().resources.iter().filter(|name| instrument.runs(**name)));
        kinds.filter_map(|name| catalog.unknown(*name)).map(|problem| problem.to_string()).collect()
    }

    /// What rows look at, kinds that run aside, and is not known, or not yet.
    fn unsettled(&self) -> Arc<[Name]> {
        let known =
            |input: &Input| matches!(input.snapshot.completeness(), Completeness::Complete | Completeness::Absent);
        let looked_at = self.inputs.iter().filter(|(_, input)| input.runs.is_none());
        looked_at.filter(|(_, input)| !known(input)).map(|(name, _)| name.clone()).collect()
    }

    fn moment(&mut self, catalog: &Catalog) -> (Snapshot, Freshness) {
        let unknown = self.unknown_kinds(catalog);
        let running = || self.inputs.values().filter(|input| input.runs.is_some());
        // Of kinds that one does not see there is nothing to know, unless one sees none at all.
        let seen = |input: &&Input| !input.view.listed.is_none();
        let blind = self.cut.is_some() && !running().any(|input| seen(&input));
        let rows: Vec<Completeness> = running()
            .filter(|input| blind || seen(input))
            .map(|input| input.snapshot.completeness().clone())
            .chain(unknown.iter().cloned().map(Completeness::Broken))
            .collect();
        // Rows that were computed before all is known that they look at are not final.
        let loading = self.inputs.values().any(|input| *input.snapshot.completeness() == Completeness::Loading);
        let completeness = match worst(rows.iter()) {
            _ if loading => Completeness::Loading,
            // A kind that went away since the catalog was read has no workloads.
            Completeness::Absent => Completeness::Complete,
            other => other,
        };
        self.table.set_completeness(completeness);
        self.table.commit();
        // What may not be read at all says nothing about how current the rest is.
        let read = || {
            running().filter(|input| {
                !matches!(input.snapshot.completeness(), Completeness::Forbidden(_) | Completeness::Absent)
            })
        };
        if self.reads.len() != self.inputs.len() || !self.reads.iter().eq(self.inputs.keys()) {
            self.reads = self.inputs.keys().cloned().collect();
        }
        let (single, troubled) = singles(self.inputs.values(), &self.defects);
        let freshness = Freshness {
            last: read().map(|input| input.freshness.last).min().flatten(),
            // A cut table is what is left where the whole may not be read: there is nothing narrower to turn to.
            forbidden: self.cut.is_none() && running().any(|input| input.freshness.forbidden),
            notes: unknown.into_iter().chain(doubts(self.inputs.values())).collect(),
            single,
            troubled,
            reads: Arc::clone(&self.reads),
            unsettled: self.unsettled(),
            looked: self.looked(),
            ..Freshness::default()
        };
        (self.table.snapshot(), freshness)
    }
}

#[cfg(test)]
mod tests;
