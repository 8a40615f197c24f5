//! Random objects of several kinds, as plain JSON, and what they plainly say.

use jiff::Timestamp;
use pilothouse_model::id::PrinterColumn;
use pilothouse_model::{Read, Resource};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The moment of every question.
pub(crate) const NOW: i64 = 1_795_000_000;
pub(crate) const DAY: i64 = 86_400;

pub(crate) const NAMES: [&str; 5] = ["zulu", "Quebec", "zulu-quebec", "x-7", "tango.papa"];
pub(crate) const NAMESPACES: [&str; 3] = ["team-a", "team-b", "kilo"];
pub(crate) const IMAGES: [&str; 4] = ["reg.io/lima:1", "reg.io/lima:2", "hotel", "Reg.io/Zulu@sha256:00"];
pub(crate) const NODES: [&str; 3] = ["november-1", "november-2", "a b"];

/// A kind of objects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum World {
    Pods,
    /// Cluster-scoped, with bytes.
    Volumes,
    CronJobs,
    /// A custom resource with a printer column of every type.
    Runs,
}

impl World {
    pub(crate) const ALL: [Self; 4] = [Self::Pods, Self::Volumes, Self::CronJobs, Self::Runs];

    pub(crate) fn resource(self) -> Resource {
        match self {
            Self::Pods => Resource::new("", "v1", "pods", "Pod"),
            Self::Volumes => {
                Resource { namespaced: false, ..Resource::new("", "v1", "persistentvolumes", "PersistentVolume") }
            }
            Self::CronJobs => Resource::new("batch", "v1", "cronjobs", "CronJob"),
            Self::Runs => {
                let column = |name: &str, kind: &str, path: &str| PrinterColumn {
                    name: name.to_owned(),
                    kind: kind.to_owned(),
                    format: String::new(),
                    description: String::new(),
                    priority: 0,
                    json_path: path.to_owned(),
                };
                let columns = vec![
                    column("Color", "string", ".spec.color"),
                    column("Size", "integer", ".spec.size"),
                    column("Ratio", "number", ".spec.ratio"),
                    column("Active", "boolean", ".spec.active"),
                    column("Due", "date", ".spec.due"),
                ];
                Resource { printer_columns: Some(columns), ..Resource::new("example.com", "v1", "runs", "Run") }
            }
        }
    }
}

pub(crate) fn moment(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap().to_string()
}

/// Moments around those that questions name.
fn moments() -> impl Strategy<Value = i64> {
    let ages = vec![0, 1, 59, 60, 3599, 3600, 7199, 7200, 10_800, 86_399, 86_400, 2 * DAY, 40 * DAY];
    prop_oneof![
        prop::sample::select(ages).prop_map(|age| NOW - age),
        (-3..1_i64).prop_map(|days| NOW / DAY * DAY + days * DAY),
        NOW - 9000..NOW,
    ]
}

fn maybe<T: Clone + std::fmt::Debug + 'static>(all: &[T]) -> impl Strategy<Value = Option<T>> + use<T> {
    prop::option::of(prop::sample::select(all.to_vec()))
}

fn metadata(world: World) -> impl Strategy<Value = Value> {
    let labels = prop::collection::btree_map(
        prop::sample::select(vec!["app", "tier", "example.com/team"]),
        prop::sample::select(vec!["train", "Serve", "sierra", "", "7", "0040"]),
        0..=3,
    );
    let name = (prop::sample::select(NAMES.to_vec()), 0..100_u8);
    let times = (moments(), prop::bool::weighted(0.9), prop::option::weighted(0.2, moments()));
    (name, prop::sample::select(NAMESPACES.to_vec()), labels, times).prop_map(
        move |((name, number), namespace, labels, (created, known, deleted))| {
            let mut metadata = json!({ "name": format!("{name}-{number}"), "labels": labels });
            if world.resource().namespaced {
                metadata["namespace"] = json!(namespace);
            }
            if known {
                metadata["creationTimestamp"] = json!(moment(created));
            }
            if let Some(deleted) = deleted {
                metadata["deletionTimestamp"] = json!(moment(deleted));
            }
            metadata
        },
    )
}

fn pod() -> impl Strategy<Value = Value> {
    let state = prop_oneof![
        Just(json!({"running": {}})),
        prop::sample::select(vec!["CrashLoopBackOff", "ContainerCreating"])
            .prop_map(|reason| json!({"waiting": {"reason": reason}})),
        prop::sample::select(vec!["OOMKilled", "Error", "Completed"])
            .prop_map(|reason| json!({"terminated": {"reason": reason, "exitCode": 1}})),
    ];
    let container = (prop::sample::select(IMAGES.to_vec()), prop::option::of((state, any::<bool>(), 0..4_u8)));
    let containers = prop::collection::vec(container, 1..3);
    let phase = prop::sample::select(vec!["Pending", "Running", "Succeeded", "Failed"]);
    (containers, phase, maybe(&NODES), maybe(&["Evicted"]), maybe(&["10.0.0.7"])).prop_map(
        |(containers, phase, node, reason, ip)| {
            let spec: Vec<_> = containers
                .iter()
                .enumerate()
                .map(|(index, (image, _))| json!({"name": format!("c{index}"), "image": image}))
                .collect();
            let statuses: Vec<_> = containers
                .iter()
                .enumerate()
                .filter_map(|(index, (_, status))| {
                    let (state, ready, restarts) = status.as_ref()?;
                    let ready = *ready && state.get("running").is_some();
                    Some(json!({"name": format!("c{index}"), "state": state, "ready": ready, "restartCount": restarts}))
                })
                .collect();
            let mut pod = json!({
                "spec": {"containers": spec}, "status": {"phase": phase, "containerStatuses": statuses},
            });
            for (at, key, value) in [("spec", "nodeName", node), ("status", "reason", reason), ("status", "podIP", ip)]
            {
                if let Some(value) = value {
                    pod[at][key] = json!(value);
                }
            }
            pod
        },
    )
}

fn volume() -> impl Strategy<Value = Value> {
    let sizes = ["1Gi", "1536Mi", "2Gi", "500M", "1073741824", "many"];
    let phases = ["Bound", "Available", "Released"];
    // A blank capacity is an empty text there, as kubectl prints it: no number, and no unknown one.
    (prop::sample::select(sizes.to_vec()), maybe(&phases), maybe(&["fast-sierra", "slow"])).prop_map(
        |(size, phase, class)| {
            let mut volume = json!({"spec": {}, "status": {}});
            volume["spec"]["capacity"] = json!({"storage": size});
            if let Some(phase) = phase {
                volume["status"]["phase"] = json!(phase);
            }
            if let Some(class) = class {
                volume["spec"]["storageClassName"] = json!(class);
            }
            volume
        },
    )
}

fn cron_job() -> impl Strategy<Value = Value> {
    let image = prop::sample::select(IMAGES.to_vec());
    (any::<bool>(), 0..4_usize, prop::option::of(moments()), image).prop_map(
        |(suspend, active, last, image)| {
            let template = json!({"spec": {"template": {"spec": {"containers": [{"name": "c0", "image": image}]}}}});
            let mut job = json!({
                "spec": {"schedule": "5 * * * *", "suspend": suspend, "jobTemplate": template}, "status": {"active": vec![json!({}); active]},
            });
            if let Some(last) = last {
                job["status"]["lastScheduleTime"] = json!(moment(last));
            }
            job
        },
    )
}

fn run() -> impl Strategy<Value = Value> {
    let colors = ["red", "Dark Red", "", "*", "/uniform/", "say \"uniform\""];
    let ratios = prop::sample::select(vec![0.5, -1.0, 2.0]);
    (
        maybe(&colors),
        prop::option::of(-1..4_i64),
        prop::option::of(ratios),
        maybe(&[true, false]),
        prop::option::of(moments()),
    )
        .prop_map(|(color, size, ratio, active, due)| {
            let mut spec = json!({});
            for (key, value) in [
                ("color", color.map(|color| json!(color))),
                ("size", size.map(|size| json!(size))),
                ("ratio", ratio.map(|ratio| json!(ratio))),
                ("active", active.map(|active| json!(active))),
                ("due", due.map(|due| json!(moment(due)))),
            ] {
                if let Some(value) = value {
                    spec[key] = value;
                }
            }
            json!({ "spec": spec })
        })
}

/// Some objects of a kind, no two of one name.
pub(crate) fn objects(world: World) -> BoxedStrategy<Vec<Value>> {
    let one = match world {
        World::Pods => pod().boxed(),
        World::Volumes => volume().boxed(),
        World::CronJobs => cron_job().boxed(),
        World::Runs => run().boxed(),
    };
    let one = (metadata(world), one).prop_map(move |(metadata, mut object)| {
        let resource = world.resource();
        object["apiVersion"] = json!(resource.api_version());
        object["kind"] = json!(&*resource.kind);
        object["metadata"] = metadata;
        object
    });
    prop::collection::vec(one, 0..24)
        .prop_map(|mut all| {
            all.sort_by_key(key);
            all.dedup_by_key(|object| key(object));
            all
        })
        .boxed()
}

/// Namespace and name: the order of rows when nothing else decides.
pub(crate) fn key(object: &Value) -> (Option<String>, String) {
    let text = |at: &str| object.text(at).map(str::to_owned);
    (text("/metadata/namespace"), text("/metadata/name").unwrap_or_default())
}

pub(crate) fn seconds(object: &Value, at: &str) -> Option<i64> {
    Some(object.text(at)?.parse::<Timestamp>().unwrap().as_second())
}

pub(crate) fn labels(object: &Value) -> Vec<(&str, &str)> {
    object.entries("/metadata/labels").map(|(key, value)| (key, value.as_str().unwrap())).collect()
}

pub(crate) fn label<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    labels(object).into_iter().find(|(own, _)| *own == key).map(|(_, value)| value)
}

pub(crate) fn images(object: &Value) -> Vec<&str> {
    let pods = ["/spec/containers", "/spec/jobTemplate/spec/template/spec/containers"];
    pods.iter().flat_map(|at| object.items(at)).filter_map(|container| container.text("/image")).collect()
}

/// The word of kubectl's STATUS column; `None` where the kind shows none.
pub(crate) fn state(object: &Value) -> Option<String> {
    let deleted = object.pointer("/metadata/deletionTimestamp").is_some();
    let word = match object["kind"].as_str().unwrap() {
        "Pod" => return Some(pod_state(object, deleted)),
        "PersistentVolume" if deleted => "Terminating",
        "PersistentVolume" => object.text("/status/phase")?,
        "CronJob" if deleted => "Terminating",
        "CronJob" if object["spec"]["suspend"] == json!(true) => "Suspended",
        "CronJob" if object.items("/status/active").is_empty() => "Scheduled",
        "CronJob" => "Active",
        _ if deleted => "Terminating",
        _ => return None,
    };
    Some(word.to_owned())
}

fn pod_state(pod: &Value, deleted: bool) -> String {
    let phase = pod.text("/status/phase").unwrap();
    let mut word = pod.text("/status/reason").unwrap_or(phase).to_owned();
    let mut running = false;
    for container in pod.items("/status/containerStatuses").iter().rev() {
        let reason = container.text("/state/waiting/reason").or_else(|| container.text("/state/terminated/reason"));
        if let Some(reason) = reason {
            word = reason.to_owned();
        } else if container["ready"] == json!(true) {
            running = true;
        }
    }
    if word == "Completed" && running {
        // Without a condition that says that it is ready.
        word = "NotReady".to_owned();
    }
    if deleted && !matches!(phase, "Succeeded" | "Failed") { "Terminating".to_owned() } else { word }
}

pub(crate) fn restarts(pod: &Value) -> i64 {
    pod.items("/status/containerStatuses").iter().filter_map(|status| status["restartCount"].as_i64()).sum()
}

/// Containers that are ready, and all of them.
pub(crate) fn ready(pod: &Value) -> (i64, i64) {
    let ready = pod.items("/status/containerStatuses").iter().filter(|status| status["ready"] == json!(true));
    (ready.count() as i64, pod.items("/spec/containers").len() as i64)
}

/// Bytes of a volume; `None` where it says none or nothing that can be read.
pub(crate) fn capacity(volume: &Value) -> Option<i64> {
    match volume.text("/spec/capacity/storage")? {
        "1Gi" | "1073741824" => Some(1 << 30),
        "1536Mi" => Some(1536 << 20),
        "2Gi" => Some(2 << 30),
        "500M" => Some(500_000_000),
        _ => None,
    }
}
