//! Random orders: sort keys, and the values they plainly stand for.

use std::cmp::Ordering;
use std::fmt;

use pilothouse_model::Read;
use proptest::prelude::*;
use serde_json::Value;

use crate::objects::{World, capacity, key, label, ready, restarts, seconds, state};

/// What one key compares.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Weight {
    Number(f64),
    Text(String),
    None,
}

/// A sort key by the name of its field.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) field: &'static str,
    pub(crate) descending: bool,
    of: fn(&Value) -> Weight,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl Key {
    pub(crate) fn text(&self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.field)
    }

    fn compare(&self, one: &Value, other: &Value) -> Ordering {
        let ordering = match ((self.of)(one), (self.of)(other)) {
            (Weight::None, Weight::None) => return Ordering::Equal,
            // Without a value last, whichever way round.
            (Weight::None, _) => return Ordering::Greater,
            (_, Weight::None) => return Ordering::Less,
            (Weight::Number(one), Weight::Number(other)) => one.partial_cmp(&other).unwrap(),
            (Weight::Text(one), Weight::Text(other)) => one.cmp(&other),
            odd => panic!("{odd:?}"),
        };
        if self.descending { ordering.reverse() } else { ordering }
    }
}

fn number(value: Option<i64>) -> Weight {
    value.map_or(Weight::None, |value| Weight::Number(value as f64))
}

fn text(value: Option<&str>) -> Weight {
    value.map_or(Weight::None, |value| Weight::Text(value.to_owned()))
}

/// Some keys for a kind.
pub(crate) fn order(world: World) -> impl Strategy<Value = Vec<Key>> {
    type Of = fn(&Value) -> Weight;
    let mut fields: Vec<(&'static str, Of)> = vec![
        ("name", |object| text(object.text("/metadata/name"))),
        ("ns", |object| text(object.text("/metadata/namespace"))),
        // The youngest first, as ages are read.
        ("age", |object| number(seconds(object, "/metadata/creationTimestamp").map(|time| -time))),
        ("created", |object| number(seconds(object, "/metadata/creationTimestamp"))),
        ("deleted", |object| number(seconds(object, "/metadata/deletionTimestamp"))),
        ("label:app", |object| text(label(object, "app"))),
        ("state", |object| text(state(object).as_deref())),
    ];
    let own: &[(&'static str, Of)] = match world {
        World::Pods => &[
            ("restarts", |object| number(Some(restarts(object)))),
            ("ready", |object| Weight::Number(ready(object).0 as f64 / ready(object).1 as f64)),
            ("node", |object| text(object.text("/spec/nodeName"))),
        ],
        World::Volumes => &[("capacity", |object| number(capacity(object)))],
        World::CronJobs => &[
            ("active", |object| number(Some(object.items("/status/active").len() as i64))),
            ("last-schedule", |object| number(seconds(object, "/status/lastScheduleTime").map(|time| -time))),
        ],
        World::Runs => &[
            ("size", |object| number(object.pointer("/spec/size").and_then(Value::as_i64))),
            ("ratio", |object| {
                object.pointer("/spec/ratio").and_then(Value::as_f64).map_or(Weight::None, Weight::Number)
            }),
            ("color", |object| text(object.pointer("/spec/color").and_then(Value::as_str))),
            ("due", |object| number(seconds(object, "/spec/due").map(|time| -time))),
        ],
    };
    fields.extend(own);
    let key = (prop::sample::select(fields), any::<bool>());
    prop::collection::vec(key.prop_map(|((field, of), descending)| Key { field, descending, of }), 0..3)
}

/// Sorts as the keys say, then by namespace and name.
pub(crate) fn sort(objects: &mut [&Value], keys: &[Key]) {
    objects.sort_by(|one, other| {
        let decided = keys.iter().map(|key| key.compare(one, other)).find(|ordering| ordering.is_ne());
        decided.unwrap_or_else(|| key(one).cmp(&key(other)))
    });
}
