//! The one writer of a watched table: takes what watches tell and makes moments of it.

use std::collections::HashSet;
use std::time::Duration;

use pilothouse_cluster::{ClusterError, ErrorKind, Items, Malformed, Signal};
use pilothouse_model::{Completeness, Object};
use pilothouse_store::{Compressor, Interner, Record, RowId, Snapshot, Table};
use tokio::time::Instant;

use super::projector::Projector;
use super::unreadable::{Unreadable, name_of};
use super::{Freshness, Place, TRUST, worst};
use crate::clock::Stamp;
use crate::discreet::public;
use crate::isolate::guarded;

const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// One of the watches that fill a table.
struct Part {
    place: Place,
    completeness: Completeness,
    /// When what is known was last known to be all there is.
    heard: Instant,
    /// When the list under way began.
    begun: Option<Stamp>,
    /// Whether a list is complete and changes are followed.
    follows: bool,
    last: Option<Stamp>,
    /// What a list has brought so far, and whether it may be shown before it is complete.
    listed: HashSet<RowId>,
    pending: Vec<Record>,
    first: bool,
    unreadable: Unreadable,
}

/// The one writer of a table.
pub(super) struct Writer {
    projector: Projector,
    table: Table,
    interner: Interner,
    compressor: Compressor,
    parts: Vec<Part>,
    /// Whether many people read its words.
    discreet: bool,
}

impl Writer {
    pub(super) fn new(projector: Projector, table: Table, places: Vec<Place>, discreet: bool) -> Self {
        let parts = places
            .into_iter()
            .map(|place| Part {
                place,
                completeness: Completeness::Loading,
                heard: Instant::now(),
                begun: None,
                follows: false,
                last: None,
                listed: HashSet::new(),
                pending: Vec::new(),
                first: true,
                unreadable: Unreadable::default(),
            })
            .collect();
        Self { projector, table, interner: Interner::new(), compressor: Compressor::new(), parts, discreet }
    }

    /// The record of an object; `None`, and a note, when an instrument cannot bear it.
    fn record(&mut self, index: usize, object: &Object) -> Option<Record> {
        let Self { projector, interner, compressor, .. } = self;
        let made = guarded(|| {
            let row = projector.row(object, interner);
            Record { body: compressor.compress(object, &row), row }
        });
        match made {
            Ok(record) => {
                self.parts[index].unreadable.clear(object);
                Some(record)
            }
            Err(defect) => {
                let why = format!("{} cannot be shown: {defect}", object.reference());
                self.malformed(index, Malformed { which: Some(name_of(object)), why });
                None
            }
        }
    }

    fn malformed(&mut self, index: usize, malformed: Malformed) {
        tracing::warn!("{}", malformed.why);
        self.parts[index].unreadable.add(malformed);
    }

    pub(super) fn take(&mut self, index: usize, signal: Signal) {
        match signal {
            Signal::Listing { first } => {
                let part = &mut self.parts[index];
                part.first = first;
                part.begun = Some(Stamp::now());
                part.follows = false;
                part.listed.clear();
                part.pending.clear();
                part.unreadable = Unreadable::default();
            }
            Signal::Page(items) => self.page(index, items),
            Signal::Listed => self.listed(index),
            Signal::Applied(object) => {
                if let Some(record) = self.record(index, &object) {
                    self.table.upsert(record);
                }
            }
            Signal::Deleted(object) => {
                self.parts[index].unreadable.clear(&object);
                self.table.remove(&self.projector.id(&object));
            }
            Signal::Malformed(malformed) => self.malformed(index, malformed),
            Signal::Fresh => self.alive(index, Stamp::now()),
            Signal::Trouble { error, retry_in: _ } => {
                self.trouble(index, &error);
                if self.parts[index].completeness == Completeness::Absent {
                    // The resource itself is gone, and its objects with it.
                    self.keep_only(index, &HashSet::new());
                }
            }
        }
    }

    fn page(&mut self, index: usize, items: Items) {
        for item in items.objects() {
            let object = match item {
                Ok(object) => object,
                Err(malformed) => {
                    self.malformed(index, malformed);
                    continue;
                }
            };
            let record = self.record(index, &object);
            // What cannot be shown in its new version stays as it was.
            let id = record.as_ref().map_or_else(|| self.projector.id(&object), |record| RowId::of(&record.row));
            let part = &mut self.parts[index];
            part.listed.insert(id);
            match record {
                // A first list shows while it loads; a later one only when it is whole.
                Some(record) if part.first => {
                    self.table.upsert(record);
                }
                Some(record) => part.pending.push(record),
                None => {}
            }
        }
    }

    /// A list is complete: exactly what it held is true.
    fn listed(&mut self, index: usize) {
        let part = &mut self.parts[index];
        let listed = std::mem::take(&mut part.listed);
        for record in std::mem::take(&mut part.pending) {
            self.table.upsert(record);
        }
        self.keep_only(index, &listed);
        drop(listed);
        // Most of what a list brings comes once.
        self.interner.sweep();
        let part = &mut self.parts[index];
        part.first = false;
        part.follows = true;
        part.completeness = Completeness::Complete;
        // What a list brings was true when it began; what has changed since is told next.
        if let Some(begun) = part.begun.take() {
            self.alive(index, begun);
        }
    }

    /// Takes out the rows of one part that are not among these.
    fn keep_only(&mut self, index: usize, listed: &HashSet<RowId>) {
        let Place { namespace, name } = self.parts[index].place.clone();
        // What was written since the last moment counts too; readers see none of it before `publish`.
        self.table.commit();
        let gone: Vec<RowId> = self
            .table
            .snapshot()
            .iter()
            .filter(|record| namespace.is_none() || record.row.namespace.as_deref() == namespace.as_deref())
            .filter(|record| name.as_deref().is_none_or(|name| *record.row.name == *name))
            .map(|record| RowId::of(&record.row))
            .filter(|id| !listed.contains(id))
            .collect();
        for id in gone {
            self.table.remove(&id);
        }
    }

    fn alive(&mut self, index: usize, stamp: Stamp) {
        let part = &mut self.parts[index];
        (part.last, part.heard) = (Some(stamp), stamp.count);
        if matches!(part.completeness, Completeness::Stale(_)) {
            part.completeness = Completeness::Complete;
        }
    }

    /// Until when signals may be waited for before something has to be said of their absence.
    pub(super) fn patience(&self) -> Instant {
        let current = self.parts.iter().filter(|part| part.completeness == Completeness::Complete);
        // With nothing to lose there is nothing to say; waiting for a day is as good as for ever.
        current.map(|part| part.heard + TRUST).min().unwrap_or_else(|| Instant::now() + A_DAY)
    }

    /// What gave no sign of life for too long is not current any more.
    pub(super) fn grow_old(&mut self, now: Instant) {
        for part in &mut self.parts {
            if part.completeness == Completeness::Complete && now >= part.heard + TRUST {
                let since = part
                    .last
                    .map_or_else(String::new, |last| format!(" since {}", last.time().strftime("%H:%M:%S UTC")));
                part.completeness = Completeness::Stale(format!("the API server gave no sign of life{since}"));
            }
        }
    }

    fn trouble(&mut self, index: usize, error: &ClusterError) {
        let part = &mut self.parts[index];
        let message = if self.discreet { public(error) } else { error.to_string() };
        let kind = error.kind();
        part.completeness = match kind {
            // What was listed, and may not be followed any more, was true once.
            ErrorKind::Forbidden if part.follows => Completeness::Stale(message),
            ErrorKind::Forbidden => Completeness::Forbidden(message),
            ErrorKind::NotFound => Completeness::Absent,
            _ if part.last.is_some() => Completeness::Stale(message),
            _ => Completeness::Broken(message),
        };
    }

    /// Everything taken in so far as a new moment.
    pub(super) fn moment(&mut self) -> (Snapshot, Freshness) {
        let completeness = worst(self.parts.iter().map(|part| &part.completeness));
        self.table.set_completeness(completeness);
        self.table.commit();
        let freshness = Freshness {
            last: self.parts.iter().map(|part| part.last).min().flatten(),
            forbidden: self.parts.iter().any(|part| matches!(part.completeness, Completeness::Forbidden(_))),
            unreadable: self.parts.iter().flat_map(|part| part.unreadable.told()).collect(),
            ..Freshness::default()
        };
        (self.table.snapshot(), freshness)
    }
}
