//! Live tables: a watch of the cluster room, projected by an instrument into a table of the store room.

mod places;
mod projector;
mod unreadable;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use futures::future::FutureExt;
use futures::stream::{self, SelectAll, StreamExt};
use jiff::Timestamp;
use pilothouse_cluster::{Connection, Signal};
use pilothouse_model::{Column, Completeness, Instrument, Resource, Sight, Str};
use pilothouse_store::{Record, Snapshot, Table};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use crate::clock::Stamp;
use crate::discreet;
use crate::isolate::Defect;
use crate::moment::{Looked, Name};
pub(crate) use places::{Place, Places};
pub(crate) use projector::{Projector, by_name};
pub(crate) use unreadable::Unread;
use writer::Writer;

/// How long changes are gathered before readers see them.
const FOLD: Duration = Duration::from_millis(25);
/// How often a list shows what it has so far. After each time, writing copies what readers hold.
const LIST_FOLD: Duration = Duration::from_millis(100);
/// Pages of more objects than this are taken in beside the runtime, which answers questions meanwhile.
const LARGE: usize = 32;
/// How long a watch may give no sign of life before what it told counts as old. Servers send bookmarks each minute; from
/// those that send none, a new watch is asked for as often.
const TRUST: Duration = Duration::from_secs(90);

/// Where a table is kept: `None` for the whole cluster, else these places.
pub(crate) type Scope = Option<Places>;

/// A table that is kept up to date by a task, for as long as anyone holds it.
pub(crate) struct LiveTable {
    shared: Arc<Shared>,
    task: Option<AbortOnDropHandle<()>>,
}

/// What the task writes and readers read.
pub(crate) struct Shared {
    columns: Arc<[Column]>,
    now: ArcSwap<Reading>,
    version: watch::Sender<u64>,
    /// Bumped as well, for those who follow several tables.
    changed: Option<watch::Sender<u64>>,
    dead: AtomicBool,
    /// Whether its words are for many people to read.
    discreet: bool,
}

/// What a table holds and how current that is, of one moment.
pub(crate) type Reading = (Arc<Snapshot>, Freshness);

/// How current a table is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Freshness {
    /// When the data was last known to be current: the last sign of life of the watch, however quiet it is since. A claim to
    /// be current now would be a guess.
    pub(crate) last: Option<Stamp>,
    /// Whether a part of it may not be read, whatever else is wrong.
    pub(crate) forbidden: bool,
    /// What else a person should know.
    pub(crate) notes: Arc<[String]>,
    /// What cannot be read.
    pub(crate) unreadable: Arc<[Unread]>,
    /// Of a derived table: everything that its rows were made from.
    pub(crate) reads: Arc<[Name]>,
    /// Of a derived table: what else there is to know of single objects, for who sees the whole of it...
    pub(crate) single: Arc<[String]>,
    /// ...and the namespaces that they are in, `None` for any other place.
    pub(crate) troubled: Arc<BTreeSet<Option<Str>>>,
    /// Of a derived table: what its rows look at, and may be told to be not known, or not yet; kinds that run aside.
    pub(crate) unsettled: Arc<[Name]>,
    /// Of a derived table, by namespace: where the rows of that namespace look.
    pub(crate) looked: Arc<BTreeMap<Str, Looked>>,
}

impl Freshness {
    /// When the data was last known to be current.
    pub(crate) fn as_of(&self) -> Option<Timestamp> {
        self.last.map(Stamp::time)
    }

    /// What else someone should know who sees this much.
    pub(crate) fn notes(&self, sight: &Sight) -> Vec<String> {
        let single = self.single.iter().filter(|_| sight.is_all());
        self.notes.iter().chain(single).cloned().chain(unreadable::notes(&self.unreadable, sight)).collect()
    }
}

impl Shared {
    /// `changed` is bumped as well; `discreet` is what many people read.
    pub(crate) fn new(
        columns: Arc<[Column]>,
        snapshot: Snapshot,
        changed: Option<watch::Sender<u64>>,
        discreet: bool,
    ) -> Arc<Self> {
        Arc::new(Self {
            columns,
            now: ArcSwap::from_pointee((Arc::new(snapshot), Freshness::default())),
            version: watch::Sender::new(0),
            changed,
            dead: AtomicBool::new(false),
            discreet,
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
        let why = if self.discreet { discreet::closed() } else { why.to_owned() };
        table.set_completeness(Completeness::Broken(why));
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
        Self { shared, task: Some(AbortOnDropHandle::new(tokio::spawn(watched))) }
    }

    /// A table without rows, of which this much is known and nothing more will be.
    pub(crate) fn still(columns: Arc<[Column]>, completeness: Completeness) -> Self {
        let mut table = Table::new(Arc::clone(&columns));
        let forbidden = matches!(completeness, Completeness::Forbidden(_));
        table.set_completeness(completeness);
        table.commit();
        let shared = Shared::new(columns, table.snapshot(), None, false);
        shared.publish(table.snapshot(), Freshness { forbidden, ..Freshness::default() });
        Self { shared, task: None }
    }

    pub(crate) fn columns(&self) -> &Arc<[Column]> {
        &self.shared.columns
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.now.load().0)
    }

    /// What it holds and how current that is, of one moment.
    pub(crate) fn moment(&self) -> Arc<Reading> {
        self.shared.now.load_full()
    }

    pub(crate) fn freshness(&self) -> Freshness {
        self.shared.now.load().1.clone()
    }

    /// Whether it never had anything to read.
    pub(crate) fn is_still(&self) -> bool {
        self.task.is_none()
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
        self.freshness().last.map(Stamp::time)
    }

    /// Wakes with every new moment.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.shared.version.subscribe()
    }

    /// Waits until the table is loaded or cannot be, or until the deadline.
    pub(crate) async fn settled(&self, deadline: Instant) {
        if self.is_still() {
            return;
        }
        let mut version = self.subscribe();
        let settled = async { while self.is_loading() && version.changed().await.is_ok() {} };
        if timeout_at(deadline, settled).await.is_err() {
            tracing::debug!("patience is over before the table is loaded");
        }
    }
}

/// Starts to watch `resource` in `scope`. `changed` is bumped with every moment; `discreet` is what many people read.
pub(crate) fn watch_resource(
    connection: &Connection,
    resource: &Arc<Resource>,
    scope: &Scope,
    instruments: &[&'static dyn Instrument],
    (changed, discreet): (watch::Sender<u64>, bool),
) -> LiveTable {
    let projector = Projector::new(Arc::clone(resource), instruments);
    let table = Table::new(Arc::clone(projector.columns()));
    let shared = Shared::new(Arc::clone(projector.columns()), table.snapshot(), Some(changed), discreet);
    let places = scope.as_ref().map_or_else(|| vec![Place::everywhere()], Places::each);
    let mut signals = SelectAll::new();
    for (index, Place { namespace, name }) in places.iter().enumerate() {
        let (resource, namespace) = (Arc::clone(resource), namespace.clone());
        let mut receiver = match name {
            Some(name) => connection.watch_named(resource, namespace, name.clone()),
            None => connection.watch(resource, namespace),
        };
        let told = stream::poll_fn(move |context| receiver.poll_recv(context));
        // The end of one watch of several is told, or its part of the table would be out of date for ever.
        let told = told.map(Some).chain(stream::iter([None]));
        signals.push(told.map(move |signal| (index, signal)).boxed());
    }
    let writer = Writer::new(projector, table, places, discreet);
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
        let fold = if let (_, Some(Signal::Page(_))) = &told { LIST_FOLD } else { FOLD };
        let deadline = Instant::now() + fold;
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
        Signal::Page(items) => items.len() > LARGE,
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
