//! The platform's own workloads: Kubeflow's controllers, the system's daemons, monitoring.

use serde_json::{Value, json};

use super::super::api::ApiError;
use super::super::fate;
use super::super::kind::Kind;
use super::super::stage::Stage;
use super::{ensure, object};

/// Namespace, name, image, replicas, port of its Service (0: none).
type Row = (&'static str, &'static str, &'static str, u32, u32);

const DEPLOYMENTS: &[Row] = &[
    ("kubeflow", "centraldashboard", "ghcr.io/kubeflow/dashboard/dashboard:v2.0.0", 2, 80),
    ("kubeflow", "notebook-controller-deployment", "ghcr.io/kubeflow/kubeflow/notebook-controller:v1.11.0", 1, 443),
    ("kubeflow", "jupyter-web-app-deployment", "ghcr.io/kubeflow/kubeflow/jupyter-web-app:v1.11.0", 1, 80),
    ("kubeflow", "profiles-deployment", "ghcr.io/kubeflow/dashboard/profile-controller:v2.0.0", 1, 8081),
    ("kubeflow", "admission-webhook-deployment", "ghcr.io/kubeflow/dashboard/poddefaults-webhook:v2.0.0", 1, 443),
    (
        "kubeflow",
        "kubeflow-trainer-controller-manager",
        "ghcr.io/kubeflow/trainer/trainer-controller-manager:v2.3.0",
        1,
        443,
    ),
    ("kubeflow", "jobset-controller-manager", "registry.k8s.io/jobset/jobset:v0.11.0", 1, 443),
    ("kubeflow", "training-operator", "ghcr.io/kubeflow/training-v1/training-operator:v1.9.0", 1, 443),
    ("kubeflow", "katib-controller", "ghcr.io/kubeflow/katib/katib-controller:v0.19.0", 1, 443),
    ("kubeflow", "katib-db-manager", "ghcr.io/kubeflow/katib/katib-db-manager:v0.19.0", 1, 6789),
    ("kubeflow", "katib-ui", "ghcr.io/kubeflow/katib/katib-ui:v0.19.0", 1, 80),
    ("kubeflow", "ml-pipeline", "ghcr.io/kubeflow/kfp-api-server:2.17.0", 2, 8888),
    ("kubeflow", "ml-pipeline-ui", "ghcr.io/kubeflow/kfp-frontend:2.17.0", 1, 80),
    ("kubeflow", "ml-pipeline-persistenceagent", "ghcr.io/kubeflow/kfp-persistence-agent:2.17.0", 1, 0),
    ("kubeflow", "ml-pipeline-scheduledworkflow", "ghcr.io/kubeflow/kfp-scheduled-workflow-controller:2.17.0", 1, 0),
    ("kubeflow", "metadata-grpc-deployment", "gcr.io/tfx-oss-public/ml_metadata_store_server:1.14.0", 1, 8080),
    ("kubeflow", "workflow-controller", "quay.io/argoproj/workflow-controller:v4.1.2", 1, 0),
    ("kubeflow", "spark-operator-controller", "ghcr.io/kubeflow/spark-operator/controller:2.5.2", 1, 0),
    ("kubeflow", "kserve-controller-manager", "kserve/kserve-controller:v0.20.0", 1, 8443),
    ("kubeflow", "minio", "quay.io/minio/minio:RELEASE.2025-07-23T15-54-02Z", 1, 9000),
    ("kube-system", "coredns", "registry.k8s.io/coredns/coredns:v1.12.1", 2, 53),
    ("kube-system", "metrics-server", "registry.k8s.io/metrics-server/metrics-server:v0.8.0", 1, 443),
    ("monitoring", "grafana", "docker.io/grafana/grafana:12.1.0", 1, 3000),
    ("monitoring", "kube-state-metrics", "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.16.0", 1, 8080),
    ("monitoring", "alertmanager", "quay.io/prometheus/alertmanager:v0.28.1", 1, 9093),
];

const STATEFUL_SETS: &[Row] = &[
    ("kubeflow", "mysql", "docker.io/library/mysql:8.4", 1, 3306),
    ("kubeflow", "katib-mysql", "docker.io/library/mysql:8.4", 1, 3306),
    ("monitoring", "prometheus", "quay.io/prometheus/prometheus:v3.5.0", 2, 9090),
];

/// Namespace, name, image, whether on GPU nodes only.
const DAEMON_SETS: &[(&str, &str, &str, bool)] = &[
    ("kube-system", "kube-proxy", "registry.k8s.io/kube-proxy:v1.33.4", false),
    ("kube-system", "cilium", "quay.io/cilium/cilium:v1.18.1", false),
    ("kube-system", "nvidia-device-plugin", "nvcr.io/nvidia/k8s-device-plugin:v0.17.3", true),
    ("monitoring", "node-exporter", "quay.io/prometheus/node-exporter:v1.9.1", false),
    ("monitoring", "dcgm-exporter", "nvcr.io/nvidia/k8s/dcgm-exporter:4.4.0-4.5.0-ubuntu22.04", true),
];

pub(super) async fn seed(stage: &Stage) -> Result<(), ApiError> {
    for namespace in ["default", "kubeflow", "kube-system", "monitoring"] {
        let labels = json!({ "kubernetes.io/metadata.name": namespace });
        ensure(stage, Kind::Namespace, json!({ "metadata": { "name": namespace, "labels": labels } })).await?;
    }
    let storage = json!({
        "metadata": { "name": "shared-nvme", "annotations": { "storageclass.kubernetes.io/is-default-class": "true" } },
        "provisioner": "csi.storage.example.com", "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
        "allowVolumeExpansion": true,
    });
    ensure(stage, Kind::StorageClass, storage).await?;
    for row in DEPLOYMENTS {
        stage.ensure(Kind::Deployment, replicated(row)).await?;
        service(stage, row).await?;
    }
    for row in STATEFUL_SETS {
        let mut set = replicated(row);
        set["spec"]["serviceName"] = row.1.into();
        stage.ensure(Kind::StatefulSet, set).await?;
        service(stage, row).await?;
    }
    for (namespace, name, image, gpu_only) in DAEMON_SETS {
        stage.ensure(Kind::DaemonSet, daemon_set(namespace, name, image, *gpu_only)).await?;
    }
    settings(stage).await?;
    runtimes(stage).await
}

fn labels(namespace: &str, name: &str) -> Value {
    json!({ "app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": namespace })
}

fn template(row: &Row) -> Value {
    let (namespace, name, image, _, port) = *row;
    let profile =
        if name.contains("ui") || name.contains("dashboard") || name.contains("web") { "server" } else { "plain" };
    let ports = if port > 0 { json!([{ "containerPort": port, "protocol": "TCP" }]) } else { json!([]) };
    json!({
        "metadata": {
            "labels": labels(namespace, name),
            "annotations": { fate::FATE: "forever", fate::LOG_PROFILE: profile, fate::PULL: "1" },
        },
        "spec": {
            "containers": [{
                "name": name, "image": image, "ports": ports,
                "resources": { "requests": { "cpu": "100m", "memory": "256Mi" }, "limits": { "memory": "1Gi" } },
            }],
        },
    })
}

fn replicated(row: &Row) -> Value {
    let (namespace, name, _, replicas, _) = *row;
    let spec = json!({ "spec": {
        "replicas": replicas, "selector": { "matchLabels": { "app": name } }, "template": template(row),
    } });
    object(namespace, name, &labels(namespace, name), spec)
}

async fn service(stage: &Stage, row: &Row) -> Result<(), ApiError> {
    let (namespace, name, _, _, port) = *row;
    if port == 0 {
        return Ok(());
    }
    let spec = json!({ "spec": {
        "type": "ClusterIP", "selector": { "app": name }, "ports": [{ "name": "http", "port": port, "targetPort": port, "protocol": "TCP" }],
    } });
    stage.ensure(Kind::Service, object(namespace, name, &labels(namespace, name), spec)).await?;
    Ok(())
}

fn daemon_set(namespace: &'static str, name: &'static str, image: &'static str, gpu_only: bool) -> Value {
    let mut template = template(&(namespace, name, image, 0, 0));
    template["spec"]["tolerations"] = json!([{ "operator": "Exists" }]);
    if gpu_only {
        template["spec"]["nodeSelector"] = json!({ "nvidia.com/gpu.present": "true" });
    }
    let spec = json!({ "spec": { "selector": { "matchLabels": { "app": name } }, "template": template } });
    object(namespace, name, &labels(namespace, name), spec)
}

async fn settings(stage: &Stage) -> Result<(), ApiError> {
    let none = json!({});
    let dashboard = json!({ "data": {
        "links": r#"{"menuLinks":[{"type":"item","link":"/jupyter/","text":"Notebooks"}],"externalLinks":[],"quickLinks":[]}"#,
    } });
    ensure(stage, Kind::ConfigMap, object("kubeflow", "dashboard-config", &none, dashboard)).await?;
    let katib =
        json!({ "data": { "katib-config.yaml": "apiVersion: config.kubeflow.org/v1beta1\nkind: KatibConfig\n" } });
    ensure(stage, Kind::ConfigMap, object("kubeflow", "katib-config", &none, katib)).await?;
    let secret = json!({ "type": "Opaque", "stringData": { "accesskey": "minio", "secretkey": "demo-only" } });
    ensure(stage, Kind::Secret, object("kubeflow", "mlpipeline-minio-artifact", &none, secret)).await?;
    for (name, size) in [("mysql-pv-claim", "20Gi"), ("minio-pvc", "500Gi"), ("katib-mysql", "10Gi")] {
        let claim = json!({ "spec": {
            "accessModes": ["ReadWriteOnce"], "storageClassName": "shared-nvme", "resources": { "requests": { "storage": size } },
        } });
        ensure(stage, Kind::PersistentVolumeClaim, object("kubeflow", name, &none, claim)).await?;
    }
    Ok(())
}

/// The runtimes that TrainJobs refer to.
async fn runtimes(stage: &Stage) -> Result<(), ApiError> {
    let runtimes = [
        ("torch-distributed", "torch", "pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime", false),
        ("deepspeed-distributed", "deepspeed", "ghcr.io/kubeflow/trainer/deepspeed-runtime:v2.3.0", false),
        ("torchtune-llama3.2-1b", "torchtune", "ghcr.io/kubeflow/trainer/torchtune-trainer:v2.3.0", true),
    ];
    for (name, framework, image, initializers) in runtimes {
        let step = |name: &str, container: &str, image: &str, needs: &[&str]| {
            let depends: Vec<Value> = needs.iter().map(|need| json!({ "name": need, "status": "Complete" })).collect();
            let ancestor = if name == "node" { "trainer" } else { name };
            json!({
                "name": name, "dependsOn": depends, "replicas": 1,
                "template": {
                    "metadata": { "labels": { "trainer.kubeflow.org/trainjob-ancestor-step": ancestor } },
                    "spec": { "backoffLimit": 0, "template": { "spec": {
                        "restartPolicy": "Never",
                        "containers": [{ "name": container, "image": image, "resources": { "requests": { "cpu": "1", "memory": "2Gi" } } }],
                    } } },
                },
            })
        };
        let mut jobs = Vec::new();
        if initializers {
            jobs.push(step(
                "dataset-initializer",
                "dataset-initializer",
                "ghcr.io/kubeflow/trainer/dataset-initializer:v2.3.0",
                &[],
            ));
            jobs.push(step(
                "model-initializer",
                "model-initializer",
                "ghcr.io/kubeflow/trainer/model-initializer:v2.3.0",
                &["dataset-initializer"],
            ));
            jobs.push(step("node", "node", image, &["model-initializer"]));
        } else {
            jobs.push(step("node", "node", image, &[]));
        }
        let runtime = json!({
            "metadata": { "name": name, "labels": { "trainer.kubeflow.org/framework": framework } },
            "spec": { "mlPolicy": { "numNodes": 1, "torch": { "numProcPerNode": "auto" } }, "template": { "spec": { "replicatedJobs": jobs } } },
        });
        ensure(stage, Kind::ClusterTrainingRuntime, runtime).await?;
    }
    Ok(())
}
