//! What an object must be to be stored. The rules that clients meet in practice; where the real API server knows more, it
//! refuses more.

mod schema;

use pilothouse_model::Read;
use serde_json::{Value, json};

use crate::failure::FieldProblem;
use crate::registry::Served;

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and \
     must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and \
     end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
     alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
     must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
     validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/// Everything that is wrong with an object; `before` is the version that it replaces.
pub(crate) fn object(served: &Served, value: &Value, before: Option<&Value>) -> Vec<FieldProblem> {
    let mut problems = Vec::new();
    if before.is_none() {
        name(served, value, &mut problems);
    }
    metadata(value, &mut problems);
    if let Some(before) = before {
        finalizers(value, before, &mut problems);
    }
    if let Some(schema) = &served.schema {
        schema::check(schema, value, &mut problems);
        return problems;
    }
    match (&*served.resource.group, &*served.resource.plural) {
        ("", "pods") => pod_spec(&value["spec"], "spec", &mut problems),
        ("apps", "deployments" | "replicasets" | "statefulsets" | "daemonsets") => {
            workload(value, before, &mut problems);
        }
        ("batch", "jobs") => {
            let never = ["OnFailure", "Never"];
            pod_template(value, "/spec/template", "spec.template", &never, &mut problems);
        }
        ("", "services") => service(value, &mut problems),
        ("", "configmaps" | "secrets") => data(value, before, &mut problems),
        ("rbac.authorization.k8s.io", "rolebindings" | "clusterrolebindings") => {
            role_binding(value, before, &mut problems);
        }
        _ => {}
    }
    problems
}

/// What is being deleted can be released, but not held any further.
fn finalizers(value: &Value, before: &Value, problems: &mut Vec<FieldProblem>) {
    if before.text("/metadata/deletionTimestamp").is_none() {
        return;
    }
    let held = before.items("/metadata/finalizers");
    let added: Vec<String> =
        value.items("/metadata/finalizers").iter().filter(|item| !held.contains(item)).map(Value::to_string).collect();
    if !added.is_empty() {
        let why = "no new finalizers can be added if the object is being deleted, found new finalizers";
        let why = format!("{why} []string{{{}}}", added.join(", "));
        problems.push(FieldProblem::forbidden("metadata.finalizers", &why));
    }
}

fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_subdomain(text: &str) -> bool {
    text.len() <= 253
        && text.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !part.starts_with('-')
                && !part.ends_with('-')
        })
}

fn name(served: &Served, value: &Value, problems: &mut Vec<FieldProblem>) {
    let name = value.text("/metadata/name").unwrap_or_default();
    let group = &*served.resource.group;
    let why = match (group, &*served.resource.plural) {
        // Their names are free but for what a path cannot hold.
        ("rbac.authorization.k8s.io", _) => match name {
            "." | ".." => Some("may not be '.' or '..'".to_owned()),
            _ if name.contains('/') || name.contains('%') => Some("may not contain '/' or '%'".to_owned()),
            _ => None,
        },
        ("", "namespaces" | "services") if !is_label(name) => Some(LABEL.to_owned()),
        _ if !is_subdomain(name) => Some(SUBDOMAIN.to_owned()),
        _ => None,
    };
    if let Some(why) = why {
        problems.push(FieldProblem::invalid("metadata.name", &json!(name), &why));
    }
}

/// Empty, or letters, digits, `-`, `_`, `.` between letters or digits, at most 63.
fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric)
}

fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    prefix.is_none_or(is_subdomain) && !name.is_empty() && is_name_part(name)
}

fn metadata(value: &Value, problems: &mut Vec<FieldProblem>) {
    for (field, pointer) in [("metadata.labels", "/metadata/labels"), ("metadata.annotations", "/metadata/annotations")]
    {
        for (key, text) in value.entries(pointer) {
            let shown = if field.ends_with("annotations") { key.to_lowercase() } else { key.to_owned() };
            if !is_qualified(&shown) {
                problems.push(FieldProblem::invalid(field, &json!(key), QUALIFIED));
            }
            match text.as_str() {
                None => problems.push(FieldProblem::invalid(field, text, "must be a string")),
                Some(text) if field.ends_with("labels") && !is_name_part(text) => {
                    problems.push(FieldProblem::invalid(field, &json!(text), LABEL_VALUE));
                }
                Some(_) => {}
            }
        }
    }
    for (at, owner) in value.items("/metadata/ownerReferences").iter().enumerate() {
        for field in ["apiVersion", "kind", "name", "uid"] {
            if owner.text(&format!("/{field}")).is_none_or(str::is_empty) {
                let path = format!("metadata.ownerReferences[{at}].{field}");
                problems.push(FieldProblem::required(&path, &format!("{field} must not be empty")));
            }
        }
    }
}

fn pod_spec(spec: &Value, path: &str, problems: &mut Vec<FieldProblem>) {
    if spec.items("/containers").is_empty() {
        problems.push(FieldProblem::required(&format!("{path}.containers"), ""));
    }
    let mut names = std::collections::BTreeSet::new();
    for list in ["containers", "initContainers"] {
        for (at, container) in spec.items(&format!("/{list}")).iter().enumerate() {
            let path = format!("{path}.{list}[{at}]");
            match container.text("/name") {
                None | Some("") => problems.push(FieldProblem::required(&format!("{path}.name"), "")),
                Some(name) if !is_label(name) => {
                    problems.push(FieldProblem::invalid(&format!("{path}.name"), &json!(name), LABEL));
                }
                Some(name) if !names.insert(name) => problems.push(FieldProblem {
                    reason: "FieldValueDuplicate",
                    field: format!("{path}.name"),
                    message: format!("Duplicate value: \"{name}\""),
                }),
                Some(_) => {}
            }
            if container.text("/image").is_none_or(str::is_empty) {
                problems.push(FieldProblem::required(&format!("{path}.image"), ""));
            }
            amounts(container, &path, problems);
        }
    }
    let policy = spec.text("/restartPolicy").unwrap_or("Always");
    let policies = ["Always", "OnFailure", "Never"];
    if !policies.contains(&policy) {
        problems.push(FieldProblem::unsupported(&format!("{path}.restartPolicy"), policy, &policies));
    }
}

fn amounts(container: &Value, path: &str, problems: &mut Vec<FieldProblem>) {
    for part in ["limits", "requests"] {
        for (resource, amount) in container.entries(&format!("/resources/{part}")) {
            let text = amount.as_str().map_or_else(|| amount.to_string(), str::to_owned);
            if text.parse::<pilothouse_model::Quantity>().is_err() {
                let why = "quantities must match the regular expression \
                           '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
                problems.push(FieldProblem::invalid(&format!("{path}.resources.{part}[{resource}]"), amount, why));
            }
        }
    }
}

fn pod_template(value: &Value, pointer: &str, path: &str, policies: &[&str], problems: &mut Vec<FieldProblem>) {
    let spec = value.pointer(&format!("{pointer}/spec")).cloned().unwrap_or(Value::Null);
    pod_spec(&spec, &format!("{path}.spec"), problems);
    let policy = spec.text("/restartPolicy").unwrap_or("Always");
    if !policies.contains(&policy) {
        problems.push(FieldProblem::unsupported(&format!("{path}.spec.restartPolicy"), policy, policies));
    }
}

fn workload(value: &Value, before: Option<&Value>, problems: &mut Vec<FieldProblem>) {
    if let Some(replicas) = value.integer("/spec/replicas").filter(|replicas| *replicas < 0) {
        let why = "must be greater than or equal to 0";
        problems.push(FieldProblem::invalid("spec.replicas", &json!(replicas), why));
    }
    let selector = value.pointer("/spec/selector");
    match selector {
        None | Some(Value::Null) => problems.push(FieldProblem::required("spec.selector", "")),
        Some(selector) => {
            let labels = value.pointer("/spec/template/metadata/labels");
            let parsed = pilothouse_model::LabelSelector::from_json(selector);
            let selects = parsed.is_some_and(|parsed| parsed.matches(|key| labels?.get(key)?.as_str()));
            if !selects {
                let labels = labels.cloned().unwrap_or(Value::Null);
                let why = "`selector` does not match template `labels`";
                problems.push(FieldProblem::invalid("spec.template.metadata.labels", &labels, why));
            }
            if before.is_some_and(|before| before.pointer("/spec/selector") != Some(selector)) {
                problems.push(FieldProblem::invalid("spec.selector", selector, "field is immutable"));
            }
        }
    }
    pod_template(value, "/spec/template", "spec.template", &["Always"], problems);
}

fn service(value: &Value, problems: &mut Vec<FieldProblem>) {
    let kind = value.text("/spec/type").unwrap_or("ClusterIP");
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.contains(&kind) {
        problems.push(FieldProblem::unsupported("spec.type", kind, &kinds));
    }
    let headless = value.text("/spec/clusterIP") == Some("None");
    if value.items("/spec/ports").is_empty() && kind != "ExternalName" && !headless {
        problems.push(FieldProblem::required("spec.ports", ""));
    }
    for (at, port) in value.items("/spec/ports").iter().enumerate() {
        let number = port.integer("/port").unwrap_or(0);
        if !(1..=65_535).contains(&number) {
            let why = "must be between 1 and 65535, inclusive";
            problems.push(FieldProblem::invalid(&format!("spec.ports[{at}].port"), &json!(number), why));
        }
    }
}

fn data(value: &Value, before: Option<&Value>, problems: &mut Vec<FieldProblem>) {
    for (key, _) in value.entries("/data") {
        let fits = !key.is_empty()
            && key.len() <= 253
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        if !fits {
            let why = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or \
                       'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
            problems.push(FieldProblem::invalid(&format!("data[{key}]"), &json!(key), why));
        }
    }
    if before.and_then(|before| before.boolean("/immutable")) == Some(true)
        && before.and_then(|before| before.get("data")) != value.get("data")
    {
        problems.push(FieldProblem::forbidden("data", "field is immutable when `immutable` is set"));
    }
}

fn role_binding(value: &Value, before: Option<&Value>, problems: &mut Vec<FieldProblem>) {
    if value.text("/roleRef/name").is_none_or(str::is_empty) {
        problems.push(FieldProblem::required("roleRef.name", ""));
    }
    if before.is_some_and(|before| before["roleRef"] != value["roleRef"]) {
        problems.push(FieldProblem::invalid("roleRef", &value["roleRef"], "cannot change roleRef"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Registry;

    fn said(group: &str, plural: &str, value: &Value) -> Vec<String> {
        let registry = Registry::builtin();
        let served = registry.find(group, "v1", plural).unwrap();
        object(served, value, None).into_iter().map(|problem| problem.field).collect()
    }

    #[test]
    fn names_and_labels_are_checked() {
        let good = json!({ "metadata": { "name": "a.b-1", "labels": { "x.y/z": "1" }, "annotations": { "A/B": "free text" } } });
        assert_eq!(said("", "configmaps", &good), Vec::<String>::new());
        let bad = json!({ "metadata": { "name": "A_b", "labels": { "-x": "y z" } } });
        assert_eq!(said("", "configmaps", &bad), ["metadata.name", "metadata.labels", "metadata.labels"]);
        let role = json!({ "metadata": { "name": "system:node:A_b" } });
        assert_eq!(said("rbac.authorization.k8s.io", "clusterroles", &role), Vec::<String>::new());
    }

    #[test]
    fn pods_need_containers_that_are_whole() {
        let pod = |spec: Value| json!({ "metadata": { "name": "p" }, "spec": spec });
        assert_eq!(said("", "pods", &pod(json!({}))), ["spec.containers"]);
        let twice = json!({ "containers": [{ "name": "a", "image": "x" }, { "name": "a" }] });
        assert_eq!(said("", "pods", &pod(twice)), ["spec.containers[1].name", "spec.containers[1].image"]);
        let amount =
            json!({ "containers": [{ "name": "a", "image": "x", "resources": { "limits": { "cpu": "many" } } }] });
        assert_eq!(said("", "pods", &pod(amount)), ["spec.containers[0].resources.limits[cpu]"]);
    }
}
