//! Renewing a token: once at a time, however many requests ask for it, because issuers take a refresh token once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::time::Instant;

use super::fingerprint;
use crate::openid::{Issuer, OpenIdError};
use crate::session::sealed::Session;

/// How long requests that still carry the old cookie get what was renewed.
const STRAGGLERS: Duration = Duration::from_secs(120);
/// How soon an issuer that did not answer is asked again.
const AGAIN: Duration = Duration::from_secs(5);

/// The renewed session; nothing when the issuer could not be asked; an error when it says no.
type Outcome = Option<Result<Session, ()>>;

/// What is being renewed, and what was a moment ago. Nothing here outlives the stragglers: sessions live in their cookies.
#[derive(Default)]
pub(super) struct Renewals(Mutex<HashMap<[u8; 32], Renewal>>);

struct Renewal {
    began: Instant,
    outcome: Shared<BoxFuture<'static, Outcome>>,
}

impl Renewal {
    fn is_of_use(&self) -> bool {
        let age = match self.outcome.peek() {
            Some(None) => AGAIN,
            Some(Some(_)) => STRAGGLERS,
            None => return true,
        };
        self.began.elapsed() < age
    }
}

impl Renewals {
    /// Another token for the session, as the session that holds it.
    pub(super) async fn renew(&self, issuer: &Arc<Issuer>, redirect: &str, session: Session, now: i64) -> Outcome {
        let key = fingerprint(&[&session.cluster, session.refresh.as_deref()?]);
        let outcome = {
            let mut renewals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            renewals.retain(|_, renewal| renewal.is_of_use());
            let begin = || {
                // A task of its own: a person who goes away in the middle must not lose the only answer.
                let task = tokio::spawn(ask(Arc::clone(issuer), redirect.to_owned(), session, now));
                let outcome = task.map(|ended| ended.unwrap_or(None)).boxed().shared();
                Renewal { began: Instant::now(), outcome }
            };
            renewals.entry(key).or_insert_with(begin).outcome.clone()
        };
        outcome.await
    }
}

async fn ask(issuer: Arc<Issuer>, redirect: String, session: Session, now: i64) -> Outcome {
    let token = session.refresh.clone()?;
    match issuer.refresh(&redirect, &token, session.subject.as_deref()).await {
        Ok(granted) => Some(Ok(Session {
            token: granted.token,
            token_from: now,
            token_end: Some(granted.end),
            refresh: granted.refresh,
            ..session
        })),
        Err(error @ OpenIdError::Silent { .. }) => {
            tracing::warn!(cluster = session.cluster, %error, "a session could not be renewed");
            None
        }
        Err(error) => {
            tracing::info!(cluster = session.cluster, %error, "a session ends");
            Some(Err(()))
        }
    }
}
