//! What extends the API server itself: custom resource definitions, API services, webhooks, policies, priorities.

use pilothouse_model::{Cell, ColumnKind, Condition, Level, Object, Projection, Read, Status};

use super::{
    AGE, CREATED_AT, Heading, Kind, age, joined, length, optional_count, plain, plain_text, terminating, text,
};

const WEBHOOKS: &[Heading] = &[Heading::integer("Webhooks"), AGE];

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &["apiextensions.k8s.io"],
        plural: "customresourcedefinitions",
        headings: &[CREATED_AT],
        project: definition,
    },
    Kind {
        groups: &["apiregistration.k8s.io"],
        plural: "apiservices",
        headings: &[Heading::text("Service"), Heading::new("Available", ColumnKind::Status), AGE],
        project: api_service,
    },
    webhooks("validatingwebhookconfigurations"),
    webhooks("mutatingwebhookconfigurations"),
    Kind {
        groups: &["admissionregistration.k8s.io"],
        plural: "validatingadmissionpolicies",
        headings: &[Heading::integer("Validations"), Heading::text("ParamKind"), AGE],
        project: |object| {
            let parts = ["/spec/paramKind/apiVersion", "/spec/paramKind/kind"].map(|at| object.text(at));
            let kind = match parts {
                [Some(version), Some(kind)] => Cell::text(&format!("{version}/{kind}")),
                _ => Cell::text("<unset>"),
            };
            plain(object, vec![length(object, "/spec/validations"), kind, age(object)])
        },
    },
    Kind {
        groups: &["admissionregistration.k8s.io"],
        plural: "validatingadmissionpolicybindings",
        headings: &[Heading::text("PolicyName"), Heading::text("ParamRef"), AGE],
        project: policy_binding,
    },
    Kind {
        groups: &["flowcontrol.apiserver.k8s.io"],
        plural: "flowschemas",
        headings: &[
            Heading::text("PriorityLevel"),
            Heading::integer("MatchingPrecedence"),
            Heading::text("DistinguisherMethod"),
            AGE,
            Heading::new("MissingPL", ColumnKind::Text),
        ],
        project: flow_schema,
    },
    Kind {
        groups: &["flowcontrol.apiserver.k8s.io"],
        plural: "prioritylevelconfigurations",
        headings: &[
            Heading::text("Type"),
            Heading::integer("NominalConcurrencyShares"),
            Heading::integer("Queues"),
            Heading::integer("HandSize"),
            Heading::integer("QueueLengthLimit"),
            AGE,
        ],
        project: priority_level,
    },
    Kind {
        groups: &["resource.k8s.io"],
        plural: "resourceclaims",
        headings: &[Heading::new("State", ColumnKind::Status), AGE],
        project: resource_claim,
    },
];

const fn webhooks(plural: &'static str) -> Kind {
    Kind {
        groups: &["admissionregistration.k8s.io"],
        plural,
        headings: WEBHOOKS,
        project: |object| plain(object, vec![length(object, "/webhooks"), age(object)]),
    }
}

fn definition(object: &Object) -> Projection {
    let told = |kind: &str| object.condition(kind);
    let refused = told("NamesAccepted").filter(Condition::is_false);
    let odd = told("NonStructuralSchema").filter(Condition::is_true);
    let status = match (refused, odd, told("Established")) {
        _ if object.deleted().is_some() => terminating(),
        (Some(condition), _, _) => {
            Status::new(Level::Error, "NamesRefused").because(condition.reason, condition.message)
        }
        (_, Some(condition), _) => {
            Status::new(Level::Warning, "NonStructural").because(condition.reason, condition.message)
        }
        (_, _, Some(condition)) if condition.is_true() => Status::new(Level::Good, "Established"),
        (_, _, Some(condition)) => {
            Status::new(Level::Progress, "Installing").because(condition.reason, condition.message)
        }
        _ => Status::none(),
    };
    Projection { status, cells: vec![age(object)] }
}

fn api_service(object: &Object) -> Projection {
    let service = match (object.text("/spec/service/namespace"), object.text("/spec/service/name")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        _ => "Local".to_owned(),
    };
    let available = object.condition("Available");
    let (level, word) = match available {
        Some(condition) if condition.is_true() => (Level::Good, "True".to_owned()),
        Some(condition) if condition.is_false() => (Level::Error, format!("False ({})", condition.reason)),
        Some(condition) if condition.reason.is_empty() => (Level::Unknown, condition.status.to_owned()),
        Some(condition) => (Level::Unknown, format!("{} ({})", condition.status, condition.reason)),
        None => (Level::Unknown, "Unknown".to_owned()),
    };
    let status = match available.filter(|condition| !condition.is_true()) {
        Some(condition) => Status::new(level, &word).because(condition.reason, condition.message),
        None => Status::new(level, &word),
    };
    Projection { status, cells: vec![Cell::text(&service), Cell::text(&word), age(object)] }
}

fn policy_binding(object: &Object) -> Projection {
    let parameters = match (object.text("/spec/paramRef/namespace"), object.text("/spec/paramRef/name")) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => format!("*/{name}"),
        _ => "<unset>".to_owned(),
    };
    plain(object, vec![plain_text(object, "/spec/policyName"), Cell::text(&parameters), age(object)])
}

fn flow_schema(object: &Object) -> Projection {
    let missing = match object.condition("Dangling") {
        Some(condition) => condition.status,
        None => "?",
    };
    let cells = vec![
        plain_text(object, "/spec/priorityLevelConfiguration/name"),
        optional_count(object, "/spec/matchingPrecedence"),
        text(object, "/spec/distinguisherMethod/type"),
        age(object),
        Cell::text(missing),
    ];
    plain(object, cells)
}

fn priority_level(object: &Object) -> Projection {
    let limited = |field: &str| optional_count(object, &format!("/spec/limited/{field}"));
    let shares = match limited("nominalConcurrencyShares") {
        Cell::Missing => limited("assuredConcurrencyShares"),
        cell => cell,
    };
    let queuing = |field: &str| limited(&format!("limitResponse/queuing/{field}"));
    let cells = vec![
        plain_text(object, "/spec/type"),
        shares,
        queuing("queues"),
        queuing("handSize"),
        queuing("queueLengthLimit"),
        age(object),
    ];
    plain(object, cells)
}

fn resource_claim(object: &Object) -> Projection {
    let mut states = Vec::new();
    if object.deleted().is_some() {
        states.push("deleted");
    }
    let allocated = object.pointer("/status/allocation").is_some_and(|allocation| allocation.is_object());
    if allocated {
        states.push("allocated");
    }
    if !object.items("/status/reservedFor").is_empty() {
        states.push("reserved");
    }
    if states.is_empty() {
        states.push("pending");
    }
    let level = match (object.deleted(), allocated) {
        (Some(_), _) => Level::Progress,
        (None, true) => Level::Good,
        (None, false) => Level::Waiting,
    };
    let cell = joined(states.iter().copied());
    Projection { status: Status::new(level, &states.join(",")), cells: vec![cell, age(object)] }
}
