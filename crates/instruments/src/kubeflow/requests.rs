//! What templates ask for: pods, replicas of pods, and Spark's own way to write memory.

use pilothouse_model::{Object, ObjectRef, OwnerReference, Quantity, Read, Resources};
use serde_json::Value;

/// Adds what is known; nothing known plus nothing known stays unknown.
pub(super) fn plus(left: Resources, right: Resources) -> Resources {
    combine(left, right, |a, b| a + b)
}

pub(super) fn sum(parts: impl IntoIterator<Item = Resources>) -> Resources {
    parts.into_iter().fold(Resources::default(), plus)
}

pub(super) fn times(one: Resources, count: i64) -> Resources {
    let times = |amount: Option<Quantity>| amount.map(|amount| amount.times(count));
    Resources { cpu: times(one.cpu), memory: times(one.memory), gpus: times(one.gpus) }
}

fn combine(left: Resources, right: Resources, join: fn(Quantity, Quantity) -> Quantity) -> Resources {
    let one = |a: Option<Quantity>, b: Option<Quantity>| match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (a, b) => a.or(b),
    };
    Resources {
        cpu: one(left.cpu, right.cpu),
        memory: one(left.memory, right.memory),
        gpus: one(left.gpus, right.gpus),
    }
}

/// `resources` of a container: requests, else limits, as the API server itself fills requests in.
pub(super) fn of_resources(resources: &Value) -> Resources {
    let amount = |name: &str| {
        [resources.get("requests"), resources.get("limits")]
            .into_iter()
            .flatten()
            .find_map(|list| quantity(list.get(name)?))
    };
    let mut devices: Vec<&str> =
        ["/requests", "/limits"].into_iter().flat_map(|list| resources.entries(list)).map(|(name, _)| name).collect();
    devices.retain(|name| is_gpu(name));
    devices.sort_unstable();
    devices.dedup();
    let gpus = devices.into_iter().filter_map(amount).reduce(|a, b| a + b);
    Resources { cpu: amount("cpu"), memory: amount("memory"), gpus }
}

fn is_gpu(name: &str) -> bool {
    name.split_once('/').is_some_and(|(vendor, device)| {
        device.contains("gpu") || device.starts_with("mig-") || (vendor.contains("gpu") && !device.is_empty())
    })
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

/// What one pod of this spec asks for: its containers together, or its largest init container if that is more, and the
/// overhead of its runtime class. Init containers that keep running (sidecars) count with the containers.
pub(super) fn of_pod_spec(spec: &Value) -> Resources {
    let of = |container: &Value| container.get("resources").map(of_resources).unwrap_or_default();
    let stays = |container: &&Value| container.text("/restartPolicy") == Some("Always");
    let init = spec.items("/initContainers");
    let running = sum(spec.items("/containers").iter().chain(init.iter().filter(stays)).map(of));
    let starting = init.iter().filter(|container| !stays(container)).map(of);
    let peak = starting.fold(running, |peak, one| combine(peak, one, Ord::max));
    match spec.get("overhead") {
        Some(overhead) => {
            plus(peak, of_resources(&Value::Object([("requests".to_owned(), overhead.clone())].into_iter().collect())))
        }
        None => peak,
    }
}

/// The template's pod, `replicas` times.
pub(super) fn of_template(template: &Value, replicas: i64) -> Resources {
    template.get("spec").map(|spec| times(of_pod_spec(spec), replicas)).unwrap_or_default()
}

/// A batch Job's spec: as many pods as may run at once.
pub(super) fn of_job_spec(spec: &Value) -> Resources {
    let parallel = spec.integer("/parallelism").unwrap_or(1);
    spec.get("template").map(|template| of_template(template, parallel)).unwrap_or_default()
}

/// JVM memory as Spark writes it: `512m` is 512 MiB, `1g` 1 GiB, a bare number MiB. Kubernetes reads `512m` as half a
/// byte.
pub(super) fn jvm_memory(text: &str) -> Option<Quantity> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit()).unwrap_or(lower.len());
    let (digits, suffix) = lower.split_at(end);
    let shift = match suffix {
        "b" => 0,
        "k" | "kb" | "ki" | "kib" => 10,
        "" | "m" | "mb" | "mi" | "mib" => 20,
        "g" | "gb" | "gi" | "gib" => 30,
        "t" | "tb" | "ti" | "tib" => 40,
        "p" | "pb" | "pi" | "pib" => 50,
        _ => return None,
    };
    digits.parse::<i64>().ok()?.checked_mul(1 << shift).map(Quantity::units)
}

/// The workload that an object belongs to: its controller, or its first owner.
pub(super) fn owner(object: &Object) -> Option<ObjectRef> {
    object.controller().or_else(|| object.owners().next()).map(|owner| reference(object, &owner))
}

fn reference(object: &Object, owner: &OwnerReference<'_>) -> ObjectRef {
    ObjectRef {
        api_version: owner.api_version.to_owned(),
        kind: owner.kind.to_owned(),
        namespace: object.namespace().map(str::to_owned),
        name: owner.name.to_owned(),
        uid: Some(owner.uid.to_owned()).filter(|uid| !uid.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spark_memory_is_jvm_memory() {
        let cases = [("512m", 512 << 20), ("1g", 1 << 30), ("4G", 4 << 30), ("100", 100 << 20), ("64k", 64 << 10)];
        for (text, bytes) in cases {
            assert_eq!(jvm_memory(text), Some(Quantity::units(bytes)), "{text}");
        }
        for text in ["", "g", "1.5g", "1x", "99999999999999p"] {
            let read = jvm_memory(text);
            assert_eq!(read, None, "{text}");
        }
    }

    #[test]
    fn a_pod_asks_for_the_larger_of_init_and_main() {
        let spec = json!({
            "overhead": {"cpu": "100m"},
            "initContainers": [
                {"resources": {"requests": {"cpu": "4", "memory": "1Gi"}}},
                {"restartPolicy": "Always", "resources": {"requests": {"cpu": "1"}}},
            ],
            "containers": [
                {"resources": {"requests": {"cpu": "1", "memory": "2Gi"}, "limits": {"nvidia.com/gpu": 2}}},
                {"resources": {"limits": {"cpu": "500m", "nvidia.com/mig-1g.5gb": "1"}}},
                {"name": "silent"},
            ],
        });
        let asked = of_pod_spec(&spec);
        assert_eq!(asked.cpu, Some(Quantity::milli(4100)));
        assert_eq!(asked.memory, Some(Quantity::units(2 << 30)));
        assert_eq!(asked.gpus, Some(Quantity::units(3)));
    }

    #[test]
    fn who_asks_for_nothing_said_nothing() {
        assert_eq!(of_pod_spec(&json!({"containers": [{"name": "a"}]})), Resources::default());
        assert_eq!(of_pod_spec(&json!({"containers": 3})), Resources::default());
        assert_eq!(of_template(&json!(null), 3), Resources::default());
    }
}
