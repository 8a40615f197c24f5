//! Trial (Katib): one try of an experiment with its parameters. The worker that runs it has the trial's name.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::Value;

use super::experiment::objective_value;
use super::family::Family;
use super::kinds::*;
use super::standing::{self, Standing};
use super::{cells, experiment, pods, requests, run, why};

const POD_LABEL: &str = "katib.kubeflow.org/trial";

pub(super) struct Trial;

/// The controller's order.
const ORDER: [(&str, State); 6] = [
    ("Killed", State::Canceled),
    ("Failed", State::Failed),
    ("Succeeded", State::Succeeded),
    ("EarlyStopped", State::Succeeded),
    ("Running", State::Running),
    ("MetricsUnavailable", State::Failed),
];

pub(super) fn standing(object: &Object) -> Standing {
    match standing::first_true(object, &ORDER) {
        Some(mut found) => {
            let (reason, message) = root(&found.reason, &found.message);
            (found.reason, found.message) = (reason.to_owned(), message.to_owned());
            found
        }
        None => {
            let created = object.condition("Created").filter(Condition::is_true);
            let standing = Standing::new(State::Pending);
            created.map_or(standing.clone(), |created| standing.because(created.reason, created.message))
        }
    }
}

/// The worker's own reason and message, which the controller hangs behind its own: `TrialFailed. Job reason:
/// BackoffLimitExceeded`.
fn root<'a>(reason: &'a str, message: &'a str) -> (&'a str, &'a str) {
    let behind = |text: &'a str, mark: &str| {
        text.split_once(mark).map(|(_, rest)| rest.trim()).filter(|rest| !rest.is_empty()).unwrap_or(text)
    };
    (behind(reason, "Job reason:"), behind(message, "Job message:"))
}

/// A JSON scalar as a person writes it.
pub(super) fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `lr=0.01 batch=32`.
fn assignments(object: &Object) -> Option<String> {
    let list = object.pointer("/spec/parameterAssignments")?.as_array()?;
    let pairs = list.iter().filter_map(|one| Some(format!("{}={}", one.text("/name")?, plain(one.get("value")?))));
    Some(pairs.collect::<Vec<_>>().join(" "))
}

fn objective(object: &Object) -> Cell {
    cells::value(objective_value(object.pointer("/spec/objective"), object.pointer("/status/observation")))
}

/// The worker's resource, of those that Katib ships templates for and that a cluster page can show.
fn worker(object: &Object) -> Option<GroupResource<'static>> {
    let run = object.pointer("/spec/runSpec")?;
    let group = run.text("/apiVersion")?.split_once('/').map_or("", |(group, _)| group);
    Some(match (group, run.text("/kind")?) {
        ("batch", "Job") => JOBS,
        ("trainer.kubeflow.org", "TrainJob") => TRAIN_JOBS,
        ("jobset.x-k8s.io", "JobSet") => JOB_SETS,
        ("argoproj.io", "Workflow") => WORKFLOWS,
        ("kubeflow.org", "PyTorchJob") => PYTORCH_JOBS,
        ("kubeflow.org", "TFJob") => TF_JOBS,
        ("kubeflow.org", "MPIJob") => MPI_JOBS,
        ("kubeflow.org", "XGBoostJob") => XGBOOST_JOBS,
        ("kubeflow.org", "PaddleJob") => PADDLE_JOBS,
        ("kubeflow.org", "JAXJob") => JAX_JOBS,
        _ => return None,
    })
}

/// What a worker asks for that does not count as a workload of its own, being owned; the others say it themselves, and
/// must not count twice.
fn requested(object: &Object) -> Resources {
    let run = object.pointer("/spec/runSpec");
    match (worker(object), run) {
        (Some(JOBS), Some(run)) => run.get("spec").map(requests::of_job_spec).unwrap_or_default(),
        (Some(JOB_SETS), Some(run)) => super::job_set::requested(run),
        _ => Resources::default(),
    }
}

fn experiment(object: &Object) -> Option<ObjectRef> {
    standing::owner(object).or_else(|| {
        Some(ObjectRef {
            api_version: object.api_version().to_owned(),
            kind: "Experiment".to_owned(),
            namespace: object.namespace().map(str::to_owned),
            name: object.label(experiment::LABEL)?.to_owned(),
            uid: None,
        })
    })
}

impl Family for Trial {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("Status", ColumnKind::Status),
            Column::new("Experiment", ColumnKind::Text),
            Column::new("Parameters", ColumnKind::Text),
            Column::new("Objective", ColumnKind::Number),
            Column::new("Duration", ColumnKind::Duration),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::text(experiment(object).as_ref().map(|experiment| experiment.name.as_str())),
            cells::text(assignments(object).as_deref()),
            objective(object),
            cells::span(object.time("/status/startTime"), object.time("/status/completionTime")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        let mut links = Vec::from_iter(pods::link(object, POD_LABEL, object.name()));
        links.extend(worker(object).map(|resource| {
            let namespace = object.namespace().map(str::to_owned);
            Link {
                relation: "children",
                target: LinkTarget::Named { resource, namespace, name: object.name().to_owned() },
            }
        }));
        links
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (mut workload, _) = run::of(self, object, objects, standing(object));
        workload.owner = experiment(object);
        workload.started = object.time("/status/startTime");
        workload.finished = object.time("/status/completionTime");
        workload.requested = requested(object);
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let told = |kind: &str| object.condition(kind).filter(Condition::is_true);
        let standing = standing(object);
        let mut own = Vec::new();
        if let Some(failed) = told("Failed") {
            let (reason, message) = root(failed.reason, failed.message);
            let mut cause = why::condition("trial-failed", object, &failed, format!("Its worker failed: {reason}"));
            message.clone_into(&mut cause.detail);
            own.push(cause);
        } else if let Some(without) = told("MetricsUnavailable") {
            let name = object.text("/spec/objective/objectiveMetricName").unwrap_or("objective");
            let title = format!("It ended without reporting the metric `{name}`");
            let cause = why::condition("no-metrics", object, &without, title);
            let advice = [
                "Print the metric in the form that the experiment's metrics collector reads, for example `name=value`.",
                "Check that the namespace has the label `katib.kubeflow.org/metrics-collector-injection=enabled`.",
            ];
            own.push(why::advise(cause, &advice));
        } else if let Some(killed) = told("Killed") {
            own.push(why::condition("killed", object, &killed, "It was killed".to_owned()));
        }
        why::chain(object, objects, &self.links(object), standing.state, own)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let given = object.items("/spec/parameterAssignments").iter();
        let parameters =
            given.filter_map(|one| Some(Fact::text(one.text("/name")?, &plain(one.get("value")?)))).collect();
        let mut facts = vec![
            Fact::new("Experiment", experiment(object).map_or(Shown::Missing, Shown::Object)),
            Fact::new("Objective", cells::shown(object.text("/spec/objective/objectiveMetricName"))),
            Fact::new("Value", Shown::Cell(objective(object))),
        ];
        if let Some((kind, version)) = object.text("/spec/runSpec/kind").zip(object.text("/spec/runSpec/apiVersion")) {
            let worker = ObjectRef {
                api_version: version.to_owned(),
                kind: kind.to_owned(),
                namespace: object.namespace().map(str::to_owned),
                name: object.name().to_owned(),
                uid: None,
            };
            facts.push(Fact::new("Worker", Shown::Object(worker)));
        }
        vec![
            Section::Facts { title: "Trial".to_owned(), facts },
            Section::Facts { title: "Parameters".to_owned(), facts: parameters },
            metrics(object),
            pods::section(object, POD_LABEL, object.name()),
        ]
    }
}

fn metrics(object: &Object) -> Section {
    let row = |metric: &Value| {
        let numbers = ["/latest", "/min", "/max"].map(|field| Shown::Cell(cells::value(metric.text(field))));
        (None, std::iter::once(cells::shown(metric.text("/name"))).chain(numbers).collect())
    };
    let numbers = ["Latest", "Min", "Max"].map(|title| Column::new(title, ColumnKind::Number));
    Section::Table {
        title: "Metrics".to_owned(),
        columns: std::iter::once(Column::new("Metric", ColumnKind::Text)).chain(numbers).collect(),
        rows: object.items("/status/observation/metrics").iter().map(row).collect(),
        empty: "No metrics have been reported.".to_owned(),
    }
}
