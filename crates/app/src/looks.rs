//! What an answer was made from, so that it is made again when, and only when, that changes.
//!
//! A look is remembered as a hash. Two looks with the same hash cost a needless computation and never miss one.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use pilothouse_model::{GroupResource, LabelSelector, Requirement, Row};
use pilothouse_store::RowId;
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};

/// One thing that was looked at: an object by name, a set of objects, or how much of a resource is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Look(u32);

impl Look {
    fn new(parts: impl Hash) -> Self {
        let mut hasher = FxHasher::default();
        parts.hash(&mut hasher);
        let hash = hasher.finish();
        Self((hash ^ (hash >> 32)) as u32)
    }

    /// At anything of a resource: sees how much of it is known.
    pub(crate) fn resource(resource: GroupResource<'_>) -> Self {
        Self::new((0_u8, resource.group, resource.plural))
    }

    /// At one object, there or not.
    pub(crate) fn named(resource: GroupResource<'_>, namespace: Option<&str>, name: &str) -> Self {
        Self::new((1_u8, resource.group, resource.plural, namespace, name))
    }

    /// At the objects of a resource that have this owner; events are owned by what they are about.
    pub(crate) fn owned(resource: GroupResource<'_>, uid: &str) -> Self {
        Self::new((2_u8, resource.group, resource.plural, uid))
    }

    /// At the objects of any resource that have this owner.
    pub(crate) fn kin(uid: &str) -> Self {
        Self::new((5_u8, uid))
    }

    /// At the objects that a selector selects, in one namespace or in all. Kept by one equality where the selector has one.
    pub(crate) fn selected(resource: GroupResource<'_>, namespace: Option<&str>, selector: &LabelSelector) -> Self {
        let equality = selector.requirements.iter().find_map(|requirement| match requirement {
            Requirement::In(key, values) if values.len() == 1 => values.first().map(|value| (&**key, &**value)),
            _ => None,
        });
        match equality {
            Some((key, value)) => Self::labelled(resource, namespace, (key, value)),
            None => Self::within(resource, namespace),
        }
    }

    fn labelled(resource: GroupResource<'_>, namespace: Option<&str>, (key, value): (&str, &str)) -> Self {
        Self::new((3_u8, resource.group, resource.plural, namespace, key, value))
    }

    fn within(resource: GroupResource<'_>, namespace: Option<&str>) -> Self {
        Self::new((4_u8, resource.group, resource.plural, namespace))
    }

    /// Every look that sees an object with this row.
    fn at(row: &Row, mut tell: impl FnMut(Self)) {
        let resource = row.resource.group_resource();
        let namespace = row.namespace.as_deref();
        tell(Self::named(resource, namespace, &row.name));
        for owner in row.owners.iter() {
            tell(Self::owned(resource, owner));
            tell(Self::kin(owner));
        }
        let places = [None, namespace];
        for place in &places[..1 + usize::from(namespace.is_some())] {
            tell(Self::within(resource, *place));
            for (key, value) in row.labels.iter() {
                tell(Self::labelled(resource, *place, (key, value)));
            }
        }
    }
}

/// All that one answer looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looks(FxHashSet<Look>);

impl Looks {
    pub(crate) fn add(&mut self, look: Look) {
        self.0.insert(look);
    }

    pub(crate) fn contains(&self, look: Look) -> bool {
        self.0.contains(&look)
    }

    /// Whether the answer saw an object with this row, or would have.
    pub(crate) fn see(&self, row: &Row) -> bool {
        let mut seen = false;
        Look::at(row, |look| seen |= self.contains(look));
        seen
    }
}

/// From what changed to the rows that were made from it.
#[derive(Debug, Default)]
pub(crate) struct Edges {
    rows: FxHashMap<RowId, (u32, Box<[Look]>)>,
    by_number: Vec<Option<RowId>>,
    free: Vec<u32>,
    backward: BTreeSet<(Look, u32)>,
}

impl Edges {
    /// Says what a row was made from.
    pub(crate) fn replace(&mut self, id: &RowId, looks: &Looks) {
        self.forget(id);
        let number = self.free.pop().unwrap_or_else(|| {
            self.by_number.push(None);
            u32::try_from(self.by_number.len() - 1).unwrap_or(u32::MAX)
        });
        self.by_number[number as usize] = Some(id.clone());
        self.backward.extend(looks.0.iter().map(|look| (*look, number)));
        self.rows.insert(id.clone(), (number, looks.0.iter().copied().collect()));
    }

    /// The row is no more.
    pub(crate) fn forget(&mut self, id: &RowId) {
        let Some((number, looks)) = self.rows.remove(id) else { return };
        for look in looks {
            self.backward.remove(&(look, number));
        }
        self.by_number[number as usize] = None;
        self.free.push(number);
    }

    /// The rows that looked at something.
    pub(crate) fn to(&self, look: Look) -> impl Iterator<Item = &RowId> {
        self.backward
            .range((look, 0)..=(look, u32::MAX))
            .filter_map(|(_, number)| self.by_number.get(*number as usize)?.as_ref())
    }

    /// Adds the rows that an object with this row can have a part in.
    pub(crate) fn touched(&self, row: &Row, rows: &mut FxHashSet<RowId>) {
        Look::at(row, |look| rows.extend(self.to(look).cloned()));
    }

    /// Every row.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &RowId> {
        self.rows.keys()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::{Object, Projection, Resource, Status};
    use serde_json::{Value, json};

    use super::*;

    const PODS: GroupResource<'static> = GroupResource::new("", "pods");

    fn pod(namespace: Option<&str>, name: &str, labels: &Value, owner: &str) -> Row {
        let resource = Resource::new("", "v1", "pods", "Pod");
        let object = Object::new(json!({"metadata": {
            "namespace": namespace, "name": name, "labels": labels,
            "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": "j", "uid": owner}],
        }}));
        let projection = Projection { status: Status::none(), cells: Vec::new() };
        Row::assemble(Arc::new(resource), &object.unwrap(), projection, &mut |text| text.into())
    }

    #[test]
    fn a_row_is_seen_by_name_owner_label_and_place_and_by_nothing_else() {
        let row = pod(Some("a"), "web", &json!({"app": "x", "tier": "gpu"}), "uid-1");
        let selector = |text: &str| text.parse::<LabelSelector>().unwrap();
        let cases = [
            (Look::named(PODS, Some("a"), "web"), true),
            (Look::named(PODS, Some("b"), "web"), false),
            (Look::named(PODS, None, "web"), false),
            (Look::named(GroupResource::new("metrics.k8s.io", "pods"), Some("a"), "web"), false),
            (Look::owned(PODS, "uid-1"), true),
            (Look::owned(PODS, "uid-2"), false),
            (Look::owned(GroupResource::new("", "events"), "uid-1"), false),
            (Look::kin("uid-1"), true),
            (Look::kin("uid-2"), false),
            (Look::selected(PODS, Some("a"), &selector("app=x")), true),
            (Look::selected(PODS, None, &selector("app=x")), true),
            (Look::selected(PODS, Some("a"), &selector("tier notin (cpu),app=x")), true),
            (Look::selected(PODS, Some("b"), &selector("app=x")), false),
            (Look::selected(PODS, Some("a"), &selector("app=y")), false),
            (Look::selected(PODS, Some("a"), &selector("!canary")), true),
            (Look::selected(PODS, None, &selector("")), true),
            (Look::selected(PODS, Some("b"), &selector("")), false),
            (Look::resource(PODS), false),
        ];
        for (look, seen) in cases {
            let mut looks = Looks::default();
            looks.add(look);
            assert_eq!(looks.see(&row), seen, "{look:?}");
        }
        let cluster_wide = pod(None, "web", &json!({}), "uid-1");
        let mut looks = Looks::default();
        looks.add(Look::selected(PODS, None, &selector("")));
        assert!(looks.see(&cluster_wide));
    }

    #[test]
    fn edges_follow_what_a_row_looks_at_now_and_keep_nothing_of_before() {
        let (one, other) = (pod(Some("a"), "one", &json!({}), "u"), pod(Some("a"), "other", &json!({}), "v"));
        let (first, second) = (RowId::of(&one), RowId::of(&other));
        let looks = |uids: &[&str]| {
            let mut looks = Looks::default();
            uids.iter().for_each(|uid| looks.add(Look::kin(uid)));
            looks
        };
        let touched = |edges: &Edges, row: &Row| {
            let mut rows = FxHashSet::default();
            edges.touched(row, &mut rows);
            rows.len()
        };
        let mut edges = Edges::default();
        for _ in 0..3 {
            edges.replace(&first, &looks(&["u", "v"]));
            edges.replace(&second, &looks(&["u"]));
            assert_eq!((touched(&edges, &one), touched(&edges, &other)), (2, 1));
            edges.replace(&first, &looks(&["v"]));
            assert_eq!((touched(&edges, &one), touched(&edges, &other)), (1, 1));
            edges.forget(&first);
            edges.forget(&first);
            assert_eq!((touched(&edges, &one), touched(&edges, &other)), (1, 0));
        }
        edges.forget(&second);
        assert!(edges.backward.is_empty() && edges.rows.is_empty());
        assert_eq!(edges.by_number.len(), 2, "numbers are used again");
    }
}
