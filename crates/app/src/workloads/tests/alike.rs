//! Who is shown rows that were derived for all, against rows derived for that one alone.

use super::*;
use crate::cluster::alike::Alike;

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
    let mut sights = Sights::new(views);
    sights.reach = reach;
    sights
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
        let (mut world, mut derivation) = quiet();
        let sights = nearly_all(places, plans, odd);
        for happening in story.iter().chain([&Happening::Step]) {
            // Sets look at all namespaces.
            if !sets && matches!(happening, Happening::Put { kind: 1, .. } | Happening::Storm(1)) {
                continue;
            }
            world.happen(happening);
            if !matches!(happening, Happening::Step) {
                continue;
            }
            let (snapshot, freshness) = world.step(&mut derivation);
            let catalog = world.catalog();
            if (Alike { sights: &sights, catalog: &catalog }).is_made_of_what_is_seen(&freshness) {
                let sight = |record: &Record| sights.reach.sees(record.row.namespace.as_deref(), &record.row.name);
                let own = snapshot.iter().filter(|record| sight(record));
                let own: BTreeMap<_, _> = own
                    .map(|record| (RowId::of(&record.row).to_string(), record.row.status.message.to_string()))
                    .collect();
                prop_assert_eq!(own, world.naive(Some(&sights)));
            }
        }
    }
}

#[tokio::test]
async fn rows_of_all_are_for_those_who_see_all_that_they_are_made_of() {
    let (mut world, mut derivation) = quiet();
    let catalog = world.catalog();
    let mut shown = |world: &World, sights: &Sights| {
        let freshness = world.step(&mut derivation).1;
        (Alike { sights, catalog: &catalog }).is_made_of_what_is_seen(&freshness)
    };
    let (a, without_plans) = (nearly_all(1, true, None), nearly_all(1, false, None));
    let pods_elsewhere = nearly_all(1, true, Some((2, 2)));
    let sets_elsewhere = nearly_all(1, true, Some((1, 3)));
    world.put(0, 0, &[], 0);
    world.sources[0].publish();
    assert!(shown(&world, &a));
    assert!(!shown(&world, &without_plans), "a run looks at a plan, which is in no namespace");
    assert!(!shown(&world, &pods_elsewhere), "its pods are out of sight");
    assert!(!shown(&world, &sets_elsewhere), "sets of another namespace have rows, too");
    world.put(1, 1, &[], 0);
    world.sources[1].publish();
    assert!(shown(&world, &a), "a set in b looks everywhere, and is not seen");
    world.put(1, 0, &[], 0);
    world.sources[1].publish();
    assert!(!shown(&world, &a), "a set in a looks at the runs of all namespaces");
}
