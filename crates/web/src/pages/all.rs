//! Lists over several clusters: `/all/workloads` and `/all/r/{group}/{version}/{plural}`, with `?cluster=a,b` for some of them.

use axum::response::Response;
use maud::{Markup, html};
use pilothouse_app::{AppError, ErrorKind, Many, ManyListing, ManySource, Source};
use pilothouse_model::{Completeness, ObjectRef};

use super::list::{About, filter, oddities, question_error, title_of};
use crate::components::icon::icon;
use crate::components::listing::Listed;
use crate::components::many::{ListedInAll, Told, listing};
use crate::components::scene::Scene;
use crate::frame::Content;
use crate::question::Question;
use crate::urls::{self, Url};
use crate::visit::{PATIENCE, Visit};

/// `/all/workloads`
pub(crate) async fn workloads(visit: Visit) -> Response {
    visit.answer(page(&visit, ManySource::Workloads).await)
}

/// `/all/r/{group}/{version}/{plural}`
pub(crate) async fn resource(visit: Visit) -> Response {
    let result = match source(&visit) {
        Ok(source) => page(&visit, source).await,
        Err(error) => Err(error),
    };
    visit.answer(result)
}

/// The resource of the address.
pub(crate) fn source(visit: &Visit) -> Result<ManySource, AppError> {
    let text = |name: &str| visit.param(name).map(str::to_owned);
    Ok(ManySource::Resource { group: text("group")?, version: text("version")?, plural: text("plural")? })
}

/// Where the list is, and where a stream finds it.
pub(crate) fn addresses(source: &ManySource, question: &Question) -> (Url, Url) {
    match source {
        ManySource::Resource { group, version, plural } => {
            let path = (group.as_str(), version.as_str(), plural.as_str());
            (urls::all_path(path), urls::watch_all(path, question))
        }
        ManySource::Workloads | ManySource::Named(_) => (urls::all_workloads(), urls::watch_workloads(question)),
    }
}

/// Where is asked what can be written in the list's search field.
fn complete(source: &ManySource, question: &Question) -> Url {
    match source {
        ManySource::Resource { group, version, plural } => {
            urls::complete_all(&format!("{group}/{version}/{plural}"), question)
        }
        ManySource::Workloads | ManySource::Named(_) => urls::complete_all("", question),
    }
}

/// Whether the objects live in namespaces, as far as that is known.
pub(crate) fn namespaced(many: &Many, source: &ManySource) -> bool {
    match many.source(source) {
        Some((_, Source::Resource(resource))) => resource.namespaced,
        _ => true,
    }
}

async fn page(visit: &Visit, source: ManySource) -> Result<Content, AppError> {
    let question = visit.question()?;
    let many = visit.engine.many(&question.clusters)?;
    let (answer, wrong) = match many.list_settled(&source, &question.ask(), PATIENCE).await {
        Ok(answer) => (answer, None),
        // As in lists of one cluster: the rows stay, without the question.
        Err(error) if error.kind == ErrorKind::BadInput => {
            (many.list_settled(&source, &question.unasked().ask(), PATIENCE).await?, Some(error))
        }
        Err(error) => return Err(error),
    };
    let about = about(&many, &source);
    let empty = format!("No {}", about.title);
    let shown = if wrong.is_some() { question.unasked() } else { question.clone() };
    let (here, watch) = addresses(&source, &shown);
    let namespaced = namespaced(&many, &source);
    let listed = ListedInAll { question: &shown, here, watch, namespaced, label: &about.title, empty: &empty };
    let resolve = |_: &ObjectRef| None;
    let scene = Scene { cluster: "", now: visit.engine.now(), scope: question.scope(), resolve: &resolve };
    let oddities = oddities(&visit.pairs, question.rows());
    let chooser = chooser(visit, &question, &listed.here);
    let complete = complete(&source, &question);
    let body = view(&listed, (&about, &question, &complete), (&answer, wrong.as_ref()), (&oddities, &chooser), &scene);
    let waits = answer.parts.iter().any(|part| part.completeness == Completeness::Loading);
    Ok(Content { title: about.title, body, scoped: None, waits })
}

fn about(many: &Many, source: &ManySource) -> About {
    let (title, note) = match (source, many.source(source)) {
        (ManySource::Workloads, _) => ("Workloads".to_owned(), "Everything that runs, in all clusters.".to_owned()),
        (_, Some((cluster, Source::Resource(resource)))) => {
            let title = cluster.catalog().map(|catalog| title_of(&catalog, &resource));
            (title.unwrap_or_else(|| resource.kind.to_string()), format!("{} · in all clusters", resource.kind))
        }
        (ManySource::Resource { plural, .. }, _) => (plural.clone(), "In all clusters.".to_owned()),
        (ManySource::Named(name), _) => (name.clone(), "In all clusters.".to_owned()),
    };
    About { title, note, example: "cluster:name, name, namespace, field:value" }
}

fn view(
    listed: &ListedInAll<'_>,
    (about, question, complete): (&About, &Question, &Url),
    (answer, wrong): (&ManyListing, Option<&AppError>),
    (oddities, chooser): (&Markup, &Markup),
    scene: &Scene<'_>,
) -> Markup {
    let here = Some(listed.here.clone());
    let asked = Listed { source: &Source::Workloads, question, here, label: listed.label, empty: listed.empty };
    let told = Told { total: answer.total, unfiltered: answer.unfiltered, parts: &answer.parts };
    html! {
        div.list-page {
            div.head { div { h1 { (about.title) } p.summary { (about.note) } } }
            (toolbar(listed, about, (question, complete, wrong.is_some()), chooser))
            (oddities)
            @if let Some(error) = wrong {
                (question_error(error, &asked))
                p.soft { "Without the question:" }
            }
            (listing(listed, (&answer.columns, &answer.rows), &told, scene))
        }
    }
}

/// The search field.
fn toolbar(
    listed: &ListedInAll<'_>,
    about: &About,
    (question, complete, wrong): (&Question, &Url, bool),
    chooser: &Markup,
) -> Markup {
    let here = &listed.here;
    let widened = Question { wide: !question.wide, ..question.clone() };
    let cleared = Question { clusters: question.clusters.clone(), wide: question.wide, ..Question::default() };
    html! {
        div.toolbar {
            (filter(here, question, about, (complete, wrong)))
            (chooser)
            @if question.filters() { a.button.plain href=(here.ask(&cleared)) { "Clear" } }
            a.button href=(here.ask(&widened)) { @if question.wide { "Fewer columns" } @else { "All columns" } }
        }
    }
}

/// Picks clusters: a form of plain checkboxes that asks the page's own question again.
fn chooser(visit: &Visit, question: &Question, here: &Url) -> Markup {
    let chosen = &question.clusters;
    let words = match chosen.as_slice() {
        [] => "All".to_owned(),
        [one] => one.clone(),
        many => format!("{} chosen", many.len()),
    };
    let kept = Question { clusters: Vec::new(), offset: 0, ..question.clone() };
    html! {
        details.picker.end #chosen-clusters {
            summary { span.label { "Clusters" } span.value { (words) } (icon("down")) }
            form.menu action=(here) method="get" {
                @for (name, value) in kept.pairs() { input type="hidden" name=(name) value=(value); }
                ul.options {
                    @for view in visit.engine.clusters() {
                        li {
                            label {
                                input type="checkbox" name="cluster" value=(view.id.as_str()) checked[chosen.iter().any(|name| name == view.id.as_str())];
                                (view.id.as_str())
                            }
                        }
                    }
                }
                div.actions {
                    a.button.plain href=(here.ask(&kept)) { "All clusters" }
                    button.button.primary { "Show" }
                }
            }
        }
    }
}
