//! A folder of YAML as [`Objects`], for tests: what is written there is all that the cluster has.

use std::sync::Arc;

use pilothouse_model::{Completeness, Found, GroupResource, LabelSelector, Lookup, Object, ObjectRef, Objects, Read};

/// Objects in memory, each with the resource it belongs to.
pub(crate) struct Folder {
    objects: Vec<Arc<Object>>,
    unknown: Vec<(GroupResource<'static>, Completeness)>,
}

impl Folder {
    /// Reads a YAML text of several documents.
    pub(crate) fn new(yaml: &str) -> Self {
        let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(yaml).unwrap();
        Self::of(documents)
    }

    /// Takes objects as JSON.
    pub(crate) fn of(values: impl IntoIterator<Item = serde_json::Value>) -> Self {
        let objects = values.into_iter().map(|value| Arc::new(Object::new(value).unwrap())).collect();
        Self { objects, unknown: Vec::new() }
    }

    /// Makes a resource (partly) unknown.
    pub(crate) fn without(mut self, resource: GroupResource<'static>, completeness: Completeness) -> Self {
        self.unknown.push((resource, completeness));
        self
    }

    /// The one object of this kind and name.
    pub(crate) fn object(&self, kind: &str, name: &str) -> Arc<Object> {
        let found = self.objects.iter().find(|object| object.kind() == kind && object.name() == name);
        Arc::clone(found.unwrap_or_else(|| panic!("no {kind}/{name} in the folder")))
    }

    fn found(&self, resource: GroupResource<'_>, keep: impl Fn(&Object) -> bool) -> Found {
        let completeness = self.completeness(resource);
        let known = matches!(completeness, Completeness::Complete | Completeness::Loading | Completeness::Stale(_));
        let of = |object: &&Arc<Object>| known && is_of(object, resource) && keep(object);
        let mut objects: Vec<_> = self.objects.iter().filter(of).cloned().collect();
        objects.sort_by(|left, right| (left.namespace(), left.name()).cmp(&(right.namespace(), right.name())));
        Found { objects, completeness }
    }

    fn completeness(&self, resource: GroupResource<'_>) -> Completeness {
        let unknown = self.unknown.iter().find(|(unknown, _)| *unknown == resource);
        unknown.map_or(Completeness::Complete, |(_, completeness)| completeness.clone())
    }
}

impl Objects for Folder {
    fn get(&self, resource: GroupResource<'_>, namespace: Option<&str>, name: &str) -> Lookup {
        let found = self.found(resource, |object| object.namespace() == namespace && object.name() == name);
        match found.objects.into_iter().next() {
            Some(object) => Lookup::Found(object),
            None if found.completeness.is_complete() => Lookup::Missing,
            None => Lookup::Unknown(found.completeness),
        }
    }

    fn list(&self, resource: GroupResource<'_>, namespace: Option<&str>, selector: &LabelSelector) -> Found {
        self.found(resource, |object| {
            namespace.is_none_or(|namespace| object.namespace() == Some(namespace))
                && selector.matches(|key| object.label(key))
        })
    }

    fn dependents(&self, resource: GroupResource<'_>, uid: &str) -> Found {
        self.found(resource, |object| object.owners().any(|owner| owner.uid == uid))
    }

    fn events(&self, object: &ObjectRef) -> Found {
        let mut found = self.found(GroupResource::new("", "events"), |event| {
            event.text("/involvedObject/kind") == Some(&object.kind)
                && event.text("/involvedObject/name") == Some(&object.name)
                && event.text("/involvedObject/namespace") == object.namespace.as_deref()
        });
        found.objects.sort_by_key(|event| std::cmp::Reverse(pilothouse_model::event::last_happened(event)));
        found
    }
}

/// Whether a kind's plural is the resource's: lower case and an English plural, as all kinds in tests have.
fn is_of(object: &Object, resource: GroupResource<'_>) -> bool {
    let singular = object.kind().to_lowercase();
    let plural = match singular.as_str() {
        "endpoints" => singular.clone(),
        text if text.ends_with('s') => format!("{text}es"),
        text if text.ends_with('y') => format!("{}ies", text.trim_end_matches('y')),
        text => format!("{text}s"),
    };
    object.group() == resource.group && plural == resource.plural
}

#[test]
fn a_folder_answers_as_a_cluster_would() {
    let folder = Folder::new(
        "{apiVersion: v1, kind: Pod, metadata: {name: a, namespace: ns, labels: {app: web}, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: j, uid: u}]}}\n\
         ---\n{apiVersion: v1, kind: Event, metadata: {name: e, namespace: ns}, involvedObject: {kind: Pod, name: a, namespace: ns}}\n",
    )
    .without(GroupResource::new("", "nodes"), Completeness::Loading);
    let pods = GroupResource::new("", "pods");
    assert!(matches!(folder.get(pods, Some("ns"), "a"), Lookup::Found(_)));
    assert_eq!(folder.get(pods, Some("m"), "a"), Lookup::Missing);
    assert_eq!(folder.get(GroupResource::new("", "nodes"), None, "b"), Lookup::Unknown(Completeness::Loading));
    assert_eq!(folder.list(pods, None, &LabelSelector::equals("app", "web")).objects.len(), 1);
    assert_eq!(folder.list(pods, None, &LabelSelector::equals("app", "api")).objects.len(), 0);
    assert_eq!(folder.dependents(pods, "u").objects.len(), 1);
    assert_eq!(folder.events(&folder.object("Pod", "a").reference()).objects.len(), 1);
}
