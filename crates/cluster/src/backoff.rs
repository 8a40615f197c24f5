//! How long to wait before trying again.

use std::time::Duration;

use rand::RngExt;

use crate::error::{ClusterError, ErrorKind};

/// The spans that a watch waits; tests use shorter ones.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    /// The first wait; it doubles with each failure.
    pub(crate) first: Duration,
    /// The longest wait for what may pass by itself.
    pub(crate) longest: Duration,
    /// The wait for what a person has to mend: a missing right, an absent resource, a bad credential.
    pub(crate) slow: Duration,
    /// How often what may be listed and not watched is listed again, where listing it is quick...
    pub(crate) poll: Duration,
    /// ...and how often where it takes long.
    pub(crate) slow_poll: Duration,
    /// How long one watch request lasts.
    pub(crate) watch: Duration,
    /// How long one lasts of a server that has sent no bookmark yet: its silence tells nothing, a new answer does.
    pub(crate) brief: Duration,
    /// How long a watch that sends bookmarks (each minute) may be silent...
    pub(crate) silence: Duration,
    /// ...and how long before its first one: an API server that was started again sends none for a resource of which nothing
    /// has changed since.
    pub(crate) unmarked: Duration,
    /// A watch that lasted this long was a good one.
    pub(crate) settled: Duration,
    /// Objects in a page of a list.
    pub(crate) page: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
            slow: Duration::from_secs(30),
            poll: Duration::from_secs(15),
            slow_poll: Duration::from_secs(60),
            watch: Duration::from_secs(240),
            brief: Duration::from_secs(50),
            silence: Duration::from_secs(150),
            unmarked: Duration::from_secs(80),
            settled: Duration::from_secs(5),
            page: 500,
        }
    }
}

/// The longest that a server may ask for: what it asks for may be nonsense, and it may be well again long before.
const LONGEST_ASKED: Duration = Duration::from_secs(300);

/// Jittered, exponential waits.
pub(crate) struct Backoff {
    pace: Pace,
    failures: u32,
}

impl Backoff {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, failures: 0 }
    }

    /// It works again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Whether nothing failed since the last [`Backoff::reset`].
    pub(crate) fn is_fresh(&self) -> bool {
        self.failures == 0
    }

    /// The wait after a failure.
    pub(crate) fn after(&mut self, error: &ClusterError) -> Duration {
        let usual = self.next();
        let wait = match error.kind() {
            ErrorKind::Forbidden | ErrorKind::NotFound | ErrorKind::Config => usual.max(jitter(self.pace.slow)),
            // Several tables may hold the same wrong credential, and many refusals may lock an account.
            ErrorKind::Unauthorized => usual.max(jitter(self.pace.slow.saturating_mul(2))),
            _ => usual,
        };
        // Waiting exactly as long as asked would bring everyone back at once.
        match error.retry_after() {
            Some(asked) => wait.max(jitter(asked.min(LONGEST_ASKED))),
            None => wait,
        }
    }

    /// The wait after one more failure of no particular kind.
    pub(crate) fn next(&mut self) -> Duration {
        let doubled = self.pace.first.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let span = doubled.min(self.pace.longest);
        // Between half and the whole, so that watches that broke together do not return together.
        span.mul_f64(rand::rng().random_range(0.5..=1.0))
    }
}

/// The span, or up to half more.
pub(crate) fn jitter(span: Duration) -> Duration {
    span.mul_f64(rand::rng().random_range(1.0..=1.5))
}

/// Some part of the span.
pub(crate) fn within(span: Duration) -> Duration {
    span.mul_f64(rand::rng().random_range(0.0..1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other() -> ClusterError {
        ClusterError::Other { request: String::new(), code: 500, retry_after: None, message: String::new() }
    }

    #[test]
    fn waits_double_to_a_limit_and_begin_again_after_a_success() {
        let pace = Pace::default();
        let mut backoff = Backoff::new(pace.clone());
        for exponent in 0..40_u32 {
            let whole = pace.first.saturating_mul(1 << exponent.min(16)).min(pace.longest);
            let wait = backoff.after(&other());
            assert!(wait >= whole / 2 && wait <= whole, "failure {exponent}: {wait:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.is_fresh());
        assert!(backoff.after(&other()) <= pace.first);
    }

    #[test]
    fn what_a_person_must_mend_is_tried_slowly_from_the_start() {
        let forbidden = ClusterError::Forbidden { message: String::new() };
        let absent = ClusterError::NotFound { message: String::new() };
        for error in [forbidden, absent] {
            assert!(Backoff::new(Pace::default()).after(&error) >= Pace::default().slow, "{error:?}");
        }
        let refused = ClusterError::Unauthorized { server: String::new(), reason: String::new() };
        assert!(Backoff::new(Pace::default()).after(&refused) >= 2 * Pace::default().slow);
    }

    #[test]
    fn the_server_is_given_at_least_the_time_it_asks_for() {
        let asked = Duration::from_secs(77);
        let busy = ClusterError::TooMany { retry_after: Some(asked), message: String::new() };
        let down =
            ClusterError::Other { request: String::new(), code: 503, retry_after: Some(asked), message: String::new() };
        for error in [busy, down] {
            assert!(Backoff::new(Pace::default()).after(&error) >= asked, "{error:?}");
        }
        let nonsense = ClusterError::TooMany { retry_after: Some(Duration::MAX), message: String::new() };
        assert!(Backoff::new(Pace::default()).after(&nonsense) <= 2 * LONGEST_ASKED);
    }
}
