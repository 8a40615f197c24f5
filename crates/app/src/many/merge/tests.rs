//! Merged pages against sorting everything.

use pilothouse_model::{Cell, Column, ColumnKind, Field, Object, Projection, Resource, Row, Sort, Status};
use pilothouse_store::Body;
use proptest::prelude::*;
use serde_json::json;

use super::super::among::joined;
use super::*;

fn columns() -> Vec<Column> {
    vec![Column::new("Size", ColumnKind::Integer)]
}

fn record(name: u8, size: u8) -> Arc<Record> {
    let object = Object::new(json!({"metadata": {"name": format!("n{name:03}"), "namespace": "a"}})).unwrap();
    let cell = if size == 0 { Cell::Missing } else { Cell::Integer(size.into()) };
    let projection = Projection { status: Status::none(), cells: vec![cell] };
    let resource = Arc::new(Resource::new("", "v1", "things", "Thing"));
    Arc::new(Record { row: Row::assemble(resource, &object, projection, &mut |text| text.into()), body: Body::none() })
}

/// Clusters named by number, each with rows of these names and sizes, as each would bring them for this order.
fn shares(clusters: &[Vec<(u8, u8)>], order: &[Sort]) -> Vec<Share> {
    let all = joined(std::iter::once(&columns()[..]));
    clusters
        .iter()
        .enumerate()
        .map(|(index, rows)| {
            let cluster = ClusterId::new(&format!("c{index}"));
            let among = Among::new(cluster.as_str(), Arc::clone(&all));
            let mut rows: Vec<_> = rows.iter().map(|(name, size)| record(*name, *size)).collect();
            let own = pilothouse_model::Plan {
                order: among.order(order, &columns()),
                ..pilothouse_model::Plan::everything()
            };
            rows.sort_by(|left, right| own.compare(&left.row, &right.row));
            let keys = among.keys(order, &columns());
            let places = among.places(&columns());
            Share { cluster, rows, places, among, keys }
        })
        .collect()
}

fn names(rows: &[ManyRow]) -> Vec<String> {
    rows.iter().map(|row| format!("{}/{}", row.cluster, row.row.name)).collect()
}

fn orders() -> impl Strategy<Value = Vec<Sort>> {
    let field = prop_oneof![Just(Field::Column(0)), Just(Field::Column(1)), Just(Field::Name)];
    let sort = (field, any::<bool>()).prop_map(|(field, descending)| Sort { field, descending });
    prop::collection::vec(sort, 0..3)
}

fn worlds() -> impl Strategy<Value = Vec<Vec<(u8, u8)>>> {
    let rows = prop::collection::btree_map(0..30_u8, 0..4_u8, 0..12).prop_map(|rows| rows.into_iter().collect());
    prop::collection::vec(rows, 0..4)
}

proptest! {
    #[test]
    fn a_page_is_what_sorting_everything_gives(
        clusters in worlds(), order in orders(), offset in 0..20_usize, limit in prop::option::of(0..20_usize),
    ) {
        let shares = shares(&clusters, &order);
        let mut all = page(&shares, 0, None, &[]);
        let key = |row: &ManyRow, sort: &Sort| match sort.field {
            Field::Column(0) => Cell::text(row.cluster.as_str()),
            Field::Name => Cell::Text(row.row.name.clone()),
            _ => row.row.cells[1].clone(),
        };
        all.sort_by(|left, right| {
            let by_keys = order.iter().map(|sort| {
                let (left, right) = (key(left, sort), key(right, sort));
                let lacking = [&left, &right].iter().any(|cell| **cell == Cell::Missing);
                let ordering = left.compare(&right);
                if sort.descending && !lacking { ordering.reverse() } else { ordering }
            });
            by_keys.fold(Ordering::Equal, Ordering::then)
                .then_with(|| left.cluster.cmp(&right.cluster))
                .then_with(|| left.row.name.cmp(&right.row.name))
        });
        let expected: Vec<_> = all.into_iter().skip(offset).take(limit.unwrap_or(usize::MAX)).collect();
        prop_assert_eq!(names(&page(&shares, offset, limit, &[])), names(&expected));
    }

    #[test]
    fn a_delta_leads_from_one_page_to_the_next(before in worlds(), after in worlds(), order in orders()) {
        let old = page(&shares(&before, &order), 0, Some(8), &[]);
        let new = page(&shares(&after, &order), 0, Some(8), &old);
        let delta = ManyDelta::between(&old, &new);
        let mut shown = old;
        delta.apply(&mut shown);
        prop_assert_eq!(names(&shown), names(&new));
        let cells = |rows: &[ManyRow]| rows.iter().map(|row| row.row.cells.clone()).collect::<Vec<_>>();
        prop_assert_eq!(cells(&shown), cells(&new));
        prop_assert!(ManyDelta::between(&new, &new).is_empty());
    }
}

#[test]
fn rows_that_stay_are_the_very_same() {
    let shares = shares(&[vec![(1, 1)], vec![(1, 2)]], &[]);
    let first = page(&shares, 0, None, &[]);
    assert_eq!(names(&first), ["c0/n001", "c1/n001"], "the same name in two clusters is two rows");
    let again = page(&shares, 0, None, &first);
    assert!(first.iter().zip(&again).all(|(one, other)| Arc::ptr_eq(&one.row, &other.row)));
}
