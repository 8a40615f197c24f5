//! SparkApplication: a driver pod that makes executor pods.

use std::collections::BTreeMap;

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::{Value, json};

use super::family::Family;
use super::standing::{self, Standing};
use super::{cells, pods, requests, run, why, writes};

const POD_LABEL: &str = "sparkoperator.k8s.io/app-name";

pub(super) struct SparkApplication;

/// The operator's word and what it means; the word itself is the reason where it says more than the state.
fn standing(object: &Object) -> Standing {
    let word = object.text("/status/applicationState/state").unwrap_or_default();
    let message = object.text("/status/applicationState/errorMessage").unwrap_or_default();
    let told = |state: State| Standing::new(state).because(word, message);
    match word {
        "" if object.boolean("/spec/suspend") == Some(true) => standing::suspended(object, "Suspended", ""),
        "" => Standing::new(State::Pending).because("", message),
        "SUBMITTED" | "RESUMING" | "INVALIDATING" => told(State::Starting),
        "RUNNING" | "SUCCEEDING" => told(State::Running),
        "FAILING" => told(State::Running).at(Level::Warning),
        "COMPLETED" => told(State::Succeeded),
        "FAILED" => told(State::Failed),
        "SUBMISSION_FAILED" | "PENDING_RERUN" => told(State::Pending).at(Level::Warning),
        "SUSPENDING" => told(State::Stopping),
        "SUSPENDED" => standing::suspended(object, word, message),
        _ => told(State::Unknown),
    }
}

/// What is said at this pointer: unknown when it cannot be read.
fn amount<'a, T>(
    part: &'a Value,
    pointer: &str,
    read: impl Fn(&'a Value) -> Option<T>,
    of: impl Fn(T) -> Option<Quantity>,
) -> Amount {
    match part.pointer(pointer) {
        None | Some(Value::Null) => Amount::Unsaid,
        Some(value) => read(value).and_then(of).map_or(Amount::Unknown, Amount::Known),
    }
}

/// What one driver or executor asks for. Cores may be given twice: `coreRequest` is what the pod requests.
fn one(part: &Value) -> Resources {
    let whole = |pointer: &str| amount(part, pointer, Value::as_i64, |count| Some(Quantity::units(count)));
    let memory = |pointer: &str| amount(part, pointer, Value::as_str, requests::jvm_memory);
    let cores = amount(part, "/coreRequest", Value::as_str, |text| text.parse().ok());
    let memory = match memory("/memory") {
        // What the overhead is added to is the operator's own default.
        Amount::Unsaid => Amount::Unsaid,
        memory_said => memory_said + memory("/memoryOverhead"),
    };
    Resources { cpu: cores.or(whole("/cores")), memory, gpus: whole("/gpu/quantity") }
}

/// Executors wanted: fixed, or what dynamic allocation begins with.
fn executors(object: &Object) -> Option<i64> {
    let dynamic = || {
        let on = object.boolean("/spec/dynamicAllocation/enabled") == Some(true);
        let first = object.integer("/spec/dynamicAllocation/initialExecutors");
        first.or_else(|| object.integer("/spec/dynamicAllocation/minExecutors")).filter(|_| on)
    };
    object.integer("/spec/executor/instances").or_else(dynamic)
}

fn requested(object: &Object) -> Resources {
    let driver = object.pointer("/spec/driver").map(one).unwrap_or_default();
    let executor = object.pointer("/spec/executor").map(one).unwrap_or_default();
    let executors = requests::times(executor, executors(object));
    requests::total([driver, executors])
}

fn running_executors(object: &Object) -> Option<i64> {
    let states = object.pointer("/status/executorState")?.as_object()?;
    i64::try_from(states.values().filter(|state| state.as_str() == Some("RUNNING")).count()).ok()
}

fn attempts(object: &Object) -> Option<i64> {
    object.integer("/status/executionAttempts").filter(|attempts| *attempts > 0)
}

impl Family for SparkApplication {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Executors", ColumnKind::Fraction),
            Column::new("Attempts", ColumnKind::Integer),
            Column::new("CPU", ColumnKind::Cpu),
            Column::new("Memory", ColumnKind::Bytes),
            Column::new("Spark", ColumnKind::Text).wide(),
            Column::new("Duration", ColumnKind::Duration).wide(),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let asked = requested(object);
        let cells = vec![
            Cell::text(&status.word),
            cells::fraction(running_executors(object).zip(executors(object))),
            cells::count(attempts(object)),
            asked.cpu.into(),
            asked.memory.into(),
            cells::text(object.text("/spec/sparkVersion")),
            cells::span(object.time("/status/lastSubmissionAttemptTime"), object.time("/status/terminationTime")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (mut workload, _) = run::of(self, object, objects, standing(object));
        workload.started = object.time("/status/lastSubmissionAttemptTime");
        workload.finished = object.time("/status/terminationTime");
        workload.requested = requested(object);
        workload.attempts = attempts(object);
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let standing = standing(object);
        let mut own = failed_executors(object);
        if !standing.message.is_empty() && matches!(standing.level, Level::Error | Level::Warning) {
            let field = "status.applicationState.errorMessage";
            let title = match object.text("/status/applicationState/state") {
                Some("SUBMISSION_FAILED") => "The application could not be submitted",
                _ => "The driver failed",
            };
            let mut cause = why::field("spark-failed", object, field, &standing.message, title.to_owned());
            cause.detail.clone_from(&standing.message);
            own.insert(0, cause);
        } else if standing.state == State::Failed {
            let field = "status.applicationState.state";
            own.push(why::field("spark-failed", object, field, &standing.reason, "The application failed".to_owned()));
        }
        if standing.state == State::Suspended {
            own.push(why::field("suspended", object, "spec.suspend", "true", "It is suspended".to_owned()));
        }
        why::chain(object, objects, &self.links(object), standing.state, own)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        vec![
            Section::Facts { title: "Spark".to_owned(), facts: facts(object) },
            processes(object),
            pods::section(object, POD_LABEL, object.name()),
        ]
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        if standing(object).state.is_over() {
            return Vec::new();
        }
        let suspended = object.boolean("/spec/suspend") == Some(true);
        let words = "Its driver and executors end; resuming submits the application again from the start.";
        vec![writes::suspension(suspended, words, |suspend| json!({"spec": {"suspend": suspend}}))]
    }
}

/// Executors that the operator calls failed, told once.
fn failed_executors(object: &Object) -> Vec<Cause> {
    let failed: Vec<_> =
        object.entries("/status/executorState").filter(|(_, state)| state.as_str() == Some("FAILED")).collect();
    let Some((first, _)) = failed.first() else { return Vec::new() };
    let title = match failed.len() {
        1 => format!("Executor {first} failed"),
        count => format!("{count} executors failed, {first} among them"),
    };
    vec![why::field("executors-failed", object, &format!("status.executorState[{first}]"), "FAILED", title)]
}

fn facts(object: &Object) -> Vec<Fact> {
    let asked = requested(object);
    let main = object.text("/spec/mainApplicationFile");
    vec![
        Fact::new("Operator's state", cells::shown(object.text("/status/applicationState/state"))),
        Fact::new("Type", cells::shown(object.text("/spec/type"))),
        Fact::new("Spark", cells::shown(object.text("/spec/sparkVersion"))),
        Fact::new("Image", object.text("/spec/image").map_or(Shown::Missing, |image| Shown::Code(image.to_owned()))),
        Fact::new("Main file", main.map_or(Shown::Missing, |file| Shown::Code(file.to_owned()))),
        Fact::new("CPU", Shown::amount(asked.cpu, Shown::Cpu)),
        Fact::new("Memory", Shown::amount(asked.memory, Shown::Bytes)),
        Fact::new("Attempts", Shown::Cell(cells::count(attempts(object)))),
        Fact::new("Submissions", Shown::Cell(cells::count(object.integer("/status/submissionAttempts")))),
        Fact::new("Error", cells::shown(object.text("/status/applicationState/errorMessage"))),
    ]
}

/// The driver and the executors as the operator remembers them: their pods may be gone.
fn processes(object: &Object) -> Section {
    let pod = |name: &str| ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: object.namespace().map(str::to_owned),
        name: name.to_owned(),
        uid: None,
    };
    let driver = object.text("/status/driverInfo/podName").filter(|name| !name.is_empty());
    let driver = driver.map(|name| {
        let state = object.text("/status/applicationState/state");
        (Some(pod(name)), vec![Shown::Text("driver".to_owned()), Shown::Text(name.to_owned()), cells::shown(state)])
    });
    let executors: BTreeMap<_, _> = object.entries("/status/executorState").collect();
    let executors = executors.into_iter().map(|(name, state)| {
        let state = state.as_str().map_or(Shown::Unknown, |state| Shown::Status(executor_status(state)));
        (Some(pod(name)), vec![Shown::Text("executor".to_owned()), Shown::Text(name.to_owned()), state])
    });
    Section::Table {
        title: "Driver and executors".to_owned(),
        columns: ["Role", "Pod", "State"].map(|title| Column::new(title, ColumnKind::Text)).to_vec(),
        rows: driver.into_iter().chain(executors).collect(),
        empty: "The operator has made no pods yet.".to_owned(),
    }
}

fn executor_status(state: &str) -> Status {
    let level = match state {
        "PENDING" => Level::Waiting,
        "RUNNING" => Level::Good,
        "COMPLETED" => Level::Done,
        "FAILED" => Level::Error,
        _ => Level::Unknown,
    };
    Status::new(level, state)
}
