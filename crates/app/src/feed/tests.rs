//! What a table says of itself when all is well, and when it is not.

use std::time::Duration;

use bytes::Bytes;
use pilothouse_cluster::{ClusterError, Items, Malformed};
use pilothouse_model::{
    Action, Cause, GroupResource, Link, Manifest, Object, Objects, Page, Place, Projection, Section,
};
use pilothouse_model::{Status, Workload};
use serde_json::json;
use tokio::sync::mpsc;

use super::*;

const PATIENCE: Duration = Duration::from_secs(20);

/// Panics over objects that are named `bad`.
struct Fragile;

static MANIFEST: Manifest = Manifest {
    id: "fragile",
    title: "Fragile",
    resources: &[GroupResource::new("", "widgets")],
    places: &[] as &[Place],
};

impl Instrument for Fragile {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }
    fn columns(&self, _: &Resource) -> Option<Vec<Column>> {
        Some(Vec::new())
    }
    fn project(&self, _: &Resource, object: &Object) -> Projection {
        assert_ne!(object.name(), "bad", "this one is too much");
        Projection { status: Status::none(), cells: Vec::new() }
    }
    fn links(&self, _: &Object) -> Vec<Link> {
        Vec::new()
    }
    fn runs(&self, _: GroupResource<'_>) -> bool {
        false
    }
    fn workload(&self, _: &Object, _: &dyn Objects) -> Option<Workload> {
        None
    }
    fn explain(&self, _: &Object, _: &dyn Objects) -> Vec<Cause> {
        Vec::new()
    }
    fn sections(&self, _: &Object, _: &dyn Objects) -> Vec<Section> {
        Vec::new()
    }
    fn page(&self, _: &str, _: &dyn Fn(GroupResource<'_>) -> bool) -> Option<Page> {
        None
    }
    fn actions(&self, _: &Object) -> Vec<Action> {
        Vec::new()
    }
}

fn widget(name: &str) -> Object {
    Object::new(json!({"metadata": {"namespace": "a", "name": name, "resourceVersion": "1"}})).unwrap()
}

/// A table that is fed by hand.
struct Feed {
    table: LiveTable,
    signals: mpsc::UnboundedSender<(usize, Option<Signal>)>,
}

impl Feed {
    fn start() -> Self {
        Self::told_to(false)
    }

    /// The same with words that are for many people to read, or not.
    fn told_to(discreet: bool) -> Self {
        let resource = Resource::new("", "v1", "widgets", "Widget");
        let projector = Projector::new(Arc::new(resource), &[&Fragile]);
        let table = Table::new(Arc::clone(projector.columns()));
        let shared = Shared::new(Arc::clone(projector.columns()), table.snapshot(), None, discreet);
        let writer = Writer::new(projector, table, vec![super::Place::everywhere()], discreet);
        let (signals, mut told) = mpsc::unbounded_channel();
        let told = stream::poll_fn(move |context| told.poll_recv(context));
        Self { table: LiveTable::new(Arc::clone(&shared), write(writer, told.boxed(), shared)), signals }
    }

    fn tell(&self, signal: Signal) {
        self.signals.send((0, Some(signal))).unwrap();
    }

    fn page(&self, texts: impl IntoIterator<Item = String>) {
        let resource = Arc::new(Resource::new("", "v1", "widgets", "Widget"));
        self.tell(Signal::Page(Items::new(resource, texts.into_iter().map(Bytes::from).collect())));
    }

    fn list(&self, names: &[&str]) {
        self.tell(Signal::Listing { first: false });
        self.page(names.iter().map(|name| widget(name).value().to_string()));
        self.tell(Signal::Listed);
    }

    fn trouble(&self, error: ClusterError) {
        self.tell(Signal::Trouble { error, retry_in: PATIENCE });
    }

    fn names(&self) -> Vec<String> {
        self.table.snapshot().iter().map(|record| record.row.name.to_string()).collect()
    }

    async fn until(&self, what: &str, wanted: impl Fn(&Snapshot, &Freshness) -> bool) {
        let mut version = self.table.subscribe();
        let happened = async {
            while !wanted(&self.table.snapshot(), &self.table.freshness()) {
                version.changed().await.unwrap();
            }
        };
        tokio::time::timeout(PATIENCE, happened).await.unwrap_or_else(|_| panic!("{what} did not happen"));
    }
}

fn unreadable(number: usize) -> Malformed {
    Malformed { which: Some(format!("a/object-{number:03}")), why: format!("object {number} cannot be read") }
}

fn forbidden() -> ClusterError {
    ClusterError::Forbidden { message: "no".to_owned() }
}

fn unreachable() -> ClusterError {
    ClusterError::Unreachable { server: "s".to_owned(), reason: "r".to_owned() }
}

fn complete(snapshot: &Snapshot, _: &Freshness) -> bool {
    *snapshot.completeness() == Completeness::Complete
}

#[tokio::test]
async fn an_object_that_an_instrument_cannot_bear_costs_its_own_row() {
    let feed = Feed::start();
    feed.list(&["a", "bad", "c"]);
    feed.until("the list", complete).await;
    assert_eq!(feed.names(), ["a", "c"]);
    let notes = feed.table.freshness().notes(&Sight::All);
    assert!(notes.len() == 1 && notes[0].contains("bad") && notes[0].contains("too much"), "{notes:?}");
    feed.tell(Signal::Applied(widget("bad")));
    feed.tell(Signal::Applied(widget("d")));
    feed.until("the next change", |snapshot, _| snapshot.len() == 3).await;
    assert_eq!(feed.table.freshness().notes(&Sight::All).len(), 1, "it is told once");
    assert!(!feed.table.is_dead());
}

#[tokio::test]
async fn a_table_whose_watch_or_task_is_over_says_so_and_keeps_its_rows() {
    let feed = Feed::start();
    feed.list(&["a"]);
    feed.until("the list", complete).await;
    feed.signals.send((0, None)).unwrap();
    feed.until("the end", |snapshot, _| matches!(snapshot.completeness(), Completeness::Broken(_))).await;
    assert!(feed.table.is_dead());
    assert_eq!(feed.names(), ["a"]);

    let shared = Shared::new(Vec::new().into(), Table::new(Vec::new().into()).snapshot(), None, false);
    let table = LiveTable::new(shared, async { panic!("a slip") });
    let deadline = Instant::now() + PATIENCE;
    table.settled(deadline).await;
    let snapshot = table.snapshot();
    assert!(matches!(snapshot.completeness(), Completeness::Broken(why) if why.contains("a slip")), "{snapshot:?}");
}

#[tokio::test]
async fn what_many_people_read_says_nothing_of_what_is_the_consoles_own() {
    let refused = || ClusterError::Unauthorized { server: "SECRET".to_owned(), reason: "SECRET".to_owned() };
    let closed = discreet::closed();
    let feed = Feed::told_to(true);
    feed.trouble(refused());
    feed.until("the trouble", |snapshot, _| *snapshot.completeness() == Completeness::Broken(closed.clone())).await;
    feed.list(&["a"]);
    feed.until("the list", complete).await;
    feed.trouble(ClusterError::Forbidden { message: "SECRET".to_owned() });
    feed.until("the refusal", |snapshot, _| *snapshot.completeness() == Completeness::Stale(closed.clone())).await;
    feed.trouble(ClusterError::TooMany { retry_after: None, message: "SECRET".to_owned() });
    let busy = Completeness::Stale("the API server is busy".to_owned());
    feed.until("the crowd", |snapshot, _| *snapshot.completeness() == busy).await;
    feed.signals.send((0, None)).unwrap();
    feed.until("the end", |snapshot, _| *snapshot.completeness() == Completeness::Broken(closed.clone())).await;
    let own = Feed::start();
    own.trouble(refused());
    let says = |snapshot: &Snapshot, _: &Freshness| format!("{:?}", snapshot.completeness()).contains("SECRET");
    own.until("one's own trouble", says).await;
}

#[tokio::test]
async fn a_relist_shows_when_it_is_whole_and_trouble_keeps_what_was_known() {
    let feed = Feed::start();
    feed.list(&["a", "b"]);
    feed.until("the list", complete).await;
    feed.tell(Signal::Listing { first: false });
    feed.page([widget("c").value().to_string(), "{}".to_owned()]);
    feed.until("the page", |_, freshness| !freshness.notes(&Sight::All).is_empty()).await;
    assert_eq!(feed.names(), ["a", "b"], "half a list is never shown");
    feed.trouble(unreachable());
    feed.until("the trouble", |snapshot, _| matches!(snapshot.completeness(), Completeness::Stale(_))).await;
    assert_eq!(feed.names(), ["a", "b"]);
    let last = feed.table.freshness().last;
    assert!(last.is_some() && feed.table.as_of() == last.map(Stamp::time), "what is cut off is not current");
    feed.list(&["c"]);
    feed.until("the new list", complete).await;
    assert_eq!(feed.names(), ["c"]);
}

#[tokio::test]
async fn what_is_wrong_is_told_apart() {
    let feed = Feed::start();
    feed.trouble(unreachable());
    feed.until("broken", |snapshot, _| matches!(snapshot.completeness(), Completeness::Broken(_))).await;
    assert_eq!(feed.table.as_of(), None);
    feed.trouble(forbidden());
    feed.until("forbidden", |_, freshness| freshness.forbidden).await;
    // The right comes: to list, not to watch.
    feed.list(&["a"]);
    feed.until("the list", complete).await;
    assert!(!feed.table.is_forbidden());
    feed.trouble(forbidden());
    feed.until("polled", |snapshot, _| matches!(snapshot.completeness(), Completeness::Stale(_))).await;
    assert!(!feed.table.is_forbidden(), "what may be listed is not forbidden");
    feed.tell(Signal::Listing { first: false });
    feed.trouble(forbidden());
    feed.until("forbidden again", |_, freshness| freshness.forbidden).await;
    feed.trouble(ClusterError::NotFound { message: "gone".to_owned() });
    feed.until("absent", |snapshot, _| *snapshot.completeness() == Completeness::Absent).await;
    assert!(feed.names().is_empty(), "a resource takes its objects with it");
}

#[tokio::test]
async fn malformed_objects_are_named_up_to_a_point() {
    let feed = Feed::start();
    feed.list(&["a"]);
    for number in 0..500 {
        feed.tell(Signal::Malformed(unreadable(number)));
    }
    feed.until("the last", |_, freshness| {
        freshness.notes(&Sight::All).last().is_some_and(|note| note == "490 more objects cannot be read")
    })
    .await;
    assert_eq!(feed.table.freshness().notes(&Sight::All).len(), 11);
    feed.tell(Signal::Deleted(widget("a")));
    feed.until("the end", |snapshot, _| snapshot.is_empty()).await;
}

#[tokio::test]
async fn an_unreadable_object_counts_once_until_it_is_readable_or_gone() {
    let feed = Feed::start();
    feed.list(&["a"]);
    for _ in 0..50 {
        for number in 0..12 {
            feed.tell(Signal::Malformed(unreadable(number)));
        }
    }
    let last = |wanted: &'static str| {
        move |_: &Snapshot, freshness: &Freshness| {
            freshness.notes(&Sight::All).last().is_some_and(|note| note == wanted)
        }
    };
    feed.until("both", last("2 more objects cannot be read")).await;
    feed.tell(Signal::Applied(widget("object-003")));
    feed.until("it is readable", last("1 more object cannot be read")).await;
    feed.tell(Signal::Deleted(widget("object-011")));
    feed.until("it is gone", last("object 10 cannot be read")).await;
}

#[tokio::test]
async fn a_watch_without_a_sign_of_life_grows_old_and_comes_back() {
    let widgets = Arc::new(Resource::new("", "v1", "widgets", "Widget"));
    let projector = Projector::new(widgets, &[]);
    let table = Table::new(Arc::clone(projector.columns()));
    let mut writer = Writer::new(projector, table, vec![super::Place::everywhere()], false);
    let later = Instant::now() + 2 * TRUST;
    writer.grow_old(later);
    assert_eq!(*writer.moment().0.completeness(), Completeness::Loading, "what was never known cannot grow old");
    for signal in [Signal::Listing { first: true }, Signal::Listed] {
        writer.take(0, signal);
    }
    assert!(writer.patience() <= Instant::now() + TRUST);
    writer.grow_old(Instant::now());
    let (snapshot, freshness) = writer.moment();
    assert_eq!(*snapshot.completeness(), Completeness::Complete);
    writer.grow_old(later);
    let (snapshot, old) = writer.moment();
    assert!(matches!(snapshot.completeness(), Completeness::Stale(why) if why.contains("no sign of life since")));
    assert_eq!(old.last, freshness.last, "when it was last known to be current does not move");
    assert!(writer.patience() > later, "it is told once");
    writer.take(0, Signal::Fresh);
    let (snapshot, fresh) = writer.moment();
    assert!(*snapshot.completeness() == Completeness::Complete && fresh.last > old.last);
}

#[test]
fn the_whole_is_as_bad_as_its_worst_part() {
    let why = || "why".to_owned();
    let from_best = [
        Completeness::Complete,
        Completeness::Absent,
        Completeness::Forbidden(why()),
        Completeness::Stale(why()),
        Completeness::Broken(why()),
        Completeness::Loading,
    ];
    for (index, expected) in from_best.iter().enumerate() {
        assert_eq!(worst(from_best[..=index].iter()), *expected);
        assert_eq!(worst(from_best[..=index].iter().rev()), *expected);
    }
    assert_eq!(worst([].into_iter()), Completeness::Complete);
}
