//! The training jobs of the training operator and of the MPI operator, all of one shape: PyTorchJob, TFJob, MPIJob,
//! XGBoostJob, PaddleJob and JAXJob.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::{Value, json};

use super::family::Family;
use super::standing::{self, Standing};
use super::{cells, pods, requests, run, why, writes};

const POD_LABEL: &str = "training.kubeflow.org/job-name";

/// Jobs whose replicas are at this pointer.
pub(super) struct TrainingJob {
    pub(super) replicas: &'static str,
}

/// The controller's order: what is true and stands first here wins.
const ORDER: [(&str, State); 6] = [
    ("Failed", State::Failed),
    ("Succeeded", State::Succeeded),
    ("Suspended", State::Suspended),
    ("Restarting", State::Starting),
    ("Running", State::Running),
    ("Created", State::Pending),
];

fn is_suspended(object: &Object) -> bool {
    object.boolean("/spec/runPolicy/suspend") == Some(true)
}

fn standing(object: &Object) -> Standing {
    match standing::first_true(object, &ORDER) {
        Some(found) if found.state == State::Suspended => standing::suspended(object, &found.reason, &found.message),
        Some(found) if found.state == State::Starting => found.at(Level::Warning),
        // Asked for, not yet seen by the controller.
        Some(found) if found.state == State::Pending && is_suspended(object) => {
            standing::suspended(object, "Suspended", "")
        }
        Some(found) => found,
        None if is_suspended(object) => standing::suspended(object, "Suspended", ""),
        None if object.items("/status/conditions").is_empty() => Standing::new(State::Pending),
        None => Standing::new(State::Unknown),
    }
}

impl TrainingJob {
    fn replica_count(&self, object: &Object) -> Option<i64> {
        let replicas = object.pointer(self.replicas)?.as_object()?;
        Some(replicas.values().map(|replica| replica.integer("/replicas").unwrap_or(1)).fold(0, i64::saturating_add))
    }

    fn requested(&self, object: &Object) -> Resources {
        requests::total(object.entries(self.replicas).map(|(_, replica)| {
            let count = requests::replicas(replica, "/replicas");
            replica.get("template").map(|template| requests::of_template(template, count)).unwrap_or_default()
        }))
    }

    fn replicas_table(&self, object: &Object) -> Section {
        let count = |found: Option<i64>, told: bool| match found {
            Some(count) => Shown::Cell(Cell::Integer(count)),
            None if told => Shown::Cell(Cell::Integer(0)),
            None => Shown::Missing,
        };
        let row = |(name, replica): (&str, &Value)| {
            let status = object.pointer("/status/replicaStatuses").and_then(|all| all.get(name));
            let counted = |counter: &str| count(status.and_then(|status| status.integer(counter)), status.is_some());
            let cells = vec![
                Shown::Text(name.to_owned()),
                count(replica.integer("/replicas"), false),
                counted("/active"),
                counted("/succeeded"),
                counted("/failed"),
                cells::shown(replica.text("/restartPolicy")),
            ];
            (None, cells)
        };
        Section::Table {
            title: "Replicas".to_owned(),
            columns: vec![
                Column::new("Type", ColumnKind::Text),
                Column::new("Wanted", ColumnKind::Integer),
                Column::new("Active", ColumnKind::Integer),
                Column::new("Succeeded", ColumnKind::Integer),
                Column::new("Failed", ColumnKind::Integer),
                Column::new("Restarts", ColumnKind::Text),
            ],
            rows: object.entries(self.replicas).map(row).collect(),
            empty: "It has no replicas.".to_owned(),
        }
    }
}

/// Active pods; the controller leaves zeros out of a replica's status.
fn active(object: &Object) -> Option<i64> {
    let statuses = object.pointer("/status/replicaStatuses")?.as_object()?;
    Some(statuses.values().map(|status| status.integer("/active").unwrap_or(0)).fold(0, i64::saturating_add))
}

impl Family for TrainingJob {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Active", ColumnKind::Fraction),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("Duration", ColumnKind::Duration),
            Column::new("Queue", ColumnKind::Text).wide(),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::fraction(active(object).zip(self.replica_count(object))),
            self.requested(object).gpus.into(),
            cells::span(object.time("/status/startTime"), object.time("/status/completionTime")),
            Cell::optional(standing::queue(object).as_deref()),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (mut workload, pods) = run::of(self, object, objects, standing(object));
        let kept = object.entries(self.replicas).all(|(_, replica)| keeps_its_pods(replica));
        let by_pods = || run::first_start(None, &pods).filter(|_| kept);
        workload.started = object.time("/status/startTime").or_else(by_pods);
        let completed = object.time("/status/completionTime");
        workload.finished = completed.or_else(|| run::end(object, &["Failed", "Succeeded"]));
        workload.requested = self.requested(object);
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let standing = standing(object);
        let told = |kind: &str| object.condition(kind).filter(Condition::is_true);
        let own = match standing.state {
            State::Failed => told("Failed").map(|failed| why_failed(object, &failed)),
            State::Starting => told("Restarting")
                .map(|again| why::condition("restarting", object, &again, "Pods failed and are made again".to_owned())),
            State::Suspended | State::Queued => {
                let queue = standing::queue(object);
                let title =
                    queue.map_or("It is suspended".to_owned(), |queue| format!("It waits in the queue `{queue}`"));
                let cause = match told("Suspended") {
                    Some(condition) => why::condition("suspended", object, &condition, title),
                    None => why::field("suspended", object, "spec.runPolicy.suspend", "true", title),
                };
                return vec![cause];
            }
            _ => None,
        };
        why::chain(object, objects, &self.links(object), standing.state, own.into_iter().collect())
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        vec![self.replicas_table(object), pods::section(object, POD_LABEL, object.name())]
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        if standing(object).state.is_over() {
            return Vec::new();
        }
        let words = "Its pods are deleted and give their resources back; what was not saved as a checkpoint is lost.";
        let body = |suspend: bool| json!({"spec": {"runPolicy": {"suspend": suspend}}});
        vec![writes::suspension(is_suspended(object), words, body)]
    }
}

/// Whether pods that failed stay where they are, so that the first start is still to be seen.
fn keeps_its_pods(replica: &Value) -> bool {
    matches!(replica.text("/restartPolicy"), Some("Never" | "OnFailure"))
}

fn why_failed(object: &Object, failed: &Condition<'_>) -> Cause {
    if failed.reason.ends_with("FailedValidation") {
        let cause =
            why::condition("invalid", object, failed, "The operator refused the job's specification".to_owned());
        return why::advise(cause, &["Correct what the message names and create the job again."]);
    }
    if failed.message.contains("active longer than specified deadline") || failed.reason.ends_with("DeadlineExceeded") {
        return why::condition("deadline", object, failed, "It ran longer than its deadline".to_owned());
    }
    why::condition("training-job-failed", object, failed, format!("The job failed: {}", failed.reason))
}
