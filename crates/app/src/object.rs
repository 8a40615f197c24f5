//! One object as its page shows it.

use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_model::{
    Cause, Column, Completeness, Object, ObjectRef, Resource, Row, Section, Status,
};

/// Everything known of one object at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectView {
    /// Its resource.
    pub resource: Arc<Resource>,
    /// The object, without managed fields and Secret values.
    pub object: Arc<Object>,
    /// Its row, with the cells of `columns`.
    pub row: Row,
    /// The columns of its resource's list.
    pub columns: Arc<[Column]>,
    /// The objects that own it, nearest first, up to the top.
    pub owners: Vec<Relative>,
    /// The objects that it owns, with theirs below them.
    pub dependents: Vec<Dependent>,
    /// Why it is as it is, the most telling cause first.
    pub causes: Vec<Cause>,
    /// What its instrument adds to its page.
    pub sections: Vec<Section>,
    /// Its events and those of what it owns, newest first.
    pub events: Vec<Arc<Object>>,
    /// Whether `events` are all.
    pub events_completeness: Completeness,
    /// Whether the object itself is current.
    pub completeness: Completeness,
    /// When it was last known to be current.
    pub as_of: Option<Timestamp>,
    /// Whether it is gone: deleted while it was watched. The last version seen is shown.
    pub gone: bool,
}

/// Another object that is related to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    /// Which.
    pub reference: ObjectRef,
    /// Its resource, when the cluster serves it: needed to link to it.
    pub resource: Option<Arc<Resource>>,
    /// How it stands; `None` when that is not known.
    pub status: Option<Status>,
}

/// An object that another owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependent {
    /// Which.
    pub relative: Relative,
    /// How far below: 1 for what the object owns itself.
    pub depth: usize,
}
