//! Signing in from end to end: a certified OpenID provider over TLS, a real API server that believes it, the console between.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails loudly when a server is not as it should be")]

mod browser;
mod terminal;
mod world;

use std::time::{Duration, Instant};

use browser::{Browser, Page};
use reqwest::StatusCode;
use world::World;

const SESSION: &str = "__Host-pilothouse-";

/// Opens an address that wants a session, and does what the issuer's pages ask for.
async fn sign_in(browser: &mut Browser, world: &World, cluster: &str, person: &str) -> Page {
    let page = browser.open(&world.at("/sign-in?then=/c/prod/r/core/v1/pods")).await;
    assert_eq!(page.status, StatusCode::OK);
    let start = page.link(&format!("/sign-in/{cluster}/openid")).unwrap();
    let mut page = browser.open(start.as_str()).await;
    while let Some(prompt) = page.field("prompt") {
        let form = page.form().unwrap();
        page = browser.submit(form, &format!("prompt={prompt}&login={person}&password=x")).await;
    }
    page
}

/// Opens a page until it is as wanted.
async fn wait(browser: &mut Browser, url: &str, wanted: impl Fn(&Browser, &Page) -> bool) -> Page {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let page = browser.open(url).await;
        if wanted(browser, &page) {
            return page;
        }
        assert!(Instant::now() < deadline, "{url} is not as wanted: {} {}\n{}", page.url, page.status, page.text);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Signs ada in, once the API server believes its issuer: it asks it some seconds after it has started.
async fn first_sign_in(ada: &mut Browser, world: &World) -> Page {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let page = sign_in(ada, world, "prod", "ada").await;
        if page.status == StatusCode::OK {
            return page;
        }
        assert!(
            Instant::now() < deadline && page.text.contains("the cluster does not accept its token"),
            "{}",
            page.text
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_sign_in_with_an_issuer_that_the_cluster_believes() {
    let mut world = World::start().await;
    let pods = world.at("/c/prod/r/core/v1/pods");
    let mut ada = Browser::new(&world.authority);

    // Who has no session is led to where one is had, and back.
    let page = ada.open(&pods).await;
    assert_eq!((page.url.path(), page.url.query()), ("/sign-in", Some("then=/c/prod/r/core/v1/pods")));
    let page = first_sign_in(&mut ada, &world).await;
    assert_eq!(page.url.as_str(), pods, "{}", page.text);
    assert!(ada.cookie("__Host-pilothouse-flow-").is_none(), "what was under way is over");
    let page = wait(&mut ada, &pods, |_, page| page.text.contains(">seen<")).await;
    assert!(page.text.contains("Signed in as ada"), "{}", page.text);
    // The field for namespaces shows how several are written.
    let text = page.text.replace("placeholder=\"team-a,team-b\"", "");
    assert!(!text.contains("out-of-sight") && !text.contains("team-b"), "{text}");

    // The same answer of the issuer does not count twice, nor one that was made up.
    let forged = Browser::new(&world.authority).open(&world.at("/sign-in/prod/callback?code=c&state=s")).await;
    assert_eq!(forged.status, StatusCode::BAD_REQUEST);

    // A session outlives the console, and gets another token before the one that it has ends.
    world.restart();
    let first = ada.cookie(SESSION).unwrap().to_owned();
    wait(&mut ada, &pods, |browser, page| {
        assert_eq!(page.url.path(), "/c/prod/r/core/v1/pods", "the session must not end");
        browser.cookie(SESSION) != Some(&first)
    })
    .await;
    wait(&mut ada, &pods, |_, page| page.text.contains(">seen<")).await;

    // What another issuer says of the same person is nothing to this cluster.
    let mut stranger = Browser::new(&world.authority);
    let refused = sign_in(&mut stranger, &world, "second", "ada").await;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
    assert!(refused.text.contains("but the cluster does not accept its token"), "{}", refused.text);
    assert!(stranger.cookie(SESSION).is_none());

    // Signing out ends both sessions: the one with the console, and the one with the issuer.
    let mut kept = ada.clone();
    let out = ada.submit(world.at("/sign-out").parse().unwrap(), "").await;
    assert_eq!(out.status, StatusCode::OK);
    assert!(ada.cookie(SESSION).is_none());
    let confirm = ada.open(out.link("id_token_hint").unwrap().as_str()).await;
    let secret = confirm.field("xsrf").unwrap();
    let back = ada.submit(confirm.form().unwrap(), &format!("xsrf={secret}&logout=yes")).await;
    assert_eq!(back.url.as_str(), world.at("/sign-in"), "{}", back.text);
    assert_eq!(ada.open(&pods).await.url.path(), "/sign-in");

    // Who kept the cookies has them until the token ends, and no longer: the issuer gives no other.
    wait(&mut kept, &pods, |_, page| page.url.path() == "/sign-in").await;
    assert!(kept.cookie(SESSION).is_none());
}
