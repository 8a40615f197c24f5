//! Search over everything: all kinds, namespaces and clusters, ranked.
//!
//! A search asks the tables that are watched at once, opens others a few at a time, the most useful first, and says of how many
//! kinds it knows the answer. It asks as any list does, through the handles of the clusters: who may not list something finds
//! nothing there.

mod kinds;
mod place;
mod rank;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_model::{ClusterId, Column, Completeness, Filter, GroupResource};
use pilothouse_store::Record;
use tokio::time::{Instant, sleep_until};

use crate::ask::Ask;
use crate::error::{AppError, ErrorKind};
use crate::many::{Many, STRAGGLERS, conditions, known_names};
use crate::words::some;
use kinds::{Progress, closed, kinds};
use place::{Place, doubt};
use rank::Rank;

pub use rank::{Matched, What};

/// Results that are given at most.
pub const MOST_RESULTS: usize = 50;
/// Kinds of one cluster that a search opens at most.
const MOST_KINDS: usize = 100;
/// Tables of one cluster that a search lets load at the same time.
const AT_ONCE: usize = 6;
/// How often it is looked whether there is more.
const STEP: Duration = Duration::from_millis(80);
/// How long a search goes on.
const LONGEST: Duration = Duration::from_secs(30);
/// What is shorter is found everywhere.
pub const SHORTEST_SEARCH: usize = 2;

/// A question about everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchAsk {
    /// What is looked for: words, and filters of the query language for the tables that have the field.
    pub text: String,
    /// Namespaces; none means all, and objects that live in none.
    pub namespaces: Vec<String>,
    /// Results wanted, [`MOST_RESULTS`] at most; `None` for as many.
    pub limit: Option<usize>,
}

/// A search that goes on while tables load.
pub struct Search {
    ask: SearchAsk,
    conditions: Option<Filter>,
    words: Vec<String>,
    places: Vec<Place>,
    until: Instant,
    last: Option<Instant>,
    told: Option<(usize, usize, bool)>,
    /// Whether it ends without the clusters that do not get on while others have answered...
    hurried: bool,
    /// ...how far it had come, and since when.
    come: (usize, Instant),
    over: bool,
}

/// What a search has found so far.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The best, the best first.
    pub hits: Vec<Hit>,
    /// How many there are: exact for the kinds that were searched.
    pub total: usize,
    /// How many of each kind.
    pub kinds: Vec<Facet>,
    /// How many in each namespace.
    pub namespaces: Vec<Facet>,
    /// How many in each cluster.
    pub clusters: Vec<Facet>,
    /// Kinds that were searched completely, in all clusters together.
    pub searched: usize,
    /// Kinds that there are to search.
    pub of: usize,
    /// What was not searched, or not completely, and why.
    pub gaps: Vec<SearchGap>,
    /// Whether no more will come.
    pub done: bool,
}

/// One thing found.
#[derive(Clone, Debug)]
pub struct Hit {
    /// Where.
    pub cluster: ClusterId,
    /// Its row, and its object.
    pub record: Arc<Record>,
    /// What the row's cells are.
    pub columns: Arc<[Column]>,
    /// Where the words were found.
    pub matched: Matched,
    rank: Rank,
}

/// How many results have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// The value.
    pub value: String,
    /// How many.
    pub count: usize,
}

/// What was not searched.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchGap {
    /// In which cluster.
    pub cluster: ClusterId,
    /// Which kinds: `pods`; empty when it is the whole cluster.
    pub kinds: Vec<String>,
    /// Why.
    pub why: Why,
}

/// Why something was not searched.
#[derive(Clone, Debug, PartialEq)]
pub enum Why {
    /// How much of it is known.
    Known(Completeness),
    /// There are more kinds than one search opens.
    TooMany,
}

impl SearchGap {
    /// The kinds in words: the first few, and how many more.
    pub fn names(&self) -> String {
        some(&self.kinds)
    }
}

impl Found {
    /// Whether nothing could be searched: that nothing was found says nothing then.
    pub fn is_unknown(&self) -> bool {
        self.searched == 0 && self.total == 0 && !self.gaps.is_empty()
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooMany => "more kinds than one search opens",
            Self::Known(Completeness::Complete) => "it was searched",
            Self::Known(Completeness::Loading) => "still loading",
            Self::Known(Completeness::Absent) => "the cluster does not serve it",
            Self::Known(Completeness::Forbidden(words)) if words.is_empty() => "not allowed",
            Self::Known(Completeness::Forbidden(words) | Completeness::Stale(words) | Completeness::Broken(words)) => {
                words
            }
        })
    }
}

impl Many {
    /// Searches everything in these clusters. Nothing is waited for before [`Search::next`].
    pub fn search(&self, ask: SearchAsk) -> Result<Search, AppError> {
        let conditions = conditions(&ask.text);
        if let Some(filter) = &conditions {
            let all: Vec<ClusterId> = self.engine().clusters().into_iter().map(|view| view.id).collect();
            known_names(&ask.text, filter, &all)?;
        }
        let place = |id: &ClusterId| {
            // A cluster that the question rules out is not opened.
            let ruled_out = conditions.as_ref().is_some_and(|filter| kinds::rules_out_cluster(filter, id));
            (!ruled_out).then(|| Place {
                id: id.clone(),
                cluster: self.engine().cluster(id.as_str()),
                kinds: None,
                closed: None,
                doubt: None,
            })
        };
        let nothing = ask.text.trim().chars().count() < SHORTEST_SEARCH;
        Ok(Search {
            places: if nothing { Vec::new() } else { self.clusters().iter().filter_map(place).collect() },
            words: conditions.as_ref().map(rank::words).unwrap_or_default(),
            conditions,
            until: Instant::now() + LONGEST,
            last: None,
            told: None,
            hurried: false,
            come: (0, Instant::now()),
            over: false,
            ask,
        })
    }
}

impl Search {
    /// What is found so far: at once the first time, then whenever there is more. `None` after the search is over.
    pub async fn next(&mut self) -> Option<Result<Found, AppError>> {
        if self.over {
            return None;
        }
        loop {
            if let Some(last) = self.last {
                sleep_until(last + STEP).await;
            }
            self.last = Some(Instant::now());
            self.step();
            let done =
                Instant::now() >= self.until || self.places.iter().all(Place::is_done) || self.leaves_stragglers();
            if done && let Some(error) = self.misread() {
                self.over = true;
                return Some(Err(error));
            }
            let found = self.found(done);
            let told = (found.total, found.searched, done);
            if self.told != Some(told) {
                self.told = Some(told);
                self.over = done;
                return Some(Ok(found));
            }
        }
    }

    /// What is found when the search is over, or when `patience` is.
    pub async fn settled(&mut self, patience: Duration) -> Result<Found, AppError> {
        self.until = self.until.min(Instant::now() + patience);
        self.hurried = true;
        let mut found = Found { done: true, ..Found::default() };
        while let Some(next) = self.next().await {
            found = next?;
        }
        Ok(found)
    }

    /// Whether some clusters have answered, and the others have not got on for a while.
    fn leaves_stragglers(&mut self) -> bool {
        let come = self.places.iter().map(Place::come).sum();
        if self.come.0 != come {
            self.come = (come, Instant::now());
        }
        let answered = |place: &Place| place.kinds.is_some() && place.is_done();
        self.hurried && self.places.iter().any(answered) && self.come.1.elapsed() >= STRAGGLERS
    }

    fn step(&mut self) {
        let Self { ask, words, places, conditions, .. } = self;
        for place in places {
            let Ok(cluster) = &place.cluster else { continue };
            if place.kinds.is_none() {
                place.doubt = None;
                // Where it is not known what may be seen, nothing found would look like nothing there.
                if !matches!(cluster.rights_known(), Some(Ok(()))) {
                    continue;
                }
                let (Some(catalog), Some(navigation)) = (cluster.catalog(), cluster.navigation()) else { continue };
                let closed = closed(catalog.navigation(), navigation.clone(), ask);
                if let Some(source) = &closed
                    && !ask.namespaces.is_empty()
                {
                    // What is named is looked into before it is said that nothing may be seen there.
                    let named = Ask { namespaces: ask.namespaces.clone(), limit: Some(0), ..Ask::default() };
                    let said = cluster.list(source, &named).map(|listing| listing.completeness);
                    place.doubt = doubt(&said);
                    if !matches!(said, Ok(Completeness::Forbidden(_))) {
                        continue;
                    }
                }
                place.closed = closed.map(|_| ask.nothing_listed());
                place.kinds = Some(match place.closed {
                    Some(_) => Vec::new(),
                    None => {
                        let understanding = |name: GroupResource<'_>| cluster.instrument(name);
                        kinds(navigation, &understanding, conditions.as_ref(), ask, MOST_KINDS)
                    }
                });
            }
            let kinds = place.kinds.as_deref_mut().unwrap_or_default();
            let mut loading = kinds.iter().filter(|kind| kind.progress == Progress::Loading).count();
            for kind in kinds {
                match kind.progress {
                    Progress::Waiting if loading >= AT_ONCE => continue,
                    Progress::Waiting | Progress::Loading => {}
                    Progress::Done | Progress::LeftOut | Progress::Misread => continue,
                }
                let waited = kind.progress == Progress::Waiting;
                kind.look(cluster, ask, words);
                loading += usize::from(waited && kind.progress == Progress::Loading);
            }
        }
    }

    /// What is wrong with the question, when no table could read it.
    fn misread(&self) -> Option<AppError> {
        let kinds = || self.places.iter().filter_map(|place| place.kinds.as_ref()).flatten();
        if kinds().any(|kind| kind.progress == Progress::Done) {
            return None;
        }
        kinds().find_map(|kind| kind.error.clone().filter(|error| error.kind == ErrorKind::BadInput))
    }

    fn found(&self, done: bool) -> Found {
        let mut found = Found { done, ..Found::default() };
        let (mut by_kind, mut by_namespace, mut by_cluster) = (Counts::new(), Counts::new(), Counts::new());
        for place in &self.places {
            found.gaps.extend(place.gaps());
            // Tables that have no such field have no such rows.
            for kind in place.kinds.iter().flatten().filter(|kind| kind.progress != Progress::Misread) {
                found.of += 1;
                found.searched += usize::from(kind.progress == Progress::Done && kind.completeness.is_complete());
                found.total += kind.total;
                found.hits.extend(kind.hits.iter().cloned());
                add(&mut by_cluster, place.id.as_str(), kind.total);
                for (name, count) in &kind.by_kind {
                    add(&mut by_kind, name, *count);
                }
                for (name, count) in &kind.by_namespace {
                    add(&mut by_namespace, name, *count);
                }
            }
        }
        found.hits.sort_by(|one, other| one.rank.cmp(&other.rank).then_with(|| one.cluster.cmp(&other.cluster)));
        found.hits.truncate(self.ask.most());
        (found.kinds, found.namespaces, found.clusters) = (facets(by_kind), facets(by_namespace), facets(by_cluster));
        found
    }
}

type Counts = BTreeMap<String, usize>;

fn add(counts: &mut Counts, value: &str, count: usize) {
    if count > 0 {
        *counts.entry(value.to_owned()).or_default() += count;
    }
}

/// The most frequent first.
fn facets(counts: Counts) -> Vec<Facet> {
    let mut facets: Vec<_> = counts.into_iter().map(|(value, count)| Facet { value, count }).collect();
    facets.sort_by_key(|facet| std::cmp::Reverse(facet.count));
    facets
}

impl SearchAsk {
    fn most(&self) -> usize {
        self.limit.unwrap_or(MOST_RESULTS).min(MOST_RESULTS)
    }

    /// What is told to somebody who may list nothing of what is asked about.
    fn nothing_listed(&self) -> String {
        match self.namespaces.as_slice() {
            [] => "you may not list anything in this cluster; name the namespaces that you may read".to_owned(),
            names => format!("you may not list anything in {}", some(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nothing_may_be_listed_nothing_is_not_what_was_found() {
        let found = |namespaces: &[&str]| {
            let ask = SearchAsk {
                text: "web".to_owned(),
                namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
                limit: None,
            };
            let cluster = Err(AppError::new(ErrorKind::Unavailable, "not asked"));
            let closed = Some(ask.nothing_listed());
            let places =
                vec![Place { id: ClusterId::new("lab"), cluster, kinds: Some(Vec::new()), closed, doubt: None }];
            let search = Search {
                ask,
                conditions: None,
                words: Vec::new(),
                places,
                until: Instant::now(),
                last: None,
                told: None,
                hurried: false,
                come: (0, Instant::now()),
                over: false,
            };
            search.found(true)
        };
        let everywhere = found(&[]);
        assert!(everywhere.is_unknown(), "{everywhere:?}");
        let told = crate::json::found_json(&everywhere);
        assert_eq!((&told["complete"], &told["of"]), (&serde_json::json!(false), &serde_json::json!(0)));
        let words = "you may not list anything in this cluster; name the namespaces that you may read";
        assert_eq!(told["gaps"], serde_json::json!([{"cluster": "lab", "kinds": [], "why": words}]));
        let named = found(&["team-a", "team-b"]);
        assert_eq!(named.gaps[0].why.to_string(), "you may not list anything in team-a and team-b");
        assert!(!Found { done: true, ..Found::default() }.is_unknown());
    }
}
