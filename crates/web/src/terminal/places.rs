//! Which terminals are open, whose they are and how long they may stay.

use std::time::Duration;

use pilothouse_app::Cluster;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::conversation::GOODBYE;
use crate::guard::{self, NoPlace, Reached, Streams};

/// What the end of a terminal may take beside its last word.
const MARGIN: Duration = Duration::from_secs(1);

/// Whose a terminal is, and how long it may stay.
#[derive(Clone, Debug)]
pub(crate) struct Leave {
    /// Stands for the person.
    pub(crate) person: [u8; 32],
    /// Stands for the session that opens it; `None` where nobody signs in.
    pub(crate) session: Option<[u8; 32]>,
    /// When the credential that opens it comes to its end; never, where nobody signs in.
    pub(crate) lasts: Option<Instant>,
    /// In what time another credential can be had.
    pub(crate) renew: Option<Duration>,
}

impl Leave {
    /// That of the one person of a local console.
    pub(crate) fn local() -> Self {
        Self { person: [0; 32], session: None, lasts: None, renew: None }
    }
}

/// The same person with a newer credential.
pub(crate) struct Renewed {
    /// The cluster as seen with it.
    pub(crate) cluster: Cluster,
    /// How long it may go on with that.
    pub(crate) leave: Leave,
}

/// The terminals that are open.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terminals {
    /// Where each has its place.
    pub(crate) streams: Streams,
    tasks: TaskTracker,
}

/// One open terminal; dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) held: guard::Place,
    /// Names it.
    pub(super) name: String,
    /// Newer credentials, as they come.
    pub(super) renewed: mpsc::Receiver<Renewed>,
}

impl Terminals {
    /// Runs a terminal to its end, for which [`Self::ended`] waits.
    pub(super) fn spawn(&self, terminal: impl Future<Output = ()> + Send + 'static) {
        drop(self.tasks.spawn(terminal));
    }

    /// Room for one more.
    pub(super) fn place(&self, leave: &Leave) -> Result<Place, NoPlace> {
        let name = format!("{:032x}", rand::random::<u128>());
        let (renew, renewed) = mpsc::channel(1);
        let reached = Reached { name: name.clone(), renewed: renew };
        let held = self.streams.place(leave.person, leave.session.into_iter().collect(), Some(reached))?;
        Ok(Place { held, name, renewed })
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
