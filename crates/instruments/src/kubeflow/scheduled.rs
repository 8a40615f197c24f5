//! What starts runs by a timetable: ScheduledWorkflow (recurring pipeline runs) and ScheduledSparkApplication.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::json;

use super::family::Family;
use super::kinds::{SPARK_APPLICATIONS, WORKFLOWS};
use super::{cells, why, writes};

pub(super) struct ScheduledWorkflow;
pub(super) struct ScheduledSparkApplication;

const WORKFLOW_LABEL: &str = "scheduledworkflows.kubeflow.org/scheduledWorkflowName";
const SPARK_LABEL: &str = "sparkoperator.k8s.io/scheduled-app-name";

fn schedule(object: &Object) -> Option<String> {
    let cron = object.text("/spec/trigger/cronSchedule/cron").filter(|cron| !cron.is_empty()).map(str::to_owned);
    let period = || {
        let seconds = object.integer("/spec/trigger/periodicSchedule/intervalSecond")?;
        Some(format!("every {}", time::human(jiff::SignedDuration::from_secs(seconds))))
    };
    cron.or_else(period)
}

fn labelled(object: &Object, resource: GroupResource<'static>, key: &str) -> Option<Link> {
    let namespace = object.namespace()?.to_owned();
    let (key, value) = (key.to_owned(), object.name().to_owned());
    Some(Link { relation: "runs", target: LinkTarget::Labelled { resource, namespace, key, value } })
}

fn runs(object: &Object, resource: GroupResource<'static>, key: &str) -> Section {
    Section::Listing {
        title: "Runs".to_owned(),
        resource: Some((resource.group.to_owned(), resource.plural.to_owned())),
        query: format!("label:{key}={} ns:{}", object.name(), object.namespace().unwrap_or_default()),
        sort: "age".to_owned(),
        limit: 50,
        empty: "No runs: none were started yet, or they are gone.".to_owned(),
    }
}

fn workflow_status(object: &Object) -> Status {
    if let Some(error) = object.condition("Error").filter(Condition::is_true) {
        return Status::new(Level::Error, "Error").because(error.reason, error.message);
    }
    match object.boolean("/spec/enabled") {
        Some(true) => Status::new(Level::Good, "Enabled"),
        Some(false) => Status::new(Level::Idle, "Disabled"),
        // The field may be left out, and then the schedule is off; the controller's word goes before.
        None => match object.condition("Enabled").filter(Condition::is_true) {
            Some(_) => Status::new(Level::Good, "Enabled"),
            None if object.condition("Disabled").is_some_and(|off| off.is_true()) => {
                Status::new(Level::Idle, "Disabled")
            }
            None => Status::new(Level::Unknown, "Unknown"),
        },
    }
}

impl Family for ScheduledWorkflow {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("Status", ColumnKind::Status),
            Column::new("Schedule", ColumnKind::Text),
            Column::new("Last run", ColumnKind::Age),
            Column::new("Next run", ColumnKind::Time),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = workflow_status(object);
        let cells = vec![
            Cell::text(&status.word),
            Cell::optional(schedule(object).as_deref()),
            cells::moment(object.time("/status/trigger/lastTriggeredTime")),
            cells::moment(object.time("/status/trigger/nextTriggeredTime")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        labelled(object, WORKFLOWS, WORKFLOW_LABEL).into_iter().collect()
    }

    fn explain(&self, object: &Object, _objects: &dyn Objects) -> Vec<Cause> {
        let error = object.condition("Error").filter(Condition::is_true);
        let title = || "The schedule cannot start runs".to_owned();
        error.map(|error| why::condition("schedule-error", object, &error, title())).into_iter().collect()
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let facts = vec![
            Fact::new("Schedule", cells::shown(schedule(object).as_deref())),
            Fact::new("Last run", cells::shown_moment(object.time("/status/trigger/lastTriggeredTime"))),
            Fact::new("Next run", cells::shown_moment(object.time("/status/trigger/nextTriggeredTime"))),
            Fact::new("At once", Shown::Cell(cells::count(object.integer("/spec/maxConcurrency")))),
            Fact::new("Pipeline", cells::shown(object.text("/spec/pipelineName"))),
        ];
        vec![Section::Facts { title: "Schedule".to_owned(), facts }, runs(object, WORKFLOWS, WORKFLOW_LABEL)]
    }
}

fn spark_status(object: &Object) -> Status {
    let reason = object.text("/status/reason").unwrap_or_default();
    if object.boolean("/spec/suspend") == Some(true) {
        return Status::new(Level::Idle, "Suspended");
    }
    match object.text("/status/scheduleState") {
        Some("Scheduled") => Status::new(Level::Good, "Scheduled"),
        Some("Validating") => Status::new(Level::Progress, "Validating"),
        Some("FailedValidation") => Status::new(Level::Error, "FailedValidation").because("FailedValidation", reason),
        None | Some("") => Status::new(Level::Waiting, "New"),
        Some(other) => Status::new(Level::Unknown, other),
    }
}

impl Family for ScheduledSparkApplication {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("Status", ColumnKind::Status),
            Column::new("Schedule", ColumnKind::Text),
            Column::new("Last run", ColumnKind::Age),
            Column::new("Last run name", ColumnKind::Text),
            Column::new("Next run", ColumnKind::Time),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = spark_status(object);
        let cells = vec![
            Cell::text(&status.word),
            cells::text(object.text("/spec/schedule")),
            cells::moment(object.time("/status/lastRun")),
            cells::text(object.text("/status/lastRunName")),
            cells::moment(object.time("/status/nextRun")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        labelled(object, SPARK_APPLICATIONS, SPARK_LABEL).into_iter().collect()
    }

    fn explain(&self, object: &Object, _objects: &dyn Objects) -> Vec<Cause> {
        let status = spark_status(object);
        if status.level != Level::Error {
            return Vec::new();
        }
        let title = "The schedule was refused".to_owned();
        vec![why::field("schedule-error", object, "status.reason", &status.message, title)]
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        vec![runs(object, SPARK_APPLICATIONS, SPARK_LABEL)]
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        let body = |suspend: bool| json!({"spec": {"suspend": suspend}});
        if object.boolean("/spec/suspend") == Some(true) {
            vec![writes::patch("resume", "Resume", Danger::Reversible, "It starts runs again.", body(false))]
        } else {
            vec![writes::patch("suspend", "Suspend", Danger::Reversible, "It starts no more runs.", body(true))]
        }
    }
}
