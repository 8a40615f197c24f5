//! The derived table of workloads: each row is computed from an object and from those it links to, and computed again when
//! any of them changes. The cost stays with what changed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use pilothouse_model::{
    Completeness, GroupResource, Instrument, Link, LinkTarget, Object, Resource, Row, Str, Workload,
};
use pilothouse_store::{Body, Interner, Record, RowId, Snapshot, Table};
use tokio::time::Instant;

use crate::ask::Source;
use crate::catalog::Catalog;
use crate::cluster::Cluster;
use crate::feed::{Freshness, LiveTable, Scope, Shared, worst};
use crate::moment::{Moment, Name};

/// How long changes are gathered before rows are computed again.
const FOLD: Duration = Duration::from_millis(100);

/// Starts to derive the workloads of a cluster in a scope.
pub(crate) fn derive(cluster: Cluster, scope: Scope) -> LiveTable {
    let table = Table::new(Workload::columns().into());
    let shared = Shared::new(Workload::columns().into(), table.snapshot());
    let publisher = Arc::clone(&shared);
    LiveTable::new(shared, async move {
        let mut changed = cluster.inner.changed.subscribe();
        let mut state = Derivation {
            cluster,
            scope,
            table,
            interner: Interner::new(),
            inputs: BTreeMap::new(),
            edges: Edges::default(),
            catalog: None,
        };
        loop {
            let began = Instant::now();
            state.step(&publisher);
            tokio::time::sleep_until(began + FOLD).await;
            if changed.changed().await.is_err() {
                return;
            }
        }
    })
}

/// One watched table that rows are computed from.
struct Input {
    table: Arc<LiveTable>,
    resource: Arc<Resource>,
    /// The instrument whose workloads these objects are; `None` for tables that are only looked at.
    runs: Option<&'static dyn Instrument>,
    seen: Option<(u64, Completeness)>,
}

struct Derivation {
    cluster: Cluster,
    scope: Scope,
    table: Table,
    interner: Interner,
    inputs: BTreeMap<Name, Input>,
    edges: Edges,
    catalog: Option<Arc<Catalog>>,
}

impl Derivation {
    /// Brings the table up to the present.
    fn step(&mut self, publisher: &Shared) {
        let Some(catalog) = self.cluster.catalog() else { return };
        if self.catalog.as_deref() != Some(&catalog) {
            self.follow(&catalog);
            self.catalog = Some(Arc::clone(&catalog));
        }
        let mut dirty = self.dirty();
        // What a computation looks at for the first time is watched from then on; its rows come again when it is loaded.
        while !dirty.is_empty() {
            let missing = self.compute(&catalog, &dirty);
            dirty = HashSet::new();
            for name in missing {
                if let Some(resource) = catalog.served(GroupResource::new(&name.0, &name.1)) {
                    self.open(Arc::clone(resource), None);
                }
            }
        }
        self.publish(publisher);
    }

    /// Watches every resource that can be a workload, and lets go of those that are served no more.
    fn follow(&mut self, catalog: &Catalog) {
        let gone: Vec<Name> = self
            .inputs
            .iter()
            .filter(|(name, input)| {
                catalog
                    .served(GroupResource::new(&name.0, &name.1))
                    .is_none_or(|now| now.version != input.resource.version)
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in gone {
            self.inputs.remove(&name);
            let rows: Vec<RowId> = self
                .table
                .snapshot()
                .iter()
                .filter(|record| *record.row.resource.group == *name.0 && *record.row.resource.plural == *name.1)
                .map(|record| RowId::of(&record.row))
                .collect();
            for id in rows {
                self.forget(&id);
            }
        }
        for resource in catalog.listed() {
            let runs = self.cluster.instrument(resource.group_resource());
            if let Some(instrument) = runs.filter(|instrument| instrument.runs(resource.group_resource())) {
                self.open(Arc::clone(resource), Some(instrument));
            }
        }
    }

    fn open(&mut self, resource: Arc<Resource>, runs: Option<&'static dyn Instrument>) {
        let name = (resource.group.to_string(), resource.plural.to_string());
        if self.inputs.contains_key(&name) {
            return;
        }
        let scope = if resource.namespaced { self.scope.clone() } else { None };
        let table = self.cluster.table(&Source::Resource(Arc::clone(&resource)), scope);
        self.inputs.insert(name, Input { table, resource, runs, seen: None });
    }

    /// The workloads whose row may have changed since the last step.
    fn dirty(&mut self) -> HashSet<RowId> {
        let mut dirty = HashSet::new();
        for input in self.inputs.values_mut() {
            let snapshot = input.table.snapshot();
            let now = (snapshot.version(), snapshot.completeness().clone());
            let Some(before) = input.seen.replace(now.clone()) else {
                if input.runs.is_some() {
                    dirty.extend(snapshot.iter().map(|record| RowId::of(&record.row)));
                } else {
                    // A table that has just been opened may change every row that looked for it.
                    dirty.extend(self.edges.to_resource(&input.resource));
                }
                continue;
            };
            if before == now {
                continue;
            }
            let changes = snapshot.changes_since(before.0);
            if changes.is_none() || before.1 != now.1 {
                dirty.extend(self.edges.to_resource(&input.resource));
            }
            let Some(changes) = changes else {
                if input.runs.is_some() {
                    dirty.extend(snapshot.iter().map(|record| RowId::of(&record.row)));
                    dirty.extend(self.edges.of_resource(&input.resource));
                }
                continue;
            };
            for change in changes.iter().flat_map(|set| &set.changes) {
                for record in [&change.before, &change.after].into_iter().flatten() {
                    if input.runs.is_some() {
                        dirty.insert(RowId::of(&record.row));
                    }
                    self.edges.touched(&record.row, &mut dirty);
                }
            }
        }
        dirty
    }

    /// Computes rows again; gives the names of tables that were looked for and are not watched.
    fn compute(&mut self, catalog: &Catalog, dirty: &HashSet<RowId>) -> Vec<Name> {
        let tables: BTreeMap<Name, Arc<Snapshot>> =
            self.inputs.iter().map(|(name, input)| (name.clone(), input.table.snapshot())).collect();
        let moment = Moment::new(catalog, tables);
        let mut missing = HashSet::new();
        for id in dirty {
            let of_kind = |input: &&Input| input.resource.group == id.group && input.resource.kind == id.kind;
            let Some(Input { runs: Some(instrument), resource, .. }) = self.inputs.values().find(of_kind) else {
                continue;
            };
            let (instrument, resource) = (*instrument, Arc::clone(resource));
            let object = moment
                .table(resource.group_resource())
                .ok()
                .and_then(|table| table.get(id.namespace.as_deref(), &id.name))
                .map(|record| record.body.object());
            let object = match object {
                Some(Ok(object)) => object,
                Some(Err(error)) => {
                    tracing::error!(workload = %id, "cannot read a stored object: {error}");
                    continue;
                }
                None => {
                    self.forget(id);
                    continue;
                }
            };
            let links = instrument.links(&object);
            for link in &links {
                let name = link.target.resource();
                if catalog.serves(name) && !self.inputs.contains_key(&(name.group.to_owned(), name.plural.to_owned())) {
                    missing.insert((name.group.to_owned(), name.plural.to_owned()));
                }
            }
            self.edges.replace(id, &object, &links);
            match instrument.workload(&object, &moment) {
                Some(workload) => {
                    let row = workload.into_row(resource, &object, &mut |text| self.interner.intern(text));
                    self.table.upsert(Record { row, body: Body::none() });
                }
                None => {
                    self.table.remove(id);
                }
            }
        }
        missing.extend(moment.missing());
        missing.into_iter().collect()
    }

    fn forget(&mut self, id: &RowId) {
        self.edges.forget(id);
        self.table.remove(id);
    }

    fn publish(&mut self, publisher: &Shared) {
        let running = || self.inputs.values().filter(|input| input.runs.is_some());
        let completeness =
            worst(running().map(|input| input.table.snapshot().completeness().clone()).collect::<Vec<_>>().iter());
        let mut notes = Vec::new();
        for input in self.inputs.values() {
            let snapshot = input.table.snapshot();
            let told = match snapshot.completeness() {
                Completeness::Forbidden(why) | Completeness::Broken(why) | Completeness::Stale(why) => {
                    Some(why.clone())
                }
                Completeness::Complete | Completeness::Loading | Completeness::Absent => None,
            };
            notes.extend(told.map(|why| format!("{}: {why}", input.resource.group_resource())));
            notes.extend(input.table.freshness().notes);
        }
        let completeness = match completeness {
            Completeness::Absent => Completeness::Complete,
            other => other,
        };
        self.table.set_completeness(completeness);
        self.table.commit();
        let freshness = Freshness {
            live: running().all(|input| input.table.freshness().live),
            last: running().map(|input| input.table.freshness().last).min().flatten(),
            notes,
        };
        publisher.publish(self.table.snapshot(), freshness);
    }
}

/// What a workload's row depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Edge {
    Named { group: Str, plural: Str, namespace: Option<Str>, name: Str },
    Labelled { group: Str, plural: Str, namespace: Str, key: Str, value: Str },
    Owned { uid: Str },
}

/// What one workload looks at: its edges, and the resources that they lead to.
struct Looks {
    edges: Vec<Edge>,
    resources: Vec<(Str, Str)>,
}

/// From what changed to the workloads that depend on it.
#[derive(Default)]
struct Edges {
    forward: HashMap<RowId, Looks>,
    backward: HashMap<Edge, HashSet<RowId>>,
}

impl Edges {
    fn replace(&mut self, id: &RowId, object: &Object, links: &[Link]) {
        self.forget(id);
        // Events hang on the object like something it owns.
        let mut edges = vec![Edge::Owned { uid: object.uid().into() }];
        let mut resources: Vec<(Str, Str)> = vec![("".into(), "events".into())];
        for link in links {
            let resource = link.target.resource();
            let (group, plural): (Str, Str) = (resource.group.into(), resource.plural.into());
            resources.push((Arc::clone(&group), Arc::clone(&plural)));
            edges.push(match &link.target {
                LinkTarget::Named { namespace, name, .. } => Edge::Named {
                    group,
                    plural,
                    namespace: namespace.as_deref().map(Str::from),
                    name: name.as_str().into(),
                },
                LinkTarget::Labelled { namespace, key, value, .. } => Edge::Labelled {
                    group,
                    plural,
                    namespace: namespace.as_str().into(),
                    key: key.as_str().into(),
                    value: value.as_str().into(),
                },
                LinkTarget::Owned { .. } => continue,
            });
        }
        for edge in &edges {
            self.backward.entry(edge.clone()).or_default().insert(id.clone());
        }
        self.forward.insert(id.clone(), Looks { edges, resources });
    }

    fn forget(&mut self, id: &RowId) {
        let Some(looks) = self.forward.remove(id) else { return };
        for edge in looks.edges {
            if let Some(ids) = self.backward.get_mut(&edge) {
                ids.remove(id);
                if ids.is_empty() {
                    self.backward.remove(&edge);
                }
            }
        }
    }

    /// The workloads that depend on an object with this row.
    fn touched(&self, row: &Row, dirty: &mut HashSet<RowId>) {
        let (group, plural) = (&row.resource.group, &row.resource.plural);
        let mut add = |edge: Edge| dirty.extend(self.backward.get(&edge).into_iter().flatten().cloned());
        add(Edge::Named {
            group: Arc::clone(group),
            plural: Arc::clone(plural),
            namespace: row.namespace.clone(),
            name: Arc::clone(&row.name),
        });
        for owner in &row.owners {
            add(Edge::Owned { uid: Arc::clone(owner) });
        }
        if let Some(namespace) = &row.namespace {
            for (key, value) in &row.labels {
                add(Edge::Labelled {
                    group: Arc::clone(group),
                    plural: Arc::clone(plural),
                    namespace: Arc::clone(namespace),
                    key: Arc::clone(key),
                    value: Arc::clone(value),
                });
            }
        }
    }

    /// The workloads that look at any object of a resource.
    fn to_resource(&self, resource: &Resource) -> Vec<RowId> {
        let looks = |(group, plural): &(Str, Str)| *group == resource.group && *plural == resource.plural;
        self.forward.iter().filter(|(_, seen)| seen.resources.iter().any(looks)).map(|(id, _)| id.clone()).collect()
    }

    /// The workloads that are objects of a resource.
    fn of_resource(&self, resource: &Resource) -> Vec<RowId> {
        self.forward.keys().filter(|id| id.group == resource.group && id.kind == resource.kind).cloned().collect()
    }
}
