//! Why something is as it is: causes, each with its evidence and what to do next.

use maud::{Markup, html};
use pilothouse_model::{Cause, Certainty, Evidence, Level, Status};

use super::icon::icon;
use super::prose::prose;
use super::scene::Scene;
use super::time::age;

/// The causes of a status as a card; nothing when there are none.
pub(crate) fn causes(causes: &[Cause], status: &Status, scene: &Scene<'_>) -> Markup {
    html! {
        @if !causes.is_empty() {
            section.card aria-labelledby="why" {
                header { h2 id="why" { "Why" } }
                ol.causes { @for one in causes { (cause(one, tone(status.level), scene)) } }
            }
        }
    }
}

/// Colour and shape tell how the object stands, a word tells how sure the cause is. Where all seems well or nothing is told,
/// a cause is worth a look.
fn tone(level: Level) -> Level {
    match level {
        Level::Error | Level::Warning | Level::Waiting | Level::Progress | Level::Idle => level,
        Level::Good | Level::Done | Level::Unknown => Level::Warning,
    }
}

fn cause(cause: &Cause, level: Level, scene: &Scene<'_>) -> Markup {
    let sureness = match cause.certainty {
        Certainty::Certain => "certain",
        Certainty::Likely => "likely",
        Certainty::Possible => "possible",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_cause_looks_as_its_object_stands() {
        let view = samples::object_view();
        let shown = |level| {
            let status = Status::new(level, "Word");
            samples::with_scene(|scene| causes(&view.causes, &status, scene).into_string())
        };
        assert!(shown(Level::Error).contains(r#"<li class="error">"#));
        let canceled = shown(Level::Idle);
        assert!(canceled.contains(r#"<li class="idle">"#) && !canceled.contains("error"), "{canceled}");
        assert!(shown(Level::Good).contains(r#"<li class="warning">"#));
    }
}
