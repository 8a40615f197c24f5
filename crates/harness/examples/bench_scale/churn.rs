//! Changes: a paced writer of new states, and how long they take to the open windows.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::beside::KubeRs;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population::Population;
use crate::probe::Clock;
use crate::report::{Report, Spread};
use crate::windows::{Seen, Window, pages};
use crate::world::World;
use crate::writing::{Changes, Written};

/// How long the last changes have to arrive.
const TAIL: Duration = Duration::from_secs(3);

/// The pods among these rows.
pub(crate) fn numbers(population: &Population, rows: &[String]) -> Vec<u64> {
    let names: HashMap<String, u64> =
        (0..population.pods).map(|number| (population.pod_name(number), number)).collect();
    let name = |row: &String| row.rsplit('/').next().and_then(|name| names.get(name)).copied();
    rows.iter().filter_map(name).filter(|number| population.fate(*number).runs()).collect()
}

/// The phase.
pub(crate) async fn run(
    world: &World,
    (console, kubeconfig): (&crate::console::Open, &Path),
    options: &Options,
    report: &mut Report,
) -> Outcome<()> {
    let mut bare = KubeRs::start("watch", kubeconfig).await?;
    let mut windows = Vec::new();
    for page in pages() {
        windows.push(Window::open(console.door(), &page).await?);
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut looked = Vec::new();
    for window in &windows {
        looked.extend(window.take()?.rows);
    }
    let looked = numbers(&world.population, &looked);
    println!("  {} windows show {} rows of running pods", windows.len(), looked.len());
    let mut changes = Changes::prepare(world, options.through_etcd, looked).await?;
    let watched = Arc::new(Mutex::new(HashMap::new()));
    let id = bare.id()?;
    let reader = {
        let watched = Arc::clone(&watched);
        tokio::spawn(async move {
            while let Ok(Some(line)) = bare.lines.next_line().await {
                let (Ok(line), Ok(mut watched)) = (serde_json::from_str::<Value>(&line), watched.lock()) else {
                    continue;
                };
                if let (Some(stamp), Some(micros)) = (line["stamp"].as_u64(), line["micros"].as_u64()) {
                    watched.insert(stamp, micros);
                }
            }
        })
    };
    let (began, epoch) = (Instant::now(), SystemTime::now());
    let (ours, theirs) = (Clock::start(console.id())?, Clock::start(id)?);
    let servers = clocks(world)?;
    let written = changes.write(options.rate, options.seconds).await?;
    for (name, clock) in servers {
        println!("  meanwhile {name} took {:.2} cores", clock.cores()?);
    }
    let (ours, theirs) = (ours.cores()?, theirs.cores()?);
    let elapsed = began.elapsed().as_secs_f64();
    tokio::time::sleep(TAIL).await;
    reader.abort();
    let seen = windows.iter().map(|window| Ok((window.page.clone(), window.take()?))).collect::<Outcome<Vec<_>>>()?;
    tell_latency(report, (options, world.etcd().is_some() && options.through_etcd), &written, &seen);
    if let Ok(watched) = watched.lock() {
        tell_bare(report, (&written, &seen), &watched, (began, epoch));
    }
    tell_traffic(report, &seen, elapsed);
    let more =
        format!("the console {ours:.2}, kube-rs' bare watcher that decodes and drops the same changes {theirs:.2}");
    report.at_most("the console's processor above decoding the watch", (ours - theirs, 0.5, "cores"), &more);
    Ok(())
}

fn clocks(world: &World) -> Outcome<Vec<(String, Clock)>> {
    let mut programs = world.programs();
    if programs.iter().all(|(_, id)| *id != std::process::id()) {
        programs.push(("this program, which writes and reads the windows,".to_owned(), std::process::id()));
    }
    programs.into_iter().map(|(name, id)| Ok((name, Clock::start(id)?))).collect()
}

fn tell_latency(
    report: &mut Report,
    (options, through_etcd): (&Options, bool),
    written: &Written,
    seen: &[(String, Seen)],
) {
    let rate = written.rate();
    let reached = rate >= options.rate as f64 * 0.95;
    let failures = if written.failed > 0 { format!("; {} were refused", written.failed) } else { String::new() };
    report.add(
        &format!("changes a second, written through {}", if through_etcd { "etcd" } else { "the API server" }),
        &format!("{}", options.rate),
        format!("{rate:.0}{failures}"),
        Some(reached),
    );
    let (mut from_sent, mut from_done) = (Vec::new(), Vec::new());
    for (stamp, seen) in seen.iter().flat_map(|(_, seen)| &seen.stamps) {
        if let Some(sent) = written.log.get(stamp) {
            from_sent.push(seen.saturating_duration_since(sent.sent).as_secs_f64() * 1e3);
            if let Some(done) = sent.done {
                from_done.push(seen.saturating_duration_since(done).as_secs_f64() * 1e3);
            }
        }
    }
    match (Spread::of(from_sent), Spread::of(from_done)) {
        (Some(sent), Some(done)) => {
            let more = format!("from sending the change: {sent}; from the API server's answer: {done}");
            report.at_most("change -> browser, p99", (sent.p99, 250.0, "ms"), &more);
        }
        _ => report.note("no change arrived in any window".to_owned()),
    }
}

/// How long the same changes took to a watcher that does nothing with them, and how much later the windows had them.
fn tell_bare(
    report: &mut Report,
    (written, seen): (&Written, &[(String, Seen)]),
    watched: &HashMap<u64, u64>,
    (began, epoch): (Instant, SystemTime),
) {
    let moments = watched.iter().filter_map(|(stamp, micros)| {
        let moment = UNIX_EPOCH + Duration::from_micros(*micros);
        Some((*stamp, began + moment.duration_since(epoch).ok()?))
    });
    let moments: HashMap<u64, Instant> = moments.collect();
    let times = moments.iter().filter_map(|(stamp, moment)| {
        let sent = written.log.get(stamp)?.sent;
        Some(moment.saturating_duration_since(sent).as_secs_f64() * 1e3)
    });
    let later = seen.iter().flat_map(|(_, seen)| &seen.stamps).filter_map(|(stamp, shown)| {
        let moment = moments.get(stamp)?;
        Some(shown.saturating_duration_since(*moment).as_secs_f64() * 1e3)
    });
    match (Spread::of(times.collect()), Spread::of(later.collect())) {
        (Some(bare), Some(later)) => {
            report.beside("the same changes at kube-rs' bare watcher", bare.to_string());
            report.beside("windows later than the bare watcher by", later.to_string());
        }
        _ => report.note("kube-rs' watcher saw none of the changes that the windows showed".to_owned()),
    }
}

fn tell_traffic(report: &mut Report, seen: &[(String, Seen)], elapsed: f64) {
    let rate = |seen: &Seen| seen.bytes as f64 / elapsed / 1e3;
    for (page, seen) in seen {
        println!(
            "  {page}: {:.1} KB/s, {:.1} messages/s, {} stamps",
            rate(seen),
            seen.messages as f64 / elapsed,
            seen.stamps.len()
        );
        if seen.reloads > 0 {
            report.note(format!("{page} was told {} times to load itself again", seen.reloads));
        }
        if let Some(error) = &seen.error {
            report.note(format!("{page}: {error}"));
        }
    }
    if let Some((page, most)) = seen.iter().max_by(|(_, one), (_, other)| one.bytes.cmp(&other.bytes)) {
        let mean = seen.iter().map(|(_, seen)| rate(seen)).sum::<f64>() / seen.len() as f64;
        report.at_most("traffic of a window", (rate(most), 20.0, "KB/s"), &format!("the most, {page}; mean {mean:.1}"));
    }
}
