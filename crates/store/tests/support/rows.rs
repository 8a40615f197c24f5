//! Random rows and plans over a small world, so that collisions are the rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use pilothouse_model::{
    Cell, Column, ColumnKind, Comparison, Field, Filter, LabelSelector, Level, Operand, Plan, Resource, Row, Sort,
    Status, Timestamp,
};
use pilothouse_store::{Body, Interner, Record, RowId, Table};
use proptest::prelude::*;

/// What the table should hold.
pub(crate) type Oracle = BTreeMap<RowId, Record>;

pub(crate) fn table() -> Table {
    Table::new(
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("Age", ColumnKind::Age),
        ]
        .into(),
    )
}

/// A moment so many seconds after the beginning of this world.
pub(crate) fn moment(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + seconds)
}

fn resource(kind: &str) -> Arc<Resource> {
    Arc::new(Resource::new("example.com", "v1", &format!("{}s", kind.to_lowercase()), kind))
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let place = (
        prop::sample::select(vec!["Pod", "Job"]),
        prop::option::weighted(0.95, prop::sample::select(vec!["a", "b", "c"])),
        0..24_u32,
    );
    let labels = prop::collection::btree_map(
        prop::sample::select(vec!["app", "team"]),
        prop::sample::select(vec!["x", "y", "z"]),
        0..=2,
    );
    let owners = prop::collection::btree_set(0..6_u32, 0..=2);
    let state = prop::sample::select(vec![("Running", Level::Good), ("Failed", Level::Error), ("", Level::Unknown)]);
    let gpus = prop_oneof![
        1 => Just(Cell::Missing),
        1 => Just(Cell::Unknown),
        4 => (0..4_i64).prop_map(Cell::Integer),
    ];
    (place, labels, owners, state, gpus, (0..3_u32, 0..1000_i64)).prop_map(
        |((kind, namespace, number), labels, owners, (word, level), gpus, (version, created))| {
            let row = Row {
                resource: resource(kind),
                namespace: namespace.map(Into::into),
                name: format!("n{number}").into(),
                uid: format!("{kind}-{namespace:?}-{number}").into(),
                version: if version == 0 { "".into() } else { version.to_string().into() },
                created: Some(moment(created)),
                deleted: None,
                labels: labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
                owners: owners.into_iter().map(|owner| format!("owner-{owner}").into()).collect(),
                images: [].into(),
                status: Status::new(level, word),
                cells: [Cell::text(word), gpus, Cell::Time(moment(created))].into(),
            };
            Record { row, body: Body::none() }
        },
    )
}

/// Shares equal strings, as writers do.
pub(crate) fn interned(mut record: Record, interner: &mut Interner) -> Record {
    let row = &mut record.row;
    row.namespace = row.namespace.as_deref().map(|namespace| interner.intern(namespace));
    row.labels = row.labels.iter().map(|(key, value)| (interner.intern(key), interner.intern(value))).collect();
    row.status.word = interner.intern(&row.status.word);
    for cell in &mut row.cells {
        if let Cell::Text(text) = cell {
            *text = interner.intern(text);
        }
    }
    record
}

/// What a writer does.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Upsert(Record),
    Remove(RowId),
    Replace(Vec<Record>),
    Commit,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => record().prop_map(Step::Upsert),
        5 => record().prop_map(|record| Step::Remove(RowId::of(&record.row))),
        1 => prop::collection::vec(record(), 0..40).prop_map(Step::Replace),
        4 => Just(Step::Commit),
    ]
}

/// Does one step to the table and to the oracle.
pub(crate) fn apply(step: Step, table: &mut Table, oracle: &mut Oracle) {
    let mut interner = Interner::new();
    match step {
        Step::Upsert(record) => {
            let record = interned(record, &mut interner);
            let id = RowId::of(&record.row);
            let changes = oracle.get(&id) != Some(&record);
            assert_eq!(table.upsert(record.clone()), changes);
            oracle.insert(id, record);
        }
        Step::Remove(id) => assert_eq!(table.remove(&id), oracle.remove(&id).is_some()),
        Step::Replace(records) => {
            let records: Vec<_> = records.into_iter().map(|record| interned(record, &mut interner)).collect();
            table.replace(records.clone());
            *oracle = records.into_iter().map(|record| (RowId::of(&record.row), record)).collect();
        }
        Step::Commit => drop(table.commit()),
    }
}

fn labels(selector: &str) -> Filter {
    selector.parse::<LabelSelector>().map_or(Filter::All, Filter::Labels)
}

fn filter() -> impl Strategy<Value = Filter> {
    let leaf = prop_oneof![
        Just(Filter::All),
        prop::sample::select(vec!["running", "f*"]).prop_map(|word| Filter::Compare(
            Field::State,
            Comparison::Equal,
            Operand::Text(word.into())
        )),
        (0..4_u8).prop_map(|n| Filter::Compare(Field::Column(1), Comparison::AtLeast, Operand::Number(n.into()))),
        (0..1500_i32).prop_map(|n| Filter::Compare(Field::Column(2), Comparison::Less, Operand::Ago(n.into()))),
        prop::sample::select(vec!["app=x", "team=y", "app in (x,y)", "!team", "app=z,team=z"]).prop_map(labels),
        prop::sample::select(vec!["n1", "z", "team", "fail", "x"]).prop_map(|text| Filter::Text(text.into())),
        Just(Filter::Exists(Field::Column(1))),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let field = prop::sample::select(vec![
        Field::Column(0),
        Field::Column(1),
        Field::Column(2),
        Field::Name,
        Field::Kind,
        Field::Label("app".into()),
    ]);
    let order =
        prop::collection::vec((field, any::<bool>()).prop_map(|(field, descending)| Sort { field, descending }), 0..3);
    let namespaces = prop::option::weighted(
        0.3,
        prop::collection::vec(prop::sample::select(vec!["a", "c", "absent"]), 0..3)
            .prop_map(|names| names.into_iter().map(Into::into).collect()),
    );
    (namespaces, filter(), order).prop_map(|(namespaces, filter, order)| Plan {
        namespaces,
        filter,
        order,
        ..Plan::everything()
    })
}

/// Filter, sort, cut: as plainly as can be.
pub(crate) fn answer_naively(
    oracle: &Oracle,
    plan: &Plan,
    offset: usize,
    limit: usize,
    now: Timestamp,
) -> (usize, Vec<RowId>) {
    let mut rows: Vec<&Row> = oracle.values().map(|record| &record.row).filter(|row| plan.matches(row, now)).collect();
    rows.sort_by(|left, right| plan.compare(left, right));
    (rows.len(), rows.into_iter().skip(offset).take(limit).map(RowId::of).collect())
}
