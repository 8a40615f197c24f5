//! Writes events with Kubernetes' own reasons and words; the same event again only counts up, and old ones are removed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::api::{Api, ApiError};
use super::clock::{Clock, stamp};
use super::dice::fnv64;
use super::fate;
use super::kind::Kind;

/// How many events the story keeps in the cluster: those of some twenty minutes.
const KEPT: usize = 6000;

/// The same event is not counted up more often than this.
const QUIET: Duration = Duration::from_secs(10);

/// What kubelets go on to tell of what is past. The rest happened then: clusters forget events within an hour.
const GOES_ON: [&str; 2] = ["BackOff", "Failed"];

/// What to write.
pub(super) struct Entry<'a> {
    pub(super) warning: bool,
    /// The component that speaks, such as `kubelet`.
    pub(super) source: &'a str,
    pub(super) reason: &'a str,
    pub(super) message: &'a str,
}

#[derive(Default)]
struct Written {
    /// How often each was written, and when last.
    counts: HashMap<String, (u32, Instant)>,
    order: VecDeque<String>,
}

/// The writer of events; clones share the counts.
#[derive(Clone)]
pub(super) struct Chronicle {
    clock: Clock,
    written: Arc<Mutex<Written>>,
}

impl Chronicle {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, written: Arc::default() }
    }

    /// Writes an event, or counts it up. Events are for people: one that cannot be written is only traced.
    pub(super) async fn write(&self, api: &Api, object: &Value, entry: &Entry<'_>) {
        if fate::is_past(object) && !GOES_ON.contains(&entry.reason) {
            return;
        }
        if let Err(error) = self.try_write(api, object, entry).await {
            tracing::debug!(reason = entry.reason, %error, "an event could not be written");
        }
    }

    async fn try_write(&self, api: &Api, object: &Value, entry: &Entry<'_>) -> Result<(), ApiError> {
        let name = object.text("/metadata/name").unwrap_or_default();
        let uid = object.text("/metadata/uid").unwrap_or_default();
        let namespace = object.text("/metadata/namespace").unwrap_or("default");
        let hash = fnv64(&format!("{uid} {} {} {}", entry.source, entry.reason, entry.message));
        let event_name = format!("{name}.{hash:016x}");
        let collection = Kind::Event.path(Some(namespace));
        let path = format!("{collection}/{event_name}");
        let Some((count, oldest)) = self.count(&path, Instant::now()) else { return Ok(()) };
        let now = stamp(self.clock.now());
        if let Some(oldest) = oldest {
            match api.delete_plain(&oldest).await {
                Err(error) if !error.is_missing() => return Err(error),
                _ => {}
            }
        }
        if count > 1 {
            let answer = api.merge(&path, &json!({"count": count, "lastTimestamp": now})).await;
            if !answer.as_ref().is_err_and(ApiError::is_missing) {
                return answer.map(drop);
            }
        }
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": { "name": event_name, "namespace": namespace },
            "involvedObject": {
                "apiVersion": object.text("/apiVersion"), "kind": object.text("/kind"), "name": name,
                "namespace": object.text("/metadata/namespace"), "uid": uid,
            },
            "type": if entry.warning { "Warning" } else { "Normal" },
            "reason": entry.reason, "message": entry.message,
            "source": { "component": entry.source },
            "firstTimestamp": now, "lastTimestamp": now, "count": count,
        });
        match api.post(&collection, &event).await {
            Err(error) if !error.is_conflict() => Err(error),
            _ => Ok(()),
        }
    }

    /// How often this event happened, with this time, and an old event that should go; `None` when it was just told.
    fn count(&self, path: &str, now: Instant) -> Option<(u32, Option<String>)> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((count, last)) = written.counts.get_mut(path) {
            if now.duration_since(*last) < QUIET {
                return None;
            }
            (*count, *last) = (*count + 1, now);
            return Some((*count, None));
        }
        written.counts.insert(path.to_owned(), (1, now));
        written.order.push_back(path.to_owned());
        let oldest = if written.order.len() > KEPT { written.order.pop_front() } else { None };
        if let Some(oldest) = &oldest {
            written.counts.remove(oldest);
        }
        Some((1, oldest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_event_counts_up_but_not_at_once() {
        let chronicle = Chronicle::new(Clock::new(1.0));
        let start = Instant::now();
        assert_eq!(chronicle.count("a", start), Some((1, None)));
        assert_eq!(chronicle.count("a", start), None);
        assert_eq!(chronicle.count("a", start + QUIET), Some((2, None)));
        for number in 0..KEPT - 1 {
            assert_eq!(chronicle.count(&number.to_string(), start), Some((1, None)));
        }
        assert_eq!(chronicle.count("one too many", start), Some((1, Some("a".to_owned()))));
    }
}
