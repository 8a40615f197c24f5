//! Volumes, claims and storage classes.

use pilothouse_model::{Cell, ColumnKind, Level, Object, Projection, Quantity, Read, Status};
use serde_json::Value;

use super::{AGE, Heading, Kind, age, joined, plain, plain_text, terminating, text, truth, whole};

pub(super) const KINDS: &[Kind] = &[
    Kind {
        groups: &[""],
        plural: "persistentvolumes",
        headings: &[
            Heading::new("Capacity", ColumnKind::Bytes),
            Heading::text("Access Modes"),
            Heading::text("Reclaim Policy"),
            Heading::status(),
            Heading::text("Claim"),
            Heading::text("StorageClass"),
            Heading::text("VolumeAttributesClass"),
            Heading::text("Reason"),
            AGE,
            Heading::text("VolumeMode").wide(),
        ],
        project: volume,
    },
    Kind {
        groups: &[""],
        plural: "persistentvolumeclaims",
        headings: &[
            Heading::status(),
            Heading::text("Volume"),
            Heading::new("Capacity", ColumnKind::Bytes),
            Heading::text("Access Modes"),
            Heading::text("StorageClass"),
            Heading::text("VolumeAttributesClass"),
            AGE,
            Heading::text("VolumeMode").wide(),
        ],
        project: claim,
    },
    Kind {
        groups: &["storage.k8s.io"],
        plural: "storageclasses",
        headings: &[
            Heading::text("Provisioner"),
            Heading::text("ReclaimPolicy"),
            Heading::text("VolumeBindingMode"),
            Heading::new("AllowVolumeExpansion", ColumnKind::Boolean),
            AGE,
        ],
        project: storage_class,
    },
    Kind {
        groups: &["storage.k8s.io"],
        plural: "volumeattachments",
        headings: &[
            Heading::text("Attacher"),
            Heading::text("PV"),
            Heading::text("Node"),
            Heading::new("Attached", ColumnKind::Boolean),
            AGE,
        ],
        project: attachment,
    },
    Kind {
        groups: &["storage.k8s.io"],
        plural: "csidrivers",
        headings: &[
            Heading::new("AttachRequired", ColumnKind::Boolean),
            Heading::new("PodInfoOnMount", ColumnKind::Boolean),
            Heading::new("StorageCapacity", ColumnKind::Boolean),
            Heading::text("TokenRequests"),
            Heading::new("RequiresRepublish", ColumnKind::Boolean),
            Heading::text("Modes"),
            AGE,
        ],
        project: driver,
    },
    Kind {
        groups: &["storage.k8s.io"],
        plural: "csinodes",
        headings: &[Heading::integer("Drivers"), AGE],
        project: |object| plain(object, vec![whole(object.items("/spec/drivers").len()), age(object)]),
    },
    Kind {
        groups: &["storage.k8s.io"],
        plural: "volumeattributesclasses",
        headings: &[Heading::text("DriverName"), AGE],
        project: |object| plain(object, vec![plain_text(object, "/driverName"), age(object)]),
    },
];

fn volume(object: &Object) -> Projection {
    let phase = object.text("/status/phase").unwrap_or_default();
    let word = if object.deleted().is_some() { "Terminating" } else { phase };
    let level = match word {
        "Bound" | "Available" => Level::Good,
        "Released" => Level::Idle,
        "Failed" => Level::Error,
        "Pending" => Level::Waiting,
        "Terminating" => Level::Progress,
        _ => Level::Unknown,
    };
    let said = |at| object.text(at).unwrap_or_default();
    let status = Status::new(level, word).because(said("/status/reason"), said("/status/message"));
    let claim = match (object.text("/spec/claimRef/namespace"), object.text("/spec/claimRef/name")) {
        (Some(namespace), Some(name)) => Cell::text(&format!("{namespace}/{name}")),
        _ => Cell::text(""),
    };
    let cells = vec![
        bytes(object, "/spec/capacity/storage"),
        modes(object, "/spec/accessModes"),
        plain_text(object, "/spec/persistentVolumeReclaimPolicy"),
        Cell::text(word),
        claim,
        class(object),
        attributes_class(object, "/spec/volumeAttributesClassName"),
        plain_text(object, "/status/reason"),
        age(object),
        volume_mode(object),
    ];
    Projection { status, cells }
}

fn claim(object: &Object) -> Projection {
    let phase = object.text("/status/phase").unwrap_or_default();
    let status = if object.deleted().is_some() {
        terminating()
    } else {
        let level = match phase {
            "Bound" => Level::Good,
            "Pending" => Level::Waiting,
            "Lost" => Level::Error,
            _ => Level::Unknown,
        };
        resizing(object).unwrap_or_else(|| Status::new(level, phase))
    };
    let bound = !object.text("/spec/volumeName").unwrap_or_default().is_empty();
    let empty = || Cell::text("");
    let cells = vec![
        Cell::Text(if object.deleted().is_some() { "Terminating".into() } else { phase.into() }),
        plain_text(object, "/spec/volumeName"),
        if bound { bytes(object, "/status/capacity/storage") } else { Cell::Missing },
        if bound { modes(object, "/status/accessModes") } else { empty() },
        class(object),
        attributes_class(object, "/spec/volumeAttributesClassName"),
        age(object),
        volume_mode(object),
    ];
    Projection { status, cells }
}

/// A bound claim that is being made larger.
fn resizing(object: &Object) -> Option<Status> {
    let waits = |kind: &str| object.condition(kind).filter(|condition| condition.is_true());
    let condition = waits("FileSystemResizePending").or_else(|| waits("Resizing"))?;
    Some(Status::new(Level::Progress, "Bound").because(condition.kind, condition.message))
}

/// The size as it is written, when it reads as one.
fn bytes(object: &Object, pointer: &str) -> Cell {
    match object.pointer(pointer) {
        None | Some(Value::Null) => Cell::Missing,
        Some(Value::String(text)) => text.parse::<Quantity>().map_or(Cell::Unknown, Cell::Quantity),
        Some(_) => Cell::Unknown,
    }
}

/// `RWO,ROX`, in the order and with the short names that kubectl has.
fn modes(object: &Object, pointer: &str) -> Cell {
    let given: Vec<&str> = object.items(pointer).iter().filter_map(Value::as_str).collect();
    let known =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let short: Vec<&str> = known.into_iter().filter(|(mode, _)| given.contains(mode)).map(|(_, short)| short).collect();
    Cell::text(&short.join(","))
}

fn class(object: &Object) -> Cell {
    let old = object.annotation("volume.beta.kubernetes.io/storage-class");
    Cell::text(old.or_else(|| object.text("/spec/storageClassName")).unwrap_or_default())
}

fn attributes_class(object: &Object, pointer: &str) -> Cell {
    match text(object, pointer) {
        Cell::Missing => Cell::text("<unset>"),
        cell => cell,
    }
}

fn volume_mode(object: &Object) -> Cell {
    match text(object, "/spec/volumeMode") {
        Cell::Missing => Cell::text("<unset>"),
        cell => cell,
    }
}

fn storage_class(object: &Object) -> Projection {
    let or = |pointer: &str, default: &str| Cell::text(object.text(pointer).unwrap_or(default));
    let cells = vec![
        plain_text(object, "/provisioner"),
        or("/reclaimPolicy", "Delete"),
        or("/volumeBindingMode", "Immediate"),
        truth(object, "/allowVolumeExpansion"),
        age(object),
    ];
    plain(object, cells)
}

fn attachment(object: &Object) -> Projection {
    let attached = object.boolean("/status/attached").unwrap_or(false);
    let failed = ["/status/attachError/message", "/status/detachError/message"].iter().find_map(|at| object.text(at));
    let status = match (failed, attached) {
        (Some(message), _) => Status::new(Level::Error, "Failed").because("", message),
        _ if object.deleted().is_some() => terminating(),
        (None, true) => Status::new(Level::Good, "Attached"),
        (None, false) => Status::new(Level::Progress, "Attaching"),
    };
    let cells = vec![
        plain_text(object, "/spec/attacher"),
        plain_text(object, "/spec/source/persistentVolumeName"),
        plain_text(object, "/spec/nodeName"),
        truth(object, "/status/attached"),
        age(object),
    ];
    Projection { status, cells }
}

fn driver(object: &Object) -> Projection {
    let modes: Vec<&str> = object.items("/spec/volumeLifecycleModes").iter().filter_map(Value::as_str).collect();
    let tokens = object.items("/spec/tokenRequests").iter().filter_map(|token| token.text("/audience"));
    let tokens: Vec<&str> = tokens.collect();
    let attach = match object.pointer("/spec/attachRequired") {
        None => Cell::Boolean(true),
        Some(_) => truth(object, "/spec/attachRequired"),
    };
    let cells = vec![
        attach,
        truth(object, "/spec/podInfoOnMount"),
        truth(object, "/spec/storageCapacity"),
        if tokens.is_empty() { Cell::text("<unset>") } else { Cell::text(&tokens.join(",")) },
        truth(object, "/spec/requiresRepublish"),
        joined(modes),
        age(object),
    ];
    plain(object, cells)
}
