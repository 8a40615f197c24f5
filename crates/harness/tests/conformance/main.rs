//! The same requests go to the embedded cluster and to a real API server; the answers must be the same.
//!
//! `PILOTHOUSE_RECORD=FOLDER` writes what both answered, for a look at the whole.
#![expect(clippy::expect_used, reason = "a test fails loudly when a server is not as it should be")]

mod differences;
mod normal;
mod recorder;
mod script;

use differences::DIFFERENCES;
use pilothouse_harness::{Embedded, Options, RealControlPlane};
use recorder::Recorder;
use serde_json::Value;

const VISITOR: &str = "ben";

type Records = Vec<(String, Value)>;

async fn real() -> Records {
    let controllers = vec!["garbagecollector", "namespace", "root-ca-cert-publisher"];
    let plane = RealControlPlane::start(Options { controllers, ..Options::default() }).await;
    record(plane.admin().clone(), plane.api(VISITOR)).await
}

async fn embedded() -> Records {
    let cluster = Embedded::start().await;
    record(cluster.admin().clone(), cluster.api(VISITOR)).await
}

async fn record(admin: pilothouse_harness::Api, visitor: pilothouse_harness::Api) -> Records {
    let mut recorder = Recorder { admin, visitor, visitor_name: VISITOR.to_owned(), records: Vec::new() };
    script::run(&mut recorder).await;
    recorder.records
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_cluster_answers_as_a_real_one() {
    let (real, embedded) = tokio::join!(real(), embedded());
    if let Ok(folder) = std::env::var("PILOTHOUSE_RECORD") {
        for (name, records) in [("real", &real), ("embedded", &embedded)] {
            let text = serde_json::to_string_pretty(records).expect("plain data serializes");
            std::fs::write(format!("{folder}/{name}.json"), text).expect("the folder is writable");
        }
    }
    let steps = |records: &Records| -> Vec<String> { records.iter().map(|(step, _)| step.clone()).collect() };
    assert_eq!(steps(&real), steps(&embedded), "both ran the same steps");
    let complaints = compare(&real, &embedded);
    assert!(complaints.is_empty(), "{} answers differ:\n\n{}", complaints.len(), complaints.join("\n\n"));
}

/// What differs without being listed, and what is listed without differing.
fn compare(real: &Records, embedded: &Records) -> Vec<String> {
    let mut complaints = Vec::new();
    let mut used = vec![false; DIFFERENCES.len()];
    for ((step, real), (_, embedded)) in real.iter().zip(embedded) {
        let (mut expected, mut found) = (real.clone(), embedded.clone());
        for (number, difference) in DIFFERENCES.iter().enumerate().filter(|(_, difference)| difference.concerns(step)) {
            used[number] |= expected.pointer(difference.part) != found.pointer(difference.part);
            forget(&mut expected, difference.part);
            forget(&mut found, difference.part);
        }
        if expected != found {
            let mut lines = Vec::new();
            explain("", &expected, &found, &mut lines);
            complaints.push(format!("{step}\n{}", lines.join("\n")));
        }
    }
    for (difference, _) in DIFFERENCES.iter().zip(used).filter(|(_, used)| !used) {
        complaints.push(format!("listed as a difference, but it is none: {} {}", difference.step, difference.part));
    }
    complaints
}

/// Takes a part out of an answer.
fn forget(answer: &mut Value, part: &str) {
    if part.is_empty() {
        *answer = Value::Null;
    } else if let Some((parent, field)) = part.rsplit_once('/') {
        match answer.pointer_mut(parent) {
            Some(Value::Object(fields)) => drop(fields.remove(&field.replace("~1", "/"))),
            Some(Value::Array(items)) => {
                if let Some(item) = field.parse().ok().and_then(|place: usize| items.get_mut(place)) {
                    *item = Value::Null;
                }
            }
            _ => {}
        }
    }
}

/// The places where two answers differ, one line each.
fn explain(place: &str, real: &Value, embedded: &Value, lines: &mut Vec<String>) {
    match (real, embedded) {
        (Value::Object(left), Value::Object(right)) => {
            let mut names: Vec<&String> = left.keys().chain(right.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                let (left, right) = (left.get(name).unwrap_or(&Value::Null), right.get(name).unwrap_or(&Value::Null));
                explain(&format!("{place}/{name}"), left, right, lines);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (number, (left, right)) in left.iter().zip(right).enumerate() {
                explain(&format!("{place}/{number}"), left, right, lines);
            }
        }
        (left, right) if left == right => {}
        (left, right) => lines.push(format!("  {place}\n    real:     {left}\n    embedded: {right}")),
    }
}

#[test]
fn a_difference_is_found_and_told() {
    let real = vec![("step".to_owned(), serde_json::json!({"a": [1, 2], "b": 1}))];
    let embedded = vec![("step".to_owned(), serde_json::json!({"a": [1, 3], "b": 1}))];
    let complaints = compare(&real, &embedded);
    assert!(complaints[0].starts_with("step\n  /a/1\n"), "{complaints:?}");
}
