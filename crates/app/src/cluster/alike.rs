//! Who can be shown workloads that were derived for many.
//!
//! Most people see everything in some namespaces, the same kinds in each, and little or nothing of what is in no namespace.
//! What is derived for somebody who sees those kinds in all namespaces is, in theirs, what would be derived for them alone:
//! as long as no row there was made from another namespace that is out of sight.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pilothouse_model::{GroupResource, Sight, Str};

use crate::catalog::Catalog;
use crate::feed::Freshness;
use crate::moment::Name;
use crate::rights::{Sights, View};

/// What somebody sees who sees in all namespaces what another sees in some.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Alike {
    pub(crate) sights: Arc<Sights>,
    /// What the other sees in some of the own namespaces, in part, or elsewhere.
    odd: BTreeSet<Name>,
}

impl Alike {
    /// `None` for who sees single objects, or everything, or of what `runs` more in one namespace than in another.
    pub(crate) fn of(sights: &Sights, catalog: &Catalog, runs: impl Fn(GroupResource<'_>) -> bool) -> Option<Self> {
        let Sight::Some(reach) = &sights.reach else { return None };
        if !reach.names.is_empty() {
            return None;
        }
        let (mut views, mut odd) = (BTreeMap::new(), BTreeSet::new());
        for resource in catalog.listed() {
            let view = sights.view(resource.group_resource());
            let name = (resource.group.to_string(), resource.plural.to_string());
            if !resource.namespaced {
                views.insert(name, view.clone());
            } else if reach.namespaces.iter().all(|namespace| sees_all_in(view, Some(namespace))) {
                views.insert(name, View::ALL);
            } else if *view != View::NONE {
                // Rows are made of it in any case.
                if runs(resource.group_resource()) {
                    return None;
                }
                odd.insert(name);
            }
        }
        views.retain(|_, view| *view != View::NONE);
        Some(Self { sights: Arc::new(Sights::new(views).reaching(Sight::All)), odd })
    }

    /// Whether in the namespaces of the other, who sees this much, a table derived for the many holds what would be derived for
    /// that one alone.
    pub(crate) fn holds_for(&self, other: &Sights, freshness: &Freshness) -> bool {
        let Sight::Some(reach) = &other.reach else { return false };
        let own = || reach.namespaces.iter().filter_map(|namespace| freshness.looked.get(namespace));
        let mut strays = own().flat_map(|looked| &looked.beyond);
        let strayed_in_sight = |((group, plural), namespace): &(Name, Option<Str>)| {
            let (many, one) =
                (self.sights.view(GroupResource::new(group, plural)), other.view(GroupResource::new(group, plural)));
            many == one || (*many == View::ALL && sees_all_in(one, namespace.as_deref()))
        };
        // That something is not known, or not yet, tells that a row looks at it: one of the own.
        let looked_at = |name: &Name| own().any(|looked| looked.at(name));
        // What is told of single objects is not cut: none of them may be among what the other sees.
        let out_of_sight = |place: &Option<Str>| place.as_ref().is_some_and(|place| !reach.namespaces.contains(place));
        freshness.troubled.iter().all(out_of_sight)
            && freshness.unsettled.iter().all(looked_at)
            && !freshness.reads.iter().any(|name| self.odd.contains(name))
            && strays.all(strayed_in_sight)
    }
}

/// Whether a view is of everything in a namespace, or without one of everything there is.
fn sees_all_in(view: &View, namespace: Option<&str>) -> bool {
    let all = |sight: &Sight| namespace.map_or(sight.is_all(), |namespace| sight.sees_namespace(namespace));
    all(&view.listed) && all(&view.named)
}
