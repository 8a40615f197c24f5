//! How causes are written down: one sentence, more if need be, advice, and where it can be looked up.

use pilothouse_model::event::last_happened;
use pilothouse_model::{Cause, Certainty, Evidence, Object, ObjectRef, Read, Timestamp};
use serde_json::Value;

/// A cause that is being written. It starts with evidence: there is no cause without.
pub(crate) struct Draft(Cause);

impl Draft {
    /// A cause that the cluster itself tells.
    pub(crate) fn new(id: &'static str, title: impl Into<String>, evidence: Evidence) -> Self {
        Self(Cause {
            id,
            certainty: Certainty::Certain,
            title: title.into(),
            detail: String::new(),
            advice: Vec::new(),
            evidence: vec![evidence],
        })
    }

    /// How sure it is.
    pub(crate) fn certainty(mut self, certainty: Certainty) -> Self {
        self.0.certainty = certainty;
        self
    }

    /// More words; joined to those already there.
    pub(crate) fn detail(mut self, detail: impl AsRef<str>) -> Self {
        self.0.detail = joined(&self.0.detail, detail.as_ref().trim());
        self
    }

    /// More words, put before those already there.
    pub(crate) fn detail_first(mut self, detail: &str) -> Self {
        self.0.detail = joined(detail.trim(), &self.0.detail);
        self
    }

    /// A next step.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.0.advice.push(advice.into());
        self
    }

    /// More evidence.
    pub(crate) fn evidence(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        for evidence in evidence {
            if !self.0.evidence.contains(&evidence) {
                self.0.evidence.push(evidence);
            }
        }
        self
    }

    /// The cause.
    pub(crate) fn done(self) -> Cause {
        self.0
    }
}

/// Two texts as sentences after one another: messages of controllers often end without a full stop.
pub(crate) fn joined(first: &str, second: &str) -> String {
    match (first, second) {
        ("", only) | (only, "") => only.to_owned(),
        (first, second) if first.ends_with(['.', '!', '?', ':', ';']) => format!("{first} {second}"),
        (first, second) => format!("{first}. {second}"),
    }
}

#[test]
fn sentences_are_set_apart() {
    assert_eq!(joined("first failed job: x-0)", "Pod p: Evicted."), "first failed job: x-0). Pod p: Evicted.");
    assert_eq!(joined("One.", "Two"), "One. Two");
    assert_eq!((joined("", "Two"), joined("One", "")), ("Two".to_owned(), "One".to_owned()));
}

/// Evidence that stands at a JSON pointer of an object: `/status/reason` reads `status.reason`. `None` when nothing is
/// there.
pub(crate) fn about(object: &Object, pointer: &str) -> Option<Evidence> {
    let value = match object.pointer(pointer)? {
        Value::Null => return None,
        Value::String(text) => text.clone(),
        value => value.to_string(),
    };
    Some(about_value(object, &readable(pointer), &value))
}

/// Evidence with a field and a value given in words.
pub(crate) fn about_value(object: &Object, field: &str, value: &str) -> Evidence {
    Evidence { object: object.reference(), field: field.to_owned(), value: value.to_owned(), since: None }
}

/// The same, with the moment since when.
pub(crate) fn since(mut evidence: Evidence, since: Option<Timestamp>) -> Evidence {
    evidence.since = since;
    evidence
}

/// `/status/reason` → `status.reason`.
fn readable(pointer: &str) -> String {
    let steps = pointer.split('/').filter(|step| !step.is_empty());
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect::<Vec<_>>().join(".")
}

/// Evidence from an event: it stands at the object that the event is about.
pub(crate) fn event_evidence(event: &Object) -> Evidence {
    let part = |name: &str| {
        let found = ["involvedObject", "regarding"].iter().find_map(|at| event.text(&format!("/{at}/{name}")));
        found.map(str::to_owned)
    };
    let object = match (part("kind"), part("name")) {
        (Some(kind), Some(name)) => ObjectRef {
            api_version: part("apiVersion").unwrap_or_else(|| "v1".to_owned()),
            kind,
            namespace: part("namespace").filter(|namespace| !namespace.is_empty()),
            name,
            uid: part("uid"),
        },
        _ => event.reference(),
    };
    let value = match event_reason(event) {
        "" => event_message(event).to_owned(),
        reason => format!("{reason}: {}", event_message(event)),
    };
    Evidence { object, field: "event".to_owned(), value, since: last_happened(event) }
}

/// Why the event was sent, in one word.
pub(crate) fn event_reason(event: &Object) -> &str {
    event.text("/reason").unwrap_or_default()
}

/// What the event says.
pub(crate) fn event_message(event: &Object) -> &str {
    event.text("/message").or_else(|| event.text("/note")).unwrap_or_default().trim()
}

/// The text between two marks: `between(text, "secret \"", "\"")`.
pub(crate) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let rest = &text[text.find(before)? + before.len()..];
    Some(&rest[..rest.find(after)?])
}
