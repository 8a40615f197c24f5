//! Why pods and what makes them fail: causes that every instrument shares, each found by one rule with its evidence.
//!
//! Another instrument finds its pods and asks [`of_pods`], asks [`of_events`] about the objects between itself and the pods,
//! and [`of_message`] about a condition that repeats what the API server said. It joins them with its own by [`rank`].

mod containers;
mod create;
mod draft;
mod ending;
mod events;
mod exit;
mod image;
mod scheduler;
mod scheduling;
mod volumes;
mod words;

use std::collections::BTreeSet;
use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, Object, Objects};

pub(crate) use draft::{Draft, about, about_value, joined};
pub(crate) use ending::of_deadline;
pub(crate) use volumes::of_claim;

/// Why this pod is as it is, ranked.
pub(crate) fn of_pod(pod: &Object, objects: &dyn Objects) -> Vec<Cause> {
    rank(rules(pod, objects))
}

/// Why these pods are as they are: the same cause of several pods is told once, ranked.
pub(crate) fn of_pods(pods: &[Arc<Object>], objects: &dyn Objects) -> Vec<Cause> {
    rank(pods.iter().flat_map(|pod| rules(pod, objects)).collect())
}

/// What the events about an object say of what could not be made for it: quota, admission, limits, service accounts. For
/// controllers and custom objects; [`of_pod`] already looks at the events of the pod.
pub(crate) fn of_events(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    rank(create::of_events(object, objects))
}

/// The same from a message that stands in a field of an object, such as a condition's. Empty when the message is not a
/// refusal of the API server.
pub(crate) fn of_message(object: &Object, field: &str, message: &str, objects: &dyn Objects) -> Vec<Cause> {
    create::of_refusal(about_value(object, field, message), message, objects).into_iter().collect()
}

/// Refusals of an object that is over. They may have been overcome before it ended, so that they rank below what the object
/// says of its end; and further below when its pods, which were made after all, tell what ended them.
pub(crate) fn of_the_past(refused: Vec<Cause>, told_by_pods: bool) -> Vec<Cause> {
    let at_most = if told_by_pods { Certainty::Possible } else { Certainty::Likely };
    let past = |mut cause: Cause| {
        cause.certainty = cause.certainty.max(at_most);
        cause
    };
    refused.into_iter().map(past).collect()
}

fn rules(pod: &Object, objects: &dyn Objects) -> Vec<Cause> {
    if pod.value().pointer("/status/phase").and_then(|phase| phase.as_str()) == Some("Succeeded") {
        return Vec::new();
    }
    let events = objects.events(&pod.reference()).objects;
    let mut causes = ending::causes(pod, &events, objects);
    causes.extend(scheduling::causes(pod, &events));
    causes.extend(volumes::causes(pod, &events, objects));
    causes.extend(containers::causes(pod, &events));
    causes.extend(events::causes(pod, &events));
    causes
}

/// From what lies deepest to what only follows from something else: where two causes are equally sure, the first is told
/// first.
const BY_DEPTH: [&str; 27] = [
    "quota",
    "limit-range",
    "admission",
    "pod-security",
    "service-account",
    "webhook-unreachable",
    "node-lost",
    "preempted",
    "missing-claim",
    "pending-claim",
    "unschedulable",
    "scheduling-gated",
    "out-of-memory",
    "gpu-out-of-memory",
    "disk-full",
    "image-pull",
    "container-config",
    "evicted",
    "node-refused",
    "volume",
    "sandbox",
    "deadline",
    "probe",
    "exit-code",
    "crash-loop",
    "create-failed",
    "backoff-limit",
];

/// How many places of evidence are kept of a cause that many objects share.
const EVIDENCE_KEPT: usize = 6;

/// Ranks causes by certainty and by closeness to the root, and tells a cause that several objects share once.
pub(crate) fn rank(causes: Vec<Cause>) -> Vec<Cause> {
    let mut merged: Vec<Cause> = Vec::new();
    for cause in causes {
        match merged.iter_mut().find(|known| known.id == cause.id && known.title == cause.title) {
            Some(known) => {
                known.certainty = known.certainty.min(cause.certainty);
                let fresh: Vec<_> =
                    cause.evidence.into_iter().filter(|evidence| !known.evidence.contains(evidence)).collect();
                known.evidence.extend(fresh);
            }
            None => merged.push(cause),
        }
    }
    merged.iter_mut().for_each(tell_how_many);
    merged.sort_by_key(|cause| {
        let depth = BY_DEPTH.iter().position(|id| *id == cause.id).unwrap_or(BY_DEPTH.len());
        (cause.certainty, depth)
    });
    merged
}

/// When several pods show the same cause, says how many and keeps a few of them.
fn tell_how_many(cause: &mut Cause) {
    let pods: BTreeSet<_> = cause
        .evidence
        .iter()
        .filter(|evidence| evidence.object.kind == "Pod")
        .map(|evidence| (&evidence.object.namespace, &evidence.object.name))
        .collect();
    let count = pods.len();
    if count > 1 && !cause.detail.contains("The same in ") && !cause.detail.contains(words::DIFFERENT) {
        match words::differing(&cause.evidence, count) {
            Some(listed) => {
                cause.detail = words::instead(&cause.detail, &format!("{count} pods, {}: {listed}", words::DIFFERENT));
                // What differs is what is worth keeping.
                cause.evidence.sort_by_key(|evidence| !words::is_told_by(evidence));
            }
            None => {
                let words = format!("The same in {count} pods.");
                cause.detail = if cause.detail.is_empty() { words } else { format!("{words} {}", cause.detail) };
            }
        }
    }
    cause.evidence.truncate(EVIDENCE_KEPT);
}

#[cfg(test)]
mod tests;
