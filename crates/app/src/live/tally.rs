//! How many rows of a table somebody sees, counted on from change to change.

use pilothouse_model::{Plan, Row, Sight, Timestamp};
use pilothouse_store::Snapshot;

/// The last count.
#[derive(Default)]
pub(super) struct Tally(Option<(Snapshot, Sight, usize)>);

impl Tally {
    /// How many rows are seen.
    pub(super) fn count(&mut self, snapshot: &Snapshot, sight: &Sight) -> usize {
        match sight {
            Sight::All => return snapshot.len(),
            Sight::None => return 0,
            Sight::Some(_) => {}
        }
        let count = self.follow(snapshot, sight).unwrap_or_else(|| {
            let plan = Plan { sight: sight.clone(), ..Plan::everything() };
            snapshot.run(&plan, 0, 0, Timestamp::UNIX_EPOCH).total
        });
        self.0 = Some((snapshot.clone(), sight.clone(), count));
        count
    }

    /// The count made from the last one; `None` when only the table knows.
    fn follow(&self, snapshot: &Snapshot, sight: &Sight) -> Option<usize> {
        let (before, seen, count) = self.0.as_ref()?;
        if seen != sight || !snapshot.is_of_the_same_table(before) {
            return None;
        }
        let sees = |row: &Row| sight.sees(row.namespace.as_deref(), &row.name);
        let mut count = *count;
        for change in snapshot.changes_since(before.version())?.iter().flat_map(|set| &set.changes) {
            count += usize::from(change.after.as_ref().is_some_and(|record| sees(&record.row)));
            count -= usize::from(change.before.as_ref().is_some_and(|record| sees(&record.row)));
        }
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::{Object, Projection, Resource, Seen, Status};
    use pilothouse_store::{Body, Record, RowId, Table};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn record(namespace: &str, name: &str) -> Record {
        let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
        let object = Object::new(json!({"metadata": {"namespace": namespace, "name": name}})).unwrap();
        let projection = Projection { status: Status::none(), cells: Vec::new() };
        Record { row: Row::assemble(resource, &object, projection, &mut |text| text.into()), body: Body::none() }
    }

    proptest! {
        #[test]
        fn counting_on_is_counting_anew(
            changes in prop::collection::vec((0..3_usize, 0..4_usize, any::<bool>(), any::<bool>()), 0..40),
        ) {
            let sight = Sight::of(Seen {
                namespaces: ["a".into()].into(),
                names: [(Some("b".into()), "0".into()), (None, "1".into())].into(),
            });
            let mut table = Table::new(Vec::new().into());
            let mut tally = Tally::default();
            for (namespace, name, put, look) in changes {
                let record = record(["a", "b", "c"][namespace], &name.to_string());
                if put { table.upsert(record); } else { table.remove(&RowId::of(&record.row)); }
                table.commit();
                if look {
                    let snapshot = table.snapshot();
                    let seen = snapshot.iter().filter(|one| sight.sees(one.row.namespace.as_deref(), &one.row.name));
                    prop_assert_eq!(tally.count(&snapshot, &sight), seen.count());
                }
            }
        }
    }
}
