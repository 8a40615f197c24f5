//! What templates ask for: pods, replicas of pods, and Spark's own way to write memory.

pub(super) use pilothouse_columns::pod::{replicas, requested as of_pod_spec, times, total};
use pilothouse_model::{Quantity, Resources};
use serde_json::{Value, json};

/// `resources` of a container: requests, else limits.
pub(super) fn of_resources(resources: &Value) -> Resources {
    of_pod_spec(&json!({"containers": [{"resources": resources}]}))
}

/// The template's pod, `replicas` times.
pub(super) fn of_template(template: &Value, replicas: Option<i64>) -> Resources {
    template.get("spec").map(|spec| times(of_pod_spec(spec), replicas)).unwrap_or_default()
}

/// A batch Job's spec: as many pods as may run at once.
pub(super) fn of_job_spec(spec: &Value) -> Resources {
    let parallel = pilothouse_columns::pod::at_once(spec);
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

#[cfg(test)]
mod tests {
    use pilothouse_model::Amount;

    use super::*;

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
    fn a_job_never_runs_more_than_it_completes() {
        let pod = json!({"spec": {"containers": [{"resources": {"limits": {"nvidia.com/gpu": 1}}}]}});
        let gpus = |spec: Value| of_job_spec(&spec).gpus;
        assert_eq!(gpus(json!({"template": pod})), Amount::Known(Quantity::units(1)));
        assert_eq!(gpus(json!({"template": pod, "parallelism": 4})), Amount::Known(Quantity::units(4)));
        assert_eq!(
            gpus(json!({"template": pod, "parallelism": 4, "completions": 2})),
            Amount::Known(Quantity::units(2))
        );
    }

    #[test]
    fn who_asks_for_nothing_said_nothing() {
        assert_eq!(of_pod_spec(&json!({"containers": [{"name": "a"}]})), Resources::default());
        assert_eq!(of_pod_spec(&json!({"containers": 3})), Resources::default());
        assert_eq!(of_template(&json!(null), Some(3)), Resources::default());
    }
}
