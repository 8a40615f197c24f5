//! What decoding keeps, drops and refuses.

use serde_json::json;

use super::*;
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
