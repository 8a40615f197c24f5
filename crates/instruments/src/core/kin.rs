//! Who belongs to whom: owners that are workloads themselves, and the pods of a controller.

use std::sync::Arc;

use pilothouse_model::{
    Completeness, Condition, GroupResource, LabelSelector, Level, Object, ObjectRef, Objects, OwnerReference, Read,
    Status,
};

pub(super) const PODS: GroupResource<'static> = GroupResource::new("", "pods");
const NODES: GroupResource<'static> = GroupResource::new("", "nodes");

/// Whether the controller of an object is something that an instrument shows as a whole, so that the object would be
/// counted twice. Owners that nobody knows hide nothing.
pub(super) fn belongs_to_another(object: &Object) -> bool {
    object.controller().is_some_and(|owner| {
        let resource = plural(owner.kind);
        let resource = GroupResource::new(owner.group(), &resource);
        super::RUNNING.contains(&resource)
            || crate::all()
                .iter()
                .map(|instrument| instrument.manifest())
                .any(|manifest| manifest.id != super::MANIFEST.id && manifest.resources.contains(&resource))
    })
}

/// The resource's name that a kind usually has.
fn plural(kind: &str) -> String {
    let singular = kind.to_lowercase();
    match singular.as_str() {
        text if text.ends_with('s') => format!("{text}es"),
        text if text.ends_with('y') => format!("{}ies", text.trim_end_matches('y')),
        text => format!("{text}s"),
    }
}

/// A reference to the controller, in the same namespace.
pub(super) fn owner(object: &Object) -> Option<ObjectRef> {
    let reference = |owner: OwnerReference<'_>| ObjectRef {
        api_version: owner.api_version.to_owned(),
        kind: owner.kind.to_owned(),
        namespace: object.namespace().map(str::to_owned),
        name: owner.name.to_owned(),
        uid: Some(owner.uid).filter(|uid| !uid.is_empty()).map(str::to_owned),
    };
    object.controller().map(reference)
}

/// The pods of a controller: those it owns, or for a deployment, whose pods belong to its replica sets, those it selects.
pub(super) fn pods(object: &Object, objects: &dyn Objects) -> Vec<Arc<Object>> {
    pods_seen(object, objects).0
}

/// The same, and whether others may be out of sight.
pub(super) fn pods_seen(object: &Object, objects: &dyn Objects) -> (Vec<Arc<Object>>, bool) {
    let found = if object.kind() == "Deployment" {
        let selector = object.pointer("/spec/selector").and_then(LabelSelector::from_json);
        match selector.filter(|selector| !selector.is_empty()) {
            Some(selector) => objects.list(PODS, object.namespace(), &selector),
            None => return (Vec::new(), false),
        }
    } else {
        objects.dependents(PODS, object.uid())
    };
    // What was known before the cluster fell silent is as good as the object itself.
    let unseen = !found.completeness.is_complete() && !matches!(found.completeness, Completeness::Stale(_));
    (found.objects, unseen)
}

/// The status of the pod that is worst off, if any is in trouble.
pub(super) fn worst(pods: &[Arc<Object>]) -> Option<Status> {
    let statuses =
        pods.iter().filter(|pod| pod.deleted().is_none()).map(|pod| pilothouse_columns::pod::summary(pod).status);
    let troubled = statuses.filter(|status| match status.level {
        Level::Error => true,
        Level::Waiting => !status.reason.is_empty(),
        _ => false,
    });
    troubled.min_by_key(|status| status.level)
}

/// What keeps a pod from being ready that is in no trouble of its own: a node that does not answer, else what the pod's
/// condition says. Nothing where neither is certain.
pub(super) fn unready(pods: &[Arc<Object>], objects: &dyn Objects) -> Option<Status> {
    let unready: Vec<_> = pods
        .iter()
        .filter(|pod| pod.deleted().is_none() && pod.text("/status/phase") == Some("Running"))
        .filter_map(|pod| Some((pod, pod.condition("Ready").filter(Condition::is_false)?)))
        .collect();
    let lost = unready.iter().find_map(|(pod, _)| {
        let name = pod.text("/spec/nodeName").filter(|name| !name.is_empty())?;
        let node = objects.get(NODES, None, name).found()?;
        node.condition("Ready").filter(|ready| !ready.is_true())?;
        let message = format!("Pod {}: its node {name} is not ready", pod.name());
        Some(Status::new(Level::Warning, "NodeNotReady").because("NodeNotReady", &message))
    });
    lost.or_else(|| {
        let (pod, ready) = unready.iter().find(|(_, ready)| !ready.reason.is_empty())?;
        let message = format!("Pod {}: {}", pod.name(), ready.message);
        Some(Status::new(Level::Warning, ready.reason).because(ready.reason, &message))
    })
}
