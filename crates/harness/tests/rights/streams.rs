//! Streams of the console: what somebody who follows them has on the screen, whatever happens to objects and rights meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pilothouse_harness::Api;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;

use super::answers::divided;
use super::followed::{Follower, List};
use super::objects::{canaries, canary, metadata};
use super::oracle::{self, Key};
use super::pages::{counted, row_key};
use super::site::{Site, object_path};
use super::truth::Truth;
use super::world::{CONFIG_MAPS, EVENTS, JOBS, Kind, NAMESPACES, PODS, TRAIN_JOBS, User, World};

/// What is followed.
const LISTS: [List; 3] = [List::Of(CONFIG_MAPS), List::Of(PODS), List::Workloads];
/// What pages with these lists tell of: namespaces may be chosen there.
pub(crate) const TOLD: [Kind; 6] = [CONFIG_MAPS, PODS, NAMESPACES, JOBS, TRAIN_JOBS, EVENTS];
/// The time within which a change of rights takes effect, as the guide states it, and some more for a busy machine: where roles
/// and bindings are watched.
pub(crate) const SOON: Duration = Duration::from_secs(2 + 10);
/// Where they are not, and for a credential that is over.
pub(crate) const LATE: Duration = Duration::from_secs(30 + 15);

/// Somebody's open pages and streams.
pub(crate) struct Watcher<'a> {
    pub(crate) user: &'a User,
    lists: Vec<(List, Follower)>,
    /// The page of a config map, which could be read when it was opened.
    object: Option<(Key, Follower)>,
    /// Every canary that the somebody was ever given.
    allowed: BTreeSet<String>,
    /// How soon changes show.
    within: Duration,
}

impl<'a> Watcher<'a> {
    /// Opens everything.
    pub(crate) async fn open(site: &Arc<Site>, user: &'a User, (config_maps, within): (&[&Key], Duration)) -> Self {
        let (bearer, cookie) = (Site::bearer(user), site.sign_in(user).await);
        let mut lists = Vec::new();
        for list in LISTS {
            lists.push((list, Follower::of_api(site, &bearer, list)));
            lists.push((list, Follower::of_list(site, &cookie, list)));
            lists.push((list, Follower::of_all(site, &cookie, list)));
        }
        let mut object = None;
        for key in config_maps {
            if oracle::read(&user.api, CONFIG_MAPS, key).await == 200 {
                object = Some((Key::clone(key), Follower::of_object(site, &cookie, &object_path(CONFIG_MAPS, key))));
                break;
            }
        }
        Self { user, lists, object, allowed: BTreeSet::new(), within }
    }

    /// Waits until everything shows what the API server gives, and looks whether anything was told that it never gave.
    pub(crate) async fn agrees(&mut self, truth: &Truth, step: &str) {
        self.allowed.extend(truth.named.iter().cloned());
        let mut readable = true;
        if let Some((key, _)) = &self.object {
            let path = format!("{}/{}", CONFIG_MAPS.path(key.0.as_deref()), key.1);
            let answer = self.user.api.get(&path).await;
            readable = answer.status != 403;
            self.allowed.extend(canaries(&answer.body.to_string()));
        }
        for (list, follower) in &self.lists {
            let wanted = wanted(truth, *list);
            let shows = || {
                let told = follower.told.lock().unwrap();
                assert!(!told.over, "{}: {}: {step}: it ended: {}", self.user.name, follower.what, told.last);
                let rows: BTreeSet<Key> = told.rows.iter().map(|id| row_key(id)).collect();
                let counts = told.counts.as_ref().map_or_else(|| wanted.1.clone(), |html| counted(html));
                let total = told.total.is_none_or(|total| total == wanted.2);
                told.begun > 0 && total && (rows, counts) == (wanted.0.clone(), wanted.1.clone())
            };
            self.until(follower, (&format!("{step}: {wanted:?}"), self.within), shows).await;
        }
        if let Some((_, follower)) = self.object.as_ref().filter(|_| !readable) {
            self.until(follower, (&format!("{step}: nothing"), self.within), || follower.told.lock().unwrap().over)
                .await;
        }
    }

    /// Waits until something holds; fails when anything was told that was never given.
    async fn until(&self, follower: &Follower, (expected, within): (&str, Duration), holds: impl Fn() -> bool) {
        let deadline = Instant::now() + within;
        let what = format!("{}: {}", self.user.name, follower.what);
        loop {
            let late = Instant::now() > deadline;
            {
                let told = follower.told.lock().unwrap();
                let leaked: Vec<&String> = told.words.difference(&self.allowed).collect();
                assert!(leaked.is_empty(), "{what}: {expected}: {leaked:?} was told; the last message: {}", told.last);
            }
            if holds() {
                return;
            }
            assert!(!late, "{what}: {:?}, not {expected}", follower.told.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Whether any page was told of other counts than it began with.
    pub(crate) fn has_counts(&self) -> bool {
        self.lists.iter().any(|(_, follower)| follower.told.lock().unwrap().counts.is_some())
    }

    /// Waits until everything has ended because the credential is not good any more.
    pub(crate) async fn ends(&self) {
        for follower in self.lists.iter().map(|(_, follower)| follower).chain(self.object.iter().map(|(_, one)| one)) {
            self.until(follower, ("an end", LATE), || follower.told.lock().unwrap().over).await;
            let told = follower.told.lock().unwrap();
            if follower.what.starts_with("API") {
                assert!(told.last.starts_with("error ") && told.last.contains("credential"), "{}", told.last);
            }
        }
    }
}

/// The rows of a list, how often each namespace is counted above it, and how many rows there are.
fn wanted(truth: &Truth, list: List) -> (BTreeSet<Key>, BTreeMap<String, u64>, u64) {
    let kinds = match list {
        List::Of(kind) => vec![kind],
        List::Workloads => vec![JOBS, TRAIN_JOBS],
    };
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for kind in &kinds {
        for (namespace, count) in divided(truth.list(*kind), |(namespace, _), _| namespace.as_deref()) {
            *counts.entry(namespace).or_default() += count;
        }
    }
    let total = counts.values().sum();
    // One value divides nothing.
    let counts = if counts.len() < 2 { BTreeMap::new() } else { counts };
    (kinds.into_iter().flat_map(|kind| truth.keys(kind)).collect(), counts, total)
}

impl World {
    /// Makes something new in some namespace, and takes away something that was there.
    pub(crate) async fn turn(&mut self, admin: &Api) {
        for kind in [CONFIG_MAPS, PODS] {
            let namespace = self.dice.pick(&self.namespaces).clone();
            let there = admin.get(&kind.path(Some(&namespace))).await.body;
            let items = there["items"].as_array().unwrap().iter();
            let there: Vec<&str> = items.filter_map(|item| item["metadata"]["name"].as_str()).collect();
            if !there.is_empty() {
                let path = format!("{}/{}", kind.path(Some(&namespace)), self.dice.pick(&there));
                admin.send(Method::DELETE, &format!("{path}?gracePeriodSeconds=0"), None).await;
            }
            let namespace = self.dice.pick(&self.namespaces).clone();
            let name = format!("born-{}", canary(&mut self.dice));
            let mut object = json!({"metadata": metadata(&mut self.dice, &name), "data": {}});
            if kind == PODS {
                object = json!({
                    "metadata": object["metadata"],
                    "spec": {"containers": [{"name": "main", "image": "main"}]},
                });
            }
            admin.ensure(&kind.path(Some(&namespace)), &object).await;
        }
    }
}
