//! Every well-known kind at once: rows fit their columns, and no JSON whatever makes any of them fail.

use std::sync::Arc;

use pilothouse_model::{ColumnKind, Object, PrinterColumn, Resource};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{columns, kinds, project, table_cells, table_columns};

fn resource(group: &str, plural: &str) -> Resource {
    Resource::new(group, "v1", plural, "Any")
}

fn check(resource: &Resource, object: &Object) {
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    let projection = project(resource, object);
    assert_eq!(projection.cells.len(), columns(resource).len(), "{}", resource.group_resource());
    let cells = table_cells(resource, object, now);
    assert_eq!(cells.len(), table_columns(resource).len(), "{}", resource.group_resource());
}

#[test]
fn rows_fit_their_columns_and_columns_are_told_apart() {
    let object = Object::new(json!({"metadata": {"name": "x"}})).unwrap();
    let mut seen = std::collections::BTreeSet::new();
    for (group, plural) in kinds::all() {
        let resource = resource(group, plural);
        assert!(seen.insert((group, plural)), "{plural}.{group} stands twice in the table");
        check(&resource, &object);
        let ids: std::collections::BTreeSet<_> = columns(&resource).into_iter().map(|column| column.id).collect();
        assert_eq!(ids.len(), columns(&resource).len(), "{plural}: two columns have one id");
    }
}

#[test]
fn what_is_not_known_shows_its_printer_columns_or_its_age() {
    let mut custom = resource("example.com", "things");
    let titles =
        |resource: &Resource| columns(resource).iter().map(|column| column.title.to_string()).collect::<Vec<_>>();
    assert_eq!(titles(&custom), ["Age"]);
    custom.printer_columns = Some(vec![PrinterColumn {
        name: "Size".to_owned(),
        kind: "integer".to_owned(),
        format: String::new(),
        description: "How large".to_owned(),
        priority: 1,
        json_path: ".spec.size".to_owned(),
    }]);
    assert_eq!(titles(&custom), ["Size"]);
    let column = columns(&custom).remove(0);
    assert_eq!((column.kind, column.wide, &*column.description), (ColumnKind::Integer, true, "How large"));
    let object = Object::new(json!({"metadata": {"name": "x"}, "spec": {"size": 4}})).unwrap();
    let now = "2026-01-02T03:04:05Z".parse().unwrap();
    assert_eq!(table_cells(&custom, &object, now), [json!("x"), json!(4)]);
}

/// Field names that the rows read, so that arbitrary objects reach deep.
const FIELDS: &[&str] = &[
    "spec",
    "status",
    "metadata",
    "containers",
    "initContainers",
    "containerStatuses",
    "initContainerStatuses",
    "name",
    "state",
    "lastState",
    "waiting",
    "terminated",
    "running",
    "reason",
    "message",
    "exitCode",
    "conditions",
    "type",
    "replicas",
    "readyReplicas",
    "selector",
    "matchLabels",
    "matchExpressions",
    "operator",
    "key",
    "values",
    "template",
    "resources",
    "requests",
    "limits",
    "cpu",
    "nvidia.com/gpu",
    "restartPolicy",
    "ports",
    "port",
    "nodePort",
    "phase",
    "metrics",
    "resource",
    "target",
    "averageUtilization",
    "hard",
    "used",
    "subsets",
    "addresses",
    "ip",
    "rules",
    "creationTimestamp",
    "deletionTimestamp",
    "startTime",
    "completionTime",
    "restartCount",
    "labels",
    "subjects",
    "loadBalancer",
    "ingress",
    "involvedObject",
    "series",
    "count",
    "capacity",
    "storage",
    "accessModes",
    "annotations",
    "readinessGates",
    "conditionType",
    "completions",
    "parallelism",
    "succeeded",
    "active",
    "endpoints",
    "webhooks",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-zA-Z0-9/:. -]{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "True",
            "False",
            "Ready",
            "Failed",
            "Always",
            "In",
            "Resource",
            "2026-01-02T03:04:05Z",
            "1Gi",
            "-1"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 96, 6, |inner| {
        let key = prop::sample::select(FIELDS.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_object_makes_a_row_fail(spec in any_json(), status in any_json(), rest in any_json(), metadata in any_json()) {
        let mut value = if rest.is_object() { rest } else { json!({"data": rest, "subsets": spec, "webhooks": status}) };
        value["spec"] = spec;
        value["status"] = status;
        value["metadata"] = if metadata.is_object() { metadata } else { json!({"labels": metadata}) };
        value["metadata"]["name"] = json!("x");
        let object = Arc::new(Object::new(value).unwrap());
        for (group, plural) in kinds::all() {
            check(&resource(group, plural), &object);
        }
        check(&resource("example.com", "things"), &object);
        for pointer in ["/spec", "/status", "/metadata"] {
            crate::pod::requested(object.pointer(pointer).unwrap());
        }
    }
}
