//! A real control plane with a node that runs commands in the pod `web` of the namespace `a`, for tests of terminals that are
//! not written in Rust: prints its kubeconfig and ends when its input does.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "its output is its purpose, and it is for tests alone")]

use pilothouse_harness::kubelet::{Kubelet, V5};
use pilothouse_harness::{Options, RealControlPlane};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, stdin};

#[tokio::main]
async fn main() {
    let plane = RealControlPlane::start(Options::default()).await;
    let node = Kubelet::start(V5).await;
    plane.admin().ensure("/api/v1/namespaces", &json!({"metadata": {"name": "a"}})).await;
    node.run(plane.admin(), ("a", "web"), &["main", "side"]).await;
    println!("{}", plane.kubeconfig("admin").display());
    // Whoever started this holds the other end; its end is ours.
    let mut rest = Vec::new();
    stdin().read_to_end(&mut rest).await.expect("the input is readable");
}
