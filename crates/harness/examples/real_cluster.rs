//! A real control plane for tests that are not written in Rust: prints its kubeconfig and ends when its input does.
//!
//! It serves the definitions of Kubeflow and holds the samples, and the story of the demo runs on it.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "its output is its purpose, and it is for tests alone")]

use pilothouse_drydock::story::{Credential, Story, StoryOptions, Target};
use pilothouse_harness::{Options, RealControlPlane, crds, samples};
use tokio::io::{AsyncReadExt as _, stdin};

#[tokio::main]
async fn main() {
    let controllers = vec!["garbagecollector", "namespace"];
    let plane = RealControlPlane::start(Options { controllers, ..Options::default() }).await;
    crds::install(plane.admin(), &crds::kubeflow()).await;
    samples::create(plane.admin(), &samples::all()).await;
    let credential = plane.admin().credential();
    let target = Target {
        url: credential.server.clone(),
        ca_pem: credential.authority.as_bytes().to_vec(),
        credential: Credential::Token(credential.token.clone()),
    };
    let options = StoryOptions { speed: 4.0, scale: 0.3, ..StoryOptions::default() };
    let story = Story::start(target, options).await.expect("the story begins");
    println!("{}", plane.kubeconfig("admin").display());
    // Whoever started this holds the other end; its end is ours.
    let mut rest = Vec::new();
    stdin().read_to_end(&mut rest).await.expect("the input is readable");
    story.stop().await;
}
