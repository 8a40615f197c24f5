//! Streams of the console: what somebody who follows them has on the screen, whatever happens to objects and rights meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pilothouse_harness::Api;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::answers::divided;
use super::objects::{canaries, canary, metadata};
use super::oracle::Key;
use super::pages::{attributes, counted, row_key, rows};
use super::site::{CLUSTER, Pass, Site, encoded, path_of};
use super::truth::Truth;
use super::world::{CONFIG_MAPS, Kind, NAMESPACES, PODS, User, World};

/// What is followed.
pub(crate) const KINDS: [Kind; 2] = [CONFIG_MAPS, PODS];
/// What pages with these lists tell of: namespaces may be chosen there.
pub(crate) const TOLD: [Kind; 3] = [CONFIG_MAPS, PODS, NAMESPACES];
/// The time within which a change of rights takes effect, as the guide states it, where roles and bindings cannot be watched,
/// and some more for a busy machine.
const STATED: Duration = Duration::from_secs(30 + 15);

/// What a follower has been told.
#[derive(Debug, Default)]
struct Told {
    /// The rows as they stand, by what tells them apart.
    rows: Vec<String>,
    total: Option<u64>,
    /// The counts above the list, as HTML.
    counts: Option<String>,
    /// Every canary in any message.
    words: BTreeSet<String>,
    /// The last message.
    last: String,
    /// How often it began.
    begun: usize,
    over: bool,
}

impl Told {
    fn place(&mut self, index: usize, id: &str) {
        self.rows.retain(|row| row != id);
        self.rows.insert(index.min(self.rows.len()), id.to_owned());
    }

    fn take_out(&mut self, ids: &Value) {
        let ids: BTreeSet<&str> = ids.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        self.rows.retain(|row| !ids.contains(row.as_str()));
    }

    /// Takes in a change of the API's stream, as it says that it is to be taken in.
    fn rows(&mut self, change: &Value) {
        let items = |name: &str| change[name].as_array().unwrap().clone();
        let place = |item: &Value| (item["index"].as_u64().unwrap(), item["id"].as_str().unwrap().to_owned());
        self.take_out(&change["left"]);
        let mut placed: Vec<(u64, String)> = items("entered").iter().chain(&items("moved")).map(place).collect();
        placed.sort();
        for (index, id) in placed {
            self.place(usize::try_from(index).unwrap(), &id);
        }
        self.total = change["total"].as_u64();
    }

    /// Takes in a message of a page's stream as the script of the page does; whether the page has to be fetched again.
    fn update(&mut self, message: &Value) -> bool {
        if let Some(rows) = message["rows"].as_object() {
            if rows["whole"] == true {
                self.rows.clear();
            }
            self.take_out(&rows["left"]);
            for put in rows["put"].as_array().unwrap() {
                self.place(usize::try_from(put["index"].as_u64().unwrap()).unwrap(), put["id"].as_str().unwrap());
            }
        }
        if let Some(counts) = message["parts"]["counts"].as_str() {
            self.counts = Some(counts.to_owned());
        }
        message["reload"] == true
    }
}

/// One who follows a stream.
struct Follower {
    kind: Kind,
    what: &'static str,
    told: Arc<Mutex<Told>>,
    task: AbortHandle,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether more is to come on a stream.
enum Goes {
    On,
    Anew,
    Over,
}

/// Reads messages until the stream ends or has to be begun anew.
async fn read(request: reqwest::RequestBuilder, told: &Mutex<Told>) -> Goes {
    let Ok(mut answer) = request.header("accept", "text/event-stream").send().await else { return Goes::Over };
    if answer.status() != 200 {
        return Goes::Over;
    }
    told.lock().unwrap().begun += 1;
    let mut text = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        text.extend_from_slice(&piece);
        while let Some(end) = text.windows(2).position(|window| window == b"\n\n") {
            let message = String::from_utf8(text.drain(..end + 2).collect()).unwrap();
            match take(&message, &mut told.lock().unwrap()) {
                Goes::On => {}
                other => return other,
            }
        }
    }
    Goes::Over
}

fn take(message: &str, told: &mut Told) -> Goes {
    let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim();
    let (event, data) = (field("event:"), field("data:"));
    if event.is_empty() {
        return Goes::On;
    }
    told.words.extend(canaries(data));
    told.last = format!("{event} {data}");
    let value = || serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {message}"));
    match event {
        "rows" => told.rows(&value()),
        "update" => {
            if told.update(&value()) {
                return Goes::Anew;
            }
        }
        "again" => return Goes::Anew,
        _ => return Goes::Over,
    }
    Goes::On
}

/// What the API streams of a kind.
async fn follow_api(site: Arc<Site>, pass: Pass, kind: Kind, told: Arc<Mutex<Told>>) {
    let path = format!("/api/v1/clusters/{CLUSTER}/resources/{}?limit=1000", path_of(kind));
    read(site.request(&pass, &path), &told).await;
    told.lock().unwrap().over = true;
}

/// What the page of a kind follows: its address, as somebody opens it, says what.
async fn follow_page(site: Arc<Site>, pass: Pass, (page, live): (String, String), told: Arc<Mutex<Told>>) {
    loop {
        let answer = site.get(&pass, &page).await;
        // A busy machine may not have the answer in time; the page says so, and people load it again.
        if answer.status == 503 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        }
        if answer.status != 200 {
            told.lock().unwrap().last = format!("{}: {}", answer.status, answer.text);
            break;
        }
        let html = answer.text;
        // A page over several clusters tells of each that it does not answer any more.
        if rows(&html).is_empty() && html.contains("does not accept your credential any more") {
            break;
        }
        told.lock().unwrap().words.extend(canaries(&html));
        let watches = attributes(&html, "data-watch=\"").into_iter().map(|watch| watch.replace("&amp;", "&"));
        let lists = watches.filter(|watch| watch.starts_with("r/") || watch.starts_with("counts/"));
        let watches: Vec<String> = lists.map(|watch| format!("watch={}", encoded(&watch))).collect();
        match read(site.request(&pass, &format!("{live}?{}", watches.join("&"))), &told).await {
            Goes::Anew => told.lock().unwrap().rows.clear(),
            Goes::On | Goes::Over => break,
        }
    }
    told.lock().unwrap().over = true;
}

/// Somebody's open pages and streams.
pub(crate) struct Watcher<'a> {
    pub(crate) user: &'a User,
    followers: Vec<Follower>,
    /// Every canary that the somebody was ever given.
    allowed: BTreeSet<String>,
}

impl<'a> Watcher<'a> {
    pub(crate) async fn open(site: &Arc<Site>, user: &'a User) -> Self {
        let (bearer, cookie) = (Site::bearer(user), site.sign_in(user).await);
        let mut followers = Vec::new();
        for kind in KINDS {
            let told: [Arc<Mutex<Told>>; 3] = Default::default();
            let [api, page, all] = told.clone();
            let list = format!("r/{}?limit=1000", path_of(kind));
            let here = (format!("/c/{CLUSTER}/{list}"), format!("/c/{CLUSTER}/live"));
            let tasks = [
                ("API", tokio::spawn(follow_api(Arc::clone(site), bearer.clone(), kind, api))),
                ("page", tokio::spawn(follow_page(Arc::clone(site), cookie.clone(), here, page))),
                (
                    "page over all clusters",
                    tokio::spawn(follow_page(
                        Arc::clone(site),
                        cookie.clone(),
                        (format!("/all/{list}"), "/all/live".to_owned()),
                        all,
                    )),
                ),
            ];
            let one = |((what, task), told): ((_, tokio::task::JoinHandle<()>), _)| Follower {
                kind,
                what,
                told,
                task: task.abort_handle(),
            };
            followers.extend(tasks.into_iter().zip(told).map(one));
        }
        Self { user, followers, allowed: BTreeSet::new() }
    }

    /// Waits until everything shows what the API server gives, and looks whether anything was told that it never gave.
    pub(crate) async fn agrees(&mut self, truth: &Truth, step: &str) {
        self.allowed.extend(truth.listed.iter().cloned());
        let deadline = Instant::now() + STATED;
        for follower in &self.followers {
            let kind = follower.kind;
            let what = format!("{}: {}: {} of {}", self.user.name, step, follower.what, kind.plural);
            let counts = divided(truth.list(kind), |(namespace, _), _| namespace.as_deref());
            let wanted = (truth.keys(kind), if counts.len() < 2 { BTreeMap::new() } else { counts });
            loop {
                let late = Instant::now() > deadline;
                {
                    let told = follower.told.lock().unwrap();
                    let leaked: Vec<&String> = told.words.difference(&self.allowed).collect();
                    assert!(leaked.is_empty(), "{what}: {leaked:?} was told; the last message: {}", told.last);
                    assert!(!told.over, "{what}: it ended: {}", told.last);
                    let rows: BTreeSet<Key> = told.rows.iter().map(|id| row_key(id)).collect();
                    let counts = told.counts.as_ref().map_or_else(|| wanted.1.clone(), |html| counted(html));
                    let total = told.total.is_none_or(|total| total == wanted.0.len() as u64);
                    if told.begun > 0 && total && (rows, counts) == wanted {
                        break;
                    }
                    assert!(!late, "{what}: {told:?}, not {wanted:?}");
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Waits until everything has ended because the credential is not good any more.
    pub(crate) async fn ends(&self) {
        let deadline = Instant::now() + STATED;
        for follower in &self.followers {
            let what = format!("{}: {} of {}", self.user.name, follower.what, follower.kind.plural);
            while !follower.told.lock().unwrap().over {
                assert!(Instant::now() < deadline, "{what} goes on after the token was revoked");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let told = follower.told.lock().unwrap();
            let leaked: Vec<&String> = told.words.difference(&self.allowed).collect();
            assert!(leaked.is_empty(), "{what}: {leaked:?} was told; the last message: {}", told.last);
            if follower.what == "API" {
                assert!(told.last.starts_with("error ") && told.last.contains("credential"), "{what}: {}", told.last);
            }
        }
    }
}

impl World {
    /// Makes something new in some namespace, and takes away something that was there.
    pub(crate) async fn turn(&mut self, admin: &Api) {
        for kind in KINDS {
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
