//! Jobs as workloads.

use pilothouse_columns::pod;
use pilothouse_model::{Condition, Level, Object, Objects, Read, Resources, State, Workload};

use super::kin;
use super::replicated::reason_of;

/// The common shape of a job.
pub(super) fn workload(object: &Object, objects: &dyn Objects) -> Workload {
    let number = |pointer: &str| object.integer(pointer).unwrap_or(0);
    let (active, succeeded, failed) = (number("/status/active"), number("/status/succeeded"), number("/status/failed"));
    let mut workload = state(object, objects, active);
    let completions = object.integer("/spec/completions");
    workload.owner = kin::owner(object);
    workload.started = object.time("/status/startTime");
    workload.finished = object.time("/status/completionTime");
    if workload.finished.is_none() && workload.state == State::Failed {
        workload.finished = object.condition("Failed").and_then(|condition| condition.since);
    }
    workload.progress = Some((succeeded, completions.unwrap_or(1)));
    workload.requested = requested(object);
    workload.queue = object.label("kueue.x-k8s.io/queue-name").map(str::to_owned);
    let single = completions.unwrap_or(1) <= 1;
    workload.attempts = single.then(|| failed.saturating_add(i64::from(active > 0 || succeeded > 0)));
    // One pod that failed is an attempt; the job goes on.
    if workload.state == State::Running && failed > 0 && workload.level == Level::Good {
        workload.level = Level::Warning;
        workload.message = format!("{failed} pods have failed so far");
    }
    workload
}

fn state(object: &Object, objects: &dyn Objects, active: i64) -> Workload {
    let told = |kind: &str| object.condition(kind).filter(Condition::is_true);
    let because = |state: State, condition: Condition<'_>| {
        let mut workload = Workload::new(state);
        (workload.reason, workload.message) = (condition.reason.to_owned(), condition.message.to_owned());
        workload
    };
    if let Some(condition) = told("Complete") {
        return because(State::Succeeded, condition);
    }
    if let Some(condition) = told("Failed").or_else(|| told("FailureTarget")) {
        return because(State::Failed, condition);
    }
    if object.deleted().is_some() {
        return Workload::new(State::Stopping);
    }
    if object.boolean("/spec/suspend") == Some(true) {
        // A queue holds jobs back by suspending them.
        return Workload::new(match object.label("kueue.x-k8s.io/queue-name") {
            Some(_) => State::Queued,
            None => State::Suspended,
        });
    }
    under_way(object, objects, active)
}

/// A job that has neither ended nor been held back: its pods tell.
fn under_way(object: &Object, objects: &dyn Objects, active: i64) -> Workload {
    let (pods, unseen) = kin::pods_seen(object, objects);
    let current: Vec<_> =
        pods.into_iter().filter(|pod| !matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed"))).collect();
    let ready = object.integer("/status/ready").unwrap_or_else(|| {
        let running = current.iter().filter(|pod| pod.text("/status/phase") == Some("Running")).count();
        i64::try_from(running).unwrap_or(i64::MAX)
    });
    let placed = current.iter().any(|pod| pod.text("/spec/nodeName").is_some_and(|name| !name.is_empty()));
    let mut workload = Workload::new(match (active, ready) {
        (0, _) => State::Pending,
        (_, 0) if placed => State::Starting,
        (_, 0) => State::Pending,
        (active, ready) if ready < active => State::Starting,
        _ => State::Running,
    });
    if unseen && matches!(workload.state, State::Pending | State::Starting) {
        workload.unseen = true;
        "its pods are out of sight".clone_into(&mut workload.message);
    }
    if let Some(trouble) = kin::worst(&current) {
        workload.level = if trouble.level == Level::Error { Level::Error } else { Level::Warning.max(trouble.level) };
        workload.reason = reason_of(&trouble).to_owned();
        workload.message = trouble.message.to_string();
    }
    workload
}

/// What runs at the same time.
fn requested(object: &Object) -> Resources {
    let Some(template) = object.pointer("/spec/template/spec") else { return Resources::default() };
    let at_once = object.get("spec").and_then(pod::at_once);
    pod::times(pod::requested(template), at_once)
}
