//! The kinds of a cluster that a search asks, and what each has to say.

use std::collections::BTreeMap;
use std::sync::Arc;

use pilothouse_columns::table::is_events;
use pilothouse_model::{
    ClusterId, Column, Comparison, Completeness, Field, Filter, GroupResource, Instrument, Resource, Workload,
};

use super::rank::{self, Rank};
use super::{Hit, SearchAsk};
use crate::act::PODS;
use crate::ask::{Ask, Source};
use crate::catalog::NavigationGroup;
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};
use crate::many::{Among, decided, joined, may_hold, row_of};

/// How far a kind was searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It was not asked yet.
    Waiting,
    /// Its table is loading.
    Loading,
    /// It has told all that it will.
    Done,
    /// It is not asked: there are more useful ones enough.
    LeftOut,
    /// It has no such fields, and so no such rows.
    Misread,
}

/// One kind in one cluster.
pub(super) struct Kind {
    /// As kubectl writes it.
    pub(super) name: String,
    source: Source,
    /// How useful it is: its place in the order.
    place: usize,
    /// Whether its objects run: workloads, and pods.
    runs: bool,
    columns: Option<Arc<[Column]>>,
    pub(super) progress: Progress,
    pub(super) completeness: Completeness,
    pub(super) error: Option<AppError>,
    /// The best of what it found.
    pub(super) hits: Vec<Hit>,
    pub(super) total: usize,
    /// How many rows it has been looked for in.
    pub(super) rows: usize,
    pub(super) by_kind: BTreeMap<String, usize>,
    pub(super) by_namespace: BTreeMap<String, usize>,
}

/// Whether a question can hold for nothing in a cluster.
pub(super) fn rules_out_cluster(filter: &Filter, id: &ClusterId) -> bool {
    may_hold(filter, &|leaf| decided(leaf, &id.0)) == Some(false)
}

/// What understands a resource of the cluster.
pub(super) type Understanding<'a> = dyn Fn(GroupResource<'_>) -> Option<&'static dyn Instrument> + 'a;

/// What is searched of what somebody may list in a cluster, the most useful first; `most` of it are opened.
pub(super) fn kinds(
    navigation: Vec<NavigationGroup>,
    understanding: &Understanding<'_>,
    conditions: Option<&Filter>,
    ask: &SearchAsk,
    most: usize,
) -> Vec<Kind> {
    let kind = |(place, (name, source, runs))| Kind {
        name,
        source,
        place,
        runs,
        columns: None,
        progress: if place < most { Progress::Waiting } else { Progress::LeftOut },
        completeness: Completeness::Loading,
        error: None,
        hits: Vec::new(),
        total: 0,
        rows: 0,
        by_kind: BTreeMap::new(),
        by_namespace: BTreeMap::new(),
    };
    if needs_workloads(&ask.text) {
        return vec![kind((0, ("workloads".to_owned(), Source::Workloads, true)))];
    }
    let wanted = |resource: &Arc<Resource>| {
        is_searched(resource, ask) && !conditions.is_some_and(|filter| rules_out_kind(filter, resource))
    };
    let sources = useful(navigation, understanding).into_iter().filter(wanted).map(|resource| {
        let name = resource.group_resource();
        let runs = name == PODS || understanding(name).is_some_and(|instrument| instrument.runs(name));
        (name.to_string(), Source::Resource(Arc::clone(&resource)), runs)
    });
    sources.enumerate().map(kind).collect()
}

/// A kind that a search would look into, where it may list none of them, whatever its question; `None` where it may list
/// some, or where there are none.
pub(super) fn closed(served: Vec<NavigationGroup>, allowed: Vec<NavigationGroup>, ask: &SearchAsk) -> Option<Source> {
    let first = |navigation: Vec<NavigationGroup>| {
        let mut items = navigation.into_iter().flat_map(|group| group.items);
        items.find(|item| is_searched(&item.resource, ask)).map(|item| Source::Resource(item.resource))
    };
    first(served).filter(|_| first(allowed).is_none())
}

/// Whether a search looks into a resource, whatever its question. Events are told with what they are about.
fn is_searched(resource: &Resource, ask: &SearchAsk) -> bool {
    !is_events(resource) && resource.offers("watch") && (ask.namespaces.is_empty() || resource.namespaced)
}

/// Whether a question can only be asked of workloads: no table of objects has such fields.
fn needs_workloads(text: &str) -> bool {
    let cluster = || joined(std::iter::empty());
    let workloads = joined(std::iter::once(&Workload::columns()[..]));
    pilothouse_query::parse(text, &cluster()).is_err() && pilothouse_query::parse(text, &workloads).is_ok()
}

/// Whether a question can hold for no object of this kind.
fn rules_out_kind(filter: &Filter, resource: &Arc<Resource>) -> bool {
    let decided = |leaf: &Filter| match leaf {
        Filter::Compare(Field::Kind, Comparison::Equal, _) => {
            let row = pilothouse_model::Row { resource: Arc::clone(resource), ..row_of(&"".into()) };
            Some(leaf.matches(&row, jiff::Timestamp::UNIX_EPOCH))
        }
        _ => None,
    };
    may_hold(filter, &decided) == Some(false)
}

/// The resources, those first that people look for most.
fn useful(navigation: Vec<NavigationGroup>, understanding: &Understanding<'_>) -> Vec<Arc<Resource>> {
    const FIRST: [&str; 2] = ["namespaces", "nodes"];
    let mut all: Vec<(usize, Arc<Resource>)> = Vec::new();
    for group in navigation {
        for item in group.items {
            let resource = item.resource;
            let rank = match group.title.as_str() {
                "Workloads" => 0,
                _ if resource.group.is_empty() && FIRST.contains(&&*resource.plural) => 1,
                "Network" => 3,
                "Configuration" => 4,
                "Storage" => 5,
                "Cluster" => 6,
                "Access" => 7,
                _ if understanding(resource.group_resource()).is_some() => 2,
                _ => 8,
            };
            all.push((rank, resource));
        }
    }
    all.sort_by_key(|(rank, _)| *rank);
    all.into_iter().map(|(_, resource)| resource).collect()
}

impl Kind {
    /// Asks what is known now; the first time this begins to load the table.
    pub(super) fn look(&mut self, cluster: &Cluster, ask: &SearchAsk, words: &[String]) {
        let listing = match self.ask(cluster, ask) {
            Ok(listing) => listing,
            Err(error) => {
                let misread = error.kind == ErrorKind::BadInput;
                self.progress = if misread { Progress::Misread } else { Progress::Done };
                self.completeness = Completeness::Broken(error.message.clone());
                self.error = Some(error);
                return;
            }
        };
        self.progress = if listing.completeness == Completeness::Loading { Progress::Loading } else { Progress::Done };
        self.completeness = listing.completeness;
        self.total = listing.total;
        self.rows = listing.unfiltered;
        self.by_kind.clear();
        self.by_namespace.clear();
        let mut best: Vec<(Rank, &Arc<pilothouse_store::Record>)> = Vec::with_capacity(listing.rows.len());
        for record in &listing.rows {
            *self.by_kind.entry(record.row.resource.kind.to_string()).or_default() += 1;
            if let Some(namespace) = &record.row.namespace {
                match self.by_namespace.get_mut(&**namespace) {
                    Some(count) => *count += 1,
                    None => drop(self.by_namespace.insert(namespace.to_string(), 1)),
                }
            }
            best.push((rank::rank(&record.row, words, (self.place, self.runs)), record));
        }
        let most = ask.most();
        if best.len() > most && most > 0 {
            best.select_nth_unstable_by(most - 1, |one, other| one.0.cmp(&other.0));
        }
        best.truncate(most);
        let hit = |(rank, record): (Rank, &Arc<pilothouse_store::Record>)| Hit {
            cluster: cluster.id().clone(),
            matched: rank::matched(&record.row, words),
            record: Arc::clone(record),
            columns: Arc::clone(&listing.columns),
            rank,
        };
        self.hits = best.into_iter().map(hit).collect();
    }

    fn ask(&mut self, cluster: &Cluster, ask: &SearchAsk) -> Result<crate::ask::Listing, AppError> {
        let columns = match &self.columns {
            Some(columns) => Arc::clone(columns),
            None => {
                let columns = cluster.list(&self.source, &Ask { limit: Some(0), ..Ask::default() })?.columns;
                Arc::clone(self.columns.insert(columns))
            }
        };
        // The cluster is a field here, too.
        let among = Among::new(cluster.id().as_str(), joined(std::iter::once(&columns[..])));
        let ask = Ask {
            namespaces: ask.namespaces.clone(),
            q: ask.text.clone(),
            among: Some(Arc::new(among)),
            ..Ask::default()
        };
        cluster.list(&self.source, &ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::many::conditions;

    fn catalog() -> Catalog {
        let resource = |group: &str, plural: &str, kind: &str, namespaced, verbs: &[&str]| {
            let verbs = verbs.iter().map(|verb| (*verb).into()).collect();
            Arc::new(Resource { verbs, namespaced, ..Resource::new(group, "v1", plural, kind) })
        };
        let watched = ["list", "watch"];
        let mut resources = vec![
            resource("", "configmaps", "ConfigMap", true, &watched),
            resource("", "events", "Event", true, &watched),
            resource("events.k8s.io", "events", "Event", true, &watched),
            resource("races.example.com", "events", "Event", true, &watched),
            resource("", "nodes", "Node", false, &watched),
            resource("", "pods", "Pod", true, &watched),
            resource("metrics.k8s.io", "pods", "PodMetrics", true, &["list"]),
            resource("trainer.kubeflow.org", "trainjobs", "TrainJob", true, &watched),
            resource("kubeflow.org", "profiles", "Profile", false, &watched),
            resource("policy", "poddisruptionbudgets", "PodDisruptionBudget", true, &watched),
        ];
        for index in 0..200 {
            resources.push(resource(
                "example.com",
                &format!("things{index}"),
                &format!("Thing{index}"),
                true,
                &watched,
            ));
        }
        Catalog { resources, problems: Vec::new() }
    }

    fn asked(text: &str, namespaces: &[&str]) -> Vec<Kind> {
        let ask = SearchAsk {
            text: text.to_owned(),
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            limit: None,
        };
        let understanding =
            |name: GroupResource<'_>| crate::cluster::understanding(pilothouse_instruments::all(), name);
        let all = kinds(catalog().navigation(), &understanding, conditions(text).as_ref(), &ask, 100);
        assert!(all.iter().filter(|kind| kind.progress == Progress::Waiting).count() <= 100);
        all
    }

    fn names(text: &str, namespaces: &[&str]) -> Vec<String> {
        asked(text, namespaces).into_iter().map(|kind| kind.name).collect()
    }

    #[test]
    fn the_useful_come_first_and_not_everything_is_opened() {
        let all = names("web", &[]);
        let (known, job) = (["profiles.kubeflow.org"], ["trainjobs.trainer.kubeflow.org"]);
        let first = [&["pods", "poddisruptionbudgets.policy", "nodes"][..], &known, &job, &["configmaps"]].concat();
        assert_eq!(all[..6], first, "events and what cannot be watched are left out");
        assert!(all.contains(&"events.races.example.com".to_owned()), "others may call something else so");
        assert_eq!(all.len(), 207);
        let run: Vec<_> = asked("web", &[]).into_iter().filter(|kind| kind.runs).map(|kind| kind.name).collect();
        assert_eq!(run, ["pods", job[0]], "what has no pods does not run, whoever knows it");
        assert!(!names("web", &["team-a"]).contains(&"nodes".to_owned()));
    }

    #[test]
    fn a_place_is_closed_where_nothing_may_be_listed_that_a_search_looks_into() {
        let allowed = |plurals: &[&str]| {
            let mut resources = catalog().resources;
            resources.retain(|resource| resource.group.is_empty() && plurals.contains(&&*resource.plural));
            Catalog { resources, problems: Vec::new() }.navigation()
        };
        let is_closed = |plurals: &[&str], namespaces: &[&str]| {
            let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
            let ask = SearchAsk { text: "web kind:Nothing".to_owned(), namespaces, limit: None };
            closed(catalog().navigation(), allowed(plurals), &ask).is_some()
        };
        assert!(is_closed(&[], &[]) && is_closed(&[], &["team-a"]));
        assert!(is_closed(&["events"], &[]), "events are not searched");
        assert!(!is_closed(&["nodes"], &[]) && is_closed(&["nodes"], &["team-a"]), "no namespace has nodes");
        assert!(!is_closed(&["pods"], &["team-a"]));
        let nothing = SearchAsk::default();
        assert!(closed(Vec::new(), Vec::new(), &nothing).is_none(), "where nothing is, nothing is closed");
    }

    #[test]
    fn only_kinds_that_the_question_can_mean_are_asked() {
        assert_eq!(names("kind:Pod web", &[]), ["pods"]);
        assert_eq!(names("kind:pod,configmap", &[]), ["pods", "configmaps"]);
        assert_eq!(names("kind:thing19?", &[]).len(), 10);
        assert_eq!(names("gpu:>0", &[]), ["workloads"], "only workloads have the field");
    }
}
