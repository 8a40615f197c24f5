//! What a person may do with an object, as data: nothing here is done, only described.

use serde_json::Value;

use crate::id::GroupResource;

/// One thing to do with an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// Stable name: `stop`, `suspend`.
    pub id: &'static str,
    /// On the button: a verb.
    pub title: &'static str,
    /// One sentence before it is done: what will happen, and how to undo it.
    pub words: String,
    /// How careful the person must be.
    pub danger: Danger,
    /// The right it needs.
    pub permission: Permission,
    /// The request it makes.
    pub request: WriteRequest,
}

/// How careful a person must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Danger {
    /// Can be undone without loss.
    Reversible,
    /// Interrupts running work.
    Disruptive,
    /// Loses something for good.
    Destructive,
}

/// A right, as an access review asks for it, on the object that the action belongs to; for a [`WriteMethod::Create`], on
/// the resource that is created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// `patch`, `delete`, `create`.
    pub verb: &'static str,
    /// Subresource, or empty.
    pub subresource: &'static str,
}

/// The request an action makes on the object it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRequest {
    /// How.
    pub method: WriteMethod,
    /// Subresource, or empty.
    pub subresource: &'static str,
    /// Body; `null` for a plain delete.
    pub body: Value,
}

/// The kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteMethod {
    /// JSON merge patch (RFC 7396).
    MergePatch,
    /// JSON merge patch with a moment in it: the sender first writes the present moment (RFC 3339, UTC, whole seconds)
    /// at this JSON pointer of the body, which describes but has no clock.
    StampedMergePatch(&'static str),
    /// JSON merge patch with a whole number in it, zero or more, that the person chooses: it stands at this JSON pointer of
    /// the body, which proposes the number that holds now.
    NumberedMergePatch(&'static str),
    /// Create an object of this resource, which the body is, in the namespace of the object that the action belongs to.
    Create(GroupResource<'static>),
    /// Delete.
    Delete,
}
