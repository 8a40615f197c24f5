//! Profile: a namespace of a person or a team, with its owner and its quota.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::*;

use super::family::Family;
use super::kinds::{NAMESPACES, RESOURCE_QUOTAS};
use super::{cells, why};

pub(super) struct Profile;

fn status(object: &Object) -> Status {
    let told = |kind: &str| object.condition(kind).filter(Condition::is_true);
    // The controller writes the word into `type` and the text into `message`; `status` it may leave out.
    let present = |kind: &str| told(kind).or_else(|| object.condition(kind).filter(|found| found.status == "Unknown"));
    if object.deleted().is_some() {
        return Status::new(Level::Progress, "Terminating");
    }
    if let Some(failed) = present("Failed") {
        return Status::new(Level::Error, "Failed").because(failed.reason, failed.message);
    }
    match present("Successful") {
        Some(ready) => Status::new(Level::Good, "Ready").because(ready.reason, ready.message),
        None => Status::new(Level::Unknown, "Unknown"),
    }
}

impl Family for Profile {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("Status", ColumnKind::Status),
            Column::new("Owner", ColumnKind::Text),
            Column::new("CPU quota", ColumnKind::Text),
            Column::new("Memory quota", ColumnKind::Text),
            Column::new("GPU quota", ColumnKind::Text),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = status(object);
        let quota = |names: [&str; 2]| {
            let hard = object.pointer("/spec/resourceQuotaSpec/hard");
            let found = names.iter().find_map(|name| hard?.get(name));
            found.map_or(Cell::Missing, |value| match value {
                serde_json::Value::String(text) => Cell::text(text),
                serde_json::Value::Number(number) => Cell::text(&number.to_string()),
                _ => Cell::Unknown,
            })
        };
        let cells = vec![
            Cell::text(&status.word),
            cells::text(object.text("/spec/owner/name")),
            quota(["requests.cpu", "cpu"]),
            quota(["requests.memory", "memory"]),
            quota(["requests.nvidia.com/gpu", "requests.amd.com/gpu"]),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn links(&self, object: &Object) -> Vec<Link> {
        let name = object.name().to_owned();
        let quota = LinkTarget::Named {
            resource: RESOURCE_QUOTAS,
            namespace: Some(name.clone()),
            name: "kf-resource-quota".to_owned(),
        };
        let namespace = LinkTarget::Named { resource: NAMESPACES, namespace: None, name };
        vec![Link { relation: "namespace", target: namespace }, Link { relation: "quota", target: quota }]
    }

    fn explain(&self, object: &Object, _objects: &dyn Objects) -> Vec<Cause> {
        let failed = object.condition("Failed").filter(|_| status(object).level == Level::Error);
        let told = failed.map(|failed| {
            why::condition("profile-failed", object, &failed, "The profile could not be set up".to_owned())
        });
        told.into_iter().collect()
    }

    fn sections(&self, object: &Object, _objects: &dyn Objects) -> Vec<Section> {
        let facts = vec![
            Fact::new("Owner", cells::shown(object.text("/spec/owner/name"))),
            Fact::new("Owner's kind", cells::shown(object.text("/spec/owner/kind"))),
            Fact::new("Namespace", Shown::Text(object.name().to_owned())),
        ];
        vec![
            Section::Facts { title: "Profile".to_owned(), facts },
            Section::Listing {
                title: "What runs in its namespace".to_owned(),
                resource: None,
                query: format!("ns:{}", object.name()),
                sort: "age".to_owned(),
                limit: 50,
                empty: "Nothing runs in this namespace.".to_owned(),
            },
        ]
    }
}
