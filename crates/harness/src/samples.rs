//! Kubeflow objects in the states that their controllers give them, and what each state should be called.

use reqwest::Method;
use serde_json::{Value, json};

use crate::api::Api;

/// An object as a controller left it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Kind.
    pub kind: &'static str,
    /// Name.
    pub name: &'static str,
    /// The state that it is in.
    pub state: &'static str,
    collection: &'static str,
    object: Value,
    status: Value,
}

/// The namespace of the samples.
pub const NAMESPACE: &str = "samples";

const NOTEBOOKS: (&str, &str) = ("Notebook", "kubeflow.org/v1/notebooks");
const TRAIN_JOBS: (&str, &str) = ("TrainJob", "trainer.kubeflow.org/v1alpha1/trainjobs");
const PYTORCH_JOBS: (&str, &str) = ("PyTorchJob", "kubeflow.org/v1/pytorchjobs");
const EXPERIMENTS: (&str, &str) = ("Experiment", "kubeflow.org/v1beta1/experiments");
const TRIALS: (&str, &str) = ("Trial", "kubeflow.org/v1beta1/trials");
const WORKFLOWS: (&str, &str) = ("Workflow", "argoproj.io/v1alpha1/workflows");
const SPARK: (&str, &str) = ("SparkApplication", "sparkoperator.k8s.io/v1beta2/sparkapplications");

/// Every sample.
pub fn all() -> Vec<Sample> {
    let mut samples = notebooks();
    samples.extend(train_jobs());
    samples.extend(training_jobs());
    samples.extend(katib());
    samples.extend(workflows());
    samples.extend(spark());
    samples
}

/// Creates the samples; the definitions of their kinds must be there.
pub async fn create(api: &Api, samples: &[Sample]) {
    api.ensure("/api/v1/namespaces", &json!({"metadata": {"name": NAMESPACE}})).await;
    for sample in samples {
        let (version, plural) = sample.collection.rsplit_once('/').expect("a collection ends with its plural");
        let collection = format!("/apis/{version}/namespaces/{NAMESPACE}/{plural}");
        let mut object = sample.object.clone();
        object["apiVersion"] = json!(version);
        object["kind"] = json!(sample.kind);
        object["metadata"]["name"] = json!(sample.name);
        object["status"] = sample.status.clone();
        api.ensure(&collection, &object).await;
        // Where the status is a subresource, the creation dropped it.
        let path = format!("{collection}/{}/status", sample.name);
        let body = json!({"status": sample.status});
        let answer = api.send(Method::PATCH, &path, Some(("application/merge-patch+json", &body))).await;
        assert!(matches!(answer.status, 200 | 404), "PATCH {path}: {} {}", answer.status, answer.body);
    }
}

fn sample(kind: (&'static str, &'static str), name: &'static str, state: &'static str, status: Value) -> Sample {
    let (kind, collection) = kind;
    Sample { kind, name, state, collection, object: json!({"metadata": {}, "spec": {}}), status }
}

impl Sample {
    fn with(mut self, pointer: &str, value: Value) -> Self {
        let (parent, field) = pointer.rsplit_once('/').expect("a pointer has a slash");
        let parent = self.object.pointer_mut(parent).expect("the parent is there");
        parent[field] = value;
        self
    }
}

fn condition(kind: &str, status: &str, reason: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": format!("{kind} is {status}."),
        "lastTransitionTime": "2026-01-02T03:04:05Z", "lastUpdateTime": "2026-01-02T03:04:05Z",
    })
}

fn notebooks() -> Vec<Sample> {
    let containers = json!({"spec": {"containers": [{"name": "main", "image": "registry.example/jupyter:1"}]}});
    let ready = |count: i64, state: Value| json!({"readyReplicas": count, "containerState": state, "conditions": []});
    let running = json!({"running": {"startedAt": "2026-01-02T03:04:05Z"}});
    let stopped = json!({"kubeflow-resource-stopped": "2026-01-02T03:04:05Z"});
    let unschedulable = json!({
        "readyReplicas": 0, "containerState": {},
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available."}],
    });
    let samples = vec![
        sample(NOTEBOOKS, "nb-running", "Running", ready(1, running.clone())),
        sample(NOTEBOOKS, "nb-stopped", "Stopped", ready(0, json!({}))).with("/metadata/annotations", stopped.clone()),
        sample(NOTEBOOKS, "nb-stopping", "Stopping", ready(1, running)).with("/metadata/annotations", stopped),
        sample(NOTEBOOKS, "nb-unschedulable", "Pending", unschedulable),
    ];
    samples.into_iter().map(|sample| sample.with("/spec/template", containers.clone())).collect()
}

fn train_jobs() -> Vec<Sample> {
    let jobs = |active: i64, ready: i64| json!([{"name": "node", "active": active, "ready": ready, "succeeded": 0, "failed": 0, "suspended": 0}]);
    let ended = |kind: &str, reason: &str| json!({"conditions": [condition(kind, "True", reason)]});
    let resumed = json!({"conditions": [condition("Suspended", "False", "Resumed")], "jobsStatus": jobs(1, 1)});
    let samples = vec![
        sample(TRAIN_JOBS, "tj-failed", "Failed", ended("Failed", "DeadlineExceeded")),
        sample(TRAIN_JOBS, "tj-complete", "Succeeded", ended("Complete", "JobsCompleted")),
        sample(TRAIN_JOBS, "tj-suspended", "Suspended", ended("Suspended", "Suspended")),
        sample(TRAIN_JOBS, "tj-running", "Running", json!({"jobsStatus": jobs(1, 1)})),
        sample(TRAIN_JOBS, "tj-starting", "Starting", json!({"jobsStatus": jobs(2, 1)})),
        sample(TRAIN_JOBS, "tj-resumed", "Running", resumed),
        sample(TRAIN_JOBS, "tj-pending", "Pending", json!({})),
    ];
    let runtime = json!({"name": "torch-distributed"});
    samples.into_iter().map(|sample| sample.with("/spec/runtimeRef", runtime.clone())).collect()
}

fn training_jobs() -> Vec<Sample> {
    let history = |kinds: &[(&str, &str)]| {
        let conditions: Vec<Value> =
            kinds.iter().map(|(kind, status)| condition(kind, status, &format!("PyTorchJob{kind}"))).collect();
        json!({"conditions": conditions, "replicaStatuses": {"Master": {"active": 1}}})
    };
    let created = ("Created", "True");
    let left = ("Running", "False");
    let kind = |kind, collection| (kind, collection);
    vec![
        sample(PYTORCH_JOBS, "pt-running", "Running", history(&[created, ("Running", "True")])),
        sample(PYTORCH_JOBS, "pt-created", "Pending", history(&[created])),
        sample(PYTORCH_JOBS, "pt-succeeded", "Succeeded", history(&[created, left, ("Succeeded", "True")])),
        sample(PYTORCH_JOBS, "pt-failed", "Failed", history(&[created, left, ("Failed", "True")])),
        sample(PYTORCH_JOBS, "pt-suspended", "Suspended", history(&[created, left, ("Suspended", "True")])),
        sample(
            kind("TFJob", "kubeflow.org/v1/tfjobs"),
            "tf-running",
            "Running",
            history(&[created, ("Running", "True")]),
        ),
        sample(
            kind("MPIJob", "kubeflow.org/v1/mpijobs"),
            "mpi-failed",
            "Failed",
            history(&[created, left, ("Failed", "True")]),
        ),
        sample(
            kind("XGBoostJob", "kubeflow.org/v1/xgboostjobs"),
            "xgb-done",
            "Succeeded",
            history(&[left, ("Succeeded", "True")]),
        ),
        sample(
            kind("PaddleJob", "kubeflow.org/v1/paddlejobs"),
            "paddle-running",
            "Running",
            history(&[("Running", "True")]),
        ),
        sample(
            kind("JAXJob", "kubeflow.org/v1/jaxjobs"),
            "jax-suspended",
            "Suspended",
            history(&[("Suspended", "True")]),
        ),
    ]
}

fn katib() -> Vec<Sample> {
    let created = || condition("Created", "True", "Created");
    let now = |kind: &str, reason: &str| json!({"conditions": [created(), condition(kind, "True", reason)]});
    let done = |kind: &str, reason: &str| {
        let conditions = [created(), condition("Running", "False", "Ended"), condition(kind, "True", reason)];
        json!({"conditions": conditions, "completionTime": "2026-01-02T04:04:05Z"})
    };
    vec![
        sample(EXPERIMENTS, "ex-running", "Running", now("Running", "ExperimentRunning")),
        sample(EXPERIMENTS, "ex-succeeded", "Succeeded", done("Succeeded", "ExperimentGoalReached")),
        sample(EXPERIMENTS, "ex-failed", "Failed", done("Failed", "ExperimentFailed")),
        sample(TRIALS, "tr-running", "Running", now("Running", "TrialRunning")),
        sample(TRIALS, "tr-succeeded", "Succeeded", done("Succeeded", "TrialSucceeded")),
        sample(TRIALS, "tr-failed", "Failed", done("Failed", "TrialFailed. Job reason: BackoffLimitExceeded")),
        sample(TRIALS, "tr-killed", "Canceled", done("Killed", "TrialKilled")),
    ]
}

fn workflows() -> Vec<Sample> {
    let phase = |phase: &str| json!({"phase": phase, "startedAt": "2026-01-02T03:04:05Z", "progress": "1/3"});
    vec![
        sample(WORKFLOWS, "wf-running", "Running", phase("Running")),
        sample(WORKFLOWS, "wf-pending", "Pending", phase("Pending")),
        sample(WORKFLOWS, "wf-succeeded", "Succeeded", phase("Succeeded")),
        sample(WORKFLOWS, "wf-failed", "Failed", phase("Failed")),
        sample(WORKFLOWS, "wf-error", "Failed", phase("Error")),
        sample(WORKFLOWS, "wf-terminated", "Canceled", phase("Failed")).with("/spec/shutdown", json!("Terminate")),
    ]
}

fn spark() -> Vec<Sample> {
    let state = |state: &str, message: &str| json!({"applicationState": {"state": state, "errorMessage": message}});
    vec![
        sample(SPARK, "sp-running", "Running", state("RUNNING", "")),
        sample(SPARK, "sp-completed", "Succeeded", state("COMPLETED", "")),
        sample(SPARK, "sp-failed", "Failed", state("FAILED", "driver container failed with ExitCode: 1")),
        sample(SPARK, "sp-suspended", "Suspended", state("SUSPENDED", "")),
    ]
}
