//! How long rights are remembered, and asked for, that nobody asks about.

use std::sync::Weak;

use pilothouse_cluster::Token;
use tokio::time::timeout;

use super::*;
use crate::away;
use crate::person::Sharing;

/// Ample for anything that is not waited for on purpose.
const SURELY: Duration = Duration::from_secs(20);

/// A cluster whose API server is away: that is told at once.
fn cluster() -> Cluster {
    away::cluster(Sharing { rights_for: Duration::from_millis(200), ..Sharing::default() })
}

fn ada() -> Holder {
    Holder::Person(Token::new("ada"))
}

impl Remembered {
    /// Lets it be so long ago that somebody asked.
    fn grow_old(&self, by: Duration) {
        *self.used.lock().unwrap() = Some(Instant::now().checked_sub(by).unwrap());
    }
}

/// Waits until something holds: what runs beside this has its own pace.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SURELY, waiting).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

/// Whether it is still remembered after it was looked what may be let go of.
fn is_kept(cluster: &Cluster, remembered: &Weak<Remembered>, age: u64) -> bool {
    if let Some(remembered) = remembered.upgrade() {
        remembered.grow_old(Duration::from_secs(age));
    }
    cluster.release();
    remembered.upgrade().is_some()
}

#[tokio::test]
async fn rights_are_forgotten_a_minute_and_a_half_after_the_last_question() {
    let cluster = cluster();
    let remembered = Arc::downgrade(&cluster.remembered(&ada()));
    assert!(is_kept(&cluster, &remembered, 0));
    assert!(is_kept(&cluster, &remembered, 85), "somebody may come back");
    // Whoever has something open keeps them.
    let held = remembered.upgrade().unwrap();
    assert!(is_kept(&cluster, &remembered, 3_600));
    // A question counts.
    drop(held.known());
    drop(held);
    cluster.release();
    assert!(remembered.upgrade().is_some());
    // Nothing but an answer that is under way holds them then.
    until("that they are forgotten", || !is_kept(&cluster, &remembered, 91)).await;
    let anew = cluster.remembered(&ada());
    assert!(!Weak::ptr_eq(&remembered, &Arc::downgrade(&anew)), "they are asked for anew");
    cluster.close();
}

#[tokio::test]
async fn who_comes_back_after_a_while_is_asked_about_at_once() {
    let cluster = cluster();
    let remembered = cluster.remembered(&ada());
    let known = remembered.settled(Instant::now() + SURELY).await;
    assert!(matches!(known, Known::Failed(_)), "{known:?}");
    let seldom = Arc::downgrade(&remembered);
    drop(remembered);
    // Nothing is open: only the cluster's list holds it.
    until("that nothing is asked any more", || {
        let remembered = seldom.upgrade().unwrap();
        let asleep = remembered.asleep.load(Ordering::Acquire);
        if !asleep {
            remembered.grow_old(REST + Duration::from_secs(1));
        }
        asleep
    })
    .await;
    let remembered = seldom.upgrade().unwrap();
    assert!(matches!(remembered.now.borrow().known(), Known::Pending), "what was told is not believed any more");
    let asked = timeout(SURELY / 2, remembered.settled(Instant::now() + SURELY)).await;
    assert!(matches!(asked, Ok(Known::Failed(_))), "whoever asks waits for the answer, not for the end of patience");
    cluster.close();
}
