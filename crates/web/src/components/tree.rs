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
    let (first, rest) = view.dependents.split_at(view.dependents.len().min(SHOWN));
    html! {
        @if !view.owners.is_empty() {
            section.card aria-labelledby="owners" {
                header { h2 id="owners" { "Owned by" } }
                ul.tree { @for owner in &view.owners { (line(0, owner)) } }
            }
        }
        @if !view.dependents.is_empty() {
            section.card aria-labelledby="dependents" {
                header { h2 id="dependents" { "Owns" } span.faint { (view.dependents.len()) } }
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
