//! What a pod's containers say of themselves: out of memory, crashes, exit codes, missing images and configuration.

use pilothouse_model::{Cause, Certainty, Evidence, Object, Read, Timestamp};
use serde_json::Value;

use super::draft::{Draft, about, about_value, between, since};
use super::{exit, image, words};

/// One container as its pod tells of it.
struct Part<'a> {
    pod: &'a Object,
    /// `containerStatuses` or `initContainerStatuses`.
    list: &'static str,
    name: &'a str,
    status: &'a Value,
    /// Its part of the pod's spec, if it is there.
    spec: Option<&'a Value>,
    init: bool,
}

/// How a container ended.
struct Ending<'a> {
    /// `state` or `lastState`.
    field: &'static str,
    value: &'a Value,
    reason: &'a str,
    code: i64,
}

/// The causes that stand in the statuses of a pod's containers.
pub(super) fn causes(pod: &Object, events: &[std::sync::Arc<Object>]) -> Vec<Cause> {
    let events: Vec<&Object> = events.iter().map(|event| &**event).collect();
    let init = pod.items("/status/initContainerStatuses").iter();
    let main = pod.items("/status/containerStatuses").iter();
    let parts = init.map(|status| (status, true)).chain(main.map(|status| (status, false)));
    parts.filter_map(|(status, init)| Part::read(pod, status, init)).flat_map(|part| part.causes(&events)).collect()
}

impl<'a> Part<'a> {
    fn read(pod: &'a Object, status: &'a Value, init: bool) -> Option<Self> {
        let name = status.text("/name")?;
        let specs = pod.items(if init { "/spec/initContainers" } else { "/spec/containers" });
        let spec = specs.iter().find(|spec| spec.text("/name") == Some(name));
        let list = if init { "initContainerStatuses" } else { "containerStatuses" };
        Some(Self { pod, list, name, status, spec, init })
    }

    fn causes(&self, events: &[&Object]) -> Vec<Cause> {
        let waiting = self.waiting_reason();
        let ending = self.ending();
        let mut causes = Vec::new();
        if let Some(ending) = &ending {
            causes.extend(self.memory(ending));
            causes.extend(self.told_by_the_program(ending));
        }
        if image::is_reason(waiting) {
            let image = self.status.text("/image").filter(|image| !image.is_empty());
            let image = image.or_else(|| self.spec?.text("/image")).unwrap_or("<unknown>");
            let waiting = self.waiting_evidence();
            causes.extend(image::cause(&self.title(), image, waiting, self.waiting_message(), events));
        } else if waiting == "CrashLoopBackOff" {
            causes.extend(self.crash_loop(ending.as_ref()));
        } else if waiting.ends_with("Error") {
            causes.extend(self.configuration(waiting));
        }
        if let Some(ending) = ending.filter(|_| waiting != "CrashLoopBackOff") {
            causes.extend(self.exit(&ending));
        }
        let waits = if self.init { "The pod's own containers wait for it." } else { "" };
        causes.into_iter().map(|draft| draft.detail_first(waits).done()).collect()
    }

    /// "container `node`".
    fn title(&self) -> String {
        format!("{}container `{}`", if self.init { "init " } else { "" }, self.name)
    }

    /// The same at the beginning of a sentence.
    fn opening(&self) -> String {
        format!("{} `{}`", if self.init { "Init container" } else { "Container" }, self.name)
    }

    fn waiting_reason(&self) -> &'a str {
        self.status.text("/state/waiting/reason").unwrap_or_default()
    }

    fn waiting_message(&self) -> &'a str {
        self.status.text("/state/waiting/message").unwrap_or_default()
    }

    fn waiting_evidence(&self) -> Vec<Evidence> {
        self.evidence(&["state.waiting.reason", "state.waiting.message"], None)
    }

    /// How it ended now or, when it runs or waits again, the last time.
    fn ending(&self) -> Option<Ending<'a>> {
        ["state", "lastState"].into_iter().find_map(|field| {
            let value = self.status.get(field)?.get("terminated").filter(|value| value.is_object())?;
            let code = value.integer("/exitCode")?;
            Some(Ending { field, value, reason: value.text("/reason").unwrap_or_default(), code })
        })
    }

    /// Evidence of fields of this container's status, given with dots; those that are absent are left out.
    fn evidence(&self, fields: &[&str], moment: Option<Timestamp>) -> Vec<Evidence> {
        let read = |field: &&str| {
            let value = self.status.pointer(&format!("/{}", field.replace('.', "/")))?;
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let field = format!("status.{}[{}].{field}", self.list, self.name);
            (!text.is_empty()).then(|| since(about_value(self.pod, &field, &text), moment))
        };
        fields.iter().filter_map(read).collect()
    }

    fn ended(&self, ending: &Ending<'_>, fields: &[&str]) -> Vec<Evidence> {
        let full: Vec<String> = fields.iter().map(|field| format!("{}.terminated.{field}", ending.field)).collect();
        let fields: Vec<&str> = full.iter().map(String::as_str).collect();
        self.evidence(&fields, ending.value.time("/finishedAt"))
    }

    fn limit_evidence(&self) -> Option<Evidence> {
        let limit = self.spec?.text("/resources/limits/memory")?;
        let list = if self.init { "initContainers" } else { "containers" };
        Some(about_value(self.pod, &format!("spec.{list}[{}].resources.limits.memory", self.name), limit))
    }

    fn memory(&self, ending: &Ending<'a>) -> Option<Draft> {
        if ending.reason != "OOMKilled" {
            return None;
        }
        let limit = self.limit_evidence();
        let words = match &limit {
            Some(limit) => format!("limit {}", limit.value),
            None => "it has no limit: its node ran out of memory".to_owned(),
        };
        let mut ended = self.ended(ending, &["reason", "exitCode"]).into_iter();
        let draft =
            Draft::new("out-of-memory", format!("{} ran out of memory ({words})", self.opening()), ended.next()?);
        let draft = match limit {
            Some(_) => draft.advise("Raise the container's memory limit, or make the program use less"),
            None => draft
                .advise("Give the container a memory request and limit, so that it lands on a node that has enough"),
        };
        let draft = draft
            .evidence(ended)
            .evidence(limit)
            .advise("In training, a smaller batch, fewer data loader workers or gradient accumulation lower the need");
        Some(if ending.field == "lastState" { draft.detail(self.restarted()) } else { draft })
    }

    /// Trouble that programs tell in their last words.
    fn told_by_the_program(&self, ending: &Ending<'a>) -> Option<Draft> {
        let message = ending.value.text("/message").unwrap_or_default();
        let mut evidence = self.ended(ending, &["message"]).into_iter();
        if message.contains("CUDA out of memory") || message.contains("OutOfMemoryError: CUDA") {
            let title = format!("{} ran out of GPU memory", self.opening());
            let draft = Draft::new("gpu-out-of-memory", title, evidence.next()?);
            Some(draft.advise("Use a smaller batch, a smaller model, mixed precision, or a GPU with more memory"))
        } else if message.contains("No space left on device") {
            let draft = Draft::new("disk-full", format!("{} had no disk space left", self.opening()), evidence.next()?);
            Some(draft.advise("Write to a volume that is large enough, or raise the `ephemeral-storage` limit"))
        } else {
            None
        }
    }

    fn restarted(&self) -> String {
        match self.status.integer("/restartCount") {
            None | Some(0) => String::new(),
            Some(1) => "It was restarted once.".to_owned(),
            Some(count) => format!("It was restarted {count} times."),
        }
    }

    fn last_words(&self, ending: &Ending<'_>) -> String {
        let last = words::last_line(ending.value.text("/message").unwrap_or_default());
        if last.is_empty() { String::new() } else { format!("{}{last}", words::BEGIN) }
    }

    fn crash_loop(&self, ending: Option<&Ending<'a>>) -> Option<Draft> {
        let evidence = self.evidence(&["state.waiting.reason", "restartCount", "state.waiting.message"], None);
        let mut evidence = evidence.into_iter();
        let first = evidence.next()?;
        let ended = ending.filter(|ending| ending.reason != "OOMKilled").map(|ending| match ending.code {
            0 => " each time it ends, although without an error".to_owned(),
            code => format!(" after exit code {code}"),
        });
        let title = format!("{} crashes again and again{}", self.opening(), ended.unwrap_or_default());
        let title = match ending {
            Some(Ending { code: 0, .. }) => {
                format!("{} ends without an error and is restarted again and again", self.opening())
            }
            _ => title,
        };
        let mut draft = Draft::new("crash-loop", title, first).detail(self.restarted());
        if let Some(ending) = ending {
            draft = draft
                .detail(explained(ending))
                .detail(self.last_words(ending))
                .evidence(self.ended(ending, &["exitCode", "reason", "message"]));
        }
        draft = match ending.map(|ending| ending.code) {
            Some(0) => draft.advise("Keep its process in the foreground, or run it as a Job"),
            code => exit::advice(code.unwrap_or(0)).iter().fold(draft, |draft, advice| draft.advise(*advice)),
        };
        Some(draft.evidence(evidence).advise(format!("Read the log of its last run: {}", self.log_command(true))))
    }

    fn log_command(&self, previous: bool) -> String {
        let namespace = self.pod.namespace().map_or(String::new(), |namespace| format!(" -n {namespace}"));
        let previous = if previous { " --previous" } else { "" };
        format!("`kubectl logs {}{namespace} -c {}{previous}`", self.pod.name(), self.name)
    }

    fn exit(&self, ending: &Ending<'a>) -> Option<Draft> {
        if ending.code == 0 || ending.reason == "OOMKilled" {
            return None;
        }
        let lost = ending.reason == "ContainerStatusUnknown";
        let before = if ending.field == "lastState" { " before its last restart" } else { "" };
        let title = if lost {
            format!("{} was lost: nobody knows how it ended", self.opening())
        } else if matches!(ending.reason, "StartError" | "ContainerCannotRun") {
            format!("{} could not be started", self.opening())
        } else {
            format!("{} failed with exit code {}{before}", self.opening(), ending.code)
        };
        let mut evidence = self.ended(ending, &["exitCode", "reason", "message"]).into_iter();
        let mut draft = Draft::new("exit-code", title, evidence.next()?).evidence(evidence).detail(if lost {
            String::new()
        } else {
            explained(ending)
        });
        if ending.field == "lastState" {
            // It runs again: this is history, and may be over.
            draft = draft.certainty(Certainty::Possible).detail(self.restarted());
        }
        draft = draft.detail(self.last_words(ending));
        draft = exit::advice(ending.code).iter().fold(draft, |draft, advice| draft.advise(*advice));
        Some(draft.advise(format!("Read its log: {}", self.log_command(ending.field == "lastState"))))
    }

    /// `CreateContainerConfigError`, `CreateContainerError`, `RunContainerError`.
    fn configuration(&self, reason: &str) -> Option<Draft> {
        let message = self.waiting_message();
        let missing = [("secret", "Secret"), ("configmap", "ConfigMap")].into_iter().find_map(|(word, kind)| {
            let name = between(message, &format!("{word} \""), "\"")?;
            message.contains("not found").then(|| format!("the {kind} `{name}` does not exist"))
        });
        let key = message.contains("couldn't find key").then(|| shortened(message).to_owned());
        let title = match (missing, key, reason) {
            (Some(missing), _, _) => format!("{} cannot start: {missing}", self.opening()),
            (None, Some(key), _) => format!("{} cannot start: {key}", self.opening()),
            (None, None, "CreateContainerConfigError") => format!("{} has a configuration error", self.opening()),
            (None, None, _) => format!("{} cannot be started", self.opening()),
        };
        let mut evidence = self.waiting_evidence().into_iter();
        let draft = Draft::new("container-config", title, evidence.next()?).evidence(evidence);
        let command = self.spec.and_then(|spec| spec.pointer("/command")).filter(|_| reason == "RunContainerError");
        let evidence = command.map(|command| {
            about_value(self.pod, &format!("spec.containers[{}].command", self.name), &command.to_string())
        });
        Some(draft.evidence(evidence).detail(shortened(message)).advise(if reason == "CreateContainerConfigError" {
            "Create what is missing, or mark the reference `optional: true`; the pod starts by itself then"
        } else {
            "Correct the command, the mounts or the security settings that the message names"
        }))
    }
}

/// `Exit code 137 means SIGKILL: it was killed from outside.`
fn explained(ending: &Ending<'_>) -> String {
    let code = ending.code;
    let told = !words::last_line(ending.value.text("/message").unwrap_or_default()).is_empty();
    match exit::meaning(code) {
        _ if ending.reason == "OOMKilled" => String::new(),
        // A habit of programs, which their own words overrule.
        _ if told && exit::is_habit(code) => String::new(),
        "" if code > 128 && code < 160 => format!("Exit code {code} means signal {}.", code - 128),
        "" => String::new(),
        meaning => format!("Exit code {code}: {meaning}."),
    }
}

/// A message that may be long, cut at a sentence's length.
pub(super) fn shortened(text: &str) -> &str {
    match text.char_indices().nth(300) {
        Some((at, _)) => &text[..at],
        None => text,
    }
}

/// Whether all containers of a pod are ready.
pub(super) fn is_ready(pod: &Object) -> bool {
    pod.condition("Ready").is_some_and(|condition| condition.is_true())
}

/// Evidence of the pod's phase.
pub(super) fn phase(pod: &Object) -> Option<Evidence> {
    about(pod, "/status/phase")
}
