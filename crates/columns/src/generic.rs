//! The status of an object of any kind, from what most projects agree on: `status.conditions`, else `status.phase`.
//!
//! Only what is truly told becomes a status. A project that means something else by these words deserves an instrument.

use pilothouse_model::{Condition, Level, Object, Read, Status};

/// How an object stands, or [`Status::none`] when it does not say.
pub(crate) fn status(object: &Object) -> Status {
    if object.deleted().is_some() {
        return Status::new(Level::Progress, "Terminating");
    }
    from_conditions(object).or_else(|| from_phase(object)).unwrap_or_else(Status::none)
}

/// What a condition of a well-known type says when it is true, the most telling first.
const WHEN_TRUE: [(&str, Level); 10] = [
    ("Failed", Level::Error),
    ("Failure", Level::Error),
    ("Stalled", Level::Error),
    ("Degraded", Level::Warning),
    ("Complete", Level::Done),
    ("Completed", Level::Done),
    ("Succeeded", Level::Done),
    ("Suspended", Level::Idle),
    ("Paused", Level::Idle),
    ("Reconciling", Level::Progress),
];

/// Conditions that sum up whether a thing works, the most telling first.
const SUMMARIES: [&str; 6] = ["Ready", "Available", "Healthy", "Programmed", "Accepted", "Established"];

fn from_conditions(object: &Object) -> Option<Status> {
    for (kind, level) in WHEN_TRUE {
        if let Some(condition) = object.condition(kind).filter(Condition::is_true) {
            return Some(Status::new(level, kind).because(condition.reason, condition.message));
        }
    }
    // `Succeeded` alone sums up a run: false is a failure, and unknown means that it still runs.
    if let Some(condition) = object.condition("Succeeded") {
        let (level, word) = if condition.is_false() { (Level::Error, "Failed") } else { (Level::Progress, "Running") };
        return Some(Status::new(level, word).because(condition.reason, condition.message));
    }
    let condition = SUMMARIES.iter().find_map(|kind| object.condition(kind))?;
    let (level, word) = match condition.status {
        "True" => (Level::Good, condition.kind.to_owned()),
        "False" if is_progressing(object) => (Level::Progress, "Progressing".to_owned()),
        "False" => (Level::Warning, format!("Not{}", condition.kind)),
        _ => (Level::Unknown, "Unknown".to_owned()),
    };
    Some(Status::new(level, &word).because(condition.reason, condition.message))
}

fn is_progressing(object: &Object) -> bool {
    object.condition("Progressing").is_some_and(|condition| condition.is_true())
}

fn from_phase(object: &Object) -> Option<Status> {
    let phase = ["/status/phase", "/status/state"].into_iter().find_map(|at| object.text(at))?;
    let said = |at| object.text(at).unwrap_or_default();
    let (reason, message) = (said("/status/reason"), said("/status/message"));
    (!phase.is_empty()).then(|| Status::new(level_of(phase), phase).because(reason, message))
}

/// The level of a phase whose word leaves no doubt.
pub(crate) fn level_of(phase: &str) -> Level {
    match phase.to_ascii_lowercase().as_str() {
        "failed" | "failure" | "error" => Level::Error,
        "degraded" | "unhealthy" | "notready" | "lost" => Level::Warning,
        "pending" | "queued" | "waiting" => Level::Waiting,
        "creating" | "starting" | "provisioning" | "initializing" | "progressing" | "updating" | "terminating"
        | "deleting" | "stopping" => Level::Progress,
        "running" | "ready" | "active" | "healthy" | "available" | "bound" | "established" => Level::Good,
        "succeeded" | "complete" | "completed" | "finished" => Level::Done,
        "paused" | "suspended" | "stopped" | "disabled" => Level::Idle,
        _ => Level::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(status: &Value) -> (Level, String) {
        let status = super::status(&Object::new(json!({"metadata": {"name": "x"}, "status": status})).unwrap());
        (status.level, status.word.to_string())
    }

    fn condition(kind: &str, status: &str) -> Value {
        json!({"type": kind, "status": status, "reason": "R", "message": "M"})
    }

    #[test]
    fn tells_what_conditions_tell() {
        let cases = [
            (json!([condition("Ready", "True")]), Level::Good, "Ready"),
            (json!([condition("Ready", "False")]), Level::Warning, "NotReady"),
            (json!([condition("Ready", "Unknown")]), Level::Unknown, "Unknown"),
            (json!([condition("Ready", "False"), condition("Reconciling", "True")]), Level::Progress, "Reconciling"),
            (
                json!([condition("Available", "False"), condition("Progressing", "True")]),
                Level::Progress,
                "Progressing",
            ),
            (json!([condition("Ready", "True"), condition("Failed", "True")]), Level::Error, "Failed"),
            (json!([condition("Succeeded", "Unknown")]), Level::Progress, "Running"),
            (json!([condition("Succeeded", "False")]), Level::Error, "Failed"),
            (json!([condition("SomethingElse", "True")]), Level::Unknown, ""),
            (json!([]), Level::Unknown, ""),
            (json!("what"), Level::Unknown, ""),
        ];
        for (conditions, level, word) in cases {
            assert_eq!(of(&json!({"conditions": conditions})), (level, word.to_owned()), "{conditions}");
        }
    }

    #[test]
    fn a_phase_is_a_word_and_only_known_words_have_a_level() {
        assert_eq!(of(&json!({"phase": "Failed"})), (Level::Error, "Failed".to_owned()));
        assert_eq!(of(&json!({"state": "Paused"})), (Level::Idle, "Paused".to_owned()));
        assert_eq!(of(&json!({"phase": "Marinating"})), (Level::Unknown, "Marinating".to_owned()));
        assert_eq!(of(&json!({"phase": ""})), (Level::Unknown, String::new()));
    }
}
