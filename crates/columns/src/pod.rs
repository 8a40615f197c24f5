//! What a pod's status says: the word of kubectl's STATUS column, readiness, restarts, and what the pod asks for.
//!
//! Source of the rules: `printPod` in `kubernetes/pkg/printers/internalversion/printers.go` (1.33).

mod requested;

pub use requested::{at_once, replicas, requested, times, total};

use pilothouse_model::{Level, Object, Read, Status, Timestamp};
use serde_json::Value;

/// What a pod's status says in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The word of kubectl's STATUS column, why, and how serious it is.
    pub status: Status,
    /// Containers that are ready.
    pub ready: i64,
    /// Containers that should be.
    pub total: i64,
    /// How often containers were restarted.
    pub restarts: i64,
    /// When a container last ended and was restarted.
    pub last_restart: Option<Timestamp>,
}

/// The word while it is searched for, with the reason and the message found beside it.
#[derive(Default)]
struct Found {
    word: String,
    message: String,
    container: String,
}

impl Found {
    fn take(&mut self, word: String, state: &Value, container: &Value) {
        self.word = word;
        self.message = state.text("/message").unwrap_or_default().to_owned();
        self.container = container.text("/name").unwrap_or_default().to_owned();
    }
}

/// What this pod's status says.
pub fn summary(pod: &Object) -> Summary {
    let sidecars: Vec<&str> = pod
        .items("/spec/initContainers")
        .iter()
        .filter(|container| container.text("/restartPolicy") == Some("Always"))
        .filter_map(|container| container.text("/name"))
        .collect();
    let length = |list: &[Value]| i64::try_from(list.len()).unwrap_or(i64::MAX);
    let mut summary = Summary {
        status: Status::none(),
        ready: 0,
        total: length(pod.items("/spec/containers")).saturating_add_unsigned(sidecars.len() as u64),
        restarts: 0,
        last_restart: None,
    };
    let mut found = Found { word: opening_word(pod).to_owned(), ..Found::default() };
    let initializing = look_at_init_containers(pod, &sidecars, &mut summary, &mut found);
    if !initializing || is_true(pod, "Initialized") {
        look_at_containers(pod, &sidecars, &mut summary, &mut found);
    }
    if pod.deleted().is_some() {
        if pod.text("/status/reason") == Some("NodeLost") {
            found.word = "Unknown".to_owned();
        } else if !matches!(pod.text("/status/phase"), Some("Succeeded" | "Failed")) {
            found.word = "Terminating".to_owned();
        }
    }
    summary.status = status(pod, &summary, &found);
    summary
}

fn opening_word(pod: &Object) -> &str {
    let gated = |condition: pilothouse_model::Condition<'_>| condition.reason == "SchedulingGated";
    if pod.condition("PodScheduled").is_some_and(gated) {
        return "SchedulingGated";
    }
    let said = ["/status/reason", "/status/phase"].into_iter().filter_map(|at| pod.text(at));
    said.into_iter().find(|text| !text.is_empty()).unwrap_or("Unknown")
}

fn is_true(pod: &Object, condition: &str) -> bool {
    pod.condition(condition).is_some_and(|condition| condition.is_true())
}

/// Whether an init container is still at it; its word is the pod's word.
fn look_at_init_containers(pod: &Object, sidecars: &[&str], summary: &mut Summary, found: &mut Found) -> bool {
    let all = pod.items("/spec/initContainers").len();
    for (index, container) in pod.items("/status/initContainerStatuses").iter().enumerate() {
        count_restarts(container, summary);
        let sidecar = container.text("/name").is_some_and(|name| sidecars.contains(&name));
        let terminated = container.pointer("/state/terminated").filter(|state| state.is_object());
        let waiting = container.pointer("/state/waiting").filter(|state| state.is_object());
        let waits_for = waiting.and_then(|state| state.text("/reason")).unwrap_or_default();
        if terminated.is_some_and(|state| state.integer("/exitCode").unwrap_or(0) == 0) {
            continue;
        }
        if sidecar && container.boolean("/started") == Some(true) {
            summary.ready += i64::from(container.boolean("/ready") == Some(true));
            continue;
        }
        match (terminated, waiting) {
            (Some(state), _) => found.take(format!("Init:{}", ending(state)), state, container),
            (None, Some(state)) if !waits_for.is_empty() && waits_for != "PodInitializing" => {
                found.take(format!("Init:{waits_for}"), state, container);
            }
            _ => found.take(format!("Init:{index}/{all}"), &Value::Null, container),
        }
        return true;
    }
    false
}

fn look_at_containers(pod: &Object, sidecars: &[&str], summary: &mut Summary, found: &mut Found) {
    // From here on only containers that are meant to run count as restarted.
    (summary.restarts, summary.last_restart) = (0, None);
    for container in pod.items("/status/initContainerStatuses") {
        if container.text("/name").is_some_and(|name| sidecars.contains(&name)) {
            count_restarts(container, summary);
        }
    }
    let mut runs = false;
    for container in pod.items("/status/containerStatuses").iter().rev() {
        count_restarts(container, summary);
        let state = |name: &str| container.pointer(name).filter(|state| state.is_object());
        let waiting =
            state("/state/waiting").filter(|state| state.text("/reason").is_some_and(|word| !word.is_empty()));
        if let Some(waiting) = waiting {
            found.take(waiting.text("/reason").unwrap_or_default().to_owned(), waiting, container);
        } else if let Some(terminated) = state("/state/terminated") {
            found.take(ending(terminated), terminated, container);
        } else if container.boolean("/ready") == Some(true) && state("/state/running").is_some() {
            runs = true;
            summary.ready += 1;
        }
    }
    if found.word == "Completed" && runs {
        *found = Found::default();
        found.word = if is_true(pod, "Ready") { "Running" } else { "NotReady" }.to_owned();
    }
}

fn count_restarts(container: &Value, summary: &mut Summary) {
    summary.restarts = summary.restarts.saturating_add(container.integer("/restartCount").unwrap_or(0));
    summary.last_restart = summary.last_restart.max(container.time("/lastState/terminated/finishedAt"));
}

/// `OOMKilled`, or the signal or exit code when no reason is given.
fn ending(terminated: &Value) -> String {
    match terminated.text("/reason").filter(|reason| !reason.is_empty()) {
        Some(reason) => reason.to_owned(),
        None => match terminated.integer("/signal").filter(|signal| *signal != 0) {
            Some(signal) => format!("Signal:{signal}"),
            None => format!("ExitCode:{}", terminated.integer("/exitCode").unwrap_or(0)),
        },
    }
}

fn status(pod: &Object, summary: &Summary, found: &Found) -> Status {
    let said = |at: &str| pod.text(at).unwrap_or_default().to_owned();
    let (mut reason, mut message) = (said("/status/reason"), said("/status/message"));
    if message.is_empty() && !found.message.is_empty() {
        message = format!("{}: {}", found.container, found.message);
    }
    if found.word == "Pending" || found.word == "SchedulingGated" {
        let refused = pod.condition("PodScheduled").filter(|condition| condition.is_false());
        if let Some(condition) = refused {
            (reason, message) = (condition.reason.to_owned(), condition.message.to_owned());
        }
    }
    if found.word == "Running" && summary.ready < summary.total && message.is_empty() {
        let unready = pod.condition("Ready").filter(|condition| condition.is_false());
        if let Some(condition) = unready {
            (reason, message) = (condition.reason.to_owned(), condition.message.to_owned());
        }
    }
    Status::new(level(pod, summary, &found.word), &found.word).because(&reason, &message)
}

fn level(pod: &Object, summary: &Summary, word: &str) -> Level {
    let phase = pod.text("/status/phase").unwrap_or_default();
    let short = word.strip_prefix("Init:").unwrap_or(word);
    match short {
        "Terminating" | "ContainerCreating" | "PodInitializing" => Level::Progress,
        "SchedulingGated" => Level::Waiting,
        "Unknown" => Level::Unknown,
        _ if phase == "Failed" => Level::Error,
        _ if phase == "Succeeded" => Level::Done,
        "Completed" | "ExitCode:0" => Level::Done,
        "Pending" => Level::Waiting,
        "NotReady" => Level::Warning,
        "Running" if summary.ready >= summary.total => Level::Good,
        "Running" => Level::Warning,
        // `Init:0/2`.
        _ if short.starts_with(|c: char| c.is_ascii_digit()) => Level::Progress,
        _ => Level::Error,
    }
}

#[cfg(test)]
mod tests;
