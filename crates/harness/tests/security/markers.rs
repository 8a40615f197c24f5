//! Values of Secrets and credentials of people: looked for in everything that the console ever writes or answers.

use crate::raw::{Answer, send};
use crate::world::{ENCODED, HOSTILE, VALUE, Who, World};

const FORM: &str = "application/x-www-form-urlencoded";
const API: &str = "/api/v1/clusters/prod/resources";

/// Everything that came back, with where it came from.
type Heard = Vec<(String, Answer)>;

/// Looks at everything there is to look at, and tries all sorts of things with the Secret of a namespace.
async fn walk(world: &World, who: &Who, (namespace, owner): (&str, &str)) -> Heard {
    let secret = format!("core/v1/secrets/namespaces/{namespace}/keys-of-{owner}");
    let pod = format!("core/v1/pods/namespaces/{namespace}/pod-of-{owner}");
    let map = format!("core/v1/configmaps/namespaces/{namespace}/map-of-{owner}");
    let mut paths = Vec::new();
    for kind in ["pods", "secrets", "configmaps", "events", "namespaces", "nodes"] {
        paths.extend([
            format!("/c/prod/r/core/v1/{kind}"),
            format!("{API}/core/v1/{kind}"),
            format!("/all/r/core/v1/{kind}"),
        ]);
        paths.push(format!("/api/v1/resources/core/v1/{kind}"));
    }
    for object in [&secret, &pod, &map] {
        for view in ["", "?view=yaml", "?view=events", "?view=logs", "?view=graph"] {
            paths.push(format!("/c/prod/r/{object}{view}"));
        }
        paths.extend(["/explanation", "/events", "/actions", ""].map(|part| format!("{API}/{object}{part}")));
        paths.extend([
            format!("/c/prod/edit/{object}"),
            format!("/c/prod/act/delete/{object}"),
            format!("/c/prod/live?watch=o/{object}"),
        ]);
    }
    paths.push(format!("/c/prod/reveal/{secret}"));
    paths.push(format!("{API}/{secret}/log"));
    paths.extend([
        format!("{API}/{pod}/log"),
        format!("/c/prod/logs/{namespace}/pod-of-{owner}"),
        format!("/c/prod/logs/{namespace}/pod-of-{owner}/text"),
    ]);
    for text in [VALUE, ENCODED, "keys", "of"] {
        paths.extend(
            ["/search?q=", "/palette?q=", "/c/prod/palette?q=", "/api/v1/search?q="]
                .map(|path| format!("{path}{text}")),
        );
        paths.extend([format!("/c/prod/r/core/v1/secrets?q={text}"), format!("{API}/core/v1/secrets?q={text}")]);
    }
    for path in [
        "/",
        "/clusters",
        "/c/prod",
        "/c/prod/workloads",
        "/all/workloads",
        "/c/prod/live?watch=r/core/v1/secrets",
        "/api/v1/openapi.json",
        "/api/v1/clusters",
        "/nothing",
    ] {
        paths.push(path.to_owned());
    }
    let mut heard = Vec::new();
    for path in paths {
        let answer = world.get(who, &path).await;
        // What somebody asks for is shown as it was asked.
        let quotes = path.contains(VALUE) || path.contains(ENCODED);
        let body = if quotes {
            answer.body.replace(VALUE, "").replace(ENCODED, "").replace(&ENCODED.replace('=', "%3D"), "")
        } else {
            answer.body
        };
        heard.push((format!("GET {path}"), Answer { body, ..answer }));
    }
    heard.extend(changes(world, who, &secret).await);
    heard
}

/// Changes of a Secret that the API server or the console refuses, with the value in them.
async fn changes(world: &World, who: &Who, secret: &str) -> Heard {
    let object = world.get(who, &format!("{API}/{secret}")).await.body;
    let version =
        object.split("\"resourceVersion\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or("1").to_owned();
    let name = secret.rsplit('/').next().unwrap();
    let namespace = secret.split('/').nth_back(1).unwrap();
    let with = |data: &str| {
        format!(
            "{{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"{namespace}\",\"resourceVersion\":\"{version}\"}},{data}}}"
        )
    };
    let mut heard = Vec::new();
    for body in [
        with(&format!("\"data\":{{\"key\":\"{VALUE}!\"}}")),
        with(&format!("\"data\":{{\"{VALUE} \":\"{ENCODED}\"}}")),
        with(&format!("\"stringData\":{{\"key\":\"{VALUE}\"}},\"unheardOf\":1")),
        with(&format!("\"data\":\"{VALUE}\"")),
        with(&format!("\"data\":{{\"key\":\"{ENCODED}\"}}")),
        with(&format!("\"stringData\":{{\"key\":\"{VALUE}\"}}")),
    ] {
        // The API server checks everything; it stays as it is.
        {
            let suffix = "?dryRun=true";
            let path = format!("{API}/{secret}{suffix}");
            // The answer to the one who wrote it may say what was wrong with it.
            let answer = world.ask(who, "PUT", &path, ("application/json", &body)).await;
            let body = if answer.status == 200 { answer.body } else { String::new() };
            heard.push((format!("PUT {path}"), Answer { body, ..answer }));
        }
    }
    heard
}

fn must_not_hold(heard: &Heard, markers: &[&str]) {
    for (from, answer) in heard {
        for marker in markers {
            assert!(
                !answer.body.contains(marker) && !answer.head.contains(marker),
                "{marker} in {from}:\n{}",
                answer.body
            );
        }
    }
}

/// What the process wrote: its log, its audit log, its figures.
async fn written(world: &World) -> Vec<(&'static str, String)> {
    let metrics = send(world.probes, ("GET", "/metrics"), &[], "").await;
    assert!(metrics.body.contains("pilothouse_requests_total"), "{}", metrics.body);
    let log = world.console.printed();
    assert!(log.contains("TRACE") && log.len() > 10_000, "it tells everything");
    let audit = std::fs::read_to_string(&world.audit).unwrap();
    assert!(audit.contains("\"reveal\":true") && audit.contains("\"update\""), "{audit}");
    vec![("the log", log), ("the audit log", audit), ("the figures", metrics.body)]
}

fn must_not_write(written: &[(&str, String)], markers: &[&str]) {
    for (from, text) in written {
        for marker in markers {
            let line = text.lines().find(|line| line.contains(marker));
            assert!(line.is_none(), "{marker} in {from}: {line:?}");
        }
    }
}

/// The one way to a value.
async fn reveal(world: &World, who: &Who, secret: &str) {
    let page = world.ask(who, "POST", &format!("/c/prod/reveal/{secret}"), (FORM, "")).await;
    assert!(page.status == 200 && page.body.contains(VALUE), "{} {}", page.status, page.body);
    let answer = world.ask(who, "POST", &format!("{API}/{secret}/reveal"), ("application/json", "")).await;
    assert!(answer.status == 200 && answer.body.contains(ENCODED), "{} {}", answer.status, answer.body);
    for revealed in [page, answer] {
        assert_eq!(revealed.header("cache-control"), Some("no-store"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_value_of_a_secret_and_no_credential_stands_where_it_should_not() {
    let world = World::start(true).await;
    let (ada, ben) = (world.sign_in("ada").await, world.sign_in("ben").await);
    let mut heard = walk(&world, &ada, ("team-a", "ada")).await;
    heard.extend(walk(&world, &ben, ("team-a", "ada")).await);
    let secret = "core/v1/secrets/namespaces/team-a/keys-of-ada";
    reveal(&world, &ada, secret).await;
    let refused = world.ask(&ben, "POST", &format!("/c/prod/reveal/{secret}"), (FORM, "")).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
    heard.push(("a reveal by Ben".to_owned(), refused));
    // With a token of one's own in place of the cookie, and with wrong ones.
    let bearer = format!("Bearer {}", ada.token);
    for path in
        [format!("{API}/core/v1/pods"), "/api/v1/clusters".to_owned(), "/c/prod".to_owned(), format!("{API}/{secret}")]
    {
        heard.push((path.clone(), send(world.at, ("GET", &path), &[("authorization", &bearer)], "").await));
        let wrong = [("authorization", "Bearer wrong-marked-token"), ("cookie", "x=wrong-marked-token")];
        heard.push((path.clone(), send(world.at, ("GET", &path), &wrong, "").await));
    }
    let origin = format!("http://{}", world.at);
    let form = [("origin", origin.as_str()), ("content-type", FORM)];
    for body in [
        "cluster=prod&token=wrong-marked-token",
        "cluster=none&token=wrong-marked-token",
        "token=wrong-marked-token%20x",
    ] {
        heard.push(("a failed sign-in".to_owned(), send(world.at, ("POST", "/sign-in"), &form, body).await));
    }
    let secrets = [VALUE, ENCODED];
    let console = world.server.token("console").unwrap();
    let value_of = |cookie: &str| cookie.split_once('=').unwrap().1.to_owned();
    let sealed = [value_of(&ada.cookie), value_of(&ben.cookie)];
    let credentials = [ada.token.as_str(), ben.token.as_str(), console, "wrong-marked-token", &sealed[0], &sealed[1]];
    must_not_hold(&heard, &secrets);
    must_not_hold(&heard, &credentials);
    let written = written(&world).await;
    must_not_write(&written, &secrets);
    must_not_write(&written, &credentials);
    whole_lines(&written);
    harmless(&heard);
    on_the_wire(&world, &[&ada, &ben]);
    let listened: usize = heard.iter().filter(|(_, answer)| answer.status == 200).count();
    assert!(listened > 60, "{listened}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_for_one_person_keeps_its_secrets_as_well() {
    let world = World::start(false).await;
    let me = world.launch().await;
    let heard = walk(&world, &me, ("team-a", "ada")).await;
    reveal(&world, &me, "core/v1/secrets/namespaces/team-a/keys-of-ada").await;
    let admin = world.server.token("admin").unwrap();
    let session = me.cookie.split_once('=').unwrap().1.to_owned();
    must_not_hold(&heard, &[VALUE, ENCODED, admin, world.console.secret(), &session]);
    let mut written = written(&world).await;
    must_not_write(&written, &[VALUE, ENCODED, admin, &session]);
    // The launch secret is printed once, in the address to open.
    written[0].1 = written[0].1.replacen(world.console.secret(), "", 1);
    must_not_write(&written, &[world.console.secret()]);
    whole_lines(&written);
    harmless(&heard);
    on_the_wire(&world, &[]);
}

/// Nothing that somebody wrote into the cluster begins a line of ours, or speaks to a terminal.
fn whole_lines(written: &[(&str, String)]) {
    for (from, text) in written {
        for line in text.lines() {
            assert!(!line.starts_with("event: end") && !line.starts_with("data: x"), "{from}: {line}");
        }
        assert!(
            !text.contains('\u{202e}') && !text.contains("\u{1b}[31m\u{202e}") && !text.contains('\u{9b}'),
            "{from}"
        );
    }
}

/// What is shown is text, and streams have the frames that we gave them.
fn harmless(heard: &Heard) {
    let mut shown = 0;
    for (from, answer) in heard {
        let kind = answer.header("content-type").unwrap_or_default();
        if kind.starts_with("text/html") {
            assert!(!answer.body.contains("<script>alert"), "{from}:\n{}", answer.body);
            assert!(!answer.body.contains("\"'>"), "{from}");
            shown += usize::from(answer.body.contains("&lt;script&gt;alert(1)"));
        }
        if kind.starts_with("text/event-stream") {
            for line in answer.body.lines() {
                assert!(line != "data: x" && line != "event: x", "{from}: {line}");
            }
            assert!(!answer.body.contains("<script>alert") && !answer.body.contains('\u{1b}'), "{from}");
        }
        assert!(!answer.head.contains("alert(1)"), "{from}");
    }
    assert!(shown > 2, "hostile text was shown {shown} times");
    assert!(HOSTILE.contains("alert(1)"));
}

/// Whose credential each request to the cluster carried: the console's own for what it lists and watches, a person's for the
/// rest, and nothing else ever.
fn on_the_wire(world: &World, people: &[&Who]) {
    let bearer = |token: &str| format!("Bearer {token}");
    let own = bearer(world.server.token(if people.is_empty() { "admin" } else { "console" }).unwrap());
    let tokens: Vec<String> = people.iter().map(|who| bearer(&who.token)).collect();
    let mut persons = 0;
    for seen in world.proxy.seen() {
        let header = |wanted: &str| {
            let found = seen.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone()).collect::<Vec<_>>()
        };
        let credentials = header("authorization");
        let [credential] = credentials.as_slice() else { panic!("{seen:?}") };
        for (name, value) in &seen.headers {
            let name = name.to_lowercase();
            let known =
                ["host", "authorization", "accept", "accept-encoding", "content-type", "content-length", "user-agent"];
            assert!(known.contains(&name.as_str()), "{name}: {value} in {seen:?}");
        }
        let person = tokens.contains(credential);
        persons += usize::from(person);
        assert!(person || *credential == own || credential == "Bearer wrong-marked-token", "{seen:?}");
        let path = seen.path.split('?').next().unwrap();
        let deed = ["PUT", "PATCH", "DELETE"].contains(&seen.method.as_str())
            || path.ends_with("/log")
            || path.contains("/secrets/");
        if !people.is_empty() && deed {
            assert!(person, "the console's own credential did it: {} {}", seen.method, seen.path);
        }
    }
    assert!(people.is_empty() || persons > 10);
}
