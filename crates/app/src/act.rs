//! What someone does with an object: run one of its actions, replace it, delete it.
//!
//! All of it goes out with the credential of the one who asks ([`Cluster::own_connection`]), stands in the audit log, and is
//! decided by the API server. What is offered beforehand is what the cluster said that the person may do.

mod offer;
mod send;

use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_cluster::{Access, Write, WriteMethod as Method};
use pilothouse_model::{Action, GroupResource, Instrument, Object, Resource, WriteMethod};
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};
use crate::isolate::guarded;

pub(crate) use offer::Allowed;
pub use offer::Offer;
use send::Sending;
pub(crate) use send::refused;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
/// The most that a number of replicas can be.
const MOST: i64 = i32::MAX as i64;
/// What commands run in.
pub(crate) const PODS: GroupResource<'static> = GroupResource::new("", "pods");

/// One object that something is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its resource.
    pub resource: Arc<Resource>,
    /// Where it lives; `None` for what lives in no namespace.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Target {
    /// The object of this name.
    pub fn new(resource: &Arc<Resource>, namespace: Option<&str>, name: &str) -> Self {
        Self { resource: Arc::clone(resource), namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    /// The pod of this name.
    pub(crate) fn pod(namespace: &str, name: &str) -> Self {
        Self::new(&Arc::new(Resource::new("", "v1", "pods", "Pod")), Some(namespace), name)
    }

    /// The right to do something with it; a part of it where `subresource` names one.
    pub(crate) fn access(&self, verb: &str, subresource: &str) -> Access {
        Access {
            verb: verb.to_owned(),
            group: self.resource.group.to_string(),
            resource: self.resource.plural.to_string(),
            subresource: Some(subresource.to_owned()).filter(|part| !part.is_empty()),
            namespace: self.namespace.clone(),
            name: Some(self.name.clone()),
        }
    }

    pub(crate) fn is_secret(&self) -> bool {
        self.resource.group_resource() == GroupResource::new("", "secrets")
    }
}

/// Which version of an object a person has seen: nothing is done with another one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Its unique id: a new object of the same name is another one.
    pub uid: Option<String>,
    /// Its version: any change makes it another one.
    pub version: Option<String>,
}

/// What a person chose of an action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// The number that the action asks for.
    pub number: Option<i64>,
    /// What was seen.
    pub expected: Expected,
    /// Only try it: the API server checks everything and changes nothing.
    pub dry_run: bool,
}

/// How something is deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deletion {
    /// What becomes of the objects that it owns; the kind's own habit when nothing is said.
    pub propagation: Option<Propagation>,
    /// Seconds that it has to end in peace; zero ends it at once.
    pub grace: Option<u32>,
    /// What was seen.
    pub expected: Expected,
    /// Only try it.
    pub dry_run: bool,
}

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Propagation {
    /// They are deleted after it.
    Background,
    /// They are deleted first.
    Foreground,
    /// They stay.
    Orphan,
}

impl Propagation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Background, Self::Foreground, Self::Orphan];

    /// As Kubernetes writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Background => "Background",
            Self::Foreground => "Foreground",
            Self::Orphan => "Orphan",
        }
    }

    /// Reads it, in any case.
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str().eq_ignore_ascii_case(text))
    }
}

/// What was done.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// Names the deed; the audit log has it, too.
    pub request: String,
    /// What the API server answered: the object as it is now, or a `Status`. Without Secret values.
    pub answer: Value,
    /// Whether it was only tried.
    pub dry_run: bool,
}

impl Cluster {
    /// One object as the API server has it now, read with the credential of the one who asks.
    pub async fn read_own(&self, target: &Target) -> Result<Object, AppError> {
        let connection = self.own_connection()?;
        Ok(connection.get(&target.resource, target.namespace.as_deref(), &target.name).await?)
    }

    /// An action of an object as it stands now, with that object.
    pub async fn action(&self, target: &Target, id: &str) -> Result<(Object, Action), AppError> {
        let object = self.read_own(target).await?;
        let found = self.actions_of(&target.resource, &object).into_iter().find(|action| action.id == id);
        let action = found.ok_or_else(|| {
            let message = format!("{} {} offers no action `{id}` as it stands", target.resource.kind, target.name);
            AppError::new(ErrorKind::NotOffered, message).hint("it may have changed since; look at it again")
        })?;
        Ok((object, action))
    }

    /// What an instrument says that can be done with an object.
    fn actions_of(&self, resource: &Resource, object: &Object) -> Vec<Action> {
        let instrument = self.instrument(resource.group_resource());
        let actions = guarded(|| instrument.map_or_else(Vec::new, |one: &dyn Instrument| one.actions(object)));
        actions.unwrap_or_else(|defect| {
            tracing::error!("the actions of {} {}: {defect}", resource.kind, object.name());
            Vec::new()
        })
    }

    /// Runs an action.
    pub async fn act(&self, target: &Target, id: &str, choice: &Choice) -> Result<Done, AppError> {
        let (object, action) = self.action(target, id).await?;
        check(&object, &choice.expected, target)?;
        let catalog = self.known_catalog();
        let created = |name: GroupResource<'_>| {
            catalog
                .as_ref()
                .and_then(|catalog| catalog.served(name).cloned())
                .ok_or_else(|| AppError::new(ErrorKind::NotOffered, format!("the cluster does not serve {name}")))
        };
        let mut sending = Sending::new(target, choice.dry_run);
        let mut body = action.request.body.clone();
        let moment = || Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        match action.request.method {
            WriteMethod::MergePatch => {}
            WriteMethod::StampedMergePatch(pointer) => put(&mut body, pointer, json!(moment())),
            WriteMethod::NumberedMergePatch(pointer) => put(&mut body, pointer, json!(number(choice.number)?)),
            WriteMethod::Create(name) => {
                sending.creates(created(name)?);
            }
            WriteMethod::Delete => {
                let deletion = Deletion { dry_run: choice.dry_run, expected: of(&object), ..Deletion::default() };
                return self.delete(target, &deletion).await;
            }
        }
        sending.subresource = action.request.subresource;
        sending.summary =
            json!({"action": action.id, "body": if target.is_secret() { Value::Null } else { body.clone() }});
        if sending.method == Method::Patch {
            // A new object of the same name is another one: the API server refuses it.
            put(&mut body, "/metadata/uid", json!(object.uid()));
        }
        sending.body = body;
        self.send(sending).await
    }

    /// Deletes an object.
    pub async fn delete(&self, target: &Target, deletion: &Deletion) -> Result<Done, AppError> {
        let mut preconditions = json!({});
        if let Some(uid) = &deletion.expected.uid {
            preconditions["uid"] = json!(uid);
        }
        if let Some(version) = &deletion.expected.version {
            preconditions["resourceVersion"] = json!(version);
        }
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions});
        if let Some(propagation) = deletion.propagation {
            options["propagationPolicy"] = json!(propagation.as_str());
        }
        if let Some(grace) = deletion.grace {
            options["gracePeriodSeconds"] = json!(grace);
        }
        let mut sending = Sending::new(target, deletion.dry_run);
        sending.method = Method::Delete;
        sending.summary =
            json!({"propagation": deletion.propagation.map(Propagation::as_str), "grace": deletion.grace});
        if deletion.dry_run {
            // With a body, the API server does not look at the address.
            options["dryRun"] = json!(["All"]);
        }
        sending.body = options;
        self.send(sending).await
    }

    /// Puts `object` in the place of the one that is there. It must say which version it was made from: one that changed
    /// since is a conflict.
    pub async fn replace(&self, target: &Target, object: Value, dry_run: bool) -> Result<Done, AppError> {
        fits(target, &object)?;
        if target.is_secret() && object.to_string().contains("<hidden") {
            let message =
                "the values of this Secret are hidden: written back, the words in their place would destroy them";
            return Err(AppError::new(ErrorKind::BadInput, message)
                .hint("write `stringData` with the new values only, or use kubectl edit"));
        }
        let mut sending = Sending::new(target, dry_run);
        sending.method = Method::Replace;
        sending.summary = match self.read_own(target).await {
            Ok(now) if target.is_secret() => json!({"changed": known_keys(now.value(), changed(now.value(), &object))}),
            Ok(now) => json!({"changed": changed(now.value(), &object)}),
            Err(_) => json!({"changed": Value::Null}),
        };
        sending.body = object;
        self.send(sending).await
    }
}

/// The version of an object.
fn of(object: &Object) -> Expected {
    Expected { uid: Some(object.uid().to_owned()), version: Some(object.resource_version().to_owned()) }
}

/// Whether the object is the one that was seen.
fn check(object: &Object, expected: &Expected, target: &Target) -> Result<(), AppError> {
    let other = |seen: &Option<String>, now: &str| seen.as_deref().is_some_and(|seen| seen != now);
    let message = if other(&expected.uid, object.uid()) {
        format!(
            "{} {} is another object than the one you saw: it was deleted and made again",
            target.resource.kind, target.name
        )
    } else if other(&expected.version, object.resource_version()) {
        format!("{} {} has changed since you saw it", target.resource.kind, target.name)
    } else {
        return Ok(());
    };
    Err(AppError::new(ErrorKind::Conflict, message).hint("look at it again, then decide"))
}

/// Whether an object can stand where it is to be written.
fn fits(target: &Target, object: &Value) -> Result<(), AppError> {
    let wrong = |message: String| Err(AppError::new(ErrorKind::BadInput, message));
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str);
    if !object.is_object() {
        return wrong("this is no object: it needs apiVersion, kind and metadata".to_owned());
    }
    let resource = &target.resource;
    for (pointer, wanted) in [
        ("/apiVersion", Some(resource.api_version())),
        ("/kind", Some(resource.kind.to_string())),
        ("/metadata/name", Some(target.name.clone())),
        ("/metadata/namespace", target.namespace.clone()),
    ] {
        if text(pointer) != wanted.as_deref() {
            let field = pointer.trim_start_matches('/').replace('/', ".");
            let wanted = wanted.unwrap_or_else(|| "left out".to_owned());
            return wrong(format!("{field} must stay as it is: {wanted}"));
        }
    }
    if text("/metadata/resourceVersion").is_none_or(str::is_empty) {
        return wrong("metadata.resourceVersion is missing: it says which version you edited".to_owned());
    }
    Ok(())
}

fn number(chosen: Option<i64>) -> Result<i64, AppError> {
    match chosen {
        Some(number @ 0..=MOST) => Ok(number),
        Some(_) => Err(AppError::new(ErrorKind::BadInput, "the number must be 0 or more, and less than 2147483648")),
        None => Err(AppError::new(ErrorKind::BadInput, "this needs a number")),
    }
}

/// Writes a value at a JSON pointer, making the objects on the way.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let mut place = body;
    for part in pointer.trim_start_matches('/').split('/') {
        let key = part.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[key];
    }
    *place = value;
}

/// The most paths that are told of a change.
const TOLD: usize = 20;

/// Where two objects differ, as JSON pointers; no values.
fn changed(before: &Value, after: &Value) -> Vec<String> {
    fn walk(before: &Value, after: &Value, at: &str, told: &mut Vec<String>) {
        if before == after || told.len() >= TOLD {
            return;
        }
        let (Value::Object(old), Value::Object(new)) = (before, after) else {
            told.push(at.to_owned());
            return;
        };
        let keys: std::collections::BTreeSet<_> = old.keys().chain(new.keys()).collect();
        for key in keys {
            let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            walk(old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null), &at, told);
        }
    }
    let mut told = Vec::new();
    walk(before, after, "", &mut told);
    told
}

/// The paths of changes of a Secret, without keys that it does not have: a value that was pasted into the wrong place is no
/// name.
fn known_keys(before: &Value, changed: Vec<String>) -> Vec<String> {
    let mut told: Vec<String> = changed
        .into_iter()
        .map(|mut path| {
            while !path.is_empty() && before.pointer(&path).is_none() {
                path.truncate(path.rfind('/').unwrap_or_default());
            }
            path
        })
        .collect();
    told.dedup();
    told
}

/// Text of a person as an object: YAML, of which JSON is a part.
pub fn parse_object(text: &str) -> Result<Value, AppError> {
    serde_saphyr::from_str(text)
        .map_err(|error| AppError::new(ErrorKind::BadInput, format!("this is neither YAML nor JSON: {error}")))
}

#[cfg(test)]
mod tests;
