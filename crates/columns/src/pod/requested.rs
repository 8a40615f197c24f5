//! What a pod asks for, as the scheduler counts it.

use pilothouse_model::{Quantity, Read, Resources};
use serde_json::Value;

/// What a pod with this spec (a pod's `spec`, or a template's) asks for: the greater of what its containers want together
/// and what any init container wants while it runs, plus the overhead of the runtime. Requests that are not given are the
/// limits. `None` where no container says anything, or one says something unreadable.
///
/// Source of the rule: `k8s.io/component-helpers/resource`.
pub fn requested(spec: &Value) -> Resources {
    Resources {
        cpu: of_pod(spec, &|key| key == "cpu"),
        memory: of_pod(spec, &|key| key == "memory"),
        gpus: of_pod(spec, &is_gpu),
    }
}

/// So many times the same.
pub fn times(resources: Resources, replicas: i64) -> Resources {
    let each = |amount: Option<Quantity>| amount.map(|amount| amount * replicas.max(0));
    Resources { cpu: each(resources.cpu), memory: each(resources.memory), gpus: each(resources.gpus) }
}

/// Several together. Parts that do not say add nothing; when none says, neither does the total.
pub fn total(parts: impl IntoIterator<Item = Resources>) -> Resources {
    parts.into_iter().fold(Resources::default(), |sum, part| Resources {
        cpu: plus(sum.cpu, part.cpu),
        memory: plus(sum.memory, part.memory),
        gpus: plus(sum.gpus, part.gpus),
    })
}

fn plus(left: Option<Quantity>, right: Option<Quantity>) -> Option<Quantity> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left + right),
        (left, right) => left.or(right),
    }
}

/// `nvidia.com/gpu`, `amd.com/gpu`, `nvidia.com/mig-1g.5gb`, `gpu.intel.com/i915`: devices of any vendor.
fn is_gpu(key: &str) -> bool {
    let Some((vendor, device)) = key.split_once('/') else { return false };
    !vendor.starts_with("requests.")
        && (device.contains("gpu") || device.starts_with("mig-") || vendor.starts_with("gpu."))
}

/// What a malformed amount leaves: nothing that can be said.
struct Unreadable;

type Amount = Result<Option<Quantity>, Unreadable>;

fn of_pod(spec: &Value, wanted: &dyn Fn(&str) -> bool) -> Option<Quantity> {
    sum_of_pod(spec, wanted).unwrap_or(None)
}

fn sum_of_pod(spec: &Value, wanted: &dyn Fn(&str) -> bool) -> Amount {
    let mut together = None;
    for container in spec.items("/containers") {
        together = plus(together, of_resources(container.pointer("/resources"), wanted)?);
    }
    // A sidecar runs beside all that come after it.
    let (mut sidecars, mut most) = (None, None);
    for container in spec.items("/initContainers") {
        let one = of_resources(container.pointer("/resources"), wanted)?;
        if container.text("/restartPolicy") == Some("Always") {
            sidecars = plus(sidecars, one);
            most = most.max(sidecars);
        } else {
            most = most.max(plus(sidecars, one));
        }
    }
    let effective = most.max(plus(together, sidecars));
    // Since 1.32 a pod may say it as a whole.
    let effective = of_resources(spec.pointer("/resources"), wanted)?.or(effective);
    Ok(plus(effective, amounts(spec.pointer("/overhead"), wanted)?))
}

/// Requests, else limits, by resource name.
fn of_resources(resources: Option<&Value>, wanted: &dyn Fn(&str) -> bool) -> Amount {
    let Some(resources) = resources else { return Ok(None) };
    let requests = resources.get("requests");
    let has = |key: &str| requests.is_some_and(|requests| requests.get(key).is_some());
    let limits = amounts(resources.get("limits"), &|key| wanted(key) && !has(key))?;
    Ok(plus(amounts(requests, wanted)?, limits))
}

fn amounts(map: Option<&Value>, wanted: &dyn Fn(&str) -> bool) -> Amount {
    let mut sum = None;
    for (key, amount) in map.and_then(Value::as_object).into_iter().flatten() {
        if wanted(key) {
            sum = plus(sum, Some(quantity(amount).ok_or(Unreadable)?));
        }
    }
    Ok(sum)
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
        [resources.cpu, resources.memory, resources.gpus].map(|amount| amount.map(|amount| amount.to_string()))
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
        assert_eq!(of(&spec), [None, None, None]);
        assert_eq!(of(&json!({"containers": [{"resources": {"requests": {"cpu": "0"}}}]})), [some("0"), None, None]);
    }

    #[test]
    fn multiplies_and_adds() {
        let one = requested(&json!({"containers": [{"resources": {"requests": {"cpu": "1500m"}}}]}));
        let sum = total([times(one, 2), Resources::default()]);
        assert_eq!((sum.cpu, sum.memory), (Some(Quantity::units(3)), None));
        assert_eq!(times(one, -1).cpu, Some(Quantity::ZERO));
    }
}
