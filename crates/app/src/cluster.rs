//! One cluster: its connection, what it serves, and its live tables.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};
use pilothouse_cluster::{ClusterError, Connection};
use pilothouse_model::{ClusterId, Completeness, GroupResource, Instrument, ObjectRef, Page, Place, Resource, Str};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::ask::{Ask, Listing, Source, confined_to};
use crate::catalog::Catalog;
use crate::error::{AppError, ErrorKind};
use crate::feed::{LiveTable, Scope, watch_resource};
use crate::moment::{Moment, Name};
use crate::workloads;

/// How long a table is kept after its last question.
const LINGER: Duration = Duration::from_secs(120);
/// How often the resources of a cluster that someone looks at are discovered again.
const REDISCOVER: Duration = Duration::from_secs(30);
/// The longest wait between two attempts to connect.
const SLOWEST_RETRY: Duration = Duration::from_secs(30);

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

/// One cluster. Cloning shares it.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    id: ClusterId,
    connection: Connection,
    default_namespace: String,
    pub(crate) instruments: &'static [&'static dyn Instrument],
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

/// The tables that questions about one object have turned out to need; they are watched as long as this is held.
#[derive(Default)]
pub(crate) struct Held {
    tables: BTreeMap<Name, Arc<LiveTable>>,
    /// The namespace that the questions are about: for people who may read only there.
    namespace: Option<String>,
}

impl Held {
    pub(crate) fn about(namespace: Option<&str>) -> Self {
        Self { tables: BTreeMap::new(), namespace: namespace.map(str::to_owned) }
    }

    /// The namespace that the questions are about.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

struct Lease {
    table: Arc<LiveTable>,
    used: Instant,
}

impl Cluster {
    pub(crate) fn open(
        id: ClusterId,
        connection: Connection,
        default_namespace: String,
        instruments: &'static [&'static dyn Instrument],
    ) -> Self {
        let inner = Arc::new(Inner {
            id,
            connection,
            default_namespace,
            instruments,
            state: watch::Sender::new(ConnectionState::Connecting),
            catalog: ArcSwapOption::empty(),
            tables: Mutex::default(),
            changed: watch::Sender::new(0),
            asked: Mutex::new(Instant::now()),
            closing: CancellationToken::new(),
        });
        let cluster = Self { inner };
        let keeper = cluster.clone();
        let closing = cluster.inner.closing.clone();
        tokio::spawn(closing.run_until_cancelled_owned(async move { keeper.keep().await }));
        cluster
    }

    /// Ends every watch.
    pub(crate) fn close(&self) {
        self.inner.closing.cancel();
        self.tables().clear();
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
        let (instrument, places) = self
            .places()
            .into_iter()
            .find(|(candidate, _)| candidate.manifest().id == instrument)
            .ok_or_else(|| missing().hint("the cluster serves none of the resources that it shows"))?;
        if !places.iter().any(|candidate| candidate.id == place) {
            return Err(missing());
        }
        instrument.page(place, &|name| catalog.serves(name)).ok_or_else(missing)
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
            notes: table.freshness().notes,
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
        if !namespaced || !matches!(whole.snapshot().completeness(), Completeness::Forbidden(_)) {
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
        let key = match source {
            Source::Workloads => TableKey::Workloads { scope: scope.clone() },
            Source::Resource(resource) => TableKey::Resource {
                group: Arc::clone(&resource.group),
                version: Arc::clone(&resource.version),
                plural: Arc::clone(&resource.plural),
                scope: scope.clone(),
            },
        };
        let mut tables = self.tables();
        let lease = tables.entry(key).or_insert_with(|| {
            let table = match source {
                Source::Workloads => workloads::derive(self.clone(), scope),
                Source::Resource(resource) => watch_resource(
                    &self.inner.connection,
                    resource,
                    &scope,
                    self.inner.instruments,
                    self.inner.changed.clone(),
                ),
            };
            Lease { table: Arc::new(table), used: Instant::now() }
        });
        lease.used = Instant::now();
        Arc::clone(&lease.table)
    }

    /// The live table of a resource by name, for reading about objects in `namespace`; `None` when it is not served.
    pub(crate) fn table_by_name(
        &self,
        catalog: &Catalog,
        name: GroupResource<'_>,
        namespace: Option<&str>,
    ) -> Option<Arc<LiveTable>> {
        let resource = catalog.served(name)?;
        let source = Source::Resource(Arc::clone(resource));
        let whole = self.table(&source, None);
        match namespace {
            Some(namespace)
                if resource.namespaced && matches!(whole.snapshot().completeness(), Completeness::Forbidden(_)) =>
            {
                Some(self.table(&source, Some(vec![namespace.to_owned()])))
            }
            _ => Some(whole),
        }
    }

    /// Asks `question` of a moment, watching what it turns out to need and asking again, until nothing is missing or
    /// `patience` is over.
    pub(crate) async fn settle<T>(
        &self,
        catalog: &Catalog,
        held: &mut Held,
        patience: Duration,
        question: impl Fn(&Moment<'_>) -> T,
    ) -> T {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            let namespace = held.namespace.as_deref();
            let tables = held.tables.iter().map(|(name, table)| (name.clone(), table.snapshot())).collect();
            let moment = Moment::new(catalog, tables);
            let answer = question(&moment);
            let missing = moment.missing();
            if missing.is_empty() {
                return answer;
            }
            let mut needed = Vec::new();
            for name in missing {
                let named = GroupResource::new(&name.0, &name.1);
                let Some(mut table) = self.table_by_name(catalog, named, namespace) else { continue };
                table.settled(deadline).await;
                if let Some(narrower) = self.table_by_name(catalog, named, namespace) {
                    table = narrower;
                    table.settled(deadline).await;
                }
                needed.push((name, table));
            }
            held.tables.extend(needed);
        }
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

    /// Connects, discovers again now and then, and lets go of tables that nobody uses.
    async fn keep(&self) {
        let mut attempts = 0_u32;
        loop {
            let wait = match self.discover().await {
                Ok(version) => {
                    attempts = 0;
                    self.inner.state.send_replace(ConnectionState::Connected { version });
                    REDISCOVER
                }
                Err(error) => {
                    attempts = attempts.saturating_add(1);
                    let wait =
                        error.retry_after().unwrap_or(Duration::from_secs(1 << attempts.min(5))).min(SLOWEST_RETRY);
                    tracing::warn!(cluster = %self.id(), attempts, "cannot reach the cluster: {error}");
                    let retry_at = Timestamp::now() + SignedDuration::try_from(wait).unwrap_or(SignedDuration::ZERO);
                    let failed = ConnectionState::Failed { error: error.into(), retry_at, attempts };
                    self.inner.state.send_replace(failed);
                    wait
                }
            };
            tokio::time::sleep(wait).await;
            self.release();
            while attempts == 0 && self.is_idle() {
                tokio::time::sleep(REDISCOVER).await;
                self.release();
            }
        }
    }

    async fn discover(&self) -> Result<String, ClusterError> {
        let version = self.inner.connection.version().await?;
        let catalog = Catalog::new(self.inner.connection.discover().await?);
        if self.inner.catalog.load().as_deref() != Some(&catalog) {
            self.inner.catalog.store(Some(Arc::new(catalog)));
            self.inner.changed.send_modify(|version| *version += 1);
        }
        Ok(version)
    }

    fn is_idle(&self) -> bool {
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > LINGER && self.tables().is_empty()
    }

    /// Lets go of tables that nobody holds and nobody asked for lately. Ends their watches.
    fn release(&self) {
        self.tables().retain(|_, lease| Arc::strong_count(&lease.table) > 1 || lease.used.elapsed() < LINGER);
    }
}
