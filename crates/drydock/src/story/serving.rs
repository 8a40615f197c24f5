//! Stands in for KServe: an InferenceService becomes a Deployment, whose readiness becomes the service's.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::fate;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{Said, add, owned_metadata, set_condition};
use super::stage::Stage;
use super::training::strip_nulls;

/// The stand-in for KServe's controller.
pub(super) struct Serving;

impl Actor for Serving {
    const NAME: &'static str = "serving";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::InferenceService if !change.gone => vec![(Kind::InferenceService, name_of(&change.object))],
            Kind::Deployment => super::owner_key(&change.object, Kind::InferenceService),
            Kind::Pod => {
                let service = super::label(&change.object, "serving.kserve.io/inferenceservice");
                let namespace = super::namespace(&change.object).to_owned();
                service.map(|name| (Kind::InferenceService, (namespace, name.to_owned()))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(service) = stage.mirror.get(Kind::InferenceService, &key.1.0, &key.1.1) else {
            return Ok(Next::Change);
        };
        if super::is_ending(&service) {
            return Ok(Next::Change);
        }
        let stopped = super::annotation(&service, "serving.kserve.io/stop") == Some("true");
        let name = format!("{}-predictor", super::name(&service));
        let replicas = if stopped { 0 } else { service.integer("/spec/predictor/minReplicas").unwrap_or(1) };
        let deployment = stage.mirror.get(Kind::Deployment, &key.1.0, &name);
        match &deployment {
            None => {
                stage.ensure(Kind::Deployment, predictor(&service, &name, replicas)).await?;
            }
            Some(deployment) if deployment.integer("/spec/replicas") != Some(replicas) => {
                stage.patch(Kind::Deployment, deployment, &json!({"spec": {"replicas": replicas}})).await?;
            }
            Some(_) => {}
        }
        let ready = deployment.is_some_and(|one| one.integer("/status/readyReplicas").unwrap_or(0) >= replicas.max(1));
        let status = status(stage, &service, ready, stopped);
        stage.set_status(Kind::InferenceService, &service, &status).await?;
        Ok(Next::Change)
    }
}

fn predictor(service: &Value, name: &str, replicas: i64) -> Value {
    let model = service.pointer("/spec/predictor/model").cloned().unwrap_or_default();
    let labels = json!({
        "app": format!("isvc.{name}"), "component": "predictor", "serving.kserve.io/inferenceservice": super::name(service),
    });
    let resources =
        model.pointer("/resources").cloned().unwrap_or_else(|| json!({ "requests": { "cpu": "1", "memory": "2Gi" } }));
    let mut template = json!({
        "metadata": { "labels": labels },
        "spec": {
            "tolerations": [{ "key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule" }],
            "containers": [{
                "name": "kserve-container", "image": model.text("/image").unwrap_or("kserve/huggingfaceserver:v0.20.0-gpu"),
                "args": [format!("--model_name={}", super::name(service))], "resources": resources,
            }],
        },
    });
    add(&mut template, "annotations", fate::inherit(service));
    json!({
        "metadata": owned_metadata(Kind::InferenceService, service, name),
        "spec": { "replicas": replicas, "selector": { "matchLabels": { "app": format!("isvc.{name}") } }, "template": template },
    })
}

fn status(stage: &Stage, service: &Value, ready: bool, stopped: bool) -> Value {
    let name = super::name(service);
    let now = stage.clock.now();
    let mut conditions = service.items("/status/conditions").to_vec();
    let pods = stage.mirror.labelled(Kind::Pod, super::namespace(service), "serving.kserve.io/inferenceservice", name);
    let failure = pods.iter().find_map(|pod| {
        let last = pod.pointer("/status/containerStatuses/0/lastState/terminated")?;
        Some(json!({
            "reason": "ModelLoadFailed", "message": "the model server exited while it loaded the model",
            "exitCode": last.integer("/exitCode"), "location": super::name(pod),
        }))
    });
    let (reason, message) = match (stopped, ready) {
        (true, _) => ("Stopped", "Service is stopped"),
        (false, true) => ("", ""),
        (false, false) => ("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
    };
    let up = ready && !stopped;
    for kind in ["IngressReady", "PredictorReady", "Ready"] {
        set_condition(&mut conditions, &Said { kind, status: up, reason, message }, now);
    }
    set_condition(&mut conditions, &Said { kind: "Stopped", status: stopped, reason: "", message: "" }, now);
    let url = format!("http://{name}-{}.models.example.com", super::namespace(service));
    let (transition, state) = match (up, failure.is_some()) {
        (true, _) => ("UpToDate", "Loaded"),
        (false, true) => ("BlockedByFailedLoad", "FailedToLoad"),
        (false, false) => ("InProgress", "Pending"),
    };
    let mut status = json!({
        "conditions": conditions, "url": up.then_some(&url), "deploymentMode": "Standard",
        "components": { "predictor": { "url": url, "latestReadyRevision": up.then(|| format!("{name}-predictor")) } },
        "modelStatus": {
            "transitionStatus": transition,
            "states": { "activeModelState": if up { "Loaded" } else { "" }, "targetModelState": state },
            "lastFailureInfo": failure.filter(|_| !up),
        },
    });
    strip_nulls(&mut status);
    status
}
