//! A paced writer of changes: pods get another number of restarts, which is a stamp to know the change by.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Semaphore;

use crate::dice::Dice;
use crate::etcd::{Etcd, Stored};
use crate::load::{self, Writer};
use crate::outcome::Outcome;
use crate::population::Population;
use crate::windows::STAMPS;
use crate::world::World;

/// One change in so many is of a row that a window shows: people look at what changes.
const LOOKED_AT: u64 = 50;
/// Changes under way at once.
const UNDER_WAY: usize = 96;
/// How many pods change, when they are written past the API server: each is read once before.
const POOL: u64 = 4000;

/// When a change was sent, and when it was made.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) sent: Instant,
    pub(crate) done: Option<Instant>,
}

/// What a writer did.
#[derive(Default)]
pub(crate) struct Written {
    /// By stamp.
    pub(crate) log: HashMap<u64, Sent>,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
}

impl Written {
    /// Changes a second that were made.
    pub(crate) fn rate(&self) -> f64 {
        self.log.values().filter(|sent| sent.done.is_some()).count() as f64 / self.seconds
    }
}

/// Where changes are written to.
pub(crate) enum Door {
    /// The API server, as kubelets do.
    Api(Writer, Population),
    /// etcd, behind the API server's back; the pods that change, by their number.
    Etcd(Etcd, HashMap<u64, Stored>),
}

/// Writes changes.
pub(crate) struct Changes {
    door: Arc<Door>,
    /// Pods that may change.
    pods: Vec<u64>,
    /// Those of them that somebody looks at.
    looked: Vec<u64>,
    dice: Dice,
}

impl Changes {
    /// Through the API server or, where it is asked for and there is one, through etcd. `looked` are pods on screens.
    pub(crate) async fn prepare(world: &World, through_etcd: bool, looked: Vec<u64>) -> Outcome<Self> {
        let population = &world.population;
        let seed = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64;
        let mut dice = Dice::new(population.seed, 14, seed);
        let etcd = world.etcd().filter(|_| through_etcd);
        let Some(etcd) = etcd else {
            let pods = (0..population.pods).filter(|pod| population.fate(*pod).runs()).collect();
            let door = Door::Api(Writer::new(world.admin()), population.clone());
            return Ok(Self { door: Arc::new(door), pods, looked, dice });
        };
        let etcd = Etcd::new(etcd)?;
        let mut stored = HashMap::new();
        let some = (0..POOL).map(|_| dice.below(population.pods)).filter(|pod| population.fate(*pod).runs());
        let some: Vec<u64> = some.chain(looked.iter().copied()).collect();
        for pod in &some {
            let namespace = population.pod_workload(*pod).namespace;
            stored.insert(*pod, etcd.pod(&namespace, &population.pod_name(*pod)).await?);
        }
        Ok(Self { door: Arc::new(Door::Etcd(etcd, stored)), pods: some, looked, dice })
    }

    fn next(&mut self, number: u64) -> u64 {
        let looked = number.is_multiple_of(LOOKED_AT) && !self.looked.is_empty();
        let from = if looked { &self.looked } else { &self.pods };
        from[self.dice.below(from.len() as u64) as usize]
    }

    /// Writes `rate` changes a second for `seconds`.
    pub(crate) async fn write(&mut self, rate: u64, seconds: u64) -> Outcome<Written> {
        let written = Arc::new(Mutex::new(Written::default()));
        let slots = Arc::new(Semaphore::new(UNDER_WAY));
        // Stamps of two runs must not be the same: rows may still show those of the last one.
        let first = STAMPS + self.dice.below(100_000_000);
        let started = Instant::now();
        let mut number = 0;
        while started.elapsed() < Duration::from_secs(seconds) {
            let due = started + Duration::from_secs_f64(number as f64 / rate as f64);
            tokio::time::sleep_until(due.into()).await;
            let slot = Arc::clone(&slots).acquire_owned().await?;
            let (pod, stamp) = (self.next(number), first + number);
            let (door, written) = (Arc::clone(&self.door), Arc::clone(&written));
            tokio::spawn(async move {
                let sent = Instant::now();
                let done = one(&door, pod, stamp).await.map(|()| Instant::now());
                drop(slot);
                if let Ok(mut written) = written.lock() {
                    written.failed += u64::from(done.is_err());
                    written.log.insert(stamp, Sent { sent, done: done.ok() });
                }
            });
            number += 1;
        }
        let seconds = started.elapsed().as_secs_f64();
        drop(slots.acquire_many(UNDER_WAY as u32).await?);
        // The last ones note themselves after they gave up their slots.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut written = written.lock().map_err(|_| "a writer failed")?;
        Ok(Written { seconds, ..std::mem::take(&mut *written) })
    }
}

async fn one(door: &Door, pod: u64, stamp: u64) -> Outcome<()> {
    match door {
        Door::Api(writer, population) => {
            let write = load::pod_status(population, pod, Some(stamp));
            load::send(writer.connection(stamp), &write).await.map(drop)
        }
        Door::Etcd(etcd, stored) => etcd.restart(stored.get(&pod).ok_or("a pod that was not read")?, stamp).await,
    }
}
