//! A window over a list in several clusters: each cluster's part is a window of its own, and what they tell is folded.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use pilothouse_model::{ClusterId, Column};
use pilothouse_store::Record;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::merge::{self, ManyDelta, Share};
use super::{Among, ManyRow, ManySource, Part, complete, earliest, joined_columns, part_of};
use crate::ask::{Ask, Source};
use crate::cluster::{Cluster, ConnectionState};
use crate::engine::Engine;
use crate::error::{AppError, ErrorKind};
use crate::live::{LiveWindow, Update};

/// The shortest time between two updates, whichever clusters they are of.
const FOLD: Duration = Duration::from_millis(100);
/// How long the first update waits for what is at hand: no network is waited for.
const FIRST: Duration = Duration::from_secs(1);
/// How soon a cluster is looked at again that does not serve what is listed.
const AGAIN: Duration = Duration::from_secs(2);

/// An open window over a list in several clusters.
pub struct ManyWindow {
    ask: Ask,
    fixed: Option<Vec<Column>>,
    parts: Vec<Known>,
    columns: watch::Sender<Arc<[Column]>>,
    told: mpsc::Receiver<(usize, News)>,
    page: Vec<ManyRow>,
    last: Option<Instant>,
    tasks: Vec<AbortOnDropHandle<()>>,
}

/// What changed in a window over several clusters.
#[derive(Clone, Debug)]
pub struct ManyUpdate {
    /// The rows that differ; `None` when none do.
    pub delta: Option<ManyDelta>,
    /// The columns, after the name.
    pub columns: Arc<[Column]>,
    /// How many rows the whole answer has.
    pub total: usize,
    /// How many rows there are before filtering.
    pub unfiltered: usize,
    /// How each cluster takes part.
    pub parts: Vec<Part>,
}

/// What is known of a part.
struct Known {
    part: Part,
    own: Option<Arc<[Column]>>,
    rows: Vec<Arc<Record>>,
    /// Whether it has told its rows, or why it has none yet.
    heard: bool,
    /// Whether it ever told rows: its credential was accepted.
    told: bool,
}

/// What a part tells.
enum News {
    /// How it is connected.
    Connection(ConnectionState),
    /// The same, while nothing else can be said of it.
    Waiting(ConnectionState),
    /// Why it cannot be asked.
    Error(AppError),
    /// The columns of its own list.
    Columns(Arc<[Column]>),
    /// The rows of its own page, and what there is to know of them.
    Rows(Box<Update>, Vec<Arc<Record>>),
}

impl ManyUpdate {
    /// Whether every row of every cluster is known.
    pub fn is_complete(&self) -> bool {
        complete(&self.parts)
    }

    /// The earliest moment that any of the clusters' rows was last known to be current.
    pub fn as_of(&self) -> Option<Timestamp> {
        earliest(&self.parts)
    }
}

impl ManyWindow {
    pub(super) fn open(engine: &Engine, ids: &[ClusterId], source: &ManySource, ask: &Ask) -> Self {
        let fixed = source.columns();
        let columns = watch::Sender::new(joined_columns(fixed.as_deref(), std::iter::empty()));
        // One at a time: while the reader is slow, each cluster folds its own changes.
        let (tell, told) = mpsc::channel(1);
        let follow = |(index, id): (usize, &ClusterId)| {
            let follower = Follower {
                engine: engine.clone(),
                id: id.clone(),
                source: source.clone(),
                ask: ask.clone(),
                columns: columns.subscribe(),
                tell: tell.clone(),
                index,
            };
            AbortOnDropHandle::new(tokio::spawn(follower.run()))
        };
        let tasks = ids.iter().enumerate().map(follow).collect();
        let part = |id| Part::without(id, ConnectionState::Connecting, None);
        let parts = ids
            .iter()
            .map(|id| Known { part: part(id), own: None, rows: Vec::new(), heard: false, told: false })
            .collect();
        Self { ask: ask.clone(), fixed, parts, columns, told, page: Vec::new(), last: None, tasks }
    }

    /// The next update: at once the first time, then when a cluster answers or something changed, and now and then to say that
    /// all is well. `None` when the engine shuts down, or when the one who asks may ask no more (see [`ManyWindow::refused`]).
    pub async fn next(&mut self) -> Option<ManyUpdate> {
        if self.refused().is_some() {
            return None;
        }
        let Some(last) = self.last else {
            self.begin().await;
            return Some(self.update(true));
        };
        let (index, news) = self.told.recv().await?;
        let mut fresh = self.take(index, news);
        while let Ok(Some((index, news))) = timeout_at(last + FOLD, self.told.recv()).await {
            fresh |= self.take(index, news);
        }
        Some(self.update(fresh))
    }

    /// Lets every part say what it has at hand: none of them waits for its cluster before it says so.
    async fn begin(&mut self) {
        let deadline = Instant::now() + FIRST;
        while self.parts.iter().any(|known| !known.heard) {
            let Ok(Some((index, news))) = timeout_at(deadline, self.told.recv()).await else { return };
            self.take(index, news);
        }
    }

    /// Why it ended, when it is not because the engine shut down: no cluster accepts the credential of the one who asks any
    /// more. While one does, the parts of the others tell it.
    pub fn refused(&self) -> Option<&AppError> {
        let refused =
            |known: &Known| known.part.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Unauthorized);
        let over = self.parts.iter().all(refused) && self.parts.iter().any(|known| known.told);
        self.parts.first().filter(|_| over)?.part.error.as_ref()
    }

    /// How many clusters are followed.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether no cluster is followed: the question rules all of them out.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Takes in what a part tells; gives whether the page has to be made anew from scratch: the columns are others.
    fn take(&mut self, index: usize, news: News) -> bool {
        let Some(known) = self.parts.get_mut(index) else { return false };
        known.heard |= !matches!(news, News::Connection(_) | News::Columns(_));
        match news {
            News::Connection(connection) => known.part.connection = connection,
            News::Waiting(connection) => known.part = Part::without(&known.part.cluster, connection, None),
            News::Error(error) => {
                known.part = Part::without(&known.part.cluster, known.part.connection.clone(), Some(error));
                known.rows.clear();
            }
            News::Columns(columns) => known.own = Some(columns),
            News::Rows(update, rows) => {
                known.told = true;
                known.own = Some(Arc::clone(&update.columns));
                known.rows = rows;
                known.part = Part {
                    completeness: update.completeness,
                    as_of: update.as_of,
                    total: update.total,
                    unfiltered: update.unfiltered,
                    notes: update.notes,
                    error: None,
                    ..known.part.clone()
                };
            }
        }
        let own = self.parts.iter().filter_map(|known| known.own.as_deref());
        let joined = joined_columns(self.fixed.as_deref(), own);
        self.columns.send_if_modified(|columns| {
            let differ = *columns != joined;
            if differ {
                *columns = joined;
            }
            differ
        })
    }

    /// The page as it is now, and what differs from what was told last.
    fn update(&mut self, fresh: bool) -> ManyUpdate {
        let first = self.last.replace(Instant::now()).is_none();
        let columns = Arc::clone(&*self.columns.borrow());
        let mut shares = Vec::new();
        for known in &mut self.parts {
            let Some(own) = &known.own else { continue };
            let among = Among::new(known.part.cluster.as_str(), Arc::clone(&columns));
            match Share::new(&known.part.cluster, among, (own, known.rows.clone()), &self.ask.sort) {
                Ok(share) => shares.push(share),
                Err(error) => known.part.error = Some(error),
            }
        }
        let before = std::mem::take(&mut self.page);
        self.page = merge::page(&shares, self.ask.offset, self.ask.limit, if fresh { &[] } else { &before });
        let delta = ManyDelta::between(&before, &self.page);
        ManyUpdate {
            delta: (first || !delta.is_empty()).then_some(delta),
            columns,
            total: self.parts.iter().map(|known| known.part.total).sum(),
            unfiltered: self.parts.iter().map(|known| known.part.unfiltered).sum(),
            parts: self.parts.iter().map(|known| known.part.clone()).collect(),
        }
    }
}

/// Follows one cluster's part.
struct Follower {
    engine: Engine,
    id: ClusterId,
    source: ManySource,
    ask: Ask,
    columns: watch::Receiver<Arc<[Column]>>,
    tell: mpsc::Sender<(usize, News)>,
    index: usize,
}

/// Nobody listens any more, or the engine shuts down.
struct Over;

impl Follower {
    async fn run(mut self) {
        if let Err(Over) = self.follow().await {
            tracing::debug!(cluster = %self.id, "a part of a window over several clusters is closed");
        }
    }

    async fn say(&self, news: News) -> Result<(), Over> {
        self.tell.send((self.index, news)).await.map_err(|_| Over)
    }

    async fn follow(&mut self) -> Result<(), Over> {
        let cluster = match self.engine.cluster(self.id.as_str()) {
            Ok(cluster) => cluster,
            Err(error) => {
                self.say(News::Error(error)).await?;
                // What is wrong with the kubeconfig stays so; the others go on.
                self.tell.closed().await;
                return Err(Over);
            }
        };
        loop {
            let source = self.find(&cluster).await?;
            if let Err(error) = self.show(&cluster, source).await? {
                self.say(News::Error(error)).await?;
                tokio::select! {
                    () = cluster.closed() => return Err(Over),
                    () = tokio::time::sleep(AGAIN) => {}
                }
            }
        }
    }

    /// What is listed in the cluster, once it is reached and serves it.
    async fn find(&self, cluster: &Cluster) -> Result<Source, Over> {
        let mut state = cluster.watch_state();
        let mut last = None;
        loop {
            let now = state.borrow_and_update().clone();
            let found = cluster.catalog().map(|catalog| self.source.resolve(&catalog));
            self.say(if found.is_some() { News::Connection(now) } else { News::Waiting(now) }).await?;
            let wait = match found {
                Some(Ok(source)) => return Ok(source),
                Some(Err(error)) => {
                    if last.as_ref() != Some(&error) {
                        self.say(News::Error(error.clone())).await?;
                        last = Some(error);
                    }
                    AGAIN
                }
                None => Duration::MAX,
            };
            tokio::select! {
                () = cluster.closed() => return Err(Over),
                changed = state.changed() => changed.map_err(|_| Over)?,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Tells of the rows for as long as there are any to tell of.
    async fn show(&mut self, cluster: &Cluster, source: Source) -> Result<Result<(), AppError>, Over> {
        // Asked for no rows, the table begins to load and tells its columns.
        match cluster.list(&source, &Ask { limit: Some(0), ..Ask::default() }) {
            Ok(listing) => self.say(News::Columns(listing.columns)).await?,
            Err(error) => return Ok(Err(error)),
        }
        let mut state = cluster.watch_state();
        loop {
            let columns = Arc::clone(&*self.columns.borrow_and_update());
            let among = Among::new(self.id.as_str(), columns);
            let mut rows = match cluster.window(source.clone(), part_of(&self.ask, among)) {
                Ok(window) => updates(window),
                // Another cluster may know the field: then the columns change.
                Err(error) if error.kind == ErrorKind::BadInput => {
                    self.say(News::Error(error)).await?;
                    stream::pending().boxed()
                }
                Err(error) => return Ok(Err(error)),
            };
            loop {
                tokio::select! {
                    () = cluster.closed() => return Err(Over),
                    changed = self.columns.changed() => {
                        changed.map_err(|_| Over)?;
                        break;
                    }
                    changed = state.changed() => {
                        changed.map_err(|_| Over)?;
                        let now = state.borrow_and_update().clone();
                        self.say(News::Connection(now)).await?;
                    }
                    told = rows.next() => match told {
                        Some(Ok((update, page))) => self.say(News::Rows(Box::new(update), page)).await?,
                        // Nothing that was shown stays when it may not be followed any more.
                        Some(Err(refused)) => return Ok(Err(refused)),
                        None => return Ok(Err(ended(&self.id))),
                    },
                }
            }
        }
    }
}

/// A part whose window is over because the engine shuts down.
fn ended(id: &ClusterId) -> AppError {
    AppError::new(ErrorKind::Unauthorized, format!("{id} does not let you follow its rows any more"))
}

/// What a window tells: an update with the page that it leads to.
type Told = Result<(Update, Vec<Arc<Record>>), AppError>;

/// A window's updates with the page that each leads to; at the end why it is refused, where it is.
fn updates(window: LiveWindow) -> BoxStream<'static, Told> {
    stream::unfold(Some(window), |window| async move {
        let mut window = window?;
        if let Some(update) = window.next().await {
            let page = window.page().to_vec();
            return Some((Ok((update, page)), Some(window)));
        }
        let refused = window.refused()?.clone();
        Some((Err(refused), None))
    })
    .boxed()
}
