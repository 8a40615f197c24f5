//! One cluster: its connection, what it serves, and its live tables.

mod keeping;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use pilothouse_cluster::{ClusterError, Connection, Problem};
use pilothouse_model::{ClusterId, Completeness, GroupResource, Instrument, ObjectRef, Page, Place, Resource, Str};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::act::Allowed;
use crate::ask::{Ask, Listing, Source, confined_to};
use crate::audit::Audit;
use crate::catalog::{Catalog, unavailable};
use crate::error::{AppError, ErrorKind};
use crate::feed::{LiveTable, Scope, watch_resource};
use crate::person::Viewer;
use crate::workloads;

/// How long a table is kept after its last question.
const LINGER: Duration = Duration::from_secs(120);
/// How long a table whose task has died is left as it is before a new one may take its place.
const MOURNING: Duration = Duration::from_secs(10);

/// How a cluster is connected.
#[derive(Clone, Debug, PartialEq)]
pub enum ConnectionState {
    /// Nobody has asked for it yet.
    Idle,
    /// The first attempt is under way.
    Connecting,
    /// It answers.
    Connected {
        /// Version of the API server: `v1.33.2`.
        version: String,
    },
    /// It does not answer; it is tried again.
    Failed {
        /// Why.
        error: AppError,
        /// When the next attempt begins.
        retry_at: Timestamp,
        /// How many attempts in a row have failed.
        attempts: u32,
    },
}

/// One cluster, as someone sees it. Cloning shares it.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
    pub(crate) viewer: Viewer,
}

pub(crate) struct Inner {
    id: ClusterId,
    connection: Connection,
    default_namespace: String,
    pub(crate) instruments: &'static [&'static dyn Instrument],
    pub(crate) audit: Audit,
    /// What people may do, as the cluster said lately.
    pub(crate) allowed: Allowed,
    state: watch::Sender<ConnectionState>,
    catalog: ArcSwapOption<Catalog>,
    tables: Mutex<HashMap<TableKey, Lease>>,
    /// Bumped with every new moment of any table.
    pub(crate) changed: watch::Sender<u64>,
    asked: Mutex<Instant>,
    closing: CancellationToken,
}

/// Which table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum TableKey {
    Resource { group: Str, version: Str, plural: Str, scope: Scope },
    Workloads { scope: Scope },
}

struct Lease {
    table: Arc<LiveTable>,
    /// The resource as it was when the table was opened; `None` for workloads.
    resource: Option<Arc<Resource>>,
    opened: Instant,
    used: Instant,
}

impl TableKey {
    fn new(source: &Source, scope: &Scope) -> Self {
        match source {
            Source::Workloads => Self::Workloads { scope: scope.clone() },
            Source::Resource(resource) => Self::Resource {
                group: Arc::clone(&resource.group),
                version: Arc::clone(&resource.version),
                plural: Arc::clone(&resource.plural),
                scope: scope.clone(),
            },
        }
    }
}

impl Lease {
    /// Whether a new table has to take its place.
    fn is_over(&self, resource: Option<&Arc<Resource>>) -> bool {
        self.resource.as_ref() != resource || (self.table.is_dead() && self.opened.elapsed() >= MOURNING)
    }
}

impl Cluster {
    pub(crate) fn open(
        id: ClusterId,
        connection: Connection,
        default_namespace: String,
        instruments: &'static [&'static dyn Instrument],
        audit: Audit,
    ) -> Self {
        let inner = Arc::new(Inner {
            id,
            connection,
            default_namespace,
            instruments,
            audit,
            allowed: Allowed::default(),
            state: watch::Sender::new(ConnectionState::Connecting),
            catalog: ArcSwapOption::empty(),
            tables: Mutex::default(),
            changed: watch::Sender::new(0),
            asked: Mutex::new(Instant::now()),
            closing: CancellationToken::new(),
        });
        let closing = inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(keeping::keep(Arc::downgrade(&inner))));
        Self { inner, viewer: Viewer::Nobody }
    }

    /// The same cluster as `viewer` sees it.
    pub(crate) fn seen_by(&self, viewer: Viewer) -> Self {
        Self { inner: Arc::clone(&self.inner), viewer }
    }

    /// A connection that shows the cluster the credential of the one who asks, and no other. Writes, logs and values of
    /// Secrets go over it, always.
    pub(crate) fn own_connection(&self) -> Result<Connection, AppError> {
        match &self.viewer {
            Viewer::Console => Ok(self.inner.connection.clone()),
            Viewer::Person(person) => {
                let token = person.token(self.id()).ok_or_else(|| self.stranger())?;
                Ok(self.inner.connection.with_token(token))
            }
            Viewer::Nobody => Err(self.stranger()),
        }
    }

    fn stranger(&self) -> AppError {
        AppError::new(ErrorKind::Unauthorized, format!("you are not signed in to {}", self.id()))
            .hint("sign in to this cluster first")
    }

    /// Ends every watch, and every window.
    pub(crate) fn close(&self) {
        self.inner.closing.cancel();
        let tables = std::mem::take(&mut *self.tables());
        drop(tables);
    }

    /// Is over when the cluster is closed.
    pub(crate) async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }

    /// Its name.
    pub fn id(&self) -> &ClusterId {
        &self.inner.id
    }

    /// The address of its API server.
    pub fn server(&self) -> &str {
        self.inner.connection.server()
    }

    /// How it is connected.
    pub fn state(&self) -> ConnectionState {
        self.inner.state.borrow().clone()
    }

    /// Wakes when the connection's state changes.
    pub fn watch_state(&self) -> watch::Receiver<ConnectionState> {
        self.inner.state.subscribe()
    }

    /// The namespace that the context names; `default` when it names none.
    pub fn default_namespace(&self) -> &str {
        &self.inner.default_namespace
    }

    /// What it serves; `None` until it was reached once.
    pub fn catalog(&self) -> Option<Arc<Catalog>> {
        *self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.known_catalog()
    }

    /// The same, for work of our own, which does not count as a question.
    pub(crate) fn known_catalog(&self) -> Option<Arc<Catalog>> {
        self.inner.catalog.load_full()
    }

    /// What it serves, waiting for the connection as long as `patience` lasts. A first failure ends the wait: it says more
    /// than silence would.
    pub async fn wait_catalog(&self, patience: Duration) -> Result<Arc<Catalog>, AppError> {
        let mut state = self.inner.state.subscribe();
        let reached = async {
            loop {
                if let Some(catalog) = self.catalog() {
                    return Ok(catalog);
                }
                if let ConnectionState::Failed { error, .. } = &*state.borrow_and_update() {
                    return Err(error.clone());
                }
                if state.changed().await.is_err() {
                    return Err(self.connecting());
                }
            }
        };
        tokio::time::timeout(patience, reached).await.unwrap_or_else(|_| Err(self.connecting()))
    }

    fn connecting(&self) -> AppError {
        AppError::new(ErrorKind::Unavailable, format!("still connecting to {} at {}", self.id(), self.server()))
            .hint("try again in a moment")
    }

    /// The instruments that have something to show here, each with the places that do.
    pub fn places(&self) -> Vec<(&'static dyn Instrument, Vec<Place>)> {
        let Some(catalog) = self.catalog() else { return Vec::new() };
        let shown = |place: &&Place| place.needs.iter().any(|name| catalog.serves(*name));
        self.inner
            .instruments
            .iter()
            .map(|instrument| (*instrument, instrument.manifest().places.iter().filter(shown).cloned().collect()))
            .filter(|(_, places): &(_, Vec<Place>)| !places.is_empty())
            .collect()
    }

    /// The page of one place of an instrument.
    pub fn page(&self, instrument: &str, place: &str) -> Result<Page, AppError> {
        let catalog = self.catalog().ok_or_else(|| self.connecting())?;
        let missing = || AppError::new(ErrorKind::NotFound, format!("there is no place {instrument}/{place} here"));
        let (instrument, places) =
            self.places().into_iter().find(|(candidate, _)| candidate.manifest().id == instrument).ok_or_else(
                || match self.unknown_need(&catalog, instrument) {
                    Some(problem) => unavailable(problem),
                    None => missing().hint("the cluster serves none of the resources that it shows"),
                },
            )?;
        if !places.iter().any(|candidate| candidate.id == place) {
            return Err(missing());
        }
        instrument.page(place, &|name| catalog.serves(name)).ok_or_else(missing)
    }

    /// Why it is not known whether an instrument has something to show.
    fn unknown_need<'a>(&self, catalog: &'a Catalog, instrument: &str) -> Option<&'a Problem> {
        let manifest = self.inner.instruments.iter().map(|one| one.manifest()).find(|one| one.id == instrument)?;
        manifest.places.iter().flat_map(|place| place.needs).find_map(|name| catalog.unknown(*name))
    }

    /// The instrument that understands a resource.
    pub(crate) fn instrument(&self, name: GroupResource<'_>) -> Option<&'static dyn Instrument> {
        self.inner.instruments.iter().copied().find(|instrument| instrument.manifest().resources.contains(&name))
    }

    /// The namespaces, sorted; `None` while they are unknown or may not be listed.
    pub fn namespaces(&self) -> Option<Vec<String>> {
        let catalog = self.catalog()?;
        let resource = catalog.served(GroupResource::new("", "namespaces"))?;
        let table = self.table(&Source::Resource(Arc::clone(resource)), None);
        let snapshot = table.snapshot();
        if snapshot.is_empty() && *snapshot.completeness() != Completeness::Complete {
            return None;
        }
        let mut names: Vec<_> = snapshot.iter().map(|record| record.row.name.to_string()).collect();
        names.sort_unstable();
        Some(names)
    }

    /// The resource behind a reference, when the cluster serves it.
    pub fn link(&self, reference: &ObjectRef) -> Option<Arc<Resource>> {
        self.catalog()?.by_kind(reference.group(), &reference.kind).cloned()
    }

    /// Answers at once, with what is known.
    pub fn list(&self, source: &Source, ask: &Ask) -> Result<Listing, AppError> {
        let table = self.table_for(source, ask)?;
        self.answer(&table, ask)
    }

    /// Answers when the table is loaded (or cannot be), or when `patience` is over.
    pub async fn list_settled(&self, source: &Source, ask: &Ask, patience: Duration) -> Result<Listing, AppError> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut table = self.table_for(source, ask)?;
        table.settled(deadline).await;
        // What may not be listed in the whole cluster may be listed in some namespaces.
        let narrower = self.table_for(source, ask)?;
        if !Arc::ptr_eq(&table, &narrower) {
            table = narrower;
            table.settled(deadline).await;
        }
        self.answer(&table, ask)
    }

    fn answer(&self, table: &LiveTable, ask: &Ask) -> Result<Listing, AppError> {
        let plan = ask.plan(table.columns())?;
        let snapshot = table.snapshot();
        let answer = snapshot.run(&plan, ask.offset, ask.limit.unwrap_or(usize::MAX), Timestamp::now());
        Ok(Listing {
            columns: Arc::clone(table.columns()),
            rows: answer.rows,
            total: answer.total,
            unfiltered: snapshot.len(),
            as_of: table.as_of(),
            completeness: snapshot.completeness().clone(),
            notes: table.freshness().notes.to_vec(),
        })
    }

    /// The table that answers a question: of the whole cluster, or of some namespaces when only those may be read.
    pub(crate) fn table_for(&self, source: &Source, ask: &Ask) -> Result<Arc<LiveTable>, AppError> {
        let namespaced = match source {
            Source::Workloads => true,
            Source::Resource(resource) => resource.namespaced,
        };
        if ask.confined && namespaced && !ask.namespaces.is_empty() {
            let mut namespaces = ask.namespaces.clone();
            namespaces.sort_unstable();
            namespaces.dedup();
            return Ok(self.table(source, Some(namespaces)));
        }
        let whole = self.table(source, None);
        if !namespaced || !whole.is_forbidden() {
            return Ok(whole);
        }
        let mut namespaces = ask.namespaces.clone();
        if namespaces.is_empty() {
            namespaces = confined_to(&ask.plan(whole.columns())?.filter).unwrap_or_default();
        }
        namespaces.sort_unstable();
        namespaces.dedup();
        if namespaces.is_empty() { Ok(whole) } else { Ok(self.table(source, Some(namespaces))) }
    }

    /// The live table of a source in a scope; it begins to load with the first call.
    pub(crate) fn table(&self, source: &Source, scope: Scope) -> Arc<LiveTable> {
        // A resource may have changed since it was found: its columns, for one.
        let source = &self.present(source);
        let resource = match source {
            Source::Workloads => None,
            Source::Resource(resource) => Some(resource),
        };
        let key = TableKey::new(source, &scope);
        let now = Instant::now();
        let mut tables = self.tables();
        if let Some(lease) = tables.get_mut(&key)
            && !lease.is_over(resource)
        {
            lease.used = now;
            return Arc::clone(&lease.table);
        }
        let table = Arc::new(match source {
            Source::Workloads => workloads::derive(self, scope),
            Source::Resource(resource) => watch_resource(
                &self.inner.connection,
                resource,
                &scope,
                self.inner.instruments,
                self.inner.changed.clone(),
            ),
        });
        let lease = Lease { table: Arc::clone(&table), resource: resource.cloned(), opened: now, used: now };
        let before = tables.insert(key, lease);
        drop(tables);
        drop(before);
        table
    }

    /// The same source as the catalog describes it now.
    fn present(&self, source: &Source) -> Source {
        let Source::Resource(resource) = source else { return Source::Workloads };
        let now = self.known_catalog().and_then(|catalog| catalog.same(resource).cloned());
        Source::Resource(now.unwrap_or_else(|| Arc::clone(resource)))
    }

    /// The live table for reading about objects in `namespace`: of the whole cluster where that is watched anyway, else of
    /// the namespace alone, which is all that a page about one object needs.
    pub(crate) fn table_near(&self, resource: &Arc<Resource>, namespace: Option<&str>) -> (Arc<LiveTable>, Scope) {
        let source = self.present(&Source::Resource(Arc::clone(resource)));
        let Some(namespace) = namespace.filter(|_| resource.namespaced) else {
            return (self.table(&source, None), None);
        };
        let usable = self
            .tables()
            .get(&TableKey::new(&source, &None))
            .is_some_and(|lease| !lease.table.is_forbidden() && !lease.table.is_loading() && !lease.table.is_dead());
        let scope = if usable { None } else { Some(vec![namespace.to_owned()]) };
        (self.table(&source, scope.clone()), scope)
    }

    /// Reads one object from the API server itself.
    pub(crate) async fn fetch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<pilothouse_model::Object, ClusterError> {
        self.inner.connection.get(resource, namespace, name).await
    }

    fn tables(&self) -> std::sync::MutexGuard<'_, HashMap<TableKey, Lease>> {
        self.inner.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
