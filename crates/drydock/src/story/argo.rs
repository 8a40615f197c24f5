//! Stands in for the Argo workflow controller, for Workflows as KFP v2 compiles them and for plain ones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, stamp};
use super::fate;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{add, add_labels, map_at};
use super::pods::{self, Part};
use super::stage::Stage;

pub(super) mod graph;
mod tasks;

use graph::{Walk, Wanted, is_over};

/// Annotation with the tasks whose outputs are in KFP's cache.
pub(super) const CACHED: &str = "drydock.pilothouse.dev/cached";
const WORKFLOW: &str = "workflows.argoproj.io/workflow";
const COMPLETED: &str = "workflows.argoproj.io/completed";
const PHASE: &str = "workflows.argoproj.io/phase";
const SOURCE: &str = "workflow-controller";

/// The stand-in workflow controller.
pub(super) struct Workflows;

impl Actor for Workflows {
    const NAME: &'static str = "argo";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Workflow if !change.gone => vec![(Kind::Workflow, name_of(&change.object))],
            Kind::Pod => super::owner_key(&change.object, Kind::Workflow),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(workflow) = stage.mirror.get(Kind::Workflow, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&workflow) || workflow.text("/status/phase").is_some_and(is_over) {
            return Ok(Next::Change);
        }
        let pods = stage.mirror.owned(Kind::Pod, &workflow);
        let (stopped, next) = stop(stage, &workflow);
        let mut walk = Walk {
            workflow: &workflow,
            pods: &pods,
            now: stage.clock.now().max(began(&workflow)),
            stopped: stopped.clone(),
            suspended: workflow.boolean("/spec/suspend") == Some(true),
            nodes: BTreeMap::new(),
            wanted: Vec::new(),
        };
        // A run of the past happened then, not now: what happens next in it happens when the last step ended.
        if super::annotation(&workflow, fate::BEGAN).is_some() {
            walk.now = last_end(&workflow).unwrap_or_else(|| began(&workflow));
        }
        let phase = walk.root();
        let (nodes, wanted) = (walk.nodes, walk.wanted);
        if stopped.is_some() {
            for pod in pods.iter().filter(|pod| pods::is_active(pod)) {
                stage.delete_once(Kind::Pod, pod).await?;
            }
        }
        for pod in
            pods.iter().filter(|pod| super::is_finished_pod(pod) && super::label(pod, COMPLETED) == Some("false"))
        {
            stage.patch(Kind::Pod, pod, &json!({"metadata": {"labels": { COMPLETED: "true" }}})).await?;
        }
        let status = status(stage, &workflow, &phase, &nodes);
        stage.set_status(Kind::Workflow, &workflow, &status).await?;
        label_workflow(stage, &workflow, &phase).await?;
        let mut soon = next;
        for want in &wanted {
            if !make(stage, &workflow, want).await? {
                soon = soon.sooner(Next::In(10.0));
            }
        }
        Ok(soon)
    }
}

/// When the latest of the nodes ended.
fn last_end(workflow: &Value) -> Option<Timestamp> {
    workflow.entries("/status/nodes").filter_map(|(_, node)| node.time("/finishedAt")).max()
}

/// Why a workflow must stop, if it must; and when it will have to.
fn stop(stage: &Stage, workflow: &Value) -> (Option<String>, Next) {
    if let Some(strategy) = workflow.text("/spec/shutdown").filter(|strategy| !strategy.is_empty()) {
        return (Some(format!("workflow shutdown with strategy:  {strategy}")), Next::Change);
    }
    match workflow.integer("/spec/activeDeadlineSeconds") {
        None => (None, Next::Change),
        Some(deadline) => {
            let left = deadline as f64 - stage.clock.since(began(workflow));
            if left <= 0.0 {
                (Some("Step exceeded its deadline".to_owned()), Next::Change)
            } else {
                (None, Next::In(left))
            }
        }
    }
}

fn status(stage: &Stage, workflow: &Value, phase: &str, nodes: &BTreeMap<String, Value>) -> Value {
    let root = nodes.get(super::name(workflow));
    let started = workflow.text("/status/startedAt").map_or_else(|| stamp(began(workflow)), str::to_owned);
    let running =
        nodes.values().any(|node| node.text("/phase") == Some("Running") && node.text("/type") == Some("Pod"));
    let mut conditions = vec![json!({ "type": "PodRunning", "status": if running { "True" } else { "False" } })];
    let progress = root.and_then(|root| root.text("/progress")).unwrap_or("0/1").to_owned();
    let mut status = json!({
        "phase": phase, "startedAt": started, "progress": progress, "nodes": nodes,
        "artifactRepositoryRef": { "default": true, "artifactRepository": {} },
    });
    if let Some(message) = root.and_then(|root| root.text("/message")) {
        status["message"] = message.into();
    }
    if is_over(phase) {
        let finished =
            root.and_then(|root| root.text("/finishedAt")).map_or_else(|| stage.clock.stamp(), str::to_owned);
        status["finishedAt"] = finished.into();
        conditions.push(json!({ "type": "Completed", "status": "True" }));
        if let Some(strategy) = workflow.text("/spec/shutdown").filter(|strategy| !strategy.is_empty()) {
            status["message"] = format!("Stopped with strategy '{strategy}'").into();
        }
        let seconds: i64 = nodes.values().filter_map(|node| node.integer("/resourcesDuration/cpu")).sum();
        status["resourcesDuration"] = json!({ "cpu": seconds, "memory": seconds * 4 });
    }
    status["conditions"] = json!(conditions);
    status
}

async fn label_workflow(stage: &Stage, workflow: &Value, phase: &str) -> Result<(), ApiError> {
    if super::label(workflow, PHASE) == Some(phase) {
        return Ok(());
    }
    let mut labels = json!({ PHASE: phase });
    let over = is_over(phase);
    if over {
        labels[COMPLETED] = "true".into();
        if super::label(workflow, "pipeline/runid").is_some() {
            labels["pipeline/persistedFinalState"] = "true".into();
        }
    }
    stage.patch(Kind::Workflow, workflow, &json!({"metadata": {"labels": labels}})).await?;
    let (reason, message) = match phase {
        "Succeeded" => ("WorkflowSucceeded", "Workflow completed".to_owned()),
        "Failed" | "Error" => ("WorkflowFailed", format!("Workflow failed: {phase}")),
        _ => ("WorkflowRunning", "Workflow Running".to_owned()),
    };
    if phase == "Failed" || phase == "Error" {
        stage.warning(workflow, SOURCE, reason, &message).await;
    } else {
        stage.normal(workflow, SOURCE, reason, &message).await;
    }
    Ok(())
}

async fn make(stage: &Stage, workflow: &Value, want: &Wanted) -> Result<bool, ApiError> {
    let templates = workflow.items("/spec/templates");
    let Some(template) = templates.iter().find(|one| one.text("/name") == Some(want.template.as_str())) else {
        return Ok(false);
    };
    let executor = "quay.io/argoproj/argoexec:v4.1.2";
    let small = json!({ "requests": { "cpu": "100m", "memory": "64Mi" } });
    let mut main = template.get("container").or_else(|| template.get("script")).cloned().unwrap_or_else(|| json!({}));
    main["name"] = "main".into();
    let implementation = implementation(workflow, template, &want.task);
    for (key, value) in implementation.entries("") {
        main[key] = value.clone();
    }
    if main.get("resources").is_none() {
        main["resources"] = small.clone();
    }
    let gpu = main.pointer("/resources/limits").is_some_and(|limits| limits.get("nvidia.com/gpu").is_some());
    let mut spec = json!({
        "restartPolicy": "Never", "serviceAccountName": workflow.text("/spec/serviceAccountName").unwrap_or("default"),
        "initContainers": [{ "name": "init", "image": executor, "command": ["argoexec", "init"], "resources": small }],
        "containers": [main, { "name": "wait", "image": executor, "command": ["argoexec", "wait"], "resources": small }],
    });
    if gpu {
        spec["tolerations"] = json!([{ "key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule" }]);
    }
    let mut own = json!({ "metadata": { "labels": {}, "annotations": {} }, "spec": spec });
    for source in ["/spec/podMetadata", "/metadata"] {
        let from = if source == "/metadata" { template } else { workflow };
        add(&mut own, "labels", map_at(from, &format!("{source}/labels")));
        add(&mut own, "annotations", map_at(from, &format!("{source}/annotations")));
    }
    let part = Part { name: &want.pod_name, role: &want.task, attempt: want.attempt };
    let mut pod = pods::from_template(Kind::Workflow, workflow, &own, &part);
    add_labels(&mut pod, &[(WORKFLOW, super::name(workflow)), (COMPLETED, "false")]);
    if let Some(run) = super::label(workflow, "pipeline/runid") {
        add_labels(&mut pod, &[("pipeline/runid", run)]);
    }
    let mut notes = json!({
        "workflows.argoproj.io/node-id": want.node_id, "workflows.argoproj.io/node-name": want.node_name,
        "workflows.argoproj.io/node-type": "Pod", "workflows.argoproj.io/pod-name-format": "v2",
        "kubectl.kubernetes.io/default-container": "main",
    });
    for container in ["init", "wait"] {
        notes[format!("{}.{container}", fate::LOG_PROFILE)] = "plain".into();
    }
    // Drivers are quick and always the same, whatever becomes of the task.
    if want.task.ends_with("-driver") {
        notes[fate::FATE] = "succeed 3".into();
        notes[fate::LOG_PROFILE] = "plain".into();
        notes[fate::PULL] = "1".into();
    }
    // A step of a past run began when the one before it ended.
    if super::annotation(workflow, fate::BEGAN).is_some()
        && let Some(last) = last_end(workflow)
    {
        notes[fate::BEGAN] = stamp(last).into();
    }
    add(&mut pod, "annotations", notes.as_object().cloned().unwrap_or_default());
    match stage.create(Kind::Pod, pod).await {
        Ok(_) => Ok(true),
        Err(error) if error.is_conflict() => Ok(true),
        Err(error) if error.is_forbidden() => {
            stage.warning(workflow, SOURCE, "FailedCreate", &format!("Error creating: {error}")).await;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// What KFP's compiler wrote down for a task: its image, command and resources.
fn implementation(workflow: &Value, template: &Value, task: &str) -> Value {
    if template.text("/name") != Some("system-container-impl") {
        return json!({});
    }
    let name = format!("implementations-comp-{task}");
    let parameters = workflow.items("/spec/arguments/parameters").iter();
    let text = parameters.filter(|one| one.text("/name") == Some(name.as_str())).find_map(|one| one.text("/value"));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| json!({}))
}
