//! Logs of containers, as a kubelet would have them.
//!
//! There is no container, so there is no log; but a log can be told from the pod: **the same pod always has the same
//! lines**, and more of them as time goes by. What the lines look like is the annotation
//! [`PROFILE`] on the pod, one of [`PROFILES`]; a container of its own profile has it in
//! `drydock.pilothouse.dev/log-profile.CONTAINER`. A container that has ended with another code than zero ends its log with
//! its profile's last words and with the message of its state.
//!
//! A container's log begins with its start and grows by a line every [`INTERVAL`] seconds until it ends.

use jiff::{SignedDuration, Timestamp};
use pilothouse_model::{Object, Read};
use serde_json::Value;

/// The annotation that names a pod's log profile.
pub const PROFILE: &str = "drydock.pilothouse.dev/log-profile";

/// The profiles: `plain` (the default) counts, `training` reports steps with loss and throughput, `server` answers
/// requests, `notebook` is a Jupyter server, `pipeline` is a step of a pipeline, `spark` a driver or executor.
pub const PROFILES: [&str; 6] = ["plain", "training", "server", "notebook", "pipeline", "spark"];

/// Seconds between lines.
pub const INTERVAL: i64 = 3;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub time: Timestamp,
    /// What it says.
    pub text: String,
}

/// A container's span of life.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Since when.
    pub started: Timestamp,
    /// Until when, with which exit code and message; `None` while it runs.
    pub ended: Option<(Timestamp, i64, String)>,
    /// How often it was started before.
    pub restarts: i64,
}

/// Why a container has no log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoLog {
    /// The pod has no such container; holds its containers.
    #[error("container {name} is not valid for pod {pod}")]
    NoSuchContainer {
        /// The name asked for.
        name: String,
        /// The pod.
        pod: String,
    },
    /// More than one container and none named.
    #[error("a container name must be specified for pod {pod}, choose one of: [{choices}]")]
    Choose {
        /// The pod.
        pod: String,
        /// Its containers.
        choices: String,
    },
    /// It has not started yet.
    #[error("container \"{name}\" in pod \"{pod}\" is waiting to start: {reason}")]
    Waiting {
        /// The container.
        name: String,
        /// The pod.
        pod: String,
        /// Why it waits.
        reason: String,
    },
    /// There was no run before this one.
    #[error("previous terminated container \"{name}\" in pod \"{pod}\" not found")]
    NoPrevious {
        /// The container.
        name: String,
        /// The pod.
        pod: String,
    },
}

/// The container that is meant: the one named, the default one, or the only one.
pub fn container(pod: &Object, named: Option<&str>) -> Result<String, NoLog> {
    let names = |pointer: &str| pod.items(pointer).iter().filter_map(|container| container.text("/name"));
    let all: Vec<&str> = names("/spec/containers")
        .chain(names("/spec/initContainers"))
        .chain(names("/spec/ephemeralContainers"))
        .collect();
    let main: Vec<&str> = names("/spec/containers").collect();
    if let Some(named) = named {
        return if all.contains(&named) {
            Ok(named.to_owned())
        } else {
            Err(NoLog::NoSuchContainer { name: named.to_owned(), pod: pod.name().to_owned() })
        };
    }
    match main.as_slice() {
        [only] => Ok((*only).to_owned()),
        _ => Err(NoLog::Choose { pod: pod.name().to_owned(), choices: main.join(" ") }),
    }
}

/// The life of a container that the log is of: the present one, or (`previous`) the one before.
pub fn run(pod: &Object, container: &str, previous: bool) -> Result<Run, NoLog> {
    let statuses = ["/status/containerStatuses", "/status/initContainerStatuses", "/status/ephemeralContainerStatuses"];
    let status =
        statuses.iter().flat_map(|pointer| pod.items(pointer)).find(|status| status.text("/name") == Some(container));
    let name = || (container.to_owned(), pod.name().to_owned());
    let restarts = status.and_then(|status| status.integer("/restartCount")).unwrap_or(0);
    if previous {
        return status
            .and_then(|status| ended(status, "/lastState/terminated"))
            .map(|(started, ended)| Run { started, ended: Some(ended), restarts: restarts - 1 })
            .ok_or_else(|| {
                let (name, pod) = name();
                NoLog::NoPrevious { name, pod }
            });
    }
    if let Some(started) = status.and_then(|status| status.time("/state/running/startedAt")) {
        return Ok(Run { started, ended: None, restarts });
    }
    // While it waits for its next start, its last run is what there is to read.
    let last =
        status.and_then(|status| ended(status, "/state/terminated").or_else(|| ended(status, "/lastState/terminated")));
    if let Some((started, ended)) = last {
        return Ok(Run { started, ended: Some(ended), restarts });
    }
    let reason = status.and_then(|status| status.text("/state/waiting/reason")).unwrap_or("ContainerCreating");
    let reason = if reason.contains("Image") {
        format!("trying and failing to pull image ({reason})")
    } else {
        reason.to_owned()
    };
    let (name, pod) = name();
    Err(NoLog::Waiting { name, pod, reason })
}

fn ended(status: &Value, pointer: &str) -> Option<(Timestamp, (Timestamp, i64, String))> {
    let state = status.pointer(pointer)?;
    let ended = state.time("/finishedAt")?;
    let started = state.time("/startedAt").unwrap_or(ended);
    let message = state.text("/message").or_else(|| state.text("/reason")).unwrap_or_default();
    Some((started, (ended, state.integer("/exitCode").unwrap_or(0), message.to_owned())))
}

/// The lines that a container has written until `now`, from number `from` on. Lines are numbered from zero, so that one
/// who follows asks for those after the last one seen.
pub fn lines(pod: &Object, container: &str, run: &Run, from: usize, now: Timestamp) -> Vec<Line> {
    let own = pod.annotation(&format!("{PROFILE}.{container}"));
    let profile = own.or_else(|| pod.annotation(PROFILE)).unwrap_or("plain");
    let until = run.ended.as_ref().map_or(now, |(ended, ..)| *ended);
    let seconds = until.duration_since(run.started).as_secs().max(0);
    let count = usize::try_from(seconds / INTERVAL).unwrap_or(0) + 1;
    let seed = seed(pod, container, run.restarts);
    let mut lines: Vec<Line> = (from.min(count)..count)
        .map(|number| Line {
            time: run.started + SignedDuration::from_secs(INTERVAL * i64::try_from(number).unwrap_or(0)),
            text: text(profile, number, seed, pod),
        })
        .collect();
    if let Some((ended, code, message)) = &run.ended {
        let last = last_words(profile, *code, message);
        let skip = from.saturating_sub(count);
        lines.extend(last.into_iter().skip(skip).map(|text| Line { time: *ended, text }));
    }
    lines
}

/// FNV-1a over what makes a container's run its own.
fn seed(pod: &Object, container: &str, restarts: i64) -> u64 {
    let parts = [pod.namespace().unwrap_or_default(), pod.name(), container];
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0])).chain(restarts.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A number below `bound`, the same for the same seed and line.
fn draw(seed: u64, number: usize, bound: u64) -> u64 {
    let mut x = seed ^ u64::try_from(number).unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x ^= x >> 30;
    x = x.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 27;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    (x ^ (x >> 31)) % bound.max(1)
}

fn text(profile: &str, number: usize, seed: u64, pod: &Object) -> String {
    let dice = draw(seed, number, 1000);
    match profile {
        "training" => training(number, dice, seed),
        "server" => {
            let paths = ["/v1/models/ranker:predict", "/v1/models/ranker", "/healthz", "/metrics"];
            let path = paths[usize::try_from(dice).unwrap_or(0) % paths.len()];
            let code = if dice > 985 { 503 } else { 200 };
            format!("INFO: 10.0.{}.{} \"POST {path}\" {code} {}ms", dice % 7, dice % 250, 3 + dice % 60)
        }
        "notebook" => match number {
            0 => "[I ServerApp] jupyterlab | extension was successfully loaded.".to_owned(),
            1 => format!("[I ServerApp] Serving notebooks from local directory: /home/jovyan ({})", pod.name()),
            2 => "[I ServerApp] Jupyter Server is running at http://0.0.0.0:8888/lab".to_owned(),
            _ => format!("[I ServerApp] Saving file at /experiments/run-{}.ipynb", dice % 9),
        },
        "pipeline" => match number {
            0 => "I driver: reading the pipeline's specification".to_owned(),
            1 => "I launcher: input artifacts are ready".to_owned(),
            _ => format!("I component: processed {} of {} records", number * 512, (number + 20) * 512),
        },
        "spark" => format!(
            "INFO TaskSetManager: Finished task {number}.0 in stage {}.0 (TID {number}) in {} ms on executor {}",
            number / 40,
            40 + dice,
            1 + dice % 4
        ),
        _ => format!("tick {number}: all is well ({dice})"),
    }
}

fn training(number: usize, dice: u64, seed: u64) -> String {
    if number == 0 {
        return "[rank0] initializing process group with backend nccl".to_owned();
    }
    if number == 1 {
        return format!("[rank0] dataset ready: {} samples, 10 epochs", 40_000 + seed % 60_000);
    }
    let step = number - 1;
    let noise = (dice as f64) / 20_000.0;
    let loss = 0.35 + 2.3 / (1.0 + step as f64 / 25.0) + noise;
    format!(
        "epoch {:02} step {:05} loss {loss:.4} lr 3.0e-04 {:.1} samples/s",
        step / 100,
        step * 10,
        900.0 + dice as f64 / 10.0
    )
}

fn last_words(profile: &str, code: i64, message: &str) -> Vec<String> {
    if code == 0 {
        return match profile {
            "training" => vec!["training finished; the model is saved to /mnt/output/model".to_owned()],
            "pipeline" => vec!["I launcher: output artifacts are published".to_owned()],
            _ => Vec::new(),
        };
    }
    let mut words: Vec<String> = match (profile, code) {
        // The kernel kills without a word of the process itself.
        (_, 137) => return Vec::new(),
        ("training", _) => vec![
            "Traceback (most recent call last):".to_owned(),
            "  File \"/workspace/train.py\", line 214, in <module>".to_owned(),
            "    main()".to_owned(),
        ],
        _ => Vec::new(),
    };
    words.extend(message.lines().map(str::to_owned));
    if words.is_empty() {
        words.push(format!("exiting with code {code}"));
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(state: &Value) -> Object {
        Object::new(json!({
            "metadata": { "name": "p", "namespace": "n", "annotations": { PROFILE: "training" } },
            "spec": { "containers": [{ "name": "c" }] },
            "status": { "containerStatuses": [{ "name": "c", "restartCount": 0, "state": state }] },
        }))
        .unwrap()
    }

    #[test]
    fn the_same_pod_tells_the_same_and_more_with_time() {
        let pod = pod(&json!({ "running": { "startedAt": "2026-01-01T00:00:00Z" } }));
        let run = run(&pod, "c", false).unwrap();
        let early = lines(&pod, "c", &run, 0, run.started + SignedDuration::from_secs(30));
        let late = lines(&pod, "c", &run, 0, run.started + SignedDuration::from_secs(60));
        assert_eq!(early.len(), 11);
        assert_eq!(late[..11], early[..]);
        assert_eq!(lines(&pod, "c", &run, 11, run.started + SignedDuration::from_secs(60)), late[11..]);
    }

    #[test]
    fn a_failed_run_ends_with_its_message() {
        let pod = pod(&json!({ "terminated": {
            "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:09Z", "exitCode": 1,
            "message": "ValueError: bad batch",
        } }));
        let run = run(&pod, "c", false).unwrap();
        let all = lines(&pod, "c", &run, 0, Timestamp::now());
        assert_eq!(all.last().unwrap().text, "ValueError: bad batch");
        assert_eq!(lines(&pod, "c", &run, all.len(), Timestamp::now()), []);
        assert_eq!(lines(&pod, "c", &run, all.len() - 1, Timestamp::now()), all[all.len() - 1..]);
    }

    #[test]
    fn a_waiting_container_has_no_log_and_says_why() {
        let pod = pod(&json!({ "waiting": { "reason": "ImagePullBackOff" } }));
        let why = run(&pod, "c", false).unwrap_err().to_string();
        assert_eq!(
            why,
            "container \"c\" in pod \"p\" is waiting to start: trying and failing to pull image (ImagePullBackOff)"
        );
        assert!(run(&pod, "c", true).is_err());
        assert!(container(&pod, Some("x")).is_err());
    }
}
