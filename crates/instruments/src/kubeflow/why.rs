//! Causes that every kind of Kubeflow finds the same way: from a condition, from a field, from pods, from the quota.

use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, Condition, Evidence, Link, Lookup, Object, Objects, Quantity, Read, State};

use super::kinds::RESOURCE_QUOTAS;
use crate::causes::{self, Draft};

/// The quota that a profile gives its namespace.
const PROFILE_QUOTA: &str = "kf-resource-quota";

/// A cause that the object's own condition states.
pub(super) fn condition(id: &'static str, object: &Object, condition: &Condition<'_>, title: String) -> Cause {
    let value = [condition.reason, condition.message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let value = if value.is_empty() { condition.status.to_owned() } else { value.join(": ") };
    let mut evidence = causes::about_value(object, &format!("status.conditions[{}]", condition.kind), &value);
    evidence.since = condition.since;
    Draft::new(id, title, evidence).detail(condition.message).done()
}

/// A cause that one of the object's fields states.
pub(super) fn field(id: &'static str, object: &Object, field: &str, value: &str, title: String) -> Cause {
    Draft::new(id, title, causes::about_value(object, field, value)).done()
}

/// Adds what to do next.
pub(super) fn advise(mut cause: Cause, advice: &[&str]) -> Cause {
    cause.advice = advice.iter().map(|text| (*text).to_owned()).collect();
    cause
}

/// Causes that only repeat what a pod says of itself, as long as the pod is there.
const REPEATS_PODS: [&str; 2] = ["notebook-waits", "step-waits"];

/// What the evidence of a cause says when it repeats a refusal of the API server: a quota, an admission webhook.
fn refusals(object: &Object, objects: &dyn Objects, cause: &Cause) -> Vec<Cause> {
    let told = |evidence: &Evidence| causes::of_message(object, &evidence.field, &evidence.value, objects);
    cause.evidence.iter().flat_map(told).collect()
}

/// The whole chain below an object: its pods are closest to the root, then what events say of the object and of its
/// children, then what the object says itself; and for one that waits, a quota that is used up.
pub(super) fn chain(
    object: &Object,
    objects: &dyn Objects,
    links: &[Link],
    state: State,
    own: Vec<Cause>,
) -> Vec<Cause> {
    let mut pods: Vec<Arc<Object>> = Vec::new();
    let mut children: Vec<Arc<Object>> = Vec::new();
    for link in links {
        let found = link.target.resolve(object.uid(), objects).objects;
        match link.relation {
            "pods" => pods.extend(found),
            "children" => children.extend(found),
            _ => {}
        }
    }
    let mut all = causes::of_pods(&pods, objects);
    let told_by_pods = !all.is_empty();
    // What held up a run that came to a good end is no longer of interest.
    if state != State::Succeeded {
        let of_children = children.iter().flat_map(|child| causes::of_events(child, objects));
        let refused = of_children.chain(causes::of_events(object, objects)).collect();
        all.extend(if state.is_over() { causes::of_the_past(refused, told_by_pods) } else { refused });
    }
    all.extend(own.iter().flat_map(|cause| refusals(object, objects, cause)));
    all.extend(own.into_iter().filter(|cause| !(told_by_pods && REPEATS_PODS.contains(&cause.id))));
    if matches!(state, State::Pending | State::Starting | State::Queued) {
        all.extend(quota(object, objects));
    }
    causes::rank(all)
}

/// A used-up resource of the profile's quota: likely what an object without running pods waits for.
fn quota(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let Lookup::Found(quota) = objects.get(RESOURCE_QUOTAS, object.namespace(), PROFILE_QUOTA) else {
        return Vec::new();
    };
    let full = quota.entries("/status/hard").filter_map(|(name, hard)| {
        let used = quota.pointer("/status/used")?.get(name)?.as_str()?;
        let hard = hard.as_str()?;
        let (spent, limit): (Quantity, Quantity) = (used.parse().ok()?, hard.parse().ok()?);
        (spent >= limit).then(|| {
            let title = format!("The namespace's quota of {name} is used up ({used} of {hard})");
            let mut cause = field("quota-used-up", &quota, &format!("status.used[{name}]"), used, title);
            cause.certainty = Certainty::Possible;
            advise(cause, &["Stop what is not needed in this namespace, or ask for a larger quota."])
        })
    });
    full.collect()
}
