//! Whether a built-in object has its kind's form: what should be an object is one, a list is a list, text is text. Everything
//! behind the door may rely on it.

use serde_json::Value;

use super::{Field, Many, Type, fields};

/// What is wrong with a value that should be of a type of the table, in words; `None` when nothing is. Fields that the table
/// does not know may hold anything, and null stands for absence.
pub(crate) fn check(name: &str, value: &Value, path: &str) -> Option<String> {
    let Some(object) = value.as_object() else {
        return (!value.is_null()).then(|| mismatch(value, path, name));
    };
    fields(name)?.iter().find_map(|field| match (field.inline, field.kind) {
        (true, Type::Message(inner)) => check(inner, value, path),
        _ => many(field, object.get(field.name)?, &join(path, field.name)),
    })
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn many(field: &Field, value: &Value, path: &str) -> Option<String> {
    match (field.many, value) {
        (_, Value::Null) => None,
        (Many::One, value) => one(field.kind, value, path),
        (Many::List, Value::Array(items)) => items.iter().find_map(|item| one(field.kind, item, path)),
        (Many::Map, Value::Object(entries)) => {
            entries.iter().find_map(|(key, inner)| one(field.kind, inner, &join(path, key)))
        }
        (Many::List, value) => Some(mismatch(value, path, "list")),
        (Many::Map, value) => Some(mismatch(value, path, "map")),
    }
}

fn one(kind: Type, value: &Value, path: &str) -> Option<String> {
    let (fits, wanted) = match kind {
        Type::Message(name) if name.ends_with("ExtraValue") => (value.is_array(), "list"),
        Type::Message(name) => return check(name, value, path),
        Type::Text | Type::Bytes | Type::Time(_) => (value.is_string(), "string"),
        Type::Integer => (value.is_i64() || value.is_u64(), "integer"),
        Type::Number => (value.is_number(), "number"),
        Type::Truth => (value.is_boolean(), "bool"),
        Type::Quantity | Type::IntegerOrText => (value.is_string() || value.is_number(), "string or number"),
        Type::Raw => return None,
    };
    (!fits && !value.is_null()).then(|| mismatch(value, path, wanted))
}

fn mismatch(value: &Value, path: &str, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!("json: cannot unmarshal {found} into field {path} of type {wanted}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_thing_out_of_form_is_named() {
        let fits =
            json!({ "metadata": { "name": "x", "labels": { "a": "b" } }, "spec": { "containers": null, "later": 7 } });
        assert_eq!(check("core.Pod", &fits, ""), None);
        for (value, path) in [
            (json!({ "spec": 7 }), "spec"),
            (json!({ "spec": { "containers": {} } }), "spec.containers"),
            (json!({ "spec": { "containers": [7] } }), "spec.containers"),
            (json!({ "metadata": { "labels": { "a": 1 } } }), "metadata.labels.a"),
            (json!({ "spec": { "volumes": [{ "emptyDir": "x" }] } }), "spec.volumes.emptyDir"),
        ] {
            let said = check("core.Pod", &value, "").unwrap();
            assert!(said.contains(&format!("field {path} of type")), "{said}");
        }
    }

    fn anything() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![Just(json!(null)), Just(json!(7)), Just(json!("x")), Just(json!(true))];
        let field = prop_oneof![
            Just("metadata"),
            Just("spec"),
            Just("status"),
            Just("template"),
            Just("containers"),
            Just("strategy"),
            Just("labels"),
            Just("selector"),
            Just("ports"),
            Just("rollingUpdate"),
            Just("resources"),
            Just("roleRef"),
            Just("subjects"),
            Just("limits"),
            Just("jobTemplate"),
            Just("updateStrategy"),
            Just("conditions"),
        ];
        leaf.prop_recursive(4, 40, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                proptest::collection::btree_map(field.clone().prop_map(str::to_owned), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// What passes can be given defaults and be validated without a panic.
        #[test]
        fn what_passes_holds(value in anything()) {
            let registry = crate::registry::Registry::builtin();
            for (group, versions) in registry.groups() {
                for served in versions.iter().flat_map(|version| registry.of(group, version)) {
                    let Some(name) = super::super::name_of(group, &served.resource.kind) else { continue };
                    if value.is_object() && check(name, &value, "").is_none() {
                        let mut value = value.clone();
                        crate::defaults::fill(served, &mut value);
                        crate::validate::object(served, &value, None);
                    }
                }
            }
        }
    }
}
