//! Stands in for Katib's trial controller: one Trial, its worker, its observation.

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::super::actor::{Actor, Key, Next};
use super::super::api::ApiError;
use super::super::clock::{began, stamp};
use super::super::dice::fnv64;
use super::super::kind::Kind;
use super::super::mirror::{Change, name_of};
use super::super::object::{Said, add, add_labels, append_condition, owner_reference};
use super::super::stage::Stage;
use super::super::training::strip_nulls;
use super::super::{fate, job, trainer, training};

const TRIAL: &str = "katib.kubeflow.org/trial";
const SOURCE: &str = "trial-controller";
const WORKERS: [Kind; 3] = [Kind::Job, Kind::PyTorchJob, Kind::TrainJob];

/// The stand-in trial controller.
pub(in super::super) struct Trials;

impl Actor for Trials {
    const NAME: &'static str = "trial";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Trial if !change.gone => vec![(Kind::Trial, name_of(&change.object))],
            kind if WORKERS.contains(&kind) => super::super::owner_key(&change.object, Kind::Trial),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(trial) = stage.mirror.get(Kind::Trial, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        let over = ["Succeeded", "Failed", "MetricsUnavailable"];
        if super::super::is_ending(&trial) || over.iter().any(|kind| super::super::condition_is(&trial, kind, "True")) {
            return Ok(Next::Change);
        }
        let Some(kind) = worker_kind(&trial) else { return Ok(Next::Change) };
        let Some(worker) = stage.mirror.get(kind, &key.1.0, &key.1.1) else {
            // A worker that is gone after it ran is not made again.
            if super::super::condition(&trial, "Running").is_some() {
                return Ok(Next::Change);
            }
            stage.ensure(kind, worker(&trial, kind)).await?;
            return Ok(Next::In(1.0));
        };
        report(stage, &trial, kind, &worker).await
    }
}

fn worker_kind(trial: &Value) -> Option<Kind> {
    let kind = trial.text("/spec/runSpec/kind")?;
    WORKERS.into_iter().find(|candidate| candidate.place().kind == kind)
}

/// The worker with what Katib's controller and webhook add to it: owner, labels, the metrics collector.
fn worker(trial: &Value, kind: Kind) -> Value {
    let mut worker = trial.pointer("/spec/runSpec").cloned().unwrap_or_default();
    let name = super::super::name(trial);
    worker["metadata"]["ownerReferences"] = json!([owner_reference(Kind::Trial, trial)]);
    add_labels(&mut worker, &[(TRIAL, name)]);
    add(&mut worker, "annotations", fate::inherit(trial));
    let templates: &[&str] = match kind {
        Kind::PyTorchJob => &["/spec/pytorchReplicaSpecs/Master/template", "/spec/pytorchReplicaSpecs/Worker/template"],
        Kind::Job => &["/spec/template"],
        _ => &[],
    };
    for (index, pointer) in templates.iter().enumerate() {
        let Some(template) = worker.pointer_mut(pointer) else { continue };
        let mut sidecar = false;
        add_labels(
            template,
            &[(TRIAL, name), (super::EXPERIMENT, super::super::label(trial, super::EXPERIMENT).unwrap_or_default())],
        );
        if index == 0
            && let Some(Value::Array(containers)) = template.pointer_mut("/spec/containers")
        {
            sidecar = true;
            containers.push(json!({
                "name": "metrics-logger-and-collector", "image": "ghcr.io/kubeflow/katib/file-metrics-collector:v0.19.0",
                "args": ["-t", name, "-s-db", "katib-db-manager.kubeflow:6789"],
                "resources": { "requests": { "cpu": "50m", "memory": "10Mi" }, "limits": { "cpu": "500m", "memory": "100Mi" } },
            }));
        }
        if sidecar {
            let quiet = format!("{}.metrics-logger-and-collector", fate::LOG_PROFILE);
            add(template, "annotations", [(quiet, json!("plain"))]);
        }
    }
    worker
}

/// How a worker ended: good, reason and message.
fn end_of(kind: Kind, worker: &Value) -> Option<(bool, String, String)> {
    let over = match kind {
        Kind::Job => job::finished(worker).is_some(),
        Kind::TrainJob => trainer::ended(worker),
        _ => training::ended(worker),
    };
    let failed = super::super::condition(worker, "Failed").filter(|one| one.text("/status") == Some("True"));
    let text = |part: &str| failed.and_then(|one| one.text(part)).unwrap_or_default().to_owned();
    over.then(|| (failed.is_none(), text("/reason"), text("/message")))
}

fn when(worker: &Value, stage: &Stage) -> Timestamp {
    let last = worker.items("/status/conditions").iter().filter_map(|one| one.time("/lastTransitionTime")).max();
    worker.time("/status/completionTime").or(last).unwrap_or_else(|| stage.clock.now())
}

async fn report(stage: &Stage, trial: &Value, kind: Kind, worker: &Value) -> Result<Next, ApiError> {
    let mut conditions = trial.items("/status/conditions").to_vec();
    let mut set = |kind: &str, status: bool, reason: &str, message: &str, at: Timestamp| {
        append_condition(&mut conditions, &Said { kind, status, reason, message }, at);
    };
    let start = began(trial);
    set("Created", true, "TrialCreated", "Trial is created", start);
    let end = end_of(kind, worker);
    let mut status = json!({ "startTime": stamp(start) });
    match &end {
        None => set("Running", true, "TrialRunning", "Trial is running", start),
        Some((good, reason, message)) => {
            let at = when(worker, stage);
            set("Running", false, "TrialRunning", "Trial is not running", at);
            status["completionTime"] = stamp(at).into();
            if *good && fate::is_mute(trial) {
                set("MetricsUnavailable", true, "MetricsUnavailable", "Metrics are not available", at);
                let message = format!("Metrics are not available for Job {}", super::super::name(worker));
                stage.warning(trial, SOURCE, "MetricsUnavailable", &message).await;
            } else if *good {
                set("Succeeded", true, "TrialSucceeded", "Trial has succeeded", at);
                status["observation"] = observation(trial);
                stage
                    .normal(trial, SOURCE, "JobSucceeded", &format!("Job {} has succeeded", super::super::name(worker)))
                    .await;
            } else {
                let suffix = if reason.is_empty() { String::new() } else { format!(". Job reason: {reason}") };
                let words = if message.is_empty() { String::new() } else { format!(". Job message: {message}") };
                set("Failed", true, &format!("TrialFailed{suffix}"), &format!("Trial has failed{words}"), at);
                stage
                    .normal(
                        trial,
                        SOURCE,
                        "JobFailed",
                        &format!("Job {} has failed{suffix}{words}", super::super::name(worker)),
                    )
                    .await;
            }
        }
    }
    status["conditions"] = json!(conditions);
    strip_nulls(&mut status);
    stage.set_status(Kind::Trial, trial, &status).await?;
    Ok(Next::Change)
}

/// What the collector read from the worker's output: a function of the parameters, so that the same story finds the same best.
fn observation(trial: &Value) -> Value {
    let text = trial.pointer("/spec/parameterAssignments").map(Value::to_string).unwrap_or_default();
    let draw = (fnv64(&text) % 10_000) as f64 / 10_000.0;
    let minimize = trial.text("/spec/objective/type") == Some("minimize");
    let main = trial.text("/spec/objective/objectiveMetricName").unwrap_or("accuracy");
    let metric = |name: &str, worst: f64, latest: f64| {
        let (low, high) = if worst < latest { (worst, latest) } else { (latest, worst) };
        json!({ "name": name, "latest": format!("{latest:.4}"), "min": format!("{low:.4}"), "max": format!("{high:.4}") })
    };
    let mut all =
        vec![if minimize { metric(main, 2.31, 0.18 + 0.9 * draw) } else { metric(main, 0.11, 0.78 + 0.2 * draw) }];
    for name in trial.items("/spec/objective/additionalMetricNames").iter().filter_map(Value::as_str) {
        all.push(metric(name, 2.4, 0.2 + 0.5 * (1.0 - draw)));
    }
    json!({ "metrics": all })
}

/// The objective's value of a trial that has one.
pub(super) fn objective(trial: &Value) -> Option<f64> {
    let name = trial.text("/spec/objective/objectiveMetricName")?;
    let metric = trial.items("/status/observation/metrics").iter().find(|one| one.text("/name") == Some(name))?;
    let part = if trial.text("/spec/objective/type") == Some("minimize") { "/min" } else { "/max" };
    metric.text(part)?.parse().ok()
}
