//! The server as its clients meet it: over TLS and HTTP.

mod client;

use client::Client;
use pilothouse_drydock::{Options, User};
use serde_json::{Value, json};

fn pod(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "spec": { "containers": [{ "name": "c", "image": "x" }] } })
}

#[expect(clippy::unwrap_used, reason = "a test says what it expects by failing loudly")]
fn names(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].as_str().unwrap()).collect()
}

const PODS: &str = "/api/v1/namespaces/default/pods";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

#[tokio::test]
async fn a_write_based_on_an_old_version_is_a_conflict() {
    let client = Client::start(Options::default()).await;
    let first = client.post(MAPS, &json!({ "metadata": { "name": "a" }, "data": { "k": "1" } })).await.ok();
    let mut second = first.clone();
    second["data"]["k"] = json!("2");
    client.put(&format!("{MAPS}/a"), &second).await.ok();
    let (code, status) = client.put(&format!("{MAPS}/a"), &second).await.pair();
    assert_eq!((code, status["reason"].as_str()), (409, Some("Conflict")));
    let (code, status) = client.post(MAPS, &json!({ "metadata": { "name": "a" } })).await.pair();
    assert_eq!((code, status["reason"].as_str()), (409, Some("AlreadyExists")));
}

#[tokio::test]
async fn a_list_in_pieces_is_of_one_moment_until_it_is_forgotten() {
    let client = Client::start(Options { history: 4, ..Options::default() }).await;
    for name in ["a", "b", "c", "d"] {
        client.post(PODS, &pod(name)).await.ok();
    }
    let first = client.get(&format!("{PODS}?limit=2")).await.ok();
    assert_eq!(names(&first), ["a", "b"]);
    assert_eq!(first["metadata"]["remainingItemCount"], 2);
    let token = first["metadata"]["continue"].as_str().unwrap();
    client.delete(&format!("{PODS}/c")).await.ok();
    client.post(PODS, &pod("bb")).await.ok();
    let rest = client.get(&format!("{PODS}?limit=2&continue={token}")).await.ok();
    assert_eq!(names(&rest), ["c", "d"], "as it was when the list began");
    assert_eq!(rest["metadata"]["resourceVersion"], first["metadata"]["resourceVersion"]);
    for name in ["e", "f", "g", "h"] {
        client.post(PODS, &pod(name)).await.ok();
    }
    let (code, status) = client.get(&format!("{PODS}?limit=2&continue={token}")).await.pair();
    assert_eq!((code, status["reason"].as_str()), (410, Some("Expired")));
}

#[tokio::test]
async fn a_watch_tells_what_changed_since_its_version_and_who_leaves_the_selection() {
    let client = Client::start(Options::default()).await;
    client.post(PODS, &pod("before")).await.ok();
    let version = client.get(PODS).await.ok()["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut labelled = pod("x");
    labelled["metadata"]["labels"] = json!({ "team": "a" });
    client.post(PODS, &labelled).await.ok();
    let merge = "application/merge-patch+json";
    client.patch(&format!("{PODS}/x"), merge, &json!({ "metadata": { "annotations": { "n": "1" } } })).await.ok();
    client.patch(&format!("{PODS}/x"), merge, &json!({ "metadata": { "labels": { "team": "b" } } })).await.ok();
    client.delete(&format!("{PODS}/x")).await.ok();
    let watch = |query: &str| format!("{PODS}?watch=1&timeoutSeconds=1&resourceVersion={version}{query}");
    assert_eq!(client.events(&watch("")).await, ["ADDED x", "MODIFIED x", "MODIFIED x", "DELETED x"]);
    assert_eq!(client.events(&watch("&labelSelector=team%3Da")).await, ["ADDED x", "MODIFIED x", "DELETED x"]);
    assert_eq!(client.events(&watch("&labelSelector=team%3Db")).await, ["ADDED x", "DELETED x"]);
    let from_nothing = format!("{PODS}?watch=1&timeoutSeconds=1");
    assert_eq!(client.events(&from_nothing).await, ["ADDED before"]);
    let initial = format!(
        "{PODS}?watch=1&timeoutSeconds=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
    );
    assert_eq!(client.events(&initial).await[..2], ["ADDED before", "BOOKMARK initial-events-end"]);
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_is_told_so() {
    let client = Client::start(Options { history: 2, ..Options::default() }).await;
    for name in ["a", "b", "c", "d"] {
        client.post(PODS, &pod(name)).await.ok();
    }
    assert_eq!(
        client.events(&format!("{PODS}?watch=1&resourceVersion=2&timeoutSeconds=1")).await,
        ["ERROR 410 Expired"]
    );
}

#[tokio::test]
async fn dependents_go_with_their_owner_or_stay_as_orphans() {
    let client = Client::start(Options::default()).await;
    let dependent = |name: &str, owner: &Value| {
        json!({ "metadata": { "name": name, "ownerReferences": [
            { "apiVersion": "v1", "kind": "ConfigMap", "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"] },
        ] } })
    };
    for policy in ["Background", "Foreground", "Orphan"] {
        let owner = client.post(MAPS, &json!({ "metadata": { "name": "owner" } })).await.ok();
        client.post(MAPS, &dependent("child", &owner)).await.ok();
        client.delete(&format!("{MAPS}/owner?propagationPolicy={policy}")).await.ok();
        client.until_absent(&format!("{MAPS}/owner")).await;
        if policy == "Orphan" {
            let is_free = |child: &Value| child["metadata"].get("ownerReferences").is_none();
            client.until(&format!("{MAPS}/child"), is_free).await;
        } else {
            client.until_absent(&format!("{MAPS}/child")).await;
        }
    }
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_gone() {
    let client = Client::start(Options::default()).await;
    let held = json!({ "metadata": { "name": "held", "finalizers": ["example.org/hold"] } });
    client.post(MAPS, &held).await.ok();
    let waiting = client.delete(&format!("{MAPS}/held")).await.ok();
    assert!(waiting["metadata"]["deletionTimestamp"].is_string());
    let release = json!([{ "op": "remove", "path": "/metadata/finalizers" }]);
    client.patch(&format!("{MAPS}/held"), "application/json-patch+json", &release).await.ok();
    assert_eq!(client.get(&format!("{MAPS}/held")).await.pair().0, 404);
}

#[tokio::test]
async fn a_namespace_comes_furnished_and_goes_with_all_that_is_in_it() {
    let client = Client::start(Options::default()).await;
    let (code, status) = client.post("/api/v1/namespaces/team/pods", &pod("p")).await.pair();
    assert_eq!((code, status["message"].as_str()), (404, Some("namespaces \"team\" not found")));
    client.post("/api/v1/namespaces", &json!({ "metadata": { "name": "team" } })).await.ok();
    client.until("/api/v1/namespaces/team/serviceaccounts/default", |_| true).await;
    let mut running = pod("p");
    running["spec"]["nodeName"] = json!("node-1");
    client.post("/api/v1/namespaces/team/pods", &running).await.ok();
    client.delete("/api/v1/namespaces/team").await.ok();
    client.until_absent("/api/v1/namespaces/team").await;
    assert_eq!(client.get("/api/v1/namespaces/team/pods/p").await.pair().0, 404);
}

fn definition() -> Value {
    let schema = json!({ "type": "object", "properties": {
        "spec": { "type": "object", "required": ["size"], "properties": {
            "size": { "type": "integer" },
            "mode": { "type": "string", "default": "calm" },
        } },
        "status": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
    } });
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage,
            "schema": { "openAPIV3Schema": schema },
            "subresources": { "status": {}, "scale": { "specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size" } },
            "additionalPrinterColumns": [{ "name": "Size", "type": "integer", "jsonPath": ".spec.size" }],
        })
    };
    json!({ "metadata": { "name": "boats.sea.example" }, "spec": {
        "group": "sea.example", "scope": "Namespaced",
        "names": { "plural": "boats", "kind": "Boat", "shortNames": ["bo"] },
        "versions": [version("v1beta1", false), version("v1", true)],
    } })
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const BOATS: &str = "/apis/sea.example/v1/namespaces/default/boats";

#[tokio::test]
async fn a_definition_is_served_at_all_its_versions_and_takes_its_objects_along() {
    let client = Client::start(Options::default()).await;
    client.post(DEFINITIONS, &definition()).await.ok();
    let group = client.get("/apis/sea.example").await.ok();
    assert_eq!(group["preferredVersion"]["version"], "v1");
    let boat =
        json!({ "metadata": { "name": "ada" }, "spec": { "size": 3, "colour": "red" }, "status": { "afloat": true } });
    let made = client.post("/apis/sea.example/v1beta1/namespaces/default/boats", &boat).await.ok();
    assert_eq!(made["apiVersion"], "sea.example/v1beta1");
    assert_eq!(made["spec"], json!({ "size": 3, "mode": "calm" }), "defaults come, unknown fields go");
    assert_eq!(made.get("status"), None, "the status has a path of its own");
    let merge = "application/merge-patch+json";
    let patch = json!({ "spec": { "size": 9 }, "status": { "size": 1 } });
    let afloat = client.patch(&format!("{BOATS}/ada/status"), merge, &patch).await.ok();
    assert_eq!((&afloat["spec"]["size"], &afloat["status"]["size"]), (&json!(3), &json!(1)));
    assert_eq!(afloat["metadata"]["generation"], 1);
    let scaled = client.patch(&format!("{BOATS}/ada/scale"), merge, &json!({ "spec": { "replicas": 5 } })).await.ok();
    assert_eq!((&scaled["spec"]["replicas"], &scaled["status"]["replicas"]), (&json!(5), &json!(1)));
    let after = client.get(&format!("{BOATS}/ada")).await.ok();
    assert_eq!((&after["spec"]["size"], &after["metadata"]["generation"]), (&json!(5), &json!(2)));
    let table = client.table(BOATS).await;
    assert_eq!(table["columnDefinitions"][1]["name"], "Size");
    assert_eq!(table["rows"][0]["cells"], json!(["ada", 5]));
    let wrong = json!({ "metadata": { "name": "bob" }, "spec": { "size": "big" } });
    assert_eq!(client.post(BOATS, &wrong).await.pair().0, 422);
    client.delete(&format!("{DEFINITIONS}/boats.sea.example")).await.ok();
    assert_eq!(client.get(BOATS).await.pair().0, 404);
    client.post(DEFINITIONS, &definition()).await.ok();
    assert_eq!(names(&client.get(BOATS).await.ok()), Vec::<&str>::new());
}

#[tokio::test]
async fn people_may_do_what_roles_say() {
    let options = Options { users: vec![User::new("ann", &["data"])], ..Options::default() };
    let admin = Client::start(options).await;
    let ann = admin.of("ann");
    let (code, status) = ann.get(PODS).await.pair();
    let said =
        "pods is forbidden: User \"ann\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"";
    assert_eq!((code, status["message"].as_str()), (403, Some(said)));
    assert_eq!(admin.with_token("wrong").get(PODS).await.pair().0, 401);
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let binding = json!({
        "metadata": { "name": "data" },
        "roleRef": { "kind": "ClusterRole", "name": "view" },
        "subjects": [{ "kind": "Group", "name": "data" }],
    });
    admin.post(&format!("{rbac}/namespaces/default/rolebindings"), &binding).await.ok();
    ann.get(PODS).await.ok();
    assert_eq!(ann.get("/api/v1/pods").await.pair().0, 403);
    assert_eq!(ann.post(PODS, &pod("p")).await.pair().0, 403);
    let review = |verb: &str| json!({ "spec": { "resourceAttributes": { "verb": verb, "resource": "pods", "namespace": "default" } } });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    for (verb, allowed) in [("list", true), ("delete", false)] {
        assert_eq!(ann.post(path, &review(verb)).await.ok()["status"]["allowed"], allowed, "{verb}");
    }
    // The administrator may look through her eyes, she not through his.
    assert_eq!(admin.acting_as("ann", &["data"]).post(PODS, &pod("p")).await.pair().0, 403);
    assert_eq!(ann.acting_as("admin", &["system:masters"]).get(PODS).await.pair().0, 403);
}

#[tokio::test]
async fn apply_merges_managers_and_names_conflicts() {
    let client = Client::start(Options::default()).await;
    let apply = "application/apply-patch+yaml";
    let config =
        |data: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "m" }, "data": data });
    let (code, made) =
        client.patch(&format!("{MAPS}/m?fieldManager=one"), apply, &config(json!({ "a": "1", "b": "1" }))).await.pair();
    assert_eq!((code, &made["data"]["a"]), (201, &json!("1")));
    let two = config(json!({ "a": "2", "c": "2" }));
    let (code, status) = client.patch(&format!("{MAPS}/m?fieldManager=two"), apply, &two).await.pair();
    assert_eq!(
        (code, status["message"].as_str()),
        (409, Some("Apply failed with 1 conflict: conflict with \"one\": .data.a"))
    );
    client.patch(&format!("{MAPS}/m?fieldManager=two&force=true"), apply, &two).await.ok();
    let one = client.patch(&format!("{MAPS}/m?fieldManager=one"), apply, &config(json!({}))).await.ok();
    assert_eq!(one["data"], json!({ "a": "2", "c": "2" }), "what one alone had is gone");
}

#[tokio::test]
async fn odd_requests_get_a_status_and_no_panic() {
    let client = Client::start(Options::default()).await;
    for (body, media, expected) in [
        ("{", "application/json", 400),
        ("[]", "application/json", 400),
        ("null", "application/json", 400),
        ("{\"metadata\":7}", "application/json", 400),
        ("{\"metadata\":{\"name\":7}}", "application/json", 400),
        ("{\"metadata\":{\"name\":\"x\"},\"spec\":7}", "application/json", 400),
        ("{\"metadata\":{\"name\":\"x\",\"labels\":[]},\"spec\":{\"containers\":7}}", "application/json", 400),
        ("a: [", "application/yaml", 400),
        ("k8s", "application/vnd.kubernetes.protobuf", 400),
        ("x", "text/plain", 415),
    ] {
        assert_eq!(client.raw(PODS, media, body.to_owned()).await.pair().0, expected, "{body}");
    }
    let large = " ".repeat(4 * 1024 * 1024);
    assert_eq!(client.raw(PODS, "application/json", large).await.pair().0, 413);
    for (path, expected) in [
        ("/api/v1/namespaces/default/nonsense", 404),
        ("/api/v1/namespaces/default/nodes", 404),
        ("/apis/nonsense/v1/things", 404),
        ("/api/v1/pods?continue=nonsense", 400),
        ("/api/v1/pods?labelSelector=%3D", 400),
        ("/api/v1/pods?fieldSelector=nonsense", 400),
        ("/api/v1/pods?resourceVersion=-1", 400),
        ("/api/v1/%ff", 400),
    ] {
        assert_eq!(client.get(path).await.pair().0, expected, "{path}");
    }
    client.get(PODS).await.ok();
}

#[tokio::test]
async fn unknown_fields_are_dropped_or_refused() {
    let client = Client::start(Options::default()).await;
    let mut odd = pod("p");
    odd["spec"]["containers"][0]["imag"] = json!("y");
    let (code, status) = client.post(&format!("{PODS}?fieldValidation=Strict"), &odd).await.pair();
    assert_eq!(code, 400);
    assert!(status["message"].as_str().unwrap().ends_with("unknown field \"spec.containers[0].imag\""), "{status}");
    let made = client.post(PODS, &odd).await.ok();
    assert_eq!(made["spec"]["containers"][0].get("imag"), None);
    client.post(DEFINITIONS, &definition()).await.ok();
    let boat = json!({ "metadata": { "name": "ada" }, "spec": { "size": 3, "colour": "red" } });
    assert_eq!(client.post(&format!("{BOATS}?fieldValidation=Strict"), &boat).await.pair().0, 400);
}

#[tokio::test]
async fn a_dry_run_keeps_nothing() {
    let client = Client::start(Options::default()).await;
    client.post(&format!("{PODS}?dryRun=All"), &pod("p")).await.ok();
    assert_eq!(client.get(&format!("{PODS}/p")).await.pair().0, 404);
    client.post(PODS, &pod("p")).await.ok();
    client.delete(&format!("{PODS}/p?dryRun=All")).await.ok();
    client.get(&format!("{PODS}/p")).await.ok();
}
