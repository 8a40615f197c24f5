//! Lists and watches: what a listener is told, whatever the server does.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header;
use axum::response::IntoResponse;
use pilothouse_model::Resource;
use serde_json::json;
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

use super::fake::{
    Ending, Fake, answer, connect, event, next, pace, page, page_of, pod, pods, refusal, resource, slowly, status,
    story, streamed, words,
};
use crate::backoff::Pace;
use crate::list::Scope;
use crate::{ClusterError, Signal};

#[tokio::test]
async fn a_list_comes_in_pages_and_the_watch_goes_on_from_its_version() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.get("continue")) {
        (false, "") => page(&[pod("a", 1), pod("b", 2)], 10, "to+ken/="),
        (false, "to+ken/=") => page(&[pod("c", 3)], 10, ""),
        (true, _) => streamed(
            &[event("ADDED", &pod("d", 11)), event("MODIFIED", &pod("a", 12)), event("DELETED", &pod("b", 13))],
            Ending::Open,
        ),
        _ => refusal(400, "BadRequest", "unexpected"),
    })
    .await;
    let mut signals = fake.watch(pods());
    assert_eq!(
        story(&mut signals, 8).await,
        [
            "listing for the first time",
            "page a b",
            "page c",
            "listed",
            "applied d@11",
            "applied a@12",
            "deleted b@13",
            "fresh"
        ]
    );
    let asked = fake.asked();
    assert!(asked[0].starts_with("/api/v1/pods?limit=2"), "{asked:?}");
    let watch = asked.last().unwrap();
    for part in ["resourceVersion=10", "allowWatchBookmarks=true", "timeoutSeconds="] {
        assert!(watch.contains(part), "{watch}");
    }
}

#[tokio::test]
async fn items_get_the_kind_that_lists_leave_out_and_how_many_are_to_come_is_told() {
    let fake = Fake::start(|asked| match asked.is_watch() {
        false => page(&[pod("a", 1)], 10, ""),
        true => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(resource("kubeflow.org", "v1", "notebooks", "Notebook"));
    next(&mut signals).await;
    let (objects, _) = page_of(next(&mut signals).await);
    assert_eq!((objects[0].api_version(), objects[0].kind()), ("kubeflow.org/v1", "Notebook"));
}

#[tokio::test]
async fn a_token_that_ends_in_mid_list_begins_the_list_anew() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (true, _) => streamed(&[], Ending::Open),
        (_, 0) => page(&[pod("old", 1)], 10, "t"),
        (_, 1) => refusal(410, "Expired", "The provided continue parameter is too old"),
        (_, 2) => page(&[pod("a", 1)], 20, "u"),
        _ => page(&[pod("b", 2)], 20, ""),
    })
    .await;
    let mut signals = fake.watch(pods());
    assert_eq!(
        story(&mut signals, 7).await,
        ["listing for the first time", "page old", "listing for the first time", "page a", "page b", "listed", "fresh"]
    );
}

#[tokio::test]
async fn a_version_too_old_leads_to_a_whole_new_list() {
    for told_by_frame in [true, false] {
        let fake = Fake::start(move |asked| match (asked.is_watch(), asked.before) {
            (false, before) => page(&[pod(if before == 0 { "old" } else { "new" }, 1)], 10 + before as u64, ""),
            (true, 0) if told_by_frame => {
                streamed(&[event("ERROR", &status(410, "Expired", "too old resource version: 10 (99)"))], Ending::Open)
            }
            (true, 0) => refusal(410, "Gone", "too old resource version"),
            (true, _) => streamed(&[event("ADDED", &pod("c", 12))], Ending::Open),
        })
        .await;
        let mut signals = fake.watch(pods());
        assert_eq!(
            story(&mut signals, 7).await,
            ["listing for the first time", "page old", "listed", "listing again", "page new", "listed", "applied c@12"]
        );
    }
}

#[tokio::test]
async fn another_error_in_the_stream_is_told_and_then_listed_again() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (false, _) => page(&[], 10, ""),
        (true, 0) => streamed(&[event("ERROR", &status(500, "InternalError", "etcd is sad"))], Ending::Open),
        (true, _) => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(pods());
    story(&mut signals, 3).await;
    let Signal::Trouble { error: ClusterError::Other { code, message, .. }, .. } = next(&mut signals).await else {
        panic!("no trouble")
    };
    assert_eq!((code, message.as_str()), (500, "etcd is sad"));
    assert_eq!(story(&mut signals, 3).await, ["listing again", "page ", "listed"]);
}

#[tokio::test]
async fn after_a_cut_or_a_clean_end_it_goes_on_from_the_last_version_without_a_list() {
    for (ending, half) in [(Ending::Cut, true), (Ending::Clean, false)] {
        let fake = Fake::start(move |asked| {
            if !asked.is_watch() {
                return page(&[], 10, "");
            }
            let whole = event("MODIFIED", &pod("b", 12));
            match asked.get("resourceVersion") {
                "10" => {
                    let mut chunks = vec![event("ADDED", &pod("a", 11))];
                    if half {
                        chunks.push(whole[..whole.len() / 2].to_owned());
                    }
                    streamed(&chunks, ending)
                }
                "11" => streamed(&[whole], Ending::Open),
                other => refusal(400, "BadRequest", other),
            }
        })
        .await;
        let mut signals = fake.watch(pods());
        assert_eq!(
            story(&mut signals, 5).await,
            ["listing for the first time", "page ", "listed", "applied a@11", "applied b@12"]
        );
    }
}

#[tokio::test]
async fn bookmarks_prove_life_and_move_the_version() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.get("resourceVersion")) {
        (false, _) => page(&[], 10, ""),
        (true, "10") => streamed(
            &[event(
                "BOOKMARK",
                &json!({"kind": "Pod", "metadata": {"resourceVersion": "50", "creationTimestamp": null}}),
            )],
            Ending::Clean,
        ),
        (true, "50") => streamed(&[event("ADDED", &pod("a", 51))], Ending::Open),
        (true, other) => refusal(400, "BadRequest", other),
    })
    .await;
    let mut signals = fake.watch(pods());
    assert_eq!(
        story(&mut signals, 6).await,
        ["listing for the first time", "page ", "listed", "fresh", "applied a@51", "fresh"]
    );
}

#[tokio::test]
async fn what_was_missed_is_told_before_it_counts_as_current() {
    // Half of a frame is no proof that nothing more is to come; its other half comes when there was time to be wrong.
    let whole = event("MODIFIED", &pod("a", 11));
    let (first, second) = whole.split_at(20);
    let (first, second) = (first.to_owned(), second.to_owned());
    let fake = Fake::start(move |asked| match asked.is_watch() {
        false => page(&[pod("a", 1)], 10, ""),
        true => slowly(first.clone(), second.clone(), Duration::from_millis(400)),
    })
    .await;
    let mut signals = fake.watch(pods());
    story(&mut signals, 3).await;
    assert_eq!(story(&mut signals, 2).await, ["applied a@11", "fresh"]);
}

#[tokio::test]
async fn a_watch_that_falls_silent_is_opened_again() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.get("resourceVersion")) {
        (false, _) => page(&[], 10, ""),
        (true, "10") => streamed(&[event("BOOKMARK", &json!({"metadata": {"resourceVersion": "50"}}))], Ending::Open),
        (true, _) => streamed(&[event("ADDED", &pod("a", 51))], Ending::Open),
    })
    .await;
    let mut signals = fake.watch_at(pods(), Pace { silence: Duration::from_millis(100), ..pace() });
    while words(&next(&mut signals).await) != "applied a@51" {}
}

#[tokio::test]
async fn whoever_waits_for_a_server_asks_as_soon_as_it_is_back() {
    // Bound, so that nobody else gets the port, and not listening yet: whoever connects is refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let connection = connect(&format!("http://{}", socket.local_addr().unwrap()), "token: t");
    let long = Duration::from_secs(3600);
    let pace = Pace { first: long, longest: long, ..pace() };
    let mut signals = crate::watch::start(connection, Arc::new(pods()), (None, None), pace);
    assert_eq!(story(&mut signals, 2).await, ["listing for the first time", "trouble unreachable"]);
    // It is starting at first, and what it answers then is not to be believed.
    let fake = Fake::start_on(socket.listen(16).unwrap(), |asked| match (asked.path.as_str(), asked.before) {
        ("/readyz", 0) => refusal(500, "InternalError", "[-]poststarthook/crd-informer-synced failed"),
        ("/readyz", _) => answer(json!({})),
        _ if asked.is_watch() => streamed(&[], Ending::Open),
        _ => page(&[pod("a", 1)], 10, ""),
    });
    assert_eq!(story(&mut signals, 3).await, ["listing for the first time", "page a", "listed"]);
    let asked: Vec<String> = fake.asked().iter().map(|asked| asked.split('?').next().unwrap().to_owned()).collect();
    assert_eq!(asked[..3], ["/readyz", "/readyz", "/api/v1/pods"]);
}

#[tokio::test]
async fn who_only_listens_learns_from_others_that_the_server_is_away() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.get("resourceVersion")) {
        (false, _) if asked.path == "/readyz" => answer(json!({})),
        (false, _) => page(&[], 10, ""),
        (true, "10") => streamed(&[event("ADDED", &pod("a", 11))], Ending::Open),
        (true, _) => streamed(&[event("ADDED", &pod("b", 12))], Ending::Open),
    })
    .await;
    let connection = fake.connect();
    let mut signals = crate::watch::start(connection.clone(), Arc::new(pods()), (None, None), pace());
    let begun = ["listing for the first time", "page ", "listed", "applied a@11", "fresh"];
    assert_eq!(story(&mut signals, 5).await, begun);
    connection.lose();
    assert_eq!(story(&mut signals, 3).await, ["trouble unreachable", "applied b@12", "fresh"]);
}

#[tokio::test]
async fn what_fails_alone_waits_as_long_as_it_must() {
    // One API is away, the server is not.
    let fake =
        Fake::start(|_| refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request"))
            .await;
    let long = Duration::from_secs(3600);
    let mut signals = fake.watch_at(pods(), Pace { first: long, longest: long, ..pace() });
    assert_eq!(story(&mut signals, 2).await, ["listing for the first time", "trouble other"]);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(fake.asked().len(), 1, "{:?}", fake.asked());
}

#[tokio::test]
async fn a_server_that_sends_bookmarks_no_more_is_asked_often_again() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.get("resourceVersion")) {
        (false, _) => page(&[], 10, ""),
        (true, "10") => streamed(&[event("BOOKMARK", &json!({"metadata": {"resourceVersion": "50"}}))], Ending::Clean),
        // For long at first: it is known for its bookmarks. Then as of one that sends none.
        (true, _) if asked.get("timeoutSeconds").parse::<u64>().unwrap() > 100 => streamed(&[], Ending::Open),
        (true, _) => streamed(&[event("ADDED", &pod("a", 51))], Ending::Open),
    })
    .await;
    let mut signals = fake.watch_at(pods(), Pace { unmarked: Duration::from_millis(100), ..pace() });
    while words(&next(&mut signals).await) != "applied a@51" {}
}

#[tokio::test]
async fn a_forbidden_list_is_told_in_the_servers_words_and_tried_again_slowly() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (false, 0) => refusal(403, "Forbidden", "pods is forbidden: User \"eve\" cannot list resource \"pods\""),
        (false, _) => page(&[], 10, ""),
        (true, _) => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(pods());
    assert_eq!(story(&mut signals, 1).await, ["listing for the first time"]);
    let Signal::Trouble { error, retry_in } = next(&mut signals).await else { panic!("no trouble") };
    assert_eq!(error.to_string(), "not allowed: pods is forbidden: User \"eve\" cannot list resource \"pods\"");
    assert!(retry_in >= pace().slow);
    assert_eq!(story(&mut signals, 3).await, ["listing for the first time", "page ", "listed"]);
}

#[tokio::test]
async fn a_resource_that_disappears_is_told_and_listed_again_when_it_is_back() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (false, 1) => refusal(404, "NotFound", "the server could not find the requested resource"),
        (false, _) => page(&[], 10, ""),
        (true, 0) => refusal(404, "NotFound", "the server could not find the requested resource"),
        (true, _) => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(resource("kubeflow.org", "v1", "notebooks", "Notebook"));
    assert_eq!(
        story(&mut signals, 10).await,
        [
            "listing for the first time",
            "page ",
            "listed",
            "trouble notfound",
            "listing again",
            "trouble notfound",
            "listing again",
            "page ",
            "listed",
            "fresh"
        ]
    );
}

#[tokio::test]
async fn a_busy_server_gets_the_time_it_asks_for() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (false, 0) => {
            let refusal = refusal(429, "TooManyRequests", "too many requests, please try again later");
            ([(header::RETRY_AFTER, "1")], refusal).into_response()
        }
        (false, _) => page(&[], 10, ""),
        (true, _) => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(pods());
    next(&mut signals).await;
    let Signal::Trouble { error, retry_in } = next(&mut signals).await else { panic!("no trouble") };
    assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    assert!(retry_in >= Duration::from_secs(1));
    assert_eq!(story(&mut signals, 3).await, ["listing for the first time", "page ", "listed"]);
}

#[tokio::test]
async fn a_malformed_item_costs_one_warning_and_nothing_else() {
    let fake = Fake::start(|asked| {
        if asked.is_watch() {
            let broken =
                json!({"metadata": {"name": "e", "namespace": "team-a", "resourceVersion": "12", "labels": 3}});
            let nameless = json!({"metadata": {"namespace": "team-a", "resourceVersion": "13"}});
            let chunks = [event("ADDED", &broken), event("ADDED", &nameless)];
            return match asked.get("resourceVersion") {
                "10" => streamed(&chunks, Ending::Clean),
                "13" => streamed(&[event("ADDED", &pod("f", 14))], Ending::Open),
                other => refusal(400, "BadRequest", other),
            };
        }
        // A lone surrogate is good enough JSON to be skipped over, but no text.
        let text = format!(
            r#"{{"kind":"PodList","metadata":{{"resourceVersion":"10"}},"items":[
                {}, {{"metadata":{{"name":"b","namespace":"team-a"}},"x":"\ud800"}}, 7, {{"metadata":{{}}}}, {}]}}"#,
            pod("a", 1),
            pod("z", 2)
        );
        text.into_response()
    })
    .await;
    let mut signals = fake.watch(pods());
    next(&mut signals).await;
    let (objects, malformed) = page_of(next(&mut signals).await);
    assert_eq!(objects.iter().map(|object| object.name()).collect::<Vec<_>>(), ["a", "z"]);
    assert_eq!(malformed.len(), 3, "{malformed:?}");
    assert_eq!(malformed.iter().map(|one| one.which.as_deref()).collect::<Vec<_>>(), [Some("team-a/b"), None, None]);
    assert!(malformed[0].why.starts_with("team-a/b of pods cannot be read: "), "{malformed:?}");
    assert!(malformed[1].why.starts_with("item 3 of pods cannot be read: "), "{malformed:?}");
    assert!(malformed[2].why.starts_with("item 4 of pods cannot be read: it has no `metadata.name`"), "{malformed:?}");
    // A change that is no object moves the version on, too.
    assert_eq!(story(&mut signals, 5).await, ["listed", "applied e@12", "malformed", "applied f@14", "fresh"]);
}

#[tokio::test]
async fn a_stream_that_is_no_watch_is_told_and_listed_again() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (false, _) => page(&[], 10, ""),
        (true, 0) => streamed(&["<html>\n".to_owned()], Ending::Open),
        (true, _) => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(pods());
    assert_eq!(
        story(&mut signals, 7).await,
        ["listing for the first time", "page ", "listed", "trouble malformed", "listing again", "page ", "listed"]
    );
}

#[tokio::test]
async fn an_answer_that_ends_before_its_first_frame_is_told_and_listed_again() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.before) {
        (false, _) => page(&[], 10, ""),
        (true, 0) => streamed(&["<html>please log in</html>".to_owned()], Ending::Clean),
        (true, _) => streamed(&[], Ending::Open),
    })
    .await;
    let mut signals = fake.watch(pods());
    assert_eq!(story(&mut signals, 5).await[2..], ["listed", "trouble malformed", "listing again"]);
}

#[tokio::test]
async fn a_page_that_is_no_list_fails_the_list_and_names_the_request() {
    let fake = Fake::start(|asked| match asked.before {
        0 => "{\"items\": [".into_response(),
        _ => page(&[], 10, ""),
    })
    .await;
    let mut signals = fake.watch(pods());
    next(&mut signals).await;
    let Signal::Trouble { error, .. } = next(&mut signals).await else { panic!("no trouble") };
    assert!(error.to_string().starts_with("cannot read the answer to GET /api/v1/pods: "), "{error}");
}

#[tokio::test]
async fn a_secret_comes_without_its_values() {
    let secret = json!({
        "metadata": {"name": "s", "namespace": "team-a", "resourceVersion": "1", "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"password\":\"aHVudGVyMg==\"}}", "a": "yes"}},
        "type": "Opaque", "data": {"password": "aHVudGVyMg=="}
    });
    let copy = secret.clone();
    let fake = Fake::start(move |asked| match asked.is_watch() {
        false if asked.path.ends_with("/s") => answer(copy.clone()),
        false => page(std::slice::from_ref(&copy), 10, ""),
        true => streamed(&[event("MODIFIED", &copy)], Ending::Open),
    })
    .await;
    let secrets = resource("", "v1", "secrets", "Secret");
    let mut signals = fake.watch(secrets.clone());
    next(&mut signals).await;
    let (objects, _) = page_of(next(&mut signals).await);
    story(&mut signals, 1).await;
    let Signal::Applied(applied) = next(&mut signals).await else { panic!("no change") };
    let got = fake.connect().get(&secrets, Some("team-a"), "s").await.unwrap();
    for object in [&objects[0], &applied, &got] {
        assert_eq!(object.pointer("/data/password").unwrap(), "<hidden, 7 bytes>");
        assert_eq!(object.annotations().find(|(key, _)| *key == "a"), Some(("a", "<hidden, 3 bytes>")));
        assert!(!object.value().to_string().contains("aHVudGVyMg"));
    }
}

#[tokio::test]
async fn a_watch_ends_when_nobody_listens() {
    let fake = Fake::start(|asked| match asked.is_watch() {
        false => page(&[], 10, ""),
        true => streamed(&[], Ending::Open),
    })
    .await;
    let (sender, mut signals) = mpsc::channel(1);
    let scope = Scope { resource: Arc::new(pods()), namespace: None, name: None, page: 2 };
    let life = tokio::spawn(crate::watch::live(fake.connect(), scope, pace(), sender));
    story(&mut signals, 4).await;
    drop(signals);
    tokio::time::timeout(Duration::from_secs(20), life).await.expect("it lives on").unwrap();
}

#[tokio::test]
async fn a_namespace_that_is_no_name_is_never_asked_for() {
    let fake = Fake::start(|_| page(&[], 10, "")).await;
    let connection = fake.connect();
    let mut signals = crate::watch::start(connection, Arc::new(pods()), (Some("../secrets".to_owned()), None), pace());
    assert_eq!(story(&mut signals, 2).await, ["listing for the first time", "trouble notfound"]);
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_version_that_the_server_keeps_refusing_leads_to_a_new_list() {
    let fake = Fake::start(|asked| match (asked.is_watch(), asked.get("resourceVersion")) {
        (false, _) if asked.before == 0 => page(&[], 99, ""),
        (false, _) => page(&[], 10, ""),
        (true, "10") => streamed(&[event("ADDED", &pod("a", 11))], Ending::Open),
        (true, _) => refusal(504, "Timeout", "Too large resource version: 99, current: 10"),
    })
    .await;
    let mut signals = fake.watch(pods());
    let told = story(&mut signals, 12).await;
    assert_eq!(told[3..7], ["trouble other", "trouble other", "trouble other", "trouble other"]);
    assert_eq!(told[7..], ["listing again", "page ", "listed", "applied a@11", "fresh"]);
}

#[tokio::test]
async fn what_may_be_listed_but_not_watched_is_listed_now_and_then() {
    let story_of = async |code, reason: &'static str, resource| {
        let fake = Fake::start(move |asked| match asked.is_watch() {
            false => page(&[pod("a", 1)], 10, ""),
            true => refusal(code, reason, "this cannot be watched"),
        })
        .await;
        let mut signals = fake.watch(resource);
        let told = story(&mut signals, 5).await;
        assert_eq!(told, ["listing for the first time", "page a", "listed", "listing again", "page a"], "{code}");
        fake.asked().iter().any(|asked| asked.contains("watch=true"))
    };
    assert!(story_of(403, "Forbidden", pods()).await);
    assert!(story_of(405, "MethodNotAllowed", pods()).await);
    let listed = Resource { verbs: vec!["get".into(), "list".into()], ..pods() };
    assert!(!story_of(500, "InternalError", listed).await, "it is not tried");
}
