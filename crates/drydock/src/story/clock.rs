//! The story's time: waiting is scaled by the speed, timestamps are real.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use pilothouse_model::Read;

use super::annotation;

/// How fast the story goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    speed: f64,
}

impl Clock {
    /// `speed` 2 waits half as long as `speed` 1.
    pub(super) fn new(speed: f64) -> Self {
        Self { speed: if speed.is_finite() && speed > 0.0 { speed } else { 1.0 } }
    }

    /// This moment.
    pub(super) fn now(self) -> Timestamp {
        Timestamp::now()
    }

    /// Story seconds since a real moment.
    pub(super) fn since(self, moment: Timestamp) -> f64 {
        self.between(moment, self.now())
    }

    /// Story seconds from one real moment to another.
    pub(super) fn between(self, from: Timestamp, to: Timestamp) -> f64 {
        to.duration_since(from).as_secs_f64() * self.speed
    }

    /// The real moment so many story seconds after another.
    pub(super) fn after(self, moment: Timestamp, seconds: f64) -> Timestamp {
        let span = SignedDuration::try_from_secs_f64(seconds / self.speed).unwrap_or(SignedDuration::ZERO);
        moment.checked_add(span).unwrap_or(moment)
    }

    /// How long to really wait for so many story seconds.
    pub(super) fn wait(self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64((seconds / self.speed).clamp(0.02, 3600.0)).unwrap_or(Duration::from_secs(1))
    }

    /// The present as a Kubernetes timestamp.
    pub(super) fn stamp(self) -> String {
        stamp(self.now())
    }
}

/// A Kubernetes timestamp (`metav1.Time`): whole seconds, UTC.
pub(super) fn stamp(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment as it reads back from a Kubernetes timestamp.
pub(super) fn whole_second(moment: Timestamp) -> Timestamp {
    Timestamp::from_second(moment.as_second()).unwrap_or(moment)
}

/// When an object began in the story: what its annotation says (for runs of the past), else its creation.
pub(super) fn began(object: &Value) -> Timestamp {
    annotation(object, super::fate::BEGAN)
        .and_then(pilothouse_model::time::parse)
        .or_else(|| object.time("/metadata/creationTimestamp"))
        .unwrap_or_else(Timestamp::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_scales_waiting_only() {
        let clock = Clock::new(10.0);
        assert_eq!(clock.wait(20.0), Duration::from_secs(2));
        let moment: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(stamp(clock.after(moment, 50.0)), "2026-01-01T00:00:05Z");
        assert_eq!(Clock::new(0.0).wait(3.0), Duration::from_secs(3));
    }
}
