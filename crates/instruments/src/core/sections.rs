//! What the pages of Kubernetes' own objects show beyond conditions, labels, owners and events.

mod node;
mod pod;

use pilothouse_model::{Amount, Cell, Column, ColumnKind, Fact, Object, ObjectRef, Quantity, Read, Section, Value};

/// The sections of one object.
pub(super) fn of(object: &Object) -> Vec<Section> {
    match object.kind() {
        "Pod" => pod::sections(object),
        "Node" => node::sections(object),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => controller(object),
        "Job" => job(object),
        "CronJob" => vec![facts([
            text_fact("Schedule", object, "/spec/schedule"),
            text_fact("Time zone", object, "/spec/timeZone"),
            text_fact("Concurrency", object, "/spec/concurrencyPolicy"),
            time_fact("Last schedule", object, "/status/lastScheduleTime"),
            time_fact("Last success", object, "/status/lastSuccessfulTime"),
        ])],
        "Namespace" => vec![listing("Workloads", None, format!("ns:{}", object.name()), "-age")],
        "ResourceQuota" => vec![quota(object)],
        "Service" => service(object),
        _ => Vec::new(),
    }
}

fn facts(facts: impl IntoIterator<Item = Option<Fact>>) -> Section {
    Section::Facts { title: String::new(), facts: facts.into_iter().flatten().collect() }
}

fn text_fact(label: &str, object: &Object, pointer: &str) -> Option<Fact> {
    let text = object.text(pointer).filter(|text| !text.is_empty())?;
    Some(Fact::text(label, text))
}

fn time_fact(label: &str, object: &Object, pointer: &str) -> Option<Fact> {
    Some(Fact::new(label, Value::Time(object.time(pointer)?)))
}

fn number_fact(label: &str, object: &Object, pointer: &str) -> Option<Fact> {
    Some(Fact::new(label, Value::Cell(Cell::Integer(object.integer(pointer)?))))
}

/// An amount where anybody said one, readable or not.
fn amount_fact(label: &str, amount: Amount, shown: impl Fn(Quantity) -> Value) -> Option<Fact> {
    (amount != Amount::Unsaid).then(|| Fact::new(label, Value::amount(amount, shown)))
}

/// A link to a core object that stands in another object.
fn link(kind: &str, namespace: Option<&str>, name: &str) -> Value {
    Value::Object(ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        uid: None,
    })
}

fn listing(title: &str, resource: Option<(&str, &str)>, query: String, sort: &str) -> Section {
    Section::Listing {
        title: title.to_owned(),
        resource: resource.map(|(group, plural)| (group.to_owned(), plural.to_owned())),
        query,
        sort: sort.to_owned(),
        limit: 50,
        empty: format!("No {}.", title.to_lowercase()),
    }
}

/// The pods that labels at `pointer` select, in the object's namespace.
fn selected_pods(object: &Object, pointer: &str) -> Option<Section> {
    let mut labels: Vec<String> =
        object.entries(pointer).filter_map(|(key, value)| Some(format!("label:{key}={}", value.as_str()?))).collect();
    labels.sort();
    let query = format!("{} ns:{}", labels.join(" "), object.namespace()?);
    (!labels.is_empty()).then(|| listing("Pods", Some(("", "pods")), query, "name"))
}

fn images(object: &Object) -> Option<Fact> {
    let containers = object.items("/spec/template/spec/containers").iter();
    let images: Vec<Value> =
        containers.filter_map(|container| Some(Value::Code(container.text("/image")?.to_owned()))).collect();
    (!images.is_empty()).then(|| Fact::new("Images", Value::Many(images)))
}

fn requested(object: &Object) -> Vec<Option<Fact>> {
    let Some(template) = object.pointer("/spec/template/spec") else { return Vec::new() };
    let each = pilothouse_columns::pod::requested(template);
    vec![
        amount_fact("CPU per pod", each.cpu, Value::Cpu),
        amount_fact("Memory per pod", each.memory, Value::Bytes),
        amount_fact("GPUs per pod", each.gpus, |gpus| Value::Number(gpus.as_f64())),
    ]
}

fn controller(object: &Object) -> Vec<Section> {
    let strategy = text_fact("Strategy", object, "/spec/strategy/type");
    let mut all = vec![
        strategy.or_else(|| text_fact("Strategy", object, "/spec/updateStrategy/type")),
        text_fact("Service", object, "/spec/serviceName"),
        images(object),
    ];
    all.extend(requested(object));
    std::iter::once(facts(all)).chain(selected_pods(object, "/spec/selector/matchLabels")).collect()
}

fn job(object: &Object) -> Vec<Section> {
    let mut all = vec![
        time_fact("Started", object, "/status/startTime"),
        time_fact("Finished", object, "/status/completionTime"),
        number_fact("Parallelism", object, "/spec/parallelism"),
        number_fact("Completions", object, "/spec/completions"),
        number_fact("Back-off limit", object, "/spec/backoffLimit"),
        number_fact("Failed pods", object, "/status/failed"),
        images(object),
    ];
    all.extend(requested(object));
    std::iter::once(facts(all)).chain(selected_pods(object, "/spec/selector/matchLabels")).collect()
}

fn service(object: &Object) -> Vec<Section> {
    let mut sections = vec![facts([
        text_fact("Type", object, "/spec/type"),
        text_fact("Cluster IP", object, "/spec/clusterIP"),
        text_fact("External name", object, "/spec/externalName"),
    ])];
    let columns = vec![
        Column::new("Name", ColumnKind::Text),
        Column::new("Port", ColumnKind::Integer),
        Column::new("Target", ColumnKind::Text),
        Column::new("Node port", ColumnKind::Integer),
        Column::new("Protocol", ColumnKind::Text),
    ];
    let number = |port: &serde_json::Value, at: &str| port.integer(at).map_or(Cell::Missing, Cell::Integer);
    let target = |port: &serde_json::Value| match port.pointer("/targetPort") {
        Some(serde_json::Value::String(name)) => Cell::text(name),
        Some(serde_json::Value::Number(number)) => Cell::text(&number.to_string()),
        _ => Cell::Missing,
    };
    let rows = object.items("/spec/ports").iter().map(|port| {
        let cells = [
            Cell::optional(port.text("/name")),
            number(port, "/port"),
            target(port),
            number(port, "/nodePort"),
            Cell::text(port.text("/protocol").unwrap_or("TCP")),
        ];
        (None, cells.map(Value::Cell).to_vec())
    });
    let rows = rows.collect();
    sections.push(Section::Table { title: "Ports".to_owned(), columns, rows, empty: "No ports.".to_owned() });
    sections.extend(selected_pods(object, "/spec/selector"));
    sections
}

/// One row per resource: used, granted, and the share.
fn quota(object: &Object) -> Section {
    let columns = vec![
        Column::new("Resource", ColumnKind::Text),
        Column::new("Used", ColumnKind::Text),
        Column::new("Hard", ColumnKind::Text),
        Column::new("Percent", ColumnKind::Number),
    ];
    let mut hard: Vec<(&str, &serde_json::Value)> = object.entries("/status/hard").collect();
    hard.sort_by_key(|(name, _)| *name);
    let row = |(name, hard): (&str, &serde_json::Value)| {
        let used = object.pointer("/status/used").and_then(|used| used.get(name)?.as_str());
        let hard = hard.as_str();
        let amount = |text: Option<&str>| text.and_then(|text| text.parse::<Quantity>().ok());
        let share = match (amount(used), amount(hard)) {
            (Some(used), Some(hard)) if !hard.is_zero() => {
                Cell::Number((used.as_f64() / hard.as_f64() * 100.0).round())
            }
            (Some(_), Some(_)) => Cell::Missing,
            _ => Cell::Unknown,
        };
        let text = |text: Option<&str>| text.map_or(Cell::Unknown, Cell::text);
        (None, [Cell::text(name), text(used), text(hard), share].map(Value::Cell).to_vec())
    };
    let rows = hard.into_iter().map(row).collect();
    Section::Table { title: "Usage".to_owned(), columns, rows, empty: "The quota has not been counted yet.".to_owned() }
}
