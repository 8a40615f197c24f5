//! Custom resource definitions of Kubeflow for tests: the real ones where they are at hand, relaxed for old servers.
//!
//! A server of Kubernetes 1.20 refuses parts of today's schemas (rules in CEL, some defaults), so the schema gives way and
//! everything else stays: names, versions, printer columns and subresources.

use std::path::Path;

use serde_json::{Value, json};

use crate::api::Api;
use crate::places;

/// The definitions of a folder next to the repository when it is there, else small ones of our own.
pub fn kubeflow() -> Vec<Value> {
    let folder = places::repository().join("../shared/crds");
    if folder.is_dir() { from_folder(&folder) } else { minimal() }
}

/// Every definition in the YAML files of `folder`, relaxed.
pub fn from_folder(folder: &Path) -> Vec<Value> {
    let entries = std::fs::read_dir(folder).expect("the folder is readable");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("the entry is readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    let read = |path: &std::path::PathBuf| -> Value {
        let text = std::fs::read_to_string(path).expect("the file is readable");
        let options = serde_saphyr::options! { budget: None };
        serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    paths.iter().map(|path| relax(read(path))).collect()
}

/// Replaces every version's schema by one that accepts anything.
pub fn relax(mut definition: Value) -> Value {
    let versions = definition.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.expect("a definition has versions") {
        version["schema"] =
            json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
        if let Some(fields) = version.as_object_mut() {
            fields.remove("selectableFields");
        }
    }
    // A conversion webhook is not there in a test; the API server must not look for it.
    if let Some(spec) = definition.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.remove("conversion");
    }
    if let Some(fields) = definition.as_object_mut() {
        fields.remove("status");
    }
    definition
}

/// Small definitions of the kinds that the tests use.
pub fn minimal() -> Vec<Value> {
    let kinds = [
        ("kubeflow.org", "v1", "Notebook", "notebooks"),
        ("kubeflow.org", "v1", "PyTorchJob", "pytorchjobs"),
        ("kubeflow.org", "v1", "TFJob", "tfjobs"),
        ("kubeflow.org", "v1", "MPIJob", "mpijobs"),
        ("kubeflow.org", "v1", "XGBoostJob", "xgboostjobs"),
        ("kubeflow.org", "v1", "PaddleJob", "paddlejobs"),
        ("kubeflow.org", "v1", "JAXJob", "jaxjobs"),
        ("kubeflow.org", "v1beta1", "Experiment", "experiments"),
        ("kubeflow.org", "v1beta1", "Trial", "trials"),
        ("kubeflow.org", "v1beta1", "Suggestion", "suggestions"),
        ("trainer.kubeflow.org", "v1alpha1", "TrainJob", "trainjobs"),
        ("jobset.x-k8s.io", "v1alpha2", "JobSet", "jobsets"),
        ("argoproj.io", "v1alpha1", "Workflow", "workflows"),
        ("sparkoperator.k8s.io", "v1beta2", "SparkApplication", "sparkapplications"),
    ];
    kinds.map(|(group, version, kind, plural)| definition(group, version, (kind, plural))).to_vec()
}

fn definition(group: &str, version: &str, (kind, plural): (&str, &str)) -> Value {
    // Argo keeps the status in the object itself.
    let subresources = if kind == "Workflow" { json!({}) } else { json!({"status": {}}) };
    let singular = kind.to_lowercase();
    relax(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        // Groups under k8s.io are protected: a definition there has to say that nobody approved it.
        "metadata": {
            "name": format!("{plural}.{group}"),
            "annotations": {"api-approved.kubernetes.io": "unapproved, for tests"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "listKind": format!("{kind}List"), "plural": plural, "singular": singular},
            "versions": [{"name": version, "served": true, "storage": true, "subresources": subresources}],
        },
    }))
}

/// Installs the definitions and waits until the server serves each of them.
pub async fn install(api: &Api, definitions: &[Value]) {
    const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for definition in definitions {
        api.ensure(PATH, definition).await;
    }
    for definition in definitions {
        let text =
            |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).expect("a definition names itself");
        let (group, plural) = (text("/spec/group"), text("/spec/names/plural"));
        for version in
            definition.pointer("/spec/versions").and_then(Value::as_array).expect("a definition has versions")
        {
            if version["served"] == true {
                let version = version["name"].as_str().expect("a version has a name");
                let path = format!("/apis/{group}/{version}/{plural}?limit=1");
                api.wait(&path, |answer| answer.status == 200).await;
            }
        }
    }
}
