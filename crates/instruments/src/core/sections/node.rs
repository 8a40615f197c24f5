//! A node's page: its machine, what it has to give, its taints, and the pods on it.

use pilothouse_model::{Cell, Column, ColumnKind, Object, Quantity, Read, Section, Value};

use super::{facts, listing, text_fact};

/// The sections of a node.
pub(super) fn sections(object: &Object) -> Vec<Section> {
    let opening = facts([
        text_fact("Kubelet", object, "/status/nodeInfo/kubeletVersion"),
        text_fact("Operating system", object, "/status/nodeInfo/osImage"),
        text_fact("Kernel", object, "/status/nodeInfo/kernelVersion"),
        text_fact("Architecture", object, "/status/nodeInfo/architecture"),
        text_fact("Container runtime", object, "/status/nodeInfo/containerRuntimeVersion"),
        text_fact("Provider", object, "/spec/providerID"),
    ]);
    let pods = listing("Pods", Some(("", "pods")), format!("node:{}", object.name()), "namespace,name");
    [Some(opening), Some(capacity(object)), taints(object), Some(pods)].into_iter().flatten().collect()
}

fn capacity(object: &Object) -> Section {
    let columns = vec![
        Column::new("Resource", ColumnKind::Text),
        Column::new("Capacity", ColumnKind::Text),
        Column::new("Allocatable", ColumnKind::Text),
    ];
    let mut names: Vec<&str> =
        object.entries("/status/capacity").chain(object.entries("/status/allocatable")).map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    let row = |name: &str| {
        let amount = |list: &str| {
            let text = object.pointer(&format!("/status/{list}")).and_then(|list| list.get(name)?.as_str());
            match text.map(|text| (text, text.parse::<Quantity>())) {
                None => Cell::Missing,
                Some((_, Ok(amount))) if is_bytes(name) => Cell::text(&amount.bytes()),
                Some((text, _)) => Cell::text(text),
            }
        };
        (None, [Cell::text(name), amount("capacity"), amount("allocatable")].map(Value::Cell).to_vec())
    };
    let rows = names.into_iter().map(row).collect();
    Section::Table {
        title: "Resources".to_owned(),
        columns,
        rows,
        empty: "The node has not told what it has.".to_owned(),
    }
}

fn is_bytes(resource: &str) -> bool {
    matches!(resource, "memory" | "ephemeral-storage") || resource.starts_with("hugepages-")
}

fn taints(object: &Object) -> Option<Section> {
    let columns = vec![
        Column::new("Key", ColumnKind::Text),
        Column::new("Value", ColumnKind::Text),
        Column::new("Effect", ColumnKind::Text),
        Column::new("Since", ColumnKind::Age),
    ];
    let row = |taint: &serde_json::Value| {
        let since = taint.time("/timeAdded").map_or(Cell::Missing, Cell::from);
        let texts = ["/key", "/value", "/effect"].map(|at| Cell::optional(taint.text(at)));
        (None, texts.into_iter().chain([since]).map(Value::Cell).collect())
    };
    let rows: Vec<_> = object.items("/spec/taints").iter().map(row).collect();
    (!rows.is_empty()).then(|| Section::Table { title: "Taints".to_owned(), columns, rows, empty: String::new() })
}
