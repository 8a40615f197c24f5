//! What ended a pod from outside: eviction, a lost node, preemption, a deadline, a kubelet that refused it.

use std::sync::Arc;

use jiff::SignedDuration;
use pilothouse_model::{Cause, Certainty, Condition, Evidence, GroupResource, Lookup, Object, Objects, Read};

use super::containers::{phase, shortened};
use super::draft::{Draft, about, about_value, between, event_evidence, event_reason, since};

/// The causes that stand in the pod's own status, in its node, and in the events that end pods.
pub(super) fn causes(pod: &Object, events: &[Arc<Object>], objects: &dyn Objects) -> Vec<Cause> {
    let mut causes = Vec::new();
    let reason = pod.text("/status/reason").unwrap_or_default();
    let disruption = pod.condition("DisruptionTarget").filter(Condition::is_true);
    let preempted = matches!(reason, "Preempted" | "Preempting")
        || disruption.is_some_and(|condition| condition.reason == "PreemptionByScheduler")
        || events.iter().any(|event| event_reason(event) == "Preempted");
    if preempted {
        causes.extend(preemption(pod, disruption, events));
    } else if reason == "Evicted" {
        causes.extend(eviction(pod));
    } else if reason == "DeadlineExceeded" {
        causes.extend(deadline(pod));
    } else if reason == "NodeShutdown" || reason == "Shutdown" || reason == "Terminated" {
        causes.extend(shutdown(pod));
    } else if reason == "UnexpectedAdmissionError" || reason.starts_with("OutOf") || reason.starts_with("Node") {
        causes.extend(refusal(pod, reason));
    } else if let Some(condition) = disruption {
        causes.push(disrupted(pod, condition));
    }
    causes.extend(lost_node(pod, reason, objects));
    causes
}

fn status(pod: &Object) -> impl Iterator<Item = Evidence> {
    ["/status/reason", "/status/message"].into_iter().filter_map(|pointer| about(pod, pointer))
}

fn condition_evidence(object: &Object, condition: Condition<'_>) -> Evidence {
    let field = format!("status.conditions[{}]", condition.kind);
    let said = [condition.status, condition.reason, condition.message];
    let value = said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    since(about_value(object, &field, &value), condition.since)
}

fn preemption(pod: &Object, condition: Option<Condition<'_>>, events: &[Arc<Object>]) -> Option<Cause> {
    let told = events.iter().filter(|event| event_reason(event) == "Preempted").map(|event| event_evidence(event));
    let mut evidence =
        condition.map(|condition| condition_evidence(pod, condition)).into_iter().chain(told).chain(status(pod));
    let title = "The pod made room for one with a higher priority";
    let draft = Draft::new("preempted", title, evidence.next()?)
        .evidence(evidence)
        .evidence(about(pod, "/spec/priorityClassName"));
    Some(draft.advise("Use a higher `priorityClassName`, or save checkpoints so that a restart costs little").done())
}

fn eviction(pod: &Object) -> Option<Cause> {
    let message = pod.text("/status/message").unwrap_or_default();
    let short = between(message, "low on resource: ", ".")
        .or_else(|| message.split_once("low on resource: ").map(|(_, rest)| rest));
    let (why, advice) = if let Some(resource) = short {
        let advice = match resource.trim_end_matches(". ") {
            "memory" => {
                "Set memory requests near to what the pod really uses; pods that use more than they asked for go first"
            }
            "ephemeral-storage" => "Write large files to a volume, and set `ephemeral-storage` requests and limits",
            _ => "Look at what uses up this resource on the node",
        };
        (format!("the node was low on {}", resource.trim()), advice)
    } else if message.contains("exceed") {
        (
            shortened(message).trim_end_matches(['.', ' ']).to_owned(),
            "Raise the limit that it names, or write to a volume",
        )
    } else if message.is_empty() {
        ("the node does not say why".to_owned(), "Look at the node's conditions and events")
    } else {
        (shortened(message).trim_end_matches(['.', ' ']).to_owned(), "Look at the node's conditions and events")
    };
    let mut evidence = status(pod);
    let draft = Draft::new("evicted", format!("The pod was evicted: {why}"), evidence.next()?).evidence(evidence);
    Some(
        draft
            .evidence(about(pod, "/spec/nodeName"))
            .detail(if short.is_some() { shortened(message) } else { "" })
            .advise(advice)
            .done(),
    )
}

/// ` of 1h 30m`, or nothing when the object gives itself no deadline.
pub(crate) fn of_deadline(object: &Object) -> String {
    let seconds = object.integer("/spec/activeDeadlineSeconds");
    seconds.map_or(String::new(), |seconds| format!(" of {:#}", SignedDuration::from_secs(seconds)))
}

fn deadline(pod: &Object) -> Option<Cause> {
    let words = of_deadline(pod);
    let mut evidence = status(pod);
    let title = format!("The pod ran longer than its deadline{words}");
    let draft = Draft::new("deadline", title, evidence.next()?).evidence(evidence);
    let draft = draft.evidence(about(pod, "/spec/activeDeadlineSeconds"));
    Some(draft.advise("Raise `activeDeadlineSeconds`, or find out what takes so long").done())
}

fn shutdown(pod: &Object) -> Option<Cause> {
    let node = pod.text("/spec/nodeName").unwrap_or("<unknown>");
    let mut evidence = status(pod);
    let draft = Draft::new("node-lost", format!("Node `{node}` was shut down"), evidence.next()?).evidence(evidence);
    Some(draft.advise("Its controller makes a new pod elsewhere; a bare pod has to be made again").done())
}

/// A kubelet that found no room, or whose node no longer fits.
fn refusal(pod: &Object, reason: &str) -> Option<Cause> {
    let node = pod.text("/spec/nodeName").unwrap_or("<unknown>");
    let why = match (reason.strip_prefix("OutOf"), reason) {
        (Some(resource), _) => format!("no {resource} was left"),
        (None, "NodeAffinity") => "it no longer has the labels that the pod asks for".to_owned(),
        (None, "NodeLost") => return None,
        _ => shortened(pod.text("/status/message").unwrap_or(reason)).to_owned(),
    };
    let mut evidence = status(pod);
    let title = format!("Node `{node}` refused the pod: {why}");
    let draft = Draft::new("node-refused", title, evidence.next()?).evidence(evidence);
    let draft = draft.detail(shortened(pod.text("/status/message").unwrap_or_default()));
    Some(
        draft
            .advise("Delete the pod so that its controller makes a new one; look at device plugins on that node")
            .done(),
    )
}

fn disrupted(pod: &Object, condition: Condition<'_>) -> Cause {
    let (id, title) = match condition.reason {
        "DeletionByTaintManager" => {
            ("node-lost", "The pod was removed from a node with a taint that it does not tolerate")
        }
        "EvictionByEvictionAPI" => ("evicted", "The pod was evicted on request, as a drain of its node does"),
        "DeletionByPodGC" => ("node-lost", "The pod was removed because its node no longer exists"),
        "TerminationByKubelet" => ("evicted", "The pod was ended by its node"),
        _ => ("evicted", "The pod was disrupted"),
    };
    let draft = Draft::new(id, title, condition_evidence(pod, condition)).evidence(status(pod));
    draft
        .detail(shortened(condition.message))
        .advise("Its controller makes a new one; see what happened to the node")
        .done()
}

/// A pod that should run on a node that does not answer.
fn lost_node(pod: &Object, reason: &str, objects: &dyn Objects) -> Option<Cause> {
    let name = pod.text("/spec/nodeName").filter(|name| !name.is_empty())?;
    let over = pod.text("/status/phase") == Some("Failed");
    let nodes = GroupResource::new("", "nodes");
    let advice =
        "Look at the node's kubelet and network; when it is gone for good, delete the node or force-delete the pod";
    let draft = match objects.get(nodes, None, name) {
        Lookup::Found(node) => {
            let ready = node.condition("Ready").filter(|condition| !condition.is_true());
            let taint = unreachable_taint(&node);
            let evidence = ready.map(|condition| condition_evidence(&node, condition)).or(taint)?;
            let certainty = if over { Certainty::Likely } else { Certainty::Certain };
            Draft::new("node-lost", format!("Node `{name}` is not ready"), evidence)
                .certainty(certainty)
                .evidence(unreachable_taint(&node))
                .detail(ready.map_or("", |condition| shortened(condition.message)))
                .evidence(about(pod, "/spec/nodeName"))
        }
        Lookup::Missing if !over => {
            Draft::new("node-lost", format!("Node `{name}` no longer exists"), about(pod, "/spec/nodeName")?)
                .evidence(phase(pod))
        }
        _ if reason == "NodeLost" => {
            Draft::new("node-lost", format!("Node `{name}` does not answer"), about(pod, "/status/reason")?)
                .evidence(about(pod, "/status/message"))
        }
        _ => return None,
    };
    Some(draft.advise(advice).done())
}

fn unreachable_taint(node: &Object) -> Option<Evidence> {
    let taints = node.items("/spec/taints").iter().filter_map(|taint| Some((taint.text("/key")?, taint)));
    let mut bad = taints.filter(|(key, _)| {
        matches!(
            *key,
            "node.kubernetes.io/unreachable" | "node.kubernetes.io/not-ready" | "node.kubernetes.io/out-of-service"
        )
    });
    let (key, taint) = bad.next()?;
    let effect = taint.text("/effect").unwrap_or_default();
    Some(since(about_value(node, "spec.taints", &format!("{key}:{effect}")), taint.time("/timeAdded")))
}
