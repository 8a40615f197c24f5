//! TrainingRuntime and ClusterTrainingRuntime: blueprints that TrainJobs refer to. They do not run, and have no state.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;

use super::cells;
use super::family::Family;

pub(super) struct TrainingRuntime;

const FRAMEWORK: &str = "trainer.kubeflow.org/framework";

/// The framework by its label, else by the one policy that is filled in.
fn framework(object: &Object) -> Option<&str> {
    let policies = ["torch", "mpi", "jax", "xgboost", "flux"];
    let policy = || policies.into_iter().find(|policy| object.pointer(&format!("/spec/mlPolicy/{policy}")).is_some());
    object.label(FRAMEWORK).or_else(policy)
}

fn status(object: &Object) -> Status {
    if object.label("trainer.kubeflow.org/support") == Some("deprecated") {
        return Status::new(Level::Warning, "Deprecated");
    }
    Status::none()
}

/// Container `node` of the replicated job that trains.
fn image(object: &Object) -> Option<&str> {
    let jobs = object.items("/spec/template/spec/replicatedJobs");
    let mut containers = jobs.iter().flat_map(|job| job.items("/template/spec/template/spec/containers"));
    containers.find(|container| container.text("/name") == Some("node"))?.text("/image")
}

impl Family for TrainingRuntime {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("Status", ColumnKind::Status),
            Column::new("Framework", ColumnKind::Text),
            Column::new("Nodes", ColumnKind::Integer),
            Column::new("Image", ColumnKind::Text),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = status(object);
        let cells = vec![
            cells::text(Some(&status.word)),
            cells::text(framework(object)),
            cells::count(object.integer("/spec/mlPolicy/numNodes")),
            cells::text(image(object)),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let jobs = object.items("/spec/template/spec/replicatedJobs").iter().filter_map(|job| job.text("/name"));
        let jobs: Vec<_> = jobs.map(|name| Shown::Text(name.to_owned())).collect();
        let facts = vec![
            Fact::new("Framework", cells::shown(framework(object))),
            Fact::new("Image", cells::shown(image(object))),
            Fact::new("Steps", if jobs.is_empty() { Shown::Missing } else { Shown::Many(jobs) }),
        ];
        vec![Section::Facts { title: "Runtime".to_owned(), facts }]
    }
}
