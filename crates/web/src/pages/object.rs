//! The page of one object: `/c/{cluster}/r/{group}/{version}/{plural}[/namespaces/{namespace}]/{name}`.

use std::collections::BTreeSet;

use axum::response::Response;
use maud::{Markup, html};
use pilothouse_app::{AppError, Cluster, ErrorKind, Gap, ObjectView, Target, yaml};
use pilothouse_model::{Cell, ColumnKind, Completeness, Level, Object, Section, Value};

use super::place::{Window, fill};
use super::{act, logs, terminal};
use crate::components;
use crate::components::scene::Scene;
use crate::components::{causes, data, events, freshness, sections, status, time, tree, value};
use crate::frame::Content;
use crate::question::Question;
use crate::urls;
use crate::visit::{PATIENCE, Visit};

/// Events on the overview; the events' own view has all.
const FEW_EVENTS: usize = 8;

/// One of the ways to look at an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Why, facts, parts, the latest events.
    Overview,
    /// All events.
    Events,
    /// What its containers print.
    Logs,
    /// Commands in its containers.
    Terminal,
    /// The object as YAML.
    Yaml,
}

impl View {
    const ALL: [Self; 5] = [Self::Overview, Self::Logs, Self::Terminal, Self::Events, Self::Yaml];

    /// The view that an address names; the overview when it names none.
    pub(crate) fn read(text: Option<&str>) -> Self {
        Self::ALL.into_iter().find(|view| Some(view.as_str()) == text).unwrap_or(Self::Overview)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Events => "events",
            Self::Logs => "logs",
            Self::Terminal => "terminal",
            Self::Yaml => "yaml",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Events => "Events",
            Self::Logs => "Logs",
            Self::Terminal => "Terminal",
            Self::Yaml => "YAML",
        }
    }
}

/// `/c/{cluster}/r/.../{name}`
pub(crate) async fn show(visit: Visit) -> Response {
    visit.answer(page(&visit).await)
}

async fn page(visit: &Visit) -> Result<Content, AppError> {
    let cluster = visit.cluster()?;
    let resource = visit.resource(&cluster).await?;
    let (namespace, name) = visit.object_key(&resource)?;
    let looked = View::read(visit.query("view"));
    let target = Target::new(&resource, namespace, name);
    let object = match cluster.object(&resource, namespace, name, PATIENCE).await {
        Err(error) if error.kind == ErrorKind::NotFound && visit.query("did") == Some("delete") => {
            return Ok(act::deleted(&cluster, &target));
        }
        found => found?,
    };
    // Asked for again with every page; what is shown meanwhile is kept current from what was said before.
    cluster.offers(&target, &object.object, PATIENCE).await;
    let panel = if looked == View::Logs { Some(logs::view(visit, &cluster, &object).await?) } else { None };
    let scope = visit.question()?.scope();
    let windows = windows(&cluster, &object, looked).await;
    let watch = urls::watch_object(&resource, namespace, name, looked.as_str());
    let watch = watch.with("windows", &windows_print(&object, looked)).with("ns", &scope.namespaces.join(","));
    let body = visit.scene(&cluster, scope, |scene| {
        html! {
            div data-watch=(watch) {
                div data-part="head" { (head(&object, looked, scene)) }
                div data-part="offers" { (offers(&cluster, &object, scene)) }
                (act::did(visit))
                div.notes data-part="notes" {}
                div data-part="body" { (body(&object, looked, scene)) }
            }
            @if let Some(panel) = panel { (panel) }
            @if looked == View::Terminal { (terminal::view(&cluster, &object, scene)) }
            @for window in &windows { (window.show(scene)) }
        }
    });
    Ok(Content { title: format!("{} {name}", resource.kind), body, scoped: None, waits: false })
}

/// The live lists of the page stand beside what is morphed: they have streams of their own.
async fn windows(cluster: &Cluster, object: &ObjectView, looked: View) -> Vec<Window> {
    match looked {
        View::Overview => fill(cluster, &object.sections, &Question::default()).await,
        View::Events | View::Logs | View::Terminal | View::Yaml => Vec::new(),
    }
}

/// A short text that differs when the page's windows do: what an instrument shows may depend on what is known by now.
pub(crate) fn windows_print(view: &ObjectView, looked: View) -> String {
    let titles = view.sections.iter().filter_map(|section| match section {
        Section::Listing { title, .. } if looked == View::Overview => Some(title.as_str()),
        _ => None,
    });
    titles.collect::<Vec<_>>().join(", ")
}

/// Name, kind, status and the ways to look at it.
pub(crate) fn head(view: &ObjectView, looked: View, scene: &Scene<'_>) -> Markup {
    let resource = &view.resource;
    let namespace = view.row.namespace.as_deref();
    let list = urls::list(scene.cluster, resource);
    let here = urls::object(scene.cluster, resource, namespace, &view.row.name).ask(&scene.scope);
    html! {
        div.head.gone[view.gone] {
            div {
                ul.crumbs {
                    li { a href=(list.ask(&scene.scope)) { (resource.kind) } " · " (resource.api_version()) }
                    @if let Some(namespace) = namespace {
                        li { a href=(list.ask(&Question { namespaces: vec![namespace.to_owned()], ..Question::default() })) { (namespace) } }
                    }
                }
                h1 { (view.row.name) }
                p.summary {
                    @if view.gone { "Deleted. This is the last version seen." } @else { (status::status(&view.row.status)) " " (reason(view)) }
                }
            }
            div { (freshness::line(&view.completeness, view.as_of, scene.now)) }
        }
        nav.tabs aria-label="Views" {
            @for one in View::ALL.into_iter().filter(|one| has(*one, view, looked)) {
                @let target = if one == View::Overview { here.clone() } else { here.with("view", one.as_str()) };
                a href=(target) aria-current=[(one == looked).then_some("page")] {
                    (one.title())
                    @if one == View::Events && !view.events.is_empty() {
                        span.count { " " (view.events.len()) @if !view.events_completeness.is_complete() { "+" } }
                    }
                }
            }
        }
    }
}

/// Whether there is such a view. A terminal is offered beside them, to those who may open one.
fn has(one: View, view: &ObjectView, looked: View) -> bool {
    match one {
        View::Logs => logs::has(view),
        View::Terminal => looked == View::Terminal,
        View::Overview | View::Events | View::Yaml => true,
    }
}

/// What the person may do with it, as far as that is known.
pub(crate) fn offers(cluster: &Cluster, view: &ObjectView, scene: &Scene<'_>) -> Markup {
    if view.gone {
        return html! {};
    }
    let target = Target::new(&view.resource, view.row.namespace.as_deref(), &view.row.name);
    components::offers::offers(&cluster.offers_known(&target, &view.object), &target, scene.cluster)
}

fn reason(view: &ObjectView) -> Markup {
    let status = &view.row.status;
    html! {
        @if !status.reason.is_empty() && status.reason != status.word { span.soft { (status.reason) } " " }
        @if !status.message.is_empty() { span.soft { (status.message) } }
    }
}

/// What one way to look shows.
pub(crate) fn body(view: &ObjectView, looked: View, scene: &Scene<'_>) -> Markup {
    match looked {
        View::Overview => overview(view, scene),
        View::Events => events::events(&view.events, &view.events_completeness, usize::MAX, None, scene),
        // It has a stream of its own and stands beside what is morphed.
        View::Logs | View::Terminal => html! {},
        View::Yaml => components::yaml::yaml(&yaml(view.object.value())),
    }
}

fn overview(view: &ObjectView, scene: &Scene<'_>) -> Markup {
    let namespace = view.row.namespace.as_deref();
    let all = scene.object(&view.resource, namespace, &view.row.name).with("view", View::Events.as_str());
    let more = html! { a href=(all) { "All " (view.events.len()) } };
    // Listings stand below, beside what is morphed.
    let told = view.sections.iter().filter(|section| !matches!(section, Section::Listing { .. }));
    html! {
        (freshness::trouble(&view.completeness))
        (freshness::gaps(&untold(view)))
        (causes::causes(&view.causes, &view.row.status, scene))
        @for section in told { (sections::section(section, scene, &mut |_| Markup::default())) }
        (data::data(&view.object))
        (facts(view, scene))
        (conditions(&view.object, scene))
        (tree::tree(view, scene))
        (events::events(&view.events, &view.events_completeness, FEW_EVENTS, Some(more), scene))
    }
}

/// The gaps that the state of the object itself does not tell already.
fn untold(view: &ObjectView) -> Vec<&Gap> {
    let stale = |completeness: &Completeness| matches!(completeness, Completeness::Stale(_));
    view.gaps.iter().filter(|gap| !(stale(&view.completeness) && stale(&gap.completeness))).collect()
}

/// What the sections of a page show already: their labels, and their values as text.
fn told(sections: &[Section], scene: &Scene<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut labels, mut values) = (BTreeSet::new(), BTreeSet::new());
    let mut add = |value: &Value| match value {
        Value::Many(many) => values.extend(many.iter().map(|one| plain(&value::value(one, scene)))),
        one => {
            values.insert(plain(&value::value(one, scene)));
        }
    };
    for section in sections {
        match section {
            Section::Facts { facts, .. } => facts.iter().for_each(|fact| {
                labels.insert(fact.label.to_lowercase());
                add(&fact.value);
            }),
            Section::Table { rows, .. } => rows.iter().flat_map(|(_, cells)| cells).for_each(&mut add),
            Section::Graph { .. } | Section::Notice { .. } | Section::Listing { .. } => {}
        }
    }
    (labels, values)
}

/// The text of a piece of a page.
fn plain(html: &Markup) -> String {
    let mut inside = false;
    html.0
        .chars()
        .filter(|c| {
            let tag = inside || *c == '<';
            inside = tag && *c != '>';
            !tag
        })
        .collect()
}

/// What every object has, and the cells of its list that nothing above shows already.
fn facts(view: &ObjectView, scene: &Scene<'_>) -> Markup {
    let object = &view.object;
    let mut facts = Vec::new();
    let (mut labels, values) = told(&view.sections, scene);
    if data::holds_data(object) {
        labels.insert("data".to_owned());
    }
    let cells = view.columns.iter().zip(&view.row.cells);
    for (column, cell) in cells.filter(|(column, _)| &*column.id != "age") {
        let shown = match column.kind {
            // The head of the page tells the status.
            ColumnKind::Status if view.row.status.is_some() => continue,
            kind => value::cell(cell, kind, scene.now),
        };
        let text = plain(&shown);
        let empty = matches!(cell, Cell::Missing) || text.is_empty() || text == "<none>" || text == "&lt;none&gt;";
        // Short numbers are alike by chance.
        let repeats = labels.contains(&column.title.to_lowercase()) || (text.len() > 4 && values.contains(&text));
        if !empty && !repeats {
            facts.push((column.title.to_string(), shown));
        }
    }
    if let Some(created) = object.created() {
        facts.push(("Created".to_owned(), time::date(created, scene.now)));
    }
    if let Some(deleted) = object.deleted() {
        facts.push(("Deletion asked for".to_owned(), time::date(deleted, scene.now)));
    }
    facts.push(("UID".to_owned(), html! { code { (object.uid()) } }));
    let labels: Vec<_> = object.labels().collect();
    let annotations: Vec<_> = object.annotations().collect();
    html! {
        section.card aria-labelledby="facts" {
            header { h2 id="facts" { "Facts" } }
            div.body {
                dl.facts {
                    @for (label, value) in facts { div { dt { (label) } dd { (value) } } }
                    @if !labels.is_empty() {
                        div.whole { dt { "Labels" } dd { ul.chips { @for (key, text) in labels { li.chip { (key) "=" (text) } } } } }
                    }
                }
            }
        }
        @if !annotations.is_empty() {
            details.card #annotations {
                summary.empty { (annotations.len()) @if annotations.len() == 1 { " annotation" } @else { " annotations" } }
                div.body { dl.facts { @for (key, text) in annotations { div.whole { dt { (key) } dd { (text) } } } } }
            }
        }
    }
}

fn conditions(object: &Object, scene: &Scene<'_>) -> Markup {
    let conditions: Vec<_> = object.conditions().collect();
    html! {
        @if !conditions.is_empty() {
            section.card {
                header { h2 id="conditions" { "Conditions" } }
                div.sideways { div.table tabindex="0" role="region" aria-labelledby="conditions" {
                    table {
                        thead {
                            tr {
                                th scope="col" { "Type" }
                                th scope="col" { "Status" }
                                th scope="col" { "Reason" }
                                th scope="col" { "Message" }
                                th scope="col" { "Since" }
                            }
                        }
                        tbody {
                            @for condition in conditions {
                                tr {
                                    th scope="row" { (condition.kind) }
                                    td { (condition.status) }
                                    td { (condition.reason) }
                                    td.wrap { (condition.message) }
                                    td { @match condition.since { Some(since) => (time::age(since, scene.now)), None => (value::unknown()) } }
                                }
                            }
                        }
                    }
                } }
            }
        }
    }
}

/// Why a part of the page is not live, for the stream; what it showed stays.
pub(crate) fn lost(error: &AppError) -> Markup {
    let more =
        format!("{} What this page shows is what was seen before.", ended(error.hint.as_deref().unwrap_or_default()));
    freshness::notice(Level::Error, &error.message, more.trim_start())
}

/// The text as a sentence that another may follow.
fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn facts_neither_repeat_a_section_nor_show_what_is_not_there() {
        let titles = |view: &ObjectView| {
            let html = samples::with_scene(|scene| facts(view, scene)).into_string();
            html.split("<dt>").skip(1).filter_map(|part| Some(part.split_once('<')?.0.to_owned())).collect::<Vec<_>>()
        };
        let mut view = samples::object_view();
        assert_eq!(titles(&view)[..4], ["Ready", "Node", "Created", "UID"], "no status again, no missing restarts");
        let fact = |label: &str, value: &str| pilothouse_model::Fact::text(label, value);
        view.sections.push(Section::Facts {
            title: String::new(),
            facts: vec![fact("ready", "all"), fact("Machine", "<img src=x>")],
        });
        assert_eq!(titles(&view)[..2], ["Created", "UID"]);
    }

    #[test]
    fn an_object_is_rendered_the_same_twice() {
        for looked in View::ALL {
            let html = || {
                samples::with_scene(|scene| {
                    let view = samples::object_view();
                    html! { (head(&view, looked, scene)) (body(&view, looked, scene)) }.into_string()
                })
            };
            assert_eq!(html(), html());
            insta::assert_snapshot!(format!("object_{}", looked.as_str()), samples::pretty(&html()));
        }
    }
}
