//! Windows: what a reader makes of the deltas is what a full question would give.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

#[path = "support/rows.rs"]
mod rows;

use std::sync::Arc;

use pilothouse_model::{Plan, Sort};
use pilothouse_store::{Record, RowId, Table, Window};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rows::{Oracle, Step, answer_naively, apply, moment, plan, record, step, table};

/// A window and what a reader, who knows the deltas alone, believes.
struct Reader {
    window: Window,
    plan: Plan,
    offset: usize,
    limit: usize,
    total: usize,
    page: Vec<Arc<Record>>,
}

impl Reader {
    fn new(plan: Plan, offset: usize, limit: usize) -> Self {
        Self { window: Window::new(plan.clone(), offset, limit), plan, offset, limit, total: 0, page: Vec::new() }
    }

    /// Asks another question from here on, as somebody does who may see something else than before.
    fn turn(&mut self, (plan, offset, limit): (Plan, usize, usize)) {
        self.window = Window::new(plan.clone(), offset, limit).in_place_of(&mut self.window);
        (self.plan, self.offset, self.limit) = (plan, offset, limit);
    }

    fn read(&mut self, table: &Table, now: i64) {
        if let Some(delta) = self.window.update(&table.snapshot(), moment(now)) {
            self.total = delta.total;
            delta.apply(&mut self.page);
        }
        assert!(self.window.update(&table.snapshot(), moment(now)).is_none(), "nothing new");
    }

    fn check(&self, oracle: &Oracle, now: i64) {
        let (total, ids) = answer_naively(oracle, &self.plan, self.offset, self.limit, moment(now));
        assert_eq!(self.total, total);
        assert_eq!(self.page.iter().map(|record| RowId::of(&record.row)).collect::<Vec<_>>(), ids);
        for (seen, id) in self.page.iter().zip(&ids) {
            let (seen, now) = (&seen.row, &oracle[id].row);
            assert_eq!((&seen.cells, &seen.status, &seen.labels), (&now.cells, &now.status, &now.labels));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn deltas_make_the_page(
        steps in prop::collection::vec((step(), 0..30_i64, prop::bool::weighted(0.7)), 0..100),
        questions in prop::collection::vec((plan(), 0..12_usize, 0..8_usize), 1..6),
        others in prop::collection::vec((plan(), 0..3_usize, 0..8_usize), 0..4),
    ) {
        let (mut table, mut oracle, mut now) = (table(), Oracle::new(), 500);
        let mut readers: Vec<_> = questions.into_iter().map(|(plan, from, most)| Reader::new(plan, from, most)).collect();
        let mut others = others.into_iter();
        for (step, seconds, reads) in steps {
            let commits = matches!(step, Step::Commit);
            apply(step, &mut table, &mut oracle);
            now += seconds;
            if commits && reads {
                for reader in &mut readers {
                    reader.read(&table, now);
                    reader.check(&oracle, now);
                }
            } else if commits && let Some(other) = others.next() {
                readers[0].turn(other);
            }
        }
        table.commit();
        for reader in &mut readers {
            reader.read(&table, now);
            reader.check(&oracle, now);
        }
    }
}

fn filled() -> (Table, Oracle) {
    let (mut table, mut oracle) = (table(), Oracle::new());
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut example = record().new_tree(&mut runner).unwrap().current();
    example.row.namespace = Some("a".into());
    for number in 10..50 {
        example.row.name = format!("n{number}").into();
        apply(Step::Upsert(Box::new(example.clone())), &mut table, &mut oracle);
    }
    table.commit();
    (table, oracle)
}

/// Rewrites one row and commits.
fn touch(table: &mut Table, name: &str, edit: impl FnOnce(&mut Record)) {
    let snapshot = table.snapshot();
    let mut record = Record::clone(snapshot.get(Some("a"), name).unwrap());
    record.row.version = format!("{}+", record.row.version).as_str().into();
    edit(&mut record);
    table.upsert(record);
    table.commit();
}

#[test]
fn a_change_names_the_cells_that_differ() {
    let (mut table, _) = filled();
    let mut window = Window::new(Plan::everything(), 5, 10);
    window.update(&table.snapshot(), moment(0));
    touch(&mut table, "n17", |record| record.row.cells[1] = pilothouse_model::Cell::Integer(77));
    let delta = window.update(&table.snapshot(), moment(0)).unwrap();
    let changed: Vec<_> =
        delta.changed.iter().map(|(index, record, cells)| (*index, &*record.row.name, cells.clone())).collect();
    assert_eq!(changed, [(2, "n17", vec![1])]);
    assert!(delta.entered.is_empty() && delta.left.is_empty() && delta.moved.is_empty());
    touch(&mut table, "n17", |record| record.row.status.message = "out of memory".into());
    let delta = window.update(&table.snapshot(), moment(0)).unwrap();
    assert!(matches!(&delta.changed[..], [(2, _, cells)] if cells.is_empty()), "{delta:?}");
    touch(&mut table, "n17", |_| {});
    assert!(window.update(&table.snapshot(), moment(0)).is_none(), "a new version that looks the same");
}

#[test]
fn changes_on_other_pages_do_not_show() {
    let (mut table, _) = filled();
    let mut window = Window::new(Plan::everything(), 5, 10);
    window.update(&table.snapshot(), moment(0));
    for name in ["n10", "n40"] {
        touch(&mut table, name, |record| record.row.cells[1] = pilothouse_model::Cell::Integer(77));
        assert!(window.update(&table.snapshot(), moment(0)).is_none(), "{name}");
    }
    let id = RowId::of(&table.snapshot().get(Some("a"), "n49").unwrap().row);
    table.remove(&id);
    table.commit();
    let delta = window.update(&table.snapshot(), moment(0)).unwrap();
    assert!(delta.is_empty());
    assert_eq!(delta.total, 39);
}

#[test]
fn a_move_names_the_row_that_moved_alone() {
    let (mut table, _) = filled();
    let order = vec![Sort { field: pilothouse_model::Field::Column(1), descending: true }];
    let mut window = Window::new(Plan { order, ..Plan::everything() }, 0, 50);
    window.update(&table.snapshot(), moment(0));
    touch(&mut table, "n30", |record| record.row.cells[1] = pilothouse_model::Cell::Integer(77));
    let delta = window.update(&table.snapshot(), moment(0)).unwrap();
    let moved: Vec<_> = delta.moved.iter().map(|(index, id)| (*index, &*id.name)).collect();
    assert_eq!(moved, [(0, "n30")]);
}

#[test]
fn a_new_table_is_read_anew() {
    let (table, _) = filled();
    let mut window = Window::new(Plan::everything(), 0, 5);
    window.update(&table.snapshot(), moment(0));
    let (other, _) = filled();
    assert_eq!(table.snapshot().version(), other.snapshot().version());
    assert!(window.update(&other.snapshot(), moment(0)).is_none(), "the same rows");
    let empty = rows::table();
    assert_eq!(window.update(&empty.snapshot(), moment(0)).unwrap().left.len(), 5);
}
