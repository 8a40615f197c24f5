//! The living cluster: a seeded story of a shared machine learning platform, told by actors.
//!
//! The actors stand in for the scheduler, the kubelets and the controllers of a Kubeflow cluster. They speak only the
//! Kubernetes API, so the story plays on the embedded server and on a real API server alike: [`Story::start`] takes any
//! [`Target`]. All of them are level-triggered: what a person changes meanwhile with kubectl has the effect that the real
//! controllers would give it. The same seed tells the same story: the same names, runs, order and outcomes.
//!
//! What becomes of each pod is written on it as the annotation `drydock.pilothouse.dev/fate`.

use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use pilothouse_model::Read;

mod actor;
mod api;
mod argo;
mod chronicle;
mod clock;
mod crds;
mod deployment;
mod dice;
mod director;
mod fate;
mod garbage;
mod job;
mod jobset;
mod katib;
mod kind;
mod kubelet;
mod mirror;
mod node;
mod notebook;
mod object;
mod pods;
mod quota;
mod scenario;
mod schedule;
mod scheduler;
mod serving;
mod spark;
mod stage;
mod statefulset;
mod tenancy;
mod trainer;
mod training;
mod watcher;
mod world;

pub use api::{Credential, Target};
pub use world::{TEAM_MEMBER, VIEWER};

use actor::{Actor, Key, play};
use api::{Api, ApiError};
use kind::Kind;
use object::{
    annotation, condition, condition_is, is_ending, is_finished_pod, is_ready_pod, label, name, namespace, title,
};
use stage::Stage;

/// How the story goes.
#[derive(Clone, Debug)]
pub struct StoryOptions {
    /// Same seed, same story.
    pub seed: u64,
    /// How fast it goes: at 2, everything waits half as long as at 1.
    pub speed: f64,
    /// How much runs at once, as a factor on the number of runs.
    pub scale: f64,
    /// Whether the story plays Kubernetes' own scheduler and controllers (Deployment, ReplicaSet, StatefulSet, DaemonSet,
    /// Job, quota, garbage) as well. Not where real ones run.
    pub plays_kubernetes: bool,
}

impl Default for StoryOptions {
    fn default() -> Self {
        Self { seed: 1, speed: 1.0, scale: 1.0, plays_kubernetes: true }
    }
}

/// Why a story cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StoryError {
    /// The certificates or keys cannot be used.
    #[error("the story cannot use {0}")]
    Credential(String),
    /// The HTTP client cannot be made.
    #[error("the story has no HTTP client: {0}")]
    Client(String),
    /// The API server does not answer.
    #[error("the story finds no API server at {url}: {why}; check the address and the credential")]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        why: String,
    },
    /// The world could not be made.
    #[error("the story cannot make its world: {0}")]
    Seed(String),
}

/// A story to be told.
pub struct Story;

/// A story that is being told.
pub struct StoryHandle {
    end: CancellationToken,
    tasks: JoinSet<()>,
}

impl Story {
    /// Makes the world at `target` and sets the actors to work. Returns when the world stands; the runs follow.
    pub async fn start(target: Target, options: StoryOptions) -> Result<StoryHandle, StoryError> {
        let api = Api::new(&target)?;
        answer(&api, &target.url).await?;
        let clock = clock::Clock::new(options.speed);
        let stage = Stage {
            api,
            mirror: mirror::Mirror::new(),
            clock,
            dice: dice::Dice::new(options.seed),
            chronicle: chronicle::Chronicle::new(clock),
        };
        let seed = |error: ApiError| StoryError::Seed(error.to_string());
        crds::install(&stage.api).await.map_err(seed)?;
        world::seed(&stage).await.map_err(seed)?;
        let mut handle = StoryHandle { end: CancellationToken::new(), tasks: JoinSet::new() };
        for kind in kind::WATCHED {
            handle.tasks.spawn(watcher::keep(stage.api.clone(), stage.mirror.clone(), *kind, handle.end.clone()));
        }
        if options.plays_kubernetes {
            handle.cast(scheduler::Scheduler::default(), &stage);
            handle.cast(deployment::Deployments, &stage);
            handle.cast(deployment::ReplicaSets::default(), &stage);
            handle.cast(statefulset::StatefulSets, &stage);
            handle.cast(statefulset::DaemonSets, &stage);
            handle.cast(job::Jobs, &stage);
            handle.cast(quota::Accountant, &stage);
            handle.cast(garbage::Garbage, &stage);
        }
        handle.cast(kubelet::Kubelet, &stage);
        handle.cast(node::Nodes, &stage);
        handle.cast(tenancy::Tenancy, &stage);
        handle.cast(notebook::Notebooks, &stage);
        handle.cast(training::Training, &stage);
        handle.cast(trainer::Trainer, &stage);
        handle.cast(jobset::JobSets, &stage);
        handle.cast(katib::Experiments, &stage);
        handle.cast(katib::trial::Trials, &stage);
        handle.cast(argo::Workflows, &stage);
        handle.cast(schedule::Schedules, &stage);
        handle.cast(spark::Spark, &stage);
        handle.cast(serving::Serving, &stage);
        handle.tasks.spawn(director::direct(stage, options.scale, handle.end.clone()));
        Ok(handle)
    }
}

impl StoryHandle {
    fn cast<A: Actor>(&mut self, actor: A, stage: &Stage) {
        self.tasks.spawn(play(actor, stage.clone(), self.end.clone()));
    }

    /// Ends the story and waits for all of its tasks. What it made stays in the cluster.
    pub async fn stop(mut self) {
        self.end.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "an actor of the story broke");
            }
        }
    }
}

/// Waits a moment for a server that is just starting.
async fn answer(api: &Api, url: &str) -> Result<(), StoryError> {
    let mut why = String::new();
    for _ in 0..20 {
        match api.get("/version").await {
            Ok(_) => return Ok(()),
            Err(error @ ApiError::Refused { status: 401 | 403, .. }) => {
                return Err(StoryError::Unreachable { url: url.to_owned(), why: error.to_string() });
            }
            Err(error) => why = error.to_string(),
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    Err(StoryError::Unreachable { url: url.to_owned(), why })
}

/// The key of an object's controller, when it is of this kind.
fn owner_key(object: &Value, kind: Kind) -> Vec<Key> {
    let owners = object.items("/metadata/ownerReferences").iter();
    owners
        .filter(|owner| owner.text("/kind") == Some(kind.place().kind))
        .filter_map(|owner| Some((kind, (namespace(object).to_owned(), owner.text("/name")?.to_owned()))))
        .collect()
}
