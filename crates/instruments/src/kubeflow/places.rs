//! The places of Kubeflow in the navigation, and their pages: live windows, told as queries.

use pilothouse_model::{GroupResource, Page, Place, Section};

use super::kinds::*;

/// What the navigation shows, in order.
pub(super) const PLACES: &[Place] = &[
    Place { id: "", title: "Active and failed", needs: WORKLOADS },
    Place { id: "notebooks", title: "Notebooks", needs: &[NOTEBOOKS] },
    Place { id: "training", title: "Training", needs: TRAINING },
    Place { id: "katib", title: "Katib", needs: KATIB },
    Place { id: "runs", title: "Pipeline runs", needs: RUNS },
    Place { id: "spark", title: "Spark", needs: SPARK },
    Place { id: "serving", title: "Serving", needs: &[INFERENCE_SERVICES] },
    Place { id: "profiles", title: "Profiles", needs: &[PROFILES] },
];

const TRAINING: &[GroupResource<'static>] = &[
    TRAIN_JOBS,
    PYTORCH_JOBS,
    TF_JOBS,
    MPI_JOBS,
    XGBOOST_JOBS,
    PADDLE_JOBS,
    JAX_JOBS,
    JOB_SETS,
    TRAINING_RUNTIMES,
    CLUSTER_TRAINING_RUNTIMES,
];
const KATIB: &[GroupResource<'static>] = &[EXPERIMENTS, TRIALS, SUGGESTIONS];
const RUNS: &[GroupResource<'static>] = &[WORKFLOWS, SCHEDULED_WORKFLOWS];
const SPARK: &[GroupResource<'static>] = &[SPARK_APPLICATIONS, SCHEDULED_SPARK_APPLICATIONS];

/// What runs, of all of Kubeflow.
const WORKLOADS: &[GroupResource<'static>] = &[
    NOTEBOOKS,
    TRAIN_JOBS,
    PYTORCH_JOBS,
    TF_JOBS,
    MPI_JOBS,
    XGBOOST_JOBS,
    PADDLE_JOBS,
    JAX_JOBS,
    JOB_SETS,
    EXPERIMENTS,
    TRIALS,
    WORKFLOWS,
    SPARK_APPLICATIONS,
    INFERENCE_SERVICES,
];

/// What each list is called, and what it says when it is empty.
fn heading(resource: GroupResource<'_>) -> (&'static str, &'static str) {
    let named: &[(GroupResource<'_>, &str, &str)] = &[
        (NOTEBOOKS, "Notebooks", "No notebooks."),
        (PROFILES, "Profiles", "No profiles."),
        (EXPERIMENTS, "Experiments", "No experiments."),
        (TRIALS, "Trials", "No trials."),
        (SUGGESTIONS, "Suggestions", "No suggestions."),
        (TRAIN_JOBS, "TrainJobs", "No TrainJobs."),
        (TRAINING_RUNTIMES, "Runtimes of namespaces", "No training runtimes in namespaces."),
        (CLUSTER_TRAINING_RUNTIMES, "Runtimes", "No training runtimes."),
        (JOB_SETS, "JobSets", "No JobSets."),
        (PYTORCH_JOBS, "PyTorchJobs", "No PyTorchJobs."),
        (TF_JOBS, "TFJobs", "No TFJobs."),
        (MPI_JOBS, "MPIJobs", "No MPIJobs."),
        (XGBOOST_JOBS, "XGBoostJobs", "No XGBoostJobs."),
        (PADDLE_JOBS, "PaddleJobs", "No PaddleJobs."),
        (JAX_JOBS, "JAXJobs", "No JAXJobs."),
        (WORKFLOWS, "Runs", "No workflows."),
        (SCHEDULED_WORKFLOWS, "Recurring runs", "No recurring runs."),
        (SPARK_APPLICATIONS, "Applications", "No Spark applications."),
        (SCHEDULED_SPARK_APPLICATIONS, "Scheduled applications", "No scheduled Spark applications."),
        (INFERENCE_SERVICES, "Inference services", "No inference services."),
    ];
    let found = named.iter().find(|(own, _, _)| *own == resource);
    found.map_or(("Objects", "Nothing here."), |(_, title, empty)| (title, empty))
}

/// The page of a place: a window per resource that the cluster serves.
pub(super) fn page(place: &str, served: &dyn Fn(GroupResource<'_>) -> bool) -> Option<Page> {
    let place = PLACES.iter().find(|own| own.id == place)?;
    let resources: Vec<_> = place.needs.iter().copied().filter(|resource| served(*resource)).collect();
    if place.id.is_empty() {
        return Some(overview(&resources));
    }
    let summary = match place.id {
        "notebooks" => "Servers that people work in, and what they hold.",
        "training" => "Training runs, and the runtimes that they refer to.",
        "katib" => "Searches for good parameters, and their trials.",
        "runs" => "Pipeline runs as the workflows that they are, and what starts them by a timetable.",
        "spark" => "Spark applications, and what starts them by a timetable.",
        "serving" => "Models that answer requests.",
        _ => "Namespaces of people and teams.",
    };
    let alone = resources.len() == 1;
    let sections = resources.iter().map(|resource| listing(*resource, alone)).collect();
    Some(Page { title: place.title.to_owned(), summary: summary.to_owned(), sections })
}

fn listing(resource: GroupResource<'_>, alone: bool) -> Section {
    let (title, empty) = heading(resource);
    Section::Listing {
        title: title.to_owned(),
        resource: Some((resource.group.to_owned(), resource.plural.to_owned())),
        query: String::new(),
        sort: "age".to_owned(),
        limit: if alone { 100 } else { 25 },
        empty: empty.to_owned(),
    }
}

fn overview(resources: &[GroupResource<'_>]) -> Page {
    let kinds: Vec<_> = super::FAMILIES
        .iter()
        .filter(|(resource, _, _)| resources.contains(resource))
        .map(|(_, kind, _)| *kind)
        .collect();
    let kinds = format!("kind:{}", kinds.join(","));
    let window = |title: &str, query: &str, sort: &str, empty: &str| Section::Listing {
        title: title.to_owned(),
        resource: None,
        query: format!("{kinds} {query}"),
        sort: sort.to_owned(),
        limit: 50,
        empty: empty.to_owned(),
    };
    let sections = if resources.is_empty() {
        Vec::new()
    } else {
        vec![
            window(
                "Needs attention",
                "level:error,warning,unknown",
                "level,age",
                "Nothing has failed, nothing is in trouble.",
            ),
            window("Active", "is:active", "age", "Nothing runs or waits to run."),
            window("Finished", "state:succeeded,canceled", "finished,age", "Nothing has finished."),
        ]
    };
    Page {
        title: "Active and failed".to_owned(),
        summary: "What needs someone, what runs and waits, and what ended lately, in all namespaces.".to_owned(),
        sections,
    }
}
