//! Rights: what a user may do, and how the server tells.

use reqwest::Method;
use serde_json::{Value, json};

use super::namespace;
use crate::recorder::{JSON, Recorder};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1";

pub(super) async fn run(recorder: &mut Recorder) {
    namespace(recorder, "rights").await;
    visitor(recorder, "list without a right", Method::GET, "/api/v1/namespaces/rights/pods", None).await;
    visitor(recorder, "get without a right", Method::GET, "/api/v1/namespaces/rights/pods/one", None).await;
    visitor(recorder, "list everywhere without a right", Method::GET, "/api/v1/pods", None).await;
    let body = json!({"metadata": {"name": "one"}});
    visitor(recorder, "create without a right", Method::POST, "/api/v1/namespaces/rights/configmaps", Some(&body))
        .await;
    visitor(recorder, "get a node without a right", Method::GET, "/api/v1/nodes/one", None).await;
    grant(recorder).await;
    recorder.visitor.wait("/api/v1/namespaces/rights/pods", |answer| answer.status == 200).await;
    visitor(recorder, "list with a right", Method::GET, "/api/v1/namespaces/rights/secrets", None).await;
    visitor(recorder, "get a named object", Method::GET, "/api/v1/namespaces/rights/configmaps/shown", None).await;
    visitor(recorder, "get another object", Method::GET, "/api/v1/namespaces/rights/configmaps/hidden", None).await;
    visitor(recorder, "read logs without a right", Method::GET, "/api/v1/namespaces/rights/pods/one/log", None).await;
    reviews(recorder).await;
    rules(recorder).await;
}

async fn visitor(recorder: &mut Recorder, step: &str, method: Method, path: &str, body: Option<&Value>) {
    let answer = recorder.visitor.send(method, path, body.map(|body| (JSON, body))).await;
    // What an allowed list holds is not the question here.
    let body = if answer.status < 300 { answer.body["kind"].clone() } else { answer.body };
    recorder.note(step, json!({"code": answer.status, "body": body}));
}

async fn grant(recorder: &Recorder) {
    let role = json!({
        "metadata": {"name": "looker"},
        "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["shown"], "verbs": ["get"]},
            {"apiGroups": ["*"], "resources": ["jobs"], "verbs": ["*"]},
        ],
    });
    recorder.admin.ensure(&format!("{ROLES}/namespaces/rights/roles"), &role).await;
    let subject = json!({"kind": "User", "name": recorder.visitor_name, "apiGroup": "rbac.authorization.k8s.io"});
    let binding = json!({
        "metadata": {"name": "looker"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "looker"},
        "subjects": [subject],
    });
    recorder.admin.ensure(&format!("{ROLES}/namespaces/rights/rolebindings"), &binding).await;
    let nodes = json!({"metadata": {"name": "node-looker"}, "rules": [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["list"]}]});
    recorder.admin.ensure(&format!("{ROLES}/clusterroles"), &nodes).await;
    let binding = json!({
        "metadata": {"name": "node-looker"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "node-looker"},
        "subjects": [subject],
    });
    recorder.admin.ensure(&format!("{ROLES}/clusterrolebindings"), &binding).await;
}

async fn reviews(recorder: &mut Recorder) {
    let questions = [
        ("may list pods here", json!({"namespace": "rights", "verb": "list", "resource": "pods"})),
        ("may list pods elsewhere", json!({"namespace": "default", "verb": "list", "resource": "pods"})),
        ("may list pods everywhere", json!({"verb": "list", "resource": "pods"})),
        ("may delete pods here", json!({"namespace": "rights", "verb": "delete", "resource": "pods"})),
        (
            "may read the log of a pod",
            json!({"namespace": "rights", "verb": "get", "resource": "pods", "subresource": "log"}),
        ),
        (
            "may get the named object",
            json!({"namespace": "rights", "verb": "get", "resource": "configmaps", "name": "shown"}),
        ),
        (
            "may get another object",
            json!({"namespace": "rights", "verb": "get", "resource": "configmaps", "name": "hidden"}),
        ),
        ("may create jobs", json!({"namespace": "rights", "verb": "create", "group": "batch", "resource": "jobs"})),
        ("may list nodes", json!({"verb": "list", "resource": "nodes"})),
    ];
    for (step, attributes) in questions {
        let body = json!({"spec": {"resourceAttributes": attributes}});
        let path = format!("{REVIEWS}/selfsubjectaccessreviews");
        let own = recorder.visitor.send(Method::POST, &path, Some((JSON, &body))).await;
        let mut spec = body["spec"].clone();
        spec["user"] = json!(recorder.visitor_name);
        let path = format!("{REVIEWS}/subjectaccessreviews");
        let other = recorder.admin.send(Method::POST, &path, Some((JSON, &json!({"spec": spec})))).await;
        // The reason is told in a sentence that differs.
        let allowed = |answer: &pilothouse_harness::Answer| {
            json!([answer.status, answer.body["kind"], answer.body["status"]["allowed"]])
        };
        recorder.note(step, json!({"own": allowed(&own), "asked by the administrator": allowed(&other)}));
    }
    let path = format!("{REVIEWS}/selfsubjectaccessreviews");
    let body = json!({"spec": {"resourceAttributes": {"verb": "*", "resource": "*", "group": "*"}}});
    let answer = recorder.admin.send(Method::POST, &path, Some((JSON, &body))).await;
    recorder.note("the administrator may do everything", answer.body["status"]["allowed"].clone());
    let path = format!("{REVIEWS}/subjectaccessreviews");
    visitor(
        recorder,
        "asking about others without a right",
        Method::POST,
        &path,
        Some(&json!({"spec": {"user": "x"}})),
    )
    .await;
}

async fn rules(recorder: &mut Recorder) {
    let path = format!("{REVIEWS}/selfsubjectrulesreviews");
    let body = json!({"spec": {"namespace": "rights"}});
    let answer = recorder.visitor.send(Method::POST, &path, Some((JSON, &body))).await;
    let mut rules: Vec<Value> = crate::recorder::list(&answer.body["status"]["resourceRules"]).to_vec();
    // Every user of a real server may ask these questions; that rule is not what is compared.
    rules.retain(|rule| !rule.to_string().contains("selfsubject"));
    rules.sort_by_key(Value::to_string);
    let incomplete = &answer.body["status"]["incomplete"];
    recorder.note("the rules of a user", json!({"code": answer.status, "rules": rules, "incomplete": incomplete}));
}
