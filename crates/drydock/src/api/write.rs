//! Creating and changing objects: what all writes have in common.

mod prepare;

use std::sync::Arc;

use http::{Response, StatusCode};
use pilothouse_model::{Read, Timestamp};
use serde_json::{Value, json};

use super::{Api, Asked};
use crate::failure::{Failure, FieldProblem};
use crate::fields::{self, Operation};
use crate::http::body;
use crate::http::reply::Body;
use crate::registry::{CRD_COLLECTION, Served, accept_definition};
use crate::storage::{Errand, State, Stored};
use crate::{apply, defaults, patch as patches, present, random, validate};

/// Who writes, and how.
#[derive(Clone, Debug)]
pub(crate) struct Intent {
    /// Field manager.
    pub(crate) manager: String,
    /// Apply or anything else.
    pub(crate) operation: Operation,
    /// The part of the object that is written: empty, `status`, `scale`.
    pub(crate) subresource: &'static str,
    /// Whether nothing is kept.
    pub(crate) dry_run: bool,
    /// Whether fields that the kind does not have are an error (`fieldValidation=Strict`).
    pub(crate) strict: bool,
}

impl Intent {
    /// As a request says it.
    pub(crate) fn from(asked: &Asked, operation: Operation, subresource: &'static str) -> Result<Self, Failure> {
        let agent =
            asked.headers.get(http::header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or("unknown");
        let manager = match asked.query.get("fieldManager") {
            Some(manager) => manager.to_owned(),
            None => agent.split('/').next().unwrap_or(agent).to_owned(),
        };
        let strict = asked.query.get("fieldValidation") == Some("Strict");
        Ok(Self { manager, operation, subresource, dry_run: asked.dry_run()?, strict })
    }

    /// The server itself.
    pub(crate) fn own() -> Self {
        Self {
            manager: "drydock".to_owned(),
            operation: Operation::Update,
            subresource: "",
            dry_run: false,
            strict: false,
        }
    }
}

/// This moment, as Kubernetes writes it: whole seconds.
pub(crate) fn now() -> String {
    stamp(Timestamp::now())
}

fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `POST` of an object.
pub(super) fn create(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let intent = Intent::from(asked, Operation::Update, "")?;
    let value = asked.object()?;
    let stored = insert(api, &asked.served, asked.namespace(), value, &intent)?;
    asked.show(StatusCode::CREATED, &stored)
}

/// `PUT` of an object or its status.
pub(super) fn replace(api: &Api, asked: &Asked, subresource: &'static str) -> Result<Response<Body>, Failure> {
    let intent = Intent::from(asked, Operation::Update, subresource)?;
    let value = asked.object()?;
    prepare::check_type(&asked.served, &value)?;
    if asked.served.custom && value.text("/metadata/resourceVersion").is_none_or(str::is_empty) {
        // The number's form is that of the real server, which prints an address here.
        let problem = FieldProblem {
            reason: "FieldValueInvalid",
            field: "metadata.resourceVersion".to_owned(),
            message: "Invalid value: 0x0: must be specified for an update".to_owned(),
        };
        return Err(Failure::invalid(&asked.served, asked.name()?, &[problem]));
    }
    let stored = change(api, asked, &intent, |_| Ok(value))?;
    asked.show(StatusCode::OK, &stored)
}

/// `PATCH` of an object or its status.
pub(super) fn patch(api: &Api, asked: &Asked, subresource: &'static str) -> Result<Response<Body>, Failure> {
    if body::media_type(&asked.headers) == patches::APPLY {
        return apply_patch(api, asked, subresource);
    }
    let intent = Intent::from(asked, Operation::Update, subresource)?;
    let patch = patches::Patch::read(&asked.served, &asked.headers, &asked.bytes)?;
    let stored = change(api, asked, &intent, |current| patch.onto(current))?;
    asked.show(StatusCode::OK, &stored)
}

fn apply_patch(api: &Api, asked: &Asked, subresource: &'static str) -> Result<Response<Body>, Failure> {
    if asked.query.get("fieldManager").is_none() {
        let message =
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
        let mut failure = Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message);
        failure.details = json!({ "group": "meta.k8s.io", "kind": "PatchOptions", "causes": [{
            "reason": "FieldValueRequired",
            "message": "Required value: is required for apply patch",
            "field": "fieldManager",
        }] });
        return Err(failure);
    }
    let intent = Intent::from(asked, Operation::Apply, subresource)?;
    let config = apply::configuration(asked)?;
    let key = asked.key()?;
    let exists = api.storage.read().get(&asked.served.collection, &key).is_some();
    if !exists && subresource.is_empty() {
        let stored = insert(api, &asked.served, asked.namespace(), config, &intent)?;
        return asked.show(StatusCode::CREATED, &stored);
    }
    let force = asked.query.flag("force");
    let merge = apply::Merge { served: &asked.served, config: &config, manager: &intent.manager, subresource, force };
    let stored = change(api, asked, &intent, |current| merge.onto(current))?;
    asked.show(StatusCode::OK, &stored)
}

/// Stores a new object.
pub(crate) fn insert(
    api: &Api,
    served: &Served,
    namespace: Option<&str>,
    mut value: Value,
    intent: &Intent,
) -> Result<Arc<Stored>, Failure> {
    prepare::check_type(served, &value)?;
    prepare::check_form(served, &present::to_stored(served, value.clone()))?;
    let generated = prepare::name(served, namespace, &mut value)?;
    let mut value = prepare::fresh(served, value)?;
    prepare::drop_unknown(served, &mut value, intent.strict)?;
    defaults::fill(served, &mut value);
    let name = value.text("/metadata/name").unwrap_or_default().to_owned();
    let mut problems = validate::object(served, &value, None);
    if &*served.collection == CRD_COLLECTION && problems.is_empty() {
        problems = accept_definition(&mut value, &now());
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(served, &name, &problems));
    }
    fields::record(served, None, &mut value, intent);

    let mut state = api.storage.write();
    if let Some(namespace) = namespace {
        admit_into(&state, served, namespace, &name)?;
    }
    let mut key = served.key(namespace, &name);
    for _ in 0..8 {
        if !generated || state.get(&served.collection, &key).is_none() {
            break;
        }
        let base = value.text("/metadata/generateName").unwrap_or_default();
        let name = format!("{base}{}", random::suffix().map_err(|error| Failure::internal(error.to_string()))?);
        key = served.key(namespace, &name);
        value["metadata"]["name"] = json!(name);
    }
    if state.get(&served.collection, &key).is_some() {
        return Err(Failure::already_exists(served, &name));
    }
    if intent.dry_run {
        return Ok(Stored::unkept(value));
    }
    let stored = state.put(&served.collection, &key, value);
    after_put(api, &state, served, &stored);
    if served.is("", "namespaces") {
        state.send(Errand::FurnishNamespace(name));
    }
    Ok(stored)
}

/// New objects only come into namespaces that are there to stay.
fn admit_into(state: &State, served: &Served, namespace: &str, name: &str) -> Result<(), Failure> {
    let Some(stored) = state.get("namespaces", namespace) else { return Err(Failure::no_namespace(namespace)) };
    if stored.value.text("/metadata/deletionTimestamp").is_none() {
        return Ok(());
    }
    let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
    let mut failure = Failure::forbidden(served, name, &why);
    failure.details["causes"] = json!([{
        "reason": "NamespaceTerminating",
        "message": format!("namespace {namespace} is being terminated"),
        "field": "metadata.namespace",
    }]);
    Err(failure)
}

/// Changes the object that was asked for: `edit` sees it in the version of the request and gives it anew.
pub(crate) fn change(
    api: &Api,
    asked: &Asked,
    intent: &Intent,
    edit: impl FnOnce(&Value) -> Result<Value, Failure>,
) -> Result<Arc<Stored>, Failure> {
    let place = Place { served: &asked.served, key: asked.key()?, name: asked.name()? };
    let mut state = api.storage.write();
    change_at(api, &mut state, &place, intent, edit)
}

/// Where an object lies.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// Its resource.
    pub(crate) served: &'a Served,
    /// Its key.
    pub(crate) key: String,
    /// Its name.
    pub(crate) name: &'a str,
}

/// The same under a lock that is already held.
pub(crate) fn change_at(
    api: &Api,
    state: &mut State,
    place: &Place<'_>,
    intent: &Intent,
    edit: impl FnOnce(&Value) -> Result<Value, Failure>,
) -> Result<Arc<Stored>, Failure> {
    let Place { served, key, name } = place;
    let Some(current) = state.get(&served.collection, key).cloned() else {
        return Err(Failure::not_found(served, name));
    };
    let edited = edit(&present::in_version(served, &current.value))?;
    prepare::check_identity(served, name, &current.value, &edited)?;
    let edited = present::to_stored(served, edited);
    prepare::check_form(served, &edited)?;
    let mut value = prepare::merged(served, &current.value, edited, intent.subresource);
    prepare::drop_unknown(served, &mut value, intent.strict)?;
    defaults::fill(served, &mut value);
    let mut problems = validate::object(served, &value, Some(&current.value));
    if &*served.collection == CRD_COLLECTION && problems.is_empty() {
        problems = accept_definition(&mut value, &now());
    }
    if !problems.is_empty() {
        return Err(Failure::invalid(served, name, &problems));
    }
    prepare::bump_generation(served, &current.value, &mut value);
    fields::record(served, Some(&current.value), &mut value, intent);
    if intent.dry_run {
        return Ok(Stored::unkept(value));
    }
    if prepare::same(&current.value, &value) {
        return Ok(current);
    }
    if prepare::is_done(served, &value) {
        let stored = state.put(&served.collection, key, value);
        let orphan = false;
        let last = state.remove(&served.collection, key, orphan).unwrap_or(stored);
        after_put(api, state, served, &last);
        return Ok(last);
    }
    let stored = state.put(&served.collection, key, value);
    after_put(api, state, served, &stored);
    Ok(stored)
}

/// What a stored change means for the server itself.
pub(crate) fn after_put(api: &Api, state: &State, served: &Served, stored: &Stored) {
    if &*served.collection == CRD_COLLECTION {
        api.refresh_registry(state);
    }
    for owner in stored.value.items("/metadata/ownerReferences").iter().filter_map(|owner| owner.text("/uid")) {
        if !state.knows_uid(owner) {
            // The owner went before its dependent came.
            state.send(Errand::Collect { uid: owner.to_owned(), orphan: false });
        }
    }
}
