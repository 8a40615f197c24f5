//! Search over everything.

use axum::response::Response;
use pilothouse_app::{AppError, ErrorKind, MOST_RESULTS, SHORTEST_SEARCH, SearchAsk, found_json};
use serde_json::Value;

use super::{PATIENCE, answer};
use crate::question::Question;
use crate::visit::Visit;

pub(super) async fn search(visit: Visit) -> Response {
    answer(found(&visit).await)
}

async fn found(visit: &Visit) -> Result<Value, AppError> {
    let question = Question::read_api(&visit.pairs)?;
    if question.q.is_empty() {
        return Err(
            AppError::new(ErrorKind::BadInput, "a search needs words: q=web").hint("write what to look for in q")
        );
    }
    if question.q.trim().chars().count() < SHORTEST_SEARCH {
        let message = format!("a search needs {SHORTEST_SEARCH} letters at least");
        return Err(AppError::new(ErrorKind::BadInput, message).hint("write more of what to look for in q"));
    }
    if question.limit.is_some_and(|limit| limit > MOST_RESULTS) {
        let message = format!("a search gives {MOST_RESULTS} results at most");
        return Err(AppError::new(ErrorKind::BadInput, message).hint("narrow it with filters: kind:Pod, ns:team-a"));
    }
    let ask = SearchAsk { text: question.q, namespaces: question.namespaces, limit: question.limit };
    let found = visit.engine.many(&question.clusters)?.search(ask)?.settled(PATIENCE).await?;
    Ok(found_json(&found))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::convert::Infallible;
    use std::sync::Arc;

    use axum::body::{Body, Bytes};
    use axum::http::{Method, StatusCode, Uri};
    use axum::response::IntoResponse;
    use axum::{Json, Router};
    use pilothouse_app::{Contexts, Engine, ManySource, Person, Sharing, Token};
    use serde_json::json;

    use super::*;

    /// An API server of somebody who may read the pods of `team-a`, and nothing else.
    fn served(method: &Method, uri: &Uri, body: &[u8]) -> Response {
        let asked: Value = serde_json::from_slice(body).unwrap_or_default();
        let resource = |plural: &str, kind: &str, namespaced: bool| json!({"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list", "watch"], "singularName": ""});
        let pods = json!({"verbs": ["get", "list", "watch"], "apiGroups": [""], "resources": ["pods"]});
        let team = asked.pointer("/spec/namespace").and_then(Value::as_str) == Some("team-a");
        let attributes =
            |name: &str| asked.pointer(&format!("/spec/resourceAttributes/{name}")).and_then(Value::as_str);
        let may = attributes("namespace") == Some("team-a") && attributes("resource") == Some("pods");
        let answer = match (method, uri.path()) {
            (_, "/version") => json!({"gitVersion": "v1.33.0"}),
            (_, "/api") => json!({"kind": "APIVersions", "versions": ["v1"]}),
            (_, "/apis") => json!({"kind": "APIGroupList", "groups": []}),
            (_, "/api/v1") => json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [
                resource("pods", "Pod", true), resource("namespaces", "Namespace", false),
            ]}),
            (&Method::POST, path) if path.ends_with("/selfsubjectreviews") => {
                json!({"status": {"userInfo": {"username": "ada"}}})
            }
            (&Method::POST, path) if path.ends_with("/selfsubjectaccessreviews") => json!({"status": {"allowed": may}}),
            (&Method::POST, _) => {
                let rules = if team { vec![pods] } else { Vec::new() };
                json!({"status": {"resourceRules": rules, "nonResourceRules": [], "incomplete": false}})
            }
            (_, "/api/v1/namespaces/team-a/pods") if uri.query().is_some_and(|query| query.contains("watch=")) => {
                let silence = futures::stream::pending::<Result<Bytes, Infallible>>();
                return Body::from_stream(silence).into_response();
            }
            (_, "/api/v1/namespaces/team-a/pods") => {
                json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": [
                    {"metadata": {"name": "web", "namespace": "team-a", "uid": "u", "resourceVersion": "3"}},
                ]})
            }
            _ => {
                let said = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": "Forbidden", "code": 403});
                return (StatusCode::FORBIDDEN, Json(said)).into_response();
            }
        };
        let code = if *method == Method::POST { StatusCode::CREATED } else { StatusCode::OK };
        (code, Json(answer)).into_response()
    }

    #[tokio::test]
    async fn who_may_list_nothing_is_told_so_and_finds_what_is_in_a_namespace_that_is_named() {
        drop(rustls::crypto::ring::default_provider().install_default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router =
            Router::new().fallback(|method: Method, uri: Uri, body: Bytes| async move { served(&method, &uri, &body) });
        tokio::spawn(async move { axum::serve(listener, router).await });
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let kubeconfig = json!({"apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {"server": url}}], "users": [{"name": "me", "user": {"token": "own"}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}]});
        std::fs::write(&path, kubeconfig.to_string()).unwrap();
        let contexts = Contexts::load(Some(path), None).unwrap();
        let engine = Engine::shared(contexts, Sharing { user_credentials_only: true, ..Sharing::default() });
        let tokens = BTreeMap::from([(engine.current(), Token::new("ada"))]);
        let many = engine.seen_by(Arc::new(Person::new("ada", tokens))).many(&[]).unwrap();
        let search = async |namespaces: &[&str]| {
            let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
            let ask = SearchAsk { text: "web".to_owned(), namespaces, limit: None };
            found_json(&many.search(ask).unwrap().settled(PATIENCE).await.unwrap())
        };
        let nothing = search(&[]).await;
        let why = "you may not list anything in this cluster; name the namespaces that you may read";
        assert_eq!(nothing["gaps"], json!([{"cluster": "lab", "kinds": [], "why": why}]));
        assert_eq!((&nothing["complete"], &nothing["of"]), (&json!(false), &json!(0)));
        let listed =
            many.list_settled(&ManySource::Workloads, &pilothouse_app::Ask::default(), PATIENCE).await.unwrap();
        let reason = listed.parts[0].reason();
        assert_eq!(reason.as_deref(), Some("you may not list workloads in this cluster"), "{:?}", listed.parts);
        let elsewhere = search(&["team-b"]).await;
        assert_eq!(elsewhere["gaps"][0]["why"], "you may not list anything in team-b");
        let named = search(&["team-a"]).await;
        assert_eq!(
            (&named["complete"], &named["total"], &named["of"]),
            (&json!(true), &json!(1), &json!(1)),
            "{named}"
        );
        engine.shutdown();
    }
}
