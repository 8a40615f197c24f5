//! The official Python client and kube-rs work on the embedded cluster unchanged: the same steps as on a real API server.
#![expect(clippy::expect_used, reason = "a test fails loudly when a server is not as it should be")]

use std::path::Path;
use std::process::Command;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams, WatchEvent,
    WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config, Discovery};
use pilothouse_harness::{Embedded, Options, RealControlPlane, places};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    let plane = RealControlPlane::start(Options::default()).await;
    python(&plane.kubeconfig("admin"));
    kube_rs(&plane.kubeconfig("admin")).await.expect("kube-rs works");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_cluster() {
    let cluster = Embedded::start().await;
    python(&cluster.kubeconfig("admin"));
    kube_rs(&cluster.kubeconfig("admin")).await.expect("kube-rs works");
}

fn python(kubeconfig: &Path) {
    let script = places::repository().join("tests/python/client.py");
    let output = Command::new(places::python()).arg(script).arg(kubeconfig).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

async fn kube_rs(kubeconfig: &Path) -> Result<(), kube::Error> {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("the kubeconfig is readable");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.expect("the kubeconfig is whole"))?;
    client.apiserver_version().await?;
    let home = Namespace { metadata: named("rust-test"), ..Namespace::default() };
    Api::<Namespace>::all(client.clone()).create(&PostParams::default(), &home).await?;
    discovery(&client).await?;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "rust-test");
    objects(&maps).await?;
    pages(&maps).await?;
    watching(&maps).await?;
    dynamic(&client).await
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() }
}

fn map(name: &str) -> ConfigMap {
    ConfigMap { metadata: named(name), ..ConfigMap::default() }
}

async fn discovery(client: &Client) -> Result<(), kube::Error> {
    let discovery = Discovery::new(client.clone()).run().await?;
    for group in ["", "apps", "batch", "apiextensions.k8s.io", "rbac.authorization.k8s.io"] {
        assert!(discovery.has_group(group), "{group:?} is not discovered");
    }
    Ok(())
}

async fn objects(maps: &Api<ConfigMap>) -> Result<(), kube::Error> {
    maps.create(&PostParams::default(), &map("one")).await?;
    let again = maps.create(&PostParams::default(), &map("one")).await;
    assert!(matches!(again, Err(kube::Error::Api(ref status)) if status.is_already_exists()), "{again:?}");
    assert!(maps.get_opt("none").await?.is_none());
    let merged = maps.patch("one", &PatchParams::default(), &Patch::Merge(json!({"data": {"a": "1"}}))).await?;
    assert_eq!(merged.data.expect("data").get("a").map(String::as_str), Some("1"));
    let body = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "2"}});
    let applied = maps.patch("one", &PatchParams::apply("rust"), &Patch::Apply(body)).await?;
    assert_eq!(applied.data.expect("data").len(), 2);
    maps.delete("one", &DeleteParams::default()).await?;
    Ok(())
}

async fn pages(maps: &Api<ConfigMap>) -> Result<(), kube::Error> {
    for number in 0..5 {
        let mut map = map(&format!("page-{number}"));
        map.metadata.labels = Some([("set".to_owned(), "pages".to_owned())].into());
        maps.create(&PostParams::default(), &map).await?;
    }
    let mut names = Vec::new();
    let mut page = ListParams::default().labels("set=pages").limit(2);
    loop {
        let list = maps.list(&page).await?;
        names.extend(list.items.into_iter().filter_map(|map| map.metadata.name));
        match list.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => page = page.continue_token(&token),
            None => break,
        }
    }
    assert_eq!(names, ["page-0", "page-1", "page-2", "page-3", "page-4"]);
    let metadata = maps.list_metadata(&ListParams::default().labels("set=pages")).await?;
    assert_eq!(metadata.items.len(), 5);
    Ok(())
}

async fn watching(maps: &Api<ConfigMap>) -> Result<(), kube::Error> {
    let version = maps.list(&ListParams::default().limit(1)).await?.metadata.resource_version.expect("a version");
    let mut events = maps.watch(&WatchParams::default().timeout(20), &version).await?.boxed();
    maps.create(&PostParams::default(), &map("seen")).await?;
    maps.delete("seen", &DeleteParams::default()).await?;
    let mut seen = Vec::new();
    while let Some(event) = events.try_next().await? {
        match event {
            WatchEvent::Added(map) => seen.push(format!("added {}", map.metadata.name.expect("a name"))),
            WatchEvent::Deleted(map) => {
                seen.push(format!("deleted {}", map.metadata.name.expect("a name")));
                break;
            }
            _ => {}
        }
    }
    assert_eq!(seen, ["added seen", "deleted seen"]);
    Ok(())
}

async fn dynamic(client: &Client) -> Result<(), kube::Error> {
    let resource = ApiResource::erase::<Pod>(&());
    let pods: Api<DynamicObject> = Api::namespaced_with(client.clone(), "rust-test", &resource);
    let containers = json!([{"name": "main", "image": "registry.example/main:1"}]);
    let pod = DynamicObject::new("runner", &resource).data(json!({"spec": {"containers": containers}}));
    pods.create(&PostParams::default(), &pod).await?;
    let status = json!({"status": {"phase": "Running"}});
    pods.patch_status("runner", &PatchParams::default(), &Patch::Merge(status)).await?;
    let running = pods.list(&ListParams::default().fields("status.phase=Running")).await?;
    assert_eq!(running.items.len(), 1);
    Ok(())
}
