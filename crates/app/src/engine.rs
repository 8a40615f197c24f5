//! The engine: every cluster of the kubeconfig, each opened when first asked for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use pilothouse_cluster::{Connection, Contexts};
use pilothouse_model::{ClusterId, Instrument};

use crate::audit::Audit;
use crate::cluster::{Cluster, ClusterFigures, ConnectionState, Settings};
use crate::error::{AppError, ErrorKind};
use crate::person::{Person, RIGHTS_FOR, Sharing, Viewer};

mod identify;

/// Everything the console knows. Cloning shares it.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    viewer: Viewer,
}

struct Inner {
    contexts: Contexts,
    sharing: Option<Sharing>,
    instruments: &'static [&'static dyn Instrument],
    audit: Audit,
    open: Mutex<HashMap<ClusterId, Cluster>>,
    closing: AtomicBool,
}

/// One cluster as the list of clusters shows it.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// Name: the context's.
    pub id: ClusterId,
    /// Address of the API server; `None` while the cluster is not open.
    pub server: Option<String>,
    /// How it is connected.
    pub connection: ConnectionState,
    /// Whether it is the current context.
    pub current: bool,
}

impl Engine {
    /// An engine over these contexts, with every instrument, for the one person whose credentials they hold. Nothing is
    /// connected yet.
    pub fn new(contexts: Contexts) -> Self {
        Self::with(contexts, None, Viewer::Console)
    }

    /// An engine over these contexts for many people: it answers nobody until it is told who asks (see [`Engine::seen_by`]).
    pub fn shared(contexts: Contexts, sharing: Sharing) -> Self {
        Self::with(contexts, Some(sharing), Viewer::Nobody)
    }

    fn with(contexts: Contexts, sharing: Option<Sharing>, viewer: Viewer) -> Self {
        let inner = Inner {
            contexts,
            sharing,
            instruments: pilothouse_instruments::all(),
            audit: Audit::default(),
            open: Mutex::default(),
            closing: AtomicBool::new(false),
        };
        Self { inner: Arc::new(inner), viewer }
    }

    /// The same engine as this person sees it: every answer is cut to what the clusters let the person see.
    pub fn seen_by(&self, person: Arc<Person>) -> Self {
        Self { inner: Arc::clone(&self.inner), viewer: Viewer::Person(person) }
    }

    /// Who asks.
    pub fn viewer(&self) -> &Viewer {
        &self.viewer
    }

    /// The audit log of everything that is done through it; it records from [`Audit::begin`] on.
    pub fn audit(&self) -> &Audit {
        &self.inner.audit
    }

    /// All clusters, in the kubeconfig's order.
    pub fn clusters(&self) -> Vec<ClusterView> {
        let open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        let view = |name: &str| {
            let id = ClusterId::new(name);
            let cluster = open.get(&id);
            ClusterView {
                server: cluster.map(|cluster| cluster.server().to_owned()),
                connection: cluster
                    .map_or(ConnectionState::Idle, |cluster| cluster.seen_by(self.viewer.clone()).state_before()),
                current: name == self.inner.contexts.current(),
                id,
            }
        };
        self.inner.contexts.names().into_iter().map(view).collect()
    }

    /// The current context's cluster.
    pub fn current(&self) -> ClusterId {
        ClusterId::new(self.inner.contexts.current())
    }

    /// The cluster of this name; the first call begins to connect, in the background.
    pub fn cluster(&self, name: &str) -> Result<Cluster, AppError> {
        let names = self.inner.contexts.names();
        if !names.contains(&name) {
            return Err(AppError::new(ErrorKind::NotOffered, format!("there is no cluster named \"{name}\""))
                .hint(format!("the kubeconfig has {}", names.join(", "))));
        }
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        if self.inner.closing.load(Ordering::Acquire) {
            return Err(AppError::new(ErrorKind::Unavailable, "Pilothouse is shutting down"));
        }
        let id = ClusterId::new(name);
        if let Some(cluster) = open.get(&id) {
            return Ok(cluster.seen_by(self.viewer.clone()));
        }
        let settings = self.settings(name);
        let mut connection = Connection::open(&self.inner.contexts, name)?;
        if settings.user_credentials_only {
            // Whatever credential the console has there, it stays out of it.
            connection = connection.without_credential();
        }
        let cluster = Cluster::open(id.clone(), connection, settings, self.inner.instruments, self.inner.audit.clone());
        open.insert(id, cluster.clone());
        Ok(cluster.seen_by(self.viewer.clone()))
    }

    fn settings(&self, name: &str) -> Settings {
        let Inner { contexts, sharing, .. } = &*self.inner;
        let sharing = sharing.as_ref();
        let looked_into = sharing.and_then(|sharing| sharing.namespaces.get(&ClusterId::new(name)));
        let namespaces = contexts.namespaces(name).into_iter().map(Into::into);
        Settings {
            default_namespace: contexts.default_namespace(name).to_owned(),
            namespaces: namespaces.chain(looked_into.into_iter().flatten().cloned().map(Into::into)).collect(),
            shared: sharing.is_some(),
            user_credentials_only: sharing.is_some_and(|sharing| sharing.user_credentials_only),
            rights_for: sharing.map_or(RIGHTS_FOR, |sharing| sharing.rights_for),
        }
    }

    /// The one who asks has left: what was read with that one's credentials is let go of as soon as no window shows it.
    pub fn leave(&self) {
        let open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        for cluster in open.values() {
            cluster.seen_by(self.viewer.clone()).leave();
        }
    }

    /// How the console itself fares, in numbers: one for each cluster that is open.
    pub fn figures(&self) -> Vec<ClusterFigures> {
        let open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut clusters: Vec<Cluster> = open.values().cloned().collect();
        drop(open);
        clusters.sort_by(|a, b| a.id().cmp(b.id()));
        clusters.iter().map(Cluster::figures).collect()
    }

    /// The time, from the one clock that answers are stamped with.
    pub fn now(&self) -> Timestamp {
        crate::clock::now()
    }

    /// Ends every watch and every window; nothing is opened after it.
    pub fn shutdown(&self) {
        let open = {
            let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
            self.inner.closing.store(true, Ordering::Release);
            std::mem::take(&mut *open)
        };
        for cluster in open.values() {
            cluster.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::away;

    #[test]
    fn every_cluster_is_opened_as_it_is_shared() {
        let named = [("away", "team-a"), ("other", "team-b")];
        let namespaces = named.map(|(cluster, name)| (ClusterId::new(cluster), vec![name.to_owned()]));
        let sharing =
            Sharing { user_credentials_only: true, rights_for: Duration::from_secs(7), namespaces: namespaces.into() };
        let settings = away::engine(sharing).settings("away");
        let looked_into: Vec<&str> = settings.namespaces.iter().map(|name| &**name).collect();
        assert_eq!(looked_into, ["default", "team-a"]);
        assert_eq!((settings.shared, settings.user_credentials_only), (true, true));
        assert_eq!(settings.rights_for, Duration::from_secs(7));
    }
}
