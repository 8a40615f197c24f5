//! Jobs and cron jobs.

use pilothouse_model::{Cell, ColumnKind, Condition, Level, Object, Projection, Read, Status};

use super::{AGE, Heading, Kind, age, containers, length, plain_text, selector, terminating, text, truth};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &["batch"],
        plural: "jobs",
        headings: &[
            Heading::status(),
            Heading::text("Completions"),
            Heading::new("Duration", ColumnKind::Duration),
            AGE,
            Heading::text("Containers").wide(),
            Heading::text("Images").wide(),
            Heading::text("Selector").wide(),
        ],
        project: job,
    },
    Kind {
        groups: &["batch"],
        plural: "cronjobs",
        headings: &[
            Heading::text("Schedule"),
            Heading::text("Timezone"),
            Heading::new("Suspend", ColumnKind::Boolean),
            Heading::integer("Active"),
            Heading::new("Last Schedule", ColumnKind::Age),
            AGE,
            Heading::text("Containers").wide(),
            Heading::text("Images").wide(),
            Heading::text("Selector").wide(),
        ],
        project: cron_job,
    },
];

fn job(object: &Object) -> Projection {
    let [names, images] = containers(object, "/spec/template/spec");
    let status = job_status(object);
    let cells = vec![
        Cell::Text(status.word.clone()),
        completions(object),
        duration(object),
        age(object),
        names,
        images,
        selector(object.pointer("/spec/selector")),
    ];
    Projection { status, cells }
}

/// kubectl's word since 1.31.
fn job_status(object: &Object) -> Status {
    let told = |kind: &str| object.condition(kind).filter(Condition::is_true);
    let because = |level: Level, word: &str, condition: Condition<'_>| {
        Status::new(level, word).because(condition.reason, condition.message)
    };
    if let Some(condition) = told("Complete") {
        because(Level::Done, "Complete", condition)
    } else if let Some(condition) = told("Failed") {
        because(Level::Error, "Failed", condition)
    } else if object.deleted().is_some() {
        terminating()
    } else if let Some(condition) = told("Suspended") {
        because(Level::Idle, "Suspended", condition)
    } else if let Some(condition) = told("FailureTarget") {
        because(Level::Error, "FailureTarget", condition)
    } else if let Some(condition) = told("SuccessCriteriaMet") {
        because(Level::Progress, "SuccessCriteriaMet", condition)
    } else {
        running(object)
    }
}

/// Among jobs that have not ended: those whose pods fail deserve a look, those without a pod wait.
fn running(object: &Object) -> Status {
    let number = |pointer| object.integer(pointer).unwrap_or(0);
    let (active, failed, succeeded) = (number("/status/active"), number("/status/failed"), number("/status/succeeded"));
    let level = if failed > 0 {
        Level::Warning
    } else if active > 0 || succeeded > 0 {
        Level::Good
    } else {
        Level::Waiting
    };
    let message = match failed {
        0 => String::new(),
        1 => "1 pod has failed".to_owned(),
        many => format!("{many} pods have failed"),
    };
    Status::new(level, "Running").because("", &message)
}

fn completions(object: &Object) -> Cell {
    let succeeded = object.integer("/status/succeeded").unwrap_or(0);
    if let Some(wanted) = object.integer("/spec/completions") {
        return Cell::fraction(succeeded, wanted);
    }
    match object.integer("/spec/parallelism").filter(|parallelism| *parallelism > 1) {
        Some(parallelism) => Cell::text(&format!("{succeeded}/1 of {parallelism}")),
        None => Cell::fraction(succeeded, 1),
    }
}

/// From start to end, or since the start while it runs. A job that failed never gets a completion time; the moment of its
/// condition ends it for us, while kubectl lets its duration grow for ever.
fn duration(object: &Object) -> Cell {
    let Some(started) = object.time("/status/startTime") else { return Cell::text("") };
    let failed = object.condition("Failed").filter(Condition::is_true).and_then(|condition| condition.since);
    match object.time("/status/completionTime").or(failed) {
        Some(ended) => ended.duration_since(started).into(),
        None => started.into(),
    }
}

fn cron_job(object: &Object) -> Projection {
    let [names, images] = containers(object, "/spec/jobTemplate/spec/template/spec");
    let last = match object.pointer("/status/lastScheduleTime") {
        None => Cell::Missing,
        Some(_) => object.time("/status/lastScheduleTime").map_or(Cell::Unknown, Cell::from),
    };
    let active = object.items("/status/active").len();
    let status = if object.deleted().is_some() {
        terminating()
    } else if object.boolean("/spec/suspend") == Some(true) {
        Status::new(Level::Idle, "Suspended")
    } else if active > 0 {
        Status::new(Level::Good, "Active")
    } else {
        Status::new(Level::Good, "Scheduled")
    };
    let cells = vec![
        plain_text(object, "/spec/schedule"),
        text(object, "/spec/timeZone"),
        truth(object, "/spec/suspend"),
        length(object, "/status/active"),
        last,
        age(object),
        names,
        images,
        selector(object.pointer("/spec/jobTemplate/spec/selector")),
    ];
    Projection { status, cells }
}
