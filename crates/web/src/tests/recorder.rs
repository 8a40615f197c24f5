//! An API server that serves a little, lets everybody do everything, and remembers exactly what it was asked.

use std::sync::{Arc, Mutex};

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};

/// One request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    /// Path and query, not decoded.
    pub(super) uri: String,
    pub(super) headers: HeaderMap,
}

impl Asked {
    pub(super) fn path(&self) -> &str {
        self.uri.split('?').next().unwrap()
    }

    /// The bearer token, which must be the only one.
    pub(super) fn token(&self) -> &str {
        let mut values = self.headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().unwrap_or_else(|| panic!("{self:?} comes from nobody"));
        assert!(values.next().is_none(), "{self:?}");
        value.to_str().unwrap().strip_prefix("Bearer ").unwrap()
    }
}

/// The running server.
#[derive(Clone, Default)]
pub(super) struct Recorder {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Recorder {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let recorder = Self { url, asked: Arc::default() };
        let asked = Arc::clone(&recorder.asked);
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let one = Asked { method, uri: uri.to_string(), headers };
            let response = answer(&one, &body);
            asked.lock().unwrap().push(one);
            async move { response }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        recorder
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// Whom a token stands for: `ada-token` for `ada`.
fn name(asked: &Asked) -> Option<String> {
    let value = asked.headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")?;
    value.strip_suffix("-token").map(str::to_owned)
}

fn answer(asked: &Asked, body: &[u8]) -> Response {
    let Some(name) = name(asked) else { return status(401, "Unauthorized") };
    let path = asked.path();
    if asked.method == Method::POST
        && let Some(review) = path.rsplit('/').next().filter(|last| last.starts_with("selfsubject"))
    {
        return (StatusCode::CREATED, Json(reviewed(review, &name))).into_response();
    }
    let resource = |plural: &str, kind: &str, namespaced: bool| {
        let verbs = ["create", "delete", "get", "list", "patch", "update", "watch"];
        json!({"name": plural, "kind": kind, "namespaced": namespaced, "verbs": verbs, "singularName": ""})
    };
    match path {
        "/version" => Json(json!({"gitVersion": "v1.33.0"})).into_response(),
        "/api" => Json(json!({"kind": "APIVersions", "versions": ["v1"]})).into_response(),
        "/apis" => Json(json!({"kind": "APIGroupList", "groups": []})).into_response(),
        "/api/v1" => {
            let resources = [
                resource("pods", "Pod", true),
                resource("secrets", "Secret", true),
                resource("events", "Event", true),
                resource("namespaces", "Namespace", false),
                resource("nodes", "Node", false),
            ];
            Json(json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": resources})).into_response()
        }
        _ if asked.uri.contains("watch=") => {
            let silence = futures::stream::pending::<Result<Bytes, std::convert::Infallible>>();
            ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(silence)).into_response()
        }
        _ if asked.method == Method::GET && asked.uri.contains("limit=") => {
            Json(json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": []}))
                .into_response()
        }
        _ if path.ends_with("/log") => "one line\n".into_response(),
        _ if path.ends_with("/pods/web") || path.ends_with("/secrets/web") => Json(web(path, body)).into_response(),
        _ => status(404, "NotFound"),
    }
}

fn web(path: &str, _body: &[u8]) -> Value {
    let kind = if path.contains("/secrets/") { "Secret" } else { "Pod" };
    json!({
        "apiVersion": "v1", "kind": kind,
        "metadata": {"name": "web", "namespace": "a", "uid": "u", "resourceVersion": "3"},
        "data": {"key": "aHVudGVyMg=="}, "spec": {"containers": [{"name": "main"}]},
    })
}

fn reviewed(review: &str, name: &str) -> Value {
    let everything = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
    match review {
        "selfsubjectreviews" => json!({"status": {"userInfo": {"username": name}}}),
        "selfsubjectaccessreviews" => json!({"status": {"allowed": true}}),
        _ => json!({"status": {"resourceRules": [everything], "nonResourceRules": [], "incomplete": false}}),
    }
}

fn status(code: u16, reason: &str) -> Response {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "reason": reason, "code": code});
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}
