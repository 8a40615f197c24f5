//! What stands: notebooks and served models.

use serde_json::{Value, json};

use super::super::dice::pick;
use super::super::fate;
use super::learning::{NO_SUCH_IMAGE, node_selector, resources, tolerations};
use super::{Run, Twist};

/// Server type of a notebook and its image.
const SERVERS: &[(&str, &str)] = &[
    ("jupyter", "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-pytorch-cuda-full:v1.11.0"),
    ("jupyter", "ghcr.io/kubeflow/kubeflow/notebook-servers/jupyter-scipy:v1.11.0"),
    ("group-one", "ghcr.io/kubeflow/kubeflow/notebook-servers/codeserver-python:v1.11.0"),
    ("group-two", "ghcr.io/kubeflow/kubeflow/notebook-servers/rstudio-tidyverse:v1.11.0"),
];

pub(super) fn notebook(run: &Run<'_>, gpus: u32) -> Value {
    let mut stream = run.dice.stream(&format!("{} server", run.name));
    let (server, image) = *pick(&mut stream, SERVERS);
    let missing = run.scenario.fates.iter().any(|(_, fate)| *fate == "no-image");
    let mut annotations = json!({
        "notebooks.kubeflow.org/server-type": server, "notebooks.kubeflow.org/creator": run.team.owner, fate::LOG_PROFILE: "notebook",
    });
    if run.scenario.twist == Twist::Suspended {
        annotations["kubeflow-resource-stopped"] = "2026-08-14T17:42:05Z".into();
    }
    let data = format!("{}-data", run.team.subject);
    json!({
        "metadata": { "labels": { "app": run.name }, "annotations": annotations },
        "spec": { "template": { "spec": {
            "serviceAccountName": "default-editor",
            "containers": [{
                "name": run.name, "image": if missing { NO_SUCH_IMAGE } else { image }, "resources": resources(2, 8, gpus),
                "volumeMounts": [{ "name": "data", "mountPath": "/home/jovyan/data" }],
            }],
            "volumes": [{ "name": "data", "persistentVolumeClaim": { "claimName": data } }],
            "tolerations": if gpus > 0 { tolerations() } else { json!([]) }, "nodeSelector": node_selector(run, gpus),
        } } },
    })
}

pub(super) fn model(run: &Run<'_>, gpus: u32) -> Value {
    json!({
        "metadata": { "annotations": { fate::LOG_PROFILE: "server" } },
        "spec": { "predictor": {
            "minReplicas": 2,
            "model": {
                "modelFormat": { "name": "huggingface" }, "storageUri": format!("s3://models/{}/{}", run.team.subject, run.scenario.word),
                "resources": resources(4, 16, gpus),
            },
        } },
    })
}
