//! Objects survive being packed, alone and with a learnt dictionary.

use std::sync::Arc;

use pilothouse_model::{Object, Projection, Resource, Row, Status};
use pilothouse_store::{Body, BodyError, Compressor, Record};
use proptest::prelude::*;
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "a test's own object")]
fn object(spec: &Value) -> Object {
    Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec})).unwrap()
}

/// The record of an object, as a writer makes it.
fn record(object: &Object, message: &str, compressor: &mut Compressor) -> Record {
    let status = Status { message: message.into(), ..Status::none() };
    let projection = Projection { status, cells: Vec::new() };
    let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
    let row = Row::assemble(resource, object, projection, &mut |text| text.into());
    Record { body: compressor.compress(object, &row), row }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 30, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-z]{1,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_packed_unpacks(spec in value()) {
        let object = object(&spec);
        let learning = record(&object, "", &mut Compressor::new());
        let alone = Record { body: Body::compress(&object), row: learning.row.clone() };
        prop_assert_eq!(&alone.object().unwrap(), &object);
        prop_assert_eq!(&learning.object().unwrap(), &object);
    }

    /// Texts with quotes, control characters and letters beyond ASCII, one a part of the other, in the row and anywhere in
    /// the object.
    #[test]
    fn what_the_row_says_already_comes_back(
        texts in prop::collection::vec("[ab\"\\\\\u{1}\u{2}\né-]{0,20}", 6),
        places in prop::collection::vec((0..6_usize, 0..6_usize), 0..12),
    ) {
        let spec: Vec<String> = places.iter().map(|(one, other)| texts[*one].clone() + &texts[*other]).collect();
        let object = Object::new(json!({"metadata": {
            "namespace": texts[0], "name": format!("x{}", texts[1]), "uid": texts[2], "labels": {"a": texts[3], "b": texts[4]},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Job", "name": texts[1], "uid": texts[3]}],
        }, "spec": spec, "status": {"message": texts[5]}})).unwrap();
        let record = record(&object, &texts[5], &mut Compressor::new());
        prop_assert_eq!(&record.object().unwrap(), &object);
        let mut other = record;
        other.row.uid = "0f9e2f0a-6a5b-4d7e-9c53-1f2f3a4b5c6d".into();
        prop_assert!(other.object().is_err() || other.object().unwrap() == object);
    }
}

#[test]
fn a_dictionary_is_learnt_and_used() {
    let pod = |number: usize| {
        object(&json!({
            "nodeName": format!("node-{}", number % 17),
            "containers": [{"name": "main", "image": format!("registry.example/team/trainer:{number}"),
                "env": [{"name": "RANK", "value": number.to_string()}, {"name": "NCCL_DEBUG", "value": "INFO"}],
                "resources": {"limits": {"nvidia.com/gpu": "8", "memory": "64Gi"}}}],
        }))
    };
    let mut compressor = Compressor::new();
    let records: Vec<_> = (0..600).map(|number| record(&pod(number), "", &mut compressor)).collect();
    for (number, record) in records.iter().enumerate() {
        assert_eq!(record.object().unwrap(), pod(number));
    }
    let size = |number: usize| records[number].body.stored_bytes();
    assert!(size(599) * 2 < size(0), "{} {}", size(599), size(0));
    assert_eq!(record(&pod(599), "", &mut compressor).body, records[599].body);
    assert_ne!(record(&pod(598), "", &mut compressor).body, records[599].body);
}

#[test]
fn a_derived_row_says_that_it_keeps_no_object() {
    assert!(!Body::none().is_some());
    let record = Record { body: Body::none(), ..record(&object(&json!({})), "", &mut Compressor::new()) };
    assert!(matches!(record.object(), Err(BodyError::NotKept)));
}
