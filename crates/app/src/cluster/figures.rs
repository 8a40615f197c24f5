//! How the console itself fares with a cluster, in numbers: for its operators, not for the people whose objects these are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use pilothouse_model::{ClusterId, GroupResource};

use super::Cluster;
use super::tables::TableKey;

/// What derived tables are called.
const WORKLOADS: &str = "workloads";

/// One cluster in numbers.
#[derive(Clone, Debug)]
pub struct ClusterFigures {
    /// Which.
    pub cluster: ClusterId,
    /// Whether its API server answers; `None` while nobody asks, where the console asks nothing by itself.
    pub connected: Option<bool>,
    /// How many tables are kept up to date by watches.
    pub watches: usize,
    /// How many windows are open.
    pub windows: usize,
    /// The tables.
    pub tables: Vec<TableFigures>,
}

/// One table in numbers.
#[derive(Clone, Debug)]
pub struct TableFigures {
    /// Its resource: `pods`, `jobs.batch`; `workloads` for those that are derived.
    pub resource: String,
    /// How many objects it knows.
    pub objects: usize,
    /// How large they are as they are kept, in bytes.
    pub bytes: usize,
    /// Seconds since its data was last known to be current; `None` when nothing was ever read.
    pub silent: Option<f64>,
}

/// Counts something as long as it lives.
#[derive(Debug)]
pub(crate) struct Counted(Arc<AtomicUsize>);

impl Counted {
    /// One more.
    pub(crate) fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Cluster {
    /// The cluster in numbers.
    pub(crate) fn figures(&self) -> ClusterFigures {
        let now = crate::clock::now();
        let tables: Vec<_> = self.tables().iter().map(|(key, lease)| (name(key), Arc::clone(&lease.table))).collect();
        // Beside the lock: counting takes its time.
        let tables: Vec<_> = tables
            .into_iter()
            .map(|(resource, table)| {
                let snapshot = table.snapshot();
                TableFigures {
                    resource,
                    objects: snapshot.len(),
                    bytes: snapshot.iter().map(|record| record.body.stored_bytes()).sum(),
                    silent: table.as_of().map(|last| now.duration_since(last).as_secs_f64().max(0.0)),
                }
            })
            .collect();
        ClusterFigures {
            cluster: self.id().clone(),
            connected: self.is_up(),
            watches: tables.iter().filter(|table| table.resource != WORKLOADS).count(),
            windows: self.inner.windows.load(Ordering::Relaxed),
            tables,
        }
    }
}

fn name(key: &TableKey) -> String {
    match key {
        TableKey::Resource { group, plural, .. } => GroupResource::new(group, plural).to_string(),
        TableKey::Workloads { .. } => WORKLOADS.to_owned(),
    }
}
