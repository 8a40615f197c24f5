//! Three real clusters in one list: one is dead, dies, and comes back, and the others do not wait for it.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::collections::BTreeSet;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use pilothouse_app::{Ask, Contexts, Engine, ManyRow, ManySource, ManyUpdate, ManyWindow, Part, Standing};
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Options, RealControlPlane, places};
use pilothouse_model::{ClusterId, Completeness};
use reqwest::Method;
use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(120);
const MAPS: &str = "/api/v1/namespaces/default/configmaps";
const NAMES: [&str; 3] = ["east", "north", "west"];

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// One kubeconfig with a context for each control plane.
fn kubeconfig(planes: &[RealControlPlane]) -> PathBuf {
    let credentials: Vec<Credential> = planes.iter().map(|plane| plane.admin().credential().clone()).collect();
    let list = |what: &str, of: &dyn Fn(&str, &Credential) -> Value| {
        let entry = |(name, credential): (&&str, &Credential)| json!({"name": name, what: of(name, credential)});
        NAMES.iter().zip(&credentials).map(entry).collect::<Vec<_>>()
    };
    let authority = |credential: &Credential| {
        let path = planes[0].folder().join(format!("{}.crt", credential.token));
        std::fs::write(&path, &credential.authority).unwrap();
        path
    };
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": NAMES[0],
        "contexts": list("context", &|name, _| json!({"cluster": name, "user": name})),
        "users": list("user", &|_, credential| json!({"token": credential.token})),
        "clusters": list("cluster", &|_, credential| {
            json!({"server": credential.server, "certificate-authority": authority(credential)})
        }),
    });
    let path = planes[0].folder().join("all.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

async fn put(plane: &RealControlPlane, name: &str) {
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"test": "many"}}, "data": {"a": "1"},
    });
    plane.admin().ensure(MAPS, &map).await;
}

fn config_maps() -> ManySource {
    ManySource::Resource { group: "core".into(), version: "v1".into(), plural: "configmaps".into() }
}

fn ask(q: &str) -> Ask {
    Ask { q: q.to_owned(), labels: "test=many".to_owned(), limit: Some(10), ..Ask::default() }
}

/// A window, and what somebody who looks at it sees.
struct Screen {
    window: ManyWindow,
    rows: Vec<ManyRow>,
    last: Option<ManyUpdate>,
}

impl Screen {
    fn open(engine: &Engine, q: &str) -> Self {
        let window = engine.many(&[]).unwrap().window(&config_maps(), &ask(q)).unwrap();
        Self { window, rows: Vec::new(), last: None }
    }

    fn shows(&self) -> BTreeSet<String> {
        self.rows.iter().map(|row| format!("{}/{}", row.cluster, row.row.name)).collect()
    }

    fn part(&self, name: &str) -> Part {
        let parts = &self.last.as_ref().unwrap().parts;
        parts.iter().find(|part| part.cluster == ClusterId::new(name)).unwrap().clone()
    }

    /// Follows the window until what it shows satisfies `wanted`; gives the clusters whose rows changed on the way.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) -> BTreeSet<String> {
        let mut touched = BTreeSet::new();
        within(what, async {
            loop {
                let update = self.window.next().await.unwrap();
                if let Some(delta) = &update.delta {
                    delta.apply(&mut self.rows);
                    let rows =
                        delta.entered.iter().map(|(_, row)| row).chain(delta.changed.iter().map(|(_, row, _)| row));
                    touched.extend(rows.map(|row| row.cluster.to_string()));
                    touched.extend(delta.left.iter().map(|id| id.cluster.to_string()));
                }
                self.last = Some(update);
                if wanted(self) {
                    return;
                }
            }
        })
        .await;
        let update = self.last.as_ref().unwrap();
        assert_eq!(update.total, update.parts.iter().map(|part| part.total).sum::<usize>());
        touched
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_cluster_is_told_and_delays_nothing() {
    pilothouse_harness::api::install_cryptography();
    let mut planes = Vec::new();
    for _ in NAMES {
        planes.push(RealControlPlane::start(Options::default()).await);
    }
    for plane in &planes {
        put(plane, "first").await;
    }
    let config = kubeconfig(&planes);

    // North is dead from the start: the others show while nothing was ever heard of it.
    planes[1].crash_server();
    let engine = Engine::new(Contexts::load(Some(config.clone()), None).unwrap());
    assert!(engine.clusters().iter().all(|view| view.server.is_none()), "nothing is opened at start-up");
    let mut screen = Screen::open(&engine, "");
    let living = set(&["east/first", "west/first"]);
    screen.until("the rows of the living", |screen| screen.shows() == living).await;
    let north = screen.part("north");
    assert_ne!(north.standing(), Standing::Connected, "{north:?}");
    assert_eq!((north.total, north.as_of), (0, None));
    for name in ["east", "west"] {
        assert_eq!(screen.part(name).completeness, Completeness::Complete);
    }
    screen.until("north is told to be dead", |screen| screen.part("north").standing() == Standing::Failed).await;
    assert!(screen.part("north").reason().unwrap().contains("127.0.0.1"), "{:?}", screen.part("north"));

    // A page and the command line give what the living have, name the dead one, and fail.
    let listing = engine.many(&[]).unwrap().list_settled(&config_maps(), &ask(""), PATIENCE).await.unwrap();
    assert_eq!((listing.total, listing.is_complete()), (2, false));
    command_line(&config, false);

    // It comes back: its rows enter, and those of the others are not touched.
    planes[1].restart_server().await;
    let all = set(&["east/first", "north/first", "west/first"]);
    let touched = screen.until("north is back", |screen| screen.shows() == all).await;
    assert_eq!(touched, set(&["north"]));
    screen.until("all are current", |screen| screen.last.as_ref().unwrap().is_complete()).await;
    command_line(&config, true);

    // West dies while its rows are on the screen: they stay, with their age, and a change elsewhere shows meanwhile.
    planes[2].crash_server();
    screen.until("west is told to be dead", |screen| screen.part("west").standing() == Standing::Failed).await;
    let west = screen.part("west");
    assert!(matches!(west.completeness, Completeness::Stale(_)) && west.as_of.is_some(), "{west:?}");
    assert_eq!(screen.shows(), all, "what was known stays");
    put(&planes[0], "second").await;
    let more = set(&["east/first", "east/second", "north/first", "west/first"]);
    let touched = screen.until("a change in the east", |screen| screen.shows() == more).await;
    assert_eq!(touched, set(&["east"]));
    assert_eq!(screen.part("west").standing(), Standing::Failed);

    planes[2].restart_server().await;
    planes[2].admin().send(Method::DELETE, &format!("{MAPS}/first"), None).await;
    put(&planes[2], "third").await;
    let last = set(&["east/first", "east/second", "north/first", "west/third"]);
    screen.until("west is back", |screen| screen.shows() == last).await;
    screen.until("west is current", |screen| screen.part("west").completeness == Completeness::Complete).await;

    questions(&engine).await;
    engine.shutdown();
}

/// The cluster is a field like any other.
async fn questions(engine: &Engine) {
    let many = engine.many(&[]).unwrap();
    let list = async |q: &str, sort: &str| {
        let ask = Ask { sort: sort.to_owned(), ..ask(q) };
        let listing = many.list_settled(&config_maps(), &ask, PATIENCE).await.unwrap();
        let rows: Vec<_> = listing.rows.iter().map(|row| format!("{}/{}", row.cluster, row.row.name)).collect();
        (rows.join(" "), listing.parts.len())
    };
    assert_eq!(list("", "").await, ("east/first east/second north/first west/third".to_owned(), 3));
    assert_eq!(list("cluster:west,north", "-cluster").await, ("west/third north/first".to_owned(), 2));
    assert_eq!(list("-cluster:east OR name:second", "-name").await.0, "west/third east/second north/first");
    let page = Ask { offset: 1, limit: Some(2), sort: "name".to_owned(), ..ask("") };
    let listing = many.list_settled(&config_maps(), &page, PATIENCE).await.unwrap();
    let rows: Vec<_> = listing.rows.iter().map(|row| format!("{}/{}", row.cluster, row.row.name)).collect();
    assert_eq!((rows.join(" "), listing.total), ("north/first east/second".to_owned(), 4));
    let error = many.list_settled(&config_maps(), &ask("cluster:nort"), PATIENCE).await.unwrap_err();
    assert_eq!(error.replacement.as_deref(), Some("north"));
}

/// `pilothouse get` and `pilothouse search` over all contexts, while north is dead or alive.
fn command_line(config: &Path, alive: bool) {
    let run = |arguments: &[&str]| {
        let mut command = Command::new(places::built("pilothouse"));
        let output = command.args(arguments).arg("--all-contexts").env("KUBECONFIG", config).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code())
    };
    let clusters = if alive { vec!["east", "north", "west"] } else { vec!["east", "west"] };
    for (arguments, headings) in [
        (&["get", "configmaps", "-A", "-l", "test=many"][..], ["CLUSTER", "NAMESPACE", "NAME"]),
        (&["search", "first", "label:test=many"], ["CLUSTER", "KIND", "NAMESPACE"]),
    ] {
        let (printed, errors, code) = run(arguments);
        let lines: Vec<Vec<&str>> = printed.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0][..3], headings, "{printed}");
        let mut rows: Vec<&str> = lines[1..].iter().map(|line| line[0]).collect();
        rows.sort_unstable();
        assert_eq!((rows, code), (clusters.clone(), Some(i32::from(!alive))), "{printed}{errors}");
        assert!(alive || (errors.contains("north: ") && !errors.contains("east: ")), "{errors}");
    }
}
