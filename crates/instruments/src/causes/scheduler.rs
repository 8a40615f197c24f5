//! Reads the scheduler's message: `0/14 nodes are available: 9 Insufficient nvidia.com/gpu, ...`.
//!
//! Source of the format: `FitError` in `kubernetes/pkg/scheduler/framework/types.go`, 1.20 to 1.33.

/// What the scheduler found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Verdict<'a> {
    /// How many nodes there are.
    pub(super) nodes: u64,
    /// Why they do not fit, the most frequent first.
    pub(super) blockers: Vec<Blocker<'a>>,
}

/// One reason and how many nodes it rules out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Blocker<'a> {
    /// `None` when it is about the pod, not about nodes.
    pub(super) nodes: Option<u64>,
    pub(super) why: Why<'a>,
}

/// Why a node does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Why<'a> {
    /// Too little of a resource is free.
    Insufficient(&'a str),
    /// A taint that the pod does not tolerate, as `key=value`.
    Taint(String),
    /// Node selector or affinity.
    Selector,
    /// Cordoned.
    Cordoned,
    /// No more pods.
    TooManyPods,
    /// Its volume is elsewhere.
    VolumeElsewhere,
    /// A claim without a volume.
    UnboundClaim,
    /// A claim that does not exist.
    MissingClaim(&'a str),
    /// Rules about other pods.
    OtherPods,
    /// Anything else, verbatim.
    Other(&'a str),
}

/// Reads a message; `None` when it does not have the form.
pub(super) fn read(message: &str) -> Option<Verdict<'_>> {
    let (head, rest) = message.split_once(" nodes are available: ")?;
    let (_, nodes) = head.rsplit(char::is_whitespace).next()?.split_once('/')?;
    let rest = rest.split(" preemption: ").next()?.trim().trim_end_matches('.');
    let mut blockers: Vec<Blocker<'_>> = split(rest).into_iter().map(blocker).collect();
    blockers.sort_by_key(|blocker| std::cmp::Reverse(blocker.nodes.unwrap_or(u64::MAX)));
    Some(Verdict { nodes: nodes.parse().ok()?, blockers })
}

/// Parts end at a comma before a number: taints have commas of their own.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(", ") {
        let after = &text[at + 2..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && after[digits..].starts_with(' ') {
            parts.push(&text[start..at]);
            start = at + 2;
        }
    }
    parts.push(&text[start..]);
    parts
}

fn blocker(part: &str) -> Blocker<'_> {
    let part = part.trim();
    let (nodes, text) = match part.split_once(' ').map(|(count, text)| (count.parse().ok(), text)) {
        Some((Some(count), text)) => (Some(count), text),
        _ => (None, part),
    };
    Blocker { nodes, why: why(text) }
}

fn why(text: &str) -> Why<'_> {
    let has = |words: &str| text.contains(words);
    if let Some(resource) = text.strip_prefix("Insufficient ") {
        Why::Insufficient(resource)
    } else if let Some((_, taint)) = text.split_once("taint {") {
        let taint = taint.split('}').next().unwrap_or_default();
        let (key, value) = taint.split_once(':').unwrap_or((taint, ""));
        let value = value.trim();
        Why::Taint(if value.is_empty() { key.to_owned() } else { format!("{key}={value}") })
    } else if has("node affinity/selector") || has("node selector") || has("node(s) didn't match Pod's node affinity") {
        Why::Selector
    } else if has("were unschedulable") {
        Why::Cordoned
    } else if has("Too many pods") {
        Why::TooManyPods
    } else if has("volume node affinity conflict") || has("no available volume zone") {
        Why::VolumeElsewhere
    } else if has("unbound immediate PersistentVolumeClaims") {
        Why::UnboundClaim
    } else if let Some(name) =
        super::draft::between(text, "persistentvolumeclaim \"", "\"").filter(|_| has("not found"))
    {
        Why::MissingClaim(name)
    } else if has("affinity") || has("topology spread") {
        Why::OtherPods
    } else {
        Why::Other(text)
    }
}

impl Blocker<'_> {
    /// "9 have too little `nvidia.com/gpu` free".
    pub(super) fn words(&self) -> String {
        let (has, matches, is) = match self.nodes {
            Some(1) => ("has", "does", "is"),
            _ => ("have", "do", "are"),
        };
        let said = match &self.why {
            Why::Insufficient(resource) => format!("{has} too little `{resource}` free"),
            Why::Taint(taint) => format!("{has} the taint `{taint}`, which the pod does not tolerate"),
            Why::Selector => format!("{matches} not match the pod's node selector or affinity"),
            Why::Cordoned => format!("{is} cordoned"),
            Why::TooManyPods => format!("{has} as many pods as allowed"),
            Why::VolumeElsewhere => format!("{is} not where the pod's volume is"),
            Why::OtherPods => format!("{is} ruled out by affinity to other pods or by spreading"),
            Why::UnboundClaim => return "a claim of the pod has no volume yet".to_owned(),
            Why::MissingClaim(name) => return format!("the claim `{name}` does not exist"),
            Why::Other(text) => (*text).to_owned(),
        };
        self.nodes.map_or_else(|| said.clone(), |nodes| format!("{nodes} {said}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_schedulers_write() {
        let message = "0/14 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 9 Insufficient \
                       nvidia.com/gpu, 3 node(s) had taint {dedicated: infra}, that the pod didn't tolerate. preemption: \
                       0/14 nodes are available: 14 Preemption is not helpful for scheduling.";
        let verdict = read(message).unwrap();
        assert_eq!(verdict.nodes, 14);
        let words: Vec<String> = verdict.blockers.iter().map(Blocker::words).collect();
        assert_eq!(
            words,
            [
                "9 have too little `nvidia.com/gpu` free",
                "3 have the taint `dedicated=infra`, which the pod does not tolerate",
                "2 do not match the pod's node selector or affinity",
            ]
        );
    }

    #[test]
    fn reads_single_reasons() {
        let words = |message: &str| read(message).unwrap().blockers[0].words();
        assert_eq!(words("0/1 nodes are available: 1 Insufficient cpu."), "1 has too little `cpu` free");
        assert_eq!(
            words("0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/unreachable: }."),
            "1 has the taint `node.kubernetes.io/unreachable`, which the pod does not tolerate"
        );
        assert_eq!(
            words("0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims."),
            "a claim of the pod has no volume yet"
        );
        assert_eq!(
            words("0/3 nodes are available: persistentvolumeclaim \"data\" not found."),
            "the claim `data` does not exist"
        );
        assert_eq!(words("0/3 nodes are available: 3 something new."), "3 something new");
        assert_eq!(words("0/3 nodes are available: 3 Too many pods."), "3 have as many pods as allowed");
        assert_eq!(read("no nodes available to schedule pods"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_message_panics(text in "(0/3 nodes are available: )?[0-9a-z{}:,. /\"é]{0,60}") {
            if let Some(verdict) = read(&text) {
                for blocker in verdict.blockers {
                    blocker.words();
                }
            }
        }
    }
}
