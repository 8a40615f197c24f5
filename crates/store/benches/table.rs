//! What a table of 30,000 pods costs: `cargo bench -p pilothouse-store`. `ROWS=100000` changes the number.

#[path = "support/pods.rs"]
mod pods;
#[path = "support/processor.rs"]
mod processor;

use std::hint::black_box;

use criterion::measurement::Measurement;
use criterion::{BatchSize, Criterion};
use pilothouse_model::{Comparison, Field, Filter, LabelSelector, Operand, Plan, Sort, Timestamp};
use pilothouse_store::{Compressor, Snapshot, Table, Window};
use pods::Pods;
use processor::{Bench, ProcessorTime};

const PAGE: usize = 50;

fn rows() -> u64 {
    std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(30_000)
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

fn plan(filter: Filter, order: &[(Field, bool)]) -> Plan {
    let order =
        order.iter().map(|(field, descending)| Sort { field: field.clone(), descending: *descending }).collect();
    Plan { filter, order, ..Plan::everything() }
}

fn equals(field: Field, word: &str) -> Filter {
    Filter::Compare(field, Comparison::Equal, Operand::Text(word.into()))
}

fn questions(criterion: &mut Bench, snapshot: &Snapshot, now: Timestamp) {
    let selector = |text: &str| text.parse::<LabelSelector>().map_or(Filter::All, Filter::Labels);
    let young = Filter::Compare(Field::Column(3), Comparison::Less, Operand::Ago(86_400.0));
    let gpus = Filter::Compare(Field::Column(6), Comparison::Greater, Operand::Number(4.0));
    let mixed = Filter::And(vec![equals(Field::State, "oomkilled"), young, gpus, Filter::Text("team-3".into())]);
    let questions = [
        ("run/everything", plan(Filter::All, &[])),
        ("run/state", plan(equals(Field::State, "oomkilled"), &[])),
        ("run/glob", plan(equals(Field::Name, "train-*-worker-3-*"), &[])),
        ("run/text", plan(Filter::Text("insufficient".into()), &[])),
        ("run/mixed", plan(mixed, &[(Field::Column(3), false)])),
        ("run/rare label", plan(selector("job-name=train-77-worker"), &[])),
        ("run/common label", plan(selector("team=team-3"), &[])),
        ("run/namespace", Plan { namespaces: Some(vec!["team-3".into()]), ..Plan::everything() }),
        ("sort/name", plan(Filter::All, &[(Field::Name, true)])),
        ("sort/age", plan(Filter::All, &[(Field::Column(3), true)])),
        ("sort/state, restarts", plan(Filter::All, &[(Field::State, false), (Field::Column(2), true)])),
        ("sort/node of running", plan(equals(Field::State, "running"), &[(Field::Column(5), false)])),
    ];
    for (name, plan) in &questions {
        criterion.bench_function(name, |bench| bench.iter(|| snapshot.run(black_box(plan), 0, PAGE, now)));
    }
    let everything = Plan::everything();
    criterion.bench_function("run/page in the middle by age", |bench| {
        let plan = plan(Filter::All, &[(Field::Column(3), true)]);
        bench.iter(|| snapshot.run(black_box(&plan), snapshot.len() / 2, PAGE, now));
    });
    criterion.bench_function("count by state", |bench| {
        bench.iter(|| snapshot.count_by(&everything, black_box(&Field::State), now));
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
    let objects: Vec<_> = (0..512).map(|number| pods::object(number, 0)).collect();
    let mut next = 0;
    let mut each = || {
        next = (next + 1) % objects.len();
        &objects[next]
    };
    criterion.bench_function("compress with the dictionary", |bench| bench.iter(|| pods.compressor.compress(each())));
    let mut fresh = Compressor::new();
    let alone = fresh.compress(&objects[0]);
    criterion.bench_function("unpack without a dictionary", |bench| bench.iter(|| alone.object().is_ok()));
    let packed = pods.compressor.compress(&objects[0]);
    criterion.bench_function("unpack with the dictionary", |bench| bench.iter(|| packed.object().is_ok()));
}

#[expect(clippy::print_stderr, reason = "a bench reports to the terminal")]
fn main() {
    let mut criterion = Criterion::default().with_measurement(ProcessorTime).configure_from_args();
    let now: Timestamp = "2026-11-20T00:00:00Z".parse().unwrap_or_default();
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
    questions(&mut criterion, &table.snapshot(), now);
    bodies(&mut criterion, &mut pods);
    windows(&mut criterion, &mut pods, &mut table, now);
    writes(&mut criterion, &mut pods, &mut table);
    criterion.final_summary();
}
