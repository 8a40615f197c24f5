//! Data runs: Workflows as KFP v2 compiles them and plain ones, SparkApplications.

use serde_json::{Value, json};

use super::super::fate;
use super::learning::resources;
use super::{Run, Twist};

/// A task: its name, the tasks it needs, and its resources: cores, memory in GiB, GPUs.
type Task = (&'static str, &'static [&'static str], (u32, u32, u32));

/// The pipeline's tasks.
const TASKS: &[Task] = &[
    ("ingest", &[], (2, 4, 0)),
    ("validate", &["ingest"], (1, 2, 0)),
    ("features", &["ingest"], (4, 8, 0)),
    ("train", &["validate", "features"], (8, 32, 1)),
    ("evaluate", &["train"], (2, 8, 0)),
    ("deploy", &["evaluate"], (1, 1, 0)),
];

/// The Workflow of a pipeline run.
pub(super) fn pipeline(run: &Run<'_>) -> Value {
    let id = run.dice.uuid(&format!("{} {}", run.team.namespace, run.name));
    let mut spec = pipeline_spec(run.team.subject);
    spec["podMetadata"]["labels"]["pipeline/runid"] = id.as_str().into();
    match run.scenario.twist {
        Twist::Terminated => spec["shutdown"] = "Terminate".into(),
        Twist::Deadline(seconds) => spec["activeDeadlineSeconds"] = seconds.into(),
        _ => {}
    }
    json!({
        "metadata": {
            "labels": { "pipeline/runid": id, "pipelines.kubeflow.org/v2_component": "true" },
            "annotations": {
                fate::LOG_PROFILE: "pipeline", "pipelines.kubeflow.org/v2_component": "true",
                "pipelines.kubeflow.org/run_name": format!("{} {}", run.scenario.word, run.team.subject),
                "workflows.argoproj.io/pod-name-format": "v2",
            },
        },
        "spec": spec,
    })
}

/// The compiled spec: drivers, executors, and what each task runs as a parameter.
pub(in super::super) fn pipeline_spec(subject: &str) -> Value {
    let mut tasks = Vec::new();
    let mut parameters = Vec::new();
    for (name, needs, (cpu, memory, gpus)) in TASKS {
        let driver = format!("{name}-driver");
        let before: Vec<String> = needs.iter().map(|need| format!("{need}.Succeeded")).collect();
        let mut drive = json!({
            "name": driver, "template": "system-container-driver",
            "arguments": { "parameters": [{ "name": "task", "value": json!({ "taskInfo": { "name": name } }).to_string() }] },
        });
        if !before.is_empty() {
            drive["depends"] = before.join(" && ").into();
        }
        tasks.push(drive);
        tasks.push(json!({
            "name": name, "template": "system-container-executor", "depends": format!("{driver}.Succeeded"),
            "arguments": { "parameters": [
                { "name": "pod-spec-patch", "value": format!("{{{{tasks.{driver}.outputs.parameters.pod-spec-patch}}}}") },
                { "name": "cached-decision", "default": "false", "value": format!("{{{{tasks.{driver}.outputs.parameters.cached-decision}}}}") },
            ] },
        }));
        let implementation = json!({
            "image": format!("registry.example.com/{subject}/{name}:1.14.0"), "command": ["python", "-m", "component"],
            "args": ["--executor_input", "{{$}}", "--function_to_execute", name], "resources": resources(*cpu, *memory, *gpus),
        });
        parameters.push(json!({ "name": format!("implementations-comp-{name}"), "value": implementation.to_string() }));
    }
    let role = |role: &str| json!({ "annotations": { "pipelines.kubeflow.org/runtime-role": role } });
    let driver = |name: &str| {
        json!({
            "name": name, "metadata": role("driver"),
            "container": {
                "image": "ghcr.io/kubeflow/kfp-driver:2.17.0", "command": ["driver"],
                "args": ["--type", if name.contains("dag") { "ROOT_DAG" } else { "CONTAINER" }, "--pipeline_name", subject],
            },
        })
    };
    json!({
        "entrypoint": "entrypoint", "serviceAccountName": "default-editor",
        "podMetadata": { "labels": { "pipelines.kubeflow.org/v2_component": "true" }, "annotations": { "pipelines.kubeflow.org/v2_component": "true" } },
        "arguments": { "parameters": parameters },
        "templates": [
            driver("system-container-driver"),
            driver("system-dag-driver"),
            {
                "name": "system-container-executor",
                "inputs": { "parameters": [{ "name": "pod-spec-patch" }, { "name": "cached-decision", "default": "false" }] },
                "dag": { "tasks": [{
                    "name": "executor", "template": "system-container-impl", "when": "{{inputs.parameters.cached-decision}} != true",
                }] },
            },
            {
                "name": "system-container-impl", "metadata": role("launcher"),
                "podSpecPatch": "{{inputs.parameters.pod-spec-patch}}",
                "container": { "image": "gcr.io/ml-pipeline/should-be-overridden-during-runtime", "command": ["should-be-overridden-during-runtime"] },
            },
            { "name": "root", "dag": { "tasks": tasks } },
            { "name": "entrypoint", "dag": { "tasks": [
                { "name": "root-driver", "template": "system-dag-driver" },
                { "name": "root", "template": "root", "depends": "root-driver.Succeeded" },
            ] } },
        ],
    })
}

/// A plain Workflow: three steps, the middle one retried.
pub(super) fn steps() -> Value {
    let container = |name: &str| {
        json!({
            "name": name,
            "container": { "image": "python:3.13-slim", "command": ["python", "/app/step.py"], "resources": resources(1, 2, 0) },
        })
    };
    let mut convert = container("convert");
    convert["retryStrategy"] = json!({ "limit": 2, "retryPolicy": "OnFailure" });
    json!({
        "metadata": { "annotations": { fate::LOG_PROFILE: "pipeline", "workflows.argoproj.io/pod-name-format": "v2" } },
        "spec": {
            "entrypoint": "main", "serviceAccountName": "default-editor",
            "templates": [
                { "name": "main", "dag": { "tasks": [
                    { "name": "fetch", "template": "fetch" },
                    { "name": "convert", "template": "convert", "dependencies": ["fetch"] },
                    { "name": "upload", "template": "upload", "dependencies": ["convert"] },
                ] } },
                container("fetch"), convert, container("upload"),
            ],
        },
    })
}

pub(super) fn spark(run: &Run<'_>, executors: u32) -> Value {
    let policy = match run.scenario.twist {
        Twist::Restarts(count) => {
            json!({ "type": "OnFailure", "onFailureRetries": count, "onFailureRetryInterval": 10 })
        }
        _ => json!({ "type": "Never" }),
    };
    json!({
        "metadata": { "annotations": {
            fate::LOG_PROFILE: "spark",
        } },
        "spec": {
            "type": "Python", "pythonVersion": "3", "mode": "cluster", "sparkVersion": "4.0.0", "image": "docker.io/library/spark:4.0.0",
            "mainApplicationFile": format!("local:///opt/jobs/{}.py", run.scenario.word), "restartPolicy": policy,
            "driver": { "cores": 1, "memory": "4g", "serviceAccount": "spark-operator-spark" },
            "executor": { "cores": 4, "memory": "16g", "instances": executors },
        },
    })
}
