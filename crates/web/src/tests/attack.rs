//! What somebody outside tries at the door of either console, with an API server behind it that remembers what reaches it.

use std::collections::BTreeMap;

use axum::http::Method;
use pilothouse_app::Sharing;

use super::recorder::{Asked, Recorder};
use super::*;
use crate::server::sign_in;
use crate::{PublicUrl, SessionKeys, SharedOptions};

const SHARED: &str = "console.example";
const METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::PUT, Method::DELETE, Method::PATCH];
/// What a page of the console itself says.
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// A console of either kind, and somebody who may use it.
struct Target {
    router: Router,
    cluster: Recorder,
    host: &'static str,
    origin: &'static str,
    cookie: String,
    bearer: String,
    shared: bool,
    _folder: tempfile::TempDir,
}

impl Target {
    async fn start(shared: bool) -> Self {
        Self::named(shared, "prod").await
    }

    /// A console over a cluster of this name.
    async fn named(shared: bool, context: &str) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let cluster = Recorder::start().await;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": context,
            "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
            "users": [{"name": "u", "user": {"token": "console-token"}}],
            "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        let contexts = Contexts::load(Some(path), None).unwrap();
        let secret = LaunchSecret::generate();
        let (engine, door, host, origin) = if shared {
            let options = SharedOptions {
                public: PublicUrl::parse("https://console.example").unwrap(),
                keys: SessionKeys::random(),
                session: Duration::from_secs(3_600),
                issuers: BTreeMap::new(),
                tls: None,
            };
            let engine = Engine::shared(contexts, Sharing::default());
            (engine, Door::Shared(Box::new(options)), SHARED, "https://console.example")
        } else {
            (Engine::new(contexts), Door::Local(secret.clone()), HOST, "http://127.0.0.1:8700")
        };
        let router = router(engine, HOST.parse().unwrap(), door, CancellationToken::new()).unwrap();
        let bearer = if shared { "ada-token".to_owned() } else { secret.reveal().to_owned() };
        let mut target = Self { router, cluster, host, origin, cookie: String::new(), bearer, shared, _folder: folder };
        let entered = if shared {
            let cluster: String = url_escaped(context);
            let body = format!("cluster={cluster}&token=ada-token");
            target.send(Method::POST, "/sign-in", &[("origin", origin), FORM], &body).await
        } else {
            target.send(Method::GET, &format!("/?launch={}", secret.reveal()), &[], "").await
        };
        assert_eq!(entered.status(), StatusCode::SEE_OTHER);
        let set = entered.headers()[header::SET_COOKIE].to_str().unwrap();
        target.cookie = set.split(';').next().unwrap().to_owned();
        target
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(header::HOST, self.host);
        }
        let request = headers
            .iter()
            .filter(|header| **header != ("host", ""))
            .fold(request, |request, (name, value)| request.header(*name, *value));
        self.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap()
    }

    /// As the one who may, from a page of the console.
    async fn enter(&self, method: Method, path: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let mut all = vec![("cookie", self.cookie.as_str()), ("origin", self.origin), FORM];
        all.extend(headers);
        self.send(method, path, &all, "").await
    }

    fn paths(&self) -> Vec<String> {
        let mut paths = every_path();
        paths.extend(PUBLIC.map(str::to_owned));
        if self.shared {
            paths.extend(sign_in().map(|(path, _)| path.replace("{cluster}", "prod")));
        }
        paths
    }
}

fn url_escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn nobody_gets_anything_by_any_method() {
    for shared in [false, true] {
        let target = Target::start(shared).await;
        for path in every_path() {
            for method in METHODS {
                for extra in [
                    ("origin", target.origin),
                    ("cookie", "pilothouse-8700=guess; __Host-pilothouse-0=1.guess"),
                    ("x-forwarded-user", "admin"),
                    ("x-forwarded-for", "127.0.0.1"),
                ] {
                    let answer = target.send(method.clone(), &path, &[extra, ("accept", "*/*")], "").await;
                    let status = answer.status();
                    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status);
                    let led = shared && status == StatusCode::SEE_OTHER;
                    assert!(refused || led, "{method} {path} {extra:?}: {status}");
                    assert!(answer.headers().get(header::SET_COOKIE).is_none());
                    assert_eq!(answer.headers()[header::CACHE_CONTROL], "no-store");
                }
            }
        }
        let strangers: Vec<_> = target
            .cluster
            .asked()
            .into_iter()
            .filter(|asked| !["console-token", "ada-token"].contains(&asked.token()))
            .collect();
        assert!(strangers.is_empty(), "{strangers:?}");
    }
}

#[tokio::test]
async fn a_host_is_one_and_exactly_ours() {
    for shared in [false, true] {
        let target = Target::start(shared).await;
        let own = target.host;
        let (dotted, user, padded) = (format!("{own}."), format!("x@{own}"), format!("{own}, {own}"));
        let dotted_port = own.replace(":8700", ".:8700");
        let dotted = if shared { dotted } else { dotted_port };
        let below = format!("evil.{own}");
        for path in target.paths() {
            for hosts in [
                vec![""],
                vec![own, own],
                vec![own, "evil.example"],
                vec!["evil.example", own],
                vec!["evil.example"],
                vec![dotted.as_str()],
                vec![user.as_str()],
                vec![padded.as_str()],
                vec![below.as_str()],
                vec!["[::]:8700"],
                vec!["0.0.0.0:8700"],
                vec!["127.0.0.1:08700"],
                vec!["127.1:8700"],
            ] {
                let mut headers: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
                headers.push(("cookie", &target.cookie));
                let answer = target.send(Method::GET, &path, &headers, "").await;
                assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path} {hosts:?}");
            }
            // The address of the request itself may name the host, too, and must not name another one.
            let address = format!("http://evil.example{path}");
            let answer = target.send(Method::GET, &address, &[("cookie", &target.cookie)], "").await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{address}");
        }
        let large = own.to_uppercase();
        let answer = target.send(Method::GET, "/clusters", &[("host", &large), ("cookie", &target.cookie)], "").await;
        assert_eq!(answer.status(), StatusCode::OK, "names have no case");
    }
}

#[tokio::test]
async fn another_site_gets_nothing_by_any_method() {
    for shared in [false, true] {
        let target = Target::start(shared).await;
        for path in target.paths() {
            for method in METHODS {
                for (index, headers) in [
                    [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
                    [("origin", "null"), ("sec-fetch-mode", "navigate")],
                    [("origin", "https://console.example.evil"), ("sec-fetch-site", "none")],
                    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
                    [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "cors")],
                    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "websocket")],
                    [("sec-fetch-site", "something-new"), ("sec-fetch-mode", "same-origin")],
                    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
                ]
                .into_iter()
                .enumerate()
                {
                    if index == 7 && method == Method::GET {
                        continue;
                    }
                    let mut all = vec![("cookie", target.cookie.as_str()), FORM];
                    all.extend(headers);
                    let answer = target.send(method.clone(), &path, &all, "").await;
                    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path} {headers:?}");
                    assert!(answer.headers().get("access-control-allow-origin").is_none());
                }
            }
        }
    }
}

/// What stands in the place of a parameter, and what a cluster must not get to see of it.
const ODD: [&str; 16] = [
    "%2e%2e",
    "..",
    ".",
    "..%2f..%2fsecrets",
    "a%2fb",
    "a%2Fb",
    "%2f",
    "%252e%252e%252f",
    "..%5c..%5c",
    "a\\b",
    "a%00b",
    "a%0d%0aX-Injected:%20yes",
    "%ff%fe",
    "%c0%ae%c0%ae",
    "..;",
    "..%3b%2f",
];

/// Every route, each of its parameters odd in turn.
fn odd_paths(template: &str) -> Vec<String> {
    let good = |segment: &str| match segment {
        "{cluster}" => "prod".to_owned(),
        "{group}" => "core".to_owned(),
        "{version}" => "v1".to_owned(),
        "{plural}" => "pods".to_owned(),
        "{namespace}" => "a".to_owned(),
        "{name}" | "{pod}" => "web".to_owned(),
        "{action}" => "delete".to_owned(),
        other => other.trim_matches(['{', '}']).to_owned(),
    };
    let segments: Vec<&str> = template.split('/').collect();
    let mut paths = Vec::new();
    for (index, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.starts_with('{')) {
        for odd in ODD {
            let filled = segments.iter().enumerate().map(|(at, other)| match at {
                at if at == index => odd.to_owned(),
                _ if *segment != "{plural}" && *other == "{plural}" && template.contains("reveal") => {
                    "secrets".to_owned()
                }
                _ => good(other),
            });
            paths.push(filled.collect::<Vec<_>>().join("/"));
        }
    }
    let whole: String = segments.iter().map(|segment| good(segment)).collect::<Vec<_>>().join("/");
    for odd in [
        whole.replace('/', "//"),
        format!("{whole}/"),
        format!("{whole}/.."),
        format!("{whole}%2f.."),
        format!("{whole};x=1"),
    ] {
        paths.push(odd);
    }
    paths
}

#[tokio::test]
async fn nothing_odd_in_an_address_reaches_the_cluster() {
    for shared in [false, true] {
        let target = Target::start(shared).await;
        // The catalog is there before anything is asked: refusals do not come from its absence.
        while target.enter(Method::GET, "/api/v1/clusters/prod/resources", &[]).await.status() != StatusCode::OK {}
        let mut templates: Vec<String> = pages().into_iter().map(|(path, _)| path.to_owned()).collect();
        templates.extend(OPERATIONS.iter().map(|operation| format!("/api/v1{}", operation.path)));
        for path in templates.iter().flat_map(|template| odd_paths(template)) {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                let answer = target.enter(method.clone(), &path, &[]).await;
                let status = answer.status();
                let told = !status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE;
                assert!(told, "{method} {path}: {status}");
                assert!(answer.headers().get("x-injected").is_none(), "{path}");
            }
        }
        for query in [
            "container=..%2f..%2fx",
            "ns=..%2f..",
            "ns=a%2fb",
            "labels=%0d%0a",
            "watch=o/core/v1/pods/namespaces/..%252fx/y",
        ] {
            for path in [
                "/c/prod/logs/a/web",
                "/c/prod/logs/a/web/text",
                "/c/prod/r/core/v1/pods",
                "/c/prod/live",
                "/c/prod/complete",
                "/search",
            ] {
                drop(target.enter(Method::GET, &format!("{path}?{query}"), &[]).await);
            }
        }
        for asked in target.cluster.asked() {
            let path = asked.path().to_lowercase();
            for odd in ["..", "//", "%2f", "%5c", "\\", "%00", "%0d", "%25", "%2e", ";", "%c0"] {
                assert!(!path.contains(odd), "{odd} in {asked:?}");
            }
            assert!(asked.headers.get("x-injected").is_none());
            let plain = path.split('/').skip(1).all(|part| !part.is_empty() && part != ".");
            assert!(plain, "{asked:?}");
        }
        assert!(target.cluster.asked().iter().any(|asked| asked.path().ends_with("/pods/web")), "it does ask");
    }
}

#[tokio::test]
async fn no_header_of_a_client_reaches_the_cluster() {
    for shared in [false, true] {
        let target = Target::start(shared).await;
        let mark = "intruder";
        let spoofed = [
            ("x-remote-user", mark),
            ("x-remote-group", "system:masters-intruder"),
            ("x-remote-extra-scopes", mark),
            ("x-forwarded-user", mark),
            ("x-forwarded-access-token", mark),
            ("x-forwarded-for", "intruder"),
            ("x-original-url", "/intruder"),
            ("forwarded", "for=intruder"),
            ("proxy-authorization", "Bearer intruder"),
            ("x-http-method-override", "intruder"),
            ("user-agent", mark),
            ("accept-language", mark),
            ("traceparent", mark),
        ];
        let bearer = format!("Bearer {}", target.bearer);
        while target.enter(Method::GET, "/api/v1/clusters/prod/resources", &[]).await.status() != StatusCode::OK {}
        for path in every_path() {
            let path =
                path.replace("/namespaces/name/name", "/namespaces/a/web").replace("/logs/name/name", "/logs/a/web");
            let path = path.replace("/act/name/", "/act/delete/");
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                drop(target.enter(method.clone(), &path, &spoofed).await);
                if path.starts_with("/api/") {
                    let mut headers = spoofed.to_vec();
                    headers.push(("authorization", &bearer));
                    drop(target.send(method.clone(), &path, &headers, "").await);
                }
                for impersonate in ["impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-x"] {
                    let answer = target.enter(method.clone(), &path, &[(impersonate, mark)]).await;
                    assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{method} {path} {impersonate}");
                }
                // With a session, a credential of another kind changes nothing.
                drop(target.enter(method, &path, &[("authorization", "Basic aW50cnVkZXI=")]).await);
            }
        }
        let known =
            ["host", "authorization", "accept", "accept-encoding", "user-agent", "content-type", "content-length"];
        let asked = target.cluster.asked();
        for one in &asked {
            for (name, value) in &one.headers {
                assert!(known.contains(&name.as_str()), "{name} in {one:?}");
                assert!(!value.to_str().unwrap().contains(mark), "{name} in {one:?}");
            }
            assert!(!one.uri.contains(mark) && !one.uri.contains(&target.bearer), "{one:?}");
            assert_eq!(one.token(), expected_credential(one, shared), "{one:?}");
        }
        let has = |method: Method, part: &str| asked.iter().any(|one| one.method == method && one.uri.contains(part));
        assert!(has(Method::GET, "/log?") || has(Method::GET, "/log"), "a log was read");
        assert!(has(Method::DELETE, "/pods/web") && has(Method::GET, "watch="), "all sorts of requests went out");
        assert!(has(Method::GET, "/api/v1/namespaces/a/pods/web"), "an object was read");
    }
}

/// Whose credential a request must carry: the console's own for what it lists and watches, the person's for all else.
fn expected_credential(asked: &Asked, shared: bool) -> &'static str {
    let discovers = ["/version", "/api", "/apis", "/api/v1"].contains(&asked.path());
    let follows = asked.method == Method::GET && (asked.uri.contains("watch=") || asked.uri.contains("limit="));
    let person = shared && !discovers && (!follows || asked.path().ends_with("/log"));
    if person { "ada-token" } else { "console-token" }
}

/// Names and questions as somebody writes them who wants more than to ask.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\u{1b}[31m\r\n\r\ndata: x";

#[tokio::test]
async fn what_somebody_writes_into_an_address_or_a_context_is_only_text() {
    for shared in [false, true] {
        let context = "\"'><script>alert(1)</script>";
        let target = Target::named(shared, context).await;
        let (cluster, words) = (url_escaped(context), url_escaped(HOSTILE));
        let mut seen = 0;
        for path in every_path() {
            let path = path.replacen("/c/prod", &format!("/c/{cluster}"), 1).replacen(
                "/clusters/prod",
                &format!("/clusters/{cluster}"),
                1,
            );
            for query in [
                format!("q={words}&sort={words}&ns={words}&labels={words}&l={words}&offset={words}&limit={words}"),
                format!("view={words}&watch={words}&pod={words}&container={words}&then={words}&kind={words}"),
                format!("q=name:%22{words}&columns={words}&cluster={words}&text={words}&at={words}&tail={words}"),
            ] {
                let answer = target.enter(Method::GET, &format!("{path}?{query}"), &[("accept", "text/html")]).await;
                let kind = answer
                    .headers()
                    .get(header::CONTENT_TYPE)
                    .and_then(|kind| kind.to_str().ok())
                    .unwrap_or("")
                    .to_owned();
                for value in answer.headers().values() {
                    assert!(!value.as_bytes().contains(&b'\n'));
                }
                if kind.starts_with("text/event-stream") {
                    let mut body = answer.into_body();
                    let first = tokio::time::timeout(Duration::from_millis(20), body.frame()).await;
                    if let Ok(Some(Ok(frame))) = first {
                        framed(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
                    }
                    continue;
                }
                let body = text(answer).await;
                if kind.starts_with("text/html") {
                    seen += usize::from(body.contains("alert(1)"));
                    for raw in ["<script>alert", "<img src=x", "onerror=alert(2)>"] {
                        assert!(!body.contains(raw), "{raw:?} in {path}?{query}\n{body}");
                    }
                    // Inside an attribute a quote would end it.
                    assert!(!body.contains("\"'>"), "{path}?{query}");
                }
            }
        }
        assert!(seen > 5, "it was shown {seen} times");
    }
}

/// Every line of a stream belongs to it.
fn framed(text: &str) {
    for line in text.lines() {
        let own = [
            "event: update",
            "event: rows",
            "event: lines",
            "event: trouble",
            "event: end",
            "event: error",
            "data: {",
            "data: [",
            "data:",
            ":",
            "",
        ];
        assert!(own.iter().any(|own| line == *own || (own.ends_with(['{', '[']) && line.starts_with(own))), "{line:?}");
        assert!(!line.contains('\u{1b}'), "{line:?}");
    }
}
