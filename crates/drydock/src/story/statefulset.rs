//! Stands in for the StatefulSet and DaemonSet controllers.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::dice::safe_hash;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::add_labels;
use super::pods::{self, Part};
use super::stage::Stage;

/// Keeps StatefulSets at their number of pods, one after another.
pub(super) struct StatefulSets;

impl Actor for StatefulSets {
    const NAME: &'static str = "statefulset";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::StatefulSet if !change.gone => vec![(Kind::StatefulSet, name_of(&change.object))],
            Kind::Pod => super::owner_key(&change.object, Kind::StatefulSet),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = stage.mirror.get(Kind::StatefulSet, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&set) {
            return Ok(Next::Change);
        }
        let wanted = set.integer("/spec/replicas").unwrap_or(1);
        let template = set.pointer("/spec/template").cloned().unwrap_or_default();
        let revision = format!("{}-{}", super::name(&set), safe_hash(&template.to_string()));
        let owned = stage.mirror.owned(Kind::Pod, &set);
        let ordinal = |pod: &Value| super::name(pod).rsplit('-').next().and_then(|end| end.parse::<i64>().ok());
        let mut next = Next::Change;
        for number in 0..wanted {
            match owned.iter().find(|pod| ordinal(pod) == Some(number)) {
                None => {
                    if !make(stage, &set, (&template, &revision), number).await? {
                        next = Next::In(10.0);
                    }
                    break;
                }
                // A pod that ended, or one of an older revision, is made anew.
                Some(pod) if super::is_finished_pod(pod) || is_old(pod, &revision) => {
                    stage.delete_once(Kind::Pod, pod).await?;
                    break;
                }
                Some(pod) if !super::is_ready_pod(pod) => break,
                Some(_) => {}
            }
        }
        if let Some(last) = owned
            .iter()
            .filter(|pod| ordinal(pod).is_some_and(|number| number >= wanted))
            .max_by_key(|pod| ordinal(pod))
        {
            if !super::is_ending(last) {
                let message =
                    format!("delete Pod {} in StatefulSet {} successful", super::name(last), super::name(&set));
                stage.normal(&set, "statefulset-controller", "SuccessfulDelete", &message).await;
            }
            stage.delete_once(Kind::Pod, last).await?;
        }
        let owned = stage.mirror.owned(Kind::Pod, &set);
        let ready = pods::count(&owned, super::is_ready_pod);
        let some = |count: usize| (count > 0).then_some(count);
        let status = json!({
            "replicas": owned.len(), "readyReplicas": some(ready), "currentReplicas": some(owned.len()),
            "updatedReplicas": some(owned.len()), "currentRevision": revision, "updateRevision": revision,
            "observedGeneration": set.integer("/metadata/generation"), "collisionCount": 0,
        });
        stage.set_status(Kind::StatefulSet, &set, &status).await?;
        Ok(next)
    }
}

fn is_old(pod: &Value, revision: &str) -> bool {
    super::label(pod, "controller-revision-hash").is_some_and(|hash| hash != revision)
}

async fn make(stage: &Stage, set: &Value, (template, revision): (&Value, &str), number: i64) -> Result<bool, ApiError> {
    let name = format!("{}-{number}", super::name(set));
    let role = format!("replica-{number}");
    let mut pod = pods::from_template(Kind::StatefulSet, set, template, &Part { name: &name, role: &role, attempt: 0 });
    add_labels(&mut pod, &[("statefulset.kubernetes.io/pod-name", &name), ("controller-revision-hash", revision)]);
    pod["spec"]["hostname"] = name.as_str().into();
    match stage.create(Kind::Pod, pod).await {
        Ok(_) => {
            let message = format!("create Pod {name} in StatefulSet {} successful", super::name(set));
            stage.normal(set, "statefulset-controller", "SuccessfulCreate", &message).await;
            Ok(true)
        }
        Err(error) if error.is_forbidden() => {
            let message = format!("create Pod {name} in StatefulSet {} failed error: {error}", super::name(set));
            stage.warning(set, "statefulset-controller", "FailedCreate", &message).await;
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// Keeps one pod of each DaemonSet on every node.
pub(super) struct DaemonSets;

impl Actor for DaemonSets {
    const NAME: &'static str = "daemonset";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::DaemonSet if !change.gone => vec![(Kind::DaemonSet, name_of(&change.object))],
            Kind::Pod => super::owner_key(&change.object, Kind::DaemonSet),
            Kind::Node => stage.mirror.all(Kind::DaemonSet).iter().map(|set| (Kind::DaemonSet, name_of(set))).collect(),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = stage.mirror.get(Kind::DaemonSet, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&set) {
            return Ok(Next::Change);
        }
        let template = set.pointer("/spec/template").cloned().unwrap_or_default();
        let selected = |node: &Value| {
            template.entries("/spec/nodeSelector").all(|(key, value)| super::label(node, key) == value.as_str())
        };
        let nodes = stage.mirror.select(Kind::Node, None, selected);
        let owned = stage.mirror.owned(Kind::Pod, &set);
        for node in &nodes {
            let node_name = super::name(node);
            let here = owned.iter().find(|pod| pod.text("/spec/nodeName") == Some(node_name));
            match here {
                Some(pod) if super::is_finished_pod(pod) => stage.delete_once(Kind::Pod, pod).await?,
                Some(_) => {}
                None => {
                    let suffix = stage.dice.suffix(&format!("{} {node_name}", super::title(&set)), 5);
                    let name = format!("{}-{suffix}", super::name(&set));
                    let part = Part { name: &name, role: node_name, attempt: 0 };
                    let mut pod = pods::from_template(Kind::DaemonSet, &set, &template, &part);
                    pod["spec"]["nodeName"] = node_name.into();
                    pods::create(stage, &set, "daemonset-controller", pod).await?;
                }
            }
        }
        let owned = stage.mirror.owned(Kind::Pod, &set);
        let ready = pods::count(&owned, super::is_ready_pod);
        let status = json!({
            "currentNumberScheduled": owned.len(), "desiredNumberScheduled": nodes.len(), "numberReady": ready,
            "numberAvailable": (ready > 0).then_some(ready), "updatedNumberScheduled": owned.len(), "numberMisscheduled": 0,
            "numberUnavailable": (nodes.len() > ready).then(|| nodes.len() - ready),
            "observedGeneration": set.integer("/metadata/generation"),
        });
        stage.set_status(Kind::DaemonSet, &set, &status).await?;
        Ok(Next::Change)
    }
}
