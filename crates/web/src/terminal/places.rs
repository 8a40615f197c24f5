//! Which terminals are open: nobody has more than a person can look at, and all of somebody's end when that one signs out.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pilothouse_app::Cluster;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::conversation::GOODBYE;

/// The most terminals of one person at once.
const MOST: usize = 16;
/// What the end of a terminal may take beside its last word.
const MARGIN: Duration = Duration::from_secs(1);

/// Whose a terminal is, and how long it may stay.
#[derive(Clone, Debug)]
pub(crate) struct Leave {
    /// Stands for the person.
    pub(crate) person: [u8; 32],
    /// When the credential that opens it comes to its end; never, where nobody signs in.
    pub(crate) lasts: Option<Instant>,
    /// In what time another credential can be had.
    pub(crate) renew: Option<Duration>,
}

impl Leave {
    /// That of the one person of a local console.
    pub(crate) fn local() -> Self {
        Self { person: [0; 32], lasts: None, renew: None }
    }
}

/// What can be told to an open terminal.
#[derive(Debug)]
struct Reached {
    /// Names it; only its page knows the name.
    name: String,
    signed_out: CancellationToken,
    renewed: mpsc::Sender<Renewed>,
}

/// The same person with a newer credential.
pub(crate) struct Renewed {
    /// The cluster as seen with it.
    pub(crate) cluster: Cluster,
    /// How long it may go on with that.
    pub(crate) leave: Leave,
}

/// The terminals of each person.
type Open = HashMap<[u8; 32], Vec<Reached>>;

/// The terminals that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terminals {
    open: Arc<Mutex<Open>>,
    tasks: TaskTracker,
}

/// One open terminal; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Place {
    terminals: Terminals,
    person: [u8; 32],
    /// Names it.
    pub(super) name: String,
    /// Newer credentials, as they come.
    pub(super) renewed: mpsc::Receiver<Renewed>,
    /// Is over when the person signs out.
    pub(super) signed_out: CancellationToken,
}

impl Terminals {
    /// Runs a terminal to its end, for which [`Self::ended`] waits.
    pub(super) fn spawn(&self, terminal: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn(terminal));
    }

    /// Room for one more; `None` when that person has as many as there may be.
    pub(super) fn place(&self, person: [u8; 32]) -> Option<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.entry(person).or_default();
        if own.len() >= MOST {
            return None;
        }
        let name = format!("{:032x}", rand::random::<u128>());
        let (signed_out, (renew, renewed)) = (CancellationToken::new(), mpsc::channel(1));
        own.push(Reached { name: name.clone(), signed_out: signed_out.clone(), renewed: renew });
        Some(Place { terminals: self.clone(), person, name, renewed, signed_out })
    }

    /// Lets one of somebody's terminals go on with a newer credential; `false` when there is none of that name.
    pub(super) fn renew(&self, name: &str, renewed: Renewed) -> bool {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let own = open.get(&renewed.leave.person).into_iter().flatten();
        // One that is told already needs no other.
        own.filter(|one| one.name == name).map(|one| &one.renewed).next().is_some_and(|to| to.try_send(renewed).is_ok())
    }

    /// Ends all terminals of somebody.
    pub(crate) fn sign_out(&self, person: [u8; 32]) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.get(&person).into_iter().flatten().for_each(|one| one.signed_out.cancel());
    }

    /// Waits until all have ended, once the console ends. Their ends are recorded by then; for a page that does not take its last
    /// word nobody waits longer than a few seconds.
    pub(crate) async fn ended(&self) {
        self.tasks.close();
        if timeout(GOODBYE + MARGIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(open = self.tasks.len(), "some terminals did not come to their end");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.terminals.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = open.get_mut(&self.person) {
            own.retain(|one| one.name != self.name);
            if own.is_empty() {
                open.remove(&self.person);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_terminals_than_there_may_be_and_signing_out_ends_ones_own() {
        let terminals = Terminals::default();
        let mut hers: Vec<_> = (0..MOST).map(|_| terminals.place([1; 32]).unwrap()).collect();
        assert!(terminals.place([1; 32]).is_none());
        let his = terminals.place([2; 32]).unwrap();
        drop(hers.remove(3));
        hers.push(terminals.place([1; 32]).unwrap());
        terminals.sign_out([1; 32]);
        assert!(hers.iter().all(|place| place.signed_out.is_cancelled()));
        assert!(!his.signed_out.is_cancelled());
        drop((hers, his));
        assert!(terminals.open.lock().unwrap().is_empty(), "nothing is remembered of those who are gone");
    }
}
