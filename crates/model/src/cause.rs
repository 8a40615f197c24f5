//! Why something is as it is: causes, each with its evidence.

use jiff::Timestamp;
use serde::Serialize;

use crate::id::ObjectRef;

/// How sure a cause is. A list of causes is ranked by this, then by how close to the root it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// The cluster itself says so about this very object or its parts.
    Certain,
    /// The signs fit, and nothing contradicts them.
    Likely,
    /// Worth a look.
    Possible,
}

/// One reason, in words, with what shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    /// Stable name of the rule that found it: `out-of-memory`, `unschedulable`, `image-pull`.
    pub id: &'static str,
    /// How sure it is.
    pub certainty: Certainty,
    /// One sentence: "Container `node` ran out of memory (limit 16Gi)".
    pub title: String,
    /// More, or empty.
    pub detail: String,
    /// What to do next, most useful first.
    pub advice: Vec<String>,
    /// What shows it; never empty.
    pub evidence: Vec<Evidence>,
}

/// Something that anyone can look up: a field of an object, or an event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// Where it stands.
    pub object: ObjectRef,
    /// Which field, as a path people can read: `status.containerStatuses[node].lastState.terminated.reason`. For an
    /// event, `event`.
    pub field: String,
    /// What it says, verbatim.
    pub value: String,
    /// Since when, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
}
