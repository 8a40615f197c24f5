//! The ways in which someone can ask the console; every one of them must give what the API server gives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Ask, Cluster, Engine, Person, Source, Token};
use pilothouse_model::{ClusterId, GroupResource, Resource};

use super::oracle::Key;
use super::world::{Kind, User};

const PATIENCE: Duration = Duration::from_secs(20);

/// What a list showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) keys: BTreeSet<Key>,
    pub(crate) total: usize,
    /// How many rows there are before filtering, where the way of asking tells.
    pub(crate) unfiltered: Option<usize>,
    /// All texts of all rows.
    pub(crate) texts: String,
}

/// A way of asking.
pub(crate) trait Asker {
    /// The rows of a resource, or of all workloads.
    async fn list(&self, user: &User, kind: Option<Kind>, question: &str) -> Shown;
}

/// The engine, asked directly.
pub(crate) struct Direct {
    pub(crate) engine: Engine,
}

impl Direct {
    /// The cluster as a user sees it.
    pub(crate) async fn cluster(&self, user: &User) -> Cluster {
        let id: ClusterId = self.engine.current();
        let token = Token::new(user.api.credential().token.as_str());
        let person = Person::new(user.name.as_str(), BTreeMap::from([(id.clone(), token)]));
        let cluster = self.engine.seen_by(Arc::new(person)).cluster(id.as_str()).expect("the context is there");
        cluster.wait_catalog(PATIENCE).await.expect("the cluster answers");
        cluster
    }
}

pub(crate) fn resource(cluster: &Cluster, kind: Kind) -> Arc<Resource> {
    let catalog = cluster.catalog().expect("the cluster was reached");
    Arc::clone(catalog.served(GroupResource::new(kind.group, kind.plural)).expect("it is served"))
}

impl Asker for Direct {
    async fn list(&self, user: &User, kind: Option<Kind>, question: &str) -> Shown {
        let cluster = self.cluster(user).await;
        let source = kind.map_or(Source::Workloads, |kind| Source::Resource(resource(&cluster, kind)));
        let ask = Ask { q: question.to_owned(), ..Ask::default() };
        let listing = cluster.list_settled(&source, &ask, PATIENCE).await.expect("the question is good");
        let rows = listing.rows.iter().map(|record| &record.row);
        Shown {
            keys: rows.clone().map(|row| (row.namespace.as_deref().map(str::to_owned), row.name.to_string())).collect(),
            total: listing.total,
            unfiltered: Some(listing.unfiltered),
            texts: rows.map(|row| format!("{row:?}\n")).collect(),
        }
    }
}
