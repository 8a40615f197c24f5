//! Stands in for Kubeflow Trainer v2: TrainJob and its runtime become a JobSet, whose state comes back.

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{Clock, began, stamp};
use super::fate;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, add, owned_metadata, set_condition};
use super::stage::Stage;

const SOURCE: &str = "trainjob-controller";

/// The stand-in trainer.
pub(super) struct Trainer;

impl Actor for Trainer {
    const NAME: &'static str = "trainer";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::TrainJob if !change.gone => vec![(Kind::TrainJob, name_of(&change.object))],
            Kind::JobSet => super::owner_key(&change.object, Kind::TrainJob),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(train) = stage.mirror.get(Kind::TrainJob, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&train) || ended(&train) {
            return Ok(Next::Change);
        }
        let mut next = Next::Change;
        let set = stage.mirror.get(Kind::JobSet, &key.1.0, &key.1.1);
        if let Some(deadline) = train.integer("/spec/activeDeadlineSeconds") {
            let left = deadline as f64 - stage.clock.since(began(&train));
            if left <= 0.0 {
                if let Some(set) = &set {
                    stage.delete_once(Kind::JobSet, set).await?;
                }
                let message = "TrainJob exceeded its active deadline";
                stage.warning(&train, SOURCE, "DeadlineExceeded", message).await;
                return report(stage, &train, None, Some(("Failed", "DeadlineExceeded", message))).await;
            }
            next = Next::In(left);
        }
        let suspended = train.boolean("/spec/suspend") == Some(true);
        match &set {
            None => match runtime(stage, &train) {
                Some(runtime) => {
                    stage.ensure(Kind::JobSet, job_set(&train, &runtime, suspended)).await?;
                }
                None => {
                    let message =
                        format!("runtime {} not found", train.text("/spec/runtimeRef/name").unwrap_or_default());
                    stage.warning(&train, SOURCE, "TrainJobResourcesCreationFailed", &message).await;
                    return report(stage, &train, None, Some(("Failed", "TrainingRuntimeNotSupported", &message)))
                        .await;
                }
            },
            Some(set) if set.boolean("/spec/suspend").unwrap_or(false) != suspended => {
                stage.patch(Kind::JobSet, set, &json!({"spec": {"suspend": suspended}})).await?;
            }
            Some(_) => {}
        }
        let end = set.as_deref().and_then(outcome);
        let end = end.as_ref().map(|(kind, reason, message)| (*kind, reason.as_str(), message.as_str()));
        Ok(report(stage, &train, set.as_deref(), end).await?.sooner(next))
    }
}

/// Whether a TrainJob has come to its end.
pub(super) fn ended(train: &Value) -> bool {
    ["Complete", "Failed"].iter().any(|kind| super::condition_is(train, kind, "True"))
}

fn outcome(set: &Value) -> Option<(&'static str, String, String)> {
    [("Completed", "Complete"), ("Failed", "Failed")].into_iter().find_map(|(theirs, ours)| {
        let condition = super::condition(set, theirs).filter(|one| one.text("/status") == Some("True"))?;
        let text = |part: &str| condition.text(part).unwrap_or_default().to_owned();
        Some((ours, text("/reason"), text("/message")))
    })
}

fn runtime(stage: &Stage, train: &Value) -> Option<std::sync::Arc<Value>> {
    let name = train.text("/spec/runtimeRef/name")?;
    match train.text("/spec/runtimeRef/kind") {
        Some("TrainingRuntime") => stage.mirror.get(Kind::TrainingRuntime, super::namespace(train), name),
        _ => stage.mirror.get(Kind::ClusterTrainingRuntime, "", name),
    }
}

/// The runtime's JobSet with what the TrainJob's trainer says.
fn job_set(train: &Value, runtime: &Value, suspended: bool) -> Value {
    let mut spec = runtime.pointer("/spec/template/spec").cloned().unwrap_or_default();
    let nodes =
        train.integer("/spec/trainer/numNodes").or_else(|| runtime.integer("/spec/mlPolicy/numNodes")).unwrap_or(1);
    if let Some(Value::Array(groups)) = spec.get_mut("replicatedJobs") {
        for group in groups.iter_mut().filter(|group| group.text("/name") == Some("node")) {
            group["template"]["spec"]["parallelism"] = nodes.into();
            group["template"]["spec"]["completions"] = nodes.into();
            let pod = &mut group["template"]["spec"]["template"]["spec"];
            let container = &mut pod["containers"][0];
            for (from, to) in [
                ("image", "image"),
                ("command", "command"),
                ("args", "args"),
                ("env", "env"),
                ("resourcesPerNode", "resources"),
            ] {
                if let Some(value) = train.pointer(&format!("/spec/trainer/{from}")) {
                    container[to] = value.clone();
                }
            }
            if container.pointer("/resources/limits").and_then(|limits| limits.get("nvidia.com/gpu")).is_some() {
                pod["tolerations"] = json!([{ "key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule" }]);
            }
            for patch in train.items("/spec/runtimePatches") {
                if let Some(selector) = patch.pointer("/trainingRuntimeSpec/nodeSelector") {
                    pod["nodeSelector"] = selector.clone();
                }
            }
        }
        for group in groups.iter_mut() {
            let step = group.pointer("/template/metadata/labels").cloned().unwrap_or_else(|| json!({}));
            group["template"]["spec"]["template"]["metadata"] = json!({ "labels": step });
        }
    }
    if let Some(restarts) =
        train.text("/metadata/annotations/platform.example.com~1max-restarts").and_then(|text| text.parse::<i64>().ok())
    {
        spec["failurePolicy"] = json!({ "maxRestarts": restarts });
    }
    spec["suspend"] = suspended.into();
    let mut set = json!({ "metadata": owned_metadata(Kind::TrainJob, train, super::name(train)), "spec": spec });
    add(&mut set, "annotations", fate::inherit(train));
    set
}

async fn report(
    stage: &Stage,
    train: &Value,
    set: Option<&Value>,
    end: Option<(&str, &str, &str)>,
) -> Result<Next, ApiError> {
    let mut conditions = train.items("/status/conditions").to_vec();
    let now = stage.clock.now();
    let suspended = train.boolean("/spec/suspend") == Some(true);
    if suspended {
        let said = Said { kind: "Suspended", status: true, reason: "Suspended", message: "TrainJob is suspended" };
        set_condition(&mut conditions, &said, now);
    } else if super::condition(train, "Suspended").is_some() {
        let said = Said { kind: "Suspended", status: false, reason: "Resumed", message: "TrainJob is resumed" };
        set_condition(&mut conditions, &said, now);
    }
    if let Some((kind, reason, message)) = end {
        let at = set.and_then(|set| {
            let theirs = if kind == "Complete" { "Completed" } else { "Failed" };
            super::condition(set, theirs)?.time("/lastTransitionTime")
        });
        set_condition(&mut conditions, &Said { kind, status: true, reason, message }, at.unwrap_or(now));
    }
    let mut status = train.get("status").cloned().unwrap_or_else(|| json!({}));
    status["conditions"] = json!(conditions);
    if let Some(set) = set {
        status["jobsStatus"] = json!(set.items("/status/replicatedJobsStatus"));
        if let Some(progress) = progress(stage, train, set) {
            status["trainerStatus"] = progress;
        }
    }
    stage.set_status(Kind::TrainJob, train, &status).await?;
    let running = set.is_some_and(|set| {
        set.items("/status/replicatedJobsStatus").iter().any(|one| one.integer("/active") > Some(0))
    });
    Ok(if running && end.is_none() { Next::In(PROGRESS_EVERY) } else { Next::Change })
}

const PROGRESS_EVERY: f64 = 8.0;

/// What the training code itself reports, where it is instrumented to: progress and metrics.
fn progress(stage: &Stage, train: &Value, set: &Value) -> Option<Value> {
    let total = super::annotation(train, fate::FATE).and_then(fate::Fate::read).and_then(|fate| match fate {
        fate::Fate::Succeed(seconds) => Some(seconds),
        _ => None,
    })?;
    let pods =
        stage.mirror.labelled(Kind::Pod, super::namespace(train), "jobset.sigs.k8s.io/jobset-name", super::name(set));
    let nodes: Vec<&Value> = pods
        .iter()
        .map(AsRef::as_ref)
        .filter(|pod| super::label(pod, "jobset.sigs.k8s.io/replicatedjob-name") == Some("node"))
        .collect();
    let (percent, told) = reached(&nodes, total, (stage.clock, last_moment(stage, train)))?;
    let loss = 0.35 + 2.4 * (-3.0 * (percent as f64) / 100.0).exp();
    let known = train.integer("/status/trainerStatus/progressPercentage");
    if known == Some(percent) {
        return train.pointer("/status/trainerStatus").cloned();
    }
    Some(json!({
        "progressPercentage": percent,
        "estimatedRemainingSeconds": (total * (100 - percent) as f64 / 100.0).round() as i64,
        "metrics": [{ "name": "loss", "value": format!("{loss:.4}") }],
        "lastUpdatedTime": stamp(told),
    }))
}

/// This moment, or the run's deadline when that lies behind: runs of the past are played after it.
fn last_moment(stage: &Stage, train: &Value) -> Timestamp {
    let now = stage.clock.now();
    let deadline = train.integer("/spec/activeDeadlineSeconds");
    deadline.map_or(now, |seconds| stage.clock.after(began(train), seconds as f64).min(now))
}

/// What the nodes of a run last told: percent, and when. Nobody tells more once a node has failed, and only a run whose
/// nodes have all ended well tells that all is done.
fn reached(nodes: &[&Value], total: f64, (clock, now): (Clock, Timestamp)) -> Option<(i64, Timestamp)> {
    let state = |pod: &&Value| pod.pointer("/status/containerStatuses/0/state").cloned();
    let states: Vec<Value> = nodes.iter().filter_map(state).collect();
    let started = states
        .iter()
        .filter_map(|state| state.time("/running/startedAt").or_else(|| state.time("/terminated/startedAt")))
        .min()?;
    let ended = |well: bool| {
        let ended = states
            .iter()
            .filter(move |state| state.integer("/terminated/exitCode").is_some_and(|code| (code == 0) == well));
        ended.filter_map(|state| state.time("/terminated/finishedAt"))
    };
    if ended(true).count() == nodes.len() {
        return Some((100, ended(true).max()?));
    }
    let until = ended(false).min().unwrap_or(now);
    let elapsed = clock.between(started, until).max(0.0);
    Some((((elapsed / total) * 100.0).floor().clamp(0.0, 99.0) as i64, until))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(state: &Value) -> Value {
        json!({"status": {"containerStatuses": [{"state": state}]}})
    }

    #[test]
    fn a_run_that_failed_long_ago_told_no_more_than_it_reached() {
        let ended = |code: i64, minute: u32| {
            let finished = format!("2026-01-01T00:{minute:02}:00Z");
            node(
                &json!({"terminated": {"startedAt": "2026-01-01T00:00:00Z", "finishedAt": finished, "exitCode": code}}),
            )
        };
        let running = node(&json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}));
        let waiting = node(&json!({"waiting": {"reason": "ContainerCreating"}}));
        let now: Timestamp = "2026-01-01T02:00:00Z".parse().unwrap();
        let percent = |nodes: &[&Value]| reached(nodes, 1200.0, (Clock::new(1.0), now)).map(|(percent, _)| percent);
        assert_eq!(percent(&[&running, &ended(137, 5)]), Some(25));
        assert_eq!(percent(&[&ended(0, 20), &ended(137, 5)]), Some(25));
        assert_eq!(percent(&[&ended(1, 40)]), Some(99), "a run that fails is never done");
        assert_eq!(percent(&[&ended(0, 20), &ended(0, 20)]), Some(100));
        assert_eq!(percent(&[&ended(0, 20), &running]), Some(99));
        assert_eq!(percent(&[&waiting]), None);
        let told = reached(&[&ended(137, 5)], 1200.0, (Clock::new(1.0), now)).unwrap().1;
        assert_eq!(told.to_string(), "2026-01-01T00:05:00Z");
    }
}
