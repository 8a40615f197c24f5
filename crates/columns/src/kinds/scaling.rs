//! Autoscalers and disruption budgets.

use pilothouse_model::{Cell, Condition, Level, Object, Projection, Read, Status};
use serde_json::Value;

use super::{AGE, Heading, Kind, age, count, number_or_text, optional_count, terminating};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &["autoscaling"],
        plural: "horizontalpodautoscalers",
        headings: &[
            Heading::text("Reference"),
            Heading::text("Targets"),
            Heading::integer("MinPods"),
            Heading::integer("MaxPods"),
            Heading::integer("Replicas"),
            AGE,
        ],
        project: autoscaler,
    },
    Kind {
        groups: &["policy"],
        plural: "poddisruptionbudgets",
        headings: &[
            Heading::text("Min Available"),
            Heading::text("Max Unavailable"),
            Heading::integer("Allowed Disruptions"),
            AGE,
        ],
        project: budget,
    },
];

fn autoscaler(object: &Object) -> Projection {
    let part = |field: &str| object.text(&format!("/spec/scaleTargetRef/{field}")).unwrap_or("<unknown>");
    let cells = vec![
        Cell::text(&format!("{}/{}", part("kind"), part("name"))),
        Cell::text(&targets(object)),
        match optional_count(object, "/spec/minReplicas") {
            Cell::Missing => Cell::text("<unset>"),
            cell => cell,
        },
        count(object, "/spec/maxReplicas"),
        count(object, "/status/currentReplicas"),
        age(object),
    ];
    Projection { status: autoscaler_status(object), cells }
}

fn autoscaler_status(object: &Object) -> Status {
    let told = |kind: &str| object.condition(kind);
    if object.deleted().is_some() {
        return terminating();
    }
    let failed = ["AbleToScale", "ScalingActive"].iter().filter_map(|kind| told(kind)).find(Condition::is_false);
    match (failed, told("ScalingLimited").filter(Condition::is_true), told("ScalingActive")) {
        (Some(condition), _, _) if condition.reason == "ScalingDisabled" => {
            Status::new(Level::Idle, "Disabled").because(condition.reason, condition.message)
        }
        (Some(condition), _, _) => Status::new(Level::Warning, "Failing").because(condition.reason, condition.message),
        (None, Some(condition), _) if condition.reason == "TooManyReplicas" => {
            Status::new(Level::Warning, "Limited").because(condition.reason, condition.message)
        }
        (None, _, Some(condition)) if condition.is_true() => Status::new(Level::Good, "Active"),
        _ => Status::none(),
    }
}

/// Up to two targets as kubectl writes them: `cpu: 40%/80%, 10/20 (avg) + 1 more...`.
fn targets(object: &Object) -> String {
    let specs = object.items("/spec/metrics");
    if specs.is_empty() {
        // `autoscaling/v1` knows nothing but the processor.
        let Some(wanted) = object.integer("/spec/targetCPUUtilizationPercentage") else {
            // It keeps the rest in an annotation, which is not ours to read.
            let more = object.annotation("autoscaling.alpha.kubernetes.io/metrics").is_some();
            return if more { unknown() } else { "<none>".to_owned() };
        };
        let current = object.integer("/status/currentCPUUtilizationPercentage");
        return format!("cpu: {}/{wanted}%", current.map_or_else(unknown, |current| format!("{current}%")));
    }
    let currents = object.items("/status/currentMetrics");
    let all: Vec<String> = specs.iter().enumerate().map(|(index, spec)| target(spec, currents.get(index))).collect();
    match all.len() {
        0..=2 => all.join(", "),
        more => format!("{} + {} more...", all[..2].join(", "), more - 2),
    }
}

fn unknown() -> String {
    "<unknown>".to_owned()
}

fn target(spec: &Value, current: Option<&Value>) -> String {
    let (field, named) = match spec.text("/type") {
        Some("Resource") => ("resource", true),
        Some("ContainerResource") => ("containerResource", true),
        Some("Pods") => ("pods", false),
        Some("Object") => ("object", false),
        Some("External") => ("external", false),
        _ => return "<unknown type>".to_owned(),
    };
    let read = |field: &str| number_or_text(spec, field);
    let now = |kind: &str| current.and_then(|current| number_or_text(current, &format!("/{field}/current/{kind}")));
    let name = spec.text(&format!("/{field}/name")).filter(|_| named).map_or(String::new(), |name| format!("{name}: "));
    if let Some(percent) = read(&format!("/{field}/target/averageUtilization")) {
        let current = now("averageUtilization").map_or_else(unknown, |current| format!("{current}%"));
        return format!("{name}{current}/{percent}%");
    }
    if let Some(average) = read(&format!("/{field}/target/averageValue")) {
        let mark = if matches!(field, "object" | "external") { " (avg)" } else { "" };
        return format!("{name}{}/{average}{mark}", now("averageValue").unwrap_or_else(unknown));
    }
    let value = read(&format!("/{field}/target/value")).unwrap_or_else(|| "<auto>".to_owned());
    format!("{name}{}/{value}", now("value").unwrap_or_else(unknown))
}

fn budget(object: &Object) -> Projection {
    let said = |pointer: &str| Cell::text(&number_or_text(object, pointer).unwrap_or_else(|| "N/A".to_owned()));
    let number = |pointer: &str| object.integer(pointer);
    let status = match (number("/status/disruptionsAllowed"), number("/status/currentHealthy")) {
        _ if object.deleted().is_some() => terminating(),
        (Some(allowed), _) if allowed > 0 => Status::new(Level::Good, "Allowed"),
        (_, Some(healthy)) if number("/status/desiredHealthy").is_some_and(|desired| healthy < desired) => {
            let message =
                format!("{healthy} pods are healthy, {} are wanted", number("/status/desiredHealthy").unwrap_or(0));
            Status::new(Level::Warning, "Insufficient").because("", &message)
        }
        (Some(_), _) => Status::new(Level::Good, "Blocked").because("", "no pod may be disrupted at present"),
        _ => Status::none(),
    };
    let cells = vec![
        said("/spec/minAvailable"),
        said("/spec/maxUnavailable"),
        count(object, "/status/disruptionsAllowed"),
        age(object),
    ];
    Projection { status, cells }
}
