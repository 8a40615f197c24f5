//! The two contracts: [`Objects`], a read-only view of one moment, and [`Instrument`], what is known of one project.
//!
//! # Writing an instrument
//!
//! 1. Name the resources you understand in [`Manifest::resources`], by group and plural. What the cluster does not serve
//!    does not show; you need not check.
//! 2. [`Instrument::columns`] and [`Instrument::project`] make the rows of your lists. `project` sees one object alone and
//!    runs once per object version, for 100,000 objects: no searching, no clock.
//! 3. If your kinds run something, [`Instrument::workload`] gives them the common shape. It may look at other objects:
//!    what it looked at is remembered, and when any of it changes, it is asked again.
//! 4. [`Instrument::explain`] says why an object is as it is. Every cause carries its evidence; no evidence, no cause.
//! 5. [`Instrument::sections`] adds what your kinds deserve to their object pages, and [`Instrument::page`] makes the pages
//!    of your places in the navigation.
//!
//! All of it is pure and synchronous: no I/O, no clock, no randomness. A folder of YAML is a good test bed.

use std::sync::Arc;

use crate::action::Action;
use crate::cause::Cause;
use crate::id::{GroupResource, ObjectRef, Resource};
use crate::object::Object;
use crate::page::{Page, Section};
use crate::row::{Column, Projection};
use crate::selector::LabelSelector;
use crate::workload::Workload;

/// How much of a resource is known. Unknown is not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Everything.
    Complete,
    /// The first list is still coming in; what is there is a part.
    Loading,
    /// What is shown was true once; the watch is broken, and why.
    Stale(String),
    /// The cluster does not let us list it, in its own words.
    Forbidden(String),
    /// The cluster does not serve it.
    Absent,
    /// It could not be read at all, and why.
    Broken(String),
}

impl Completeness {
    /// Whether absence of an object means that there is none.
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete | Self::Absent)
    }
}

/// What a lookup of one object gave.
#[derive(Clone, Debug, PartialEq)]
pub enum Lookup {
    /// There it is.
    Found(Arc<Object>),
    /// It does not exist.
    Missing,
    /// It may or may not exist: the resource is not (fully) known.
    Unknown(Completeness),
}

impl Lookup {
    /// The object, if it was found. Use where missing and unknown lead to the same answer.
    pub fn found(self) -> Option<Arc<Object>> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Unknown(_) => None,
        }
    }
}

/// What a search for several objects gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Those known, by namespace and name.
    pub objects: Vec<Arc<Object>>,
    /// Whether these are all.
    pub completeness: Completeness,
}

/// A read-only view of the objects of one cluster at one moment.
///
/// The store's snapshots implement it, and so does a folder of YAML in a test.
pub trait Objects {
    /// One object; `namespace` is `None` for cluster-scoped resources.
    fn get(&self, resource: GroupResource<'_>, namespace: Option<&str>, name: &str) -> Lookup;

    /// All objects of a resource that `selector` selects, in one namespace or in all.
    fn list(&self, resource: GroupResource<'_>, namespace: Option<&str>, selector: &LabelSelector) -> Found;

    /// The objects of `resource` that name the object with this unique id as an owner.
    fn dependents(&self, resource: GroupResource<'_>, uid: &str) -> Found;

    /// Events about this object, newest first.
    fn events(&self, object: &ObjectRef) -> Found;
}

/// What an instrument is and where it shows.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Stable name, as in URLs: `kubeflow`.
    pub id: &'static str,
    /// Name for people: `Kubeflow`.
    pub title: &'static str,
    /// The resources it understands.
    pub resources: &'static [GroupResource<'static>],
    /// Its places in the navigation, in order.
    pub places: &'static [Place],
}

/// One place in the navigation.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Stable name within the instrument, as in URLs; the empty one is the landing page.
    pub id: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// The place shows when the cluster serves any of these.
    pub needs: &'static [GroupResource<'static>],
}

/// Another object, or a set of them, that has to do with an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// What the others are to this object: `pods`, `job set`, `trials`.
    pub relation: &'static str,
    /// Where they are.
    pub target: LinkTarget,
}

/// Where linked objects are.
#[derive(Clone, Debug, PartialEq)]
pub enum LinkTarget {
    /// One object by name, in the same namespace when `namespace` is `Some` of it.
    Named {
        /// Resource.
        resource: GroupResource<'static>,
        /// Namespace; `None` for cluster-scoped resources.
        namespace: Option<String>,
        /// Name.
        name: String,
    },
    /// All objects of a resource in a namespace that carry one label with one value. Kept to a single equality so that the
    /// store can find, from a changed object, who links to it.
    Labelled {
        /// Resource.
        resource: GroupResource<'static>,
        /// Namespace.
        namespace: String,
        /// Label key.
        key: String,
        /// Label value.
        value: String,
    },
    /// All objects of a resource that the object owns.
    Owned {
        /// Resource.
        resource: GroupResource<'static>,
    },
}

impl LinkTarget {
    /// The resource that it leads to.
    pub fn resource(&self) -> GroupResource<'static> {
        match self {
            Self::Named { resource, .. } | Self::Labelled { resource, .. } | Self::Owned { resource } => *resource,
        }
    }

    /// The linked objects at one moment. `uid` is the unique id of the object that links.
    pub fn resolve(&self, uid: &str, objects: &dyn Objects) -> Found {
        match self {
            Self::Named { resource, namespace, name } => match objects.get(*resource, namespace.as_deref(), name) {
                Lookup::Found(object) => Found { objects: vec![object], completeness: Completeness::Complete },
                Lookup::Missing => Found { objects: Vec::new(), completeness: Completeness::Complete },
                Lookup::Unknown(completeness) => Found { objects: Vec::new(), completeness },
            },
            Self::Labelled { resource, namespace, key, value } => {
                objects.list(*resource, Some(namespace), &LabelSelector::equals(key, value))
            }
            Self::Owned { resource } => objects.dependents(*resource, uid),
        }
    }
}

/// What is known of one project, as plain data and pure, synchronous functions. See the [module](self) for how to write
/// one.
pub trait Instrument: Send + Sync {
    /// What it is and where it shows.
    fn manifest(&self) -> &'static Manifest;

    /// The columns of a list of `resource`, after the name; `None` leaves the resource's own printer columns.
    fn columns(&self, resource: &Resource) -> Option<Vec<Column>>;

    /// The status and the cells (one per column) of one object version. Only called where [`Instrument::columns`] gave
    /// columns.
    fn project(&self, resource: &Resource, object: &Object) -> Projection;

    /// Edges from this object to the others that belong to it: its page shows what is below them.
    fn links(&self, object: &Object) -> Vec<Link>;

    /// Whether objects of this resource can be workloads.
    fn runs(&self, resource: GroupResource<'_>) -> bool;

    /// The common shape; `None` when this object is part of another workload and should not be counted twice.
    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload>;

    /// Why it is as it is: causes, the most telling first. Empty when nothing is wrong or nothing is known.
    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause>;

    /// What the object's page shows beyond what every object's page shows.
    fn sections(&self, object: &Object, objects: &dyn Objects) -> Vec<Section>;

    /// The page of one of the manifest's places; `None` when there is no such place. `served` tells which resources the
    /// cluster serves.
    fn page(&self, place: &str, served: &dyn Fn(GroupResource<'_>) -> bool) -> Option<Page>;

    /// What a person can do with the object as it stands, beside editing and deleting it. Offered to whom the cluster lets
    /// do it; ids are unique per object.
    fn actions(&self, object: &Object) -> Vec<Action>;
}
