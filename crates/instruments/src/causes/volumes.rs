//! Volumes that a pod waits for: claims that are missing or unbound, mounts that fail.

use std::sync::Arc;

use pilothouse_model::{Cause, Certainty, GroupResource, Lookup, Object, Objects, Read};

use super::containers::shortened;
use super::draft::{Draft, about, about_value, between, event_evidence, event_message, event_reason};

/// The causes that lie in a pod's volumes. Only a pod that has not started can wait for one.
pub(super) fn causes(pod: &Object, events: &[Arc<Object>], objects: &dyn Objects) -> Vec<Cause> {
    if pod.text("/status/phase") != Some("Pending") {
        return Vec::new();
    }
    let mut causes = claims(pod, objects);
    let failed = |reason: &str| events.iter().find(move |event| event_reason(event) == reason);
    let mount = failed("FailedMount").or_else(|| failed("FailedAttachVolume")).or_else(|| failed("FailedMapVolume"));
    causes.extend(mount.map(|event| failing_mount(event)));
    causes
}

fn claims(pod: &Object, objects: &dyn Objects) -> Vec<Cause> {
    let volumes = pod.items("/spec/volumes").iter();
    let names =
        volumes.filter_map(|volume| Some((volume.text("/name")?, volume.text("/persistentVolumeClaim/claimName")?)));
    let resource = GroupResource::new("", "persistentvolumeclaims");
    names
        .filter_map(|(volume, claim)| match objects.get(resource, pod.namespace(), claim) {
            Lookup::Found(found) => of_claim(&found, objects),
            Lookup::Missing => {
                let field = format!("spec.volumes[{volume}].persistentVolumeClaim.claimName");
                let title = format!("The claim `{claim}` does not exist");
                let draft = Draft::new("missing-claim", title, about_value(pod, &field, claim));
                Some(draft.advise("Create the claim in the pod's namespace, or correct its name in the pod").done())
            }
            Lookup::Unknown(_) => None,
        })
        .collect()
}

/// Why a claim has no volume; `None` when it has one.
pub(crate) fn of_claim(claim: &Object, objects: &dyn Objects) -> Option<Cause> {
    let phase = claim.text("/status/phase")?;
    let name = claim.name();
    if phase == "Lost" {
        let draft = Draft::new(
            "pending-claim",
            format!("The volume of claim `{name}` is lost"),
            about(claim, "/status/phase")?,
        );
        return Some(
            draft.evidence(about(claim, "/spec/volumeName")).advise("Restore the volume, or make a new claim").done(),
        );
    }
    if phase != "Pending" {
        return None;
    }
    let events = objects.events(&claim.reference()).objects;
    let told = |reason: &str| events.iter().find(|event| event_reason(event) == reason);
    let first = about(claim, "/status/phase")?;
    let class = claim.text("/spec/storageClassName").unwrap_or_default();
    let draft = if let Some(event) = told("ProvisioningFailed") {
        let title = if event_message(event).contains("not found") && event_message(event).contains("storageclass") {
            format!("Claim `{name}` asks for the storage class `{class}`, which does not exist")
        } else {
            format!("No volume could be made for claim `{name}`")
        };
        Draft::new("pending-claim", title, first)
            .detail(shortened(event_message(event)))
            .evidence([event_evidence(event)])
            .advise("Look at the storage class and at what provisions it")
    } else if let Some(event) = told("WaitForFirstConsumer").or_else(|| told("WaitForPodScheduled")) {
        // It waits for a pod to get a node: a consequence, not a cause.
        Draft::new("pending-claim", format!("Claim `{name}` waits until a pod that uses it gets a node"), first)
            .certainty(Certainty::Possible)
            .evidence([event_evidence(event)])
            .advise("See why the pod that uses it has no node")
    } else if let Some(event) = told("ExternalProvisioning").or_else(|| told("Provisioning")) {
        Draft::new("pending-claim", format!("Claim `{name}` waits for its provisioner to make a volume"), first)
            .certainty(Certainty::Likely)
            .evidence([event_evidence(event)])
            .advise("See whether the provisioner that the event names runs")
    } else if let Some(event) = told("FailedBinding") {
        Draft::new("pending-claim", format!("No volume fits claim `{name}`, and nothing makes one"), first)
            .detail(shortened(event_message(event)))
            .evidence([event_evidence(event)])
            .advise("Name a `storageClassName`, mark a storage class as the default, or create a fitting volume")
    } else {
        Draft::new("pending-claim", format!("Claim `{name}` has no volume yet"), first)
            .certainty(Certainty::Likely)
            .advise("Look at the claim's events and storage class")
    };
    Some(draft.evidence(about(claim, "/spec/storageClassName")).done())
}

fn failing_mount(event: &Object) -> Cause {
    let message = event_message(event);
    let volume = between(message, "for volume \"", "\"").map_or(String::new(), |volume| format!(" `{volume}`"));
    let missing = [("secret", "Secret"), ("configmap", "ConfigMap")].into_iter().find_map(|(word, kind)| {
        let name = between(message, &format!("{word} \""), "\"")?;
        message.contains("not found").then(|| (kind, name.rsplit('/').next().unwrap_or(name).to_owned()))
    });
    let draft = |title: String| Draft::new("volume", title, event_evidence(event)).detail(shortened(message));
    if let Some((kind, name)) = missing {
        draft(format!("Volume{volume} cannot be mounted: the {kind} `{name}` does not exist"))
            .advise(format!("Create the {kind}, or mark the volume `optional: true`; the pod starts by itself then"))
            .done()
    } else if message.contains("Multi-Attach error") {
        draft(format!("Volume{volume} is still attached to another node"))
            .advise("End the pod that uses it there; if that node is lost, force-delete its pod")
            .done()
    } else if message.contains("timed out waiting for the condition") || message.contains("context deadline exceeded") {
        draft(format!("Mounting volume{volume} takes too long"))
            .certainty(Certainty::Likely)
            .advise("Look at the volume attachment, and at the storage driver's pod on this node")
            .done()
    } else {
        draft(format!("Volume{volume} cannot be mounted"))
            .advise("Look at the storage driver's pod on this node")
            .done()
    }
}
