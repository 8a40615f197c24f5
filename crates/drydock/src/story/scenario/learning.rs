//! Training runs: the training operator's kinds, TrainJobs, Katib experiments, plain Jobs.

use serde_json::{Value, json};

use super::super::fate;
use super::super::kind::Kind;
use super::{Run, Twist};

const TORCH: &str = "pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime";
/// An image that no registry has.
pub(super) const NO_SUCH_IMAGE: &str = "registry.example.com/ml/trainer:v2.41-rc";

fn image(run: &Run<'_>, usual: &'static str) -> &'static str {
    if run.scenario.fates.iter().any(|(_, fate)| *fate == "no-image") { NO_SUCH_IMAGE } else { usual }
}

pub(super) fn resources(cpu: u32, memory_gib: u32, gpus: u32) -> Value {
    let mut amounts = json!({ "cpu": cpu.to_string(), "memory": format!("{memory_gib}Gi") });
    if gpus > 0 {
        amounts["nvidia.com/gpu"] = gpus.to_string().into();
    }
    json!({ "requests": amounts, "limits": amounts })
}

/// What GPU pods need to be let onto GPU nodes.
pub(super) fn tolerations() -> Value {
    json!([{ "key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule" }])
}

/// Small GPU pods go to the T4s, larger ones to the A100s; a wrong pool is one that nobody has.
pub(super) fn node_selector(run: &Run<'_>, gpus: u32) -> Value {
    if run.scenario.twist == Twist::WrongPool {
        return json!({ "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3" });
    }
    match gpus {
        0 => json!({}),
        1 => json!({ "nvidia.com/gpu.present": "true" }),
        _ => json!({ "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB" }),
    }
}

pub(super) fn training(run: &Run<'_>, kind: Kind, workers: u32, gpus: u32) -> Value {
    let (field, container, image_name, types): (&str, &str, &str, &[(&str, bool)]) = match kind {
        Kind::TFJob => (
            "tfReplicaSpecs",
            "tensorflow",
            "tensorflow/tensorflow:2.20.0-gpu",
            &[("Chief", false), ("PS", false), ("Worker", true)],
        ),
        Kind::MPIJob => (
            "mpiReplicaSpecs",
            "mpi",
            "mpioperator/tensorflow-benchmarks:latest",
            &[("Launcher", false), ("Worker", true)],
        ),
        Kind::XGBoostJob => (
            "xgbReplicaSpecs",
            "xgboost",
            "docker.io/kubeflow/xgboost-dist-iris:latest",
            &[("Master", false), ("Worker", true)],
        ),
        Kind::PaddleJob => {
            ("paddleReplicaSpecs", "paddle", "paddlepaddle/paddle:3.1.0-gpu-cuda12.6", &[("Worker", true)])
        }
        Kind::JAXJob => ("jaxReplicaSpecs", "jax", "docker.io/kubeflow/jaxjob-simple:latest", &[("Worker", true)]),
        _ => ("pytorchReplicaSpecs", "pytorch", TORCH, &[("Master", false), ("Worker", true)]),
    };
    let policy = match (run.scenario.twist, kind) {
        (Twist::Restarts(_), Kind::PaddleJob) => "OnFailure",
        (Twist::Restarts(_), _) => "ExitCode",
        _ => "Never",
    };
    let replica = |replica: &str, many: bool| {
        let light = matches!(replica, "Launcher" | "PS");
        let gpus = if light { 0 } else { gpus };
        let mut pod = json!({
            "containers": [{
                "name": container, "image": image(run, image_name), "command": ["python", "/workspace/train.py"],
                "resources": if light { resources(1, 2, 0) } else { resources(4, 16, gpus) },
            }],
            "nodeSelector": node_selector(run, gpus),
        });
        if gpus > 0 {
            pod["tolerations"] = tolerations();
        }
        json!({
            "replicas": if many { workers } else { 1 }, "restartPolicy": policy,
            "template": { "metadata": { "labels": { "sidecar.istio.io/inject": "false" } }, "spec": pod },
        })
    };
    let specs: serde_json::Map<String, Value> =
        types.iter().map(|(name, many)| ((*name).to_owned(), replica(name, *many))).collect();
    let mut policy = json!({ "cleanPodPolicy": "Running" });
    match run.scenario.twist {
        Twist::Suspended => policy["suspend"] = true.into(),
        Twist::Deadline(seconds) => policy["activeDeadlineSeconds"] = seconds.into(),
        Twist::Restarts(count) => policy["backoffLimit"] = count.into(),
        _ => {}
    }
    json!({
        "metadata": { "annotations": { fate::LOG_PROFILE: "training" } },
        "spec": { field: specs, "runPolicy": policy },
    })
}

pub(super) fn train(run: &Run<'_>, runtime: &str, nodes: u32, gpus: u32) -> Value {
    let mut annotations = json!({ fate::LOG_PROFILE: "training" });
    let mut spec = json!({
        "runtimeRef": { "apiGroup": "trainer.kubeflow.org", "kind": "ClusterTrainingRuntime", "name": runtime },
        "trainer": {
            "image": image(run, TORCH), "command": ["torchrun", "/workspace/train.py"], "numNodes": nodes, "numProcPerNode": gpus,
            "resourcesPerNode": resources(8, 64, gpus),
        },
        "runtimePatches": [{
            "manager": "platform.example.com/placement",
            "trainingRuntimeSpec": { "nodeSelector": node_selector(run, gpus) },
        }],
    });
    if runtime.starts_with("torchtune") {
        spec["initializer"] = json!({
            "dataset": { "storageUri": "hf://tatsu-lab/alpaca" }, "model": { "storageUri": "hf://meta-llama/Llama-3.2-1B-Instruct" },
        });
    }
    match run.scenario.twist {
        Twist::Suspended => spec["suspend"] = true.into(),
        Twist::Deadline(seconds) => spec["activeDeadlineSeconds"] = seconds.into(),
        Twist::Restarts(count) => annotations["platform.example.com/max-restarts"] = count.to_string().into(),
        _ => {}
    }
    json!({ "metadata": { "annotations": annotations }, "spec": spec })
}

pub(super) fn experiment(run: &Run<'_>, trials: u32, parallel: u32, gpus: u32) -> Value {
    let parameter =
        |name: &str, kind: &str, space: Value| json!({ "name": name, "parameterType": kind, "feasibleSpace": space });
    let reference = |name: &str, from: &str| json!({ "name": name, "reference": from });
    let trial = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {},
        "spec": { "backoffLimit": 0, "template": {
            "metadata": { "labels": { "sidecar.istio.io/inject": "false" } },
            "spec": {
                "restartPolicy": "Never", "tolerations": tolerations(), "nodeSelector": node_selector(run, gpus),
                "containers": [{
                    "name": "training-container", "image": image(run, TORCH),
                    "command": [
                        "python", "/workspace/train.py", "--lr=${trialParameters.learningRate}",
                        "--layers=${trialParameters.layers}", "--optimizer=${trialParameters.optimizer}",
                    ],
                    "resources": resources(4, 16, gpus),
                }],
            },
        } },
    });
    json!({
        "metadata": { "annotations": { fate::LOG_PROFILE: "training" } },
        "spec": {
            "objective": {
                "type": "maximize", "objectiveMetricName": "accuracy", "additionalMetricNames": ["loss"],
                "metricStrategies": [{ "name": "accuracy", "value": "max" }, { "name": "loss", "value": "min" }],
            },
            "algorithm": { "algorithmName": "random" }, "resumePolicy": "Never",
            "parallelTrialCount": parallel, "maxTrialCount": trials, "maxFailedTrialCount": 3,
            "metricsCollectorSpec": { "collector": { "kind": "StdOut" } },
            "parameters": [
                parameter("lr", "double", json!({ "min": "0.0001", "max": "0.03" })),
                parameter("num-layers", "int", json!({ "min": "2", "max": "8" })),
                parameter("optimizer", "categorical", json!({ "list": ["sgd", "adamw", "lion"] })),
            ],
            "trialTemplate": {
                "primaryContainerName": "training-container",
                "trialParameters": [
                    reference("learningRate", "lr"), reference("layers", "num-layers"), reference("optimizer", "optimizer"),
                ],
                "trialSpec": trial,
            },
        },
    })
}

pub(super) fn plain_job(run: &Run<'_>) -> Value {
    let mut spec = json!({
        "backoffLimit": 1,
        "template": {
            "metadata": { "labels": {} },
            "spec": {
                "restartPolicy": "OnFailure",
                "containers": [{
                    "name": "task", "image": image(run, "python:3.13-slim"), "command": ["python", "/app/task.py"],
                    "envFrom": [{ "configMapRef": { "name": "task-settings" } }], "resources": resources(1, 2, 0),
                }],
            },
        },
    });
    if let Twist::Deadline(seconds) = run.scenario.twist {
        spec["activeDeadlineSeconds"] = seconds.into();
    }
    json!({ "metadata": { "annotations": { fate::LOG_PROFILE: "pipeline" } }, "spec": spec })
}
