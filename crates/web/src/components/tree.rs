//! Who owns an object and what it owns.

use maud::{Markup, html};
use pilothouse_app::ObjectView;

use super::scene::Scene;
use super::status;
use super::value::unknown;

/// More rows than this hide behind a summary: a page of one object is not a list.
const SHOWN: usize = 30;
/// Indents that the style sheet knows.
const DEEPEST: usize = 4;

/// Owners above, dependents below; nothing when there are neither.
pub(crate) fn tree(view: &ObjectView, scene: &Scene<'_>) -> Markup {
    let line = |depth: usize, relative: &pilothouse_app::Relative| {
        html! {
            li class={ "depth-" (depth.min(DEEPEST)) } {
                (scene.link(&relative.reference))
                @match &relative.status { Some(this) => (status::status(this)), None => (unknown()) }
            }
        }
    };
    // Events are owned by nothing, and own nothing.
    let unknown = view.gaps.iter().any(|gap| gap.resource != "events");
    let (first, rest) = view.dependents.split_at(view.dependents.len().min(SHOWN));
    html! {
        @if !view.owners.is_empty() {
            section.card aria-labelledby="owners" {
                header { h2 id="owners" { "Owned by" } }
                ul.tree { @for owner in &view.owners { (line(0, owner)) } }
            }
        }
        @if view.dependents.is_empty() && unknown {
            section.card aria-labelledby="dependents" {
                header { h2 id="dependents" { "Owns" } }
                p.empty { "Nothing that is known; what could not be read is named above." }
            }
        } @else if !view.dependents.is_empty() {
            section.card aria-labelledby="dependents" {
                header { h2 id="dependents" { "Owns" } span.faint { (view.dependents.len()) @if unknown { " known, there may be more" } } }
                ul.tree { @for child in first { (line(child.depth.saturating_sub(1), &child.relative)) } }
                @if !rest.is_empty() {
                    details id="more-dependents" {
                        summary.empty { "Show " (rest.len()) " more" }
                        ul.tree { @for child in rest { (line(child.depth.saturating_sub(1), &child.relative)) } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    fn shown(view: &ObjectView) -> String {
        samples::with_scene(|scene| tree(view, scene).into_string())
    }

    #[test]
    fn nothing_owned_is_told_apart_from_not_knowing() {
        let view = samples::object_view();
        assert!(shown(&view).contains("1 known, there may be more"), "{}", shown(&view));
        let childless = ObjectView { dependents: Vec::new(), ..view };
        assert!(shown(&childless).contains("could not be read"), "{}", shown(&childless));
        let known = ObjectView { gaps: Vec::new(), ..childless };
        assert!(!shown(&known).contains("dependents"), "{}", shown(&known));
    }
}
