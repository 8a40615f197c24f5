//! Tables, snapshots and answers against a `BTreeMap` that is filtered and sorted plainly.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

#[path = "support/rows.rs"]
mod rows;

use std::collections::BTreeMap;

use pilothouse_model::filter::SortKey;
use pilothouse_model::{Cell, Completeness, Field, Filter, LabelSelector, Plan, Row};
use pilothouse_store::{Body, ChangeSet, PageKey, Record, RowId, Snapshot};
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
        for selector in ["app=x", "team", "app in (x,z),team!=y", "app>7", "team<40,app=x"] {
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

fn sort_key(cell: &Cell) -> SortKey<'_> {
    match (cell, cell.number()) {
        (Cell::Missing, _) => SortKey::Missing,
        (Cell::Text(text), _) => SortKey::Text(text),
        (_, number) => number.map_or(SortKey::Unknown, SortKey::Number),
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
    fn counts_add_up(records in prop::collection::vec(record(), 0..80), plan in plan(), now in 0..2000_i64) {
        let (mut table, mut oracle) = (table(), Oracle::new());
        apply(Step::Replace(records), &mut table, &mut oracle);
        table.commit();
        let fields = [Field::Column(1), Field::State, Field::Label("app".into()), Field::Image, Field::Column(3)];
        let snapshot = table.snapshot();
        let selection = snapshot.select(&plan, moment(now));
        for field in &fields {
            let counts = selection.count_by(field);
            let mut expected = BTreeMap::new();
            for record in oracle.values().filter(|record| plan.matches(&record.row, moment(now))) {
                *expected.entry(field.sort_key(&record.row)).or_insert(0) += 1;
            }
            let mut expected: Vec<_> = expected.into_iter().map(|(key, count)| (format!("{key:?}"), count)).collect();
            expected.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let counts: Vec<_> = counts.iter().map(|(cell, count)| (format!("{:?}", sort_key(cell)), *count)).collect();
            prop_assert_eq!(counts, expected, "{:?}", field);
        }
    }

    #[test]
    fn a_page_follows_a_row_whatever_became_of_it(
        records in prop::collection::vec(record(), 1..80),
        changes in prop::collection::vec(step(), 0..40),
        plan in plan(),
        (at, limit) in (0..80_usize, 0..20_usize),
        now in 0..2000_i64,
    ) {
        let (mut table, mut oracle) = (table(), Oracle::new());
        apply(Step::Replace(records), &mut table, &mut oracle);
        table.commit();
        let last = oracle.values().nth(at % oracle.len()).unwrap().row.clone();
        let key = PageKey::of(&plan, &last);
        prop_assert!(key.fits(&plan));
        let key: PageKey = key.to_string().parse().unwrap();
        for step in changes {
            apply(step, &mut table, &mut oracle);
        }
        table.commit();
        let snapshot = table.snapshot();
        let selection = snapshot.select(&plan, moment(now));
        let after = selection.page_after(&key, limit);
        let mut rows: Vec<&Row> = oracle.values().map(|record| &record.row).collect();
        rows.retain(|row| plan.matches(row, moment(now)));
        prop_assert_eq!(selection.total(), rows.len());
        rows.retain(|row| plan.compare(row, &last).is_gt());
        rows.sort_by(|left, right| plan.compare(left, right));
        let expected: Vec<_> = rows.into_iter().take(limit).map(RowId::of).collect();
        prop_assert_eq!(after.iter().map(|record| RowId::of(&record.row)).collect::<Vec<_>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_large_table_answers_as_a_small_one(
        seeds in prop::collection::vec(record(), 20..60),
        plans in prop::collection::vec(plan(), 12),
        (gone, offset, limit) in (1..9_usize, 0..900_usize, 0..40_usize),
        now in 0..2000_i64,
    ) {
        let (mut table, mut oracle) = (table(), Oracle::new());
        let many = (0..20).flat_map(|round| {
            seeds.iter().map(move |seed| {
                let mut record = seed.clone();
                record.row.name = format!("{}-{round}", record.row.name).into();
                record
            })
        });
        apply(Step::Replace(many.collect()), &mut table, &mut oracle);
        let ids: Vec<RowId> = oracle.keys().cloned().collect();
        for (at, id) in ids.into_iter().enumerate().filter(|(at, _)| at % 9 < gone) {
            if at % 2 == 0 {
                apply(Step::Remove(id), &mut table, &mut oracle);
            } else {
                let mut record = oracle[&id].clone();
                record.row.status.message = format!("number {}", at % 400).into();
                apply(Step::Upsert(Box::new(record)), &mut table, &mut oracle);
            }
        }
        table.commit();
        let snapshot = table.snapshot();
        for plan in &plans {
            let (total, ids) = answer_naively(&oracle, plan, 0, usize::MAX, moment(now));
            let answer = snapshot.run(plan, offset, limit, moment(now));
            prop_assert_eq!(answer.total, total);
            let page: Vec<_> = answer.rows.iter().map(|record| RowId::of(&record.row)).collect();
            prop_assert_eq!(&page[..], &ids[offset.min(total)..offset.saturating_add(limit).min(total)]);
            if let Some(last) = answer.rows.last() {
                let selection = snapshot.select(plan, moment(now));
                let next = selection.page_after(&PageKey::of(plan, &last.row), limit);
                let next: Vec<_> = next.iter().map(|record| RowId::of(&record.row)).collect();
                let start = offset + page.len();
                prop_assert_eq!(&next[..], &ids[start..(start + limit).min(total)]);
            }
        }
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
    let last = snapshot.changes_since(16).unwrap();
    assert_eq!(last.iter().map(|set| set.version).collect::<Vec<_>>(), [17, 18, 19, 20]);
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

#[test]
fn free_text_reads_every_place_that_a_text_has_come_to() {
    let places: [fn(&mut Row); 8] = [
        |row| row.namespace = Some("a-needle-b".into()),
        |row| row.name = format!("{}-needle", row.name).into(),
        |row| row.status.word = "Needle".into(),
        |row| row.status.reason = "needle".into(),
        |row| row.status.message = "no needle here".into(),
        |row| row.cells[3] = Cell::text("needle"),
        |row| row.images = ["registry/needle:1".into()].into(),
        |row| row.labels = [("app".into(), "needle".into())].into_iter().collect(),
    ];
    let plan = Plan { filter: Filter::Text("needle".into()), ..Plan::everything() };
    for first in 0..places.len() {
        let (mut table, mut count) = (table(), 0);
        for number in 0..80 {
            table.upsert(example(&format!("n{number}"), "1"));
        }
        // In each of the other places the text is known already when it comes there.
        for at in (first..places.len()).chain(0..first) {
            let mut record = example(&format!("n{at}"), "2");
            places[at](&mut record.row);
            table.upsert(record);
            table.commit();
            count += 1;
            assert_eq!(table.snapshot().run(&plan, 0, 100, moment(0)).total, count, "{at} after {first}");
        }
    }
}
