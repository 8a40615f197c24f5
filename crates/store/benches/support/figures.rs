//! How long the slowest answers take.

use std::time::Duration;

use criterion::measurement::Measurement;
use pilothouse_model::{Field, Plan, Timestamp};
use pilothouse_store::{PageKey, Snapshot, Table, Window};

use crate::pods::Pods;
use crate::processor::ProcessorTime;
use crate::questions::{PAGE, questions};

const ROUNDS: usize = 40;

#[expect(clippy::print_stderr, reason = "a bench reports to the terminal")]
fn tell(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at =
        |share: f64| times.get((times.len() as f64 * share) as usize).or(times.last()).copied().unwrap_or_default();
    eprintln!("{name:32} least {:>10.3?}  median {:>10.3?}  p99 {:>10.3?}", at(0.0), at(0.5), at(0.99));
}

fn times<T>(rounds: usize, mut work: impl FnMut() -> T) -> Vec<Duration> {
    let measured = |_| {
        let started = ProcessorTime.start();
        std::hint::black_box(work());
        ProcessorTime.end(started)
    };
    (0..rounds).map(measured).collect()
}

/// Each question: its first page, its last page, and the page that follows a key.
pub(crate) fn answers(snapshot: &Snapshot, now: Timestamp) {
    let mut all = Vec::new();
    for (name, plan) in &questions() {
        let first = times(ROUNDS, || snapshot.run(plan, 0, PAGE, now));
        let total = snapshot.run(plan, 0, 0, now).total;
        let last = times(ROUNDS, || snapshot.run(plan, total.saturating_sub(PAGE), PAGE, now));
        let middle = snapshot.run(plan, total / 2, 1, now);
        let key = middle.rows.first().map(|record| PageKey::of(plan, &record.row));
        let after = times(ROUNDS, || key.as_ref().map(|key| snapshot.select(plan, now).page_after(key, PAGE)));
        tell(name, first.clone());
        tell(&format!("{name}: last page"), last.clone());
        tell(&format!("{name}: after a key"), after.clone());
        all.extend(first.into_iter().chain(last).chain(after));
    }
    tell("ALL QUESTIONS", all);
    let fields = [Field::State, Field::Namespace, Field::Kind, Field::Column(5)];
    let everything = Plan::everything();
    tell(
        "count by 4 fields",
        times(ROUNDS, || {
            let selection = snapshot.select(&everything, now);
            fields.each_ref().map(|field| selection.count_by(field))
        }),
    );
    tell("count by name", times(ROUNDS, || snapshot.select(&everything, now).count_by(&Field::Name)));
}

/// Windows while pods change: commits of 75 changes, anywhere in the table.
pub(crate) fn windows(pods: &mut Pods, table: &mut Table, rows: u64, now: Timestamp) {
    let open = |(name, plan): (&'static str, Plan)| (name, Window::new(plan, 0, PAGE), Vec::new());
    let mut windows: Vec<_> = questions().into_iter().map(open).collect();
    let mut all = Vec::new();
    for version in 1..=100 {
        for number in 0..75 {
            table.upsert(pods.record((number + version * 75) * 7919 % rows, version));
        }
        table.commit();
        let snapshot = table.snapshot();
        for (_, window, spent) in &mut windows {
            spent.extend(times(1, || window.update(&snapshot, now)));
        }
    }
    for (name, _, spent) in windows {
        all.extend(spent.iter().skip(1).copied());
        let sum: Duration = spent.iter().skip(1).sum();
        tell(&format!("window {name}, mean {:.0?}", sum / 99), spent);
    }
    let sum: Duration = all.iter().sum();
    tell(&format!("ALL WINDOWS, mean {:.0?}", sum / u32::try_from(all.len()).unwrap_or(1)), all);
}

/// Commits of 100 changes.
pub(crate) fn writes(pods: &mut Pods, table: &mut Table, rows: u64) {
    let mut spent = Vec::new();
    for version in 200..300 {
        let records: Vec<_> =
            (0..100).map(|number| pods.record((number + version * 75) * 7919 % rows, version)).collect();
        let started = ProcessorTime.start();
        for record in records {
            table.upsert(record);
        }
        table.commit();
        spent.push(ProcessorTime.end(started));
    }
    tell("upsert 100 and commit", spent);
}
