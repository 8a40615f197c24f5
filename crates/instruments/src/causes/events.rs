//! What only events tell of a pod: failing probes and sandboxes.

use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, Object, Read};

use super::containers::{is_ready, shortened};
use super::draft::{Draft, between, event_evidence, event_message, event_reason};

/// The causes that stand in events alone.
pub(super) fn causes(pod: &Object, events: &[Arc<Object>]) -> Vec<Cause> {
    let newest = |keep: &dyn Fn(&Object) -> bool| events.iter().find(|event| keep(event)).map(|event| &**event);
    let mut causes = Vec::new();
    for probe in ["Liveness", "Startup", "Readiness"] {
        let event = newest(&|event| event_reason(event) == "Unhealthy" && event_message(event).starts_with(probe));
        let killed = newest(&|event| {
            event_reason(event) == "Killing"
                && event_message(event).contains(&format!("failed {} probe", probe.to_lowercase()))
        });
        causes.extend(event.and_then(|event| failing_probe(pod, probe, event, killed)));
    }
    let starts = pod.text("/status/phase") == Some("Pending");
    let sandbox = newest(&|event| event_reason(event) == "FailedCreatePodSandBox").filter(|_| starts);
    causes.extend(sandbox.map(failing_sandbox));
    causes
}

/// A probe that fails, and the event of the restart that it led to.
fn failing_probe(pod: &Object, probe: &str, event: &Object, killed: Option<&Object>) -> Option<Cause> {
    let container = between(event.text("/involvedObject/fieldPath").unwrap_or_default(), "{", "}");
    let of = container.map_or(String::new(), |container| format!(" of container `{container}`"));
    let restarts = || {
        let all = pod.items("/status/containerStatuses").iter();
        all.filter(|status| container.is_none_or(|name| status.text("/name") == Some(name)))
            .any(|status| status.integer("/restartCount").is_some_and(|count| count > 0))
    };
    let (consequence, advice) = match probe {
        // A probe that failed while the pod came up, and holds now, is no cause.
        "Readiness" if is_ready(pod) => return None,
        "Readiness" => {
            ("It gets no traffic until the probe holds.", "Ask the address that the probe asks from inside the pod")
        }
        _ if is_ready(pod) && !restarts() => return None,
        _ => (
            "The kubelet restarts it when the probe has failed often enough.",
            "If the program only needs longer, raise `initialDelaySeconds`, `timeoutSeconds` or `failureThreshold`, or add a startup probe",
        ),
    };
    let title = format!("The {} probe{of} fails", probe.to_lowercase());
    let draft = Draft::new("probe", title, event_evidence(event))
        .evidence(killed.map(event_evidence))
        .certainty(if killed.is_some() { Certainty::Certain } else { Certainty::Likely });
    let message = event_message(event);
    let said = message.split_once("failed: ").map_or(message, |(_, said)| said);
    Some(draft.detail(shortened(said)).detail(consequence).advise(advice).advise("Read the container's log").done())
}

fn failing_sandbox(event: &Object) -> Cause {
    let draft = Draft::new("sandbox", "The node cannot set up the pod's network or sandbox", event_evidence(event));
    draft
        .detail(shortened(event_message(event)))
        .advise("Look at the network plugin's pods on this node, and whether it has addresses left")
        .done()
}
