//! Why an image cannot be pulled.

use pilothouse_model::{Evidence, Object};

use super::draft::{Draft, event_evidence, event_message, event_reason};

/// Waiting reasons that mean that there is no image to start from.
pub(super) fn is_reason(reason: &str) -> bool {
    matches!(
        reason,
        "ErrImagePull"
            | "ImagePullBackOff"
            | "InvalidImageName"
            | "ErrImageNeverPull"
            | "ImageInspectError"
            | "RegistryUnavailable"
            | "SignatureValidationFailed"
    )
}

/// What went wrong, as far as the registry's words tell.
struct Reading {
    /// After "cannot be pulled: ".
    why: &'static str,
    advice: &'static [&'static str],
}

const READINGS: [(&[&str], Reading); 8] = [
    (
        &["manifest unknown", "not found", "notfound", "name unknown", "does not exist in the registry"],
        Reading {
            why: "the registry has no such image or tag",
            advice: &[
                "Check the spelling of the image and its tag",
                "Check that the image was pushed to this registry",
            ],
        },
    ),
    (
        &["toomanyrequests", "too many requests", "rate limit"],
        Reading {
            why: "the registry limits how often it is asked",
            advice: &["Wait, sign in with `imagePullSecrets`, or use a mirror"],
        },
    ),
    (
        &["unauthorized", "authentication required", "access denied", "pull access denied", "denied:", "forbidden"],
        Reading {
            why: "the registry refuses access",
            advice: &[
                "Give the pod or its service account `imagePullSecrets` with valid credentials for this registry",
                "Registries also say so of private images that do not exist: check the spelling",
            ],
        },
    ),
    (
        &["x509", "certificate"],
        Reading {
            why: "the registry's certificate is not trusted",
            advice: &["Install the registry's certificate authority on the nodes"],
        },
    ),
    (
        &[
            "no such host",
            "i/o timeout",
            "connection refused",
            "connection reset",
            "tls handshake timeout",
            "deadline exceeded",
            "dial tcp",
        ],
        Reading {
            why: "the registry cannot be reached from the node",
            advice: &["Check the registry's host name, and the node's network, proxy and DNS"],
        },
    ),
    (
        &["no match for platform", "no matching manifest"],
        Reading {
            why: "it is not built for this node's processor",
            advice: &["Build the image for the node's architecture, or choose other nodes with a node selector"],
        },
    ),
    (
        &["no space left"],
        Reading { why: "the node's disk is full", advice: &["Free or enlarge the node's image disk"] },
    ),
    (
        &["couldn't parse image", "invalid reference format", "failed to apply default image tag"],
        Reading { why: "its name is not valid", advice: &["Correct the image's name: `registry/repository:tag`"] },
    ),
];

/// The cause that this image is not there. `waiting` is evidence of the container's waiting reason, `message` its message.
pub(super) fn cause(
    container: &str,
    image: &str,
    waiting: Vec<Evidence>,
    message: &str,
    events: &[&Object],
) -> Option<Draft> {
    let told: Vec<&&Object> = events
        .iter()
        .filter(|event| matches!(event_reason(event), "Failed" | "InspectFailed" | "ErrImageNeverPull"))
        .filter(|event| event_message(event).contains(image) || event_message(event).contains("image"))
        .collect();
    // Back-off messages say nothing new; the event beside them does.
    let texts: Vec<String> = std::iter::once(message)
        .chain(told.iter().map(|event| event_message(event)))
        // The image's own name must not be taken for the registry's answer.
        .map(|text| text.replace(image, "").to_lowercase())
        .collect();
    let reading = READINGS
        .iter()
        .find(|(words, _)| texts.iter().any(|text| words.iter().any(|word| text.contains(word))))
        .map(|(_, reading)| reading);
    let reason = waiting.first()?.value.clone();
    let why = match (reading, reason.as_str()) {
        (_, "InvalidImageName") => ": its name is not valid".to_owned(),
        (_, "ErrImageNeverPull") => ": it is not on the node, and `imagePullPolicy` is Never".to_owned(),
        (Some(reading), _) => format!(": {}", reading.why),
        (None, _) => String::new(),
    };
    let title = format!("The image `{image}` of {container} cannot be pulled{why}");
    let mut evidence = waiting.into_iter();
    let mut draft = Draft::new("image-pull", title, evidence.next()?).evidence(evidence);
    // Of several events one is enough: the newest that tells more than that it waits.
    draft = draft.evidence(told.first().map(|event| event_evidence(event)));
    for advice in reading.map_or(&["Read what the registry answered, below"][..], |reading| reading.advice) {
        draft = draft.advise(*advice);
    }
    Some(draft)
}
