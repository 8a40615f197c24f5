//! Last words: what a container's termination message says, and how the last words of several pods are told together.

use std::collections::BTreeSet;

use pilothouse_model::Evidence;

use super::containers::shortened;

/// Begins the last words in a cause's detail, where they stand at the end.
pub(super) const BEGIN: &str = "Its last words: ";

/// Says that pods of one cause said different things.
pub(super) const DIFFERENT: &str = "with different last words";

/// How many pods are quoted.
const QUOTED: usize = 4;

/// The last line of a message that says something.
pub(super) fn last_line(message: &str) -> &str {
    shortened(message.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default())
}

/// Whether this evidence is a container's termination message.
pub(super) fn is_told_by(evidence: &Evidence) -> bool {
    evidence.object.kind == "Pod" && evidence.field.ends_with("terminated.message")
}

/// The last words of pods that did not all say the same; `None` when they agree, or none of the `count` pods said anything.
pub(super) fn differing(evidence: &[Evidence], count: usize) -> Option<String> {
    let told: Vec<(&str, &str)> = evidence
        .iter()
        .filter(|evidence| is_told_by(evidence))
        .map(|evidence| (evidence.object.name.as_str(), last_line(&evidence.value)))
        .collect();
    let different: BTreeSet<&str> = told.iter().map(|(_, line)| *line).collect();
    let silent = count.saturating_sub(told.iter().map(|(pod, _)| *pod).collect::<BTreeSet<_>>().len());
    if different.is_empty() || (different.len() == 1 && silent == 0) {
        return None;
    }
    let mut lines: Vec<String> = Vec::new();
    let mut quoted = BTreeSet::new();
    for (pod, line) in told.iter().filter(|(_, line)| quoted.insert(*line)).take(QUOTED) {
        let others = told.iter().filter(|(other, same)| same == line && other != pod).count();
        let others = if others > 0 { format!(" and {others} more") } else { String::new() };
        lines.push(format!("`{pod}`{others}: {line}"));
    }
    if different.len() > QUOTED {
        lines.push(format!("{} others said something else again", different.len() - QUOTED));
    }
    if silent > 0 {
        lines.push(format!("{silent} said nothing"));
    }
    Some(format!("{}.", lines.join("; ").trim_end_matches('.')))
}

/// A detail with other words in place of the last words that it ends with.
pub(super) fn instead(detail: &str, words: &str) -> String {
    let before = detail.split_once(BEGIN).map_or(detail, |(before, _)| before).trim_end();
    if before.is_empty() { words.to_owned() } else { format!("{before} {words}") }
}
