//! The derived table against one that is computed anew each time.

mod alike;
mod stories;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use pilothouse_cluster::{Discovery, Problem};
use pilothouse_model::{
    Action, Cause, Column, LabelSelector, Link, Lookup, Manifest, ObjectRef, Objects, Page, Projection, Read, Section,
    State, Status,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::feed::Projector;
use crate::rights::Sights;
use stories::{Happening, cut, happening};

const RUNS: GroupResource<'static> = GroupResource::new("lab.test", "runs");
const SETS: GroupResource<'static> = GroupResource::new("lab.test", "sets");
const PODS: GroupResource<'static> = GroupResource::new("", "pods");
const EVENTS: GroupResource<'static> = GroupResource::new("", "events");
const PLANS: GroupResource<'static> = GroupResource::new("lab.test", "plans");

/// Looks at everything in every way, and says of each row all that it saw. Announces no links.
struct Nosy;

static MANIFEST: Manifest = Manifest { id: "nosy", title: "Nosy", resources: &[RUNS, SETS, PODS, PLANS], places: &[] };
static NOSY: [&dyn Instrument; 1] = [&Nosy];

fn words(found: &pilothouse_model::Found) -> String {
    let objects: Vec<_> =
        found.objects.iter().map(|object| format!("{}@{}", object.name(), object.resource_version())).collect();
    format!("{} {:?}", objects.join(","), found.completeness)
}

impl Instrument for Nosy {
    fn manifest(&self) -> &'static Manifest {
        &MANIFEST
    }
    fn columns(&self, _: &Resource) -> Option<Vec<Column>> {
        Some(Vec::new())
    }
    fn project(&self, _: &Resource, _: &Object) -> Projection {
        Projection { status: Status::none(), cells: Vec::new() }
    }
    fn links(&self, _: &Object) -> Vec<Link> {
        Vec::new()
    }
    fn runs(&self, resource: GroupResource<'_>) -> bool {
        resource == RUNS || resource == SETS
    }
    fn workload(&self, object: &Object, objects: &dyn Objects) -> Option<Workload> {
        let (namespace, name) = (object.namespace(), object.name());
        if object.label("hidden").is_some() {
            return None;
        }
        if object.label("bad").is_some() {
            // As a panic, without words on the terminal.
            std::panic::resume_unwind(Box::new("this one is too much"));
        }
        let mut seen = vec![object.resource_version().to_owned()];
        match object.kind() {
            "Run" => {
                let selector: LabelSelector = format!("run={name},!old").parse().unwrap();
                let pods = objects.list(PODS, namespace, &selector);
                for pod in &pods.objects {
                    // Of a child's events no link could tell.
                    seen.push(words(&objects.events(&pod.reference())));
                }
                seen.push(words(&pods));
                match objects.get(PLANS, None, object.text("/spec/plan").unwrap_or("none")) {
                    Lookup::Found(plan) => seen.push(plan.resource_version().to_owned()),
                    other => seen.push(format!("{other:?}")),
                }
            }
            _ => {
                seen.push(words(&objects.dependents(PODS, object.uid())));
                seen.push(words(&objects.list(RUNS, None, &LabelSelector::equals("set", name))));
                seen.push(words(&objects.list(PLANS, None, &LabelSelector { requirements: Vec::new() })));
            }
        }
        seen.push(words(&objects.events(&object.reference())));
        let mut workload = Workload::new(State::Running);
        workload.message = seen.join(" | ");
        Some(workload)
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

fn resource(name: GroupResource<'_>, kind: &str, version: &str) -> Arc<Resource> {
    Arc::new(Resource {
        namespaced: name != PLANS,
        verbs: vec!["list".into(), "watch".into()],
        ..Resource::new(name.group, version, name.plural, kind)
    })
}

const KINDS: [(GroupResource<'static>, &str); 5] =
    [(RUNS, "Run"), (SETS, "Set"), (PODS, "Pod"), (EVENTS, "Event"), (PLANS, "Plan")];

/// One resource of the pretended cluster, and the table that would watch it.
struct Source {
    resource: Arc<Resource>,
    served: bool,
    projector: Projector,
    table: Table,
    shared: Arc<Shared>,
    live: Arc<LiveTable>,
}

impl Source {
    fn new(index: usize, version: &str) -> Self {
        let (name, kind) = KINDS[index];
        let resource = resource(name, kind, version);
        let projector = Projector::new(Arc::clone(&resource), &NOSY);
        let table = Table::new(Arc::clone(projector.columns()));
        let shared = Shared::new(Arc::clone(projector.columns()), table.snapshot(), None, false);
        let live = Arc::new(LiveTable::new(Arc::clone(&shared), std::future::pending()));
        Self { resource, served: true, projector, table, shared, live }
    }

    fn publish(&mut self) {
        self.table.commit();
        let freshness = Freshness { last: Some(crate::clock::Stamp::now()), ..Freshness::default() };
        self.shared.publish(self.table.snapshot(), freshness);
    }
}

struct World {
    sources: Vec<Source>,
    clock: u64,
    problems: Vec<Problem>,
}

impl World {
    fn object(&mut self, kind: usize, place: usize, labels: &[(usize, usize)], owner: usize) -> Object {
        self.clock += 1;
        let (name, word) = KINDS[kind];
        let keys = ["run", "set", "old", "hidden", "bad"];
        let labels: BTreeMap<_, _> = labels.iter().map(|(key, value)| (keys[*key], format!("o{value}"))).collect();
        let namespace = (name != PLANS).then(|| ["a", "b"][place % 2]);
        let uid = |kind: usize, place: usize| format!("{}-{place}", KINDS[kind].1);
        let owned_by = uid(owner % 3, owner / 3);
        let group = if name.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", name.group) };
        let mut value = json!({
            "apiVersion": group, "kind": word,
            "metadata": {
                "namespace": namespace, "name": format!("o{}", place / 2), "uid": uid(kind, place), "labels": labels,
                "resourceVersion": self.clock.to_string(),
                "ownerReferences": [{"apiVersion": "lab.test/v1", "kind": "Set", "name": "x", "uid": owned_by}],
            },
            "spec": {"plan": format!("o{}", owner % 4)},
        });
        if name == EVENTS {
            value["involvedObject"] = json!({"uid": owned_by});
            value["metadata"]["ownerReferences"] = Value::Null;
        }
        Object::new(value).unwrap()
    }

    fn put(&mut self, kind: usize, place: usize, labels: &[(usize, usize)], owner: usize) {
        let object = self.object(kind, place, labels, owner);
        let source = &mut self.sources[kind];
        let row = source.projector.row(&object, &mut Interner::new());
        source.table.upsert(Record { row, body: Body::compress(&object) });
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Put { kind, place, labels, owner } => self.put(*kind, *place, labels, *owner),
            Happening::Delete { kind, place } => {
                let object = self.object(*kind, *place, &[], 0);
                let source = &mut self.sources[*kind];
                source.table.remove(&source.projector.id(&object));
            }
            Happening::Know(kind, how) => {
                let why = || "why".to_owned();
                let known = [
                    Completeness::Complete,
                    Completeness::Loading,
                    Completeness::Stale(why()),
                    Completeness::Forbidden(why()),
                    Completeness::Broken(why()),
                ];
                self.sources[*kind].table.set_completeness(known[*how].clone());
            }
            Happening::Serve(kind, served) => self.sources[*kind].served = *served,
            Happening::Renew(kind) => {
                // Every version is another one, or nobody could see that the table is.
                self.clock += 1;
                let (served, version) = (self.sources[*kind].served, format!("v1renewed{}", self.clock));
                self.sources[*kind] = Source { served, ..Source::new(*kind, &version) };
            }
            Happening::Storm(kind) => {
                for round in 0..300 {
                    self.put(*kind, round % 8, &[(round % 3, round % 4)], round % 12);
                    self.sources[*kind].publish();
                }
            }
            Happening::Discover(known) => {
                let problem =
                    Problem { api_version: Some("lab.test/v1".to_owned()), what: "503".to_owned(), error: None };
                self.problems = if *known { Vec::new() } else { vec![problem] };
            }
            Happening::Step => {}
        }
        if let Happening::Put { kind, .. } | Happening::Delete { kind, .. } | Happening::Know(kind, _) = happening {
            self.sources[*kind].publish();
        }
    }

    fn catalog(&self) -> Arc<Catalog> {
        let resources = self.sources.iter().filter(|source| source.served).map(|source| Arc::clone(&source.resource));
        Arc::new(Catalog::new(Discovery { resources: resources.collect(), problems: self.problems.clone() }))
    }

    fn step(&self, derivation: &mut Derivation) -> (Snapshot, Freshness) {
        let mut open = |wanted: &Arc<Resource>, _: Scope| {
            Arc::clone(&self.sources.iter().find(|source| source.resource == *wanted).unwrap().live)
        };
        let catalog = self.catalog();
        // Looking first whether anything has to be done changes nothing.
        if let Some(last) = derivation.catalog.clone().filter(|last| **last == *catalog) {
            derivation.rests(&last);
        }
        derivation.step(&catalog, &mut open)
    }

    /// Every row computed from all that there is and may be seen; rows that panic are left out.
    fn naive(&self, cut: Option<&Sights>) -> BTreeMap<String, String> {
        let catalog = self.catalog();
        let view = |source: &Source| cut.map_or(View::ALL, |cut| cut.view(source.resource.group_resource()).clone());
        let watched = |source: &Source| Watched {
            resource: Arc::clone(&source.resource),
            snapshot: source.live.snapshot(),
            scope: None,
            view: view(source),
        };
        let moment = Moment::new(&catalog, self.sources.iter().filter(|one| one.served).map(watched).collect());
        let mut rows = BTreeMap::new();
        for source in self.sources[..2].iter().filter(|source| source.served) {
            let listed = view(source).listed;
            let records: Vec<_> = source.live.snapshot().iter().cloned().collect();
            for record in records.iter().filter(|one| listed.sees(one.row.namespace.as_deref(), &one.row.name)) {
                let object = record.object().unwrap();
                moment.turn_to(record.row.namespace.clone());
                let computed = std::panic::catch_unwind(AssertUnwindSafe(|| Nosy.workload(&object, &moment)));
                if let Ok(Some(workload)) = computed {
                    rows.insert(RowId::of(&record.row).to_string(), workload.message);
                }
            }
        }
        rows
    }
}

use crate::moment::Watched;

fn shown(snapshot: &Snapshot) -> BTreeMap<String, String> {
    snapshot.iter().map(|record| (RowId::of(&record.row).to_string(), record.row.status.message.to_string())).collect()
}

fn is_bad(world: &World, id: &str) -> bool {
    let mut records =
        world.sources.iter().flat_map(|source| source.live.snapshot().iter().cloned().collect::<Vec<_>>());
    records.any(|record| RowId::of(&record.row).to_string() == id && record.row.label("bad").is_some())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn rows_are_what_computing_everything_anew_from_what_is_seen_gives(
        story in prop::collection::vec(happening(), 1..60),
        cut in cut(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _inside = runtime.enter();
        let sources = (0..KINDS.len()).map(|index| Source::new(index, "v1")).collect();
        let mut world = World { sources, clock: 0, problems: Vec::new() };
        let mut derivation = Derivation { cut: cut.clone(), ..Derivation::new(None, &NOSY) };
        for happening in story.iter().chain([&Happening::Step]) {
            world.happen(happening);
            if !matches!(happening, Happening::Step) {
                continue;
            }
            let (snapshot, freshness) = world.step(&mut derivation);
            let mut rows = shown(&snapshot);
            // What cannot be computed stays as it was, and is told.
            let bad: Vec<String> = rows.keys().filter(|id| is_bad(&world, id)).cloned().collect();
            for id in &bad {
                rows.remove(id);
                prop_assert!(freshness.single.iter().any(|note| note.contains("too much")), "{:?}", freshness.single);
            }
            prop_assert_eq!(rows, world.naive(cut.as_ref().map(|cut| &*cut.sights)));
        }
    }
}

fn quiet() -> (World, Derivation) {
    let sources = (0..KINDS.len()).map(|index| Source::new(index, "v1")).collect();
    let mut world = World { sources, clock: 0, problems: Vec::new() };
    for kind in 0..KINDS.len() {
        world.happen(&Happening::Know(kind, 0));
    }
    (world, Derivation::new(None, &NOSY))
}

#[tokio::test]
async fn the_cost_stays_with_what_changed() {
    let (mut world, mut derivation) = quiet();
    for place in 0..8 {
        world.happen(&Happening::Put { kind: 0, place, labels: Vec::new(), owner: 0 });
    }
    world.step(&mut derivation);
    // A step that finds nothing new changes nothing, and one pod touches the one run that selects it.
    let before = world.step(&mut derivation).0;
    assert_eq!(world.step(&mut derivation).0.version(), before.version());
    world.happen(&Happening::Put { kind: 2, place: 0, labels: vec![(0, 1)], owner: 0 });
    let mut dirty = FxHashSet::default();
    for input in derivation.inputs.values_mut() {
        input.advance(&derivation.edges, &mut dirty);
    }
    assert_eq!(dirty.iter().map(RowId::to_string).collect::<Vec<_>>(), ["Run/a/o1"]);
}

#[tokio::test]
async fn what_changes_out_of_sight_is_passed_over() {
    let (mut world, derivation) = quiet();
    let a = Sight::in_namespaces(["a".into()]);
    let view = View { listed: a.clone(), named: a };
    let names = KINDS.iter().map(|(name, _)| (name.group.to_owned(), name.plural.to_owned()));
    let sights = Arc::new(Sights::new(names.map(|name| (name, view.clone())).collect()));
    let mut derivation = Derivation { cut: Some(Cut { sights, holder: Holder::Console, own: false }), ..derivation };
    // It looks at pods.
    world.happen(&Happening::Put { kind: 0, place: 0, labels: Vec::new(), owner: 0 });
    world.step(&mut derivation);
    world.step(&mut derivation);
    let catalog = derivation.catalog.clone().unwrap();
    let mut looked = Duration::ZERO;
    for round in 0..100 {
        // A hundred pods in the other namespace.
        for place in 0..100 {
            world.put(2, place * 2 + 1, &[], round);
        }
        world.sources[2].publish();
        derivation.stepped = Some(Instant::now());
        let began = Instant::now();
        assert!(derivation.rests(&catalog));
        looked += began.elapsed();
    }
    println!("a hundred changes out of sight take {:?} to pass over", looked / 100);
    assert!(!derivation.is_current(&catalog), "how current it is has to be told yet");
    world.put(2, 0, &[], 0);
    world.sources[2].publish();
    assert!(!derivation.rests(&catalog));
}

#[tokio::test]
async fn the_table_is_complete_when_all_is_known_that_rows_look_at() {
    let (mut world, mut derivation) = quiet();
    world.happen(&Happening::Know(2, 1));
    world.happen(&Happening::Put { kind: 0, place: 0, labels: Vec::new(), owner: 0 });
    let (snapshot, _) = world.step(&mut derivation);
    assert_eq!((snapshot.len(), snapshot.completeness()), (1, &Completeness::Loading), "its pods are still loading");
    world.happen(&Happening::Know(2, 3));
    let (snapshot, freshness) = world.step(&mut derivation);
    assert_eq!(*snapshot.completeness(), Completeness::Complete);
    assert_eq!(freshness.notes.to_vec(), ["pods may not be listed"]);
    for kind in [2, 3, 4] {
        world.happen(&Happening::Know(kind, 4));
    }
    let (_, freshness) = world.step(&mut derivation);
    assert_eq!(freshness.notes.to_vec(), ["events, pods and plans.lab.test: why"], "one reason is told once");
    world.happen(&Happening::Know(1, 2));
    let (snapshot, _) = world.step(&mut derivation);
    assert_eq!(*snapshot.completeness(), Completeness::Stale("why".to_owned()));
}

#[tokio::test]
async fn the_table_is_not_complete_while_it_is_not_known_which_kinds_there_are() {
    let (mut world, mut derivation) = quiet();
    world.happen(&Happening::Put { kind: 0, place: 0, labels: Vec::new(), owner: 0 });
    world.happen(&Happening::Discover(false));
    let (snapshot, freshness) = world.step(&mut derivation);
    assert_eq!(*snapshot.completeness(), Completeness::Complete, "what is served is known");
    assert!(freshness.notes.is_empty());
    world.happen(&Happening::Serve(1, false));
    let (snapshot, freshness) = world.step(&mut derivation);
    assert_eq!((snapshot.len(), snapshot.completeness()), (1, &Completeness::Broken("503".to_owned())));
    assert_eq!(freshness.notes.to_vec(), ["503"]);
    world.happen(&Happening::Discover(true));
    let (snapshot, freshness) = world.step(&mut derivation);
    assert_eq!(*snapshot.completeness(), Completeness::Complete, "now it is known that there are none");
    assert!(freshness.notes.is_empty());
}

#[tokio::test]
async fn outside_of_its_namespaces_a_scoped_table_knows_nothing() {
    let (world, _) = quiet();
    let catalog = world.catalog();
    let pods = &world.sources[2];
    let watched = Watched {
        resource: Arc::clone(&pods.resource),
        snapshot: pods.live.snapshot(),
        scope: Some(Places::in_namespaces(vec!["a".to_owned()])),
        view: View::ALL,
    };
    let moment = Moment::new(&catalog, vec![watched]);
    assert_eq!(moment.get(PODS, Some("a"), "x"), Lookup::Missing);
    assert!(matches!(moment.get(PODS, Some("b"), "x"), Lookup::Unknown(_)));
    let all = LabelSelector { requirements: Vec::new() };
    assert!(moment.list(PODS, Some("a"), &all).completeness.is_complete());
    assert!(!moment.list(PODS, None, &all).completeness.is_complete());
    let nothing =
        ObjectRef { api_version: "v1".into(), kind: "Pod".into(), namespace: None, name: "x".into(), uid: None };
    let found = moment.events(&nothing);
    assert!(found.objects.is_empty() && !found.completeness.is_complete(), "whose events are meant is not known");
}

#[tokio::test]
async fn events_of_kubelets_are_found_by_the_name_of_what_they_are_about() {
    let (mut world, _) = quiet();
    let node = json!({"kind": "Node", "name": "node-1", "uid": "node-1"});
    let server = "0f9e2f0a-6a5b-4d7e-9c53-1f2f3a4b5c6d";
    let abouts = [
        ("by-the-kubelet", node),
        ("by-a-controller", json!({"kind": "Node", "name": "node-1", "uid": server})),
        ("of-another", json!({"kind": "Node", "name": "node-2", "uid": "node-2"})),
        ("of-the-one-before", json!({"kind": "Node", "name": "node-1", "uid": server.replace('0', "1")})),
    ];
    for (name, about) in abouts {
        let event = Object::new(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"namespace": "default", "name": name}, "involvedObject": about,
        }));
        let (event, source) = (event.unwrap(), &mut world.sources[3]);
        let row = source.projector.row(&event, &mut Interner::new());
        source.table.upsert(Record { row, body: Body::compress(&event) });
        source.publish();
    }
    let catalog = world.catalog();
    let events = &world.sources[3];
    let watched = Watched {
        resource: Arc::clone(&events.resource),
        snapshot: events.live.snapshot(),
        scope: None,
        view: View::ALL,
    };
    let moment = Moment::new(&catalog, vec![watched]);
    let names = |uid: &str| {
        let node = ObjectRef {
            api_version: "v1".into(),
            kind: "Node".into(),
            namespace: None,
            name: "node-1".into(),
            uid: Some(uid.into()),
        };
        let mut names: Vec<_> = moment.events(&node).objects.iter().map(|event| event.name().to_owned()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(server), ["by-a-controller", "by-the-kubelet"]);
    assert_eq!(names("node-1"), ["by-the-kubelet"], "each event once");
}
