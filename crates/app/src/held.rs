//! Questions about one object: the tables that they turn out to need, and what the last answer was made from.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use pilothouse_model::{GroupResource, Resource};
use pilothouse_store::Snapshot;
use tokio::time::Instant;

use crate::catalog::Catalog;
use crate::cluster::{Cluster, Near};
use crate::feed::{LiveTable, Scope};
use crate::looks::{Look, Looks};
use crate::moment::{Moment, Name, Watched};
use crate::rights::View;

/// Tables that are watched as long as this is held.
#[derive(Default)]
pub(crate) struct Held {
    tables: BTreeMap<Name, Holding>,
    /// The namespace that the questions are about.
    namespace: Option<String>,
    /// What the last answer looked at.
    looks: Looks,
}

/// One table.
struct Holding {
    resource: Arc<Resource>,
    table: Arc<LiveTable>,
    scope: Scope,
    /// What of it may be seen.
    view: View,
    /// What the last answer was made from.
    snapshot: Arc<Snapshot>,
}

impl Holding {
    fn new(resource: &Arc<Resource>, near: Near) -> Self {
        let Near { table, scope, view } = near;
        Self { resource: Arc::clone(resource), snapshot: table.snapshot(), table, scope, view }
    }

    /// Whether what `looks` saw has changed since the last answer. What has not is not looked through again.
    fn differs(&mut self, looks: &Looks) -> bool {
        let now = self.table.snapshot();
        let differs = self.differs_from(&now, looks);
        if !differs {
            self.snapshot = now;
        }
        differs
    }

    fn differs_from(&self, now: &Snapshot, looks: &Looks) -> bool {
        if now.is_of_the_same_table(&self.snapshot) && now.version() == self.snapshot.version() {
            return false;
        }
        if !now.is_of_the_same_table(&self.snapshot) || now.completeness() != self.snapshot.completeness() {
            return looks.contains(Look::resource(self.resource.group_resource()));
        }
        let Some(sets) = now.changes_since(self.snapshot.version()) else { return true };
        let mut rows = sets.iter().flat_map(|set| &set.changes).flat_map(|change| [&change.before, &change.after]);
        rows.any(|record| record.as_ref().is_some_and(|record| looks.see(&record.row)))
    }
}

impl Held {
    pub(crate) fn about(namespace: Option<&str>) -> Self {
        Self { namespace: namespace.map(str::to_owned), ..Self::default() }
    }

    /// The namespace that the questions are about.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Whether a question would be answered differently than last time, as far as watched tables tell.
    pub(crate) fn differs(&mut self) -> bool {
        self.tables.values_mut().any(|holding| holding.differs(&self.looks))
    }

    /// Whether the table of a resource is held that knows all of its objects.
    pub(crate) fn knows(&self, resource: &Resource) -> bool {
        let name = (resource.group.to_string(), resource.plural.to_string());
        self.tables.get(&name).is_some_and(|holding| holding.snapshot.completeness().is_complete())
    }

    /// Whether the table of a resource would show an object where the questions are about, if there were one of this name.
    pub(crate) fn lists(&self, resource: &Resource, name: &str) -> bool {
        let key = (resource.group.to_string(), resource.plural.to_string());
        let namespace = self.namespace().filter(|_| resource.namespaced);
        self.tables.get(&key).is_some_and(|holding| holding.view.listed.sees(namespace, name))
    }

    /// The table of a resource, held from now on.
    pub(crate) fn table(&mut self, cluster: &Cluster, resource: &Arc<Resource>) -> Arc<LiveTable> {
        let name = (resource.group.to_string(), resource.plural.to_string());
        let near = || Holding::new(resource, cluster.table_near(resource, self.namespace.as_deref()));
        Arc::clone(&self.tables.entry(name).or_insert_with(near).table)
    }

    /// Lets go of what is not served any more, and turns to better tables where there are some.
    fn renew(&mut self, cluster: &Cluster, catalog: &Catalog) {
        let namespace = self.namespace.as_deref();
        self.tables.retain(|name, holding| {
            let Some(resource) = catalog.served(GroupResource::new(&name.0, &name.1)) else { return false };
            let near = cluster.table_near(resource, namespace);
            // Tables of which nothing is read change by being replaced.
            let useless = holding.table.is_forbidden()
                || holding.table.is_dead()
                || holding.table.is_still()
                || holding.resource != *resource;
            if !Arc::ptr_eq(&near.table, &holding.table) && (useless || !near.table.is_loading()) {
                *holding = Holding::new(resource, near);
            } else {
                // What may be seen is cut at once, whichever table it is read from.
                holding.view = near.view;
            }
            true
        });
    }

    fn moment<'a>(&mut self, catalog: &'a Catalog) -> Moment<'a> {
        let watched = |holding: &mut Holding| {
            holding.snapshot = holding.table.snapshot();
            Watched {
                resource: Arc::clone(&holding.resource),
                snapshot: Arc::clone(&holding.snapshot),
                scope: holding.scope.clone(),
                view: holding.view.clone(),
            }
        };
        let moment = Moment::new(catalog, self.tables.values_mut().map(watched).collect());
        moment.turn_to(self.namespace.as_deref().map(Into::into));
        moment
    }
}

impl Cluster {
    /// Asks `question` of a moment, watching what it turns out to need and asking again, until nothing is missing or
    /// `patience` is over.
    pub(crate) async fn settle<T>(
        &self,
        catalog: &Catalog,
        held: &mut Held,
        patience: Duration,
        question: impl Fn(&Moment<'_>) -> T,
    ) -> T {
        let deadline = Instant::now() + patience;
        held.renew(self, catalog);
        loop {
            let (answer, looks, missing) = {
                let moment = held.moment(catalog);
                let answer = question(&moment);
                (answer, moment.take_looks(), moment.missing())
            };
            held.looks = looks;
            // Every round opens what the one before lacked, and a catalog is finite.
            let needed: Vec<_> =
                missing.iter().filter_map(|name| catalog.served(GroupResource::new(&name.0, &name.1))).collect();
            if needed.is_empty() {
                return answer;
            }
            let tables: Vec<_> = needed.iter().map(|resource| held.table(self, resource)).collect();
            join_all(tables.iter().map(|table| table.settled(deadline))).await;
        }
    }
}
