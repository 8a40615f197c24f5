//! Live tables: a watch of the cluster room, projected by an instrument into a table of the store room.

mod projector;
mod writer;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::FutureExt;
use futures::stream::{self, SelectAll, StreamExt};
use jiff::Timestamp;
use pilothouse_cluster::{Connection, Signal};
use pilothouse_model::{Column, Completeness, Instrument, Resource};
use pilothouse_store::{Record, Snapshot, Table};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::isolate::Defect;
pub(crate) use projector::{Projector, by_name};
use writer::Writer;

/// How long changes are gathered before readers see them; also how often a first list shows what it has so far.
const FOLD: Duration = Duration::from_millis(50);
/// Pages of more objects than this are taken in beside the runtime, which answers questions meanwhile.
const LARGE: usize = 32;
/// How long a watch may give no sign of life before what it told counts as old. Servers send bookmarks each minute; from
/// those that send none, a new watch is asked for as often.
const TRUST: Duration = Duration::from_secs(90);

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
    now: ArcSwap<(Arc<Snapshot>, Freshness)>,
    version: watch::Sender<u64>,
    /// Bumped as well, for those who follow several tables.
    changed: Option<watch::Sender<u64>>,
    dead: AtomicBool,
}

/// How current a table is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Freshness {
    /// When the data was last known to be current: the last sign of life of the watch, however quiet it is since. A claim to
    /// be current now would be a guess.
    pub(crate) last: Option<Timestamp>,
    /// Whether a part of it may not be read, whatever else is wrong.
    pub(crate) forbidden: bool,
    /// What else a person should know.
    pub(crate) notes: Arc<[String]>,
}

impl Shared {
    pub(crate) fn new(columns: Arc<[Column]>, snapshot: Snapshot, changed: Option<watch::Sender<u64>>) -> Arc<Self> {
        Arc::new(Self {
            columns,
            now: ArcSwap::from_pointee((Arc::new(snapshot), Freshness::default())),
            version: watch::Sender::new(0),
            changed,
            dead: AtomicBool::new(false),
        })
    }

    /// Shows readers a new moment.
    pub(crate) fn publish(&self, snapshot: Snapshot, freshness: Freshness) {
        self.now.store(Arc::new((Arc::new(snapshot), freshness)));
        for version in std::iter::once(&self.version).chain(&self.changed) {
            version.send_modify(|version| *version += 1);
        }
    }

    /// The task is over, which it never should be: what is known stays, and is said to be broken.
    fn fail(&self, why: &str) {
        tracing::error!("a table is not kept up to date any more: {why}");
        self.dead.store(true, Ordering::Release);
        let (last, freshness) = &**self.now.load();
        let mut table = Table::new(Arc::clone(&self.columns));
        table.replace(last.iter().map(|record| Record::clone(record)).collect());
        table.set_completeness(Completeness::Broken(why.to_owned()));
        table.commit();
        self.publish(table.snapshot(), freshness.clone());
    }
}

impl LiveTable {
    /// A table that `task` writes. A task that ends or panics makes a broken table, not one that is silently out of date.
    pub(crate) fn new(shared: Arc<Shared>, task: impl Future<Output = ()> + Send + 'static) -> Self {
        let publisher = Arc::clone(&shared);
        let watched = async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(()) => publisher.fail("it is not watched any more"),
                Err(panic) => publisher.fail(&Defect::of(&*panic).to_string()),
            }
        };
        Self { shared, _task: AbortOnDropHandle::new(tokio::spawn(watched)) }
    }

    pub(crate) fn columns(&self) -> &Arc<[Column]> {
        &self.shared.columns
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.now.load().0)
    }

    pub(crate) fn freshness(&self) -> Freshness {
        self.shared.now.load().1.clone()
    }

    /// Whether nobody writes it any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.shared.dead.load(Ordering::Acquire)
    }

    /// Whether (a part of) it may not be read.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.shared.now.load().1.forbidden
    }

    /// Whether its first list is still under way.
    pub(crate) fn is_loading(&self) -> bool {
        *self.shared.now.load().0.completeness() == Completeness::Loading
    }

    /// When the data was last known to be current.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        self.freshness().last
    }

    /// Wakes with every new moment.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Waits until the table is loaded or cannot be, or until the deadline.
    pub(crate) async fn settled(&self, deadline: Instant) {
        let mut version = self.subscribe();
        let settled = async { while self.is_loading() && version.changed().await.is_ok() {} };
        if timeout_at(deadline, settled).await.is_err() {
            tracing::debug!("patience is over before the table is loaded");
        }
    }
}

/// Starts to watch `resource` in `scope`.
pub(crate) fn watch_resource(
    connection: &Connection,
    resource: &Arc<Resource>,
    scope: &Scope,
    instruments: &[&'static dyn Instrument],
    changed: watch::Sender<u64>,
) -> LiveTable {
    let projector = Projector::new(Arc::clone(resource), instruments);
    let table = Table::new(Arc::clone(projector.columns()));
    let shared = Shared::new(Arc::clone(projector.columns()), table.snapshot(), Some(changed));
    let namespaces: Vec<Option<String>> = match scope {
        None => vec![None],
        Some(names) => names.iter().cloned().map(Some).collect(),
    };
    let mut signals = SelectAll::new();
    for (index, namespace) in namespaces.iter().enumerate() {
        let mut receiver = connection.watch(Arc::clone(resource), namespace.clone());
        let told = stream::poll_fn(move |context| receiver.poll_recv(context));
        // The end of one watch of several is told, or its part of the table would be out of date for ever.
        let told = told.map(Some).chain(stream::iter([None]));
        signals.push(told.map(move |signal| (index, signal)).boxed());
    }
    let writer = Writer::new(projector, table, namespaces);
    LiveTable::new(Arc::clone(&shared), write(writer, signals, shared))
}

/// Takes in signals and publishes moments until a watch ends.
async fn write(
    mut writer: Writer,
    mut signals: impl futures::Stream<Item = (usize, Option<Signal>)> + Unpin,
    shared: Arc<Shared>,
) {
    loop {
        let mut told = match timeout_at(writer.patience(), signals.next()).await {
            Ok(Some(told)) => told,
            Ok(None) => return,
            Err(_) => {
                writer.grow_old(Instant::now());
                let (snapshot, freshness) = writer.moment();
                shared.publish(snapshot, freshness);
                continue;
            }
        };
        let deadline = Instant::now() + FOLD;
        loop {
            let (index, Some(signal)) = told else { return };
            let Some(taken) = take(writer, index, signal).await else { return };
            writer = taken;
            if Instant::now() >= deadline {
                break;
            }
            match timeout_at(deadline, signals.next()).await {
                Ok(Some(next)) => told = next,
                Ok(None) => return,
                Err(_) => break,
            }
        }
        let (snapshot, freshness) = writer.moment();
        shared.publish(snapshot, freshness);
    }
}

/// Lets the writer take in a signal; `None` when the runtime shuts down.
async fn take(mut writer: Writer, index: usize, signal: Signal) -> Option<Writer> {
    let heavy = match &signal {
        Signal::Page { objects, .. } => objects.len() > LARGE,
        Signal::Listed => true,
        _ => false,
    };
    if !heavy {
        writer.take(index, signal);
        return Some(writer);
    }
    let taken = spawn_blocking(move || {
        writer.take(index, signal);
        writer
    });
    match taken.await {
        Ok(writer) => Some(writer),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
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

#[cfg(test)]
mod tests;
