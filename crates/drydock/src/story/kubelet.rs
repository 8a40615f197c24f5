//! Stands in for the kubelets: takes scheduled pods through creation, running, restarts and their end.

use serde_json::Value;

use pilothouse_model::{Read, Timestamp};

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, whole_second};
use super::fate::{self, Fate, Shortage};
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::stage::Stage;

pub(super) mod status;
pub(super) mod timeline;
mod words;

use timeline::{Now, Restart, Standing};

/// The stand-in kubelet.
pub(super) struct Kubelet;

impl Actor for Kubelet {
    const NAME: &'static str = "kubelet";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Pod if !change.gone => vec![(Kind::Pod, name_of(&change.object))],
            // A node that comes back reports its pods again.
            Kind::Node => {
                let node = change.object.text("/metadata/name").map(str::to_owned);
                let pods = stage.mirror.select(Kind::Pod, None, |pod| pod.text("/spec/nodeName") == node.as_deref());
                if super::node::is_lost(&change.object) { Vec::new() } else { keys(&pods) }
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(pod) = stage.mirror.get(Kind::Pod, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        let Some(node) = pod.text("/spec/nodeName") else { return Ok(Next::Change) };
        match stage.mirror.get(Kind::Node, "", node) {
            // Other nodes have kubelets of their own.
            Some(node) if super::node::is_lost(&node) || !super::node::is_ours(&node) => return Ok(Next::Change),
            Some(_) => {}
            None => return Ok(Next::Change),
        }
        if pod.pointer("/metadata/deletionTimestamp").is_some() {
            return end(stage, &pod).await;
        }
        if super::is_finished_pod(&pod) {
            return Ok(Next::Change);
        }
        advance(stage, &pod).await
    }
}

fn keys(pods: &[std::sync::Arc<Value>]) -> Vec<Key> {
    pods.iter().map(|pod| (Kind::Pod, name_of(pod))).collect()
}

/// When the node took the pod: the start it reported, else the story's beginning of a run of the past, else now.
fn taken(stage: &Stage, pod: &Value) -> Timestamp {
    pod.time("/status/startTime").unwrap_or_else(|| {
        if super::annotation(pod, fate::BEGAN).is_some() { began(pod) } else { whole_second(stage.clock.now()) }
    })
}

fn pull_seconds(stage: &Stage, pod: &Value) -> f64 {
    super::annotation(pod, fate::PULL)
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| stage.dice.between(&format!("{} pull", super::title(pod)), 1.5, 5.0))
}

async fn advance(stage: &Stage, pod: &Value) -> Result<Next, ApiError> {
    let start = taken(stage, pod);
    let elapsed = stage.clock.since(start);
    let restart = Restart::read(pod.text("/spec/restartPolicy"));
    let mut here = timeline::standing(&Fate::of(pod, stage.dice), restart, pull_seconds(stage, pod), elapsed);
    // A pod that was just taken is seen waiting first, however late its kubelet looked.
    let fresh = pod.pointer("/status/startTime").is_none() && super::annotation(pod, fate::BEGAN).is_none();
    if fresh {
        here = Standing { now: Now::Creating, restarts: 0, last: None, next: Some(pull_seconds(stage, pod)) };
    }
    let reported = status::report(stage, pod, start, &here);
    let news = is_news(&pod["status"], &reported);
    if stage.set_status(Kind::Pod, pod, &reported).await? && news {
        tell(stage, pod, &here).await;
    }
    Ok(here.next.map_or(Next::Change, |next| Next::In((next - elapsed).max(0.1))))
}

/// Whether anything befell the container. That the node comes back and is believed again does not.
fn is_news(before: &Value, now: &Value) -> bool {
    ["/containerStatuses/0/state", "/reason"].iter().any(|at| before.pointer(at) != now.pointer(at))
}

/// Ends a pod that is being deleted: its containers get a moment to stop.
async fn end(stage: &Stage, pod: &Value) -> Result<Next, ApiError> {
    const MOMENT_TO_STOP: f64 = 2.0;
    let grace = pod.integer("/metadata/deletionGracePeriodSeconds").unwrap_or(0);
    // `deletionTimestamp` lies ahead by the grace period.
    let asked = pod.time("/metadata/deletionTimestamp").unwrap_or_else(|| stage.clock.now());
    let asked = asked.checked_sub(jiff::SignedDuration::from_secs(grace)).unwrap_or(asked);
    let waited = stage.clock.since(asked);
    if waited < MOMENT_TO_STOP && grace > 0 && !super::is_finished_pod(pod) {
        if waited < 0.5 {
            for container in pod.items("/spec/containers") {
                let name = container.text("/name").unwrap_or_default();
                stage.normal(pod, "kubelet", "Killing", &format!("Stopping container {name}")).await;
            }
        }
        return Ok(Next::In(MOMENT_TO_STOP - waited));
    }
    stage.delete_now(Kind::Pod, pod).await?;
    Ok(Next::Change)
}

/// The events that a kubelet writes when a pod comes to stand so.
async fn tell(stage: &Stage, pod: &Value, here: &Standing) {
    let container = pod.text("/spec/containers/0/name").unwrap_or("main");
    let image = pod.text("/spec/containers/0/image").unwrap_or("unknown");
    let say = async |reason: &str, message: String| stage.normal(pod, "kubelet", reason, &message).await;
    let warn = async |reason: &str, message: String| stage.warning(pod, "kubelet", reason, &message).await;
    match here.now {
        Now::Creating => say("Pulling", format!("Pulling image \"{image}\"")).await,
        Now::Running { .. } if here.restarts == 0 => {
            say("Pulled", format!("Successfully pulled image \"{image}\"")).await;
            say("Created", format!("Created container {container}")).await;
            say("Started", format!("Started container {container}")).await;
        }
        Now::Running { .. } => say("Started", format!("Started container {container}")).await,
        Now::Pulling { backing_off: false } => {
            warn("Failed", format!("Failed to pull image \"{image}\": {}", status::pull_error(image))).await;
            warn("Failed", "Error: ErrImagePull".to_owned()).await;
        }
        Now::Pulling { backing_off: true } => {
            say("BackOff", format!("Back-off pulling image \"{image}\"")).await;
            warn("Failed", "Error: ImagePullBackOff".to_owned()).await;
        }
        Now::Misconfigured => warn("Failed", format!("Error: {}", status::config_error(pod))).await,
        Now::BackingOff { .. } => warn("BackOff", "Back-off restarting failed container".to_owned()).await,
        Now::Ended => {}
        Now::Evicted { of, .. } => warn("Evicted", eviction_message(of, container)).await,
    }
}

/// The kubelet's words for an eviction.
pub(super) fn eviction_message(of: Shortage, container: &str) -> String {
    match of {
        Shortage::Memory => format!(
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 71240Ki. Container {container} \
             was using 61203340Ki, request is 16Gi, has larger consumption of memory. "
        ),
        Shortage::Disk => format!(
            "The node was low on resource: ephemeral-storage. Threshold quantity: 10Gi, available: 8911Mi. Container \
             {container} was using 188120Mi, request is 0, has larger consumption of ephemeral-storage. "
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_that_goes_on_starts_once() {
        let status = |ready: &str, started: &str| {
            json!({
                "conditions": [{ "type": "Ready", "status": ready }],
                "containerStatuses": [{ "state": { "running": { "startedAt": started } } }],
            })
        };
        assert!(is_news(&Value::Null, &status("True", "early")));
        assert!(!is_news(&status("False", "early"), &status("True", "early")), "its node was lost and came back");
        assert!(is_news(&status("True", "early"), &status("True", "late")), "it was restarted");
        assert!(is_news(&status("True", "early"), &json!({ "reason": "Evicted" })));
    }
}
