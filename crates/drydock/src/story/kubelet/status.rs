//! A pod's status as a kubelet reports it.

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::super::clock::stamp;
use super::super::dice::fnv64;
use super::super::stage::Stage;
use super::timeline::{Now, Run, Standing};
use super::words;

/// The registry's answer for an image that is not there.
pub(super) fn pull_error(image: &str) -> String {
    format!(
        "rpc error: code = NotFound desc = failed to pull and unpack image \"{image}\": failed to resolve reference \
         \"{image}\": {image}: not found"
    )
}

/// The kubelet's words for a missing ConfigMap.
pub(super) fn config_error(pod: &Value) -> String {
    let named = pod.items("/spec/containers/0/envFrom").iter().find_map(|source| source.text("/configMapRef/name"));
    format!("configmap \"{}\" not found", named.unwrap_or("training-settings"))
}

/// The whole status of a pod whose node took it at `start` and that stands so now.
pub(super) fn report(stage: &Stage, pod: &Value, start: Timestamp, here: &Standing) -> Value {
    let at = |seconds: f64| stamp(stage.clock.after(start, seconds));
    let title = super::super::title(pod);
    let containers: Vec<Value> = pod
        .items("/spec/containers")
        .iter()
        .enumerate()
        .map(|(index, container)| container_status(&title, pod, (index, container), here, &at))
        .collect();
    let phase = phase(here);
    let since = match (&here.now, here.last) {
        (Now::Running { since }, _) => at(*since),
        (Now::Evicted { at: seconds, .. }, _) => at(*seconds),
        (Now::Ended | Now::BackingOff { .. }, Some(run)) => at(run.to),
        _ => at(0.0),
    };
    let host = pod.text("/spec/nodeName").unwrap_or_default();
    let mut status = json!({
        "phase": phase,
        "startTime": stamp(start),
        "hostIP": host_address(host),
        "qosClass": pod.text("/status/qosClass").unwrap_or("Burstable"),
        "conditions": conditions(pod, here, &since, &at(0.0)),
    });
    // An evicted pod keeps no containers.
    if let Now::Evicted { of, .. } = here.now {
        let container = pod.text("/spec/containers/0/name").unwrap_or("main");
        status["reason"] = "Evicted".into();
        status["message"] = super::eviction_message(of, container).into();
        return status;
    }
    status["containerStatuses"] = Value::Array(containers);
    let inits = init_statuses(&title, pod, here, &at);
    if !inits.is_empty() {
        status["initContainerStatuses"] = Value::Array(inits);
    }
    if !matches!(here.now, Now::Creating) {
        let address = pod_address(&title);
        status["podIPs"] = json!([{ "ip": address }]);
        status["podIP"] = address.into();
    }
    status
}

fn phase(here: &Standing) -> &'static str {
    match (&here.now, here.last) {
        (Now::Creating | Now::Pulling { .. } | Now::Misconfigured, _) => "Pending",
        (Now::Running { .. } | Now::BackingOff { .. }, _) => "Running",
        (Now::Ended, Some(Run { exit, .. })) if exit.code == 0 => "Succeeded",
        (Now::Ended | Now::Evicted { .. }, _) => "Failed",
    }
}

fn conditions(pod: &Value, here: &Standing, since: &str, start: &str) -> Value {
    let condition = |kind: &str, state: bool, reason: Option<&str>, since: &str| {
        let message = reason.filter(|_| reason == Some("ContainersNotReady")).map(|_| {
            let names: Vec<&str> =
                pod.items("/spec/containers").iter().filter_map(|container| container.text("/name")).collect();
            format!("containers with unready status: [{}]", names.join(" "))
        });
        let mut condition = json!({
            "type": kind, "status": if state { "True" } else { "False" }, "lastProbeTime": null, "lastTransitionTime": since,
        });
        if let Some(reason) = reason {
            condition["reason"] = reason.into();
        }
        if let Some(message) = message {
            condition["message"] = message.into();
        }
        condition
    };
    let ready = matches!(here.now, Now::Running { .. });
    let reason = match (&here.now, here.last) {
        (Now::Running { .. }, _) => None,
        (Now::Ended, Some(run)) if run.exit.code == 0 => Some("PodCompleted"),
        (Now::Ended | Now::Evicted { .. }, _) => Some("PodFailed"),
        _ => Some("ContainersNotReady"),
    };
    let mut all = vec![
        condition("Initialized", true, reason.filter(|reason| *reason == "PodCompleted"), start),
        condition("Ready", ready, reason, since),
        condition("ContainersReady", ready, reason, since),
        condition("PodScheduled", true, None, start),
    ];
    if let Now::Evicted { of, .. } = here.now {
        let container = pod.text("/spec/containers/0/name").unwrap_or("main");
        all.push(json!({
            "type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet",
            "message": super::eviction_message(of, container), "lastProbeTime": null, "lastTransitionTime": since,
        }));
    }
    Value::Array(all)
}

fn container_status(
    title: &str,
    pod: &Value,
    (index, container): (usize, &Value),
    here: &Standing,
    at: &dyn Fn(f64) -> String,
) -> Value {
    let name = container.text("/name").unwrap_or("main");
    let image = container.text("/image").unwrap_or("unknown");
    // Only the first container has a fate of its own; the others follow the pod.
    let restarts = if index == 0 { here.restarts } else { 0 };
    let id = |run: u32| container_id(&format!("{title} {name} {run}"));
    let words =
        super::super::annotation(pod, super::super::fate::LOG_PROFILE).and_then(|profile| words::last(profile, title));
    let running = matches!(here.now, Now::Running { .. });
    let follows = index > 0 && matches!(here.now, Now::BackingOff { .. });
    let state = match (&here.now, here.last) {
        (Now::Running { since }, _) => json!({ "running": { "startedAt": at(*since) } }),
        (Now::BackingOff { .. }, Some(_)) if follows => json!({ "running": { "startedAt": at(0.0) } }),
        (Now::BackingOff { seconds }, _) => json!({ "waiting": {
            "reason": "CrashLoopBackOff",
            "message": format!(
                "back-off {} restarting failed container={name} pod={}_{}({})", duration(*seconds),
                pod.text("/metadata/name").unwrap_or_default(), pod.text("/metadata/namespace").unwrap_or_default(),
                pod.text("/metadata/uid").unwrap_or_default(),
            ),
        } }),
        (Now::Ended, Some(run)) => json!({ "terminated": terminated(run, (index, words), &id(restarts), at) }),
        (Now::Pulling { backing_off: false }, _) => waiting("ErrImagePull", &pull_error(image)),
        (Now::Pulling { .. }, _) => waiting("ImagePullBackOff", &format!("Back-off pulling image \"{image}\"")),
        (Now::Misconfigured, _) => waiting("CreateContainerConfigError", &config_error(pod)),
        _ => json!({ "waiting": { "reason": "ContainerCreating" } }),
    };
    let started = running || follows;
    let mut status = json!({
        "name": name, "image": image, "imageID": "", "ready": started, "started": started,
        "restartCount": restarts, "state": state, "lastState": {},
    });
    if started || matches!(here.now, Now::Ended | Now::BackingOff { .. }) {
        status["containerID"] = id(restarts).into();
        status["imageID"] = format!("{}@sha256:{}", image.split(':').next().unwrap_or(image), digest(image)).into();
    }
    if index == 0
        && !matches!(here.now, Now::Ended)
        && let Some(run) = here.last
    {
        status["lastState"] = json!({ "terminated": terminated(run, (0, words), &id(restarts.saturating_sub(1)), at) });
    }
    status
}

fn waiting(reason: &str, message: &str) -> Value {
    json!({ "waiting": { "reason": reason, "message": message } })
}

fn terminated(run: Run, (index, words): (usize, Option<&str>), id: &str, at: &dyn Fn(f64) -> String) -> Value {
    let (code, reason) = if index == 0 { (run.exit.code, run.exit.reason) } else { (0, "Completed") };
    let mut state = json!({
        "exitCode": code, "reason": reason, "startedAt": at(run.from), "finishedAt": at(run.to), "containerID": id,
    });
    // A process that is killed from outside has no last words.
    if reason == "Error"
        && code < 128
        && let Some(words) = words
    {
        state["message"] = words.into();
    }
    state
}

fn init_statuses(title: &str, pod: &Value, here: &Standing, at: &dyn Fn(f64) -> String) -> Vec<Value> {
    let done = !matches!(here.now, Now::Creating);
    pod.items("/spec/initContainers")
        .iter()
        .map(|container| {
            let name = container.text("/name").unwrap_or("init");
            let id = container_id(&format!("{title} {name}"));
            let state = if done {
                json!({ "terminated": {
                    "exitCode": 0, "reason": "Completed", "startedAt": at(0.5), "finishedAt": at(1.0), "containerID": id,
                } })
            } else {
                json!({ "waiting": { "reason": "PodInitializing" } })
            };
            json!({
                "name": name, "image": container.text("/image"), "imageID": "", "ready": done, "restartCount": 0,
                "state": state, "lastState": {},
            })
        })
        .collect()
}

/// How Go shows a span: `10s`, `1m20s`, `5m0s`.
fn duration(seconds: u64) -> String {
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m{}s", seconds / 60, seconds % 60) }
}

fn digest(text: &str) -> String {
    (0..4).map(|part| format!("{:016x}", fnv64(&format!("{text} {part}")))).collect()
}

fn container_id(text: &str) -> String {
    format!("containerd://{}", digest(text))
}

fn pod_address(title: &str) -> String {
    let hash = fnv64(title);
    format!("10.244.{}.{}", hash % 200, 2 + (hash >> 16) % 250)
}

/// The address of a node, from its name.
pub(in super::super) fn host_address(node: &str) -> String {
    format!("10.0.16.{}", 10 + fnv64(node) % 200)
}
