//! The nodes of a workflow, as they are written, packed or kept elsewhere; and the name of a node's pod.

use std::io::Read as _;

use base64::Engine as _;
use pilothouse_model::{Level, Object, Read, Status, Timestamp};
use serde_json::Value;

/// What packed nodes may unpack to at most: enough for tens of thousands, too little to hurt.
const UNPACKED_AT_MOST: u64 = 64 << 20;

/// The nodes of a workflow, as far as its object tells them.
pub(super) enum Nodes {
    /// Here they are, by start and name.
    Known(Vec<Node>),
    /// It has none yet.
    None,
    /// It has some that cannot be read, and why.
    Unreadable(String),
}

/// One node: a step, or a group of steps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) kind: String,
    pub(super) template: String,
    pub(super) phase: String,
    pub(super) boundary: String,
    pub(super) message: String,
    pub(super) started: Option<Timestamp>,
    pub(super) finished: Option<Timestamp>,
    pub(super) children: Vec<String>,
    pub(super) exit_code: Option<String>,
    /// Its result was taken from an earlier run.
    pub(super) cached: bool,
    /// A driver of Kubeflow Pipelines says that its task needs not run.
    pub(super) decided_cached: bool,
}

impl Nodes {
    /// The nodes of this workflow.
    pub(super) fn of(object: &Object) -> Self {
        if let Some(nodes) =
            object.pointer("/status/nodes").filter(|nodes| nodes.as_object().is_some_and(|n| !n.is_empty()))
        {
            return Self::Known(read(nodes));
        }
        if let Some(packed) = object.text("/status/compressedNodes").filter(|packed| !packed.is_empty()) {
            return match unpack(packed) {
                Ok(nodes) => Self::Known(read(&nodes)),
                Err(why) => Self::Unreadable(why),
            };
        }
        match object.text("/status/offloadNodeStatusVersion").filter(|version| !version.is_empty()) {
            Some(_) => Self::Unreadable("Argo keeps them in its own database, not in the cluster.".to_owned()),
            None => Self::None,
        }
    }
}

fn unpack(packed: &str) -> Result<Value, String> {
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed.trim())
        .map_err(|error| format!("they are not base64 ({error})."))?;
    let text = read_at_most(flate2::read::GzDecoder::new(bytes.as_slice()), UNPACKED_AT_MOST)
        .map_err(|error| format!("they cannot be unpacked ({error})."))?
        .ok_or_else(|| "unpacked they are larger than 64 MiB.".to_owned())?;
    let nodes: Value = serde_json::from_slice(&text).map_err(|error| format!("they are not JSON ({error})."))?;
    if nodes.is_object() { Ok(nodes) } else { Err("they are not a map of nodes.".to_owned()) }
}

/// Everything from a source; `None` when it has more than `limit` bytes, of which no more is read.
fn read_at_most(source: impl std::io::Read, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut text = Vec::new();
    let length = source.take(limit.saturating_add(1)).read_to_end(&mut text)?;
    Ok(u64::try_from(length).is_ok_and(|length| length <= limit).then_some(text))
}

fn read(nodes: &Value) -> Vec<Node> {
    let mut nodes: Vec<_> = nodes.entries("").map(|(id, node)| Node::read(id, node)).collect();
    nodes.sort_by(|left, right| {
        (left.started.is_none(), left.started, &left.id).cmp(&(right.started.is_none(), right.started, &right.id))
    });
    nodes
}

impl Node {
    fn read(id: &str, node: &Value) -> Self {
        let text = |pointer: &str| node.text(pointer).unwrap_or_default().to_owned();
        let name = text("/name");
        let label = node.text("/displayName").filter(|label| !label.is_empty()).unwrap_or(&name).to_owned();
        let template = node.text("/templateName").or_else(|| node.text("/templateRef/template")).unwrap_or_default();
        let decided = node.items("/outputs/parameters").iter().any(|parameter| {
            parameter.text("/name") == Some("cached-decision") && parameter.text("/value") == Some("true")
        });
        Self {
            id: id.to_owned(),
            label: if label.is_empty() { id.to_owned() } else { label },
            kind: text("/type"),
            template: template.to_owned(),
            phase: text("/phase"),
            boundary: text("/boundaryID"),
            message: text("/message"),
            started: node.time("/startedAt"),
            finished: node.time("/finishedAt"),
            children: node.items("/children").iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            exit_code: node.text("/outputs/exitCode").filter(|code| *code != "0").map(str::to_owned),
            cached: node.boolean("/memoizationStatus/hit") == Some(true),
            decided_cached: decided,
            name,
        }
    }

    /// Whether it is a step itself, not a group of steps.
    pub(super) fn is_leaf(&self) -> bool {
        !matches!(self.kind.as_str(), "Steps" | "StepGroup" | "DAG" | "TaskGroup" | "Retry")
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.phase.as_str(), "Failed" | "Error")
    }

    /// Whether it is one try of a step that is tried again: `train(0)` of `train`.
    pub(super) fn is_attempt_of(&self, retry: &Self) -> bool {
        self.name.strip_prefix(retry.name.as_str()).is_some_and(|rest| rest.starts_with('('))
    }

    /// The name of the step for people: the executor of Kubeflow Pipelines is called after its task, which is the last
    /// but one part of its full name.
    pub(super) fn task_label(&self) -> &str {
        if self.label != "executor" && !self.label.starts_with("executor(") {
            return &self.label;
        }
        self.name.rsplit('.').nth(1).unwrap_or(&self.label)
    }

    /// How it stands.
    pub(super) fn status(&self) -> Status {
        let level = match self.phase.as_str() {
            "Pending" => Level::Waiting,
            "Running" => Level::Good,
            "Succeeded" => Level::Done,
            "Skipped" | "Omitted" => Level::Idle,
            "Failed" | "Error" => Level::Error,
            _ => Level::Unknown,
        };
        let word = if self.phase.is_empty() { "Unknown" } else { &self.phase };
        Status::new(level, word).because("", &self.message)
    }

    /// The name that Argo gives to this node's pod; `None` when it has no pod.
    pub(super) fn pod_name(&self, workflow: &Object) -> Option<String> {
        if !matches!(self.kind.as_str(), "Pod" | "Container") {
            return None;
        }
        let old = workflow.annotation("workflows.argoproj.io/pod-name-format") == Some("v1");
        Some(if old { self.id.clone() } else { pod_name(workflow.name(), &self.name, &self.template) })
    }
}

/// The names longer than what Kubernetes allows are cut before the hash.
const PREFIX_AT_MOST: usize = 242;

fn pod_name(workflow: &str, node: &str, template: &str) -> String {
    if workflow == node {
        return workflow.to_owned();
    }
    let mut prefix = if node.contains(".inline") { workflow.to_owned() } else { format!("{workflow}-{template}") };
    if prefix.len() > PREFIX_AT_MOST {
        prefix.truncate(prefix.floor_char_boundary(PREFIX_AT_MOST));
    }
    format!("{prefix}-{}", fnv32a(node.as_bytes()))
}

/// The 32-bit hash of Fowler, Noll and Vo in its variant 1a.
fn fnv32a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::Write as _;

    fn workflow(status: &Value) -> Object {
        Object::new(json!({"metadata": {"name": "wf"}, "status": status})).unwrap()
    }

    fn pack(bytes: &[u8]) -> String {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        base64::engine::general_purpose::STANDARD.encode(encoder.finish().unwrap())
    }

    #[test]
    fn the_hash_is_that_of_the_published_vectors() {
        // http://www.isthe.com/chongo/tech/comp/fnv/ lists these.
        assert_eq!(fnv32a(b""), 0x811c_9dc5);
        assert_eq!(fnv32a(b"a"), 0xe40c_292c);
        assert_eq!(fnv32a(b"foobar"), 0xbf9c_f968);
    }

    #[test]
    fn pods_are_named_as_argo_names_them() {
        assert_eq!(pod_name("wf", "wf", "main"), "wf");
        assert_eq!(pod_name("wf", "foobar", "train"), format!("wf-train-{}", 0xbf9c_f968_u32));
        assert_eq!(pod_name("wf", "wf.inline", "x"), format!("wf-{}", fnv32a(b"wf.inline")));
        let long = "w".repeat(300);
        assert_eq!(pod_name(&long, "foobar", "t"), format!("{}-{}", "w".repeat(242), 0xbf9c_f968_u32));
        let node = |kind: &str| Node { kind: kind.to_owned(), id: "wf-1".into(), ..Node::default() };
        assert_eq!(node("DAG").pod_name(&workflow(&json!({}))), None);
        let old = Object::new(json!({"metadata": {"name": "wf", "annotations": {
            "workflows.argoproj.io/pod-name-format": "v1"}}}));
        assert_eq!(node("Pod").pod_name(&old.unwrap()), Some("wf-1".to_owned()));
    }

    #[test]
    fn packed_nodes_are_read_like_plain_ones() {
        let nodes = json!({"wf-1": {"name": "wf", "type": "Pod", "phase": "Running", "children": ["a", 3]}});
        let plain = Nodes::of(&workflow(&json!({"nodes": nodes})));
        let packed = Nodes::of(&workflow(&json!({"compressedNodes": pack(nodes.to_string().as_bytes())})));
        let (Nodes::Known(plain), Nodes::Known(packed)) = (plain, packed) else { panic!("both are readable") };
        assert_eq!(plain, packed);
        assert_eq!(plain[0].children, ["a"]);
    }

    #[test]
    fn a_bomb_is_not_unpacked_to_its_end() {
        assert_eq!(read_at_most(std::io::repeat(b' '), 1000).unwrap(), None);
        assert_eq!(read_at_most([1, 2, 3].as_slice(), 3).unwrap(), Some(vec![1, 2, 3]));
        assert_eq!(read_at_most([1, 2, 3].as_slice(), 2).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_read_is_said_not_hidden() {
        let why = |status: Value| match Nodes::of(&workflow(&status)) {
            Nodes::Unreadable(why) => why,
            Nodes::Known(_) => panic!("known"),
            Nodes::None => panic!("none"),
        };
        assert!(why(json!({"compressedNodes": "%"})).contains("base64"));
        assert!(why(json!({"compressedNodes": "aGVsbG8="})).contains("unpacked"));
        assert!(why(json!({"compressedNodes": pack(b"[1]")})).contains("map"));
        assert!(why(json!({"offloadNodeStatusVersion": "fnv:1"})).contains("database"));
        assert!(matches!(Nodes::of(&workflow(&json!({}))), Nodes::None));
    }
}
