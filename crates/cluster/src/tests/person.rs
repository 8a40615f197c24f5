//! A person's own token: what goes out with it, what does not, and what the reviews answer.

use axum::body::Bytes;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::fake::{Asked, Fake, answer, connect, pods, refusal};
use crate::{Access, ClusterError, ErrorKind, Identity, Rules, Token};

/// Ways in which the console itself may authenticate; none of them may go along with a person's token.
fn credentials(mark: &str) -> [String; 5] {
    [
        "token: ours".to_owned(),
        "username: admin, password: hunter2".to_owned(),
        "token: ours, as: root, as-groups: [\"system:masters\"], as-uid: \"0\", as-user-extra: {scopes: [all]}"
            .to_owned(),
        format!(
            "exec: {{apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: [-c, {}]}}",
            json!(format!("touch {mark}; exit 1"))
        ),
        "tokenFile: /no/such/file".to_owned(),
    ]
}

fn authorization(asked: &Asked) -> Vec<String> {
    asked.headers.get_all("authorization").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_persons_token_goes_out_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("the-plugin-ran");
    let fake = Fake::start(|asked| {
        let names: Vec<String> = asked.headers.keys().map(|name| name.as_str().to_owned()).collect();
        answer(json!({"gitVersion": format!("{:?} {names:?}", authorization(&asked))}))
    })
    .await;
    for user in credentials(mark.to_str().unwrap()) {
        let url = fake.url.replace("http://", "http://admin:hunter2@");
        let person = connect(&url, &user).with_token(&Token::new("hers"));
        let seen = person.version().await.unwrap();
        assert!(seen.starts_with(r#"["Bearer hers"]"#), "{user}: {seen}");
        assert!(!seen.contains("impersonate"), "{user}: {seen}");
        assert!(!format!("{person:?}").contains("hers"));
    }
    assert!(!mark.exists(), "our plugin has nothing to do with a person's request");
}

#[tokio::test]
async fn two_people_and_the_console_are_never_mixed_up() {
    let fake = Fake::start(|asked| answer(json!({"gitVersion": authorization(&asked).join(",")}))).await;
    let console = fake.connect();
    let (ada, ben) = (console.with_token(&Token::new("ada")), console.with_token(&Token::new("ben")));
    for _ in 0..3 {
        let (first, second, third) = tokio::join!(console.version(), ada.version(), ben.version());
        let seen = [first.unwrap(), second.unwrap(), third.unwrap()];
        assert_eq!(seen, ["Bearer t", "Bearer ada", "Bearer ben"]);
    }
    // From a person's connection to another's, too.
    assert_eq!(ada.with_token(&Token::new("ben")).version().await.unwrap(), "Bearer ben");
}

#[tokio::test]
async fn a_refused_token_is_told_once_and_never_replaced_by_ours() {
    let fake = Fake::start(|asked| match authorization(&asked).as_slice() {
        [only] if only == "Bearer t" => answer(json!({"gitVersion": "v1"})),
        _ => refusal(401, "Unauthorized", "Unauthorized"),
    })
    .await;
    let console = fake.connect();
    let person = console.with_token(&Token::new("revoked"));
    let error = person.version().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(error.to_string().contains("sign in again"), "{error}");
    assert!(!error.to_string().contains("kubeconfig"), "{error}");
    assert_eq!(fake.asked().len(), 1, "it is not tried again");
    assert_eq!(console.version().await.unwrap(), "v1", "ours is as good as before");
}

#[tokio::test]
async fn what_is_no_token_is_not_sent_as_nobody() {
    let fake = Fake::start(|_| answer(json!({"gitVersion": "v1"}))).await;
    for odd in ["", " ", "a\r\nImpersonate-User: root"] {
        let error = fake.connect().with_token(&Token::new(odd)).version().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized, "{odd:?}");
    }
    assert!(fake.asked().is_empty());
}

fn body(asked: &Asked) -> Value {
    assert_eq!((&asked.method, &asked.headers["content-type"]), (&Method::POST, &"application/json".parse().unwrap()));
    serde_json::from_slice(&asked.body).unwrap()
}

fn created(value: Value) -> Response {
    (StatusCode::CREATED, axum::Json(value)).into_response()
}

#[tokio::test]
async fn an_access_review_asks_for_exactly_one_thing() {
    let fake = Fake::start(|asked| {
        assert_eq!(asked.path, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let wanted = json!({
            "namespace": "team-a", "verb": "get", "group": "", "resource": "pods", "subresource": "log", "name": "",
        });
        created(json!({"status": {"allowed": body(&asked)["spec"]["resourceAttributes"] == wanted}}))
    })
    .await;
    let access = Access {
        verb: "get".to_owned(),
        resource: "pods".to_owned(),
        subresource: Some("log".to_owned()),
        namespace: Some("team-a".to_owned()),
        ..Access::default()
    };
    assert!(fake.connect().review_access(&access).await.unwrap());
    assert!(!fake.connect().review_access(&Access { name: Some("web".to_owned()), ..access }).await.unwrap());
}

#[tokio::test]
async fn an_answer_that_does_not_say_yes_or_no_is_neither() {
    for odd in [json!({}), json!({"status": {}}), json!({"status": {"allowed": "true"}}), json!([])] {
        let fake = Fake::start(move |_| created(odd.clone())).await;
        let error = fake.connect().review_access(&Access::default()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains("POST"), "{error}");
        let error = fake.connect().review_rules("default").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
    }
}

#[tokio::test]
async fn the_rules_of_a_namespace_are_read_as_they_are() {
    let fake = Fake::start(|asked| {
        assert_eq!(body(&asked)["spec"], json!({"namespace": "team-a"}));
        created(json!({"status": {
            "resourceRules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}],
            "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/version"]}],
            "incomplete": true, "evaluationError": "a webhook does not list its rules",
        }}))
    })
    .await;
    let Rules { rules, incomplete, problem } = fake.connect().review_rules("team-a").await.unwrap();
    assert!(incomplete && rules.len() == 1 && rules[0].allows("list", "", "pods", None));
    assert_eq!(problem.unwrap(), "a webhook does not list its rules");
    let none = Fake::start(|_| created(json!({"status": {"resourceRules": null, "incomplete": false}}))).await;
    assert_eq!(none.connect().review_rules("x").await.unwrap(), Rules::default());
}

#[tokio::test]
async fn who_asks_is_told_where_the_server_tells_it() {
    let identity = json!({"status": {"userInfo": {"username": "ada", "groups": ["a", "b"]}}});
    let known = Identity { name: "ada".to_owned(), groups: vec!["a".to_owned(), "b".to_owned()] };
    for (served, expected) in
        [("v1", Some(known.clone())), ("v1beta1", Some(known)), ("none", None), ("forbidden", None)]
    {
        let identity = identity.clone();
        let fake = Fake::start(move |asked| match asked.path.split('/').nth(3).unwrap() {
            version if version == served => created(identity.clone()),
            _ if served == "forbidden" => refusal(403, "Forbidden", "not yours"),
            _ => (StatusCode::NOT_FOUND, "404 page not found\n").into_response(),
        })
        .await;
        assert_eq!(fake.connect().who_am_i().await.unwrap(), expected, "{served}");
    }
    let fake = Fake::start(|_| refusal(401, "Unauthorized", "Unauthorized")).await;
    let person = fake.connect().with_token(&Token::new("old"));
    assert!(matches!(person.who_am_i().await, Err(ClusterError::Unauthorized { .. })));
}

#[tokio::test]
async fn values_of_a_secret_come_through_one_door_only() {
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"key": "aHVudGVyMg=="}});
    let fake = Fake::start(move |_| answer(secret.clone())).await;
    let secrets = super::fake::resource("", "v1", "secrets", "Secret");
    let person = fake.connect().with_token(&Token::new("hers"));
    let hidden = person.get(&secrets, Some("team-a"), "a").await.unwrap();
    assert_eq!(hidden.pointer("/data/key").unwrap(), "<hidden, 7 bytes>");
    let shown = person.get_secret(&secrets, "team-a", "a").await.unwrap();
    assert_eq!(shown.pointer("/data/key").unwrap(), "aHVudGVyMg==");
    let error = person.get_secret(&pods(), "team-a", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    let written = crate::Write {
        method: crate::WriteMethod::Patch,
        resource: &secrets,
        namespace: Some("team-a"),
        name: Some("a"),
        subresource: None,
        query: Vec::new(),
        content_type: "application/merge-patch+json",
        body: Bytes::from_static(b"{}"),
    };
    assert_eq!(person.write(&written).await.unwrap()["data"]["key"], "<hidden, 7 bytes>");
}
