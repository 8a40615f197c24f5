//! What every way of asking must answer: what the API server gives.

use std::collections::BTreeSet;
use std::time::Duration;

use pilothouse_harness::Api;
use tokio::time::Instant;

use super::asker::{Asker, Shown};
use super::objects::{MARK, secret_words};
use super::oracle::{self, Key, Objects};
use super::truth::{All, Truth};
use super::world::{JOBS, KINDS, PODS, TRAIN_JOBS, User, World};

/// How long answers may take to become equal: rights are remembered for a while, and the API server takes a moment, too.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again until both agree.
pub(crate) async fn agree<T: PartialEq + std::fmt::Debug>(what: &str, server: &T, mut ask: impl AsyncFnMut() -> T) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let console = ask().await;
        if console == *server {
            return;
        }
        assert!(Instant::now() < deadline, "{what}: the console says\n{console:?}\nthe API server\n{server:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

pub(crate) fn keys(objects: &Objects) -> BTreeSet<Key> {
    objects.keys().cloned().collect()
}

/// What the API server lets someone list, as the console should show it.
fn expected(seen: &Objects, holds: impl Fn(&Key) -> bool) -> (BTreeSet<Key>, usize, Option<usize>) {
    let keys: BTreeSet<Key> = seen.keys().filter(|key| holds(key)).cloned().collect();
    (keys.clone(), keys.len(), Some(seen.len()))
}

fn shown(shown: Shown) -> (BTreeSet<Key>, usize, Option<usize>) {
    (shown.keys, shown.total, shown.unfiltered)
}

/// Nothing is told of what may not be listed.
fn leaks_nothing(truth: &Truth, shown: Shown, what: &str) -> Shown {
    let leaked = Truth::leaked(&truth.listed, &shown.texts, "");
    assert!(leaked.is_empty(), "{what}: {leaked:?} is told\n{}", shown.texts);
    shown
}

/// Lists of every kind, with and without a question.
pub(crate) async fn lists_agree(asker: &impl Asker, user: &User, truth: &Truth) {
    for kind in KINDS {
        let what = format!("{} lists {}", user.name, kind.plural);
        let seen = truth.list(kind);
        agree(&what, &expected(seen, |_| true), async || {
            shown(leaks_nothing(truth, asker.list(user, Some(kind), "").await, &what))
        })
        .await;
        let found = leaks_nothing(truth, asker.list(user, Some(kind), &format!("name:*{MARK}*")).await, &what);
        assert_eq!(shown(found), expected(seen, |(_, name)| name.contains(MARK)), "{what} by name");
        let text = leaks_nothing(truth, asker.list(user, Some(kind), MARK).await, &what).keys;
        assert!(text.is_subset(&keys(seen)), "{what} by text: {text:?}");
        let named = keys(seen).into_iter().filter(|(_, name)| name.contains(MARK)).collect();
        assert!(text.is_superset(&named), "{what} by text: {text:?}, not {named:?}");
    }
}

/// The list of all workloads.
pub(crate) async fn workloads_agree(asker: &impl Asker, user: &User, truth: &Truth, world: &World) {
    let what = format!("{} lists workloads", user.name);
    let rows: BTreeSet<Key> = [JOBS, TRAIN_JOBS].into_iter().flat_map(|kind| truth.keys(kind)).collect();
    agree(&what, &rows, async || {
        let shown = leaks_nothing(truth, asker.list(user, None, "").await, &what);
        // What a pod says shows only to those who may list such a pod.
        let told: BTreeSet<&String> =
            world.namespaces.iter().filter(|namespace| shown.texts.contains(&secret_words(namespace))).collect();
        let may: BTreeSet<&String> = truth.list(PODS).keys().filter_map(|(namespace, _)| namespace.as_ref()).collect();
        let leaked: Vec<&&String> = told.difference(&may).collect();
        assert!(leaked.is_empty(), "{what}: what pods of {leaked:?} say is told\n{}", shown.texts);
        shown.keys
    })
    .await;
}

/// Where the console has no eyes of its own, nobody tells of namespaces to who may not list them: what is shown is what is
/// there in the namespaces that it can know of, and never more than the API server gives.
pub(crate) async fn lists_agree_alone(asker: &impl Asker, user: &User, (all, truth, world): (&All, &Truth, &World)) {
    let known = known_namespaces(&user.api, user, world).await;
    for kind in KINDS {
        let most = truth.keys(kind);
        let least = keys(&oracle::listable(&user.api, kind, all.of(kind), &known).await);
        let what = format!("{} alone lists {}", user.name, kind.plural);
        agree(&what, &BTreeSet::new(), async || {
            let shown = leaks_nothing(truth, asker.list(user, Some(kind), "").await, &what);
            assert!(shown.keys.is_subset(&most), "{what}: {:?} of {most:?}", shown.keys);
            assert_eq!((shown.total, shown.unfiltered), (shown.keys.len(), Some(shown.keys.len())), "{what}");
            least.difference(&shown.keys).cloned().collect::<BTreeSet<Key>>()
        })
        .await;
    }
}

/// The namespaces that somebody can know of without help.
pub(crate) async fn known_namespaces(api: &Api, user: &User, world: &World) -> Vec<String> {
    let listed = api.get("/api/v1/namespaces").await.status == 200;
    let own = |namespace: &&String| user.name.contains(&format!(":{namespace}:"));
    world.namespaces.iter().filter(|name| listed || own(name)).cloned().collect()
}
