//! Stands in for the scheduler: counts what nodes have left and binds waiting pods, or says why it cannot.

use std::collections::HashMap;

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::stage::Stage;

pub(super) mod fit;

/// The stand-in scheduler. It remembers what it bound until the mirror shows it.
#[derive(Default)]
pub(super) struct Scheduler {
    bound: HashMap<String, (String, Value)>,
}

/// How long an unschedulable pod waits for its next try, in story seconds.
const NEXT_TRY: f64 = 15.0;

impl Actor for Scheduler {
    const NAME: &'static str = "scheduler";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Pod if !change.gone && is_waiting(&change.object) => vec![(Kind::Pod, name_of(&change.object))],
            // Room was made, or a node changed: whoever waits may fit now.
            Kind::Pod if change.gone || super::is_finished_pod(&change.object) => waiting(stage),
            Kind::Node => waiting(stage),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(pod) = stage.mirror.get(Kind::Pod, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        let uid = pod.text("/metadata/uid").unwrap_or_default();
        if !is_waiting(&pod) || self.bound.contains_key(uid) {
            return Ok(Next::Change);
        }
        let nodes = stage.mirror.all(Kind::Node);
        if nodes.is_empty() {
            return Ok(Next::In(NEXT_TRY));
        }
        let pods = stage.mirror.select(Kind::Pod, None, |pod| pod.pointer("/spec/nodeName").is_some());
        self.bound.retain(|uid, _| !pods.iter().any(|pod| pod.text("/metadata/uid") == Some(uid)));
        let asked = fit::requests(&pod);
        let mut why = Vec::new();
        let mut best: Option<(i128, &Value)> = None;
        for node in &nodes {
            let node_name = super::name(node);
            let here =
                pods.iter().map(AsRef::as_ref).filter(|pod: &&Value| pod.text("/spec/nodeName") == Some(node_name));
            let assumed = self.bound.values().filter(|(on, _)| on == node_name).map(|(_, pod)| pod);
            let held = fit::held(here.chain(assumed));
            let obstacles = fit::obstacles(&pod, &asked, node, &held);
            if obstacles.is_empty() {
                let score = score(&asked, node, &held);
                if best.is_none_or(|(known, _)| score > known) {
                    best = Some((score, node));
                }
            }
            why.push(obstacles);
        }
        match best {
            Some((_, node)) => {
                let node = super::name(node).to_owned();
                self.bind(stage, &pod, &node).await?;
                Ok(Next::Change)
            }
            None => {
                refuse(stage, &pod, &fit::sentence(nodes.len(), &why)).await?;
                Ok(Next::In(NEXT_TRY))
            }
        }
    }
}

impl Scheduler {
    async fn bind(&mut self, stage: &Stage, pod: &Value, node: &str) -> Result<(), ApiError> {
        let path = format!("{}/{}/binding", Kind::Pod.path(Some(super::namespace(pod))), super::name(pod));
        let binding = json!({
            "apiVersion": "v1", "kind": "Binding", "metadata": { "name": super::name(pod), "namespace": super::namespace(pod) },
            "target": { "apiVersion": "v1", "kind": "Node", "name": node },
        });
        stage.api.post(&path, &binding).await?;
        let uid = pod.text("/metadata/uid").unwrap_or_default().to_owned();
        self.bound.insert(uid, (node.to_owned(), pod.clone()));
        let message = format!("Successfully assigned {} to {node}", super::title(pod));
        stage.normal(pod, "default-scheduler", "Scheduled", &message).await;
        Ok(())
    }
}

/// GPU pods go where the fewest GPUs are left (packed), the others where the most processors are left (spread).
fn score(asked: &fit::Amounts, node: &Value, held: &fit::Amounts) -> i128 {
    let left = |resource: &str| {
        fit::allocatable(node).get(resource).copied().unwrap_or(0) - held.get(resource).copied().unwrap_or(0)
    };
    let gpu = "nvidia.com/gpu";
    if asked.contains_key(gpu) { -left(gpu) } else { left("cpu") - left(gpu) * 1000 }
}

fn is_waiting(pod: &Value) -> bool {
    pod.text("/spec/nodeName").is_none()
        && !super::is_ending(pod)
        && !super::is_finished_pod(pod)
        && pod.text("/spec/schedulerName").is_none_or(|name| name == "default-scheduler")
        && pod.items("/spec/schedulingGates").is_empty()
}

fn waiting(stage: &Stage) -> Vec<Key> {
    stage.mirror.select(Kind::Pod, None, is_waiting).iter().map(|pod| (Kind::Pod, name_of(pod))).collect()
}

async fn refuse(stage: &Stage, pod: &Value, message: &str) -> Result<(), ApiError> {
    let since = super::condition(pod, "PodScheduled")
        .and_then(|condition| condition.text("/lastTransitionTime"))
        .map_or_else(|| super::clock::stamp(super::clock::began(pod)), str::to_owned);
    let mut status = pod.get("status").cloned().unwrap_or_else(|| json!({}));
    status["phase"] = "Pending".into();
    status["conditions"] = json!([{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
        "lastProbeTime": null, "lastTransitionTime": since,
    }]);
    stage.set_status(Kind::Pod, pod, &status).await?;
    stage.warning(pod, "default-scheduler", "FailedScheduling", message).await;
    Ok(())
}
