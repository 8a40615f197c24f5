//! TrainJob: a training run of Kubeflow Trainer. It makes one JobSet of the same name, which makes Jobs, which make pods.
//!
//! Its conditions are `Suspended`, `Complete` and `Failed` and nothing else: a run has no `Running`, and `Suspended=False`
//! means that it was resumed.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::{Value, json};

use super::family::Family;
use super::kinds::{CLUSTER_TRAINING_RUNTIMES, JOB_SETS, JOBS, TRAINING_RUNTIMES};
use super::standing::{self, Standing};
use super::{cells, job_set, pods, requests, run, why, writes};
use crate::causes;

pub(super) const POD_LABEL: &str = "jobset.sigs.k8s.io/jobset-name";

pub(super) struct TrainJob;

/// The sum of a counter over the child jobs; unknown when there is no list.
fn jobs(object: &Object, counter: &str) -> Option<i64> {
    let jobs = object.pointer("/status/jobsStatus")?.as_array()?;
    Some(jobs.iter().filter_map(|job| job.integer(counter)).fold(0, i64::saturating_add))
}

fn is_suspended(object: &Object) -> bool {
    object.boolean("/spec/suspend") == Some(true)
}

fn standing(object: &Object, job_set: Option<&Object>) -> Standing {
    let ends = [("Failed", State::Failed), ("Complete", State::Succeeded)];
    if let Some(over) = standing::first_true(object, &ends) {
        return over;
    }
    let suspended = object.condition("Suspended").filter(Condition::is_true);
    if let Some(condition) = suspended {
        return standing::suspended(object, condition.reason, condition.message);
    }
    if is_suspended(object) {
        return standing::suspended(object, "Suspended", "");
    }
    if let Some(active) = jobs(object, "/active").filter(|active| *active > 0) {
        let ready = jobs(object, "/ready").unwrap_or(0);
        let standing = Standing::new(if ready >= active { State::Running } else { State::Starting });
        return match initializer(object) {
            Some(name) => standing.because("Initializing", &format!("Its {name} runs; training has not begun.")),
            None => standing,
        };
    }
    match job_set.and_then(|set| set.integer("/status/restarts")).filter(|restarts| *restarts > 0) {
        Some(restarts) => Standing::new(State::Starting)
            .at(Level::Warning)
            .because("Restarting", &format!("Its job set was restarted {restarts} times.")),
        None => Standing::new(State::Pending),
    }
}

/// The active job that prepares the training, when no other job is active.
fn initializer(object: &Object) -> Option<&str> {
    let jobs = object.items("/status/jobsStatus").iter();
    let mut active = jobs.filter(|job| job.integer("/active").is_some_and(|count| count > 0));
    let first = active.next()?.text("/name").filter(|name| name.ends_with("-initializer"))?;
    active.all(|job| job.text("/name").is_some_and(|name| name.ends_with("-initializer"))).then_some(first)
}

fn progress(object: &Object) -> Option<(i64, i64)> {
    let percent = object.integer("/status/trainerStatus/progressPercentage")?;
    Some((percent.clamp(0, 100), 100))
}

fn runtime_target(object: &Object) -> Option<LinkTarget> {
    let name = object.text("/spec/runtimeRef/name")?.to_owned();
    Some(match object.text("/spec/runtimeRef/kind").unwrap_or("ClusterTrainingRuntime") {
        "TrainingRuntime" => {
            LinkTarget::Named { resource: TRAINING_RUNTIMES, namespace: object.namespace().map(str::to_owned), name }
        }
        _ => LinkTarget::Named { resource: CLUSTER_TRAINING_RUNTIMES, namespace: None, name },
    })
}

/// Nodes by the job itself, else by its runtime.
fn nodes(object: &Object, runtime: Option<&Object>) -> Option<i64> {
    let own = object.integer("/spec/trainer/numNodes");
    own.or_else(|| runtime?.integer("/spec/mlPolicy/numNodes"))
}

/// What the job set's templates ask for; what they do not say, and before there is one, nodes times what the job asks for
/// each.
fn requested(object: &Object, job_set: Option<&Object>, runtime: Option<&Object>) -> Resources {
    let per_node = object.pointer("/spec/trainer/resourcesPerNode").map(requests::of_resources).unwrap_or_default();
    let own = requests::times(per_node, nodes(object, runtime));
    let set = job_set.map(|set| job_set::requested(set)).unwrap_or_default();
    Resources { cpu: set.cpu.or(own.cpu), memory: set.memory.or(own.memory), gpus: set.gpus.or(own.gpus) }
}

fn first(target: Option<LinkTarget>, object: &Object, objects: &dyn Objects) -> Option<std::sync::Arc<Object>> {
    target?.resolve(object.uid(), objects).objects.into_iter().next()
}

fn job_set_target(object: &Object) -> LinkTarget {
    let namespace = object.namespace().map(str::to_owned);
    LinkTarget::Named { resource: JOB_SETS, namespace, name: object.name().to_owned() }
}

/// The job set of this run; one of the same name that belongs to something else is not it.
fn job_set_of(object: &Object, objects: &dyn Objects) -> Option<std::sync::Arc<Object>> {
    let set = first(Some(job_set_target(object)), object, objects)?;
    let own =
        object.uid().is_empty() || set.owners().next().is_none() || set.owners().any(|owner| owner.uid == object.uid());
    own.then_some(set)
}

impl Family for TrainJob {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Runtime", ColumnKind::Text),
            Column::new("Nodes", ColumnKind::Integer),
            Column::new("Progress", ColumnKind::Fraction),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("Queue", ColumnKind::Text).wide(),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object, None).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::text(object.text("/spec/runtimeRef/name")),
            cells::count(nodes(object, None)),
            cells::fraction(progress(object)),
            requested(object, None, None).gpus.into(),
            Cell::optional(standing::queue(object).as_deref()),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        let mut links = vec![Link { relation: "children", target: job_set_target(object) }];
        if let Some(namespace) = object.namespace().map(str::to_owned) {
            let (key, value) = (POD_LABEL.to_owned(), object.name().to_owned());
            let target = LinkTarget::Labelled { resource: JOBS, namespace, key, value };
            links.push(Link { relation: "children", target });
        }
        links.extend(pods::link(object, POD_LABEL, object.name()));
        links.extend(runtime_target(object).map(|target| Link { relation: "runtime", target }));
        links
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let set = job_set_of(object, objects);
        let runtime = first(runtime_target(object), object, objects);
        let (mut workload, pods) = run::of(self, object, objects, standing(object, set.as_deref()));
        let restarts = set.as_deref().and_then(|set| set.integer("/status/restarts"));
        workload.started = run::first_start(restarts, &pods);
        workload.finished = run::end(object, &["Failed", "Complete"]);
        workload.progress = progress(object);
        workload.requested = requested(object, set.as_deref(), runtime.as_deref());
        workload.attempts = restarts.map(|restarts| restarts.saturating_add(1));
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let set = job_set_of(object, objects);
        let standing = standing(object, set.as_deref());
        let mut own = Vec::new();
        if let Some(failed) = object.condition("Failed").filter(Condition::is_true) {
            own.push(why_failed(object, &failed));
        } else if matches!(standing.state, State::Suspended | State::Queued) {
            return vec![why_suspended(object, &standing)];
        } else if standing.state == State::Pending {
            own.extend(unknown_runtime(object, objects));
        }
        let failed_set = set.as_deref().and_then(|set| Some((set, set.condition("Failed")?)));
        if let Some((set, failed)) = failed_set.filter(|(_, failed)| failed.is_true()) {
            own.push(why::condition("job-set-failed", set, &failed, format!("Its job set failed: {}", failed.reason)));
        }
        why::chain(object, objects, &self.links(object), standing.state, own)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let mut sections = vec![Section::Facts { title: "Training".to_owned(), facts: facts(object) }];
        sections.extend(jobs_table(object));
        sections.extend(metrics_table(object));
        sections.push(pods::section(object, POD_LABEL, object.name()));
        sections
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        if matches!(standing(object, None).state, State::Succeeded | State::Failed) {
            return Vec::new();
        }
        let words = "Its pods are deleted and give their resources back; what was not saved as a checkpoint is lost.";
        vec![writes::suspension(is_suspended(object), words, |suspend| json!({"spec": {"suspend": suspend}}))]
    }
}

fn why_failed(object: &Object, failed: &Condition<'_>) -> Cause {
    match failed.reason {
        "DeadlineExceeded" => {
            let title = format!("It ran longer than its deadline{}", causes::of_deadline(object));
            let cause = why::condition("deadline", object, failed, title);
            why::advise(cause, &["Raise `spec.activeDeadlineSeconds` in a new TrainJob, or make the run shorter."])
        }
        "TrainingRuntimeNotSupported" => {
            let runtime = object.text("/spec/runtimeRef/name").unwrap_or("?");
            let title = format!("Its runtime `{runtime}` is not supported or does not exist");
            let cause = why::condition("runtime-not-supported", object, failed, title);
            why::advise(cause, &["Choose one of the training runtimes that the cluster has."])
        }
        "" => why::condition("train-job-failed", object, failed, "The run failed".to_owned()),
        reason => why::condition("train-job-failed", object, failed, format!("The run failed: {reason}")),
    }
}

fn why_suspended(object: &Object, standing: &Standing) -> Cause {
    let queue = standing::queue(object).filter(|_| standing.state == State::Queued);
    let title = match &queue {
        Some(queue) => format!("It waits to be admitted by the queue `{queue}`"),
        None => "It is suspended".to_owned(),
    };
    let id = if queue.is_some() { "queued" } else { "suspended" };
    let cause = match object.condition("Suspended").filter(Condition::is_true) {
        Some(condition) => why::condition(id, object, &condition, title),
        None => why::field(id, object, "spec.suspend", "true", title),
    };
    if queue.is_some() { cause } else { why::advise(cause, &["Resume it."]) }
}

/// A runtime that certainly does not exist.
fn unknown_runtime(object: &Object, objects: &dyn Objects) -> Option<Cause> {
    let found = runtime_target(object)?.resolve(object.uid(), objects);
    if !found.objects.is_empty() || !found.completeness.is_complete() {
        return None;
    }
    let name = object.text("/spec/runtimeRef/name")?;
    let cause = why::field("no-runtime", object, "spec.runtimeRef.name", name, format!("There is no runtime `{name}`"));
    Some(why::advise(cause, &["Choose one of the training runtimes that the cluster has."]))
}

fn facts(object: &Object) -> Vec<Fact> {
    let number = |value: Option<i64>| value.map_or(Shown::Missing, |value| Shown::Cell(Cell::Integer(value)));
    let runtime = object.text("/spec/runtimeRef/name").map_or(Shown::Missing, |name| {
        let kind = object.text("/spec/runtimeRef/kind").unwrap_or("ClusterTrainingRuntime");
        Shown::Object(ObjectRef {
            api_version: "trainer.kubeflow.org/v1alpha1".to_owned(),
            kind: kind.to_owned(),
            namespace: object.namespace().filter(|_| kind == "TrainingRuntime").map(str::to_owned),
            name: name.to_owned(),
            uid: None,
        })
    });
    let mut facts = vec![
        Fact::new("Runtime", runtime),
        Fact::new("Nodes", number(nodes(object, None))),
        Fact::new(
            "Image",
            object.text("/spec/trainer/image").map_or(Shown::Missing, |image| Shown::Code(image.to_owned())),
        ),
    ];
    if let Some((percent, _)) = progress(object) {
        facts.push(Fact::text("Progress", &format!("{percent} %")));
    }
    // Nobody takes back the estimate of a run that ended early.
    let estimate = object.integer("/status/trainerStatus/estimatedRemainingSeconds");
    if let Some(seconds) = estimate.filter(|_| !standing(object, None).state.is_over()) {
        facts.push(Fact::new("Remaining", Shown::Duration(jiff::SignedDuration::from_secs(seconds))));
    }
    if let Some(moment) = object.time("/status/trainerStatus/lastUpdatedTime") {
        facts.push(Fact::new("Progress told", Shown::Time(moment)));
    }
    facts
}

/// The counters of a job, and whether they still hold when the run is over.
const COUNTERS: [(&str, bool); 5] =
    [("Active", false), ("Ready", false), ("Succeeded", true), ("Failed", true), ("Suspended", false)];

fn jobs_table(object: &Object) -> Option<Section> {
    let list = object.pointer("/status/jobsStatus")?.as_array()?;
    let over = standing(object, None).state.is_over();
    // What was active when the run ended is no longer, whatever the last report said.
    let counters = COUNTERS.into_iter().filter(|(_, lasting)| *lasting || !over).map(|(title, _)| title);
    let counters: Vec<&str> = counters.collect();
    let row = |job: &Value| {
        let name = cells::shown(job.text("/name"));
        let counts = counters.iter().map(|counter| job.get(counter.to_lowercase()).and_then(Value::as_i64));
        let counts = counts.map(|count| count.map_or(Shown::Unknown, |count| Shown::Cell(Cell::Integer(count))));
        (None, std::iter::once(name).chain(counts).collect())
    };
    let columns = counters.iter().map(|title| Column::new(title, ColumnKind::Integer));
    Some(Section::Table {
        title: "Jobs".to_owned(),
        columns: std::iter::once(Column::new("Job", ColumnKind::Text)).chain(columns).collect(),
        rows: list.iter().map(row).collect(),
        empty: "No jobs yet.".to_owned(),
    })
}

fn metrics_table(object: &Object) -> Option<Section> {
    let metrics = object.pointer("/status/trainerStatus/metrics")?.as_array()?;
    let row = |metric: &Value| {
        (None, vec![cells::shown(metric.text("/name")), Shown::Cell(cells::value(metric.text("/value")))])
    };
    Some(Section::Table {
        title: "Metrics".to_owned(),
        columns: vec![Column::new("Metric", ColumnKind::Text), Column::new("Value", ColumnKind::Number)],
        rows: metrics.iter().map(row).collect(),
        empty: "The trainer has told no metrics.".to_owned(),
    })
}
