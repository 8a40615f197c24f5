//! Whether a pod fits a node, and the words for why not: pure.

use std::collections::BTreeMap;

use serde_json::Value;

use pilothouse_model::{Quantity, Read};

use super::super::is_finished_pod;

/// Amounts by resource name, in thousandths.
pub(in super::super) type Amounts = BTreeMap<String, i128>;

/// What a pod asks for: the larger of its containers together and its largest init container, and one place.
pub(in super::super) fn requests(pod: &Value) -> Amounts {
    let of = |container: &Value| -> Amounts {
        let mut amounts = Amounts::new();
        for part in ["/resources/limits", "/resources/requests"] {
            for (resource, amount) in container.entries(part) {
                if let Some(amount) = read(amount) {
                    amounts.insert(resource.to_owned(), amount);
                }
            }
        }
        amounts
    };
    let mut total = Amounts::new();
    for container in pod.items("/spec/containers") {
        for (resource, amount) in of(container) {
            *total.entry(resource).or_default() += amount;
        }
    }
    for container in pod.items("/spec/initContainers") {
        for (resource, amount) in of(container) {
            let known = total.entry(resource).or_default();
            *known = (*known).max(amount);
        }
    }
    total.insert("pods".to_owned(), 1000);
    total
}

fn read(amount: &Value) -> Option<i128> {
    match amount {
        Value::String(text) => text.parse::<Quantity>().ok().map(Quantity::as_milli),
        Value::Number(number) => number.as_i64().map(|units| i128::from(units) * 1000),
        _ => None,
    }
}

/// What a node offers.
pub(in super::super) fn allocatable(node: &Value) -> Amounts {
    node.entries("/status/allocatable").filter_map(|(name, amount)| Some((name.to_owned(), read(amount)?))).collect()
}

/// What the pods on a node hold.
pub(in super::super) fn held<'a>(pods: impl IntoIterator<Item = &'a Value>) -> Amounts {
    let mut total = Amounts::new();
    for pod in pods.into_iter().filter(|pod| !is_finished_pod(pod)) {
        for (resource, amount) in requests(pod) {
            *total.entry(resource).or_default() += amount;
        }
    }
    total
}

/// Why a pod does not go to a node: the scheduler's own words; empty when it fits.
pub(in super::super) fn obstacles(pod: &Value, asked: &Amounts, node: &Value, held: &Amounts) -> Vec<String> {
    if node.boolean("/spec/unschedulable") == Some(true) {
        return vec!["node(s) were unschedulable".to_owned()];
    }
    let untolerated = node
        .items("/spec/taints")
        .iter()
        .find(|taint| matches!(taint.text("/effect"), Some("NoSchedule" | "NoExecute")) && !tolerates(pod, taint));
    if let Some(taint) = untolerated {
        let (key, value) = (taint.text("/key").unwrap_or_default(), taint.text("/value").unwrap_or_default());
        return vec![format!("node(s) had untolerated taint {{{key}: {value}}}")];
    }
    if !selects(pod, node) {
        return vec!["node(s) didn't match Pod's node affinity/selector".to_owned()];
    }
    let offered = allocatable(node);
    asked
        .iter()
        .filter(|(resource, amount)| {
            let free = offered.get(*resource).copied().unwrap_or(0) - held.get(*resource).copied().unwrap_or(0);
            **amount > 0 && **amount > free
        })
        .map(
            |(resource, _)| {
                if resource == "pods" { "Too many pods".to_owned() } else { format!("Insufficient {resource}") }
            },
        )
        .collect()
}

/// Whether one of a pod's tolerations covers a taint.
pub(in super::super) fn tolerates(pod: &Value, taint: &Value) -> bool {
    pod.items("/spec/tolerations").iter().any(|toleration| {
        let key = toleration.text("/key").unwrap_or_default();
        let effect = toleration.text("/effect").unwrap_or_default();
        let exists = toleration.text("/operator") == Some("Exists");
        (effect.is_empty() || Some(effect) == taint.text("/effect"))
            && ((key.is_empty() && exists) || Some(key) == taint.text("/key"))
            && (exists || toleration.text("/value").unwrap_or_default() == taint.text("/value").unwrap_or_default())
    })
}

fn selects(pod: &Value, node: &Value) -> bool {
    pod.entries("/spec/nodeSelector").all(|(key, value)| super::super::label(node, key) == value.as_str())
}

/// The scheduler's sentence: how many nodes, and for each obstacle at how many.
pub(in super::super) fn sentence(nodes: usize, obstacles: &[Vec<String>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for obstacle in obstacles.iter().flatten() {
        *counts.entry(obstacle).or_default() += 1;
    }
    let mut words: Vec<String> = counts.iter().map(|(obstacle, count)| format!("{count} {obstacle}")).collect();
    words.sort();
    let short =
        |why: &Vec<String>| why.iter().any(|why| why.starts_with("Insufficient") || why.starts_with("Too many"));
    let no_victims = obstacles.iter().filter(|why| short(why)).count();
    let unhelpful = nodes - no_victims;
    let mut preemption = Vec::new();
    if no_victims > 0 {
        preemption.push(format!("{no_victims} No preemption victims found for incoming pod"));
    }
    if unhelpful > 0 {
        preemption.push(format!("{unhelpful} Preemption is not helpful for scheduling"));
    }
    preemption.sort();
    format!(
        "0/{nodes} nodes are available: {}. preemption: 0/{nodes} nodes are available: {}.",
        words.join(", "),
        preemption.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn node(gpus: u32, tainted: bool) -> Value {
        let taints = if tainted {
            json!([{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}])
        } else {
            json!([])
        };
        json!({
            "metadata": {"labels": {"pool": "a100"}}, "spec": {"taints": taints},
            "status": {"allocatable": {"cpu": "8", "nvidia.com/gpu": gpus.to_string(), "pods": "110"}},
        })
    }

    fn pod(gpus: u32) -> Value {
        json!({"spec": {
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}],
            "containers": [{"resources": {"requests": {"cpu": "500m"}, "limits": {"nvidia.com/gpu": gpus.to_string()}}}],
        }})
    }

    fn why(pod: &Value, node: &Value, held: &Amounts) -> Vec<String> {
        obstacles(pod, &requests(pod), node, held)
    }

    #[test]
    fn gpus_are_counted() {
        assert!(why(&pod(8), &node(8, true), &Amounts::new()).is_empty());
        assert_eq!(why(&pod(8), &node(8, true), &held([&pod(1)])), ["Insufficient nvidia.com/gpu"]);
        let mut finished = pod(8);
        finished["status"] = json!({"phase": "Succeeded"});
        assert!(why(&pod(8), &node(8, true), &held([&finished])).is_empty());
    }

    #[test]
    fn taints_and_selectors_keep_pods_away() {
        let mut stranger = pod(0);
        stranger["spec"]["tolerations"] = json!([]);
        assert_eq!(
            why(&stranger, &node(8, true), &Amounts::new()),
            ["node(s) had untolerated taint {nvidia.com/gpu: present}"]
        );
        stranger["spec"]["nodeSelector"] = json!({"pool": "h100"});
        assert_eq!(
            why(&stranger, &node(8, false), &Amounts::new()),
            ["node(s) didn't match Pod's node affinity/selector"]
        );
    }

    #[test]
    fn the_largest_init_container_counts() {
        let mut pod = pod(1);
        pod["spec"]["initContainers"] = json!([{"resources": {"requests": {"cpu": "3"}}}]);
        assert_eq!(requests(&pod)["cpu"], 3000);
        assert_eq!(requests(&pod)["nvidia.com/gpu"], 1000);
    }

    #[test]
    fn the_sentence_counts_each_obstacle() {
        let all = [vec!["Insufficient nvidia.com/gpu".to_owned()], vec!["node(s) were unschedulable".to_owned()]];
        assert_eq!(
            sentence(2, &all),
            "0/2 nodes are available: 1 Insufficient nvidia.com/gpu, 1 node(s) were unschedulable. preemption: 0/2 nodes \
             are available: 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling."
        );
    }
}
