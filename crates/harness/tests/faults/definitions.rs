//! Definitions of custom resources: one that changes while it is on screen, and very many of them.

use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{Ask, Source};
use pilothouse_harness::{Api, Weather, crds};
use pilothouse_model::{Completeness, GroupResource};
use reqwest::Method;
use serde_json::{Value, json};

use super::rig::{Rig, is_complete, shared_plane, until, within};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

fn definition(version: &str, column: &str) -> Value {
    crds::relax(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "lamps.faults.example"},
        "spec": {
            "group": "faults.example", "scope": "Namespaced",
            "names": {"kind": "Lamp", "listKind": "LampList", "plural": "lamps", "singular": "lamp"},
            "versions": [{"name": version, "served": true, "storage": true, "additionalPrinterColumns": [
                {"name": column, "type": "string", "jsonPath": ".spec.shade"}]}],
        },
    }))
}

async fn lamp(api: &Api, version: &str, name: &str) {
    let lamp = json!({
        "apiVersion": format!("faults.example/{version}"), "kind": "Lamp", "metadata": {"name": name},
        "spec": {"shade": "green"},
    });
    api.ensure(&format!("/apis/faults.example/{version}/namespaces/default/lamps"), &lamp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_definition_that_returns_with_another_version_is_followed_by_an_open_window() {
    let plane = shared_plane().await;
    let api = Api::new(plane.admin().credential().clone());
    crds::install(&api, &[definition("v1", "Shade")]).await;
    lamp(&api, "v1", "old").await;
    let rig = Rig::start("definitions").await;
    let lamps = rig.resource("faults.example", "lamps");
    let mut window = rig.cluster.window(Source::Resource(lamps), Ask::default()).unwrap();
    let first = until(&mut window, "the list", is_complete).await;
    assert_eq!((first.total, &*first.columns[0].title), (1, "Shade"));

    api.send(Method::DELETE, &format!("{DEFINITIONS}/lamps.faults.example"), None).await;
    let gone = until(&mut window, "the end of the definition", |update| {
        update.completeness == Completeness::Absent && update.total == 0
    })
    .await;
    assert_eq!(gone.unfiltered, 0, "a resource takes its objects with it");

    crds::install(&api, &[definition("v2", "Colour")]).await;
    for name in ["new", "newer"] {
        lamp(&api, "v2", name).await;
    }
    let back = until(&mut window, "its return", |update| is_complete(update) && update.total == 2).await;
    assert_eq!(&*back.columns[0].title, "Colour", "the columns are those of the new version");
    lamp(&api, "v2", "newest").await;
    until(&mut window, "a change after its return", |update| update.total == 3).await;
    api.send(Method::DELETE, &format!("{DEFINITIONS}/lamps.faults.example"), None).await;
}

/// As many custom resources as a large platform has, with schemas of a usual size; the proxy adds them.
const MANY: usize = 2000;
const SCHEMA: usize = 10 << 10;

fn many(path: &str, answered: Option<&[u8]>) -> Option<Vec<u8>> {
    let (bare, query) = path.split_once('?').unwrap_or((path, ""));
    let number = |text: &str| text.strip_prefix('g').and_then(|text| text.parse::<usize>().ok());
    if let Some(rest) = bare.strip_prefix("/apis/").and_then(|rest| rest.strip_suffix(".many.example/v1")) {
        let number = number(rest)?;
        let resource = json!({
            "name": format!("things{number}"), "singularName": "", "namespaced": true, "kind": format!("Thing{number}"),
            "verbs": ["get", "list", "watch"],
        });
        let list = json!({"kind": "APIResourceList", "groupVersion": format!("g{number}.many.example/v1"), "resources": [resource]});
        return Some(list.to_string().into_bytes());
    }
    if bare == DEFINITIONS {
        let parameter = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        let limit: usize = parameter("limit").map_or(MANY, |limit| limit.parse().unwrap());
        let begin: usize = parameter("continue").map_or(0, |token| token.parse().unwrap());
        let end = (begin + limit).min(MANY);
        let items: Vec<Value> = (begin..end)
            .map(|number| {
                json!({"metadata": {"name": format!("things{number}.g{number}.many.example")}, "spec": {
                    "group": format!("g{number}.many.example"), "names": {"plural": format!("things{number}")},
                    "versions": [{"name": "v1", "schema": {"description": "x".repeat(SCHEMA)}, "additionalPrinterColumns": [
                        {"name": "Own", "type": "string", "jsonPath": ".spec.own"}]}]}})
            })
            .collect();
        let next = if end < MANY { end.to_string() } else { String::new() };
        return Some(
            json!({"metadata": {"resourceVersion": "1", "continue": next}, "items": items}).to_string().into_bytes(),
        );
    }
    let mut groups: Value = serde_json::from_slice(answered.filter(|_| bare == "/apis")?).ok()?;
    let added = (0..MANY).map(|number| {
        let version = json!({"groupVersion": format!("g{number}.many.example/v1"), "version": "v1"});
        json!({"name": format!("g{number}.many.example"), "versions": [version], "preferredVersion": version})
    });
    groups["groups"].as_array_mut()?.extend(added);
    Some(groups.to_string().into_bytes())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_thousand_definitions_are_found_while_the_cluster_stays_usable() {
    let rig = Rig::start("many").await;
    rig.create("a").await;
    rig.until_true("before").await;
    rig.faults.set(Weather { rewrite: Some(Arc::new(many)), ..Weather::default() });
    let last = format!("g{}.many.example", MANY - 1);
    let last = GroupResource { group: &last, plural: &format!("things{}", MANY - 1) };
    let mut turn = 0;
    within("that all are found", async {
        // Meanwhile the console does what it is there for.
        while !rig.cluster.catalog().unwrap().serves(last) {
            turn += 1;
            rig.turn("a", turn).await;
            rig.until_true("while they are looked for").await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    let catalog = rig.cluster.catalog().unwrap();
    let found = catalog.resources.iter().filter(|resource| resource.group.ends_with(".many.example"));
    let columns =
        found.clone().filter(|resource| resource.printer_columns.as_ref().is_some_and(|list| list.len() == 1));
    assert_eq!((found.clone().count(), columns.count()), (MANY, MANY));
    assert_eq!(catalog.problems, []);
    let one = Source::Resource(Arc::clone(catalog.served(last).unwrap()));
    // None of them has objects; that is said at once.
    let listing = rig.cluster.list_settled(&one, &Ask::default(), Duration::from_secs(20)).await.unwrap();
    assert_eq!(listing.completeness, Completeness::Absent);
    rig.until_true("after they were found").await;
}
