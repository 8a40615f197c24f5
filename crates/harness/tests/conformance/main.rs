//! The same requests go to the embedded cluster and to a real API server; the answers must be the same.
#![expect(clippy::expect_used, reason = "a test fails loudly when a server is not as it should be")]

mod normal;
mod recorder;
mod script;

use pilothouse_harness::{Options, RealControlPlane};
use recorder::Recorder;

async fn real() -> Recorder {
    let controllers = vec!["garbagecollector", "namespace"];
    let plane = RealControlPlane::start(Options { controllers, scheduler: false }).await;
    let mut recorder = Recorder {
        admin: plane.admin().clone(),
        visitor: plane.api("ben"),
        visitor_name: "ben".to_owned(),
        records: Vec::new(),
    };
    script::run(&mut recorder).await;
    recorder
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_cluster_answers_as_a_real_one() {
    let real = real().await;
    if let Ok(path) = std::env::var("PILOTHOUSE_RECORD") {
        let text = serde_json::to_string_pretty(&real.records).expect("plain data serializes");
        std::fs::write(path, text).expect("the file is writable");
    }
}
