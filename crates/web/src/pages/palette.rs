//! What the palette finds: `/c/{cluster}/palette?q=`.

use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use pilothouse_app::{AppError, Ask, Cluster, Source};
use pilothouse_model::{Completeness, GroupResource};

use crate::components::listing::thousands;
use crate::components::prose::sentence;
use crate::components::{freshness, status};
use crate::failure;
use crate::urls::{self, Url};
use crate::visit::{PATIENCE, Visit};

/// Places and kinds shown.
const MOST: usize = 8;
/// Objects of one kind shown.
const MOST_OBJECTS: usize = 6;

/// Where objects are searched besides the workloads: where people know a name and not where it stands.
const SEARCHED: [(&str, &str); 8] = [
    ("", "pods"),
    ("", "nodes"),
    ("", "namespaces"),
    ("", "services"),
    ("", "configmaps"),
    ("", "persistentvolumeclaims"),
    ("apps", "deployments"),
    ("networking.k8s.io", "ingresses"),
];

/// One thing found.
struct Found {
    title: String,
    note: String,
    mark: Markup,
    url: Url,
}

/// A group of what was found.
struct Group {
    title: &'static str,
    found: Vec<Found>,
    /// How many more there are.
    more: usize,
}

impl Group {
    /// The first `most` of all that was found.
    fn new(title: &'static str, mut found: Vec<Found>, most: usize) -> Self {
        let more = found.len().saturating_sub(most);
        found.truncate(most);
        Self { title, found, more }
    }
}

/// `/c/{cluster}/palette`
pub(crate) async fn show(visit: Visit) -> Response {
    match found(&visit).await {
        Ok(html) => html.into_response(),
        Err(error) => (failure::status(error.kind), html! { p.nothing { (sentence(&error.message)) } }).into_response(),
    }
}

async fn found(visit: &Visit) -> Result<Markup, AppError> {
    let cluster = visit.cluster()?;
    let wanted = visit.query("q").unwrap_or_default().trim().to_lowercase();
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let name = cluster.id().as_str();
    let mut places = vec![
        plain("Overview", "", urls::cluster(name)),
        plain("Workloads", "everything that runs", urls::workloads(name)),
        plain("Clusters", "", urls::clusters()),
    ];
    for (instrument, its) in cluster.places() {
        let manifest = instrument.manifest();
        places.extend(
            its.iter().map(|place| plain(place.title, manifest.title, urls::place(name, manifest.id, place.id))),
        );
    }
    let kinds = catalog.navigation().into_iter().flat_map(|group| {
        let title = group.title;
        group.items.into_iter().map(move |item| (title.clone(), item))
    });
    let kinds = kinds.map(|(group, item)| {
        let short = item.resource.short_names.iter().map(|name| &**name).collect::<Vec<_>>().join(" ");
        (plain(&item.title, &group, urls::list(name, &item.resource)), short)
    });
    let places = best(places.into_iter().map(|place| (place, String::new())), &wanted);
    let kinds = best(kinds, &wanted);
    let mut groups = vec![Group::new("Places", places, MOST), Group::new("Kinds", kinds, MOST)];
    let mut unknown = Vec::new();
    if wanted.len() >= 2 {
        let (objects, gaps) = objects(&cluster, &wanted).await;
        groups.push(objects);
        unknown = gaps;
    }
    Ok(view(&groups, &unknown))
}

fn plain(title: &str, note: &str, url: Url) -> Found {
    Found { title: title.to_owned(), note: note.to_owned(), mark: Markup::default(), url }
}

/// Those that match: by the start of the title first, then by any part of it, its note or its short names.
fn best(all: impl Iterator<Item = (Found, String)>, wanted: &str) -> Vec<Found> {
    let mut ranked: Vec<_> = all
        .filter_map(|(found, aliases)| {
            let title = found.title.to_lowercase();
            let rank = if title == wanted || aliases.split(' ').any(|alias| alias == wanted) {
                0
            } else if title.starts_with(wanted) {
                1
            } else if title.contains(wanted) || found.note.to_lowercase().contains(wanted) {
                2
            } else {
                return None;
            };
            Some((rank, found))
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, found)| found).collect()
}

/// Objects whose name holds the text: among workloads and [`SEARCHED`], as far as they are known now.
/// Beside them, which of these could not be searched (completely), and why.
async fn objects(cluster: &Cluster, wanted: &str) -> (Group, Vec<(&'static str, Completeness)>) {
    let nothing = || Group::new("Objects", Vec::new(), MOST);
    let Some(catalog) = cluster.catalog() else { return (nothing(), vec![("objects", Completeness::Loading)]) };
    let mut sources = vec![("workloads", Source::Workloads)];
    for (group, plural) in SEARCHED {
        let served = catalog.served(GroupResource::new(group, plural)).cloned();
        sources.extend(served.map(|resource| (plural, Source::Resource(resource))));
    }
    let pattern: String = wanted.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '.' | '_')).collect();
    if pattern.is_empty() {
        return (nothing(), Vec::new());
    }
    let ask = Ask { q: format!("name:*{pattern}*"), limit: Some(MOST_OBJECTS), ..Ask::default() };
    let answers = sources.iter().map(|(_, source)| cluster.list_settled(source, &ask, PATIENCE));
    let mut seen = std::collections::BTreeSet::new();
    let mut objects = nothing();
    let mut unknown = Vec::new();
    for ((name, _), answer) in sources.iter().zip(futures::future::join_all(answers).await) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                unknown.push((*name, Completeness::Broken(error.message)));
                continue;
            }
        };
        if !answer.completeness.is_complete() {
            unknown.push((*name, answer.completeness.clone()));
        }
        // A pod that is a workload of its own counts twice here: at least so many are not shown.
        objects.more += answer.total.saturating_sub(answer.rows.len());
        for record in answer.rows {
            let row = &record.row;
            let namespace = row.namespace.as_deref();
            let url = urls::object(cluster.id().as_str(), &row.resource, namespace, &row.name);
            if seen.insert(url.as_str().to_owned()) {
                let note = match namespace {
                    Some(namespace) => format!("{} · {namespace}", row.resource.kind),
                    None => row.resource.kind.to_string(),
                };
                objects.found.push(Found { title: row.name.to_string(), note, mark: status::status(&row.status), url });
            }
        }
    }
    (objects, unknown)
}

fn view(groups: &[Group], unknown: &[(&str, Completeness)]) -> Markup {
    let none = groups.iter().all(|group| group.found.is_empty());
    html! {
        @if none && unknown.is_empty() {
            p.nothing { "Nothing has this name. Objects are found by name among workloads, pods, deployments, services, "
                "ingresses, config maps, volume claims, nodes and namespaces; other kinds have their own lists." }
        } @else if none {
            p.nothing { "Nothing known has this name." }
        }
        @for (name, completeness) in unknown {
            p.nothing.gap { "Not all " (name) " are searched: " (freshness::why(completeness)) }
        }
        @for Group { title, found, more } in groups.iter().filter(|group| !group.found.is_empty()) {
            h2 { (title) }
            ul role="group" aria-label=(title) {
                @for (index, one) in found.iter().enumerate() {
                    li role="presentation" {
                        a role="option" id={ "found-" (title) "-" (index) } tabindex="-1" href=(one.url) {
                            (one.title) (one.mark)
                            @if !one.note.is_empty() { small { (one.note) } }
                        }
                    }
                }
            }
            @if *more > 0 { p.nothing.gap { (thousands(*more)) " more: write more of the name" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_names_and_short_names_come_first() {
        let all = || {
            ["Deployments", "Pods", "PodTemplates", "Jobs"].into_iter().map(|title| {
                let alias = if title == "Deployments" { "po-like deploy" } else { "" };
                (plain(title, "Workloads", urls::clusters()), alias.to_owned())
            })
        };
        let titles = |wanted: &str| best(all(), wanted).into_iter().map(|found| found.title).collect::<Vec<_>>();
        assert_eq!(titles("deploy"), ["Deployments"]);
        assert_eq!(titles("po"), ["Pods", "PodTemplates"]);
        assert_eq!(titles("pods"), ["Pods"]);
        assert_eq!(titles("workloads").len(), 4);
        assert_eq!(titles("nope").len(), 0);
    }

    #[test]
    fn what_is_not_searched_and_what_is_not_shown_is_told() {
        let none =
            |unknown: &[(&str, Completeness)]| view(&[Group::new("Objects", Vec::new(), MOST)], unknown).into_string();
        assert!(none(&[]).contains("Nothing has this name"));
        let loading = none(&[("pods", Completeness::Loading)]);
        assert!(
            !loading.contains("Nothing has this name") && loading.contains("Not all pods are searched: still loading")
        );
        let forbidden = none(&[("nodes", Completeness::Forbidden("<no>".into()))]);
        assert!(forbidden.contains("Not all nodes are searched: not allowed: &lt;no&gt;"), "{forbidden}");
        let many = (0..MOST + 3).map(|index| plain(&index.to_string(), "", urls::clusters())).collect();
        let html = view(&[Group::new("Kinds", many, MOST)], &[]).into_string();
        assert!(html.contains("3 more") && html.matches("<li").count() == MOST, "{html}");
    }
}
