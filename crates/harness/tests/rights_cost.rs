//! What remembering rights costs the API server: counted at a proxy in front of it.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails loudly when a server is not as it should be, and tells what it counted"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Ask, Cluster, Contexts, Engine, LiveWindow, Person, Sharing, Source, Token};
use pilothouse_harness::faults::Faults;
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Api, Options, RealControlPlane};
use pilothouse_model::{ClusterId, GroupResource};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

const GROUP: &str = "rbac.authorization.k8s.io";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const PEOPLE: usize = 50;
const PATIENCE: Duration = Duration::from_secs(60);

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// What serves the world.
enum Server {
    Real(RealControlPlane),
    Embedded(pilothouse_drydock::Server, tempfile::TempDir),
}

impl Server {
    async fn real(people: usize) -> Self {
        Self::Real(RealControlPlane::start(Options { people, ..Options::default() }).await)
    }

    /// One that tells everybody who they are, as servers do since 1.28.
    async fn embedded(people: usize) -> Self {
        pilothouse_harness::api::install_cryptography();
        let names = (0..people).map(|number| format!("person-{number}")).chain(["ada".to_owned()]);
        let users = names.map(|name| pilothouse_drydock::User::new(&name, &["people"])).collect();
        let options = pilothouse_drydock::Options { users, ..pilothouse_drydock::Options::default() };
        let server = pilothouse_drydock::Server::start(options).await.unwrap();
        Self::Embedded(server, tempfile::tempdir().unwrap())
    }

    fn api(&self, user: &str) -> Api {
        match self {
            Self::Real(plane) => plane.api(user),
            Self::Embedded(server, _) => Api::new(Credential::read(&server.kubeconfig(user).unwrap())),
        }
    }

    fn folder(&self) -> &Path {
        match self {
            Self::Real(plane) => plane.folder(),
            Self::Embedded(_, folder) => folder.path(),
        }
    }
}

struct World {
    server: Server,
    admin: Api,
    proxy: Faults,
    engine: Engine,
}

impl World {
    async fn start(server: Server, namespaces: usize, rights_for: Duration) -> Self {
        let admin = server.api("admin");
        let rules = json!([{"apiGroups": ["*"], "resources": ["*"], "verbs": ["list", "watch"]}]);
        admin.ensure(&format!("{RBAC}/clusterroles"), &json!({"metadata": {"name": "console"}, "rules": rules})).await;
        let rules = json!([{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}]);
        admin.ensure(&format!("{RBAC}/clusterroles"), &json!({"metadata": {"name": "reader"}, "rules": rules})).await;
        let binding = json!({
            "metadata": {"name": "console"},
            "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "console"},
            "subjects": [{"kind": "User", "apiGroup": GROUP, "name": "ada"}],
        });
        admin.ensure(&format!("{RBAC}/clusterrolebindings"), &binding).await;
        for number in 0..namespaces {
            let name = namespace(number);
            admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": name}})).await;
            admin.ensure(&format!("/api/v1/namespaces/{name}/configmaps"), &json!({"metadata": {"name": "one"}})).await;
        }
        let credential = server.api("ada").credential().clone();
        let proxy = Faults::start(&credential).await;
        let kubeconfig = Faults::kubeconfig(server.folder(), "ada", (&proxy.url(), &credential.token));
        let contexts = Contexts::load(Some(kubeconfig), None).unwrap();
        let engine = Engine::shared(contexts, Sharing { rights_for, ..Sharing::default() });
        Self { server, admin, proxy, engine }
    }

    fn seen_by(&self, person: usize) -> Cluster {
        let name = format!("person-{person}");
        let token = Token::new(self.server.api(&name).credential().token.as_str());
        let person = Person::new(name, BTreeMap::from([(ClusterId::new("ada"), token)]));
        self.engine.seen_by(Arc::new(person)).cluster("ada").unwrap()
    }

    /// How often the API server was asked what somebody may do.
    fn reviews(&self) -> usize {
        self.proxy.seen().iter().filter(|request| request.path.contains("selfsubject")).count()
    }
}

fn namespace(number: usize) -> String {
    format!("home-{number}")
}

/// Lets a person read in a namespace.
async fn bind(admin: &Api, namespace: &str, person: usize) {
    let binding = json!({
        "metadata": {"name": format!("person-{person}")},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "User", "apiGroup": GROUP, "name": format!("person-{person}")}],
    });
    admin.ensure(&format!("{RBAC}/namespaces/{namespace}/rolebindings"), &binding).await;
}

async fn config_maps(cluster: &Cluster) -> Source {
    let catalog = cluster.wait_catalog(PATIENCE).await.unwrap();
    Source::Resource(Arc::clone(catalog.served(GroupResource::new("", "configmaps")).unwrap()))
}

/// The namespaces in which a window shows something, after what has come in was taken in.
async fn shown(window: &mut LiveWindow) -> Vec<String> {
    while let Ok(update) = tokio::time::timeout(Duration::from_millis(1), window.next()).await {
        assert!(update.is_some(), "the window ended: {:?}", window.refused());
    }
    // The embedded cluster puts others in each namespace.
    let ours = window.page().iter().filter(|record| &*record.row.name == "one");
    ours.filter_map(|record| record.row.namespace.as_deref().map(str::to_owned)).collect()
}

async fn shows(window: &mut LiveWindow, expected: &[String]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let shown = shown(window).await;
        if shown == expected {
            return;
        }
        assert!(Instant::now() < deadline, "it shows {shown:?}, not {expected:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_that_stay_the_same_cost_one_question_each_time() {
    stay_the_same(Server::real(PEOPLE).await, usize::MAX).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_known_is_asked_about_in_no_namespace_of_others() {
    // What holds everywhere, who it is, and the one namespace; asked again a few times, for the bindings are new.
    stay_the_same(Server::embedded(PEOPLE).await, PEOPLE * 3).await;
}

async fn stay_the_same(server: Server, first: usize) {
    let rights_for = Duration::from_secs(4);
    let world = World::start(server, PEOPLE, rights_for).await;
    let admin = &world.admin;
    for person in 0..PEOPLE {
        bind(admin, &namespace(person), person).await;
    }
    config_maps(&world.seen_by(0)).await;
    world.proxy.forget();
    let mut windows = Vec::new();
    for person in 0..PEOPLE {
        let cluster = world.seen_by(person);
        windows.push(cluster.window(config_maps(&cluster).await, Ask::default()).unwrap());
    }
    for (person, window) in windows.iter_mut().enumerate() {
        shows(window, &[namespace(person)]).await;
    }
    println!("{} reviews until all see theirs", world.reviews());
    assert!(world.reviews() <= first, "{} reviews", world.reviews());
    world.proxy.forget();
    let began = Instant::now();
    sleep(rights_for * 3).await;
    let (reviews, elapsed) = (world.reviews(), began.elapsed());
    // Renewed after half of the time, or up to a quarter of that before.
    let renewals = elapsed.div_duration_f64(rights_for / 2) / 0.75;
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let most = (PEOPLE as f64) * (renewals + 1.0);
    println!("{reviews} reviews for {PEOPLE} people in {elapsed:?}");
    assert!(reviews >= PEOPLE && (reviews as f64) <= most, "{reviews} reviews, at most {most}");

    // A binding more, a binding less, and a role that grants less take effect.
    let began = Instant::now();
    bind(admin, &namespace(7), 3).await;
    shows(&mut windows[3], &[namespace(3), namespace(7)]).await;
    println!("a binding more is seen after {:?}", began.elapsed());
    let began = Instant::now();
    let path = format!("{RBAC}/namespaces/{}/rolebindings/person-3", namespace(7));
    admin.send(reqwest::Method::DELETE, &path, None).await;
    shows(&mut windows[3], &[namespace(3)]).await;
    println!("a binding less is seen after {:?}", began.elapsed());
    let less = json!({"rules": Value::Array(Vec::new())});
    let began = Instant::now();
    let patch = ("application/merge-patch+json", &less);
    admin.send(reqwest::Method::PATCH, &format!("{RBAC}/clusterroles/reader"), Some(patch)).await;
    for window in &mut windows {
        shows(window, &[]).await;
    }
    println!("a role that grants less is seen by all after {:?}", began.elapsed());
    world.engine.shutdown();
}

/// `RIGHTS_PEOPLE` and `RIGHTS_NAMESPACES` make it larger: what it costs when many sign in at once.
#[tokio::test(flavor = "multi_thread")]
async fn many_who_come_at_once_are_asked_about_only_where_something_is_granted() {
    let (people, namespaces) = (number("RIGHTS_PEOPLE", 40), number("RIGHTS_NAMESPACES", 40));
    const BOUND: usize = 5;
    let world = World::start(Server::real(people).await, namespaces, Duration::from_secs(30)).await;
    for person in 0..people {
        bind(&world.admin, &namespace(person % BOUND), person).await;
    }
    config_maps(&world.seen_by(0)).await;
    world.proxy.forget();
    let began = Instant::now();
    let asking: Vec<_> = (0..people)
        .map(|person| {
            let cluster = world.seen_by(person);
            tokio::spawn(async move {
                let source = config_maps(&cluster).await;
                let listing = cluster.list_settled(&source, &Ask::default(), PATIENCE).await.unwrap();
                (listing.total, began.elapsed())
            })
        })
        .collect();
    let mut last = Duration::ZERO;
    for answer in asking {
        let (total, elapsed) = answer.await.expect("nobody's question panics");
        assert_eq!(total, 1);
        last = last.max(elapsed);
    }
    let reviews = world.reviews();
    println!("{people} people, {namespaces} namespaces: {reviews} reviews, all answered after {last:?}");
    // What holds everywhere, who it is (asked in two versions, for this server knows none), and the namespaces with bindings,
    // to which kube-system and kube-public belong.
    assert!(reviews <= people * (3 + BOUND + 2), "{reviews} reviews");
    world.engine.shutdown();
}
