//! How current and how complete what is shown is, in words.

use jiff::Timestamp;
use maud::{Markup, html};
use pilothouse_app::Gap;
use pilothouse_model::{Completeness, Level};

use super::icon::icon;
use super::prose::sentence;
use super::time::age;

/// One line: live, loading, or why not.
pub(crate) fn line(completeness: &Completeness, as_of: Option<Timestamp>, now: Timestamp) -> Markup {
    let (level, words) = words(completeness);
    html! {
        span class={ "freshness " (level.as_str()) } {
            (icon(level.as_str()))
            span.words {
                (words)
                @if let Some(as_of) = as_of {
                    @match completeness {
                        Completeness::Complete => { " · current " (age(as_of, now)) " ago" },
                        _ => { " · last current " (age(as_of, now)) " ago" },
                    }
                }
            }
            span.lost-words { "Not live: the console does not answer" }
        }
    }
}

fn words(completeness: &Completeness) -> (Level, &'static str) {
    match completeness {
        Completeness::Complete => (Level::Good, "Live"),
        Completeness::Loading => (Level::Progress, "Loading"),
        Completeness::Stale(_) => (Level::Warning, "Stale"),
        Completeness::Forbidden(_) => (Level::Error, "Not allowed"),
        Completeness::Absent => (Level::Idle, "Not served"),
        Completeness::Broken(_) => (Level::Error, "Cannot be read"),
    }
}

/// What keeps the answer from being complete, in the cluster's own words; empty when nothing does.
pub(crate) fn trouble(completeness: &Completeness) -> Markup {
    let (level, title, reason) = match completeness {
        Completeness::Complete | Completeness::Loading => return html! {},
        Completeness::Stale(reason) => {
            (Level::Warning, "What is shown was true once; the cluster does not tell of changes at the moment.", reason)
        }
        Completeness::Forbidden(reason) => {
            (Level::Error, "The cluster does not let you list all of this. Pick namespaces that you may read.", reason)
        }
        Completeness::Broken(reason) => (Level::Error, "This could not be read. It is tried again.", reason),
        Completeness::Absent => return notice(Level::Idle, "The cluster does not serve this resource.", ""),
    };
    notice(level, title, reason)
}

/// What a page about an object could not look at, and so may lack.
pub(crate) fn gaps(gaps: &[&Gap]) -> Markup {
    let (loading, closed): (Vec<&Gap>, Vec<_>) = gaps.iter().partition(|gap| gap.completeness == Completeness::Loading);
    let names = |gaps: &[&Gap]| gaps.iter().map(|gap| gap.resource.as_str()).collect::<Vec<_>>().join(", ");
    html! {
        @if !loading.is_empty() {
            (notice(Level::Progress, &format!("Still reading {}. Causes and parts show as they are found.", names(&loading)), ""))
        }
        @if !closed.is_empty() {
            div class={ "notice " (Level::Warning.as_str()) } {
                (icon(Level::Warning.as_str()))
                div {
                    p { "Not all is known of " (names(&closed)) ": causes and parts of this object may be missing here." }
                    details {
                        summary { "Reasons" }
                        ul { @for gap in &closed { li { (gap.resource) ": " (why(&gap.completeness)) } } }
                    }
                }
            }
        }
    }
}

/// What keeps something from being complete, in words.
pub(crate) fn why(completeness: &Completeness) -> Markup {
    match completeness {
        Completeness::Complete => html! { "complete" },
        Completeness::Loading => html! { "still loading" },
        Completeness::Absent => html! { "not served by the cluster" },
        Completeness::Stale(reason) => html! { "no news at the moment: " (sentence(reason)) },
        Completeness::Forbidden(reason) => html! { "not allowed: " (sentence(reason)) },
        Completeness::Broken(reason) => html! { "cannot be read: " (sentence(reason)) },
    }
}

/// A notice: a sentence, and more.
pub(crate) fn notice(level: Level, title: &str, more: &str) -> Markup {
    html! {
        div class={ "notice " (level.as_str()) } {
            (icon(level.as_str()))
            div {
                p { (sentence(title)) }
                @if !more.is_empty() { p { (sentence(more)) } }
            }
        }
    }
}

/// Completeness and notes together: what a person must know before trusting a list.
pub(crate) fn notes(completeness: &Completeness, notes: &[String]) -> Markup {
    html! {
        (trouble(completeness))
        @if let [only] = notes {
            (notice(Level::Warning, only, ""))
        } @else if !notes.is_empty() {
            details {
                summary { (notes.len()) " notes on this list" }
                ul { @for note in notes { li { (note) } } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_looked_at_is_named() {
        let gap = |resource: &str, completeness| Gap { resource: resource.into(), completeness };
        assert_eq!(gaps(&[]).into_string(), "");
        let loading = gaps(&[&gap("pods", Completeness::Loading)]).into_string();
        assert!(loading.contains("Still reading pods") && !loading.contains("Not all"), "{loading}");
        let forbidden = gaps(&[&gap("pods", Completeness::Forbidden("<i>no".into()))]).into_string();
        assert!(
            forbidden.contains("Not all is known of pods") && forbidden.contains("not allowed: &lt;i&gt;no."),
            "{forbidden}"
        );
    }
}
