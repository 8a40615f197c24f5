//! Kubernetes' own kinds: workloads that keep pods running or run them to their end, and what they stand on.
//!
//! Columns and statuses come from the columns room, causes of pods from [`crate::causes`]. A bare pod is not counted as a
//! workload; a controller that another workload owns belongs to that one.

mod actions;
mod explain;
mod job;
mod kin;
mod links;
mod replicated;
mod sections;

use pilothouse_model::{
    Action, Cause, Column, GroupResource, Instrument, Link, Manifest, Object, Objects, Page, Projection, Resource,
    Section, Workload,
};

/// The instrument of Kubernetes' own kinds.
pub(crate) struct Core;

const RUNNING: [GroupResource<'static>; 4] = [
    GroupResource::new("apps", "daemonsets"),
    GroupResource::new("apps", "deployments"),
    GroupResource::new("apps", "statefulsets"),
    GroupResource::new("batch", "jobs"),
];

static MANIFEST: Manifest = Manifest {
    id: "core",
    title: "Kubernetes",
    resources: &[
        RUNNING[0],
        RUNNING[1],
        RUNNING[2],
        RUNNING[3],
        GroupResource::new("apiextensions.k8s.io", "customresourcedefinitions"),
        GroupResource::new("apiregistration.k8s.io", "apiservices"),
        GroupResource::new("apps", "replicasets"),
        GroupResource::new("autoscaling", "horizontalpodautoscalers"),
        GroupResource::new("batch", "cronjobs"),
        GroupResource::new("", "namespaces"),
        GroupResource::new("", "nodes"),
        GroupResource::new("", "persistentvolumeclaims"),
        GroupResource::new("", "pods"),
        GroupResource::new("", "replicationcontrollers"),
        GroupResource::new("", "resourcequotas"),
        GroupResource::new("", "services"),
    ],
    places: &[],
};

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

    fn links(&self, object: &Object) -> Vec<Link> {
        links::of(object)
    }

    fn runs(&self, resource: GroupResource<'_>) -> bool {
        RUNNING.contains(&resource)
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        if kin::belongs_to_another(object) {
            return None;
        }
        match (object.group(), object.kind()) {
            ("apps", "Deployment" | "StatefulSet" | "DaemonSet") => Some(replicated::workload(object, objects)),
            ("batch", "Job") => Some(job::workload(object, objects)),
            _ => None,
        }
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        explain::of(object, objects)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        sections::of(object)
    }

    fn page(&self, _place: &str, _served: &dyn Fn(GroupResource<'_>) -> bool) -> Option<Page> {
        None
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        actions::of(object)
    }
}

#[cfg(test)]
mod tests;
