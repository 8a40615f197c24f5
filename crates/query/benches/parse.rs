//! What reading and completing a question costs: `cargo bench -p pilothouse-query`.

use std::hint::black_box;

use criterion::Criterion;
use pilothouse_model::{Workload, id::Str};
use pilothouse_query::{Wanted, complete, parse};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let columns = Workload::columns();
    let questions: [(&str, Str); 4] = [
        ("a word", "oom".into()),
        ("a question", "state:failed gpu:>0 ns:team-a,team-b age:<2h label:app=train oom".into()),
        ("a regular expression", r"name:/^train-.*\d$/ /oom.?kill/".into()),
        ("an unknown field", "memroy:>16Gi".into()),
    ];
    for (name, text) in questions {
        criterion.bench_function(name, |bench| bench.iter(|| parse(black_box(&text), &columns)));
    }
    // What the rows have is the table's to find: here it costs nothing.
    let values = |_: Wanted<'_>, _: &str| vec![("team-a".to_owned(), 7), ("team b".to_owned(), 3)];
    for (name, text) in [("complete a field", "gpu:>0 sta"), ("complete a value", "gpu:>0 ns:te")] {
        criterion.bench_function(name, |bench| bench.iter(|| complete(black_box(text), text.len(), &columns, &values)));
    }
    criterion.final_summary();
}
