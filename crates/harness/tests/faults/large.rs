//! Objects that are larger than API servers usually store; the proxy makes them so.

use std::sync::Arc;
use std::time::Duration;

use pilothouse_harness::Weather;
use serde_json::Value;

use super::rig::{PATIENCE, Rig, is_complete, until};

/// Gives the object named `large` a value of five megabytes, and the one named `monstrous` more than anyone can use.
fn blow_up(_: &str, answered: Option<&[u8]>) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(answered?).ok()?;
    let blow = |object: &mut Value| {
        let size = match object["metadata"]["name"].as_str() {
            Some("large") => 5 << 20,
            Some("monstrous") => 40 << 20,
            _ => return,
        };
        object["data"]["key"] = Value::String("v".repeat(size));
    };
    match value.get_mut("items").and_then(Value::as_array_mut) {
        Some(items) => items.iter_mut().for_each(blow),
        None => blow(&mut value),
    }
    Some(value.to_string().into_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_of_five_megabytes_has_its_row_and_its_page() {
    let rig = Rig::start("large").await;
    for name in ["large", "small"] {
        rig.create(name).await;
    }
    rig.faults.set(Weather { rewrite: Some(Arc::new(blow_up)), ..Weather::default() });
    let mut window = rig.window();
    let listed = until(&mut window, "the list", is_complete).await;
    assert_eq!((listed.total, listed.notes.len()), (2, 0), "{:?}", listed.notes);
    rig.until_true("with a large object").await;
    let maps = rig.resource("", "configmaps");
    let view = rig.cluster.object(&maps, Some(&rig.namespace), "large", PATIENCE).await.unwrap();
    assert_eq!(
        view.object.pointer("/data/key").and_then(Value::as_str).map(str::len),
        Some(5 << 20),
        "its page has it whole"
    );
    assert!(pilothouse_app::yaml(view.object.value()).len() > 5 << 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_is_too_large_is_named_and_costs_no_other_row() {
    let rig = Rig::start("monstrous").await;
    for name in ["monstrous", "small"] {
        rig.create(name).await;
    }
    rig.faults.set(Weather { rewrite: Some(Arc::new(blow_up)), ..Weather::default() });
    let mut window = rig.window();
    let listed = until(&mut window, "the list", is_complete).await;
    assert_eq!(listed.total, 1, "the other row is there");
    let why = listed.notes.iter().find(|note| note.contains("monstrous/monstrous")).unwrap();
    assert!(why.contains("larger than 16 MiB"), "{why}");
    let maps = rig.resource("", "configmaps");
    let opened = rig.cluster.object(&maps, Some(&rig.namespace), "monstrous", Duration::from_secs(60)).await;
    let error = opened.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.contains("larger than 16 MiB"), "{error}");
}
