//! The real control plane starts, knows its users, and serves the definitions that other tests install.

use pilothouse_harness::{Options, RealControlPlane, crds};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_starts_and_serves_kubeflow() {
    let plane = RealControlPlane::start(Options::default()).await;
    let answer = plane.api("ada").get("/api/v1/namespaces/default/pods").await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    assert_eq!(answer.body["reason"], json!("Forbidden"));
    crds::install(plane.admin(), &crds::kubeflow()).await;
    let groups = plane.admin().get("/apis").await;
    let names: Vec<&str> =
        groups.body["groups"].as_array().unwrap().iter().filter_map(|group| group["name"].as_str()).collect();
    assert!(names.contains(&"trainer.kubeflow.org") && names.contains(&"sparkoperator.k8s.io"), "{names:?}");
}

#[test]
fn the_small_definitions_name_the_kinds_of_the_real_ones() {
    let folder = pilothouse_harness::places::repository().join("../shared/crds");
    if !folder.is_dir() {
        return;
    }
    let names = |definitions: &[serde_json::Value]| -> Vec<String> {
        definitions.iter().map(|definition| definition["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    };
    let real = names(&crds::from_folder(&folder));
    for name in names(&crds::minimal()) {
        assert!(real.contains(&name), "{name} is not among {real:?}");
    }
}
