//! What the palette finds: `/palette?q=` and, on a page of a cluster, `/c/{cluster}/palette?q=`.

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use pilothouse_app::{AppError, Cluster, ConnectionState, ErrorKind, Found, Many, NavigationItem, SearchAsk};
use std::time::Duration;

use super::search::misread;
use crate::components::found::{gaps, page_of, searched, waits, why};
use crate::components::listing::thousands;
use crate::components::prose::sentence;
use crate::components::status;
use crate::failure;
use crate::question::Question;
use crate::urls::{self, Url};
use crate::visit::{PATIENCE, Visit};

/// Places and kinds shown.
const MOST: usize = 5;
/// Objects shown.
const MOST_OBJECTS: usize = 20;
/// How long one answer waits for tables; the palette asks again while there is more to come.
const BRIEF: Duration = Duration::from_millis(120);

/// A place or a kind.
struct Entry {
    title: String,
    note: String,
    url: Url,
}

/// A group of those.
struct Group {
    title: &'static str,
    entries: Vec<Entry>,
    /// How many more there are.
    more: usize,
}

impl Group {
    /// The first `most` of all that was found.
    fn new(title: &'static str, mut entries: Vec<Entry>, most: usize) -> Self {
        let more = entries.len().saturating_sub(most);
        entries.truncate(most);
        Self { title, entries, more }
    }
}

/// `/palette` and `/c/{cluster}/palette`
pub(crate) async fn show(visit: Visit) -> Response {
    match answer(&visit).await {
        Ok(html) => html.into_response(),
        Err(error) => (failure::status(error.kind), html! { p.nothing { (sentence(&error.message)) } }).into_response(),
    }
}

async fn answer(visit: &Visit) -> Result<Markup, AppError> {
    // On a page of a cluster its places come first; objects are of all clusters that somebody opened.
    let cluster = match visit.optional_cluster() {
        Some(cluster) => Some(cluster?),
        None => None,
    };
    let asked = visit.query("q").unwrap_or_default().trim();
    let wanted = asked.to_lowercase();
    let groups = match &cluster {
        Some(cluster) => of_cluster(cluster, &wanted).await,
        None => of_all(visit, &wanted),
    };
    let many = opened(visit, cluster.as_ref())?;
    let found = match search(&many, asked).await {
        Ok(found) => found,
        Err(error) if error.kind == ErrorKind::BadInput => {
            return Ok(html! { (view(&groups, None, &many)) (misread(&error)) });
        }
        Err(error) => return Err(error),
    };
    let question = Question { q: asked.to_owned(), ..Question::default() };
    Ok(view(&groups, Some((&found, &question)), &many))
}

/// The clusters that somebody opened: typing opens no other.
fn opened(visit: &Visit, cluster: Option<&Cluster>) -> Result<Many, AppError> {
    let here = |name: &str| cluster.is_some_and(|cluster| cluster.id().as_str() == name);
    let names: Vec<String> = visit
        .engine
        .clusters()
        .into_iter()
        .filter(|view| view.connection != ConnectionState::Idle || here(view.id.as_str()))
        .map(|view| view.id.to_string())
        .collect();
    let names = if names.is_empty() { vec![visit.engine.current().to_string()] } else { names };
    visit.engine.many(&names)
}

async fn search(many: &Many, text: &str) -> Result<Found, AppError> {
    let ask = SearchAsk { text: text.to_owned(), namespaces: Vec::new(), limit: Some(MOST_OBJECTS) };
    many.search(ask)?.settled(BRIEF).await
}

/// Places and kinds of a cluster.
async fn of_cluster(cluster: &Cluster, wanted: &str) -> Vec<Group> {
    let name = cluster.id().as_str();
    let mut places = vec![
        plain("Overview", "", urls::cluster(name)),
        plain("Workloads", "everything that runs", urls::workloads(name)),
        plain("Clusters", "", urls::clusters()),
        plain("Workloads of all clusters", "", urls::all_workloads()),
        plain("Search", "everything", urls::search()),
    ];
    for (instrument, its) in cluster.places() {
        let manifest = instrument.manifest();
        places.extend(
            its.iter().map(|place| plain(place.title, manifest.title, urls::place(name, manifest.id, place.id))),
        );
    }
    // What the cluster serves is not known while it does not answer; then its places alone are found.
    let groups = match cluster.wait_catalog(PATIENCE).await {
        Ok(_) => cluster.navigation().unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    let kinds = groups
        .iter()
        .flat_map(|group| group.items.iter().map(|item| kind(item, &group.title, urls::list(name, &item.resource))));
    grouped(places, kinds.collect(), wanted)
}

/// Places and kinds over all clusters.
fn of_all(visit: &Visit, wanted: &str) -> Vec<Group> {
    let mut places = vec![
        plain("Clusters", "", urls::clusters()),
        plain("Workloads", "everything that runs, in all clusters", urls::all_workloads()),
        plain("Search", "everything", urls::search()),
    ];
    places.extend(
        visit.engine.clusters().iter().map(|view| plain(view.id.as_str(), "cluster", urls::cluster(view.id.as_str()))),
    );
    let groups = visit.everywhere();
    let kinds = groups
        .iter()
        .flat_map(|group| group.items.iter().map(|item| kind(item, &group.title, urls::all_list(&item.resource))));
    grouped(places, kinds.collect(), wanted)
}

fn grouped(places: Vec<Entry>, kinds: Vec<(Entry, String)>, wanted: &str) -> Vec<Group> {
    let places = best(places.into_iter().map(|place| (place, String::new())), wanted);
    vec![Group::new("Places", places, MOST), Group::new("Kinds", best(kinds.into_iter(), wanted), MOST)]
}

fn plain(title: &str, note: &str, url: Url) -> Entry {
    Entry { title: title.to_owned(), note: note.to_owned(), url }
}

/// A kind with its short names.
fn kind(item: &NavigationItem, group: &str, url: Url) -> (Entry, String) {
    let short = item.resource.short_names.iter().map(|name| &**name).collect::<Vec<_>>().join(" ");
    (plain(&item.title, group, url), short)
}

/// Those that match: by the start of the title first, then by any part of it, its note or its short names.
fn best(all: impl Iterator<Item = (Entry, String)>, wanted: &str) -> Vec<Entry> {
    let mut ranked: Vec<_> = all
        .filter_map(|(entry, aliases)| {
            let title = entry.title.to_lowercase();
            let rank = if title == wanted || aliases.split(' ').any(|alias| alias == wanted) {
                0
            } else if title.starts_with(wanted) {
                1
            } else if title.contains(wanted) || entry.note.to_lowercase().contains(wanted) {
                2
            } else {
                return None;
            };
            Some((rank, entry))
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

fn view(groups: &[Group], found: Option<(&Found, &Question)>, many: &Many) -> Markup {
    let several = many.clusters().len() > 1;
    let waits = found.is_some_and(|(found, _)| waits(found));
    // That nothing was found where nothing may be searched says nothing of what is there; why it may not be, says it all.
    let unknown = !waits && found.is_some_and(|(found, _)| found.is_unknown());
    // Who begins to write the title of a place or a kind means that; else objects come first.
    let meant = found.is_none_or(|(_, question)| {
        let wanted = question.q.to_lowercase();
        let mut all = groups.iter().flat_map(|group| &group.entries);
        all.any(|entry| entry.title.to_lowercase().starts_with(&wanted))
    });
    let none =
        groups.iter().all(|group| group.entries.is_empty()) && found.is_none_or(|(found, _)| found.hits.is_empty());
    html! {
        div.answer data-more=[waits.then_some("1")] {
            @if meant { (entries(groups)) }
            @if let Some((found, question)) = found.filter(|(found, _)| !found.hits.is_empty()) {
                (objects(found, question, several))
            }
            @if !meant { (entries(groups)) }
            @if let Some((_, question)) = found.filter(|(found, _)| found.of > 0 || !found.gaps.is_empty()) {
                (elsewhere(question, many))
            }
            @if none && !unknown { p.nothing { @if waits { "Nothing found so far." } @else { "Nothing found." } } }
            @if let Some((found, _)) = found.filter(|(found, _)| found.of > 0 || !found.gaps.is_empty()) {
                div.told {
                    @if found.of > 0 && !unknown { p.nothing.gap { (searched(found)) } }
                    (gaps(found, several))
                }
            }
        }
    }
}

/// Places and kinds.
fn entries(groups: &[Group]) -> Markup {
    html! {
        @for Group { title, entries, more } in groups.iter().filter(|group| !group.entries.is_empty()) {
            div.heading role="presentation" { (title) }
            ul role="group" aria-label=(title) {
                @for (index, one) in entries.iter().enumerate() {
                    li role="presentation" {
                        a role="option" id={ "found-" (title) "-" (index) } tabindex="-1" href=(one.url) {
                            (one.title)
                            @if !one.note.is_empty() { small { (one.note) } }
                        }
                    }
                }
            }
            @if *more > 0 { p.nothing.gap { (thousands(*more)) " more: write more of the name" } }
        }
    }
}

/// Typing opens no cluster; one key more does.
fn elsewhere(question: &Question, many: &Many) -> Markup {
    let all = many.engine().clusters().len();
    let more = all.saturating_sub(many.clusters().len());
    html! {
        @if more > 0 {
            div.heading role="presentation" { "Other clusters" }
            ul role="group" aria-label="Other clusters" {
                li role="presentation" {
                    a role="option" id="found-elsewhere" tabindex="-1" href=(urls::search().ask(question)) {
                        "Search all " (all) " clusters"
                        small { (more) @if more == 1 { " is" } @else { " are" } " not open yet" }
                    }
                }
            }
        }
    }
}

/// Objects, the best first, and where the rest is.
fn objects(found: &Found, question: &Question, several: bool) -> Markup {
    html! {
        div.heading role="presentation" { "Objects" }
        ul.objects role="group" aria-label="Objects" {
            @for (index, hit) in found.hits.iter().enumerate() {
                @let row = &hit.record.row;
                li role="presentation" {
                    a role="option" id={ "found-object-" (index) } tabindex="-1" href=(page_of(hit)) {
                        span.name { (row.name) } (status::status(&row.status)) (why(&hit.matched))
                        small {
                            (row.resource.kind)
                            @if let Some(namespace) = &row.namespace { " · " (namespace) }
                            @if several { " · " (hit.cluster) }
                        }
                    }
                }
            }
            @if found.total > found.hits.len() {
                li.all role="presentation" {
                    a role="option" id="found-all" tabindex="-1" href=(urls::search().ask(question)) {
                        "All " (thousands(found.total)) " results"
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_app::{SearchGap, Why};
    use pilothouse_model::{ClusterId, Completeness};

    use super::*;

    #[test]
    fn exact_names_and_short_names_come_first() {
        let all = || {
            ["Deployments", "Pods", "PodTemplates", "Jobs"].into_iter().map(|title| {
                let alias = if title == "Deployments" { "po-like deploy" } else { "" };
                (plain(title, "Workloads", urls::clusters()), alias.to_owned())
            })
        };
        let titles = |wanted: &str| best(all(), wanted).into_iter().map(|entry| entry.title).collect::<Vec<_>>();
        assert_eq!(titles("deploy"), ["Deployments"]);
        assert_eq!(titles("po"), ["Pods", "PodTemplates"]);
        assert_eq!(titles("pods"), ["Pods"]);
        assert_eq!(titles("workloads").len(), 4);
        assert_eq!(titles("nope").len(), 0);
    }

    #[tokio::test]
    async fn what_is_not_searched_and_what_is_not_shown_is_told() {
        let (engine, _folder) = crate::tests::engine();
        let many = engine.many(&["prod".to_owned()]).unwrap();
        let gap = |why| SearchGap { cluster: ClusterId::new("prod"), kinds: vec!["pods".to_owned()], why };
        let shown = |gaps: Vec<SearchGap>| {
            let found = Found { gaps, done: true, of: 1, ..Found::default() };
            view(&[], Some((&found, &Question::default())), &many).into_string()
        };
        assert!(shown(Vec::new()).contains("Nothing found."));
        let loading = shown(vec![gap(Why::Known(Completeness::Loading))]);
        assert!(loading.contains("data-more") && loading.contains("Nothing found so far"), "{loading}");
        let forbidden = shown(vec![gap(Why::Known(Completeness::Forbidden(String::new())))]);
        assert!(forbidden.contains("you may not list them") && !forbidden.contains("data-more"), "{forbidden}");
        assert!(!forbidden.contains("Nothing found") && !forbidden.contains("Searched"), "{forbidden}");
        let many_kinds = (0..MOST + 3).map(|index| plain(&index.to_string(), "", urls::clusters())).collect();
        let html = view(&[Group::new("Kinds", many_kinds, MOST)], None, &many).into_string();
        assert!(html.contains("3 more") && html.matches("<li").count() == MOST, "{html}");
    }
}
