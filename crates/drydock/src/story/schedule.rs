//! Stands in for KFP's scheduled workflow controller: recurring runs.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, stamp};
use super::fate;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{add, add_labels, map_at, owned_metadata};
use super::stage::Stage;

const PREFIX: &str = "scheduledworkflows.kubeflow.org";

/// The stand-in for the controller of recurring runs.
pub(super) struct Schedules;

impl Actor for Schedules {
    const NAME: &'static str = "schedule";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::ScheduledWorkflow if !change.gone => vec![(Kind::ScheduledWorkflow, name_of(&change.object))],
            Kind::Workflow => super::owner_key(&change.object, Kind::ScheduledWorkflow),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(schedule) = stage.mirror.get(Kind::ScheduledWorkflow, &key.1.0, &key.1.1) else {
            return Ok(Next::Change);
        };
        let runs = stage.mirror.owned(Kind::Workflow, &schedule);
        let enabled = schedule.boolean("/spec/enabled") == Some(true);
        let interval = schedule.integer("/spec/trigger/periodicSchedule/intervalSecond").unwrap_or(3600) as f64;
        let index = schedule.integer("/status/trigger/lastWorkflowIndex").unwrap_or(0);
        let last = schedule.time("/status/trigger/lastTriggeredTime");
        let waited = last.map_or(interval, |last| stage.clock.since(last));
        let active =
            runs.iter().filter(|run| !run.text("/status/phase").is_some_and(super::argo::graph::is_over)).count();
        let most = usize::try_from(schedule.integer("/spec/maxConcurrency").unwrap_or(1)).unwrap_or(1);
        let due = enabled && waited >= interval && active < most;
        let (mut index, mut triggered) = (index, schedule.text("/status/trigger/lastTriggeredTime").map(str::to_owned));
        if due {
            index += 1;
            triggered = Some(stage.clock.stamp());
            stage.ensure(Kind::Workflow, run(stage, &schedule, index)).await?;
        }
        let entry = |run: &Value| {
            json!({
                "name": super::name(run), "namespace": super::namespace(run), "phase": run.text("/status/phase").unwrap_or("Pending"),
                "createdAt": run.text("/metadata/creationTimestamp"), "startedAt": run.text("/status/startedAt"),
                "finishedAt": run.text("/status/finishedAt"),
            })
        };
        let (completed, running): (Vec<Value>, Vec<Value>) = runs
            .iter()
            .map(|run| entry(run))
            .partition(|entry| entry.text("/phase").is_some_and(super::argo::graph::is_over));
        let state = if enabled { "Enabled" } else { "Disabled" };
        let next = pilothouse_model::time::parse(triggered.as_deref().unwrap_or_default())
            .map(|last| stamp(stage.clock.after(last, interval)));
        let mut status = json!({
            "conditions": [{
                "type": state, "status": "True", "reason": state, "message": format!("The schedule is {}.", state.to_lowercase()),
                "lastTransitionTime": stamp(began(&schedule)), "lastProbeTime": stamp(began(&schedule)),
            }],
            "trigger": { "lastTriggeredTime": triggered, "nextTriggeredTime": next.filter(|_| enabled), "lastWorkflowIndex": index },
            "workflowHistory": { "active": running, "completed": completed },
        });
        super::training::strip_nulls(&mut status);
        stage.set_status(Kind::ScheduledWorkflow, &schedule, &status).await?;
        Ok(if enabled { Next::In(if due { interval } else { (interval - waited).max(5.0) }) } else { Next::Change })
    }
}

fn run(stage: &Stage, schedule: &Value, index: i64) -> Value {
    let suffix = stage.dice.suffix(&format!("{} run {index}", super::title(schedule)), 5);
    let name = format!("{}-{index}-{suffix}", super::name(schedule));
    let id = stage.dice.uuid(&format!("{} run {index}", super::title(schedule)));
    let spec = match schedule.pointer("/spec/workflow/spec") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or_default(),
        Some(spec) => spec.clone(),
        None => Value::Null,
    };
    let mut workflow = json!({ "metadata": owned_metadata(Kind::ScheduledWorkflow, schedule, &name), "spec": spec });
    add(&mut workflow, "labels", map_at(schedule, "/metadata/labels"));
    add_labels(
        &mut workflow,
        &[
            ("pipeline/runid", &id),
            ("pipelines.kubeflow.org/v2_component", "true"),
            (&format!("{PREFIX}/isOwnedByScheduledWorkflow"), "true"),
            (&format!("{PREFIX}/scheduledWorkflowName"), super::name(schedule)),
            (&format!("{PREFIX}/workflowEpoch"), &stage.clock.now().as_second().to_string()),
            (&format!("{PREFIX}/workflowIndex"), &index.to_string()),
        ],
    );
    add(&mut workflow, "annotations", fate::inherit(schedule));
    add(
        &mut workflow,
        "annotations",
        [
            ("pipelines.kubeflow.org/run_name".to_owned(), json!(name)),
            ("pipelines.kubeflow.org/v2_component".to_owned(), json!("true")),
            ("workflows.argoproj.io/pod-name-format".to_owned(), json!("v2")),
        ],
    );
    workflow
}
