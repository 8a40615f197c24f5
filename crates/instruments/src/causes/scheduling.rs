//! Why a pod has no node: the scheduler's verdict, its gates, or a scheduler that is silent.

use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, Condition, Evidence, Object, Read};

use super::containers::{phase, shortened};
use super::draft::{Draft, about, about_value, event_evidence, event_message, event_reason, since};
use super::scheduler::{self, Blocker, Verdict, Why};

/// The causes that keep a pod from getting a node.
pub(super) fn causes(pod: &Object, events: &[Arc<Object>]) -> Vec<Cause> {
    let placed = pod.text("/spec/nodeName").is_some_and(|name| !name.is_empty());
    if placed || pod.text("/status/phase") == Some("Failed") || pod.deleted().is_some() {
        return Vec::new();
    }
    let condition = pod.condition("PodScheduled").filter(Condition::is_false);
    if let Some(condition) = condition.filter(|condition| condition.reason == "SchedulingGated") {
        return vec![gated(pod, condition)];
    }
    let event = events.iter().find(|event| event_reason(event) == "FailedScheduling");
    match (condition, event) {
        (Some(condition), _) => vec![unschedulable(pod, condition.message, condition_evidence(pod, condition))],
        (None, Some(event)) => vec![unschedulable(pod, event_message(event), event_evidence(event))],
        (None, None) => unseen(pod).into_iter().collect(),
    }
}

fn condition_evidence(pod: &Object, condition: Condition<'_>) -> Evidence {
    since(about_value(pod, "status.conditions[PodScheduled].message", condition.message), condition.since)
}

fn gated(pod: &Object, condition: Condition<'_>) -> Cause {
    let gates: Vec<&str> = pod.items("/spec/schedulingGates").iter().filter_map(|gate| gate.text("/name")).collect();
    let names = gates.iter().map(|gate| format!("`{gate}`")).collect::<Vec<_>>().join(", ");
    let title = match gates.len() {
        0 => "The pod is held back by a scheduling gate".to_owned(),
        1 => format!("The pod is held back by the scheduling gate {names}"),
        _ => format!("The pod is held back by the scheduling gates {names}"),
    };
    let first = since(about_value(pod, "status.conditions[PodScheduled].reason", condition.reason), condition.since);
    let draft = Draft::new("scheduling-gated", title, first).evidence(about(pod, "/spec/schedulingGates"));
    let queue = pod.label("kueue.x-k8s.io/queue-name");
    match queue {
        Some(queue) => draft
            .detail(format!("It waits in the queue `{queue}`."))
            .advise(format!("See whether the queue `{queue}` has quota left, and what is ahead in it")),
        None => draft.advise("Whoever set the gate has to remove it: a queue, a quota or a workflow controller"),
    }
    .done()
}

fn unschedulable(pod: &Object, message: &str, evidence: Evidence) -> Cause {
    let Some(verdict) = scheduler::read(message) else {
        let title = format!("No node can take the pod: {}", shortened(message).trim_end_matches('.'));
        return Draft::new("unschedulable", title, evidence)
            .advise("See which nodes are ready: `kubectl get nodes`")
            .done();
    };
    let draft = Draft::new("unschedulable", title(&verdict), evidence).evidence(wishes(pod, &verdict));
    let draft = if verdict.blockers.len() > NAMED {
        let all: Vec<String> = verdict.blockers.iter().map(Blocker::words).collect();
        draft.detail(format!("Of {} nodes, {}.", verdict.nodes, all.join("; ")))
    } else {
        draft
    };
    advise(draft, &verdict).done()
}

/// How many reasons a title has room for.
const NAMED: usize = 2;

/// "No node fits: of 14 nodes, 9 have too little `nvidia.com/gpu` free; 5 are cordoned".
fn title(verdict: &Verdict<'_>) -> String {
    let named: Vec<String> = verdict.blockers.iter().take(NAMED).map(Blocker::words).collect();
    let more = if verdict.blockers.len() > NAMED { "; and more" } else { "" };
    let nodes = if verdict.nodes == 1 { "of 1 node".to_owned() } else { format!("of {} nodes", verdict.nodes) };
    // Old schedulers count nodes for what is wrong with the pod's own claims.
    let own = |blocker: &Blocker<'_>| matches!(blocker.why, Why::UnboundClaim | Why::MissingClaim(_));
    if verdict.blockers.iter().all(|blocker| blocker.nodes.is_none() || own(blocker)) {
        format!("The pod cannot be placed: {}", named.join("; "))
    } else {
        format!("No node fits: {nodes}, {}{more}", named.join("; "))
    }
}

/// What the pod asks for of that which is short, as evidence.
fn wishes(pod: &Object, verdict: &Verdict<'_>) -> Vec<Evidence> {
    let mut found = Vec::new();
    for blocker in &verdict.blockers {
        match blocker.why {
            Why::Insufficient(resource) => found.extend(requests(pod, resource)),
            Why::Selector => {
                found.extend(about(pod, "/spec/nodeSelector"));
                found.extend(about(pod, "/spec/affinity/nodeAffinity"));
            }
            _ => {}
        }
    }
    found
}

fn requests(pod: &Object, resource: &str) -> Vec<Evidence> {
    let key = resource.replace('~', "~0").replace('/', "~1");
    let containers = pod.items("/spec/containers").iter();
    containers
        .filter_map(|container| {
            let name = container.text("/name")?;
            let amount = container.text(&format!("/resources/requests/{key}"));
            let amount = amount.or_else(|| container.text(&format!("/resources/limits/{key}")))?;
            Some(about_value(pod, &format!("spec.containers[{name}].resources.requests[{resource}]"), amount))
        })
        .collect()
}

fn advise(mut draft: Draft, verdict: &Verdict<'_>) -> Draft {
    for blocker in &verdict.blockers {
        draft = match &blocker.why {
            Why::Insufficient(resource) => draft
                .advise(format!("Ask for less `{resource}`, wait until others release it, or add nodes that have it")),
            Why::Taint(taint) if taint.starts_with("node.kubernetes.io/") => {
                draft.advise(format!("See why nodes carry `{taint}`: `kubectl get nodes`"))
            }
            Why::Taint(taint) => {
                draft.advise(format!("If the pod belongs on those nodes, add a toleration for `{taint}`"))
            }
            Why::Selector => draft.advise("Compare the pod's node selector and affinity with the nodes' labels"),
            Why::Cordoned => draft.advise("Uncordon the nodes when their maintenance is over"),
            Why::VolumeElsewhere => draft.advise("The volume ties the pod to its zone or node: free room there"),
            Why::UnboundClaim | Why::MissingClaim(_) => draft.advise("Look at the claims of the pod"),
            Why::TooManyPods => draft.advise("Add nodes, or raise the kubelets' limit of pods"),
            Why::OtherPods => draft.advise("Relax the rules about other pods, or add nodes"),
            Why::Other(_) => draft,
        };
    }
    draft
}

/// No condition and no event: perhaps it has only just been made, perhaps nobody schedules it.
fn unseen(pod: &Object) -> Option<Cause> {
    let looked_at = pod.conditions().next().is_some() || !pod.items("/status/containerStatuses").is_empty();
    if pod.text("/status/phase") != Some("Pending") || looked_at {
        return None;
    }
    let name = pod.text("/spec/schedulerName").unwrap_or("default-scheduler");
    let title = format!("The scheduler `{name}` has not looked at the pod yet");
    let draft = Draft::new("no-scheduler", title, phase(pod)?).certainty(Certainty::Possible);
    Some(
        draft
            .evidence(about(pod, "/spec/schedulerName"))
            .advise("If this lasts, see whether that scheduler runs")
            .done(),
    )
}
