//! What decoding keeps, drops and refuses.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::items::Items;
use crate::tests::resource;

#[test]
fn managed_fields_go_and_all_else_stays() {
    let pods = resource("", "v1", "pods", "Pod");
    let whole = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "a", "labels": {"managedFields": "kept"}, "managedFields": [{"f": {"x": [1, {"y": 2}]}}]},
        "spec": {"managedFields": 1, "metadata": {"managedFields": "kept", "float": 0.5, "big": 18_446_744_073_709_551_615_u64}}
    });
    let mut expected = whole.clone();
    expected["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(object(whole.to_string().as_bytes(), &pods).unwrap().into_value(), expected);
}

#[test]
fn what_is_no_object_is_refused_with_a_reason() {
    let pods = resource("", "v1", "pods", "Pod");
    let cases = [
        ("7", "expected a Kubernetes object"),
        ("{}", "it has no `metadata`"),
        ("{\"metadata\": null}", "`metadata` to be an object"),
        ("{\"metadata\": {\"name\": 3}}", "`metadata.name` is not a string"),
        ("{\"metadata\": {\"name\": \"a\"}} {}", "trailing characters"),
        ("{\"metadata\": {\"name\": \"a\"}", "EOF"),
    ];
    for (json, expected) in cases {
        let why = object(json.as_bytes(), &pods).unwrap_err();
        assert!(why.contains(expected), "{json}: {why}");
    }
}

#[test]
fn only_secrets_of_the_core_group_are_hidden() {
    let json = json!({"metadata": {"name": "a"}, "data": {"key": "dmFsdWU="}}).to_string();
    for (group, plural) in [("", "configmaps"), ("vault.example.com", "secrets")] {
        let read = object(json.as_bytes(), &resource(group, "v1", plural, "X")).unwrap();
        assert_eq!(read.pointer("/data/key").unwrap(), "dmFsdWU=");
    }
}

#[test]
fn a_hidden_value_tells_its_length_and_nothing_else() {
    let secrets = resource("", "v1", "secrets", "Secret");
    let cases = [("", 0), ("YQ==", 1), ("YWI=", 2), ("YWJj", 3), ("YWJj\nYQ==", 4)];
    for (base64, length) in cases {
        let json = json!({"metadata": {"name": "a"}, "data": {"key": base64}, "stringData": {"plain": "hunter2"}});
        let read = object(json.to_string().as_bytes(), &secrets).unwrap();
        assert_eq!(read.pointer("/data/key").unwrap(), &json!(format!("<hidden, {length} bytes>")));
        assert_eq!(read.pointer("/stringData/plain").unwrap(), "<hidden, 7 bytes>");
    }
    for odd in [json!("aHVudGVyMg=="), json!(["aHVudGVyMg=="]), json!({"key": {"deep": "aHVudGVyMg=="}})] {
        let json = json!({"metadata": {"name": "a"}, "data": odd});
        let read = object(json.to_string().as_bytes(), &secrets).unwrap();
        assert!(!read.value().to_string().contains("aHVud"), "{read:?}");
    }
}

#[test]
fn annotations_of_a_secret_show_only_what_is_known_to_be_harmless() {
    let copies = [
        "kubectl.kubernetes.io/last-applied-configuration",
        "kapp.k14s.io/original",
        "objectset.rio.cattle.io/applied",
        "example.com/anything",
    ];
    let mut annotations: Map<String, Value> =
        copies.map(|key| (key.to_owned(), json!("hunter2"))).into_iter().collect();
    annotations.insert("meta.helm.sh/release-name".to_owned(), json!("web"));
    let json = json!({"metadata": {"name": "a", "annotations": annotations}}).to_string();
    let read = object(json.as_bytes(), &resource("", "v1", "secrets", "Secret")).unwrap();
    assert!(!read.value().to_string().contains("hunter2"), "{read:?}");
    let shown = &read.value()["metadata"]["annotations"];
    assert_eq!(shown["meta.helm.sh/release-name"], "web");
    assert!(copies.iter().all(|key| shown[*key] == "<hidden, 7 bytes>"), "{shown}");
    let read = object(json.as_bytes(), &resource("", "v1", "configmaps", "ConfigMap")).unwrap();
    assert_eq!(read.value()["metadata"]["annotations"][copies[1]], "hunter2");
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,6}".prop_map(Value::from),
    ];
    let key = prop_oneof!["managedFields", "metadata", "name", "kind", "apiVersion", ".{0,4}"];
    leaf.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn reading_without_managed_fields_is_reading_and_then_removing_them(metadata in json(), rest in json()) {
        let mut whole = match rest {
            Value::Object(map) => map,
            other => Map::from_iter([("spec".to_owned(), other)]),
        };
        whole.insert("metadata".to_owned(), metadata);
        let text = serde_json::to_string_pretty(&whole).unwrap();
        for key in ["apiVersion", "kind"] {
            if whole.get(key).and_then(Value::as_str).is_none_or(str::is_empty) {
                whole.insert(key.to_owned(), json!(if key == "kind" { "Pod" } else { "v1" }));
            }
        }
        if let Some(metadata) = whole["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        let expected = Object::new(Value::Object(whole)).ok();
        prop_assert_eq!(object(text.as_bytes(), &resource("", "v1", "pods", "Pod")).ok(), expected);
    }
}

#[test]
fn an_object_that_would_fill_the_memory_is_refused_by_name() {
    let maps = resource("", "v1", "configmaps", "ConfigMap");
    let of = |data: String| format!("{{\"metadata\":{{\"name\":\"big\"}},\"data\":{data}}}");
    let texts = [
        (of(format!("\"{}\"", "x".repeat(LONGEST))), "larger than 16 MiB"),
        (of(format!("[{}0]", "0,".repeat(MOST_VALUES))), "more than 1000000 values"),
        (of("[".repeat(2000)), "recursion"),
    ];
    for (text, why) in &texts {
        assert!(object(text.as_bytes(), &maps).unwrap_err().contains(why), "{why}");
    }
    let whole = of(format!("\"{}\"", "x".repeat(5 << 20)));
    assert_eq!(object(whole.as_bytes(), &maps).unwrap().name(), "big");
    let items = texts[..2].iter().map(|(text, _)| text.clone().into()).collect();
    for item in Items::new(Arc::new(maps), items).objects() {
        assert_eq!(item.unwrap_err().which.as_deref(), Some("big"));
    }
}
