//! The time: the wall's clock, which people read and which may be set, and the machine's count, which only goes on.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// By how many milliseconds the clock was set, for tests.
static SET: AtomicI64 = AtomicI64::new(0);

/// How far the two clocks may drift apart before one of them was set.
const DRIFT: SignedDuration = SignedDuration::from_secs(1);

/// The time by the wall's clock. Never used to measure how long something takes.
pub(crate) fn now() -> Timestamp {
    let set = SignedDuration::from_millis(SET.load(Ordering::Relaxed));
    // Beyond the end of time there is no clock to test with.
    Timestamp::now().checked_add(set).unwrap_or(Timestamp::MAX)
}

/// Sets the clock of all engines of this process, as an administrator or a time server would. For tests.
#[doc(hidden)]
pub fn set_clock(by: SignedDuration) {
    SET.store(i64::try_from(by.as_millis()).unwrap_or(i64::MAX), Ordering::Relaxed);
}

/// A moment on both clocks. Moments are ordered by the machine's count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// By the machine's count.
    pub(crate) count: Instant,
    /// By the wall's clock as it went then.
    wall: Timestamp,
}

impl Stamp {
    pub(crate) fn now() -> Self {
        Self { count: Instant::now(), wall: now() }
    }

    /// When it was, as the wall's clock goes now.
    pub(crate) fn time(self) -> Timestamp {
        self.time_at(Self::now())
    }

    /// Where the clock was set back since, the moment moves back with it, or it would lie in the future and its age be less
    /// than nothing. Where it was set forward, or the machine slept, which looks alike, nothing says that it is younger than it
    /// looks.
    fn time_at(self, now: Self) -> Timestamp {
        let passed = SignedDuration::try_from(now.count.saturating_duration_since(self.count));
        let latest = passed.ok().and_then(|passed| now.wall.checked_sub(passed).ok()).unwrap_or(self.wall);
        if self.wall.duration_since(latest) > DRIFT { latest } else { self.wall.min(now.wall) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moment_is_never_in_the_future_nor_younger_than_it_is() {
        let then = Stamp::now();
        let after = |seconds: u64, set: i64| {
            let wall = then.wall + SignedDuration::from_secs(i64::try_from(seconds).unwrap() + set);
            let now = Stamp { count: then.count + Duration::from_secs(seconds), wall };
            wall.duration_since(then.time_at(now)).as_secs()
        };
        for (set, age) in [(0, 30), (-3600, 30), (-20, 30), (3600, 3630), (-86_400 * 400, 30)] {
            assert_eq!(after(30, set), age, "set by {set} seconds");
        }
        assert_eq!(then.time_at(then), then.wall);
        let early = Stamp { wall: then.wall + SignedDuration::from_millis(300), ..then };
        assert_eq!(early.time_at(then), then.wall, "a little drift makes no future either");
    }

    #[test]
    fn moments_are_ordered_by_what_came_first_whatever_the_clock_said() {
        let first = Stamp::now();
        let second =
            Stamp { count: first.count + Duration::from_millis(1), wall: first.wall - SignedDuration::from_hours(1) };
        assert!(first < second);
    }
}
