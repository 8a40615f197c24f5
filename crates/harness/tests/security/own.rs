//! A console without rights of its own (`--user-credentials-only`): everybody sees what the API server gives to that person's
//! own credential, and the console's own is never shown to it.

mod agreement;
mod plane;
mod watching;

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::raw::Answer;
use agreement::{bearer_of, deeds_agree, lists_agree, objects_agree, pages_agree, streams_agree};
use plane::{FINDER, Lone, NAMESPACES, NARROW, NOTHING, Plane, TWIN, WIDE};
use watching::Stream;

/// The longest that anything may take; what is awaited comes in seconds.
const PATIENCE: Duration = Duration::from_secs(240);

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

/// The page of pods, once it says this.
async fn pods_page(lone: &Lone, cookie: &str, words: &str) -> Answer {
    until(words, async || {
        let page = lone.page(cookie, ("GET", "/c/prod/r/core/v1/pods"), "").await;
        if page.body.contains(words) { Ok(page) } else { Err(page.body) }
    })
    .await
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
    let page = pods_page(&lone, &cookie, "does not let you list all of this").await;
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
        assert!(page.status == 200 && page.body.contains("does not let you list all of this"), "{path}: {}", page.body);
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
        let page = pods_page(&lone, &cookie, "does not let you ask what it serves").await;
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

/// Where the console does have rights: workloads are put together with them, and show as not complete without.
#[test]
fn the_role_of_a_deployed_console_names_all_that_workloads_are_made_of() {
    let text =
        std::fs::read_to_string(pilothouse_harness::places::repository().join("deploy/cluster-role.yaml")).unwrap();
    let role: Value = serde_saphyr::from_str(&text).unwrap();
    let has = |list: &Value, wanted: &str| {
        list.as_array().unwrap().iter().any(|one| one == wanted || (one == "*" && wanted != "secrets"))
    };
    let listed = |group: &str, plural: &str| {
        role["rules"].as_array().unwrap().iter().any(|rule| {
            let verbs = ["list", "watch"].iter().all(|verb| has(&rule["verbs"], verb));
            verbs && has(&rule["apiGroups"], group) && has(&rule["resources"], plural)
        })
    };
    for resource in pilothouse_instruments::all().iter().flat_map(|instrument| instrument.manifest().resources) {
        assert!(listed(resource.group, resource.plural), "{resource}");
    }
    assert!(!listed("", "secrets"));
    assert!(!listed("argoproj.io", "applications"), "Argo CD has the same group as Argo Workflows");
}
