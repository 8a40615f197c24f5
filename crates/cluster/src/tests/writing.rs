//! Changes and logs.

use axum::body::Bytes;
use axum::http::Method;
use axum::response::IntoResponse;
use futures::StreamExt;
use serde_json::{Value, json};

use super::fake::{Ending, Fake, answer, connect, pods, refusal, resource, streamed};
use crate::{ClusterError, ErrorKind, LogOptions, Token, Write, WriteMethod};

fn delete<'a>(resource: &'a pilothouse_model::Resource) -> Write<'a> {
    Write {
        method: WriteMethod::Delete,
        resource,
        namespace: Some("team-a"),
        name: Some("a"),
        subresource: None,
        query: Vec::new(),
        content_type: "application/json",
        body: Bytes::new(),
    }
}

#[tokio::test]
async fn a_change_goes_out_as_it_is_written() {
    let fake = Fake::start(|asked| {
        answer(json!({
            "method": asked.method.as_str(), "path": asked.path, "query": asked.query,
            "type": asked.headers["content-type"].to_str().unwrap(),
            "body": String::from_utf8(asked.body.to_vec()).unwrap(),
            "metadata": {"name": "a", "managedFields": [{"manager": "x"}]},
        }))
    })
    .await;
    let deployments = resource("apps", "v1", "deployments", "Deployment");
    let scale = Write {
        method: WriteMethod::Patch,
        subresource: Some("scale"),
        query: vec![("fieldManager", "a b&c"), ("dryRun", "All")],
        content_type: "application/merge-patch+json",
        body: Bytes::from_static(b"{\"spec\":{\"replicas\":3}}"),
        ..delete(&deployments)
    };
    let seen = fake.connect().with_token(&Token::new("hers")).write(&scale).await.unwrap();
    let wanted = json!({
        "method": "PATCH", "path": "/apis/apps/v1/namespaces/team-a/deployments/a/scale",
        "query": {"fieldManager": "a b&c", "dryRun": "All"}, "type": "application/merge-patch+json",
        "body": "{\"spec\":{\"replicas\":3}}", "metadata": {"name": "a"},
    });
    assert_eq!(seen, wanted);
    let methods = [
        (WriteMethod::Create, Method::POST),
        (WriteMethod::Replace, Method::PUT),
        (WriteMethod::Delete, Method::DELETE),
    ];
    for (method, expected) in methods {
        let seen = fake.connect().write(&Write { method, ..delete(&deployments) }).await.unwrap();
        assert_eq!(seen["method"], expected.as_str());
    }
}

#[tokio::test]
async fn a_change_that_could_hit_more_than_one_object_is_not_sent() {
    let fake = Fake::start(|_| answer(json!({}))).await;
    let pods = pods();
    let nodes = pilothouse_model::Resource { namespaced: false, ..resource("", "v1", "nodes", "Node") };
    let odd = [
        Write { name: None, ..delete(&pods) },
        Write { name: Some(""), ..delete(&pods) },
        Write { name: Some("a/eviction"), ..delete(&pods) },
        Write { name: Some(".."), ..delete(&pods) },
        Write { subresource: Some("../../b"), ..delete(&pods) },
        Write { subresource: Some("eviction"), name: None, method: WriteMethod::Create, ..delete(&pods) },
        Write { namespace: None, ..delete(&pods) },
        Write { namespace: Some(""), ..delete(&pods) },
        Write { content_type: "a\r\nb: c", ..delete(&pods) },
        delete(&nodes),
    ];
    for write in odd {
        fake.connect().write(&write).await.unwrap_err();
    }
    assert_eq!(fake.asked(), [""; 0]);
    fake.connect().write(&Write { namespace: None, ..delete(&nodes) }).await.unwrap();
    fake.connect().write(&Write { name: None, method: WriteMethod::Create, ..delete(&pods) }).await.unwrap();
}

#[tokio::test]
async fn whether_a_change_was_made_is_told_as_far_as_it_is_known() {
    let pods = pods();
    let reason = |error: ClusterError| match error {
        ClusterError::Unreachable { reason, .. } => reason,
        other => panic!("{other:?}"),
    };
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let refused = connect(&format!("http://127.0.0.1:{port}"), "").write(&delete(&pods)).await.unwrap_err();
    assert!(!reason(refused).contains("change"), "nobody was there to make it");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hangs_up = tokio::spawn(async move {
        use tokio::io::AsyncReadExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
    });
    let cut = connect(&url, "").write(&delete(&pods)).await.unwrap_err();
    hangs_up.await.unwrap();
    assert!(reason(cut).ends_with("whether the change was made is not known"));
    let fake = Fake::start(|_| refusal(409, "Conflict", "the object has been modified")).await;
    let error = fake.connect().write(&delete(&pods)).await.unwrap_err();
    assert!(error.to_string().starts_with("the API server answered 409 to DELETE /api/v1/"), "{error}");
}

#[tokio::test]
async fn what_a_write_answers_must_be_json() {
    let fake = Fake::start(|_| "<h1>done</h1>".into_response()).await;
    let error = fake.connect().write(&delete(&pods())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Malformed);
    let fake = Fake::start(|_| answer(Value::Null)).await;
    assert_eq!(fake.connect().write(&delete(&pods())).await.unwrap_err().kind(), ErrorKind::Malformed);
}

#[tokio::test]
async fn a_log_is_asked_for_as_wanted_and_comes_as_it_is() {
    let fake = Fake::start(|_| streamed(&["one\n".to_owned(), "two\n".to_owned()], Ending::Clean)).await;
    let options = LogOptions {
        container: Some("main".to_owned()),
        follow: true,
        previous: true,
        timestamps: true,
        tail_lines: Some(10),
        since_seconds: Some(60),
        limit_bytes: Some(4096),
        ..LogOptions::default()
    };
    let connection = fake.connect();
    let pieces: Vec<_> = connection.logs("team-a", "web", &options).await.unwrap().collect().await;
    let text: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.unwrap()).collect();
    assert_eq!(text, b"one\ntwo\n");
    let since = LogOptions { since_time: Some("2026-11-20T07:00:00Z".parse().unwrap()), ..options };
    drop(connection.logs("team-a", "web", &since).await.unwrap());
    drop(connection.logs("team-a", "web", &LogOptions::default()).await.unwrap());
    let path = "/api/v1/namespaces/team-a/pods/web/log?";
    let common = "container=main&follow=true&previous=true&tailLines=10";
    let expected = [
        format!("{path}{common}&sinceSeconds=60&timestamps=true&limitBytes=4096"),
        format!("{path}{common}&sinceTime=2026-11-20T07:00:00Z&timestamps=true&limitBytes=4096"),
        path.to_owned(),
    ];
    assert_eq!(fake.asked(), expected);
    let error = connection.logs("team-a", "../x", &LogOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_log_that_breaks_says_so_after_what_came() {
    let fake = Fake::start(|_| streamed(&["half a li".to_owned()], Ending::Cut)).await;
    let pieces: Vec<_> = fake.connect().logs("team-a", "web", &LogOptions::default()).await.unwrap().collect().await;
    assert_eq!(pieces[0].as_deref().unwrap(), b"half a li");
    assert_eq!(pieces[1].as_ref().unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(pieces.len(), 2);
}
