//! Deployments, stateful sets and daemon sets as workloads.

use std::sync::Arc;

use pilothouse_columns::pod;
use pilothouse_model::{Condition, Level, Object, Objects, Read, Resources, State, Status, Workload};

use super::kin;

/// The numbers that decide the state.
struct Replicas {
    /// `None` when the object does not say, or says something unreadable.
    desired: Option<i64>,
    current: i64,
    ready: i64,
}

impl Replicas {
    fn read(object: &Object) -> Self {
        let number = |pointer: &str| object.integer(pointer).unwrap_or(0);
        if object.kind() == "DaemonSet" {
            let desired = object.integer("/status/desiredNumberScheduled");
            let (current, ready) = (number("/status/currentNumberScheduled"), number("/status/numberReady"));
            return Self { desired, current, ready };
        }
        let desired = object.pointer("/spec/replicas").map_or(Some(1), serde_json::Value::as_i64);
        Self { desired, current: number("/status/replicas"), ready: number("/status/readyReplicas") }
    }
}

/// The common shape of a controller of replicas.
pub(super) fn workload(object: &Object, objects: &dyn Objects) -> Workload {
    let replicas = Replicas::read(object);
    // Of a controller that has what it wants, pods tell nothing: nobody looks at them.
    let (pods, unseen) =
        if falls_short(object, &replicas) { kin::pods_seen(object, objects) } else { (Vec::new(), false) };
    let (state, mut status) = state(object, &replicas, (&pods, objects));
    if status.level == Level::Unknown && state != State::Unknown {
        status.level = state.level();
    }
    let mut workload = Workload::new(state);
    workload.level = status.level;
    workload.reason = status.reason.to_string();
    workload.message = status.message.to_string();
    if unseen && workload.reason.is_empty() {
        workload.unseen = true;
        workload.message.push_str("; its pods are out of sight");
    }
    workload.owner = kin::owner(object);
    workload.progress = replicas.desired.map(|desired| (replicas.ready, desired));
    workload.requested = requested(object, replicas.desired);
    let available = object.condition("Available").filter(Condition::is_true);
    workload.started = available.and_then(|condition| condition.since);
    workload.queue = object.label("kueue.x-k8s.io/queue-name").map(str::to_owned);
    workload
}

fn requested(object: &Object, replicas: Option<i64>) -> Resources {
    let template = object.pointer("/spec/template/spec").map(pod::requested);
    template.map(|template| pod::times(template, replicas)).unwrap_or_default()
}

/// Whether replicas are missing that should be there: why, their pods tell.
fn falls_short(object: &Object, replicas: &Replicas) -> bool {
    object.deleted().is_none() && replicas.desired.is_some_and(|desired| replicas.ready < desired)
}

/// The state, and its level, reason and message.
fn state(object: &Object, replicas: &Replicas, (pods, objects): (&[Arc<Object>], &dyn Objects)) -> (State, Status) {
    let plain = |state: State| (state, Status::new(state.level(), ""));
    let Some(desired) = replicas.desired else { return plain(State::Unknown) };
    if object.deleted().is_some() {
        return plain(State::Stopping);
    }
    if desired == 0 {
        return plain(if replicas.current > 0 { State::Stopping } else { State::Stopped });
    }
    if replicas.ready >= desired {
        return plain(State::Running);
    }
    let short = format!("{} of {desired} replicas are ready", replicas.ready);
    let trouble = trouble(object, pods, objects);
    let (reason, message) = match &trouble {
        Some(trouble) => (reason_of(trouble), if trouble.message.is_empty() { &short } else { &*trouble.message }),
        None => ("", short.as_str()),
    };
    let level_of = |calm: Level| match &trouble {
        Some(trouble) if trouble.level == Level::Error => Level::Error,
        _ => calm,
    };
    let refused = object.condition("ReplicaFailure").filter(Condition::is_true);
    if let Some(condition) =
        refused.filter(|condition| replicas.ready == 0 && condition.message.contains("exceeded quota"))
    {
        return (State::Queued, Status::new(Level::Warning, "").because("QuotaExceeded", condition.message));
    }
    let stuck = object.condition("Progressing").is_some_and(|condition| condition.is_false());
    if replicas.ready > 0 {
        let level = if stuck { Level::Error } else { Level::Warning };
        return (State::Running, Status::new(level, "").because(reason, message));
    }
    let begun = pods.iter().any(|pod| pod.text("/spec/nodeName").is_some());
    let state = if begun { State::Starting } else { State::Pending };
    let level = if stuck { Level::Error } else { level_of(state.level()) };
    (state, Status::new(level, "").because(reason, message))
}

/// The pod that is worst off, or what the controller itself complains of, or a pod that is only not ready.
fn trouble(object: &Object, pods: &[Arc<Object>], objects: &dyn Objects) -> Option<Status> {
    let refused = object.condition("ReplicaFailure").filter(Condition::is_true);
    let told = refused
        .map(|condition| Status::new(Level::Error, "ReplicaFailure").because(condition.reason, condition.message));
    kin::worst(pods).or(told).or_else(|| kin::unready(pods, objects))
}

/// `CrashLoopBackOff`, or `Unschedulable` where the word is only `Pending`.
pub(super) fn reason_of(status: &Status) -> &str {
    if status.level == Level::Waiting && !status.reason.is_empty() { &status.reason } else { &status.word }
}
