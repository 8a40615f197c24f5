//! What a person can do with Kubeflow's kinds, as data: merge patches of one object.

use pilothouse_model::{Action, Danger, Permission, WriteMethod, WriteRequest};
use serde_json::Value;

/// A merge patch of the object.
pub(super) fn patch(id: &'static str, title: &'static str, danger: Danger, words: &str, body: Value) -> Action {
    Action {
        id,
        title,
        words: words.to_owned(),
        danger,
        permission: Permission { verb: "patch", subresource: "" },
        request: WriteRequest { method: WriteMethod::MergePatch, subresource: "", body },
    }
}

/// Suspend or resume, whichever the object is not yet.
pub(super) fn suspension(suspended: bool, words: &str, body: impl Fn(bool) -> Value) -> Action {
    if suspended {
        patch("resume", "Resume", Danger::Reversible, "Its pods are made again and it starts over.", body(false))
    } else {
        patch("suspend", "Suspend", Danger::Disruptive, words, body(true))
    }
}
