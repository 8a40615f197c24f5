//! A pod's page: where it runs, its containers, its volumes.

use pilothouse_columns::pod;
use pilothouse_model::{Cell, Column, ColumnKind, Fact, Level, Object, Quantity, Read, Section, Status, Value};
use serde_json::Value as Json;

use super::{amount_fact, facts, link, text_fact, time_fact};

/// The sections of a pod.
pub(super) fn sections(object: &Object) -> Vec<Section> {
    let node = object.text("/spec/nodeName").filter(|name| !name.is_empty());
    let asked = pod::requested(object.pointer("/spec").unwrap_or(&Json::Null));
    let account = object.text("/spec/serviceAccountName").filter(|name| !name.is_empty());
    let opening = facts([
        node.map(|name| Fact::new("Node", link("Node", None, name))),
        text_fact("IP", object, "/status/podIP"),
        time_fact("Started", object, "/status/startTime"),
        amount_fact("CPU requested", asked.cpu, Value::Cpu),
        amount_fact("Memory requested", asked.memory, Value::Bytes),
        amount_fact("GPUs requested", asked.gpus, |gpus| Value::Number(gpus.as_f64())),
        account.map(|name| Fact::new("Service account", link("ServiceAccount", object.namespace(), name))),
        text_fact("Quality of service", object, "/status/qosClass"),
        text_fact("Priority class", object, "/spec/priorityClassName"),
        text_fact("Scheduler", object, "/spec/schedulerName").filter(|_| node.is_none()),
    ]);
    std::iter::once(opening).chain([containers(object)]).chain(volumes(object)).collect()
}

fn containers(object: &Object) -> Section {
    let columns = vec![
        Column::new("Name", ColumnKind::Text),
        Column::new("State", ColumnKind::Status),
        Column::new("Ready", ColumnKind::Boolean),
        Column::new("Restarts", ColumnKind::Integer),
        Column::new("Last end", ColumnKind::Text),
        Column::new("Image", ColumnKind::Text),
        Column::new("CPU request", ColumnKind::Cpu),
        Column::new("CPU limit", ColumnKind::Cpu),
        Column::new("Memory request", ColumnKind::Bytes),
        Column::new("Memory limit", ColumnKind::Bytes),
        Column::new("GPUs", ColumnKind::Integer),
    ];
    let lists = [("initContainers", "initContainerStatuses"), ("containers", "containerStatuses")];
    let rows = lists.into_iter().flat_map(|(specs, statuses)| {
        let statuses = object.items(&format!("/status/{statuses}"));
        object.items(&format!("/spec/{specs}")).iter().map(move |spec| {
            let status = statuses.iter().find(|status| status.text("/name") == spec.text("/name"));
            (None, container(spec, status.unwrap_or(&Json::Null)))
        })
    });
    let rows = rows.collect();
    Section::Table { title: "Containers".to_owned(), columns, rows, empty: "No containers.".to_owned() }
}

fn container(spec: &Json, status: &Json) -> Vec<Value> {
    let amount = |pointer: &str| match spec.text(pointer).map(str::parse::<Quantity>) {
        None => Cell::Missing,
        Some(Ok(amount)) => Cell::Quantity(amount),
        Some(Err(_)) => Cell::Unknown,
    };
    let gpus = pod::requested(&serde_json::json!({ "containers": [spec] })).gpus;
    let image = spec.text("/image").map_or(Value::Unknown, |image| Value::Code(image.to_owned()));
    vec![
        Value::Cell(spec.text("/name").map_or(Cell::Unknown, Cell::text)),
        Value::Status(state(status)),
        Value::Cell(status.boolean("/ready").map_or(Cell::Unknown, Cell::Boolean)),
        Value::Cell(status.integer("/restartCount").map_or(Cell::Unknown, Cell::Integer)),
        Value::Cell(last_end(status)),
        image,
        Value::Cell(amount("/resources/requests/cpu")),
        Value::Cell(amount("/resources/limits/cpu")),
        Value::Cell(amount("/resources/requests/memory")),
        Value::Cell(amount("/resources/limits/memory")),
        Value::Cell(gpus.into()),
    ]
}

fn state(status: &Json) -> Status {
    let part = |name: &str| status.pointer(&format!("/state/{name}")).filter(|state| state.is_object());
    if part("running").is_some() {
        let ready = status.boolean("/ready") != Some(false);
        return Status::new(if ready { Level::Good } else { Level::Warning }, "Running");
    }
    if let Some(ended) = part("terminated") {
        let code = ended.integer("/exitCode");
        let level = if code == Some(0) { Level::Done } else { Level::Error };
        let word = ended.text("/reason").filter(|reason| !reason.is_empty()).unwrap_or("Terminated");
        let reason = code.map_or(String::new(), |code| format!("exit code {code}"));
        return Status::new(level, word).because(&reason, ended.text("/message").unwrap_or_default());
    }
    let Some(waiting) = part("waiting") else { return Status::new(Level::Unknown, "Unknown") };
    let word = waiting.text("/reason").filter(|reason| !reason.is_empty()).unwrap_or("Waiting");
    let calm = matches!(word, "ContainerCreating" | "PodInitializing" | "Waiting");
    let level = if calm { Level::Progress } else { Level::Error };
    Status::new(level, word).because("", waiting.text("/message").unwrap_or_default())
}

/// `OOMKilled (exit code 137)`, of the run before this one.
fn last_end(status: &Json) -> Cell {
    let Some(ended) = status.pointer("/lastState/terminated").filter(|state| state.is_object()) else {
        return Cell::Missing;
    };
    let code = ended.integer("/exitCode").map_or_else(|| "<unknown>".to_owned(), |code| code.to_string());
    match ended.text("/reason").filter(|reason| !reason.is_empty()) {
        Some(reason) => Cell::text(&format!("{reason} (exit code {code})")),
        None => Cell::text(&format!("exit code {code}")),
    }
}

fn volumes(object: &Object) -> Option<Section> {
    let kinds = [
        ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
        ("configMap", "name", "ConfigMap"),
        ("secret", "secretName", "Secret"),
    ];
    let row = |volume: &Json| {
        let source = kinds.iter().find_map(|(field, name, kind)| {
            let name = volume.text(&format!("/{field}/{name}"))?;
            Some((*kind, link(kind, object.namespace(), name)))
        });
        let other = || volume.as_object()?.keys().find(|key| *key != "name").cloned();
        let (kind, value) = match source {
            Some((kind, value)) => (kind.to_owned(), value),
            None => (other().unwrap_or_else(|| "<unknown>".to_owned()), Value::Missing),
        };
        let name = volume.text("/name").unwrap_or("<unknown>").to_owned();
        (None, vec![Value::Text(name), Value::Text(kind), value])
    };
    let rows: Vec<_> = object.items("/spec/volumes").iter().map(row).collect();
    let columns = ["Name", "Kind", "Source"].map(|title| Column::new(title, ColumnKind::Text)).to_vec();
    (!rows.is_empty()).then(|| Section::Table { title: "Volumes".to_owned(), columns, rows, empty: String::new() })
}
