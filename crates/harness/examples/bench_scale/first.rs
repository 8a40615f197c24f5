//! The first list: how long it takes, when rows are there, and the memory that the tables need.

use std::path::Path;
use std::time::{Duration, Instant};

use kube::Client;

use crate::console::{CONTEXT, Door, Open, Stream};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::probe::{self, Memory};
use crate::raw;
use crate::report::Report;

/// Time for the allocator and for background work after a table is complete.
const SETTLE: Duration = Duration::from_secs(5);

const PODS: &str = "/api/v1/pods";

/// A console that has every table open.
pub(crate) struct Ready {
    pub(crate) console: Open,
    /// Its memory before anything was asked.
    pub(crate) start: Memory,
    /// Its memory with every table.
    pub(crate) full: Memory,
    /// Keep the tables open.
    streams: Vec<tokio::task::JoinHandle<()>>,
}

impl Ready {
    /// Leaves every list, so that nobody looks any more.
    pub(crate) fn leave(&mut self) {
        self.streams.drain(..).for_each(|stream| stream.abort());
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.leave();
    }
}

/// The addresses of the three kinds.
fn list(kind: &str) -> String {
    let lists = format!("/api/v1/clusters/{CONTEXT}");
    match kind {
        "workloads" => format!("{lists}/workloads?limit=100"),
        other => format!("{lists}/resources/core/v1/{other}?limit=100"),
    }
}

/// How long after it was opened a list had rows, and was complete.
struct Came {
    first: f64,
    complete: f64,
    total: u64,
}

async fn complete(door: &Door, kind: &str) -> Outcome<(Came, Stream)> {
    let started = Instant::now();
    let mut stream = door.stream(&list(kind)).await?;
    let mut first = None;
    while let Some(message) = stream.next().await? {
        let total = message["total"].as_u64().unwrap_or(0);
        if total > 0 && first.is_none() {
            first = Some(started.elapsed().as_secs_f64());
        }
        if message["complete"] == true {
            let complete = started.elapsed().as_secs_f64();
            return Ok((Came { first: first.unwrap_or(complete), complete, total }, stream));
        }
    }
    Err(format!("the stream of {kind} ended before the list was complete").into())
}

fn hold(mut stream: Stream) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move { while let Ok(Some(_)) = stream.next().await {} })
}

/// Starts a console and opens the tables; tells what that took where it is wanted.
pub(crate) async fn open(options: &Options, kubeconfig: &Path, report: &mut Report) -> Outcome<Ready> {
    let client = raw::client(kubeconfig).await?;
    if options.wants("list") {
        // The first reading warms the API server and etcd and does not count.
        raw::read(&client, PODS).await?;
    }
    let before = reading(&client, options.wants("list")).await?;
    let console = Open::start(kubeconfig)?;
    let door = console.door().clone();
    // Connected and discovered, but nothing listed yet.
    door.json(&format!("/api/v1/clusters/{CONTEXT}/resources")).await?;
    tokio::time::sleep(SETTLE).await;
    let start = probe::memory(console.id())?;
    let clock = probe::Clock::start(console.id())?;
    let (pods, stream) = complete(&door, "pods").await?;
    let processor = clock.seconds()?;
    let mut streams = vec![hold(stream)];
    let at_once = probe::memory(console.id())?;
    tokio::time::sleep(SETTLE).await;
    let with_pods = probe::memory(console.id())?;
    let after = reading(&client, options.wants("list")).await?;
    if let (Some(before), Some(after)) = (before, after) {
        tell_list(report, (before, after), &pods, processor);
    }
    if options.wants("memory") {
        let per_pod = (with_pods.resident - start.resident) * 1e3 / pods.total.max(1) as f64;
        let more = format!(
            "{:.0} MB with {} pods, {:.0} at the start, {:.0} when just complete, peak {:.0}",
            with_pods.resident, pods.total, start.resident, at_once.resident, with_pods.peak
        );
        report.at_most("memory per pod, full object kept", (per_pod, 2.0, "KB"), &more);
    }
    let mut sizes = vec![format!("{} pods", pods.total)];
    for kind in ["workloads", "events"] {
        let (came, stream) = complete(&door, kind).await?;
        streams.push(hold(stream));
        sizes.push(format!("{} {kind} (complete after {:.1} s)", came.total, came.complete));
    }
    tokio::time::sleep(SETTLE).await;
    let full = probe::memory(console.id())?;
    if options.wants("memory") {
        let more = format!("peak {:.0} MB; {}", full.peak, sizes.join(", "));
        report.at_most("memory of the whole process, all three kinds", (full.resident, 500.0, "MB"), &more);
    }
    Ok(Ready { console, start, full, streams })
}

/// Opens every table of a console, without telling what that took.
pub(crate) async fn tables(console: Open) -> Outcome<Ready> {
    let door = console.door().clone();
    door.json(&format!("/api/v1/clusters/{CONTEXT}/resources")).await?;
    tokio::time::sleep(SETTLE).await;
    let start = probe::memory(console.id())?;
    let mut streams = Vec::new();
    for kind in ["pods", "workloads", "events"] {
        let (came, stream) = complete(&door, kind).await?;
        println!("  {} {kind} (complete after {:.1} s)", came.total, came.complete);
        streams.push(hold(stream));
    }
    tokio::time::sleep(SETTLE).await;
    let full = probe::memory(console.id())?;
    Ok(Ready { console, start, full, streams })
}

async fn reading(client: &Client, wanted: bool) -> Outcome<Option<raw::Read>> {
    if !wanted {
        return Ok(None);
    }
    let read = raw::read(client, PODS).await?;
    println!("  raw: {} MB in {} pages in {:.2} s", read.bytes / 1_000_000, read.pages, read.seconds);
    Ok(Some(read))
}

fn tell_list(report: &mut Report, (before, after): (raw::Read, raw::Read), pods: &Came, processor: f64) {
    let plain = (before.seconds + after.seconds) / 2.0;
    let more = format!(
        "complete after {:.2} s; raw {:.2} s before and {:.2} s after, {} MB in {} pages; {processor:.1} s of processor time",
        pods.complete,
        before.seconds,
        after.seconds,
        before.bytes / 1_000_000,
        before.pages
    );
    report.at_most(
        "first list -> complete table, against reading it raw",
        (pods.complete / plain, 1.3, "times"),
        &more,
    );
    let usable = pods.first < pods.complete;
    report.add("rows usable while it loads", "yes", format!("first rows after {:.2} s", pods.first), Some(usable));
}
