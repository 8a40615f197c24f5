//! Who can be shown the workloads that are derived for all.

use pilothouse_model::{GroupResource, Seen, Sight, Str};

use crate::catalog::Catalog;
use crate::feed::Freshness;
use crate::moment::Name;
use crate::rights::{Sights, View};

/// Whether the workloads of all, cut to what someone may see, are what would be made for that one alone.
///
/// They are for whoever sees everything. They also are for whoever sees everything in some namespaces and nothing of other
/// workloads, as long as no row of those namespaces was made from anything elsewhere that is out of sight.
pub(crate) struct Alike<'a> {
    pub(crate) sights: &'a Sights,
    pub(crate) catalog: &'a Catalog,
}

impl Alike<'_> {
    /// The namespaces of which everything has to be seen; `None` for all of the cluster. Single objects by name make no
    /// namespace.
    fn places(&self) -> Option<&Seen> {
        match &self.sights.reach {
            Sight::Some(seen) => Some(seen),
            Sight::All | Sight::None => None,
        }
    }

    /// Whether all of a resource is seen, or as much as is seen of others.
    pub(crate) fn sees_alike(&self, name: GroupResource<'_>) -> bool {
        let Some(resource) = self.catalog.served(name) else { return true };
        let view = self.sights.view(name);
        match self.places() {
            None => view == View::ALL,
            Some(seen) if !seen.names.is_empty() => false,
            // Where rows looked at what is in no namespace is judged by itself.
            Some(_) if !resource.namespaced => true,
            Some(seen) => seen.namespaces.iter().all(|namespace| sees_all_in(&view, Some(namespace))),
        }
    }

    /// Whether nothing that may be seen in a derived table was made from anything out of sight.
    pub(crate) fn is_made_of_what_is_seen(&self, freshness: &Freshness) -> bool {
        let alike = freshness.reads.iter().all(|(group, plural)| self.sees_alike(GroupResource::new(group, plural)));
        let Some(seen) = self.places() else { return alike };
        let strays = seen.namespaces.iter().filter_map(|namespace| freshness.beyond.get(namespace)).flatten();
        let strayed_in_sight = |((group, plural), namespace): &(Name, Option<Str>)| {
            let name = GroupResource::new(group, plural);
            !self.catalog.serves(name) || sees_all_in(&self.sights.view(name), namespace.as_deref())
        };
        // Notes tell of rows by name: they are not cut.
        alike && freshness.notes.is_empty() && strays.into_iter().all(strayed_in_sight)
    }
}

/// Whether a view is of everything in a namespace, or without one of everything there is.
fn sees_all_in(view: &View, namespace: Option<&str>) -> bool {
    let all = |sight: &Sight| namespace.map_or(sight.is_all(), |namespace| sight.sees_namespace(namespace));
    all(&view.listed) && all(&view.named)
}
