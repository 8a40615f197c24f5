//! How current and how complete what is shown is, in words.

use jiff::Timestamp;
use maud::{Markup, html};
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
            span.lost-words { "Connection to the console lost, trying again" }
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
            (Level::Error, "The cluster does not let you list this. Pick namespaces that you may read.", reason)
        }
        Completeness::Broken(reason) => (Level::Error, "This could not be read. It is tried again.", reason),
        Completeness::Absent => return notice(Level::Idle, "The cluster does not serve this resource.", ""),
    };
    notice(level, title, reason)
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
