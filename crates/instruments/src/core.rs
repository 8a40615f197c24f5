//! Kubernetes' own workloads.

use pilothouse_model::*;

/// The instrument of Kubernetes' own kinds.
pub(crate) struct Core;

static MANIFEST: Manifest = Manifest { id: "core", title: "Kubernetes", resources: &[], places: &[] };

impl Instrument for Core {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn columns(&self, resource: &Resource) -> Option<Vec<Column>> {
        Some(pilothouse_columns::columns(resource))
    }

    fn project(&self, resource: &Resource, object: &Object) -> Projection {
        pilothouse_columns::project(resource, object)
    }

    fn links(&self, _object: &Object) -> Vec<Link> {
        Vec::new()
    }

    fn runs(&self, _resource: GroupResource<'_>) -> bool {
        false
    }

    fn workload(&self, _object: &Object, _objects: &dyn Objects) -> Option<Workload> {
        None
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        crate::causes::of_pod(object, objects)
    }

    fn sections(&self, _object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        Vec::new()
    }

    fn page(&self, _place: &str, _served: &dyn Fn(GroupResource<'_>) -> bool) -> Option<Page> {
        None
    }

    fn actions(&self, _object: &Object) -> Vec<Action> {
        Vec::new()
    }
}
