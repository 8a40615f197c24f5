//! Places of instruments: `/c/{cluster}/i/{instrument}[/{place}]`.

use axum::response::Response;
use maud::{Markup, html};
use pilothouse_app::{AppError, Cluster, ErrorKind, Listing, Source};
use pilothouse_model::{Completeness, GroupResource, Level, Page, Section};

use super::overview::NODES;
use crate::components::listing::{Listed, listing};
use crate::components::namespaces::strangers;
use crate::components::{freshness, sections};
use crate::frame::Content;
use crate::question::Question;
use crate::urls;
use crate::visit::{PATIENCE, Visit, scene};

/// `/c/{cluster}/i/{instrument}[/{place}]`
pub(crate) async fn show(visit: Visit) -> Response {
    visit.answer(place(&visit).await)
}

async fn place(visit: &Visit) -> Result<Content, AppError> {
    let cluster = visit.cluster()?;
    cluster.wait_catalog(PATIENCE).await?;
    let (instrument, place) = (visit.param("instrument")?, visit.optional("place")?.unwrap_or_default());
    let page = cluster.page(instrument, place)?;
    let here = urls::place(cluster.id().as_str(), instrument, place);
    content(visit, &cluster, &page, here).await
}

pub(super) async fn content(
    visit: &Visit,
    cluster: &Cluster,
    page: &Page,
    here: urls::Url,
) -> Result<Content, AppError> {
    let question = visit.question()?;
    let mut filled = fill(cluster, &page.sections, &question.scope()).await.into_iter();
    let body = scene(&visit.engine, cluster, question.scope(), |scene| {
        html! {
            div.head {
                div {
                    h1 { (page.title) }
                    @if !page.summary.is_empty() { p.summary { (page.summary) } }
                }
            }
            (strangers(cluster, &question.namespaces))
            @for section in &page.sections {
                (sections::section(section, scene, &mut |_| filled.next().map(|window| window.show(scene)).unwrap_or_default()))
            }
        }
    });
    Ok(Content { title: page.title.clone(), body, scoped: Some(here), waits: false })
}

/// A listing of a page with its first rows.
pub(crate) struct Window {
    title: String,
    empty: String,
    question: Question,
    answer: Result<(Source, Listing), AppError>,
}

/// Reads the first rows of every listing among `sections`, all at once, so that one slow list delays none.
pub(crate) async fn fill(cluster: &Cluster, sections: &[Section], scope: &Question) -> Vec<Window> {
    let windows = sections.iter().filter_map(|section| {
        let Section::Listing { title, resource, query, sort, limit, empty } = section else { return None };
        let question = Question { q: query.clone(), sort: sort.clone(), limit: Some((*limit).max(1)), ..scope.clone() };
        Some(async move {
            let answer = answer(cluster, resource.as_ref(), &question).await;
            Window { title: title.clone(), empty: empty.clone(), question, answer }
        })
    });
    futures::future::join_all(windows).await
}

async fn answer(
    cluster: &Cluster,
    resource: Option<&(String, String)>,
    question: &Question,
) -> Result<(Source, Listing), AppError> {
    let source = match resource {
        None => Source::Workloads,
        Some((group, plural)) => {
            let name = GroupResource::new(group, plural);
            let catalog = cluster.wait_catalog(PATIENCE).await?;
            let missing = || AppError::new(ErrorKind::NotFound, format!("the cluster does not serve {name}"));
            Source::Resource(catalog.served(name).cloned().ok_or_else(missing)?)
        }
    };
    let listing = cluster.list_settled(&source, &question.of(&source).ask(), PATIENCE).await?;
    Ok((source, listing))
}

impl Window {
    /// The listing as a card, with a link to the whole list.
    pub(crate) fn show(&self, scene: &crate::components::scene::Scene<'_>) -> Markup {
        let (source, answer) = match &self.answer {
            Ok(answer) => (&answer.0, &answer.1),
            Err(error) => return freshness::notice(Level::Warning, &self.title, &error.message),
        };
        if self.title == NODES && matches!(answer.completeness, Completeness::Forbidden(_)) {
            // Whoever may not look at nodes has no part in their trouble.
            return html! {};
        }
        let question = self.question.of(source);
        let whole = Question { limit: None, ..question.clone() };
        let listed = Listed { source, question: &question, here: None, label: &self.title, empty: &self.empty };
        let more = html! { a href=(listed.whole(scene.cluster).ask(&whole)) { "Open as list" } };
        html! {
            section.card.only-trouble[self.title == NODES] {
                (listing(&listed, answer, (&html! { h2 { (self.title) } }, &more), scene))
            }
        }
    }
}
