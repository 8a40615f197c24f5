//! Writes events with Kubernetes' own reasons and words; the same event again only counts up, and old ones are removed.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::api::{Api, ApiError};
use super::clock::{Clock, stamp};
use super::dice::fnv64;
use super::kind::Kind;

/// How many events the story keeps in the cluster.
const KEPT: usize = 1500;

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
    counts: HashMap<String, u32>,
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
        let (count, oldest) = self.count(&path);
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

    /// How often this event happened, with this time; and an old event that should go.
    fn count(&self, path: &str) -> (u32, Option<String>) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let count = written.counts.entry(path.to_owned()).or_insert(0);
        *count += 1;
        let count = *count;
        if count > 1 {
            return (count, None);
        }
        written.order.push_back(path.to_owned());
        if written.order.len() <= KEPT {
            return (count, None);
        }
        let oldest = written.order.pop_front();
        if let Some(oldest) = &oldest {
            written.counts.remove(oldest);
        }
        (count, oldest)
    }
}
