//! What reading a question costs: `cargo bench -p pilothouse-query`.

use std::hint::black_box;

use criterion::Criterion;
use pilothouse_model::{Workload, id::Str};
use pilothouse_query::parse;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let columns = Workload::columns();
    let questions: [(&str, Str); 3] = [
        ("a word", "oom".into()),
        ("a question", "state:failed gpu:>0 ns:team-a,team-b age:<2h label:app=train oom".into()),
        ("an unknown field", "memroy:>16Gi".into()),
    ];
    for (name, text) in questions {
        criterion.bench_function(name, |bench| bench.iter(|| parse(black_box(&text), &columns)));
    }
    criterion.final_summary();
}
