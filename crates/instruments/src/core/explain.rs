//! Why Kubernetes' own objects are as they are.

use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, Condition, GroupResource, Object, Objects, Read};

use super::kin;
use crate::causes::{self, Draft, about, about_value};

/// The causes of one object, ranked.
pub(super) fn of(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let mut found = match object.kind() {
        "Pod" => causes::of_pod(object, objects),
        "Deployment" => of_deployment(object, objects),
        "StatefulSet" | "DaemonSet" | "ReplicaSet" | "ReplicationController" => of_controller(object, objects),
        "Job" => of_job(object, objects),
        "CronJob" => of_cron_job(object, objects),
        "PersistentVolumeClaim" => causes::of_claim(object, objects).into_iter().collect(),
        "Node" => of_node(object),
        "ResourceQuota" => Vec::new(),
        _ => [causes::of_events(object, objects), of_conditions(object)].concat(),
    };
    found.extend(finalizers(object));
    causes::rank(found)
}

fn of_controller(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let mut found = causes::of_pods(&kin::pods(object, objects), objects);
    if !is_complete(object) {
        add(&mut found, causes::of_events(object, objects));
        add(&mut found, refused(object, objects));
    }
    found
}

/// Whether all replicas are there: what once could not be made has been made since.
fn is_complete(object: &Object) -> bool {
    let number = |pointer: &str| object.integer(pointer);
    let (desired, current) = match object.kind() {
        "DaemonSet" => (number("/status/desiredNumberScheduled"), number("/status/currentNumberScheduled")),
        _ => (number("/spec/replicas"), number("/status/replicas")),
    };
    desired.zip(current).is_some_and(|(desired, current)| current >= desired)
}

/// Adds refusals that were not told yet: an event and a condition repeat the same with other numbers.
fn add(found: &mut Vec<Cause>, more: Vec<Cause>) {
    for cause in more {
        if !found.iter().any(|known| known.id == cause.id) {
            found.push(cause);
        }
    }
}

fn of_deployment(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let mut found = of_controller(object, objects);
    for set in objects.dependents(GroupResource::new("apps", "replicasets"), object.uid()).objects {
        let number = |pointer: &str| set.integer(pointer).unwrap_or(0);
        if number("/spec/replicas") > number("/status/replicas") {
            add(&mut found, causes::of_events(&set, objects));
        }
    }
    let late = object.condition("Progressing").filter(|condition| condition.reason == "ProgressDeadlineExceeded");
    found.extend(late.map(|condition| {
        let title = "The rollout did not finish within its deadline";
        let draft = Draft::new("rollout-deadline", title, evidence(object, condition));
        let draft = draft.evidence(about(object, "/spec/progressDeadlineSeconds"));
        let undo = format!("Undo it: `kubectl rollout undo deployment/{}{}`", object.name(), namespace(object));
        draft.advise("See what its newest pods wait for").advise(undo).done()
    }));
    found
}

fn namespace(object: &Object) -> String {
    object.namespace().map_or(String::new(), |namespace| format!(" -n {namespace}"))
}

/// Pods that the API server refused, as the controller's condition repeats it.
fn refused(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let Some(condition) = object.condition("ReplicaFailure").filter(Condition::is_true) else { return Vec::new() };
    let field = "status.conditions[ReplicaFailure].message";
    let found = causes::of_message(object, field, condition.message, objects);
    if !found.is_empty() {
        return found;
    }
    let title = format!("It could not make its pods: {}", condition.message);
    vec![Draft::new("create-failed", title, evidence(object, condition)).done()]
}

fn of_job(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    if object.condition("Complete").is_some_and(|condition| condition.is_true()) {
        return Vec::new();
    }
    let mut found = causes::of_pods(&kin::pods(object, objects), objects);
    let refused = causes::of_events(object, objects);
    if let Some(condition) = object.condition("Failed").filter(Condition::is_true) {
        let told_by_pods = !found.is_empty();
        found.extend(causes::of_the_past(refused, told_by_pods));
        found.push(failed_job(object, condition));
        return found;
    }
    found.extend(refused);
    if object.boolean("/spec/suspend") == Some(true) {
        found.extend(about(object, "/spec/suspend").map(|evidence| suspended(object, evidence)));
    }
    found
}

fn failed_job(object: &Object, condition: Condition<'_>) -> Cause {
    let first = evidence(object, condition);
    match condition.reason {
        "DeadlineExceeded" => {
            let words = causes::of_deadline(object);
            Draft::new("deadline", format!("The job ran longer than its deadline{words}"), first)
                .evidence(about(object, "/spec/activeDeadlineSeconds"))
                .advise("Raise `activeDeadlineSeconds`, or find out what takes so long")
        }
        "BackoffLimitExceeded" => {
            let limit = object.integer("/spec/backoffLimit");
            let words = limit.map_or(String::new(), |limit| format!(" (backoffLimit {limit})"));
            // That pods failed is a consequence of why they failed.
            Draft::new("backoff-limit", format!("Its pods failed more often than allowed{words}"), first)
                .evidence(about(object, "/spec/backoffLimit"))
                .evidence(about(object, "/status/failed"))
                .advise("Read the log of the last pod, then make the job again")
        }
        _ => Draft::new("job-failed", format!("The job failed: {}", said(condition)), first)
            .advise("Read the logs of its pods"),
    }
    .done()
}

fn suspended(object: &Object, evidence: pilothouse_model::Evidence) -> Cause {
    match object.label("kueue.x-k8s.io/queue-name") {
        Some(queue) => Draft::new("queued", format!("The job waits in the queue `{queue}`"), evidence)
            .evidence([about_value(object, "metadata.labels[kueue.x-k8s.io/queue-name]", queue)])
            .advise(format!("See whether the queue `{queue}` has quota left")),
        None => {
            Draft::new("suspended", "The job is suspended", evidence).advise("Resume it: set `spec.suspend` to false")
        }
    }
    .done()
}

/// A cron job's own events, and why its last job failed.
fn of_cron_job(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let mut found = causes::of_events(object, objects);
    let jobs = objects.dependents(GroupResource::new("batch", "jobs"), object.uid()).objects;
    let last: Option<Arc<Object>> = jobs.into_iter().max_by_key(|job| job.created());
    found.extend(last.map(|job| of_job(&job, objects)).unwrap_or_default());
    if object.boolean("/spec/suspend") == Some(true) {
        let evidence = about(object, "/spec/suspend");
        found.extend(evidence.map(|evidence| {
            Draft::new("suspended", "The cron job is suspended: it starts no jobs", evidence)
                .advise("Resume it: set `spec.suspend` to false")
                .done()
        }));
    }
    found
}

fn of_node(object: &Object) -> Vec<Cause> {
    let mut found = Vec::new();
    for condition in object.conditions() {
        let bad = if condition.kind == "Ready" { !condition.is_true() } else { condition.is_true() };
        if !bad {
            continue;
        }
        let (title, advice) = match condition.kind {
            "Ready" if condition.status == "Unknown" => (
                "The node does not answer".to_owned(),
                "See whether the machine is up and its kubelet reaches the API server",
            ),
            "Ready" => (format!("The node is not ready: {}", said(condition)), "Read the kubelet's log on the node"),
            "MemoryPressure" => {
                ("The node is short of memory".to_owned(), "Move pods away, or set memory requests that fit")
            }
            "DiskPressure" => {
                ("The node is short of disk space".to_owned(), "Free images and logs, or enlarge the disk")
            }
            "PIDPressure" => {
                ("The node is short of process ids".to_owned(), "Look for a pod that starts too many processes")
            }
            "NetworkUnavailable" => {
                ("The node's network is not set up".to_owned(), "Look at the network plugin's pod on it")
            }
            kind => (format!("The node reports {kind}: {}", said(condition)), "Ask whoever runs the node"),
        };
        found.push(Draft::new("node-condition", title, evidence(object, condition)).advise(advice).done());
    }
    if object.boolean("/spec/unschedulable") == Some(true) {
        found.extend(about(object, "/spec/unschedulable").map(|evidence| {
            Draft::new("cordoned", "The node is cordoned: new pods are not placed here", evidence)
                .advise(format!("When its maintenance is over: `kubectl uncordon {}`", object.name()))
                .done()
        }));
    }
    found
}

/// Conditions that mean trouble, by kind: the type, the status that is bad, and what it means.
const TROUBLE: [(&str, &str, &str, &str); 6] = [
    ("APIService", "Available", "False", "The API is not available"),
    ("HorizontalPodAutoscaler", "AbleToScale", "False", "It cannot scale its target"),
    ("HorizontalPodAutoscaler", "ScalingActive", "False", "It cannot tell how many replicas are needed"),
    ("CustomResourceDefinition", "NamesAccepted", "False", "Its names are taken"),
    ("CustomResourceDefinition", "NonStructuralSchema", "True", "Its schema is not structural"),
    ("CustomResourceDefinition", "Established", "False", "It is not served"),
];

fn of_conditions(object: &Object) -> Vec<Cause> {
    let rules = TROUBLE.into_iter().filter(|(kind, ..)| *kind == object.kind());
    let bad = rules.filter_map(|(_, kind, status, title)| {
        let condition = object.condition(kind).filter(|condition| condition.status == status)?;
        let title = match said(condition) {
            "" => title.to_owned(),
            said => format!("{title}: {}", said.trim_end_matches('.')),
        };
        Some(Draft::new("condition", title, evidence(object, condition)).done())
    });
    bad.collect()
}

/// A condition as evidence.
fn evidence(object: &Object, condition: Condition<'_>) -> pilothouse_model::Evidence {
    let value = [condition.status, condition.reason, condition.message];
    let value = value.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let mut evidence = about_value(object, &format!("status.conditions[{}]", condition.kind), &value);
    evidence.since = condition.since;
    evidence
}

fn said(condition: Condition<'_>) -> &str {
    if condition.message.is_empty() { condition.reason } else { condition.message }
}

/// An object that is deleted but held: its finalizers name who has to let it go.
fn finalizers(object: &Object) -> Option<Cause> {
    object.deleted()?;
    let names: Vec<String> = object
        .items("/metadata/finalizers")
        .iter()
        .chain(object.items("/spec/finalizers"))
        .filter_map(|name| name.as_str())
        .map(|name| format!("`{name}`"))
        .collect();
    let evidence = about(object, "/metadata/finalizers").or_else(|| about(object, "/spec/finalizers"))?;
    if names.is_empty() {
        return None;
    }
    let title = format!("It is deleted but held by {}", names.join(", "));
    let told: Vec<_> = object
        .conditions()
        .filter(|condition| condition.is_true() && object.kind() == "Namespace")
        .map(|condition| self::evidence(object, condition))
        .collect();
    let draft = Draft::new("finalizers", title, evidence).certainty(Certainty::Likely).evidence(told);
    Some(
        draft
            .advise(
                "See whether the controller behind the finalizer runs; remove a finalizer by hand only when it is gone",
            )
            .done(),
    )
}
