//! JobSet: several Jobs as one. Below a TrainJob it is a part of it; alone it is a workload itself.

use pilothouse_model::*;
use serde_json::{Value, json};

use super::family::Family;
use super::kinds::JOBS;
use super::standing::{self, Standing};
use super::train_job::POD_LABEL;
use super::{cells, pods, requests, run, why, writes};

pub(super) struct JobSet;

fn standing(object: &Object) -> Standing {
    let ends = [("Failed", State::Failed), ("Completed", State::Succeeded)];
    if let Some(over) = standing::first_true(object, &ends) {
        return over;
    }
    if let Some(condition) = object.condition("Suspended").filter(Condition::is_true) {
        return standing::suspended(object, condition.reason, condition.message);
    }
    if object.boolean("/spec/suspend") == Some(true) {
        return standing::suspended(object, "Suspended", "");
    }
    let count = |counter: &str| {
        let jobs = object.items("/status/replicatedJobsStatus");
        jobs.iter().filter_map(|job| job.integer(counter)).fold(0, i64::saturating_add)
    };
    let restarts = object.integer("/status/restarts").unwrap_or(0);
    match (count("/active"), count("/ready")) {
        (active, ready) if active > 0 && ready >= active => Standing::new(State::Running),
        (active, _) if active > 0 => Standing::new(State::Starting),
        _ if restarts > 0 => Standing::new(State::Starting)
            .at(Level::Warning)
            .because("Restarting", &format!("It was restarted {restarts} times.")),
        _ => Standing::new(State::Pending),
    }
}

/// What all of its jobs ask for together.
pub(super) fn requested(set: &Value) -> Resources {
    requests::total(set.items("/spec/replicatedJobs").iter().map(|job| {
        let replicas = requests::replicas(job, "/replicas");
        job.pointer("/template/spec")
            .map(|spec| requests::times(requests::of_job_spec(spec), replicas))
            .unwrap_or_default()
    }))
}

fn replicas(object: &Object) -> Option<i64> {
    let jobs = object.pointer("/spec/replicatedJobs")?.as_array()?;
    Some(jobs.iter().map(|job| job.integer("/replicas").unwrap_or(1)).fold(0, i64::saturating_add))
}

impl Family for JobSet {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Jobs", ColumnKind::Integer),
            Column::new("Restarts", ColumnKind::Integer),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("Owner", ColumnKind::Text).wide(),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::count(replicas(object)),
            cells::count(object.integer("/status/restarts")),
            requested(object).gpus.into(),
            standing::owner(object).map_or(Cell::Missing, |owner| Cell::text(&owner.to_string())),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        let mut links = vec![Link { relation: "children", target: LinkTarget::Owned { resource: JOBS } }];
        links.extend(pods::link(object, POD_LABEL, object.name()));
        links
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        if object.controller().is_some() {
            return None;
        }
        let (mut workload, pods) = run::of(self, object, objects, standing(object));
        workload.started = run::first_start(object.integer("/status/restarts"), &pods);
        workload.finished = run::end(object, &["Failed", "Completed"]);
        workload.requested = requested(object);
        workload.attempts = object.integer("/status/restarts").map(|restarts| restarts.saturating_add(1));
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let failed = object.condition("Failed").filter(Condition::is_true);
        let own = failed.map(|failed| {
            why::condition("job-set-failed", object, &failed, format!("The job set failed: {}", failed.reason))
        });
        why::chain(object, objects, &self.links(object), standing(object).state, own.into_iter().collect())
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        vec![pods::section(object, POD_LABEL, object.name())]
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        // The controller above would undo it.
        if object.controller().is_some() || standing(object).state.is_over() {
            return Vec::new();
        }
        let suspended = object.boolean("/spec/suspend") == Some(true);
        let words = "Its pods are deleted and give their resources back.";
        vec![writes::suspension(suspended, words, |suspend| json!({"spec": {"suspend": suspend}}))]
    }
}
