//! What each kind looks at when it is asked how it is.

use pilothouse_model::{GroupResource, Link, LinkTarget, Object, Read};

use super::kin::PODS;

/// The edges of one object.
pub(super) fn of(object: &Object) -> Vec<Link> {
    let owned = |relation, resource| Link { relation, target: LinkTarget::Owned { resource } };
    match object.kind() {
        "Deployment" => {
            let sets = owned("replica sets", GroupResource::new("apps", "replicasets"));
            selected_pods(object).into_iter().chain([sets]).collect()
        }
        "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" | "Job" => vec![owned("pods", PODS)],
        "CronJob" => vec![owned("jobs", GroupResource::new("batch", "jobs"))],
        "Pod" => of_pod(object),
        "PersistentVolumeClaim" => {
            let volume = object.text("/spec/volumeName").filter(|name| !name.is_empty());
            volume.map(|name| named("volume", "persistentvolumes", None, name)).into_iter().collect()
        }
        "Service" => selected_by_service(object).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn named(relation: &'static str, plural: &'static str, namespace: Option<&str>, name: &str) -> Link {
    let resource = GroupResource::new("", plural);
    let target = LinkTarget::Named { resource, namespace: namespace.map(str::to_owned), name: name.to_owned() };
    Link { relation, target }
}

/// A deployment's pods belong to its replica sets; they are found by one label of its selector.
fn selected_pods(object: &Object) -> Option<Link> {
    labelled(object, "/spec/selector/matchLabels")
}

fn selected_by_service(object: &Object) -> Option<Link> {
    labelled(object, "/spec/selector")
}

fn labelled(object: &Object, pointer: &str) -> Option<Link> {
    let labels = object.entries(pointer).filter_map(|(key, value)| Some((key, value.as_str()?)));
    let (key, value) = labels.min()?;
    let (key, value, namespace) = (key.to_owned(), value.to_owned(), object.namespace()?.to_owned());
    Some(Link { relation: "pods", target: LinkTarget::Labelled { resource: PODS, namespace, key, value } })
}

fn of_pod(object: &Object) -> Vec<Link> {
    let node = object.text("/spec/nodeName").filter(|name| !name.is_empty());
    let claims =
        object.items("/spec/volumes").iter().filter_map(|volume| volume.text("/persistentVolumeClaim/claimName"));
    node.map(|name| named("node", "nodes", None, name))
        .into_iter()
        .chain(claims.map(|name| named("claims", "persistentvolumeclaims", object.namespace(), name)))
        .collect()
}
