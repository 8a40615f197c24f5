//! Lists over several clusters: each is asked by itself, at the same time, and what has answered is shown.
//!
//! A cluster that does not answer is a [`Part`] that says so; it keeps no other back. Clusters are opened when a list first
//! asks them. Every question goes through the handles that [`Engine::cluster`] gives, and is cut to what the viewer may see
//! there.

mod among;
mod chosen;
mod merge;
mod stragglers;
mod window;

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use pilothouse_model::{ClusterId, Column, Completeness, GroupResource, Row, Workload};
use pilothouse_store::Record;
use tokio::time::{Instant, timeout_at};

pub use among::Among;
pub use merge::{ManyDelta, ManyId};
pub use window::{ManyUpdate, ManyWindow};

pub(crate) use among::{decided, joined, may_hold, row_of};
pub(crate) use chosen::{conditions, known_names};
pub(crate) use stragglers::STRAGGLERS;

use crate::ask::{Ask, Listing, Source};
use crate::catalog::Catalog;
use crate::cluster::{Cluster, ConnectionState};
use crate::engine::Engine;
use crate::error::{AppError, ErrorKind};
use crate::json::is_whole;
use merge::Share;
use stragglers::Stragglers;

/// The last row at which a window may begin: every cluster keeps the rows before it.
const DEEPEST: usize = 10_000;

/// What is listed in several clusters, each of which may serve it at another version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManySource {
    /// The workloads of all instruments.
    Workloads,
    /// A resource: at this version where a cluster serves it, else at the one that the cluster prefers.
    Resource {
        /// API group; `core` or empty for the core group.
        group: String,
        /// Version.
        version: String,
        /// Plural name.
        plural: String,
    },
    /// A resource as kubectl's users name it.
    Named(String),
}

/// Several clusters that are asked together.
#[derive(Clone)]
pub struct Many {
    engine: Engine,
    clusters: Vec<ClusterId>,
}

/// How one cluster takes part in an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Which.
    pub cluster: ClusterId,
    /// How it is connected.
    pub connection: ConnectionState,
    /// How much of its rows is known.
    pub completeness: Completeness,
    /// When they were last known to be current; `None` when nothing was ever read.
    pub as_of: Option<Timestamp>,
    /// How many of its rows the answer has.
    pub total: usize,
    /// How many rows it has before filtering.
    pub unfiltered: usize,
    /// What else the person should know of it.
    pub notes: Vec<String>,
    /// Why it could not be asked.
    pub error: Option<AppError>,
}

/// How a part stands, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has not answered yet.
    Connecting,
    /// It answers.
    Connected,
    /// It does not answer, or not any more.
    Failed,
}

/// A row of one of several clusters.
#[derive(Clone, Debug)]
pub struct ManyRow {
    /// The cluster that it is of.
    pub cluster: ClusterId,
    /// The row as the whole list shows it: the first cell is the cluster.
    pub row: Arc<Row>,
    /// The row and the object in the cluster's own table.
    pub record: Arc<Record>,
}

/// The answer to a question about a list over several clusters.
#[derive(Clone, Debug)]
pub struct ManyListing {
    /// The columns, after the name: the cluster, then those of all clusters' lists.
    pub columns: Arc<[Column]>,
    /// The rows asked for.
    pub rows: Vec<ManyRow>,
    /// How many rows the whole answer has, in all clusters: exact for what is known.
    pub total: usize,
    /// How many rows there are before filtering.
    pub unfiltered: usize,
    /// How each cluster takes part.
    pub parts: Vec<Part>,
}

impl Standing {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Failed => "failed",
        }
    }
}

impl Engine {
    /// The clusters of these names together, of all contexts when there are none. None is opened before it is asked.
    pub fn many(&self, names: &[String]) -> Result<Many, AppError> {
        let contexts: Vec<ClusterId> = self.clusters().into_iter().map(|view| view.id).collect();
        let mut clusters = Vec::new();
        for name in names {
            let found = contexts.iter().find(|context| context.as_str() == name);
            let cluster = found.cloned().ok_or_else(|| chosen::unknown(name, &contexts))?;
            if !clusters.contains(&cluster) {
                clusters.push(cluster);
            }
        }
        Ok(Many { engine: self.clone(), clusters: if names.is_empty() { contexts } else { clusters } })
    }
}

impl ManySource {
    /// What it is in a cluster that serves this.
    fn resolve(&self, catalog: &Catalog) -> Result<Source, AppError> {
        let resource = match self {
            Self::Workloads => return Ok(Source::Workloads),
            Self::Named(text) => catalog.find(text)?,
            Self::Resource { group, version, plural } => match catalog.resource(group, version, plural) {
                Ok(resource) => resource,
                Err(error) => {
                    let group = if group == "core" { "" } else { group };
                    catalog.served(GroupResource::new(group, plural)).cloned().ok_or(error)?
                }
            },
        };
        if resource.offers("list") {
            return Ok(Source::Resource(resource));
        }
        let message = format!("{} cannot be listed: the API server does not offer it", resource.group_resource());
        Err(AppError::new(ErrorKind::NotOffered, message))
    }

    /// The columns where they are the same everywhere.
    pub(crate) fn columns(&self) -> Option<Vec<Column>> {
        (*self == Self::Workloads).then(Workload::columns)
    }
}

/// A cluster that was reached, with what is listed there.
struct Reached {
    cluster: Cluster,
    source: Source,
    columns: Arc<[Column]>,
}

impl Reached {
    /// How many rows are known by now.
    fn rows(&self) -> usize {
        let asked = Ask { limit: Some(0), ..Ask::default() };
        self.cluster.list(&self.source, &asked).map_or(0, |listing| listing.unfiltered)
    }
}

impl Many {
    /// The clusters.
    pub fn clusters(&self) -> &[ClusterId] {
        &self.clusters
    }

    /// The engine that they are clusters of.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What is listed, in the first cluster that is known to serve it.
    pub fn source(&self, source: &ManySource) -> Option<(Cluster, Source)> {
        self.sources(source).next()
    }

    /// What is listed, in each cluster that is known to serve it.
    pub(crate) fn sources(&self, source: &ManySource) -> impl Iterator<Item = (Cluster, Source)> {
        self.clusters.iter().filter_map(|id| {
            let cluster = self.engine.cluster(id.as_str()).ok()?;
            let source = source.resolve(&*cluster.catalog()?).ok()?;
            Some((cluster, source))
        })
    }

    /// The same clusters without those that the question rules out. Names a cluster that the question asks for and that is
    /// not there.
    fn asked(&self, ask: &Ask) -> Result<Vec<ClusterId>, AppError> {
        let Some(filter) = conditions(&ask.q) else { return Ok(self.clusters.clone()) };
        let all: Vec<ClusterId> = self.engine.clusters().into_iter().map(|view| view.id).collect();
        known_names(&ask.q, &filter, &all)?;
        let may = |id: &&ClusterId| may_hold(&filter, &|leaf| decided(leaf, &id.0)) != Some(false);
        Ok(self.clusters.iter().filter(may).cloned().collect())
    }

    /// Answers when every cluster has, or cannot, or when `patience` is over. Clusters that are still being connected when
    /// others have answered, or that do not get on, are not waited for long.
    pub async fn list_settled(
        &self,
        source: &ManySource,
        ask: &Ask,
        patience: Duration,
    ) -> Result<ManyListing, AppError> {
        let deadline = Instant::now() + patience;
        let ids = self.asked(ask)?;
        let reached = self.reach(source, &ids, deadline).await;
        let known = || reached.iter().flatten().map(|reached| &*reached.columns);
        let fixed = source.columns();
        let columns = joined_columns(fixed.as_deref(), known());
        if fixed.is_some() && known().next().is_none() {
            // Nobody can be asked yet; what can be said of the question is said.
            ask.plan(&columns)?;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let stragglers = Stragglers::new(STRAGGLERS);
        let answers = ids.iter().zip(&reached).map(|(id, reached)| {
            let among = Among::new(id.as_str(), Arc::clone(&columns));
            let ask = part_of(ask, among.clone());
            let stragglers = &stragglers;
            async move {
                let reached = reached.as_ref().map_err(Clone::clone)?;
                let list = |patience| reached.cluster.list_settled(&reached.source, &ask, patience);
                let listing = match stragglers.answer(list(left), || reached.rows()).await {
                    Some(listing) => listing?,
                    None => list(Duration::ZERO).await?,
                };
                let share = Share::new(id, among, (&listing.columns, listing.rows.clone()), &ask.sort)?;
                Ok::<_, AppError>((listing, share))
            }
        });
        let answers = futures::future::join_all(answers).await;
        // A question that cannot be read is wrong everywhere.
        if let Some(Err(error)) = answers.iter().find(|answer| matches!(answer, Err(error) if error.span.is_some())) {
            return Err(error.clone());
        }
        let mut parts = Vec::new();
        let mut shares = Vec::new();
        for (id, answer) in ids.iter().zip(answers) {
            let connection = self.connection(id);
            match answer {
                Ok((listing, share)) => {
                    parts.push(Part::of(id, connection, &listing));
                    shares.push(share);
                }
                Err(error) => parts.push(Part::without(id, connection, Some(error))),
            }
        }
        Ok(ManyListing {
            rows: merge::page(&shares, ask.offset, ask.limit, &[]),
            columns,
            total: parts.iter().map(|part| part.total).sum(),
            unfiltered: parts.iter().map(|part| part.unfiltered).sum(),
            parts,
        })
    }

    /// Opens a window: its first update comes at once, and the others as clusters answer and change.
    pub fn window(&self, source: &ManySource, ask: &Ask) -> Result<ManyWindow, AppError> {
        let ids = self.asked(ask)?;
        reachable(ask)?;
        Ok(ManyWindow::open(&self.engine, &ids, source, ask))
    }

    /// What is listed in each cluster, or why that is not known at the deadline. All tables begin to load.
    async fn reach(&self, source: &ManySource, ids: &[ClusterId], deadline: Instant) -> Vec<Result<Reached, AppError>> {
        let mut found: Vec<_> = ids.iter().map(|id| Err(still_connecting(id))).collect();
        let mut waiting: FuturesUnordered<_> = ids
            .iter()
            .enumerate()
            .map(|(at, id)| async move { (at, reach(&self.engine, source, id, deadline).await) })
            .collect();
        let mut until = deadline;
        while let Ok(Some((at, reached))) = timeout_at(until, waiting.next()).await {
            if reached.is_ok() {
                until = until.min(Instant::now() + STRAGGLERS);
            }
            found[at] = reached;
        }
        found
    }

    fn connection(&self, id: &ClusterId) -> ConnectionState {
        self.engine.cluster(id.as_str()).map_or(ConnectionState::Idle, |cluster| cluster.state())
    }
}

/// What is listed in a cluster once that is reached.
async fn reach(engine: &Engine, source: &ManySource, id: &ClusterId, deadline: Instant) -> Result<Reached, AppError> {
    let cluster = engine.cluster(id.as_str())?;
    let catalog = cluster.wait_catalog(deadline.saturating_duration_since(Instant::now())).await?;
    let source = source.resolve(&catalog)?;
    // Asked for no rows, the table begins to load and tells its columns.
    let columns = cluster.list(&source, &Ask { limit: Some(0), ..Ask::default() })?.columns;
    Ok(Reached { cluster, source, columns })
}

/// The columns of the whole list: those that are the same everywhere, or else those of the clusters that are known.
pub(crate) fn joined_columns<'a>(
    fixed: Option<&'a [Column]>,
    known: impl Iterator<Item = &'a [Column]>,
) -> Arc<[Column]> {
    match fixed {
        Some(columns) => joined(std::iter::once(columns)),
        None => joined(known),
    }
}

fn still_connecting(id: &ClusterId) -> AppError {
    AppError::new(ErrorKind::Unavailable, format!("still connecting to {id}"))
}

/// Refuses a window whose clusters would each have to keep more rows than anybody pages through.
fn reachable(ask: &Ask) -> Result<(), AppError> {
    if ask.offset <= DEEPEST {
        return Ok(());
    }
    let message = format!("a list over several clusters is live up to row {DEEPEST}, not at row {}", ask.offset);
    Err(AppError::new(ErrorKind::BadInput, message).hint("ask for fewer rows, or for one cluster"))
}

/// A question about the whole list as one of its clusters is asked: any page of the whole is made of first pages.
fn part_of(ask: &Ask, among: Among) -> Ask {
    let limit = ask.limit.map(|limit| ask.offset.saturating_add(limit));
    Ask { offset: 0, limit, among: Some(Arc::new(among)), ..ask.clone() }
}

impl Part {
    fn of(id: &ClusterId, connection: ConnectionState, listing: &Listing) -> Self {
        Self {
            cluster: id.clone(),
            connection,
            completeness: listing.completeness.clone(),
            as_of: listing.as_of,
            total: listing.total,
            unfiltered: listing.unfiltered,
            notes: listing.notes.clone(),
            error: None,
        }
    }

    /// A part that has no rows yet, and why, when that is known.
    fn without(id: &ClusterId, connection: ConnectionState, error: Option<AppError>) -> Self {
        let completeness = match &error {
            None => Completeness::Loading,
            Some(error) if error.kind == ErrorKind::NotOffered => Completeness::Absent,
            Some(error) if error.kind == ErrorKind::Forbidden => Completeness::Forbidden(error.message.clone()),
            Some(_) if matches!(connection, ConnectionState::Connecting) => Completeness::Loading,
            Some(error) => Completeness::Broken(error.message.clone()),
        };
        let waits = completeness == Completeness::Loading;
        Self {
            cluster: id.clone(),
            connection,
            completeness,
            as_of: None,
            total: 0,
            unfiltered: 0,
            notes: Vec::new(),
            error: error.filter(|_| !waits),
        }
    }

    /// How it stands. Rows that are known to be current say more than an attempt to connect that has not been repeated yet.
    pub fn standing(&self) -> Standing {
        match (&self.completeness, &self.connection) {
            (Completeness::Stale(_) | Completeness::Broken(_), _) => Standing::Failed,
            (Completeness::Loading, ConnectionState::Failed { .. }) => Standing::Failed,
            (Completeness::Loading, ConnectionState::Idle | ConnectionState::Connecting) => Standing::Connecting,
            _ => Standing::Connected,
        }
    }

    /// Whether all its rows are known, and nothing is missing among them.
    pub(crate) fn is_whole(&self) -> bool {
        is_whole(&self.completeness, &self.notes)
    }

    /// Whether it says how many rows it has.
    pub fn tells_rows(&self) -> bool {
        matches!(self.completeness, Completeness::Complete | Completeness::Stale(_)) || self.unfiltered > 0
    }

    /// Why its rows are not all there are, or not current; `None` when they are, or are still being read.
    pub fn reason(&self) -> Option<String> {
        if let Some(error) = &self.error {
            return Some(error.message.clone());
        }
        match (&self.completeness, &self.connection) {
            (Completeness::Stale(why) | Completeness::Broken(why) | Completeness::Forbidden(why), _) => {
                Some(why.clone())
            }
            (Completeness::Absent, _) => Some("the cluster does not serve it".to_owned()),
            (Completeness::Loading, ConnectionState::Failed { error, .. }) => Some(error.message.clone()),
            (Completeness::Loading | Completeness::Complete, _) => None,
        }
    }
}

impl ManyListing {
    /// Whether every row of every cluster is known.
    pub fn is_complete(&self) -> bool {
        complete(&self.parts)
    }

    /// The earliest moment that any of the clusters' rows was last known to be current.
    pub fn as_of(&self) -> Option<Timestamp> {
        earliest(&self.parts)
    }
}

fn complete(parts: &[Part]) -> bool {
    parts.iter().all(Part::is_whole)
}

fn earliest(parts: &[Part]) -> Option<Timestamp> {
    parts.iter().filter_map(|part| part.as_of).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(completeness: Completeness, connection: ConnectionState) -> Part {
        Part { completeness, ..Part::without(&ClusterId::new("a"), connection, None) }
    }

    #[test]
    fn a_window_far_down_the_list_is_refused_before_anything_is_kept_for_it() {
        let at = |offset| reachable(&Ask { offset, ..Ask::default() }).map_err(|error| error.kind);
        assert_eq!((at(0), at(DEEPEST)), (Ok(()), Ok(())));
        assert_eq!(at(DEEPEST + 1), Err(ErrorKind::BadInput));
        assert_eq!(at(usize::MAX), Err(ErrorKind::BadInput));
    }

    #[test]
    fn a_part_stands_as_its_rows_do_and_without_rows_as_its_connection() {
        let connected = || ConnectionState::Connected { version: "v1".into() };
        let failed = || ConnectionState::Failed {
            error: AppError::new(ErrorKind::Unavailable, "refused"),
            retry_at: Timestamp::UNIX_EPOCH,
            attempts: 1,
        };
        for (completeness, connection, standing, reason) in [
            (Completeness::Complete, connected(), Standing::Connected, None),
            (Completeness::Complete, failed(), Standing::Connected, None),
            (Completeness::Loading, ConnectionState::Connecting, Standing::Connecting, None),
            (Completeness::Loading, connected(), Standing::Connected, None),
            (Completeness::Loading, failed(), Standing::Failed, Some("refused")),
            (Completeness::Stale("cut".into()), connected(), Standing::Failed, Some("cut")),
            (Completeness::Forbidden("no".into()), connected(), Standing::Connected, Some("no")),
        ] {
            let part = part(completeness, connection);
            assert_eq!((part.standing(), part.reason().as_deref()), (standing, reason), "{part:?}");
        }
    }
}
