//! Random rows and plans over a small world, so that collisions are the rule.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use pilothouse_model::filter::Pattern;
use pilothouse_model::{
    Cell, Column, ColumnKind, Comparison, Field, Filter, LabelSelector, Level, Operand, Plan, Quantity, Resource, Row,
    Seen, Sight, Sort, Status, Str, Timestamp, Version,
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
            Column::new("Any", ColumnKind::Text),
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

/// A value of any kind: tables may hold what they like.
fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Missing),
        Just(Cell::Unknown),
        "[abAß]{0,2}".prop_map(|text| Cell::text(&text)),
        prop::sample::select(vec!["one\ntwo", "node-7.example", "Node-7.example"]).prop_map(Cell::text),
        (-2..3_i64).prop_map(Cell::Integer),
        prop::sample::select(vec![2.5, -0.0, 0.5, 3e9, f64::INFINITY]).prop_map(Cell::Number),
        (0..3_i64, 0..3_i64).prop_map(|(ready, total)| Cell::fraction(ready, total)),
        any::<bool>().prop_map(Cell::Boolean),
        (0..3_i64).prop_map(|seconds| Cell::from(SignedDuration::from_secs(seconds))),
        (0..3_i64).prop_map(|milli| Cell::Quantity(Quantity::milli(milli * 500))),
        (0..1000_i64).prop_map(|seconds| Cell::from(moment(seconds))),
    ]
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    let place = (
        prop::sample::select(vec!["Pod", "Job"]),
        prop::option::weighted(0.95, prop::sample::select(vec!["a", "b", "c"])),
        0..24_u32,
    );
    let labels = prop::collection::btree_map(
        prop::sample::select(vec!["app", "team"]),
        prop::sample::select(vec!["x", "y", "z", "7", "40"]),
        0..=2,
    );
    let owners = prop::collection::btree_set(0..6_u32, 0..=2);
    let state = prop::sample::select(vec![("Running", Level::Good), ("Failed", Level::Error), ("", Level::Unknown)]);
    let gpus = prop_oneof![
        1 => Just(Cell::Missing),
        1 => Just(Cell::Unknown),
        4 => (0..4_i64).prop_map(Cell::Integer),
    ];
    let images = prop::collection::btree_set(prop::sample::select(vec!["repo/App:1", "repo/tool", "x"]), 0..=2);
    let times = (0..3_u32, 0..1000_i64, prop::option::weighted(0.2, 0..1000_i64));
    (place, labels, owners, state, (gpus, cell(), images), times).prop_map(
        |(
            (kind, namespace, number),
            labels,
            owners,
            (word, level),
            (gpus, any, images),
            (version, created, deleted),
        )| {
            let row = Row {
                resource: resource(kind),
                namespace: namespace.map(Into::into),
                name: format!("n{number}").into(),
                uid: format!("{kind}-{namespace:?}-{number}").as_str().into(),
                version: if version == 0 { Version::None } else { version.to_string().as_str().into() },
                created: Some(moment(created).into()),
                deleted: deleted.map(|seconds| moment(seconds).into()),
                labels: labels.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
                owners: owners.into_iter().map(|owner| format!("owner-{owner}").into()).collect(),
                images: images.into_iter().map(Into::into).collect(),
                status: Status::new(level, word),
                cells: [Cell::text(word), gpus, moment(created).into(), any].into(),
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
    Upsert(Box<Record>),
    Remove(RowId),
    Replace(Vec<Record>),
    Commit,
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => record().prop_map(|record| Step::Upsert(Box::new(record))),
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
            let record = interned(*record, &mut interner);
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

fn field() -> impl Strategy<Value = Field> {
    prop::sample::select(vec![
        Field::Namespace,
        Field::Name,
        Field::Kind,
        Field::State,
        Field::Level,
        Field::Message,
        Field::Created,
        Field::Deleted,
        Field::Image,
        Field::Label("app".into()),
        Field::Label("absent".into()),
        Field::Column(0),
        Field::Column(1),
        Field::Column(2),
        Field::Column(3),
        Field::Column(4),
    ])
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop::sample::select(vec![
        "^n1",
        "[0-9]$",
        "run|FAIL",
        "(?-i)App",
        "",
        "one.two",
        "7\\.ex",
        "ß",
        "[0-9][a-z-]",
        "x?",
        "\\s?[a-f]\\s?",
    ])
    .prop_map(|text| Pattern::new(text).unwrap_or_else(|error| panic!("{text}: {error}")))
}

fn operand() -> impl Strategy<Value = Operand> {
    let words = vec!["running", "f*", "n1?", "repo/*", "x", "1/2", "true", "aß", "", "error", "B"];
    prop_oneof![
        prop::sample::select(words.clone()).prop_map(|word| Operand::Text(word.into())),
        prop::sample::select(words).prop_map(|word| Operand::Exact(word.into())),
        pattern().prop_map(Operand::Pattern),
        (-4..8_i32).prop_map(|half| Operand::Number(f64::from(half) / 2.0)),
        (0..1500_i32).prop_map(|seconds| Operand::Ago(seconds.into())),
        (0..1000_i64).prop_map(|seconds| Operand::Moment(moment(seconds))),
    ]
}

fn comparison() -> impl Strategy<Value = Comparison> {
    prop::sample::select(vec![
        Comparison::Equal,
        Comparison::Less,
        Comparison::AtMost,
        Comparison::Greater,
        Comparison::AtLeast,
    ])
}

fn filter() -> impl Strategy<Value = Filter> {
    let selectors = vec![
        "app=x",
        "team=y",
        "app in (x,y)",
        "!team",
        "app=z,team=z",
        "team!=x,app",
        "app notin (x)",
        "app>7",
        "team<40",
        "app<40,team>6",
    ];
    let texts = vec!["n1", "z", "team", "fail", "x", "", "one\ntwo", "\n", "ß", "repo/app", "n", "7.ex"];
    let levels = prop::sample::subsequence(vec![Level::Good, Level::Error, Level::Unknown], 0..=2);
    let leaf = prop_oneof![
        1 => Just(Filter::All),
        4 => (field(), comparison(), operand()).prop_map(|(field, how, what)| Filter::Compare(field, how, what)),
        1 => prop::sample::select(selectors).prop_map(labels),
        2 => prop::sample::select(texts).prop_map(|text| Filter::Text(text.into())),
        1 => pattern().prop_map(Filter::Mentions),
        1 => levels.prop_map(Filter::Levels),
        1 => field().prop_map(Filter::Exists),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::And),
            prop::collection::vec(inner.clone(), 0..3).prop_map(Filter::Or),
            inner.prop_map(|filter| Filter::Not(Box::new(filter))),
        ]
    })
}

/// What somebody may see: everything, nothing, some namespaces, some rows by name.
fn sight() -> impl Strategy<Value = Sight> {
    let namespace = || prop::sample::select(vec!["a", "b", "c", "absent"]).prop_map(Str::from);
    let names = (prop::option::of(namespace()), (0..24_u32).prop_map(|number| Str::from(format!("n{number}"))));
    let some = (prop::collection::btree_set(namespace(), 0..3), prop::collection::btree_set(names, 0..4));
    prop_oneof![
        3 => Just(Sight::All),
        1 => Just(Sight::None),
        4 => some.prop_map(|(namespaces, names)| Sight::of(Seen { namespaces, names })),
    ]
}

pub(crate) fn plan() -> impl Strategy<Value = Plan> {
    let order = prop::collection::vec(
        (field(), any::<bool>()).prop_map(|(field, descending)| Sort { field, descending }),
        0..4,
    );
    let namespaces = prop::option::weighted(
        0.3,
        prop::collection::vec(prop::sample::select(vec!["a", "c", "absent"]), 0..3)
            .prop_map(|names| names.into_iter().map(Into::into).collect()),
    );
    (namespaces, sight(), filter(), order).prop_map(|(namespaces, sight, filter, order)| Plan {
        namespaces,
        sight,
        filter,
        order,
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
