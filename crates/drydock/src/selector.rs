//! Which objects a list or watch selects: by labels and by fields.

use pilothouse_model::{LabelSelector, Read};
use serde_json::Value;

use crate::failure::Failure;
use crate::http::query::Query;
use crate::registry::Served;

/// A selection; the empty one selects everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    labels: LabelSelector,
    fields: Vec<FieldRequirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct FieldRequirement {
    path: &'static str,
    /// What an absent field reads as.
    absent: &'static str,
    equal: bool,
    value: String,
}

/// Fields that every resource can be selected by, and those of some: (group, plural, label of the field, JSON pointer,
/// reading of an absent field).
const FIELDS: &[(&str, &str, &str, &str, &str)] = &[
    ("*", "*", "metadata.name", "/metadata/name", ""),
    ("*", "*", "metadata.namespace", "/metadata/namespace", ""),
    ("", "pods", "spec.nodeName", "/spec/nodeName", ""),
    ("", "pods", "spec.restartPolicy", "/spec/restartPolicy", ""),
    ("", "pods", "spec.schedulerName", "/spec/schedulerName", ""),
    ("", "pods", "spec.serviceAccountName", "/spec/serviceAccountName", ""),
    ("", "pods", "spec.hostNetwork", "/spec/hostNetwork", "false"),
    ("", "pods", "status.phase", "/status/phase", ""),
    ("", "pods", "status.podIP", "/status/podIP", ""),
    ("", "pods", "status.nominatedNodeName", "/status/nominatedNodeName", ""),
    ("", "nodes", "spec.unschedulable", "/spec/unschedulable", "false"),
    ("", "namespaces", "status.phase", "/status/phase", ""),
    ("", "secrets", "type", "/type", ""),
    ("", "services", "spec.clusterIP", "/spec/clusterIP", ""),
    ("", "services", "spec.type", "/spec/type", ""),
    ("", "replicationcontrollers", "status.replicas", "/status/replicas", "0"),
    ("apps", "replicasets", "status.replicas", "/status/replicas", "0"),
    ("batch", "jobs", "status.successful", "/status/succeeded", "0"),
    ("", "events", "involvedObject.kind", "/involvedObject/kind", ""),
    ("", "events", "involvedObject.namespace", "/involvedObject/namespace", ""),
    ("", "events", "involvedObject.name", "/involvedObject/name", ""),
    ("", "events", "involvedObject.uid", "/involvedObject/uid", ""),
    ("", "events", "involvedObject.apiVersion", "/involvedObject/apiVersion", ""),
    ("", "events", "involvedObject.resourceVersion", "/involvedObject/resourceVersion", ""),
    ("", "events", "involvedObject.fieldPath", "/involvedObject/fieldPath", ""),
    ("", "events", "reason", "/reason", ""),
    ("", "events", "reportingComponent", "/reportingComponent", ""),
    ("", "events", "source", "/source/component", ""),
    ("", "events", "type", "/type", ""),
    ("events.k8s.io", "events", "regarding.kind", "/involvedObject/kind", ""),
    ("events.k8s.io", "events", "regarding.namespace", "/involvedObject/namespace", ""),
    ("events.k8s.io", "events", "regarding.name", "/involvedObject/name", ""),
    ("events.k8s.io", "events", "regarding.uid", "/involvedObject/uid", ""),
    ("events.k8s.io", "events", "reason", "/reason", ""),
    ("events.k8s.io", "events", "type", "/type", ""),
];

impl Selection {
    /// Reads `labelSelector` and `fieldSelector`.
    pub(crate) fn from(served: &Served, query: &Query) -> Result<Self, Failure> {
        let labels = match query.get("labelSelector") {
            Some(text) => {
                text.parse().map_err(|error| Failure::bad_request(format!("unable to parse requirement: {error}")))?
            }
            None => LabelSelector::default(),
        };
        let fields = match query.get("fieldSelector") {
            Some(text) => fields(served, text)?,
            None => Vec::new(),
        };
        Ok(Self { labels, fields })
    }

    /// Whether it selects everything.
    pub(crate) fn is_everything(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether it selects an object (in its stored version).
    pub(crate) fn selects(&self, value: &Value) -> bool {
        self.fields.iter().all(|requirement| requirement.holds(value))
            && self.labels.matches(|key| value.get("metadata")?.get("labels")?.get(key)?.as_str())
    }
}

impl FieldRequirement {
    fn holds(&self, value: &Value) -> bool {
        let equal = match value.pointer(self.path) {
            None | Some(Value::Null) => self.absent == self.value,
            Some(Value::String(text)) => *text == self.value,
            Some(Value::Bool(truth)) => self.value == if *truth { "true" } else { "false" },
            Some(other) => serde_json::from_str::<Value>(&self.value).is_ok_and(|value| value == *other),
        };
        equal == self.equal
    }
}

fn fields(served: &Served, text: &str) -> Result<Vec<FieldRequirement>, Failure> {
    let mut requirements = Vec::new();
    for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
        let (name, value, equal) = if let Some((name, value)) = term.split_once("!=") {
            (name, value, false)
        } else if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
            (name, value, true)
        } else {
            return Err(Failure::bad_request(format!("invalid field selector: '{text}'; can't understand '{term}'")));
        };
        let Some((path, absent)) = field(served, name.trim()) else {
            return Err(Failure::bad_request(unknown_field(served, name)));
        };
        requirements.push(FieldRequirement { path, absent, equal, value: value.trim().to_owned() });
    }
    Ok(requirements)
}

fn unknown_field(served: &Served, name: &str) -> String {
    if served.custom {
        format!("field label not supported: {name}")
    } else {
        // Most built-in kinds name only these two; kinds with more say so in their own words, which nobody compares.
        format!("\"{name}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")
    }
}

fn field(served: &Served, name: &str) -> Option<(&'static str, &'static str)> {
    let resource = &served.resource;
    FIELDS
        .iter()
        .find(|(group, plural, label, ..)| {
            *label == name && (*plural == "*" || (*group == &*resource.group && *plural == &*resource.plural))
        })
        .map(|(_, _, _, path, absent)| (*path, *absent))
}

/// The selector of a kind that selects pods, as text: for the scale subresource.
pub(crate) fn text_of(value: Option<&Value>) -> Option<String> {
    let value = value?;
    // Replication controllers have a bare map.
    let bare = value.get("matchLabels").is_none() && value.get("matchExpressions").is_none();
    if bare {
        let pairs: Vec<String> =
            value.entries("").filter_map(|(key, label)| Some(format!("{key}={}", label.as_str()?))).collect();
        return Some(pairs.join(","));
    }
    LabelSelector::from_json(value).map(|selector| selector.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::registry::Registry;

    fn select(plural: &str, query: &str, value: &Value) -> Result<bool, String> {
        let registry = Registry::builtin();
        let served = registry.find("", "v1", plural).unwrap();
        Selection::from(served, &Query::parse(query)).map(|selection| selection.selects(value)).map_err(|f| f.message)
    }

    #[test]
    fn selects_by_labels_and_fields() {
        let pod = json!({
            "metadata": { "name": "x", "namespace": "n", "labels": { "app": "a" } },
            "spec": { "nodeName": "gpu-1" },
            "status": { "phase": "Running" },
        });
        for (query, expected) in [
            ("", true),
            ("labelSelector=app%3Da", true),
            ("labelSelector=app%20in%20(b)", false),
            ("fieldSelector=spec.nodeName%3Dgpu-1,status.phase!%3DFailed", true),
            ("fieldSelector=status.phase%3D%3DFailed", false),
            ("fieldSelector=metadata.namespace%3Dn&labelSelector=!b", true),
            ("fieldSelector=spec.hostNetwork%3Dfalse", true),
        ] {
            assert_eq!(select("pods", query, &pod), Ok(expected), "{query}");
        }
        assert!(select("pods", "fieldSelector=spec.colour%3Dred", &pod).unwrap_err().contains("spec.colour"));
        assert!(select("pods", "fieldSelector=nonsense", &pod).unwrap_err().contains("can't understand"));
        assert!(select("pods", "labelSelector=a%3Db%3Dc", &pod).is_err());
    }

    #[test]
    fn an_absent_truth_value_reads_false() {
        let node = json!({ "metadata": { "name": "n" }, "spec": {} });
        assert_eq!(select("nodes", "fieldSelector=spec.unschedulable%3Dfalse", &node), Ok(true));
        let cordoned = json!({ "metadata": { "name": "n" }, "spec": { "unschedulable": true } });
        assert_eq!(select("nodes", "fieldSelector=spec.unschedulable%3Dfalse", &cordoned), Ok(false));
    }
}
