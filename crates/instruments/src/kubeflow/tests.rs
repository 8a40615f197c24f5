//! The rules of every kind, case by case: what is on a page of YAML is all that the cluster has, and the object that a
//! case is about is called `it`.

mod inference;
mod instrument;
mod katib;
mod malformed;
mod notebook;
mod spark;
mod train_job;
mod training;
mod workflow;

use std::sync::Arc;

use pilothouse_model::*;

use super::{FAMILIES, Kubeflow};
use crate::testing::Folder;

/// An object called `it`; `body` goes on after its metadata, `meta` within.
fn it(api_version: &str, kind: &str, meta: &str, body: &str) -> String {
    let comma = if meta.is_empty() { "" } else { ", " };
    format!(
        "{{apiVersion: {api_version}, kind: {kind}, metadata: {{name: it, namespace: ns, uid: u, \
         creationTimestamp: '2026-01-01T00:00:00Z'{comma}{meta}}}{}{body}}}\n",
        if body.is_empty() { "" } else { ", " }
    )
}

/// Another document on the same page.
fn and(page: &str, other: &str) -> String {
    format!("{page}\n---\n{other}\n")
}

/// A pod with one label, and its status.
fn pod(name: &str, key: &str, status: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Pod, metadata: {{name: {name}, namespace: ns, uid: {name}, labels: {{{key}: it}}}}, \
         spec: {{containers: [{{name: main, resources: {{limits: {{nvidia.com/gpu: 1}}}}}}]}}, status: {status}}}"
    )
}

const UNSCHEDULABLE: &str = "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', \
     reason: Unschedulable, message: '0/3 nodes are available: 3 Insufficient nvidia.com/gpu.'}]}";

/// One page, and the object that it is about.
struct Case {
    folder: Folder,
    it: Arc<Object>,
}

impl Case {
    fn new(yaml: &str) -> Self {
        let folder = Folder::new(yaml);
        let kind = FAMILIES
            .iter()
            .map(|(_, kind, _)| *kind)
            .find(|kind| yaml.contains(&format!("kind: {kind}, metadata: {{name: it,")));
        let it = folder.object(kind.expect("`it` is of a kind of Kubeflow"), "it");
        Self { folder, it }
    }

    fn workload(&self) -> Workload {
        Kubeflow.workload(&self.it, &self.folder).expect("it is a workload")
    }

    /// State, level and reason as the table of workloads shows them.
    fn says(&self) -> (State, Level, String) {
        let workload = self.workload();
        (workload.state, workload.level, workload.reason)
    }

    /// State, level and reason as the list of its own kind shows them.
    fn shows(&self) -> (String, Level, String) {
        let status = Kubeflow.project(&resource_of(&self.it), &self.it).status;
        (status.word.to_string(), status.level, status.reason.to_string())
    }

    /// The cell of the column with this title.
    fn cell(&self, title: &str) -> Cell {
        let resource = resource_of(&self.it);
        let columns = Kubeflow.columns(&resource).expect("it has columns");
        let at = columns.iter().position(|column| &*column.title == title).expect("it has the column");
        Kubeflow.project(&resource, &self.it).cells.swap_remove(at)
    }

    fn causes(&self) -> Vec<Cause> {
        Kubeflow.explain(&self.it, &self.folder)
    }

    /// The ids of the causes in their order.
    fn why(&self) -> Vec<&'static str> {
        self.causes().iter().map(|cause| cause.id).collect()
    }

    fn sections(&self) -> Vec<Section> {
        Kubeflow.sections(&self.it, &self.folder)
    }

    fn actions(&self) -> Vec<&'static str> {
        Kubeflow.actions(&self.it).iter().map(|action| action.id).collect()
    }
}

/// The resource of an object's kind, as discovery would give it.
fn resource_of(object: &Object) -> Resource {
    let (name, kind, _) = FAMILIES
        .iter()
        .find(|(name, kind, _)| name.group == object.group() && *kind == object.kind())
        .expect("a kind of Kubeflow");
    Resource::new(name.group, "v1", name.plural, kind)
}
