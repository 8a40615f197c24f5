//! The engine against the embedded cluster: what is live, what is derived, what is forbidden, what is gone.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Ask, Cluster, Contexts, Engine, ErrorKind, LiveWindow, Source, Update};
use pilothouse_harness::{Embedded, crds};
use pilothouse_model::{Completeness, GroupResource};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(20);
const MERGE: &str = "application/merge-patch+json";

async fn connect(embedded: &Embedded, user: &str) -> Cluster {
    let contexts = Contexts::load(Some(embedded.kubeconfig(user)), None).unwrap();
    let engine = Engine::new(contexts);
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    cluster.wait_catalog(PATIENCE).await.unwrap();
    cluster
}

fn source(cluster: &Cluster, group: &str, plural: &str) -> Source {
    Source::Resource(Arc::clone(cluster.catalog().unwrap().served(GroupResource::new(group, plural)).unwrap()))
}

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Reads updates until one satisfies `wanted`.
async fn until(window: &mut LiveWindow, what: &str, mut wanted: impl FnMut(&Update) -> bool) -> Update {
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

fn config_map(name: &str, labels: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}})
}

#[tokio::test]
async fn a_window_tells_what_enters_changes_and_leaves_and_nothing_else() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    let path = "/api/v1/namespaces/default/configmaps";
    for name in ["a", "b", "c"] {
        admin.ensure(path, &config_map(name, &json!({"app": "x"}))).await;
    }
    let cluster = connect(&embedded, "admin").await;
    let ask = Ask { labels: "app=x".to_owned(), limit: Some(2), ..Ask::default() };
    let mut window = cluster.window(source(&cluster, "", "configmaps"), ask).unwrap();

    let first = until(&mut window, "the first list", |update| update.completeness == Completeness::Complete).await;
    assert_eq!(first.total, 3);
    assert!(first.as_of.is_some());
    let page = cluster
        .list(
            &source(&cluster, "", "configmaps"),
            &Ask { labels: "app=x".to_owned(), limit: Some(2), ..Ask::default() },
        )
        .unwrap();
    assert_eq!(page.rows.iter().map(|record| &*record.row.name).collect::<Vec<_>>(), ["a", "b"]);

    admin.send(Method::PATCH, &format!("{path}/a"), Some((MERGE, &json!({"data": {"k": "v"}})))).await;
    let changed = until(&mut window, "the change", |update| update.delta.is_some()).await.delta.unwrap();
    assert_eq!((changed.entered.len(), changed.left.len(), changed.moved.len()), (0, 0, 0));
    assert_eq!(&*changed.changed[0].1.row.name, "a");
    assert_eq!(changed.changed.len(), 1);

    admin.send(Method::DELETE, &format!("{path}/a"), None).await;
    let left = until(&mut window, "the end", |update| update.delta.is_some()).await;
    let delta = left.delta.unwrap();
    assert_eq!(left.total, 2);
    assert_eq!(&*delta.left[0].name, "a");
    assert_eq!(&*delta.entered[0].1.row.name, "c");
}

#[tokio::test]
async fn a_workload_is_computed_again_when_a_pod_that_it_links_to_changes() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    crds::install(admin, &crds::minimal()).await;
    let cluster = connect(&embedded, "admin").await;
    let jobs = "/apis/trainer.kubeflow.org/v1alpha1/namespaces/default/trainjobs";
    let job = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob", "metadata": {"name": "llama"},
        "spec": {"runtimeRef": {"name": "torch"}},
    });
    admin.ensure(jobs, &job).await;
    let mut window = cluster.window(Source::Workloads, Ask::default()).unwrap();
    until(&mut window, "the workload", |update| update.total == 1).await;

    let pods = "/api/v1/namespaces/default/pods";
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "llama-node-0-0", "labels": {"jobset.sigs.k8s.io/jobset-name": "llama"}},
        "spec": {"containers": [{"name": "node", "image": "torch"}]},
    });
    admin.ensure(pods, &pod).await;
    let message = "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.";
    let status = json!({"status": {"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message},
    ]}});
    admin.send(Method::PATCH, &format!("{pods}/llama-node-0-0/status"), Some((MERGE, &status))).await;
    until(&mut window, "the reason", |update| {
        let rows = update.delta.iter().flat_map(|delta| &delta.changed);
        rows.into_iter().any(|(_, record, _)| &*record.row.status.reason == "Unschedulable")
    })
    .await;

    admin.send(Method::DELETE, &format!("{jobs}/llama"), None).await;
    until(&mut window, "the end", |update| update.total == 0).await;
}

#[tokio::test]
async fn who_may_read_one_namespace_sees_that_namespace_and_is_told_about_the_rest() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    admin
        .ensure("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}}))
        .await;
    admin.ensure("/api/v1/namespaces/team-a/configmaps", &config_map("own", &json!({}))).await;
    admin.ensure("/api/v1/namespaces/default/configmaps", &config_map("foreign", &json!({}))).await;
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}],
    });
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a";
    admin.ensure(&format!("{rbac}/roles"), &role).await;
    admin.ensure(&format!("{rbac}/rolebindings"), &binding).await;

    let cluster = connect(&embedded, "ada").await;
    let config_maps = source(&cluster, "", "configmaps");
    let all = cluster.list_settled(&config_maps, &Ask::default(), PATIENCE).await.unwrap();
    assert!(matches!(&all.completeness, Completeness::Forbidden(why) if why.contains("ada")), "{:?}", all.completeness);
    assert_eq!(all.total, 0);

    for ask in [
        Ask { namespaces: vec!["team-a".to_owned()], ..Ask::default() },
        Ask { q: "ns:team-a".to_owned(), ..Ask::default() },
    ] {
        let own = cluster.list_settled(&config_maps, &ask, PATIENCE).await.unwrap();
        assert_eq!(own.completeness, Completeness::Complete, "{ask:?}");
        assert!(own.rows.iter().any(|record| &*record.row.name == "own"), "{ask:?}");
        assert!(own.rows.iter().all(|record| record.row.namespace.as_deref() == Some("team-a")), "{ask:?}");
    }

    let Source::Resource(resource) = &config_maps else { panic!("not a resource") };
    let view = cluster.object(resource, Some("team-a"), "own", PATIENCE).await.unwrap();
    assert_eq!(view.object.name(), "own");
    let foreign = cluster.object(resource, Some("default"), "foreign", PATIENCE).await.unwrap_err();
    assert_eq!(foreign.kind, ErrorKind::Forbidden);
}

#[tokio::test]
async fn an_object_knows_its_kin_and_their_events_and_says_when_it_is_gone() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    let sets = "/apis/apps/v1/namespaces/default/replicasets";
    let template = json!({
        "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]},
    });
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "web"},
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    });
    admin.ensure(sets, &set).await;
    let uid = admin.get(&format!("{sets}/web")).await.body["metadata"]["uid"].clone();
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "web-1", "labels": {"app": "web"}, "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": uid, "controller": true},
        ]},
        "spec": {"containers": [{"name": "web", "image": "web"}]},
    });
    admin.ensure("/api/v1/namespaces/default/pods", &pod).await;
    let pod_uid = admin.get("/api/v1/namespaces/default/pods/web-1").await.body["metadata"]["uid"].clone();
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web-1.1"}, "type": "Warning", "reason": "BackOff",
        "message": "Back-off restarting failed container", "lastTimestamp": "2026-11-01T10:00:00Z",
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web-1", "namespace": "default", "uid": pod_uid},
    });
    admin.ensure("/api/v1/namespaces/default/events", &event).await;

    let cluster = connect(&embedded, "admin").await;
    let Source::Resource(resource) = source(&cluster, "apps", "replicasets") else { panic!("not a resource") };
    let mut live = cluster.live_object(resource, Some("default"), "web");
    let view = within("the view", live.next()).await.unwrap().unwrap();
    assert_eq!(view.dependents.iter().map(|kin| kin.relative.reference.to_string()).collect::<Vec<_>>(), ["Pod/web-1"]);
    assert_eq!(view.events.len(), 1, "the events of what it owns belong to it");
    let Source::Resource(pods) = source(&cluster, "", "pods") else { panic!("not a resource") };
    let child = cluster.object(&pods, Some("default"), "web-1", PATIENCE).await.unwrap();
    assert_eq!(child.owners.iter().map(|kin| kin.reference.to_string()).collect::<Vec<_>>(), ["ReplicaSet/web"]);

    admin.send(Method::DELETE, &format!("{sets}/web"), None).await;
    let gone = within("the end", async {
        loop {
            if let Ok(view) = live.next().await.unwrap()
                && view.gone
            {
                return view;
            }
        }
    })
    .await;
    assert_eq!(gone.object.name(), "web");
}

#[tokio::test]
async fn a_custom_object_has_the_pods_below_its_deployments_and_their_events() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    crds::install(admin, &crds::minimal()).await;
    let cluster = connect(&embedded, "admin").await;
    let chain = [
        ("/apis/trainer.kubeflow.org/v1alpha1", "trainjobs", "trainer.kubeflow.org/v1alpha1", "TrainJob"),
        ("/apis/apps/v1", "deployments", "apps/v1", "Deployment"),
        ("/apis/apps/v1", "replicasets", "apps/v1", "ReplicaSet"),
        ("/api/v1", "pods", "v1", "Pod"),
    ];
    let mut owners = json!([]);
    for (group, plural, version, kind) in chain {
        let path = format!("{group}/namespaces/default/{plural}");
        let template = json!({
            "metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "web"}]},
        });
        let spec = match kind {
            "TrainJob" => json!({"runtimeRef": {"name": "torch"}}),
            "Pod" => template["spec"].clone(),
            _ => json!({"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template}),
        };
        let metadata = json!({"name": "web", "labels": {"app": "web"}, "ownerReferences": owners});
        admin.ensure(&path, &json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})).await;
        let uid = admin.get(&format!("{path}/web")).await.body["metadata"]["uid"].clone();
        owners = json!([{"apiVersion": version, "kind": kind, "name": "web", "uid": uid, "controller": true}]);
    }
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1"}, "type": "Warning", "reason": "BackOff",
        "message": "Back-off restarting failed container", "lastTimestamp": "2026-11-01T10:00:00Z",
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": "web", "namespace": "default", "uid": owners[0]["uid"]},
    });
    admin.ensure("/api/v1/namespaces/default/events", &event).await;

    let Source::Resource(jobs) = source(&cluster, "trainer.kubeflow.org", "trainjobs") else {
        panic!("not a resource")
    };
    let view = cluster.object(&jobs, Some("default"), "web", PATIENCE).await.unwrap();
    let below: Vec<_> = view.dependents.iter().map(|kin| (kin.relative.reference.to_string(), kin.depth)).collect();
    let expected = [("Deployment/web", 1), ("ReplicaSet/web", 2), ("Pod/web", 3)];
    assert_eq!(below, expected.map(|(name, depth)| (name.to_owned(), depth)));
    assert_eq!(view.events.len(), 1);
}

#[tokio::test]
async fn secret_values_stay_out_of_the_house() {
    let embedded = Embedded::start().await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"password\":\"aHVudGVyMg==\"}}",
        }},
        "data": {"password": "aHVudGVyMg=="},
    });
    embedded.admin().ensure("/api/v1/namespaces/default/secrets", &secret).await;
    let cluster = connect(&embedded, "admin").await;
    let secrets = source(&cluster, "", "secrets");
    let listing =
        cluster.list_settled(&secrets, &Ask { q: "name:key".to_owned(), ..Ask::default() }, PATIENCE).await.unwrap();
    let stored = listing.rows[0].object().unwrap();
    let Source::Resource(resource) = &secrets else { panic!("not a resource") };
    let read = cluster.read(resource, Some("default"), "key").await.unwrap();
    for object in [&stored, &read.object] {
        let text = object.value().to_string();
        assert!(!text.contains("aHVudGVyMg"), "{text}");
        assert_eq!(object.value()["data"]["password"], "<hidden, 7 bytes>");
    }
}

#[tokio::test]
async fn an_explanation_does_not_doubt_because_of_the_siblings_of_its_object() {
    let embedded = Embedded::start().await;
    let ready = json!([{"type": "Ready", "status": "True", "reason": "KubeletReady"}]);
    for name in ["n1", "n2"] {
        let node =
            json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": {"conditions": ready}});
        embedded.admin().ensure("/api/v1/nodes", &node).await;
    }
    let cluster = connect(&embedded, "admin").await;
    let Source::Resource(nodes) = source(&cluster, "", "nodes") else { panic!("not a resource") };
    // Nothing is watched yet: the node is read by itself, and its list is not waited for.
    let (row, _, completeness) = cluster.explain(&nodes, None, "n1", PATIENCE).await.unwrap();
    assert_eq!((&*row.name, completeness), ("n1", Completeness::Complete));
}
