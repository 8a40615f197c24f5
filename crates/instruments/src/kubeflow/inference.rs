//! InferenceService (KServe): a model that is served.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;
use serde_json::Value;

use super::family::Family;
use super::standing::Standing;
use super::{cells, pods, requests, run, why};

const POD_LABEL: &str = "serving.kserve.io/inferenceservice";
const STOP: &str = "serving.kserve.io/stop";

pub(super) struct InferenceService;

fn is_stopped(object: &Object) -> bool {
    object.annotation(STOP).is_some_and(|value| value.eq_ignore_ascii_case("true"))
        || object.condition("Stopped").is_some_and(|stopped| stopped.is_true())
}

fn failure(object: &Object) -> Option<(&str, &str)> {
    let info = object.pointer("/status/modelStatus/lastFailureInfo")?;
    Some((info.text("/reason").unwrap_or_default(), info.text("/message").unwrap_or_default()))
}

fn standing(object: &Object) -> Standing {
    if is_stopped(object) {
        return Standing::new(State::Stopped);
    }
    let transition = object.text("/status/modelStatus/transitionStatus").unwrap_or_default();
    let blocked = matches!(transition, "BlockedByFailedLoad" | "InvalidSpec");
    let (reason, message) = failure(object).unwrap_or((transition, ""));
    match object.condition("Ready") {
        Some(ready) if ready.is_true() && blocked => {
            // The revision before still answers.
            Standing::new(State::Running).at(Level::Warning).because(reason, message)
        }
        Some(ready) if ready.is_true() => Standing::new(State::Running),
        _ if blocked => Standing::new(State::Failed).because(reason, message),
        Some(ready) if ready.is_false() => {
            let part = not_ready(object).unwrap_or(ready);
            let starting = Standing::new(State::Starting).because(part.reason, part.message);
            if transition == "InProgress" { starting } else { starting.at(Level::Warning) }
        }
        Some(ready) => Standing::new(State::Starting).because(ready.reason, ready.message),
        None if object.items("/status/conditions").is_empty() => Standing::new(State::Pending),
        None => Standing::new(State::Unknown),
    }
}

/// The first part that is not ready and says why.
fn not_ready(object: &Object) -> Option<Condition<'_>> {
    ["PredictorReady", "TransformerReady", "ExplainerReady", "LatestDeploymentReady", "RoutesReady", "IngressReady"]
        .into_iter()
        .filter_map(|kind| object.condition(kind))
        .find(|part| part.is_false() && !(part.reason.is_empty() && part.message.is_empty()))
}

/// Predictor, transformer and explainer, each with its fewest replicas.
fn requested(object: &Object) -> Resources {
    requests::total(["predictor", "transformer", "explainer"].into_iter().filter_map(|component| {
        let part = object.pointer(&format!("/spec/{component}"))?;
        let model = part.pointer("/model/resources").map(requests::of_resources).unwrap_or_default();
        let one = requests::total([model, requests::of_pod_spec(part)]);
        Some(requests::times(one, requests::replicas(part, "/minReplicas")))
    }))
}

fn model_format(object: &Object) -> Option<&str> {
    let legacy = || {
        let known =
            ["sklearn", "xgboost", "tensorflow", "pytorch", "triton", "onnx", "huggingface", "lightgbm", "pmml"];
        known.into_iter().find(|name| object.pointer(&format!("/spec/predictor/{name}")).is_some())
    };
    object.text("/spec/predictor/model/modelFormat/name").or_else(legacy)
}

impl Family for InferenceService {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Model format", ColumnKind::Text),
            Column::new("Model", ColumnKind::Text),
            Column::new("URL", ColumnKind::Text),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = standing(object).status();
        let cells = vec![
            Cell::text(&status.word),
            cells::text(model_format(object)),
            cells::text(object.text("/status/modelStatus/states/activeModelState")),
            cells::text(object.text("/status/url")),
            requested(object).gpus.into(),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn pod_label(&self) -> Option<&'static str> {
        Some(POD_LABEL)
    }

    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (mut workload, _) = run::of(self, object, objects, standing(object));
        workload.requested = requested(object);
        Some(workload)
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let standing = standing(object);
        let mut own = Vec::new();
        if is_stopped(object) {
            return vec![match object.condition("Stopped").filter(Condition::is_true) {
                Some(condition) => why::condition("stopped", object, &condition, "It is stopped".to_owned()),
                None => {
                    let field = format!("metadata.annotations[{STOP}]");
                    why::field("stopped", object, &field, "true", "It is stopped".to_owned())
                }
            }];
        }
        let ill = matches!(standing.level, Level::Error | Level::Warning);
        if let Some((reason, message)) = failure(object).filter(|_| ill) {
            let field = "status.modelStatus.lastFailureInfo";
            let title = format!("The model could not be served: {reason}");
            let mut cause = why::field("model-failed", object, field, &format!("{reason}: {message}"), title);
            message.clone_into(&mut cause.detail);
            own.push(cause);
        }
        if let Some(part) = not_ready(object) {
            own.push(why::condition("not-ready", object, &part, format!("{} is false: {}", part.kind, part.reason)));
        }
        why::chain(object, objects, &self.links(object), standing.state, own)
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let status = |pointer: &str| cells::shown(object.text(pointer));
        let url = object
            .text("/status/url")
            .map_or(Shown::Missing, |url| Shown::Outside { text: url.to_owned(), address: url.to_owned() });
        let facts = vec![
            Fact::new("URL", url),
            Fact::new("Model format", cells::shown(model_format(object))),
            Fact::new("Storage", status("/spec/predictor/model/storageUri")),
            Fact::new("Active model", status("/status/modelStatus/states/activeModelState")),
            Fact::new("Target model", status("/status/modelStatus/states/targetModelState")),
            Fact::new("Transition", status("/status/modelStatus/transitionStatus")),
            Fact::new("Deployment mode", status("/status/deploymentMode")),
            Fact::new("Serving runtime", status("/status/servingRuntimeName")),
        ];
        let row = |(name, component): (&str, &Value)| {
            let text = |field: &str| cells::shown(component.text(field));
            (None, vec![Shown::Text(name.to_owned()), text("/latestReadyRevision"), text("/url")])
        };
        vec![
            Section::Facts { title: "Serving".to_owned(), facts },
            Section::Table {
                title: "Components".to_owned(),
                columns: ["Component", "Ready revision", "URL"]
                    .map(|title| Column::new(title, ColumnKind::Text))
                    .to_vec(),
                rows: object.entries("/status/components").map(row).collect(),
                empty: "No component has told its state.".to_owned(),
            },
            pods::section(object, POD_LABEL, object.name()),
        ]
    }
}
