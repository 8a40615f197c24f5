//! Pods, namespaces, services and what else has always been there.

use pilothouse_model::{Cell, ColumnKind, Level, Object, Projection, Read, Status};
use serde_json::Value;

use super::{AGE, Heading, Kind, age, joined, labels, length, plain, plain_text, terminating, text};
use crate::generic::level_of;
use crate::pod;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &[""],
        plural: "pods",
        headings: &[
            Heading::new("Ready", ColumnKind::Fraction),
            Heading::status(),
            Heading::integer("Restarts"),
            AGE,
            Heading::text("IP").wide(),
            Heading::text("Node").wide(),
            Heading::text("Nominated Node").wide(),
            Heading::new("Readiness Gates", ColumnKind::Fraction).wide(),
        ],
        project: pod,
    },
    Kind { groups: &[""], plural: "namespaces", headings: &[Heading::status(), AGE], project: namespace },
    Kind {
        groups: &[""],
        plural: "services",
        headings: &[
            Heading::text("Type"),
            Heading::text("Cluster-IP"),
            Heading::text("External-IP"),
            Heading::text("Port(s)"),
            AGE,
            Heading::text("Selector").wide(),
        ],
        project: service,
    },
    Kind { groups: &[""], plural: "endpoints", headings: &[Heading::text("Endpoints"), AGE], project: endpoints },
    Kind {
        groups: &["", "events.k8s.io"],
        plural: "events",
        headings: &[
            Heading::new("Last Seen", ColumnKind::Age),
            Heading::new("Type", ColumnKind::Status),
            Heading::text("Reason"),
            Heading::text("Object"),
            Heading::text("Subobject").wide(),
            Heading::text("Source").wide(),
            Heading::text("Message"),
            Heading::new("First Seen", ColumnKind::Age).wide(),
            Heading::integer("Count").wide(),
        ],
        project: event,
    },
    Kind {
        groups: &[""],
        plural: "serviceaccounts",
        headings: &[Heading::integer("Secrets"), AGE],
        project: |object| plain(object, vec![length(object, "/secrets"), age(object)]),
    },
    Kind {
        groups: &[""],
        plural: "componentstatuses",
        headings: &[Heading::status(), Heading::text("Message"), Heading::text("Error")],
        project: component,
    },
];

fn pod(object: &Object) -> Projection {
    let summary = pod::summary(object);
    let gates = object.items("/spec/readinessGates");
    let open = |gate: &&Value| {
        let kind = gate.text("/conditionType").unwrap_or_default();
        object.condition(kind).is_some_and(|condition| condition.is_true())
    };
    let gates = match gates.len() {
        0 => Cell::Missing,
        all => Cell::fraction(gates.iter().filter(open).count() as i64, all as i64),
    };
    let cells = vec![
        Cell::fraction(summary.ready, summary.total),
        Cell::Text(summary.status.word.clone()),
        Cell::Integer(summary.restarts),
        age(object),
        text(object, "/status/podIP"),
        text(object, "/spec/nodeName"),
        text(object, "/status/nominatedNodeName"),
        gates,
    ];
    Projection { status: summary.status, cells }
}

fn namespace(object: &Object) -> Projection {
    let phase = plain_text(object, "/status/phase");
    let status = match object.text("/status/phase") {
        Some(word) => told_by_conditions(object, Status::new(level_of(word), word)),
        None => Status::new(Level::Unknown, "Unknown"),
    };
    Projection { status, cells: vec![phase, age(object)] }
}

/// A namespace that cannot end says why in conditions such as `NamespaceContentRemaining`.
fn told_by_conditions(object: &Object, status: Status) -> Status {
    let held = |kind: &str| kind.ends_with("Failure") || kind.ends_with("Remaining");
    let found = object.conditions().find(|condition| condition.is_true() && held(condition.kind));
    match found {
        Some(condition) => status.because(condition.reason, condition.message),
        None => status,
    }
}

fn service(object: &Object) -> Projection {
    let kind = object.text("/spec/type").unwrap_or("ClusterIP");
    let balancers: Vec<&str> = object
        .items("/status/loadBalancer/ingress")
        .iter()
        .filter_map(|ingress| ingress.text("/ip").or_else(|| ingress.text("/hostname")))
        .collect();
    let externals: Vec<&str> = object.items("/spec/externalIPs").iter().filter_map(Value::as_str).collect();
    let external = match kind {
        "ExternalName" => text(object, "/spec/externalName"),
        "LoadBalancer" => match joined(balancers.iter().chain(&externals).copied()) {
            Cell::Missing => Cell::text("<pending>"),
            cell => cell,
        },
        _ => joined(externals),
    };
    let status = match (kind, object.deleted()) {
        (_, Some(_)) => terminating(),
        ("LoadBalancer", None) if balancers.is_empty() => {
            Status::new(Level::Waiting, "Pending").because("NoLoadBalancer", "no load balancer has taken it up yet")
        }
        ("LoadBalancer", None) => Status::new(Level::Good, "Active"),
        _ => Status::none(),
    };
    let cells = vec![
        Cell::text(kind),
        cluster_address(object),
        external,
        ports(object),
        age(object),
        labels(object, "/spec/selector"),
    ];
    Projection { status, cells }
}

fn cluster_address(object: &Object) -> Cell {
    let first = object.items("/spec/clusterIPs").first().and_then(Value::as_str);
    Cell::optional(first.or_else(|| object.text("/spec/clusterIP")).filter(|address| !address.is_empty()))
}

/// `80/TCP,443:30443/TCP`.
fn ports(object: &Object) -> Cell {
    let ports: Vec<String> = object
        .items("/spec/ports")
        .iter()
        .map(|port| {
            let number = port.integer("/port").map_or_else(|| "<unknown>".to_owned(), |number| number.to_string());
            let protocol = port.text("/protocol").unwrap_or("TCP");
            match port.integer("/nodePort").filter(|node| *node > 0) {
                Some(node) => format!("{number}:{node}/{protocol}"),
                None => format!("{number}/{protocol}"),
            }
        })
        .collect();
    joined(ports.iter().map(String::as_str))
}

/// The first three addresses, and how many more there are.
fn endpoints(object: &Object) -> Projection {
    let mut all = Vec::new();
    for subset in object.items("/subsets") {
        let addresses = subset.items("/addresses").iter().filter_map(|address| address.text("/ip"));
        let ports: Vec<i64> = subset.items("/ports").iter().filter_map(|port| port.integer("/port")).collect();
        if ports.is_empty() {
            all.extend(addresses.map(str::to_owned));
        } else {
            // As kubectl does: every address of a port, then the next port.
            let addresses: Vec<&str> = addresses.collect();
            for port in ports {
                all.extend(addresses.iter().map(|address| joined_address(address, port)));
            }
        }
    }
    let shown = joined(all.iter().take(3).map(String::as_str));
    let cell = match (shown, all.len()) {
        (Cell::Text(text), count) if count > 3 => Cell::text(&format!("{text} + {} more...", count - 3)),
        (cell, _) => cell,
    };
    plain(object, vec![cell, age(object)])
}

fn joined_address(address: &str, port: i64) -> String {
    if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

/// Reads both `v1` events and those of `events.k8s.io/v1`, which name the same things otherwise.
fn event(object: &Object) -> Projection {
    let either = |left: &'static str, right: &'static str| {
        if object.pointer(left).is_some_and(|value| !value.is_null()) { left } else { right }
    };
    let moment = |pointers: &[&str]| pointers.iter().find_map(|at| object.time(at)).map_or(Cell::Unknown, Cell::from);
    let about = either("/involvedObject", "/regarding");
    let kind = object.text("/type").unwrap_or_default();
    let reason = object.text("/reason").unwrap_or_default();
    let message_at = either("/message", "/note");
    let message = object.text(message_at).unwrap_or_default().trim();
    let level = match kind {
        "Warning" => Level::Warning,
        "Normal" => Level::Good,
        _ => Level::Unknown,
    };
    let count = ["/series/count", "/count", "/deprecatedCount"].iter().find_map(|at| object.integer(at));
    let cells = vec![
        moment(&[
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/deprecatedLastTimestamp",
            "/eventTime",
            "/firstTimestamp",
            "/metadata/creationTimestamp",
        ]),
        plain_text(object, "/type"),
        plain_text(object, "/reason"),
        Cell::text(&object_name(object, about)),
        plain_text(object, &format!("{about}/fieldPath")),
        Cell::text(&source(object)),
        Cell::text(message),
        moment(&["/firstTimestamp", "/deprecatedFirstTimestamp", "/eventTime", "/metadata/creationTimestamp"]),
        Cell::Integer(count.filter(|count| *count > 0).unwrap_or(1)),
    ];
    Projection { status: Status::new(level, kind).because(reason, message), cells }
}

/// `pod/trainer-0`.
fn object_name(object: &Object, about: &str) -> String {
    let part = |field: &str| object.text(&format!("{about}/{field}")).unwrap_or_default();
    let kind = part("kind").to_lowercase();
    if part("name").is_empty() { kind } else { format!("{kind}/{}", part("name")) }
}

/// `kubelet, node-1`.
fn source(object: &Object) -> String {
    let first = |pointers: [&str; 3]| {
        pointers.into_iter().filter_map(|at| object.text(at)).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let component = first(["/source/component", "/deprecatedSource/component", "/reportingComponent"]);
    let component =
        if component.is_empty() { object.text("/reportingController").unwrap_or_default() } else { component };
    let host = first(["/source/host", "/deprecatedSource/host", "/reportingInstance"]);
    let by_source = ["/source/host", "/deprecatedSource/host"].iter().any(|at| object.text(at).is_some());
    let host = if by_source || object.text("/source/component").is_none() { host } else { "" };
    match (component.is_empty(), host.is_empty()) {
        (false, false) => format!("{component}, {host}"),
        (false, true) => component.to_owned(),
        (true, _) => host.to_owned(),
    }
}

fn component(object: &Object) -> Projection {
    let healthy = object.items("/conditions").iter().find(|condition| condition.text("/type") == Some("Healthy"));
    let said = |field: &str| healthy.and_then(|condition| condition.text(field)).unwrap_or_default();
    let (level, word) = match said("/status") {
        "True" => (Level::Good, "Healthy"),
        "False" => (Level::Error, "Unhealthy"),
        _ => (Level::Unknown, "Unknown"),
    };
    let cells = vec![Cell::text(word), Cell::text(said("/message")), Cell::text(said("/error"))];
    Projection { status: Status::new(level, word).because("", said("/message")), cells }
}
