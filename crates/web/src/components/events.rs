//! Events of an object and of what it owns.

use std::sync::Arc;

use maud::{Markup, html};
use pilothouse_model::event::last_happened;
use pilothouse_model::{Completeness, Level, Object, ObjectRef, Read, Status};

use super::scene::Scene;
use super::{freshness, status, time, value};

/// The events as a card; `most` of them, and how to see the rest.
pub(crate) fn events(
    events: &[Arc<Object>],
    completeness: &Completeness,
    most: usize,
    more: Option<Markup>,
    scene: &Scene<'_>,
) -> Markup {
    html! {
        section.card {
            header { h2 id="events" { "Events" } @if let (Some(more), true) = (more, events.len() > most) { (more) } }
            @if *completeness == Completeness::Loading && !events.is_empty() {
                (freshness::notice(Level::Progress, "Events are still loading; there may be more.", ""))
            }
            (freshness::trouble(completeness))
            @if events.is_empty() {
                @match completeness {
                    Completeness::Complete => p.empty { "No events. Clusters forget them after about an hour." },
                    Completeness::Loading => p.empty { "Loading" },
                    _ => {},
                }
            } @else {
                div.sideways { div.table tabindex="0" role="region" aria-labelledby="events" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Last seen" }
                                th scope="col" { "Type" }
                                th scope="col" { "Reason" }
                                th scope="col" { "Message" }
                                th.lesser scope="col" { "Object" }
                                th.number.lesser scope="col" { "Count" }
                            }
                        }
                        tbody { @for event in events.iter().take(most) { (row(event, scene)) } }
                    }
                } }
            }
        }
    }
}

fn row(event: &Object, scene: &Scene<'_>) -> Markup {
    let kind = event.text("/type").unwrap_or_default();
    let level = if kind == "Warning" { Level::Warning } else { Level::Idle };
    html! {
        tr {
            td { @match last_happened(event) { Some(seen) => (time::age(seen, scene.now)), None => (value::unknown()) } }
            td { (status::status(&Status::new(level, kind))) }
            td { (event.text("/reason").unwrap_or_default()) }
            td.wrap { (event.text("/message").or_else(|| event.text("/note")).unwrap_or_default()) }
            td.lesser { @match about(event) { Some(about) => (scene.link(&about)), None => (value::unknown()) } }
            td.number.lesser { (count(event)) }
        }
    }
}

/// How often it was seen: once when nothing else is said.
fn count(event: &Object) -> i64 {
    ["/series/count", "/count", "/deprecatedCount"].into_iter().find_map(|field| event.integer(field)).unwrap_or(1)
}

fn about(event: &Object) -> Option<ObjectRef> {
    let about = event.pointer("/involvedObject").or_else(|| event.pointer("/regarding"))?;
    Some(ObjectRef {
        api_version: about.text("/apiVersion").unwrap_or_default().to_owned(),
        kind: about.text("/kind")?.to_owned(),
        namespace: about.text("/namespace").map(str::to_owned),
        name: about.text("/name")?.to_owned(),
        uid: about.text("/uid").map(str::to_owned),
    })
}
