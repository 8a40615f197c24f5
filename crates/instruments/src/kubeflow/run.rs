//! What the kinds have in common whose objects run in pods that carry their name.

use std::sync::Arc;

use pilothouse_model::{Condition, Object, Objects, Read, Timestamp, Workload};

use super::family::Family;
use super::standing::{self, Standing};
use super::{pods, warnings};

/// The common shape as far as every kind tells it the same way: what its pods and events add to how it stands, its owner
/// and its queue. And the pods.
pub(super) fn of(
    family: &dyn Family,
    object: &Object,
    objects: &dyn Objects,
    standing: Standing,
) -> (Workload, Vec<Arc<Object>>) {
    let labelled = |key: &str| pods::labelled(object, objects, key, object.name());
    let pods = family.pod_label().map(labelled).unwrap_or_default();
    let standing = pods::refine(standing, &pods);
    let mut workload = warnings::refine(standing, object, objects, &family.links(object)).workload();
    workload.owner = standing::owner(object);
    workload.queue = standing::queue(object);
    (workload, pods)
}

/// When the first of these pods started. After a restart nobody knows: the first pods are gone. Jobs do not tell: they
/// start when their controller first sees them, pods or not.
pub(super) fn first_start(restarts: Option<i64>, pods: &[Arc<Object>]) -> Option<Timestamp> {
    let first = pods.iter().filter_map(|pod| pod.time("/status/startTime")).min();
    first.filter(|_| restarts.unwrap_or(0) == 0)
}

/// When the first of these conditions that is true became so.
pub(super) fn end(object: &Object, kinds: &[&str]) -> Option<Timestamp> {
    kinds.iter().filter_map(|kind| object.condition(kind)).find(Condition::is_true)?.since
}
