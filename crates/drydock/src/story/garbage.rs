//! Stands in for the garbage collector: what lost its owner goes, and deletions that wait for dependents end.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::kind::{Kind, WATCHED};
use super::mirror::{Change, name_of};
use super::stage::Stage;

/// The stand-in garbage collector. An API server that collects itself loses nothing by it.
pub(super) struct Garbage;

impl Actor for Garbage {
    const NAME: &'static str = "garbage";

    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key> {
        if !change.gone {
            let finalizers = change.object.items("/metadata/finalizers");
            let waits = super::is_ending(&change.object) && !finalizers.is_empty();
            return if waits { vec![(change.kind, name_of(&change.object))] } else { Vec::new() };
        }
        let owners = change.object.items("/metadata/ownerReferences").iter().filter_map(|owner| {
            let kind = Kind::of_owner(owner.text("/apiVersion")?, owner.text("/kind")?)?;
            Some((kind, (super::namespace(&change.object).to_owned(), owner.text("/name")?.to_owned())))
        });
        dependents(stage, &change.object).into_iter().chain(owners).collect()
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(object) = stage.mirror.get(key.0, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        let finalizers: Vec<&str> = object.items("/metadata/finalizers").iter().filter_map(Value::as_str).collect();
        if super::is_ending(&object) && finalizers.iter().any(|name| matches!(*name, "foregroundDeletion" | "orphan")) {
            return foreground(stage, key.0, &object, &finalizers).await;
        }
        let owners = object.items("/metadata/ownerReferences");
        if !owners.is_empty() && !super::is_ending(&object) && owners.iter().all(|owner| is_gone(stage, &object, owner))
        {
            stage.delete(key.0, &object).await?;
        }
        Ok(Next::Change)
    }
}

/// Deletes (or sets free) the dependents first, then lets the owner go.
async fn foreground(stage: &Stage, kind: Kind, object: &Value, finalizers: &[&str]) -> Result<Next, ApiError> {
    let dependents = dependents(stage, object);
    let orphan = finalizers.contains(&"orphan");
    for (kind, (namespace, name)) in &dependents {
        let Some(dependent) = stage.mirror.get(*kind, namespace, name) else { continue };
        if orphan {
            stage.patch(*kind, &dependent, &json!({"metadata": {"ownerReferences": null}})).await?;
        } else {
            stage.delete_once(*kind, &dependent).await?;
        }
    }
    if orphan || dependents.is_empty() {
        let left: Vec<&&str> =
            finalizers.iter().filter(|name| !matches!(**name, "foregroundDeletion" | "orphan")).collect();
        stage.patch(kind, object, &json!({"metadata": {"finalizers": left}})).await?;
    }
    Ok(Next::Change)
}

fn dependents(stage: &Stage, owner: &Value) -> Vec<Key> {
    let of = |kind: &Kind| {
        let kind = *kind;
        stage.mirror.owned(kind, owner).into_iter().map(move |object| (kind, name_of(&object)))
    };
    WATCHED.iter().flat_map(of).collect()
}

/// Whether an owner is known to be gone. An owner of a kind that the story does not watch is never known to be gone.
fn is_gone(stage: &Stage, object: &Value, owner: &Value) -> bool {
    let named = owner.text("/apiVersion").zip(owner.text("/kind")).zip(owner.text("/name"));
    let Some(((api_version, kind), name)) = named else { return false };
    let Some(kind) = Kind::of_owner(api_version, kind) else { return false };
    let namespace = if kind.place().namespaced { super::namespace(object) } else { "" };
    match stage.mirror.get(kind, namespace, name) {
        Some(found) => found.text("/metadata/uid") != owner.text("/uid"),
        None => true,
    }
}
