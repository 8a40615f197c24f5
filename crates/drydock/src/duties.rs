//! What a cluster does by itself around its API and that clients wait for: namespaces come furnished and go with all that
//! is in them, dependents go with their owners, pods go when their grace has passed.
//!
//! Deployments, jobs and the like are none of this: they are the actors' business, through the API.

use std::sync::Arc;
use std::time::Duration;

use pilothouse_model::{Read, Str};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::api::write::{Intent, insert};
use crate::api::{Api, Deletion, Propagation, delete_one};
use crate::failure::Failure;
use crate::registry::Served;
use crate::storage::Errand;

/// What a new cluster has.
const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// How long after its grace a pod is taken away when no kubelet confirmed that it stopped.
const PATIENCE: u64 = 2;

/// Makes the first namespaces, and what clients expect in them.
pub(crate) fn furnish(api: &Api) {
    let registry = api.registry();
    for name in NAMESPACES {
        if let Some(served) = registry.find("", "v1", "namespaces") {
            let value = json!({ "metadata": { "name": name } });
            report(insert(api, served, None, value, &Intent::own()), "make a namespace");
        }
        furnish_namespace(api, name);
    }
    if let Some(served) = registry.find("", "v1", "services") {
        let value = json!({
            "metadata": { "name": "kubernetes", "labels": { "component": "apiserver", "provider": "kubernetes" } },
            "spec": { "clusterIP": "10.96.0.1", "ports": [{ "name": "https", "port": 443, "targetPort": 6443 }] },
        });
        report(insert(api, served, Some("default"), value, &Intent::own()), "make the service of the API itself");
    }
    for (name, rules) in default_roles() {
        if let Some(served) = registry.find("rbac.authorization.k8s.io", "v1", "clusterroles") {
            let value = json!({ "metadata": { "name": name }, "rules": rules });
            report(insert(api, served, None, value, &Intent::own()), "make a default role");
        }
    }
}

/// The cluster roles that people bind by name.
fn default_roles() -> Vec<(&'static str, Value)> {
    let read = ["get", "list", "watch"];
    let all = ["*"];
    let workloads = json!(["", "apps", "batch", "autoscaling", "policy", "networking.k8s.io"]);
    let visible = json!([
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "namespaces",
        "persistentvolumeclaims",
        "pods",
        "pods/log",
        "pods/status",
        "replicationcontrollers",
        "replicationcontrollers/scale",
        "resourcequotas",
        "serviceaccounts",
        "services",
        "deployments",
        "deployments/scale",
        "daemonsets",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
        "controllerrevisions",
        "jobs",
        "cronjobs",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
        "ingresses",
        "networkpolicies",
    ]);
    let change = json!([
        "configmaps",
        "endpoints",
        "persistentvolumeclaims",
        "pods",
        "pods/eviction",
        "secrets",
        "serviceaccounts",
        "services",
        "deployments",
        "deployments/scale",
        "daemonsets",
        "replicasets",
        "replicasets/scale",
        "statefulsets",
        "statefulsets/scale",
        "jobs",
        "cronjobs",
        "horizontalpodautoscalers",
        "poddisruptionbudgets",
        "ingresses",
        "networkpolicies",
        "replicationcontrollers",
        "replicationcontrollers/scale",
    ]);
    let view = json!({ "apiGroups": workloads, "resources": visible, "verbs": read });
    let edit = json!({ "apiGroups": workloads, "resources": change, "verbs": all });
    let roles =
        json!({ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"], "verbs": all });
    vec![
        (
            "cluster-admin",
            json!([
                { "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] },
                { "nonResourceURLs": ["*"], "verbs": ["*"] },
            ]),
        ),
        ("admin", json!([view, edit, roles])),
        ("edit", json!([view, edit])),
        ("view", json!([view])),
    ]
}

/// Runs errands until the server stops.
pub(crate) async fn run(api: Arc<Api>, mut errands: mpsc::UnboundedReceiver<Errand>, stopping: CancellationToken) {
    let timers = TaskTracker::new();
    loop {
        let errand = tokio::select! {
            errand = errands.recv() => errand,
            () = stopping.cancelled() => break,
        };
        match errand {
            None => break,
            Some(Errand::EndGrace { key, uid, seconds }) => {
                let (api, stopping) = (api.clone(), stopping.clone());
                timers.spawn(async move {
                    tokio::select! {
                        () = tokio::time::sleep(Duration::from_secs(seconds + PATIENCE)) => end_grace(&api, &key, &uid),
                        () = stopping.cancelled() => {}
                    }
                });
            }
            Some(errand) => run_one(&api, errand),
        }
    }
    timers.close();
    timers.wait().await;
}

fn run_one(api: &Api, errand: Errand) {
    match errand {
        Errand::Collect { uid, orphan } => collect(api, &uid, orphan),
        Errand::Foreground { collection, key } => foreground(api, &collection, &key),
        Errand::EmptyNamespace(name) => empty_namespace(api, &name),
        Errand::FurnishNamespace(name) => furnish_namespace(api, &name),
        Errand::EndGrace { key, uid, .. } => end_grace(api, &key, &uid),
    }
}

fn report<T>(result: Result<T, Failure>, what: &str) {
    if let Err(failure) = result {
        tracing::debug!(what, reason = failure.reason, message = failure.message, "a duty found no work");
    }
}

fn furnish_namespace(api: &Api, name: &str) {
    let registry = api.registry();
    if let Some(served) = registry.find("", "v1", "serviceaccounts") {
        let value = json!({ "metadata": { "name": "default" } });
        report(insert(api, served, Some(name), value, &Intent::own()), "make the default service account");
    }
    if let Some(served) = registry.find("", "v1", "configmaps") {
        let value = json!({ "metadata": { "name": "kube-root-ca.crt" }, "data": { "ca.crt": api.authority } });
        report(insert(api, served, Some(name), value, &Intent::own()), "publish the certificate authority");
    }
}

fn served_of(api: &Api, collection: &str) -> Option<Arc<Served>> {
    api.registry().collections().into_iter().find(|served| &*served.collection == collection).cloned()
}

/// The owner is gone: dependents without another living owner go as well, or all lose the reference.
fn collect(api: &Api, owner: &str, orphan: bool) {
    let mut state = api.storage.write();
    if state.knows_uid(owner) {
        return;
    }
    for (collection, key) in state.dependents(owner) {
        let Some(stored) = state.get(&collection, &key).cloned() else { continue };
        let others: Vec<Value> = stored
            .value
            .items("/metadata/ownerReferences")
            .iter()
            .filter(|reference| reference.text("/uid").is_some_and(|uid| uid != owner && state.knows_uid(uid)))
            .cloned()
            .collect();
        if !orphan && others.is_empty() {
            if let Some(served) = served_of(api, &collection) {
                report(delete_one(api, &mut state, &served, &key, &Deletion::default()), "collect a dependent");
            }
            continue;
        }
        let mut value = stored.value.clone();
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.remove("ownerReferences");
            if !others.is_empty() {
                metadata.insert("ownerReferences".to_owned(), Value::Array(others));
            }
        }
        state.put(&collection, &key, value);
    }
}

/// The owner waits for its dependents: deletes them, and lets it go when none is left.
fn foreground(api: &Api, collection: &Str, key: &str) {
    let mut state = api.storage.write();
    let Some(stored) = state.get(collection, key).cloned() else { return };
    let waits = |finalizer: &Value| finalizer == "foregroundDeletion";
    let finalizers = stored.value.items("/metadata/finalizers");
    let (Some(uid), true) = (stored.value.text("/metadata/uid"), finalizers.iter().any(waits)) else { return };
    let dependents = state.dependents(uid);
    if dependents.is_empty() {
        let left: Vec<Value> = finalizers.iter().filter(|finalizer| !waits(finalizer)).cloned().collect();
        let mut value = stored.value.clone();
        let done = left.is_empty();
        value["metadata"]["finalizers"] = Value::Array(left);
        state.put(collection, key, value);
        if done && let Some(served) = served_of(api, collection) {
            report(delete_one(api, &mut state, &served, key, &Deletion::default()), "finish a foreground deletion");
        }
        return;
    }
    for (collection, key) in dependents {
        let Some(served) = served_of(api, &collection) else { continue };
        let deletion = Deletion { propagation: Propagation::Foreground, ..Deletion::default() };
        report(delete_one(api, &mut state, &served, &key, &deletion), "delete a dependent");
    }
}

/// Deletes what is in a namespace that is being deleted; when nothing is left, the namespace.
fn empty_namespace(api: &Api, name: &str) {
    let registry = api.registry();
    let mut state = api.storage.write();
    let Some(namespace) = state.get("namespaces", name).cloned() else { return };
    if namespace.value.text("/metadata/deletionTimestamp").is_none() {
        return;
    }
    let prefix = format!("{name}/");
    let mut left = 0_usize;
    for served in registry.collections().into_iter().filter(|served| served.resource.namespaced) {
        let keys: Vec<String> = state
            .shelf(&served.collection)
            .map(|shelf| shelf.range(&prefix, None).map(|(key, _)| key.clone()).collect())
            .unwrap_or_default();
        for key in keys {
            let known = state.get(&served.collection, &key).cloned();
            if known.as_ref().is_some_and(|known| known.value.text("/metadata/deletionTimestamp").is_none()) {
                // Nobody runs these pods any more: no grace.
                let deletion = Deletion { grace: Some(0), ..Deletion::default() };
                report(delete_one(api, &mut state, served, &key, &deletion), "empty a namespace");
            }
            left += usize::from(state.get(&served.collection, &key).is_some());
        }
    }
    if left > 0 {
        return;
    }
    let mut value = namespace.value.clone();
    value["spec"]["finalizers"] = json!([]);
    let collection: Str = "namespaces".into();
    if value.items("/metadata/finalizers").is_empty() {
        state.remove(&collection, name, false);
    } else {
        state.put(&collection, name, value);
    }
}

/// No kubelet confirmed that the pod has stopped: it goes anyway.
fn end_grace(api: &Api, key: &str, uid: &str) {
    let mut state = api.storage.write();
    let same = state.get("pods", key).is_some_and(|stored| stored.value.text("/metadata/uid") == Some(uid));
    if same && let Some(served) = served_of(api, "pods") {
        let deletion = Deletion { grace: Some(0), ..Deletion::default() };
        report(delete_one(api, &mut state, &served, key, &deletion), "end a pod's grace");
    }
}
