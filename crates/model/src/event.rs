//! Events: what both of their generations (core/v1 and events.k8s.io/v1) say, read the same way.

use jiff::Timestamp;

use crate::object::{Object, Read};

/// Every field in which one generation or the other writes a moment at which the event happened.
const MOMENTS: [&str; 6] = [
    "/series/lastObservedTime",
    "/lastTimestamp",
    "/deprecatedLastTimestamp",
    "/eventTime",
    "/firstTimestamp",
    "/deprecatedFirstTimestamp",
];

/// When an event last happened: the newest moment that it names, else when it was made.
pub fn last_happened(event: &Object) -> Option<Timestamp> {
    MOMENTS.iter().filter_map(|field| event.time(field)).max().or_else(|| event.created())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(mut event: Value) -> Option<String> {
        event["metadata"] = json!({"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"});
        last_happened(&Object::new(event).unwrap()).map(|moment| moment.to_string())
    }

    #[test]
    fn the_newest_of_all_moments_counts_in_both_generations() {
        let day = |day: u32| format!("2026-02-{day:02}T00:00:00Z");
        let cases = [
            (json!({}), "2026-01-01T00:00:00Z".to_owned()),
            (json!({"firstTimestamp": day(1), "lastTimestamp": day(3), "eventTime": null}), day(3)),
            // A series goes on after the time that its first event carries, and the other way round.
            (json!({"eventTime": day(1), "series": {"lastObservedTime": day(4)}}), day(4)),
            (json!({"lastTimestamp": day(5), "series": {"lastObservedTime": day(4)}}), day(5)),
            (json!({"eventTime": day(2), "deprecatedLastTimestamp": day(3)}), day(3)),
            (json!({"firstTimestamp": day(6)}), day(6)),
            (json!({"lastTimestamp": "soon", "eventTime": day(2)}), day(2)),
        ];
        for (event, expected) in cases {
            assert_eq!(told(event.clone()), Some(expected), "{event}");
        }
    }
}
