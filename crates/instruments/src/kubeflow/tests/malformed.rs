//! Whatever a cluster answers, nothing panics: rich samples of every kind, with arbitrary parts put in arbitrary places.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

/// One object of every kind, with every field that the instrument reads.
pub(super) const SAMPLES: &str = include_str!("samples.yaml");

/// Every place in a value, as JSON pointers.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    let step = |key: &str| format!("{here}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            found.push(step(key));
            places(inner, &step(key), found);
        }),
        Value::Array(list) => list.iter().enumerate().for_each(|(at, inner)| {
            found.push(step(&at.to_string()));
            places(inner, &step(&at.to_string()), found);
        }),
        _ => {}
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        Just(json!(i64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!(u64::MAX)),
        Just(json!(1e308)),
        "[ -~äß€]{0,12}".prop_map(Value::from),
        Just(json!("True")),
        Just(json!("Failed")),
        Just(json!("2026-01-01T00:00:00Z")),
        Just(json!("99999999999999999999999999g")),
        Just(json!("9223372036854775807")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,8}|name|type|status|replicas", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Asks everything that can be asked of an object.
fn ask_all(object: &Object, folder: &Folder) {
    let resource = resource_of(object);
    let columns = Kubeflow.columns(&resource).unwrap();
    assert_eq!(Kubeflow.project(&resource, object).cells.len(), columns.len());
    for link in Kubeflow.links(object) {
        link.target.resolve(object.uid(), folder);
    }
    if let Some(workload) = Kubeflow.workload(object, folder) {
        workload.into_row(Arc::new(resource), object, &mut |text| text.into());
    }
    for cause in Kubeflow.explain(object, folder) {
        assert!(!cause.evidence.is_empty() && !cause.title.is_empty(), "{cause:?}");
    }
    for section in Kubeflow.sections(object, folder) {
        if let Section::Table { columns, rows, .. } = section {
            assert!(rows.iter().all(|(_, cells)| cells.len() == columns.len()));
        }
    }
    Kubeflow.actions(object);
}

static DOCUMENTS: LazyLock<Vec<Value>> = LazyLock::new(|| serde_saphyr::from_multiple(SAMPLES).unwrap());
static FOLDER: LazyLock<Folder> = LazyLock::new(|| Folder::new(SAMPLES));

#[test]
fn the_samples_themselves_answer_everything() {
    for (_, kind, _) in &FAMILIES {
        ask_all(&FOLDER.object(kind, "it"), &FOLDER);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_malformed_object_panics(
        which in 0..FAMILIES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), anything()), 1..5),
    ) {
        let kind = FAMILIES[which].1;
        let mut document = DOCUMENTS.iter().find(|value| value.text("/kind") == Some(kind)).unwrap().clone();
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&document, "", &mut found);
            found.retain(|pointer| !["/kind", "/apiVersion", "/metadata", "/metadata/name"].contains(&pointer.as_str()));
            if found.is_empty() {
                continue;
            }
            let pointer: &String = place.get(&found);
            if let Some(slot) = document.pointer_mut(pointer) {
                *slot = value;
            }
        }
        ask_all(&Object::new(document).unwrap(), &FOLDER);
    }

    #[test]
    fn no_malformed_pod_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), anything()), 1..5),
    ) {
        let mut pod = DOCUMENTS.iter().find(|value| value.text("/kind") == Some("Pod")).unwrap().clone();
        for (place, value) in changes {
            let mut found = Vec::new();
            places(&pod["status"], "/status", &mut found);
            if found.is_empty() {
                continue;
            }
            let pointer: &String = place.get(&found);
            if let Some(slot) = pod.pointer_mut(pointer) {
                *slot = value;
            }
        }
        let folder = Folder::new(&pod.to_string());
        for (_, kind, _) in &FAMILIES {
            ask_all(&FOLDER.object(kind, "it"), &folder);
        }
    }
}
