//! One cluster: its connection, what it serves, and its live tables.

pub(crate) mod alike;
mod choosing;
mod chosen;
mod figures;
mod keeping;
mod reached;
mod seeing;
mod tables;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use jiff::Timestamp;
use pilothouse_cluster::{Connection, Problem};
use pilothouse_model::{ClusterId, GroupResource, Instrument, ObjectRef, Page, Place, Resource, Str};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::act::Allowed;
use crate::ask::{Ask, Listing, Source};
use crate::audit::Audit;
use crate::catalog::{Catalog, NavigationGroup, unavailable};
use crate::error::{AppError, ErrorKind};
use crate::person::Viewer;
use crate::rights::{Grants, Holder, Remembered};
pub(crate) use chosen::Chosen;
pub(crate) use figures::Counted;
pub use figures::{ClusterFigures, TableFigures};
use reached::{Reached, ReachedBy};
pub(crate) use seeing::Near;
pub(crate) use tables::Cut;
use tables::{Lease, TableKey};

/// How long a table is kept after its last question.
const LINGER: Duration = Duration::from_secs(120);
/// How often a question may turn to another table before it is answered.
const MOST_TURNS: usize = 4;

/// How many questions about rights are under way at once, for all who ask.
const MOST_REVIEWS: usize = 32;

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

/// What decides how a cluster is read.
pub(crate) struct Settings {
    /// The namespace that the context names; `default` when it names none.
    pub(crate) default_namespace: String,
    /// The namespaces that contexts of the same server name: somebody may be at home there.
    pub(crate) namespaces: Vec<Str>,
    /// Whether many people share the console.
    pub(crate) shared: bool,
    /// Whether everything is read with the credential of the one who asks.
    pub(crate) user_credentials_only: bool,
    /// How long what somebody may see is remembered.
    pub(crate) rights_for: Duration,
}

pub(crate) struct Inner {
    id: ClusterId,
    connection: Connection,
    pub(crate) settings: Settings,
    pub(crate) instruments: &'static [&'static dyn Instrument],
    pub(crate) audit: Audit,
    /// What people may do, as the cluster said lately.
    pub(crate) allowed: Allowed,
    /// What the console's own connection showed.
    reached: Arc<Reached>,
    /// What each person's own showed, where only those are used.
    reached_by: ReachedBy,
    tables: Mutex<HashMap<TableKey, Lease>>,
    remembered: Mutex<HashMap<Holder, Arc<Remembered>>>,
    /// The namespaces that people named of whom nothing else is remembered at the moment, their credentials included.
    hints: Mutex<HashMap<[u8; 32], BTreeSet<Str>>>,
    /// Its roles and bindings, while anyone's rights hang on them.
    pub(crate) grants: Mutex<Weak<Grants>>,
    /// How many questions about rights are under way at once.
    pub(crate) reviews: Arc<Semaphore>,
    /// How many windows are open.
    pub(crate) windows: Arc<AtomicUsize>,
    /// Bumped with every new moment of any table.
    pub(crate) changed: watch::Sender<u64>,
    closing: CancellationToken,
}

/// The instrument that understands a resource.
pub(crate) fn understanding(
    instruments: &[&'static dyn Instrument],
    name: GroupResource<'_>,
) -> Option<&'static dyn Instrument> {
    instruments.iter().copied().find(|instrument| instrument.manifest().resources.contains(&name))
}

impl Cluster {
    pub(crate) fn open(
        id: ClusterId,
        connection: Connection,
        settings: Settings,
        instruments: &'static [&'static dyn Instrument],
        audit: Audit,
    ) -> Self {
        let own = settings.user_credentials_only;
        // Without rights of its own the console asks nothing by itself.
        let first = if own { ConnectionState::Idle } else { ConnectionState::Connecting };
        let inner = Arc::new(Inner {
            id,
            connection,
            settings,
            instruments,
            audit,
            allowed: Allowed::default(),
            reached: Arc::new(Reached::new(first)),
            reached_by: ReachedBy::default(),
            tables: Mutex::default(),
            remembered: Mutex::default(),
            hints: Mutex::default(),
            grants: Mutex::default(),
            reviews: Arc::new(Semaphore::new(MOST_REVIEWS)),
            windows: Arc::default(),
            changed: watch::Sender::new(0),
            closing: CancellationToken::new(),
        });
        let closing = inner.closing.clone();
        if own {
            tokio::spawn(closing.run_until_cancelled_owned(keeping::tidy(Arc::downgrade(&inner))));
        } else {
            let keeping = keeping::keep(Arc::downgrade(&inner), Arc::downgrade(&inner.reached), Viewer::Console);
            tokio::spawn(closing.run_until_cancelled_owned(keeping));
        }
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

    /// How it is connected for the one who asks.
    pub fn state(&self) -> ConnectionState {
        self.reached().state.borrow().clone()
    }

    /// The same, without beginning to connect.
    pub(crate) fn state_before(&self) -> ConnectionState {
        self.reached_before().map_or(ConnectionState::Idle, |reached| reached.state.borrow().clone())
    }

    /// Wakes when the connection's state changes.
    pub fn watch_state(&self) -> watch::Receiver<ConnectionState> {
        self.reached().state.subscribe()
    }

    /// The namespace that the context names; `default` when it names none.
    pub fn default_namespace(&self) -> &str {
        &self.inner.settings.default_namespace
    }

    /// What it serves, as it tells the one who asks; `None` until it was reached once.
    pub fn catalog(&self) -> Option<Arc<Catalog>> {
        let reached = self.reached();
        reached.touch();
        reached.catalog.load_full()
    }

    /// The same, for work of our own, which does not count as a question.
    pub(crate) fn known_catalog(&self) -> Option<Arc<Catalog>> {
        self.reached_before()?.catalog.load_full()
    }

    /// What it serves, waiting for the connection as long as `patience` lasts. A first failure ends the wait: it says more
    /// than silence would.
    pub async fn wait_catalog(&self, patience: Duration) -> Result<Arc<Catalog>, AppError> {
        if self.settings().user_credentials_only {
            // A stranger waits for nothing.
            self.holder()?;
        }
        let mut state = self.watch_state();
        let reached = async {
            loop {
                if let Some(catalog) = self.catalog() {
                    return Ok(catalog);
                }
                state.mark_unchanged();
                if let ConnectionState::Failed { error, .. } = self.state() {
                    return Err(error);
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
        let seen = |name: &GroupResource<'_>| {
            let resource = catalog.served(*name);
            resource.is_some_and(|resource| self.view_of(resource).is_none_or(|view| !view.listed.is_none()))
        };
        let shown = |place: &&Place| place.needs.iter().any(seen);
        self.inner
            .instruments
            .iter()
            .map(|instrument| (*instrument, instrument.manifest().places.iter().filter(shown).cloned().collect()))
            .filter(|(_, places): &(_, Vec<Place>)| !places.is_empty())
            .collect()
    }

    /// What it serves and the one who asks may list anywhere, grouped for the navigation; `None` until it was reached once.
    pub fn navigation(&self) -> Option<Vec<NavigationGroup>> {
        let mut groups = self.catalog()?.navigation();
        for group in &mut groups {
            group.items.retain(|item| self.view_of(&item.resource).is_none_or(|view| !view.listed.is_none()));
        }
        groups.retain(|group| !group.items.is_empty());
        Some(groups)
    }

    /// The page of one place of an instrument.
    pub fn page(&self, instrument: &str, place: &str) -> Result<Page, AppError> {
        let catalog = self.catalog().ok_or_else(|| self.connecting())?;
        if let Some(Err(error)) = self.rights_known() {
            return Err(error);
        }
        let missing = || AppError::new(ErrorKind::NotOffered, format!("there is no place {instrument}/{place} here"));
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
        understanding(self.inner.instruments, name)
    }

    /// The resource behind a reference, when the cluster serves it.
    pub fn link(&self, reference: &ObjectRef) -> Option<Arc<Resource>> {
        self.catalog()?.by_kind(reference.group(), &reference.kind).cloned()
    }

    /// Answers at once, with what is known.
    pub fn list(&self, source: &Source, ask: &Ask) -> Result<Listing, AppError> {
        self.choose(source, ask)?.answer(ask)
    }

    /// Answers when the table is loaded (or cannot be), or when `patience` is over.
    pub async fn list_settled(&self, source: &Source, ask: &Ask, patience: Duration) -> Result<Listing, AppError> {
        self.choose_settled(source, ask, patience).await?.answer(ask)
    }

    /// The table that answers a question when it is loaded (or cannot be), or when `patience` is over.
    pub(crate) async fn choose_settled(
        &self,
        source: &Source,
        ask: &Ask,
        patience: Duration,
    ) -> Result<Chosen, AppError> {
        let deadline = tokio::time::Instant::now() + patience;
        self.rights_settled(deadline).await;
        let mut chosen = self.choose(source, ask)?;
        // What may not be listed in the whole cluster may be listed in some namespaces, and with another credential.
        for _ in 0..MOST_TURNS {
            chosen.settled(deadline).await;
            let narrower = self.choose(source, ask)?;
            let same = Arc::ptr_eq(&chosen.table, &narrower.table);
            chosen = narrower;
            if same && !chosen.is_pending() {
                break;
            }
        }
        Ok(chosen)
    }

    /// Reads one object from the API server itself, with the credential of the one who asks.
    pub(crate) async fn fetch(
        &self,
        resource: &Resource,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<pilothouse_model::Object, AppError> {
        Ok(self.own_connection()?.get(resource, namespace, name).await?)
    }
}
