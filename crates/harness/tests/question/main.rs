//! A question over a table answers as a naive filter over the plain objects would: the same rows, the same order, the same
//! totals; whatever may be seen and whatever page is asked for.
#![expect(clippy::unwrap_used, reason = "a test fails loudly")]

mod conditions;
mod objects;
mod orders;

use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_model::sight::Seen;
use pilothouse_model::{Column, Instrument, Object, Plan, Resource, Row, Sight, Str};
use pilothouse_query::{parse, parse_sort};
use pilothouse_store::{Body, Interner, Record, Snapshot, Table};
use proptest::prelude::*;
use serde_json::Value;

use conditions::{Condition, question};
use objects::{NAMESPACES, NOW, World, key, objects};
use orders::{Key, order, sort};

/// Everything that a question is made of.
#[derive(Clone, Debug)]
struct Case {
    world: World,
    objects: Vec<Value>,
    question: Condition,
    order: Vec<Key>,
    namespaces: Option<Vec<&'static str>>,
    /// Namespaces seen whole, and whether the object of this number is seen besides; `None` sees all.
    sight: Option<(Vec<&'static str>, usize)>,
    page: (usize, usize),
}

fn case() -> impl Strategy<Value = Case> {
    let namespaces = || prop::collection::vec(prop::sample::select(NAMESPACES.to_vec()), 0..3);
    let sight = prop::option::weighted(0.3, (namespaces(), 0..24_usize));
    let scope = (prop::option::weighted(0.3, namespaces()), sight, (0..8_usize, 0..8_usize));
    prop::sample::select(World::ALL.to_vec()).prop_flat_map(move |world| {
        (objects(world), question(world), order(world), scope.clone()).prop_map(
            move |(objects, question, order, (namespaces, sight, page))| Case {
                world,
                objects,
                question,
                order,
                namespaces,
                sight,
                page,
            },
        )
    })
}

/// The instrument that shapes the rows of a resource; without one its own printer columns do.
fn instrument(resource: &Resource) -> Option<&'static dyn Instrument> {
    let understood =
        |instrument: &&&dyn Instrument| instrument.manifest().resources.contains(&resource.group_resource());
    pilothouse_instruments::all().iter().find(understood).copied()
}

/// A table of these objects, filled as the console fills it, and its columns.
fn table(resource: &Arc<Resource>, objects: &[Value]) -> (Snapshot, Arc<[Column]>) {
    let instrument = instrument(resource);
    let columns = instrument.and_then(|instrument| instrument.columns(resource));
    let columns: Arc<[Column]> = columns.unwrap_or_else(|| pilothouse_columns::columns(resource)).into();
    let mut table = Table::new(Arc::clone(&columns));
    let mut interner = Interner::new();
    for object in objects {
        let object = Object::new(object.clone()).unwrap();
        let projection = match instrument {
            Some(instrument) => instrument.project(resource, &object),
            None => pilothouse_columns::project(resource, &object),
        };
        let row = Row::assemble(Arc::clone(resource), &object, projection, &mut |text| interner.intern(text));
        table.upsert(Record { row, body: Body::compress(&object) });
    }
    table.commit();
    (table.snapshot(), columns)
}

impl Case {
    fn sight(&self) -> Sight {
        let Some((namespaces, number)) = &self.sight else { return Sight::All };
        let named = self.objects.get(*number).map(|object| {
            let (namespace, name) = key(object);
            (namespace.map(Str::from), Str::from(name))
        });
        Sight::of(Seen {
            namespaces: namespaces.iter().map(|namespace| Str::from(*namespace)).collect(),
            names: named.into_iter().collect(),
        })
    }

    /// What the naive filter leaves, in order.
    fn expected(&self) -> Vec<(Option<String>, String)> {
        let within = |object: &&Value| {
            let (namespace, _) = key(object);
            let namespace = namespace.as_deref();
            let asked = self.namespaces.as_ref().is_none_or(|all| namespace.is_some_and(|own| all.contains(&own)));
            let seen = self.sight.as_ref().is_none_or(|(all, number)| {
                namespace.is_some_and(|own| all.contains(&own)) || self.objects.get(*number) == Some(*object)
            });
            asked && seen
        };
        let mut expected: Vec<_> =
            self.objects.iter().filter(within).filter(|object| (self.question.holds)(object)).collect();
        sort(&mut expected, &self.order);
        expected.into_iter().map(key).collect()
    }
}

fn keys(rows: &[Arc<Record>]) -> Vec<(Option<String>, String)> {
    let key = |row: &Row| (row.namespace.as_deref().map(str::to_owned), row.name.to_string());
    rows.iter().map(|record| key(&record.row)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn questions_over_tables_answer_as_a_naive_filter_over_objects(case in case()) {
        let resource = Arc::new(case.world.resource());
        let (snapshot, columns) = table(&resource, &case.objects);
        let sorts: Vec<_> = case.order.iter().map(Key::text).collect();
        let filter = parse(&case.question.text, &columns);
        prop_assert!(filter.is_ok(), "{filter:?}");
        let plan = Plan {
            namespaces: case.namespaces.as_ref().map(|all| all.iter().map(|name| Str::from(*name)).collect()),
            sight: case.sight(),
            filter: filter.unwrap(),
            order: parse_sort(&sorts.join(","), &columns).unwrap(),
        };
        let now = Timestamp::from_second(NOW).unwrap();
        let expected = case.expected();

        let whole = snapshot.run(&plan, 0, usize::MAX, now);
        prop_assert_eq!(whole.total, expected.len());
        prop_assert_eq!(&keys(&whole.rows), &expected);

        let (offset, limit) = case.page;
        let page = snapshot.run(&plan, offset, limit, now);
        prop_assert_eq!(page.total, expected.len());
        let wanted: Vec<_> = expected.into_iter().skip(offset).take(limit).collect();
        prop_assert_eq!(keys(&page.rows), wanted);
    }
}
