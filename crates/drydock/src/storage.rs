//! Where objects lie: one revision counter, a shelf per collection, and on each shelf a bounded log of changes that
//! watches and lists at older versions read.

mod past;
mod shelf;

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use pilothouse_model::{Read, Str};
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

pub(crate) use past::Past;
pub(crate) use shelf::{Change, ChangeKind, Shelf, TooOld};

/// One version of one object.
#[derive(Debug)]
pub(crate) struct Stored {
    /// The object, in its stored version, with its resource version in it.
    pub(crate) value: Value,
    /// The revision that it came with.
    pub(crate) revision: u64,
    json: OnceLock<Bytes>,
}

impl Stored {
    fn new(value: Value, revision: u64) -> Arc<Self> {
        Arc::new(Self { value, revision, json: OnceLock::new() })
    }

    /// A version that is shown but not kept: the answer to a dry run.
    pub(crate) fn unkept(value: Value) -> Arc<Self> {
        Self::new(value, 0)
    }

    /// The same object as if it came with another revision.
    pub(crate) fn at(&self, revision: u64) -> Arc<Self> {
        let mut value = self.value.clone();
        value["metadata"]["resourceVersion"] = Value::from(revision.to_string());
        Self::new(value, revision)
    }

    /// Its JSON, made once for all who ask.
    pub(crate) fn json(&self) -> Bytes {
        self.json.get_or_init(|| Bytes::from(self.value.to_string())).clone()
    }
}

/// Work that a change leaves behind for the [duties](crate::duties).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Errand {
    /// An owner is gone: its dependents go too, or (`orphan`) lose their reference to it.
    Collect {
        /// The owner's unique id.
        uid: String,
        /// Whether the dependents stay.
        orphan: bool,
    },
    /// An owner waits for its dependents to go.
    Foreground {
        /// The owner's collection.
        collection: Str,
        /// The owner's key.
        key: String,
    },
    /// A namespace is being deleted and may be empty now.
    EmptyNamespace(String),
    /// A namespace is new.
    FurnishNamespace(String),
    /// A pod's grace ends: it goes even when no kubelet confirms it.
    EndGrace {
        /// The pod's key.
        key: String,
        /// The pod's unique id.
        uid: String,
        /// Seconds from now.
        seconds: u64,
    },
}

/// All objects, behind one lock. No lock is ever held across an await.
#[derive(Debug)]
pub(crate) struct Storage {
    state: RwLock<State>,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct State {
    revision: u64,
    history: usize,
    shelves: HashMap<Str, Shelf>,
    /// Owner's unique id → its dependents as (collection, key).
    owned: HashMap<String, BTreeSet<(Str, String)>>,
    /// Unique id → where the object lies.
    uids: HashMap<String, (Str, String)>,
    errands: mpsc::UnboundedSender<Errand>,
}

impl Storage {
    /// An empty one that remembers `history` changes a collection, and the far end of its errands.
    pub(crate) fn new(history: usize) -> (Self, mpsc::UnboundedReceiver<Errand>) {
        let (errands, told) = mpsc::unbounded_channel();
        let state = State {
            revision: 1,
            history: history.max(1),
            shelves: HashMap::new(),
            owned: HashMap::new(),
            uids: HashMap::new(),
            errands,
        };
        (Self { state: RwLock::new(state) }, told)
    }

    /// Reads. A writer that panicked left a consistent state: each write is one call of [`State::put`] or
    /// [`State::remove`].
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads and writes.
    pub(crate) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hears of each change of a collection, by its revision.
    pub(crate) fn listen(&self, collection: &Str) -> watch::Receiver<u64> {
        let mut state = self.write();
        let (revision, history) = (state.revision, state.history);
        let shelf = state.shelves.entry(collection.clone()).or_insert_with(|| Shelf::new(revision, history));
        shelf.newest.subscribe()
    }
}

impl State {
    /// The newest revision.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// A collection; `None` when nothing was ever in it.
    pub(crate) fn shelf(&self, collection: &str) -> Option<&Shelf> {
        self.shelves.get(collection)
    }

    /// One object.
    pub(crate) fn get(&self, collection: &str, key: &str) -> Option<&Arc<Stored>> {
        self.shelves.get(collection)?.objects.get(key)
    }

    /// All objects of a collection, in order of their keys.
    pub(crate) fn all(&self, collection: &str) -> impl Iterator<Item = (&String, &Arc<Stored>)> {
        self.shelves.get(collection).into_iter().flat_map(|shelf| shelf.objects.iter())
    }

    /// The dependents of an owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<(Str, String)> {
        self.owned.get(uid).map(|keys| keys.iter().cloned().collect()).unwrap_or_default()
    }

    /// Stores a new object or a new version of one, and gives it the next revision.
    pub(crate) fn put(&mut self, collection: &Str, key: &str, mut value: Value) -> Arc<Stored> {
        self.revision += 1;
        value["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let stored = Stored::new(value, self.revision);
        let shelf = self.shelf_mut(collection);
        let previous = shelf.objects.insert(key.to_owned(), stored.clone());
        let kind = if previous.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        shelf.record(Change {
            revision: stored.revision,
            kind,
            key: key.to_owned(),
            object: Past::Whole(stored.clone()),
            previous: previous.as_deref().map(Past::packed),
        });
        if let Some(previous) = &previous {
            self.unlink(collection, key, &previous.value);
        }
        self.link(collection, key, &stored.value);
        if let Some(uid) = stored.value.text("/metadata/uid") {
            self.uids.insert(uid.to_owned(), (collection.clone(), key.to_owned()));
        }
        stored
    }

    /// Removes an object; its last version gets the revision of its removal, as watchers expect.
    pub(crate) fn remove(&mut self, collection: &Str, key: &str, orphan: bool) -> Option<Arc<Stored>> {
        let shelf = self.shelves.get_mut(collection)?;
        let previous = shelf.objects.remove(key)?;
        self.revision += 1;
        let mut last = previous.value.clone();
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let last = Stored::new(last, self.revision);
        shelf.record(Change {
            revision: last.revision,
            kind: ChangeKind::Deleted,
            key: key.to_owned(),
            object: Past::packed(&last),
            previous: Some(Past::packed(&previous)),
        });
        self.unlink(collection, key, &previous.value);
        if let Some(uid) = previous.value.text("/metadata/uid") {
            self.uids.remove(uid);
            self.send(Errand::Collect { uid: uid.to_owned(), orphan });
        }
        self.tell_those_who_wait(&previous.value);
        Some(last)
    }

    /// Leaves work for later.
    pub(crate) fn send(&self, errand: Errand) {
        if let Err(error) = self.errands.send(errand) {
            tracing::debug!(errand = ?error.0, "nobody runs errands any more: the server is stopping");
        }
    }

    /// A dependent or a namespace's object went: its owner or namespace may wait for just that.
    fn tell_those_who_wait(&self, gone: &Value) {
        if let Some(namespace) = gone.text("/metadata/namespace")
            && let Some(stored) = self.get("namespaces", namespace)
            && stored.value.text("/metadata/deletionTimestamp").is_some()
        {
            self.send(Errand::EmptyNamespace(namespace.to_owned()));
        }
        for owner in owners(gone) {
            if let Some((collection, key)) = self.uids.get(owner)
                && let Some(stored) = self.get(collection, key)
                && stored.value.text("/metadata/deletionTimestamp").is_some()
            {
                self.send(Errand::Foreground { collection: collection.clone(), key: key.clone() });
            }
        }
    }

    /// Whether some object has this unique id.
    pub(crate) fn knows_uid(&self, uid: &str) -> bool {
        self.uids.contains_key(uid)
    }

    fn shelf_mut(&mut self, collection: &Str) -> &mut Shelf {
        let (revision, history) = (self.revision.saturating_sub(1), self.history);
        self.shelves.entry(collection.clone()).or_insert_with(|| Shelf::new(revision, history))
    }

    fn link(&mut self, collection: &Str, key: &str, value: &Value) {
        for owner in owners(value) {
            self.owned.entry(owner.to_owned()).or_default().insert((collection.clone(), key.to_owned()));
        }
    }

    fn unlink(&mut self, collection: &Str, key: &str, value: &Value) {
        for owner in owners(value) {
            if let Some(keys) = self.owned.get_mut(owner) {
                keys.remove(&(collection.clone(), key.to_owned()));
                if keys.is_empty() {
                    self.owned.remove(owner);
                }
            }
        }
    }
}

fn owners(value: &Value) -> impl Iterator<Item = &str> {
    value.items("/metadata/ownerReferences").iter().filter_map(|owner| owner.text("/uid"))
}
