//! The containers of a pod, and the one that people mean when they name none.

use pilothouse_model::{Object, Read};
use serde_json::Value;

/// The containers of a pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Containers {
    main: Vec<String>,
    ephemeral: Vec<String>,
    init: Vec<String>,
    running: Vec<String>,
    /// The one that the pod itself says people mean.
    named: Option<String>,
}

impl Containers {
    /// Those of this pod.
    pub fn of(pod: &Object) -> Self {
        let list = |pointer: &str| pod.value().pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
        let names = |pointer: &str| -> Vec<String> {
            list(pointer).iter().filter_map(|one| one.text("/name").map(str::to_owned)).collect()
        };
        let states = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"];
        let states = states.iter().flat_map(|field| list(&format!("/status/{field}")));
        let running = states.filter(|one| one.pointer("/state/running").is_some_and(|state| !state.is_null()));
        Self {
            main: names("/spec/containers"),
            ephemeral: names("/spec/ephemeralContainers"),
            init: names("/spec/initContainers"),
            running: running.filter_map(|one| one.text("/name").map(str::to_owned)).collect(),
            named: pod.annotation("kubectl.kubernetes.io/default-container").map(str::to_owned),
        }
    }

    /// The one that is meant when none is named: the one that the pod names, else its first, as for kubectl.
    pub fn usual(&self) -> Option<&str> {
        let named = self.named.as_ref().and_then(|name| self.main.iter().find(|main| *main == name));
        named.or(self.main.first()).map(String::as_str)
    }

    /// All of them, the one that is meant first.
    pub fn names(&self) -> Vec<&str> {
        let mut main: Vec<&str> = self.main.iter().map(String::as_str).collect();
        main.sort_by_key(|name| self.usual() != Some(name));
        main.extend(self.init.iter().chain(&self.ephemeral).map(String::as_str));
        main
    }

    /// Those that run now, as far as the node told, in the same order.
    pub fn running(&self) -> Vec<&str> {
        self.names().into_iter().filter(|name| self.running.iter().any(|running| running == name)).collect()
    }

    /// Which one was taken, where there was a choice: kubectl's words.
    pub fn defaulted(&self) -> Option<String> {
        let usual = self.usual()?;
        let of = |names: &[String], kind: &'static str| -> Vec<String> {
            names.iter().map(|name| format!("{name}{kind}")).collect()
        };
        let all = [of(&self.main, ""), of(&self.ephemeral, " (ephem)"), of(&self.init, " (init)")].concat();
        (all.len() > 1).then(|| format!("Defaulted container \"{usual}\" out of: {}", all.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(annotation: &str) -> Containers {
        let state = |name: &str, state: &str| json!({"name": name, "state": {state: {}}});
        let pod = Object::new(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web", "annotations": {"kubectl.kubernetes.io/default-container": annotation}},
            "spec": {
                "containers": [{"name": "proxy"}, {"name": "main"}], "initContainers": [{"name": "setup"}],
                "ephemeralContainers": [{"name": "debug"}],
            },
            "status": {
                "containerStatuses": [state("proxy", "running"), state("main", "waiting")],
                "initContainerStatuses": [state("setup", "terminated")],
                "ephemeralContainerStatuses": [state("debug", "running")],
            },
        }));
        Containers::of(&pod.unwrap())
    }

    #[test]
    fn the_container_that_people_mean_comes_first() {
        let containers = pod("main");
        assert_eq!(containers.names(), ["main", "proxy", "setup", "debug"]);
        assert_eq!(containers.running(), ["proxy", "debug"]);
        assert_eq!(
            containers.defaulted().unwrap(),
            "Defaulted container \"main\" out of: proxy, main, debug (ephem), setup (init)"
        );
        for not_one_of_them in ["", "setup", "other"] {
            assert_eq!(pod(not_one_of_them).usual(), Some("proxy"), "{not_one_of_them}");
        }
    }

    #[test]
    fn one_container_is_no_choice_and_none_is_nothing() {
        let of = |containers: Value| {
            Containers::of(
                &Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containers": containers}}))
                    .unwrap(),
            )
        };
        assert_eq!(of(json!([{"name": "main"}])).defaulted(), None);
        assert_eq!(of(json!(null)).usual(), None);
        assert_eq!(of(json!([{"name": 3}, "x"])).names(), [""; 0]);
    }
}
