//! Kubeflow: notebooks, training, tuning, pipelines, Spark and serving.
//!
//! Each kind is a [`Family`] in a file of its own, entered in [`FAMILIES`] by its resource. Detection goes by resource,
//! never by API group: `kubeflow.org` holds kinds that have nothing in common but the name.

mod cells;
mod experiment;
mod family;
mod inference;
mod job_set;
mod kinds;
mod notebook;
mod places;
mod pods;
mod printed;
mod profile;
mod requests;
mod run;
mod runtime;
mod scheduled;
mod spark;
mod standing;
mod suggestion;
mod train_job;
mod training;
mod trial;
mod warnings;
mod why;
mod workflow;
mod writes;

#[cfg(test)]
mod tests;

use pilothouse_model::*;

use family::Family;
use kinds::*;

/// The instrument of Kubeflow and of the projects that it is made of.
pub(crate) struct Kubeflow;

static MANIFEST: Manifest = Manifest {
    id: "kubeflow",
    title: "Kubeflow",
    resources: &[
        NOTEBOOKS,
        PROFILES,
        EXPERIMENTS,
        TRIALS,
        SUGGESTIONS,
        TRAIN_JOBS,
        TRAINING_RUNTIMES,
        CLUSTER_TRAINING_RUNTIMES,
        JOB_SETS,
        PYTORCH_JOBS,
        TF_JOBS,
        MPI_JOBS,
        XGBOOST_JOBS,
        PADDLE_JOBS,
        JAX_JOBS,
        WORKFLOWS,
        SCHEDULED_WORKFLOWS,
        SPARK_APPLICATIONS,
        SCHEDULED_SPARK_APPLICATIONS,
        INFERENCE_SERVICES,
    ],
    places: places::PLACES,
};

/// Each resource, the kind of its objects, and what is known of it.
static FAMILIES: [(GroupResource<'static>, &str, &dyn Family); 20] = [
    (NOTEBOOKS, "Notebook", &notebook::Notebook),
    (PROFILES, "Profile", &profile::Profile),
    (EXPERIMENTS, "Experiment", &experiment::Experiment),
    (TRIALS, "Trial", &trial::Trial),
    (SUGGESTIONS, "Suggestion", &suggestion::Suggestion),
    (TRAIN_JOBS, "TrainJob", &train_job::TrainJob),
    (TRAINING_RUNTIMES, "TrainingRuntime", &runtime::TrainingRuntime),
    (CLUSTER_TRAINING_RUNTIMES, "ClusterTrainingRuntime", &runtime::TrainingRuntime),
    (JOB_SETS, "JobSet", &job_set::JobSet),
    (PYTORCH_JOBS, "PyTorchJob", &training::TrainingJob { replicas: "/spec/pytorchReplicaSpecs" }),
    (TF_JOBS, "TFJob", &training::TrainingJob { replicas: "/spec/tfReplicaSpecs" }),
    (MPI_JOBS, "MPIJob", &training::TrainingJob { replicas: "/spec/mpiReplicaSpecs" }),
    (XGBOOST_JOBS, "XGBoostJob", &training::TrainingJob { replicas: "/spec/xgbReplicaSpecs" }),
    (PADDLE_JOBS, "PaddleJob", &training::TrainingJob { replicas: "/spec/paddleReplicaSpecs" }),
    (JAX_JOBS, "JAXJob", &training::TrainingJob { replicas: "/spec/jaxReplicaSpecs" }),
    (WORKFLOWS, "Workflow", &workflow::Workflow),
    (SCHEDULED_WORKFLOWS, "ScheduledWorkflow", &scheduled::ScheduledWorkflow),
    (SPARK_APPLICATIONS, "SparkApplication", &spark::SparkApplication),
    (SCHEDULED_SPARK_APPLICATIONS, "ScheduledSparkApplication", &scheduled::ScheduledSparkApplication),
    (INFERENCE_SERVICES, "InferenceService", &inference::InferenceService),
];

fn family_of_resource(resource: GroupResource<'_>) -> Option<&'static dyn Family> {
    FAMILIES.iter().find(|(own, _, _)| *own == resource).map(|(_, _, family)| *family)
}

fn family_of(object: &Object) -> Option<&'static dyn Family> {
    let (group, kind) = (object.group(), object.kind());
    FAMILIES.iter().find(|(own, name, _)| *name == kind && own.group == group).map(|(_, _, family)| *family)
}

/// Reason and message of what is on its way out.
const DELETED: (&str, &str) = ("Terminating", "It is being deleted.");

/// What is being deleted stops, whatever its status said last, unless it was over or stopped before.
fn is_leaving(object: &Object, state: State) -> bool {
    object.deleted().is_some() && !state.is_over() && state != State::Stopped
}

/// Says so in the list of its kind. Every workload's first cell is its state.
fn leaving(mut projection: Projection, object: &Object) -> Projection {
    let state = projection.status.word.parse().unwrap_or(State::Unknown);
    if is_leaving(object, state) {
        projection.status = Status::from(State::Stopping).because(DELETED.0, DELETED.1);
        if let Some(first) = projection.cells.first_mut() {
            *first = Cell::text(&projection.status.word);
        }
    }
    projection
}

impl Instrument for Kubeflow {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }

    fn columns(&self, resource: &Resource) -> Option<Vec<Column>> {
        family_of_resource(resource.group_resource()).map(|family| printed::columns(resource, family.columns()))
    }

    fn project(&self, resource: &Resource, object: &Object) -> Projection {
        let Some(family) = family_of_resource(resource.group_resource()) else {
            return Projection { status: Status::none(), cells: Vec::new() };
        };
        let mut projection = family.project(object);
        projection.cells.extend(printed::cells(resource, object, || family.columns()));
        if family.runs() { leaving(projection, object) } else { projection }
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        family_of(object).map(|family| family.links(object)).unwrap_or_default()
    }

    fn runs(&self, resource: GroupResource<'_>) -> bool {
        family_of_resource(resource).is_some_and(Family::runs)
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let mut workload = family_of(object)?.workload(object, objects)?;
        if is_leaving(object, workload.state) {
            (workload.state, workload.level) = (State::Stopping, State::Stopping.level());
            (workload.reason, workload.message) = (DELETED.0.to_owned(), DELETED.1.to_owned());
        }
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        family_of(object).map(|family| family.explain(object, objects)).unwrap_or_default()
    }

    fn sections(&self, object: &Object, objects: &dyn Objects) -> Vec<Section> {
        family_of(object).map(|family| family.sections(object, objects)).unwrap_or_default()
    }

    fn page(&self, place: &str, served: &dyn Fn(GroupResource<'_>) -> bool) -> Option<Page> {
        places::page(place, served)
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        family_of(object).map(|family| family.actions(object)).unwrap_or_default()
    }
}
