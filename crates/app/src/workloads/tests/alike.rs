//! Who is shown rows that were derived for all, against rows derived for that one alone.

use super::*;
use crate::cluster::alike::Alike;

/// The label of rows that cannot be computed.
const BAD: usize = 4;

/// What somebody sees who sees all of some namespaces, or nearly: `odd` is a kind seen elsewhere, too, or not at all.
fn nearly_all(places: usize, plans: bool, odd: Option<(usize, usize)>) -> Sights {
    let in_places = |places: usize| {
        Sight::in_namespaces(
            ["a", "b"].into_iter().enumerate().filter(|(at, _)| places >> at & 1 != 0).map(|(_, name)| name.into()),
        )
    };
    let mut views = BTreeMap::new();
    let mut reach = Sight::None;
    for (kind, (name, _)) in KINDS.iter().enumerate() {
        let sight = match odd {
            Some((own, places)) if own == kind => in_places(places),
            _ if *name == PLANS => {
                if plans {
                    Sight::All
                } else {
                    Sight::None
                }
            }
            _ => in_places(places),
        };
        if kind < 2 {
            reach = reach.union(&sight);
        }
        views.insert((name.group.to_owned(), name.plural.to_owned()), View { listed: sight.clone(), named: sight });
    }
    Sights::new(views).reaching(reach)
}

/// The derivation for somebody, as for many, and how much those see; `None` where there is nothing to share.
fn for_many(world: &World, sights: &Sights, derivation: Derivation) -> Option<(Alike, Derivation)> {
    let alike = Alike::of(sights, &world.catalog(), |name| Nosy.runs(name))?;
    let cut = Cut { sights: Arc::clone(&alike.sights), holder: Holder::Console, own: false };
    Some((alike, Derivation { cut: Some(cut), ..derivation }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// The table of all, cut, is either the table of one, or it is known that it is not.
    #[test]
    fn who_is_shown_the_rows_of_all_is_shown_the_own_ones(
        story in prop::collection::vec(happening(), 1..40),
        sets: bool,
        places in 0..4_usize,
        plans in prop::bool::weighted(0.7),
        odd in prop::option::weighted(0.3, (0..5_usize, 0..4_usize)),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        let (mut world, derivation) = quiet();
        let sights = Arc::new(nearly_all(places, plans, odd));
        let Some((mut alike, mut derivation)) = for_many(&world, &sights, derivation) else { return Ok(()) };
        for happening in story.iter().chain([&Happening::Step]) {
            // Sets look at all namespaces.
            if !sets && matches!(happening, Happening::Put { kind: 1, .. } | Happening::Storm(1)) {
                continue;
            }
            world.happen(happening);
            if !matches!(happening, Happening::Step) {
                continue;
            }
            let now = Alike::of(&sights, &world.catalog(), |name| Nosy.runs(name)).unwrap();
            if now.sights != alike.sights {
                // Other kinds are served: other tables are chosen.
                (alike, derivation) = for_many(&world, &sights, quiet().1).unwrap();
            }
            let (snapshot, freshness) = world.step(&mut derivation);
            if alike.holds_for(&sights, &freshness) {
                let sight = |record: &Record| sights.reach.sees(record.row.namespace.as_deref(), &record.row.name);
                let own = snapshot.iter().filter(|record| sight(record));
                let own: BTreeMap<_, _> = own
                    .map(|record| (RowId::of(&record.row).to_string(), record.row.status.message.to_string()))
                    .collect();
                prop_assert_eq!(own, world.naive(Some(&sights)));
                // What is told beside the rows tells of nothing else either.
                let cut = Cut { sights: Arc::clone(&sights), holder: Holder::Console, own: false };
                let mut alone = Derivation { cut: Some(cut), ..quiet().1 };
                world.step(&mut alone);
                let (for_one, told) = world.step(&mut alone);
                prop_assert_eq!(freshness.notes(&sights.reach), told.notes(&Sight::All));
                prop_assert_eq!(snapshot.completeness(), for_one.completeness());
            }
        }
    }
}

#[tokio::test]
async fn rows_of_many_are_for_those_who_see_all_that_they_are_made_of() {
    let (mut world, _) = quiet();
    let shown = |world: &World, sights: &Sights| {
        let (alike, mut derivation) = for_many(world, sights, quiet().1).unwrap();
        world.step(&mut derivation);
        let (_, freshness) = world.step(&mut derivation);
        alike.holds_for(sights, &freshness)
    };
    let (a, without_plans) = (nearly_all(1, true, None), nearly_all(1, false, None));
    let no_pods = nearly_all(1, true, Some((2, 0)));
    world.put(0, 0, &[], 0);
    world.sources[0].publish();
    assert!(shown(&world, &a) && shown(&world, &without_plans) && shown(&world, &no_pods));
    let sets_elsewhere = nearly_all(1, true, Some((1, 3)));
    assert!(for_many(&world, &sets_elsewhere, quiet().1).is_none(), "runs are seen in a, sets in b, too");
    let (mut known, events_in_a) = (quiet().0, nearly_all(3, true, Some((3, 1))));
    known.put(0, 0, &[], 0);
    known.sources[0].publish();
    assert!(!shown(&known, &events_in_a), "events are seen in a, and not in b");
    world.put(1, 1, &[], 0);
    world.sources[1].publish();
    assert!(shown(&world, &a), "a set in b looks everywhere, and is not seen");
    world.put(1, 0, &[], 0);
    world.sources[1].publish();
    assert!(!shown(&world, &a), "a set in a looks at the runs of all namespaces");
    let (own, other) = (for_many(&world, &a, quiet().1).unwrap().0, nearly_all(2, true, None));
    assert_eq!(own.sights, for_many(&world, &other, quiet().1).unwrap().0.sights, "who sees as much elsewhere shares");
    assert!(for_many(&world, &nearly_all(0, true, None), quiet().1).is_none());
    for (place, expected) in [(3, true), (2, false)] {
        let (mut world, _) = quiet();
        world.put(0, place, &[(BAD, 0)], 0);
        world.sources[0].publish();
        assert_eq!(shown(&world, &a), expected, "a row that cannot be computed matters in its namespace alone");
    }
}
