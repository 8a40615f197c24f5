//! What only the engine itself can be asked: objects as they are taken apart.

use std::collections::BTreeSet;
use std::time::Duration;

use pilothouse_app::ErrorKind;
use serde_json::Value;

use super::asker::{Direct, resource};
use super::oracle::{Key, Objects};
use super::truth::{All, NAMED, Truth};
use super::world::{EVENTS, JOBS, PODS, User};

const PATIENCE: Duration = Duration::from_secs(20);

/// The objects that this one owns.
pub(crate) fn owned(objects: &Objects, uid: &Value) -> BTreeSet<Key> {
    let owns = |object: &Value| {
        let owners = object["metadata"]["ownerReferences"].as_array();
        owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == *uid))
    };
    objects.iter().filter(|(_, object)| owns(object)).map(|(key, _)| key.clone()).collect()
}

/// The events about an object and about the pods that it owns.
pub(crate) fn about(truth: &Truth, uid: &Value) -> BTreeSet<Key> {
    let pods = truth.list(PODS);
    let mut subjects = vec![uid.clone()];
    subjects.extend(owned(pods, uid).iter().map(|key| pods[key]["metadata"]["uid"].clone()));
    let about = |object: &Value| subjects.contains(&object["involvedObject"]["uid"]);
    truth.list(EVENTS).iter().filter(|(_, event)| about(event)).map(|(key, _)| key.clone()).collect()
}

/// Every object by its name: what the API server gives is shown, with its kin and events as far as they may be listed.
pub(crate) async fn objects_agree(direct: &Direct, user: &User, all: &All, truth: &Truth) {
    let cluster = direct.cluster(user).await;
    for ((plural, key), status) in &truth.reads {
        let kind = *NAMED.iter().find(|kind| kind.plural == *plural).unwrap();
        let view = cluster.object(&resource(&cluster, kind), key.0.as_deref(), &key.1, PATIENCE).await;
        let what = format!("{} reads {plural}/{key:?}", user.name);
        let view = match (status, view) {
            (200, Ok(view)) => view,
            (403, Err(error)) if error.kind == ErrorKind::Forbidden => continue,
            (404, Err(error)) if error.kind == ErrorKind::NotFound => continue,
            (status, view) => panic!("{what}: {status}, and the console {view:?}"),
        };
        let uid = &all.of(kind)[key]["metadata"]["uid"];
        let dependents: BTreeSet<Key> = view
            .dependents
            .iter()
            .map(|one| (one.relative.reference.namespace.clone(), one.relative.reference.name.clone()))
            .collect();
        assert_eq!(dependents, owned(truth.list(PODS), uid), "{what}: dependents");
        let told: BTreeSet<Key> =
            view.events.iter().map(|event| (event.namespace().map(str::to_owned), event.name().to_owned())).collect();
        assert_eq!(told, about(truth, uid), "{what}: events");
        let leaked = Truth::leaked(&truth.named, &format!("{view:?}"), "");
        assert!(leaked.is_empty(), "{what}: {leaked:?} is told\n{view:?}");
        // An owner stands in the object itself; how it stands is the owner's to tell.
        for owner in &view.owners {
            let key = (key.0.clone(), owner.reference.name.clone());
            let may = truth.list(JOBS).contains_key(&key) || truth.reads.get(&(JOBS.plural, key.clone())) == Some(&200);
            assert!(may || owner.status.is_none(), "{what}: how {key:?} stands");
        }
    }
}
