//! A console without rights of its own (`--user-credentials-only`): everybody sees what the API server gives to that person's
//! own credential, and the console's own is never shown to it.

mod plane;
mod watching;

use std::collections::BTreeSet;
use std::time::Duration;

use pilothouse_harness::Api;
use serde_json::{Value, json};
use tokio::time::Instant;

use plane::{FINDER, Lone, NAMESPACES, NARROW, NOTHING, Plane, TWIN, VALUE, WIDE};
use watching::Stream;

/// The longest that anything may take; what is awaited comes in seconds.
const PATIENCE: Duration = Duration::from_secs(240);

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

/// Asks again and again until it is as wanted.
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Ok(value) => return value,
            Err(now) => assert!(Instant::now() < deadline, "{what}: {now}"),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

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
async fn lists_agree(plane: &Plane, lone: &Lone, (who, token): (&str, &str), more: &str) {
    let api = plane.api(token);
    for (kind, base, plural, namespaced) in KINDS {
        let more = if namespaced { more } else { "" };
        until(&format!("{who}: {kind}"), async || {
            let listing = lone.json(token, &format!("/resources/{kind}?limit=1000{more}")).await;
            let truth = truth(&api, base, plural, namespaced).await;
            let agrees = rows(&listing) == truth && listing["total"] == truth.len();
            let settled = listing["complete"] == true || truth.is_empty();
            if agrees && settled { Ok(()) } else { Err(format!("{listing}\nis not {truth:?}")) }
        })
        .await;
    }
}

/// Each object, its causes and its events: for whom the API server gives it, and for nobody else.
async fn objects_agree(plane: &Plane, lone: &Lone, (who, token): (&str, &str)) {
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

fn bearer_of(headers: &[(String, String)]) -> Option<String> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value.clone())
}

/// Workloads with their reasons, in the API and on the page, the search, and the chooser of namespaces.
async fn pages_agree(lone: &Lone, (who, token): (&str, &str), cookie: &str, (seen, more): (&[&str], &str)) {
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
async fn deeds_agree(lone: &Lone, (who, token): (&str, &str), cookie: &str, (reveals, scales): (&[&str], &[&str])) {
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
async fn streams_agree(plane: &Plane, lone: &Lone, token: &str, (seen, more): (&[&str], &str)) {
    let mut stream = Stream::open(lone.at, token, &format!("/resources/core/v1/configmaps?limit=1000{more}")).await;
    for namespace in seen {
        stream.until(&format!("map-of-{namespace}")).await;
    }
    let mark = format!("new-{}", lone.proxy.seen().len());
    for namespace in NAMESPACES {
        let map = json!({"metadata": {"name": format!("{mark}-of-{namespace}")}});
        plane.admin.ensure(&format!("/api/v1/namespaces/{namespace}/configmaps"), &map).await;
    }
    for namespace in seen {
        stream.until(&format!("{mark}-of-{namespace}")).await;
    }
    for other in NAMESPACES.iter().filter(|name| !seen.contains(name)) {
        assert!(!stream.text().contains(&format!("-of-{other}")), "{}", stream.text());
    }
    for namespace in NAMESPACES {
        let path = format!("/api/v1/namespaces/{namespace}/configmaps/{mark}-of-{namespace}");
        plane.admin.send(reqwest::Method::DELETE, &path, None).await;
    }
}

/// Somebody looks at everything.
async fn sees_just_the_own(plane: &Plane, lone: &Lone, who: &str, more: &str) -> String {
    let token = plane.token(who);
    let person = (who, token.as_str());
    let cookie = lone.sign_in(&token).await;
    let seen: &[&str] = match who {
        WIDE => &NAMESPACES,
        NOTHING => &[],
        _ => &["one", "two"],
    };
    lists_agree(plane, lone, person, more).await;
    objects_agree(plane, lone, person).await;
    pages_agree(lone, person, &cookie, (seen, more)).await;
    let scales = if who == WIDE { &[] } else { seen };
    deeds_agree(lone, person, &cookie, (seen, scales)).await;
    streams_agree(plane, lone, &token, (seen, more)).await;
    cookie
}

/// Nothing but what people brought was ever shown to the cluster.
fn only_people(plane: &Plane, lone: &Lone, people: &[&str]) {
    let known: BTreeSet<String> = people.iter().map(|name| format!("Bearer {}", plane.token(name))).collect();
    let shown = lone.shown();
    assert!(shown.is_subset(&known), "{:?} were shown", shown.difference(&known).collect::<Vec<_>>());
    assert!(!shown.is_empty());
}

/// The paths of a resource that were watched with somebody's token.
fn watched(plane: &Plane, lone: &Lone, who: &str, plural: &str) -> usize {
    let bearer = format!("Bearer {}", plane.token(who));
    let of = |path: &str| path.contains("watch=") && path.split('?').next().unwrap().ends_with(plural);
    let seen = lone.proxy.seen().into_iter();
    seen.filter(|seen| of(&seen.path) && bearer_of(&seen.headers).as_ref() == Some(&bearer)).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_sees_just_the_own_where_the_console_may_nothing() {
    let plane = Plane::real().await;
    let ben = plane.token("ben");
    let lone = Lone::start(&plane, &ben, &[]).await;
    assert_eq!(lone.figure("watches").await, Some(0.0), "nothing is asked before somebody comes");
    assert!(lone.proxy.seen().is_empty(), "{:?}", lone.proxy.seen());
    assert_eq!(lone.figure("cluster_up").await, None, "nobody has asked yet");

    // Who may not list namespaces has to name them; the page says so, and then knows them.
    let narrow = plane.token(NARROW);
    let cookie = lone.sign_in(&narrow).await;
    let page = until("the first page", async || {
        let page = lone.page(&cookie, ("GET", "/c/prod/r/core/v1/pods"), "").await;
        if page.body.contains("does not let you list this") { Ok(page) } else { Err(page.body) }
    })
    .await;
    assert!(page.body.contains("Namespaces, separated by commas"), "{}", page.body);
    sees_just_the_own(&plane, &lone, NARROW, "&ns=one,two").await;
    sees_just_the_own(&plane, &lone, NARROW, "").await;
    sees_just_the_own(&plane, &lone, FINDER, "").await;
    let wide = sees_just_the_own(&plane, &lone, WIDE, "").await;
    nothing_is_told(&lone, &plane).await;

    // Somebody with the rights of another is shown what was asked for with the own credential.
    assert_eq!(watched(&plane, &lone, TWIN, "pods"), 0);
    let cookies = [cookie, sees_just_the_own(&plane, &lone, TWIN, "&ns=one,two").await];
    assert!(watched(&plane, &lone, TWIN, "pods") >= 2, "each namespace is watched for the twin, too");
    only_people(&plane, &lone, &[NARROW, WIDE, NOTHING, TWIN, FINDER]);

    // Who has signed out leaves nothing; and where the last window was closed, nothing is left after a while.
    let before = lone.figure("watches").await.unwrap();
    for cookie in &cookies {
        assert_eq!(lone.page(cookie, ("POST", "/sign-out"), "").await.status, 200);
    }
    until("those who signed out are not watched for", async || {
        let now = lone.figure("watches").await.unwrap();
        if now < before { Ok(()) } else { Err(format!("{now} of {before}")) }
    })
    .await;
    assert_eq!(lone.page(&wide, ("GET", "/c/prod"), "").await.status, 200);
    until("nothing is watched for nobody", async || match lone.figure("watches").await {
        Some(0.0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
}

/// Who may see nothing is told so, and what to do.
async fn nothing_is_told(lone: &Lone, plane: &Plane) {
    let token = plane.token(NOTHING);
    let cookie = lone.sign_in(&token).await;
    lists_agree(plane, lone, (NOTHING, &token), "").await;
    objects_agree(plane, lone, (NOTHING, &token)).await;
    deeds_agree(lone, (NOTHING, &token), &cookie, (&[], &[])).await;
    for path in ["/c/prod", "/c/prod/workloads", "/c/prod/r/core/v1/pods"] {
        let page = lone.page(&cookie, ("GET", path), "").await;
        assert!(page.status == 200 && page.body.contains("does not let you list this"), "{path}: {}", page.body);
        assert!(!page.body.contains("-of-"), "{path}: {}", page.body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_cluster_answers_the_same_people_alike() {
    let plane = Plane::embedded().await;
    let lone = Lone::start(&plane, &plane.token("ben"), &NAMESPACES).await;
    for who in [NARROW, FINDER, WIDE] {
        sees_just_the_own(&plane, &lone, who, "").await;
    }
    nothing_is_told(&lone, &plane).await;
    only_people(&plane, &lone, &[NARROW, WIDE, NOTHING, FINDER]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_whom_nobody_knows_shows_what_those_may_ask_who_do() {
    let plane = Plane::real().await;
    plane.discovery_for(&[NARROW, WIDE]).await;
    for own in ["", "nonsense", &plane.token("ben")] {
        let lone = Lone::start(&plane, own, &["one", "two", "three", "four"]).await;
        let narrow = plane.token(NARROW);
        sees_just_the_own(&plane, &lone, NARROW, "").await;
        // Whom the cluster does not tell what it serves learns nothing of it from others, and is told why.
        let twin = plane.token(TWIN);
        let cookie = lone.sign_in(&twin).await;
        let page = until("the page of the twin", async || {
            let page = lone.page(&cookie, ("GET", "/c/prod/r/core/v1/pods"), "").await;
            if page.body.contains("does not let you ask what it serves") { Ok(page) } else { Err(page.body) }
        })
        .await;
        assert!(page.body.contains("system:discovery"), "{}", page.body);
        assert!(!page.body.contains("-of-") && !page.body.contains(narrow.as_str()));
        let answer = lone.ask(&twin, ("GET", "/resources/core/v1/pods"), "").await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        let stranger = lone.ask("nobody", ("GET", "/resources/core/v1/pods"), "").await;
        assert_eq!(stranger.status, 401, "{}", stranger.body);
        let shown = lone.shown();
        let known = [narrow, twin, "nobody".to_owned()].map(|token| format!("Bearer {token}"));
        assert!(shown.iter().all(|shown| known.contains(shown)), "{shown:?}");
        assert!(lone.console.printed().lines().all(|line| !line.contains("panicked")));
    }
}

/// Lets the service account of a namespace read config maps there, and gives a token of its own.
async fn account(plane: &Plane) -> String {
    let base = "/api/v1/namespaces/one/serviceaccounts";
    plane.admin.ensure(base, &json!({"metadata": {"name": "leaver"}})).await;
    let subject = json!({"kind": "ServiceAccount", "name": "leaver", "namespace": "one"});
    plane::bind(&plane.admin, Some("one"), "all", &[subject]).await;
    let request =
        json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 3600}});
    let path = format!("{base}/leaver/token");
    let made = plane.admin.send(reqwest::Method::POST, &path, Some(("application/json", &request))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["status"]["token"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_revoked_credential_has_read_goes_with_it() {
    let plane = Plane::real().await;
    let lone = Lone::start(&plane, "", &[]).await;
    // A token that names its account is all that it takes to look where the account lives.
    let token = account(&plane).await;
    let cookie = lone.sign_in(&token).await;
    let lists = "/resources/core/v1/configmaps?limit=1000";
    until("the account's own namespace", async || {
        let listing = lone.json(&token, lists).await;
        if listing["total"] == 1 { Ok(()) } else { Err(listing.to_string()) }
    })
    .await;
    let mut stream = Stream::open(lone.at, &token, lists).await;
    stream.until("map-of-one").await;
    assert_ne!(lone.figure("watches").await, Some(0.0));
    let path = "/api/v1/namespaces/one/serviceaccounts/leaver";
    assert_eq!(plane.admin.send(reqwest::Method::DELETE, path, None).await.status, 200);
    let told = stream.ended().await;
    assert!(told.contains("event: end") || told.contains("not accept"), "{told}");
    until("the token is not good any more", async || {
        let answer = lone.ask(&token, ("GET", lists), "").await;
        let page = lone.page(&cookie, ("GET", "/c/prod/r/core/v1/configmaps"), "").await;
        for body in [&answer.body, &page.body] {
            assert!(answer.status == 200 || !body.contains("-of-one"), "{body}");
        }
        let over = answer.status == 401 && page.status == 303;
        if over { Ok(()) } else { Err(format!("{} {}, {}", answer.status, answer.body, page.status)) }
    })
    .await;
    until("what it had read is let go of", async || match lone.figure("watches").await {
        Some(0.0) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    // Another's looking does not bring it back.
    let narrow = plane.token(NARROW);
    lists_agree(&plane, &lone, (NARROW, &narrow), "&ns=one,two").await;
    assert_eq!(lone.ask(&token, ("GET", lists), "").await.status, 401);
}
