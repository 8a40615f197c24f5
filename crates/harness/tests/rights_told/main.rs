//! Rights where a cluster tells of them in its own way, or not at all: authorizers that cannot list their rules, projects in
//! place of namespaces, an API server that is away.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Ask, Cluster, Contexts, Engine, ErrorKind, Person, Sharing, Source, Token};
use pilothouse_model::{ClusterId, Completeness, GroupResource};
use server::{Server, World, grant};
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(30);
/// How long rights are remembered here.
const RIGHTS_FOR: Duration = Duration::from_secs(1);

const PODS: (&str, &str) = ("", "pods");
const CONFIG_MAPS: (&str, &str) = ("", "configmaps");
const SECRETS: (&str, &str) = ("", "secrets");
const TRAIN_JOBS: (&str, &str) = ("trainer.kubeflow.org", "trainjobs");
const NAMESPACES: (&str, &str) = ("", "namespaces");

/// Three namespaces with an object of each kind, whose name tells where it is.
fn world() -> World {
    let mut objects = Vec::new();
    for namespace in ["a", "b", "c"] {
        objects.push((NAMESPACES.0, NAMESPACES.1, "", namespace.to_owned()));
        for (group, plural) in [PODS, CONFIG_MAPS, SECRETS, TRAIN_JOBS] {
            objects.push((group, plural, namespace, format!("{plural}-of-{namespace}")));
        }
    }
    World { objects, ..World::default() }
}

/// The console, which may list everything but Secrets unless it is told otherwise.
struct Console {
    server: Server,
    engine: Engine,
    _folder: tempfile::TempDir,
}

impl Console {
    async fn start(mut world: World, user_credentials_only: bool) -> Self {
        pilothouse_harness::api::install_cryptography();
        for resource in [PODS, CONFIG_MAPS, TRAIN_JOBS, NAMESPACES].into_iter().filter(|_| !user_credentials_only) {
            world.grants.push(grant("console", resource, None));
        }
        let server = Server::start(world).await;
        let folder = tempfile::tempdir().unwrap();
        let contexts = Contexts::load(Some(server.kubeconfig(folder.path(), "console")), None).unwrap();
        let sharing = Sharing { user_credentials_only, rights_for: RIGHTS_FOR, ..Sharing::default() };
        let engine = Engine::shared(contexts, sharing);
        Self { server, engine, _folder: folder }
    }

    /// The cluster as the one with this token sees it.
    async fn seen_by(&self, token: &str) -> Cluster {
        let tokens = BTreeMap::from([(ClusterId::new("told"), Token::new(token))]);
        let cluster = self.engine.seen_by(Arc::new(Person::new(token, tokens))).cluster("told").unwrap();
        cluster.wait_catalog(PATIENCE).await.unwrap();
        cluster
    }
}

fn source(cluster: &Cluster, (group, plural): (&str, &str)) -> Source {
    let catalog = cluster.catalog().unwrap();
    Source::Resource(Arc::clone(catalog.served(GroupResource::new(group, plural)).unwrap()))
}

/// The names of a list.
async fn names(cluster: &Cluster, resource: (&str, &str)) -> Vec<String> {
    let listing = cluster.list_settled(&source(cluster, resource), &Ask::default(), PATIENCE).await.unwrap();
    let mut names: Vec<String> = listing.rows.iter().map(|record| record.row.name.to_string()).collect();
    names.sort();
    assert_eq!((listing.total, listing.unfiltered), (names.len(), names.len()));
    names
}

async fn become_names(cluster: &Cluster, resource: (&str, &str), expected: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let names = names(cluster, resource).await;
        if names == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{resource:?} are {names:?}, not {expected:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_authorizer_cannot_list_its_rules_each_resource_is_asked_about() {
    let ada = [grant("ada", PODS, None), grant("ada", CONFIG_MAPS, "a"), grant("ada", SECRETS, "b")];
    let console = Console::start(World { webhook: true, grants: ada.to_vec(), ..world() }, false).await;
    let cluster = console.seen_by("ada").await;
    become_names(&cluster, PODS, &["pods-of-a", "pods-of-b", "pods-of-c"]).await;
    become_names(&cluster, CONFIG_MAPS, &["configmaps-of-a"]).await;
    // Nobody but she may list them: they are read with her own credential.
    become_names(&cluster, SECRETS, &["secrets-of-b"]).await;
    become_names(&cluster, TRAIN_JOBS, &[]).await;
    let object = async |name: &str, namespace: &str| {
        let Source::Resource(resource) = source(&cluster, CONFIG_MAPS) else { unreachable!() };
        cluster.object(&resource, Some(namespace), name, PATIENCE).await.map(|view| view.row.name.to_string())
    };
    assert_eq!(object("configmaps-of-a", "a").await.unwrap(), "configmaps-of-a");
    assert_eq!(object("configmaps-of-b", "b").await.unwrap_err().kind, ErrorKind::Forbidden);
    // Nobody who may nothing gets anything, whatever others were told.
    let ben = console.seen_by("ben").await;
    for resource in [PODS, CONFIG_MAPS, SECRETS, TRAIN_JOBS, NAMESPACES] {
        become_names(&ben, resource, &[]).await;
    }
    console.server.change(|world| {
        world.grants.retain(|grant| grant.token == "console" || grant.plural == "pods");
        world.grants.push(grant("ada", CONFIG_MAPS, "c"));
    });
    become_names(&cluster, CONFIG_MAPS, &["configmaps-of-c"]).await;
    become_names(&cluster, SECRETS, &[]).await;
    console.engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_tell_where_somebody_is_at_home_where_nobody_may_list_namespaces() {
    for user_credentials_only in [false, true] {
        let ada = [grant("ada", CONFIG_MAPS, "a"), grant("ada", PODS, "b"), grant("ben", CONFIG_MAPS, "c")];
        let projects = vec![("ada", "a"), ("ada", "b"), ("ben", "c")];
        let console = Console::start(World { grants: ada.to_vec(), projects, ..world() }, user_credentials_only).await;
        console.server.change(|world| world.grants.retain(|grant| grant.plural != "namespaces"));
        let cluster = console.seen_by("ada").await;
        become_names(&cluster, CONFIG_MAPS, &["configmaps-of-a"]).await;
        become_names(&cluster, PODS, &["pods-of-b"]).await;
        assert_eq!(cluster.namespaces().unwrap(), ["a", "b"]);
        assert!(!cluster.namespaces_completeness().is_complete());
        become_names(&console.seen_by("ben").await, CONFIG_MAPS, &["configmaps-of-c"]).await;
        // Each one's projects are asked for with each one's own credential.
        let asked = console.server.asked();
        let of = |token: &str| format!("{token} /apis/project.openshift.io/v1/projects");
        assert!(
            asked.contains(&of("ada")) && asked.contains(&of("ben")) && !asked.contains(&of("console")),
            "{asked:?}"
        );
        // A new project appears.
        console.server.change(|world| {
            world.projects.push(("ada", "c"));
            world.grants.push(grant("ada", CONFIG_MAPS, "c"));
        });
        become_names(&cluster, CONFIG_MAPS, &["configmaps-of-a", "configmaps-of-c"]).await;
        console.engine.shutdown();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_cluster_is_away_nothing_is_shown_that_may_have_been_taken_away() {
    let ada = vec![grant("ada", CONFIG_MAPS, "a")];
    let console = Console::start(World { grants: ada, ..world() }, false).await;
    let cluster = console.seen_by("ada").await;
    let maps = source(&cluster, CONFIG_MAPS);
    become_names(&cluster, CONFIG_MAPS, &["configmaps-of-a"]).await;
    let mut window = cluster.window(maps.clone(), Ask::default()).unwrap();
    while window.next().await.unwrap().total != 1 {}
    console.server.change(|world| world.down = true);
    // The grant goes while nobody can be asked.
    console.server.change(|world| world.grants.retain(|grant| grant.token != "ada"));
    let paused = async {
        loop {
            let update = window.next().await.unwrap();
            assert_eq!(update.delta.map(|delta| delta.entered.len()).unwrap_or_default(), 0, "nothing new is shown");
            if let Completeness::Stale(why) = update.completeness
                && why.contains("what you may see")
            {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, paused).await.expect("the window says that it does not go on");
    let error = cluster.list_settled(&maps, &Ask::default(), PATIENCE).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unavailable, "{error}");
    assert!(error.message.contains("does not tell at the moment what you may see"), "{error}");
    let counts = cluster.counts_settled(&maps, &Ask::default(), "namespace", PATIENCE).await.unwrap_err();
    assert_eq!(counts.kind, ErrorKind::Unavailable, "{counts}");
    let offered = cluster.complete(&maps, &Ask { q: "name:".to_owned(), ..Ask::default() }, 5);
    assert!(offered.is_err(), "{offered:?}");
    assert!(cluster.namespaces().unwrap_or_default().is_empty(), "{:?}", cluster.namespaces());
    assert!(cluster.navigation().unwrap().is_empty(), "{:?}", cluster.navigation());
    console.server.change(|world| world.down = false);
    let emptied = async {
        while window.next().await.unwrap().completeness == Completeness::Complete || !window.page().is_empty() {}
    };
    tokio::time::timeout(PATIENCE, emptied).await.expect("what was taken away is taken from the screen");
    let listing = cluster.list_settled(&maps, &Ask::default(), PATIENCE).await.unwrap();
    assert!(matches!(listing.completeness, Completeness::Forbidden(_)), "{:?}", listing.completeness);
    console.engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_navigation_leads_only_to_what_somebody_may_list_somewhere() {
    let grants = vec![grant("ada", CONFIG_MAPS, "a"), grant("ben", TRAIN_JOBS, "b"), grant("cleo", ("*", "*"), None)];
    let console = Console::start(World { grants, ..world() }, false).await;
    for (token, kinds, instruments) in [
        ("ada", &["ConfigMap"][..], &[][..]),
        ("ben", &["TrainJob"], &["kubeflow"]),
        ("dora", &[], &[]),
        ("cleo", &["ConfigMap", "Job", "Namespace", "Pod", "Project", "Secret", "TrainJob"], &["kubeflow"]),
    ] {
        let cluster = console.seen_by(token).await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let groups = cluster.navigation().unwrap();
            let mut shown: Vec<String> =
                groups.iter().flat_map(|group| &group.items).map(|item| item.resource.kind.to_string()).collect();
            shown.sort();
            let places: Vec<&str> = cluster.places().iter().map(|(instrument, _)| instrument.manifest().id).collect();
            if shown == kinds && instruments.iter().all(|one| places.contains(one)) && places.len() == instruments.len()
            {
                break;
            }
            assert!(Instant::now() < deadline, "{token}: {shown:?} {places:?}, not {kinds:?} {instruments:?}");
            sleep(Duration::from_millis(20)).await;
        }
        // A place that one may not go to is as good as none.
        let page = cluster.page("kubeflow", "");
        if instruments.is_empty() {
            assert_eq!(page.unwrap_err().kind, ErrorKind::NotOffered, "{token}");
        }
    }
    console.engine.shutdown();
}
