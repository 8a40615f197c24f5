//! Causes that every kind of Kubeflow finds the same way: from a condition, from a field, from pods, from the quota.

use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, Condition, Evidence, Link, Lookup, Object, Objects, Quantity, Read, State};

use super::kinds::RESOURCE_QUOTAS;
use crate::causes;

/// The quota that a profile gives its namespace.
const PROFILE_QUOTA: &str = "kf-resource-quota";

/// A cause that the object's own condition states.
pub(super) fn condition(id: &'static str, object: &Object, condition: &Condition<'_>, title: String) -> Cause {
    let value = [condition.reason, condition.message].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>();
    let value = if value.is_empty() { condition.status.to_owned() } else { value.join(": ") };
    let evidence = Evidence {
        object: object.reference(),
        field: format!("status.conditions[{}]", condition.kind),
        value,
        since: condition.since,
    };
    Cause {
        id,
        certainty: Certainty::Certain,
        title,
        detail: condition.message.to_owned(),
        advice: Vec::new(),
        evidence: vec![evidence],
    }
}

/// A cause that one of the object's fields states.
pub(super) fn field(id: &'static str, object: &Object, field: &str, value: &str, title: String) -> Cause {
    let evidence =
        Evidence { object: object.reference(), field: field.to_owned(), value: value.to_owned(), since: None };
    Cause {
        id,
        certainty: Certainty::Certain,
        title,
        detail: String::new(),
        advice: Vec::new(),
        evidence: vec![evidence],
    }
}

/// Adds what to do next.
pub(super) fn advise(mut cause: Cause, advice: &[&str]) -> Cause {
    cause.advice = advice.iter().map(|text| (*text).to_owned()).collect();
    cause
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
    all.extend(children.iter().flat_map(|child| causes::of_events(child, objects)));
    all.extend(causes::of_events(object, objects));
    all.extend(own);
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
