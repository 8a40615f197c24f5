//! What is known of a cluster over one connection: how that fares, and what the cluster serves.
//!
//! A console with rights of its own has one connection for everybody. With the credentials of people only, each of them has
//! one: what the cluster tells one of itself is nothing that another may know.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Cluster, ConnectionState, Inner, LINGER, keeping};
use crate::catalog::Catalog;
use crate::person::Viewer;
use crate::rights::Holder;

/// So many people are a crowd: each of them discovers again so much more rarely as there are crowds.
const CROWD: u32 = 8;

/// What one connection showed of the cluster.
pub(crate) struct Reached {
    pub(super) state: watch::Sender<ConnectionState>,
    pub(super) catalog: ArcSwapOption<Catalog>,
    asked: Mutex<Instant>,
    /// Keeps it current; the console's own is kept by the cluster.
    task: OnceLock<AbortOnDropHandle<Option<()>>>,
}

/// What each person's connection showed.
pub(super) type ReachedBy = Mutex<HashMap<Holder, Arc<Reached>>>;

impl Reached {
    pub(super) fn new(state: ConnectionState) -> Self {
        Self {
            state: watch::Sender::new(state),
            catalog: ArcSwapOption::empty(),
            asked: Mutex::new(Instant::now()),
            task: OnceLock::new(),
        }
    }

    pub(super) fn touch(&self) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether nobody asked what the cluster serves for a while.
    pub(super) fn rests(&self) -> bool {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).elapsed() > LINGER
    }
}

impl Cluster {
    /// The same cluster as the one sees it whose credential this is.
    pub(crate) fn of_holder(inner: Arc<Inner>, holder: &Holder) -> Self {
        let viewer = match holder {
            Holder::Console => Viewer::Console,
            Holder::Person(token) => Viewer::of_token(&inner.id, token),
        };
        Self { inner, viewer }
    }

    /// What is known over the connection of the one who asks; a person's own begins with the first call.
    pub(super) fn reached(&self) -> Arc<Reached> {
        let holder = match self.holder() {
            Ok(holder @ Holder::Person(_)) if self.settings().user_credentials_only => holder,
            _ => return Arc::clone(&self.inner.reached),
        };
        let mut all = self.reached_by();
        if let Some(reached) = all.get(&holder) {
            return Arc::clone(reached);
        }
        let reached = Arc::new(Reached::new(ConnectionState::Connecting));
        let viewer = self.viewer.clone();
        let keeping = keeping::keep(Arc::downgrade(&self.inner), Arc::downgrade(&reached), viewer);
        let closing = self.inner.closing.clone();
        let task = tokio::spawn(closing.run_until_cancelled_owned(keeping));
        // It was made just now: nobody else sets it.
        drop(reached.task.set(AbortOnDropHandle::new(task)));
        all.insert(holder, Arc::clone(&reached));
        reached
    }

    /// The same, when something was asked over it before: nothing begins.
    pub(super) fn reached_before(&self) -> Option<Arc<Reached>> {
        if !self.settings().user_credentials_only {
            return Some(Arc::clone(&self.inner.reached));
        }
        self.reached_by().get(&self.holder().ok()?).map(Arc::clone)
    }

    /// Whether the cluster answers, as far as anybody's connection tells; `None` while nobody asks.
    pub(super) fn is_up(&self) -> Option<bool> {
        let up = |reached: &Reached| match *reached.state.borrow() {
            ConnectionState::Idle | ConnectionState::Connecting => None,
            ConnectionState::Connected { .. } => Some(true),
            ConnectionState::Failed { .. } => Some(false),
        };
        if !self.settings().user_credentials_only {
            return Some(up(&self.inner.reached) == Some(true));
        }
        self.reached_by().values().filter_map(|reached| up(reached)).max()
    }

    /// An equal catalog that another person's connection showed: they need not be kept twice.
    pub(super) fn same_catalog(&self, catalog: Catalog) -> Arc<Catalog> {
        let known: Vec<Arc<Catalog>> =
            self.reached_by().values().filter_map(|reached| reached.catalog.load_full()).collect();
        known.into_iter().find(|known| **known == catalog).unwrap_or_else(|| Arc::new(catalog))
    }

    /// How long to rest between discoveries where so many people's connections each discover for themselves.
    pub(super) fn crowded(&self, rest: Duration) -> Duration {
        let people = u32::try_from(self.reached_by().len()).unwrap_or(u32::MAX);
        rest.saturating_mul(1 + people / CROWD)
    }

    /// Lets go of the connections over which nobody asks any more and nothing is watched. Ends their discoveries.
    pub(super) fn release_reached(&self) {
        let watching: Vec<Holder> = self.tables().keys().filter_map(|key| key.holder().cloned()).collect();
        let mut free = Vec::new();
        self.reached_by().retain(|holder, reached| {
            let used = Arc::strong_count(reached) > 1 || reached.state.receiver_count() > 0;
            let kept = used || !reached.rests() || watching.contains(holder);
            if !kept {
                free.push(Arc::clone(reached));
            }
            kept
        });
        drop(free);
    }

    pub(super) fn reached_by(&self) -> MutexGuard<'_, HashMap<Holder, Arc<Reached>>> {
        self.inner.reached_by.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
