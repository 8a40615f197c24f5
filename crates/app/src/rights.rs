//! What a cluster lets someone read, as plain data: rules in, sights out.
//!
//! Resolved from the cluster's own answers (see `rights/resolve.rs`), remembered for a short while (`rights/remembered.rs`).
//! A right that was not told is a right that is not there.

mod grants;
mod hints;
mod kept;
mod remembered;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use pilothouse_cluster::{Rule, Token};
use pilothouse_model::{GroupResource, Instrument, Resource, Seen, Sight, Str};
use rustc_hash::FxHasher;

use crate::catalog::Catalog;
use crate::cluster::{alike::Alike, understanding};
use crate::moment::Name;

pub(crate) use grants::Grants;
pub(crate) use hints::commonly_asked;
pub(crate) use remembered::{Changes, Known, Remembered, sign_in_again};

/// Whose credential something is read with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// The console's own.
    Console,
    /// A person's. The whole token stands in every key: no two people can meet under one.
    Person(Token),
}

/// The two ways of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Verb {
    /// Whole sets of objects.
    List,
    /// One object by its name.
    Get,
}

impl Verb {
    pub(crate) const ALL: [Self; 2] = [Self::List, Self::Get];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
        }
    }
}

/// What someone may read in one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// What holds everywhere: in every namespace, and in none.
    everywhere: Arc<[Rule]>,
    /// The rules of namespaces; those where the same ones hold stand together.
    places: Vec<(Arc<[Rule]>, Vec<Str>)>,
    /// The resources that were asked about one by one, where the cluster cannot list its rules; `None` where it can.
    reviewed: Option<BTreeSet<Name>>,
    /// The namespaces that were looked into; `None` where it is known of every one.
    looked: Option<BTreeSet<Str>>,
    views: Views,
}

/// Views that were worked out before. They follow from the rest, so that they make no difference between rights.
#[derive(Default)]
struct Views(Mutex<BTreeMap<Name, View>>);

impl PartialEq for Views {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Views {}

impl Clone for Views {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl fmt::Debug for Views {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Views(..)")
    }
}

/// The rules that let someone read, in an order of their own: the others do not matter here.
pub(crate) fn reading(rules: Vec<Rule>) -> Arc<[Rule]> {
    let reads = |rule: &Rule| rule.verbs.iter().any(|verb| matches!(verb.as_str(), "*" | "list" | "get"));
    let mut rules: Vec<Rule> = rules.into_iter().filter(reads).collect();
    rules.sort_unstable();
    rules.dedup();
    rules.into()
}

impl Rights {
    /// Rights from rules: those that hold everywhere, and all that hold in each namespace.
    pub(crate) fn new(everywhere: Arc<[Rule]>, namespaces: impl IntoIterator<Item = (Str, Arc<[Rule]>)>) -> Self {
        let mut places: BTreeMap<Arc<[Rule]>, Vec<Str>> = BTreeMap::new();
        let mut looked = BTreeSet::new();
        for (namespace, rules) in namespaces {
            looked.insert(namespace.clone());
            // What holds everywhere need not be said again of each namespace.
            let own: Arc<[Rule]> = rules.iter().filter(|rule| !everywhere.contains(rule)).cloned().collect();
            if !own.is_empty() {
                places.entry(own).or_default().push(namespace);
            }
        }
        Self {
            everywhere,
            places: places.into_iter().collect(),
            reviewed: None,
            looked: Some(looked),
            views: Views::default(),
        }
    }

    /// The same, with what asking about single resources gave where the cluster cannot list its rules.
    fn with_reviews(mut self, reviewed: BTreeSet<Name>) -> Self {
        self.reviewed = Some(reviewed);
        self
    }

    /// The same, where it is known that nothing else holds in any other namespace.
    fn of_every_namespace(mut self) -> Self {
        self.looked = None;
        self
    }

    /// Whether everything may be read.
    pub(crate) fn is_everything(&self) -> bool {
        Verb::ALL.iter().all(|verb| self.everywhere.iter().any(|rule| rule.allows(verb.as_str(), "*", "*", None)))
    }

    /// Whether a namespace was looked into, or need not be.
    pub(crate) fn has_looked_into(&self, namespace: &str) -> bool {
        self.looked.as_ref().is_none_or(|looked| looked.contains(namespace)) || self.is_everything()
    }

    /// Whether it is known what may be seen of a resource.
    pub(crate) fn knows(&self, resource: GroupResource<'_>) -> bool {
        let name = || (resource.group.to_owned(), resource.plural.to_owned());
        self.reviewed.as_ref().is_none_or(|reviewed| reviewed.contains(&name())) || self.is_everything()
    }

    /// Which objects of a resource may be read in this way.
    pub(crate) fn sight(&self, resource: &Resource, verb: Verb) -> Sight {
        let (group, plural) = (&*resource.group, &*resource.plural);
        let whole = |rules: &[Rule]| rules.iter().any(|rule| rule.allows(verb.as_str(), group, plural, None));
        let named = |rules: &[Rule]| -> Vec<Str> {
            let names = rules.iter().flat_map(|rule| rule.names.iter().map(move |name| (rule, name)));
            let granted = names.filter(|(rule, name)| rule.allows(verb.as_str(), group, plural, Some(name)));
            granted.map(|(_, name)| Str::from(name.as_str())).collect()
        };
        if whole(&self.everywhere) {
            return Sight::All;
        }
        let mut seen = Seen::default();
        seen.names.extend(named(&self.everywhere).into_iter().map(|name| (None, name)));
        for (rules, namespaces) in self.places.iter().filter(|_| resource.namespaced) {
            if whole(rules) {
                seen.namespaces.extend(namespaces.iter().cloned());
                continue;
            }
            let names = named(rules);
            for namespace in namespaces {
                seen.names.extend(names.iter().map(|name| (Some(namespace.clone()), name.clone())));
            }
        }
        Sight::of(seen)
    }

    /// What may be seen of a resource, both as a part of a set and by name.
    pub(crate) fn view(&self, resource: &Resource) -> View {
        let name = (resource.group.to_string(), resource.plural.to_string());
        let mut views = self.views.0.lock().unwrap_or_else(PoisonError::into_inner);
        let work_out = || {
            let listed = self.sight(resource, Verb::List);
            let named = listed.union(&self.sight(resource, Verb::Get));
            View { listed, named }
        };
        views.entry(name).or_insert_with(work_out).clone()
    }

    /// The namespaces in which something may be read that may not be read everywhere.
    pub(crate) fn namespaces(&self) -> BTreeSet<Str> {
        self.places.iter().flat_map(|(_, namespaces)| namespaces.iter().cloned()).collect()
    }
}

/// What may be seen of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct View {
    /// What may be listed: shows in sets.
    pub(crate) listed: Sight,
    /// What may be read by whoever knows its name already.
    pub(crate) named: Sight,
}

impl View {
    /// The view of everything.
    pub(crate) const ALL: Self = Self { listed: Sight::All, named: Sight::All };
    /// The view of nothing.
    pub(crate) const NONE: Self = Self { listed: Sight::None, named: Sight::None };
}

/// What may be seen of every resource that matters: people for whom it is equal share what is derived from it.
#[derive(Debug, Eq)]
pub(crate) struct Sights {
    /// Sorted by name; nothing can be seen of what is not in it.
    views: Box<[(Name, View)]>,
    hash: u64,
    /// Where any kind of workload is seen.
    pub(crate) reach: Sight,
    /// Whether everything is seen of every kind of workload.
    pub(crate) sees_all_that_run: bool,
    /// With whom what is derived can be shared, if not with those alone who see exactly as much.
    pub(crate) alike: Option<Arc<Alike>>,
}

impl Sights {
    pub(crate) fn new(views: BTreeMap<Name, View>) -> Self {
        let mut hasher = FxHasher::default();
        views.hash(&mut hasher);
        let views = views.into_iter().collect();
        Self { hash: hasher.finish(), views, reach: Sight::None, sees_all_that_run: false, alike: None }
    }

    /// The same, with workloads seen there.
    pub(crate) fn reaching(self, reach: Sight) -> Self {
        Self { reach, ..self }
    }

    /// What rights let someone see of all that a cluster serves.
    pub(crate) fn of(rights: &Rights, catalog: &Catalog, instruments: &[&'static dyn Instrument]) -> Self {
        let runs =
            |name: GroupResource<'_>| understanding(instruments, name).is_some_and(|instrument| instrument.runs(name));
        let (mut views, mut reach, mut sees_all_that_run) = (BTreeMap::new(), Sight::None, true);
        for resource in catalog.listed() {
            let view = rights.view(resource);
            if runs(resource.group_resource()) {
                reach = reach.union(&view.listed);
                sees_all_that_run &= view == View::ALL;
            }
            if view != View::NONE {
                views.insert((resource.group.to_string(), resource.plural.to_string()), view);
            }
        }
        let sights = Self { sees_all_that_run, ..Self::new(views).reaching(reach) };
        Self { alike: Alike::of(&sights, catalog, runs).map(Arc::new), ..sights }
    }

    /// What may be seen of one resource.
    pub(crate) fn view(&self, resource: GroupResource<'_>) -> &View {
        let wanted = (resource.group, resource.plural);
        let found = self.views.binary_search_by(|((group, plural), _)| (&**group, &**plural).cmp(&wanted));
        found.map_or(const { &View::NONE }, |at| &self.views[at].1)
    }
}

impl PartialEq for Sights {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || (self.hash == other.hash && self.views == other.views)
    }
}

impl Hash for Sights {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

#[cfg(test)]
mod tests;
