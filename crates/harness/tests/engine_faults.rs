//! The engine when things go wrong: the API server goes away and comes back, objects die and return, rights differ.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Ask, Cluster, ConnectionState, Contexts, Engine, LiveWindow, Source, Update};
use pilothouse_harness::Embedded;
use pilothouse_model::{Completeness, GroupResource, Resource};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(30);
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

/// The wire between the engine and the API server; a test can cut it.
struct Wire {
    whole: watch::Sender<bool>,
    kubeconfig: PathBuf,
}

impl Wire {
    /// A wire to the embedded cluster, with a kubeconfig that leads over it.
    async fn lay(embedded: &Embedded, user: &str) -> Self {
        let text = std::fs::read_to_string(embedded.kubeconfig(user)).unwrap();
        let server = embedded.admin().credential().server.clone();
        let address = server.trim_start_matches("https://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let over = format!("https://{}", listener.local_addr().unwrap());
        let kubeconfig = embedded.folder().join(format!("{user}.over-the-wire"));
        std::fs::write(&kubeconfig, text.replace(server.trim_end_matches('/'), &over)).unwrap();
        let whole = watch::Sender::new(true);
        let state = whole.clone();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (address, mut state) = (address.clone(), state.subscribe());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let mut far = TcpStream::connect(address).await.unwrap();
                    tokio::select! {
                        end = tokio::io::copy_bidirectional(&mut near, &mut far) => drop(end),
                        end = state.wait_for(|whole| !whole) => drop(end),
                    }
                });
            }
        });
        Self { whole, kubeconfig }
    }

    fn cut(&self) {
        self.whole.send_replace(false);
    }

    fn mend(&self) {
        self.whole.send_replace(true);
    }

    fn engine(&self) -> Engine {
        Engine::new(Contexts::load(Some(self.kubeconfig.clone()), None).unwrap())
    }
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

async fn until(window: &mut LiveWindow, what: &str, wanted: impl Fn(&Update) -> bool) -> Update {
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

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": "x"}}})
}

fn resource(cluster: &Cluster, plural: &str) -> Arc<Resource> {
    Arc::clone(cluster.catalog().unwrap().served(GroupResource::new("", plural)).unwrap())
}

fn is_complete(update: &Update) -> bool {
    update.completeness == Completeness::Complete
}

#[tokio::test]
async fn a_server_that_goes_away_leaves_what_was_known_and_its_return_brings_what_was_missed() {
    let embedded = Embedded::start().await;
    let wire = Wire::lay(&embedded, "admin").await;
    for name in ["a", "b"] {
        embedded.admin().ensure(MAPS, &config_map(name)).await;
    }
    let engine = wire.engine();
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    cluster.wait_catalog(PATIENCE).await.unwrap();
    let ask = || Ask { labels: "app=x".to_owned(), ..Ask::default() };
    let source = Source::Resource(resource(&cluster, "configmaps"));
    let mut window = cluster.window(source.clone(), ask()).unwrap();
    assert_eq!(until(&mut window, "the list", is_complete).await.total, 2);

    wire.cut();
    let stale = until(&mut window, "the cut", |update| matches!(update.completeness, Completeness::Stale(_))).await;
    assert_eq!(stale.total, 2, "what was known stays");
    let before = stale.as_of.unwrap();
    let listing = cluster.list(&source, &ask()).unwrap();
    assert_eq!((listing.rows.len(), listing.as_of), (2, Some(before)), "it grows old");
    let admin = embedded.admin();
    admin.send(Method::DELETE, &format!("{MAPS}/a"), None).await;
    admin.ensure(MAPS, &config_map("c")).await;

    wire.mend();
    let back = until(&mut window, "the return", is_complete).await;
    assert!(back.as_of.unwrap() > before);
    within("what was missed", async {
        loop {
            let listing = cluster.list(&source, &ask()).unwrap();
            if listing.rows.iter().map(|record| &*record.row.name).eq(["b", "c"]) {
                return;
            }
            window.next().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_tried_until_it_is() {
    let embedded = Embedded::start().await;
    let wire = Wire::lay(&embedded, "admin").await;
    wire.cut();
    let engine = wire.engine();
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    let error = cluster.wait_catalog(PATIENCE).await.unwrap_err();
    assert!(error.message.contains(cluster.server()), "{error}");
    assert!(matches!(cluster.state(), ConnectionState::Failed { attempts: 1.., .. }));
    assert!(cluster.namespaces().is_none());
    let mut window = cluster.window(Source::Workloads, Ask::default()).unwrap();
    let first = within("a first answer", window.next()).await.unwrap();
    assert_eq!((first.total, first.completeness, first.as_of), (0, Completeness::Loading, None));

    wire.mend();
    let mut state = cluster.watch_state();
    within("the connection", state.wait_for(|state| matches!(state, ConnectionState::Connected { .. })))
        .await
        .map(drop)
        .unwrap();
    let loaded = until(&mut window, "the workloads", is_complete).await;
    assert!(loaded.as_of.is_some());
}

#[tokio::test]
async fn an_object_that_dies_and_returns_is_followed_through_cuts_and_as_another() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    let wire = Wire::lay(&embedded, "admin").await;
    admin.ensure(MAPS, &config_map("it")).await;
    let engine = wire.engine();
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    cluster.wait_catalog(PATIENCE).await.unwrap();
    let mut live = cluster.live_object(resource(&cluster, "configmaps"), Some("default"), "it");
    let first = within("the object", live.next()).await.unwrap().unwrap();
    let mut version = async |what: &str, wanted: &dyn Fn(&pilothouse_app::ObjectView) -> bool| {
        within(what, async {
            loop {
                match live.next().await.unwrap() {
                    Ok(view) if wanted(&view) => return view,
                    _ => {}
                }
            }
        })
        .await
    };
    // The page watches the object's namespace; so does this question.
    let own = Ask { namespaces: vec!["default".to_owned()], confined: true, ..Ask::default() };
    let source = Source::Resource(resource(&cluster, "configmaps"));
    assert_eq!(cluster.list_settled(&source, &own, PATIENCE).await.unwrap().completeness, Completeness::Complete);

    wire.cut();
    version("the cut", &|view| matches!(view.completeness, Completeness::Stale(_)) && !view.gone).await;
    admin.send(Method::DELETE, &format!("{MAPS}/it"), None).await;
    wire.mend();
    let gone = version("its end", &|view| view.gone).await;
    assert_eq!(gone.object.uid(), first.object.uid(), "its last version is shown");
    admin.ensure(MAPS, &config_map("it")).await;
    let other = version("its return", &|view| !view.gone).await;
    assert_ne!(other.object.uid(), first.object.uid());

    engine.shutdown();
    assert!(within("the end of the stream", live.next()).await.is_none());
}

#[tokio::test]
async fn a_shutdown_ends_windows() {
    let embedded = Embedded::start().await;
    let wire = Wire::lay(&embedded, "admin").await;
    let engine = wire.engine();
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    cluster.wait_catalog(PATIENCE).await.unwrap();
    let mut window = cluster.window(Source::Resource(resource(&cluster, "configmaps")), Ask::default()).unwrap();
    until(&mut window, "the list", is_complete).await;
    engine.shutdown();
    within("the end", async { while window.next().await.is_some() {} }).await;
    assert!(engine.cluster(engine.current().as_str()).is_err(), "nothing is opened any more");
}

#[tokio::test]
async fn rights_in_two_namespaces_are_joined_and_a_page_needs_only_its_own() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    for namespace in ["team-a", "team-b", "team-c"] {
        let body = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}});
        admin.ensure("/api/v1/namespaces", &body).await;
        admin.ensure(&format!("/api/v1/namespaces/{namespace}/configmaps"), &config_map("own")).await;
    }
    for (namespace, resources) in [("team-a", "*"), ("team-b", "*"), ("team-c", "configmaps")] {
        let rbac = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}");
        let role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
            "rules": [{"apiGroups": ["", "apps", "batch"], "resources": [resources], "verbs": ["get", "list", "watch"]}],
        });
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}],
        });
        admin.ensure(&format!("{rbac}/roles"), &role).await;
        admin.ensure(&format!("{rbac}/rolebindings"), &binding).await;
    }
    let wire = Wire::lay(&embedded, "ada").await;
    let engine = wire.engine();
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    cluster.wait_catalog(PATIENCE).await.unwrap();
    let source = Source::Resource(resource(&cluster, "configmaps"));
    let ask = Ask { q: "ns:team-a,team-b name:own".to_owned(), ..Ask::default() };
    let mut window = cluster.window(source, ask).unwrap();
    let both = until(&mut window, "both namespaces", is_complete).await;
    assert_eq!(both.total, 2);

    // Workloads look at nodes and more that ada may not see: told once, in one sentence.
    let workloads = Ask { namespaces: vec!["team-a".to_owned()], ..Ask::default() };
    let listing = cluster.list_settled(&Source::Workloads, &workloads, PATIENCE).await.unwrap();
    assert_eq!(listing.completeness, Completeness::Complete, "{:?}", listing.notes);
    assert!(listing.as_of.is_some());

    let view = cluster.object(&resource(&cluster, "configmaps"), Some("team-b"), "own", PATIENCE).await.unwrap();
    assert_eq!(view.events_completeness, Completeness::Complete);
    assert_eq!(view.gaps, []);
    let view = cluster.object(&resource(&cluster, "configmaps"), Some("team-c"), "own", PATIENCE).await.unwrap();
    assert!(view.dependents.is_empty(), "but whether there are none is not known");
    let pods = view.gaps.iter().find(|gap| gap.resource == "pods").unwrap();
    assert!(matches!(pods.completeness, Completeness::Forbidden(_)), "{:?}", view.gaps);
}
