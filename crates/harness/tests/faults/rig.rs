//! An engine that looks through the proxy at a namespace of a real API server.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::time::Duration;

use pilothouse_app::{Ask, Cluster, Contexts, Engine, Listing, LiveWindow, Source, Update};
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Api, Faults, Options, RealControlPlane};
use pilothouse_model::{Completeness, GroupResource, Resource};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// The longest that anything may take; what is awaited comes in seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The one control plane of all tests that leave it whole; it lives while one of them does.
pub(crate) async fn shared_plane() -> Arc<RealControlPlane> {
    static SHARED: Mutex<Weak<RealControlPlane>> = Mutex::const_new(Weak::new());
    let mut shared = SHARED.lock().await;
    if let Some(plane) = shared.upgrade() {
        return plane;
    }
    let plane = Arc::new(RealControlPlane::start(Options::default()).await);
    *shared = Arc::downgrade(&plane);
    plane
}

/// A namespace of its own, and an engine that sees the cluster through the proxy.
pub(crate) struct Rig {
    pub(crate) api: Api,
    pub(crate) faults: Faults,
    pub(crate) engine: Engine,
    pub(crate) cluster: Cluster,
    pub(crate) namespace: String,
    _plane: Option<Arc<RealControlPlane>>,
}

impl Rig {
    /// On the shared control plane.
    pub(crate) async fn start(namespace: &str) -> Self {
        let plane = shared_plane().await;
        let rig = Self::on(&plane, namespace).await;
        Self { _plane: Some(plane), ..rig }
    }

    /// On a control plane of the test's own.
    pub(crate) async fn on(plane: &RealControlPlane, namespace: &str) -> Self {
        let text = std::fs::read_to_string(plane.kubeconfig("admin")).unwrap();
        let credential = Credential::read(&text);
        let faults = Faults::start(&credential).await;
        let kubeconfig = Faults::kubeconfig(plane.folder(), namespace, (&faults.url(), &credential.token));
        // A client of this test's own runtime.
        let api = Api::new(credential);
        api.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        let engine = Engine::new(Contexts::load(Some(kubeconfig), None).unwrap());
        let cluster = engine.cluster(engine.current().as_str()).unwrap();
        cluster.wait_catalog(PATIENCE).await.unwrap();
        Self { api, faults, engine, cluster, namespace: namespace.to_owned(), _plane: None }
    }

    pub(crate) fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/configmaps", self.namespace)
    }

    pub(crate) async fn create(&self, name: &str) {
        let map = json!({"metadata": {"name": name, "labels": {"turn": "0"}}, "data": {"key": name}});
        self.api.ensure(&self.path(), &map).await;
    }

    pub(crate) async fn delete(&self, name: &str) {
        let answer = self.api.send(Method::DELETE, &format!("{}/{name}", self.path()), None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Gives an object's label another value.
    pub(crate) async fn turn(&self, name: &str, turn: u64) {
        let patch = json!({"metadata": {"labels": {"turn": turn.to_string()}}});
        let kind = "application/merge-patch+json";
        let answer = self.api.send(Method::PATCH, &format!("{}/{name}", self.path()), Some((kind, &patch))).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    pub(crate) fn resource(&self, group: &str, plural: &str) -> Arc<Resource> {
        Arc::clone(self.cluster.catalog().unwrap().served(GroupResource::new(group, plural)).unwrap())
    }

    pub(crate) fn source(&self) -> Source {
        Source::Resource(self.resource("", "configmaps"))
    }

    pub(crate) fn ask(&self) -> Ask {
        Ask { namespaces: vec![self.namespace.clone()], ..Ask::default() }
    }

    pub(crate) fn list(&self) -> Listing {
        self.cluster.list(&self.source(), &self.ask()).unwrap()
    }

    pub(crate) fn window(&self) -> LiveWindow {
        self.cluster.window(self.source(), self.ask()).unwrap()
    }

    /// What the API server itself lists: name and version.
    pub(crate) async fn truth(&self) -> Vec<(String, String)> {
        let listed = self.api.get(&self.path()).await;
        let text = |item: &Value, field: &str| item["metadata"][field].as_str().unwrap().to_owned();
        let items = listed.body["items"].as_array().unwrap();
        let mut truth: Vec<_> = items.iter().map(|item| (text(item, "name"), text(item, "resourceVersion"))).collect();
        truth.sort();
        truth
    }

    /// Waits until the engine shows exactly what the API server lists, and says that it is complete.
    pub(crate) async fn until_true(&self, what: &str) {
        let truth = self.truth().await;
        let agrees = |listing: &Listing| {
            listing.completeness == Completeness::Complete && versions(listing) == truth && listing.total == truth.len()
        };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let listing = self.list();
            if agrees(&listing) {
                return;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "{what}: {:?}\nshown {:?}\ntrue  {truth:?}",
                listing.completeness,
                versions(&listing)
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Name and version of each row, sorted.
pub(crate) fn versions(listing: &Listing) -> Vec<(String, String)> {
    let mut rows: Vec<_> =
        listing.rows.iter().map(|record| (record.row.name.to_string(), record.row.version.to_string())).collect();
    rows.sort();
    rows
}

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

pub(crate) async fn until(window: &mut LiveWindow, what: &str, wanted: impl Fn(&Update) -> bool) -> Update {
    within(what, async {
        loop {
            let update = window.next().await.unwrap();
            if wanted(&update) {
                return update;
            }
        }
    })
    .await
}

pub(crate) fn is_complete(update: &Update) -> bool {
    update.completeness == Completeness::Complete
}

pub(crate) fn is_told(completeness: &Completeness) -> bool {
    matches!(completeness, Completeness::Stale(_) | Completeness::Broken(_) | Completeness::Loading)
}
