//! Controllers that keep pods running.

use pilothouse_model::{Cell, ColumnKind, Level, Object, Projection, Read, Status};

use super::{AGE, Heading, Kind, age, containers, count, joined, labels, plain, selector, terminating};

const CONTAINERS: Heading = Heading::text("Containers").wide();
const IMAGES: Heading = Heading::text("Images").wide();
const SELECTOR: Heading = Heading::text("Selector").wide();
const READY: Heading = Heading::new("Ready", ColumnKind::Fraction);

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &["apps", "extensions"],
        plural: "deployments",
        headings: &[
            READY,
            Heading::integer("Up-to-date"),
            Heading::integer("Available"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        project: deployment,
    },
    Kind {
        groups: &["apps", "extensions"],
        plural: "replicasets",
        headings: &[
            Heading::integer("Desired"),
            Heading::integer("Current"),
            Heading::integer("Ready"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        project: |object| replicas(object, selector(object.pointer("/spec/selector"))),
    },
    Kind {
        groups: &[""],
        plural: "replicationcontrollers",
        headings: &[
            Heading::integer("Desired"),
            Heading::integer("Current"),
            Heading::integer("Ready"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        project: |object| replicas(object, labels(object, "/spec/selector")),
    },
    Kind {
        groups: &["apps"],
        plural: "statefulsets",
        headings: &[READY, AGE, CONTAINERS, IMAGES],
        project: stateful_set,
    },
    Kind {
        groups: &["apps", "extensions"],
        plural: "daemonsets",
        headings: &[
            Heading::integer("Desired"),
            Heading::integer("Current"),
            Heading::integer("Ready"),
            Heading::integer("Up-to-date"),
            Heading::integer("Available"),
            Heading::text("Node Selector"),
            AGE,
            CONTAINERS,
            IMAGES,
            SELECTOR,
        ],
        project: daemon_set,
    },
    Kind {
        groups: &["apps"],
        plural: "controllerrevisions",
        headings: &[Heading::text("Controller"), Heading::integer("Revision"), AGE],
        project: controller_revision,
    },
    Kind {
        groups: &[""],
        plural: "podtemplates",
        headings: &[Heading::text("Containers"), Heading::text("Images"), Heading::text("Pod Labels")],
        project: |object| {
            let [names, images] = containers(object, "/template/spec");
            plain(object, vec![names, images, labels(object, "/template/metadata/labels")])
        },
    },
];

/// `spec.replicas`; the API server fills in one.
fn desired(object: &Object) -> Option<i64> {
    match object.pointer("/spec/replicas") {
        None => Some(1),
        Some(replicas) => replicas.as_i64(),
    }
}

fn number(object: &Object, pointer: &str) -> i64 {
    object.integer(pointer).unwrap_or(0)
}

/// `ready/desired`.
fn ready_of_desired(object: &Object) -> Cell {
    match (count(object, "/status/readyReplicas"), desired(object)) {
        (Cell::Integer(ready), Some(desired)) => Cell::fraction(ready, desired),
        _ => Cell::Unknown,
    }
}

/// How a set of replicas stands by numbers alone.
fn by_numbers(object: &Object, desired: Option<i64>, ready: i64, updated: Option<i64>) -> Status {
    let Some(desired) = desired else { return Status::new(Level::Unknown, "Unknown") };
    let seen = object.integer("/status/observedGeneration").zip(object.integer("/metadata/generation"));
    if object.deleted().is_some() {
        terminating()
    } else if seen.is_some_and(|(seen, wanted)| seen < wanted) {
        Status::new(Level::Progress, "Updating").because("", "the controller has not seen the latest change yet")
    } else if desired == 0 {
        if ready > 0 { Status::new(Level::Progress, "Stopping") } else { Status::new(Level::Idle, "Stopped") }
    } else if updated.is_some_and(|updated| updated < desired) {
        let message = format!("{} of {desired} replicas are of the latest revision", updated.unwrap_or(0));
        Status::new(Level::Progress, "Updating").because("", &message)
    } else if ready < desired {
        let message = format!("{ready} of {desired} replicas are ready");
        let word = if ready == 0 { "Unavailable" } else { "Degraded" };
        Status::new(Level::Warning, word).because("", &message)
    } else {
        Status::new(Level::Good, "Ready")
    }
}

fn deployment(object: &Object) -> Projection {
    let [names, images] = containers(object, "/spec/template/spec");
    let cells = vec![
        ready_of_desired(object),
        count(object, "/status/updatedReplicas"),
        count(object, "/status/availableReplicas"),
        age(object),
        names,
        images,
        selector(object.pointer("/spec/selector")),
    ];
    Projection { status: deployment_status(object), cells }
}

fn deployment_status(object: &Object) -> Status {
    let ready = number(object, "/status/readyReplicas");
    let by_numbers = by_numbers(object, desired(object), ready, Some(number(object, "/status/updatedReplicas")));
    if matches!(&*by_numbers.word, "Ready" | "Stopped" | "Stopping" | "Terminating") {
        return by_numbers;
    }
    let stuck = object.condition("Progressing").filter(|condition| condition.is_false());
    if let Some(condition) = stuck {
        return Status::new(Level::Error, "Stuck").because(condition.reason, condition.message);
    }
    if let Some(condition) = object.condition("ReplicaFailure").filter(|condition| condition.is_true()) {
        return Status::new(Level::Error, "ReplicaFailure").because(condition.reason, condition.message);
    }
    if object.boolean("/spec/paused") == Some(true) && &*by_numbers.word == "Updating" {
        return Status::new(Level::Idle, "Paused").because("", "its rollout is paused");
    }
    by_numbers
}

fn replicas(object: &Object, selector: Cell) -> Projection {
    let [names, images] = containers(object, "/spec/template/spec");
    let cells = vec![
        desired(object).map_or(Cell::Unknown, Cell::Integer),
        count(object, "/status/replicas"),
        count(object, "/status/readyReplicas"),
        age(object),
        names,
        images,
        selector,
    ];
    let failure = object.condition("ReplicaFailure").filter(|condition| condition.is_true());
    let status = match failure {
        Some(condition) => Status::new(Level::Error, "ReplicaFailure").because(condition.reason, condition.message),
        None => by_numbers(object, desired(object), number(object, "/status/readyReplicas"), None),
    };
    Projection { status, cells }
}

fn stateful_set(object: &Object) -> Projection {
    let [names, images] = containers(object, "/spec/template/spec");
    // With a partition, or when it is updated by hand, old replicas are as wanted.
    let by_hand = object.text("/spec/updateStrategy/type") == Some("OnDelete")
        || object.integer("/spec/updateStrategy/rollingUpdate/partition").is_some_and(|partition| partition > 0);
    let rolling = object.text("/status/updateRevision") != object.text("/status/currentRevision");
    let updated = (rolling && !by_hand).then(|| number(object, "/status/updatedReplicas"));
    let status = by_numbers(object, desired(object), number(object, "/status/readyReplicas"), updated);
    Projection { status, cells: vec![ready_of_desired(object), age(object), names, images] }
}

fn daemon_set(object: &Object) -> Projection {
    let [names, images] = containers(object, "/spec/template/spec");
    let cells = vec![
        count(object, "/status/desiredNumberScheduled"),
        count(object, "/status/currentNumberScheduled"),
        count(object, "/status/numberReady"),
        count(object, "/status/updatedNumberScheduled"),
        count(object, "/status/numberAvailable"),
        labels(object, "/spec/template/spec/nodeSelector"),
        age(object),
        names,
        images,
        selector(object.pointer("/spec/selector")),
    ];
    let by_hand = object.text("/spec/updateStrategy/type") == Some("OnDelete");
    let updated = (!by_hand).then(|| number(object, "/status/updatedNumberScheduled"));
    let desired = object.integer("/status/desiredNumberScheduled");
    let status = match desired {
        Some(0) if object.deleted().is_none() => {
            Status::new(Level::Idle, "Idle").because("", "no node is selected for it")
        }
        _ => by_numbers(object, desired, number(object, "/status/numberReady"), updated),
    };
    Projection { status, cells }
}

fn controller_revision(object: &Object) -> Projection {
    let controller = object.controller().map(|owner| {
        let kind = owner.kind.to_lowercase();
        match owner.group() {
            "" => format!("{kind}/{}", owner.name),
            group => format!("{kind}.{group}/{}", owner.name),
        }
    });
    plain(object, vec![joined(controller.as_deref()), count(object, "/revision"), age(object)])
}
