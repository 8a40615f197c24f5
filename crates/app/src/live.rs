//! Answers that stay true: windows over lists, and objects that are followed.

mod tally;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pilothouse_model::{Column, Completeness, Resource};
use pilothouse_store::{Delta, Record, Snapshot, Window};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::ask::{Ask, Source};
use crate::clock;
use crate::cluster::{Chosen, Cluster, Counted};
use crate::error::{AppError, ErrorKind};
use crate::feed::{Freshness, LiveTable, Reading};
use crate::held::Held;
use crate::object::ObjectView;
use crate::rights::{Changes, Holder, Remembered};
use tally::Tally;

/// The shortest time between two updates of a window.
const FOLD: Duration = Duration::from_millis(100);
/// How long a page that loses rows waits for the table that has what is left.
const GRACE: Duration = Duration::from_secs(1);
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
    chosen: Chosen,
    window: Window,
    tally: Tally,
    version: watch::Receiver<u64>,
    rights: Option<Changes>,
    /// Why it cannot be told at the moment what may be seen: until then nothing new is shown.
    paused: Option<AppError>,
    /// Why it is over.
    refused: Option<AppError>,
    told: Option<(Completeness, usize, Vec<String>)>,
    /// The table to turn to, and when at the latest.
    awaited: Option<(Arc<LiveTable>, Instant)>,
    /// The moment of the table that was told last.
    shown: Option<Arc<Reading>>,
    /// Whether something has happened that was not looked at yet.
    due: bool,
    last: Instant,
    _counted: Counted,
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
        let chosen = self.choose(&source, &ask)?;
        let window = open(&chosen, &ask)?;
        Ok(LiveWindow {
            _counted: Counted::new(&self.inner.windows),
            cluster: self.clone(),
            source,
            ask,
            window,
            tally: Tally::default(),
            version: chosen.subscribe(),
            rights: chosen.changes.clone(),
            chosen,
            paused: None,
            refused: None,
            told: None,
            awaited: None,
            shown: None,
            due: false,
            last: Instant::now(),
        })
    }

    /// Follows one object.
    pub fn live_object(&self, resource: Arc<Resource>, namespace: Option<&str>, name: &str) -> LiveObject {
        LiveObject {
            changed: self.inner.changed.subscribe(),
            cluster: self.clone(),
            held: Held::about(namespace),
            rights: self.holder().ok().filter(|holder| *holder != Holder::Console).map(|holder| {
                let remembered = self.remembered(&holder);
                (remembered.subscribe(), remembered)
            }),
            resource,
            name: name.to_owned(),
            over: false,
            last: None,
            seen: None,
            read: None,
        }
    }
}

fn open(chosen: &Chosen, ask: &Ask) -> Result<Window, AppError> {
    Ok(Window::new(chosen.plan(ask)?, ask.offset, ask.limit.unwrap_or(usize::MAX)))
}

impl LiveWindow {
    /// The next update: at once the first time, then when something changed, and now and then to say that all is well. `None`
    /// when the engine shuts down, or when the one who asks may ask no more (see [`LiveWindow::refused`]).
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            if self.told.is_some() {
                self.wait().await?;
            }
            self.turn()?;
            // While nobody can say what may be seen, nothing new is.
            let rested = self.shown.clone().filter(|_| self.paused.is_some());
            let moment = rested.unwrap_or_else(|| self.chosen.moment());
            let (snapshot, freshness) = &*moment;
            let delta = if self.paused.is_some() { None } else { self.window.update(snapshot, clock::now()) };
            let now = self.standing(snapshot, freshness);
            let as_of = freshness.as_of();
            self.shown = Some(Arc::clone(&moment));
            let alive = self.last.elapsed() >= HEARTBEAT;
            if delta.is_none() && !alive && self.told.as_ref() == Some(&now) {
                continue;
            }
            let (completeness, unfiltered, notes) = now.clone();
            self.told = Some(now);
            self.last = Instant::now();
            return Some(Update {
                total: self.window.total().unwrap_or_default(),
                delta,
                unfiltered,
                as_of,
                completeness,
                notes,
                columns: Arc::clone(self.chosen.table.columns()),
            });
        }
    }

    /// The rows of the page, as the last update left them.
    pub fn page(&self) -> &[Arc<Record>] {
        self.window.page()
    }

    /// Why it ended, when it is not because the engine shut down: the credential of the one who asks is not accepted any more.
    pub fn refused(&self) -> Option<&AppError> {
        self.refused.as_ref()
    }

    /// How much is known, of how many rows, and what else there is to know.
    fn standing(&mut self, snapshot: &Snapshot, freshness: &Freshness) -> (Completeness, usize, Vec<String>) {
        if let (Some(error), Some((_, unfiltered, notes))) = (&self.paused, &self.told) {
            return (Completeness::Stale(error.message.clone()), *unfiltered, notes.clone());
        }
        let unfiltered = self.tally.count(snapshot, &self.chosen.sight);
        (self.chosen.completeness(snapshot, &self.ask), unfiltered, self.chosen.notes(freshness, &self.ask))
    }

    async fn wait(&mut self) -> Option<()> {
        let patience = if self.window.plan().depends_on_time() { TICK } else { HEARTBEAT };
        let rights = async {
            match &mut self.rights {
                Some(rights) => rights.changed().await,
                None => std::future::pending().await,
            }
        };
        let still = self.chosen.table.is_still();
        let awaited = async {
            match &self.awaited {
                Some((table, until)) => table.settled(*until).await,
                None => std::future::pending().await,
            }
        };
        // Whoever gives up waiting loses nothing: what happened is still to be told the next time.
        tokio::select! {
            () = std::future::ready(()), if self.due => {}
            () = self.cluster.closed() => return None,
            () = rights => {}
            () = awaited => {}
            // A table that will not change any more has another in its place soon (see `turn`).
            changed = timeout(patience, self.version.changed()), if !still => {
                if let Ok(Err(_)) = changed { return None }
            }
            () = tokio::time::sleep(patience), if still => {}
        }
        self.due = true;
        sleep_until(self.last + FOLD).await;
        self.due = false;
        self.version.mark_unchanged();
        Some(())
    }

    /// Turns to the table that the question is answered from now, and to what may be seen of it now: that of the namespaces
    /// asked for when the whole cluster may not be listed, or a new one of a resource that has changed.
    fn turn(&mut self) -> Option<()> {
        self.paused = None;
        let awaited = self.awaited.take();
        let chosen = match self.cluster.choose(&self.source, &self.ask) {
            Ok(chosen) => chosen,
            Err(error) if error.kind == ErrorKind::Unauthorized => {
                self.refused = Some(error);
                return None;
            }
            // Where columns went away, the question may mean nothing any more; then the old table stays, and tells its state.
            Err(error) if error.kind == ErrorKind::BadInput => return Some(()),
            // Whatever else it is that keeps from telling what may be seen.
            Err(error) => {
                self.paused = Some(error);
                return Some(());
            }
        };
        if chosen.is_like(&self.chosen) {
            self.chosen.only = chosen.only;
            return Some(());
        }
        let useless = self.chosen.table.is_forbidden() || self.chosen.table.is_dead() || self.chosen.table.is_still();
        if !useless && chosen.table.is_loading() && !chosen.is_pending() {
            if chosen.sees_all_of(&self.chosen) {
                // What is on the screen may stay until there is more; nothing but the new table tells when that is.
                self.awaited = Some((chosen.table, Instant::now() + GRACE));
                return Some(());
            }
            // What may not be seen any more goes; a moment's wait spares a page that is empty for so long.
            let until = awaited.map_or_else(|| Instant::now() + GRACE, |(_, until)| until);
            if Instant::now() < until && !chosen.reach.is_none() && self.shown.is_some() {
                self.chosen.only.clone_from(&self.shown);
                self.awaited = Some((chosen.table, until));
                return Some(());
            }
        }
        match open(&chosen, &self.ask) {
            Ok(window) => {
                self.version = chosen.subscribe();
                self.rights = chosen.changes.clone();
                // What is on the screen and may not be seen any more is taken from it.
                self.window = window.in_place_of(&mut self.window);
                self.chosen = chosen;
            }
            // The question means nothing to the new table; the old one goes on only for who may see as much as before.
            Err(error) if chosen.sight != self.chosen.sight || chosen.reach != self.chosen.reach => {
                self.paused = Some(error);
            }
            Err(_) => {}
        }
        Some(())
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
    /// What the person may see, and when that is something else.
    rights: Option<(Changes, Arc<Remembered>)>,
    /// Whether nothing more will be told.
    over: bool,
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
    /// `None` when the engine shuts down, and after the cluster stopped to accept the credential of the one who asks.
    pub async fn next(&mut self) -> Option<Version> {
        loop {
            if self.over {
                return None;
            }
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
            self.over = matches!(&viewed, Err(error) if error.kind == ErrorKind::Unauthorized && self.rights.is_some());
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
                () = changed(&mut self.rights) => return Some(()),
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

/// Waits until a person's rights are other ones.
async fn changed(rights: &mut Option<(Changes, Arc<Remembered>)>) {
    match rights {
        Some((changes, _)) => changes.changed().await,
        None => std::future::pending().await,
    }
}

/// What is told of an object after it was read anew. A failure takes nothing away from what was seen before, unless that may
/// not be seen any more.
fn version(viewed: Result<ObjectView, AppError>, seen: &mut Option<Arc<ObjectView>>) -> Version {
    let error = match viewed {
        Ok(view) => return Ok(Arc::clone(seen.insert(Arc::new(view)))),
        Err(error) => error,
    };
    if matches!(error.kind, ErrorKind::Forbidden | ErrorKind::Unauthorized) {
        *seen = None;
    }
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
