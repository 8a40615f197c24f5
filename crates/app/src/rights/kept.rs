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

#[cfg(test)]
mod tests {
    use pilothouse_model::{Resource, Sight};
    use proptest::prelude::*;

    use super::super::Verb;
    use super::super::grants::Bound;
    use super::super::reading;
    use super::*;

    fn rules(names: &BTreeSet<&'static str>) -> Arc<[Rule]> {
        let owned = |text: &str| vec![text.to_owned()];
        let rule =
            |name: &&str| Rule { verbs: owned("list"), groups: owned(""), resources: owned(name), names: Vec::new() };
        reading(names.iter().map(rule).collect())
    }

    /// What happens in a cluster whose API servers take in changes late.
    #[derive(Clone, Debug)]
    enum Happening {
        /// A right of a namespace, or of all, comes or goes.
        Turn { namespace: Option<usize>, right: usize },
        /// So many seconds pass.
        Wait(u64),
        /// Somebody's rights are renewed.
        Renew,
    }

    const NAMESPACES: [&str; 3] = ["a", "b", "c"];
    const RIGHTS: [&str; 3] = ["pods", "jobs", "secrets"];
    /// How late the servers are; less than what is waited for.
    const LATE: Duration = Duration::from_secs(4);

    type Grants = (BTreeSet<&'static str>, BTreeMap<&'static str, BTreeSet<&'static str>>);

    struct Sim {
        now: Instant,
        history: Vec<(Instant, Grants)>,
        told: Told,
        kept: Option<Kept>,
    }

    impl Sim {
        fn begin() -> Self {
            let mut told = Told::nothing();
            told.sure = Sure::Yes;
            let places = NAMESPACES.map(|name| (name, BTreeSet::new())).into();
            Self { now: told.since, history: vec![(told.since, (BTreeSet::new(), places))], told, kept: None }
        }

        /// What a server answers that is as late as it may be, or not late at all.
        fn answers(&self, late: Duration) -> &Grants {
            let known = self.history.iter().rev().find(|(at, _)| *at + late <= self.now);
            &known.unwrap_or(&self.history[0]).1
        }

        fn bound(&self) -> Arc<Bound> {
            let (_, places) = &self.history.last().unwrap().1;
            let bound = places.iter().filter(|(_, rights)| !rights.is_empty()).map(|(name, _)| Str::from(*name));
            Arc::new(Bound::everybody(bound.collect()))
        }

        fn turn(&mut self, namespace: Option<usize>, right: usize) {
            let mut grants = self.history.last().unwrap().1.clone();
            let rights = match namespace {
                Some(number) => grants.1.get_mut(NAMESPACES[number]).unwrap(),
                None => &mut grants.0,
            };
            if !rights.remove(RIGHTS[right]) {
                rights.insert(RIGHTS[right]);
            }
            self.history.push((self.now, grants));
            self.told.bound = self.bound();
            match namespace {
                Some(number) => {
                    let mut touched = BTreeMap::clone(&self.told.touched);
                    touched.insert(NAMESPACES[number].into(), self.now);
                    self.told.touched = Arc::new(touched);
                }
                None => self.told.everywhere = self.told.everywhere.iter().copied().chain([self.now]).collect(),
            }
        }

        /// As `Remembered` renews; what holds everywhere and what holds in namespaces may come from different servers.
        fn renew(&mut self, late: [Duration; 2]) {
            let everywhere = rules(&self.answers(late[0]).0);
            let held = self.kept.take().filter(|kept| kept.holds(&self.told, &everywhere, self.now));
            let mut kept = held.unwrap_or_else(|| Kept::new(None, everywhere, &self.told, self.now));
            kept.asked_everywhere(self.now);
            let (all, places) = self.answers(late[1]);
            let answer = |name: &Str| rules(&all.union(&places[&**name]).copied().collect());
            let answers = kept.doubtful(&self.told).into_iter().map(|name| (name.clone(), answer(&name))).collect();
            kept.take(&self.told, answers, self.now);
            self.kept = Some(kept);
        }

        /// Lets time pass, renewing whenever it is time to.
        fn wait(&mut self, until: Instant, late: [Duration; 2]) {
            while let Some(next) =
                self.kept.as_ref().and_then(|kept| kept.unsettled(&self.told)).filter(|at| *at <= until)
            {
                self.now = next.max(self.now);
                self.renew(late);
            }
            self.now = until;
        }
    }

    fn happening() -> impl Strategy<Value = Happening> {
        let turn = (prop::option::of(0..NAMESPACES.len()), 0..RIGHTS.len());
        prop_oneof![
            3 => turn.prop_map(|(namespace, right)| Happening::Turn { namespace, right }),
            2 => (0..8_u64).prop_map(Happening::Wait),
            1 => Just(Happening::Renew),
        ]
    }

    proptest! {
        #[test]
        fn what_is_kept_is_what_asking_anew_would_tell(
            story in prop::collection::vec((happening(), any::<[bool; 2]>()), 0..40),
        ) {
            let mut sim = Sim::begin();
            for (happening, late) in story {
                let late = late.map(|late| if late { LATE } else { Duration::ZERO });
                match happening {
                    Happening::Turn { namespace, right } => {
                        sim.turn(namespace, right);
                        if sim.kept.as_ref().is_some_and(|kept| kept.misses(&sim.told)) {
                            sim.renew(late);
                        }
                    }
                    Happening::Wait(seconds) => sim.wait(sim.now + Duration::from_secs(seconds), late),
                    Happening::Renew => sim.renew(late),
                }
            }
            sim.renew([LATE; 2]);
            // Twice as long as it takes until all that was unsettled was asked about again.
            sim.wait(sim.now + SETTLE * 3, [LATE; 2]);
            prop_assert!(sim.kept.as_ref().unwrap().unsettled(&sim.told).is_none());
            let rights = sim.kept.as_ref().unwrap().rights();
            let (all, places) = &sim.history.last().unwrap().1;
            for right in RIGHTS {
                let sight = rights.sight(&Resource::new("", "v1", right, right), Verb::List);
                prop_assert_eq!(sight == Sight::All, all.contains(right), "{}", right);
                for name in NAMESPACES {
                    let granted = all.contains(right) || places[name].contains(right);
                    prop_assert_eq!(sight.sees_namespace(name), granted, "{} in {}", right, name);
                }
            }
        }
    }
}
