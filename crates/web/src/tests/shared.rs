//! The door of a shared console, from outside: every route as nobody, as somebody, and as who would like to be somebody.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::http::HeaderMap;
use axum::http::Method;
use axum::http::Uri;
use axum::response::IntoResponse;
use pilothouse_app::Sharing;
use serde_json::json;

use super::*;
use crate::server::sign_in;
use crate::{PublicUrl, SessionKeys, SharedOptions};

const PUBLIC_URL: &str = "https://console.example";
const SHARED_HOST: &str = "console.example";

/// An API server that knows some tokens and remembers which it saw.
#[derive(Clone, Default)]
struct FakeCluster {
    people: Arc<Mutex<BTreeMap<String, String>>>,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

impl FakeCluster {
    async fn start(people: &[(&str, &str)]) -> (Self, String) {
        let cluster = Self::default();
        cluster.people.lock().unwrap().extend(people.iter().map(|(token, name)| ((*token).into(), (*name).into())));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = cluster.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap| {
            let state = state.clone();
            async move { state.answer(&method, &uri, &headers) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        (cluster, url)
    }

    fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> axum::response::Response {
        self.seen.lock().unwrap().push(headers.clone());
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let status = |code: u16| {
            let body =
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "no", "code": code});
            (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
        };
        let Some(name) = self.people.lock().unwrap().get(token.trim_start_matches("Bearer ")).cloned() else {
            return status(401);
        };
        if method == Method::POST && uri.path() == "/apis/authentication.k8s.io/v1/selfsubjectreviews" {
            return (StatusCode::CREATED, Json(json!({"status": {"userInfo": {"username": name}}}))).into_response();
        }
        status(404)
    }

    fn tokens(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let values = seen.iter().filter_map(|headers| headers.get(header::AUTHORIZATION));
        values.map(|value| value.to_str().unwrap().to_owned()).collect()
    }
}

struct Shared {
    router: Router,
    prod: FakeCluster,
    other: FakeCluster,
    _folder: tempfile::TempDir,
}

async fn start(keys: &SessionKeys) -> Shared {
    drop(rustls::crypto::ring::default_provider().install_default());
    let (prod, prod_url) = FakeCluster::start(&[("ada-token", "ada"), ("own", "console")]).await;
    let (other, other_url) = FakeCluster::start(&[("ben-token", "ben"), ("own", "console")]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: prod\nclusters:\n- name: c\n  cluster: {{server: '{prod_url}'}}\n\
         - name: d\n  cluster: {{server: '{other_url}'}}\nusers:\n- name: u\n  user: {{token: own}}\ncontexts:\n\
         - name: prod\n  context: {{cluster: c, user: u}}\n- name: other/one\n  context: {{cluster: d, user: u}}\n"
    );
    std::fs::write(&path, text).unwrap();
    let engine = Engine::shared(Contexts::load(Some(path), None).unwrap(), Sharing::default());
    let options = SharedOptions {
        public: PublicUrl::parse(PUBLIC_URL).unwrap(),
        keys: keys.clone(),
        session: Duration::from_secs(3_600),
        issuers: BTreeMap::new(),
        tls: None,
    };
    let door = Door::Shared(Box::new(options));
    let router = router(engine, "0.0.0.0:8080".parse().unwrap(), door, CancellationToken::new()).unwrap();
    Shared { router, prod, other, _folder: folder }
}

fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header(header::HOST, SHARED_HOST);
    }
    headers
        .iter()
        .fold(request, |request, (name, value)| request.header(*name, *value))
        .body(Body::from(body.to_owned()))
        .unwrap()
}

impl Shared {
    async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        self.router.clone().oneshot(request(Method::GET, path, headers, "")).await.unwrap()
    }

    async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let mut headers = headers.to_vec();
        headers.push(("content-type", "application/x-www-form-urlencoded"));
        self.router.clone().oneshot(request(Method::POST, path, &headers, body)).await.unwrap()
    }

    async fn sign_in(&self, body: &str) -> Response<Body> {
        self.post("/sign-in", &[("origin", PUBLIC_URL)], body).await
    }

    /// The cookies of somebody who signed in.
    async fn cookies(&self, cluster: &str, token: &str) -> String {
        let response = self.sign_in(&format!("cluster={cluster}&token={token}")).await;
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        set(&response).iter().map(|cookie| cookie.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
    }
}

fn set(response: &Response<Body>) -> Vec<String> {
    response.headers().get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn no_route_answers_nobody() {
    let console = start(&SessionKeys::random()).await;
    for path in every_path() {
        for accept in ["text/html", "application/json", "text/event-stream", "*/*"] {
            for extra in [
                None,
                Some(("cookie", "__Host-pilothouse-0000=1.guess; pilothouse-8080=guess")),
                Some(("authorization", "Bearer guess")),
                Some(("authorization", "Basic YTpi")),
                Some(("x-remote-user", "admin")),
            ] {
                let headers: Vec<_> = [("accept", accept)].into_iter().chain(extra).collect();
                let response = console.get(&path, &headers).await;
                let page = !path.starts_with("/api/") && !accept.contains("json") && !accept.contains("stream");
                let wanted = if page { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED };
                assert_eq!(response.status(), wanted, "{path} {headers:?}");
                if page {
                    let place = response.headers()[header::LOCATION].to_str().unwrap();
                    assert!(place == "/sign-in" || place.starts_with("/sign-in?then=/"), "{place}");
                }
                assert_eq!(set(&response), Vec::<String>::new(), "{path}");
                assert_eq!(response.headers()["x-frame-options"], "DENY");
            }
        }
        // The script of a page is told where to go.
        let part = console.get(&path, &[("hx-request", "true")]).await;
        assert_eq!(part.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert!(part.headers().contains_key("hx-redirect") && part.headers().contains_key("pilothouse-sign-in"));
    }
    let seen = console.prod.tokens();
    assert!(seen.iter().all(|token| ["Bearer own", "Bearer guess"].contains(&token.as_str())), "{seen:?}");
}

#[tokio::test]
async fn another_host_origin_or_site_gets_nothing_even_with_a_session() {
    let console = start(&SessionKeys::random()).await;
    let cookies = console.cookies("prod", "ada-token").await;
    let mut paths = every_path();
    paths.extend(PUBLIC.map(str::to_owned));
    paths.extend(sign_in().map(|(path, _)| path.replace("{cluster}", "prod")));
    for path in paths {
        for odd in [
            ("host", "evil.example"),
            ("host", "127.0.0.1:8080"),
            ("host", "console.example:8080"),
            ("origin", "https://evil.example"),
            ("origin", "http://console.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("impersonate-user", "admin"),
            ("impersonate-extra-x", "y"),
        ] {
            let response = console.get(&path, &[odd, ("cookie", &cookies)]).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {odd:?}");
            assert!(set(&response).is_empty());
        }
    }
}

#[tokio::test]
async fn changes_say_where_they_come_from() {
    let console = start(&SessionKeys::random()).await;
    let cookies = console.cookies("prod", "ada-token").await;
    let body = "cluster=prod&token=ada-token";
    for path in ["/sign-in", "/sign-out", "/clusters", "/api/v1/clusters/prod/workloads"] {
        for from in [
            None,
            Some(("origin", "https://evil.example")),
            Some(("origin", "null")),
            Some(("sec-fetch-site", "cross-site")),
            Some(("sec-fetch-site", "none")),
        ] {
            let headers: Vec<_> = [("cookie", cookies.as_str())].into_iter().chain(from).collect();
            let response = console.post(path, &headers, body).await;
            assert_eq!(response.status(), StatusCode::FORBIDDEN, "{path} {headers:?}");
            assert!(set(&response).is_empty());
        }
    }
}

#[tokio::test]
async fn a_token_that_the_cluster_takes_opens_a_session() {
    let console = start(&SessionKeys::random()).await;
    let response = console.sign_in("cluster=prod&token=+Bearer%20ada-token%0A&then=/c/prod/workloads?q%3Dx").await;
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    assert_eq!(response.headers()[header::LOCATION], "/c/prod/workloads?q=x");
    let cookies = set(&response);
    assert_eq!(cookies.len(), 1);
    let cookie = &cookies[0];
    assert!(cookie.starts_with("__Host-pilothouse-") && !cookie.contains("ada"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    let pair = cookie.split(';').next().unwrap();
    let page = console.get("/clusters", &[("cookie", pair)]).await;
    assert_eq!(page.status(), StatusCode::OK);
    let page = text(page).await;
    assert!(page.contains("Signed in as ada") && page.contains("action=\"/sign-out\""), "{page}");
    assert!(!page.contains("ada-token"));
    // A session with one cluster is none with another.
    let other = console.get("/c/other%2Fone", &[("cookie", pair)]).await;
    assert_eq!(other.headers()[header::LOCATION], "/sign-in?then=/c/other%252Fone");
    let stream =
        console.get("/c/other%2Fone/live?watch=state", &[("cookie", pair), ("accept", "text/event-stream")]).await;
    assert_eq!(stream.status(), StatusCode::UNAUTHORIZED);
    assert!(console.other.tokens().iter().all(|token| token == "Bearer own"));
    let unknown = console.get("/c/prud", &[("cookie", pair)]).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_token_that_the_cluster_refuses_opens_nothing() {
    let console = start(&SessionKeys::random()).await;
    for (body, status, words) in [
        ("cluster=prod&token=guess", StatusCode::UNAUTHORIZED, "does not accept this token"),
        ("cluster=prod&token=ben-token", StatusCode::UNAUTHORIZED, "does not accept this token"),
        ("cluster=prod&token=", StatusCode::BAD_REQUEST, "no bearer token"),
        ("cluster=prod&token=a%20b", StatusCode::BAD_REQUEST, "no bearer token"),
        ("cluster=prud&token=ada-token", StatusCode::NOT_FOUND, "no such cluster"),
        ("token=ada-token", StatusCode::NOT_FOUND, "no such cluster"),
        ("cluster=prod&token=e30.eyJleHAiOjF9.x", StatusCode::UNAUTHORIZED, "has ended"),
    ] {
        let response = console.sign_in(body).await;
        assert_eq!(response.status(), status, "{body}");
        assert!(set(&response).is_empty());
        let page = text(response).await;
        assert!(page.contains(words) && !page.contains("value=\"guess\""), "{page}");
    }
    let long = console.sign_in(&format!("cluster=prod&token={}", "a".repeat(70 << 10))).await;
    assert_eq!(long.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn nobody_is_led_elsewhere() {
    let console = start(&SessionKeys::random()).await;
    for then in [
        "//evil.example",
        "https://evil.example",
        "/%5Cevil.example",
        "/%09/evil.example",
        "%2F%2Fevil.example",
        "/sign-in",
    ] {
        let response = console.sign_in(&format!("cluster=prod&token=ada-token&then={then}")).await;
        assert_eq!(response.headers()[header::LOCATION], "/", "{then}");
        let page = text(console.get(&format!("/sign-in?then={then}"), &[]).await).await;
        assert!(!page.contains("evil"), "{page}");
    }
}

#[tokio::test]
async fn sessions_outlive_the_process_and_the_change_of_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    std::fs::write(&old, [b'a'; 40]).unwrap();
    std::fs::write(&new, [b'b'; 40]).unwrap();
    let cookies = start(&SessionKeys::read(&[&old]).unwrap()).await.cookies("prod", "ada-token").await;
    for (keys, status) in [
        (SessionKeys::read(&[&old]).unwrap(), StatusCode::OK),
        (SessionKeys::read(&[&new, &old]).unwrap(), StatusCode::OK),
        (SessionKeys::read(&[&new]).unwrap(), StatusCode::SEE_OTHER),
        (SessionKeys::random(), StatusCode::SEE_OTHER),
    ] {
        let console = start(&keys).await;
        assert_eq!(console.get("/clusters", &[("cookie", &cookies)]).await.status(), status, "{keys:?}");
    }
}

#[tokio::test]
async fn a_value_from_before_never_becomes_a_session() {
    let console = start(&SessionKeys::random()).await;
    let first = console.cookies("prod", "ada-token").await;
    // Somebody who planted a cookie in the browser does not know the value after signing in.
    let planted = format!("{}=1.planted", first.split_once('=').unwrap().0);
    let response =
        console.post("/sign-in", &[("origin", PUBLIC_URL), ("cookie", &planted)], "cluster=prod&token=ada-token").await;
    let value = set(&response)[0].split(';').next().unwrap().to_owned();
    assert_ne!(value, planted);
    assert_ne!(value, first, "each sign-in has a value of its own");
    assert_eq!(console.get("/clusters", &[("cookie", &planted)]).await.status(), StatusCode::SEE_OTHER);
    let out = console.post("/sign-out", &[("origin", PUBLIC_URL), ("cookie", &value)], "").await;
    assert_eq!(out.status(), StatusCode::OK);
    let cleared = set(&out);
    assert!(cleared.len() == 1 && cleared[0].contains("=; Path=/; Max-Age=0;"), "{cleared:?}");
    assert!(text(out).await.contains("You are signed out"));
}

#[tokio::test]
async fn signing_out_ends_what_was_followed() {
    let console = start(&SessionKeys::random()).await;
    let cookies = console.cookies("prod", "ada-token").await;
    let path = "/c/prod/live?watch=state";
    let asked = [("cookie", cookies.as_str()), ("accept", "text/event-stream")];
    let open = console.get(path, &asked).await;
    assert_eq!(open.status(), StatusCode::OK);
    let following = tokio::spawn(text(open));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!following.is_finished(), "it goes on until somebody ends it");
    let out = console.post("/sign-out", &[("origin", PUBLIC_URL), ("cookie", &cookies)], "").await;
    assert_eq!(out.status(), StatusCode::OK);
    let told = tokio::time::timeout(Duration::from_secs(10), following).await.expect("the stream ends").unwrap();
    assert!(told.ends_with("event: again\ndata:\n\n"), "{told}");
    // A page that asks again before its browser has let go of the cookie gets nothing more.
    let again = console.get(path, &asked).await;
    assert_eq!(again.status(), StatusCode::UNAUTHORIZED);
    assert!(text(again).await.contains("You are signed out"));
    // Whoever comes back follows again.
    let back = console.cookies("prod", "ada-token").await;
    let open = console.get(path, &[("cookie", &back), ("accept", "text/event-stream")]).await;
    assert_eq!(open.status(), StatusCode::OK);
}

#[tokio::test]
async fn programs_bring_their_credential_for_one_cluster() {
    let console = start(&SessionKeys::random()).await;
    let ada = ("authorization", "Bearer ada-token");
    let own = console.get("/api/v1/clusters/prod/resources", &[ada]).await;
    assert_ne!(own.status(), StatusCode::UNAUTHORIZED);
    // Not with another cluster, not for what belongs to none, not on pages, whatever cookies say.
    let cookies = console.cookies("prod", "ada-token").await;
    for path in
        ["/api/v1/clusters/other%2Fone/resources", "/api/v1/clusters", "/api/v1/openapi.json", "/api/v1/clusters/"]
    {
        let response = console.get(path, &[ada, ("cookie", &cookies)]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
    }
    assert_eq!(console.get("/clusters", &[ada]).await.status(), StatusCode::SEE_OTHER);
    // A wrong one is answered as on the page to sign in: nobody learns where the API server is.
    let wrong = console.get("/api/v1/clusters/prod/workloads", &[("authorization", "Bearer zzz")]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let words = text(wrong).await;
    assert!(words.contains("the cluster does not accept this token"), "{words}");
    assert!(!words.contains("://") && !words.contains("127.0.0.1") && !words.contains("kubeconfig"), "{words}");
    for odd in ["Bearer", "Bearer ", "Bearer a b"] {
        let response =
            console.get("/api/v1/clusters/prod/resources", &[("authorization", odd), ("cookie", &cookies)]).await;
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{odd}");
    }
}

#[tokio::test]
async fn the_sign_in_page_is_for_everybody_and_says_how_each_cluster_is_entered() {
    let console = start(&SessionKeys::random()).await;
    let page = text(console.get("/sign-in?then=/c/prod", &[]).await).await;
    assert!(page.contains("<h2>prod</h2>") && page.contains("<h2>other/one</h2>"), "{page}");
    assert!(page.contains("name=\"then\" value=\"/c/prod\"") && !page.contains("<script"), "{page}");
    assert_eq!(console.prod.tokens().len() + console.other.tokens().len(), 0, "nobody is asked for it");
    // Nobody signs in with an issuer that is not configured, or finishes what was not begun.
    let begun = console.get("/sign-in/prod/openid?then=/c/prod", &[]).await;
    assert_eq!(begun.headers()[header::LOCATION], "/sign-in?then=/c/prod");
    let forged = console.get("/sign-in/prod/callback?code=c&state=s", &[]).await;
    assert_eq!(forged.status(), StatusCode::BAD_REQUEST);
    assert!(set(&forged).is_empty());
}

#[tokio::test]
async fn heads_of_requests_are_bounded() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let console = start(&SessionKeys::random()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let shutdown = CancellationToken::new();
    let server = tokio::spawn(crate::listen::serve(listener, None, console.router.clone(), shutdown.clone()));
    for (length, status) in [(60 << 10, "303"), (400 << 10, "431")] {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let cookie = "a".repeat(length);
        let request =
            format!("GET /clusters HTTP/1.1\r\nHost: {SHARED_HOST}\r\nCookie: x={cookie}\r\nConnection: close\r\n\r\n");
        // It may stop listening in the middle.
        drop(stream.write_all(request.as_bytes()).await);
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), format!("HTTP/1.1 {status}"));
    }
    shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(20), server).await.expect("the server ends").unwrap();
}
