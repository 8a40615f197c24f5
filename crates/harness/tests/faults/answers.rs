//! What a busy, slow or broken server answers.

use std::time::Duration;

use pilothouse_app::Source;
use pilothouse_harness::{Refusal, Weather};
use pilothouse_model::Completeness;

use super::observer::Motion;
use super::rig::{Rig, is_complete, is_told, until, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_server_is_given_the_time_it_asks_for() {
    const ASKED: u64 = 3;
    let rig = Rig::start("busy").await;
    let motion = Motion::begin(&rig).await;
    motion
        .during("429 with Retry-After", async {
            rig.faults.forget();
            let refuse = Some(Refusal { only_watches: false, code: 429, retry_after: Some(ASKED) });
            let close_watches = Some(Duration::ZERO);
            rig.faults.set(Weather { refuse, close_watches, ..Weather::default() });
            let mut window = rig.window();
            let stale = until(&mut window, "the refusal", |update| is_told(&update.completeness)).await;
            assert!(matches!(&stale.completeness, Completeness::Stale(why) if why.contains("busy")), "{stale:?}");
            let secrets = Source::Resource(rig.resource("", "secrets"));
            let mut unread = rig.cluster.window(secrets, rig.ask()).unwrap();
            let broken = |why: &Completeness| matches!(why, Completeness::Broken(_));
            until(&mut unread, "the refusal of a list", |update| broken(&update.completeness)).await;
            tokio::time::sleep(Duration::from_secs(10)).await;
            rig.faults.clear();
            until(&mut unread, "the list", is_complete).await;
        })
        .await;
    let refused: Vec<_> = rig.faults.seen().into_iter().filter(|seen| seen.refused).collect();
    assert!(refused.len() >= 3, "{refused:?}");
    for (index, first) in refused.iter().enumerate() {
        let what = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        if let Some(second) = refused[index + 1..].iter().find(|later| what(&later.path) == what(&first.path)) {
            let waited = second.at - first.at;
            assert!(waited >= Duration::from_secs(ASKED), "{} was asked for again after {waited:?}", first.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_takes_nothing_away() {
    let rig = Rig::start("garbage").await;
    let motion = Motion::begin(&rig).await;
    let deep = "[".repeat(100_000);
    let garbage = [
        "<html><body>please log in</body></html>",
        "{}",
        "null",
        "{\"kind\":\"Status\",\"status\":\"Failure\"}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":{\"na",
        "\u{0}\u{1}\u{2}",
        deep.as_str(),
    ];
    motion
        .during("garbage", async {
            for text in garbage {
                let garbage = Some(text.as_bytes().to_vec());
                rig.faults.set(Weather { garbage, close_watches: Some(Duration::ZERO), ..Weather::default() });
                within("that it is told", async {
                    while !is_told(&rig.list().completeness) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                })
                .await;
                rig.faults.clear();
                within("that it is over", async {
                    while is_told(&rig.list().completeness) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                })
                .await;
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_come_late_and_slowly_are_waited_for() {
    let rig = Rig::start("slow").await;
    let padding = "x".repeat(8 << 10);
    for number in 0..40 {
        let map = serde_json::json!({"metadata": {"name": format!("large-{number}"), "labels": {"turn": "0"}}, "data": {"x": padding}});
        rig.api.ensure(&rig.path(), &map).await;
    }
    rig.faults.set(Weather { delay: Duration::from_millis(700), bandwidth: Some(200 << 10), ..Weather::default() });
    let listing = rig.list();
    assert_eq!((listing.completeness, listing.as_of), (Completeness::Loading, None), "nothing is known yet");
    let motion = Motion::begin(&rig).await;
    motion.during("late and slow answers", tokio::time::sleep(Duration::from_secs(8))).await;
    rig.faults.clear();
    rig.until_true("fair weather").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_no_sign_that_all_is_well() {
    let rig = Rig::start("silence").await;
    let motion = Motion::begin(&rig).await;
    motion
        .during("a black hole", async {
            rig.faults.set(Weather { black_hole: true, ..Weather::default() });
            within("that it is told", async {
                while !is_told(&rig.list().completeness) {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            })
            .await;
            rig.faults.clear();
        })
        .await;
}
