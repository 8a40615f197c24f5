//! One who follows a stream of the console, and what that one has on the screen.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;

use super::objects::canaries;
use super::pages::{attributes, rows};
use super::site::{CLUSTER, Pass, Site, encoded, path_of};
use super::world::Kind;

/// What is followed: a kind, or all workloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    Of(Kind),
    Workloads,
}

impl List {
    /// Its address on pages.
    fn page(self) -> String {
        match self {
            Self::Of(kind) => format!("r/{}?limit=1000", path_of(kind)),
            Self::Workloads => "workloads?limit=1000".to_owned(),
        }
    }

    fn api(self) -> String {
        match self {
            Self::Of(kind) => format!("resources/{}?limit=1000", path_of(kind)),
            Self::Workloads => "workloads?limit=1000".to_owned(),
        }
    }
}

/// What a follower has been told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The rows as they stand, by what tells them apart.
    pub(crate) rows: Vec<String>,
    pub(crate) total: Option<u64>,
    /// The counts above the list, as HTML.
    pub(crate) counts: Option<String>,
    /// Every canary in any message.
    pub(crate) words: BTreeSet<String>,
    /// The last message.
    pub(crate) last: String,
    /// How often it began.
    pub(crate) begun: usize,
    pub(crate) over: bool,
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
pub(crate) struct Follower {
    pub(crate) what: String,
    pub(crate) told: Arc<Mutex<Told>>,
    task: JoinHandle<()>,
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// What the API streams of a list.
    pub(crate) fn of_api(site: &Arc<Site>, pass: &Pass, list: List) -> Self {
        let path = format!("/api/v1/clusters/{CLUSTER}/{}", list.api());
        let (site, pass, told) = (Arc::clone(site), pass.clone(), Arc::<Mutex<Told>>::default());
        let followed = Arc::clone(&told);
        let task = tokio::spawn(async move {
            read(site.request(&pass, &path), &followed).await;
            followed.lock().unwrap().over = true;
        });
        Self { what: format!("API: {list:?}"), told, task }
    }

    /// What the page of a list follows.
    pub(crate) fn of_list(site: &Arc<Site>, pass: &Pass, list: List) -> Self {
        let page = (format!("/c/{CLUSTER}/{}", list.page()), format!("/c/{CLUSTER}/live"));
        Self::of_page(site, pass, page, format!("page: {list:?}"))
    }

    /// The same over all clusters.
    pub(crate) fn of_all(site: &Arc<Site>, pass: &Pass, list: List) -> Self {
        let page = (format!("/all/{}", list.page()), "/all/live".to_owned());
        Self::of_page(site, pass, page, format!("page over all clusters: {list:?}"))
    }

    /// What the page of an object follows.
    pub(crate) fn of_object(site: &Arc<Site>, pass: &Pass, path: &str) -> Self {
        let page = (format!("/c/{CLUSTER}/r/{path}"), format!("/c/{CLUSTER}/live"));
        Self::of_page(site, pass, page, format!("page of {path}"))
    }

    fn of_page(site: &Arc<Site>, pass: &Pass, page: (String, String), what: String) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let task = tokio::spawn(follow_page(Arc::clone(site), pass.clone(), page, Arc::clone(&told)));
        Self { what, told, task }
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
        // A stream that has nothing to tell says that it is there.
        "alive" => {}
        _ => return Goes::Over,
    }
    Goes::On
}

/// What a page follows: the page, as somebody opens it, says what.
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
        let lists = watches.filter(|watch| !watch.starts_with("state"));
        let watches: Vec<String> = lists.map(|watch| format!("watch={}", encoded(&watch))).collect();
        match read(site.request(&pass, &format!("{live}?{}", watches.join("&"))), &told).await {
            Goes::Anew => told.lock().unwrap().rows.clear(),
            Goes::On | Goes::Over => break,
        }
    }
    told.lock().unwrap().over = true;
}
