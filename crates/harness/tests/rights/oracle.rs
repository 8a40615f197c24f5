//! What the API server itself answers to someone.

use std::collections::{BTreeMap, BTreeSet};

use pilothouse_harness::Api;
use serde_json::Value;

use super::world::Kind;

/// Namespace and name.
pub(crate) type Key = (Option<String>, String);

/// The objects of a kind that someone may list, by key.
pub(crate) type Objects = BTreeMap<Key, Value>;

fn take(objects: &mut Objects, answer: &pilothouse_harness::Answer) -> bool {
    if answer.status != 200 {
        assert_eq!(answer.status, 403, "{}", answer.body);
        return false;
    }
    for item in answer.body["items"].as_array().expect("a list has items") {
        let namespace = item["metadata"]["namespace"].as_str().map(str::to_owned);
        let name = item["metadata"]["name"].as_str().expect("an object has a name").to_owned();
        objects.insert((namespace, name), item.clone());
    }
    true
}

/// Everything of a kind, as the administrator sees it.
pub(crate) async fn everything(admin: &Api, kind: Kind) -> Objects {
    let mut objects = Objects::new();
    assert!(take(&mut objects, &admin.get(&kind.path(None)).await));
    objects
}

/// Everything of a kind that someone may list in any way: all, a namespace, or single objects by name.
pub(crate) async fn listable(api: &Api, kind: Kind, all: &Objects, namespaces: &[String]) -> Objects {
    let mut seen = Objects::new();
    if take(&mut seen, &api.get(&kind.path(None)).await) {
        return seen;
    }
    let places: Vec<Option<&str>> =
        if kind.namespaced { namespaces.iter().map(|name| Some(name.as_str())).collect() } else { Vec::new() };
    let mut closed = BTreeSet::from([None]);
    for place in places {
        if !take(&mut seen, &api.get(&kind.path(place)).await) {
            closed.insert(place);
        }
    }
    let names: BTreeSet<&String> = all.keys().map(|(_, name)| name).collect();
    for name in names {
        for place in &closed {
            let path = format!("{}?fieldSelector=metadata.name%3D{name}", kind.path(*place));
            take(&mut seen, &api.get(&path).await);
        }
    }
    seen
}

/// The HTTP status of reading one object.
pub(crate) async fn read(api: &Api, kind: Kind, (namespace, name): &Key) -> u16 {
    api.get(&format!("{}/{name}", kind.path(namespace.as_deref()))).await.status
}
