//! Stands in for the profile controller and the volume provisioner: Profiles are successful, claims get their volumes.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::stage::Stage;

/// Plays the small controllers around a tenant's namespace.
pub(super) struct Tenancy;

impl Actor for Tenancy {
    const NAME: &'static str = "tenancy";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            kind @ (Kind::Profile | Kind::PersistentVolumeClaim) if !change.gone => {
                vec![(kind, name_of(&change.object))]
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(object) = stage.mirror.get(key.0, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        match key.0 {
            Kind::Profile => profile(stage, &object).await,
            _ => claim(stage, &object).await,
        }
    }
}

async fn profile(stage: &Stage, profile: &Value) -> Result<Next, ApiError> {
    let status = json!({ "conditions": [{ "type": "Successful", "status": "True", "message": "" }] });
    stage.set_status(Kind::Profile, profile, &status).await?;
    // A Profile that a person makes gets its namespace.
    let name = super::name(profile);
    if stage.mirror.get(Kind::Namespace, "", name).is_none() {
        let namespace = json!({ "metadata": {
            "name": name,
            "annotations": { "owner": profile.text("/spec/owner/name") },
            "labels": {
                "app.kubernetes.io/part-of": "kubeflow-profile", "istio-injection": "enabled",
                "katib.kubeflow.org/metrics-collector-injection": "enabled",
            },
        } });
        stage.ensure(Kind::Namespace, namespace).await?;
    }
    Ok(Next::Change)
}

async fn claim(stage: &Stage, claim: &Value) -> Result<Next, ApiError> {
    let class = claim.text("/spec/storageClassName");
    if claim.text("/status/phase") == Some("Bound") || class != Some("shared-nvme") || super::is_ending(claim) {
        return Ok(Next::Change);
    }
    let volume = format!("pvc-{}", claim.text("/metadata/uid").unwrap_or_default());
    let modes = claim.pointer("/spec/accessModes").cloned().unwrap_or_default();
    let capacity = json!({ "storage": claim.pointer("/spec/resources/requests/storage") });
    let wanted = json!({
        "metadata": { "name": volume, "annotations": { "pv.kubernetes.io/provisioned-by": "csi.storage.example.com" } },
        "spec": {
            "accessModes": modes, "capacity": capacity, "storageClassName": class, "persistentVolumeReclaimPolicy": "Delete",
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": super::namespace(claim),
                "name": super::name(claim), "uid": claim.text("/metadata/uid"),
            },
            "csi": { "driver": "csi.storage.example.com", "volumeHandle": volume },
        },
    });
    let path = format!("{}/{volume}", Kind::PersistentVolume.path(None));
    stage.ensure(Kind::PersistentVolume, wanted).await?;
    stage.api.merge(&format!("{path}/status"), &json!({"status": {"phase": "Bound"}})).await?;
    if claim.text("/spec/volumeName").is_none_or(str::is_empty) {
        let bound = json!({
            "metadata": { "annotations": { "pv.kubernetes.io/bind-completed": "yes" } }, "spec": { "volumeName": volume },
        });
        stage.patch(Kind::PersistentVolumeClaim, claim, &bound).await?;
    }
    let status = json!({ "phase": "Bound", "accessModes": modes, "capacity": capacity });
    stage.set_status(Kind::PersistentVolumeClaim, claim, &status).await?;
    let message = format!("Successfully provisioned volume {volume}");
    stage.normal(claim, "csi.storage.example.com", "ProvisioningSucceeded", &message).await;
    Ok(Next::Change)
}
