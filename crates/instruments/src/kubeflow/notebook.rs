//! Notebook: a server of Jupyter, VS Code or RStudio that a person works in.
//!
//! The order of the rules is that of the project's own web application. Three things it does not show are shown here:
//! a container that is merely being created is starting, not in trouble; a pod that crashes again and again is; and a
//! notebook whose pod the quota refuses says so.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::{Value, json};

use super::family::Family;
use super::kinds::STATEFUL_SETS;
use super::standing::Standing;
use super::{cells, pods, requests, run, why, writes};

/// Present means stopped; the value is since when.
const STOPPED: &str = "kubeflow-resource-stopped";
const LAST_ACTIVITY: &str = "notebooks.kubeflow.org/last-activity";
const SERVER_TYPE: &str = "notebooks.kubeflow.org/server-type";
const POD_LABEL: &str = "notebook-name";

pub(super) struct Notebook;

/// The container that has the notebook's name, else the first.
fn container(object: &Object) -> Option<&Value> {
    let containers = object.items("/spec/template/spec/containers");
    containers.iter().find(|container| container.text("/name") == Some(object.name())).or_else(|| containers.first())
}

/// What the server is called by people; the annotation's values for two of them are only group names.
fn server_type(object: &Object) -> Option<&str> {
    Some(match object.annotation(SERVER_TYPE)? {
        "jupyter" => "JupyterLab",
        "group-one" => "VS Code",
        "group-two" => "RStudio",
        other => other,
    })
}

fn requested(object: &Object) -> Resources {
    object.pointer("/spec/template/spec").map(requests::of_pod_spec).unwrap_or_default()
}

fn standing(object: &Object) -> Standing {
    let ready = object.integer("/status/readyReplicas");
    if object.annotation(STOPPED).is_some() {
        // The controller leaves a zero out, so that no count means no ready pod.
        return Standing::new(if ready.unwrap_or(0) == 0 { State::Stopped } else { State::Stopping });
    }
    if ready.is_some_and(|ready| ready > 0) {
        return Standing::new(State::Running);
    }
    if let Some(waiting) = object.pointer("/status/containerState/waiting") {
        return waiting_for(waiting);
    }
    if let Some(terminated) = object.pointer("/status/containerState/terminated") {
        let reason = terminated.text("/reason").unwrap_or("Terminated");
        let message = terminated.text("/message").map(str::to_owned).unwrap_or_else(|| {
            terminated.integer("/exitCode").map(|code| format!("It ended with exit code {code}.")).unwrap_or_default()
        });
        return Standing::new(State::Starting).at(Level::Warning).because(reason, &message);
    }
    let reasons: Vec<_> = object.conditions().filter(|condition| !condition.reason.is_empty()).collect();
    let telling = reasons.iter().find(|condition| !is_ordinary(condition.reason));
    match telling.or(reasons.first()) {
        Some(condition) if is_ordinary(condition.reason) => {
            Standing::new(State::Starting).because(condition.reason, condition.message)
        }
        Some(condition) => {
            Standing::new(State::Pending).at(Level::Warning).because(condition.reason, condition.message)
        }
        None => Standing::new(State::Pending),
    }
}

/// Reasons that every pod gives on its way up.
fn is_ordinary(reason: &str) -> bool {
    matches!(reason, "ContainersNotReady" | "ContainersNotInitialized" | "PodCompleted")
}

fn waiting_for(waiting: &Value) -> Standing {
    let reason = waiting.text("/reason").unwrap_or_default();
    let message = waiting.text("/message").unwrap_or_default();
    let starting = Standing::new(State::Starting).because(reason, message);
    match reason {
        "PodInitializing" | "ContainerCreating" | "" => starting,
        _ => starting.at(Level::Warning),
    }
}

impl Family for Notebook {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("Status", ColumnKind::Status),
            Column::new("Type", ColumnKind::Text),
            Column::new("Image", ColumnKind::Text),
            Column::new("CPU", ColumnKind::Cpu),
            Column::new("Memory", ColumnKind::Bytes),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("Last activity", ColumnKind::Age),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let asked = requested(object);
        let image = container(object).and_then(|container| container.text("/image"));
        let cells = vec![
            Cell::text(&status.word),
            cells::text(server_type(object)),
            cells::text(image),
            asked.cpu.into(),
            asked.memory.into(),
            asked.gpus.into(),
            cells::moment(object.annotation(LAST_ACTIVITY).and_then(time::parse)),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        let namespace = object.namespace().map(str::to_owned);
        let set = LinkTarget::Named { resource: STATEFUL_SETS, namespace, name: object.name().to_owned() };
        let mut links = vec![Link { relation: "children", target: set }];
        links.extend(pods::link(object, POD_LABEL, object.name()));
        links
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (mut workload, _) = run::of(self, object, objects, standing(object));
        workload.requested = requested(object);
        if workload.state == State::Running {
            workload.started = object.time("/status/containerState/running/startedAt");
        }
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let standing = standing(object);
        let mut own = Vec::new();
        if let Some(since) = object.annotation(STOPPED) {
            let field = format!("metadata.annotations[{STOPPED}]");
            let cause =
                why::field("stopped", object, &field, since, "It was stopped, by a person or for being idle".into());
            return vec![why::advise(cause, &["Start it again; its volumes are kept."])];
        }
        if matches!(standing.state, State::Pending | State::Starting) && standing.level == Level::Warning {
            own.extend(own_reason(object, &standing));
        }
        why::chain(object, objects, &self.links(object), standing.state, own)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let mut facts = vec![
            Fact::new("Type", cells::shown(server_type(object))),
            Fact::new("Image", container(object).and_then(|c| c.text("/image")).map_or(Shown::Missing, code)),
            Fact::new("Last activity", cells::shown_moment(object.annotation(LAST_ACTIVITY).and_then(time::parse))),
            Fact::new("Created by", cells::shown(object.annotation("notebooks.kubeflow.org/creator"))),
        ];
        if let Some(since) = object.annotation(STOPPED) {
            facts.push(Fact::new(
                "Stopped",
                time::parse(since).map_or_else(|| Shown::Text(since.to_owned()), Shown::Time),
            ));
        }
        let volumes: Vec<_> = object
            .items("/spec/template/spec/volumes")
            .iter()
            .filter_map(|volume| volume.text("/persistentVolumeClaim/claimName"))
            .map(|claim| Shown::Text(claim.to_owned()))
            .collect();
        if !volumes.is_empty() {
            facts.push(Fact::new("Volumes", Shown::Many(volumes)));
        }
        vec![Section::Facts { title: "Notebook".to_owned(), facts }, pods::section(object, POD_LABEL, object.name())]
    }

    fn actions(&self, object: &Object) -> Vec<Action> {
        let body = |value: Value| json!({"metadata": {"annotations": {STOPPED: value}}});
        if object.annotation(STOPPED).is_some() {
            let words = "Its pod is made again with the same volumes.";
            return vec![writes::patch("start", "Start", Danger::Reversible, words, body(Value::Null))];
        }
        let words =
            "Its pod ends and gives its resources back; what is on its volumes stays, what is only in memory is lost.";
        let mut stop = writes::patch("stop", "Stop", Danger::Disruptive, words, body(Value::String(String::new())));
        stop.request.method = WriteMethod::StampedMergePatch("/metadata/annotations/kubeflow-resource-stopped");
        vec![stop]
    }
}

fn code(text: &str) -> Shown {
    Shown::Code(text.to_owned())
}

/// What the notebook's own status says, with the field that says it.
fn own_reason(object: &Object, standing: &Standing) -> Option<Cause> {
    let title = format!("The notebook cannot start: {}", standing.reason);
    if object.pointer("/status/containerState/waiting").is_some() {
        let value = format!("{}: {}", standing.reason, standing.message);
        return Some(why::field("notebook-waits", object, "status.containerState.waiting", &value, title));
    }
    let condition = object.conditions().find(|condition| condition.reason == standing.reason)?;
    Some(why::condition("notebook-waits", object, &condition, title))
}
