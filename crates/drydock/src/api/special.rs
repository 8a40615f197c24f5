//! Subresources of single kinds: binding and eviction of pods, finalizing of namespaces, tokens of service accounts.

use std::sync::Arc;

use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pilothouse_model::Read;
use serde_json::{Value, json};

use super::write::{Intent, change, now};
use super::{Api, Asked, Deletion, delete_one};
use crate::failure::Failure;
use crate::fields::Operation;
use crate::http::reply::{self, Body};
use crate::random;
use crate::user::User;

/// Does what the subresource is for.
pub(super) fn answer(api: &Arc<Api>, asked: &Asked) -> Result<Response<Body>, Failure> {
    let part = asked.target.subresource.as_deref().unwrap_or_default();
    match (part, asked.method.as_str()) {
        ("binding", "POST") => bind(api, asked),
        ("eviction", "POST") => evict(api, asked),
        ("finalize", "PUT") => finalize(api, asked),
        ("token", "POST") => token(api, asked),
        _ => Err(Failure::method_not_allowed()),
    }
}

fn success() -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 })
}

fn bind(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let binding = asked.object()?;
    let Some(node) = binding.text("/target/name").filter(|node| !node.is_empty()).map(str::to_owned) else {
        return Err(Failure::bad_request("Binding is invalid: target.name: Required value"));
    };
    let intent = Intent::from(asked, Operation::Update, "")?;
    change(api, asked, &intent, |current| {
        if current.text("/spec/nodeName").is_some_and(|own| !own.is_empty()) {
            let why = format!("pod {} is already assigned to node", asked.name()?);
            return Err(Failure::conflict(&asked.served, asked.name()?, &why));
        }
        let mut pod = current.clone();
        pod["spec"]["nodeName"] = json!(node);
        Ok(pod)
    })?;
    let scheduled =
        json!({ "type": "PodScheduled", "status": "True", "lastProbeTime": null, "lastTransitionTime": now() });
    let status = Intent { subresource: "status", ..intent };
    change(api, asked, &status, |current| {
        let mut pod = current.clone();
        let mut conditions = pod.items("/status/conditions").to_vec();
        conditions.retain(|condition| condition.text("/type") != Some("PodScheduled"));
        conditions.push(scheduled);
        pod["status"]["conditions"] = Value::Array(conditions);
        Ok(pod)
    })?;
    Ok(reply::json(StatusCode::CREATED, &success()))
}

fn evict(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let eviction = asked.object()?;
    let grace = eviction.integer("/deleteOptions/gracePeriodSeconds").and_then(|grace| u64::try_from(grace).ok());
    let deletion = Deletion { grace, dry_run: asked.dry_run()?, ..Deletion::default() };
    let mut state = api.storage.write();
    delete_one(api, &mut state, &asked.served, &asked.key()?, &deletion)?;
    Ok(reply::json(StatusCode::CREATED, &success()))
}

fn finalize(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let wanted = asked.object()?;
    let intent = Intent::from(asked, Operation::Update, "")?;
    let stored = change(api, asked, &intent, |current| {
        let mut namespace = current.clone();
        namespace["spec"]["finalizers"] = wanted.pointer("/spec/finalizers").cloned().unwrap_or_else(|| json!([]));
        Ok(namespace)
    })?;
    asked.show(StatusCode::OK, &stored)
}

fn token(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let mut request = asked.object()?;
    let (namespace, name) = (asked.namespace().unwrap_or_default(), asked.name()?);
    if api.storage.read().get(&asked.served.collection, &asked.key()?).is_none() {
        return Err(Failure::not_found(&asked.served, name));
    }
    let token = random::secret().map_err(|error| Failure::internal(error.to_string()))?;
    api.tokens.add(token.clone(), User::service_account(namespace, name));
    let seconds = request.integer("/spec/expirationSeconds").unwrap_or(3600).clamp(600, 366 * 86_400);
    let ends = Timestamp::now() + SignedDuration::from_secs(seconds);
    request["kind"] = json!("TokenRequest");
    request["apiVersion"] = json!("authentication.k8s.io/v1");
    request["status"] =
        json!({ "token": token, "expirationTimestamp": ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string() });
    Ok(reply::json(StatusCode::CREATED, &request))
}
