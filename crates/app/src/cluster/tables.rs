//! The live tables of a cluster: which there are, whose credential fills them, and how long they are kept.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use pilothouse_cluster::Connection;
use pilothouse_model::{Completeness, Resource, Sight, Str};

use super::{Cluster, LINGER};
use crate::ask::Source;
use crate::feed::{LiveTable, Places, Projector, Scope, watch_resource};
use crate::moment::Name;
use crate::rights::{Holder, Remembered, Sights, commonly_asked};
use crate::workloads;

/// How long a table whose task has died is left as it is before a new one may take its place.
const MOURNING: Duration = Duration::from_secs(10);
/// The same for a table that one person's credential fills, and that nobody else looks at.
const ALONE: Duration = Duration::from_secs(60);
/// How long someone's rights are kept, and renewed, after the last question.
const FORGET: Duration = Duration::from_secs(90);

/// Of how many people at most it is kept which namespaces they named.
const MOST_HINTS: usize = 10_000;

/// Which table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum TableKey {
    /// The objects of a resource, read with the credential of `holder`.
    Resource { group: Str, version: Str, plural: Str, scope: Scope, holder: Holder },
    /// The workloads.
    Workloads { scope: Scope, cut: Option<Cut> },
}

/// What a derived table is made from when that is not everything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Cut {
    /// What of each resource goes in. Whoever sees just this shares the table.
    pub(crate) sights: Arc<Sights>,
    /// Whose credential reads it.
    pub(crate) holder: Holder,
    /// Whether only what is seen is read at all, because nobody may read the whole.
    pub(crate) own: bool,
}

pub(super) struct Lease {
    pub(super) table: Arc<LiveTable>,
    /// The resource as it was when the table was opened; `None` for workloads.
    resource: Option<Arc<Resource>>,
    opened: Instant,
    pub(super) used: Instant,
    /// Whether the one whose credential fills it has left.
    left: bool,
}

impl TableKey {
    fn resource(resource: &Resource, scope: &Scope, holder: &Holder) -> Self {
        Self::Resource {
            group: Str::clone(&resource.group),
            version: Str::clone(&resource.version),
            plural: Str::clone(&resource.plural),
            scope: scope.clone(),
            holder: holder.clone(),
        }
    }

    /// Whether it is the table of one of these resources, read with this credential.
    fn is_among(&self, reader: &Holder, names: &[Name]) -> bool {
        let Self::Resource { group, plural, holder, .. } = self else { return false };
        holder == reader && names.iter().any(|(of, name)| **of == **group && **name == **plural)
    }

    /// Whose credential fills the table; `None` for one that is made from the tables of all.
    pub(super) fn holder(&self) -> Option<&Holder> {
        match self {
            Self::Resource { holder, .. } => Some(holder),
            Self::Workloads { cut, .. } => cut.as_ref().map(|cut| &cut.holder),
        }
    }
}

impl Lease {
    /// Whether a new table has to take its place.
    fn is_over(&self, resource: Option<&Arc<Resource>>) -> bool {
        self.resource.as_ref() != resource || (self.table.is_dead() && self.opened.elapsed() >= MOURNING)
    }
}

impl Cluster {
    /// The live table of a source in a scope, read with the console's credential; it begins to load with the first call.
    pub(crate) fn table(&self, source: &Source, scope: Scope) -> Arc<LiveTable> {
        match source {
            Source::Workloads => self.derived(scope, None),
            Source::Resource(resource) => self.table_of(&Holder::Console, resource, &scope),
        }
    }

    /// The live table of a resource in a scope, read with somebody's credential.
    pub(crate) fn table_of(&self, holder: &Holder, resource: &Arc<Resource>, scope: &Scope) -> Arc<LiveTable> {
        // A resource may have changed since it was found: its columns, for one.
        let resource = &self.present(resource);
        let key = TableKey::resource(resource, scope, holder);
        self.lease(key, Some(resource), || {
            // What went wrong with somebody's own credential is that one's to know.
            let discreet = self.settings().shared && *holder == Holder::Console;
            let told = (self.inner.changed.clone(), discreet);
            watch_resource(&self.connection_of(holder), resource, scope, self.inner.instruments, told)
        })
    }

    /// The derived table of workloads.
    pub(crate) fn derived(&self, scope: Scope, cut: Option<Cut>) -> Arc<LiveTable> {
        let key = TableKey::Workloads { scope: scope.clone(), cut: cut.clone() };
        self.lease(key, None, || workloads::derive(self, scope, cut))
    }

    /// What of a resource may be seen, read with somebody's own credential: nothing else is asked for.
    pub(crate) fn own_table(
        &self,
        holder: &Holder,
        resource: &Arc<Resource>,
        sight: &Sight,
        wanted: &[String],
    ) -> (Arc<LiveTable>, Scope) {
        match sight {
            Sight::All => (self.table_of(holder, resource, &None), None),
            Sight::None => (self.unread(resource, Completeness::Forbidden(String::new())), None),
            Sight::Some(seen) => {
                let places = Places::of(seen, wanted);
                let nowhere = places.is_empty();
                let scope = Some(places);
                if nowhere {
                    return (self.unread(resource, Completeness::Complete), scope);
                }
                (self.table_of(holder, resource, &scope), scope)
            }
        }
    }

    /// A table of which nothing is read.
    pub(crate) fn unread(&self, resource: &Arc<Resource>, completeness: Completeness) -> Arc<LiveTable> {
        let projector = Projector::new(self.present(resource), self.inner.instruments);
        Arc::new(LiveTable::still(Arc::clone(projector.columns()), completeness))
    }

    fn lease(
        &self,
        key: TableKey,
        resource: Option<&Arc<Resource>>,
        open: impl FnOnce() -> LiveTable,
    ) -> Arc<LiveTable> {
        let now = Instant::now();
        let mut tables = self.tables();
        if let Some(lease) = tables.get_mut(&key)
            && !lease.is_over(resource)
        {
            (lease.used, lease.left) = (now, false);
            return Arc::clone(&lease.table);
        }
        let table = Arc::new(open());
        let lease =
            Lease { table: Arc::clone(&table), resource: resource.cloned(), opened: now, used: now, left: false };
        let before = tables.insert(key, lease);
        drop(tables);
        drop(before);
        table
    }

    /// The same resource as the catalog describes it now.
    fn present(&self, resource: &Arc<Resource>) -> Arc<Resource> {
        let now = self.known_catalog().and_then(|catalog| catalog.now(resource).cloned());
        now.unwrap_or_else(|| Arc::clone(resource))
    }

    /// Whether the whole of a resource is watched with the console's credential, and usable.
    pub(crate) fn is_watched(&self, resource: &Arc<Resource>) -> bool {
        let key = TableKey::resource(&self.present(resource), &None, &Holder::Console);
        self.tables()
            .get(&key)
            .is_some_and(|lease| !lease.table.is_forbidden() && !lease.table.is_loading() && !lease.table.is_dead())
    }

    /// A connection with somebody's credential.
    pub(crate) fn connection_of(&self, holder: &Holder) -> Connection {
        match holder {
            Holder::Console => self.inner.connection.clone(),
            Holder::Person(token) => self.inner.connection.with_token(token),
        }
    }

    /// What somebody may read here; the first call begins to ask.
    pub(crate) fn remembered(&self, holder: &Holder) -> Arc<Remembered> {
        let mut remembered = self.inner.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(holder) {
            return Arc::clone(known);
        }
        let hinted = digest(holder).and_then(|digest| self.hints().remove(&digest)).unwrap_or_default();
        let begun = Remembered::begin(self, holder.clone(), (commonly_asked(&self.inner), hinted));
        remembered.insert(holder.clone(), Arc::clone(&begun));
        begun
    }

    pub(super) fn tables(&self) -> std::sync::MutexGuard<'_, HashMap<TableKey, Lease>> {
        self.inner.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one who asks has left, or the credential is over: what it filled is let go of as soon as no window shows it.
    pub(crate) fn leave(&self) {
        let Ok(holder @ Holder::Person(_)) = self.holder() else { return };
        for (key, lease) in self.tables().iter_mut() {
            lease.left |= key.holder() == Some(&holder);
        }
        let remembered = self.inner.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = remembered.get(&holder) {
            known.rest();
        }
    }

    /// Lets go of tables and rights that nobody holds and nobody asked for lately. Ends their watches.
    pub(crate) fn release(&self) {
        let mut free = Vec::new();
        let mut derived = Vec::new();
        let mut tables = self.tables();
        tables.retain(|key, lease| {
            let linger = if matches!(key.holder(), Some(Holder::Person(_))) { ALONE } else { LINGER };
            if Arc::strong_count(&lease.table) > 1 {
                lease.used = Instant::now();
            } else if lease.left || lease.used.elapsed() >= linger {
                if let TableKey::Workloads { cut: Some(Cut { holder: holder @ Holder::Person(_), .. }), .. } = key {
                    derived.push((holder.clone(), lease.table.freshness().reads));
                }
                free.push(Arc::clone(&lease.table));
                return false;
            }
            true
        });
        // What one person's workloads were made from has waited with them.
        for (key, lease) in tables.iter_mut() {
            lease.left |= derived.iter().any(|(holder, reads)| key.is_among(holder, reads));
        }
        drop(tables);
        // A large table takes its time; nobody waits for it here.
        drop(free);
        let mut remembered = self.inner.remembered.lock().unwrap_or_else(PoisonError::into_inner);
        let mut hints = self.hints();
        remembered.retain(|holder, known| {
            let kept = Arc::strong_count(known) > 1 || known.idle() < FORGET;
            if !kept
                && hints.len() < MOST_HINTS
                && let (Some(digest), hinted) = (digest(holder), known.hinted())
                && !hinted.is_empty()
            {
                hints.insert(digest, hinted);
            }
            kept
        });
    }

    fn hints(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], BTreeSet<Str>>> {
        self.inner.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stands for somebody's credential where that is not kept.
fn digest(holder: &Holder) -> Option<[u8; 32]> {
    let Holder::Person(token) = holder else { return None };
    ring::digest::digest(&ring::digest::SHA256, token.reveal().as_bytes()).as_ref().try_into().ok()
}
