//! What every actor is, and the loop that runs one: changes wake keys, keys are brought forward one at a time.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::api::ApiError;
use super::kind::{Kind, WATCHED};
use super::mirror::{Change, Name};
use super::stage::Stage;

/// What an actor is asked to bring forward.
pub(super) type Key = (Kind, Name);

/// When a key wants to be looked at again without a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Next {
    /// Only when something changes.
    Change,
    /// After so many story seconds.
    In(f64),
}

impl Next {
    /// The sooner of two.
    pub(super) fn sooner(self, other: Self) -> Self {
        match (self, other) {
            (Self::In(one), Self::In(two)) => Self::In(one.min(two)),
            (Self::In(one), Self::Change) | (Self::Change, Self::In(one)) => Self::In(one),
            (Self::Change, Self::Change) => Self::Change,
        }
    }
}

/// A part of the platform, played level-triggered: it looks at the present state of one object and moves it a step.
pub(super) trait Actor: Send + 'static {
    /// For traces.
    const NAME: &'static str;

    /// Which keys a change concerns.
    fn wakes(&self, stage: &Stage, change: &Change) -> Vec<Key>;

    /// Brings one object forward.
    fn act(&mut self, stage: &Stage, key: &Key) -> impl Future<Output = Result<Next, ApiError>> + Send;
}

/// Keys and when they are due; a key is in it at most once, at its earliest time.
#[derive(Default)]
struct Agenda {
    by_time: BTreeSet<(Instant, Key)>,
    times: HashMap<Key, Instant>,
}

impl Agenda {
    fn add(&mut self, key: Key, at: Instant) {
        match self.times.get(&key) {
            Some(known) if *known <= at => return,
            Some(known) => {
                self.by_time.remove(&(*known, key.clone()));
            }
            None => {}
        }
        self.times.insert(key.clone(), at);
        self.by_time.insert((at, key));
    }

    fn due(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    fn take(&mut self, now: Instant) -> Option<Key> {
        let first = self.by_time.first()?.clone();
        if first.0 > now {
            return None;
        }
        self.by_time.remove(&first);
        self.times.remove(&first.1);
        Some(first.1)
    }
}

/// Runs an actor until the story ends.
pub(super) async fn play<A: Actor>(mut actor: A, stage: Stage, end: CancellationToken) {
    let work = async {
        let mut changes = stage.mirror.changes();
        stage.mirror.ready().await;
        let mut agenda = Agenda::default();
        everything(&actor, &stage, &mut agenda);
        loop {
            // What changed comes first, so that an actor never works long from an old picture.
            loop {
                match changes.try_recv() {
                    Ok(change) => note(&actor, &stage, &mut agenda, &change),
                    Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => {
                        everything(&actor, &stage, &mut agenda);
                    }
                    Err(_) => break,
                }
            }
            if let Some(key) = agenda.take(Instant::now()) {
                let next = step(&mut actor, &stage, &key).await;
                if let Some(wait) = next {
                    agenda.add(key, Instant::now() + wait);
                }
                continue;
            }
            let due = agenda.due().unwrap_or_else(|| Instant::now() + Duration::from_secs(60));
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                change = changes.recv() => match change {
                    Ok(change) => note(&actor, &stage, &mut agenda, &change),
                    Err(RecvError::Lagged(_)) => everything(&actor, &stage, &mut agenda),
                    Err(RecvError::Closed) => return,
                },
            }
        }
    };
    tokio::select! {
        () = work => {}
        () = end.cancelled() => {}
    }
}

fn note<A: Actor>(actor: &A, stage: &Stage, agenda: &mut Agenda, change: &Change) {
    for key in actor.wakes(stage, change) {
        agenda.add(key, Instant::now());
    }
}

fn everything<A: Actor>(actor: &A, stage: &Stage, agenda: &mut Agenda) {
    for kind in WATCHED {
        for object in stage.mirror.all(*kind) {
            note(actor, stage, agenda, &Change { kind: *kind, object, gone: false });
        }
    }
}

async fn step<A: Actor>(actor: &mut A, stage: &Stage, key: &Key) -> Option<Duration> {
    match actor.act(stage, key).await {
        Ok(Next::Change) => None,
        Ok(Next::In(seconds)) => Some(stage.clock.wait(seconds)),
        Err(error) if error.is_missing() || error.is_conflict() => {
            tracing::debug!(actor = A::NAME, name = %key.1.1, %error, "somebody else was faster");
            Some(Duration::from_millis(500))
        }
        Err(error) => {
            tracing::warn!(actor = A::NAME, kind = key.0.place().kind, name = %key.1.1, %error, "a step failed");
            Some(Duration::from_secs(3))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_once_and_when_due() {
        let mut agenda = Agenda::default();
        let key: Key = (Kind::Pod, ("a".into(), "x".into()));
        let now = Instant::now();
        agenda.add(key.clone(), now + Duration::from_secs(5));
        assert_eq!(agenda.take(now), None);
        agenda.add(key.clone(), now);
        agenda.add(key.clone(), now + Duration::from_secs(9));
        assert_eq!(agenda.take(now), Some(key));
        assert_eq!(agenda.due(), None);
    }
}
