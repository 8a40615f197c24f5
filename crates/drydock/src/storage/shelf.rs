//! One collection's objects and its log of changes.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::{Past, Stored};

/// What happened to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// It came.
    Added,
    /// It has a new version.
    Modified,
    /// It went.
    Deleted,
}

/// One entry of the log.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// When, in revisions.
    pub(crate) revision: u64,
    /// What.
    pub(crate) kind: ChangeKind,
    /// Which object.
    pub(crate) key: String,
    /// The new version, or the last one.
    pub(crate) object: Past,
    /// The version before.
    pub(crate) previous: Option<Past>,
}

/// A revision that the log no longer reaches back to; holds the oldest that it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooOld(pub(crate) u64);

/// One collection.
#[derive(Debug)]
pub(crate) struct Shelf {
    /// By key (`namespace/name` or `name`), which is the order of lists.
    pub(crate) objects: BTreeMap<String, Arc<Stored>>,
    /// Tells the revision of the newest change.
    pub(crate) newest: watch::Sender<u64>,
    log: VecDeque<Change>,
    /// Everything after this revision is in the log.
    known_since: u64,
    history: usize,
}

impl Shelf {
    /// An empty one. Nothing happened to it before, so its log is complete from the very beginning.
    pub(super) fn new(revision: u64, history: usize) -> Self {
        let (newest, _) = watch::channel(revision);
        Self { objects: BTreeMap::new(), newest, log: VecDeque::new(), known_since: 0, history }
    }

    pub(super) fn record(&mut self, change: Change) {
        let revision = change.revision;
        if let Some(Past::Packed(json, before)) = &change.previous {
            self.pack(json, *before);
        }
        self.log.push_back(change);
        while self.log.len() > self.history {
            if let Some(dropped) = self.log.pop_front() {
                self.known_since = dropped.revision;
            }
        }
        self.newest.send_replace(revision);
    }

    /// The version that a change brought is no longer the newest of its object.
    fn pack(&mut self, json: &Bytes, revision: u64) {
        let at = self.log.partition_point(|change| change.revision < revision);
        if let Some(change) = self.log.get_mut(at).filter(|change| change.revision == revision) {
            change.object = Past::Packed(json.clone(), revision);
        }
    }

    /// The changes after a revision, oldest first.
    pub(crate) fn since(&self, revision: u64) -> Result<impl DoubleEndedIterator<Item = &Change>, TooOld> {
        if revision < self.known_since {
            return Err(TooOld(self.known_since));
        }
        let start = self.log.partition_point(|change| change.revision <= revision);
        Ok(self.log.range(start..))
    }

    /// The objects as they were at a revision, with keys that begin with `prefix` and come after `after`.
    pub(crate) fn at(
        &self,
        revision: u64,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<BTreeMap<String, Arc<Stored>>, TooOld> {
        let mut then: BTreeMap<String, Arc<Stored>> =
            self.range(prefix, after).map(|(key, stored)| (key.clone(), stored.clone())).collect();
        for change in self.since(revision)?.rev() {
            if !change.key.starts_with(prefix) || after.is_some_and(|after| change.key.as_str() <= after) {
                continue;
            }
            match &change.previous {
                Some(previous) => then.insert(change.key.clone(), previous.read()),
                None => then.remove(&change.key),
            };
        }
        Ok(then)
    }

    /// The objects now, with keys that begin with `prefix` and come after `after`.
    pub(crate) fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a String, &'a Arc<Stored>)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.objects.range::<str, _>((start, Bound::Unbounded)).take_while(move |(key, _)| key.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pilothouse_model::Read;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::Storage;
    use super::*;

    fn contents(objects: &BTreeMap<String, Arc<Stored>>) -> BTreeMap<String, Value> {
        objects.iter().map(|(key, stored)| (key.clone(), stored.value.clone())).collect()
    }

    /// What the log keeps of an object besides its newest version is text.
    #[test]
    fn only_the_newest_version_of_an_object_is_kept_whole() {
        let (storage, _told) = Storage::new(100);
        let collection = "things".into();
        let mut state = storage.write();
        for number in 0..3 {
            state.put(&collection, "a", json!({ "metadata": {}, "number": number }));
            state.put(&collection, "b", json!({ "metadata": {}, "number": number }));
        }
        state.remove(&collection, "b", false);
        let log: Vec<Change> = state.shelf("things").unwrap().since(0).unwrap().cloned().collect();
        let whole = log.iter().filter(|change| matches!(change.object, Past::Whole(_)));
        assert_eq!(
            whole.map(|change| (change.key.as_str(), change.object.read().revision)).collect::<Vec<_>>(),
            [("a", 6)]
        );
        assert!(log.iter().all(|change| !matches!(change.previous, Some(Past::Whole(_)))));
        for change in &log {
            let version = change.object.read();
            assert_eq!(version.value.text("/metadata/resourceVersion"), Some(change.revision.to_string().as_str()));
        }
        assert_eq!(log[5].previous.as_ref().unwrap().read().value["number"], 1);
    }

    proptest! {
        /// Whatever was written, the past reads as it was when it was the present, or is said to be forgotten.
        #[test]
        fn the_past_reads_as_it_was(writes in proptest::collection::vec((0_u8..6, any::<bool>()), 1..60), history in 1_usize..40) {
            let (storage, _told) = Storage::new(history);
            let collection = "things".into();
            let mut moments = Vec::new();
            for (number, (key, keep)) in writes.iter().enumerate() {
                let key = format!("n{}/o{key}", key % 2);
                let mut state = storage.write();
                if *keep {
                    state.put(&collection, &key, json!({ "metadata": { "name": key }, "number": number }));
                } else {
                    state.remove(&collection, &key, false);
                }
                if let Some(shelf) = state.shelf("things") {
                    moments.push((state.revision(), contents(&shelf.objects)));
                }
            }
            let state = storage.read();
            for (age, (revision, then)) in moments.iter().rev().enumerate() {
                let Some(shelf) = state.shelf("things") else { continue };
                match shelf.at(*revision, "", None) {
                    Ok(objects) => prop_assert_eq!(&contents(&objects), then),
                    Err(TooOld(_)) => prop_assert!(age >= history, "forgot too early"),
                }
                let narrow = shelf.at(*revision, "n1/", Some("n1/o1"));
                if let Ok(objects) = narrow {
                    let expected: BTreeMap<_, _> = then
                        .iter()
                        .filter(|(key, _)| key.starts_with("n1/") && key.as_str() > "n1/o1")
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect();
                    prop_assert_eq!(contents(&objects), expected);
                }
            }
        }
    }
}
