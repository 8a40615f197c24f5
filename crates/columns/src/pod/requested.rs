//! What a pod asks for, as the scheduler counts it.

use pilothouse_model::{Amount, Quantity, Read, Resources};
use serde_json::Value;

/// What a pod with this spec (a pod's `spec`, or a template's) asks for: the greater of what its containers want together
/// and what any init container wants while it runs, plus the overhead of the runtime. Requests that are not given are the
/// limits. Unsaid where no container says anything, unknown where one says something unreadable.
///
/// Source of the rule: `k8s.io/component-helpers/resource`.
pub fn requested(spec: &Value) -> Resources {
    Resources {
        cpu: of_pod(spec, &|key| key == "cpu"),
        memory: of_pod(spec, &|key| key == "memory"),
        gpus: of_pod(spec, &is_gpu),
    }
}

/// How many are wanted at this pointer: one where nothing is said, `None` where what is said is no number.
pub fn replicas(value: &Value, pointer: &str) -> Option<i64> {
    match value.pointer(pointer) {
        None | Some(Value::Null) => Some(1),
        Some(count) => count.as_i64(),
    }
}

/// How many pods of a batch Job with this spec may run at once.
pub fn at_once(spec: &Value) -> Option<i64> {
    let parallel = replicas(spec, "/parallelism")?;
    // Without completions, any pod that succeeds ends the job.
    match spec.pointer("/completions") {
        None | Some(Value::Null) => Some(parallel),
        Some(completions) => Some(parallel.min(completions.as_i64()?)),
    }
}

/// So many times the same; `None` when nobody knows how many.
pub fn times(resources: Resources, replicas: Option<i64>) -> Resources {
    Resources {
        cpu: resources.cpu.times(replicas),
        memory: resources.memory.times(replicas),
        gpus: resources.gpus.times(replicas),
    }
}

/// Several together. Parts that do not say add nothing; a part that cannot be read makes the total unknown.
pub fn total(parts: impl IntoIterator<Item = Resources>) -> Resources {
    parts.into_iter().fold(Resources::default(), |sum, part| Resources {
        cpu: sum.cpu + part.cpu,
        memory: sum.memory + part.memory,
        gpus: sum.gpus + part.gpus,
    })
}

/// `nvidia.com/gpu`, `amd.com/gpu`, `nvidia.com/mig-1g.5gb`, `gpu.intel.com/i915`: devices of any vendor.
fn is_gpu(key: &str) -> bool {
    let Some((vendor, device)) = key.split_once('/') else { return false };
    !vendor.starts_with("requests.")
        && (device.contains("gpu") || device.starts_with("mig-") || vendor.starts_with("gpu."))
}

fn of_pod(spec: &Value, wanted: &dyn Fn(&str) -> bool) -> Amount {
    let of = |container: &Value| of_resources(container.pointer("/resources"), wanted);
    let together: Amount = spec.items("/containers").iter().map(of).sum();
    // A sidecar runs beside all that come after it.
    let (mut sidecars, mut most) = (Amount::Unsaid, Amount::Unsaid);
    for container in spec.items("/initContainers") {
        let beside = sidecars + of(container);
        most = most.max(beside);
        if container.text("/restartPolicy") == Some("Always") {
            sidecars = beside;
        }
    }
    let effective = most.max(together + sidecars);
    // Since 1.32 a pod may say it as a whole.
    of_resources(spec.pointer("/resources"), wanted).or(effective) + amounts(spec.pointer("/overhead"), wanted)
}

/// Requests, else limits, by resource name.
fn of_resources(resources: Option<&Value>, wanted: &dyn Fn(&str) -> bool) -> Amount {
    let Some(resources) = resources else { return Amount::Unsaid };
    let requests = resources.get("requests");
    let has = |key: &str| requests.is_some_and(|requests| requests.get(key).is_some());
    amounts(requests, wanted) + amounts(resources.get("limits"), &|key| wanted(key) && !has(key))
}

fn amounts(map: Option<&Value>, wanted: &dyn Fn(&str) -> bool) -> Amount {
    let entries = map.and_then(Value::as_object).into_iter().flatten().filter(|(key, _)| wanted(key));
    entries.map(|(_, amount)| quantity(amount).map_or(Amount::Unknown, Amount::Known)).sum()
}

/// Amounts are texts, but a bare number is read as well.
fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(spec: &Value) -> [Option<String>; 3] {
        let resources = requested(spec);
        [resources.cpu, resources.memory, resources.gpus].map(|amount| match amount {
            Amount::Unsaid => None,
            Amount::Unknown => some("?"),
            Amount::Known(quantity) => some(&quantity.to_string()),
        })
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn counts_as_the_scheduler_does() {
        let spec = json!({
            "initContainers": [
                {"name": "big", "resources": {"requests": {"cpu": "4"}}},
                {"name": "side", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
                {"name": "after", "resources": {"requests": {"cpu": "1"}}},
            ],
            "containers": [
                {"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Ki"}, "limits": {"cpu": "9", "nvidia.com/gpu": "2"}}},
                {"name": "b", "resources": {"limits": {"nvidia.com/mig-1g.5gb": 1}}},
            ],
            "overhead": {"cpu": "250m"},
        });
        assert_eq!(of(&spec), [some("4250m"), some("1024"), some("3")]);
    }

    #[test]
    fn a_sidecar_runs_beside_the_init_containers_after_it() {
        let spec = json!({
            "initContainers": [
                {"name": "before", "resources": {"requests": {"cpu": "3"}}},
                {"name": "side", "restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}},
                {"name": "after", "resources": {"requests": {"cpu": "3"}}},
            ],
            "containers": [{"name": "a", "resources": {"requests": {"cpu": "1"}}}],
        });
        assert_eq!(of(&spec)[0], some("3500m"));
    }

    #[test]
    fn nobody_said_is_not_zero_and_unreadable_is_not_a_number() {
        assert_eq!(of(&json!({"containers": [{"name": "a"}]})), [None, None, None]);
        let spec = json!({"containers": [{"resources": {"requests": {"cpu": "lots"}}}, {"resources": {"requests": {"cpu": "1"}}}]});
        assert_eq!(of(&spec), [some("?"), None, None]);
        assert_eq!(of(&json!({"containers": [{"resources": {"requests": {"cpu": "0"}}}]})), [some("0"), None, None]);
    }

    #[test]
    fn multiplies_and_adds() {
        let one = requested(&json!({"containers": [{"resources": {"requests": {"cpu": "1500m"}}}]}));
        let sum = total([times(one, Some(2)), Resources::default()]);
        assert_eq!((sum.cpu, sum.memory), (Amount::Known(Quantity::units(3)), Amount::Unsaid));
        assert_eq!(times(one, Some(-1)).cpu, Amount::Known(Quantity::ZERO));
    }

    #[test]
    fn an_unreadable_part_adds_no_zero() {
        let good = requested(&json!({"containers": [{"resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]}));
        let bad = requested(&json!({"containers": [{"resources": {"requests": {"cpu": "lots"}}}]}));
        let sum = total([good, bad]);
        assert_eq!((sum.cpu, sum.memory), (Amount::Unknown, good.memory));
        assert_eq!(times(good, None).cpu, Amount::Unknown);
        let counts = [json!({}), json!({"replicas": null}), json!({"replicas": 3}), json!({"replicas": "three"})];
        assert_eq!(counts.map(|value| replicas(&value, "/replicas")), [Some(1), Some(1), Some(3), None]);
    }
}
