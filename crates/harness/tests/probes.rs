//! The console as those see it who run it: probes, metrics, the log, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::time::{Duration, Instant};

use futures::StreamExt;
use pilothouse_harness::{Console, Embedded};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until the answer has what is wanted.
async fn metrics_with(client: &Client, probes: &str, wanted: &[&str]) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = client.get(format!("{probes}/metrics")).send().await.unwrap().text().await.unwrap();
        if wanted.iter().all(|line| text.lines().any(|found| found.starts_with(line))) {
            return;
        }
        assert!(Instant::now() < deadline, "{wanted:?} are not in {text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_tells_how_it_fares_and_ends_in_order() {
    let embedded = Embedded::start().await;
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "only"},
        "spec": {"containers": [{"name": "main", "image": "nginx"}]},
    });
    embedded.admin().ensure("/api/v1/namespaces/default/pods", &pod).await;
    let kubeconfig = embedded.kubeconfig("admin");
    let mut console = Console::start(&[
        "serve",
        "--kubeconfig",
        kubeconfig.to_str().unwrap(),
        "--listen=127.0.0.1:0",
        "--probes=127.0.0.1:0",
        "--no-open",
        "--log-format=json",
    ]);
    let probes = format!("http://{}", console.probes());
    let client = Client::new();
    let status = async |path: &str| client.get(format!("{probes}{path}")).send().await.map(|answer| answer.status());
    assert_eq!(status("/livez").await.unwrap(), StatusCode::OK);
    assert_eq!(status("/readyz").await.unwrap(), StatusCode::OK);
    assert_eq!(status("/api/v1/clusters").await.unwrap(), StatusCode::NOT_FOUND, "what people see is not here");

    let (base, secret) = (console.origin().to_owned(), console.secret().to_owned());
    let ask = |path: &str| client.get(format!("{base}{path}")).bearer_auth(&secret);
    let clusters: Value = ask("/api/v1/clusters").send().await.unwrap().json().await.unwrap();
    let cluster = clusters["clusters"][0]["name"].as_str().unwrap().to_owned();
    let list = format!("/api/v1/clusters/{cluster}/resources/core/v1/pods");
    let rows: Value = ask(&list).send().await.unwrap().json().await.unwrap();
    assert_eq!(rows["total"], 1, "{rows}");
    let stream = ask(&list).header("accept", "text/event-stream").send().await.unwrap();
    let mut stream = stream.bytes_stream();
    stream.next().await.unwrap().unwrap();
    let labelled = |name: &str, more: &str| format!("pilothouse_{name}{{cluster=\"{cluster}\"{more}}} 1.0");
    metrics_with(
        &client,
        &probes,
        &[
            &labelled("cluster_up", ""),
            &labelled("windows", ""),
            &labelled("objects", ",resource=\"pods\""),
            "pilothouse_requests_total{route=\"/api/v1/clusters\",method=\"GET\",code=\"200\"} 1",
        ],
    )
    .await;
    assert_eq!(client.get(format!("{base}/metrics")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);

    console.terminate();
    let deadline = Instant::now() + PATIENCE;
    while let Ok(Some(part)) = tokio::time::timeout_at(deadline.into(), stream.next()).await {
        if part.is_err() {
            break;
        }
    }
    let ended = loop {
        if let Some(ended) = console.ended() {
            break ended;
        }
        assert!(Instant::now() < deadline, "it goes on:\n{}", console.printed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(ended.success(), "{ended}:\n{}", console.printed());
    assert!(status("/readyz").await.is_err(), "nobody answers any more");
    // Two lines for people; what follows is the log, an object a line.
    for line in console.printed().lines().filter(|line| !line.contains(" at http")) {
        assert!(serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object()), "{line}");
    }
}
