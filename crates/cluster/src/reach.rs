//! Whether a server is there: known once for all who ask it (decision 0017).

use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::backoff::within;
use crate::connection::{Call, Connection};
use crate::error::ClusterError;

/// A server that was lost for ten times as long as this is asked this often whether it is back, for all who wait for it...
const ASK: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// ...how long it may take to answer...
const ASK_WITHIN: Duration = Duration::from_secs(5);
/// ...and how long it may say that it is not ready, or nothing, and is still taken for one that starts.
const STARTING: Duration = Duration::from_secs(60);
/// How often a server is asked for a sign of life while all who have to do with it only listen...
const LISTEN: Duration = Duration::from_secs(15);
/// ...and how long it may take to give one.
const LISTEN_WITHIN: Duration = Duration::from_secs(10);
/// How long a server is lost before those who only listen to it believe that, too.
const DOUBT: Duration = Duration::from_secs(2);
/// Within which time those ask again who waited for a server that is back.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether a server can be reached, as all see it who ask it.
pub(crate) struct Reach {
    /// How often it was lost or came back, odd while it is lost, and when it last was.
    turns: watch::Sender<(u64, Instant)>,
    /// Held by the one who asks for all who wait.
    asking: Mutex<()>,
    /// Since when a lost server answers, and is not ready.
    starting: Mutex<Option<Instant>>,
}

impl Default for Reach {
    fn default() -> Self {
        Self { turns: watch::Sender::new((0, Instant::now())), asking: Mutex::default(), starting: Mutex::default() }
    }
}

impl Reach {
    fn is_lost(turns: u64) -> bool {
        turns % 2 == 1
    }

    pub(crate) fn set_lost(&self, lost: bool) {
        self.turns.send_if_modified(|(turns, when)| {
            let turned = Self::is_lost(*turns) != lost;
            if turned {
                (*turns, *when) = (*turns + 1, Instant::now());
            }
            turned
        });
    }
}

impl Connection {
    /// How often the server was lost or came back, for [`Self::back`].
    pub fn turns(&self) -> u64 {
        self.reach.turns.borrow().0
    }

    /// Is over soon after the server could not be reached by somebody who asked it; not for all who wait at the same moment.
    /// One of those who wait asks it now and then.
    pub async fn lost(&self) {
        let mut turns = self.reach.turns.subscribe();
        let asks = async {
            let _turn = self.reach.asking.lock().await;
            loop {
                sleep(LISTEN).await;
                // Whatever it answers is a sign of life.
                if timeout(LISTEN_WITHIN, self.send_once(&Call::get("/readyz"))).await.is_err() {
                    self.reach.set_lost(true);
                }
            }
        };
        tokio::select! {
            // The sender is ours: it is not gone.
            _ = turns.wait_for(|(turns, _)| Reach::is_lost(*turns)) => {}
            () = asks => {}
        }
        sleep(ASK[0] + within(TOGETHER)).await;
    }

    /// Is over when the server was lost after it had turned `since` times, and has been for a while: the error of one who only
    /// listens to it.
    pub(crate) async fn given_up(&self, since: u64) -> ClusterError {
        let mut turns = self.reach.turns.subscribe();
        loop {
            // The sender is ours: it is not gone.
            drop(turns.wait_for(|(turns, _)| *turns > since && Reach::is_lost(*turns)).await);
            if timeout(DOUBT, turns.wait_for(|(turns, _)| !Reach::is_lost(*turns))).await.is_err() {
                return ClusterError::Unreachable {
                    server: self.server().to_owned(),
                    reason: "it gives no sign of life, and does not answer what else it is asked".to_owned(),
                };
            }
        }
    }

    /// As if somebody had found that the server cannot be reached.
    #[cfg(test)]
    pub(crate) fn lose(&self) {
        self.reach.set_lost(true);
    }

    /// Is over when the server was lost after it had turned `since` times, or was lost then, and is ready again; not for all
    /// who wait at the same moment. While it is lost, one of those who wait asks it.
    pub async fn back(&self, since: u64) {
        let (mut turns, mut losses) = (self.reach.turns.subscribe(), self.reach.turns.subscribe());
        let asks = async {
            while losses.wait_for(|(turns, _)| Reach::is_lost(*turns)).await.is_ok() {
                let _turn = self.reach.asking.lock().await;
                let mut wait = ASK[0];
                while Reach::is_lost(self.turns()) {
                    sleep(wait).await;
                    wait = match self.regain().await {
                        Err(ClusterError::Unreachable { .. }) => {
                            let lost_for = self.reach.turns.borrow().1.elapsed();
                            (lost_for / 10).clamp(ASK[0], ASK[1])
                        }
                        // It starts, or is back.
                        _ => ASK[0],
                    };
                }
            }
        };
        let is_back = async { drop(turns.wait_for(|(turns, _)| *turns > since && !Reach::is_lost(*turns)).await) };
        tokio::select! {
            () = is_back => {}
            () = asks => {}
        }
        sleep(within(TOGETHER)).await;
    }

    /// Asks a server that was lost whether it is ready; an error says why it is not. What one answers that is still starting
    /// is not to be believed: at first it neither knows all that it serves nor who may do what.
    pub async fn regain(&self) -> Result<(), ClusterError> {
        let mut starting = self.reach.starting.lock().await;
        if !Reach::is_lost(self.turns()) {
            return Ok(());
        }
        match timeout(ASK_WITHIN, self.send_once(&Call::get("/readyz"))).await {
            Err(_) if starting.get_or_insert_with(Instant::now).elapsed() < STARTING => {
                return Err(self.silent(ASK_WITHIN));
            }
            Ok(Err((error @ ClusterError::Unreachable { .. }, _))) => {
                *starting = None;
                return Err(error);
            }
            Ok(Err((error @ ClusterError::Other { code: 500.., .. }, _)))
                if starting.get_or_insert_with(Instant::now).elapsed() < STARTING =>
            {
                return Err(error);
            }
            // One that does not let us ask this is taken as ready; whoever asks it something else will see.
            Err(_) | Ok(_) => {}
        }
        *starting = None;
        self.reach.set_lost(false);
        Ok(())
    }
}
