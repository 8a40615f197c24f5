//! The figures of scale: fills a cluster with pods as varied as real ones and measures the console, as it is released, on it;
//! beside it kube-rs' reflector store and kubectl on the same cluster. `make bench-scale N=100000`; see docs/figures.md.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measurement reports to the terminal")]

mod beside;
mod churn;
mod console;
mod dice;
mod etcd;
mod first;
mod load;
mod options;
mod outcome;
mod people;
mod pods;
mod population;
mod probe;
mod query;
mod raw;
mod report;
mod unpacked;
mod windows;
mod world;
mod writing;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use options::Options;
use outcome::Outcome;
use report::Report;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;
use world::World;

/// The longest that the whole program may take.
const LIMIT: Duration = Duration::from_secs(3 * 3600);
/// The longest that one phase may take.
const PHASE: Duration = Duration::from_secs(1200);

#[tokio::main]
async fn main() {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(2);
        }
    };
    // Whatever ends the run, the programs that it started end with their values.
    let ended = tokio::select! {
        ended = timeout(LIMIT, run(&options)) => ended.unwrap_or_else(|_| Err("it took too long".into())),
        () = stopped() => Err("stopped".into()),
    };
    if let Err(error) = ended {
        eprintln!("bench_scale: {error}");
        std::process::exit(1);
    }
}

/// Ends with the first signal that asks for the end.
async fn stopped() {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else { return std::future::pending().await };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

async fn run(options: &Options) -> Outcome<()> {
    let kind = if options.embedded { "embedded" } else { "real" };
    println!("== the {kind} cluster with {} pods", options.pods);
    let world = World::start(options).await?;
    if options.load_only {
        return Ok(());
    }
    let mut report = Report::default();
    measure(options, &world, &mut report).await;
    println!("\n{} pods, {kind} API server\n\n{}", options.pods, report.table());
    if let Some(path) = &options.json {
        let mut json = report.json();
        json["pods"] = options.pods.into();
        json["cluster"] = kind.into();
        std::fs::write(path, serde_json::to_string_pretty(&json)?)?;
        println!("written to {}", path.display());
    }
    Ok(())
}

/// Every phase that is wanted, one after the other; one that fails is told and hinders the others as little as possible.
async fn measure(options: &Options, world: &World, report: &mut Report) {
    let kubeconfig = world.kubeconfig();
    if options.wants("reflector") {
        phase("kube-rs' reflector", beside::reflector(&kubeconfig, report))
            .await
            .unwrap_or_else(|error| report.note(error));
    }
    if options.wants("kubectl") {
        phase("kubectl", beside::kubectl(&kubeconfig, world.folder(), report))
            .await
            .unwrap_or_else(|error| report.note(error));
    }
    // On a real API server many people have tokens of their own, and a console that they sign in to.
    let shared = options.wants("people") && !options.embedded;
    let alone = |phase: &&str| options.wants(phase) && !(shared && ["people", "idle"].contains(phase));
    if ["list", "memory", "query", "churn", "people", "idle"].iter().any(alone) {
        match phase("the console's tables", first::open(options, &kubeconfig, report)).await {
            Ok(ready) => on_console(options, world, (ready, shared), report).await,
            Err(error) => report.note(error),
        }
    }
    if shared {
        match phase("a console for many people", people::open(world, options)).await {
            Ok(mut ready) => with_people(options, world, &mut ready, report).await,
            Err(error) => report.note(error),
        }
    }
    if options.wants("query") {
        phase("questions in process", query::in_process(&kubeconfig, report))
            .await
            .unwrap_or_else(|error| report.note(error));
    }
}

/// What is measured on a console for one person; `shared` tells whether people have another one.
async fn on_console(options: &Options, world: &World, (mut ready, shared): (first::Ready, bool), report: &mut Report) {
    if options.wants("query") {
        phase("questions over HTTP", query::over_http(ready.console.door(), report))
            .await
            .unwrap_or_else(|error| report.note(error));
    }
    if options.wants("churn") {
        let kubeconfig = world.kubeconfig();
        let run = churn::run(world, (&ready.console, &kubeconfig), options, report);
        phase("changes", run).await.unwrap_or_else(|error| report.note(error));
    }
    if !shared {
        with_people(options, world, &mut ready, report).await;
    }
}

/// What is measured when many people come, and when they have gone.
async fn with_people(options: &Options, world: &World, ready: &mut first::Ready, report: &mut Report) {
    if options.wants("people") {
        phase("many people", people::run(world, ready, options, report))
            .await
            .unwrap_or_else(|error| report.note(error));
    }
    if options.wants("idle") {
        phase("nobody", people::idle(ready, report)).await.unwrap_or_else(|error| report.note(error));
    }
}

/// One phase, bounded in time; a failure of any sort is a sentence.
async fn phase<T>(what: &str, work: impl Future<Output = Outcome<T>>) -> Result<T, String> {
    println!("== {what}");
    let started = Instant::now();
    let done = timeout(PHASE, AssertUnwindSafe(work).catch_unwind()).await;
    println!("   ({:.0} s)", started.elapsed().as_secs_f64());
    match done {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(format!("{what}: {error}")),
        Ok(Err(panic)) => {
            let words = panic.downcast_ref::<String>().cloned();
            let words = words.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("{what}: {}", words.unwrap_or_else(|| "a check failed".to_owned())))
        }
        Err(_) => Err(format!("{what}: took longer than {} minutes", PHASE.as_secs() / 60)),
    }
}
