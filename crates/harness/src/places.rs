//! Where things are: the repository, its tools, the folder next to it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the crate is two folders deep").to_path_buf()
}

/// The folder of etcd, kube-apiserver, kube-controller-manager and kube-scheduler, as `scripts/control-plane` finds or builds it.
pub fn control_plane() -> PathBuf {
    PathBuf::from(first_line("scripts/control-plane", &[]))
}

/// Every kubectl there is to test with, as `scripts/kubectl-versions` lists them: a name and a program.
pub fn kubectls() -> Vec<PathBuf> {
    output("scripts/kubectl-versions", &[]).lines().map(PathBuf::from).collect()
}

/// A Python that has the official Kubernetes client, as `scripts/python-client` finds or installs it.
pub fn python() -> PathBuf {
    PathBuf::from(first_line("scripts/python-client", &[]))
}

/// A program that the workspace built, next to the running test's own folder.
pub fn built(program: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    let profile = test.ancestors().nth(2).expect("tests live in <target>/<profile>/deps");
    let path = profile.join(program);
    assert!(path.exists(), "{} is not built: run `cargo build -p {program}` first", path.display());
    path
}

fn first_line(script: &str, arguments: &[&str]) -> String {
    output(script, arguments).lines().next().unwrap_or_else(|| panic!("{script} printed nothing")).to_owned()
}

fn output(script: &str, arguments: &[&str]) -> String {
    let path = repository().join(script);
    let output = Command::new(&path)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", path.display()));
    assert!(output.status.success(), "{script} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("paths are UTF-8")
}
