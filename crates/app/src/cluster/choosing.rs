//! Which table answers a question, and what of it the one who asks may see.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pilothouse_model::{Completeness, GroupResource, Plan, Resource, Sight, Str, Workload};
use pilothouse_store::Snapshot;
use tokio::time::Instant;

use super::{Cluster, Cut, Settings};
use crate::ask::{Ask, Listing, Source, confined_to};
use crate::clock;
use crate::error::{AppError, ErrorKind};
use crate::feed::{LiveTable, Places, Scope};
use crate::person::Viewer;
use crate::rights::{Holder, Known, Remembered, Rights, Sights, Verb, View, commonly_asked};

/// How many namespaces a sentence names.
const MOST_NAMED: usize = 5;

/// A question made ready: the table that answers it, and what of it may be seen.
pub(crate) struct Chosen {
    pub(crate) table: Arc<LiveTable>,
    /// What the rows are cut to.
    pub(crate) sight: Sight,
    /// What of the source there is to see for the one who asks: a derived table is cut already.
    pub(crate) reach: Sight,
    /// What is listed, in words: `pods`, `workloads`.
    what: String,
    /// Whether the table is filled with the console's credential, for somebody else.
    foreign: bool,
    /// Whether it is still being asked what may be seen.
    pending: bool,
    /// Keeps the rights renewed for as long as the answer is held.
    pub(crate) remembered: Option<Arc<Remembered>>,
}

impl Chosen {
    fn new(source: &Source, table: Arc<LiveTable>) -> Self {
        let what = match source {
            Source::Workloads => "workloads".to_owned(),
            Source::Resource(resource) => resource.group_resource().to_string(),
        };
        Self { table, sight: Sight::All, reach: Sight::All, what, foreign: false, pending: false, remembered: None }
    }

    /// Whether it is still being asked what may be seen.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Whether both answer the same question from the same rows.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let same_table = Arc::ptr_eq(&self.table, &other.table)
            || (self.table.is_still() && other.table.is_still() && self.table.columns() == other.table.columns());
        same_table && self.pending == other.pending && self.sight == other.sight && self.reach == other.reach
    }

    /// Whether nothing that the other may see is out of sight here.
    pub(crate) fn sees_all_of(&self, other: &Self) -> bool {
        self.reach.union(&other.reach) == self.reach
    }

    /// Waits until the rights are known and the table is loaded (or cannot be), or until the deadline.
    pub(crate) async fn settled(&self, deadline: Instant) {
        if self.pending
            && let Some(remembered) = &self.remembered
        {
            let mut changes = remembered.subscribe();
            if matches!(remembered.known(), Known::Pending) {
                remembered.settled(deadline).await;
            } else if tokio::time::timeout_at(deadline, changes.changed()).await.is_err() {
                tracing::debug!("patience is over before it is known what may be seen");
            }
            return;
        }
        self.table.settled(deadline).await;
    }

    /// The question as a plan that sees what may be seen.
    pub(crate) fn plan(&self, ask: &Ask) -> Result<Plan, AppError> {
        Ok(Plan { sight: self.sight.clone(), ..ask.plan(self.table.columns())? })
    }

    pub(crate) fn answer(&self, ask: &Ask) -> Result<Listing, AppError> {
        let plan = self.plan(ask)?;
        let snapshot = self.table.snapshot();
        let answer = snapshot.run(&plan, ask.offset, ask.limit.unwrap_or(usize::MAX), clock::now());
        Ok(Listing {
            columns: Arc::clone(self.table.columns()),
            rows: answer.rows,
            total: answer.total,
            unfiltered: self.unfiltered(&snapshot),
            as_of: self.table.as_of(),
            completeness: self.completeness(&snapshot, ask),
            notes: self.notes(ask),
        })
    }

    /// How many rows there are to see.
    pub(crate) fn unfiltered(&self, snapshot: &Snapshot) -> usize {
        match &self.sight {
            Sight::All => snapshot.len(),
            Sight::None => 0,
            sight => {
                let plan = Plan { sight: sight.clone(), ..Plan::everything() };
                snapshot.run(&plan, 0, 0, Timestamp::UNIX_EPOCH).total
            }
        }
    }

    /// How much is known of what was asked about, and may be told.
    pub(crate) fn completeness(&self, snapshot: &Snapshot, ask: &Ask) -> Completeness {
        if self.pending {
            return Completeness::Loading;
        }
        let Self { reach, what, .. } = self;
        match reach {
            Sight::None => Completeness::Forbidden(format!("you may not list {what} in this cluster")),
            Sight::Some(_) => {
                let closed = |namespace: &&String| !reach.sees_namespace(namespace);
                let closed: Vec<&str> = ask.namespaces.iter().filter(closed).map(String::as_str).collect();
                if closed.is_empty() {
                    return self.told(snapshot.completeness());
                }
                Completeness::Forbidden(format!("you may not list {what} in {}", some(&closed)))
            }
            Sight::All => self.told(snapshot.completeness()),
        }
    }

    /// The state of the table, without words that are meant for whoever runs the console.
    fn told(&self, completeness: &Completeness) -> Completeness {
        match completeness {
            Completeness::Stale(why) if self.foreign => Completeness::Stale(public(why)),
            Completeness::Broken(why) if self.foreign => Completeness::Broken(public(why)),
            Completeness::Forbidden(_) if self.foreign => {
                Completeness::Forbidden(format!("the console may not list {} in this cluster", self.what))
            }
            other => other.clone(),
        }
    }

    /// What else there is to know about the rows that may be seen.
    pub(crate) fn notes(&self, ask: &Ask) -> Vec<String> {
        let freshness = self.table.freshness();
        let mut notes = freshness.notes(&self.sight);
        if let (Sight::Some(seen), true, false) = (&self.reach, ask.namespaces.is_empty(), self.pending) {
            let what = &self.what;
            let names: Vec<&str> = seen.namespaces.iter().map(|name| &**name).collect();
            notes.push(match (names.len(), seen.names.is_empty()) {
                (0, _) => format!("these are the {what} that you may list by name; of others nothing is shown"),
                (1, true) => format!("these are the {what} of the namespace {}, all that you may list", some(&names)),
                (number, true) => {
                    format!("these are the {what} of {number} namespaces, all that you may list: {}", some(&names))
                }
                (number, false) => format!(
                    "these are the {what} of {number} namespaces ({}) and some by name, all that you may list",
                    some(&names)
                ),
            });
        }
        notes
    }
}

/// `a, b and c`, or the first few and how many more.
fn some(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        names if names.len() <= MOST_NAMED => {
            let (last, others) = names.split_last().map_or(("", names), |(last, others)| (*last, others));
            format!("{} and {last}", others.join(", "))
        }
        names => format!("{} and {} more", names[..MOST_NAMED].join(", "), names.len() - MOST_NAMED),
    }
}

/// The words of a failure that say nothing of the console's own credential and surroundings.
pub(crate) fn public(why: &str) -> String {
    let open = ["cannot reach the API server", "the API server is busy", "the API server gave no sign of life"];
    if open.iter().any(|words| why.contains(words)) {
        why.to_owned()
    } else {
        "the console cannot read it at the moment; its own log says why".to_owned()
    }
}

impl Cluster {
    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Whose credential decides what is seen.
    pub(crate) fn holder(&self) -> Result<Holder, AppError> {
        match &self.viewer {
            Viewer::Console => Ok(Holder::Console),
            Viewer::Person(person) => {
                person.token(self.id()).cloned().map(Holder::Person).ok_or_else(|| self.stranger())
            }
            Viewer::Nobody => Err(self.stranger()),
        }
    }

    /// Waits until it is known what somebody may see. The console's own eyes need no leave.
    pub(crate) async fn rights_settled(&self, deadline: Instant) {
        if let Ok(holder @ Holder::Person(_)) = self.holder() {
            self.remembered(&holder).settled(deadline).await;
        }
    }

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
        let known = match source {
            Source::Workloads => remembered.known(),
            Source::Resource(resource) => remembered.about(resource.group_resource()),
        };
        let rights = match known {
            Known::Rights(rights) => rights,
            Known::Pending => return Ok(Chosen { pending: true, remembered: Some(remembered), ..whole }),
            Known::Failed(_) => return Ok(Chosen { remembered: Some(remembered), ..whole }),
        };
        let (table, reach) = match source {
            Source::Resource(resource) => {
                let sight = rights.sight(resource, Verb::List);
                // That nothing may be read is told best in the cluster's own words.
                if !matches!(sight, Sight::Some(_)) {
                    return Ok(Chosen { remembered: Some(remembered), ..whole });
                }
                (self.own_table(&holder, resource, &sight, &[]).0, sight)
            }
            Source::Workloads => {
                let Some(catalog) = self.known_catalog() else { return Ok(whole) };
                let sights = remembered.sights(&rights, &catalog);
                let reach = self.reach(&sights);
                if reach.is_none() {
                    return Ok(Chosen { remembered: Some(remembered), ..whole });
                }
                (self.derived(None, Some(Cut { sights, holder, own: true })), reach)
            }
        };
        Ok(Chosen { remembered: Some(remembered), sight: Sight::All, reach, ..Chosen::new(source, table) })
    }

    /// The shared table, cut to what the person may see; or the person's own.
    fn choose_for_person(&self, holder: Holder, source: &Source, ask: &Ask) -> Result<Chosen, AppError> {
        let remembered = self.remembered(&holder);
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
                let sight = rights.sight(resource, Verb::List);
                if sight.is_none() {
                    Chosen { sight: Sight::None, reach: Sight::None, ..self.nothing(source, Completeness::Complete) }
                } else {
                    let (table, foreign) = self.seen_table(&holder, resource, &sight, &ask.namespaces);
                    Chosen { foreign, reach: sight.clone(), sight, ..Chosen::new(source, table) }
                }
            }
            (Known::Rights(rights), Source::Workloads) => self.choose_workloads(holder, &remembered, &rights),
        };
        Ok(Chosen { remembered: Some(remembered), ..chosen })
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
        let all = |name: &(String, String)| {
            let name = GroupResource::new(&name.0, &name.1);
            !catalog.serves(name) || sights.view(name) == View::ALL
        };
        if !own && commonly_asked(&self.inner).iter().all(all) {
            let whole = self.derived(None, None);
            // What a row turned out to look at beyond that counts, too.
            if whole.freshness().reads.iter().all(all) {
                return Chosen { foreign: true, ..Chosen::new(&Source::Workloads, whole) };
            }
        }
        let reach = self.reach(&sights);
        if reach.is_none() {
            return Chosen { sight: Sight::None, reach, ..self.nothing(&Source::Workloads, Completeness::Complete) };
        }
        let holder = if own { holder } else { Holder::Console };
        let table = self.derived(None, Some(Cut { sights, holder, own }));
        Chosen { foreign: !own, reach, ..Chosen::new(&Source::Workloads, table) }
    }

    /// Where any kind of workload is seen.
    fn reach(&self, sights: &Sights) -> Sight {
        let Some(catalog) = self.known_catalog() else { return Sight::None };
        let running = catalog.listed().filter(|resource| {
            self.instrument(resource.group_resource())
                .is_some_and(|instrument| instrument.runs(resource.group_resource()))
        });
        let seen = running.map(|resource| sights.view(resource.group_resource()).listed);
        seen.fold(Sight::None, |all, one| all.union(&one))
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

    /// The live table for reading about objects in `namespace`, and what of it may be seen: of the whole cluster where that
    /// is watched anyway, else of the namespace alone, which is all that a page about one object needs.
    pub(crate) fn table_near(&self, resource: &Arc<Resource>, namespace: Option<&str>) -> Near {
        let namespace = namespace.filter(|_| resource.namespaced);
        let scope = || namespace.map(|namespace| Places::in_namespaces(vec![namespace.to_owned()]));
        let shared = |view| {
            let scope = if self.is_watched(resource) { None } else { scope() };
            Near { table: self.table_of(&Holder::Console, resource, &scope), scope, view }
        };
        let closed = |completeness| Near { table: self.unread(resource, completeness), scope: None, view: View::ALL };
        let holder = match self.holder() {
            Ok(Holder::Console) => return self.console_near(resource, shared(View::ALL)),
            Ok(holder) => holder,
            Err(error) => return closed(Completeness::Forbidden(error.message)),
        };
        let wanted: Vec<String> = namespace.map(str::to_owned).into_iter().collect();
        let rights = match self.remembered(&holder).about_in(resource.group_resource(), &wanted) {
            Known::Rights(rights) => rights,
            Known::Pending => return closed(Completeness::Loading),
            Known::Failed(error) => return closed(Completeness::Broken(error.message)),
        };
        let view = rights.view(resource);
        if view == View::default() {
            return Near { view, ..closed(Completeness::Forbidden(String::new())) };
        }
        if !self.settings().user_credentials_only {
            let near = shared(view.clone());
            if !near.table.is_forbidden() {
                return near;
            }
        }
        let (table, scope) = self.own_table(&holder, resource, &view.listed, &wanted);
        Near { table, scope, view }
    }

    /// What the console's own credential may read of a namespaced resource where it may not read the whole.
    fn console_near(&self, resource: &Arc<Resource>, near: Near) -> Near {
        if near.scope.is_some() || !resource.namespaced || !near.table.is_forbidden() {
            return near;
        }
        let Known::Rights(rights) = self.remembered(&Holder::Console).about(resource.group_resource()) else {
            return near;
        };
        let view = rights.view(resource);
        if !matches!(view.listed, Sight::Some(_)) {
            return near;
        }
        let (table, scope) = self.own_table(&Holder::Console, resource, &view.listed, &[]);
        Near { table, scope, view }
    }

    /// The namespaces that the one who asks may look into, sorted; `None` while they are unknown.
    pub fn namespaces(&self) -> Option<Vec<String>> {
        let catalog = self.catalog()?;
        let resource = catalog.served(GroupResource::new("", "namespaces"))?;
        let chosen = self.choose(&Source::Resource(Arc::clone(resource)), &Ask::default()).ok()?;
        let snapshot = chosen.table.snapshot();
        let known = !snapshot.is_empty() || *snapshot.completeness() == Completeness::Complete;
        let listed = known && !chosen.pending;
        let seen = snapshot.iter().filter(|record| listed && chosen.sight.sees(None, &record.row.name));
        let mut names: BTreeSet<Str> = seen.map(|record| record.row.name.clone()).collect();
        if chosen.reach != Sight::All || (!listed && chosen.remembered.is_some()) {
            // What may be read somewhere names the place.
            match chosen.remembered.as_ref().map(|remembered| remembered.known()) {
                Some(Known::Rights(rights)) => names.extend(rights.namespaces()),
                _ if !listed => return None,
                _ => {}
            }
        } else if !listed {
            return None;
        }
        Some(names.iter().map(ToString::to_string).collect())
    }

    /// Whether [`Cluster::namespaces`] are all that there are.
    pub fn namespaces_completeness(&self) -> Completeness {
        let Some(catalog) = self.catalog() else { return Completeness::Loading };
        let name = GroupResource::new("", "namespaces");
        let Some(resource) = catalog.served(name) else { return Completeness::Absent };
        match self.choose(&Source::Resource(Arc::clone(resource)), &Ask::default()) {
            Ok(Chosen { reach: Sight::Some(_) | Sight::None, pending: false, .. }) => {
                Completeness::Forbidden("these are the ones in which you may read something".to_owned())
            }
            Ok(chosen) => chosen.completeness(&chosen.table.snapshot(), &Ask::default()),
            Err(error) => Completeness::Broken(error.message),
        }
    }

    /// What the one who asks may see of a resource; `None` while that is not known.
    pub(crate) fn view_of(&self, resource: &Resource) -> Option<View> {
        match self.holder() {
            Ok(Holder::Console) => Some(View::ALL),
            Err(_) => Some(View::default()),
            Ok(holder) => match self.remembered(&holder).about(resource.group_resource()) {
                Known::Rights(rights) => Some(rights.view(resource)),
                Known::Pending => None,
                Known::Failed(_) => Some(View::default()),
            },
        }
    }

    /// Whether the one who asks is known to be allowed to read an object.
    pub(crate) fn may_get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> bool {
        match self.holder() {
            Ok(Holder::Console) => true,
            Err(_) => false,
            Ok(holder) => match self.remembered(&holder).about(resource.group_resource()) {
                Known::Rights(rights) => rights.sight(resource, Verb::Get).sees(namespace, name),
                Known::Pending | Known::Failed(_) => false,
            },
        }
    }

    /// Waits until it is known what the one who asks may see, or says why it cannot be known.
    pub(crate) async fn wait_rights(&self, patience: Duration) -> Result<(), AppError> {
        let Holder::Person(token) = self.holder()? else { return Ok(()) };
        match self.remembered(&Holder::Person(token)).settled(Instant::now() + patience).await {
            Known::Rights(_) => Ok(()),
            Known::Failed(error) => Err(error),
            Known::Pending => {
                let message = format!("still asking {} what you may see", self.id());
                Err(AppError::new(ErrorKind::Unavailable, message).hint("try again in a moment"))
            }
        }
    }
}

/// A table for reading about objects in a place.
pub(crate) struct Near {
    pub(crate) table: Arc<LiveTable>,
    pub(crate) scope: Scope,
    pub(crate) view: View,
}
