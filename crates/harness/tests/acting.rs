//! What people do through the engine on a real API server: exactly what that lets each of them do, and all of it recorded.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use pilothouse_app::{
    AppError, AuditTo, Choice, Cluster, Contexts, Deletion, Engine, ErrorKind, Expected, LogOptions, Person, Sharing,
    Target, Token,
};
use pilothouse_harness::{Api, Console, Embedded, Options, RealControlPlane, places};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(60);
const VALUE: &str = "hunter2-hunter2";
const MERGE: &str = "application/merge-patch+json";
const PEOPLE: [&str; 3] = ["admin", "ada", "ben"];

struct World {
    plane: RealControlPlane,
    engine: Engine,
    log: PathBuf,
}

impl World {
    async fn start() -> Self {
        let plane = RealControlPlane::start(Options::default()).await;
        seed(plane.admin()).await;
        let contexts = Contexts::load(Some(plane.kubeconfig("ben")), None).unwrap();
        let engine = Engine::shared(contexts, Sharing::default());
        let log = plane.folder().join("audit.log");
        engine.audit().begin(AuditTo::File(log.clone()), false).unwrap();
        Self { plane, engine, log }
    }

    /// The cluster as someone sees it who signed in with the own token.
    async fn seen_by(&self, user: &str) -> Cluster {
        let token = Token::new(self.plane.api(user).credential().token.clone());
        let person = Person::new(user, BTreeMap::from([(self.engine.current(), token)]));
        let cluster = self.engine.seen_by(Arc::new(person)).cluster(self.engine.current().as_str()).unwrap();
        cluster.wait_catalog(PATIENCE).await.unwrap();
        cluster
    }
}

fn target(cluster: &Cluster, (group, plural): (&str, &str), name: &str) -> Target {
    let resource = cluster.catalog().unwrap().resource(group, "v1", plural).unwrap();
    Target::new(&resource, Some("a"), name)
}

/// Ada may scale deployments, delete pods and read their logs, and read one Secret; Ben may look at pods and deployments.
async fn seed(admin: &Api) {
    let metadata = |name: &str| json!({"name": name, "namespace": "a"});
    let role = |name: &str, rules: Value| json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata(name), "rules": rules});
    let binding = |user: &str| {
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata(user),
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": user},
            "subjects": [{"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}],
        })
    };
    let rule = |groups: &str, resources: &[&str], verbs: &[&str]| json!({"apiGroups": [groups], "resources": resources, "verbs": verbs});
    let mine = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"], "resourceNames": ["mine"]});
    let looks = [rule("", &["pods"], &["get", "list"]), rule("apps", &["deployments"], &["get", "list"])];
    let acts = [
        rule("", &["pods"], &["delete"]),
        rule("", &["pods/log"], &["get"]),
        rule("apps", &["deployments/scale"], &["patch"]),
        mine,
    ];
    admin
        .ensure("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a"}}))
        .await;
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/a";
    let ada: Vec<&Value> = looks.iter().chain(&acts).collect();
    admin.ensure(&format!("{rbac}/roles"), &role("ada", json!(ada))).await;
    admin.ensure(&format!("{rbac}/roles"), &role("ben", json!(looks))).await;
    for user in ["ada", "ben"] {
        admin.ensure(&format!("{rbac}/rolebindings"), &binding(user)).await;
    }
    let template =
        json!({"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "main", "image": "x"}]}});
    let web = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("web"),
        "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}}, "template": template},
    });
    admin.ensure("/apis/apps/v1/namespaces/a/deployments", &web).await;
    for user in PEOPLE {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(&format!("for-{user}")), "spec": template["spec"]});
        admin.ensure("/api/v1/namespaces/a/pods", &pod).await;
    }
    for name in ["mine", "other"] {
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata(name), "stringData": {"key": VALUE}});
        admin.ensure("/api/v1/namespaces/a/secrets", &secret).await;
    }
}

/// The lines of the audit log about requests.
fn recorded(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["event"] == "request").collect()
}

/// Whether it was allowed, and the API server's own answer to the same question.
fn agree<T: std::fmt::Debug>(ours: &Result<T, AppError>, status: u16, what: &str) {
    let refused = ours.as_ref().is_err_and(|error| error.kind == ErrorKind::Forbidden);
    assert_eq!(refused, status == 403, "{what}: {ours:?}, and the API server says {status}");
}

#[tokio::test]
async fn each_person_does_what_the_api_server_lets_that_person_do_and_every_deed_is_one_line() {
    let world = World::start().await;
    let mut deeds = 0;
    for user in PEOPLE {
        let (cluster, direct) = (world.seen_by(user).await, world.plane.api(user));
        let (web, pod) = (
            target(&cluster, ("apps", "deployments"), "web"),
            target(&cluster, ("core", "pods"), &format!("for-{user}")),
        );
        let scale = Choice { number: Some(3), ..Choice::default() };
        let ours = cluster.act(&web, "scale", &scale).await;
        let path = "/apis/apps/v1/namespaces/a/deployments/web";
        let body = json!({"spec": {"replicas": 3}});
        let theirs = direct.send(Method::PATCH, &format!("{path}/scale?dryRun=All"), Some((MERGE, &body))).await;
        agree(&ours, theirs.status, &format!("{user} scales"));

        let ours = cluster.act(&web, "restart", &Choice::default()).await;
        let theirs = direct.send(Method::PATCH, &format!("{path}?dryRun=All"), Some((MERGE, &json!({})))).await;
        agree(&ours, theirs.status, &format!("{user} restarts"));

        let ours = cluster.logs("a", &pod.name, &LogOptions::default()).await;
        let theirs = direct.get(&format!("/api/v1/namespaces/a/pods/{}/log", pod.name)).await;
        agree(&ours, theirs.status, &format!("{user} reads a log"));

        for name in ["mine", "other"] {
            let ours = cluster.reveal(&target(&cluster, ("core", "secrets"), name)).await;
            let theirs = direct.get(&format!("/api/v1/namespaces/a/secrets/{name}")).await;
            agree(&ours, theirs.status, &format!("{user} reveals {name}"));
            let shown = ours.is_ok_and(|secret| secret.value()["data"]["key"] == "aHVudGVyMi1odW50ZXIy");
            assert_eq!(shown, theirs.status == 200);
        }

        let theirs =
            direct.send(Method::DELETE, &format!("/api/v1/namespaces/a/pods/{}?dryRun=All", pod.name), None).await;
        let tried = cluster.delete(&pod, &Deletion { dry_run: true, ..Deletion::default() }).await;
        agree(&tried, theirs.status, &format!("{user} tries to delete"));
        let still = world.plane.admin().get(&format!("/api/v1/namespaces/a/pods/{}", pod.name)).await;
        assert!(still.body["metadata"]["deletionTimestamp"].is_null(), "it was only tried");
        let ours = cluster.delete(&pod, &Deletion { grace: Some(0), ..Deletion::default() }).await;
        agree(&ours, theirs.status, &format!("{user} deletes"));
        let after = world.plane.admin().get(&format!("/api/v1/namespaces/a/pods/{}", pod.name)).await;
        assert_eq!(after.status == 404, ours.is_ok(), "{user}");
        deeds += 7;
        assert_eq!(recorded(&world.log).len(), deeds, "{user}: one line for each");
    }
    let lines = recorded(&world.log);
    for line in &lines {
        let refused = line["result"]["code"] == 403;
        assert_eq!(line["result"]["outcome"] == "refused", refused, "{line}");
        assert!(line["as"]["fingerprint"].as_str().unwrap().starts_with("sha256:"), "{line}");
    }
    let outcome = |who: &str, verb: &str, resource: &str, dry_run: bool| {
        let found = lines.iter().find(|line| {
            line["who"]["name"] == who
                && line["verb"] == verb
                && line["resource"] == resource
                && line["dryRun"] == dry_run
        });
        found.unwrap()["result"]["outcome"].as_str().unwrap().to_owned()
    };
    assert_eq!(outcome("ada", "delete", "pods", false), "done");
    assert_eq!(outcome("ben", "delete", "pods", false), "refused");
    assert_eq!(outcome("ada", "patch", "deployments", false), "done", "she may scale");
    assert_eq!(outcome("ben", "patch", "deployments", false), "refused");
    let text = std::fs::read_to_string(&world.log).unwrap();
    assert!(!text.contains(VALUE) && !text.contains("aHVudGVyMi1odW50ZXIy"), "no value of a Secret");
    for user in PEOPLE {
        assert!(!text.contains(&world.plane.api(user).credential().token), "no token");
    }
}

#[tokio::test]
async fn what_is_offered_is_what_may_be_done_and_what_was_seen_is_what_is_changed() {
    let world = World::start().await;
    let offered = async |user: &str| {
        let cluster = world.seen_by(user).await;
        let web = target(&cluster, ("apps", "deployments"), "web");
        let object = cluster.read_own(&web).await.unwrap();
        let offers = cluster.offers(&web, &object, PATIENCE).await;
        offers.iter().map(|offer| offer.id).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(offered("admin").await, "scale restart edit delete");
    assert_eq!(offered("ada").await, "scale");
    assert_eq!(offered("ben").await, "");

    let cluster = world.seen_by("admin").await;
    let web = target(&cluster, ("apps", "deployments"), "web");
    let seen = cluster.read_own(&web).await.unwrap();
    let stale = Expected { uid: Some("another".to_owned()), version: None };
    for error in [
        cluster.delete(&web, &Deletion { expected: stale.clone(), ..Deletion::default() }).await.unwrap_err(),
        cluster.act(&web, "restart", &Choice { expected: stale, ..Choice::default() }).await.unwrap_err(),
    ] {
        assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    }
    // The API server itself refuses a patch that names another object: what is between reading and writing is covered.
    for path in ["", "/scale"] {
        let path = format!("/apis/apps/v1/namespaces/a/deployments/web{path}");
        let other = json!({"metadata": {"uid": "another"}, "spec": {"replicas": 2}});
        let answer = world.plane.admin().send(Method::PATCH, &path, Some((MERGE, &other))).await;
        assert!([409, 422].contains(&answer.status), "{path} {} {}", answer.status, answer.body);
    }
    cluster.act(&web, "scale", &Choice { number: Some(2), ..Choice::default() }).await.unwrap();
    let mut edited = seen.into_value();
    edited["spec"]["replicas"] = json!(5);
    let error = cluster.replace(&web, edited.clone(), false).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Conflict, "{error}");
    edited["metadata"]["resourceVersion"] = json!(cluster.read_own(&web).await.unwrap().resource_version());
    edited["spec"]["replicas"] = json!(-1);
    let error = cluster.replace(&web, edited.clone(), false).await.unwrap_err();
    assert!(error.kind == ErrorKind::BadInput && error.message.contains("spec.replicas"), "in its own words: {error}");
    edited["spec"]["replicas"] = json!(5);
    cluster.replace(&web, edited.clone(), true).await.unwrap();
    cluster.replace(&web, edited, false).await.unwrap();
    assert_eq!(cluster.read_own(&web).await.unwrap().value()["spec"]["replicas"], 5);
}

#[tokio::test]
async fn a_revoked_token_and_nobody_do_nothing() {
    let world = World::start().await;
    let cluster = world.seen_by("admin").await;
    let web = target(&cluster, ("apps", "deployments"), "web");
    let strange = Person::new("eve", BTreeMap::from([(world.engine.current(), Token::new("made-up"))]));
    let eve = world.engine.seen_by(Arc::new(strange)).cluster(world.engine.current().as_str()).unwrap();
    let nobody = world.engine.cluster(world.engine.current().as_str()).unwrap();
    for who in [eve, nobody] {
        let error = who.delete(&web, &Deletion::default()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{error}");
        let error = who.logs("a", "for-ada", &LogOptions::default()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Unauthorized, "{error}");
    }
    assert_eq!(world.plane.admin().get("/apis/apps/v1/namespaces/a/deployments/web").await.status, 200);
}

#[tokio::test]
async fn a_log_ends_when_the_right_to_read_it_is_gone() {
    let embedded = Embedded::start().await;
    let admin = embedded.admin();
    let started = "2026-01-01T00:00:00Z";
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "team-a"},
        "spec": {"nodeName": "n", "containers": [{"name": "main", "image": "x"}]},
    });
    admin
        .ensure("/api/v1/namespaces", &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "team-a"}}))
        .await;
    admin.ensure("/api/v1/namespaces/team-a/pods", &pod).await;
    let status = json!({"status": {"phase": "Running", "containerStatuses": [{
        "name": "main", "image": "x", "imageID": "", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": started}},
    }]}});
    let answer = admin.send(Method::PATCH, "/api/v1/namespaces/team-a/pods/web/status", Some((MERGE, &status))).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/team-a";
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reads-logs", "namespace": "team-a"},
        "rules": [{"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "reads-logs", "namespace": "team-a"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reads-logs"},
        "subjects": [{"kind": "User", "name": "ben", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    admin.ensure(&format!("{rbac}/roles"), &role).await;
    admin.ensure(&format!("{rbac}/rolebindings"), &binding).await;
    let engine = Engine::new(Contexts::load(Some(embedded.kubeconfig("ben")), None).unwrap());
    let cluster = engine.cluster(engine.current().as_str()).unwrap();
    let options = LogOptions { follow: true, tail_lines: Some(5), ..LogOptions::default() };
    let mut log = cluster.logs_checked("team-a", "web", &options, Duration::from_millis(100)).await.unwrap();
    assert!(!log.next().await.unwrap().unwrap().is_empty());
    admin.send(Method::DELETE, &format!("{rbac}/rolebindings/reads-logs"), None).await;
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            match log.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("it ended without a word"),
            }
        }
    });
    let error = ended.await.unwrap();
    assert_eq!(error.kind, ErrorKind::Forbidden, "{error}");
    assert!(log.next().await.is_none(), "that was all");
    let error = cluster.logs("team-a", "web", &options).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Forbidden, "and it does not open again: {error}");
}

#[tokio::test]
async fn the_program_acts_as_its_own_user_and_as_nobody_else() {
    let plane = RealControlPlane::start(Options::default()).await;
    seed(plane.admin()).await;
    let log = plane.folder().join("console.log");
    let kubeconfig = plane.kubeconfig("admin");
    let arguments = ["serve", "--kubeconfig", kubeconfig.to_str().unwrap(), "--listen", "127.0.0.1:0", "--no-open"];
    let console = Console::start(&[&arguments[..], &["--audit-log", log.to_str().unwrap(), "--audit-events"]].concat());
    let (origin, secret) = (console.origin(), console.secret());
    let cluster = reqwest::get(format!("{origin}/api/v1/clusters")).await.unwrap();
    assert_eq!(cluster.status(), 401);
    let client = reqwest::Client::new();
    let ask = |method: Method, path: &str| {
        client.request(method, format!("{origin}/api/v1/clusters{path}")).bearer_auth(secret)
    };
    let clusters: Value = ask(Method::GET, "").send().await.unwrap().json().await.unwrap();
    let name = clusters["clusters"][0]["name"].as_str().unwrap();
    let pod = format!("/{name}/resources/core/v1/pods/namespaces/a/for-ada");
    // Were it passed on, the API server would refuse what Ben may not do, and name him.
    let as_ben = ask(Method::DELETE, &pod).header("Impersonate-User", "ben").send().await.unwrap();
    let words = as_ben.text().await.unwrap();
    assert!(!words.contains("ben"), "{words}");
    // The launch secret is no credential of the cluster: were it passed on, this would be refused.
    let pod = pod.replace("for-ada", "for-ben");
    let deleted = ask(Method::DELETE, &format!("{pod}?gracePeriodSeconds=0")).send().await.unwrap();
    let (status, body) = (deleted.status(), deleted.json::<Value>().await.unwrap());
    assert_eq!(status, 200, "{body}");
    let gone = plane.admin().get("/api/v1/namespaces/a/pods/for-ben").await;
    assert_eq!(gone.status, 404, "{}", gone.body);
    let lines = recorded(&log);
    assert!(
        lines.iter().any(|line| line["request"] == body["request"] && line["result"]["outcome"] == "done"),
        "{lines:?}"
    );
    let events = plane.admin().wait("/api/v1/namespaces/a/events", |answer| {
        answer.body["items"]
            .as_array()
            .is_some_and(|items| items.iter().any(|event| event["source"]["component"] == "pilothouse"))
    });
    let events = events.await;
    assert!(events.body.to_string().contains("through Pilothouse"), "{}", events.body);
}

#[tokio::test]
async fn the_command_line_does_what_its_user_may_with_kubectls_words_and_exit_codes() {
    let plane = RealControlPlane::start(Options::default()).await;
    seed(plane.admin()).await;
    let run = async |user: &str, line: &str| {
        let mut command = tokio::process::Command::new(places::built("pilothouse"));
        command.args(line.split(' ')).arg("--kubeconfig").arg(plane.kubeconfig(user)).env_remove("KUBECONFIG");
        let output = command.output().await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, out, _) = run("ada", "scale deployment/web --replicas 2 -n a").await;
    assert_eq!((code, out.as_str()), (0, "deployment.apps/web scaled\n"));
    let (code, out, _) = run("ada", "delete pod for-ada -n a --dry-run=server").await;
    assert_eq!((code, out.as_str()), (0, "pod \"for-ada\" deleted (server dry run)\n"));
    let (code, out, _) = run("ada", "delete pod/for-ada -n a -o name --grace-period 1").await;
    assert_eq!((code, out.as_str()), (0, "pod/for-ada\n"));
    let (code, out, error) = run("ben", "delete pod for-ben for-admin -n a").await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert_eq!(error.matches("Error from server (Forbidden)").count(), 2, "{error}");
    let (code, _, error) = run("ada", "rollout restart deployment/web -n a").await;
    assert!(code == 1 && error.contains("Forbidden"), "{error}");
    let (code, _, error) = run("admin", "rollout restart pod/for-ben -n a").await;
    assert!(code == 1 && error.contains("error: Pod for-ben offers no action `restart` as it stands"), "{error}");
    let (code, out, _) = run("admin", "rollout restart deployment/web -n a").await;
    assert_eq!((code, out.as_str()), (0, "deployment.apps/web restarted\n"));
    let (code, _, error) = run("admin", "delete pod none -n a").await;
    assert!(code == 1 && error.contains("NotFound"), "{error}");
    let (code, out, _) = run("admin", "delete pod none -n a --ignore-not-found").await;
    assert_eq!((code, out.as_str()), (0, ""));
    let (code, _, error) = run("ben", "logs for-ben -n a").await;
    assert!(code == 1 && error.contains("Forbidden"), "{error}");
}
