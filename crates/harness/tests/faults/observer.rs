//! Someone who looks at the table all the time, and someone who changes it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pilothouse_model::Completeness;

use super::rig::Rig;

/// How far the moment that an answer gives may lie behind what is shown: events need a moment from the server to the table.
const LAG: SignedDuration = SignedDuration::from_millis(1500);
/// Objects that never change: they are in every answer from the first one on.
const FIXED: usize = 5;
/// Objects that always change.
const MOVING: usize = 3;

/// A world in motion. Whatever happens on the way to it, what is shown of it was true at the moment that is told.
pub(crate) struct Motion<'a> {
    rig: &'a Rig,
    /// Changes that the server has confirmed: object, turn, when.
    made: std::sync::Mutex<Vec<(String, u64, Timestamp)>>,
    over: Arc<AtomicBool>,
}

impl<'a> Motion<'a> {
    /// Makes the objects.
    pub(crate) async fn begin(rig: &'a Rig) -> Self {
        for number in 0..FIXED {
            rig.create(&format!("fixed-{number}")).await;
        }
        for number in 0..MOVING {
            rig.create(&format!("moving-{number}")).await;
        }
        Self { rig, made: std::sync::Mutex::default(), over: Arc::default() }
    }

    /// Changes and looks while `act` runs, then waits until everything is as the server lists it.
    pub(crate) async fn during(&self, what: &str, act: impl Future<Output = ()>) {
        self.rig.until_true("before the fault").await;
        let acting = async {
            act.await;
            self.over.store(true, Ordering::Release);
        };
        tokio::join!(acting, self.change(), self.look(what));
        self.over.store(false, Ordering::Release);
        self.rig.until_true(what).await;
    }

    async fn change(&self) {
        let mut turn = self.made.lock().unwrap().len() as u64;
        while !self.over.load(Ordering::Acquire) {
            turn += 1;
            let name = format!("moving-{}", turn % MOVING as u64);
            self.rig.turn(&name, turn).await;
            self.made.lock().unwrap().push((name, turn, Timestamp::now()));
            let passing = format!("passing-{turn}");
            self.rig.create(&passing).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            self.rig.delete(&passing).await;
        }
    }

    async fn look(&self, what: &str) {
        let mut seen: HashMap<String, u64> = HashMap::new();
        let mut as_of = None;
        while !self.over.load(Ordering::Acquire) {
            self.check(what, &mut seen, &mut as_of);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn check(&self, what: &str, seen: &mut HashMap<String, u64>, last: &mut Option<Timestamp>) {
        let listing = self.rig.list();
        let state = &listing.completeness;
        let shown: HashMap<&str, u64> = listing
            .rows
            .iter()
            .map(|record| (&*record.row.name, record.row.label("turn").unwrap().parse().unwrap()))
            .collect();
        assert_eq!(shown.len(), listing.total, "{what}: each row once");
        for number in 0..FIXED {
            assert!(shown.contains_key(format!("fixed-{number}").as_str()), "{what}, {state:?}: a row was lost");
        }
        let as_of = listing.as_of.unwrap_or_else(|| panic!("{what}: what was known is not dated any more"));
        assert!(as_of <= Timestamp::now() && *last <= Some(as_of), "{what}: time does not run backwards");
        *last = Some(as_of);
        for (name, turn) in &shown {
            let before = seen.insert((*name).to_owned(), *turn).unwrap_or_default();
            assert!(before <= *turn, "{what}, {state:?}: {name} went back from {before} to {turn}");
        }
        let mut due: HashMap<String, u64> = HashMap::new();
        for (name, turn, at) in self.made.lock().unwrap().iter().filter(|(_, _, at)| *at + LAG < as_of) {
            let _: &Timestamp = at;
            due.insert(name.clone(), *turn);
        }
        for (name, turn) in due {
            let shown = shown.get(name.as_str()).copied();
            assert!(shown >= Some(turn), "{what}, {state:?} as of {as_of}: {name} is at {turn}, shown is {shown:?}");
        }
        assert!(!matches!(state, Completeness::Absent | Completeness::Forbidden(_)), "{what}: {state:?}");
    }
}
