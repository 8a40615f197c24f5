//! Tables, snapshots and answers against a `BTreeMap` that is filtered and sorted plainly.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

#[path = "support/rows.rs"]
mod rows;

use std::collections::BTreeMap;

use pilothouse_model::{Completeness, Field, Filter, LabelSelector, Plan};
use pilothouse_store::{Body, ChangeSet, Record, RowId, Snapshot};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rows::{Oracle, Step, answer_naively, apply, moment, plan, record, step, table};

fn check(snapshot: &Snapshot, oracle: &Oracle) {
    assert_eq!(snapshot.len(), oracle.len());
    assert!(snapshot.iter().map(|record| RowId::of(&record.row)).eq(oracle.keys().cloned()), "natural order");
    for (id, record) in oracle {
        assert_eq!(snapshot.row(id).map(|found| &**found), Some(record));
        let first = oracle.keys().find(|other| (&other.namespace, &other.name) == (&id.namespace, &id.name));
        let got = snapshot.get(id.namespace.as_deref(), &id.name).map(|record| RowId::of(&record.row));
        assert_eq!(got.as_ref(), first);
    }
    for owner in 0..6 {
        let owner = format!("owner-{owner}");
        let owned = oracle.iter().filter(|(_, record)| record.row.owners.iter().any(|uid| **uid == *owner));
        let found = snapshot.dependents(&owner).into_iter().map(|record| RowId::of(&record.row));
        assert!(found.eq(owned.map(|(id, _)| id.clone())), "{owner}");
    }
    for namespace in ["a", "b", "c", "absent"] {
        let inside = oracle.keys().filter(|id| id.namespace.as_deref() == Some(namespace)).cloned();
        assert!(snapshot.in_namespace(namespace).map(|record| RowId::of(&record.row)).eq(inside));
        for selector in ["app=x", "team", "app in (x,z),team!=y"] {
            let selector: LabelSelector = selector.parse().unwrap();
            let selected = oracle.values().filter(|record| {
                record.row.namespace.as_deref() == Some(namespace) && selector.matches(|key| record.row.label(key))
            });
            let found = snapshot.selected(Some(namespace), &selector).into_iter().map(|record| RowId::of(&record.row));
            assert!(found.eq(selected.map(|record| RowId::of(&record.row))), "{selector}");
        }
    }
    assert!(
        snapshot.row(&RowId { namespace: None, name: "absent".into(), kind: "Pod".into(), group: "".into() }).is_none()
    );
}

/// Makes the newer rows of the older ones and a change set.
fn follow(oracle: &mut Oracle, set: &ChangeSet) {
    for change in &set.changes {
        let before = change.before.as_deref();
        assert_eq!(oracle.get(&change.id), before, "a change set says what was");
        assert_ne!(before, change.after.as_deref(), "only real differences");
        match &change.after {
            Some(after) => oracle.insert(change.id.clone(), Record::clone(after)),
            None => oracle.remove(&change.id),
        };
    }
}

proptest! {
    #[test]
    fn a_table_is_a_map(steps in prop::collection::vec(step(), 0..120)) {
        let (mut table, mut oracle) = (table(), Oracle::new());
        let mut followed = Oracle::new();
        let mut kept: Vec<(Snapshot, Oracle)> = vec![(table.snapshot(), Oracle::new())];
        for step in steps {
            let commits = matches!(step, Step::Commit);
            apply(step, &mut table, &mut oracle);
            let snapshot = table.snapshot();
            if commits {
                for set in snapshot.changes_since(kept.last().unwrap().0.version()).unwrap() {
                    follow(&mut followed, &set);
                }
                prop_assert_eq!(&followed, &oracle);
                kept.push((snapshot, oracle.clone()));
            } else {
                prop_assert_eq!(snapshot.version(), kept.last().unwrap().0.version(), "unseen before the commit");
            }
        }
        table.commit();
        kept.push((table.snapshot(), oracle));
        for (snapshot, oracle) in &kept {
            check(snapshot, oracle);
        }
    }

    #[test]
    fn an_answer_is_filter_sort_and_cut(
        records in prop::collection::vec(record(), 0..80),
        plan in plan(),
        offset in 0..30_usize,
        limit in prop_oneof![0..20_usize, Just(usize::MAX)],
        now in 0..2000_i64,
    ) {
        let (mut table, mut oracle) = (table(), Oracle::new());
        apply(Step::Replace(records), &mut table, &mut oracle);
        table.commit();
        let answer = table.snapshot().run(&plan, offset, limit, moment(now));
        let (total, ids) = answer_naively(&oracle, &plan, offset, limit, moment(now));
        prop_assert_eq!(answer.total, total);
        prop_assert_eq!(answer.rows.iter().map(|record| RowId::of(&record.row)).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn counts_add_up(records in prop::collection::vec(record(), 0..80), plan in plan()) {
        let (mut table, mut oracle) = (table(), Oracle::new());
        apply(Step::Replace(records), &mut table, &mut oracle);
        table.commit();
        let field = Field::Column(1);
        let mut expected = BTreeMap::new();
        for record in oracle.values().filter(|record| plan.matches(&record.row, moment(0))) {
            *expected.entry(format!("{:?}", field.of(&record.row))).or_insert(0) += 1;
        }
        let counts = table.snapshot().count_by(&plan, &field, moment(0));
        prop_assert!(counts.is_sorted_by_key(|(_, count)| std::cmp::Reverse(*count)));
        let counts: BTreeMap<_, _> = counts.into_iter().map(|(cell, count)| (format!("{cell:?}"), count)).collect();
        prop_assert_eq!(counts, expected);
    }
}

/// One row that is as good as any.
fn example(name: &str, version: &str) -> Record {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut record = record().new_tree(&mut runner).unwrap().current();
    record.row.name = name.into();
    record.row.uid = name.into();
    record.row.version = version.into();
    record
}

#[test]
fn a_relist_yields_only_real_differences() {
    let mut table = table();
    for name in ["same", "gone", "newer"] {
        table.upsert(example(name, "1"));
    }
    table.commit();
    table.replace(vec![example("same", "1"), example("newer", "2"), example("fresh", "1")]);
    let set = table.commit().unwrap();
    let names: Vec<_> = set.changes.iter().map(|change| &*change.id.name).collect();
    assert_eq!(names, ["fresh", "gone", "newer"]);
    assert!(table.commit().is_none());
}

#[test]
fn without_versions_the_object_itself_decides() {
    let object = |phase: &str| {
        let value = serde_json::json!({"metadata": {"name": "x"}, "status": {"phase": phase}});
        Body::compress(&pilothouse_model::Object::new(value).unwrap())
    };
    let mut table = table();
    assert!(table.upsert(Record { body: object("Running"), ..example("x", "") }));
    assert!(!table.upsert(Record { body: object("Running"), ..example("x", "") }));
    assert!(table.upsert(Record { body: object("Failed"), ..example("x", "") }));
}

#[test]
fn completeness_is_a_change_of_its_own() {
    let mut table = table();
    assert_eq!(*table.snapshot().completeness(), Completeness::Loading);
    table.set_completeness(Completeness::Complete);
    let set = table.commit().unwrap();
    assert!(set.completeness_changed && set.changes.is_empty());
    assert!(table.snapshot().completeness().is_complete());
}

#[test]
fn a_reader_too_far_behind_is_told() {
    let mut table = table();
    for round in 0..20 {
        for number in 0..1000 {
            table.upsert(example(&format!("n{number}"), &format!("{}", round + 1)));
        }
        table.commit();
    }
    let snapshot = table.snapshot();
    assert!(snapshot.changes_since(0).is_none());
    assert_eq!(snapshot.changes_since(20).unwrap().len(), 0);
    let last = snapshot.changes_since(15).unwrap();
    assert_eq!(last.iter().map(|set| set.version).collect::<Vec<_>>(), [16, 17, 18, 19, 20]);
    assert!(snapshot.changes_since(21).is_none(), "no version of this table");
    assert_eq!(snapshot.run(&Plan::everything(), 0, 1, moment(0)).total, 1000);
}

#[test]
fn rows_found_by_a_rare_label_come_in_order() {
    let mut table = table();
    for number in (10..90).rev() {
        let mut record = example(&format!("n{number}"), "1");
        record.row.labels =
            [("app".into(), if number % 20 == 0 { "rare" } else { "common" }.into())].into_iter().collect();
        table.upsert(record);
    }
    table.commit();
    let plan = Plan { filter: Filter::Labels(LabelSelector::equals("app", "rare")), ..Plan::everything() };
    let answer = table.snapshot().run(&plan, 1, 2, moment(0));
    assert_eq!(answer.total, 4);
    assert_eq!(answer.rows.iter().map(|record| &*record.row.name).collect::<Vec<_>>(), ["n40", "n60"]);
}
