//! Workflow (Argo): what a pipeline run is inside the cluster. Kubeflow Pipelines keeps no resource of its own for a run;
//! the run's id and name are a label and an annotation here.

mod graph;
mod nodes;

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::{Value, json};

use super::family::Family;
use super::standing::{self, Standing};
use super::{cells, pods, requests, run, why, writes};
use nodes::{Node, Nodes};

const POD_LABEL: &str = "workflows.argoproj.io/workflow";
const RUN_ID: &str = "pipeline/runid";
const RUN_NAME: &str = "pipelines.kubeflow.org/run_name";

pub(super) struct Workflow;

/// What says that it was told to end before its time.
fn told_to_end(object: &Object) -> Option<(&'static str, String)> {
    let shutdown = object.text("/spec/shutdown").filter(|how| !how.is_empty());
    if let Some(how) = shutdown {
        return Some(("spec.shutdown", how.to_owned()));
    }
    (object.integer("/spec/activeDeadlineSeconds") == Some(0)).then(|| ("spec.activeDeadlineSeconds", "0".to_owned()))
}

fn standing(object: &Object) -> Standing {
    let message = object.text("/status/message").unwrap_or_default();
    let told = |state: State, reason: &str| Standing::new(state).because(reason, message);
    let ending = told_to_end(object).is_some();
    match object.text("/status/phase").unwrap_or_default() {
        "Succeeded" => told(State::Succeeded, ""),
        "Failed" | "Error" if ending => told(State::Canceled, "Terminated"),
        "Failed" => told(State::Failed, "Failed"),
        "Error" => told(State::Failed, "Error"),
        "" | "Pending" | "Running" if ending => told(State::Stopping, "Terminating"),
        "" | "Pending" | "Running" if object.boolean("/spec/suspend") == Some(true) => {
            standing::suspended(object, "Suspended", message)
        }
        "" | "Pending" => told(State::Pending, ""),
        "Running" => told(State::Running, ""),
        other => told(State::Unknown, other),
    }
}

/// `2/5`.
fn progress(object: &Object) -> Option<(i64, i64)> {
    let (done, total) = object.text("/status/progress")?.split_once('/')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}

impl Family for Workflow {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Run", ColumnKind::Text),
            Column::new("Progress", ColumnKind::Fraction),
            Column::new("Duration", ColumnKind::Duration),
            Column::new("Message", ColumnKind::Text),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::text(object.annotation(RUN_NAME)),
            cells::fraction(progress(object)),
            cells::span(object.time("/status/startedAt"), object.time("/status/finishedAt")),
            cells::text(object.text("/status/message")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (mut workload, pods) = run::of(self, object, objects, standing(object));
        workload.started = object.time("/status/startedAt");
        workload.finished = object.time("/status/finishedAt");
        workload.progress = progress(object);
        // A workflow's steps come and go: what it asks for is what its unfinished pods ask for.
        let unfinished = |phase: Option<&str>| !matches!(phase, Some("Succeeded" | "Failed"));
        let live = pods.iter().filter(|pod| unfinished(pod.text("/status/phase")));
        workload.requested = requests::total(live.filter_map(|pod| pod.get("spec").map(requests::of_pod_spec)));
        let retries = object.annotation("pipelines.kubeflow.org/retry-generation").and_then(|text| text.parse().ok());
        workload.attempts = retries.map(|retries: i64| retries.saturating_add(1));
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let standing = standing(object);
        if let Some((field, value)) = told_to_end(object) {
            let title = "It was told to end before it was done".to_owned();
            return vec![why::field("terminated", object, field, &value, title)];
        }
        let mut own = match Nodes::of(object) {
            Nodes::Known(nodes) if standing.state != State::Succeeded => causes_of_nodes(object, &nodes),
            _ => Vec::new(),
        };
        if let Some(error) = object.condition("SpecError").filter(Condition::is_true) {
            own.push(why::condition("invalid", object, &error, "Its specification is wrong".to_owned()));
        }
        if standing.state == State::Failed {
            let (field, value) = match standing.message.as_str() {
                "" => ("status.phase", standing.reason.as_str()),
                message => ("status.message", message),
            };
            let mut cause = why::field("workflow-failed", object, field, value, "The workflow failed".to_owned());
            cause.detail.clone_from(&standing.message);
            own.push(cause);
        }
        if matches!(standing.state, State::Suspended | State::Queued) {
            own.push(why::field("suspended", object, "spec.suspend", "true", "It is suspended".to_owned()));
        }
        why::chain(object, objects, &self.links(object), standing.state, own)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let mut sections = vec![Section::Facts { title: "Run".to_owned(), facts: facts(object) }];
        match Nodes::of(object) {
            Nodes::Known(nodes) => {
                sections.push(graph::section(object, &nodes));
                sections.push(graph::table(object, &nodes));
            }
            Nodes::None => {}
            Nodes::Unreadable(why) => sections.push(Section::Notice {
                status: Status::new(Level::Unknown, "Unreadable"),
                text: format!("The steps of this workflow cannot be shown: {why}"),
            }),
        }
        sections.push(pods::section(object, POD_LABEL, object.name()));
        sections
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        let standing = standing(object);
        if standing.state.is_over() || told_to_end(object).is_some() {
            return Vec::new();
        }
        let spec = |field: &str, value: Value| json!({"spec": {field: value}});
        let words = "Running steps are ended at once, and no exit handler runs.";
        let terminate = |body| writes::patch("terminate", "Terminate", Danger::Destructive, words, body);
        if object.label(RUN_ID).is_some() {
            // As Kubeflow Pipelines itself does it: its own state follows the workflow's end.
            return vec![terminate(spec("activeDeadlineSeconds", json!(0)))];
        }
        let suspended = object.boolean("/spec/suspend") == Some(true);
        let pause = if suspended {
            let words = "Its next steps are started again.";
            writes::patch("resume", "Resume", Danger::Reversible, words, spec("suspend", Value::Null))
        } else {
            let words = "Running steps end as they would; no new ones are started.";
            writes::patch("suspend", "Suspend", Danger::Reversible, words, spec("suspend", json!(true)))
        };
        let words = "Running steps are ended; exit handlers still run.";
        vec![
            pause,
            writes::patch("stop", "Stop", Danger::Destructive, words, spec("shutdown", json!("Stop"))),
            terminate(spec("shutdown", json!("Terminate"))),
        ]
    }
}

/// Steps that failed, first failed first, and steps that wait and say for what.
fn causes_of_nodes(object: &Object, nodes: &[Node]) -> Vec<Cause> {
    const TOLD: usize = 10;
    // A failed attempt is no cause while, or after which, the step went well.
    let retries: Vec<_> = nodes.iter().filter(|node| node.kind == "Retry" && !node.has_failed()).collect();
    let forgiven = |node: &Node| retries.iter().any(|retry| node.is_attempt_of(retry));
    let mut failed: Vec<_> =
        nodes.iter().filter(|node| node.is_leaf() && node.has_failed() && !forgiven(node)).collect();
    failed.sort_by_key(|node| (node.finished, &node.id));
    let waiting = nodes.iter().filter(|node| node.is_leaf() && node.phase == "Pending" && !node.message.is_empty());
    let failed = failed.into_iter().take(TOLD).map(|node| cause_of_failed(object, node));
    failed.chain(waiting.take(TOLD).map(|node| cause_of_waiting(object, node))).collect()
}

fn cause_of_failed(object: &Object, node: &Node) -> Cause {
    let out_of_memory = node.message.contains("OOMKilled");
    let (id, title) = if out_of_memory {
        ("out-of-memory", format!("Step `{}` ran out of memory", node.task_label()))
    } else {
        match &node.exit_code {
            Some(code) => ("step-failed", format!("Step `{}` failed with exit code {code}", node.task_label())),
            None => ("step-failed", format!("Step `{}` failed", node.task_label())),
        }
    };
    let (field, value) = match node.message.as_str() {
        "" => ("phase", node.phase.as_str()),
        message => ("message", message),
    };
    let mut cause = why::field(id, object, &format!("status.nodes[{}].{field}", node.id), value, title);
    cause.evidence[0].since = node.finished;
    cause.detail = match node.pod_name(object) {
        Some(pod) => format!("Pod {pod}: {value}"),
        None => value.to_owned(),
    };
    if out_of_memory { why::advise(cause, &["Give the step a larger memory limit."]) } else { cause }
}

fn cause_of_waiting(object: &Object, node: &Node) -> Cause {
    let field = format!("status.nodes[{}].message", node.id);
    let mut cause =
        why::field("step-waits", object, &field, &node.message, format!("Step `{}` cannot start", node.task_label()));
    cause.detail.clone_from(&node.message);
    cause
}

fn facts(object: &Object) -> Vec<Fact> {
    let (started, finished) = (object.time("/status/startedAt"), object.time("/status/finishedAt"));
    let schedule = object.label("scheduledworkflows.kubeflow.org/scheduledWorkflowName");
    vec![
        Fact::new("Run", cells::shown(object.annotation(RUN_NAME))),
        Fact::new("Run id", cells::shown(object.label(RUN_ID))),
        Fact::new("Phase", cells::shown(object.text("/status/phase"))),
        Fact::new("Progress", Shown::Cell(cells::fraction(progress(object)))),
        Fact::new("Started", cells::shown_moment(started)),
        Fact::new("Finished", cells::shown_moment(finished)),
        Fact::new("Duration", Shown::Cell(cells::span(started, finished))),
        Fact::new("Schedule", cells::shown(schedule)),
        Fact::new("Message", cells::shown(object.text("/status/message"))),
    ]
}
