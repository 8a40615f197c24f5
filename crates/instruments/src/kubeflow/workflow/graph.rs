//! The graph that the person drew, out of the nodes that Argo made of it.
//!
//! Groups are left out and the edges through them joined. Kubeflow Pipelines turns one task into a driver, a group and an
//! executor: here it is one node again. A driver shows only when it is all that there is of its task, or when it failed.

use std::collections::{BTreeSet, HashMap, HashSet};

use pilothouse_model::page::{Node as Drawn, Value as Shown};
use pilothouse_model::{Column, ColumnKind, Level, Object, ObjectRef, Section, Status};

use super::super::cells;
use super::nodes::Node;

/// More edges than a person can read, and than a page should carry.
const EDGES_AT_MOST: usize = 4000;
/// More rows than a person can read.
const ROWS_AT_MOST: usize = 2000;

/// Nodes by id and by the place in their group.
struct Index<'a> {
    by_id: HashMap<&'a str, &'a Node>,
    by_label: HashMap<(&'a str, &'a str), &'a Node>,
    /// The last step inside a group, or the last attempt of a step that is tried again.
    inside: HashMap<&'a str, &'a Node>,
    /// Steps that are attempts.
    attempts: HashSet<&'a str>,
}

impl<'a> Index<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let by_id: HashMap<_, _> = nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let mut inside: HashMap<_, _> =
            nodes.iter().filter(|node| node.is_leaf()).map(|node| (node.boundary.as_str(), node)).collect();
        let mut attempts = HashSet::new();
        for retry in nodes.iter().filter(|node| node.kind == "Retry") {
            for attempt in retry.children.iter().filter_map(|id| by_id.get(id.as_str())) {
                if attempt.is_attempt_of(retry) {
                    attempts.insert(attempt.id.as_str());
                    inside.insert(retry.id.as_str(), attempt);
                }
            }
        }
        let by_label = nodes.iter().map(|node| ((node.boundary.as_str(), node.label.as_str()), node)).collect();
        Self { by_id, by_label, inside, attempts }
    }

    fn task_of_driver(&self, driver: &Node) -> Option<&'a Node> {
        let task = driver.label.strip_suffix("-driver")?;
        self.by_label.get(&(driver.boundary.as_str(), task)).copied()
    }

    fn driver_of_task(&self, task: &Node) -> Option<&'a Node> {
        let label = format!("{}-driver", task.label);
        self.by_label.get(&(task.boundary.as_str(), label.as_str())).copied().filter(|driver| is_driver(driver))
    }

    fn parent(&self, node: &Node) -> Option<&'a Node> {
        self.by_id.get(node.boundary.as_str()).copied()
    }
}

fn is_driver(node: &Node) -> bool {
    matches!(node.template.as_str(), "system-container-driver" | "system-dag-driver")
}

/// The group that Kubeflow Pipelines makes of one task; the template of one that may be tried again begins with `retry-`.
fn is_task(node: &Node) -> bool {
    let template = node.template.strip_prefix("retry-").unwrap_or(&node.template);
    node.kind == "DAG" && template.starts_with("system-") && template.ends_with("-executor")
}

fn is_drawn(node: &Node, index: &Index<'_>) -> bool {
    if is_task(node) {
        return true;
    }
    if is_driver(node) {
        return node.has_failed() || index.task_of_driver(node).is_none();
    }
    if node.kind == "Retry" {
        return !index.parent(node).is_some_and(is_task);
    }
    node.is_leaf() && !index.parent(node).is_some_and(is_task) && !index.attempts.contains(node.id.as_str())
}

fn drawn(node: &Node, workflow: &Object, index: &Index<'_>) -> Drawn {
    let inner = index.inside.get(node.id.as_str()).copied().filter(|_| is_task(node) || node.kind == "Retry");
    let mut status = node.status();
    if status.message.is_empty()
        && let Some(inner) = inner
    {
        status.message = inner.message.as_str().into();
    }
    let decided = index.driver_of_task(node).is_some_and(|driver| driver.decided_cached);
    if node.cached || (decided && node.phase == "Succeeded") {
        status = Status::new(Level::Done, "Cached").because("Cached", "Its result was taken from an earlier run.");
    }
    let label = if is_driver(node) { node.label.strip_suffix("-driver").unwrap_or(&node.label) } else { &node.label };
    let pod = inner.unwrap_or(node).pod_name(workflow);
    Drawn {
        id: node.id.clone(),
        label: label.to_owned(),
        status,
        started: node.started,
        finished: node.finished,
        object: pod.map(|name| pod_reference(workflow, name)),
    }
}

fn pod_reference(workflow: &Object, name: String) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: workflow.namespace().map(str::to_owned),
        name,
        uid: None,
    }
}

/// The drawn nodes that follow a node directly, through any number of nodes that are not drawn.
fn followers<'a>(node: &'a Node, index: &Index<'a>, shown: &HashSet<&'a str>) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut next: Vec<&str> = node.children.iter().map(String::as_str).collect();
    while let Some(id) = next.pop() {
        if !seen.insert(id) {
            continue;
        }
        let Some(child) = index.by_id.get(id) else { continue };
        if shown.contains(id) {
            if id != node.id {
                found.insert(child.id.as_str());
            }
        } else {
            next.extend(child.children.iter().map(String::as_str));
        }
    }
    found
}

/// The graph of the steps.
pub(super) fn section(workflow: &Object, nodes: &[Node]) -> Section {
    let index = Index::new(nodes);
    let shown: Vec<_> = nodes.iter().filter(|node| is_drawn(node, &index)).collect();
    let ids: HashSet<_> = shown.iter().map(|node| node.id.as_str()).collect();
    let mut edges = Vec::new();
    for node in &shown {
        edges.extend(followers(node, &index, &ids).into_iter().map(|next| (node.id.clone(), next.to_owned())));
        if edges.len() > EDGES_AT_MOST {
            return Section::Notice {
                status: Status::new(Level::Unknown, "Too large"),
                text: format!("The graph of {} steps is too large to draw; the table below has them all.", shown.len()),
            };
        }
    }
    let nodes = shown.iter().map(|node| drawn(node, workflow, &index)).collect();
    Section::Graph { title: "Steps".to_owned(), nodes, edges }
}

/// Every step in one flat table, drivers and executors too, in the order in which they began.
pub(super) fn table(workflow: &Object, nodes: &[Node]) -> Section {
    let steps: Vec<_> = nodes.iter().filter(|node| node.is_leaf()).collect();
    let row = |node: &&Node| {
        let pod = node.pod_name(workflow).map(|name| pod_reference(workflow, name));
        let cells = vec![
            Shown::Text(node.label.clone()),
            cells::shown(Some(node.task_label())),
            Shown::Status(node.status()),
            cells::shown_moment(node.started),
            Shown::Cell(cells::span(node.started, node.finished)),
            cells::shown(node.exit_code.as_deref()),
            pod.clone().map_or(Shown::Missing, Shown::Object),
            cells::shown(Some(&node.message)),
        ];
        (pod, cells)
    };
    let title = match steps.len() {
        count if count > ROWS_AT_MOST => format!("The first {ROWS_AT_MOST} of {count} nodes"),
        _ => "All nodes".to_owned(),
    };
    Section::Table {
        title,
        columns: vec![
            Column::new("Node", ColumnKind::Text),
            Column::new("Task", ColumnKind::Text),
            Column::new("Status", ColumnKind::Status),
            Column::new("Started", ColumnKind::Age),
            Column::new("Duration", ColumnKind::Duration),
            Column::new("Exit code", ColumnKind::Text),
            Column::new("Pod", ColumnKind::Text),
            Column::new("Message", ColumnKind::Text),
        ],
        rows: steps.iter().take(ROWS_AT_MOST).map(row).collect(),
        empty: "No step has begun.".to_owned(),
    }
}
