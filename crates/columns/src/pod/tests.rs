//! Pods in all their states, and the word and level of each.

use pilothouse_model::{Level, Object};
use serde_json::{Value, json};

use super::summary;

fn pod(spec: &Value, status: &Value) -> Object {
    Object::new(json!({"metadata": {"name": "p"}, "spec": spec, "status": status})).unwrap()
}

fn one(status: &Value) -> (String, Level, i64, i64, i64) {
    let summary = summary(&pod(&json!({"containers": [{"name": "main"}]}), status));
    (summary.status.word.to_string(), summary.status.level, summary.ready, summary.total, summary.restarts)
}

fn with_state(phase: &str, state: &Value) -> Value {
    json!({"phase": phase, "containerStatuses": [{"name": "main", "ready": false, "restartCount": 2, "state": state}]})
}

#[test]
fn words_of_a_single_container() {
    let cases = [
        (json!({"phase": "Pending"}), "Pending", Level::Waiting),
        (json!({}), "Unknown", Level::Unknown),
        (json!({"phase": "Failed", "reason": "Evicted"}), "Evicted", Level::Error),
        (json!({"phase": "Failed", "reason": "DeadlineExceeded"}), "DeadlineExceeded", Level::Error),
        (json!({"phase": "Unknown"}), "Unknown", Level::Unknown),
        (
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]}),
            "SchedulingGated",
            Level::Waiting,
        ),
        (
            with_state("Pending", &json!({"waiting": {"reason": "ContainerCreating"}})),
            "ContainerCreating",
            Level::Progress,
        ),
        (with_state("Pending", &json!({"waiting": {"reason": "ImagePullBackOff"}})), "ImagePullBackOff", Level::Error),
        (with_state("Running", &json!({"waiting": {"reason": "CrashLoopBackOff"}})), "CrashLoopBackOff", Level::Error),
        (with_state("Running", &json!({"waiting": {"reason": "SomethingNew"}})), "SomethingNew", Level::Error),
        (with_state("Running", &json!({"running": {}})), "Running", Level::Warning),
        (
            with_state("Running", &json!({"terminated": {"reason": "OOMKilled", "exitCode": 137}})),
            "OOMKilled",
            Level::Error,
        ),
        (with_state("Failed", &json!({"terminated": {"reason": "Error", "exitCode": 1}})), "Error", Level::Error),
        (with_state("Failed", &json!({"terminated": {"exitCode": 1}})), "ExitCode:1", Level::Error),
        (with_state("Failed", &json!({"terminated": {"exitCode": 137, "signal": 9}})), "Signal:9", Level::Error),
        (
            with_state("Succeeded", &json!({"terminated": {"reason": "Completed", "exitCode": 0}})),
            "Completed",
            Level::Done,
        ),
        (
            with_state("Failed", &json!({"terminated": {"reason": "ContainerStatusUnknown", "exitCode": 137}})),
            "ContainerStatusUnknown",
            Level::Error,
        ),
    ];
    for (status, word, level) in cases {
        let (found, found_level, ..) = one(&status);
        assert_eq!((found.as_str(), found_level), (word, level), "{status}");
    }
}

#[test]
fn a_ready_pod_runs() {
    let status = json!({"phase": "Running", "containerStatuses": [
        {"name": "main", "ready": true, "restartCount": 3, "state": {"running": {}},
         "lastState": {"terminated": {"finishedAt": "2026-01-02T03:04:05Z"}}},
    ]});
    assert_eq!(one(&status), ("Running".to_owned(), Level::Good, 1, 1, 3));
    let summary = summary(&pod(&json!({"containers": [{"name": "main"}]}), &status));
    assert_eq!(summary.last_restart, Some("2026-01-02T03:04:05Z".parse().unwrap()));
}

fn initializing(states: &[Value]) -> String {
    let spec = json!({
        "initContainers": [{"name": "i0"}, {"name": "i1"}],
        "containers": [{"name": "main"}],
    });
    let statuses: Vec<Value> = states
        .iter()
        .enumerate()
        .map(|(index, state)| json!({"name": format!("i{index}"), "restartCount": 1, "state": state}))
        .collect();
    let status = json!({"phase": "Pending", "initContainerStatuses": statuses, "containerStatuses": [
        {"name": "main", "state": {"waiting": {"reason": "PodInitializing"}}},
    ]});
    summary(&pod(&spec, &status)).status.word.to_string()
}

#[test]
fn words_while_init_containers_run() {
    let done = json!({"terminated": {"exitCode": 0}});
    assert_eq!(initializing(&[json!({"running": {}})]), "Init:0/2");
    assert_eq!(initializing(&[done.clone(), json!({"running": {}})]), "Init:1/2");
    assert_eq!(initializing(&[done.clone(), json!({"waiting": {"reason": "PodInitializing"}})]), "Init:1/2");
    assert_eq!(initializing(&[json!({"waiting": {"reason": "CrashLoopBackOff"}})]), "Init:CrashLoopBackOff");
    assert_eq!(initializing(&[json!({"terminated": {"exitCode": 3, "reason": "Error"}})]), "Init:Error");
    assert_eq!(initializing(&[json!({"terminated": {"exitCode": 3}})]), "Init:ExitCode:3");
    assert_eq!(initializing(&[json!({"terminated": {"exitCode": 3, "signal": 9}})]), "Init:Signal:9");
    assert_eq!(initializing(&[done.clone(), done]), "PodInitializing");
}

#[test]
fn a_sidecar_counts_as_a_container() {
    let spec = json!({
        "initContainers": [{"name": "mesh", "restartPolicy": "Always"}],
        "containers": [{"name": "main"}],
    });
    let status = json!({
        "phase": "Running",
        "initContainerStatuses": [{"name": "mesh", "started": true, "ready": true, "restartCount": 4, "state": {"running": {}}}],
        "containerStatuses": [{"name": "main", "ready": true, "restartCount": 1, "state": {"running": {}}}],
    });
    let summary = summary(&pod(&spec, &status));
    assert_eq!((&*summary.status.word, summary.ready, summary.total, summary.restarts), ("Running", 2, 2, 5));
}

#[test]
fn a_finished_container_beside_a_running_one() {
    let statuses = json!([
        {"name": "main", "ready": false, "state": {"terminated": {"reason": "Completed", "exitCode": 0}}},
        {"name": "side", "ready": true, "state": {"running": {}}},
    ]);
    let spec = json!({"containers": [{"name": "main"}, {"name": "side"}]});
    let word = |ready: &str| {
        let conditions = json!([{"type": "Ready", "status": ready}]);
        let status = json!({"phase": "Running", "containerStatuses": statuses, "conditions": conditions});
        summary(&pod(&spec, &status)).status.word.to_string()
    };
    assert_eq!(word("True"), "Running");
    assert_eq!(word("False"), "NotReady");
}

#[test]
fn a_deleted_pod_terminates_unless_it_is_over_or_lost() {
    let word = |status: Value| {
        let object = json!({"metadata": {"name": "p", "deletionTimestamp": "2026-01-02T03:04:05Z"}, "status": status});
        summary(&Object::new(object).unwrap()).status.word.to_string()
    };
    assert_eq!(word(json!({"phase": "Running"})), "Terminating");
    assert_eq!(word(json!({"phase": "Running", "reason": "NodeLost"})), "Unknown");
    assert_eq!(word(json!({"phase": "Succeeded"})), "Succeeded");
}

#[test]
fn why_stands_beside_the_word() {
    let status = json!({"phase": "Pending", "conditions": [
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"},
    ]});
    let found = summary(&pod(&json!({}), &status)).status;
    assert_eq!((&*found.reason, &*found.message), ("Unschedulable", "0/3 nodes are available"));
    let status = with_state("Pending", &json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}}));
    let found = summary(&pod(&json!({}), &status)).status;
    assert_eq!(&*found.message, "main: no such image");
}
