//! The server and its store come and go.

use std::time::Duration;

use pilothouse_app::Source;
use pilothouse_harness::{Options, RealControlPlane};
use pilothouse_model::Completeness;

use super::rig::{Rig, is_complete, is_told, until, versions};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_comes_back_to_a_console_that_knew_how_old_its_data_was() {
    let mut plane = RealControlPlane::start(Options::default()).await;
    let rig = Rig::on(&plane, "killed").await;
    for name in ["a", "b", "c"] {
        rig.create(name).await;
    }
    let mut window = rig.window();
    let mut workloads = rig.cluster.window(Source::Workloads, rig.ask()).unwrap();
    until(&mut window, "the list", is_complete).await;
    until(&mut workloads, "the workloads", is_complete).await;
    rig.until_true("before it is killed").await;
    let before = versions(&rig.list());
    for round in 0..2 {
        plane.crash_server();
        let stale = until(&mut window, "the crash", |update| is_told(&update.completeness)).await;
        assert!(matches!(&stale.completeness, Completeness::Stale(why) if why.contains(rig.cluster.server())));
        until(&mut workloads, "the crash, for workloads", |update| is_told(&update.completeness)).await;
        let told = rig.list();
        assert_eq!(told.as_of, stale.as_of, "its age is told");
        if round == 0 {
            assert_eq!(versions(&told), before, "what was known stays");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(rig.list().as_of, stale.as_of, "and it does not become younger by itself");
        plane.restart_server().await;
        rig.turn("a", 7 + round).await;
        if round == 0 {
            rig.delete("b").await;
            rig.create("d").await;
        }
        let back = until(&mut window, "the return", is_complete).await;
        assert!(back.as_of > stale.as_of);
        until(&mut workloads, "the return, for workloads", is_complete).await;
        rig.until_true("after its return").await;
    }
    // The engine ends before the server, or its last words would be complaints.
    rig.engine.shutdown();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_hangs_makes_nothing_look_empty_or_fresh() {
    let mut plane = RealControlPlane::start(Options::default()).await;
    let rig = Rig::on(&plane, "hanging").await;
    for name in ["a", "b"] {
        rig.create(name).await;
    }
    let mut window = rig.window();
    until(&mut window, "the list", is_complete).await;
    rig.until_true("before it hangs").await;
    let known = versions(&rig.list());
    plane.signal_etcd("STOP");
    // A table that was never read cannot be read now.
    let secrets = Source::Resource(rig.resource("", "secrets"));
    for _ in 0..60 {
        let listing = rig.cluster.list(&secrets, &rig.ask()).unwrap();
        assert!(is_told(&listing.completeness) && listing.as_of.is_none(), "{:?}", listing.completeness);
        assert_eq!(versions(&rig.list()), known);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    plane.signal_etcd("CONT");
    rig.create("c").await;
    rig.until_true("after it went on").await;
    let mut secrets = rig.cluster.window(secrets, rig.ask()).unwrap();
    until(&mut secrets, "the secrets", is_complete).await;
    rig.engine.shutdown();
}
