//! Stands in for the training operator: PyTorchJob and its siblings of kubeflow.org/v1.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use pilothouse_model::{Read, Timestamp};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, stamp};
use super::kind::{Kind, LEGACY_TRAINING};
use super::mirror::{Change, name_of};
use super::object::{Said, add_labels, append_condition, last_finish};
use super::pods::{self, Part};
use super::stage::Stage;

/// The stand-in training operator.
pub(super) struct Training;

const JOB_NAME: &str = "training.kubeflow.org/job-name";
const REPLICA_TYPE: &str = "training.kubeflow.org/replica-type";

/// The field with a kind's replica specs, and the type whose end is the job's end (none: all must end).
fn shape(kind: Kind) -> (&'static str, Option<&'static str>) {
    match kind {
        Kind::TFJob => ("tfReplicaSpecs", Some("Chief")),
        Kind::MPIJob => ("mpiReplicaSpecs", Some("Launcher")),
        Kind::XGBoostJob => ("xgbReplicaSpecs", Some("Master")),
        Kind::PaddleJob => ("paddleReplicaSpecs", None),
        Kind::JAXJob => ("jaxReplicaSpecs", None),
        _ => ("pytorchReplicaSpecs", Some("Master")),
    }
}

impl Actor for Training {
    const NAME: &'static str = "training";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            kind if LEGACY_TRAINING.contains(&kind) && !change.gone => vec![(kind, name_of(&change.object))],
            Kind::Pod if super::label(&change.object, JOB_NAME).is_some() => {
                LEGACY_TRAINING.iter().flat_map(|kind| super::owner_key(&change.object, *kind)).collect()
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(job) = stage.mirror.get(key.0, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&job) || ended(&job) {
            return Ok(Next::Change);
        }
        Bearing { kind: key.0, job: &job, pods: stage.mirror.owned(Kind::Pod, &job) }.advance(stage).await
    }
}

/// Whether a job has come to its end.
pub(super) fn ended(job: &Value) -> bool {
    ["Succeeded", "Failed"].iter().any(|kind| super::condition_is(job, kind, "True"))
}

/// A job and its pods at one moment.
struct Bearing<'a> {
    kind: Kind,
    job: &'a Value,
    pods: Vec<Arc<Value>>,
}

impl Bearing<'_> {
    fn word(&self) -> &'static str {
        self.kind.place().kind
    }

    fn source(&self) -> String {
        format!("{}-controller", self.word().to_lowercase())
    }

    /// Replica types with their specs.
    fn replicas(&self) -> Vec<(String, Value)> {
        let specs = super::object::map_at(self.job, &format!("/spec/{}", shape(self.kind).0));
        specs.iter().map(|(kind, spec)| (kind.to_owned(), spec.clone())).collect()
    }

    fn of_type(&self, replica: &str) -> Vec<&Arc<Value>> {
        let replica = replica.to_lowercase();
        self.pods.iter().filter(|pod| super::label(pod, REPLICA_TYPE) == Some(replica.as_str())).collect()
    }

    async fn advance(&self, stage: &Stage) -> Result<Next, ApiError> {
        if self.job.boolean("/spec/runPolicy/suspend") == Some(true) {
            for pod in self.pods.iter().filter(|pod| pods::is_active(pod)) {
                stage.delete_once(Kind::Pod, pod).await?;
            }
            return self.report(stage, None).await;
        }
        let mut next = Next::Change;
        if let Some(deadline) = self.job.integer("/spec/runPolicy/activeDeadlineSeconds") {
            let start = self.job.time("/status/startTime").unwrap_or_else(|| began(self.job));
            let left = deadline as f64 - stage.clock.since(start);
            if left <= 0.0 {
                let why = format!(
                    "{} {} has failed because it was active longer than specified deadline",
                    self.word(),
                    super::name(self.job)
                );
                return self.finish(stage, false, &why).await;
            }
            next = Next::In(left);
        }
        if let Some((good, why)) = self.outcome() {
            return self.finish(stage, good, &why).await;
        }
        for (replica, spec) in self.replicas() {
            for index in 0..spec.integer("/replicas").unwrap_or(1) {
                next = next.sooner(self.member(stage, (&replica, &spec), index).await?);
            }
        }
        Ok(self.report(stage, None).await?.sooner(next))
    }

    /// Sees to one pod: makes it, or makes it anew where its exit code allows another try.
    async fn member(&self, stage: &Stage, (replica, spec): (&str, &Value), index: i64) -> Result<Next, ApiError> {
        let low = replica.to_lowercase();
        let name = format!("{}-{low}-{index}", super::name(self.job));
        if let Some(pod) = self.pods.iter().find(|pod| super::name(pod) == name) {
            if self.is_retried(spec, pod) {
                stage.delete_once(Kind::Pod, pod).await?;
            }
            return Ok(Next::Change);
        }
        let mut template = spec.pointer("/template").cloned().unwrap_or_default();
        let policy = spec.text("/restartPolicy").unwrap_or("Never");
        template["spec"]["restartPolicy"] = if policy == "ExitCode" { "Never" } else { policy }.into();
        let role = format!("{low}-{index}");
        let attempt = u32::from(super::condition(self.job, "Restarting").is_some());
        let mut pod = pods::from_template(self.kind, self.job, &template, &Part { name: &name, role: &role, attempt });
        add_labels(
            &mut pod,
            &[
                (JOB_NAME, super::name(self.job)),
                (REPLICA_TYPE, &low),
                ("training.kubeflow.org/replica-index", &index.to_string()),
                ("training.kubeflow.org/operator-name", &self.source()),
            ],
        );
        if low == "master" || (low == "launcher" && self.kind == Kind::MPIJob) {
            add_labels(&mut pod, &[("training.kubeflow.org/job-role", "master")]);
        }
        let made = pods::create(stage, self.job, &self.source(), pod).await?;
        Ok(if made { Next::Change } else { Next::In(10.0) })
    }

    /// With restart policy `ExitCode`, a signal (128 and above) or a pod lost with its node is retried.
    fn is_retried(&self, spec: &Value, pod: &Value) -> bool {
        let retryable = super::object::ended(pod).is_some_and(|(code, _)| code > 128);
        let evicted = pod.text("/status/reason") == Some("Evicted");
        pods::phase(pod) == "Failed" && spec.text("/restartPolicy") == Some("ExitCode") && (retryable || evicted)
    }

    /// Whether the job is over: how, and the operator's words.
    fn outcome(&self) -> Option<(bool, String)> {
        let (word, name) = (self.word(), super::name(self.job));
        for (replica, spec) in self.replicas() {
            let members = self.of_type(&replica);
            let failed =
                members.iter().filter(|pod| pods::phase(pod) == "Failed" && !self.is_retried(&spec, pod)).count();
            if failed > 0 {
                return Some((false, format!("{word} {name} is failed because {failed} {replica} replica(s) failed.")));
            }
            let restarts: i64 =
                members.iter().filter_map(|pod| pod.integer("/status/containerStatuses/0/restartCount")).sum();
            if self.job.integer("/spec/runPolicy/backoffLimit").is_some_and(|limit| restarts > limit) {
                return Some((
                    false,
                    format!("{word} {name} has failed because it has reached the specified backoff limit"),
                ));
            }
        }
        let replicas = self.replicas();
        let decisive = shape(self.kind).1.filter(|first| replicas.iter().any(|(replica, _)| replica == first));
        let done = |replica: &str, spec: &Value| {
            let wanted = usize::try_from(spec.integer("/replicas").unwrap_or(1)).unwrap_or(0);
            self.of_type(replica).iter().filter(|pod| pods::phase(pod) == "Succeeded").count() >= wanted
        };
        let good = replicas
            .iter()
            .filter(|(replica, _)| decisive.map_or(replica != "PS", |first| replica == first))
            .all(|(replica, spec)| done(replica, spec));
        (good && !replicas.is_empty())
            .then(|| (true, format!("{word} {} successfully completed.", super::title(self.job))))
    }

    async fn finish(&self, stage: &Stage, good: bool, why: &str) -> Result<Next, ApiError> {
        let word = self.word();
        let policy = self.job.text("/spec/runPolicy/cleanPodPolicy").unwrap_or("None");
        for pod in self.pods.iter().filter(|pod| policy == "All" || (policy == "Running" && pods::is_active(pod))) {
            stage.delete_once(Kind::Pod, pod).await?;
        }
        if good {
            stage.normal(self.job, &self.source(), &format!("{word}Succeeded"), why).await;
        } else {
            stage.warning(self.job, &self.source(), &format!("{word}Failed"), why).await;
        }
        self.report(stage, Some((good, why))).await
    }

    async fn report(&self, stage: &Stage, end: Option<(bool, &str)>) -> Result<Next, ApiError> {
        let conditions = self.conditions(stage, end);
        let mut counts = Map::new();
        for (replica, _) in self.replicas() {
            let members = self.of_type(&replica);
            let count = |phase: &str| members.iter().filter(|pod| pods::phase(pod) == phase).count();
            let some = |count: usize| (count > 0).then_some(count);
            let active =
                if end.is_some() { 0 } else { members.iter().filter(|pod| pods::phase(pod) == "Running").count() };
            let selector = format!(
                "{JOB_NAME}={},training.kubeflow.org/operator-name={},{REPLICA_TYPE}={}",
                super::name(self.job),
                self.source(),
                replica.to_lowercase()
            );
            counts.insert(replica, json!({
                "active": some(active), "succeeded": some(count("Succeeded")), "failed": some(count("Failed")), "selector": selector,
            }));
        }
        let mut status = json!({ "conditions": conditions, "replicaStatuses": counts });
        status["startTime"] =
            self.job.text("/status/startTime").map_or_else(|| stamp(began(self.job)), str::to_owned).into();
        if end.is_some_and(|(good, _)| good) {
            status["completionTime"] = stamp(self.moment_of_end(stage)).into();
        }
        // Absent counts are left out, as the operator's JSON leaves them out.
        strip_nulls(&mut status);
        stage.set_status(self.kind, self.job, &status).await?;
        Ok(Next::Change)
    }

    fn moment_of_end(&self, stage: &Stage) -> Timestamp {
        last_finish(self.pods.iter().map(AsRef::as_ref)).unwrap_or_else(|| stage.clock.now())
    }

    fn conditions(&self, stage: &Stage, end: Option<(bool, &str)>) -> Vec<Value> {
        let (word, title, name) = (self.word(), super::title(self.job), super::name(self.job));
        let mut all = self.job.items("/status/conditions").to_vec();
        let mut set = |kind: &str, status: bool, suffix: &str, message: &str, at: Timestamp| {
            // A job never both runs and restarts.
            all.retain(|one| {
                !matches!((kind, one.text("/type")), ("Running", Some("Restarting")) | ("Restarting", Some("Running")))
            });
            append_condition(&mut all, &Said { kind, status, reason: &format!("{word}{suffix}"), message }, at);
        };
        set("Created", true, "Created", &format!("{word} {name} is created."), began(self.job));
        let now = stage.clock.now();
        let was = |kind: &str| super::condition_is(self.job, kind, "True");
        if self.job.boolean("/spec/runPolicy/suspend") == Some(true) {
            let message = format!("{word} {name} is suspended.");
            if was("Running") {
                set("Running", false, "Suspended", &message, now);
            }
            set("Suspended", true, "Suspended", &message, now);
            return all;
        }
        if was("Suspended") {
            set("Suspended", false, "Resumed", &format!("{word} {name} is resumed."), now);
        }
        let started = self.pods.iter().filter_map(|pod| pod.time("/status/startTime")).min();
        let running = self.pods.iter().any(|pod| pods::phase(pod) == "Running");
        let ran =
            self.pods.iter().any(|pod| super::is_finished_pod(pod)) || super::condition(self.job, "Running").is_some();
        let message = format!("{word} {title} is running.");
        match end {
            None if self.is_restarting() => {
                set(
                    "Restarting",
                    true,
                    "Restarting",
                    &format!("{word} {title} is restarting because a replica failed."),
                    now,
                );
            }
            None if running => set("Running", true, "Running", &message, started.unwrap_or(now)),
            None => {}
            Some((good, why)) => {
                let at = self.moment_of_end(stage);
                if ran {
                    set("Running", false, "Running", &message, at);
                }
                let kind = if good { "Succeeded" } else { "Failed" };
                set(kind, true, kind, why, at);
            }
        }
        all
    }

    /// Whether a replica failed and is on its way back.
    fn is_restarting(&self) -> bool {
        let waits = |pod: &Value| {
            let again = pod.integer("/status/containerStatuses/0/restartCount") > Some(0)
                || pod.pointer("/status/containerStatuses/0/lastState/terminated").is_some();
            again && pod.pointer("/status/containerStatuses/0/state/waiting").is_some()
        };
        self.pods.iter().any(|pod| pods::phase(pod) == "Failed" || waits(pod))
    }
}

/// Removes fields that are null, at every depth.
pub(super) fn strip_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            fields.values_mut().for_each(strip_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_nulls),
        _ => {}
    }
}
