//! The pods below a workload: where they are, and the trouble they tell of that the workload itself keeps quiet about.

use std::sync::Arc;

use pilothouse_model::{Condition, Level, Link, LinkTarget, Object, Objects, Read, Section, State, Timestamp};
use serde_json::Value;

use super::kinds::PODS;
use super::standing::Standing;
use crate::causes::joined;

/// The pods that carry this label.
pub(super) fn link(object: &Object, key: &str, value: &str) -> Option<Link> {
    let namespace = object.namespace()?.to_owned();
    let (key, value) = (key.to_owned(), value.to_owned());
    Some(Link { relation: "pods", target: LinkTarget::Labelled { resource: PODS, namespace, key, value } })
}

/// The pods that carry this label, as far as they are known.
pub(super) fn labelled(object: &Object, objects: &dyn Objects, key: &str, value: &str) -> Vec<Arc<Object>> {
    link(object, key, value).map(|link| link.target.resolve(object.uid(), objects).objects).unwrap_or_default()
}

/// The same pods as a live table.
pub(super) fn section(object: &Object, key: &str, value: &str) -> Section {
    Section::Listing {
        title: "Pods".to_owned(),
        resource: Some((String::new(), "pods".to_owned())),
        query: format!("label:{key}={value} ns:{}", object.namespace().unwrap_or_default()),
        sort: "name".to_owned(),
        limit: 50,
        empty: "No pods: none were made yet, or they are gone.".to_owned(),
    }
}

/// What keeps a pod from running.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Trouble {
    rank: u8,
    gated: bool,
    pub(super) reason: String,
    pub(super) message: String,
}

/// Says of a workload what its pods say: why they wait, that they fail again and again, or how the first of them failed.
pub(super) fn refine(mut standing: Standing, pods: &[Arc<Object>]) -> Standing {
    if standing.state == State::Failed
        && let Some((_, how)) =
            pods.iter().filter_map(|pod| failure(pod)).min_by_key(|(when, _)| (when.is_none(), *when))
    {
        standing.message = joined(&standing.message, &how);
    }
    if !matches!(standing.state, State::Pending | State::Starting | State::Running) {
        return standing;
    }
    let Some(trouble) = trouble(pods) else { return standing };
    let state = if trouble.gated && standing.state == State::Pending { State::Queued } else { standing.state };
    let level = if trouble.gated { standing.level } else { standing.level.min(Level::Warning) };
    Standing { state, level, reason: trouble.reason, message: trouble.message }
}

/// When and how a pod failed; the controllers above say only that it did.
fn failure(pod: &Object) -> Option<(Option<Timestamp>, String)> {
    if pod.text("/status/phase") != Some("Failed") {
        return None;
    }
    let name = pod.name();
    let ended = ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .flat_map(|list| pod.items(list))
        .filter_map(|container| Some((container.text("/name").unwrap_or("?"), container.pointer("/state/terminated")?)))
        .filter_map(|(container, ended)| {
            Some((container, ended, ended.integer("/exitCode").filter(|code| *code != 0)?))
        })
        .min_by_key(|(_, ended, _)| ended.time("/finishedAt"));
    let reason = pod.text("/status/reason").filter(|reason| !reason.is_empty());
    match (reason, ended) {
        (Some(reason), _) => Some((None, format!("Pod {name}: {reason}."))),
        (None, Some((container, ended, code))) => {
            let reason = ended.text("/reason").unwrap_or("Error");
            let how = format!("Pod {name}: container {container} ended with {reason} (exit code {code}).");
            Some((ended.time("/finishedAt"), how))
        }
        (None, None) => None,
    }
}

/// The worst trouble among the pods; of equal ones that of the first pod.
pub(super) fn trouble(pods: &[Arc<Object>]) -> Option<Trouble> {
    pods.iter().filter_map(|pod| of_pod(pod)).reduce(|worst, next| if next.rank < worst.rank { next } else { worst })
}

fn of_pod(pod: &Object) -> Option<Trouble> {
    if matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed")) || pod.deleted().is_some() {
        return None;
    }
    let scheduled = pod.condition("PodScheduled");
    if let Some(condition) = scheduled.filter(Condition::is_false) {
        let gated = condition.reason == "SchedulingGated";
        let reason = if condition.reason.is_empty() { "Unschedulable" } else { condition.reason };
        return Some(trouble_of(if gated { 4 } else { 1 }, gated, reason, condition.message.to_owned()));
    }
    ["/status/initContainerStatuses", "/status/containerStatuses"]
        .into_iter()
        .flat_map(|list| pod.items(list))
        .filter_map(of_container)
        .reduce(|worst, next| if next.rank < worst.rank { next } else { worst })
}

fn trouble_of(rank: u8, gated: bool, reason: &str, message: String) -> Trouble {
    Trouble { rank, gated, reason: reason.to_owned(), message }
}

fn of_container(container: &Value) -> Option<Trouble> {
    let name = container.text("/name").unwrap_or("?");
    if let Some(reason) = container.text("/state/waiting/reason") {
        if matches!(reason, "ContainerCreating" | "PodInitializing") {
            return None;
        }
        let said = container.text("/state/waiting/message").filter(|message| !message.is_empty());
        let message =
            said.map_or_else(|| format!("Container {name} waits."), |said| format!("Container {name}: {said}"));
        return Some(trouble_of(if reason == "CrashLoopBackOff" { 3 } else { 2 }, false, reason, message));
    }
    // Between two crashes a container looks well; three bad ends in a row do not.
    let restarts = container.integer("/restartCount").unwrap_or(0);
    let code = container.integer("/lastState/terminated/exitCode").unwrap_or(0);
    if restarts < 3 || code == 0 {
        return None;
    }
    let reason = container.text("/lastState/terminated/reason").unwrap_or("Error");
    let message = format!("Container {name} was restarted {restarts} times; it last ended with exit code {code}.");
    Some(trouble_of(5, false, reason, message))
}
