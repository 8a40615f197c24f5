//! Who sees what: random worlds of rights on the real API server. What the console answers to each of many users is what the
//! API server itself answers to that user. `RIGHTS_SEED` repeats a world, `RIGHTS_WORLDS` says how many there are.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails loudly when a server is not as it should be, and tells its seed"
)]

#[path = "rights/asker.rs"]
mod asker;
#[path = "rights/dice.rs"]
mod dice;
#[path = "rights/oracle.rs"]
mod oracle;
#[path = "rights/world.rs"]
mod world;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use asker::{Asker, Direct, Shown, resource};
use oracle::{Key, Objects};
use pilothouse_app::{Ask, Contexts, Engine, ErrorKind, LiveWindow, Sharing, Source};
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Api, Options, RealControlPlane, places};
use pilothouse_model::Completeness;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;
use world::{CONFIG_MAPS, EVENTS, JOBS, KINDS, Kind, MARK, PODS, TRAIN_JOBS, User, World, secret_words};

const PEOPLE: usize = 5;
/// How long answers may take to become equal: rights are remembered for a while, and the API server takes a moment, too.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long rights are remembered here.
const RIGHTS_FOR: Duration = Duration::from_secs(1);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    number("RIGHTS_SEED").unwrap_or(u64::try_from(now.as_millis()).unwrap())
}

async fn start() -> RealControlPlane {
    start_with(false).await
}

/// With or without leave for the console to watch roles and bindings.
async fn start_with(grants: bool) -> RealControlPlane {
    let plane = RealControlPlane::start(Options { people: PEOPLE, ..Options::default() }).await;
    let admin = plane.admin();
    let readable: Vec<&str> = KINDS.iter().filter(|kind| kind.shared).map(|kind| kind.plural).collect();
    let rules = json!([
        {"apiGroups": ["", "batch", "trainer.kubeflow.org"], "resources": readable, "verbs": ["list", "watch"]},
        {"apiGroups": ["apps", "apiextensions.k8s.io", "jobset.x-k8s.io"], "resources": ["*"], "verbs": ["list", "watch"]},
        {"apiGroups": if grants { json!(["rbac.authorization.k8s.io"]) } else { json!(["none.pilothouse.test"]) }, "resources": ["*"], "verbs": ["list", "watch"]},
    ]);
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    admin.ensure(&format!("{rbac}/clusterroles"), &json!({"metadata": {"name": "console"}, "rules": rules})).await;
    let binding = json!({
        "metadata": {"name": "console"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "console"},
        "subjects": [{"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "ada"}],
    });
    admin.ensure(&format!("{rbac}/clusterrolebindings"), &binding).await;
    plane
}

fn console(plane: &RealControlPlane, sharing: Sharing) -> Direct {
    let contexts = Contexts::load(Some(plane.kubeconfig("ada")), None).unwrap();
    Direct { engine: Engine::shared(contexts, sharing).remembering_rights_for(RIGHTS_FOR) }
}

/// A service account with a token of its own.
async fn robot(admin: &Api, namespace: &str) -> User {
    let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/robot/token");
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": null}});
    let answer = admin.send(Method::POST, &path, Some(("application/json", &request))).await;
    let token = answer.body["status"]["token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned();
    let api = Api::new(Credential { token, ..admin.credential().clone() });
    User { name: format!("system:serviceaccount:{namespace}:robot"), api }
}

async fn users(plane: &RealControlPlane, world: &World) -> Vec<User> {
    let mut users = Vec::new();
    for name in (0..PEOPLE).map(|number| format!("person-{number}")).chain(["admin".to_owned()]) {
        users.push(User { api: plane.api(&name), name });
    }
    for namespace in &world.namespaces {
        users.push(robot(plane.admin(), namespace).await);
    }
    users
}

/// Asks again until both agree.
async fn agree<T: PartialEq + std::fmt::Debug>(what: &str, mut ask: impl AsyncFnMut() -> (T, T)) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (console, server) = ask().await;
        if console == server {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: the console says\n{console:?}\nthe API server\n{server:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn keys(objects: &Objects) -> BTreeSet<Key> {
    objects.keys().cloned().collect()
}

/// What the API server lets someone list, as the console should show it.
fn expected(seen: &Objects, holds: impl Fn(&Key) -> bool) -> (BTreeSet<Key>, usize, Option<usize>) {
    let keys: BTreeSet<Key> = seen.keys().filter(|key| holds(key)).cloned().collect();
    (keys.clone(), keys.len(), Some(seen.len()))
}

fn shown(shown: Shown) -> (BTreeSet<Key>, usize, Option<usize>) {
    (shown.keys, shown.total, shown.unfiltered)
}

/// Where the console has no eyes of its own, nobody tells of namespaces to who may not list them: what is shown is what is
/// there in the namespaces that it can know of, and never more than the API server gives.
async fn lists_agree_alone(asker: &impl Asker, admin: &Api, user: &User, world: &World) {
    let listed = user.api.get("/api/v1/namespaces").await.status == 200;
    let own = |namespace: &&String| user.name.contains(&format!(":{namespace}:"));
    let known: Vec<String> = world.namespaces.iter().filter(|name| listed || own(name)).cloned().collect();
    for kind in KINDS {
        let all = oracle::everything(admin, kind).await;
        let most = keys(&oracle::listable(&user.api, kind, &all, &world.namespaces).await);
        let least = keys(&oracle::listable(&user.api, kind, &all, &known).await);
        let what = format!("{} alone lists {}", user.name, kind.plural);
        agree(&what, async || {
            let shown = asker.list(user, Some(kind), "").await;
            assert!(shown.keys.is_subset(&most), "{what}: {:?} of {most:?}", shown.keys);
            assert_eq!((shown.total, shown.unfiltered), (shown.keys.len(), Some(shown.keys.len())), "{what}");
            (least.difference(&shown.keys).cloned().collect::<BTreeSet<Key>>(), BTreeSet::new())
        })
        .await;
    }
}

async fn lists_agree(asker: &impl Asker, admin: &Api, user: &User, world: &World) {
    for kind in KINDS {
        let what = format!("{} lists {}", user.name, kind.plural);
        agree(&what, async || {
            let all = oracle::everything(admin, kind).await;
            let seen = oracle::listable(&user.api, kind, &all, &world.namespaces).await;
            (shown(asker.list(user, Some(kind), "").await), expected(&seen, |_| true))
        })
        .await;
        let found = asker.list(user, Some(kind), &format!("name:*{MARK}*")).await;
        let all = oracle::everything(admin, kind).await;
        let seen = oracle::listable(&user.api, kind, &all, &world.namespaces).await;
        assert_eq!(shown(found), expected(&seen, |(_, name)| name.contains(MARK)), "{what} by name");
        let text = asker.list(user, Some(kind), MARK).await.keys;
        assert!(text.is_subset(&keys(&seen)), "{what} by text: {text:?}");
        let named = keys(&seen).into_iter().filter(|(_, name)| name.contains(MARK)).collect();
        assert!(text.is_superset(&named), "{what} by text: {text:?}, not {named:?}");
    }
}

async fn workloads_agree(asker: &impl Asker, admin: &Api, user: &User, world: &World) {
    let what = format!("{} lists workloads", user.name);
    agree(&what, async || {
        let mut rows = BTreeSet::new();
        for kind in [JOBS, TRAIN_JOBS] {
            let all = oracle::everything(admin, kind).await;
            rows.extend(keys(&oracle::listable(&user.api, kind, &all, &world.namespaces).await));
        }
        let all = oracle::everything(admin, PODS).await;
        let pods = oracle::listable(&user.api, PODS, &all, &world.namespaces).await;
        let shown = asker.list(user, None, "").await;
        // What a pod says shows only to those who may list such a pod.
        let told: BTreeSet<&String> =
            world.namespaces.iter().filter(|namespace| shown.texts.contains(&secret_words(namespace))).collect();
        let may: BTreeSet<&String> = pods.keys().filter_map(|(namespace, _)| namespace.as_ref()).collect();
        let leaked: Vec<&&String> = told.difference(&may).collect();
        assert!(leaked.is_empty(), "{what}: what pods of {leaked:?} say is told\n{}", shown.texts);
        (shown.keys, rows)
    })
    .await;
}

/// Every object by its name: what the API server gives is shown, with its kin and events as far as they may be listed.
async fn objects_agree(direct: &Direct, admin: &Api, user: &User, world: &World) {
    for kind in [PODS, JOBS, CONFIG_MAPS] {
        let all = oracle::everything(admin, kind).await;
        let events = oracle::everything(admin, EVENTS).await;
        let events = oracle::listable(&user.api, EVENTS, &events, &world.namespaces).await;
        let pods = oracle::everything(admin, PODS).await;
        let pods = oracle::listable(&user.api, PODS, &pods, &world.namespaces).await;
        let absent = (Some(world.namespaces[0].clone()), "absent".to_owned());
        for key in all.keys().chain([&absent]) {
            if key.0.as_ref().is_none_or(|namespace| !world.namespaces.contains(namespace)) {
                continue;
            }
            let status = oracle::read(&user.api, kind, key).await;
            let view = direct.object(user, kind, key).await;
            let what = format!("{} reads {}/{key:?}", user.name, kind.plural);
            let view = match (status, view) {
                (200, Ok(view)) => view,
                (403, Err(ErrorKind::Forbidden)) | (404, Err(ErrorKind::NotFound)) => continue,
                (status, view) => panic!("{what}: {status}, and the console {view:?}"),
            };
            let uid = all.get(key).map(|object| object["metadata"]["uid"].clone()).unwrap_or_default();
            let owned = |objects: &Objects| -> BTreeSet<Key> {
                let owns = |object: &serde_json::Value| {
                    let owners = object["metadata"]["ownerReferences"].as_array();
                    owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
                };
                objects.iter().filter(|(_, object)| owns(object)).map(|(key, _)| key.clone()).collect()
            };
            let dependents: BTreeSet<Key> = view
                .dependents
                .iter()
                .map(|one| (one.relative.reference.namespace.clone(), one.relative.reference.name.clone()))
                .collect();
            let below = owned(&pods);
            assert_eq!(dependents, below, "{what}: dependents");
            let mut subjects = vec![uid.clone()];
            subjects.extend(below.iter().map(|key| pods[key]["metadata"]["uid"].clone()));
            let told: BTreeSet<Key> = view
                .events
                .iter()
                .map(|event| (event.namespace().map(str::to_owned), event.name().to_owned()))
                .collect();
            let about = events.iter().filter(|(_, event)| subjects.contains(&event["involvedObject"]["uid"]));
            assert_eq!(told, about.map(|(key, _)| key.clone()).collect(), "{what}: events");
            // An owner stands in the object itself; how it stands is the owner's to tell.
            for owner in &view.owners {
                let key = (key.0.clone(), owner.reference.name.clone());
                let all_jobs = oracle::everything(admin, JOBS).await;
                let listed = oracle::listable(&user.api, JOBS, &all_jobs, &world.namespaces).await;
                let may = listed.contains_key(&key) || oracle::read(&user.api, JOBS, &key).await == 200;
                assert!(may || owner.status.is_none(), "{what}: how {key:?} stands");
            }
        }
    }
}

/// Turns the pages of a window until its rows are what the API server gives.
async fn window_agrees(window: &mut LiveWindow, admin: &Api, user: &User, (world, kind): (&World, Kind)) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let all = oracle::everything(admin, kind).await;
        let seen = oracle::listable(&user.api, kind, &all, &world.namespaces).await;
        let page = window.page().iter().map(|record| &record.row);
        let page: BTreeSet<Key> =
            page.map(|row| (row.namespace.as_deref().map(str::to_owned), row.name.to_string())).collect();
        if page == keys(&seen) {
            return;
        }
        assert!(Instant::now() < deadline, "{}: the window shows {page:?}, not {:?}", user.name, keys(&seen));
        if let Ok(update) = tokio::time::timeout(Duration::from_millis(200), window.next()).await {
            assert!(update.is_some(), "{}: the window ended: {:?}", user.name, window.refused());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_what_the_api_server_lets_them_see() {
    everyone_sees_what_is_theirs(start_with(true).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_sees_the_same_where_nobody_tells_of_roles_and_bindings() {
    everyone_sees_what_is_theirs(start_with(false).await).await;
}

async fn everyone_sees_what_is_theirs(plane: RealControlPlane) {
    let admin = plane.admin();
    let seed = seed();
    for run in 0..number("RIGHTS_WORLDS").unwrap_or(2) {
        let seed = seed.wrapping_add(run);
        println!("RIGHTS_SEED={seed} RIGHTS_WORLDS=1 repeats this world");
        let run = usize::try_from(run).unwrap();
        let mut world = World::make(admin, seed, run, PEOPLE).await;
        for _ in 0..14 {
            world.grant(admin, run).await;
        }
        let users = users(&plane, &world).await;
        let direct = console(&plane, Sharing::default());
        for user in &users {
            lists_agree(&direct, admin, user, &world).await;
            workloads_agree(&direct, admin, user, &world).await;
            objects_agree(&direct, admin, user, &world).await;
        }
        direct.engine.shutdown();
        let alone = console(&plane, Sharing { user_credentials_only: true });
        for user in &users {
            lists_agree_alone(&alone, admin, user, &world).await;
        }
        alone.engine.shutdown();
        changes_take_effect(&plane, &mut world, run, &users).await;
        world.revoke_all(admin).await;
    }
}

/// Open windows follow rights that come and go, and end with the credential.
async fn changes_take_effect(plane: &RealControlPlane, world: &mut World, run: usize, users: &[User]) {
    let admin = plane.admin();
    let direct = console(plane, Sharing::default());
    let mut windows = Vec::new();
    for user in users {
        for kind in [CONFIG_MAPS, PODS] {
            let cluster = direct.cluster(user).await;
            let window = cluster.window(Source::Resource(resource(&cluster, kind)), Ask::default()).unwrap();
            windows.push((user, kind, window));
        }
    }
    for round in 0..3 {
        for (user, kind, window) in &mut windows {
            window_agrees(window, admin, user, (world, *kind)).await;
        }
        for _ in 0..4 {
            match round {
                0 => world.revoke(admin).await,
                _ => world.grant(admin, run).await,
            }
        }
    }
    for (user, kind, window) in &mut windows {
        window_agrees(window, admin, user, (world, *kind)).await;
    }
    let namespace = &world.namespaces[0];
    let name = format!("system:serviceaccount:{namespace}:robot");
    admin.send(Method::DELETE, &format!("/api/v1/namespaces/{namespace}/serviceaccounts/robot"), None).await;
    let (_, _, window) = windows.iter_mut().find(|(user, ..)| user.name == name).unwrap();
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
    let direct = console(&plane, Sharing::default());
    let ada = User { api: plane.api("person-0"), name: "person-0".to_owned() };
    let cluster = direct.cluster(&ada).await;
    let source = Source::Resource(resource(&cluster, CONFIG_MAPS));
    let listing = cluster.list_settled(&source, &Ask::default(), PATIENCE).await.unwrap();
    assert!(listing.rows.is_empty() && listing.unfiltered == 0);
    assert!(matches!(listing.completeness, Completeness::Forbidden(_)), "{:?}", listing.completeness);
    let mut window = cluster.window(source, Ask::default()).unwrap();
    let subject = json!({"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "person-0"});
    for _ in 0..6 {
        world.grant_to(admin, 0, &subject).await;
        window_agrees(&mut window, admin, &ada, (&world, CONFIG_MAPS)).await;
    }
    world.revoke_all(admin).await;
    window_agrees(&mut window, admin, &ada, (&world, CONFIG_MAPS)).await;
    direct.engine.shutdown();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_shows_nothing_new_while_the_cluster_refuses_to_say_what_may_be_seen() {
    let plane = start().await;
    let admin = plane.admin();
    let world = World::make(admin, 3, 0, PEOPLE).await;
    let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}]);
    world::bind(admin, &world.namespaces[0], &rules, "person-0").await;
    let direct = console(&plane, Sharing::default());
    let user = User { api: plane.api("person-0"), name: "person-0".to_owned() };
    let cluster = direct.cluster(&user).await;
    let mut window = cluster.window(Source::Resource(resource(&cluster, CONFIG_MAPS)), Ask::default()).unwrap();
    window_agrees(&mut window, admin, &user, (&world, CONFIG_MAPS)).await;
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
