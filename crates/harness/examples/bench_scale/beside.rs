//! What others take for the same pods: kube-rs' reflector store and kubectl, each a program of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use pilothouse_harness::places;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::outcome::Outcome;
use crate::probe;
use crate::report::Report;

/// kube-rs over all pods: `store` keeps them, `watch` decodes and drops them. Ends when it is dropped.
pub(crate) struct KubeRs {
    child: Child,
    pub(crate) lines: Lines<BufReader<ChildStdout>>,
    /// What it said when its first list was complete.
    pub(crate) first: Value,
}

impl KubeRs {
    pub(crate) async fn start(mode: &str, kubeconfig: &Path) -> Outcome<Self> {
        let program = places::built("kube-reflector");
        let mut command = Command::new(program);
        command.arg(mode).arg(kubeconfig).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        let first = lines.next_line().await?.ok_or("kube-reflector ended early")?;
        Ok(Self { child, lines, first: serde_json::from_str(&first)? })
    }

    pub(crate) fn id(&self) -> Outcome<u32> {
        Ok(self.child.id().ok_or("kube-reflector has ended")?)
    }
}

/// kube-rs' plain store of all pods.
pub(crate) async fn reflector(kubeconfig: &Path, report: &mut Report) -> Outcome<()> {
    let store = KubeRs::start("store", kubeconfig).await?;
    let objects = store.first["objects"].as_f64().ok_or("no number of objects")?;
    let seconds = store.first["seconds"].as_f64().ok_or("no time")?;
    let memory = probe::memory(store.id()?)?;
    report.beside(
        "kube-rs' reflector store (DynamicObject) of the same pods",
        format!(
            "{:.1} KB a pod; {:.0} MB in all, peak {:.0} MB; complete in {seconds:.1} s",
            memory.resident * 1e3 / objects,
            memory.resident,
            memory.peak
        ),
    );
    Ok(())
}

/// kubectl's list of all pods.
pub(crate) async fn kubectl(kubeconfig: &Path, folder: &Path, report: &mut Report) -> Outcome<()> {
    // The newest is enough.
    if let Some(program) = places::kubectls().into_iter().next() {
        let output = std::fs::File::create(folder.join("kubectl.txt"))?;
        let started = Instant::now();
        let mut child = Command::new(&program)
            .args(["get", "pods", "--all-namespaces", "--chunk-size=500", "--kubeconfig"])
            .arg(kubeconfig)
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let (id, mut peak) = (child.id().ok_or("kubectl has ended")?, 0.0_f64);
        let status = loop {
            // It may end between two looks.
            peak = probe::memory(id).map_or(peak, |memory| memory.peak.max(peak));
            tokio::select! {
                status = child.wait() => break status?,
                () = tokio::time::sleep(Duration::from_millis(20)) => {}
            }
        };
        let seconds = started.elapsed().as_secs_f64();
        let lines = std::fs::read_to_string(folder.join("kubectl.txt"))?.lines().count();
        if !status.success() {
            return Err(format!("{}: {status}", program.display()).into());
        }
        report.beside(
            &format!("{} get pods -A --chunk-size=500", program.display()),
            format!("{seconds:.1} s, peak {peak:.0} MB, {lines} lines"),
        );
    }
    Ok(())
}
