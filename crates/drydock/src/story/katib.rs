//! Stands in for Katib: an Experiment asks its Suggestion for parameters and runs Trials until it has its best.

use std::sync::Arc;

use rand::RngExt;
use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, stamp};
use super::dice::pick;
use super::fate;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, add, add_labels, append_condition, map_at, owned_metadata};
use super::stage::Stage;
use super::training::strip_nulls;

pub(super) mod trial;

const SOURCE: &str = "experiment-controller";
pub(super) const EXPERIMENT: &str = "katib.kubeflow.org/experiment";

/// The stand-in for the experiment and suggestion controllers.
pub(super) struct Experiments;

impl Actor for Experiments {
    const NAME: &'static str = "katib";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Experiment if !change.gone => vec![(Kind::Experiment, name_of(&change.object))],
            Kind::Trial | Kind::Suggestion => super::owner_key(&change.object, Kind::Experiment),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(experiment) = stage.mirror.get(Kind::Experiment, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&experiment) {
            return Ok(Next::Change);
        }
        let maximum = experiment.integer("/spec/maxTrialCount").unwrap_or(12);
        if is_over(&experiment, maximum) {
            return Ok(Next::Change);
        }
        let trials = stage.mirror.owned(Kind::Trial, &experiment);
        let tally = Tally::of(&trials);
        let end = tally.end(&experiment, maximum);
        if end.is_none() {
            let parallel = experiment.integer("/spec/parallelTrialCount").unwrap_or(3);
            let made = i64::try_from(trials.len()).unwrap_or(0);
            let room = (parallel - tally.active()).min(maximum - made).max(0);
            suggest(stage, &experiment, made + room).await?;
            for number in made..made + room {
                make_trial(stage, &experiment, number).await?;
            }
        } else if let Some(algorithm) = stage.mirror.owned(Kind::Deployment, &experiment).first() {
            stage.delete_once(Kind::Deployment, algorithm).await?;
        }
        report(stage, &experiment, &trials, end).await
    }
}

/// Over with all of its trials, and not resumed by a greater number of them.
fn is_over(experiment: &Value, maximum: i64) -> bool {
    let lingers =
        ["/status/trialsRunning", "/status/trialsPending"].iter().any(|part| experiment.integer(part) > Some(0));
    if lingers {
        return false;
    }
    if super::condition_is(experiment, "Failed", "True") {
        return true;
    }
    let reached = super::condition(experiment, "Succeeded").filter(|one| one.text("/status") == Some("True"));
    let resumable = reached.and_then(|one| one.text("/reason")) == Some("ExperimentMaxTrialsReached")
        && matches!(experiment.text("/spec/resumePolicy"), Some("LongRunning" | "FromVolume"))
        && experiment.integer("/status/trials").is_some_and(|trials| trials < maximum);
    reached.is_some() && !resumable
}

/// Trials by what became of them.
struct Tally<'a> {
    succeeded: Vec<&'a Arc<Value>>,
    failed: Vec<&'a Arc<Value>>,
    running: Vec<&'a Arc<Value>>,
    pending: Vec<&'a Arc<Value>>,
    unavailable: Vec<&'a Arc<Value>>,
}

impl<'a> Tally<'a> {
    fn of(trials: &'a [Arc<Value>]) -> Self {
        let is = |trial: &Value, kind: &str| super::condition_is(trial, kind, "True");
        let with = |kind: &'static str| trials.iter().filter(|trial| is(trial, kind)).collect::<Vec<_>>();
        let none = ["Succeeded", "Failed", "Running", "MetricsUnavailable"];
        Self {
            succeeded: with("Succeeded"),
            failed: with("Failed"),
            running: with("Running"),
            pending: trials.iter().filter(|trial| none.iter().all(|kind| !is(trial, kind))).collect(),
            unavailable: with("MetricsUnavailable"),
        }
    }

    fn active(&self) -> i64 {
        i64::try_from(self.running.len() + self.pending.len()).unwrap_or(0)
    }

    /// How the experiment ends, if it does: good, reason, message.
    fn end(&self, experiment: &Value, maximum: i64) -> Option<(bool, &'static str, &'static str)> {
        let bad = i64::try_from(self.failed.len() + self.unavailable.len()).unwrap_or(0);
        let done = bad + i64::try_from(self.succeeded.len()).unwrap_or(0);
        if experiment.integer("/spec/maxFailedTrialCount").is_some_and(|most| bad > 0 && bad >= most) {
            return Some((false, "ExperimentFailed", "Experiment has failed because max failed count has reached"));
        }
        let goal = experiment.pointer("/spec/objective/goal").and_then(Value::as_f64);
        let minimize = experiment.text("/spec/objective/type") == Some("minimize");
        let reached = goal.is_some_and(|goal| {
            self.succeeded
                .iter()
                .filter_map(|trial| trial::objective(trial))
                .any(|value| if minimize { value <= goal } else { value >= goal })
        });
        if reached {
            return Some((
                true,
                "ExperimentGoalReached",
                "Experiment has succeeded because Objective goal has reached",
            ));
        }
        let all = done >= maximum && self.active() == 0;
        all.then_some((
            true,
            "ExperimentMaxTrialsReached",
            "Experiment has succeeded because max trial count has reached",
        ))
    }
}

/// The trial with the best objective so far.
fn best<'a>(experiment: &Value, tally: &Tally<'a>) -> Option<&'a Arc<Value>> {
    let minimize = experiment.text("/spec/objective/type") == Some("minimize");
    let rated = tally.succeeded.iter().filter_map(|trial| Some((trial::objective(trial)?, *trial)));
    let order = |one: &(f64, &Arc<Value>), two: &(f64, &Arc<Value>)| one.0.total_cmp(&two.0);
    if minimize { rated.min_by(order) } else { rated.max_by(order) }.map(|(_, trial)| trial)
}

/// Parameters for the trial with this number, drawn from the feasible space.
fn assignments(stage: &Stage, experiment: &Value, number: i64) -> Vec<Value> {
    let mut stream = stage.dice.stream(&format!("{} parameters {number}", super::title(experiment)));
    let of = |parameter: &Value| {
        let bound =
            |part: &str| parameter.text(&format!("/feasibleSpace/{part}")).and_then(|text| text.parse::<f64>().ok());
        let list: Vec<&str> = parameter.items("/feasibleSpace/list").iter().filter_map(Value::as_str).collect();
        let value = match (parameter.text("/parameterType"), bound("min"), bound("max")) {
            (Some("int"), Some(low), Some(high)) => (stream.random_range(low..=high).round() as i64).to_string(),
            (_, Some(low), Some(high)) => format!("{:.6}", stream.random_range(low..=high)),
            _ if !list.is_empty() => (*pick(&mut stream, &list)).to_owned(),
            _ => String::new(),
        };
        json!({ "name": parameter.text("/name"), "value": value })
    };
    experiment.items("/spec/parameters").iter().map(of).collect()
}

fn trial_name(stage: &Stage, experiment: &Value, number: i64) -> String {
    let suffix = stage.dice.suffix(&format!("{} trial {number}", super::title(experiment)), 8);
    format!("{}-{suffix}", super::name(experiment))
}

/// Keeps the Suggestion at so many requests, with its algorithm service.
async fn suggest(stage: &Stage, experiment: &Value, requests: i64) -> Result<(), ApiError> {
    let (namespace, name) = (super::namespace(experiment), super::name(experiment));
    let algorithm = experiment.text("/spec/algorithm/algorithmName").unwrap_or("random");
    let suggestion = match stage.mirror.get(Kind::Suggestion, namespace, name) {
        Some(suggestion) => suggestion,
        None => {
            let mut wanted = json!({
                "metadata": owned_metadata(Kind::Experiment, experiment, name),
                "spec": {
                    "algorithm": experiment.pointer("/spec/algorithm"), "requests": requests,
                    "resumePolicy": experiment.text("/spec/resumePolicy").unwrap_or("Never"),
                },
            });
            add_labels(&mut wanted, &[(EXPERIMENT, name)]);
            service(stage, experiment, algorithm).await?;
            stage.create(Kind::Suggestion, wanted).await?
        }
    };
    let suggestion = if suggestion.integer("/spec/requests") == Some(requests) {
        suggestion
    } else {
        stage.patch(Kind::Suggestion, &suggestion, &json!({"spec": {"requests": requests}})).await?
    };
    let all: Vec<Value> = (0..requests)
        .map(|number| {
            json!({
                "name": trial_name(stage, experiment, number),
                "parameterAssignments": assignments(stage, experiment, number),
            })
        })
        .collect();
    let mut conditions = suggestion.items("/status/conditions").to_vec();
    let at = began(&suggestion);
    for (kind, reason, message) in [
        ("Created", "SuggestionCreated", "Suggestion is created"),
        ("DeploymentReady", "DeploymentReady", "Deployment is ready"),
        ("Running", "SuggestionRunning", "Suggestion is running"),
    ] {
        append_condition(&mut conditions, &Said { kind, status: true, reason, message }, at);
    }
    let status = json!({
        "suggestionCount": requests, "suggestions": all, "conditions": conditions, "startTime": stamp(at),
    });
    stage.set_status(Kind::Suggestion, &suggestion, &status).await?;
    Ok(())
}

/// The Deployment that serves the algorithm, while the experiment runs.
async fn service(stage: &Stage, experiment: &Value, algorithm: &str) -> Result<(), ApiError> {
    let experiment_name = super::name(experiment);
    let name = format!("{experiment_name}-{algorithm}");
    let labels = json!({
        "katib.kubeflow.org/deployment": name, EXPERIMENT: experiment_name, "katib.kubeflow.org/suggestion": experiment_name,
    });
    let deployment = json!({
        "metadata": owned_metadata(Kind::Experiment, experiment, &name),
        "spec": {
            "replicas": 1, "selector": { "matchLabels": labels },
            "template": {
                "metadata": { "labels": labels, "annotations": { fate::FATE: "forever", fate::LOG_PROFILE: "plain", fate::PULL: "1" } },
                "spec": { "containers": [{
                    "name": "suggestion", "image": "ghcr.io/kubeflow/katib/suggestion-hyperopt:v0.19.0",
                    "resources": { "requests": { "cpu": "100m", "memory": "128Mi" } },
                }] },
            },
        },
    });
    // A run of the past has no algorithm left.
    if super::annotation(experiment, fate::BEGAN).is_none() {
        stage.ensure(Kind::Deployment, deployment).await?;
    }
    Ok(())
}

async fn make_trial(stage: &Stage, experiment: &Value, number: i64) -> Result<(), ApiError> {
    let name = trial_name(stage, experiment, number);
    let values = assignments(stage, experiment, number);
    let mut text = experiment.pointer("/spec/trialTemplate/trialSpec").cloned().unwrap_or_default().to_string();
    for parameter in experiment.items("/spec/trialTemplate/trialParameters") {
        let reference = parameter.text("/reference");
        let value = values.iter().find(|value| value.text("/name") == reference).and_then(|value| value.text("/value"));
        let placeholder = format!("${{trialParameters.{}}}", parameter.text("/name").unwrap_or_default());
        text = text.replace(&placeholder, value.unwrap_or_default());
    }
    let mut run: Value = serde_json::from_str(&text).unwrap_or_default();
    run["metadata"]["name"] = name.as_str().into();
    run["metadata"]["namespace"] = super::namespace(experiment).into();
    let mut trial = json!({
        "metadata": owned_metadata(Kind::Experiment, experiment, &name),
        "spec": {
            "objective": experiment.pointer("/spec/objective"), "parameterAssignments": values, "runSpec": run,
            "metricsCollector": { "collector": { "kind": "StdOut" } },
            "primaryContainerName": experiment.text("/spec/trialTemplate/primaryContainerName"),
            "primaryPodLabels": experiment.pointer("/spec/trialTemplate/primaryPodLabels"),
            "successCondition": "status.conditions.#(type==\"Complete\")#|#(status==\"True\")#",
            "failureCondition": "status.conditions.#(type==\"Failed\")#|#(status==\"True\")#",
        },
    });
    strip_nulls(&mut trial["spec"]);
    add(&mut trial, "labels", map_at(experiment, "/metadata/labels"));
    add_labels(&mut trial, &[(EXPERIMENT, super::name(experiment))]);
    let role = format!("trial-{number}");
    add(&mut trial, "annotations", fate::resolve(&fate::inherit(experiment), &role, 0));
    // A trial of a past experiment began when there was room for it.
    if super::annotation(experiment, fate::BEGAN).is_some()
        && let Some(last) = last_end(&stage.mirror.owned(Kind::Trial, experiment))
    {
        trial["metadata"]["annotations"][fate::BEGAN] = stamp(last).into();
    }
    stage.ensure(Kind::Trial, trial).await?;
    Ok(())
}

/// When the last of these trials ended that has.
fn last_end(trials: &[Arc<Value>]) -> Option<Timestamp> {
    trials.iter().filter_map(|trial| trial.time("/status/completionTime")).max()
}

async fn report(
    stage: &Stage,
    experiment: &Value,
    trials: &[Arc<Value>],
    end: Option<(bool, &str, &str)>,
) -> Result<Next, ApiError> {
    let tally = Tally::of(trials);
    let mut conditions = experiment.items("/status/conditions").to_vec();
    let now = stage.clock.now();
    let mut set = |kind: &str, status: bool, reason: &str, message: &str, at: Timestamp| {
        append_condition(&mut conditions, &Said { kind, status, reason, message }, at);
    };
    set("Created", true, "ExperimentCreated", "Experiment is created", began(experiment));
    let finish = last_end(trials).unwrap_or(now);
    match end {
        None if tally.active() > 0 => {
            if super::condition_is(experiment, "Succeeded", "True") {
                set("Restarting", true, "ExperimentRestarting", "Experiment is restarting", now);
                set("Succeeded", false, "ExperimentRestarting", "Experiment is restarting", now);
            }
            set("Running", true, "ExperimentRunning", "Experiment is running", began(experiment));
        }
        None => {}
        Some((good, reason, message)) => {
            set("Running", false, "ExperimentRunning", "Experiment is not running", finish);
            set(if good { "Succeeded" } else { "Failed" }, true, reason, message, finish);
            let event = if good { "ExperimentSucceeded" } else { "ExperimentFailed" };
            if good {
                stage.normal(experiment, SOURCE, event, message).await;
            } else {
                stage.warning(experiment, SOURCE, event, message).await;
            }
        }
    }
    let names = |trials: &[&Arc<Value>]| {
        let all: Vec<String> = trials.iter().map(|trial| super::name(trial).to_owned()).collect();
        (!all.is_empty()).then_some(all)
    };
    let some = |trials: &[&Arc<Value>]| (!trials.is_empty()).then_some(trials.len());
    let optimal = best(experiment, &tally).map(|trial| {
        json!({
            "bestTrialName": super::name(trial), "parameterAssignments": trial.pointer("/spec/parameterAssignments"),
            "observation": trial.pointer("/status/observation"),
        })
    });
    let mut status = json!({
        "startTime": stamp(began(experiment)), "completionTime": end.map(|_| stamp(finish)), "conditions": conditions,
        "currentOptimalTrial": optimal, "trials": trials.len(),
        "trialsSucceeded": some(&tally.succeeded), "trialsFailed": some(&tally.failed), "trialsRunning": some(&tally.running),
        "trialsPending": some(&tally.pending), "trialMetricsUnavailable": some(&tally.unavailable),
        "succeededTrialList": names(&tally.succeeded), "failedTrialList": names(&tally.failed),
        "runningTrialList": names(&tally.running), "pendingTrialList": names(&tally.pending),
        "metricsUnavailableTrialList": names(&tally.unavailable),
    });
    strip_nulls(&mut status);
    stage.set_status(Kind::Experiment, experiment, &status).await?;
    Ok(Next::Change)
}
