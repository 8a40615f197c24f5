//! What ends a terminal from outside of it, whatever it waits for.

use pilothouse_app::{AppError, ErrorKind, Output, Session};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::conversation::End;

/// The ends that nobody in a terminal has a say in.
#[derive(Debug)]
pub(super) struct Ends {
    /// The person signs out.
    pub(super) signed_out: CancellationToken,
    /// The credential comes to its end; never, where there is none.
    pub(super) late: Option<Instant>,
    /// The console ends.
    pub(super) shutdown: CancellationToken,
}

impl Ends {
    /// The first of them.
    pub(super) async fn first(&self) -> End {
        let late = async {
            match self.late {
                Some(late) => sleep_until(late).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.signed_out.cancelled() => End::ours("signed out", signed_out()),
            () = late => End::ours("session over", session_over()),
            () = self.shutdown.cancelled() => {
                End::ours("shutting down", AppError::new(ErrorKind::Unavailable, "Pilothouse is shutting down"))
            }
        }
    }

    /// What `work` gives, unless one of them comes before.
    pub(super) async fn or<T>(&self, work: impl Future<Output = T>) -> Result<T, End> {
        tokio::select! {
            biased;
            end = self.first() => Err(end),
            done = work => Ok(done),
        }
    }

    /// What `work` gives, unless one of them comes before, or the command is cut because it may not go on.
    pub(super) async fn or_cut<T>(&self, session: &mut Session, work: impl Future<Output = T>) -> Result<T, End> {
        let cut = async {
            match session.cut().await {
                Output::Ended(ended) => End::Command(ended),
                Output::Out(_) | Output::Error(_) => End::Gone,
            }
        };
        let either = async {
            tokio::select! {
                biased;
                end = cut => Err(end),
                done = work => Ok(done),
            }
        };
        self.or(either).await?
    }
}

pub(super) fn signed_out() -> AppError {
    AppError::new(ErrorKind::Unauthorized, "you signed out")
}

fn session_over() -> AppError {
    AppError::new(ErrorKind::Unauthorized, "the session that opened this terminal has come to its end")
        .hint("connect again; you may have to sign in first")
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    fn ends() -> Ends {
        Ends { signed_out: CancellationToken::new(), late: None, shutdown: CancellationToken::new() }
    }

    /// Why a wait that never ends by itself has ended.
    async fn why(ends: &Ends) -> &'static str {
        match ends.or(pending::<()>()).await {
            Err(End::Ours(why, _)) => why,
            _ => panic!("nothing else can end it"),
        }
    }

    #[tokio::test]
    async fn each_end_comes_through_a_wait_that_never_ends() {
        let signed_out = ends();
        signed_out.signed_out.cancel();
        assert_eq!(why(&signed_out).await, "signed out");
        let late = Ends { late: Some(Instant::now()), ..ends() };
        assert_eq!(why(&late).await, "session over");
        let ended = ends();
        let told = async {
            tokio::task::yield_now().await;
            ended.shutdown.cancel();
        };
        let (why, ()) = tokio::join!(why(&ended), told);
        assert_eq!(why, "shutting down");
        assert!(ends().or(ready(())).await.is_ok());
    }
}
