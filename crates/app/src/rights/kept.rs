//! Answers about namespaces that are kept from renewal to renewal, for as long as no role and no binding changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use pilothouse_cluster::{Identity, Rule};
use pilothouse_model::Str;
use tokio::time::Instant;

use super::Rights;
use super::grants::{Sure, Told};

/// How long after a change an answer may still be the one from before it: API servers decide from copies of roles and
/// bindings, which follow a moment later, each at its own pace.
pub(super) const SETTLE: Duration = Duration::from_secs(10);
/// The first wait until a changed namespace is asked about again; further ones double.
const AGAIN: Duration = Duration::from_secs(1);
/// How long answers are kept without being asked for again, whatever is told.
const THOROUGH: Duration = Duration::from_secs(300);

/// What was answered to somebody.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    /// Whom the cluster takes the person for, where it tells.
    pub(super) identity: Option<Identity>,
    everywhere: Arc<[Rule]>,
    /// When what holds everywhere was last asked about.
    asked: Instant,
    places: BTreeMap<Str, Place>,
    /// The answers belong to what is told since then.
    since: Instant,
    /// When everything was last asked about.
    began: Instant,
    /// Whether each namespace was asked about once, also those in which nothing should hold.
    pub(super) checked: bool,
}

/// What was answered about one namespace.
#[derive(Clone, Debug)]
struct Place {
    rules: Arc<[Rule]>,
    asked: Instant,
}

impl Kept {
    /// Nothing was asked yet but what holds everywhere.
    pub(super) fn new(identity: Option<Identity>, everywhere: Arc<[Rule]>, told: &Told, now: Instant) -> Self {
        let since = told.since;
        Self { identity, everywhere, asked: now, places: BTreeMap::new(), since, began: now, checked: false }
    }

    /// Whether the answers are of use with what is told and with what holds everywhere; else everything is asked anew.
    pub(super) fn holds(&self, told: &Told, everywhere: &Arc<[Rule]>, now: Instant) -> bool {
        // A right that held everywhere is in every answer. Without it, none of them is of use.
        self.since == told.since && self.everywhere == *everywhere && !self.is_old(now)
    }

    /// Whether what holds everywhere need not be asked about: nothing that has to do with it changed.
    pub(super) fn holds_everywhere(&self, told: &Told, now: Instant) -> bool {
        let settled = |at: &Instant| self.asked >= *at + SETTLE;
        self.since == told.since && !self.is_old(now) && told.everywhere.iter().all(settled)
    }

    /// Whether it is time to ask about everything again.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        now.duration_since(self.began) >= THOROUGH
    }

    /// The namespaces that have to be asked about.
    pub(super) fn doubtful(&self, told: &Told) -> BTreeSet<Str> {
        let in_doubt = |namespace: &&Str| {
            self.places.get(*namespace).is_none_or(|place| {
                let touched = told.touched.get(*namespace).is_some_and(|at| place.asked < *at + SETTLE);
                // Answers from around a change of what holds everywhere may know of it or not.
                let around = |at: &Instant| place.asked < *at + SETTLE && *at < place.asked + SETTLE;
                touched || told.everywhere.iter().any(around)
            })
        };
        self.bound(told).into_iter().filter(|namespace| in_doubt(&namespace)).collect()
    }

    /// The namespaces in which something may hold that does not hold everywhere.
    fn bound(&self, told: &Told) -> BTreeSet<Str> {
        told.bound.of(self.identity.as_ref())
    }

    /// What holds everywhere was asked about, from `now` on.
    pub(super) fn asked_everywhere(&mut self, now: Instant) {
        self.asked = now;
    }

    /// Takes in answers to questions that were asked from `now` on.
    pub(super) fn take(&mut self, told: &Told, answers: BTreeMap<Str, Arc<[Rule]>>, now: Instant) {
        let bound = self.bound(told);
        self.places.retain(|namespace, _| bound.contains(namespace));
        let answers = answers.into_iter().map(|(namespace, rules)| (namespace, Place { rules, asked: now }));
        self.places.extend(answers.filter(|(namespace, _)| bound.contains(namespace)));
    }

    /// Whether something changed that was not asked about since.
    pub(super) fn misses(&self, told: &Told) -> bool {
        if told.sure != Sure::Yes {
            return false;
        }
        let moved = !self.bound(told).iter().eq(self.places.keys());
        let touched =
            |(namespace, at): (&Str, &Instant)| self.places.get(namespace).is_some_and(|place| place.asked <= *at);
        moved
            || self.since != told.since
            || told.everywhere.iter().any(|at| self.asked <= *at)
            || told.touched.iter().any(touched)
    }

    /// When to ask again because of a change that the cluster may not have taken in yet; `None` when there is none.
    pub(super) fn unsettled(&self, told: &Told) -> Option<Instant> {
        let waits = |asked: Instant, at: &Instant| {
            (asked < *at + SETTLE).then(|| asked + asked.saturating_duration_since(*at).max(AGAIN))
        };
        let everywhere = told.everywhere.iter().filter_map(|at| waits(self.asked, at));
        let places = told
            .touched
            .iter()
            .filter_map(|(namespace, at)| self.places.get(namespace).and_then(|place| waits(place.asked, at)));
        everywhere.chain(places).min()
    }

    /// Everything that may be read.
    pub(super) fn rights(&self) -> Rights {
        let places = self.places.iter().map(|(namespace, place)| (namespace.clone(), Arc::clone(&place.rules)));
        Rights::new(Arc::clone(&self.everywhere), places).of_every_namespace()
    }
}
