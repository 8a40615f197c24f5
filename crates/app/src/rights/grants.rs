//! The roles and bindings of a cluster, watched once for all whose rights are remembered: what has not been touched need not
//! be asked about again.
//!
//! They never tell what somebody may read; only the cluster's own answers to that person do. They tell when an answer that
//! was given may not be the cluster's answer any more.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures::future::select_all;
use pilothouse_cluster::Identity;
use pilothouse_model::{Completeness, GroupResource, Read, Str};
use pilothouse_store::{Change, Record, Snapshot};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::cluster::{Cluster, Inner};
use crate::feed::LiveTable;
use crate::person::Viewer;
use crate::rights::Holder;

const GROUP: &str = "rbac.authorization.k8s.io";
/// What is watched; the order in which [`Follower`] knows them.
const PLURALS: [&str; 4] = ["roles", "rolebindings", "clusterroles", "clusterrolebindings"];
/// How long changes are remembered: longer than anyone goes without asking thoroughly.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How often it is looked whether a table has to be opened anew.
const CHECK: Duration = Duration::from_secs(30);
/// How often it is looked whether it is known by now what the cluster serves.
const CATALOG: Duration = Duration::from_millis(200);
/// How long it is not believed that roles and bindings tell of everything, after the cluster granted what they do not.
const DISTRUST: Duration = Duration::from_secs(900);

/// How much is known of roles and bindings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sure {
    /// They are being listed.
    #[default]
    Loading,
    /// Not enough: they may not be watched, or cannot at the moment, or are not what decides here.
    No,
    /// All of them.
    Yes,
}

/// What roles and bindings tell at one moment.
#[derive(Clone, Debug)]
pub(super) struct Told {
    pub(super) sure: Sure,
    /// Since when changes are noticed.
    pub(super) since: Instant,
    /// Who is bound in which namespaces: nothing but what holds everywhere holds in others.
    pub(super) bound: Arc<Bound>,
    /// When something was last noticed to have changed that has to do with a namespace.
    pub(super) touched: Arc<BTreeMap<Str, Instant>>,
    /// When something was noticed to have changed that may hold everywhere.
    pub(super) everywhere: Arc<[Instant]>,
}

/// The namespaces with a binding.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    namespaces: BTreeSet<Str>,
    subjects: HashMap<Subject, BTreeSet<Str>>,
}

/// Whom a binding names. A service account is the user that it acts as.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Subject {
    User(String),
    Group(String),
}

impl Bound {
    /// Bindings of these namespaces, of whoever asks.
    #[cfg(test)]
    pub(super) fn everybody(namespaces: BTreeSet<Str>) -> Self {
        Self { namespaces, subjects: HashMap::new() }
    }

    /// The namespaces in which somebody is bound; all that there are where it is not known who it is.
    pub(super) fn of(&self, identity: Option<&Identity>) -> BTreeSet<Str> {
        let Some(identity) = identity else { return self.namespaces.clone() };
        let groups = identity.groups.iter().map(|group| Subject::Group(group.clone()));
        let names = std::iter::once(Subject::User(identity.name.clone())).chain(groups);
        names.filter_map(|name| self.subjects.get(&name)).flatten().cloned().collect()
    }
}

impl Told {
    /// What is told before anything is known.
    pub(super) fn nothing() -> Self {
        Self {
            sure: Sure::Loading,
            since: Instant::now(),
            bound: Arc::default(),
            touched: Arc::default(),
            everywhere: Arc::default(),
        }
    }
}

/// The roles and bindings of a cluster, watched for as long as this is held.
pub(crate) struct Grants {
    told: watch::Sender<Arc<Told>>,
    /// Until when they are not believed to be all that decides.
    distrusted: watch::Sender<Option<Instant>>,
    task: std::sync::OnceLock<AbortOnDropHandle<()>>,
}

impl Grants {
    /// Those of a cluster; begins to watch them when nobody does.
    pub(super) fn of(cluster: &Cluster) -> Arc<Self> {
        let mut known = cluster.inner.grants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(grants) = known.upgrade() {
            return grants;
        }
        let told = watch::Sender::new(Arc::new(Told::nothing()));
        let grants = Arc::new(Self { told, distrusted: watch::Sender::default(), task: std::sync::OnceLock::new() });
        let following = follow(Arc::downgrade(&cluster.inner), Arc::downgrade(&grants));
        // It was made just now: nobody else sets it.
        drop(grants.task.set(AbortOnDropHandle::new(tokio::spawn(following))));
        *known = Arc::downgrade(&grants);
        grants
    }

    /// What they tell, and what they will.
    pub(super) fn subscribe(&self) -> watch::Receiver<Arc<Told>> {
        self.told.subscribe()
    }

    /// Waits until it is known whether they can be watched, or until the deadline. Where they could be `before`, a moment of
    /// doubt is waited for, too.
    pub(super) async fn settled(&self, before: bool, deadline: Instant) -> Arc<Told> {
        let mut told = self.told.subscribe();
        let settled = told.wait_for(|told| told.sure == Sure::Yes || (told.sure == Sure::No && !before));
        // Whatever became of the wait, what is told now is the answer.
        drop(tokio::time::timeout_at(deadline, settled).await);
        Arc::clone(&self.told.borrow())
    }

    /// Whether somebody is bound in a namespace by now.
    pub(super) fn binds(&self, identity: Option<&Identity>, namespace: &str) -> bool {
        self.told.borrow().bound.of(identity).contains(namespace)
    }

    /// The cluster granted something that no role and binding tells of: something else decides, too.
    pub(super) fn distrust(&self) {
        self.distrusted.send_replace(Some(Instant::now() + DISTRUST));
    }
}

/// Follows the tables for as long as somebody needs them.
async fn follow(cluster: Weak<Inner>, grants: Weak<Grants>) {
    let mut follower = Follower::default();
    let mut tables: Option<Vec<Arc<LiveTable>>> = None;
    let Some(mut distrusted) = grants.upgrade().map(|grants| grants.distrusted.subscribe()) else { return };
    loop {
        if tables.as_ref().is_none_or(|tables| tables.is_empty() || tables.iter().any(|table| table.is_dead())) {
            let Some(inner) = cluster.upgrade() else { return };
            tables = open(&Cluster { inner, viewer: Viewer::Console });
        }
        let mut versions: Vec<_> = tables.iter().flatten().map(|table| table.subscribe()).collect();
        let Some(grants) = grants.upgrade() else { return };
        follower.distrusted = *distrusted.borrow_and_update();
        let step = tokio::task::spawn_blocking({
            let tables = tables.clone();
            move || {
                let told = follower.advance(tables.as_deref());
                (follower, told)
            }
        });
        let Ok((followed, told)) = step.await else { return };
        follower = followed;
        if let Some(told) = told {
            grants.told.send_replace(Arc::new(told));
        }
        drop(grants);
        let changed = async {
            match versions.is_empty() {
                true => std::future::pending().await,
                false => drop(select_all(versions.iter_mut().map(|version| Box::pin(version.changed()))).await),
            }
        };
        // Without a catalog there are no tables yet.
        let patience = if tables.is_none() { CATALOG } else { CHECK };
        let either = async {
            tokio::select! {
                () = changed => {}
                _ = distrusted.changed() => {}
            }
        };
        // Whichever it was: it is looked at.
        drop(timeout(patience, either).await);
    }
}

/// The tables, in the order of [`PLURALS`]: fewer where not all are served; `None` while it is not known what the cluster
/// serves.
fn open(cluster: &Cluster) -> Option<Vec<Arc<LiveTable>>> {
    let catalog = cluster.known_catalog()?;
    let resources = PLURALS.iter().filter_map(|plural| catalog.served(GroupResource::new(GROUP, plural)));
    Some(resources.map(|resource| cluster.table_of(&Holder::Console, resource, &None)).collect())
}

/// What was seen of the tables so far.
#[derive(Default)]
struct Follower {
    seen: Vec<Arc<Snapshot>>,
    told: Option<Told>,
    distrusted: Option<Instant>,
    /// The bindings of namespaces, by namespace and name.
    bindings: BTreeMap<Str, BTreeMap<Str, Binding>>,
}

/// What a binding of a namespace says.
struct Binding {
    /// The ClusterRole that it names; empty for one that names another role.
    cluster_role: String,
    subjects: Vec<Subject>,
}

/// What a change has to do with.
#[derive(Default)]
struct Touched {
    everywhere: bool,
    namespaces: BTreeSet<Str>,
}

impl Follower {
    /// What is told now, when that differs.
    fn advance(&mut self, known: Option<&[Arc<LiveTable>]>) -> Option<Told> {
        let tables = known.unwrap_or_default();
        let now: Vec<Arc<Snapshot>> = tables.iter().map(|table| table.snapshot()).collect();
        let is = |wanted: &Completeness| now.iter().any(|snapshot| snapshot.completeness() == wanted);
        let complete = now.len() == PLURALS.len()
            && now.iter().all(|snapshot| *snapshot.completeness() == Completeness::Complete)
            && !tables.iter().any(|table| table.is_dead());
        let sure = match complete {
            _ if self.distrusted.is_some_and(|until| Instant::now() < until) => Sure::No,
            true => Sure::Yes,
            false if known.is_none() || is(&Completeness::Loading) => Sure::Loading,
            false => Sure::No,
        };
        let before = self.told.clone();
        if !complete {
            // What changes meanwhile shows when they are complete again.
            let told = Told { sure, ..before.clone().unwrap_or_else(Told::nothing) };
            let differs = before.is_none_or(|before| before.sure != sure);
            self.told = Some(told.clone());
            return differs.then_some(told);
        }
        let told = match before.clone().filter(|_| self.seen.len() == now.len()) {
            Some(told) => self.advance_by(told, &now),
            None => self.begin(&now),
        };
        self.seen = now;
        let told = Told { sure, ..told };
        let same = |before: &Told| {
            before.sure == told.sure
                && before.since == told.since
                && before.bound == told.bound
                && before.touched == told.touched
                && before.everywhere == told.everywhere
        };
        let differs = !before.as_ref().is_some_and(same);
        self.told = Some(told.clone());
        differs.then_some(told)
    }

    /// Everything is asked anew from here on.
    fn begin(&mut self, now: &[Arc<Snapshot>]) -> Told {
        self.bindings = bindings(&now[1]);
        Told { bound: Arc::new(self.bound()), ..Told::nothing() }
    }

    fn bound(&self) -> Bound {
        let mut subjects: HashMap<Subject, BTreeSet<Str>> = HashMap::new();
        for (namespace, bindings) in &self.bindings {
            for subject in bindings.values().flat_map(|binding| &binding.subjects) {
                subjects.entry(subject.clone()).or_default().insert(namespace.clone());
            }
        }
        Bound { namespaces: self.bindings.keys().cloned().collect(), subjects }
    }

    fn advance_by(&mut self, told: Told, now: &[Arc<Snapshot>]) -> Told {
        let mut touched = Touched::default();
        for (index, (present, seen)) in now.iter().zip(std::mem::take(&mut self.seen)).enumerate() {
            let same_table = present.is_of_the_same_table(&seen);
            if same_table && present.version() == seen.version() {
                continue;
            }
            match present.changes_since(seen.version()).filter(|_| same_table) {
                Some(sets) => {
                    for change in sets.iter().flat_map(|set| &set.changes).filter(|change| matters(change)) {
                        self.touch(index, change, &mut touched);
                    }
                }
                // Nobody knows what changed.
                None => return self.begin(now),
            }
        }
        let at = Instant::now();
        if touched.everywhere || !touched.namespaces.is_empty() {
            let is_recent = |then: &Instant| at.duration_since(*then) < REMEMBERED;
            let mut namespaces = BTreeMap::clone(&told.touched);
            namespaces.retain(|_, then| is_recent(then));
            namespaces.extend(touched.namespaces.into_iter().map(|name| (name, at)));
            let everywhere = told.everywhere.iter().copied().filter(is_recent).chain(touched.everywhere.then_some(at));
            let everywhere = everywhere.collect();
            return Told { bound: Arc::new(self.bound()), touched: Arc::new(namespaces), everywhere, ..told };
        }
        told
    }

    fn touch(&mut self, index: usize, change: &Change, touched: &mut Touched) {
        match (index, change.id.namespace.clone()) {
            (0, Some(namespace)) => drop(touched.namespaces.insert(namespace)),
            (1, Some(namespace)) => {
                let bindings = self.bindings.entry(namespace.clone()).or_default();
                match &change.after {
                    Some(record) => drop(bindings.insert(change.id.name.clone(), Binding::of(record))),
                    None => drop(bindings.remove(&change.id.name)),
                }
                if bindings.is_empty() {
                    self.bindings.remove(&namespace);
                }
                touched.namespaces.insert(namespace);
            }
            (2, _) => {
                touched.everywhere = true;
                let names = |binding: &Binding| *binding.cluster_role == *change.id.name;
                let namespaces = self.bindings.iter().filter(|(_, bindings)| bindings.values().any(names));
                touched.namespaces.extend(namespaces.map(|(namespace, _)| namespace.clone()));
            }
            _ => touched.everywhere = true,
        }
    }
}

/// The bindings of each namespace.
fn bindings(table: &Snapshot) -> BTreeMap<Str, BTreeMap<Str, Binding>> {
    let mut found: BTreeMap<Str, BTreeMap<Str, Binding>> = BTreeMap::new();
    for record in table.iter() {
        let Some(namespace) = record.row.namespace.clone() else { continue };
        found.entry(namespace).or_default().insert(record.row.name.clone(), Binding::of(record));
    }
    found
}

impl Binding {
    fn of(record: &Record) -> Self {
        let Ok(object) = record.object() else {
            return Self { cluster_role: String::new(), subjects: Vec::new() };
        };
        let cluster_role = match object.text("/roleRef/kind") {
            Some("ClusterRole") => object.text("/roleRef/name").unwrap_or_default().to_owned(),
            _ => String::new(),
        };
        let subject = |subject: &Value| {
            let name = subject.text("/name")?;
            match subject.text("/kind")? {
                "User" => Some(Subject::User(name.to_owned())),
                "Group" => Some(Subject::Group(name.to_owned())),
                "ServiceAccount" => {
                    let namespace = subject.text("/namespace").filter(|namespace| !namespace.is_empty());
                    let namespace = namespace.or(record.row.namespace.as_deref())?;
                    Some(Subject::User(format!("system:serviceaccount:{namespace}:{name}")))
                }
                _ => None,
            }
        };
        Self { cluster_role, subjects: object.items("/subjects").iter().filter_map(subject).collect() }
    }
}

/// Whether a change may grant or take away anything: labels and notes do not.
fn matters(change: &Change) -> bool {
    let says = |record: &Arc<Record>| -> Option<Vec<Value>> {
        let object = record.object().ok()?;
        let field = |pointer| object.value().pointer(pointer).cloned().unwrap_or(Value::Null);
        Some(["/rules", "/subjects", "/roleRef", "/metadata/uid"].map(field).to_vec())
    };
    match (&change.before, &change.after) {
        (Some(before), Some(after)) => match (says(before), says(after)) {
            (Some(before), Some(after)) => before != after,
            _ => true,
        },
        _ => true,
    }
}
