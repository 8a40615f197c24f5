//! Why something is as it is: causes, each with its evidence and what to do next.

use maud::{Markup, html};
use pilothouse_model::{Cause, Certainty, Evidence, Level};

use super::icon::icon;
use super::prose::prose;
use super::scene::Scene;
use super::time::age;

/// The causes as a card; nothing when there are none.
pub(crate) fn causes(causes: &[Cause], scene: &Scene<'_>) -> Markup {
    html! {
        @if !causes.is_empty() {
            section.card aria-labelledby="why" {
                header { h2 id="why" { "Why" } }
                ol.causes { @for one in causes { (cause(one, scene)) } }
            }
        }
    }
}

fn cause(cause: &Cause, scene: &Scene<'_>) -> Markup {
    let (level, sureness) = match cause.certainty {
        Certainty::Certain => (Level::Error, "certain"),
        Certainty::Likely => (Level::Warning, "likely"),
        Certainty::Possible => (Level::Waiting, "possible"),
    };
    html! {
        li class=(level.as_str()) {
            h3 { (icon(level.as_str())) span { (prose(&cause.title)) } span.sureness { (sureness) } }
            @if !cause.detail.is_empty() { p { (prose(&cause.detail)) } }
            @if !cause.advice.is_empty() {
                ol.advice { @for advice in &cause.advice { li { (prose(advice)) } } }
            }
            ul.evidence aria-label="Evidence" { @for one in &cause.evidence { (evidence(one, scene)) } }
        }
    }
}

fn evidence(evidence: &Evidence, scene: &Scene<'_>) -> Markup {
    html! {
        li {
            (scene.link(&evidence.object))
            code.faint { (evidence.field) }
            span.value { (evidence.value) }
            @if let Some(since) = evidence.since { span.faint { (age(since, scene.now)) " ago" } }
        }
    }
}
