//! kubectl, old and new, works on the embedded cluster unchanged: the same commands as on a real API server.
#![expect(clippy::expect_used, reason = "a test fails loudly when a program does not run")]

mod commands;
mod shell;

use pilothouse_harness::{Embedded, Options, RealControlPlane, places};

use shell::Shell;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_real_server() {
    let controllers = vec!["garbagecollector", "namespace"];
    let plane = RealControlPlane::start(Options { controllers, ..Options::default() }).await;
    for kubectl in places::kubectls() {
        let shell = Shell::new(&kubectl, &plane.kubeconfig("admin"), &plane.kubeconfig("ben"));
        commands::run(&shell);
        shell.finish();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_embedded_cluster() {
    let cluster = Embedded::start().await;
    for kubectl in places::kubectls() {
        let shell = Shell::new(&kubectl, &cluster.kubeconfig("admin"), &cluster.kubeconfig("ben"));
        commands::run(&shell);
        shell.finish();
    }
}
