//! Experiment (Katib): a search for good parameters, made of trials.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::Value;

use super::family::Family;
use super::kinds::{SUGGESTIONS, TRIALS};
use super::standing::{self, Standing};
use super::{cells, trial, why};

/// On trials and suggestions.
pub(super) const LABEL: &str = "katib.kubeflow.org/experiment";

pub(super) struct Experiment;

fn standing(object: &Object) -> Standing {
    let ends = [("Failed", State::Failed), ("Succeeded", State::Succeeded)];
    if let Some(over) = standing::first_true(object, &ends) {
        return over;
    }
    let told = |kind: &str| object.condition(kind).filter(Condition::is_true);
    match (told("Restarting"), told("Running")) {
        // The controller leaves `Restarting` true when it runs again: the later one counts.
        (Some(again), running) if running.is_none_or(|running| running.since < again.since) => {
            Standing::new(State::Starting).because(again.reason, again.message)
        }
        (_, Some(running)) => Standing::new(State::Running).because(running.reason, running.message),
        _ => match told("Created") {
            Some(created) => Standing::new(State::Pending).because(created.reason, created.message),
            None if object.items("/status/conditions").is_empty() => Standing::new(State::Pending),
            None => Standing::new(State::Unknown),
        },
    }
}

/// A counter of trials. The controller leaves zeros out, so once it counts at all, what is absent is zero.
fn trials(object: &Object, counter: &str) -> Option<i64> {
    object.integer(&format!("/status/{counter}")).or_else(|| object.integer("/status/trials").map(|_| 0))
}

/// The trials that are over, whichever way.
fn completed(object: &Object) -> Option<i64> {
    ["trialsSucceeded", "trialsFailed", "trialsKilled", "trialsEarlyStopped", "trialMetricsUnavailable"]
        .into_iter()
        .map(|counter| trials(object, counter))
        .try_fold(0_i64, |sum, count| Some(sum.saturating_add(count?)))
}

fn progress(object: &Object) -> Option<(i64, i64)> {
    Some((completed(object)?, object.integer("/spec/maxTrialCount")?))
}

/// The value of the objective in `observation`, by the objective's own strategy for that metric.
pub(super) fn objective_value<'a>(objective: Option<&Value>, observation: Option<&'a Value>) -> Option<&'a str> {
    let objective = objective?;
    let name = objective.text("/objectiveMetricName")?;
    let metric = observation?.items("/metrics").iter().find(|metric| metric.text("/name") == Some(name))?;
    let chosen = objective.items("/metricStrategies").iter().find(|strategy| strategy.text("/name") == Some(name));
    let by_goal = || match objective.text("/type") {
        Some("minimize") => "min",
        Some("maximize") => "max",
        _ => "latest",
    };
    let strategy = chosen.and_then(|strategy| strategy.text("/value")).unwrap_or_else(by_goal);
    let latest = metric.text("/latest");
    match strategy {
        "min" => metric.text("/min").filter(|value| *value != "unavailable").or(latest),
        "max" => metric.text("/max").filter(|value| *value != "unavailable").or(latest),
        _ => latest,
    }
}

fn best(object: &Object) -> Cell {
    let observation = object.pointer("/status/currentOptimalTrial/observation");
    cells::value(objective_value(object.pointer("/spec/objective"), observation))
}

fn best_trial(object: &Object) -> Option<&str> {
    object.text("/status/currentOptimalTrial/bestTrialName").filter(|name| !name.is_empty())
}

/// `maximize accuracy (goal 0.99)`.
fn objective(object: &Object) -> Option<String> {
    let metric = object.text("/spec/objective/objectiveMetricName")?;
    let direction = object.text("/spec/objective/type").unwrap_or("optimize");
    let goal = object.pointer("/spec/objective/goal").filter(|goal| goal.is_number());
    Some(match goal {
        Some(goal) => format!("{direction} {metric} (goal {goal})"),
        None => format!("{direction} {metric}"),
    })
}

impl Family for Experiment {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Algorithm", ColumnKind::Text),
            Column::new("Objective", ColumnKind::Text),
            Column::new("Best", ColumnKind::Number),
            Column::new("Trials", ColumnKind::Fraction),
            Column::new("Failed", ColumnKind::Integer),
            Column::new("Running", ColumnKind::Integer).wide(),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::text(object.text("/spec/algorithm/algorithmName")),
            Cell::optional(objective(object).as_deref()),
            best(object),
            cells::fraction(trials(object, "trialsSucceeded").zip(object.integer("/status/trials"))),
            cells::count(trials(object, "trialsFailed")),
            cells::count(trials(object, "trialsRunning")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        let Some(namespace) = object.namespace().map(str::to_owned) else { return Vec::new() };
        let (key, value) = (LABEL.to_owned(), object.name().to_owned());
        let trials = LinkTarget::Labelled { resource: TRIALS, namespace: namespace.clone(), key, value };
        let suggestion =
            LinkTarget::Named { resource: SUGGESTIONS, namespace: Some(namespace), name: object.name().to_owned() };
        vec![Link { relation: "trials", target: trials }, Link { relation: "suggestion", target: suggestion }]
    }

    fn runs(&self) -> bool {
        true
    }

    fn workload(&self, object: &Object, _objects: &dyn Objects) -> Option<Workload> {
        let mut workload = standing(object).workload();
        workload.owner = standing::owner(object);
        workload.started = object.time("/status/startTime");
        workload.finished = object.time("/status/completionTime");
        workload.progress = progress(object);
        workload.queue = standing::queue(object);
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let mut own = Vec::new();
        if let Some(failed) = object.condition("Failed").filter(Condition::is_true) {
            let limit = object.integer("/spec/maxFailedTrialCount");
            let title = match limit {
                Some(limit) => format!("Too many trials failed or reported no metrics (limit {limit})"),
                None => "Too many trials failed or reported no metrics".to_owned(),
            };
            own.push(why::condition("experiment-failed", object, &failed, title));
        }
        let mut causes = causes_of_trials(object, objects);
        causes.extend(cause_of_suggestion(object, objects));
        causes.extend(why::chain(object, objects, &[], State::Running, own));
        crate::causes::rank(causes)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let mut sections = vec![Section::Facts { title: "Experiment".to_owned(), facts: facts(object) }];
        sections.extend(best_parameters(object));
        sections.push(parameters(object));
        sections.push(Section::Listing {
            title: "Trials".to_owned(),
            resource: Some((TRIALS.group.to_owned(), TRIALS.plural.to_owned())),
            query: format!("label:{LABEL}={} ns:{}", object.name(), object.namespace().unwrap_or_default()),
            sort: "age".to_owned(),
            limit: 50,
            empty: "No trials yet.".to_owned(),
        });
        sections
    }
}

/// The failed trials that tell most: each cause once, of a few trials.
fn causes_of_trials(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    const LOOKED_AT: usize = 10;
    let Some(namespace) = object.namespace() else { return Vec::new() };
    let trials = objects.list(TRIALS, Some(namespace), &LabelSelector::equals(LABEL, object.name())).objects;
    let failed = trials.iter().filter(|trial| trial::standing(trial).state == State::Failed).take(LOOKED_AT);
    failed.flat_map(|trial| trial::Trial.explain(trial, objects)).collect()
}

fn cause_of_suggestion(object: &Object, objects: &dyn Objects) -> Option<Cause> {
    let suggestion = objects.get(SUGGESTIONS, object.namespace(), object.name()).found()?;
    let failed = suggestion.condition("Failed").filter(Condition::is_true)?;
    Some(why::condition("suggestion-failed", &suggestion, &failed, "Its suggestion service failed".to_owned()))
}

fn facts(object: &Object) -> Vec<Fact> {
    let count = |counter: &str| Shown::Cell(cells::count(trials(object, counter)));
    let best_trial = best_trial(object).map_or(Shown::Missing, |name| {
        Shown::Object(ObjectRef {
            api_version: object.api_version().to_owned(),
            kind: "Trial".to_owned(),
            namespace: object.namespace().map(str::to_owned),
            name: name.to_owned(),
            uid: None,
        })
    });
    vec![
        Fact::new("Objective", cells::shown(objective(object).as_deref())),
        Fact::new("Algorithm", cells::shown(object.text("/spec/algorithm/algorithmName"))),
        Fact::new("Best trial", best_trial),
        Fact::new("Best value", Shown::Cell(best(object))),
        Fact::new("Trials", Shown::Cell(cells::count(object.integer("/status/trials")))),
        Fact::new("Succeeded", count("trialsSucceeded")),
        Fact::new("Running", count("trialsRunning")),
        Fact::new("Pending", count("trialsPending")),
        Fact::new("Failed", count("trialsFailed")),
        Fact::new("Stopped early", count("trialsEarlyStopped")),
        Fact::new("Killed", count("trialsKilled")),
        Fact::new("Without metrics", count("trialMetricsUnavailable")),
        Fact::new("Trials at most", Shown::Cell(cells::count(object.integer("/spec/maxTrialCount")))),
        Fact::new("At once", Shown::Cell(cells::count(object.integer("/spec/parallelTrialCount")))),
        Fact::new("Failures allowed", Shown::Cell(cells::count(object.integer("/spec/maxFailedTrialCount")))),
    ]
}

fn best_parameters(object: &Object) -> Option<Section> {
    best_trial(object)?;
    let facts = object
        .items("/status/currentOptimalTrial/parameterAssignments")
        .iter()
        .filter_map(|assignment| Some(Fact::text(assignment.text("/name")?, &trial::plain(assignment.get("value")?))));
    Some(Section::Facts { title: "Best parameters".to_owned(), facts: facts.collect() })
}

fn parameters(object: &Object) -> Section {
    let space = |parameter: &Value| {
        let list: Vec<_> = parameter.items("/feasibleSpace/list").iter().map(trial::plain).collect();
        if !list.is_empty() {
            return Shown::Text(list.join(", "));
        }
        let part = |name: &str| parameter.pointer(&format!("/feasibleSpace/{name}")).map(trial::plain);
        match (part("min"), part("max")) {
            (Some(min), Some(max)) => {
                let step = part("step").map(|step| format!(", step {step}")).unwrap_or_default();
                Shown::Text(format!("{min} to {max}{step}"))
            }
            _ => Shown::Missing,
        }
    };
    let row = |parameter: &Value| {
        let cells = vec![
            cells::shown(parameter.text("/name")),
            cells::shown(parameter.text("/parameterType")),
            space(parameter),
        ];
        (None, cells)
    };
    Section::Table {
        title: "Parameters".to_owned(),
        columns: ["Name", "Type", "Space"].map(|title| Column::new(title, ColumnKind::Text)).to_vec(),
        rows: object.items("/spec/parameters").iter().map(row).collect(),
        empty: "It searches no parameters.".to_owned(),
    }
}
