//! Sample data for the tests of pages.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pilothouse_app::{
    AppError, ClusterView, ConnectionState, Dependent, ErrorKind, Gap, Listing, ObjectView, Record, Relative,
};
use pilothouse_model::{
    Cause, Cell, Certainty, ClusterId, Column, ColumnKind, Completeness, Evidence, Fact, Level, Object, ObjectRef,
    Projection, Resource, Row, Section, Status, Value,
};
use serde_json::json;

use crate::components::scene::Scene;
use crate::question::Question;

pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn resource(group: &str, version: &str, plural: &str, kind: &str) -> Arc<Resource> {
    Arc::new(Resource {
        verbs: vec!["list".into(), "get".into(), "watch".into()],
        ..Resource::new(group, version, plural, kind)
    })
}

/// Every Pod is served, nothing else.
pub(crate) fn with_scene<T>(with: impl FnOnce(&Scene<'_>) -> T) -> T {
    let pods = resource("", "v1", "pods", "Pod");
    let resolve = move |reference: &ObjectRef| (reference.kind == "Pod").then(|| Arc::clone(&pods));
    with(&Scene { cluster: "prod", now: now(), scope: Question::default(), resolve: &resolve })
}

pub(crate) fn clusters() -> Vec<ClusterView> {
    let view = |name: &str, server: Option<&str>, connection, current| ClusterView {
        id: ClusterId::new(name),
        server: server.map(str::to_owned),
        connection,
        current,
    };
    let error = AppError::new(ErrorKind::Unavailable, "cannot reach the API server https://10.0.0.1:6443: refused");
    let failed = ConnectionState::Failed { error, retry_at: now() + SignedDuration::from_secs(8), attempts: 3 };
    vec![
        view("prod", Some("https://10.0.0.2"), ConnectionState::Connected { version: "v1.33.2".into() }, true),
        view("lab", Some("https://10.0.0.1:6443"), failed, false),
        view("spare", None, ConnectionState::Idle, false),
    ]
}

fn columns() -> Arc<[Column]> {
    [
        Column::new("Ready", ColumnKind::Fraction),
        Column::new("Status", ColumnKind::Status),
        Column::new("Restarts", ColumnKind::Integer),
        Column::new("Age", ColumnKind::Age),
        Column::new("Node", ColumnKind::Text).wide(),
    ]
    .into()
}

fn pod(namespace: &str, name: &str) -> Object {
    Object::new(json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("uid-{name}"), "resourceVersion": "1",
            "creationTimestamp": "2026-03-01T11:00:00Z",
            "labels": {"app": "<img src=x>", "team": namespace},
            "annotations": {"note": "</script><b>bold</b>"},
        },
        "spec": {"nodeName": "gpu-1"},
        "status": {"conditions": [
            {"type": "Ready", "status": "False", "reason": "ContainersNotReady", "message": "<i>no</i>", "lastTransitionTime": "2026-03-01T11:30:00Z"},
        ]},
    }))
    .unwrap()
}

fn row(namespace: &str, name: &str, status: Status) -> Row {
    let object = pod(namespace, name);
    let cells = vec![
        Cell::fraction(0, 1),
        Cell::Text(status.word.clone()),
        Cell::Missing,
        object.created().unwrap().into(),
        Cell::text("<img src=x>"),
    ];
    Row::assemble(resource("", "v1", "pods", "Pod"), &object, Projection { status, cells }, &mut |text| text.into())
}

pub(crate) fn listing() -> Listing {
    let row = |namespace, name, status| {
        Arc::new(Record { row: row(namespace, name, status), body: pilothouse_store::Body::none() })
    };
    Listing {
        columns: columns(),
        rows: vec![
            row("team-a", "web-0", Status::new(Level::Good, "Running")),
            row("team-b", "train-1", Status::new(Level::Error, "Failed").because("OOMKilled", "<img src=x>")),
            row("team-b", "train-2", Status::new(Level::Waiting, "Pending")),
        ],
        total: 1234,
        next: None,
        unfiltered: 1300,
        as_of: Some(now() - SignedDuration::from_secs(3)),
        completeness: Completeness::Complete,
        notes: vec!["2 objects could not be read".to_owned()],
    }
}

fn reference(kind: &str, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: if kind == "Pod" { "v1" } else { "kubeflow.org/v1" }.to_owned(),
        kind: kind.to_owned(),
        namespace: Some("team-b".to_owned()),
        name: name.to_owned(),
        uid: None,
    }
}

fn event(reason: &str, kind: &str) -> Arc<Object> {
    let event = json!({
        "apiVersion": "v1", "kind": "Event",
        "metadata": {"name": format!("e-{reason}"), "namespace": "team-b"},
        "type": kind, "reason": reason, "message": "<b>it happened</b>", "count": 4,
        "lastTimestamp": "2026-03-01T11:58:00Z",
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": "team-b", "name": "train-1"},
    });
    Arc::new(Object::new(event).unwrap())
}

pub(crate) fn object_view() -> ObjectView {
    let cause = Cause {
        id: "out-of-memory",
        certainty: Certainty::Certain,
        title: "Container `main` ran out of memory (limit 16Gi)".to_owned(),
        detail: "It was killed twice.".to_owned(),
        advice: vec!["Raise the memory limit.".to_owned()],
        evidence: vec![Evidence {
            object: reference("Pod", "train-1"),
            field: "status.containerStatuses[main].lastState.terminated.reason".to_owned(),
            value: "OOMKilled".to_owned(),
            since: Some(now() - SignedDuration::from_mins(5)),
        }],
    };
    let relative =
        |kind: &str, name: &str, status| Relative { reference: reference(kind, name), resource: None, status };
    ObjectView {
        resource: resource("", "v1", "pods", "Pod"),
        object: Arc::new(pod("team-b", "train-1")),
        row: row("team-b", "train-1", Status::new(Level::Error, "Failed").because("OOMKilled", "killed")),
        columns: columns(),
        owners: vec![relative("PyTorchJob", "train", None)],
        dependents: vec![Dependent {
            relative: relative("Pod", "train-1-sidecar", Some(Status::new(Level::Good, "Running"))),
            depth: 1,
        }],
        causes: vec![cause],
        sections: vec![
            Section::Facts {
                title: "Training".to_owned(),
                facts: vec![
                    Fact::text("Framework", "<PyTorch>"),
                    Fact::new("Console", Value::Outside { text: "Open".into(), address: "javascript:alert(1)".into() }),
                    Fact::new("Pods", Value::Many(vec![Value::Object(reference("Pod", "train-1")), Value::Unknown])),
                ],
            },
            Section::Graph {
                title: "Steps".to_owned(),
                nodes: ["a", "b"].map(graph_node).into(),
                edges: vec![("a".into(), "b".into()), ("a".into(), "gone".into())],
            },
        ],
        events: vec![event("BackOff", "Warning"), event("Pulled", "Normal")],
        events_completeness: Completeness::Complete,
        gaps: vec![Gap { resource: "jobs.batch".into(), completeness: Completeness::Forbidden("<b>no</b>".into()) }],
        completeness: Completeness::Complete,
        as_of: Some(now()),
        gone: false,
    }
}

fn graph_node(id: &str) -> pilothouse_model::page::Node {
    pilothouse_model::page::Node {
        id: id.to_owned(),
        label: format!("step {id} with a name that is too long to fit"),
        status: Status::new(Level::Done, "Succeeded"),
        started: Some(now() - SignedDuration::from_mins(9)),
        finished: Some(now() - SignedDuration::from_mins(4)),
        object: Some(reference("Pod", id)),
    }
}

/// HTML with a line break before each tag, so that snapshots read and differ line by line. The names of assets carry a hash
/// of their content, and snapshots must not change with every new colour.
pub(crate) fn pretty(html: &str) -> String {
    html.replace(crate::assets::ICONS, "/assets/icons.svg").replace("><", ">\n<")
}
