//! Stands in for the notebook controller: Notebook → StatefulSet and Service → pod, and the pod's state mirrored back.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{add, add_labels, map_at, owned_metadata};
use super::stage::Stage;
use super::{fate, quota};

const STOPPED: &str = "kubeflow-resource-stopped";
const LAST_ACTIVITY: &str = "notebooks.kubeflow.org/last-activity";
const LAST_CHECK: &str = "notebooks.kubeflow.org/last_activity_check_timestamp";
const SOURCE: &str = "notebook-controller";
/// How often the culler looks at a running notebook, in story seconds.
const CHECKED_EVERY: f64 = 60.0;

/// The stand-in notebook controller.
pub(super) struct Notebooks;

impl Actor for Notebooks {
    const NAME: &'static str = "notebook";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::Notebook if !change.gone => vec![(Kind::Notebook, name_of(&change.object))],
            Kind::StatefulSet => super::owner_key(&change.object, Kind::Notebook),
            Kind::Pod => {
                let namespace = super::namespace(&change.object).to_owned();
                let notebook = super::label(&change.object, "notebook-name");
                notebook.map(|name| (Kind::Notebook, (namespace, name.to_owned()))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let (namespace, name) = (key.1.0.as_str(), key.1.1.as_str());
        let Some(notebook) = stage.mirror.get(Kind::Notebook, namespace, name) else { return Ok(Next::Change) };
        if super::is_ending(&notebook) {
            return Ok(Next::Change);
        }
        let replicas = i64::from(super::annotation(&notebook, STOPPED).is_none());
        let set = stage.mirror.get(Kind::StatefulSet, namespace, name);
        match &set {
            None => {
                stage.ensure(Kind::StatefulSet, stateful_set(&notebook, replicas)).await?;
                stage.ensure(Kind::Service, service(&notebook)).await?;
            }
            Some(set) if set.integer("/spec/replicas") != Some(replicas) => {
                stage.patch(Kind::StatefulSet, set, &json!({"spec": {"replicas": replicas}})).await?;
            }
            Some(_) => {}
        }
        let pod = stage.mirror.get(Kind::Pod, namespace, &format!("{name}-0"));
        let ready = set.as_ref().and_then(|set| set.integer("/status/readyReplicas")).unwrap_or(0);
        stage.set_status(Kind::Notebook, &notebook, &status(&notebook, pod.as_deref(), ready)).await?;
        reissue(stage, &notebook, pod.as_deref(), replicas).await;
        if ready > 0 { activity(stage, &notebook).await } else { Ok(Next::Change) }
    }
}

fn stateful_set(notebook: &Value, replicas: i64) -> Value {
    let name = super::name(notebook);
    let mut template = notebook.pointer("/spec/template").cloned().unwrap_or_default();
    add(&mut template, "labels", map_at(notebook, "/metadata/labels"));
    add_labels(&mut template, &[("statefulset", name), ("notebook-name", name)]);
    let copied = map_at(notebook, "/metadata/annotations").into_iter();
    add(
        &mut template,
        "annotations",
        copied.filter(|(key, _)| {
            !key.contains("kubectl") && !key.contains("notebook") && key != STOPPED && !key.starts_with(fate::PREFIX)
        }),
    );
    let prefix = json!({ "name": "NB_PREFIX", "value": format!("/notebook/{}/{name}", super::namespace(notebook)) });
    if let Some(container) = template.pointer_mut("/spec/containers/0") {
        let mut environment = container.items("/env").to_vec();
        environment.push(prefix);
        container["env"] = Value::Array(environment);
    }
    let mut set = json!({
        "metadata": owned_metadata(Kind::Notebook, notebook, name),
        "spec": {
            "replicas": replicas, "serviceName": "", "selector": { "matchLabels": { "statefulset": name } }, "template": template,
        },
    });
    add(&mut set, "annotations", fate::inherit(notebook));
    set
}

fn service(notebook: &Value) -> Value {
    let name = super::name(notebook);
    json!({
        "metadata": owned_metadata(Kind::Notebook, notebook, name),
        "spec": {
            "type": "ClusterIP", "selector": { "statefulset": name },
            "ports": [{ "name": format!("http-{name}"), "port": 80, "targetPort": 8888, "protocol": "TCP" }],
        },
    })
}

/// The pod's conditions, newest last change first, and the state of the container that has the Notebook's name.
fn status(notebook: &Value, pod: Option<&Value>, ready: i64) -> Value {
    let name = super::name(notebook);
    let conditions: Vec<Value> = pod.map_or_else(Vec::new, |pod| {
        let copied = pod.items("/status/conditions").iter().map(|condition| {
            let mut copy = condition.clone();
            if let Some(fields) = copy.as_object_mut() {
                fields.retain(|_, value| !value.is_null());
            }
            copy
        });
        copied.collect()
    });
    let container = pod
        .into_iter()
        .flat_map(|pod| pod.items("/status/containerStatuses"))
        .find(|one| one.text("/name") == Some(name));
    json!({
        "conditions": conditions, "readyReplicas": ready,
        "containerState": container.and_then(|one| one.get("state").cloned()).unwrap_or_else(|| json!({})),
    })
}

/// Tells on the Notebook what happened to its pod, as the controller re-emits events.
async fn reissue(stage: &Stage, notebook: &Value, pod: Option<&Value>, replicas: i64) {
    let name = super::name(notebook);
    let Some(pod) = pod else {
        if replicas > 0 {
            let wanted = json!({
                "metadata": { "name": format!("{name}-0"), "namespace": super::namespace(notebook) },
                "spec": notebook.pointer("/spec/template/spec"),
            });
            if let Err(error) = quota::admit(&stage.mirror, &wanted) {
                let message = format!(
                    "Reissued from statefulset/{name}: create Pod {name}-0 in StatefulSet {name} failed error: {error}"
                );
                stage.warning(notebook, SOURCE, "FailedCreate", &message).await;
            }
        }
        return;
    };
    let unschedulable =
        super::condition(pod, "PodScheduled").filter(|one| one.text("/reason") == Some("Unschedulable"));
    if let Some(message) = unschedulable.and_then(|one| one.text("/message")) {
        stage.warning(notebook, SOURCE, "FailedScheduling", &format!("Reissued from pod/{name}-0: {message}")).await;
    }
    let waiting = pod.pointer("/status/containerStatuses/0/state/waiting");
    match waiting.and_then(|waiting| waiting.text("/reason")) {
        Some("ImagePullBackOff") => {
            let image = pod.text("/spec/containers/0/image").unwrap_or_default();
            let message = format!("Reissued from pod/{name}-0: Back-off pulling image \"{image}\"");
            stage.normal(notebook, SOURCE, "BackOff", &message).await;
        }
        Some("CrashLoopBackOff") => {
            let message = format!("Reissued from pod/{name}-0: Back-off restarting failed container");
            stage.warning(notebook, SOURCE, "BackOff", &message).await;
        }
        _ => {}
    }
}

/// What the culler notes of a running notebook.
async fn activity(stage: &Stage, notebook: &Value) -> Result<Next, ApiError> {
    let checked = super::annotation(notebook, LAST_CHECK).and_then(pilothouse_model::time::parse);
    let waited = checked.map_or(CHECKED_EVERY, |checked| stage.clock.since(checked));
    if waited < CHECKED_EVERY {
        return Ok(Next::In(CHECKED_EVERY - waited));
    }
    let now = stage.clock.stamp();
    let mut annotations = json!({ LAST_CHECK: now });
    // Some are in use all the time, others sit idle.
    let busy = stage.dice.between(&format!("{} busy", super::title(notebook)), 0.0, 1.0) < 0.5;
    if busy || super::annotation(notebook, LAST_ACTIVITY).is_none() {
        annotations[LAST_ACTIVITY] = now.into();
    }
    stage.patch(Kind::Notebook, notebook, &json!({"metadata": {"annotations": annotations}})).await?;
    Ok(Next::In(CHECKED_EVERY))
}
