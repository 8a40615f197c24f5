//! What the nodes of a Workflow should be, from its templates, its former nodes and its pods: pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use pilothouse_model::{Read, Timestamp};

use super::super::clock::stamp;
use super::super::dice::fnv32a;
use super::super::object::last_finish;
use super::tasks::{Task, durations, of_pod, tasks_of};

/// One walk over a Workflow.
pub(in super::super) struct Walk<'a> {
    pub(in super::super) workflow: &'a Value,
    pub(in super::super) pods: &'a [Arc<Value>],
    pub(in super::super) now: Timestamp,
    /// Why nothing new may start and what runs must end, if so.
    pub(in super::super) stopped: Option<String>,
    /// Whether new pods must wait.
    pub(in super::super) suspended: bool,
    /// The nodes as they now are, by id.
    pub(in super::super) nodes: BTreeMap<String, Value>,
    /// Pods to be made.
    pub(in super::super) wanted: Vec<Wanted>,
}

/// A pod that a node wants.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Wanted {
    pub(in super::super) node_id: String,
    pub(in super::super) node_name: String,
    pub(in super::super) pod_name: String,
    pub(in super::super) template: String,
    /// The task as its author named it, for fates and for its implementation.
    pub(in super::super) task: String,
    pub(in super::super) attempt: u32,
}

/// Where in the graph a node is.
struct Spot<'s> {
    /// Full name: `run.root.train`.
    name: String,
    /// The last part of it.
    display: String,
    template: &'s str,
    boundary: Option<&'s str>,
    /// The task as its author named it.
    task: String,
}

/// Whether a phase is an end.
pub(in super::super) fn is_over(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Skipped" | "Failed" | "Error" | "Omitted")
}

fn is_good(phase: &str) -> bool {
    matches!(phase, "Succeeded" | "Skipped")
}

fn phase_of(node: &Value) -> &str {
    node.text("/phase").unwrap_or("Pending")
}

impl Walk<'_> {
    fn workflow_name(&self) -> &str {
        super::super::name(self.workflow)
    }

    fn id(&self, name: &str) -> String {
        let workflow = self.workflow_name();
        if name == workflow { workflow.to_owned() } else { format!("{workflow}-{}", fnv32a(name)) }
    }

    /// The pod's name in the format `v2` of Argo.
    fn pod_name(&self, node_name: &str, template: &str) -> String {
        let workflow = self.workflow_name();
        if node_name == workflow {
            return workflow.to_owned();
        }
        let prefix = if node_name.contains(".inline") { workflow.to_owned() } else { format!("{workflow}-{template}") };
        format!("{}-{}", &prefix[..prefix.len().min(242)], fnv32a(node_name))
    }

    fn template(&self, name: &str) -> Option<&Value> {
        self.workflow.items("/spec/templates").iter().find(|template| template.text("/name") == Some(name))
    }

    fn former(&self, id: &str) -> Option<&Value> {
        self.workflow.pointer("/status/nodes")?.get(id)
    }

    /// Walks the whole graph; the phase of the root.
    pub(in super::super) fn root(&mut self) -> String {
        let entry = self.workflow.text("/spec/entrypoint").unwrap_or_default().to_owned();
        let name = self.workflow_name().to_owned();
        let spot = Spot { name: name.clone(), display: name.clone(), template: &entry, boundary: None, task: name };
        self.visit(&spot)
    }

    fn visit(&mut self, spot: &Spot<'_>) -> String {
        let Some(template) = self.template(spot.template).cloned() else {
            let message = format!("template name '{}' undefined", spot.template);
            return self.leaf(spot, "Skipped", ("Error", Some(&message)), &[]);
        };
        if template.get("dag").is_some() || template.get("steps").is_some() {
            self.graph(spot, &template)
        } else if template.get("retryStrategy").is_some() {
            self.retry(spot, &template)
        } else {
            self.pod(spot, 0)
        }
    }

    /// Writes a node. `more` adds fields.
    fn leaf(
        &mut self,
        spot: &Spot<'_>,
        kind: &str,
        (phase, message): (&str, Option<&str>),
        more: &[(&str, Value)],
    ) -> String {
        let id = self.id(&spot.name);
        let now = stamp(self.now);
        let started =
            self.former(&id).and_then(|node| node.text("/startedAt")).map_or_else(|| now.clone(), str::to_owned);
        let finished = self.former(&id).and_then(|node| node.text("/finishedAt")).map_or(now, str::to_owned);
        let mut node = json!({
            "id": id, "name": spot.name, "displayName": spot.display, "type": kind, "templateName": spot.template,
            "templateScope": format!("local/{}", self.workflow_name()), "phase": phase, "startedAt": started,
        });
        if let Some(boundary) = spot.boundary {
            node["boundaryID"] = boundary.into();
        }
        if let Some(message) = message.filter(|message| !message.is_empty()) {
            node["message"] = message.into();
        }
        if is_over(phase) {
            node["finishedAt"] = finished.into();
        }
        for (key, value) in more {
            node[*key] = value.clone();
        }
        let phase = phase_of(&node).to_owned();
        self.nodes.insert(id, node);
        phase
    }

    fn graph(&mut self, spot: &Spot<'_>, template: &Value) -> String {
        let id = self.id(&spot.name);
        let tasks = tasks_of(template);
        let mut phases: BTreeMap<String, String> = BTreeMap::new();
        for task in &tasks {
            let known: Vec<Option<&String>> = task.needs.iter().map(|need| phases.get(need)).collect();
            if known.iter().any(|phase| phase.is_none_or(|phase| !is_over(phase))) {
                continue;
            }
            let display = task.name.clone();
            // KFP's `executor` stands for the task around it.
            let named = if display == "executor" { spot.display.clone() } else { display.clone() };
            let inner = Spot {
                name: format!("{}.{display}", spot.name),
                display,
                template: &task.template,
                boundary: Some(&id),
                task: named.clone(),
            };
            let phase = if known.iter().any(|phase| phase.is_some_and(|phase| !is_good(phase))) {
                self.leaf(&inner, "Skipped", ("Omitted", Some("omitted: depends condition not met")), &[])
            } else if task.when && self.is_cached(&named) {
                self.leaf(&inner, "Skipped", ("Skipped", Some("when 'true != true' evaluated false")), &[])
            } else if self.stopped.is_some() && self.former(&self.id(&inner.name)).is_none() {
                continue;
            } else {
                self.visit(&inner)
            };
            phases.insert(task.name.clone(), phase);
        }
        self.link(&spot.name, &tasks, &phases);
        let all = phases.len() == tasks.len();
        let over = phases.values().all(|phase| is_over(phase)) && (all || self.stopped.is_some());
        let phase = match () {
            () if !over => "Running",
            () if phases.values().any(|phase| matches!(phase.as_str(), "Failed" | "Error")) || !all => "Failed",
            () => "Succeeded",
        };
        let inside = |tasks: &[String]| -> Vec<Value> {
            tasks
                .iter()
                .map(|task| self.id(&format!("{}.{task}", spot.name)))
                .filter(|id| self.nodes.contains_key(id))
                .map(Value::from)
                .collect()
        };
        let first: Vec<String> =
            tasks.iter().filter(|task| task.needs.is_empty()).map(|task| task.name.clone()).collect();
        let children = inside(&first);
        let exits = if over { self.exits(&spot.name, &tasks) } else { Vec::new() };
        let mut more = vec![("children", json!(children)), ("progress", json!(self.progress(&spot.name)))];
        if !exits.is_empty() {
            more.push(("outboundNodes", json!(exits)));
        }
        if let Some(started) = self.edge(&spot.name, "startedAt", true) {
            more.push(("startedAt", json!(started)));
        }
        if let Some(finished) = self.edge(&spot.name, "finishedAt", false).filter(|_| over) {
            more.push(("finishedAt", json!(finished)));
        }
        self.leaf(spot, "DAG", (phase, None), &more)
    }

    /// Whether the driver found the task's outputs in the cache.
    fn is_cached(&self, task: &str) -> bool {
        let cached = super::super::annotation(self.workflow, super::CACHED).unwrap_or_default();
        cached.split(',').any(|name| name == task)
    }

    /// Makes tasks the children of those that they need (of their exits, where these are graphs).
    fn link(&mut self, parent: &str, tasks: &[Task], phases: &BTreeMap<String, String>) {
        for task in tasks.iter().filter(|task| phases.contains_key(&task.name)) {
            let child = self.id(&format!("{parent}.{}", task.name));
            for need in &task.needs {
                let before = self.id(&format!("{parent}.{need}"));
                let outbound =
                    self.nodes.get(&before).map(|node| node.items("/outboundNodes").to_vec()).unwrap_or_default();
                let mut froms: Vec<String> = outbound.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                if froms.is_empty() {
                    froms.push(before);
                }
                for from in froms {
                    let Some(node) = self.nodes.get_mut(&from) else { continue };
                    let mut children = node.items("/children").to_vec();
                    if !children.iter().any(|known| known.as_str() == Some(&child)) {
                        children.push(child.clone().into());
                    }
                    node["children"] = Value::Array(children);
                }
            }
        }
    }

    /// The last nodes of a graph: those that no other task needs.
    fn exits(&self, parent: &str, tasks: &[Task]) -> Vec<String> {
        let last = tasks.iter().filter(|task| !tasks.iter().any(|other| other.needs.contains(&task.name)));
        last.flat_map(|task| {
            let id = self.id(&format!("{parent}.{}", task.name));
            let outbound = self.nodes.get(&id).map(|node| node.items("/outboundNodes").to_vec()).unwrap_or_default();
            let inner: Vec<String> = outbound.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            if inner.is_empty() { vec![id] } else { inner }
        })
        .collect()
    }

    fn within<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b Value> {
        let prefix = format!("{name}.");
        self.nodes.values().filter(move |node| node.text("/name").is_some_and(|name| name.starts_with(&prefix)))
    }

    fn edge(&self, name: &str, part: &str, first: bool) -> Option<String> {
        let times = self.within(name).filter_map(|node| node.get(part)?.as_str().map(str::to_owned));
        if first { times.min() } else { times.max() }
    }

    fn progress(&self, name: &str) -> String {
        let pods: Vec<&Value> = self.within(name).filter(|node| node.text("/type") == Some("Pod")).collect();
        let done = pods.iter().filter(|node| phase_of(node) == "Succeeded").count();
        format!("{done}/{}", pods.len())
    }

    fn retry(&mut self, spot: &Spot<'_>, template: &Value) -> String {
        let limit = template.pointer("/retryStrategy/limit");
        let limit = limit.and_then(|limit| limit.as_u64().or_else(|| limit.as_str()?.parse().ok())).unwrap_or(0);
        let id = self.id(&spot.name);
        let (mut children, mut phase) = (Vec::new(), "Running".to_owned());
        for attempt in 0..=u32::try_from(limit).unwrap_or(0) {
            let inner = Spot {
                name: format!("{}({attempt})", spot.name),
                display: format!("{}({attempt})", spot.display),
                template: spot.template,
                boundary: spot.boundary.or(Some(&id)),
                task: spot.task.clone(),
            };
            let inner_id = self.id(&inner.name);
            phase = self.pod(&inner, attempt);
            if let Some(node) = self.nodes.get_mut(&inner_id) {
                node["nodeFlag"] = json!({ "retried": true });
            }
            children.push(Value::from(inner_id));
            if !matches!(phase.as_str(), "Failed" | "Error") || self.stopped.is_some() {
                break;
            }
        }
        let phase = if is_over(&phase) { phase } else { "Running".to_owned() };
        let message = (phase == "Failed").then_some("No more retries left");
        self.leaf(spot, "Retry", (&phase, message), &[("children", json!(children))])
    }

    fn pod(&mut self, spot: &Spot<'_>, attempt: u32) -> String {
        let id = self.id(&spot.name);
        let former = self.former(&id).cloned();
        if let Some(former) = former.as_ref().filter(|node| is_over(phase_of(node))) {
            let mut kept = former.clone();
            kept["children"] = json!([]);
            self.nodes.insert(id, kept);
            return phase_of(former).to_owned();
        }
        let pod_name = self.pod_name(&spot.name, spot.template);
        let pod = self.pods.iter().find(|pod| super::super::name(pod) == pod_name).cloned();
        if let Some(why) = self.stopped.clone() {
            return self.leaf(spot, "Pod", ("Failed", Some(&why)), &[]);
        }
        let Some(pod) = pod else {
            // Its pod was there and is gone: somebody deleted it.
            if former.as_ref().and_then(|node| node.text("/phase")) == Some("Running") {
                return self.leaf(spot, "Pod", ("Error", Some("pod deleted")), &[]);
            }
            if !self.suspended {
                self.wanted.push(Wanted {
                    node_id: id,
                    node_name: spot.name.clone(),
                    pod_name,
                    template: spot.template.to_owned(),
                    task: spot.task.clone(),
                    attempt,
                });
            }
            return self.leaf(spot, "Pod", ("Pending", None), &[]);
        };
        let (phase, message) = of_pod(&pod);
        let mut more = Vec::new();
        if let Some(started) = pod.time("/status/startTime") {
            more.push(("startedAt", json!(stamp(started))));
        }
        if let Some(host) = pod.text("/spec/nodeName") {
            more.push(("hostNodeName", json!(host)));
        }
        if let Some(address) = pod.text("/status/podIP").filter(|_| phase == "Running") {
            more.push(("podIP", json!(address)));
        }
        if is_over(phase) {
            let finished = last_finish([pod.as_ref()]).unwrap_or(self.now);
            more.push(("finishedAt", json!(stamp(finished))));
            more.push(("resourcesDuration", durations(&pod, finished)));
            more.push(("outputs", self.outputs(spot, &pod)));
        }
        more.push(("progress", json!(if phase == "Succeeded" { "1/1" } else { "0/1" })));
        self.leaf(spot, "Pod", (phase, message.as_deref()), &more)
    }

    fn outputs(&self, spot: &Spot<'_>, pod: &Value) -> Value {
        let code = super::super::object::ended(pod).map_or_else(|| "0".to_owned(), |(code, _)| code.to_string());
        let mut outputs = json!({ "exitCode": code });
        if let Some(task) = spot.display.strip_suffix("-driver").filter(|_| spot.template == "system-container-driver")
        {
            outputs["parameters"] = json!([
                { "name": "pod-spec-patch", "value": "" },
                { "name": "cached-decision", "value": self.is_cached(task).to_string() },
            ]);
        }
        outputs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflow(status: &Value, cached: &str) -> Value {
        json!({
            "metadata": {"name": "run", "annotations": {super::super::CACHED: cached}},
            "spec": {"entrypoint": "entrypoint", "templates": [
                {"name": "entrypoint", "dag": {"tasks": [
                    {"name": "root-driver", "template": "system-dag-driver"},
                    {"name": "root", "template": "root", "depends": "root-driver.Succeeded"},
                ]}},
                {"name": "root", "dag": {"tasks": [
                    {"name": "train", "template": "system-container-executor", "depends": "train-driver.Succeeded"},
                    {"name": "train-driver", "template": "system-container-driver"},
                ]}},
                {"name": "system-container-executor", "dag": {"tasks": [
                    {"name": "executor", "template": "system-container-impl", "when": "{{inputs.parameters.cached-decision}} != true"},
                ]}},
                {"name": "system-dag-driver", "container": {}}, {"name": "system-container-driver", "container": {}},
                {"name": "system-container-impl", "container": {}},
            ]},
            "status": status,
        })
    }

    fn walk<'a>(workflow: &'a Value, pods: &'a [Arc<Value>]) -> Walk<'a> {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Walk { workflow, pods, now, stopped: None, suspended: false, nodes: BTreeMap::new(), wanted: Vec::new() }
    }

    /// Runs a workflow to its end with pods that all succeed; the order of pods and the last nodes.
    fn run_out(cached: &str) -> (String, Vec<String>, BTreeMap<String, Value>) {
        let mut pods: Vec<Arc<Value>> = Vec::new();
        let (mut status, mut order) = (json!({}), Vec::new());
        for _ in 0..9 {
            let workflow = workflow(&status, cached);
            let mut walk = walk(&workflow, &pods);
            let phase = walk.root();
            let (nodes, wanted) = (walk.nodes.clone(), walk.wanted.clone());
            if is_over(&phase) {
                return (phase, order, nodes);
            }
            status = json!({"nodes": nodes});
            for want in wanted {
                order.push(want.task);
                pods.push(Arc::new(json!({"metadata": {"name": want.pod_name}, "status": {"phase": "Succeeded"}})));
            }
        }
        panic!("it never ended");
    }

    #[test]
    fn a_pipeline_runs_driver_then_executor() {
        let (phase, order, nodes) = run_out("");
        assert_eq!(phase, "Succeeded");
        assert_eq!(order, ["root-driver", "train-driver", "train"]);
        let executor = nodes.values().find(|node| node.text("/displayName") == Some("executor")).unwrap();
        assert_eq!(executor.text("/name"), Some("run.root.train.executor"));
        assert_eq!(nodes["run"].text("/type"), Some("DAG"));
        // The graph is connected: every node but the root is somebody's child.
        for id in nodes.keys().filter(|id| *id != "run") {
            assert!(nodes.values().any(|node| node.items("/children").iter().any(|child| child == id)), "{id}");
        }
    }

    #[test]
    fn a_cached_task_is_skipped() {
        let (phase, order, nodes) = run_out("train");
        assert_eq!(phase, "Succeeded");
        assert_eq!(order, ["root-driver", "train-driver"]);
        assert!(nodes.values().any(|node| node.text("/phase") == Some("Skipped")));
    }

    #[test]
    fn a_failure_omits_what_depends_on_it() {
        let workflow = workflow(&json!({}), "");
        let first = walk(&workflow, &[]).pod_name("run.root-driver", "system-dag-driver");
        let failed = json!({"metadata": {"name": first}, "status": {"phase": "Failed", "containerStatuses": [
            {"state": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]}});
        let pods = [Arc::new(failed)];
        let mut walk = walk(&workflow, &pods);
        assert_eq!(walk.root(), "Failed");
        let messages: Vec<&str> = walk.nodes.values().filter_map(|node| node.text("/message")).collect();
        assert!(messages.contains(&"main: OOMKilled (exit code 137)"), "{messages:?}");
        assert!(walk.nodes.values().any(|node| node.text("/phase") == Some("Omitted")));
    }
}
