//! Stands in for the Deployment and ReplicaSet controllers.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::dice::safe_hash;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, add, add_labels, map_at, owned_metadata, set_condition};
use super::pods::{self, Part};
use super::stage::Stage;

/// Rolls Deployments out over ReplicaSets.
pub(super) struct Deployments;

impl Actor for Deployments {
    const NAME: &'static str = "deployment";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Deployment if !change.gone => vec![(Kind::Deployment, name_of(&change.object))],
            Kind::ReplicaSet => super::owner_key(&change.object, Kind::Deployment),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(deployment) = stage.mirror.get(Kind::Deployment, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&deployment) {
            return Ok(Next::Change);
        }
        let wanted = deployment.integer("/spec/replicas").unwrap_or(1);
        let template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
        let hash = safe_hash(&template.to_string());
        let current = format!("{}-{hash}", super::name(&deployment));
        let sets = stage.mirror.owned(Kind::ReplicaSet, &deployment);
        let Some(set) = sets.iter().find(|set| super::name(set) == current) else {
            stage.ensure(Kind::ReplicaSet, replica_set(&deployment, &current, &hash, wanted)).await?;
            let message = format!("Scaled up replica set {current} to {wanted}");
            stage.normal(&deployment, "deployment-controller", "ScalingReplicaSet", &message).await;
            return Ok(Next::In(1.0));
        };
        if set.integer("/spec/replicas") != Some(wanted) {
            stage.patch(Kind::ReplicaSet, set, &json!({"spec": {"replicas": wanted}})).await?;
            let message = format!("Scaled replica set {current} to {wanted}");
            stage.normal(&deployment, "deployment-controller", "ScalingReplicaSet", &message).await;
        }
        // Old sets go when the new one stands.
        if set.integer("/status/readyReplicas").unwrap_or(0) >= wanted {
            for old in sets.iter().filter(|old| super::name(old) != current && old.integer("/spec/replicas") != Some(0))
            {
                stage.patch(Kind::ReplicaSet, old, &json!({"spec": {"replicas": 0}})).await?;
                let message = format!("Scaled down replica set {} to 0", super::name(old));
                stage.normal(&deployment, "deployment-controller", "ScalingReplicaSet", &message).await;
            }
        }
        stage.set_status(Kind::Deployment, &deployment, &deployment_status(stage, &deployment, set, &sets)).await?;
        Ok(Next::Change)
    }
}

fn replica_set(deployment: &Value, name: &str, hash: &str, replicas: i64) -> Value {
    let mut template = deployment.pointer("/spec/template").cloned().unwrap_or_default();
    let mut selector = deployment.pointer("/spec/selector").cloned().unwrap_or_default();
    add_labels(&mut template, &[("pod-template-hash", hash)]);
    selector["matchLabels"]["pod-template-hash"] = hash.into();
    let mut set = json!({
        "metadata": owned_metadata(Kind::Deployment, deployment, name),
        "spec": { "replicas": replicas, "selector": selector, "template": template },
    });
    add(&mut set, "labels", map_at(&template, "/metadata/labels"));
    add(&mut set, "annotations", [("deployment.kubernetes.io/revision".to_owned(), json!("1"))]);
    set
}

fn deployment_status(stage: &Stage, deployment: &Value, set: &Value, sets: &[Arc<Value>]) -> Value {
    let wanted = deployment.integer("/spec/replicas").unwrap_or(1);
    let sum = |part: &str| sets.iter().filter_map(|set| set.integer(part)).sum::<i64>();
    let (total, ready) = (sum("/status/replicas"), sum("/status/readyReplicas"));
    let updated = set.integer("/status/replicas").unwrap_or(0);
    let new_ready = set.integer("/status/readyReplicas").unwrap_or(0);
    let mut conditions = deployment.items("/status/conditions").to_vec();
    let available = ready >= wanted - wanted / 4;
    let said = if available {
        Said {
            kind: "Available",
            status: true,
            reason: "MinimumReplicasAvailable",
            message: "Deployment has minimum availability.",
        }
    } else {
        Said {
            kind: "Available",
            status: false,
            reason: "MinimumReplicasUnavailable",
            message: "Deployment does not have minimum availability.",
        }
    };
    set_condition(&mut conditions, &said, stage.clock.now());
    let (reason, verb) = if new_ready >= wanted {
        ("NewReplicaSetAvailable", "has successfully progressed")
    } else {
        ("ReplicaSetUpdated", "is progressing")
    };
    let message = format!("ReplicaSet \"{}\" {verb}.", super::name(set));
    set_condition(
        &mut conditions,
        &Said { kind: "Progressing", status: true, reason, message: &message },
        stage.clock.now(),
    );
    let some = |count: i64| (count > 0).then_some(count);
    json!({
        "observedGeneration": deployment.integer("/metadata/generation"), "replicas": some(total), "updatedReplicas": some(updated),
        "readyReplicas": some(ready), "availableReplicas": some(ready), "unavailableReplicas": some(wanted - ready),
        "conditions": conditions,
    })
}

/// Keeps ReplicaSets at their number of pods. Counts what it made, for names that repeat with the seed.
#[derive(Default)]
pub(super) struct ReplicaSets {
    made: HashMap<String, u32>,
}

impl Actor for ReplicaSets {
    const NAME: &'static str = "replicaset";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::ReplicaSet if !change.gone => vec![(Kind::ReplicaSet, name_of(&change.object))],
            Kind::Pod => super::owner_key(&change.object, Kind::ReplicaSet),
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(set) = stage.mirror.get(Kind::ReplicaSet, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        if super::is_ending(&set) {
            return Ok(Next::Change);
        }
        let wanted = usize::try_from(set.integer("/spec/replicas").unwrap_or(1)).unwrap_or(0);
        let owned = stage.mirror.owned(Kind::Pod, &set);
        let mut active: Vec<Arc<Value>> = owned.iter().filter(|pod| pods::is_active(pod)).cloned().collect();
        let mut next = Next::Change;
        for index in active.len()..wanted {
            if !self.make(stage, &set, index).await? {
                next = Next::In(10.0);
                break;
            }
        }
        if active.len() > wanted {
            active.sort_by_key(|pod| super::is_ready_pod(pod));
            for pod in &active[..active.len() - wanted] {
                stage.delete_once(Kind::Pod, pod).await?;
                let message = format!("Deleted pod: {}", super::name(pod));
                stage.normal(&set, "replicaset-controller", "SuccessfulDelete", &message).await;
            }
        }
        let active: Vec<Arc<Value>> =
            stage.mirror.owned(Kind::Pod, &set).into_iter().filter(|pod| pods::is_active(pod)).collect();
        let ready = pods::count(&active, super::is_ready_pod);
        let some = |count: usize| (count > 0).then_some(count);
        let status = json!({
            "replicas": active.len(), "fullyLabeledReplicas": some(active.len()), "readyReplicas": some(ready),
            "availableReplicas": some(ready), "observedGeneration": set.integer("/metadata/generation"),
        });
        stage.set_status(Kind::ReplicaSet, &set, &status).await?;
        Ok(next)
    }
}

impl ReplicaSets {
    async fn make(&mut self, stage: &Stage, set: &Value, index: usize) -> Result<bool, ApiError> {
        let template = set.pointer("/spec/template").cloned().unwrap_or_default();
        // A name may be taken by a pod of an earlier story on the same server.
        for _ in 0..20 {
            let made = self.made.entry(super::title(set)).or_insert(0);
            *made += 1;
            let suffix = stage.dice.suffix(&format!("{} pod {made}", super::title(set)), 5);
            let name = format!("{}-{suffix}", super::name(set));
            let role = format!("replica-{index}");
            let part = Part { name: &name, role: &role, attempt: 0 };
            let pod = pods::from_template(Kind::ReplicaSet, set, &template, &part);
            if stage.mirror.get(Kind::Pod, super::namespace(set), &name).is_none() {
                return pods::create(stage, set, "replicaset-controller", pod).await;
            }
        }
        Ok(false)
    }
}
