//! What becomes of a pod, written as an annotation: the story's only privileged knowledge, visible to everybody.
//!
//! A top-level object carries `drydock.pilothouse.dev/fate`, and for single parts of it `…/fate.<role>` (such as
//! `fate.worker-1`), `…/fate.<role>.try-<n>` or `…/fate.try-<n>`. Controllers hand all of them down; where a pod is
//! made, the one that fits becomes its `fate`.

use serde_json::{Map, Value};

use pilothouse_model::Read;

use super::dice::Dice;

/// Prefix of the story's annotations.
pub(super) const PREFIX: &str = "drydock.pilothouse.dev/";
/// What becomes of the pod.
pub(super) const FATE: &str = "drydock.pilothouse.dev/fate";
pub(super) use crate::BEGAN;
/// Which kind of text the containers print: one of the embedded server's log profiles.
pub(super) const LOG_PROFILE: &str = "drydock.pilothouse.dev/log-profile";
/// How long the image takes to pull, in story seconds.
pub(super) const PULL: &str = "drydock.pilothouse.dev/pull";

/// What becomes of a pod's main container.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    /// Runs until somebody stops it.
    Forever,
    /// Ends well after so many seconds.
    Succeed(f64),
    /// Exits with a code after so many seconds, each time.
    Fail(f64, i64),
    /// Is killed for using too much memory after so many seconds, each time.
    OutOfMemory(f64),
    /// Crashes so many times, each time after so many seconds, and then runs so long (0: until stopped).
    Flaky { crashes: u32, after: f64, then: f64 },
    /// Its image cannot be pulled.
    NoImage,
    /// A ConfigMap or Secret that it names is missing.
    NoConfig,
    /// The node runs short of `memory` or `ephemeral-storage` after so many seconds.
    Evict(f64, Shortage),
}

/// What a node that evicts has too little of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shortage {
    Memory,
    Disk,
}

impl Fate {
    /// Reads the annotation's text; `None` when it makes no sense.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let first = words.next()?;
        let mut number = || words.next().and_then(|word| word.parse::<f64>().ok());
        Some(match first {
            "forever" => Self::Forever,
            // The worker ends well but prints no metrics; see `is_mute`.
            "succeed" | "mute" => Self::Succeed(number()?),
            "fail" => Self::Fail(number()?, number().map_or(1, |code| code as i64)),
            "oom" => Self::OutOfMemory(number()?),
            "flaky" => Self::Flaky { crashes: number()? as u32, after: number()?, then: number().unwrap_or(0.0) },
            "no-image" => Self::NoImage,
            "no-config" => Self::NoConfig,
            "evict-memory" => Self::Evict(number()?, Shortage::Memory),
            "evict-disk" => Self::Evict(number()?, Shortage::Disk),
            _ => return None,
        })
    }

    /// The fate of a pod: what its annotation says, else what its command and restart policy suggest.
    pub(super) fn of(pod: &Value, dice: Dice) -> Self {
        if let Some(fate) = super::annotation(pod, FATE).and_then(Self::read) {
            return fate;
        }
        if pod.text("/spec/restartPolicy").unwrap_or("Always") == "Always" {
            return Self::Forever;
        }
        let words: Vec<&str> = ["command", "args"]
            .iter()
            .flat_map(|part| pod.items(&format!("/spec/containers/0/{part}")))
            .filter_map(Value::as_str)
            .collect();
        let text = words.join(" ");
        let mut after_sleep = text.split("sleep ").skip(1).filter_map(|rest| rest.split_whitespace().next());
        if let Some(seconds) = after_sleep.next().and_then(|word| word.trim_end_matches(';').parse().ok()) {
            return Self::Succeed(seconds);
        }
        if text.contains("exit 1") {
            return Self::Fail(3.0, 1);
        }
        Self::Succeed(dice.between(&format!("{} duration", super::title(pod)), 15.0, 45.0).round())
    }
}

/// Whether an object's work ends well without the metrics that somebody waits for.
pub(super) fn is_mute(object: &Value) -> bool {
    super::annotation(object, FATE).is_some_and(|fate| fate.starts_with("mute "))
}

/// The story's annotations of an object, to be handed down to what it makes.
pub(super) fn inherit(object: &Value) -> Map<String, Value> {
    object
        .entries("/metadata/annotations")
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.to_owned(), value.clone()))
        .collect()
}

/// Whether what it tells of happened before the story opened. What befalls a node befalls it now, since whenever it stands.
pub(super) fn is_past(object: &Value) -> bool {
    super::annotation(object, BEGAN).is_some() && object.text("/kind") != Some("Node")
}

/// The annotations for one part: of all fates that were handed down, the one for its role and attempt.
pub(super) fn resolve(inherited: &Map<String, Value>, role: &str, attempt: u32) -> Map<String, Value> {
    let mut own: Map<String, Value> = inherited
        .iter()
        .filter(|(key, _)| !key.starts_with(&format!("{FATE}.")))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let choices = [format!("{FATE}.{role}.try-{attempt}"), format!("{FATE}.{role}"), format!("{FATE}.try-{attempt}")];
    if let Some(fate) = choices.iter().find_map(|key| inherited.get(key)) {
        own.insert(FATE.to_owned(), fate.clone());
    }
    own
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_what_scenarios_write() {
        assert_eq!(Fate::read("succeed 40"), Some(Fate::Succeed(40.0)));
        assert_eq!(Fate::read("fail 3 2"), Some(Fate::Fail(3.0, 2)));
        assert_eq!(Fate::read("flaky 2 5"), Some(Fate::Flaky { crashes: 2, after: 5.0, then: 0.0 }));
        assert_eq!(Fate::read("evict-disk 9"), Some(Fate::Evict(9.0, Shortage::Disk)));
        for wrong in ["", "succeed", "succeed x", "dance 3"] {
            assert_eq!(Fate::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_most_exact_fate_wins() {
        let object = json!({"metadata": {"annotations": {
            FATE: "succeed 1", format!("{FATE}.worker-1"): "oom 2", format!("{FATE}.worker-1.try-1"): "succeed 3",
            "other": "x",
        }}});
        let all = inherit(&object);
        let fate = |role, attempt| resolve(&all, role, attempt)[FATE].as_str().unwrap().to_owned();
        assert_eq!(fate("worker-0", 0), "succeed 1");
        assert_eq!(fate("worker-1", 0), "oom 2");
        assert_eq!(fate("worker-1", 1), "succeed 3");
        assert_eq!(resolve(&all, "worker-0", 0).len(), 1);
    }

    #[test]
    fn pods_of_strangers_get_a_sensible_fate() {
        let dice = Dice::new(1);
        let pod = |policy: &str, command: Value| json!({"metadata": {"name": "x"}, "spec": {"restartPolicy": policy, "containers": [{"command": command}]}});
        assert_eq!(Fate::of(&pod("Always", json!([])), dice), Fate::Forever);
        assert_eq!(Fate::of(&pod("Never", json!(["sh", "-c", "sleep 7; echo"])), dice), Fate::Succeed(7.0));
        assert_eq!(Fate::of(&pod("Never", json!(["sh", "-c", "exit 1"])), dice), Fate::Fail(3.0, 1));
    }
}
