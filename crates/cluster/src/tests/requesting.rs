//! Single requests, and how their failures read.

use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde_json::json;

use super::fake::{Fake, answer, connect, pods, refusal};
use crate::{ClusterError, Connection, Contexts, ErrorKind};

async fn error_of(code: u16, reason: &'static str, message: &'static str) -> ClusterError {
    let fake = Fake::start(move |_| refusal(code, reason, message)).await;
    fake.connect().version().await.unwrap_err()
}

#[tokio::test]
async fn the_version_is_the_servers_own() {
    let fake = Fake::start(|_| answer(json!({"major": "1", "minor": "33", "gitVersion": "v1.33.1"}))).await;
    assert_eq!(fake.connect().version().await.unwrap(), "v1.33.1");
}

#[tokio::test]
async fn errors_are_told_apart() {
    let cases = [
        (401, "Unauthorized", ErrorKind::Unauthorized),
        (403, "Forbidden", ErrorKind::Forbidden),
        (404, "NotFound", ErrorKind::NotFound),
        (410, "Expired", ErrorKind::Gone),
        (429, "TooManyRequests", ErrorKind::TooMany),
        (500, "InternalError", ErrorKind::Other),
    ];
    for (code, reason, kind) in cases {
        let error = error_of(code, reason, "the words").await;
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("the words"), "{error}");
    }
}

#[tokio::test]
async fn what_a_proxy_answers_is_shown_too() {
    let fake = Fake::start(|_| (StatusCode::BAD_GATEWAY, "\n<h1>bad gateway</h1>\nmore").into_response()).await;
    let error = fake.connect().version().await.unwrap_err();
    assert_eq!(error.to_string(), "the API server answered 502 to GET /version: <h1>bad gateway</h1>");
}

#[tokio::test]
async fn a_refused_connection_names_the_server() {
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let error = connect(&url, "").version().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot reach the API server {url}: connection refused; nothing listens there, is it running?")
    );
}

#[tokio::test]
async fn a_server_without_tls_is_named_as_such() {
    let fake = Fake::start(|_| answer(json!({}))).await;
    let error = connect(&fake.url.replace("http:", "https:"), "").version().await.unwrap_err();
    assert!(error.to_string().contains("it does not speak TLS on this port"), "{error}");
}

#[tokio::test]
async fn who_speaks_plain_http_to_a_tls_port_is_told() {
    let go = |_| (StatusCode::BAD_REQUEST, "Client sent an HTTP request to an HTTPS server.\n").into_response();
    let fake = Fake::start(go).await;
    let error = fake.connect().version().await.unwrap_err();
    assert!(error.to_string().contains("must begin with https://"), "{error}");
    // Others answer with an alert, which is not HTTP.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let alert = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(&[0x15, 3, 3, 0, 2, 2, 10]).await.unwrap();
    });
    let error = connect(&url, "").version().await.unwrap_err();
    alert.await.unwrap();
    assert!(error.to_string().contains("must begin with https://"), "{error}");
}

#[tokio::test]
async fn a_user_that_there_is_not_is_named_once_the_server_refuses() {
    let fake = Fake::start(|_| refusal(401, "Unauthorized", "Unauthorized")).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, super::fake::kubeconfig(&fake.url, "token: t").replace("user: me", "user: ghost")).unwrap();
    let connection = Connection::open(&Contexts::load(Some(path), None).unwrap(), "fake").unwrap();
    let error = connection.version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("no user named `ghost`"), "{error}");
}

#[tokio::test]
async fn an_expired_token_says_so_and_is_read_anew_once() {
    let fake = Fake::start(|asked| match asked.headers.get("authorization").map(|value| value.to_str().unwrap()) {
        Some("Bearer new") => answer(json!({"gitVersion": "v1"})),
        _ => refusal(401, "Unauthorized", "Unauthorized"),
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, super::fake::kubeconfig(&fake.url, "token: old")).unwrap();
    let connection = Connection::open(&Contexts::load(Some(path.clone()), None).unwrap(), "fake").unwrap();
    let error = connection.version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("expired"), "{error}");
    assert_eq!(fake.asked().len(), 2);
    std::fs::write(&path, super::fake::kubeconfig(&fake.url, "token: new")).unwrap();
    assert_eq!(connection.version().await.unwrap(), "v1");
}

#[tokio::test]
async fn a_credential_plugin_gives_the_token_or_its_own_words() {
    let fake = Fake::start(|asked| match asked.headers.get("authorization").map(|value| value.to_str().unwrap()) {
        Some("Bearer from-plugin") => answer(json!({"gitVersion": "v1"})),
        _ => refusal(401, "Unauthorized", "Unauthorized"),
    })
    .await;
    let plugin = |script: &str| {
        let user = format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: [-c, {}]}}",
            json!(script)
        );
        connect(&fake.url, &user)
    };
    let good = plugin(
        r#"echo '{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": "from-plugin"}}'"#,
    );
    assert_eq!(good.version().await.unwrap(), "v1");
    let error = plugin("echo 'your session has ended, run login' >&2; exit 3").version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("your session has ended, run login"), "{error}");
    let absent = connect(
        &fake.url,
        "exec: {apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: /no/such/plugin}",
    );
    let error = absent.version().await.unwrap_err();
    assert!(error.to_string().contains("`/no/such/plugin` cannot be started"), "{error}");
}

#[tokio::test]
async fn one_object_is_read_by_name() {
    let fake = Fake::start(|asked| match asked.path.as_str() {
        "/api/v1/namespaces/team-a/pods/a" => answer(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a", "namespace": "team-a", "managedFields": [{"manager": "kubelet"}]}
        })),
        _ => refusal(404, "NotFound", "pods \"b\" not found"),
    })
    .await;
    let connection = fake.connect();
    let object = connection.get(&pods(), Some("team-a"), "a").await.unwrap();
    assert!(object.pointer("/metadata/managedFields").is_none());
    let error = connection.get(&pods(), Some("team-a"), "b").await.unwrap_err();
    assert_eq!(error.to_string(), "not found: pods \"b\" not found");
}

#[tokio::test]
async fn a_path_that_leads_nowhere_is_named() {
    let plain = |_| (StatusCode::NOT_FOUND, "404 page not found\n").into_response();
    let status = |_| refusal(404, "NotFound", "the server could not find the requested resource");
    for fake in [Fake::start(plain).await, Fake::start(status).await] {
        let error = fake.connect().read("/apis/gone/v1/lamps?limit=5").await.unwrap_err();
        assert_eq!(error.to_string(), "not found: the cluster does not serve /apis/gone/v1/lamps");
    }
}

#[tokio::test]
async fn a_password_in_the_servers_url_is_not_shown() {
    let shown = |url: &str| connect(url, "").server().to_owned();
    assert_eq!(shown("http://me:hunter2@127.0.0.1:1/prefix/me@x"), "http://127.0.0.1:1/prefix/me@x");
    assert_eq!(shown("https://127.0.0.1:1"), "https://127.0.0.1:1");
    let error = connect("http://me:hunter2@127.0.0.1:1", "").version().await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_body_that_is_too_long_is_an_error_and_not_its_beginning() {
    let connection = connect("http://127.0.0.1:1", "");
    let body = || kube::client::Body::from(vec![b'x'; 100]);
    assert_eq!(connection.collect_whole(body(), "/x", 101).await.unwrap().len(), 100);
    let error = connection.collect_whole(body(), "/x", 100).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}
