//! Stands in for the JobSet controller: replicated Jobs in their order, restarts, suspension.

use std::sync::Arc;

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::dice::fnv64;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, add, last_finish, map_at, owned_metadata, set_condition};
use super::pods;
use super::stage::Stage;
use super::training::strip_nulls;
use super::{fate, job};

const SOURCE: &str = "jobset-controller";

/// The stand-in JobSet controller.
pub(super) struct JobSets;

impl Actor for JobSets {
    const NAME: &'static str = "jobset";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::JobSet if !change.gone => vec![(Kind::JobSet, name_of(&change.object))],
            Kind::Job => super::owner_key(&change.object, Kind::JobSet),
            Kind::Pod => {
                let set = super::label(&change.object, "jobset.sigs.k8s.io/jobset-name");
                let key = set.map(|set| (Kind::JobSet, (super::namespace(&change.object).to_owned(), set.to_owned())));
                key.into_iter().filter(|(kind, name)| stage.mirror.get(*kind, &name.0, &name.1).is_some()).collect()
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = stage.mirror.get(Kind::JobSet, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&set) || ["Completed", "Failed"].iter().any(|kind| super::condition_is(&set, kind, "True"))
        {
            return Ok(Next::Change);
        }
        let restarts = set.integer("/status/restarts").unwrap_or(0);
        let all = stage.mirror.owned(Kind::Job, &set);
        let attempt = restarts.to_string();
        let is_current = |job: &Value| super::label(job, RESTART_ATTEMPT) == Some(attempt.as_str());
        for old in all.iter().filter(|job| !is_current(job)) {
            stage.delete_once(Kind::Job, old).await?;
        }
        let jobs: Vec<Arc<Value>> = all.into_iter().filter(|job| is_current(job)).collect();
        let suspend = set.boolean("/spec/suspend") == Some(true);
        // An API server of 1.20 knows no suspended Jobs and drops the field.
        let differs = |job: &&Arc<Value>| job.boolean("/spec/suspend").is_some_and(|known| known != suspend);
        for job in jobs.iter().filter(differs).filter(|one| job::finished(one).is_none()) {
            stage.patch(Kind::Job, job, &json!({"spec": {"suspend": suspend}})).await?;
        }
        let failed = jobs.iter().find(|one| job::finished(one) == Some("Failed"));
        if let Some(failed) = failed {
            if restarts < set.integer("/spec/failurePolicy/maxRestarts").unwrap_or(0) {
                return restart(stage, &set, restarts + 1, failed).await;
            }
            let message =
                format!("jobset failed due to one or more job failures (first failed job: {})", super::name(failed));
            stage.warning(&set, SOURCE, "FailedJobs", &message).await;
            // The others are stopped.
            for other in jobs.iter().filter(|one| job::finished(one).is_none()) {
                stage.delete_once(Kind::Job, other).await?;
            }
            return report(stage, &set, &jobs, Some(("Failed", "FailedJobs", &message))).await;
        }
        let wanted: i64 =
            set.items("/spec/replicatedJobs").iter().map(|one| one.integer("/replicas").unwrap_or(1)).sum();
        let complete = jobs.iter().filter(|one| job::finished(one) == Some("Complete")).count();
        if wanted > 0 && i64::try_from(complete).unwrap_or(0) >= wanted {
            stage.normal(&set, SOURCE, "AllJobsCompleted", "jobset completed successfully").await;
            return report(
                stage,
                &set,
                &jobs,
                Some(("Completed", "AllJobsCompleted", "jobset completed successfully")),
            )
            .await;
        }
        if set.boolean("/spec/suspend") != Some(true) {
            missing(stage, &set, &jobs, restarts).await?;
        }
        report(stage, &set, &jobs, None).await
    }
}

const RESTART_ATTEMPT: &str = "jobset.sigs.k8s.io/restart-attempt";

async fn restart(stage: &Stage, set: &Value, restarts: i64, failed: &Value) -> Result<Next, ApiError> {
    let message = format!("restarting jobset due to failure of job {}", super::name(failed));
    stage.warning(set, SOURCE, "RestartJobSet", &message).await;
    let mut status = set.get("status").cloned().unwrap_or_else(|| json!({}));
    status["restarts"] = restarts.into();
    stage.set_status(Kind::JobSet, set, &status).await?;
    Ok(Next::In(1.0))
}

/// Creates the jobs whose predecessors are done.
async fn missing(stage: &Stage, set: &Value, jobs: &[Arc<Value>], restarts: i64) -> Result<(), ApiError> {
    let mut global = 0;
    for group in set.items("/spec/replicatedJobs") {
        let met = group.items("/dependsOn").iter().all(|need| {
            let of = need.text("/name").unwrap_or_default();
            let wanted = if need.text("/status") == Some("Ready") { None } else { Some("Complete") };
            let mut members = jobs.iter().filter(|one| super::label(one, GROUP) == Some(of)).peekable();
            members.peek().is_some() && members.all(|one| wanted.is_none() || job::finished(one) == wanted)
        });
        for index in 0..group.integer("/replicas").unwrap_or(1) {
            let name = format!("{}-{}-{index}", super::name(set), group.text("/name").unwrap_or_default());
            if met && stage.mirror.get(Kind::Job, super::namespace(set), &name).is_none() {
                stage.ensure(Kind::Job, member(set, group, (&name, index, global), restarts)).await?;
            }
            global += 1;
        }
    }
    Ok(())
}

const GROUP: &str = "jobset.sigs.k8s.io/replicatedjob-name";

fn member(set: &Value, group: &Value, (name, index, global): (&str, i64, i64), restarts: i64) -> Value {
    let mut spec = group.pointer("/template/spec").cloned().unwrap_or_default();
    let labels = json!({
        "jobset.sigs.k8s.io/jobset-name": super::name(set),
        "jobset.sigs.k8s.io/jobset-uid": set.text("/metadata/uid"),
        GROUP: group.text("/name"),
        "jobset.sigs.k8s.io/replicatedjob-replicas": group.integer("/replicas").unwrap_or(1).to_string(),
        "jobset.sigs.k8s.io/job-index": index.to_string(),
        "jobset.sigs.k8s.io/job-global-index": global.to_string(),
        "jobset.sigs.k8s.io/job-key": format!("{:016x}", fnv64(name)),
        RESTART_ATTEMPT: restarts.to_string(),
    });
    let mut labels = labels.as_object().cloned().unwrap_or_default();
    labels.extend(map_at(group, "/template/metadata/labels"));
    let mut template = spec["template"].take();
    add(&mut template, "labels", labels.clone());
    let mut inherited = fate::inherit(set);
    // After a restart, the fate of the new attempt is the one that counts.
    if restarts > 0 {
        let again: Vec<(String, Value)> = inherited
            .iter()
            .filter_map(|(key, value)| Some((key.strip_suffix(&format!(".try-{restarts}"))?.to_owned(), value.clone())))
            .collect();
        inherited.extend(again);
    }
    add(&mut template, "annotations", inherited.clone());
    spec["template"] = template;
    spec["completionMode"] = "Indexed".into();
    spec["suspend"] = false.into();
    let mut job = json!({ "metadata": owned_metadata(Kind::JobSet, set, name), "spec": spec });
    add(&mut job, "labels", labels);
    add(&mut job, "annotations", inherited);
    job
}

async fn report(
    stage: &Stage,
    set: &Value,
    jobs: &[Arc<Value>],
    end: Option<(&str, &str, &str)>,
) -> Result<Next, ApiError> {
    let groups: Vec<Value> = set
        .items("/spec/replicatedJobs")
        .iter()
        .map(|group| {
            let name = group.text("/name");
            let members: Vec<&Arc<Value>> = jobs.iter().filter(|one| super::label(one, GROUP) == name).collect();
            let done = |end: &str| members.iter().filter(|one| job::finished(one) == Some(end)).count();
            let suspended = set.boolean("/spec/suspend") == Some(true);
            let alive: Vec<&&Arc<Value>> = members.iter().filter(|one| job::finished(one).is_none()).collect();
            // Once the set is over, what was left of it is being deleted.
            let counted = |fits: &dyn Fn(&Value) -> bool| match end {
                Some(_) => 0,
                None => alive.iter().filter(|one| fits(one)).count(),
            };
            let active = counted(&|one| one.integer("/status/active").unwrap_or(0) > 0);
            let ready = counted(&|one| is_ready(stage, one));
            json!({
                "name": name, "ready": ready, "succeeded": done("Complete"), "failed": done("Failed"), "active": active,
                "suspended": if suspended && end.is_none() { alive.len() } else { 0 },
            })
        })
        .collect();
    let mut conditions = set.items("/status/conditions").to_vec();
    let pods = jobs.iter().flat_map(|one| stage.mirror.owned(Kind::Pod, one)).collect::<Vec<_>>();
    let now = stage.clock.now();
    let suspended = set.boolean("/spec/suspend") == Some(true);
    if suspended || super::condition(set, "Suspended").is_some() {
        let (reason, message) =
            if suspended { ("SuspendedJobs", "jobset is suspended") } else { ("ResumeJobs", "jobset is resumed") };
        set_condition(&mut conditions, &Said { kind: "Suspended", status: suspended, reason, message }, now);
    }
    let mut status = json!({
        "replicatedJobsStatus": groups, "restarts": set.integer("/status/restarts").unwrap_or(0),
    });
    if let Some((kind, reason, message)) = end {
        let at = last_finish(pods.iter().map(AsRef::as_ref)).unwrap_or(now);
        set_condition(&mut conditions, &Said { kind, status: true, reason, message }, at);
        status["terminalState"] = kind.into();
    }
    status["conditions"] = json!(conditions);
    strip_nulls(&mut status);
    stage.set_status(Kind::JobSet, set, &status).await?;
    Ok(Next::Change)
}

/// A job is ready when all of its pods are ready or done.
fn is_ready(stage: &Stage, one: &Value) -> bool {
    let pods = stage.mirror.owned(Kind::Pod, one);
    let wanted = usize::try_from(one.integer("/spec/parallelism").unwrap_or(1)).unwrap_or(1);
    job::finished(one).is_none()
        && pods::count(&pods, |pod| super::is_ready_pod(pod) || pods::phase(pod) == "Succeeded") >= wanted
}
