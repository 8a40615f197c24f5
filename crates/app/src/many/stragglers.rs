//! Clusters that answer later than others.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How much longer clusters are waited for that do not get on, once another has answered.
pub(crate) const STRAGGLERS: Duration = Duration::from_secs(3);

/// Several clusters that are asked the same.
pub(super) struct Stragglers {
    answered: watch::Sender<bool>,
    patience: Duration,
}

impl Stragglers {
    /// Those that do not get on are waited for this long once another has answered.
    pub(super) fn new(patience: Duration) -> Self {
        Self { answered: watch::Sender::new(false), patience }
    }

    /// The answer of one of them; `None` when another has answered and this one has taken in no rows for a while.
    pub(super) async fn answer<T, E>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
        rows: impl Fn() -> usize,
    ) -> Option<Result<T, E>> {
        tokio::select! {
            biased;
            answer = answer => {
                if answer.is_ok() {
                    self.answered.send_replace(true);
                }
                Some(answer)
            }
            () = self.stalls(rows) => None,
        }
    }

    async fn stalls(&self, rows: impl Fn() -> usize) {
        // The sender is ours: it is not gone.
        drop(self.answered.subscribe().wait_for(|answered| *answered).await);
        let mut before = rows();
        loop {
            sleep(self.patience).await;
            let now = rows();
            if now == before {
                return;
            }
            before = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use super::*;

    const SOON: Duration = Duration::from_millis(10);

    #[tokio::test]
    async fn who_gets_on_is_waited_for_and_who_does_not_only_while_nobody_has_answered() {
        let stragglers = Stragglers::new(SOON);
        let nobody = tokio::time::timeout(SOON * 10, stragglers.answer(pending::<Result<(), ()>>(), || 0));
        assert!(nobody.await.is_err(), "nobody has answered");
        assert_eq!(stragglers.answer(ready(Err::<(), _>("refused")), || 0).await, Some(Err("refused")));
        assert!(!*stragglers.answered.borrow(), "that is no answer");
        assert_eq!(stragglers.answer(ready(Ok::<_, ()>(1)), || 0).await, Some(Ok(1)));
        assert_eq!(stragglers.answer(pending::<Result<(), ()>>(), || 7).await, None);
        let rows = Cell::new(0);
        let slowly = async {
            while rows.get() < 10 {
                sleep(SOON).await;
            }
            Ok::<_, ()>("all")
        };
        let counted = || {
            rows.set(rows.get() + 1);
            rows.get()
        };
        assert_eq!(stragglers.answer(slowly, counted).await, Some(Ok("all")));
    }
}
