//! The `Objects` contract over live tables. What an instrument asks for and is not watched yet is remembered, so that it
//! can be watched and the question put again: nobody has to list in advance what an explanation will look at. What it looks
//! at is remembered too, so that the question is put again when that changes.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use pilothouse_model::event;
use pilothouse_model::{
    Completeness, Found, GroupResource, LabelSelector, Lookup, ObjectRef, Objects, Resource, Row, Sight, Str,
};
use pilothouse_store::{Record, Snapshot};

use crate::catalog::Catalog;
use crate::feed::{Scope, by_name};
use crate::looks::{Look, Looks};
use crate::rights::View;

/// Group and plural name, owned.
pub(crate) type Name = (String, String);

/// Where an answer looked, whether or not there was anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Looked {
    /// In the namespace that it is about: these resources.
    pub(crate) own: BTreeSet<Name>,
    /// Elsewhere: a resource, and a namespace, or none for all and for what is in none.
    pub(crate) beyond: BTreeSet<(Name, Option<Str>)>,
}

impl Looked {
    /// Whether it looked at a resource.
    pub(crate) fn at(&self, name: &Name) -> bool {
        self.own.contains(name) || self.beyond.iter().any(|(own, _)| own == name)
    }
}

/// One watched table at this moment.
pub(crate) struct Watched {
    pub(crate) resource: Arc<Resource>,
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where it is watched.
    pub(crate) scope: Scope,
    /// What of it may be seen: the rest is as if it were not there.
    pub(crate) view: View,
}

impl Watched {
    /// How much is known of the objects in `namespace`, or in all.
    fn completeness(&self, namespace: Option<&str>) -> Completeness {
        let name = self.resource.group_resource();
        match (&self.view.listed, namespace) {
            (Sight::All, _) => {}
            (sight, Some(namespace)) if sight.sees_namespace(namespace) => {}
            (Sight::Some(_), None) => return Completeness::Forbidden(format!("you may not list all {name}")),
            (_, Some(namespace)) => return Completeness::Forbidden(format!("you may not list {name} in {namespace}")),
            (Sight::None, None) => return Completeness::Forbidden(format!("you may not list {name}")),
        }
        match (&self.scope, namespace) {
            (None, _) => self.snapshot.completeness().clone(),
            (Some(places), Some(namespace)) if places.contain(namespace) => self.snapshot.completeness().clone(),
            (Some(places), _) => Completeness::Broken(format!("{name} are read in {} only", places.words())),
        }
    }

    /// What has this owner.
    fn dependents(&self, uid: &str) -> impl Iterator<Item = &Arc<Record>> {
        self.snapshot.dependents(uid).into_iter().filter(|record| self.lists(record))
    }

    /// Whether an object may be seen as a part of a set.
    fn lists(&self, record: &Record) -> bool {
        self.view.listed.sees(record.row.namespace.as_deref(), &record.row.name)
    }

    /// The row of one object whose name is known.
    fn named(&self, namespace: Option<&str>, name: &str) -> Option<&Arc<Record>> {
        if self.view.named.sees(namespace, name) { self.snapshot.get(namespace, name) } else { None }
    }

    /// How much is known of one object by its name.
    fn completeness_of(&self, namespace: Option<&str>, name: &str) -> Completeness {
        match self.view.named.sees(namespace, name) {
            // Whoever may read it by name need not be allowed to list it.
            true if self.scope.is_none() => self.snapshot.completeness().clone(),
            _ => self.completeness(namespace),
        }
    }
}

/// A read-only view of one cluster at one moment.
pub(crate) struct Moment<'a> {
    catalog: &'a Catalog,
    /// The namespace that the question is about, if it is about one.
    namespace: RefCell<Option<Str>>,
    tables: Vec<Watched>,
    missing: RefCell<BTreeSet<Name>>,
    looks: RefCell<Looks>,
    looked: RefCell<Looked>,
}

impl<'a> Moment<'a> {
    pub(crate) fn new(catalog: &'a Catalog, tables: Vec<Watched>) -> Self {
        Self {
            catalog,
            namespace: RefCell::default(),
            tables,
            missing: RefCell::default(),
            looks: RefCell::default(),
            looked: RefCell::default(),
        }
    }

    /// What follows is asked about something in this namespace, or in none.
    pub(crate) fn turn_to(&self, namespace: Option<Str>) {
        self.namespace.replace(namespace);
    }

    /// What was asked for and is served, but not watched.
    pub(crate) fn missing(&self) -> BTreeSet<Name> {
        self.missing.borrow().clone()
    }

    /// What was looked at since this was last asked.
    pub(crate) fn take_looks(&self) -> Looks {
        self.looks.take()
    }

    /// Where was looked since this was last asked.
    pub(crate) fn take_looked(&self) -> Looked {
        self.looked.take()
    }

    fn look_in(&self, resource: GroupResource<'_>, namespace: Option<&str>) {
        let name = (resource.group.to_owned(), resource.plural.to_owned());
        let mut looked = self.looked.borrow_mut();
        if namespace.is_some() && namespace == self.namespace.borrow().as_deref() {
            looked.own.insert(name);
        } else {
            looked.beyond.insert((name, namespace.map(Str::from)));
        }
    }

    /// Remembers that an object was looked at which did not come from here.
    pub(crate) fn look_at(&self, resource: GroupResource<'_>, namespace: Option<&str>, name: &str) {
        self.look(Look::named(resource, namespace, name));
        self.look(Look::resource(resource));
    }

    fn look(&self, look: Look) {
        self.looks.borrow_mut().add(look);
    }

    /// How much is known of every resource that is watched, by its name, and of those asked for that are not watched yet.
    pub(crate) fn known(&self) -> Vec<(GroupResource<'_>, Completeness)> {
        let watched = self.tables.iter().map(|table| (table.resource.group_resource(), self.known_of(table)));
        let missing = self.catalog.resources.iter().map(|resource| resource.group_resource());
        let missing =
            missing.filter(|name| self.missing.borrow().contains(&(name.group.to_owned(), name.plural.to_owned())));
        watched.chain(missing.map(|name| (name, Completeness::Loading))).collect()
    }

    /// How much is known of one resource where the question is about.
    fn known_of(&self, table: &Watched) -> Completeness {
        let namespace = self.namespace.borrow();
        match (namespace.as_deref().filter(|_| table.resource.namespaced), &table.view.listed) {
            (_, Sight::All) => table.snapshot.completeness().clone(),
            (namespace, _) => table.completeness(namespace),
        }
    }

    /// Everything watched that has this owner, events aside.
    pub(crate) fn owned_by(&self, uid: &str) -> Vec<&Arc<Record>> {
        self.look(Look::kin(uid));
        let tables = self.tables.iter().filter(|table| &*table.resource.plural != "events");
        tables.flat_map(|table| table.dependents(uid)).collect()
    }

    /// Asks for a table, so that it is watched.
    pub(crate) fn need(&self, resource: GroupResource<'_>) {
        drop(self.table(resource));
    }

    /// The table of a resource, or how much is known of it instead.
    fn table(&self, resource: GroupResource<'_>) -> Result<&Watched, Completeness> {
        self.look(Look::resource(resource));
        if let Some(table) = self.tables.iter().find(|table| table.resource.group_resource() == resource) {
            return Ok(table);
        }
        if !self.catalog.serves(resource) {
            let unknown = self.catalog.unknown(resource);
            return Err(unknown.map_or(Completeness::Absent, |problem| Completeness::Broken(problem.to_string())));
        }
        self.missing.borrow_mut().insert((resource.group.to_owned(), resource.plural.to_owned()));
        Err(Completeness::Loading)
    }

    /// The row of one object, when it is known.
    pub(crate) fn record(
        &self,
        resource: GroupResource<'_>,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<&Arc<Record>> {
        self.look(Look::named(resource, namespace, name));
        self.look_in(resource, namespace);
        self.table(resource).ok()?.named(namespace, name)
    }

    /// The resource and, when known, the row behind a reference.
    pub(crate) fn row(&self, reference: &ObjectRef) -> (Option<Arc<Resource>>, Option<&Row>) {
        let Some(resource) = self.catalog.by_kind(reference.group(), &reference.kind) else { return (None, None) };
        let namespace = reference.namespace.as_deref().filter(|_| resource.namespaced);
        let record = self.record(resource.group_resource(), namespace, &reference.name);
        (Some(Arc::clone(resource)), record.map(|record| &record.row))
    }
}

/// The objects behind records. A body that cannot be read is our own defect; it is told, and the object counts as unknown.
fn objects<'a>(records: impl IntoIterator<Item = &'a Arc<Record>>, mut completeness: Completeness) -> Found {
    let mut objects = Vec::new();
    for record in records {
        match record.object() {
            Ok(object) => objects.push(Arc::new(object)),
            Err(error) => completeness = Completeness::Broken(format!("{}: {error}", record.row.key())),
        }
    }
    Found { objects, completeness }
}

impl Objects for Moment<'_> {
    fn get(&self, resource: GroupResource<'_>, namespace: Option<&str>, name: &str) -> Lookup {
        self.look(Look::named(resource, namespace, name));
        self.look_in(resource, namespace);
        let table = match self.table(resource) {
            Ok(table) => table,
            Err(Completeness::Absent) => return Lookup::Missing,
            Err(completeness) => return Lookup::Unknown(completeness),
        };
        match table.named(namespace, name).map(|record| record.object()) {
            Some(Ok(object)) => Lookup::Found(Arc::new(object)),
            Some(Err(error)) => Lookup::Unknown(Completeness::Broken(error.to_string())),
            None => match table.completeness_of(namespace, name) {
                completeness if completeness.is_complete() => Lookup::Missing,
                completeness => Lookup::Unknown(completeness),
            },
        }
    }

    fn list(&self, resource: GroupResource<'_>, namespace: Option<&str>, selector: &LabelSelector) -> Found {
        self.look(Look::selected(resource, namespace, selector));
        self.look_in(resource, namespace);
        match self.table(resource) {
            Ok(table) => {
                let selected = table.snapshot.selected(namespace, selector).into_iter();
                objects(selected.filter(|record| table.lists(record)), table.completeness(namespace))
            }
            Err(completeness) => Found { objects: Vec::new(), completeness },
        }
    }

    fn dependents(&self, resource: GroupResource<'_>, uid: &str) -> Found {
        self.look(Look::owned(resource, uid));
        let namespace = self.namespace.borrow();
        self.look_in(resource, namespace.as_deref());
        // What is owned lives where its owner lives, so a table of some namespaces that knows the owner knows all of it. Who
        // writes the id of an owner elsewhere has a part in nothing.
        let lives_there = |record: &&Arc<Record>| namespace.is_none() || record.row.namespace == *namespace;
        match self.table(resource) {
            Ok(table) => objects(table.dependents(uid).filter(lives_there), self.known_of(table)),
            Err(completeness) => Found { objects: Vec::new(), completeness },
        }
    }

    fn events(&self, object: &ObjectRef) -> Found {
        let events = GroupResource::new("", "events");
        let Some(uid) = object.uid.as_deref() else {
            // Another object may have had the same name: without its id, nothing tells whose events these are.
            let why = format!("the events of {object} cannot be told without its unique id");
            return Found { objects: Vec::new(), completeness: Completeness::Broken(why) };
        };
        let mut found = self.dependents(events, uid);
        let named = self.dependents(events, &by_name(&object.kind, object.namespace.as_deref(), &object.name));
        for event in named.objects {
            if !found.objects.iter().any(|known| known.namespace() == event.namespace() && known.name() == event.name())
            {
                found.objects.push(event);
            }
        }
        found.objects.sort_by_key(|event| std::cmp::Reverse(event::last_happened(event)));
        found
    }
}
