//! Sets of fields in the form of `fieldsV1`: `f:` a field, `k:` an item of a list of maps, `v:` an item of a set, `.` the
//! thing itself. A leaf is an empty object.

use serde_json::{Map, Value, json};

use super::lists::{ListKind, Lists, key_of};

/// All fields of a value.
pub(crate) fn of(value: &Value, lists: &Lists<'_>) -> Value {
    walk(value, lists, &mut Vec::new())
}

fn walk<'v>(value: &'v Value, lists: &Lists<'_>, path: &mut Vec<&'v str>) -> Value {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let mut set = Map::new();
            for (field, inner) in fields {
                path.push(field);
                set.insert(format!("f:{field}"), walk(inner, lists, path));
                path.pop();
            }
            Value::Object(set)
        }
        Value::Array(items) if !items.is_empty() => match lists.kind(path) {
            ListKind::Atomic => json!({}),
            ListKind::Set => items.iter().map(|item| (format!("v:{item}"), json!({}))).collect::<Map<_, _>>().into(),
            ListKind::Map(keys) => {
                let mut set = Map::new();
                for item in items {
                    let Some(key) = key_of(item, &keys) else { return json!({}) };
                    let mut inner = walk(item, lists, path);
                    inner["."] = json!({});
                    set.insert(format!("k:{}", Value::Object(key)), inner);
                }
                Value::Object(set)
            }
        },
        _ => json!({}),
    }
}

/// The fields of `new` that `old` does not have, or has with another value.
pub(crate) fn changed(old: &Value, new: &Value, lists: &Lists<'_>) -> Value {
    compare(Some(old), new, lists, &mut Vec::new()).unwrap_or_else(|| json!({}))
}

fn compare<'v>(old: Option<&Value>, new: &'v Value, lists: &Lists<'_>, path: &mut Vec<&'v str>) -> Option<Value> {
    if old == Some(new) {
        return None;
    }
    let mut set = Map::new();
    match new {
        // An empty object says nothing about what is in it.
        Value::Object(fields) if fields.is_empty() && old.is_some_and(Value::is_object) => return None,
        Value::Object(fields) if !fields.is_empty() && old.is_none_or(Value::is_object) => {
            for (field, inner) in fields {
                path.push(field);
                if let Some(found) = compare(old.and_then(|old| old.get(field)), inner, lists, path) {
                    set.insert(format!("f:{field}"), found);
                }
                path.pop();
            }
            // An object that only lost fields has changed nothing that it still has.
            return (!set.is_empty()).then_some(Value::Object(set));
        }
        Value::Array(items) => {
            let before = old.and_then(Value::as_array);
            match lists.kind(path) {
                ListKind::Atomic => return Some(json!({})),
                ListKind::Set => {
                    let new = items.iter().filter(|item| !before.is_some_and(|before| before.contains(item)));
                    set.extend(new.map(|item| (format!("v:{item}"), json!({}))));
                }
                ListKind::Map(keys) => {
                    for item in items {
                        let Some(key) = key_of(item, &keys) else { return Some(json!({})) };
                        let old =
                            before.and_then(|all| all.iter().find(|old| key_of(old, &keys).as_ref() == Some(&key)));
                        if let Some(mut found) = compare(old, item, lists, path) {
                            if old.is_none() {
                                found["."] = json!({});
                            }
                            set.insert(format!("k:{}", Value::Object(key)), found);
                        }
                    }
                }
            }
            return (!set.is_empty()).then_some(Value::Object(set));
        }
        _ => {}
    }
    Some(json!({}))
}

/// Whether there is no field in it.
pub(crate) fn is_empty(set: &Value) -> bool {
    set.as_object().is_none_or(Map::is_empty)
}

/// Fields in either.
pub(crate) fn union(left: &Value, right: &Value) -> Value {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return right.clone() };
    let mut both = left.clone();
    for (key, inner) in right {
        let joined = both.get(key).map_or_else(|| inner.clone(), |own| union(own, inner));
        both.insert(key.clone(), joined);
    }
    Value::Object(both)
}

/// Fields in both. A leaf meets whatever the other has below it, and yields to it.
pub(crate) fn intersection(left: &Value, right: &Value) -> Value {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return json!({}) };
    if left.is_empty() || right.is_empty() {
        return json!({});
    }
    let mut both = Map::new();
    for (key, inner) in left {
        if let Some(other) = right.get(key) {
            let met = intersection(inner, other);
            // What was a branch on both sides and met nowhere is in neither.
            if !is_empty(&met) || is_empty(inner) || is_empty(other) {
                both.insert(key.clone(), met);
            }
        }
    }
    Value::Object(both)
}

/// Fields in `left` and not in `right`.
pub(crate) fn difference(left: &Value, right: &Value) -> Value {
    let (Some(left), Some(right)) = (left.as_object(), right.as_object()) else { return left.clone() };
    let mut rest = Map::new();
    for (key, inner) in left {
        match right.get(key) {
            None => {
                rest.insert(key.clone(), inner.clone());
            }
            // What is owned as a whole on the right may well be owned in parts on the left, and the other way round; parts
            // outlive the whole, and the whole does not go while parts are owned.
            Some(_) if is_empty(inner) => {}
            Some(other) if is_empty(other) => {
                rest.insert(key.clone(), inner.clone());
            }
            Some(other) => {
                let remaining = difference(inner, other);
                let only_itself = remaining.as_object().is_some_and(|map| map.keys().all(|key| key == "."));
                let emptied = is_empty(&remaining) || (only_itself && other.get(".").is_some());
                if !emptied {
                    rest.insert(key.clone(), remaining);
                }
            }
        }
    }
    Value::Object(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::registry::Registry;

    fn sets() -> impl Strategy<Value = Value> {
        let leaf = Just(json!({}));
        leaf.prop_recursive(3, 20, 3, |inner| {
            proptest::collection::btree_map("f:[a-c]", inner, 1..4)
                .prop_map(|map| map.into_iter().collect::<Map<_, _>>().into())
        })
    }

    /// Paths of leaves, joined by `/`: the naive form of a set.
    fn leaves(set: &Value, path: &str, into: &mut std::collections::BTreeSet<String>) {
        match set.as_object() {
            Some(map) if !map.is_empty() => {
                for (key, inner) in map {
                    leaves(inner, &format!("{path}/{key}"), into);
                }
            }
            _ => {
                into.insert(path.to_owned());
            }
        }
    }

    fn naive(set: &Value) -> std::collections::BTreeSet<String> {
        let mut all = std::collections::BTreeSet::new();
        leaves(set, "", &mut all);
        all.remove("");
        all
    }

    proptest! {
        #[test]
        fn algebra_agrees_with_sets_of_paths(left in sets(), right in sets()) {
            // Where a leaf of one lies above fields of the other, the two notations differ; leave those out.
            let (l, r) = (naive(&left), naive(&right));
            let clash = |a: &str, b: &str| b.starts_with(&format!("{a}/"));
            prop_assume!(!l.iter().any(|a| r.iter().any(|b| clash(a, b) || clash(b, a))));
            prop_assert_eq!(naive(&union(&left, &right)), l.union(&r).cloned().collect());
            prop_assert_eq!(naive(&intersection(&left, &right)), l.intersection(&r).cloned().collect());
            prop_assert_eq!(naive(&difference(&left, &right)), l.difference(&r).cloned().collect());
        }
    }

    #[test]
    fn items_of_lists_of_maps_are_known_by_their_keys() {
        let registry = Registry::builtin();
        let lists = Lists::of(registry.find("", "v1", "pods").unwrap());
        let old = json!({ "spec": { "containers": [{ "name": "a", "image": "x" }] } });
        let new = json!({ "spec": { "containers": [{ "name": "a", "image": "y" }, { "name": "b" }] } });
        let expected = json!({ "f:spec": { "f:containers": {
            "k:{\"name\":\"a\"}": { "f:image": {} },
            "k:{\"name\":\"b\"}": { ".": {}, "f:name": {} },
        } } });
        assert_eq!(changed(&old, &new, &lists), expected);
    }
}
