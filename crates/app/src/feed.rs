//! Live tables: a watch of the cluster room, projected by an instrument into a table of the store room.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::stream::{SelectAll, StreamExt};
use jiff::Timestamp;
use pilothouse_cluster::{ClusterError, Connection, ErrorKind, Signal};
use pilothouse_model::{Column, Completeness, Instrument, Object, Projection, Read, Resource, Row};
use pilothouse_store::{Compressor, Interner, Record, RowId, Snapshot, Table};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

/// How long changes are gathered before readers see them.
const FOLD: Duration = Duration::from_millis(50);
/// How many signals are taken in before readers see them, so that a first list shows while it loads.
const BATCH: usize = 2_000;

/// In which namespaces a table is kept: `None` for the whole cluster, else these, sorted.
pub(crate) type Scope = Option<Vec<String>>;

/// A table that is kept up to date by a task, for as long as anyone holds it.
pub(crate) struct LiveTable {
    shared: Arc<Shared>,
    _task: AbortOnDropHandle<()>,
}

/// What the task writes and readers read.
pub(crate) struct Shared {
    columns: Arc<[Column]>,
    snapshot: ArcSwap<Snapshot>,
    freshness: Mutex<Freshness>,
    version: watch::Sender<u64>,
}

/// How current a table is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freshness {
    /// Whether the watch is healthy: then the data is current.
    pub(crate) live: bool,
    /// When the data was last known to be current.
    pub(crate) last: Option<Timestamp>,
    /// What else a person should know.
    pub(crate) notes: Vec<String>,
}

impl Shared {
    pub(crate) fn new(columns: Arc<[Column]>, snapshot: Snapshot) -> Arc<Self> {
        Arc::new(Self {
            columns,
            snapshot: ArcSwap::from_pointee(snapshot),
            freshness: Mutex::default(),
            version: watch::Sender::new(0),
        })
    }

    /// Shows readers a new moment.
    pub(crate) fn publish(&self, snapshot: Snapshot, freshness: Freshness) {
        self.snapshot.store(Arc::new(snapshot));
        *self.freshness.lock().unwrap_or_else(PoisonError::into_inner) = freshness;
        self.version.send_modify(|version| *version += 1);
    }
}

impl LiveTable {
    pub(crate) fn new(shared: Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { shared, _task: AbortOnDropHandle::new(tokio::spawn(task)) }
    }

    pub(crate) fn columns(&self) -> &Arc<[Column]> {
        &self.shared.columns
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.snapshot.load_full()
    }

    pub(crate) fn freshness(&self) -> Freshness {
        self.shared.freshness.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// When the data was last known to be current: now, while the watch is healthy.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        let freshness = self.freshness();
        if freshness.live { Some(Timestamp::now()) } else { freshness.last }
    }

    /// Wakes with every new moment.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Waits until the table is loaded or cannot be, or until the deadline.
    pub(crate) async fn settled(&self, deadline: tokio::time::Instant) {
        let mut version = self.subscribe();
        let settled = async {
            while *self.snapshot().completeness() == Completeness::Loading && version.changed().await.is_ok() {}
        };
        if tokio::time::timeout_at(deadline, settled).await.is_err() {
            tracing::debug!("patience is over before the table is loaded");
        }
    }
}

/// Turns objects of one resource into records.
pub(crate) struct Projector {
    resource: Arc<Resource>,
    columns: Arc<[Column]>,
    instrument: Option<&'static dyn Instrument>,
    is_event: bool,
}

impl Projector {
    /// The instrument that understands the resource shapes its rows, else its own printer columns do.
    pub(crate) fn new(resource: Arc<Resource>, instruments: &'static [&'static dyn Instrument]) -> Self {
        let understood = instruments
            .iter()
            .filter(|instrument| instrument.manifest().resources.contains(&resource.group_resource()))
            .find_map(|instrument| instrument.columns(&resource).map(|columns| (*instrument, columns)));
        let (instrument, columns) = match understood {
            Some((instrument, columns)) => (Some(instrument), columns),
            None => (None, pilothouse_columns::columns(&resource)),
        };
        let is_event = &*resource.plural == "events";
        Self { resource, columns: columns.into(), instrument, is_event }
    }

    pub(crate) fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    pub(crate) fn row(&self, object: &Object, interner: &mut Interner) -> Row {
        let projection: Projection = match self.instrument {
            Some(instrument) => instrument.project(&self.resource, object),
            None => pilothouse_columns::project(&self.resource, object),
        };
        let mut row = Row::assemble(Arc::clone(&self.resource), object, projection, &mut |text| interner.intern(text));
        if self.is_event {
            // An event hangs on the object it is about, so that the store's index by owner finds it.
            let about = object.text("/involvedObject/uid").or_else(|| object.text("/regarding/uid"));
            row.owners = about.map(|uid| interner.intern(uid)).into_iter().collect();
        }
        row
    }
}

/// Starts to watch `resource` in `scope`. `changed` is bumped with every new moment, for those who follow several tables.
pub(crate) fn watch_resource(
    connection: &Connection,
    resource: &Arc<Resource>,
    scope: &Scope,
    instruments: &'static [&'static dyn Instrument],
    changed: watch::Sender<u64>,
) -> LiveTable {
    let projector = Projector::new(Arc::clone(resource), instruments);
    let table = Table::new(Arc::clone(projector.columns()));
    let shared = Shared::new(Arc::clone(projector.columns()), table.snapshot());
    let namespaces: Vec<Option<String>> = match scope {
        None => vec![None],
        Some(names) => names.iter().cloned().map(Some).collect(),
    };
    let mut signals = SelectAll::new();
    for (index, namespace) in namespaces.iter().enumerate() {
        let mut receiver = connection.watch(Arc::clone(resource), namespace.clone());
        let stream = futures::stream::poll_fn(move |context| receiver.poll_recv(context));
        signals.push(stream.map(move |signal| (index, signal)).boxed());
    }
    let mut writer = Writer::new(projector, table, namespaces);
    let publisher = Arc::clone(&shared);
    LiveTable::new(shared, async move {
        while let Some((index, signal)) = signals.next().await {
            writer.take(index, signal);
            let folded = tokio::time::sleep(FOLD);
            tokio::pin!(folded);
            for _ in 0..BATCH {
                tokio::select! {
                    biased;
                    Some((index, signal)) = signals.next() => writer.take(index, signal),
                    () = &mut folded => break,
                }
            }
            writer.publish(&publisher);
            changed.send_modify(|version| *version += 1);
        }
    })
}

/// One of the watches that fill a table.
struct Part {
    namespace: Option<String>,
    completeness: Completeness,
    live: bool,
    last: Option<Timestamp>,
    /// What a list has brought so far, and whether it may be shown before it is complete.
    listed: HashSet<RowId>,
    pending: Vec<Record>,
    first: bool,
    malformed: Vec<String>,
}

/// The one writer of a table.
struct Writer {
    projector: Projector,
    table: Table,
    interner: Interner,
    compressor: Compressor,
    parts: Vec<Part>,
}

impl Writer {
    fn new(projector: Projector, table: Table, namespaces: Vec<Option<String>>) -> Self {
        let parts = namespaces
            .into_iter()
            .map(|namespace| Part {
                namespace,
                completeness: Completeness::Loading,
                live: false,
                last: None,
                listed: HashSet::new(),
                pending: Vec::new(),
                first: true,
                malformed: Vec::new(),
            })
            .collect();
        Self { projector, table, interner: Interner::new(), compressor: Compressor::new(), parts }
    }

    fn record(&mut self, object: &Object) -> Record {
        Record { row: self.projector.row(object, &mut self.interner), body: self.compressor.compress(object) }
    }

    fn take(&mut self, index: usize, signal: Signal) {
        match signal {
            Signal::Listing { first } => {
                let part = &mut self.parts[index];
                part.first = first;
                part.listed.clear();
                part.pending.clear();
                part.malformed.clear();
            }
            Signal::Page { objects, malformed, remaining: _ } => {
                let records: Vec<_> = objects.iter().map(|object| self.record(object)).collect();
                let part = &mut self.parts[index];
                part.malformed.extend(malformed);
                part.listed.extend(records.iter().map(|record| RowId::of(&record.row)));
                if part.first {
                    // A first list shows while it loads; a later one only when it is whole.
                    for record in records {
                        self.table.upsert(record);
                    }
                } else {
                    part.pending.extend(records);
                }
            }
            Signal::Listed => self.listed(index),
            Signal::Applied(object) => {
                let record = self.record(&object);
                self.table.upsert(record);
                self.alive(index);
            }
            Signal::Deleted(object) => {
                let row = self.projector.row(&object, &mut self.interner);
                self.table.remove(&RowId::of(&row));
                self.alive(index);
            }
            Signal::Malformed(why) => {
                let part = &mut self.parts[index];
                if !part.malformed.contains(&why) {
                    part.malformed.push(why);
                }
            }
            Signal::Fresh => self.alive(index),
            Signal::Trouble { error, retry_in: _ } => {
                self.trouble(index, &error);
                if self.parts[index].completeness == Completeness::Absent {
                    // The resource itself is gone, and its objects with it.
                    self.keep_only(index, &HashSet::new());
                }
            }
        }
    }

    /// A list is complete: exactly what it held is true.
    fn listed(&mut self, index: usize) {
        let part = &mut self.parts[index];
        let listed = std::mem::take(&mut part.listed);
        for record in std::mem::take(&mut part.pending) {
            self.table.upsert(record);
        }
        self.keep_only(index, &listed);
        let part = &mut self.parts[index];
        part.first = false;
        part.completeness = Completeness::Complete;
        self.alive(index);
    }

    /// Takes out the rows of one part that are not among these.
    fn keep_only(&mut self, index: usize, listed: &HashSet<RowId>) {
        let namespace = self.parts[index].namespace.clone();
        // What was written since the last moment counts too; readers see none of it before `publish`.
        self.table.commit();
        let gone: Vec<RowId> = self
            .table
            .snapshot()
            .iter()
            .filter(|record| namespace.is_none() || record.row.namespace.as_deref() == namespace.as_deref())
            .map(|record| RowId::of(&record.row))
            .filter(|id| !listed.contains(id))
            .collect();
        for id in gone {
            self.table.remove(&id);
        }
    }

    fn alive(&mut self, index: usize) {
        let part = &mut self.parts[index];
        part.live = true;
        part.last = Some(Timestamp::now());
        if matches!(part.completeness, Completeness::Stale(_)) {
            part.completeness = Completeness::Complete;
        }
    }

    fn trouble(&mut self, index: usize, error: &ClusterError) {
        let part = &mut self.parts[index];
        let message = error.to_string();
        if part.live {
            part.last = Some(Timestamp::now());
        }
        part.live = false;
        part.completeness = match error.kind() {
            ErrorKind::Forbidden => Completeness::Forbidden(message),
            ErrorKind::NotFound => Completeness::Absent,
            _ if part.last.is_some() => Completeness::Stale(message),
            _ => Completeness::Broken(message),
        };
    }

    fn publish(&mut self, shared: &Shared) {
        let completeness = worst(self.parts.iter().map(|part| &part.completeness));
        self.table.set_completeness(completeness);
        self.table.commit();
        let freshness = Freshness {
            live: self.parts.iter().all(|part| part.live),
            last: self.parts.iter().map(|part| part.last).min().flatten(),
            notes: self.parts.iter().flat_map(|part| part.malformed.iter().cloned()).collect(),
        };
        shared.publish(self.table.snapshot(), freshness);
    }
}

/// The completeness of a whole made of parts: as bad as the worst of them.
pub(crate) fn worst<'a>(parts: impl Iterator<Item = &'a Completeness>) -> Completeness {
    let badness = |completeness: &&Completeness| match completeness {
        Completeness::Complete => 0,
        Completeness::Absent => 1,
        Completeness::Forbidden(_) => 2,
        Completeness::Stale(_) => 3,
        Completeness::Broken(_) => 4,
        Completeness::Loading => 5,
    };
    parts.max_by_key(badness).cloned().unwrap_or(Completeness::Complete)
}
