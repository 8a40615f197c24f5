//! Configuration, secrets, quotas and limits.

use pilothouse_model::{Cell, Level, Object, Projection, Quantity, Read, Status};
use serde_json::Value;

use super::{AGE, CREATED_AT, Heading, Kind, age, length, plain, plain_text, terminating};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &[""],
        plural: "configmaps",
        headings: &[Heading::integer("Data"), AGE],
        project: |object| plain(object, vec![entries(object), age(object)]),
    },
    Kind {
        groups: &[""],
        plural: "secrets",
        headings: &[Heading::text("Type"), Heading::integer("Data"), AGE],
        project: |object| plain(object, vec![plain_text(object, "/type"), length(object, "/data"), age(object)]),
    },
    Kind {
        groups: &[""],
        plural: "resourcequotas",
        headings: &[Heading::text("Request"), Heading::text("Limit"), AGE],
        project: resource_quota,
    },
    Kind {
        groups: &[""],
        plural: "limitranges",
        headings: &[CREATED_AT],
        project: |object| plain(object, vec![age(object)]),
    },
];

fn entries(object: &Object) -> Cell {
    match (length(object, "/data"), length(object, "/binaryData")) {
        (Cell::Integer(texts), Cell::Integer(bytes)) => Cell::Integer(texts + bytes),
        _ => Cell::Unknown,
    }
}

/// `cpu: 3/4, pods: 2/10`, requests and limits apart as kubectl has them.
fn resource_quota(object: &Object) -> Projection {
    let (mut requests, mut limits, mut full) = (Vec::new(), Vec::new(), Vec::new());
    let mut hard: Vec<(&str, &Value)> = object.entries("/status/hard").collect();
    hard.sort_by_key(|(name, _)| *name);
    for (name, hard) in hard {
        let used = object.pointer("/status/used").and_then(|used| used.get(name));
        let shown = format!("{name}: {}/{}", amount(used), amount(Some(hard)));
        if used_up(used, hard) {
            full.push(shown.clone());
        }
        if name.starts_with("limits.") { limits.push(shown) } else { requests.push(shown) }
    }
    let status = if object.deleted().is_some() {
        terminating()
    } else if !full.is_empty() {
        Status::new(Level::Warning, "Full").because("UsedUp", &full.join(", "))
    } else {
        Status::none()
    };
    let cells = vec![Cell::text(&requests.join(", ")), Cell::text(&limits.join(", ")), age(object)];
    Projection { status, cells }
}

fn amount(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        None => "0".to_owned(),
        Some(_) => "<unknown>".to_owned(),
    }
}

/// Nothing is left of what was granted. A quota of zero is a ban, not a shortage.
fn used_up(used: Option<&Value>, hard: &Value) -> bool {
    let read = |value: &Value| amount(Some(value)).parse::<Quantity>().ok();
    match (used.and_then(read), read(hard)) {
        (Some(used), Some(hard)) => !hard.is_zero() && used >= hard,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_quota_that_is_used_up_says_so() {
        let object = Object::new(json!({"metadata": {"name": "q"}, "status": {
            "hard": {"requests.cpu": "4", "limits.cpu": "8", "pods": "0"},
            "used": {"requests.cpu": "4000m", "limits.cpu": "1", "pods": "0"},
        }}))
        .unwrap();
        let projection = resource_quota(&object);
        assert_eq!(&*projection.status.message, "requests.cpu: 4000m/4");
        assert_eq!(projection.cells[0], Cell::text("pods: 0/0, requests.cpu: 4000m/4"));
        assert_eq!(projection.cells[1], Cell::text("limits.cpu: 1/8"));
    }
}
