//! What the console tells somebody, beside what the API server itself tells the same one.

use std::collections::BTreeSet;

use pilothouse_harness::Api;
use serde_json::{Value, json};

use super::plane::{FINDER, Lone, NAMESPACES, Plane, VALUE};
use super::until;
use super::watching::Stream;

/// What is listed: as the console names it, where the API server has it, and whether it lives in namespaces.
const KINDS: [(&str, &str, &str, bool); 7] = [
    ("core/v1/pods", "/api/v1", "pods", true),
    ("core/v1/configmaps", "/api/v1", "configmaps", true),
    ("core/v1/secrets", "/api/v1", "secrets", true),
    ("core/v1/events", "/api/v1", "events", true),
    ("apps/v1/deployments", "/apis/apps/v1", "deployments", true),
    ("core/v1/namespaces", "/api/v1", "namespaces", false),
    ("rbac.authorization.k8s.io/v1/clusterroles", "/apis/rbac.authorization.k8s.io/v1", "clusterroles", false),
];

/// The objects that the API server itself lists for somebody: in the whole cluster, or in each namespace that it lets list.
async fn truth(api: &Api, base: &str, plural: &str, namespaced: bool) -> BTreeSet<String> {
    let names = |body: &Value| -> Vec<String> {
        let of = |item: &Value| {
            let text = |field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
            format!("{}/{}", text("namespace"), text("name"))
        };
        body["items"].as_array().unwrap().iter().map(of).collect()
    };
    let whole = api.get(&format!("{base}/{plural}")).await;
    if whole.status == 200 {
        return names(&whole.body).into_iter().collect();
    }
    assert_eq!(whole.status, 403, "{}", whole.body);
    let mut found = BTreeSet::new();
    for namespace in NAMESPACES.iter().filter(|_| namespaced) {
        let part = api.get(&format!("{base}/namespaces/{namespace}/{plural}")).await;
        if part.status == 200 {
            found.extend(names(&part.body));
        }
    }
    found
}

fn rows(listing: &Value) -> BTreeSet<String> {
    let of = |row: &Value| {
        format!("{}/{}", row["namespace"].as_str().unwrap_or_default(), row["name"].as_str().unwrap_or_default())
    };
    listing["rows"].as_array().unwrap().iter().map(of).collect()
}

/// Every list and every total, as the API server gives it; `more` is a part of each question.
pub(super) async fn lists_agree(plane: &Plane, lone: &Lone, (who, token): (&str, &str), more: &str) {
    let api = plane.api(token);
    for (kind, base, plural, namespaced) in KINDS {
        let more = if namespaced { more } else { "" };
        until(&format!("{who}: {kind}"), async || {
            let listing = lone.json(token, &format!("/resources/{kind}?limit=1000{more}")).await;
            let truth = truth(&api, base, plural, namespaced).await;
            let agrees = rows(&listing) == truth && listing["total"] == truth.len();
            // What one may not list is told and stays so; what is still being read is not settled.
            let settled = !listing["notes"].to_string().contains("still being read");
            if agrees && settled { Ok(()) } else { Err(format!("{listing}\nis not {truth:?}")) }
        })
        .await;
    }
}

/// Each object, its causes and its events: for whom the API server gives it, and for nobody else.
pub(super) async fn objects_agree(plane: &Plane, lone: &Lone, (who, token): (&str, &str)) {
    let api = plane.api(token);
    for namespace in NAMESPACES {
        let direct = api.get(&format!("/api/v1/namespaces/{namespace}/pods/pod-of-{namespace}")).await.status;
        let pod = format!("/resources/core/v1/pods/namespaces/{namespace}/pod-of-{namespace}");
        if direct != 200 {
            for part in ["", "/explanation", "/events", "/log"] {
                let answer = lone.ask(token, ("GET", &format!("{pod}{part}")), "").await;
                assert!(matches!(answer.status, 403 | 404), "{who}: {pod}{part}: {} {}", answer.status, answer.body);
                assert!(!answer.body.contains("image-of-") && !answer.body.contains("trouble-of-"), "{}", answer.body);
            }
            continue;
        }
        for (part, wanted) in [
            ("", format!("image-of-{namespace}:1")),
            ("/explanation", format!("image-of-{namespace}:1")),
            ("/events", format!("trouble-of-{namespace}")),
        ] {
            until(&format!("{who}: {pod}{part}"), async || {
                let answer = lone.ask(token, ("GET", &format!("{pod}{part}")), "").await;
                let good = answer.status == 200 && answer.body.contains(&wanted);
                if good { Ok(()) } else { Err(format!("{} {}", answer.status, answer.body)) }
            })
            .await;
        }
        if plane.has_logs() {
            let path = format!("/resources/core/v1/pods/namespaces/{namespace}/runner-of-{namespace}/log");
            let log = lone.ask(token, ("GET", &path), "").await;
            let direct = api.get(&format!("/api/v1/namespaces/{namespace}/pods/runner-of-{namespace}/log")).await;
            assert_eq!((log.status, direct.status), (200, 200), "{who}: {}", log.body);
            assert!(
                log.body.contains(&format!("main of runner-of-{namespace} in {namespace} has begun")),
                "{}",
                log.body
            );
        }
        let log = lone.ask(token, ("GET", &format!("{pod}/log")), "").await;
        assert_ne!(log.status, 403, "{who}: {}", log.body);
        let reads = lone.proxy.seen().into_iter().filter(|seen| seen.path.contains(&format!("pod-of-{namespace}/log")));
        let bearers: Vec<_> = reads.filter_map(|seen| bearer_of(&seen.headers)).collect();
        assert!(bearers.contains(&format!("Bearer {token}")), "{who} reads logs as {bearers:?}");
    }
}

pub(super) fn bearer_of(headers: &[(String, String)]) -> Option<String> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value.clone())
}

/// Workloads with their reasons, in the API and on the page, the search, and the chooser of namespaces.
pub(super) async fn pages_agree(lone: &Lone, (who, token): (&str, &str), cookie: &str, (seen, more): (&[&str], &str)) {
    let wanted: BTreeSet<String> = seen.iter().map(|namespace| format!("{namespace}/app-of-{namespace}")).collect();
    until(&format!("{who}: workloads"), async || {
        let listing = lone.json(token, &format!("/workloads?limit=1000{more}")).await;
        let agrees = rows(&listing) == wanted && listing["total"] == wanted.len();
        if agrees { Ok(()) } else { Err(format!("{listing}")) }
    })
    .await;
    for namespace in seen {
        let path = format!("/resources/apps/v1/deployments/namespaces/{namespace}/app-of-{namespace}/explanation");
        until(&format!("{who}: {path}"), async || {
            let why = lone.json(token, &path).await;
            let told = why["causes"].to_string().contains(&format!("image-of-{namespace}:1"));
            if told { Ok(()) } else { Err(why.to_string()) }
        })
        .await;
    }
    for path in [format!("/c/prod/workloads?limit=1000{more}"), "/search?q=of".to_owned(), "/c/prod".to_owned()] {
        let page = until(&format!("{who}: {path}"), async || {
            let page = lone.page(cookie, ("GET", &path), "").await;
            let all = path == "/c/prod" || seen.iter().all(|name| page.body.contains(&format!("app-of-{name}")));
            if page.status == 200 && all { Ok(page) } else { Err(format!("{} {}", page.status, page.body)) }
        })
        .await;
        for other in NAMESPACES.iter().filter(|name| !seen.contains(name)) {
            assert!(!page.body.contains(&format!("-of-{other}")), "{who} sees {other} at {path}:\n{}", page.body);
        }
        // The chooser of namespaces has those of the one who looks; who may list them has all.
        if path.starts_with("/c/") {
            for name in NAMESPACES {
                let offered = page.body.contains(&format!("name=\"ns\" value=\"{name}\""));
                assert_eq!(offered, seen.contains(&name) || who == FINDER, "{who}: {name} at {path}:\n{}", page.body);
            }
        }
    }
}

/// The values of Secrets, and changes: for whom the API server lets do it, as that one, and written down.
pub(super) async fn deeds_agree(
    lone: &Lone,
    (who, token): (&str, &str),
    cookie: &str,
    (reveals, scales): (&[&str], &[&str]),
) {
    for namespace in NAMESPACES {
        let secret = format!("core/v1/secrets/namespaces/{namespace}/keys-of-{namespace}");
        let shown = lone.ask(token, ("POST", &format!("/resources/{secret}/reveal")), "").await;
        let page = lone.page(cookie, ("POST", &format!("/c/prod/reveal/{secret}")), "").await;
        if reveals.contains(&namespace) {
            assert!(shown.status == 200 && shown.body.contains(VALUE), "{who}: {} {}", shown.status, shown.body);
            assert!(page.status == 200 && page.body.contains("my own value"), "{who}: {} {}", page.status, page.body);
        } else {
            assert!(matches!(shown.status, 403 | 404) && !shown.body.contains(VALUE), "{who}: {}", shown.body);
            assert!(matches!(page.status, 403 | 404) && !page.body.contains("my own value"), "{who}: {}", page.body);
        }
        let app =
            format!("/resources/apps/v1/deployments/namespaces/{namespace}/app-of-{namespace}/actions/scale?number=2");
        let done = lone.ask(token, ("POST", &app), "").await;
        assert_eq!(done.status == 200, scales.contains(&namespace), "{who}: {} {}", done.status, done.body);
        let audit = std::fs::read_to_string(&lone.audit).unwrap();
        let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // The last line is about the last deed. What one may not even see is not tried.
        if let Some(line) = lines.last().filter(|line| line["name"] == format!("app-of-{namespace}")) {
            assert_eq!(line["result"]["outcome"] == "done", done.status == 200, "{who}: {line}");
            assert_eq!(
                (&line["who"]["known"], &line["as"]["credential"]),
                (&json!("signed in"), &json!("bearer token"))
            );
        } else {
            assert_ne!(done.status, 200, "{who}: {audit}");
        }
        assert!(!audit.contains(token), "no credential stands in the audit log");
    }
}

/// A stream of a list tells of a change to whom the API server would tell it.
pub(super) async fn streams_agree(plane: &Plane, lone: &Lone, token: &str, (seen, more): (&[&str], &str)) {
    let mut stream = Stream::open(lone.at, token, &format!("/resources/core/v1/configmaps?limit=1000{more}")).await;
    for namespace in seen {
        stream.until(&format!("map-of-{namespace}")).await;
    }
    let mark = format!("new-{}", lone.proxy.seen().len());
    // What must not be told happens first: it would have been told by then.
    let others: Vec<&str> = NAMESPACES.into_iter().filter(|name| !seen.contains(name)).collect();
    for namespace in others.iter().chain(seen) {
        let map = json!({"metadata": {"name": format!("{mark}-of-{namespace}")}});
        plane.admin.ensure(&format!("/api/v1/namespaces/{namespace}/configmaps"), &map).await;
    }
    for namespace in seen {
        stream.until(&format!("{mark}-of-{namespace}")).await;
    }
    for other in others {
        assert!(!stream.text().contains(&format!("-of-{other}")), "{}", stream.text());
    }
    for namespace in NAMESPACES {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{mark}-of-{namespace}");
        plane.admin.send(reqwest::Method::DELETE, &path, None).await;
    }
}
