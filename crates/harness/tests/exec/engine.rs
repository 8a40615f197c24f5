//! Through the engine.

use std::time::Duration;

use pilothouse_app::{AppError, Ended, ErrorKind, ExecInput, ExecOptions, Output, Session};
use pilothouse_harness::kubelet::{V4, V5};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::world::{PATIENCE, World, role, rule, shell, to_end};

const OFTEN: Duration = Duration::from_millis(100);

async fn refusal(session: Result<Session, AppError>) -> AppError {
    match session {
        Err(error) => error,
        Ok(session) => panic!("it ran: {:?}", to_end(session).await),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_person_runs_what_that_person_may_and_both_ends_are_recorded() {
    let world = World::start(V4).await;
    for user in ["admin", "ada"] {
        let session =
            world.seen_by(user).exec("a", "web", &shell("echo out; echo oops >&2; exit 3", false)).await.unwrap();
        assert_eq!(session.container(), Some("main"));
        assert_eq!(session.defaulted(), Some("Defaulted container \"main\" out of: main, side"));
        let (out, errors, ended) = to_end(session).await;
        assert_eq!((out.as_str(), errors.as_str(), ended), ("out\n", "oops\n", Ended::Exited(3)));
    }
    let error = refusal(world.seen_by("ben").exec("a", "web", &shell("touch ran", false)).await).await;
    assert_eq!(error.kind, ErrorKind::Forbidden);
    let error = refusal(world.with_token("eve", "made-up").exec("a", "web", &shell("true", false)).await).await;
    assert_eq!(error.kind, ErrorKind::Unauthorized);
    let nobody = world.engine.cluster(world.engine.current().as_str()).unwrap();
    let error = refusal(nobody.exec("a", "web", &shell("true", false)).await).await;
    assert_eq!(error.kind, ErrorKind::Unauthorized, "the console's own identity runs nothing for anybody");
    // An API server takes a WebSocket for a get: who may only create is told so, and who may only get is not let in either.
    for (verb, missing) in [("create", "get"), ("get", "create")] {
        world.take_away().await;
        role(world.plane.admin(), "runs", &[], &[("User", "nobody")]).await;
        role(world.plane.admin(), verb, &[rule("pods/exec", &[verb])], &[("User", "ben")]).await;
        let error = refusal(world.seen_by("ben").exec("a", "web", &shell("true", false)).await).await;
        assert_eq!(error.kind, ErrorKind::Forbidden);
        assert!(error.message.contains(&format!("may not {missing} pods/exec")), "{error}");
        let path = format!("/apis/rbac.authorization.k8s.io/v1/namespaces/a/rolebindings/{verb}");
        world.plane.admin().send(Method::DELETE, &path, None).await;
    }
    let lines = world.recorded();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            [text(&line["who"]["name"]), text(&line["summary"]["step"]), text(&line["result"]["outcome"])].join(" ")
        })
        .collect();
    let refused = ["ben begin begins", "ben end refused"];
    let expected = [
        &["admin begin begins", "admin end done", "ada begin begins", "ada end done"][..],
        &refused,
        &refused,
        &refused,
    ]
    .concat();
    assert_eq!(told, expected, "who is not known to the cluster got no further than its first question");
    assert_eq!(lines[2]["request"], lines[3]["request"]);
    assert_eq!(lines[3]["result"], json!({"outcome": "done", "exit": 3, "printed": 9}));
    let summary = &lines[3]["summary"];
    assert_eq!(summary["command"], json!(["sh", "-c", "echo out; echo oops >&2; exit 3"]));
    assert_eq!(
        (&lines[3]["namespace"], &lines[3]["name"], &summary["container"]),
        (&json!("a"), &json!("web"), &json!("main"))
    );
    let text = std::fs::read_to_string(&world.audit).unwrap();
    assert!(!text.contains(&world.plane.api("ada").credential().token), "no token");
}

const BOT: &str = "/api/v1/namespaces/a/serviceaccounts/bot";

/// Makes a service account that may run commands.
async fn make_bot(world: &World) {
    let admin = world.plane.admin();
    admin.ensure("/api/v1/namespaces/a/serviceaccounts", &json!({"metadata": {"name": "bot"}})).await;
    role(admin, "bot", &[rule("pods/exec", &["create", "get"])], &[("ServiceAccount", "bot")]).await;
}

/// A token of it.
async fn token(world: &World, spec: &Value) -> String {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec});
    let path = format!("{BOT}/token");
    let asked = world.plane.admin().send(Method::POST, &path, Some(("application/json", &request))).await;
    asked.body["status"]["token"].as_str().unwrap_or_else(|| panic!("{}", asked.body)).to_owned()
}

/// A command that says back what it is told, and has done so once.
async fn talking(world: &World, name: &str, token: &str) -> Session {
    let cluster = world.with_token(name, token);
    // The bot may not read pods: it must say which container.
    let options = ExecOptions { container: Some("main".to_owned()), ..shell("cat", true) };
    let mut session = cluster.exec_checked("a", "web", &options, OFTEN).await.unwrap();
    session.input().send(ExecInput::Bytes("hello".into())).await.unwrap();
    assert_eq!(timeout(PATIENCE, session.next()).await.unwrap(), Some(Output::Out("hello".into())));
    session
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_ends_when_its_right_is_gone_and_when_its_token_is_revoked() {
    let world = World::start(V4).await;
    let admin = world.plane.admin();
    make_bot(&world).await;
    let token = token(&world, &json!({"audiences": []})).await;

    let hers = talking(&world, "ada", &world.plane.api("ada").credential().token).await;
    let bots = talking(&world, "bot", &token).await;
    let kept = talking(&world, "admin", &admin.credential().token).await;
    let input = hers.input();
    world.take_away().await;
    let (_, _, ended) = to_end(hers).await;
    assert!(matches!(&ended, Ended::Cut(error) if error.kind == ErrorKind::Forbidden), "{ended:?}");
    timeout(PATIENCE, input.closed()).await.unwrap();

    assert_eq!(admin.send(Method::DELETE, BOT, None).await.status, 200);
    let (_, _, ended) = to_end(bots).await;
    assert!(matches!(&ended, Ended::Cut(error) if error.kind == ErrorKind::Unauthorized), "{ended:?}");

    // The one who still may goes on.
    kept.input().send(ExecInput::Bytes("still".into())).await.unwrap();
    let mut kept = kept;
    assert_eq!(timeout(PATIENCE, kept.next()).await.unwrap(), Some(Output::Out("still".into())));
    kept.end("the person left");
    let results: Vec<_> = world.recorded().into_iter().filter(|line| line["summary"]["step"] == "end").collect();
    let outcomes: Vec<_> = results.iter().map(|line| (&line["result"]["outcome"], &line["result"]["reason"])).collect();
    let (cut, ended) = (json!("cut"), json!("ended"));
    let (forbidden, unauthorized, left) = (json!("Forbidden"), json!("Unauthorized"), json!("the person left"));
    assert_eq!(outcomes, [(&cut, &forbidden), (&cut, &unauthorized), (&ended, &left)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_does_not_go_on_for_long_when_nobody_says_that_it_may() {
    let world = World::start(V4).await;
    let session = talking(&world, "ada", &world.plane.api("ada").credential().token).await;
    let (_, server) = world.plane.programs().into_iter().find(|(name, _)| name == "kube-apiserver").unwrap();
    let signal = |name: &str| std::process::Command::new("kill").args([name, &server.to_string()]).status().unwrap();
    // It neither answers nor ends the connection.
    assert!(signal("-STOP").success());
    let (_, _, ended) = to_end(session).await;
    assert!(signal("-CONT").success());
    let Ended::Cut(error) = ended else { panic!("{ended:?}") };
    assert!(error.kind == ErrorKind::Unavailable && error.message.contains("does not say any more"), "{error}");
}

/// A token of the service account `bot`, which is good for as long as this Secret is there.
async fn bound(world: &World, secret: &str) -> String {
    let admin = world.plane.admin();
    admin.ensure("/api/v1/namespaces/a/secrets", &json!({"metadata": {"name": secret}})).await;
    let to = json!({"kind": "Secret", "apiVersion": "v1", "name": secret});
    token(world, &json!({"audiences": [], "boundObjectRef": to})).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_goes_on_with_a_newer_token_and_ends_with_that_one() {
    let world = World::start(V4).await;
    let admin = world.plane.admin();
    make_bot(&world).await;
    let (first, second) = (bound(&world, "first").await, bound(&world, "second").await);
    let mut session = talking(&world, "bot", &first).await;
    session.go_on_as(&world.with_token("bot", &second));
    let path = |secret: &str| format!("/api/v1/namespaces/a/secrets/{secret}");
    assert_eq!(admin.send(Method::DELETE, &path("first"), None).await.status, 200);
    let review = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": {"token": first}});
    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while admin.send(Method::POST, reviews, Some(("application/json", &review))).await.body["status"]["authenticated"]
        == true
    {
        assert!(tokio::time::Instant::now() < deadline, "the first token is good for ever");
        tokio::time::sleep(OFTEN).await;
    }
    // Several looks later it still goes on.
    tokio::time::sleep(OFTEN * 5).await;
    session.input().send(ExecInput::Bytes("still".into())).await.unwrap();
    assert_eq!(timeout(PATIENCE, session.next()).await.unwrap(), Some(Output::Out("still".into())));
    assert_eq!(admin.send(Method::DELETE, &path("second"), None).await.status, 200);
    let (_, _, ended) = to_end(session).await;
    assert!(matches!(&ended, Ended::Cut(error) if error.kind == ErrorKind::Unauthorized), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_run_is_told_and_what_cannot_be_recorded_is_not_run() {
    let world = World::start(V4).await;
    let ada = world.seen_by("ada");
    let inside = |container: &str| ExecOptions { container: Some(container.to_owned()), ..shell("true", false) };
    let error = refusal(ada.exec("a", "none", &shell("true", false)).await).await;
    assert_eq!((error.kind, error.message.as_str()), (ErrorKind::NotFound, "not found: pods \"none\" not found"));
    let error = refusal(ada.exec("a", "web", &inside("other")).await).await;
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
    assert!(error.message.contains("container other is not valid for pod web"), "{error}");
    let program = ExecOptions { command: vec!["no-such-program".to_owned()], ..shell("", false) };
    let (_, _, ended) = to_end(ada.exec("a", "web", &program).await.unwrap()).await;
    let Ended::Cut(error) = ended else { panic!("{ended:?}") };
    assert!(error.message.contains("executable file not found") && error.hint.unwrap().contains("sh"));
    world.kubelet.stop("a", "web");
    let error = refusal(ada.exec("a", "web", &inside("main")).await).await;
    assert!(error.message.contains("the container does not run: container is in CONTAINER_EXITED state"), "{error}");

    let phase = json!({"status": {"phase": "Succeeded"}});
    let path = "/api/v1/namespaces/a/pods/web/status";
    let merge = "application/merge-patch+json";
    assert_eq!(world.plane.admin().send(Method::PATCH, path, Some((merge, &phase))).await.status, 200);
    let error = refusal(ada.exec("a", "web", &shell("true", false)).await).await;
    assert!(error.message.contains("completed pod; current phase is Succeeded"), "{error}");

    world.kubelet.run(world.plane.admin(), ("a", "more"), &["main"]).await;
    let made = world.plane.folder().join("made");
    let touch = shell(&format!("touch {}", made.display()), false);
    std::fs::remove_dir_all(world.audit.parent().unwrap()).unwrap();
    let error = refusal(ada.exec("a", "more", &touch).await).await;
    assert!(error.kind == ErrorKind::Unavailable && error.message.contains("audit log"), "{error}");
    assert!(!made.exists());
    std::fs::create_dir(world.audit.parent().unwrap()).unwrap();
    to_end(ada.exec("a", "more", &touch).await.unwrap()).await;
    assert!(made.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn input_ends_where_the_protocol_has_a_word_for_it() {
    let world = World::start(V5).await;
    let session = world.seen_by("ada").exec("a", "web", &shell("wc -c", true)).await.unwrap();
    assert!(session.tells_end());
    let input = session.input();
    let piece = vec![b'x'; 50_000];
    let typing = tokio::spawn(async move {
        for _ in 0..20 {
            input.send(ExecInput::Bytes(piece.clone().into())).await.unwrap();
        }
        input.send(ExecInput::End).await.unwrap();
    });
    let (out, _, ended) = to_end(session).await;
    typing.await.unwrap();
    assert_eq!((out.trim(), ended), ("1000000", Ended::Exited(0)));
}
