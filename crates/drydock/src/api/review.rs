//! Reviews: questions about rights and identity, answered and not kept.

use std::sync::Arc;

use http::{Response, StatusCode};
use pilothouse_model::Read;
use serde_json::{Value, json};

use super::write::{Intent, Place, change_at};
use super::{Api, Asked};
use crate::failure::Failure;
use crate::http::reply::{self, Body};
use crate::rbac::{self, ResourceWish, Wish};
use crate::user::User;

/// `POST` of a review.
pub(super) fn answer(api: &Arc<Api>, asked: &Asked) -> Result<Response<Body>, Failure> {
    if asked.method != http::Method::POST || asked.target.name.is_some() {
        return Err(Failure::method_not_allowed());
    }
    let mut review = asked.object()?;
    let resource = &asked.served.resource;
    let status = match &*resource.plural {
        "selfsubjectaccessreviews" => access(api, &asked.user, &review)?,
        "subjectaccessreviews" | "localsubjectaccessreviews" => access(api, &subject(&review)?, &review)?,
        "selfsubjectrulesreviews" => rules(api, &asked.user, &review),
        "selfsubjectreviews" => json!({ "userInfo": describe(&asked.user) }),
        "tokenreviews" => token(api, &review),
        "bindings" => return bind(api, asked, &review),
        _ => return Err(Failure::no_such_path()),
    };
    review["kind"] = json!(&*resource.kind);
    review["apiVersion"] = json!(resource.api_version());
    review["status"] = status;
    if review.get("metadata").is_none() {
        review["metadata"] = json!({ "creationTimestamp": null });
    }
    reply::object(StatusCode::CREATED, asked.accepted, &review)
}

fn text(value: &Value, pointer: &str) -> String {
    value.text(pointer).unwrap_or_default().to_owned()
}

fn subject(review: &Value) -> Result<User, Failure> {
    let name = text(review, "/spec/user");
    let groups: Vec<String> =
        review.items("/spec/groups").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    if name.is_empty() && groups.is_empty() {
        return Err(Failure::bad_request("spec.user: at least one of user or group must be specified"));
    }
    Ok(User { name, groups })
}

fn access(api: &Api, user: &User, review: &Value) -> Result<Value, Failure> {
    let wish = if let Some(wanted) = review.pointer("/spec/resourceAttributes") {
        Wish::Resource(ResourceWish {
            verb: text(wanted, "/verb"),
            group: text(wanted, "/group"),
            resource: text(wanted, "/resource"),
            subresource: text(wanted, "/subresource"),
            namespace: text(wanted, "/namespace"),
            name: text(wanted, "/name"),
        })
    } else if let Some(wanted) = review.pointer("/spec/nonResourceAttributes") {
        Wish::Path { path: text(wanted, "/path"), verb: text(wanted, "/verb") }
    } else {
        return Err(Failure::bad_request(
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        ));
    };
    let allowed = rbac::allows(&api.storage.read(), user, &wish);
    Ok(if allowed { json!({ "allowed": true, "reason": "RBAC: allowed" }) } else { json!({ "allowed": false }) })
}

fn rules(api: &Api, user: &User, review: &Value) -> Value {
    let state = api.storage.read();
    let all = rbac::all_rules(&state, user, &text(review, "/spec/namespace"));
    let (paths, resources): (Vec<Value>, Vec<Value>) =
        all.into_iter().partition(|rule| rule.get("nonResourceURLs").is_some());
    json!({ "resourceRules": resources, "nonResourceRules": paths, "incomplete": false })
}

fn describe(user: &User) -> Value {
    let mut groups = user.groups.clone();
    if !groups.iter().any(|group| group == "system:authenticated") {
        groups.push("system:authenticated".to_owned());
    }
    json!({ "username": user.name, "groups": groups })
}

fn token(api: &Api, review: &Value) -> Value {
    match api.tokens.user(&text(review, "/spec/token")) {
        Some(user) => json!({ "authenticated": true, "user": describe(&user) }),
        None => json!({ "user": {}, "error": "invalid bearer token" }),
    }
}

/// The old way to bind a pod: its name is the binding's.
fn bind(api: &Api, asked: &Asked, binding: &Value) -> Result<Response<Body>, Failure> {
    let registry = api.registry();
    let Some(pods) = registry.find("", "v1", "pods") else { return Err(Failure::no_such_path()) };
    let name = text(binding, "/metadata/name");
    let place = Place { served: pods, key: pods.key(asked.namespace(), &name), name: &name };
    let node = text(binding, "/target/name");
    change_at(api, &mut api.storage.write(), &place, &Intent::own(), |current| {
        let mut pod = current.clone();
        pod["spec"]["nodeName"] = json!(node);
        Ok(pod)
    })?;
    Ok(reply::json(
        StatusCode::CREATED,
        &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 }),
    ))
}
