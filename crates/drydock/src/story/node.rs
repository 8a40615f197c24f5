//! Nodes that go dark and come back: the node's own reports, and what the node lifecycle controller does meanwhile.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::stamp;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, set_condition};
use super::stage::Stage;

/// Annotation with the moment (RFC 3339) at which the machine behind a node stopped answering.
pub(super) const LOST: &str = "drydock.pilothouse.dev/lost";
/// Story seconds until the pods of a dark node are told to go (Kubernetes waits 300).
const TOLERATED: f64 = 25.0;
/// Story seconds until they are removed by force.
const FORCED: f64 = 90.0;

/// Label of the story's nodes: the pool they belong to.
pub(super) const POOL: &str = "platform.example.com/pool";

const REPORTS: [(&str, &str, &str); 4] = [
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "KubeletReady", "kubelet is posting ready status"),
];

/// Whether the machine behind a node is lost.
pub(super) fn is_lost(node: &Value) -> bool {
    super::annotation(node, LOST).is_some()
}

/// Whether a node is the story's own: it plays no kubelet on others.
pub(super) fn is_ours(node: &Value) -> bool {
    super::label(node, POOL).is_some()
}

/// Plays the nodes and their lifecycle controller.
pub(super) struct Nodes;

impl Actor for Nodes {
    const NAME: &'static str = "node";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Node if !change.gone => vec![(Kind::Node, name_of(&change.object))],
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(node) = stage.mirror.get(Kind::Node, "", &key.1.1) else { return Ok(Next::Change) };
        if !is_ours(&node) {
            return Ok(Next::Change);
        }
        let lost = is_lost(&node);
        report(stage, &node, lost).await?;
        taint(stage, &node, lost).await?;
        if lost { unreachable(stage, &node).await } else { Ok(Next::Change) }
    }
}

async fn report(stage: &Stage, node: &Value, lost: bool) -> Result<(), ApiError> {
    let now = stage.clock.now();
    let was_ready = super::condition_is(node, "Ready", "True");
    let mut conditions = node.items("/status/conditions").to_vec();
    for (kind, reason, message) in REPORTS {
        if lost {
            let said = Said {
                kind,
                status: false,
                reason: "NodeStatusUnknown",
                message: "Kubelet stopped posting node status.",
            };
            if super::condition_is(node, kind, "Unknown") {
                continue;
            }
            set_condition(&mut conditions, &said, now);
            for condition in conditions.iter_mut().filter(|condition| condition.text("/type") == Some(kind)) {
                condition["status"] = "Unknown".into();
                condition["lastTransitionTime"] = stamp(now).into();
            }
        } else {
            set_condition(&mut conditions, &Said { kind, status: kind == "Ready", reason, message }, now);
        }
    }
    for condition in &mut conditions {
        let since = condition["lastTransitionTime"].clone();
        if condition.get("lastHeartbeatTime").is_none() {
            condition["lastHeartbeatTime"] = since;
        }
    }
    let mut status = node.get("status").cloned().unwrap_or_else(|| json!({}));
    status["conditions"] = Value::Array(conditions);
    if stage.set_status(Kind::Node, node, &status).await? && was_ready == lost {
        let name = super::name(node);
        let (reason, state) = if lost { ("NodeNotReady", "NodeNotReady") } else { ("NodeReady", "NodeReady") };
        stage.normal(node, "node-controller", reason, &format!("Node {name} status is now: {state}")).await;
    }
    Ok(())
}

/// Sets or clears the taints of an unreachable node, leaving others as they are.
async fn taint(stage: &Stage, node: &Value, lost: bool) -> Result<(), ApiError> {
    const KEY: &str = "node.kubernetes.io/unreachable";
    // The API server gives every new node the second one, until it reports.
    let ours = |taint: &Value| matches!(taint.text("/key"), Some(KEY | "node.kubernetes.io/not-ready"));
    let taints = node.items("/spec/taints");
    if taints.iter().any(ours) == lost {
        return Ok(());
    }
    let mut kept: Vec<Value> = taints.iter().filter(|taint| !ours(taint)).cloned().collect();
    if lost {
        let since = stage.clock.stamp();
        kept.push(json!({ "key": KEY, "effect": "NoSchedule", "timeAdded": since }));
        kept.push(json!({ "key": KEY, "effect": "NoExecute", "timeAdded": since }));
    }
    stage.patch(Kind::Node, node, &json!({"spec": {"taints": kept}})).await?;
    Ok(())
}

/// Pods of a dark node: not ready at once, told to go after a while, removed by force in the end.
async fn unreachable(stage: &Stage, node: &Value) -> Result<Next, ApiError> {
    let name = super::name(node);
    let since =
        super::annotation(node, LOST).and_then(pilothouse_model::time::parse).unwrap_or_else(|| stage.clock.now());
    let dark = stage.clock.since(since);
    let pods = stage.mirror.select(Kind::Pod, None, |pod| pod.text("/spec/nodeName") == Some(name));
    for pod in pods.iter().filter(|pod| !super::is_finished_pod(pod)) {
        let of_daemon =
            pod.items("/metadata/ownerReferences").iter().any(|owner| owner.text("/kind") == Some("DaemonSet"));
        let evicts = dark >= TOLERATED && !of_daemon;
        not_ready(stage, pod, evicts).await?;
        if evicts && !super::is_ending(pod) {
            let message = format!("Marking for deletion Pod {}", super::title(pod));
            stage.normal(pod, "taint-eviction-controller", "TaintManagerEviction", &message).await;
            stage.delete_once(Kind::Pod, pod).await?;
        }
        if dark >= FORCED && super::is_ending(pod) {
            stage.delete_now(Kind::Pod, pod).await?;
        }
    }
    Ok(if dark < TOLERATED {
        Next::In(TOLERATED - dark + 0.5)
    } else if dark < FORCED {
        Next::In(FORCED - dark + 0.5)
    } else {
        Next::In(30.0)
    })
}

async fn not_ready(stage: &Stage, pod: &Value, evicted: bool) -> Result<(), ApiError> {
    let mut status = pod.get("status").cloned().unwrap_or_else(|| json!({}));
    let mut conditions = pod.items("/status/conditions").to_vec();
    let now = stage.clock.now();
    if super::condition_is(pod, "Ready", "True") {
        let said = Said { kind: "Ready", status: false, reason: "NodeNotReady", message: "Node is not ready" };
        set_condition(&mut conditions, &said, now);
        stage.warning(pod, "node-controller", "NodeNotReady", "Node is not ready").await;
    }
    if evicted && super::condition(pod, "DisruptionTarget").is_none() {
        let message = "Taint manager: deleting due to NoExecute taint";
        let said = Said { kind: "DisruptionTarget", status: true, reason: "DeletionByTaintManager", message };
        set_condition(&mut conditions, &said, now);
    }
    status["conditions"] = Value::Array(conditions);
    stage.set_status(Kind::Pod, pod, &status).await?;
    Ok(())
}
