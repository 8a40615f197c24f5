//! What can happen to a watch: closed, cut, refused, swallowed.

use std::time::Duration;

use pilothouse_harness::{Cut, Refusal, Weather};

use super::observer::Motion;
use super::rig::Rig;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watches_that_are_closed_every_second_lose_nothing() {
    let rig = Rig::start("closed").await;
    let motion = Motion::begin(&rig).await;
    motion
        .during("watches closed every second", async {
            rig.faults.set(Weather { close_watches: Some(Duration::from_secs(1)), ..Weather::default() });
            tokio::time::sleep(Duration::from_secs(12)).await;
            rig.faults.clear();
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_versions_too_old_is_weathered() {
    let rig = Rig::start("storm").await;
    let motion = Motion::begin(&rig).await;
    rig.list();
    motion
        .during("a storm of 410", async {
            let refuse = Some(Refusal { only_watches: true, code: 410, retry_after: None });
            let close_watches = Some(Duration::ZERO);
            rig.faults.set(Weather { refuse, close_watches, ..Weather::default() });
            tokio::time::sleep(Duration::from_secs(12)).await;
            let lists = rig.faults.seen().iter().filter(|seen| seen.path.contains("configmaps?limit")).count();
            assert!(lists <= 30, "{lists} lists in a storm make it worse");
            rig.faults.clear();
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_cut_in_the_middle_of_an_object_are_read_again() {
    let rig = Rig::start("cut").await;
    let motion = Motion::begin(&rig).await;
    motion
        .during("cuts in the middle of an object", async {
            for (after, clean) in [(700, false), (1500, true), (333, false), (4000, false), (2900, true)] {
                rig.faults.set(Weather { cut: Some(Cut { after, clean }), ..Weather::default() });
                tokio::time::sleep(Duration::from_millis(2500)).await;
            }
            rig.faults.clear();
        })
        .await;
}
