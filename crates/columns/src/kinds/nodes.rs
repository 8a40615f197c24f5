//! Nodes and what runs beneath pods: runtime classes, priority classes, leases.

use pilothouse_model::{Cell, ColumnKind, Level, Object, Projection, Read, Status};

use super::{AGE, Heading, Kind, age, count, joined, plain, plain_text, text, truth};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &[""],
        plural: "nodes",
        headings: &[
            Heading::status(),
            Heading::text("Roles"),
            AGE,
            Heading::text("Version"),
            Heading::text("Internal-IP").wide(),
            Heading::text("External-IP").wide(),
            Heading::text("OS-Image").wide(),
            Heading::text("Kernel-Version").wide(),
            Heading::text("Container-Runtime").wide(),
        ],
        project: node,
    },
    Kind {
        groups: &["scheduling.k8s.io"],
        plural: "priorityclasses",
        headings: &[
            Heading::integer("Value"),
            Heading::new("Global-Default", ColumnKind::Boolean),
            AGE,
            Heading::text("PreemptionPolicy"),
        ],
        project: priority_class,
    },
    Kind {
        groups: &["node.k8s.io"],
        plural: "runtimeclasses",
        headings: &[Heading::text("Handler"), AGE],
        project: |object| plain(object, vec![plain_text(object, "/handler"), age(object)]),
    },
    Kind {
        groups: &["coordination.k8s.io"],
        plural: "leases",
        headings: &[Heading::text("Holder"), AGE],
        project: |object| plain(object, vec![plain_text(object, "/spec/holderIdentity"), age(object)]),
    },
];

fn node(object: &Object) -> Projection {
    let status = node_status(object);
    let cells = vec![
        Cell::Text(status.word.clone()),
        roles(object),
        age(object),
        plain_text(object, "/status/nodeInfo/kubeletVersion"),
        address(object, "InternalIP"),
        address(object, "ExternalIP"),
        told(object, "/status/nodeInfo/osImage"),
        told(object, "/status/nodeInfo/kernelVersion"),
        told(object, "/status/nodeInfo/containerRuntimeVersion"),
    ];
    Projection { status, cells }
}

fn told(object: &Object, pointer: &str) -> Cell {
    match text(object, pointer) {
        Cell::Missing => Cell::Unknown,
        cell => cell,
    }
}

/// kubectl's word, and the pressures that a node reports beside being ready.
fn node_status(object: &Object) -> Status {
    let ready = object.condition("Ready");
    let (mut level, mut word) = match ready {
        Some(condition) if condition.is_true() => (Level::Good, "Ready".to_owned()),
        Some(_) => (Level::Error, "NotReady".to_owned()),
        None => (Level::Unknown, "Unknown".to_owned()),
    };
    let (mut reason, mut message) =
        ready.filter(|_| level != Level::Good).map_or(("", ""), |condition| (condition.reason, condition.message));
    let trouble = object.conditions().find(|condition| {
        condition.is_true()
            && (condition.kind.ends_with("Pressure")
                || matches!(condition.kind, "NetworkUnavailable" | "KernelDeadlock" | "ReadonlyFilesystem"))
    });
    if let Some(condition) = trouble.filter(|_| level == Level::Good) {
        (level, reason, message) = (Level::Warning, condition.kind, condition.message);
    }
    if object.boolean("/spec/unschedulable") == Some(true) {
        word.push_str(",SchedulingDisabled");
        if level == Level::Good {
            level = Level::Warning;
            (reason, message) = ("Cordoned", "new pods are not placed here");
        }
    }
    Status::new(level, &word).because(reason, message)
}

fn roles(object: &Object) -> Cell {
    let mut roles: Vec<&str> = object
        .labels()
        .filter_map(|(key, value)| match key.strip_prefix("node-role.kubernetes.io/") {
            Some(role) => Some(role),
            None => (key == "kubernetes.io/role").then_some(value),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    joined(roles)
}

fn address(object: &Object, kind: &str) -> Cell {
    let addresses = object.items("/status/addresses");
    let found = addresses.iter().find(|address| address.text("/type") == Some(kind));
    Cell::optional(found.and_then(|address| address.text("/address")))
}

fn priority_class(object: &Object) -> Projection {
    let policy = object.text("/preemptionPolicy").unwrap_or("PreemptLowerPriority");
    plain(object, vec![count(object, "/value"), truth(object, "/globalDefault"), age(object), Cell::text(policy)])
}
