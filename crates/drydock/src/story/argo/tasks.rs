//! What the graph is made of: tasks in their order, and what a pod says of its node.

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::super::pods;

/// A task of a graph.
pub(super) struct Task {
    pub(super) name: String,
    pub(super) template: String,
    pub(super) needs: Vec<String>,
    /// It has a condition; the only ones the story knows are KFP's cache decisions.
    pub(super) when: bool,
}

/// The tasks of a DAG in an order in which each comes after those it needs; the steps of a Steps template likewise.
pub(super) fn tasks_of(template: &Value) -> Vec<Task> {
    let read = |task: &Value, needs: Vec<String>| {
        Some(Task {
            name: task.text("/name")?.to_owned(),
            template: task.text("/template")?.to_owned(),
            needs,
            when: task.text("/when").is_some_and(|when| when.contains("cached-decision")),
        })
    };
    let mut waiting: Vec<Task> = Vec::new();
    let mut before: Vec<String> = Vec::new();
    for group in template.items("/steps") {
        let steps: Vec<Task> =
            group.as_array().into_iter().flatten().filter_map(|step| read(step, before.clone())).collect();
        before = steps.iter().map(|step| step.name.clone()).collect();
        waiting.extend(steps);
    }
    for task in template.items("/dag/tasks") {
        let listed = task.items("/dependencies").iter().filter_map(Value::as_str).map(str::to_owned);
        let text = task.text("/depends").unwrap_or_default();
        let words = text.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.')));
        let named = words.filter(|word| !word.is_empty()).map(|word| word.split('.').next().unwrap_or(word).to_owned());
        waiting.extend(read(task, listed.chain(named).collect()));
    }
    let mut sorted: Vec<Task> = Vec::new();
    while !waiting.is_empty() {
        let ready = |task: &Task| task.needs.iter().all(|need| sorted.iter().any(|done| done.name == *need));
        // A circle, or a need that does not exist, is left out: it can never run.
        let Some(index) = waiting.iter().position(ready) else { break };
        sorted.push(waiting.remove(index));
    }
    sorted
}

/// Phase and message of a node, from its pod, in Argo's words.
pub(super) fn of_pod(pod: &Value) -> (&'static str, Option<String>) {
    match pods::phase(pod) {
        "Succeeded" => ("Succeeded", None),
        "Failed" => {
            if let Some(message) = pod.text("/status/message") {
                return ("Error", Some(message.to_owned()));
            }
            let last = pod.text("/status/containerStatuses/0/state/terminated/message");
            let words = super::super::object::ended(pod).map(|(code, reason)| match last {
                Some(last) => format!("main: {reason} (exit code {code}): {last}"),
                None => format!("main: {reason} (exit code {code})"),
            });
            ("Failed", Some(words.unwrap_or_else(|| "pod failed".to_owned())))
        }
        "Running" => ("Running", None),
        _ => {
            let waiting = pod.pointer("/status/containerStatuses/0/state/waiting");
            let unschedulable =
                super::super::condition(pod, "PodScheduled").filter(|one| one.text("/status") == Some("False"));
            let words = |value: &Value| match (value.text("/reason"), value.text("/message")) {
                (Some(reason), Some(message)) => Some(format!("{reason}: {message}")),
                (reason, _) => reason.map(str::to_owned),
            };
            ("Pending", unschedulable.or(waiting).and_then(words))
        }
    }
}

pub(super) fn durations(pod: &Value, finished: Timestamp) -> Value {
    let seconds = pod.time("/status/startTime").map_or(0, |start| finished.duration_since(start).as_secs().max(0));
    json!({ "cpu": seconds, "memory": seconds * 4 })
}
