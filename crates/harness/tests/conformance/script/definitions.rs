//! Custom resources: definition, versions, status, generation, and removal.

use serde_json::{Value, json};

use super::namespace;
use crate::recorder::{APPLY, MERGE, Recorder, STRATEGIC};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const BOATS: &str = "/apis/harbour.example/v1/namespaces/definitions/boats";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "definitions").await;
    define(recorder).await;
    objects(recorder).await;
    status(recorder).await;
    discovery(recorder).await;
    removal(recorder).await;
}

/// The definition of a made-up kind with two versions, columns and a status.
fn boats() -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    let columns = json!([
        {"name": "Captain", "type": "string", "jsonPath": ".spec.captain"},
        {"name": "Crew", "type": "integer", "jsonPath": ".spec.crew"},
        {"name": "Afloat", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Afloat\")].status"},
        {"name": "Draught", "type": "number", "jsonPath": ".spec.draught", "priority": 1},
        {"name": "Launched", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]);
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage, "schema": schema,
            "subresources": {"status": {}}, "additionalPrinterColumns": columns,
        })
    };
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.harbour.example"},
        "spec": {
            "group": "harbour.example",
            "scope": "Namespaced",
            "names": {
                "kind": "Boat", "listKind": "BoatList", "plural": "boats", "singular": "boat",
                "shortNames": ["bt"], "categories": ["fleet"],
            },
            "versions": [version("v1", true), version("v1alpha1", false)],
        },
    })
}

async fn define(recorder: &mut Recorder) {
    let answer = recorder.admin.send(reqwest::Method::POST, DEFINITIONS, Some(("application/json", &boats()))).await;
    let facts =
        json!({"code": answer.status, "names": answer.body["spec"]["names"], "scope": answer.body["spec"]["scope"]});
    recorder.note("define a resource", facts);
    recorder.admin.wait(BOATS, |answer| answer.status == 200).await;
    recorder.get("an empty list of a custom resource", BOATS).await;
    let established = |answer: &pilothouse_harness::Answer| {
        let conditions = crate::recorder::list(&answer.body["status"]["conditions"]);
        conditions.iter().any(|condition| condition["type"] == "Established" && condition["status"] == "True")
    };
    let path = format!("{DEFINITIONS}/boats.harbour.example");
    let answer = recorder.admin.wait(&path, established).await;
    let status = &answer.body["status"];
    recorder.note("the definition is established", json!([status["acceptedNames"], status["storedVersions"]]));
}

async fn objects(recorder: &mut Recorder) {
    let boat = json!({
        "apiVersion": "harbour.example/v1", "kind": "Boat", "metadata": {"name": "anna"},
        "spec": {"captain": "Ada", "crew": 3, "draught": 1.5}, "status": {"ignored": true},
    });
    recorder.post("create a custom object; its status is dropped", BOATS, &boat).await;
    recorder.post("create a custom object again", BOATS, &boat).await;
    let path = format!("{BOATS}/anna");
    recorder.patch("a change of spec makes a generation", &path, (MERGE, &json!({"spec": {"crew": 4}}))).await;
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    recorder.patch("a change of labels makes none", &path, (MERGE, &labels)).await;
    recorder.patch("a strategic merge of a custom object", &path, (STRATEGIC, &json!({"spec": {"crew": 5}}))).await;
    recorder
        .get("the other version of the same object", "/apis/harbour.example/v1alpha1/namespaces/definitions/boats/anna")
        .await;
    recorder.get("get a custom object that is missing", &format!("{BOATS}/berta")).await;
    let wrong = json!({"apiVersion": "harbour.example/v2", "kind": "Boat", "metadata": {"name": "clara"}});
    recorder.post("create with another version in the body", BOATS, &wrong).await;
    recorder.table("a custom resource as a table", BOATS).await;
    let applied = json!({
        "apiVersion": "harbour.example/v1", "kind": "Boat", "metadata": {"name": "dora"}, "spec": {"captain": "Ben"},
    });
    recorder.patch("apply a custom object", &format!("{BOATS}/dora?fieldManager=test"), (APPLY, &applied)).await;
    let field = format!("{BOATS}?fieldSelector=metadata.name%3Ddora");
    recorder.get("select custom objects by name", &field).await;
    recorder.get("select custom objects by an unknown field", &format!("{BOATS}?fieldSelector=spec.crew%3D3")).await;
}

async fn status(recorder: &mut Recorder) {
    let path = format!("{BOATS}/anna");
    let afloat = json!({"status": {"conditions": [{"type": "Afloat", "status": "True"}]}, "spec": {"crew": 99}});
    recorder.patch("a status patch changes the status alone", &format!("{path}/status"), (MERGE, &afloat)).await;
    let sunk = json!({"status": {"conditions": []}});
    recorder.patch("a patch of the object leaves its status", &path, (MERGE, &sunk)).await;
    recorder.get("get the status", &format!("{path}/status")).await;
    let mut whole = recorder.admin.get(&path).await.body;
    whole["status"] = json!({"conditions": [{"type": "Afloat", "status": "False"}]});
    recorder.put("replace the status", &format!("{path}/status"), &whole).await;
    recorder.put("replace the status at a former version", &format!("{path}/status"), &whole).await;
    recorder.table("a custom resource as a table with its status", BOATS).await;
}

async fn discovery(recorder: &mut Recorder) {
    let answer = recorder.admin.get("/apis/harbour.example").await;
    recorder.note("the group of a custom resource", json!({"code": answer.status, "body": answer.body}));
    let answer = recorder.admin.get("/apis/harbour.example/v1").await;
    recorder.note("the resources of its version", json!({"code": answer.status, "body": sorted(&answer.body)}));
}

/// The resources in the order of their names; the order of verbs is the server's own.
fn sorted(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(resources) = body["resources"].as_array_mut() {
        resources.sort_by_key(|resource| resource["name"].to_string());
        for resource in resources {
            if let Some(verbs) = resource["verbs"].as_array_mut() {
                verbs.sort_by_key(Value::to_string);
            }
        }
    }
    body
}

async fn removal(recorder: &mut Recorder) {
    recorder.admin.send(reqwest::Method::DELETE, &format!("{DEFINITIONS}/boats.harbour.example"), None).await;
    recorder.gone("a removed definition takes its objects with it", BOATS).await;
}
