//! What one kind of Kubeflow contributes to the instrument; the methods are those of `Instrument`, for one kind.

use pilothouse_model::{Action, Cause, Column, Link, Object, Objects, Projection, Section, Workload};

use super::pods;

/// One kind, or several that are alike.
pub(super) trait Family: Sync {
    /// The columns of its list, after the name.
    fn columns(&self) -> Vec<Column>;

    /// Status and cells of one object.
    fn project(&self, object: &Object) -> Projection;

    /// The label that the pods of its objects carry, with the object's name.
    fn pod_label(&self) -> Option<&'static str> {
        None
    }

    /// Edges to what `workload` and `explain` look at.
    fn links(&self, object: &Object) -> Vec<Link> {
        self.pod_label().and_then(|key| pods::link(object, key, object.name())).into_iter().collect()
    }

    /// Whether its objects can be workloads: those that have pods.
    fn runs(&self) -> bool {
        self.pod_label().is_some()
    }

    /// The common shape.
    fn workload(&self, _object: &Object, _objects: &dyn Objects) -> Option<Workload> {
        None
    }

    /// Why an object is as it is.
    fn explain(&self, _object: &Object, _objects: &dyn Objects) -> Vec<Cause> {
        Vec::new()
    }

    /// What its page shows.
    fn sections(&self, _object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        Vec::new()
    }

    /// What a person can do with it.
    fn actions(&self, _object: &Object) -> Vec<Action> {
        Vec::new()
    }
}
