//! One object as its page shows it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pilothouse_model::event;
use pilothouse_model::{
    Cause, Column, Completeness, GroupResource, Instrument, Object, ObjectRef, Objects, Resource, Row, Section, Status,
};
use pilothouse_store::Interner;

use crate::clock;
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};
use crate::feed::{Projector, worst};
use crate::held::Held;
use crate::isolate::{Defect, guarded};
use crate::moment::Moment;

/// How far down the tree of owned objects is followed.
const DEEPEST: usize = 6;
/// Resources whose objects are commonly owned by others; more come from the instrument's links.
const COMMONLY_OWNED: &[GroupResource<'static>] = &[
    GroupResource::new("", "pods"),
    GroupResource::new("apps", "replicasets"),
    GroupResource::new("apps", "statefulsets"),
    GroupResource::new("batch", "jobs"),
];
/// What only custom resources own beside that: their operators build on these, and what runs stands below them.
const OWNED_BY_CUSTOM: &[GroupResource<'static>] = &[
    GroupResource::new("apps", "deployments"),
    GroupResource::new("apps", "daemonsets"),
    GroupResource::new("jobset.x-k8s.io", "jobsets"),
    GroupResource::new("", "services"),
    GroupResource::new("", "persistentvolumeclaims"),
];
/// The groups whose objects own nothing of that.
const BUILT_IN: [&str; 3] = ["", "apps", "batch"];

/// Everything known of one object at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct ObjectView {
    /// Its resource.
    pub resource: Arc<Resource>,
    /// The object, without managed fields and Secret values.
    pub object: Arc<Object>,
    /// Its row, with the cells of `columns`.
    pub row: Row,
    /// The columns of its resource's list.
    pub columns: Arc<[Column]>,
    /// The objects that own it, nearest first, up to the top.
    pub owners: Vec<Relative>,
    /// The objects that it owns, with theirs below them.
    pub dependents: Vec<Dependent>,
    /// Why it is as it is, the most telling cause first.
    pub causes: Vec<Cause>,
    /// What its instrument adds to its page.
    pub sections: Vec<Section>,
    /// Its events and those of what it owns, newest first.
    pub events: Vec<Arc<Object>>,
    /// Whether `events` are all.
    pub events_completeness: Completeness,
    /// What was looked at and is not completely known: causes, sections and dependents may lack what stands there.
    pub gaps: Vec<Gap>,
    /// Whether the object itself is current.
    pub completeness: Completeness,
    /// When it was last known to be current.
    pub as_of: Option<Timestamp>,
    /// Whether it is gone: deleted while it was watched. The last version seen is shown.
    pub gone: bool,
}

impl ObjectView {
    /// Whether the two say the same, read at whatever time.
    pub fn says_the_same(&self, other: &Self) -> bool {
        Self { as_of: other.as_of, ..self.clone() } == *other
    }
}

/// A resource that a page looked at and that is not completely known.
#[derive(Clone, Debug, PartialEq)]
pub struct Gap {
    /// Which: `pods`, `jobs.batch`.
    pub resource: String,
    /// What is known of it.
    pub completeness: Completeness,
}

/// Another object that is related to one.
#[derive(Clone, Debug, PartialEq)]
pub struct Relative {
    /// Which.
    pub reference: ObjectRef,
    /// Its resource, when the cluster serves it: needed to link to it.
    pub resource: Option<Arc<Resource>>,
    /// How it stands; `None` when that is not known.
    pub status: Option<Status>,
}

/// An object that another owns.
#[derive(Clone, Debug, PartialEq)]
pub struct Dependent {
    /// Which.
    pub relative: Relative,
    /// How far below: 1 for what the object owns itself.
    pub depth: usize,
}

/// One object, read from the API server itself.
#[derive(Clone, Debug)]
pub struct Single {
    /// The object, without managed fields and Secret values.
    pub object: Object,
    /// Its row, with the cells of `columns`.
    pub row: Row,
    /// The columns of its resource's list.
    pub columns: Arc<[Column]>,
}

/// The object itself, and how current it is.
struct Current {
    object: Arc<Object>,
    completeness: Completeness,
    as_of: Option<Timestamp>,
    /// Whether a watched table will tell of its changes.
    watched: bool,
}

/// The view of one object, and whether watched tables will tell of changes to the object itself.
pub(crate) struct Viewed {
    pub(crate) view: ObjectView,
    pub(crate) watched: bool,
}

impl Cluster {
    /// Everything known of one object, waiting for what is not watched yet as long as `patience` lasts.
    pub async fn object(
        &self,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        name: &str,
        patience: Duration,
    ) -> Result<ObjectView, AppError> {
        Ok(self.view(resource, name, &mut Held::about(namespace), patience).await?.view)
    }

    /// Reads one object, once, and nothing else.
    pub async fn read(
        &self,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        name: &str,
    ) -> Result<Single, AppError> {
        let object = self.fetched(resource, namespace, name).await?;
        let (row, columns) = self.row(resource, &object)?;
        Ok(Single { object, row, columns })
    }

    async fn fetched(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Result<Object, AppError> {
        self.fetch(resource, namespace, name).await.map_err(|error| match error {
            error if error.kind == ErrorKind::NotFound => not_found(resource, namespace, name),
            error => error,
        })
    }

    /// Why an object is as it is: its row, its causes, and how complete what they were found in is.
    pub async fn explain(
        &self,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        name: &str,
        patience: Duration,
    ) -> Result<(Row, Vec<Cause>, Completeness), AppError> {
        let catalog = self.wait_catalog(patience).await?;
        self.wait_rights(patience).await?;
        let mut held = Held::about(namespace);
        let current = self.current(resource, name, &mut held).await?;
        let mut row = self.row(resource, &current.object)?.0;
        let instrument = self.instrument(resource.group_resource());
        let (explained, completeness) = self
            .settle(&catalog, &mut held, patience, |moment| {
                let explain = |instrument: &dyn Instrument| instrument.explain(&current.object, moment);
                let explained = guarded(|| {
                    let standing = standing(instrument, resource, &current.object, moment);
                    (standing, instrument.map_or_else(Vec::new, explain))
                });
                (explained, worst(gaps(moment, resource).iter().map(|gap| &gap.completeness)))
            })
            .await;
        let (standing, causes) = explained.map_err(|defect| defective(resource, name, &defect))?;
        row.status = standing.unwrap_or(row.status);
        Ok((row, causes, completeness))
    }

    /// The row of an object, with its columns.
    fn row(&self, resource: &Arc<Resource>, object: &Object) -> Result<(Row, Arc<[Column]>), AppError> {
        let projector = Projector::new(Arc::clone(resource), self.inner.instruments);
        let row = guarded(|| projector.row(object, &mut Interner::new()))
            .map_err(|defect| defective(resource, object.name(), &defect))?;
        Ok((row, Arc::clone(projector.columns())))
    }

    /// The events of an object and of what it owns, newest first.
    pub async fn events(
        &self,
        resource: &Arc<Resource>,
        namespace: Option<&str>,
        name: &str,
        patience: Duration,
    ) -> Result<(Vec<Arc<Object>>, Completeness), AppError> {
        let view = self.object(resource, namespace, name, patience).await?;
        Ok((view.events, view.events_completeness))
    }

    pub(crate) async fn view(
        &self,
        resource: &Arc<Resource>,
        name: &str,
        held: &mut Held,
        patience: Duration,
    ) -> Result<Viewed, AppError> {
        let catalog = self.wait_catalog(patience).await?;
        self.wait_rights(patience).await?;
        let current = self.current(resource, name, held).await?;
        let (mut row, columns) = self.row(resource, &current.object)?;
        let related = self
            .settle(&catalog, held, patience, |moment| guarded(|| self.related(resource, &current.object, moment)))
            .await
            .map_err(|defect| defective(resource, name, &defect))?;
        row.status = related.standing.unwrap_or(row.status);
        let view = ObjectView {
            resource: Arc::clone(resource),
            row,
            columns,
            owners: related.owners,
            dependents: related.dependents,
            causes: related.causes,
            sections: related.sections,
            events: related.events,
            events_completeness: related.events_completeness,
            gaps: related.gaps,
            object: current.object,
            completeness: current.completeness,
            as_of: current.as_of,
            gone: false,
        };
        Ok(Viewed { view, watched: current.watched })
    }

    /// The object from its watched table when that knows it, else from the API server: a page about one object does not
    /// wait until all its siblings are listed.
    async fn current(&self, resource: &Arc<Resource>, name: &str, held: &mut Held) -> Result<Current, AppError> {
        let table = held.table(self, resource);
        let namespace = held.namespace();
        let snapshot = table.snapshot();
        // To list an object is not to read it: whether it may be read by its name, the cluster says itself where it is not
        // known to say yes.
        let readable = self.may_get(resource, namespace, name);
        if let Some(record) = snapshot.get(namespace, name).filter(|_| readable) {
            let object = record
                .object()
                .map_err(|error| AppError::new(ErrorKind::Malformed, format!("{}/{name}: {error}", resource.kind)))?;
            return Ok(Current {
                object: Arc::new(object),
                completeness: snapshot.completeness().clone(),
                as_of: table.as_of(),
                watched: true,
            });
        }
        // It may be one of those that are there and cannot be read; then the server says more.
        let nothing_hidden = table.freshness().unreadable.is_empty();
        // Only what the table would show if it were there is not there.
        let shown = readable && held.lists(resource, name);
        if nothing_hidden && *snapshot.completeness() == Completeness::Complete && shown {
            return Err(not_found(resource, namespace, name));
        }
        let object = self.fetched(resource, namespace, name).await?;
        Ok(Current {
            object: Arc::new(object),
            completeness: Completeness::Complete,
            as_of: Some(clock::now()),
            watched: false,
        })
    }

    fn related(&self, resource: &Resource, object: &Object, moment: &Moment<'_>) -> Related {
        let instrument = self.instrument(resource.group_resource());
        // The object itself is a part of its page, wherever it was read.
        moment.look_at(resource.group_resource(), object.namespace(), object.name());
        let custom = !BUILT_IN.contains(&&*resource.group);
        let common = COMMONLY_OWNED.iter().chain(OWNED_BY_CUSTOM.iter().filter(|_| custom)).copied();
        let dependents = dependents(instrument, object, moment, common);
        let mut events = moment.events(&object.reference());
        for dependent in &dependents {
            events.objects.extend(moment.events(&dependent.relative.reference).objects);
        }
        events.objects.sort_by_key(|event| std::cmp::Reverse(event::last_happened(event)));
        Related {
            standing: standing(instrument, resource, object, moment),
            owners: owners(object, moment),
            causes: instrument.map_or_else(Vec::new, |instrument| instrument.explain(object, moment)),
            sections: instrument.map_or_else(Vec::new, |instrument| instrument.sections(object, moment)),
            dependents,
            events: events.objects,
            events_completeness: events.completeness,
            gaps: gaps(moment, resource),
        }
    }
}

/// What is not completely known of all that a page looked at. Of an object's own resource nothing but the object is needed.
fn gaps(moment: &Moment<'_>, own: &Resource) -> Vec<Gap> {
    let known = moment.known().into_iter().filter(|(name, _)| *name != own.group_resource());
    let mut gaps: Vec<_> = known
        .filter(|(_, completeness)| !completeness.is_complete())
        .map(|(name, completeness)| Gap { resource: name.to_string(), completeness })
        .collect();
    gaps.sort_by(|a, b| a.resource.cmp(&b.resource));
    gaps
}

/// How a workload stands, told by all that belongs to it; `None` for what is no workload, whose row tells.
fn standing(
    instrument: Option<&dyn Instrument>,
    resource: &Resource,
    object: &Object,
    moment: &Moment<'_>,
) -> Option<Status> {
    let instrument = instrument.filter(|instrument| instrument.runs(resource.group_resource()))?;
    instrument.workload(object, moment).map(|workload| workload.status())
}

/// What the object owns, depth first, each below its owner.
fn dependents(
    instrument: Option<&dyn Instrument>,
    object: &Object,
    moment: &Moment<'_>,
    common: impl Iterator<Item = GroupResource<'static>>,
) -> Vec<Dependent> {
    let linked = instrument.map_or_else(Vec::new, |instrument| instrument.links(object));
    for name in linked.iter().map(|link| link.target.resource()).chain(common) {
        // Asking is what makes a table watched; the answer comes from the loop below.
        moment.need(name);
    }
    tree(object.uid(), |uid| {
        moment
            .owned_by(uid)
            .into_iter()
            .map(|record| Relative {
                reference: record.row.reference(),
                resource: Some(Arc::clone(&record.row.resource)),
                status: Some(record.row.status.clone()),
            })
            .collect()
    })
}

/// Everything below `root`, each after its owner. What owns itself in a circle, or has several owners, stands where it is
/// met first.
fn tree(root: &str, owned_by: impl Fn(&str) -> Vec<Relative>) -> Vec<Dependent> {
    let mut seen = HashSet::from([root.to_owned()]);
    let mut below = |uid: &str, depth: usize| {
        let mut children = if uid.is_empty() || depth > DEEPEST { Vec::new() } else { owned_by(uid) };
        // Without an identity an object cannot be met twice, as far as anyone can tell.
        children.retain(|child| child.reference.uid.as_ref().is_none_or(|uid| seen.insert(uid.clone())));
        children.sort_by(|a, b| (&b.reference.kind, &b.reference.name).cmp(&(&a.reference.kind, &a.reference.name)));
        children.into_iter().map(move |relative| Dependent { relative, depth })
    };
    let mut stack: Vec<Dependent> = below(root, 1).collect();
    let mut ordered = Vec::new();
    while let Some(dependent) = stack.pop() {
        let uid = dependent.relative.reference.uid.clone().unwrap_or_default();
        stack.extend(below(&uid, dependent.depth + 1));
        ordered.push(dependent);
    }
    ordered
}

struct Related {
    standing: Option<Status>,
    owners: Vec<Relative>,
    dependents: Vec<Dependent>,
    causes: Vec<Cause>,
    sections: Vec<Section>,
    events: Vec<Arc<Object>>,
    events_completeness: Completeness,
    gaps: Vec<Gap>,
}

/// The owners of an object, nearest first, up to the top.
fn owners(object: &Object, moment: &Moment<'_>) -> Vec<Relative> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    let mut above: Vec<(ObjectRef, bool)> = references(object);
    while let Some((reference, controller)) = above.pop() {
        if !seen.insert(reference.uid.clone()) || found.len() >= DEEPEST {
            continue;
        }
        let (resource, row) = moment.row(&reference);
        if let (Some(resource), true) = (&resource, controller) {
            let namespace = reference.namespace.as_deref().filter(|_| resource.namespaced);
            if let Some(owner) = moment.get(resource.group_resource(), namespace, &reference.name).found() {
                above.extend(references(&owner));
            }
        }
        found.push(Relative { reference, resource, status: row.map(|row| row.status.clone()) });
    }
    found
}

/// The objects that own this one, and whether each is its controller.
fn references(object: &Object) -> Vec<(ObjectRef, bool)> {
    let reference = |owner: pilothouse_model::OwnerReference<'_>| ObjectRef {
        api_version: owner.api_version.to_owned(),
        kind: owner.kind.to_owned(),
        namespace: object.namespace().map(str::to_owned),
        name: owner.name.to_owned(),
        uid: Some(owner.uid.to_owned()),
    };
    object.owners().map(|owner| (reference(owner), owner.controller)).collect()
}

/// An instrument panicked over an object.
fn defective(resource: &Resource, name: &str, defect: &Defect) -> AppError {
    AppError::new(ErrorKind::Malformed, format!("{} \"{name}\" cannot be shown: {defect}", resource.group_resource()))
}

fn not_found(resource: &Resource, namespace: Option<&str>, name: &str) -> AppError {
    let message = match namespace {
        Some(namespace) => {
            format!("{} \"{name}\" not found in namespace {namespace}", resource.group_resource())
        }
        None => format!("{} \"{name}\" not found", resource.group_resource()),
    };
    AppError::new(ErrorKind::NotFound, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn relative(name: &str) -> Relative {
        let reference = ObjectRef {
            api_version: "v1".into(),
            kind: "Pod".into(),
            namespace: Some("a".into()),
            name: name.into(),
            uid: Some(name.into()),
        };
        Relative { reference, resource: None, status: None }
    }

    fn shown(owned: &[(&str, &[&str])]) -> Vec<(String, usize)> {
        let below = |uid: &str| {
            let children = owned.iter().find(|(owner, _)| *owner == uid).map_or(&[][..], |(_, children)| children);
            children.iter().map(|name| relative(name)).collect()
        };
        tree("root", below).into_iter().map(|one| (one.relative.reference.name, one.depth)).collect()
    }

    fn lines(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
        expected.iter().map(|(name, depth)| ((*name).to_owned(), *depth)).collect()
    }

    #[test]
    fn each_dependent_stands_after_its_owner() {
        let found = shown(&[("root", &["b", "a"]), ("a", &["d", "c"]), ("b", &["e"])]);
        assert_eq!(found, lines(&[("a", 1), ("c", 2), ("d", 2), ("b", 1), ("e", 2)]));
    }

    #[test]
    fn dependents_that_own_each_other_are_all_there_once() {
        let found = shown(&[("root", &["x"]), ("x", &["a"]), ("a", &["b", "root"]), ("b", &["a", "c"])]);
        assert_eq!(found, lines(&[("x", 1), ("a", 2), ("b", 3), ("c", 4)]));
    }

    #[test]
    fn a_tree_ends_somewhere() {
        let owned: Vec<(String, String)> = (0..9).map(|depth| (depth.to_string(), (depth + 1).to_string())).collect();
        let found =
            tree("0", |uid| owned.iter().filter(|(owner, _)| owner == uid).map(|(_, child)| relative(child)).collect());
        assert_eq!(found.len(), DEEPEST);
    }
}
