//! What the targets share: a world of objects that bytes bend out of shape.

use std::sync::Arc;

use pilothouse_model::{
    Completeness, Found, GroupResource, LabelSelector, Lookup, Object, ObjectRef, Objects, Resource,
};
use serde_json::{Value, json};

/// Objects as a living cluster had them: one in each state of each kind that the embedded cluster shows.
const SEEDS: &str = include_str!("../seeds/objects.json");

/// The seeds, parsed.
pub fn seeds() -> Vec<Value> {
    serde_json::from_str(SEEDS).expect("the seeds are JSON")
}

/// The resource of an object, guessed from its kind as names usually go.
pub fn resource_of(object: &Object) -> Resource {
    let (group, version) = object.api_version().split_once('/').unwrap_or(("", object.api_version()));
    let kind = object.kind();
    let plural = match kind.to_lowercase() {
        kind if kind.ends_with("ss") => format!("{kind}es"),
        kind if kind.ends_with('y') => format!("{}ies", &kind[..kind.len() - 1]),
        kind => format!("{kind}s"),
    };
    Resource { namespaced: object.namespace().is_some(), ..Resource::new(group, version, &plural, kind) }
}

/// Decisions taken from bytes; zero when these are used up.
pub struct Dice<'a>(pub &'a [u8]);

impl Dice<'_> {
    /// A number below `sides`.
    pub fn below(&mut self, sides: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        if sides <= 256 {
            return usize::from(*first) % sides.max(1);
        }
        (usize::from(*first) << 8 | self.below(256)) % sides
    }

    /// Whether bytes are left.
    pub fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// Replaces values at places that the dice choose.
pub fn bend(value: &mut Value, dice: &mut Dice<'_>) {
    let mut place = value;
    for _ in 0..12 {
        let stop = dice.below(5) == 0;
        let children = match &*place {
            Value::Object(fields) => fields.len(),
            Value::Array(items) => items.len(),
            _ => 0,
        };
        if children == 0 || stop {
            break;
        }
        let chosen = dice.below(children);
        place = match place {
            Value::Object(fields) => fields.values_mut().nth(chosen).expect("there are as many"),
            Value::Array(items) => &mut items[chosen],
            _ => unreachable!("a leaf has no children"),
        };
    }
    *place = odd(place, dice);
}

/// Something that does not belong there.
fn odd(old: &Value, dice: &mut Dice<'_>) -> Value {
    const TEXTS: [&str; 16] = [
        "",
        "0",
        "-1",
        "1e400",
        "99999999999999999999",
        "True",
        "Unknown",
        "Failed",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
        "-262143-01-01T00:00:00Z",
        "ä\u{0}\u{202e}<script>",
        "100Gi",
        "1/0",
        "9223372036854775808m",
        "..",
    ];
    match dice.below(10) {
        0 => Value::Null,
        1 => json!(dice.below(2) == 0),
        2 => json!([i64::MIN, -1, 0, 1, i64::MAX][dice.below(5)]),
        3 => json!([f64::MIN, 0.5, f64::MAX][dice.below(3)]),
        4 => json!([]),
        5 => json!({}),
        6 => json!([old, old]),
        7 => json!({ "name": old, "type": old, "status": old }),
        8 => json!(u64::MAX),
        _ => json!(TEXTS[dice.below(TEXTS.len())]),
    }
}

/// Objects that know each other. Some resources are unknown, as the dice fall.
pub struct World {
    objects: Vec<(Resource, Arc<Object>)>,
    unknown: usize,
}

impl World {
    /// The world of these objects.
    pub fn new(objects: Vec<Object>, unknown: usize) -> Self {
        let objects = objects.into_iter().map(|object| (resource_of(&object), Arc::new(object))).collect();
        Self { objects, unknown }
    }

    /// Every object with its resource.
    pub fn objects(&self) -> &[(Resource, Arc<Object>)] {
        &self.objects
    }

    fn found(&self, resource: GroupResource<'_>, keep: impl Fn(&Object) -> bool) -> Found {
        let states = [
            Completeness::Complete,
            Completeness::Complete,
            Completeness::Loading,
            Completeness::Forbidden("no".into()),
            Completeness::Stale("old".into()),
            Completeness::Broken("odd".into()),
            Completeness::Absent,
        ];
        let of = self.objects.iter().filter(|(own, object)| own.group_resource() == resource && keep(object));
        let objects = of.map(|(_, object)| Arc::clone(object)).collect();
        Found { objects, completeness: states[(self.unknown + resource.plural.len()) % states.len()].clone() }
    }
}

impl Objects for World {
    fn get(&self, resource: GroupResource<'_>, namespace: Option<&str>, name: &str) -> Lookup {
        let found = self.found(resource, |object| object.namespace() == namespace && object.name() == name);
        match found.objects.into_iter().next() {
            Some(object) => Lookup::Found(object),
            None if found.completeness.is_complete() => Lookup::Missing,
            None => Lookup::Unknown(found.completeness),
        }
    }

    fn list(&self, resource: GroupResource<'_>, namespace: Option<&str>, selector: &LabelSelector) -> Found {
        let inside = |object: &Object| namespace.is_none() || object.namespace() == namespace;
        self.found(resource, |object| inside(object) && selector.matches(|key| object.label(key)))
    }

    fn dependents(&self, resource: GroupResource<'_>, uid: &str) -> Found {
        self.found(resource, |object| object.owners().any(|owner| owner.uid == uid))
    }

    fn events(&self, object: &ObjectRef) -> Found {
        self.found(GroupResource::new("", "events"), |event| {
            event.value().pointer("/involvedObject/name").and_then(Value::as_str) == Some(&object.name)
        })
    }
}
