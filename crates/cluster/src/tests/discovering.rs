//! Discovery on old and new servers.

use axum::response::{IntoResponse, Response};
use pilothouse_model::Resource;
use serde_json::{Value, json};

use super::fake::{Asked, Fake, answer, refusal};
use crate::Discovery;

fn definitions(asked: &Asked) -> Response {
    let definition = |plural: &str, columns: Value| {
        json!({"spec": {
            "group": "kubeflow.org", "names": {"plural": plural, "kind": "X"}, "scope": "Namespaced",
            "versions": [
                {"name": "v1", "schema": {"openAPIV3Schema": {"type": "object"}}, "additionalPrinterColumns": columns},
                {"name": "v1beta1"}
            ]
        }})
    };
    let (item, next) = match asked.get("continue") {
        "" => (
            definition(
                "notebooks",
                json!([{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]),
            ),
            "more",
        ),
        _ => (definition("profiles", Value::Null), ""),
    };
    answer(json!({"kind": "CustomResourceDefinitionList", "metadata": {"continue": next}, "items": [item]}))
}

/// A server of 1.20, whose metrics are down.
fn old(asked: &Asked) -> Response {
    let verbs = ["get", "list", "watch"];
    let groups = json!({"kind": "APIGroupList", "groups": [
        {"name": "batch", "versions": [{"version": "v2alpha1"}, {"version": "v1"}, {"version": "v1beta1"}],
         "preferredVersion": {"version": "v1"}},
        {"name": "metrics.k8s.io", "versions": [{"version": "v1beta1"}], "preferredVersion": {"version": "v1beta1"}},
        {"name": "apiextensions.k8s.io", "versions": [{"version": "v1"}]},
        {"name": "kubeflow.org", "versions": [{"version": "v1"}, {"version": "v1beta1"}]}
    ]});
    let notebooks = json!({"name": "notebooks", "kind": "Notebook", "namespaced": true, "verbs": verbs});
    let resources = match asked.path.as_str() {
        "/api" => return answer(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => return answer(groups),
        "/api/v1" => json!([
            {"name": "pods", "singularName": "", "kind": "Pod", "namespaced": true, "verbs": verbs, "shortNames": ["po"],
             "categories": ["all"]},
            {"name": "pods/log", "kind": "Pod", "namespaced": true, "verbs": ["get"]},
            {"name": "nodes", "kind": "Node", "namespaced": false, "verbs": verbs, "shortNames": null}
        ]),
        "/apis/batch/v1" => json!([{"name": "jobs", "kind": "Job", "namespaced": true, "verbs": verbs}]),
        "/apis/batch/v1beta1" | "/apis/batch/v2alpha1" => {
            json!([{"name": "cronjobs", "kind": "CronJob", "namespaced": true, "verbs": verbs}])
        }
        "/apis/apiextensions.k8s.io/v1" => {
            json!([{"name": "customresourcedefinitions", "kind": "CustomResourceDefinition", "namespaced": false, "verbs": verbs}])
        }
        "/apis/kubeflow.org/v1" => {
            json!([notebooks, {"name": "profiles", "kind": "Profile", "namespaced": false, "verbs": verbs}])
        }
        "/apis/kubeflow.org/v1beta1" => json!([notebooks]),
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions" => return definitions(asked),
        _ => return refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request"),
    };
    answer(json!({"kind": "APIResourceList", "resources": resources}))
}

/// The same cluster on a newer server.
fn new(asked: &Asked) -> Response {
    let entry = |plural: &str, kind: &str, scope: &str| {
        json!({"resource": plural, "responseKind": {"group": "", "version": "", "kind": kind}, "scope": scope,
            "singularResource": "", "verbs": ["get", "list", "watch"], "subresources": [{"subresource": "status"}]})
    };
    let mut pods = entry("pods", "Pod", "Namespaced");
    pods["shortNames"] = json!(["po"]);
    pods["categories"] = json!(["all"]);
    pods["subresources"] = json!([{"subresource": "log"}]);
    let items = match asked.path.as_str() {
        "/api" => {
            json!([{"versions": [{"version": "v1", "freshness": "Current", "resources": [pods, entry("nodes", "Node", "Cluster")]}]}])
        }
        "/apis" => json!([
            {"metadata": {"name": "batch"}, "versions": [
                {"version": "v1", "resources": [entry("jobs", "Job", "Namespaced")]},
                {"version": "v2alpha1", "resources": [entry("cronjobs", "CronJob", "Namespaced")]},
                {"version": "v1beta1", "resources": [entry("cronjobs", "CronJob", "Namespaced")]}
            ]},
            {"metadata": {"name": "metrics.k8s.io"}, "versions": [{"version": "v1beta1", "freshness": "Stale", "resources": null}]},
            {"metadata": {"name": "apiextensions.k8s.io"}, "versions": [
                {"version": "v1", "resources": [entry("customresourcedefinitions", "CustomResourceDefinition", "Cluster")]}
            ]},
            {"metadata": {"name": "kubeflow.org"}, "versions": [
                {"version": "v1", "resources": [entry("notebooks", "Notebook", "Namespaced"), entry("profiles", "Profile", "Cluster"),
                    {"resource": "odd", "scope": "Cluster", "verbs": null}]},
                {"version": "v1beta1", "resources": [entry("notebooks", "Notebook", "Namespaced")]}
            ]}
        ]),
        _ => return definitions(asked),
    };
    let accepted = asked.headers["accept"].to_str().unwrap();
    assert!(accepted.contains("v=v2;") && accepted.contains("v=v2beta1;"), "{accepted}");
    answer(json!({"kind": "APIGroupDiscoveryList", "items": items}))
}

fn words(resource: &Resource) -> String {
    let scope = if resource.namespaced { "namespaced" } else { "cluster" };
    let preferred = if resource.preferred { ", preferred" } else { "" };
    let columns = resource.printer_columns.as_ref().map(|columns| format!(", {} columns", columns.len()));
    format!(
        "{} {} {} {scope}{preferred}{}",
        resource.api_version(),
        resource.plural,
        resource.kind,
        columns.unwrap_or_default()
    )
}

async fn discover(script: fn(&Asked) -> Response) -> Discovery {
    let fake = Fake::start(move |asked| script(&asked)).await;
    fake.connect().discover().await.unwrap()
}

#[tokio::test]
async fn old_and_new_servers_read_the_same() {
    for (script, problem) in [(old as fn(&Asked) -> Response, "currently unable"), (new, "APIService")] {
        let Discovery { resources, problems } = discover(script).await;
        assert_eq!(
            resources.iter().map(|resource| words(resource)).collect::<Vec<_>>(),
            [
                "v1 pods Pod namespaced, preferred",
                "v1 nodes Node cluster, preferred",
                "batch/v1 jobs Job namespaced, preferred",
                "batch/v2alpha1 cronjobs CronJob namespaced, preferred",
                "batch/v1beta1 cronjobs CronJob namespaced",
                "apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition cluster, preferred",
                "kubeflow.org/v1 notebooks Notebook namespaced, preferred, 1 columns",
                "kubeflow.org/v1 profiles Profile cluster, preferred, 0 columns",
                "kubeflow.org/v1beta1 notebooks Notebook namespaced, 0 columns",
            ]
        );
        assert_eq!((resources[0].short_names.len(), resources[0].categories.len()), (1, 1));
        assert!(resources[0].offers("watch"));
        assert!(resources[0].has("log") && !resources[0].has("exec") && !resources[1].has("log"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(problems[0].api_version.as_deref(), Some("metrics.k8s.io/v1beta1"));
        assert_eq!(problems[0].group(), Some("metrics.k8s.io"));
        assert!(
            problems[0].to_string().contains("metrics.k8s.io/v1beta1") && problems[0].to_string().contains(problem),
            "{problems:?}"
        );
    }
}

#[tokio::test]
async fn columns_that_may_not_be_read_are_a_problem_not_an_error() {
    let Discovery { resources, problems } = discover(|asked| match asked.path.as_str() {
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions" => refusal(403, "Forbidden", "you may not"),
        _ => new(asked),
    })
    .await;
    assert!(resources.iter().all(|resource| resource.printer_columns.is_none()));
    assert!(
        problems.iter().any(|problem| problem.api_version.is_none() && problem.to_string().contains("you may not")),
        "{problems:?}"
    );
}

#[tokio::test]
async fn a_server_that_serves_no_discovery_is_an_error() {
    for body in ["{\"kind\": \"Lamp\"}", "hello"] {
        let fake = Fake::start(move |_| body.into_response()).await;
        let error = fake.connect().discover().await.unwrap_err();
        assert!(error.to_string().starts_with("cannot read the answer to GET /api"), "{error}");
    }
}
