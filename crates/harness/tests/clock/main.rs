//! A wall clock that is set while the engine watches a real API server. A program of its own: all engines of a process share
//! the clock.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

#[expect(dead_code, reason = "shared with the tests of faults")]
#[path = "../faults/rig.rs"]
mod rig;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pilothouse_app::{Ask, Source, set_clock};
use pilothouse_model::Completeness;
use rig::{Rig, is_complete, until, within};

/// How old the data of a listing is, as a person reads it off the console.
fn age(rig: &Rig, as_of: Option<Timestamp>) -> SignedDuration {
    rig.engine.now().duration_since(as_of.unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_makes_nothing_negative_and_nothing_stale() {
    let rig = Rig::start("clock").await;
    rig.create("a").await;
    let mut window = rig.window();
    let mut workloads = rig.cluster.window(Source::Workloads, rig.ask()).unwrap();
    until(&mut window, "the list", is_complete).await;
    until(&mut workloads, "the workloads", is_complete).await;
    rig.until_true("before").await;
    let hours = SignedDuration::from_hours;
    for (turn, set) in
        [hours(1), hours(-1), hours(24 * 400), hours(-24 * 400), SignedDuration::ZERO].into_iter().enumerate()
    {
        set_clock(set);
        // At once, before anything new has come.
        let listing = rig.list();
        assert_eq!(listing.completeness, Completeness::Complete, "set by {set}: what is watched is not stale");
        assert!(!age(&rig, listing.as_of).is_negative(), "set by {set}: {:?}", listing.as_of);
        let derived = rig.cluster.list(&Source::Workloads, &rig.ask()).unwrap();
        assert!(!age(&rig, derived.as_of).is_negative(), "set by {set}: {:?}", derived.as_of);
        if set.is_negative() {
            assert!(age(&rig, listing.as_of) < SignedDuration::from_mins(10), "set by {set}: {:?}", listing.as_of);
        }
        // With the next sign of life all is as if nothing had happened.
        rig.turn("a", turn as u64 + 1).await;
        rig.until_true("after the clock was set").await;
        let current = |listing: &pilothouse_app::Listing| {
            let age = age(&rig, listing.as_of);
            listing.completeness == Completeness::Complete && age < SignedDuration::from_secs(60) && !age.is_negative()
        };
        // Tables in which nothing changes are told so by the server each minute; until then they look old, and never young.
        within("that it is current again", async {
            while !current(&rig.list()) {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        })
        .await;
        let young = Ask { q: "age:<2h".to_owned(), ..rig.ask() };
        let young = rig.cluster.list(&rig.source(), &young).unwrap().total;
        // Who sets the clock a year forward makes everything a year old; nothing becomes older than the clock says.
        assert_eq!(young, usize::from(set < hours(2)), "set by {set}");
        assert!(rig.list().rows.iter().all(|record| record.row.name.starts_with('a')), "no row is lost");
    }
    // It goes on being followed, and trouble is told with the right age.
    rig.faults.set(pilothouse_harness::Weather { down: true, ..Default::default() });
    let stale = until(&mut window, "the cut", |update| matches!(update.completeness, Completeness::Stale(_))).await;
    set_clock(hours(-5));
    assert!(!age(&rig, rig.list().as_of).is_negative());
    set_clock(SignedDuration::ZERO);
    assert_eq!(rig.list().as_of, stale.as_of, "and a clock that is set right again tells it as before");
    tokio::time::sleep(Duration::from_millis(100)).await;
    rig.faults.clear();
    until(&mut window, "the return", is_complete).await;
}
