//! A question made ready: which table answers it, and what of it the one who asks may see.

use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_model::{Completeness, Plan, Sight};
use pilothouse_store::{Selection, Snapshot};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::ask::{Ask, Listing, Source};
use crate::clock;
use crate::error::AppError;
use crate::feed::{Freshness, LiveTable, Reading};
use crate::paging;
use crate::rights::{Changes, Known, Remembered};
use crate::words::some;

/// What rows are called that are put together from several kinds.
const WORKLOADS: &str = "workloads";

/// A question made ready: the table that answers it, and what of it may be seen.
pub(crate) struct Chosen {
    pub(crate) table: Arc<LiveTable>,
    /// What the rows are cut to.
    pub(crate) sight: Sight,
    /// What of the source there is to see for the one who asks: a derived table is cut already.
    pub(crate) reach: Sight,
    /// What is listed, in words: `pods`, `workloads`.
    pub(super) what: String,
    /// Whether the table is filled with the console's credential, for somebody else.
    pub(super) foreign: bool,
    /// Whether it is still being asked what may be seen.
    pub(super) pending: bool,
    /// Keeps the rights renewed for as long as the answer is held.
    pub(crate) remembered: Option<Arc<Remembered>>,
    /// Tells when they are others than those that it was chosen by.
    pub(crate) changes: Option<Changes>,
    /// The one moment of the table that may be read, where what is in sight depends on what it holds.
    pub(crate) only: Option<Arc<Reading>>,
}

impl Chosen {
    pub(super) fn new(source: &Source, table: Arc<LiveTable>) -> Self {
        let what = match source {
            Source::Workloads => WORKLOADS.to_owned(),
            Source::Resource(resource) => resource.group_resource().to_string(),
        };
        Self {
            table,
            sight: Sight::All,
            reach: Sight::All,
            what,
            foreign: false,
            pending: false,
            remembered: None,
            changes: None,
            only: None,
        }
    }

    /// The same, to be read at this moment of its table and no other.
    pub(crate) fn at(self, moment: Arc<Reading>) -> Self {
        Self { only: Some(moment), ..self }
    }

    /// What the table holds, now or at the one moment that may be read.
    pub(crate) fn moment(&self) -> Arc<Reading> {
        self.only.clone().unwrap_or_else(|| self.table.moment())
    }

    /// Wakes with every moment of its table that is later than the one to read.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        let mut news = self.table.subscribe();
        if !Arc::ptr_eq(&self.moment(), &self.table.moment()) {
            news.mark_changed();
        }
        news
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
            && let (Some(remembered), Some(mut changes)) = (&self.remembered, self.changes.clone())
        {
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
        let moment = self.moment();
        self.listing(ask, (&plan, &moment.0.select(&plan, clock::now())), &moment)
    }

    /// The page of a selection made of a moment.
    pub(crate) fn listing(
        &self,
        ask: &Ask,
        (plan, selection): (&Plan, &Selection<'_>),
        (snapshot, freshness): &Reading,
    ) -> Result<Listing, AppError> {
        let answer = paging::page(selection, plan, (&self.what, ask))?;
        Ok(Listing {
            columns: Arc::clone(self.table.columns()),
            rows: answer.rows,
            total: answer.total,
            next: answer.next,
            unfiltered: self.unfiltered(snapshot),
            as_of: freshness.as_of(),
            completeness: self.completeness(snapshot, ask),
            notes: self.notes(freshness, ask),
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
                let closed = |namespace: &&String| !reach.sees_namespace(namespace) && !reach.sees_some_of(namespace);
                let closed: Vec<&str> = ask.namespaces.iter().filter(closed).map(String::as_str).collect();
                if closed.is_empty() {
                    return self.told(snapshot.completeness());
                }
                Completeness::Forbidden(format!("you may not list {what} in {}", some(&closed)))
            }
            Sight::All => self.told(snapshot.completeness()),
        }
    }

    /// The state of the table. Its words are for people to read, where it is filled for people: whom the cluster refuses is not.
    fn told(&self, completeness: &Completeness) -> Completeness {
        match completeness {
            Completeness::Forbidden(_) if self.foreign => {
                let what = if self.what == WORKLOADS { "all that workloads are made of" } else { &self.what };
                Completeness::Forbidden(format!("the console may not list {what} in this cluster"))
            }
            other => other.clone(),
        }
    }

    /// What else there is to know about the rows that may be seen.
    pub(crate) fn notes(&self, freshness: &Freshness, ask: &Ask) -> Vec<String> {
        let mut notes = freshness.notes(&self.sight);
        let named = |namespace: &&String| !self.reach.sees_namespace(namespace) && self.reach.sees_some_of(namespace);
        let named: Vec<&str> = ask.namespaces.iter().filter(named).map(String::as_str).collect();
        if !named.is_empty() && !self.pending {
            let (what, places) = (&self.what, some(&named));
            notes.push(format!(
                "these are the {what} in {places} that you may list by name; of others nothing is shown"
            ));
        }
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

#[cfg(test)]
mod tests {
    use pilothouse_model::{Seen, Workload};
    use pilothouse_store::Table;

    use super::*;
    use crate::feed::Shared;

    #[tokio::test]
    async fn what_may_be_listed_by_name_is_not_called_refused() {
        let table = LiveTable::still(Workload::columns().into(), Completeness::Complete);
        let mut seen = Seen { namespaces: ["all".into()].into(), ..Seen::default() };
        seen.names.insert((Some("some".into()), "web".into()));
        let reach = Sight::of(seen);
        let chosen = Chosen { sight: reach.clone(), reach, ..Chosen::new(&Source::Workloads, Arc::new(table)) };
        let told = |names: &[&str]| {
            let namespaces = names.iter().map(|name| (*name).to_owned()).collect();
            let listing = chosen.answer(&Ask { namespaces, ..Ask::default() }).unwrap();
            (listing.completeness, listing.notes)
        };
        let note = "these are the workloads in some that you may list by name; of others nothing is shown".to_owned();
        assert_eq!(told(&["all"]), (Completeness::Complete, Vec::new()));
        assert_eq!(told(&["some", "all"]), (Completeness::Complete, vec![note.clone()]));
        let refused = || Completeness::Forbidden("you may not list workloads in none".to_owned());
        assert_eq!(told(&["none"]), (refused(), Vec::new()));
        assert_eq!(told(&["some", "none"]), (refused(), vec![note]));
        assert!(told(&[]).1[0].contains("and some by name"));
    }

    #[tokio::test]
    async fn where_a_moment_had_to_be_judged_no_later_one_is_read() {
        let columns = Workload::columns();
        let mut table = Table::new(columns.clone().into());
        let shared = Shared::new(columns.into(), table.snapshot(), None, false);
        let live = Arc::new(LiveTable::new(Arc::clone(&shared), std::future::pending()));
        let open = Chosen::new(&Source::Workloads, Arc::clone(&live));
        let judged = Chosen::new(&Source::Workloads, Arc::clone(&live)).at(live.moment());
        table.set_completeness(Completeness::Complete);
        table.commit();
        shared.publish(table.snapshot(), Freshness::default());
        assert!(judged.subscribe().has_changed().unwrap() && !open.subscribe().has_changed().unwrap());
        let read = |chosen: &Chosen| chosen.answer(&Ask::default()).unwrap().completeness;
        assert_eq!((read(&open), read(&judged)), (Completeness::Complete, Completeness::Loading));
    }
}
