//! A random world: objects in a few namespaces, people, and what they are granted.

use pilothouse_harness::{Api, crds};
use reqwest::Method;
use serde_json::{Value, json};

use super::dice::Dice;
use super::objects::{canary, fill};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";

/// A resource of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) namespaced: bool,
    /// Whether the console itself may list it.
    pub(crate) shared: bool,
}

const fn kind(group: &'static str, version: &'static str, plural: &'static str) -> Kind {
    Kind { group, version, plural, namespaced: true, shared: true }
}

pub(crate) const PODS: Kind = kind("", "v1", "pods");
pub(crate) const CONFIG_MAPS: Kind = kind("", "v1", "configmaps");
pub(crate) const EVENTS: Kind = kind("", "v1", "events");
pub(crate) const SECRETS: Kind = Kind { shared: false, ..kind("", "v1", "secrets") };
pub(crate) const JOBS: Kind = kind("batch", "v1", "jobs");
pub(crate) const TRAIN_JOBS: Kind = kind("trainer.kubeflow.org", "v1alpha1", "trainjobs");
pub(crate) const NODES: Kind = Kind { namespaced: false, ..kind("", "v1", "nodes") };
pub(crate) const NAMESPACES: Kind = Kind { namespaced: false, ..kind("", "v1", "namespaces") };

pub(crate) const KINDS: [Kind; 8] = [PODS, CONFIG_MAPS, EVENTS, SECRETS, JOBS, TRAIN_JOBS, NODES, NAMESPACES];

impl Kind {
    /// The path of its objects, in one namespace or in all.
    pub(crate) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", self.group) };
        match namespace {
            Some(namespace) => format!("{root}/{}/namespaces/{namespace}/{}", self.version, self.plural),
            None => format!("{root}/{}/{}", self.version, self.plural),
        }
    }
}

/// Someone, with a client of the API server.
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) api: Api,
}

/// The world.
pub(crate) struct World {
    pub(crate) namespaces: Vec<String>,
    pub(crate) dice: Dice,
    /// Tells worlds on the same server apart.
    run: usize,
    /// Names that rules may grant.
    names: Vec<String>,
    subjects: Vec<Value>,
    /// Paths of the bindings that there are.
    bindings: Vec<String>,
    /// How many roles were made.
    roles: usize,
}

impl World {
    /// Makes the API server serve all kinds of the world.
    pub(crate) async fn define(admin: &Api) {
        crds::install(admin, &crds::minimal()).await;
    }

    /// Makes the objects of a world, and no rights yet. `run` tells worlds on the same server apart.
    pub(crate) async fn make(admin: &Api, seed: u64, run: usize, people: usize) -> Self {
        let mut dice = Dice::new(seed);
        Self::define(admin).await;
        let count = 3 + dice.below(3);
        let namespaces: Vec<String> =
            (0..count).map(|number| format!("w{run}-{number}-{}", canary(&mut dice))).collect();
        let mut names: Vec<String> =
            ["plain-0", "zebra-0", "plain-1", "zebra-1", "node-0", "absent"].map(str::to_owned).to_vec();
        for namespace in &namespaces {
            admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
            names.extend(fill(admin, namespace, &mut dice).await);
        }
        for number in 0..2 {
            admin.ensure("/api/v1/nodes", &json!({"metadata": {"name": format!("node-{number}")}})).await;
        }
        let mut subjects: Vec<Value> = Vec::new();
        for number in 0..people {
            subjects.push(json!({"kind": "User", "apiGroup": GROUP, "name": format!("person-{number}")}));
        }
        subjects.push(json!({"kind": "Group", "apiGroup": GROUP, "name": "people"}));
        for namespace in &namespaces {
            let accounts = format!("/api/v1/namespaces/{namespace}/serviceaccounts");
            admin.ensure(&accounts, &json!({"metadata": {"name": "robot"}})).await;
            subjects.push(json!({"kind": "ServiceAccount", "namespace": namespace, "name": "robot"}));
            let group = format!("system:serviceaccounts:{namespace}");
            subjects.push(json!({"kind": "Group", "apiGroup": GROUP, "name": group}));
        }
        Self { namespaces, dice, run, names, subjects, bindings: Vec::new(), roles: 0 }
    }

    /// Grants something random.
    pub(crate) async fn grant(&mut self, admin: &Api) {
        let subject = self.dice.pick(&self.subjects).clone();
        self.grant_to(admin, &subject).await;
    }

    /// Grants something random to somebody.
    pub(crate) async fn grant_to(&mut self, admin: &Api, subject: &Value) {
        self.roles += 1;
        let name = format!("w{}-{}", self.run, self.roles);
        let count = 1 + self.dice.below(2);
        let rules: Vec<Value> = (0..count).map(|_| self.rule()).collect();
        let namespace = self.dice.pick(&self.namespaces).clone();
        let cluster_wide = self.dice.one_in(4);
        let cluster_role = cluster_wide || self.dice.one_in(2);
        let (kind, roles) = match cluster_role {
            true => ("ClusterRole", format!("{RBAC}/clusterroles")),
            false => ("Role", format!("{RBAC}/namespaces/{namespace}/roles")),
        };
        admin.ensure(&roles, &json!({"metadata": {"name": name}, "rules": rules})).await;
        let bindings = match cluster_wide {
            true => format!("{RBAC}/clusterrolebindings"),
            false => format!("{RBAC}/namespaces/{namespace}/rolebindings"),
        };
        let binding = json!({
            "metadata": {"name": name}, "subjects": [subject],
            "roleRef": {"apiGroup": GROUP, "kind": kind, "name": name},
        });
        admin.ensure(&bindings, &binding).await;
        self.bindings.push(format!("{bindings}/{name}"));
    }

    /// Takes away something random.
    pub(crate) async fn revoke(&mut self, admin: &Api) {
        if !self.bindings.is_empty() {
            let path = self.bindings.swap_remove(self.dice.below(self.bindings.len()));
            admin.send(Method::DELETE, &path, None).await;
        }
    }

    /// Takes away everything.
    pub(crate) async fn revoke_all(&mut self, admin: &Api) {
        for path in self.bindings.drain(..) {
            admin.send(Method::DELETE, &path, None).await;
        }
    }
}

impl World {
    fn rule(&mut self) -> Value {
        const VERBS: [&[&str]; 7] = [
            &["get"],
            &["list"],
            &["list", "watch"],
            &["get", "list"],
            &["get", "list", "watch"],
            &["*"],
            &["watch", "create"],
        ];
        let dice = &mut self.dice;
        let kinds: Vec<Kind> = dice.some(&KINDS);
        let star = dice.one_in(12);
        let groups: Vec<&str> = if star { vec!["*"] } else { kinds.iter().map(|kind| kind.group).collect() };
        let every = dice.one_in(10);
        let resources: Vec<&str> = if every { vec!["*"] } else { kinds.iter().map(|kind| kind.plural).collect() };
        let verbs = VERBS[dice.below(VERBS.len())];
        let mut rule = json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
        if dice.one_in(3) {
            let count = 1 + dice.below(4);
            let mut names: Vec<&String> = (0..count).map(|_| dice.pick(&self.names)).collect();
            names.push(dice.pick(&self.namespaces));
            rule["resourceNames"] = json!(names);
        }
        rule
    }

    /// Waits until the API server decides by all roles and bindings that were made or taken away so far: it knows them from
    /// watches, each of which tells in order, so that it is asked for a right that is granted last of all.
    pub(crate) async fn settle(&mut self, admin: &Api, stranger: &Api) {
        self.roles += 1;
        let namespace = self.namespaces[0].clone();
        let subject = json!([{"kind": "User", "apiGroup": GROUP, "name": "ben"}]);
        let inside = format!("{RBAC}/namespaces/{namespace}");
        for (roles, bindings, kind) in [
            (format!("{RBAC}/clusterroles"), format!("{RBAC}/clusterrolebindings"), "ClusterRole"),
            (format!("{inside}/roles"), format!("{inside}/rolebindings"), "Role"),
        ] {
            let name = format!("settle-w{}-{}-{}", self.run, self.roles, kind.to_lowercase());
            let rule = json!([{"apiGroups": ["settle.test"], "resources": ["things"], "verbs": ["get"], "resourceNames": [name]}]);
            admin.ensure(&roles, &json!({"metadata": {"name": name}, "rules": rule})).await;
            let reference = json!({"apiGroup": GROUP, "kind": kind, "name": name});
            admin
                .ensure(&bindings, &json!({"metadata": {"name": name}, "subjects": subject, "roleRef": reference}))
                .await;
            let place = if kind == "Role" { json!(namespace) } else { Value::Null };
            let asked = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {
                "resourceAttributes": {"group": "settle.test", "resource": "things", "verb": "get", "name": name, "namespace": place},
            }});
            let allowed = async || {
                let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
                let answer = stranger.send(Method::POST, path, Some(("application/json", &asked))).await;
                answer.body["status"]["allowed"] == true
            };
            while !allowed().await {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
}

/// Grants rules in a namespace to a person.
pub(crate) async fn bind(admin: &Api, namespace: &str, rules: &Value, person: &str) {
    let name = format!("{person}-at-home");
    let roles = format!("{RBAC}/namespaces/{namespace}");
    admin.ensure(&format!("{roles}/roles"), &json!({"metadata": {"name": name}, "rules": rules})).await;
    let binding = json!({
        "metadata": {"name": name}, "subjects": [{"kind": "User", "apiGroup": GROUP, "name": person}],
        "roleRef": {"apiGroup": GROUP, "kind": "Role", "name": name},
    });
    admin.ensure(&format!("{roles}/rolebindings"), &binding).await;
}
