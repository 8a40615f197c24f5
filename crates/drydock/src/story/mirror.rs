//! The story's picture of the cluster: every watched kind, kept by list and watch, and by what the story itself wrote.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{broadcast, watch};

use pilothouse_model::Read;

use super::kind::{Kind, WATCHED};

/// Which object: namespace (empty for cluster-scoped kinds) and name.
pub(super) type Name = (String, String);

/// One object changed.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) kind: Kind,
    pub(super) object: Arc<Value>,
    /// It is not there any more; `object` is its last known form.
    pub(super) gone: bool,
}

/// How many unique ids of deleted objects are remembered, so that a late answer does not raise the dead.
const TOMBSTONES: usize = 4096;

#[derive(Default)]
struct Tables {
    objects: HashMap<Kind, BTreeMap<Name, Arc<Value>>>,
    graves: VecDeque<String>,
}

/// The picture; clones share it.
#[derive(Clone)]
pub(super) struct Mirror {
    tables: Arc<Mutex<Tables>>,
    changes: broadcast::Sender<Change>,
    listed: Arc<watch::Sender<Vec<Kind>>>,
}

pub(super) fn name_of(object: &Value) -> Name {
    (
        object.text("/metadata/namespace").unwrap_or_default().to_owned(),
        object.text("/metadata/name").unwrap_or_default().to_owned(),
    )
}

fn version(object: &Value) -> u64 {
    object.text("/metadata/resourceVersion").and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl Mirror {
    pub(super) fn new() -> Self {
        Self {
            tables: Arc::default(),
            changes: broadcast::channel(8192).0,
            listed: Arc::new(watch::channel(Vec::new()).0),
        }
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes from now on.
    pub(super) fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Waits until every watched kind was listed once.
    pub(super) async fn ready(&self) {
        let mut listed = self.listed.subscribe();
        // The sender lives as long as this picture, so waiting cannot fail.
        if listed.wait_for(|kinds| WATCHED.iter().all(|kind| kinds.contains(kind))).await.is_err() {
            tracing::debug!("the mirror closed while somebody waited for it");
        }
    }

    /// One object.
    pub(super) fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.tables().objects.get(&kind)?.get(&(namespace.to_owned(), name.to_owned())).cloned()
    }

    /// All objects of a kind, in one namespace or in all, that a test lets through.
    pub(super) fn select(&self, kind: Kind, namespace: Option<&str>, keep: impl Fn(&Value) -> bool) -> Vec<Arc<Value>> {
        let tables = self.tables();
        let Some(table) = tables.objects.get(&kind) else { return Vec::new() };
        let fits = |name: &Name| namespace.is_none_or(|namespace| name.0 == namespace);
        table.iter().filter(|(name, object)| fits(name) && keep(object)).map(|(_, object)| object.clone()).collect()
    }

    /// All objects of a kind.
    pub(super) fn all(&self, kind: Kind) -> Vec<Arc<Value>> {
        self.select(kind, None, |_| true)
    }

    /// The objects of a kind that name `owner` as theirs.
    pub(super) fn owned(&self, kind: Kind, owner: &Value) -> Vec<Arc<Value>> {
        let Some(uid) = owner.text("/metadata/uid") else { return Vec::new() };
        self.select(kind, owner.text("/metadata/namespace"), |object| {
            object.items("/metadata/ownerReferences").iter().any(|reference| reference.text("/uid") == Some(uid))
        })
    }

    /// The objects of a kind in a namespace with one label.
    pub(super) fn labelled(&self, kind: Kind, namespace: &str, key: &str, value: &str) -> Vec<Arc<Value>> {
        self.select(kind, Some(namespace), |object| super::label(object, key) == Some(value))
    }

    /// Takes in an object, unless it is older than what is known or already deleted.
    pub(super) fn observe(&self, kind: Kind, object: Value) -> Arc<Value> {
        let object = Arc::new(object);
        let mut tables = self.tables();
        let uid = object.text("/metadata/uid").unwrap_or_default();
        if tables.graves.iter().any(|grave| grave == uid) {
            return object;
        }
        let table = tables.objects.entry(kind).or_default();
        let name = name_of(&object);
        if table.get(&name).is_some_and(|known| version(known) >= version(&object)) {
            return object;
        }
        table.insert(name, object.clone());
        drop(tables);
        self.tell(Change { kind, object: object.clone(), gone: false });
        object
    }

    /// Takes in that an object is gone.
    pub(super) fn bury(&self, kind: Kind, object: Value) {
        let mut tables = self.tables();
        let uid = object.text("/metadata/uid").unwrap_or_default().to_owned();
        let name = name_of(&object);
        let known = tables.objects.get(&kind).and_then(|table| table.get(&name));
        // A new object of the same name may have come already.
        if known.is_some_and(|known| known.text("/metadata/uid") == Some(uid.as_str()))
            && let Some(table) = tables.objects.get_mut(&kind)
        {
            table.remove(&name);
        }
        if tables.graves.len() >= TOMBSTONES {
            tables.graves.pop_front();
        }
        tables.graves.push_back(uid);
        drop(tables);
        self.tell(Change { kind, object: Arc::new(object), gone: true });
    }

    /// Takes in a whole list: what is not in it is gone.
    pub(super) fn replace(&self, kind: Kind, objects: Vec<Value>) {
        let present: Vec<Name> = objects.iter().map(name_of).collect();
        let gone: Vec<Arc<Value>> = self.select(kind, None, |object| !present.contains(&name_of(object)));
        for object in gone {
            self.bury(kind, Arc::unwrap_or_clone(object));
        }
        for object in objects {
            self.observe(kind, object);
        }
        self.listed.send_modify(|kinds| {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        });
    }

    fn tell(&self, change: Change) {
        // Nobody listening is fine: actors read the picture when they begin.
        if self.changes.send(change).is_err() {
            tracing::trace!("a change found no listener");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(name: &str, uid: &str, version: u64) -> Value {
        json!({"metadata": {"namespace": "a", "name": name, "uid": uid, "resourceVersion": version.to_string()}})
    }

    #[test]
    fn older_versions_and_the_dead_do_not_return() {
        let mirror = Mirror::new();
        mirror.observe(Kind::Pod, pod("x", "1", 5));
        mirror.observe(Kind::Pod, pod("x", "1", 4));
        assert_eq!(version(&mirror.get(Kind::Pod, "a", "x").unwrap()), 5);
        mirror.bury(Kind::Pod, pod("x", "1", 6));
        mirror.observe(Kind::Pod, pod("x", "1", 7));
        assert!(mirror.get(Kind::Pod, "a", "x").is_none());
        mirror.observe(Kind::Pod, pod("x", "2", 8));
        mirror.bury(Kind::Pod, pod("x", "1", 6));
        assert!(mirror.get(Kind::Pod, "a", "x").is_some());
    }

    #[test]
    fn a_list_drops_what_it_does_not_hold() {
        let mirror = Mirror::new();
        mirror.replace(Kind::Pod, vec![pod("x", "1", 1), pod("y", "2", 2)]);
        mirror.replace(Kind::Pod, vec![pod("y", "2", 2)]);
        assert_eq!(mirror.all(Kind::Pod).len(), 1);
    }
}
