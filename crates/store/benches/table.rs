//! What a table of 100,000 pods costs: `cargo bench -p pilothouse-store`. `BENCH_ROWS=30000` changes the number.
//!
//! Before Criterion begins, each question is asked some hundred times and its slowest answers are told, too: people wait
//! for those. `BENCH_FIGURES=1` tells these figures alone.

#[path = "support/figures.rs"]
mod figures;
#[path = "support/pods.rs"]
mod pods;
#[path = "support/processor.rs"]
mod processor;
#[path = "support/questions.rs"]
mod questions;

use std::hint::black_box;

use criterion::measurement::Measurement;
use criterion::{BatchSize, Criterion};
use pilothouse_model::{Field, Filter, Plan, Timestamp};
use pilothouse_store::{Body, Record, Snapshot, Table, Window};
use pods::Pods;
use processor::{Bench, ProcessorTime};
use questions::{PAGE, equals, plan, questions};

fn rows() -> u64 {
    std::env::var("BENCH_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000)
}

fn fill(pods: &mut Pods) -> Table {
    let mut table = Table::new(pods::columns());
    for number in 0..rows() {
        table.upsert(pods.record(number, 0));
        if number % 500 == 0 {
            table.commit();
        }
    }
    table.commit();
    table
}

/// Bytes of memory that this process holds, as Linux counts them.
fn resident() -> usize {
    let statistics = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statistics.split(' ').nth(1).and_then(|pages| pages.parse().ok()).map_or(0, |pages: usize| pages * 4096)
}

fn answers(criterion: &mut Bench, snapshot: &Snapshot, now: Timestamp) {
    for (name, plan) in &questions() {
        criterion.bench_function(name, |bench| bench.iter(|| snapshot.run(black_box(plan), 0, PAGE, now)));
    }
    let everything = Plan::everything();
    criterion.bench_function("run/page in the middle by age", |bench| {
        let plan = plan(Filter::All, &[(Field::Column(3), true)]);
        bench.iter(|| snapshot.run(black_box(&plan), snapshot.len() / 2, PAGE, now));
    });
    criterion.bench_function("count by state", |bench| {
        bench.iter(|| snapshot.select(&everything, now).count_by(black_box(&Field::State)));
    });
    criterion.bench_function("get", |bench| {
        let name = snapshot.iter().nth(snapshot.len() / 3).map(|record| record.row.key());
        let key = name.as_ref();
        bench.iter(|| key.and_then(|key| snapshot.get(key.namespace.as_deref(), black_box(&key.name))));
    });
}

fn writes(criterion: &mut Bench, pods: &mut Pods, table: &mut Table) {
    let mut version = 0;
    let mut fresh = |count: u64| -> Vec<_> {
        version += 1;
        (0..count).map(|number| pods.record(number * 7919 % rows(), version)).collect()
    };
    criterion.bench_function("upsert 100 and commit", |bench| {
        bench.iter_batched(
            || fresh(100),
            |records| {
                for record in records {
                    table.upsert(record);
                }
                table.commit()
            },
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("upsert 1 and commit", |bench| {
        bench.iter_batched(
            || fresh(1),
            |records| {
                records.into_iter().map(|record| table.upsert(record)).count() + usize::from(table.commit().is_some())
            },
            BatchSize::PerIteration,
        );
    });
    criterion.bench_function("snapshot", |bench| bench.iter(|| table.snapshot()));
}

/// What a window costs after a commit of 100 changes somewhere in the table.
fn windows(criterion: &mut Bench, pods: &mut Pods, table: &mut Table, now: Timestamp) {
    let mut version = 1000;
    let cases = [
        ("window/by name", plan(Filter::All, &[])),
        ("window/failed by age", plan(equals(Field::State, "oomkilled"), &[(Field::Column(3), true)])),
    ];
    for (name, plan) in cases {
        criterion.bench_function(&format!("{name}, 100 changes"), |bench| {
            bench.iter_batched(
                || {
                    let mut window = Window::new(plan.clone(), 0, PAGE);
                    window.update(&table.snapshot(), now);
                    version += 1;
                    for number in 0..100 {
                        table.upsert(pods.record(number * 7919 % rows(), version));
                    }
                    table.commit();
                    (window, table.snapshot())
                },
                |(mut window, snapshot)| window.update(&snapshot, now),
                BatchSize::PerIteration,
            );
        });
    }
}

fn bodies(criterion: &mut Bench, pods: &mut Pods) {
    let packed: Vec<_> = (0..512).map(|number| pods.record(number, 0)).collect();
    let objects: Vec<_> = packed.iter().filter_map(|record| record.object().ok()).collect();
    let mut each = objects.iter().zip(&packed).cycle();
    criterion.bench_function("compress with the dictionary", |bench| {
        bench.iter(|| each.next().map(|(object, record)| pods.compressor.compress(object, &record.row)));
    });
    let alone = Record { body: Body::compress(&objects[0]), row: packed[0].row.clone() };
    criterion.bench_function("unpack without a dictionary", |bench| bench.iter(|| alone.object().is_ok()));
    criterion.bench_function("unpack with the dictionary", |bench| bench.iter(|| packed[511].object().is_ok()));
}

#[expect(clippy::print_stderr, reason = "a bench reports to the terminal")]
fn main() {
    let mut criterion = Criterion::default().with_measurement(ProcessorTime).configure_from_args();
    let now: Timestamp = "2026-11-20T00:00:00.5Z".parse().unwrap_or_default();
    let mut pods = Pods::new();
    let before = resident();
    let started = ProcessorTime.start();
    let mut table = fill(&mut pods);
    let (took, rows) = (ProcessorTime.end(started), table.snapshot().len());
    let stored: usize = table.snapshot().iter().map(|record| record.body.stored_bytes()).sum();
    eprintln!(
        "{rows} rows: {} bytes of memory each, of which {} compressed from {} of JSON; made and stored in {took:?}",
        (resident().saturating_sub(before)) / rows.max(1),
        stored / rows.max(1),
        pods.json_bytes / rows.max(1),
    );
    figures::answers(&table.snapshot(), now);
    figures::windows(&mut pods, &mut table, rows as u64, now);
    figures::writes(&mut pods, &mut table, rows as u64);
    if std::env::var_os("BENCH_FIGURES").is_some() {
        let full = resident();
        drop(table);
        let empty = resident();
        eprintln!(
            "dropped: {} of {} MB are left",
            empty.saturating_sub(before) >> 20,
            full.saturating_sub(before) >> 20
        );
        return;
    }
    answers(&mut criterion, &table.snapshot(), now);
    bodies(&mut criterion, &mut pods);
    windows(&mut criterion, &mut pods, &mut table, now);
    writes(&mut criterion, &mut pods, &mut table);
    criterion.final_summary();
}
