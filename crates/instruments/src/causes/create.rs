//! Why objects could not be made: the API server's refusals, as controllers repeat them in events and conditions.

use pilothouse_model::{Cause, Evidence, GroupResource, Lookup, Object, Objects, Quantity, Read};

use super::containers::shortened;
use super::draft::{Draft, about, about_value, between, event_evidence, event_message, event_reason};

const PODS: GroupResource<'static> = GroupResource::new("", "pods");

/// The refusals that the events about an object tell, the newest of each kind.
pub(super) fn of_events(object: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let mut causes: Vec<Cause> = Vec::new();
    for event in &objects.events(&object.reference()).objects {
        let message = event_message(event);
        if came_to_be(message, object, objects) {
            continue;
        }
        let Some(cause) = of_refusal(event_evidence(event), message, objects).or_else(|| unread(event, message)) else {
            continue;
        };
        // Refusals repeat with other names and numbers; the newest tells how it stands.
        if !causes.iter().any(|known| known.id == cause.id) {
            causes.push(cause);
        }
    }
    causes
}

/// Whether the pod that a refusal names is there by now: then the refusal is past.
fn came_to_be(message: &str, object: &Object, objects: &dyn Objects) -> bool {
    between(message, "pods \"", "\" is forbidden")
        .is_some_and(|name| objects.get(PODS, object.namespace(), name).found().is_some())
}

/// A creation that failed for a reason that is none of ours.
fn unread(event: &Object, message: &str) -> Option<Cause> {
    let failed = matches!(event_reason(event), "FailedCreate" | "FailedDaemonPod")
        || event_reason(event).ends_with("CreationFailed");
    let warning = event.text("/type") == Some("Warning");
    (failed && warning).then(|| {
        let title = format!("It could not make what it needs: {}", shortened(message));
        Draft::new("create-failed", title, event_evidence(event))
            .advise("The message names what the API server refused")
            .done()
    })
}

/// What a refusal of the API server says; `None` when the message is none.
pub(super) fn of_refusal(evidence: Evidence, message: &str, objects: &dyn Objects) -> Option<Cause> {
    if message.contains("exceeded quota: ") {
        Some(quota(evidence, message, objects))
    } else if let Some((_, rest)) = message.split_once("failed quota: ") {
        let (name, rest) = rest.split_once(": must specify ")?;
        let wanted = rest.split([';', ' ']).next().unwrap_or(rest).replace(',', "`, `");
        let title = format!("Quota `{name}` lets in only pods whose containers all set `{wanted}`");
        let draft = Draft::new("quota", title, evidence);
        Some(draft.advise("Set them in the pod template, or ask for a LimitRange with defaults").done())
    } else if let Some(rest) = message.split_once("admission webhook \"").map(|(_, rest)| rest) {
        let (webhook, said) = rest.split_once("\" denied the request")?;
        let said = said.trim_start_matches([':', ' ']);
        let title = format!("The admission webhook `{webhook}` refused it: {}", shortened(said));
        Some(
            Draft::new("admission", title, evidence)
                .advise("Change what the policy objects to, or ask whoever runs it")
                .done(),
        )
    } else if message.contains("failed calling webhook") {
        let webhook = between(message, "failed calling webhook \"", "\"").unwrap_or("<unknown>");
        let draft =
            Draft::new("webhook-unreachable", format!("The admission webhook `{webhook}` does not answer"), evidence);
        Some(draft.detail(shortened(message)).advise("See whether the pods behind the webhook's service run").done())
    } else if message.contains("violates PodSecurity") {
        let said = message.split_once("violates PodSecurity").map_or(message, |(_, said)| said).trim();
        let level = between(said, "\"", "\"").unwrap_or("<unknown>");
        let draft = Draft::new(
            "pod-security",
            format!("The namespace's pod security level `{level}` forbids the pod"),
            evidence,
        );
        Some(draft.detail(shortened(said)).advise("Set the `securityContext` that the message names").done())
    } else if message.contains("serviceaccount \"") && message.contains("not found") {
        let name = between(message, "serviceaccount \"", "\"").unwrap_or("<unknown>");
        let draft = Draft::new("service-account", format!("The service account `{name}` does not exist"), evidence);
        Some(draft.advise("Create it in this namespace, or name another one").done())
    } else if message.contains("is forbidden: ") && (message.contains("usage per ") || message.contains("LimitRange")) {
        let said = message.split_once("is forbidden: ").map_or(message, |(_, said)| said);
        let draft =
            Draft::new("limit-range", format!("The namespace's limits forbid it: {}", shortened(said)), evidence);
        Some(draft.advise("Ask for an amount within the namespace's LimitRange").done())
    } else {
        None
    }
}

/// `exceeded quota: team-a, requested: requests.nvidia.com/gpu=4, used: requests.nvidia.com/gpu=6, limited:
/// requests.nvidia.com/gpu=8`.
fn quota(evidence: Evidence, message: &str, objects: &dyn Objects) -> Cause {
    let rest = message.split_once("exceeded quota: ").map_or("", |(_, rest)| rest);
    let name = rest.split(',').next().unwrap_or_default().trim().to_owned();
    let part = |word: &str| {
        let after = rest.split_once(&format!("{word}: ")).map_or("", |(_, after)| after);
        let ends = [", used: ", ", limited: "].iter().filter_map(|end| after.find(end)).min().unwrap_or(after.len());
        after[..ends].split(',').filter_map(|pair| pair.trim().split_once('=')).collect::<Vec<_>>()
    };
    let (requested, used, limited) = (part("requested"), part("used"), part("limited"));
    let of = |list: &[(&str, &str)], key: &str| {
        list.iter()
            .find(|(name, _)| *name == key)
            .map_or_else(|| "<unknown>".to_owned(), |(_, amount)| (*amount).to_owned())
    };
    let is_beyond = |key: &str, amount: &str| exceeds(amount, &of(&limited, key));
    let (beyond, short): (Vec<_>, Vec<_>) = requested.iter().partition(|(key, amount)| is_beyond(key, amount));
    let mut lines: Vec<String> =
        beyond.iter().map(|(key, amount)| format!("{key}: {amount} wanted, {} allowed", of(&limited, key))).collect();
    lines.extend(
        short.iter().map(|(key, amount)| {
            format!("{key}: {amount} more wanted, {} of {} used", of(&used, key), of(&limited, key))
        }),
    );
    let title = match lines.first() {
        Some(line) if !beyond.is_empty() => format!("It wants more than the whole quota `{name}` ({line})"),
        Some(line) => format!("Quota `{name}` is used up ({line})"),
        None => format!("Quota `{name}` is used up"),
    };
    let namespace = evidence.object.namespace.clone();
    let keys: Vec<&str> = requested.iter().map(|(key, _)| *key).collect();
    let found = quota_evidence(namespace.as_deref(), &name, &keys, objects);
    Draft::new("quota", title, evidence)
        .detail(if lines.len() > 1 { format!("{}.", lines.join("; ")) } else { String::new() })
        .evidence(found)
        .advise(if beyond.is_empty() {
            "Free what others in this namespace hold, or ask for less"
        } else {
            "Ask for less: under this quota it never fits, even when nothing else runs in the namespace"
        })
        .advise(format!("Ask whoever runs the platform to raise the quota `{name}`"))
        .done()
}

/// Whether one amount is certainly more than another; what cannot be read is not.
fn exceeds(amount: &str, limit: &str) -> bool {
    let read = |text: &str| text.parse::<Quantity>().ok();
    read(amount).zip(read(limit)).is_some_and(|(amount, limit)| amount > limit)
}

/// What the quota itself says now of the resources that were short.
fn quota_evidence(namespace: Option<&str>, name: &str, keys: &[&str], objects: &dyn Objects) -> Vec<Evidence> {
    let Lookup::Found(quota) = objects.get(GroupResource::new("", "resourcequotas"), namespace, name) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for key in keys {
        let escaped = key.replace('~', "~0").replace('/', "~1");
        for field in ["used", "hard"] {
            let read = about(&quota, &format!("/status/{field}/{escaped}"));
            found.extend(read.map(|evidence| about_value(&quota, &format!("status.{field}[{key}]"), &evidence.value)));
        }
    }
    found
}
