//! Deleting: grace, finalizers, preconditions, and what becomes of dependents.

use std::sync::Arc;

use http::{Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use pilothouse_model::Read;
use serde_json::{Value, json};

use super::write::after_put;
use super::{Api, Asked};
use crate::failure::Failure;
use crate::http::body;
use crate::http::reply::{self, Body};
use crate::lists;
use crate::registry::{CRD_COLLECTION, Served};
use crate::selector::Selection;
use crate::storage::{Errand, State, Stored};

/// What becomes of dependents.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They go after their owner.
    #[default]
    Background,
    /// The owner waits for them to go.
    Foreground,
    /// They stay.
    Orphan,
}

/// How something should be deleted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deletion {
    /// What becomes of dependents.
    pub(crate) propagation: Propagation,
    /// Seconds that pods get; `None` leaves it to the pod.
    pub(crate) grace: Option<u64>,
    /// Unique id that the object must have.
    pub(crate) uid: Option<String>,
    /// Resource version that the object must have.
    pub(crate) version: Option<String>,
    /// Whether nothing is kept.
    pub(crate) dry_run: bool,
}

/// What came of a deletion.
pub(crate) enum Deleted {
    /// It is gone; the last version.
    Gone(Arc<Stored>),
    /// It waits for its grace or its finalizers.
    Waiting(Arc<Stored>),
}

impl Deletion {
    fn from(asked: &Asked) -> Result<Self, Failure> {
        let options = if asked.bytes.is_empty() { json!({}) } else { body::object(&asked.headers, &asked.bytes)? };
        let policy = options.text("/propagationPolicy").or_else(|| asked.query.get("propagationPolicy"));
        let orphan = options.boolean("/orphanDependents").unwrap_or_else(|| asked.query.flag("orphanDependents"));
        let propagation = match policy {
            Some("Background") => Propagation::Background,
            None if orphan => Propagation::Orphan,
            None => Propagation::Background,
            Some("Foreground") => Propagation::Foreground,
            Some("Orphan") => Propagation::Orphan,
            Some(other) => {
                return Err(Failure::bad_request(format!(
                    "propagationPolicy: Unsupported value: \"{other}\": supported values: \"Foreground\", \
                     \"Background\", \"Orphan\""
                )));
            }
        };
        let told = asked.query.get("gracePeriodSeconds").and_then(|text| text.parse().ok());
        let dry = options.items("/dryRun").iter().any(|value| value == "All");
        Ok(Self {
            propagation,
            grace: options.integer("/gracePeriodSeconds").and_then(|grace| u64::try_from(grace).ok()).or(told),
            uid: options.text("/preconditions/uid").map(str::to_owned),
            version: options.text("/preconditions/resourceVersion").map(str::to_owned),
            dry_run: dry || asked.dry_run()?,
        })
    }

    fn check(&self, served: &Served, name: &str, value: &Value) -> Result<(), Failure> {
        let differs = |wanted: &Option<String>, pointer: &str, word: &str| {
            let own = value.text(pointer).unwrap_or_default();
            let wanted = wanted.as_deref().filter(|wanted| *wanted != own)?;
            let long = if word == "UID" { "UID" } else { "ResourceVersion" };
            Some(format!("Precondition failed: {long} in precondition: {wanted}, {long} in object meta: {own}"))
        };
        let problem = differs(&self.uid, "/metadata/uid", "UID")
            .or_else(|| differs(&self.version, "/metadata/resourceVersion", "ResourceVersion"));
        problem.map_or(Ok(()), |why| Err(Failure::conflict(served, name, &why)))
    }
}

/// `DELETE` of one object.
pub(super) fn one(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let deletion = Deletion::from(asked)?;
    let name = asked.name()?;
    let key = asked.key()?;
    let mut state = api.storage.write();
    let deleted = delete_one(api, &mut state, &asked.served, &key, &deletion)?;
    drop(state);
    match deleted {
        Deleted::Waiting(stored) => asked.show(StatusCode::OK, &stored),
        Deleted::Gone(stored) if answers_with_the_object(&asked.served) => asked.show(StatusCode::OK, &stored),
        Deleted::Gone(stored) => {
            let mut details =
                json!({ "name": name, "kind": &*asked.served.resource.plural, "uid": stored.value["metadata"]["uid"] });
            if !asked.served.resource.group.is_empty() {
                details["group"] = json!(&*asked.served.resource.group);
            }
            Ok(reply::json(
                StatusCode::OK,
                &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details }),
            ))
        }
    }
}

/// A few core kinds answer with what they were.
fn answers_with_the_object(served: &Served) -> bool {
    let plural = &*served.resource.plural;
    served.resource.group.is_empty()
        && matches!(
            plural,
            "pods"
                | "services"
                | "serviceaccounts"
                | "persistentvolumes"
                | "persistentvolumeclaims"
                | "podtemplates"
                | "resourcequotas"
        )
}

/// `DELETE` of all that is selected.
pub(super) fn collection(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let deletion = Deletion::from(asked)?;
    let selection = Selection::from(&asked.served, &asked.query)?;
    let prefix = asked.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    let mut state = api.storage.write();
    let selected: Vec<String> = state
        .all(&asked.served.collection)
        .filter(|(key, stored)| key.starts_with(&prefix) && selection.selects(&stored.value))
        .map(|(key, _)| key.clone())
        .collect();
    let mut items = Vec::new();
    for key in selected {
        match delete_one(api, &mut state, &asked.served, &key, &deletion)? {
            Deleted::Gone(stored) | Deleted::Waiting(stored) => items.push(stored),
        }
    }
    let revision = state.revision();
    drop(state);
    let metadata = json!({ "resourceVersion": revision.to_string() });
    Ok(reply::whole(StatusCode::OK, "application/json", lists::whole(&asked.served, &metadata, &items)?))
}

/// Deletes one object, or marks it as one to be deleted.
pub(crate) fn delete_one(
    api: &Api,
    state: &mut State,
    served: &Served,
    key: &str,
    deletion: &Deletion,
) -> Result<Deleted, Failure> {
    let name = key.rsplit('/').next().unwrap_or(key);
    let Some(current) = state.get(&served.collection, key).cloned() else {
        return Err(Failure::not_found(served, name));
    };
    deletion.check(served, name, &current.value)?;
    let grace = grace(served, &current.value, deletion);
    let mut value = current.value.clone();
    add_finalizers(&mut value, deletion.propagation, state);
    let holds = !value.items("/metadata/finalizers").is_empty() || is_namespace(served);
    if grace == 0 && !holds {
        if deletion.dry_run {
            return Ok(Deleted::Gone(current));
        }
        let orphan = deletion.propagation == Propagation::Orphan;
        let last = state.remove(&served.collection, key, orphan).unwrap_or(current);
        if &*served.collection == CRD_COLLECTION {
            drop_instances(state, &last.value);
        }
        after_put(api, state, served, &last);
        return Ok(Deleted::Gone(last));
    }
    mark(served, &mut value, grace);
    if deletion.dry_run || value == current.value {
        return Ok(Deleted::Waiting(current));
    }
    let uid = value.text("/metadata/uid").unwrap_or_default().to_owned();
    let stored = state.put(&served.collection, key, value);
    if is_namespace(served) {
        state.send(Errand::EmptyNamespace(name.to_owned()));
    }
    if grace > 0 {
        state.send(Errand::EndGrace { key: key.to_owned(), uid, seconds: grace });
    }
    if deletion.propagation != Propagation::Background {
        state.send(Errand::Foreground { collection: served.collection.clone(), key: key.to_owned() });
    }
    Ok(Deleted::Waiting(stored))
}

fn is_namespace(served: &Served) -> bool {
    served.is("", "namespaces")
}

/// Only pods that a node may still run get time; the others go at once, as with the real server.
fn grace(served: &Served, value: &Value, deletion: &Deletion) -> u64 {
    let over = matches!(value.text("/status/phase"), Some("Succeeded" | "Failed"));
    if !served.is("", "pods") || over || value.text("/spec/nodeName").is_none_or(str::is_empty) {
        return 0;
    }
    let own = value.integer("/spec/terminationGracePeriodSeconds").and_then(|grace| u64::try_from(grace).ok());
    let wanted = deletion.grace.or(own).unwrap_or(30);
    // A second deletion may shorten the grace, never lengthen it.
    let before = value.integer("/metadata/deletionGracePeriodSeconds").and_then(|grace| u64::try_from(grace).ok());
    before.map_or(wanted, |before| before.min(wanted))
}

fn add_finalizers(value: &mut Value, propagation: Propagation, state: &State) {
    let word = match propagation {
        Propagation::Background => return,
        Propagation::Foreground => "foregroundDeletion",
        Propagation::Orphan => return,
    };
    let uid = value.text("/metadata/uid").unwrap_or_default();
    if state.dependents(uid).is_empty() {
        return;
    }
    let mut finalizers = value.items("/metadata/finalizers").to_vec();
    if !finalizers.iter().any(|own| own == word) {
        finalizers.push(json!(word));
    }
    value["metadata"]["finalizers"] = Value::Array(finalizers);
}

fn mark(served: &Served, value: &mut Value, grace: u64) {
    let ends = Timestamp::now() + SignedDuration::from_secs(i64::try_from(grace).unwrap_or(30));
    let before = value.text("/metadata/deletionTimestamp").is_some();
    let shorter = value.integer("/metadata/deletionGracePeriodSeconds") != i64::try_from(grace).ok();
    if !before || shorter {
        value["metadata"]["deletionTimestamp"] = json!(ends.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        value["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        if let Some(generation) = value.integer("/metadata/generation") {
            value["metadata"]["generation"] = json!(generation + 1);
        }
    }
    if is_namespace(served) {
        value["status"]["phase"] = json!("Terminating");
    }
}

/// With a definition go its objects.
fn drop_instances(state: &mut State, definition: &Value) {
    let Some(name) = definition.text("/metadata/name") else { return };
    let collection = name.into();
    let keys: Vec<String> = state.all(name).map(|(key, _)| key.clone()).collect();
    for key in keys {
        state.remove(&collection, &key, false);
    }
}
