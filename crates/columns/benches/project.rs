//! What making a row's cells costs: `cargo bench -p pilothouse-columns`.

use std::hint::black_box;

use criterion::Criterion;
use pilothouse_columns::project;
use pilothouse_model::{Object, PrinterColumn, Resource};
use serde_json::{Value, json};

fn pod(state: &Value, phase: &str) -> Value {
    let container = |name: &str| {
        json!({
            "name": name, "ready": phase == "Running", "started": true, "restartCount": 3, "state": state, "lastState": {},
            "image": "registry.example/vision/trainer:v1.4", "imageID": "sha256:0123456789abcdef",
        })
    };
    let condition = |kind: &str| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-11-01T10:00:00Z"});
    let conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map(condition);
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "train-llama-7-node-0-3", "namespace": "vision", "uid": "1", "creationTimestamp": "2026-11-01T09:59:00Z",
            "labels": {"team": "vision", "app": "train"}, "annotations": {"queue": "gold"}},
        "spec": {
            "nodeName": "node-0017.cluster.example", "restartPolicy": "Never",
            "initContainers": [{"name": "fetch", "image": "registry.example/base/etl:v0.1"}],
            "containers": [
                {"name": "main", "image": "registry.example/vision/trainer:v1.4",
                    "resources": {"requests": {"cpu": "32", "memory": "256Gi"}, "limits": {"nvidia.com/gpu": "8"}}},
                {"name": "log-shipper", "image": "registry.example/mesh/log-shipper:2.4.1"},
            ],
        },
        "status": {
            "phase": phase, "podIP": "10.1.2.3", "podIPs": [{"ip": "10.1.2.3"}], "startTime": "2026-11-01T09:59:02Z",
            "conditions": conditions,
            "containerStatuses": [container("main"), container("log-shipper")],
        },
    })
}

fn job() -> Value {
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "train-llama-7", "namespace": "vision", "uid": "2"},
        "spec": {"completions": 5, "parallelism": 5, "selector": {"matchLabels": {"controller-uid": "2"}},
            "template": {"spec": {"containers": [{"name": "main", "image": "registry.example/vision/trainer:v1.4"}]}}},
        "status": {"active": 3, "succeeded": 2, "startTime": "2026-11-01T09:59:02Z"},
    })
}

fn custom() -> (Resource, Value) {
    let column = |name: &str, kind: &str, path: &str| PrinterColumn {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        json_path: path.to_owned(),
        priority: 0,
        description: String::new(),
    };
    let columns = vec![
        column("State", "string", ".status.conditions[?(@.type==\"Complete\")].status"),
        column("Nodes", "integer", ".spec.trainer.numNodes"),
        column("Age", "date", ".metadata.creationTimestamp"),
    ];
    let resource = Resource::new("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob");
    let object = json!({
        "apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainJob",
        "metadata": {"name": "tune-bert-3", "namespace": "vision", "uid": "3", "creationTimestamp": "2026-11-01T09:59:00Z"},
        "spec": {"runtimeRef": {"name": "torch-distributed"}, "trainer": {"numNodes": 5}},
        "status": {"conditions": [
            {"type": "Suspended", "status": "False", "reason": "Resumed", "message": "TrainJob is resumed"},
            {"type": "Complete", "status": "True", "reason": "JobsCompleted", "message": "jobset completed successfully"},
        ]},
    });
    (Resource { printer_columns: Some(columns), ..resource }, object)
}

#[expect(clippy::expect_used, reason = "a bench's own object")]
fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let pods = || Resource::new("", "v1", "pods", "Pod");
    let running = json!({"running": {"startedAt": "2026-11-01T10:00:00Z"}});
    let crashing =
        json!({"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 5m0s restarting failed container"}});
    let (trainjobs, trainjob) = custom();
    let cases = [
        ("a running pod", pods(), pod(&running, "Running")),
        ("a crashing pod", pods(), pod(&crashing, "Running")),
        ("a job", Resource::new("batch", "v1", "jobs", "Job"), job()),
        ("a custom object", trainjobs, trainjob),
    ];
    for (name, resource, value) in cases {
        let object = Object::new(value.clone()).expect("the object has a name");
        criterion
            .bench_function(&format!("project/{name}"), |bench| bench.iter(|| project(&resource, black_box(&object))));
    }
    let text = pod(&running, "Running").to_string();
    criterion.bench_function("decode/a running pod", |bench| {
        bench.iter(|| serde_json::from_str::<Value>(black_box(&text)).is_ok());
    });
    criterion.final_summary();
}
