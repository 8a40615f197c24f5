//! Which table answers a question of the one who asks.

use std::sync::Arc;

use pilothouse_model::{Completeness, GroupResource, Resource, Sight, Workload};

use super::chosen::Chosen;
use super::{Cluster, Cut};
use crate::ask::{Ask, Source, confined_to};
use crate::error::AppError;
use crate::feed::{LiveTable, Places};
use crate::rights::{Holder, Known, Remembered, Rights, View};

impl Cluster {
    /// The table that answers a question, and what of it may be seen.
    pub(crate) fn choose(&self, source: &Source, ask: &Ask) -> Result<Chosen, AppError> {
        match self.holder()? {
            Holder::Console => self.choose_for_console(source, ask),
            holder => self.choose_for_person(holder, source, ask),
        }
    }

    /// The table of the whole cluster, or of some namespaces when only those may be read.
    fn choose_for_console(&self, source: &Source, ask: &Ask) -> Result<Chosen, AppError> {
        let namespaced = match source {
            Source::Workloads => true,
            Source::Resource(resource) => resource.namespaced,
        };
        let within = |namespaces: Vec<String>| Some(Places::in_namespaces(namespaces));
        if ask.confined && namespaced && !ask.namespaces.is_empty() {
            return Ok(Chosen::new(source, self.table(source, within(ask.namespaces.clone()))));
        }
        let whole = Chosen::new(source, self.table(source, None));
        if !whole.table.is_forbidden() {
            return Ok(whole);
        }
        let mut namespaces = ask.namespaces.clone();
        if namespaces.is_empty() && namespaced {
            namespaces = confined_to(&ask.plan(whole.table.columns())?.filter).unwrap_or_default();
        }
        if !namespaces.is_empty() && namespaced {
            return Ok(Chosen::new(source, self.table(source, within(namespaces))));
        }
        self.choose_narrower(source, whole)
    }

    /// What the console's own credential may read where it may not read the whole.
    fn choose_narrower(&self, source: &Source, whole: Chosen) -> Result<Chosen, AppError> {
        let holder = Holder::Console;
        let remembered = self.remembered(&holder);
        let changes = Some(remembered.subscribe());
        let known = match source {
            Source::Workloads => remembered.known(),
            Source::Resource(resource) => remembered.about(resource.group_resource()),
        };
        let rights = match known {
            Known::Rights(rights) => rights,
            Known::Pending => return Ok(Chosen { pending: true, remembered: Some(remembered), changes, ..whole }),
            Known::Failed(_) => return Ok(Chosen { remembered: Some(remembered), changes, ..whole }),
        };
        let (table, reach) = match source {
            Source::Resource(resource) => {
                let sight = rights.view(resource).listed;
                // That nothing may be read is told best in the cluster's own words.
                if !matches!(sight, Sight::Some(_)) {
                    return Ok(Chosen { remembered: Some(remembered), changes, ..whole });
                }
                (self.own_table(&holder, resource, &sight, &[]).0, sight)
            }
            Source::Workloads => {
                let Some(catalog) = self.known_catalog() else { return Ok(whole) };
                let sights = remembered.sights(&rights, &catalog);
                let reach = sights.reach.clone();
                if reach.is_none() {
                    return Ok(Chosen { remembered: Some(remembered), changes, ..whole });
                }
                (self.derived(None, Some(Cut { sights, holder, own: true })), reach)
            }
        };
        Ok(Chosen { remembered: Some(remembered), changes, sight: Sight::All, reach, ..Chosen::new(source, table) })
    }

    /// The shared table, cut to what the person may see; or the person's own.
    fn choose_for_person(&self, holder: Holder, source: &Source, ask: &Ask) -> Result<Chosen, AppError> {
        let remembered = self.remembered(&holder);
        let changes = Some(remembered.subscribe());
        let known = match source {
            Source::Workloads => remembered.about_in(GroupResource::new("", "pods"), &ask.namespaces),
            Source::Resource(resource) => remembered.about_in(resource.group_resource(), &ask.namespaces),
        };
        let chosen = match (known, source) {
            (Known::Failed(error), _) => return Err(error),
            (Known::Pending, source) => {
                let loading = self.nothing(source, Completeness::Loading);
                Chosen { pending: true, sight: Sight::None, ..loading }
            }
            (Known::Rights(rights), Source::Resource(resource)) => {
                let sight = rights.view(resource).listed;
                if sight.is_none() {
                    Chosen { sight: Sight::None, reach: Sight::None, ..self.nothing(source, Completeness::Complete) }
                } else {
                    let (table, foreign) = self.seen_table(&holder, resource, &sight, &ask.namespaces);
                    Chosen { foreign, reach: sight.clone(), sight, ..Chosen::new(source, table) }
                }
            }
            (Known::Rights(rights), Source::Workloads) => self.choose_workloads(holder, &remembered, &rights),
        };
        Ok(Chosen { remembered: Some(remembered), changes, ..chosen })
    }

    /// The table of a resource of which a person sees something: the one that all share where the console may read it.
    fn seen_table(
        &self,
        holder: &Holder,
        resource: &Arc<Resource>,
        sight: &Sight,
        wanted: &[String],
    ) -> (Arc<LiveTable>, bool) {
        if !self.settings().user_credentials_only {
            let whole = self.table_of(&Holder::Console, resource, &None);
            if !whole.is_forbidden() {
                return (whole, true);
            }
        }
        (self.own_table(holder, resource, sight, wanted).0, false)
    }

    fn choose_workloads(&self, holder: Holder, remembered: &Remembered, rights: &Arc<Rights>) -> Chosen {
        let Some(catalog) = self.known_catalog() else {
            return Chosen { pending: true, ..self.nothing(&Source::Workloads, Completeness::Loading) };
        };
        let own = self.settings().user_credentials_only;
        let sights = remembered.sights(rights, &catalog);
        let reach = sights.reach.clone();
        if reach.is_none() {
            return Chosen { sight: Sight::None, reach, ..self.nothing(&Source::Workloads, Completeness::Complete) };
        }
        // What is judged is what is read, whatever happens in between.
        let all = |name: GroupResource<'_>| !catalog.serves(name) || *sights.view(name) == View::ALL;
        if !own && sights.sees_all_that_run {
            let whole = self.derived(None, None);
            let moment = whole.moment();
            // What a row turned out to look at beyond its kind counts, too.
            if moment.1.reads.iter().all(|(group, plural)| all(GroupResource::new(group, plural))) {
                return Chosen { foreign: true, ..Chosen::new(&Source::Workloads, whole) }.at(moment);
            }
        }
        if let (Some(alike), false) = (&sights.alike, own) {
            let cut = Cut { sights: Arc::clone(&alike.sights), holder: Holder::Console, own };
            let common = self.derived(None, Some(cut));
            let moment = common.moment();
            if alike.holds_for(&sights, &moment.1) {
                let sight = reach.clone();
                return Chosen { foreign: true, sight, reach, ..Chosen::new(&Source::Workloads, common) }.at(moment);
            }
        }
        let holder = if own { holder } else { Holder::Console };
        let table = self.derived(None, Some(Cut { sights, holder, own }));
        Chosen { foreign: !own, reach, ..Chosen::new(&Source::Workloads, table) }
    }

    /// A table of which nothing is read.
    fn nothing(&self, source: &Source, completeness: Completeness) -> Chosen {
        Chosen::new(
            source,
            match source {
                Source::Resource(resource) => self.unread(resource, completeness),
                Source::Workloads => Arc::new(LiveTable::still(Workload::columns().into(), completeness)),
            },
        )
    }
}
