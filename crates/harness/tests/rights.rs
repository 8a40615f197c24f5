//! Who sees what: random worlds of rights on the real API server. What the console answers to each of many users is what the
//! API server itself answers to that user. `RIGHTS_SEED` repeats a world, `RIGHTS_WORLDS` says how many there are.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails loudly when a server is not as it should be, and tells its seed"
)]

#[path = "rights/answers.rs"]
mod answers;
#[path = "rights/asker.rs"]
mod asker;
#[path = "rights/checks.rs"]
mod checks;
#[path = "rights/command.rs"]
mod command;
#[path = "rights/dice.rs"]
mod dice;
#[path = "rights/direct.rs"]
mod direct;
#[path = "rights/followed.rs"]
mod followed;
#[path = "rights/objects.rs"]
mod objects;
#[path = "rights/oracle.rs"]
mod oracle;
#[path = "rights/pages.rs"]
mod pages;
#[path = "rights/plane.rs"]
mod plane;
#[path = "rights/site.rs"]
mod site;
#[path = "rights/streams.rs"]
mod streams;
#[path = "rights/truth.rs"]
mod truth;
#[path = "rights/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use asker::{Direct, resource};
use checks::{PATIENCE, keys, lists_agree, lists_agree_alone, workloads_agree};
use command::Terminal;
use dice::Dice;
use direct::objects_agree;
use oracle::Key;
use pages::Visitor;
use pilothouse_app::{Ask, Contexts, Engine, ErrorKind, LiveWindow, Sharing, Source};
use pilothouse_harness::{RealControlPlane, places};
use pilothouse_model::Completeness;
use plane::{PEOPLE, Plane, number, seed_of, start, start_with, truths, world};
use reqwest::Method;
use serde_json::json;
use site::Site;
use streams::Watcher;
use tokio::time::Instant;
use truth::{All, Truth};
use world::{CONFIG_MAPS, JOBS, Kind, PODS, User, World};

/// How long rights are remembered here.
const RIGHTS_FOR: Duration = Duration::from_secs(1);

fn console(plane: &RealControlPlane, user_credentials_only: bool) -> Direct {
    let contexts = Contexts::load(Some(plane.kubeconfig("ada")), None).unwrap();
    let sharing = Sharing { user_credentials_only, rights_for: RIGHTS_FOR, ..Sharing::default() };
    Direct { engine: Engine::shared(contexts, sharing) }
}

/// Turns the pages of a window until its rows are what the API server gives.
async fn window_agrees(window: &mut LiveWindow, user: &User, wanted: &BTreeSet<Key>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let page = window.page().iter().map(|record| &record.row);
        let page: BTreeSet<Key> =
            page.map(|row| (row.namespace.as_deref().map(str::to_owned), row.name.to_string())).collect();
        if page == *wanted {
            return;
        }
        assert!(Instant::now() < deadline, "{}: the window shows {page:?}, not {wanted:?}", user.name);
        if let Ok(update) = tokio::time::timeout(Duration::from_millis(200), window.next()).await {
            assert!(update.is_some(), "{}: the window ended: {:?}", user.name, window.refused());
        }
    }
}

/// What a user is given of some kinds.
async fn truth_of(plane: &RealControlPlane, user: &User, (world, kinds): (&mut World, &[Kind])) -> Truth {
    world.settle(plane.admin(), &plane.api("ben")).await;
    let all = All::read(plane.admin(), kinds).await;
    Truth::listed(user, &all, (world, kinds)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_what_the_api_server_lets_them_see() {
    everyone_sees_what_is_theirs(start_with(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_the_same_where_nobody_tells_of_roles_and_bindings() {
    everyone_sees_what_is_theirs(start_with(false).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_answers_each_what_the_api_server_gives() {
    let plane = start_with(true).await;
    let admin = plane.admin();
    // The server begins with everything there that it shows.
    World::define(admin).await;
    let site = Site::start(&plane);
    answers::strangers_learn_nothing(&site).await;
    for run in 0..number("RIGHTS_WORLDS").unwrap_or(1) {
        let (mut world, users) = world(&plane, run).await;
        let (all, truths) = truths(&plane, &mut world, &users).await;
        let mut dice = Dice::new(seed_of(run));
        for (user, truth) in users.iter().zip(&truths) {
            lists_agree(&site, user, truth).await;
            workloads_agree(&site, user, truth, &world).await;
            answers::all_clusters_agree(&site, user, truth).await;
            answers::counts_agree(&site, user, truth).await;
            answers::completions_agree(&site, user, truth).await;
            answers::search_agrees(&site, user, (&all, truth), (&world, &mut dice)).await;
            answers::objects_agree(&site, user, (&all, truth), &mut dice).await;
            let visitor = Visitor { site: &site, user, truth, pass: site.sign_in(user).await };
            visitor.lists().await;
            visitor.counts().await;
            visitor.surroundings().await;
            visitor.searches(&all, &mut dice).await;
            visitor.objects(&mut dice).await;
        }
        let alone = Site::start_with(&plane, &["--user-credentials-only"]);
        let first = dice.below(3);
        for (user, truth) in users.iter().zip(&truths).skip(first).step_by(3) {
            lists_agree_alone(&alone, user, (&all, truth, &world)).await;
        }
        world.revoke_all(admin).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_tells_each_what_the_api_server_gives() {
    let plane = start_with(true).await;
    for run in 0..number("RIGHTS_WORLDS").unwrap_or(1) {
        let (mut world, users) = world(&plane, run).await;
        let (all, truths) = truths(&plane, &mut world, &users).await;
        let mut dice = Dice::new(seed_of(run));
        // A program that starts, discovers and lists for every question takes its time: every other user is enough.
        let first = dice.below(2);
        for (user, truth) in users.iter().zip(&truths).skip(first).step_by(2) {
            Terminal::open(user, truth, plane.folder()).agrees(&all, &world, &mut dice).await;
        }
        world.revoke_all(plane.admin()).await;
    }
}

/// Open pages and streams follow objects and rights that come and go, and end with the credential.
async fn streams_follow(plane: &Plane, grants: bool) {
    let admin = plane.admin();
    let (mut world, users) = world(plane, 0).await;
    let site = Arc::new(Site::start(plane));
    let mut watchers = Vec::new();
    let there = oracle::everything(admin, CONFIG_MAPS).await;
    // Each of them has ten streams: some of all are enough.
    let of_the_world = |key: &&Key| key.0.as_ref().is_some_and(|namespace| world.namespaces.contains(namespace));
    let there: Vec<&Key> = there.keys().filter(of_the_world).collect();
    let within = if grants { streams::SOON } else { streams::LATE };
    for user in users.iter().step_by(2) {
        watchers.push(Watcher::open(&site, user, (&there, within)).await);
    }
    let all_steps = ["begun", "turned", "revoked", "turned again", "granted", "granted more", "all revoked"];
    // Where nobody tells of roles and bindings, each step takes as long as it may.
    let steps = if grants { &all_steps[..] } else { &["begun", "revoked"] };
    for step in steps {
        match *step {
            "begun" => {}
            "turned" | "turned again" => world.turn(admin).await,
            "all revoked" => world.revoke_all(admin).await,
            "revoked" => {
                for _ in 0..5 {
                    world.revoke(admin).await;
                }
            }
            _ => {
                for _ in 0..5 {
                    world.grant(admin).await;
                }
            }
        }
        world.settle(admin, &plane.api("ben")).await;
        let all = All::read(admin, &streams::TOLD).await;
        for watcher in &mut watchers {
            let truth = Truth::listed(watcher.user, &all, (&world, &streams::TOLD)).await;
            watcher.agrees(&truth, step).await;
        }
    }
    assert!(watchers.iter().any(Watcher::has_counts), "counts are told, too");
    let robot = watchers.iter().find(|watcher| watcher.user.name.ends_with(":robot")).unwrap();
    let namespace = robot.user.name.split(':').nth(2).unwrap();
    admin.send(Method::DELETE, &format!("/api/v1/namespaces/{namespace}/serviceaccounts/robot"), None).await;
    robot.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_follow_rights_that_come_and_go() {
    streams_follow(&start_with(true).await, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_follow_rights_where_nobody_tells_of_roles_and_bindings() {
    streams_follow(&start_with(false).await, false).await;
}

async fn everyone_sees_what_is_theirs(plane: Plane) {
    let admin = plane.admin();
    for run in 0..number("RIGHTS_WORLDS").unwrap_or(1) {
        let (mut world, users) = world(&plane, run).await;
        let (all, truths) = truths(&plane, &mut world, &users).await;
        let direct = console(&plane, false);
        for (user, truth) in users.iter().zip(&truths) {
            lists_agree(&direct, user, truth).await;
            workloads_agree(&direct, user, truth, &world).await;
            objects_agree(&direct, user, &all, truth).await;
        }
        direct.engine.shutdown();
        let alone = console(&plane, true);
        for (user, truth) in users.iter().zip(&truths) {
            lists_agree_alone(&alone, user, (&all, truth, &world)).await;
        }
        alone.engine.shutdown();
        changes_take_effect(&plane, &mut world, &users).await;
        world.revoke_all(admin).await;
    }
}

/// Open windows follow rights that come and go, and end with the credential.
async fn changes_take_effect(plane: &RealControlPlane, world: &mut World, users: &[User]) {
    const KINDS: [Kind; 2] = [CONFIG_MAPS, PODS];
    let admin = plane.admin();
    let direct = console(plane, false);
    let mut windows = Vec::new();
    for user in users {
        let cluster = direct.cluster(user).await;
        let open = |kind| cluster.window(Source::Resource(resource(&cluster, kind)), Ask::default()).unwrap();
        windows.push((user, KINDS.map(open)));
    }
    for round in 0..4 {
        world.settle(admin, &plane.api("ben")).await;
        let all = All::read(admin, &KINDS).await;
        for (user, windows) in &mut windows {
            let truth = Truth::listed(user, &all, (world, &KINDS)).await;
            for (kind, window) in KINDS.into_iter().zip(windows) {
                window_agrees(window, user, &truth.keys(kind)).await;
            }
        }
        for _ in 0..4 {
            match round {
                0 => world.revoke(admin).await,
                1 | 2 => world.grant(admin).await,
                _ => {}
            }
        }
    }
    let namespace = &world.namespaces[0];
    let name = format!("system:serviceaccount:{namespace}:robot");
    admin.send(Method::DELETE, &format!("/api/v1/namespaces/{namespace}/serviceaccounts/robot"), None).await;
    let (_, [window, _]) = windows.iter_mut().find(|(user, ..)| user.name == name).unwrap();
    let ended = async { while window.next().await.is_some() {} };
    tokio::time::timeout(PATIENCE, ended).await.expect("the stream of a revoked credential ends");
    assert_eq!(window.refused().map(|error| error.kind), Some(ErrorKind::Unauthorized));
    direct.engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_gained_appears_in_an_open_window_and_one_lost_goes() {
    let plane = start().await;
    let admin = plane.admin();
    let mut world = World::make(admin, 1, 0, PEOPLE).await;
    let direct = console(&plane, false);
    let ada = User { api: plane.api("person-0"), name: "person-0".to_owned() };
    let cluster = direct.cluster(&ada).await;
    let source = Source::Resource(resource(&cluster, CONFIG_MAPS));
    let listing = cluster.list_settled(&source, &Ask::default(), PATIENCE).await.unwrap();
    assert!(listing.rows.is_empty() && listing.unfiltered == 0);
    assert!(matches!(listing.completeness, Completeness::Forbidden(_)), "{:?}", listing.completeness);
    let mut window = cluster.window(source, Ask::default()).unwrap();
    let subject = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "person-0"});
    for _ in 0..6 {
        world.grant_to(admin, &subject).await;
        let truth = truth_of(&plane, &ada, (&mut world, &[CONFIG_MAPS])).await;
        window_agrees(&mut window, &ada, &truth.keys(CONFIG_MAPS)).await;
    }
    world.revoke_all(admin).await;
    window_agrees(&mut window, &ada, &BTreeSet::new()).await;
    direct.engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_shows_nothing_new_while_the_cluster_refuses_to_say_what_may_be_seen() {
    let plane = start().await;
    let admin = plane.admin();
    let mut world = World::make(admin, 3, 0, PEOPLE).await;
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]);
    world::bind(admin, &world.namespaces[0], &rules, "person-0").await;
    let direct = console(&plane, false);
    let user = User { api: plane.api("person-0"), name: "person-0".to_owned() };
    let cluster = direct.cluster(&user).await;
    let mut window = cluster.window(Source::Resource(resource(&cluster, CONFIG_MAPS)), Ask::default()).unwrap();
    let truth = truth_of(&plane, &user, (&mut world, &[CONFIG_MAPS])).await;
    window_agrees(&mut window, &user, &truth.keys(CONFIG_MAPS)).await;
    // By this one everybody may ask for their own rights.
    let everybody = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:basic-user";
    assert_eq!(admin.send(Method::DELETE, everybody, None).await.status, 200);
    let paused = async { while !matches!(window.next().await.unwrap().completeness, Completeness::Stale(_)) {} };
    tokio::time::timeout(PATIENCE, paused).await.expect("the window says that it does not go on");
    direct.engine.shutdown();
}

/// A kubeconfig of somebody whose contexts name these namespaces.
fn at_home_in(plane: &RealControlPlane, user: &str, namespaces: &[String]) -> std::path::PathBuf {
    let text = std::fs::read_to_string(plane.kubeconfig(user)).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    let context = config["contexts"][0].clone();
    let contexts = namespaces.iter().enumerate().map(|(number, namespace)| {
        let mut context = context.clone();
        context["context"]["namespace"] = json!(namespace);
        if number > 0 {
            context["name"] = json!(format!("{user}-{number}"));
        }
        context
    });
    config["contexts"] = contexts.collect();
    let path = plane.folder().join(format!("{user}-at-home.kubeconfig"));
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_with_rights_in_a_few_namespaces_is_no_dead_end() {
    let plane = start().await;
    let admin = plane.admin();
    let world = World::make(admin, 2, 0, PEOPLE).await;
    let rules = json!([{"apiGroups": ["", "batch"], "resources": ["configmaps", "jobs", "pods"], "verbs": ["get", "list", "watch"]}]);
    for namespace in &world.namespaces[..2] {
        world::bind(admin, namespace, &rules, "person-1").await;
    }
    // The third is named by a context, too, and nothing is granted there.
    let contexts = Contexts::load(Some(at_home_in(&plane, "person-1", &world.namespaces[..3])), None).unwrap();
    let engine = Engine::new(contexts);
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    cluster.wait_catalog(PATIENCE).await.unwrap();
    let user = User { api: plane.api("person-1"), name: "person-1".to_owned() };
    for kind in [CONFIG_MAPS, PODS, JOBS] {
        let all = oracle::everything(admin, kind).await;
        let seen = oracle::listable(&user.api, kind, &all, &world.namespaces).await;
        assert!(!seen.is_empty() && seen.len() < all.len());
        let mut sources = vec![Source::Resource(resource(&cluster, kind))];
        sources.extend((kind == JOBS).then_some(Source::Workloads));
        for source in sources {
            let listing = cluster.list_settled(&source, &Ask::default(), PATIENCE).await.unwrap();
            let rows = listing.rows.iter().map(|record| &record.row);
            let rows: BTreeSet<Key> =
                rows.map(|row| (row.namespace.as_deref().map(str::to_owned), row.name.to_string())).collect();
            assert_eq!(rows, keys(&seen), "{source:?}: {:?} {:?}", listing.completeness, listing.notes);
            assert!(listing.notes.iter().any(|note| note.contains("2 namespaces")), "{:?}", listing.notes);
        }
    }
    assert_eq!(cluster.namespaces().unwrap(), world.namespaces[..2]);
    let kubeconfig = at_home_in(&plane, "person-1", &world.namespaces[..3]);
    let output = tokio::process::Command::new(places::built("pilothouse"))
        .args(["get", "configmaps", "-A", "--kubeconfig"])
        .arg(kubeconfig)
        .output()
        .await
        .unwrap();
    let (told, warned) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.lines().count() == 7, "{told}{warned}");
    assert!(warned.contains("2 namespaces"), "{warned}");
    assert!(!cluster.namespaces_completeness().is_complete());
    engine.shutdown();
}
