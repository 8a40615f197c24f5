//! Events have two forms, core and `events.k8s.io`, for one object; the core one is stored.

use serde_json::Value;

/// Core field → `events.k8s.io` field.
const PAIRS: [(&str, &str); 6] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
];

const CONTROLLER: (&str, &str) = ("reportingComponent", "reportingController");

/// Core → `events.k8s.io`.
pub(super) fn to_new(value: &Value) -> Value {
    let mut value = value.clone();
    rename(&mut value, |(core, new)| (core, new));
    value["apiVersion"] = "events.k8s.io/v1".into();
    value
}

/// `events.k8s.io` → core.
pub(super) fn to_core(mut value: Value) -> Value {
    rename(&mut value, |(core, new)| (new, core));
    value
}

fn rename(value: &mut Value, direction: impl Fn((&'static str, &'static str)) -> (&'static str, &'static str)) {
    let Some(fields) = value.as_object_mut() else { return };
    for (from, to) in PAIRS.into_iter().chain([CONTROLLER]).map(direction) {
        if let Some(field) = fields.remove(from) {
            fields.insert(to.to_owned(), field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn there_and_back() {
        let core = json!({ "apiVersion": "v1", "kind": "Event", "involvedObject": { "name": "x" }, "message": "m", "count": 2 });
        let new = to_new(&core);
        assert_eq!(new["regarding"]["name"], "x");
        assert_eq!(new["note"], "m");
        let mut back = to_core(new);
        back["apiVersion"] = "v1".into();
        assert_eq!(back, core);
    }
}
