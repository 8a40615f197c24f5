//! Objects survive being packed, alone and with a learnt dictionary.

use pilothouse_model::Object;
use pilothouse_store::{Body, BodyError, Compressor};
use proptest::prelude::*;
use serde_json::{Value, json};

#[expect(clippy::unwrap_used, reason = "a test's own object")]
fn object(spec: &Value) -> Object {
    Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": spec})).unwrap()
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
        let (alone, learning) = (Body::compress(&object), Compressor::new().compress(&object));
        prop_assert_eq!(&alone.object().unwrap(), &object);
        prop_assert_eq!(&learning.object().unwrap(), &object);
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
    let bodies: Vec<_> = (0..600).map(|number| compressor.compress(&pod(number))).collect();
    for (number, body) in bodies.iter().enumerate() {
        assert_eq!(body.object().unwrap(), pod(number));
    }
    assert!(bodies[599].stored_bytes() * 2 < bodies[0].stored_bytes(), "{bodies:?}");
    assert_eq!(compressor.compress(&pod(599)), bodies[599]);
    assert_ne!(compressor.compress(&pod(598)), bodies[599]);
}

#[test]
fn a_derived_row_says_that_it_keeps_no_object() {
    assert!(!Body::none().is_some());
    assert!(matches!(Body::none().object(), Err(BodyError::NotKept)));
}
