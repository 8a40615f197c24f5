//! Stands in for the Job controller: completions, parallelism, retries, deadlines, suspension.

use std::sync::Arc;

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, stamp};
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, add, add_labels, last_finish, set_condition};
use super::pods::{self, Part};
use super::stage::Stage;

const SOURCE: &str = "job-controller";

/// The stand-in Job controller.
pub(super) struct Jobs;

impl Actor for Jobs {
    const NAME: &'static str = "job";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Job if !change.gone => vec![(Kind::Job, name_of(&change.object))],
            // Its suspension is that of its jobs.
            Kind::JobSet => {
                stage.mirror.owned(Kind::Job, &change.object).iter().map(|job| (Kind::Job, name_of(job))).collect()
            }
            Kind::Pod => super::owner_key(&change.object, Kind::Job),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(job) = stage.mirror.get(Kind::Job, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&job) || finished(&job).is_some() {
            return Ok(Next::Change);
        }
        Bearing::take(stage, &job).advance(stage).await
    }
}

/// How a Job ended: the type of its final condition.
pub(super) fn finished(job: &Value) -> Option<&'static str> {
    ["Complete", "Failed"].into_iter().find(|kind| super::condition_is(job, kind, "True"))
}

/// A Job and its pods at one moment.
struct Bearing<'a> {
    job: &'a Value,
    pods: Vec<Arc<Value>>,
    completions: i64,
    parallelism: i64,
    indexed: bool,
    suspended: bool,
}

impl<'a> Bearing<'a> {
    fn take(stage: &Stage, job: &'a Value) -> Self {
        let parallelism = job.integer("/spec/parallelism").unwrap_or(1);
        // An API server of 1.20 drops `completionMode` and `suspend`; a JobSet's jobs tell in other ways.
        let of_set = super::label(job, "jobset.sigs.k8s.io/jobset-name")
            .and_then(|set| stage.mirror.get(Kind::JobSet, super::namespace(job), set));
        let set_suspended = of_set.as_ref().is_some_and(|set| set.boolean("/spec/suspend") == Some(true));
        Self {
            job,
            pods: stage.mirror.owned(Kind::Pod, job),
            completions: job.integer("/spec/completions").unwrap_or(1),
            parallelism,
            indexed: of_set.is_some() || job.text("/spec/completionMode") == Some("Indexed"),
            suspended: set_suspended || job.boolean("/spec/suspend") == Some(true),
        }
    }

    fn phase_count(&self, phase: &str) -> i64 {
        i64::try_from(pods::count(&self.pods, |pod| pods::phase(pod) == phase)).unwrap_or(i64::MAX)
    }

    async fn advance(&self, stage: &Stage) -> Result<Next, ApiError> {
        let active: Vec<&Arc<Value>> = self.pods.iter().filter(|pod| pods::is_active(pod)).collect();
        if self.suspended {
            for pod in &active {
                stage.delete_once(Kind::Pod, pod).await?;
            }
            return self.report(stage, None).await;
        }
        let failed = self.phase_count("Failed");
        let limit = self.job.integer("/spec/backoffLimit").unwrap_or(6);
        let start = self.job.time("/status/startTime").unwrap_or_else(|| began(self.job));
        if failed > limit {
            return self.fail(stage, "BackoffLimitExceeded", "Job has reached the specified backoff limit").await;
        }
        let mut next = Next::Change;
        if let Some(deadline) = self.job.integer("/spec/activeDeadlineSeconds") {
            let left = deadline as f64 - stage.clock.since(start);
            if left <= 0.0 {
                let message = "Job was active longer than specified deadline";
                return self.fail(stage, "DeadlineExceeded", message).await;
            }
            next = Next::In(left);
        }
        if self.phase_count("Succeeded") >= self.completions {
            return self.report(stage, Some(("Complete", "", ""))).await;
        }
        for (name, index, attempt) in self.missing(stage, active.len()) {
            let role = index.map_or_else(|| "main".to_owned(), |index| self.role(index));
            if !self.make(stage, &Part { name: &name, role: &role, attempt }, index).await? {
                next = next.sooner(Next::In(10.0));
                break;
            }
        }
        Ok(self.report(stage, None).await?.sooner(next))
    }

    /// The role that fates name: the replicated job and the index, else `main` and the index.
    fn role(&self, index: i64) -> String {
        let group = super::label(self.job, "jobset.sigs.k8s.io/replicatedjob-name").unwrap_or("main");
        format!("{group}-{index}")
    }

    /// Names, indexes and attempts of the pods that are to be made now.
    fn missing(&self, stage: &Stage, active: usize) -> Vec<(String, Option<i64>, u32)> {
        let title = super::title(self.job);
        let name = |what: &str, attempt: usize| {
            let infix = if self.indexed { format!("{what}-") } else { String::new() };
            let suffix = stage.dice.suffix(&format!("{title} {what} {attempt}"), 5);
            format!("{}-{infix}{suffix}", super::name(self.job))
        };
        if self.indexed {
            let of = |index: i64| {
                let index = index.to_string();
                self.pods.iter().filter(move |pod| super::annotation(pod, COMPLETION_INDEX) == Some(index.as_str()))
            };
            return (0..self.completions)
                .filter(|index| of(*index).all(|pod| pods::phase(pod) == "Failed"))
                .map(|index| (index, of(index).count()))
                .map(|(index, attempt)| {
                    (name(&index.to_string(), attempt), Some(index), u32::try_from(attempt).unwrap_or(0))
                })
                .take(usize::try_from(self.parallelism).unwrap_or(0).saturating_sub(active))
                .collect();
        }
        let left = self.completions - self.phase_count("Succeeded");
        let wanted = usize::try_from(self.parallelism.min(left)).unwrap_or(0);
        let failed = u32::try_from(self.phase_count("Failed")).unwrap_or(0);
        (active..wanted).map(|number| (name("pod", self.pods.len() + number - active), None, failed)).collect()
    }

    async fn make(&self, stage: &Stage, part: &Part<'_>, index: Option<i64>) -> Result<bool, ApiError> {
        let template = self.job.pointer("/spec/template").cloned().unwrap_or_default();
        let mut pod = pods::from_template(Kind::Job, self.job, &template, part);
        let name = super::name(self.job);
        let uid = self.job.text("/metadata/uid").unwrap_or_default();
        add_labels(
            &mut pod,
            &[
                ("job-name", name),
                ("controller-uid", uid),
                ("batch.kubernetes.io/job-name", name),
                ("batch.kubernetes.io/controller-uid", uid),
            ],
        );
        if let Some(index) = index {
            add_labels(&mut pod, &[(COMPLETION_INDEX, &index.to_string())]);
            add(&mut pod, "annotations", [(COMPLETION_INDEX.to_owned(), json!(index.to_string()))]);
        }
        pods::create(stage, self.job, SOURCE, pod).await
    }

    async fn fail(&self, stage: &Stage, reason: &str, message: &str) -> Result<Next, ApiError> {
        for pod in self.pods.iter().filter(|pod| pods::is_active(pod)) {
            stage.delete_once(Kind::Pod, pod).await?;
        }
        stage.warning(self.job, SOURCE, reason, message).await;
        self.report(stage, Some(("Failed", reason, message))).await
    }

    async fn report(&self, stage: &Stage, end: Option<(&str, &str, &str)>) -> Result<Next, ApiError> {
        let pods = stage.mirror.owned(Kind::Pod, self.job);
        let now = stage.clock.now();
        let finish: Timestamp = last_finish(pods.iter().map(AsRef::as_ref)).unwrap_or(now);
        let mut conditions = self.job.items("/status/conditions").to_vec();
        if self.suspended || super::condition(self.job, "Suspended").is_some() {
            let (reason, message) =
                if self.suspended { ("JobSuspended", "Job suspended") } else { ("JobResumed", "Job resumed") };
            set_condition(&mut conditions, &Said { kind: "Suspended", status: self.suspended, reason, message }, now);
        }
        if let Some((kind, reason, message)) = end {
            set_condition(&mut conditions, &Said { kind, status: true, reason, message }, finish);
        }
        let some = |count: usize| (count > 0).then_some(count);
        let alive = if end.is_some() { 0 } else { pods::count(&pods, pods::is_active) };
        let mut status = json!({
            "active": some(alive),
            "ready": (alive > 0).then(|| pods::count(&pods, super::is_ready_pod)),
            "succeeded": some(pods::count(&pods, |pod| pods::phase(pod) == "Succeeded")),
            "failed": some(pods::count(&pods, |pod| pods::phase(pod) == "Failed")),
        });
        if !conditions.is_empty() {
            status["conditions"] = json!(conditions);
        }
        if !self.suspended {
            status["startTime"] =
                self.job.text("/status/startTime").map_or_else(|| stamp(began(self.job)), str::to_owned).into();
        }
        if end.is_some_and(|end| end.0 == "Complete") {
            status["completionTime"] = stamp(finish).into();
            stage.normal(self.job, SOURCE, "Completed", "Job completed").await;
        }
        stage.set_status(Kind::Job, self.job, &status).await?;
        Ok(Next::Change)
    }
}

const COMPLETION_INDEX: &str = "batch.kubernetes.io/job-completion-index";
