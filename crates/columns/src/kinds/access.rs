//! Roles, bindings and certificate requests.

use jiff::SignedDuration;
use pilothouse_model::{Cell, ColumnKind, Level, Object, Projection, Read, Status};

use super::{AGE, CREATED_AT, Heading, Kind, age, plain, plain_text, terminating, text};

const BINDING: &[Heading] = &[
    Heading::text("Role"),
    AGE,
    Heading::text("Users").wide(),
    Heading::text("Groups").wide(),
    Heading::text("ServiceAccounts").wide(),
];

pub(super) const KINDS: &[Kind] = &[
    role("roles"),
    role("clusterroles"),
    Kind { groups: &["rbac.authorization.k8s.io"], plural: "rolebindings", headings: BINDING, project: binding },
    Kind { groups: &["rbac.authorization.k8s.io"], plural: "clusterrolebindings", headings: BINDING, project: binding },
    Kind {
        groups: &["certificates.k8s.io"],
        plural: "certificatesigningrequests",
        headings: &[
            AGE,
            Heading::text("SignerName"),
            Heading::text("Requestor"),
            Heading::new("RequestedDuration", ColumnKind::Duration),
            Heading::new("Condition", ColumnKind::Status),
        ],
        project: signing_request,
    },
];

const fn role(plural: &'static str) -> Kind {
    Kind {
        groups: &["rbac.authorization.k8s.io"],
        plural,
        headings: &[CREATED_AT],
        project: |object| plain(object, vec![age(object)]),
    }
}

fn binding(object: &Object) -> Projection {
    let part = |field: &str| object.text(&format!("/roleRef/{field}")).unwrap_or("<unknown>");
    let role = Cell::text(&format!("{}/{}", part("kind"), part("name")));
    let of = |kind: &str| {
        let subjects = object.items("/subjects").iter().filter(|subject| subject.text("/kind") == Some(kind));
        let names = subjects.map(|subject| {
            let name = subject.text("/name").unwrap_or("<unknown>");
            match subject.text("/namespace") {
                Some(namespace) if kind == "ServiceAccount" => format!("{namespace}/{name}"),
                _ => name.to_owned(),
            }
        });
        Cell::text(&names.collect::<Vec<_>>().join(", "))
    };
    plain(object, vec![role, age(object), of("User"), of("Group"), of("ServiceAccount")])
}

fn signing_request(object: &Object) -> Projection {
    let has = |kind: &str| object.condition(kind).is_some();
    let (mut level, mut word) = if has("Denied") {
        (Level::Error, "Denied".to_owned())
    } else if has("Approved") {
        (Level::Progress, "Approved".to_owned())
    } else {
        (Level::Waiting, "Pending".to_owned())
    };
    if has("Failed") {
        level = Level::Error;
        word.push_str(",Failed");
    }
    if object.text("/status/certificate").is_some_and(|certificate| !certificate.is_empty()) {
        level = if level == Level::Error { level } else { Level::Done };
        word.push_str(",Issued");
    }
    let told = ["Failed", "Denied", "Approved"].iter().find_map(|kind| object.condition(kind));
    let status = match (object.deleted(), told) {
        (Some(_), _) => terminating(),
        (None, Some(condition)) => Status::new(level, &word).because(condition.reason, condition.message),
        (None, None) => Status::new(level, &word),
    };
    let span = object.integer("/spec/expirationSeconds").map(SignedDuration::from_secs);
    let cells = vec![
        age(object),
        text(object, "/spec/signerName"),
        plain_text(object, "/spec/username"),
        span.map_or(Cell::Missing, Cell::from),
        Cell::text(&word),
    ];
    Projection { status, cells }
}
