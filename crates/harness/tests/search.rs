//! Search over everything on the embedded cluster: what is found, in which order, and what is told of the rest.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{AppError, Contexts, Engine, Found, Person, SearchAsk, Sharing, Token, What, Why};
use pilothouse_harness::Embedded;
use pilothouse_model::Completeness;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

fn engine(embedded: &Embedded, user: &str) -> Engine {
    Engine::new(Contexts::load(Some(embedded.kubeconfig(user)), None).unwrap())
}

async fn search(engine: &Engine, text: &str) -> Result<Found, AppError> {
    let ask = SearchAsk { text: text.to_owned(), ..SearchAsk::default() };
    engine.many(&[])?.search(ask)?.settled(PATIENCE).await
}

fn names(found: &Found) -> Vec<&str> {
    found.hits.iter().map(|hit| &*hit.record.row.name).collect()
}

async fn put(embedded: &Embedded, plural: &str, object: &Value) {
    embedded.admin().ensure(&format!("/api/v1/namespaces/default/{plural}"), object).await;
}

fn pod(name: &str, app: &str, image: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}},
        "spec": {"containers": [{"name": "main", "image": image}]},
    })
}

#[tokio::test]
async fn everything_that_mentions_the_words_is_found_the_best_first() {
    let embedded = Embedded::start().await;
    let map = |name: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}});
    for name in ["lighthouse", "old-lighthouse", "biglighthouse"] {
        put(&embedded, "configmaps", &map(name)).await;
    }
    put(&embedded, "pods", &pod("lighthouse-0", "web", "nginx")).await;
    put(&embedded, "pods", &pod("beacon", "lighthouse", "nginx")).await;
    put(&embedded, "pods", &pod("keeper", "web", "registry.example/lighthouse:1")).await;
    put(
        &embedded,
        "services",
        &json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "other"}, "spec": {"ports": [{"port": 80}]},
        }),
    )
    .await;
    let engine = engine(&embedded, "admin");

    let found = search(&engine, "Lighthouse").await.unwrap();
    let expected = ["lighthouse", "lighthouse-0", "old-lighthouse", "biglighthouse", "beacon", "keeper"];
    assert_eq!(names(&found), expected);
    let last: Vec<_> = found.hits[4..].iter().map(|hit| (hit.matched.what, hit.matched.text.as_str())).collect();
    assert_eq!(last, [(What::Label, "app=lighthouse"), (What::Image, "registry.example/lighthouse:1")]);
    assert_eq!((found.total, found.gaps.as_slice()), (6, &[][..]), "every kind was searched");
    assert!(found.done && found.searched == found.of && found.of > 10, "{found:?}");
    let kinds: Vec<_> = found.kinds.iter().map(|facet| (facet.value.as_str(), facet.count)).collect();
    assert_eq!(kinds, [("ConfigMap", 3), ("Pod", 3)]);
    assert_eq!(found.namespaces[0].count, 6);

    assert_eq!(names(&search(&engine, "lighthouse kind:Pod").await.unwrap()), ["lighthouse-0", "beacon", "keeper"]);
    assert_eq!(names(&search(&engine, "lighthouse nginx").await.unwrap()), ["lighthouse-0", "beacon"]);
    assert_eq!(search(&engine, "lighthouse ns:nowhere").await.unwrap().total, 0);
    let wrong = search(&engine, "lighthouse colour:red").await.unwrap_err();
    assert!(wrong.message.contains("colour"), "{wrong}");
    assert!(search(&engine, "lighthouse cluster:nowhere").await.is_err());
}

#[tokio::test]
async fn what_may_not_be_listed_is_told_and_nothing_of_it_is_found() {
    let embedded = Embedded::start().await;
    put(&embedded, "pods", &pod("lighthouse", "web", "nginx")).await;
    let engine = engine(&embedded, "ben");
    let found = search(&engine, "lighthouse").await.unwrap();
    assert_eq!((found.total, found.hits.len(), found.searched), (0, 0, 0));
    let forbidden = |gap: &pilothouse_app::SearchGap| matches!(gap.why, Why::Known(Completeness::Forbidden(_)));
    assert!(found.gaps.iter().any(|gap| forbidden(gap) && gap.kinds.contains(&"pods".to_owned())), "{:?}", found.gaps);
}

#[tokio::test]
async fn where_it_cannot_be_known_what_one_may_see_nothing_counts_as_searched() {
    let embedded = Embedded::start().await;
    put(&embedded, "pods", &pod("lighthouse", "web", "nginx")).await;
    let contexts = Contexts::load(Some(embedded.kubeconfig("admin")), None).unwrap();
    let engine = Engine::shared(contexts, Sharing::default());
    let elsewhere = BTreeMap::new();
    let refused = BTreeMap::from([(engine.current(), Token::new("nonsense"))]);
    for tokens in [elsewhere, refused] {
        let person = engine.seen_by(Arc::new(Person::new("ada", tokens)));
        let found = search(&person, "lighthouse").await.unwrap();
        assert_eq!((found.total, found.of), (0, 0), "{found:?}");
        let [gap] = &found.gaps[..] else { panic!("{found:?}") };
        assert!(gap.kinds.is_empty() && matches!(gap.why, Why::Known(Completeness::Broken(_))), "{gap:?}");
    }
    engine.shutdown();
}
