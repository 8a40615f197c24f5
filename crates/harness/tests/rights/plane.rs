//! Where the worlds are: control planes, the console's own rights there, and the people.

use std::ops::Deref;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Api, Options, RealControlPlane};
use reqwest::Method;
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::truth::{All, Truth};
use super::world::{KINDS, User, World};

pub(crate) const PEOPLE: usize = 5;

pub(crate) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The seed of a world: another one with each start, if none is given.
pub(crate) fn seed_of(run: u64) -> u64 {
    static SEED: LazyLock<u64> = LazyLock::new(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        number("RIGHTS_SEED").unwrap_or(u64::try_from(now.as_millis()).unwrap())
    });
    SEED.wrapping_add(run)
}

/// A control plane while it is its turn: many at once would only hinder each other.
pub(crate) struct Plane {
    plane: RealControlPlane,
    _turn: SemaphorePermit<'static>,
}

impl Deref for Plane {
    type Target = RealControlPlane;

    fn deref(&self) -> &RealControlPlane {
        &self.plane
    }
}

pub(crate) async fn start() -> Plane {
    start_with(false).await
}

/// With or without leave for the console to watch roles and bindings.
pub(crate) async fn start_with(grants: bool) -> Plane {
    static TURNS: Semaphore = Semaphore::const_new(3);
    let turn = TURNS.acquire().await.unwrap();
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
    Plane { plane, _turn: turn }
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

pub(crate) async fn users(plane: &RealControlPlane, world: &World) -> Vec<User> {
    let mut users = Vec::new();
    for name in (0..PEOPLE).map(|number| format!("person-{number}")).chain(["admin".to_owned()]) {
        users.push(User { api: plane.api(&name), name });
    }
    for namespace in &world.namespaces {
        users.push(robot(plane.admin(), namespace).await);
    }
    users
}

/// A world with what people are granted in it, and them.
pub(crate) async fn world(plane: &RealControlPlane, run: u64) -> (World, Vec<User>) {
    println!("RIGHTS_SEED={} RIGHTS_WORLDS=1 repeats this world", seed_of(run));
    let mut world = World::make(plane.admin(), seed_of(run), usize::try_from(run).unwrap(), PEOPLE).await;
    for _ in 0..14 {
        world.grant(plane.admin()).await;
    }
    let users = users(plane, &world).await;
    (world, users)
}

/// What each user is given of the whole world.
pub(crate) async fn truths(plane: &RealControlPlane, world: &mut World, users: &[User]) -> (All, Vec<Truth>) {
    world.settle(plane.admin(), &plane.api("ben")).await;
    let all = All::read(plane.admin(), &KINDS).await;
    let mut truths = Vec::new();
    for user in users {
        truths.push(Truth::of(user, &all, world).await);
    }
    (all, truths)
}
