//! Strategic merge patch: a merge patch that merges lists of maps by their keys and lists of plain values as sets where
//! the API says so, with directives for what a merge cannot say.
//!
//! Source of the rules: the API conventions of Kubernetes and
//! `k8s.io/apimachinery/pkg/util/strategicpatch`.

use pilothouse_model::Read;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::fields::lists::{ListKind, Lists};

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const DELETE_ITEMS: &str = "$deleteFromPrimitiveList/";
const ORDER: &str = "$setElementOrder/";

/// Merges `patch` into `value`.
pub(super) fn merge(value: &mut Value, patch: &Value, lists: &Lists<'_>) -> Result<(), Failure> {
    merge_value(value, patch, lists, &mut Vec::new())
}

fn merge_value<'p>(
    value: &mut Value,
    patch: &'p Value,
    lists: &Lists<'_>,
    path: &mut Vec<&'p str>,
) -> Result<(), Failure> {
    match patch {
        Value::Object(fields) => merge_object(value, fields, lists, path),
        Value::Array(items) => merge_list(value, items, lists, path),
        other => {
            *value = other.clone();
            Ok(())
        }
    }
}

fn merge_object<'p>(
    value: &mut Value,
    patch: &'p Map<String, Value>,
    lists: &Lists<'_>,
    path: &mut Vec<&'p str>,
) -> Result<(), Failure> {
    match patch.get(DIRECTIVE).map(|directive| directive.as_str().unwrap_or_default()) {
        None | Some("merge") => {}
        Some("replace") => {
            *value = without_directives(patch);
            return Ok(());
        }
        Some("delete") => {
            *value = Value::Object(Map::new());
            return Ok(());
        }
        Some(other) => return Err(Failure::bad_request(format!("unknown $patch directive: {other}"))),
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    let Value::Object(target) = value else { return Ok(()) };
    let ordered = |(field, order): (&'p String, &'p Value)| {
        let list = field.strip_prefix(ORDER)?;
        let former = target.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        Some((list, order.as_array()?, former))
    };
    let orders: Vec<_> = patch.iter().filter_map(ordered).collect();
    if let Some(Value::Array(keep)) = patch.get(RETAIN) {
        target.retain(|field, _| keep.iter().any(|kept| kept == field));
    }
    for (field, inner) in patch.iter().filter(|(field, _)| !field.starts_with('$')) {
        if inner.is_null() {
            target.remove(field);
            continue;
        }
        path.push(field);
        let slot = target.entry(field.clone()).or_insert(Value::Null);
        merge_value(slot, inner, lists, path)?;
        path.pop();
    }
    for (field, items) in patch {
        if let Some(list) = field.strip_prefix(DELETE_ITEMS)
            && let Some(Value::Array(own)) = target.get_mut(list)
        {
            own.retain(|item| !items.as_array().is_some_and(|gone| gone.contains(item)));
        }
    }
    for (list, order, former) in orders {
        path.push(list);
        let kind = lists.kind(path);
        path.pop();
        if let Some(Value::Array(own)) = target.get_mut(list) {
            reorder(own, order, &former, &kind);
        }
    }
    Ok(())
}

/// A patch that replaces is taken as it is, less the directives in it.
fn without_directives(patch: &Map<String, Value>) -> Value {
    let clean = |value: &Value| match value {
        Value::Object(inner) => without_directives(inner),
        other => other.clone(),
    };
    Value::Object(
        patch
            .iter()
            .filter(|(field, value)| !field.starts_with('$') && !value.is_null())
            .map(|(field, value)| (field.clone(), clean(value)))
            .collect(),
    )
}

fn merge_list<'p>(
    value: &mut Value,
    patch: &'p [Value],
    lists: &Lists<'_>,
    path: &mut Vec<&'p str>,
) -> Result<(), Failure> {
    let is_directive =
        |item: &Value| item.as_object().is_some_and(|map| map.len() == 1) && item.text("/$patch") == Some("replace");
    let replaced = patch.iter().any(is_directive);
    let kind = lists.kind(path);
    if replaced || kind == ListKind::Atomic || !value.is_array() {
        let plain = patch.iter().filter(|item| !is_directive(item) && item.text("/$patch") != Some("delete"));
        let clean = plain.map(|item| item.as_object().map_or_else(|| item.clone(), without_directives));
        *value = Value::Array(clean.collect());
        return Ok(());
    }
    let Value::Array(own) = value else { return Ok(()) };
    let former = own.clone();
    let ListKind::Map(keys) = &kind else {
        for item in patch {
            if !own.contains(item) {
                own.push(item.clone());
            }
        }
        reorder(own, patch, &former, &kind);
        return Ok(());
    };
    let key = keys.first().map(String::as_str).unwrap_or_default();
    for item in patch {
        let Some(wanted) = item.get(key) else {
            return Err(Failure::bad_request(format!("map: {item} does not contain declared merge key: {key}")));
        };
        let same = |own: &Value| own.get(key) == Some(wanted);
        if item.text("/$patch") == Some("delete") {
            own.retain(|item| !same(item));
            continue;
        }
        match own.iter_mut().find(|own| same(own)) {
            Some(own) => merge_value(own, item, lists, path)?,
            None => {
                let mut fresh = Value::Object(Map::new());
                merge_value(&mut fresh, item, lists, path)?;
                own.push(fresh);
            }
        }
    }
    reorder(own, patch, &former, &kind);
    Ok(())
}

/// Brings the items that `order` names into its order and merges the others, which keep their own, in between: where the
/// `former` list had both, it says which comes first; else the named one does.
fn reorder(items: &mut Vec<Value>, order: &[Value], former: &[Value], kind: &ListKind) {
    let key = match kind {
        ListKind::Map(keys) => keys.first().map(String::as_str),
        ListKind::Set | ListKind::Atomic => None,
    };
    let place = |list: &[Value], item: &Value| match key {
        Some(key) => list.iter().position(|other| other.get(key) == item.get(key)),
        None => list.iter().position(|other| other == item),
    };
    let (mut named, others): (Vec<Value>, Vec<Value>) = items.drain(..).partition(|item| place(order, item).is_some());
    named.sort_by_key(|item| place(order, item));
    let mut others = others.into_iter().peekable();
    for item in named {
        let stands = place(former, &item);
        let before = |other: &Value| stands.zip(place(former, other)).is_some_and(|(item, other)| other < item);
        while let Some(other) = others.next_if(|other| before(other)) {
            items.push(other);
        }
        items.push(item);
    }
    items.extend(others);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::registry::Registry;

    fn patched(mut value: Value, patch: &Value) -> Value {
        let registry = Registry::builtin();
        let lists = Lists::of(registry.find("", "v1", "pods").unwrap());
        merge(&mut value, patch, &lists).unwrap();
        value
    }

    fn pod(containers: &Value) -> Value {
        json!({ "spec": { "containers": containers } })
    }

    #[test]
    fn lists_of_maps_merge_by_key() {
        let before =
            pod(&json!([{ "name": "a", "image": "1", "env": [{ "name": "X", "value": "1" }] }, { "name": "b" }]));
        let patch = pod(&json!([{ "name": "a", "env": [{ "name": "Y", "value": "2" }] }, { "name": "c" }]));
        let expected = pod(&json!([
            { "name": "a", "image": "1", "env": [{ "name": "Y", "value": "2" }, { "name": "X", "value": "1" }] },
            { "name": "c" },
            { "name": "b" },
        ]));
        assert_eq!(patched(before, &patch), expected);
    }

    #[test]
    fn directives_delete_replace_and_order() {
        let before = pod(&json!([{ "name": "a" }, { "name": "b" }, { "name": "c" }]));
        let delete = pod(&json!([{ "name": "b", "$patch": "delete" }]));
        assert_eq!(patched(before.clone(), &delete), pod(&json!([{ "name": "a" }, { "name": "c" }])));
        let replace = pod(&json!([{ "$patch": "replace" }, { "name": "z" }]));
        assert_eq!(patched(before.clone(), &replace), pod(&json!([{ "name": "z" }])));
        let order = json!({ "spec": {
            "$setElementOrder/containers": [{ "name": "c" }, { "name": "a" }, { "name": "b" }],
            "containers": [{ "name": "a", "image": "1" }],
        } });
        assert_eq!(
            patched(before, &order),
            pod(&json!([{ "name": "c" }, { "name": "a", "image": "1" }, { "name": "b" }]))
        );
        let finalizers = json!({ "metadata": { "finalizers": ["x", "y"] } });
        let without = json!({ "metadata": { "$deleteFromPrimitiveList/finalizers": ["x"], "finalizers": ["z"] } });
        assert_eq!(patched(finalizers, &without), json!({ "metadata": { "finalizers": ["z", "y"] } }));
        let volumes = json!({ "spec": { "volumes": [{ "name": "v", "emptyDir": {} }] } });
        let retain =
            json!({ "spec": { "volumes": [{ "name": "v", "$retainKeys": ["name", "secret"], "secret": {} }] } });
        assert_eq!(patched(volumes, &retain), json!({ "spec": { "volumes": [{ "name": "v", "secret": {} }] } }));
    }

    #[test]
    fn lists_without_keys_are_replaced() {
        let before = pod(&json!([{ "name": "a", "args": ["1", "2"] }]));
        assert_eq!(
            patched(before, &pod(&json!([{ "name": "a", "args": ["3"] }]))),
            pod(&json!([{ "name": "a", "args": ["3"] }]))
        );
    }

    fn tree() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(Value::Null), any::<i8>().prop_map(Value::from), "[a-b]".prop_map(Value::from)];
        leaf.prop_recursive(3, 16, 3, |inner| {
            proptest::collection::btree_map("[a-d]", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect()))
        })
    }

    proptest! {
        /// Without lists and directives it is a JSON merge patch.
        #[test]
        fn without_lists_it_is_a_merge_patch(value in tree(), patch in tree()) {
            prop_assume!(patch.is_object());
            let mut naive = value.clone();
            json_patch::merge(&mut naive, &patch);
            prop_assert_eq!(patched(value, &patch), naive);
        }
    }
}
