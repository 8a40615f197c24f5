//! The writer's side of a table.

use std::sync::Arc;

use pilothouse_model::{Column, Completeness};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::change::{Change, ChangeSet};
use crate::record::{Record, RowId};
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::words::Clerk;

/// The rows of one resource of one cluster (or of a derived list), and their one writer.
///
/// Writes become visible at [`Table::commit`], all at once: a snapshot never shows half of a relist.
#[derive(Debug)]
pub struct Table {
    working: State,
    committed: Snapshot,
    /// What each row written since the last commit was before.
    pending: FxHashMap<RowId, Option<Arc<Record>>>,
    clerk: Clerk,
    free: Vec<u32>,
    /// The first slot never used.
    fresh: u32,
}

impl Table {
    /// An empty table, still loading.
    pub fn new(columns: Arc<[Column]>) -> Self {
        let working = State::new(columns);
        let committed = Snapshot::of(working.clone());
        Self { working, committed, pending: FxHashMap::default(), clerk: Clerk::default(), free: Vec::new(), fresh: 0 }
    }

    /// Adds a row or writes over the one of the same identity. False when it changes nothing.
    pub fn upsert(&mut self, record: Record) -> bool {
        let id = RowId::of(&record.row);
        if self.working.get(&id).is_some_and(|known| known.is_same_as(&record)) {
            return false;
        }
        let (free, fresh) = (&mut self.free, &mut self.fresh);
        let before = self.working.put(&id, Arc::new(record), &mut self.clerk, || {
            free.pop().unwrap_or_else(|| {
                *fresh += 1;
                *fresh - 1
            })
        });
        self.pending.entry(id).or_insert(before);
        true
    }

    /// Takes a row out. False when it was not there.
    pub fn remove(&mut self, id: &RowId) -> bool {
        let Some((before, slot)) = self.working.take(id, &mut self.clerk) else { return false };
        self.free.push(slot);
        self.pending.entry(id.clone()).or_insert(Some(before));
        true
    }

    /// Makes these the rows of the table, as after a full list: what is not among them goes, and what is the same counts
    /// as unchanged.
    pub fn replace(&mut self, records: Vec<Record>) {
        let listed: FxHashSet<RowId> = records.iter().map(|record| RowId::of(&record.row)).collect();
        let known = self.working.iter().map(|known| RowId::of(&known.row));
        let gone: Vec<RowId> = known.filter(|id| !listed.contains(id)).collect();
        for id in &gone {
            self.remove(id);
        }
        for record in records {
            self.upsert(record);
        }
    }

    /// Says how much of the resource the table knows.
    pub fn set_completeness(&mut self, completeness: Completeness) {
        self.working.completeness = completeness;
    }

    /// Makes everything written since the last commit visible. `None` when nothing changed.
    pub fn commit(&mut self) -> Option<Arc<ChangeSet>> {
        let completeness_changed = self.working.completeness != *self.committed.completeness();
        let mut changes: Vec<Change> = self
            .pending
            .drain()
            .map(|(id, before)| Change { after: self.working.get(&id).cloned(), id, before })
            .filter(|change| match (&change.before, &change.after) {
                (None, None) => false,
                (Some(before), Some(after)) => !before.is_same_as(after),
                _ => true,
            })
            .collect();
        if changes.is_empty() && !completeness_changed {
            return None;
        }
        changes.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        self.working.version += 1;
        let set = Arc::new(ChangeSet { version: self.working.version, changes, completeness_changed });
        self.working.history.push(set.clone());
        self.committed = Snapshot::of(self.working.clone());
        Some(set)
    }

    /// The last committed state.
    pub fn snapshot(&self) -> Snapshot {
        self.committed.clone()
    }

    /// A row as last written, committed or not.
    pub fn written(&self, id: &RowId) -> Option<&Arc<Record>> {
        self.working.get(id)
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{Object, Projection, Resource, Row, Status};
    use serde_json::json;

    use super::*;
    use crate::body::Body;

    fn pod(number: usize, app: &str) -> Record {
        let object = Object::new(json!({"metadata": {
            "namespace": "a", "name": format!("pod-{number}"), "uid": format!("uid-{number}"), "resourceVersion": app,
            "labels": {"app": app, "number": number.to_string()},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": app, "uid": app}],
        }}));
        let resource = Resource::new("", "v1", "pods", "Pod");
        let projection = Projection { status: Status::none(), cells: Vec::new() };
        let row = Row::assemble(Arc::new(resource), &object.unwrap(), projection, &mut |text| text.into());
        Record { row, body: Body::none() }
    }

    #[test]
    fn indexes_and_slots_do_not_grow_when_rows_come_and_go() {
        let mut table = Table::new(Vec::new().into());
        for round in 0..3 {
            for number in 0..600 {
                table.upsert(pod(number, "one"));
                table.upsert(pod(number, "two"));
            }
            assert_eq!(table.working.index_sizes(), [600, 600, 1200]);
            table.replace((0..10).map(|number| pod(number, "three")).collect());
            assert_eq!(table.working.index_sizes(), [10, 10, 20], "round {round}");
            assert_eq!(table.fresh, 600, "round {round}");
        }
    }
}
