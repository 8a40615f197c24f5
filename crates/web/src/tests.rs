//! The door, from outside: every route and every stream, with and without what it takes to enter.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use pilothouse_app::{Contexts, Engine, OPERATIONS};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::guard::PUBLIC;
use crate::server::{Door, pages, router};
use crate::session::LaunchSecret;

mod attack;
mod recorder;
mod shared;

const HOST: &str = "127.0.0.1:8700";

/// A console over a cluster that does not answer: port 1 of loopback refuses.
struct Console {
    router: Router,
    secret: LaunchSecret,
    cookie: String,
    _folder: tempfile::TempDir,
}

const KUBECONFIG: &str = "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: c\n  cluster: {server: 'http://127.0.0.1:1'}\nusers:\n- name: u\n  user: {token: t}\ncontexts:\n- name: prod\n  context: {cluster: c, user: u}\n- name: other/one\n  context: {cluster: c, user: u}\n";

pub(crate) fn engine() -> (Engine, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, KUBECONFIG).unwrap();
    (Engine::new(Contexts::load(Some(path), None).unwrap()), folder)
}

async fn console() -> Console {
    let (engine, folder) = engine();
    let secret = LaunchSecret::generate();
    let address: SocketAddr = HOST.parse().unwrap();
    let router = router(engine, address, Door::Local(secret.clone()), CancellationToken::new()).unwrap();
    let entered = router.clone().oneshot(get(&format!("/?launch={}", secret.reveal()), &[])).await.unwrap();
    assert_eq!(entered.status(), StatusCode::SEE_OTHER);
    assert_eq!(entered.headers()[header::LOCATION], "/");
    let cookie = entered.headers()[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    Console { router, secret, cookie, _folder: folder }
}

fn get(path: &str, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::get(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(header::HOST, HOST);
    }
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(Body::empty()).unwrap()
}

impl Console {
    async fn ask(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.router.clone().oneshot(get(path, headers)).await.unwrap()
    }

    async fn enter(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut headers = headers.to_vec();
        headers.push(("cookie", &self.cookie));
        self.ask(path, &headers).await
    }
}

async fn text(response: Response<Body>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

/// Every route with something in the place of its parameters.
fn every_path() -> Vec<String> {
    let fill = |path: &str| {
        path.split('/')
            .map(|segment| match segment {
                "{cluster}" => "prod",
                "{group}" => "core",
                "{version}" => "v1",
                "{plural}" => "pods",
                other if other.starts_with('{') => "name",
                other => other,
            })
            .collect::<Vec<_>>()
            .join("/")
    };
    let mut paths: Vec<_> = pages().iter().map(|(path, _)| fill(path)).collect();
    paths.extend(OPERATIONS.iter().map(|operation| fill(&format!("/api/v1{}", operation.path))));
    paths.extend(["/api/v1/openapi.json".to_owned(), "/no/such/page".to_owned(), "/favicon.ico".to_owned()]);
    paths
}

#[tokio::test]
async fn no_route_answers_without_a_session() {
    let console = console().await;
    for path in every_path() {
        for accept in ["text/html", "application/json", "text/event-stream"] {
            for headers in [
                vec![("accept", accept)],
                vec![("accept", accept), ("cookie", "pilothouse-8700=guess")],
                vec![("accept", accept), ("authorization", "Bearer guess")],
            ] {
                let response = console.ask(&path, &headers).await;
                assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path} {headers:?}");
                assert!(response.headers().get(header::SET_COOKIE).is_none());
            }
        }
    }
    // The script of a page has the browser load the words whole.
    let part = console.ask("/clusters", &[("hx-request", "true")]).await;
    assert_eq!(part.headers()["hx-refresh"], "true");
    let wrong = console.ask("/?launch=0000", &[]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    assert!(text(wrong).await.contains("Open the address that pilothouse printed"));
}

#[tokio::test]
async fn another_host_origin_or_site_is_refused_everywhere_even_with_a_session() {
    let console = console().await;
    let mut paths = every_path();
    paths.extend(PUBLIC.map(str::to_owned));
    paths.push(format!("/?launch={}", console.secret.reveal()));
    for path in paths {
        for header in [
            ("host", "evil.example:8700"),
            ("host", "127.0.0.1:8701"),
            ("host", "127.0.0.1"),
            ("origin", "http://evil.example"),
            ("origin", "http://127.0.0.1:8701"),
            ("origin", "https://127.0.0.1:8700"),
            ("origin", "http://localhost:8700"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let response = console.enter(&path, &[header]).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {header:?}");
            assert!(response.headers().get(header::SET_COOKIE).is_none(), "{path} {header:?}");
        }
    }
}

/// Every route that does something, with its method.
fn every_deed() -> Vec<(axum::http::Method, String)> {
    use axum::http::Method;
    let mut deeds = Vec::new();
    for path in every_path() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            deeds.push((method, path.clone()));
        }
    }
    deeds
}

impl Console {
    async fn send(&self, method: axum::http::Method, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut request = get(path, headers);
        *request.method_mut() = method;
        self.router.clone().oneshot(request).await.unwrap()
    }
}

#[tokio::test]
async fn nothing_is_done_without_a_session_from_another_site_or_by_a_cookie_alone() {
    let console = console().await;
    let cookie = ("cookie", console.cookie.as_str());
    for (method, path) in every_deed() {
        let nobody = console.send(method.clone(), &path, &[]).await;
        assert_eq!(nobody.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        for more in [
            [("origin", "http://evil.example"), ("sec-fetch-mode", "navigate")],
            [("origin", "null"), ("sec-fetch-site", "same-origin")],
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
            [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "navigate")],
        ] {
            let headers = [cookie, more[0], more[1]];
            let response = console.send(method.clone(), &path, &headers).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {path} {more:?}");
        }
        let alone = console.send(method.clone(), &path, &[cookie]).await;
        let no_route = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_FOUND].contains(&alone.status());
        assert!(alone.status() == StatusCode::FORBIDDEN || no_route, "{method} {path} {}", alone.status());
    }
    // The door is not simply shut: from a page of the console it goes on to the cluster, which does not answer.
    for path in ["/c/prod/act/delete/core/v1/pods/namespaces/a/web", "/c/prod/reveal/core/v1/secrets/namespaces/a/keys"]
    {
        let own = [cookie, ("origin", "http://127.0.0.1:8700"), ("content-type", "application/x-www-form-urlencoded")];
        let response = console.send(axum::http::Method::POST, path, &own).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn a_session_opens_every_way_that_it_should() {
    let console = console().await;
    let bearer = format!("Bearer {}", console.secret.reveal());
    for headers in [
        vec![("cookie", console.cookie.as_str())],
        vec![("authorization", bearer.as_str())],
        vec![("cookie", console.cookie.as_str()), ("host", "localhost:8700"), ("origin", "http://localhost:8700")],
        vec![("cookie", console.cookie.as_str()), ("host", "[::1]:8700")],
        vec![("cookie", console.cookie.as_str()), ("sec-fetch-site", "same-origin")],
        // A link in another page may lead here, but only as a link.
        vec![("cookie", console.cookie.as_str()), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
    ] {
        assert_eq!(console.ask("/clusters", &headers).await.status(), StatusCode::OK, "{headers:?}");
    }
    // The printed address works again while the console lives, and never stays in the address bar.
    let again = console.enter(&format!("/?launch={}", console.secret.reveal()), &[]).await;
    assert_eq!(again.headers()[header::LOCATION], "/");
}

#[tokio::test]
async fn only_the_look_of_the_refusal_is_public() {
    let console = console().await;
    assert_eq!(PUBLIC.len(), 3);
    for path in PUBLIC {
        let response = console.ask(path, &[]).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert!(response.headers()[header::CACHE_CONTROL].to_str().unwrap().contains("immutable"));
        assert_eq!(response.headers().get_all(header::VARY).iter().count(), 1);
    }
    assert_eq!(console.ask(crate::assets::SCRIPT, &[]).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn every_answer_is_dressed() {
    let console = console().await;
    let answers = [
        console.ask("/clusters", &[]).await,
        console.ask("/clusters", &[("host", "evil")]).await,
        console.enter("/clusters", &[]).await,
        console.enter("/api/v1/clusters", &[]).await,
        console.enter(crate::assets::SCRIPT, &[]).await,
        console.enter("/nothing", &[]).await,
    ];
    for response in answers {
        let value = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let policy = value("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(value("x-content-type-options"), "nosniff");
        assert_eq!(value("referrer-policy"), "same-origin");
        assert_eq!(value("cross-origin-resource-policy"), "same-origin");
        let kept = value("cache-control");
        assert!(kept == "no-store" || kept.starts_with("public, max-age=31536000, immutable"), "{kept}");
    }
}

#[tokio::test]
async fn odd_parameters_are_harmless() {
    let console = console().await;
    for path in [
        "/c/%2e%2e/r/core/v1/pods",
        "/c/..%2f..%2fetc",
        "/c/prod/r/%2e%2e/%2e%2e/%2e%2e",
        "/c/prod/r/core/v1/pods/namespaces/%2e%2e/x",
        "/c/prod/r/core/v1/pods/namespaces/a%2f..%2fb/x",
        "/c/prod/r/core/v1/pods/namespaces/a/%00",
        "/c/prod/r/core/v1/pods/namespaces/a/%ff",
        "/c/prod/r/core/v1/pods?offset=minus&ns=%2e%2e",
        "/assets/%2e%2e%2fmanifest.json",
        "/assets/..%2f..%2fpackage.json",
        "/api/v1/clusters/%2e%2e/resources",
        "/api/v1/clusters/prod/resources/core/v1/pods/namespaces/%2e%2e/x",
        "/c/prod/live?watch=o/core/v1/pods/namespaces/..%252fx/y&watch=%ff&watch=",
    ] {
        let response = console.enter(path, &[]).await;
        assert!(!response.status().is_server_error() || response.status() == StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_ne!(response.headers().get(header::CONTENT_SECURITY_POLICY), None, "{path}");
    }
}

#[tokio::test]
async fn a_cluster_that_does_not_answer_is_told_and_the_console_stays_up() {
    let console = console().await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let page = loop {
        let response = console.enter("/c/prod/r/core/v1/pods", &[]).await;
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let page = text(response).await;
        if page.contains("data-until") {
            break page;
        }
        assert!(tokio::time::Instant::now() < deadline, "{page}");
    };
    assert!(page.contains("Cannot reach the API server http://127.0.0.1:1"), "{page}");
    assert!(page.contains("data-watch=\"state?was=down\""), "{page}");
    let clusters = text(console.enter("/clusters", &[]).await).await;
    assert!(clusters.contains("/c/other%2Fone"), "{clusters}");
    let home = console.enter("/", &[]).await;
    assert_eq!(home.headers()[header::LOCATION], "/c/prod");
}

#[tokio::test]
async fn an_address_that_is_not_text_is_told_as_such() {
    let console = console().await;
    for path in ["/c/%ff", "/c/prod/r/core/v1/pods/namespaces/a/%ff"] {
        let response = console.enter(path, &[]).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let page = text(response).await;
        assert!(page.contains("This address cannot be decoded") && !page.contains("no cluster named"), "{page}");
    }
}

#[tokio::test]
async fn the_api_refuses_what_it_would_ignore() {
    let console = console().await;
    for path in ["/api/v1/clusters?ns=a", "/api/v1/clusters/prod/workloads?limits=5"] {
        let response = console.enter(path, &[]).await;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{path}");
        let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
        assert!(body["error"]["message"].as_str().unwrap().contains("does not know the parameter"), "{body}");
    }
    let response = console.enter("/api/v1/search?q=web&limit=51", &[]).await;
    assert_eq!(response.status(), StatusCode::BAD_REQUEST);
    assert!(text(response).await.contains("50 results at most"));
}

#[tokio::test]
async fn what_a_route_does_not_take_is_refused_in_words() {
    use axum::http::Method;
    let console = console().await;
    let cookie = ("cookie", console.cookie.as_str());
    let own = [cookie, ("origin", "http://127.0.0.1:8700")];
    for (method, path, allowed) in [
        (Method::POST, "/api/v1/clusters", "GET,HEAD"),
        (Method::PATCH, "/api/v1/clusters/prod/resources/core/v1/nodes/n", "DELETE,GET,HEAD,PUT"),
        (Method::GET, "/api/v1/clusters/prod/resources/core/v1/secrets/namespaces/a/keys/reveal", "POST"),
        (Method::OPTIONS, "/api/v1/openapi.json", "GET,HEAD"),
    ] {
        let answer = console.send(method.clone(), path, &own).await;
        assert_eq!(answer.status(), StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        let mut allow: Vec<_> =
            answer.headers()[header::ALLOW].to_str().unwrap().split(',').map(str::to_owned).collect();
        allow.sort();
        assert_eq!(allow.join(","), allowed, "{method} {path}");
        let body: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(body["error"]["message"], format!("{method} cannot be asked of {path}"));
    }
    let page = console.send(Method::PUT, "/clusters", &own).await;
    assert_eq!(
        (page.status(), page.headers()[header::ALLOW].to_str().unwrap()),
        (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD")
    );
    assert!(text(page).await.contains("<h1>PUT cannot be asked of /clusters.</h1>"));
    for method in [Method::PUT, Method::DELETE] {
        let mut request = get("/api/v1/clusters/prod/resources/core/v1/nodes/n", &own);
        *request.method_mut() = method.clone();
        *request.body_mut() = Body::from(vec![b' '; (4 << 20) + 1]);
        let answer = console.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{method}");
        let body: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
        assert_eq!(body["error"]["message"], "the body is larger than this operation takes");
    }
}

#[tokio::test]
async fn an_unknown_cluster_is_named_with_those_there_are() {
    let console = console().await;
    let response = console.enter("/c/prud", &[]).await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let page = text(response).await;
    assert!(page.contains("prud") && page.contains("prod"), "{page}");
    let answer = console.enter("/api/v1/clusters/prud/resources", &[]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    let body: serde_json::Value = serde_json::from_str(&text(answer).await).unwrap();
    assert_eq!(body["error"]["kind"], "notFound");
}

#[tokio::test]
async fn pages_mark_what_would_mislead_and_the_api_tells_it_as_it_is() {
    let console = console().await;
    for path in ["/c/%E2%80%AEevil", "/c/%E2%80%AEevil/palette?q=x"] {
        let page = text(console.enter(path, &[]).await).await;
        let outside = page.split(['<', '>']).step_by(2).collect::<String>();
        assert!(outside.contains("\u{fffd}evil") && !outside.contains('\u{202e}'), "{path}: {page}");
    }
    let answer = text(console.enter("/api/v1/clusters/%E2%80%AEevil/resources", &[]).await).await;
    assert!(answer.contains("\u{202e}evil"), "{answer}");
}

#[tokio::test]
async fn the_stream_tells_of_the_connection_first() {
    let console = console().await;
    let response = console.enter("/c/prod/live?watch=state%3Fwas%3Ddown", &[("accept", "text/event-stream")]).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
    let mut body = response.into_body();
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let event = String::from_utf8(frame.to_vec()).unwrap();
    assert!(event.starts_with("event: update\ndata: {\"watch\":0,\"parts\":{\"connection\":"), "{event}");
}

#[tokio::test]
async fn every_operation_is_a_route_and_every_route_an_operation() {
    let console = console().await;
    let described: serde_json::Value =
        serde_json::from_str(&text(console.enter("/api/v1/openapi.json", &[]).await).await).unwrap();
    let described = described["paths"].as_object().unwrap();
    let methods = |path: &serde_json::Value| path.as_object().unwrap().len();
    assert_eq!(described.values().map(methods).sum::<usize>(), OPERATIONS.len());
    for operation in OPERATIONS {
        assert!(described.contains_key(operation.path), "{}", operation.path);
        // A route answers the wrong method with 405; what is no route would be 404.
        let path = operation.path.replace(['{', '}'], "");
        let request = Request::patch(format!("/api/v1{path}"))
            .header(header::ORIGIN, format!("http://{HOST}"))
            .header(header::HOST, HOST)
            .header(header::COOKIE, &console.cookie)
            .body(Body::empty())
            .unwrap();
        let response = console.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{}", operation.path);
    }
    assert_eq!(console.enter("/api/v1/unheard-of", &[]).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_server_ends_although_streams_are_open() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (engine, _folder) = engine();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (secret, shutdown) = (LaunchSecret::generate(), CancellationToken::new());
    let options = crate::WebOptions { listener, door: Door::Local(secret.clone()), metrics: crate::Metrics::default() };
    let server = tokio::spawn(crate::serve(engine, options, shutdown.clone()));
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /c/prod/live?watch=state HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\r\n",
        secret.reveal()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("event: update") {
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
    }
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), server).await.expect("the server ends").unwrap().unwrap();
}

#[tokio::test]
async fn the_server_refuses_to_listen_beyond_loopback() {
    let (engine, _folder) = engine();
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let options =
        crate::WebOptions { listener, door: Door::Local(LaunchSecret::generate()), metrics: crate::Metrics::default() };
    let error = crate::serve(engine, options, CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains("listens on loopback only"), "{error}");
}
