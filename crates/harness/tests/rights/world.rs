//! A random world: objects in a few namespaces, people, and what they are granted.

use pilothouse_harness::{Api, crds};
use reqwest::Method;
use serde_json::{Value, json};

use super::dice::Dice;

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
    dice: Dice,
    subjects: Vec<Value>,
    /// Paths of the bindings that there are.
    bindings: Vec<String>,
    /// How many roles were made.
    roles: usize,
}

impl World {
    /// Makes the objects of a world, and no rights yet. `run` tells worlds on the same server apart.
    pub(crate) async fn make(admin: &Api, seed: u64, run: usize, people: usize) -> Self {
        let mut dice = Dice::new(seed);
        crds::install(admin, &crds::minimal()).await;
        let namespaces: Vec<String> = (0..3 + dice.below(3)).map(|number| format!("w{run}-{number}")).collect();
        for namespace in &namespaces {
            admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
            fill(admin, namespace, &mut dice).await;
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
        Self { namespaces, dice, subjects, bindings: Vec::new(), roles: 0 }
    }

    /// Grants something random.
    pub(crate) async fn grant(&mut self, admin: &Api, run: usize) {
        let subject = self.dice.pick(&self.subjects).clone();
        self.grant_to(admin, run, &subject).await;
    }

    /// Grants something random to somebody.
    pub(crate) async fn grant_to(&mut self, admin: &Api, run: usize, subject: &Value) {
        self.roles += 1;
        let name = format!("w{run}-{}", self.roles);
        let rules: Vec<Value> = (0..=self.dice.below(2)).map(|_| rule(&mut self.dice, &self.namespaces)).collect();
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

/// The text that an object's name holds when a search for it must find it.
pub(crate) const MARK: &str = "zebra";

async fn fill(admin: &Api, namespace: &str, dice: &mut Dice) {
    let name = |dice: &mut Dice, number: usize| {
        if dice.one_in(2) { format!("{MARK}-{number}") } else { format!("plain-{number}") }
    };
    for number in 0..3 {
        let config_map = json!({"metadata": {"name": name(dice, number)}, "data": {"k": "v"}});
        admin.ensure(&CONFIG_MAPS.path(Some(namespace)), &config_map).await;
        let secret = json!({"metadata": {"name": name(dice, number)}, "data": {"k": "dg=="}});
        admin.ensure(&SECRETS.path(Some(namespace)), &secret).await;
    }
    let container = json!({"containers": [{"name": "main", "image": "main"}]});
    for number in 0..2 {
        let template = json!({"spec": {"containers": container["containers"], "restartPolicy": "Never"}});
        let job_name = name(dice, number);
        admin
            .ensure(
                &JOBS.path(Some(namespace)),
                &json!({"metadata": {"name": job_name}, "spec": {"template": template}}),
            )
            .await;
        let train_job = json!({
            "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
            "metadata": {"name": name(dice, number)}, "spec": {"runtimeRef": {"name": "torch"}},
        });
        admin.ensure(&TRAIN_JOBS.path(Some(namespace)), &train_job).await;
        let job = admin.get(&format!("{}/{job_name}", JOBS.path(Some(namespace)))).await.body;
        let owner = json!({
            "apiVersion": "batch/v1", "kind": "Job", "name": job_name, "uid": job["metadata"]["uid"], "controller": true,
        });
        let pod_name = name(dice, number);
        let pod = json!({
            "metadata": {"name": pod_name, "ownerReferences": [owner]}, "spec": container,
        });
        let pods = PODS.path(Some(namespace));
        admin.ensure(&pods, &pod).await;
        // A message that only those may read who may list the pods of this namespace.
        let status = json!({"status": {"phase": "Pending", "conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": secret_words(namespace),
        }]}});
        let merge = ("application/merge-patch+json", &status);
        admin.send(Method::PATCH, &format!("{pods}/{pod_name}/status"), Some(merge)).await;
        let uid = admin.get(&format!("{pods}/{pod_name}")).await.body["metadata"]["uid"].clone();
        let event = json!({
            "metadata": {"name": name(dice, number)}, "type": "Warning", "reason": "BackOff", "message": "again",
            "lastTimestamp": "2026-11-01T10:00:00Z",
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": pod_name, "namespace": namespace, "uid": uid},
        });
        admin.ensure(&EVENTS.path(Some(namespace)), &event).await;
    }
}

/// What only pods of a namespace say.
pub(crate) fn secret_words(namespace: &str) -> String {
    format!("0/2 nodes are available in {namespace}")
}

fn rule(dice: &mut Dice, namespaces: &[String]) -> Value {
    let kinds: Vec<Kind> = dice.some(&KINDS);
    let star = dice.one_in(12);
    let groups: Vec<&str> = if star { vec!["*"] } else { kinds.iter().map(|kind| kind.group).collect() };
    let resources: Vec<&str> = if dice.one_in(10) { vec!["*"] } else { kinds.iter().map(|kind| kind.plural).collect() };
    const VERBS: [&[&str]; 7] = [
        &["get"],
        &["list"],
        &["list", "watch"],
        &["get", "list"],
        &["get", "list", "watch"],
        &["*"],
        &["watch", "create"],
    ];
    let verbs = VERBS[dice.below(VERBS.len())];
    let mut rule = json!({"apiGroups": groups, "resources": resources, "verbs": verbs});
    if dice.one_in(3) {
        let mut names: Vec<String> =
            ["plain-0", "zebra-0", "plain-1", "zebra-1", "node-0", "absent"].map(str::to_owned).to_vec();
        names.push(dice.pick(namespaces).clone());
        rule["resourceNames"] = json!(dice.some(&names));
    }
    rule
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
