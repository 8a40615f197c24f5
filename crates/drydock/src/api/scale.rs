//! The `scale` subresource.

use std::sync::Arc;

use http::{Response, StatusCode};
use pilothouse_model::Read;
use serde_json::{Value, json};

use super::write::{Intent, change};
use super::{Api, Asked};
use crate::failure::{Failure, FieldProblem};
use crate::fields::Operation;
use crate::http::body;
use crate::http::reply::{self, Body};
use crate::patch::{APPLY, Patch};
use crate::present;
use crate::registry::{Scale, Served};
use crate::selector;
use crate::storage::Stored;

/// Reads or writes the scale.
pub(super) fn answer(api: &Arc<Api>, asked: &Asked) -> Result<Response<Body>, Failure> {
    let served = &asked.served;
    let Some(scale) = &served.scale else { return Err(Failure::no_such_path()) };
    let stored = match asked.method.as_str() {
        "GET" | "HEAD" => {
            let state = api.storage.read();
            let found = state.get(&served.collection, &asked.key()?).cloned();
            found.ok_or_else(|| Failure::not_found(served, asked.target.name.as_deref().unwrap_or_default()))?
        }
        "PUT" => {
            let wanted = asked.object()?;
            write(api, asked, scale, |_| Ok(wanted))?
        }
        "PATCH" if body::media_type(&asked.headers) == APPLY => {
            let wanted = body::yaml(&asked.bytes)?;
            write(api, asked, scale, |mut current| {
                json_patch::merge(&mut current, &wanted);
                Ok(current)
            })?
        }
        "PATCH" => {
            let patch = Patch::read(served, &asked.headers, &asked.bytes)?;
            write(api, asked, scale, |current| patch.onto(&current))?
        }
        _ => return Err(Failure::method_not_allowed()),
    };
    reply::object(StatusCode::OK, asked.accepted, &show(served, scale, &stored.value))
}

fn write(
    api: &Api,
    asked: &Asked,
    scale: &Scale,
    edit: impl FnOnce(Value) -> Result<Value, Failure>,
) -> Result<Arc<Stored>, Failure> {
    let intent = Intent::from(asked, Operation::Update, "scale")?;
    let served = &asked.served;
    change(api, asked, &intent, |current| {
        let edited = edit(show(served, scale, current))?;
        let replicas = edited.integer("/spec/replicas").unwrap_or(0);
        if replicas < 0 {
            let why = "must be greater than or equal to 0";
            let problem = FieldProblem::invalid("spec.replicas", &json!(replicas), why);
            return Err(Failure::invalid(served, asked.name()?, &[problem]));
        }
        let mut value = current.clone();
        if let Some(version) = edited.text("/metadata/resourceVersion") {
            value["metadata"]["resourceVersion"] = json!(version);
        }
        set(&mut value, &pointer(&scale.wanted), json!(replicas));
        Ok(value)
    })
}

/// `.spec.replicas` → `/spec/replicas`.
fn pointer(path: &str) -> String {
    path.replace('.', "/")
}

fn set(value: &mut Value, pointer: &str, new: Value) {
    let mut at = value;
    for field in pointer.split('/').filter(|field| !field.is_empty()) {
        if !at.is_object() {
            *at = json!({});
        }
        at = &mut at[field];
    }
    *at = new;
}

fn show(served: &Served, scale: &Scale, value: &Value) -> Value {
    let value = present::in_version(served, value);
    let metadata: serde_json::Map<String, Value> = value["metadata"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(field, _)| {
            matches!(field.as_str(), "name" | "namespace" | "uid" | "resourceVersion" | "creationTimestamp")
        })
        .map(|(field, value)| (field.clone(), value.clone()))
        .collect();
    let selector = match &scale.selector {
        Some(path) => value.text(&pointer(path)).map(str::to_owned),
        None => selector::text_of(value.pointer("/spec/selector")),
    };
    let mut status = json!({ "replicas": value.integer(&pointer(&scale.present)).unwrap_or(0) });
    if let Some(selector) = selector {
        status["selector"] = json!(selector);
    }
    json!({
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": { "replicas": value.integer(&pointer(&scale.wanted)).unwrap_or(0) },
        "status": status,
    })
}
