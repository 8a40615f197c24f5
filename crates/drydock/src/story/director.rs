//! Opens the story and keeps it going: the past, what stands, new runs, cleaning up, lost nodes, people at their desks.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use pilothouse_model::Read;

use super::api::ApiError;
use super::clock::stamp;
use super::dice::pick;
use super::kind::Kind;
use super::node::LOST;
use super::scenario::{self, PART_OF_STORY, Scenario, Twist, cast, deck};
use super::stage::Stage;
use super::world::TEAMS;

/// The kinds that runs are made of.
const RUN_KINDS: [Kind; 11] = [
    Kind::Workflow,
    Kind::Experiment,
    Kind::TrainJob,
    Kind::SparkApplication,
    Kind::Job,
    Kind::PyTorchJob,
    Kind::TFJob,
    Kind::MPIJob,
    Kind::XGBoostJob,
    Kind::PaddleJob,
    Kind::JAXJob,
];

/// Story seconds between two new runs: at least and at most.
const PACE: (f64, f64) = (5.0, 9.0);
/// How many runs that ended well are kept, how many that failed, and how many may go on at once, at scale 1. Fewer fail, so
/// that the failures, which people look into, stay for longer: nearly half an hour.
const KEPT: f64 = 60.0;
const FAILURES_KEPT: f64 = 60.0;
const AT_ONCE: f64 = 26.0;
/// Story seconds after which people give up a run that does not get anywhere.
const PATIENCE: f64 = 420.0;
/// Marks what is never cleaned up.
const STANDING: &str = "standing";

/// How long after the beginning the first node is lost, how long it stays so, and how often that happens.
const FIRST_LOSS: f64 = 30.0;
const LOSS_LASTS: f64 = 110.0;
const LOSS_EVERY: f64 = 300.0;

/// Runs the story until it ends.
pub(super) async fn direct(stage: Stage, scale: f64, end: CancellationToken) {
    let work = async {
        stage.mirror.ready().await;
        if let Err(error) = open(&stage).await {
            tracing::warn!(%error, "the story could not open fully");
        }
        tokio::join!(runs(&stage, scale), losses(&stage), people(&stage));
    };
    tokio::select! {
        () = work => {}
        () = end.cancelled() => {}
    }
}

/// What is on the stage when the curtain rises.
async fn open(stage: &Stage) -> Result<(), ApiError> {
    for (number, scenario) in deck::STANDING.iter().enumerate() {
        create(stage, (scenario, None), ("standing", number), STANDING).await?;
    }
    pipelines(stage).await?;
    for (number, (scenario, hours)) in deck::PAST.iter().enumerate() {
        create(stage, (scenario, Some(*hours)), ("past", number), "past").await?;
        // Many pods come with each; the server is given time.
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    Ok(())
}

async fn create(
    stage: &Stage,
    (scenario, hours_ago): (&Scenario, Option<f64>),
    (series, number): (&str, usize),
    part: &str,
) -> Result<(), ApiError> {
    let run = cast(scenario, series, number, stage.dice);
    let (kind, mut object) = scenario::object(&run);
    object["metadata"]["labels"][PART_OF_STORY] = part.into();
    if let Some(hours) = hours_ago {
        scenario::long_ago(&mut object, stage.clock, hours);
    }
    match stage.ensure(kind, object).await {
        // A namespace may be on its way out by somebody's hand.
        Err(error) if error.is_missing() || error.is_forbidden() => {
            tracing::debug!(name = %run.name, %error, "a run was not taken");
            Ok(())
        }
        other => other.map(drop),
    }
}

/// Pipelines with their versions, and a recurring run of each.
async fn pipelines(stage: &Stage) -> Result<(), ApiError> {
    for team in &TEAMS[..4] {
        let name = format!("{}-training", team.subject);
        let id = stage.dice.uuid(&format!("pipeline {name}"));
        let pipeline = json!({
            "metadata": { "name": name, "namespace": team.namespace },
            "spec": { "displayName": format!("{} training", team.subject), "description": "Ingest, train, evaluate, deploy" },
        });
        stage.ensure(Kind::Pipeline, pipeline).await?;
        let version = json!({
            "metadata": {
                "name": format!("{name}-v3"), "namespace": team.namespace, "labels": { "pipelines.kubeflow.org/pipeline-id": id },
            },
            "spec": { "pipelineName": name, "versionName": "v3", "displayName": "v3", "pipelineSpec": { "pipelineInfo": { "name": name } } },
        });
        stage.ensure(Kind::PipelineVersion, version.clone()).await?;
        let ready = json!({ "conditions": [{ "type": "PipelineVersionStatus", "status": "True", "reason": "READY", "message": "" }] });
        stage.set_status(Kind::PipelineVersion, &json!({"metadata": version["metadata"]}), &ready).await?;
        let schedule = json!({
            "metadata": {
                "name": format!("{}-refresh", team.subject), "namespace": team.namespace,
                "annotations": { super::fate::FATE: "succeed 15", super::fate::LOG_PROFILE: "pipeline", super::argo::CACHED: "ingest" },
            },
            "spec": {
                "enabled": team.namespace != "team-speech", "maxConcurrency": 1, "noCatchup": true, "maxHistory": 10,
                "trigger": { "periodicSchedule": { "intervalSecond": 240 } }, "pipelineId": id, "pipelineName": name,
                "workflow": { "spec": scenario::pipeline_spec(team.subject) },
            },
            "status": {},
        });
        stage.ensure(Kind::ScheduledWorkflow, schedule).await?;
    }
    Ok(())
}

/// Starts runs one after another and cleans up behind them.
async fn runs(stage: &Stage, scale: f64) {
    let opened = stage.clock.now();
    let mut number = 0_usize;
    for round in 0_usize.. {
        for index in scenario::shuffled(stage.dice, round) {
            let pace = stage.dice.between(&format!("pace {number}"), PACE.0, PACE.1) / scale.clamp(0.1, 20.0);
            if let Err(error) = clean(stage, opened, scale).await {
                tracing::warn!(%error, "finished runs could not be cleaned up");
            }
            while going_on(stage) as f64 >= AT_ONCE * scale {
                tokio::time::sleep(stage.clock.wait(pace)).await;
                if let Err(error) = clean(stage, opened, scale).await {
                    tracing::warn!(%error, "finished runs could not be cleaned up");
                }
            }
            if let Err(error) = create(stage, (&deck::RUNS[index], None), ("run", number), "run").await {
                tracing::warn!(%error, "a run could not be started");
            }
            number += 1;
            tokio::time::sleep(stage.clock.wait(pace)).await;
        }
    }
}

/// The director's own runs (not what stands), with their kinds.
fn own_runs(stage: &Stage) -> Vec<(Kind, Arc<Value>)> {
    let ours = |run: &Value| {
        let scheduled = super::label(run, "scheduledworkflows.kubeflow.org/scheduledWorkflowName").is_some();
        !super::is_ending(run) && (scheduled || matches!(super::label(run, PART_OF_STORY), Some("run" | "past")))
    };
    RUN_KINDS
        .into_iter()
        .flat_map(|kind| stage.mirror.select(kind, None, ours).into_iter().map(move |run| (kind, run)))
        .collect()
}

fn is_over(kind: Kind, run: &Value) -> bool {
    match kind {
        Kind::Workflow => run.text("/status/phase").is_some_and(super::argo::graph::is_over),
        Kind::SparkApplication => matches!(run.text("/status/applicationState/state"), Some("COMPLETED" | "FAILED")),
        _ => ["Succeeded", "Failed", "Complete"].iter().any(|end| super::condition_is(run, end, "True")),
    }
}

fn going_on(stage: &Stage) -> usize {
    own_runs(stage).iter().filter(|(kind, run)| !is_over(*kind, run)).count()
}

/// Deletes the oldest finished runs, and those that hang.
async fn clean(stage: &Stage, opened: Timestamp, scale: f64) -> Result<(), ApiError> {
    let (over, going): (Vec<_>, Vec<_>) = own_runs(stage).into_iter().partition(|(kind, run)| is_over(*kind, run));
    // What hangs since before the story opened is there to be seen, too.
    let age =
        |run: &Value| run.time("/metadata/creationTimestamp").map_or(0.0, |made| stage.clock.since(made.max(opened)));
    for (kind, run) in going.iter().filter(|(_, run)| age(run) > PATIENCE) {
        stage.delete_once(*kind, run).await?;
    }
    for (kind, run) in surplus(over, scale) {
        stage.delete_once(kind, &run).await?;
    }
    Ok(())
}

fn has_failed(kind: Kind, run: &Value) -> bool {
    match kind {
        Kind::Workflow => matches!(run.text("/status/phase"), Some("Failed" | "Error")),
        Kind::SparkApplication => run.text("/status/applicationState/state") == Some("FAILED"),
        _ => super::condition_is(run, "Failed", "True"),
    }
}

/// Of the runs that are over, the oldest beyond what is kept.
fn surplus(over: Vec<(Kind, Arc<Value>)>, scale: f64) -> Vec<(Kind, Arc<Value>)> {
    let (failed, ended_well): (Vec<_>, Vec<_>) = over.into_iter().partition(|(kind, run)| has_failed(*kind, run));
    let oldest = |(mut runs, kept): (Vec<(Kind, Arc<Value>)>, f64)| {
        runs.sort_by_key(|(_, run)| run.time("/metadata/creationTimestamp"));
        runs.truncate(runs.len().saturating_sub((kept * scale) as usize));
        runs
    };
    [(failed, FAILURES_KEPT), (ended_well, KEPT)].into_iter().flat_map(oldest).collect()
}

/// Lets a node go dark now and then, and come back.
async fn losses(stage: &Stage) {
    tokio::time::sleep(stage.clock.wait(FIRST_LOSS)).await;
    for number in 0_u32.. {
        let mut stream = stage.dice.stream(&format!("loss {number}"));
        let name = *pick(&mut stream, &["t4-2", "cpu-4", "a100-5", "cpu-2", "t4-3", "a100-2"]);
        let lost = set_lost(stage, name, Some(stage.clock.stamp())).await;
        tokio::time::sleep(stage.clock.wait(LOSS_LASTS)).await;
        let back = set_lost(stage, name, None).await;
        for error in [lost.err(), back.err()].into_iter().flatten() {
            tracing::warn!(node = name, %error, "a node could not be lost");
        }
        tokio::time::sleep(stage.clock.wait(LOSS_EVERY - LOSS_LASTS)).await;
    }
}

async fn set_lost(stage: &Stage, name: &str, since: Option<String>) -> Result<(), ApiError> {
    match stage.mirror.get(Kind::Node, "", name) {
        Some(node) => {
            stage.patch(Kind::Node, &node, &json!({"metadata": {"annotations": { LOST: since }}})).await.map(drop)
        }
        None => Ok(()),
    }
}

/// What people do now and then: stop and start notebooks, hold and release jobs.
async fn people(stage: &Stage) {
    for number in 0_u32.. {
        let wait = stage.dice.between(&format!("habit {number}"), 18.0, 40.0);
        tokio::time::sleep(stage.clock.wait(wait)).await;
        if let Err(error) = one_habit(stage, number).await {
            tracing::debug!(%error, "a person was interrupted");
        }
    }
}

async fn one_habit(stage: &Stage, number: u32) -> Result<(), ApiError> {
    let mut stream = stage.dice.stream(&format!("habit {number}"));
    let standing: Vec<usize> = (0..deck::STANDING.len()).filter(|index| is_calm(&deck::STANDING[*index])).collect();
    let index = *pick(&mut stream, &standing);
    let run = cast(&deck::STANDING[index], "standing", index, stage.dice);
    let (kind, _) = scenario::object(&run);
    let Some(object) = stage.mirror.get(kind, run.team.namespace, &run.name) else { return Ok(()) };
    match kind {
        Kind::Notebook => {
            let stopped = super::annotation(&object, "kubeflow-resource-stopped").is_some();
            let value = if stopped { Value::Null } else { stamp(stage.clock.now()).into() };
            stage
                .patch(kind, &object, &json!({"metadata": {"annotations": { "kubeflow-resource-stopped": value }}}))
                .await?;
        }
        Kind::TrainJob if stream.random_bool(0.5) => {
            let suspended = object.boolean("/spec/suspend") == Some(true);
            stage.patch(kind, &object, &json!({"spec": {"suspend": !suspended}})).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Notebooks that run or were stopped, and the job on hold: what people switch. The broken ones stay as they are.
fn is_calm(scenario: &Scenario) -> bool {
    let good = scenario.fates.iter().all(|(_, fate)| *fate == "forever");
    let notebook = matches!(scenario.work, scenario::Work::Notebook { .. });
    (notebook && good && matches!(scenario.twist, Twist::None | Twist::Suspended)) || scenario.word == "foundation"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_failed_outlast_those_that_ended_well() {
        let run = |minute: usize, end: &str| {
            let made = format!("2026-01-01T{:02}:{:02}:00Z", minute / 60, minute % 60);
            let conditions = json!([{ "type": end, "status": "True" }]);
            let name = format!("{end}-{minute}");
            (
                Kind::TrainJob,
                Arc::new(
                    json!({"metadata": {"name": name, "creationTimestamp": made}, "status": {"conditions": conditions}}),
                ),
            )
        };
        // Newest first: what goes is told by age, not by order.
        let over =
            (0..200).rev().map(|minute| run(minute, if minute % 4 == 0 { "Failed" } else { "Complete" })).collect();
        let gone: Vec<String> = surplus(over, 1.0).iter().map(|(_, run)| super::super::name(run).to_owned()).collect();
        assert_eq!(gone.len(), 150 - KEPT as usize, "{gone:?}");
        assert_eq!((gone[0].as_str(), gone.last().unwrap().as_str()), ("Complete-1", "Complete-119"));
    }
}
