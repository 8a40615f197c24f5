//! Answers that stay true: windows over lists, and objects that are followed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pilothouse_model::{Column, Completeness, Resource};
use pilothouse_store::{Delta, Record, Window};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::ask::{Ask, Source};
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};
use crate::feed::LiveTable;
use crate::held::Held;
use crate::object::ObjectView;

/// The shortest time between two updates of a window.
const FOLD: Duration = Duration::from_millis(100);
/// The longest time without an update: says that the stream and the data are alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How often a window is looked at again whose answer depends on the time.
const TICK: Duration = Duration::from_secs(1);
/// The shortest time between two versions of an object's page.
const OBJECT_FOLD: Duration = Duration::from_millis(300);
/// How often an object is read again that no watched table knows: it may be read, but its resource may not be listed.
const OBJECT_POLL: Duration = Duration::from_secs(5);
/// How long a version of an object's page waits for tables that it needs for the first time.
const OBJECT_PATIENCE: Duration = Duration::from_millis(1500);

/// An open window over a list.
pub struct LiveWindow {
    cluster: Cluster,
    source: Source,
    ask: Ask,
    table: Arc<LiveTable>,
    window: Window,
    version: watch::Receiver<u64>,
    told: Option<(Completeness, usize, Arc<[String]>)>,
    last: Instant,
}

/// What changed in a window.
#[derive(Clone, Debug)]
pub struct Update {
    /// The rows that differ; `None` when none do.
    pub delta: Option<Delta>,
    /// How many rows the whole answer has.
    pub total: usize,
    /// How many rows the table has before filtering.
    pub unfiltered: usize,
    /// When the data was last known to be current.
    pub as_of: Option<Timestamp>,
    /// How much is known.
    pub completeness: Completeness,
    /// What else the person should know.
    pub notes: Vec<String>,
    /// The table's columns.
    pub columns: Arc<[Column]>,
}

impl Cluster {
    /// Opens a window: its first update brings the whole page.
    pub fn window(&self, source: Source, ask: Ask) -> Result<LiveWindow, AppError> {
        let table = self.table_for(&source, &ask)?;
        let window = open(&table, &ask)?;
        let version = table.subscribe();
        let last = Instant::now();
        Ok(LiveWindow { cluster: self.clone(), source, ask, table, window, version, told: None, last })
    }

    /// Follows one object.
    pub fn live_object(&self, resource: Arc<Resource>, namespace: Option<&str>, name: &str) -> LiveObject {
        LiveObject {
            changed: self.inner.changed.subscribe(),
            cluster: self.clone(),
            held: Held::about(namespace),
            resource,
            name: name.to_owned(),
            last: None,
            seen: None,
            read: None,
        }
    }
}

fn open(table: &LiveTable, ask: &Ask) -> Result<Window, AppError> {
    Ok(Window::new(ask.plan(table.columns())?, ask.offset, ask.limit.unwrap_or(usize::MAX)))
}

impl LiveWindow {
    /// The next update: at once the first time, then when something changed, and now and then to say that all is well. `None`
    /// when the engine shuts down.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            if self.told.is_some() {
                self.wait().await?;
            }
            self.turn();
            let snapshot = self.table.snapshot();
            let notes = self.table.freshness().notes;
            let delta = self.window.update(&snapshot, Timestamp::now());
            let now = (snapshot.completeness().clone(), snapshot.len(), Arc::clone(&notes));
            let alive = self.last.elapsed() >= HEARTBEAT;
            if delta.is_none() && !alive && self.told.as_ref() == Some(&now) {
                continue;
            }
            self.told = Some(now);
            self.last = Instant::now();
            return Some(Update {
                total: self.window.total().unwrap_or_default(),
                delta,
                unfiltered: snapshot.len(),
                as_of: self.table.as_of(),
                completeness: snapshot.completeness().clone(),
                notes: notes.to_vec(),
                columns: Arc::clone(self.table.columns()),
            });
        }
    }

    /// The rows of the page, as the last update left them.
    pub fn page(&self) -> &[Arc<Record>] {
        self.window.page()
    }

    async fn wait(&mut self) -> Option<()> {
        let patience = if self.window.plan().depends_on_time() { TICK } else { HEARTBEAT };
        tokio::select! {
            () = self.cluster.closed() => return None,
            // A table that will not change any more has another in its place soon (see `turn`).
            changed = timeout(patience, self.version.changed()) => if let Ok(Err(_)) = changed { return None },
        }
        sleep_until(self.last + FOLD).await;
        self.version.mark_unchanged();
        Some(())
    }

    /// Turns to the table that the question is answered from now: that of the namespaces asked for when the whole cluster may
    /// not be listed, or a new one of a resource that has changed.
    fn turn(&mut self) {
        let Ok(table) = self.cluster.table_for(&self.source, &self.ask) else { return };
        if Arc::ptr_eq(&table, &self.table) {
            return;
        }
        let useless = self.table.is_forbidden() || self.table.is_dead();
        if !useless && table.is_loading() {
            return;
        }
        // Where columns went away, the question may mean nothing any more; then the old table stays, and tells its state.
        if let Ok(window) = open(&table, &self.ask) {
            self.version = table.subscribe();
            self.window = window;
            self.table = table;
        }
    }
}

/// What is told of an object that is followed.
type Version = Result<Arc<ObjectView>, AppError>;

/// An object that is followed.
pub struct LiveObject {
    cluster: Cluster,
    resource: Arc<Resource>,
    name: String,
    held: Held,
    changed: watch::Receiver<u64>,
    /// What was given last, and when.
    last: Option<(Version, Instant)>,
    /// The last version that there was.
    seen: Option<Arc<ObjectView>>,
    /// When it was last read, and whether watched tables tell of its changes since.
    read: Option<(Instant, bool)>,
}

impl LiveObject {
    /// The next version: at once the first time, then whenever anything on its page changed, and now and then to say that
    /// all is well. After the object is gone, or while it cannot be read, its last version is given once more, marked so.
    /// `None` when the engine shuts down.
    pub async fn next(&mut self) -> Option<Version> {
        loop {
            if let Some((read, watched)) = self.read {
                self.wait(read, watched).await?;
            }
            let viewed = self.cluster.view(&self.resource, &self.name, &mut self.held, OBJECT_PATIENCE).await;
            let watched = match &viewed {
                Ok(viewed) => viewed.watched,
                // What does not exist is told by its table, other errors by nobody.
                Err(error) => error.kind == ErrorKind::NotFound && self.held.knows(&self.resource),
            };
            self.read = Some((Instant::now(), watched));
            let version = version(viewed.map(|viewed| viewed.view), &mut self.seen);
            if self.last.as_ref().is_some_and(|(last, given)| !is_news(last, &version, given.elapsed())) {
                continue;
            }
            self.last = Some((version.clone(), Instant::now()));
            return Some(version);
        }
    }

    /// Waits until the page may look different.
    async fn wait(&mut self, read: Instant, watched: bool) -> Option<()> {
        let until = read + if watched { HEARTBEAT } else { OBJECT_POLL };
        let mut checked = read;
        loop {
            tokio::select! {
                () = self.cluster.closed() => return None,
                changed = self.changed.changed() => changed.ok()?,
                () = sleep_until(until) => return Some(()),
            }
            sleep_until(checked + OBJECT_FOLD).await;
            checked = Instant::now();
            self.changed.mark_unchanged();
            if self.held.differs() {
                return Some(());
            }
        }
    }
}

/// What is told of an object after it was read anew. A failure takes nothing away from what was seen before.
fn version(viewed: Result<ObjectView, AppError>, seen: &mut Option<Arc<ObjectView>>) -> Version {
    let error = match viewed {
        Ok(view) => return Ok(Arc::clone(seen.insert(Arc::new(view)))),
        Err(error) => error,
    };
    let Some(seen) = seen else { return Err(error) };
    let last = ObjectView::clone(seen);
    Ok(Arc::new(match error.kind {
        ErrorKind::NotFound => ObjectView { gone: true, ..last },
        _ => ObjectView { completeness: Completeness::Stale(error.message), ..last },
    }))
}

/// Whether a version is worth telling: something on its page differs, or nothing was told for a while and it is known to be
/// current at a later time.
fn is_news(last: &Version, version: &Version, silent: Duration) -> bool {
    match (last, version) {
        (Ok(last), Ok(version)) => !last.says_the_same(version) || (last.as_of != version.as_of && silent >= HEARTBEAT),
        (Err(last), Err(version)) => last != version,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{Object, Projection, Row, Status};
    use serde_json::json;

    use super::*;

    fn view(as_of: &str) -> ObjectView {
        let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
        let object = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "a"}});
        let object = Object::new(object).unwrap();
        let projection = Projection { status: Status::none(), cells: Vec::new() };
        ObjectView {
            row: Row::assemble(Arc::clone(&resource), &object, projection, &mut |text| text.into()),
            resource,
            object: Arc::new(object),
            columns: Vec::new().into(),
            owners: Vec::new(),
            dependents: Vec::new(),
            causes: Vec::new(),
            sections: Vec::new(),
            events: Vec::new(),
            events_completeness: Completeness::Complete,
            gaps: Vec::new(),
            completeness: Completeness::Complete,
            as_of: Some(as_of.parse().unwrap()),
            gone: false,
        }
    }

    const EARLY: &str = "2026-03-01T12:00:00Z";
    const LATE: &str = "2026-03-01T12:00:20Z";

    #[test]
    fn an_error_takes_nothing_away_from_what_was_seen() {
        let failed = || Err(AppError::new(ErrorKind::Unavailable, "too many requests"));
        let mut seen = None;
        assert!(version(failed(), &mut seen).is_err(), "nothing was seen yet");
        version(Ok(view(EARLY)), &mut seen).unwrap();
        let stale = version(failed(), &mut seen).unwrap();
        let expected = Completeness::Stale("too many requests".into());
        assert_eq!(*stale, ObjectView { completeness: expected, ..view(EARLY) });
        let gone = version(Err(AppError::new(ErrorKind::NotFound, "it is not there")), &mut seen).unwrap();
        assert_eq!(*gone, ObjectView { gone: true, ..view(EARLY) });
        assert_eq!(*version(Ok(view(LATE)), &mut seen).unwrap(), view(LATE));
    }

    #[test]
    fn a_quiet_object_is_told_to_be_current_now_and_then() {
        let told = |view| Ok(Arc::new(view));
        let (early, late) = (told(view(EARLY)), told(view(LATE)));
        assert!(!is_news(&early, &late, Duration::from_secs(1)));
        assert!(is_news(&early, &late, HEARTBEAT));
        assert!(!is_news(&early, &early, HEARTBEAT), "it is not known to be any more current");
        let gone = told(ObjectView { gone: true, ..view(LATE) });
        assert!(is_news(&early, &gone, Duration::ZERO));
        assert!(is_news(&early, &Err(AppError::new(ErrorKind::NotFound, "gone")), Duration::ZERO));
    }
}
