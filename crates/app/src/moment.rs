//! The `Objects` contract over live tables. What an instrument asks for and is not watched yet is remembered, so that it
//! can be watched and the question put again: nobody has to list in advance what an explanation will look at.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use pilothouse_model::{
    Completeness, Found, GroupResource, LabelSelector, Lookup, Object, ObjectRef, Objects, Resource, Row,
};
use pilothouse_store::{Record, Snapshot};

use crate::catalog::Catalog;

/// Group and plural name, owned.
pub(crate) type Name = (String, String);

/// A read-only view of one cluster at one moment.
pub(crate) struct Moment<'a> {
    catalog: &'a Catalog,
    tables: BTreeMap<Name, Arc<Snapshot>>,
    missing: RefCell<BTreeSet<Name>>,
}

impl<'a> Moment<'a> {
    pub(crate) fn new(catalog: &'a Catalog, tables: BTreeMap<Name, Arc<Snapshot>>) -> Self {
        Self { catalog, tables, missing: RefCell::default() }
    }

    /// What was asked for and is served, but not watched.
    pub(crate) fn missing(&self) -> BTreeSet<Name> {
        self.missing.borrow().clone()
    }

    /// Every table that is watched.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&Name, &Arc<Snapshot>)> {
        self.tables.iter()
    }

    /// The table of a resource, or how much is known of it instead.
    pub(crate) fn table(&self, resource: GroupResource<'_>) -> Result<&Arc<Snapshot>, Completeness> {
        if !self.catalog.serves(resource) {
            return Err(Completeness::Absent);
        }
        let name = (resource.group.to_owned(), resource.plural.to_owned());
        match self.tables.get(&name) {
            Some(snapshot) => Ok(snapshot),
            None => {
                self.missing.borrow_mut().insert(name);
                Err(Completeness::Loading)
            }
        }
    }

    /// The resource and, when known, the row behind a reference.
    pub(crate) fn row(&self, reference: &ObjectRef) -> (Option<Arc<Resource>>, Option<Row>) {
        let Some(resource) = self.catalog.by_kind(reference.group(), &reference.kind) else { return (None, None) };
        let namespace = reference.namespace.as_deref().filter(|_| resource.namespaced);
        let row = self
            .table(resource.group_resource())
            .ok()
            .and_then(|table| table.get(namespace, &reference.name).map(|record| record.row.clone()));
        (Some(Arc::clone(resource)), row)
    }
}

/// The objects behind records. A body that cannot be read is our own defect; it is told, and the object counts as unknown.
fn objects<'a>(records: impl IntoIterator<Item = &'a Arc<Record>>, completeness: &Completeness) -> Found {
    let mut completeness = completeness.clone();
    let mut objects = Vec::new();
    for record in records {
        match record.body.object() {
            Ok(object) => objects.push(Arc::new(object)),
            Err(error) => completeness = Completeness::Broken(format!("{}: {error}", record.row.key())),
        }
    }
    Found { objects, completeness }
}

impl Objects for Moment<'_> {
    fn get(&self, resource: GroupResource<'_>, namespace: Option<&str>, name: &str) -> Lookup {
        let table = match self.table(resource) {
            Ok(table) => table,
            Err(Completeness::Absent) => return Lookup::Missing,
            Err(completeness) => return Lookup::Unknown(completeness),
        };
        match table.get(namespace, name).map(|record| record.body.object()) {
            Some(Ok(object)) => Lookup::Found(Arc::new(object)),
            Some(Err(error)) => Lookup::Unknown(Completeness::Broken(error.to_string())),
            None if table.completeness().is_complete() => Lookup::Missing,
            None => Lookup::Unknown(table.completeness().clone()),
        }
    }

    fn list(&self, resource: GroupResource<'_>, namespace: Option<&str>, selector: &LabelSelector) -> Found {
        let table = match self.table(resource) {
            Ok(table) => table,
            Err(completeness) => return Found { objects: Vec::new(), completeness },
        };
        objects(table.selected(namespace, selector), table.completeness())
    }

    fn dependents(&self, resource: GroupResource<'_>, uid: &str) -> Found {
        match self.table(resource) {
            Ok(table) => objects(table.dependents(uid), table.completeness()),
            Err(completeness) => Found { objects: Vec::new(), completeness },
        }
    }

    fn events(&self, object: &ObjectRef) -> Found {
        let Some(uid) = object.uid.as_deref() else {
            return Found { objects: Vec::new(), completeness: Completeness::Complete };
        };
        let mut found = self.dependents(GroupResource::new("", "events"), uid);
        found.objects.sort_by_key(|event| std::cmp::Reverse(event_time(event)));
        found
    }
}

/// When an event last happened: the newest of the times that the two generations of events carry.
pub(crate) fn event_time(event: &Object) -> Option<jiff::Timestamp> {
    use pilothouse_model::Read;
    ["/series/lastObservedTime", "/lastTimestamp", "/deprecatedLastTimestamp", "/eventTime"]
        .iter()
        .filter_map(|pointer| event.time(pointer))
        .max()
        .or_else(|| event.created())
}
