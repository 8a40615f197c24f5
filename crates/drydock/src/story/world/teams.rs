//! The teams: a Profile, its namespace, quota, accounts and rights for each.

use serde_json::{Value, json};

use super::super::api::ApiError;
use super::super::kind::Kind;
use super::super::stage::Stage;
use super::{TEAM_MEMBER, VIEWER, ensure, object};

/// A team of the platform.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Team {
    pub(in super::super) namespace: &'static str,
    pub(in super::super) owner: &'static str,
    /// What it calls its models and data.
    pub(in super::super) subject: &'static str,
    /// GPUs it may hold at once.
    pub(in super::super) gpus: u32,
}

const fn team(namespace: &'static str, owner: &'static str, subject: &'static str, gpus: u32) -> Team {
    Team { namespace, owner, subject, gpus }
}

/// All teams. `team-genomics` has little quota, so that it runs into it.
pub(in super::super) const TEAMS: &[Team] = &[
    team("team-vision", "ines@example.com", "defects", 20),
    team("team-nlp", "omar@example.com", "llama", 32),
    team("team-speech", "yuki@example.com", "whisper", 12),
    team("team-recsys", "lena@example.com", "ranking", 12),
    team("team-forecast", "jon@example.com", "demand", 8),
    team("team-fraud", "amara@example.com", "fraud", 8),
    team("team-robotics", "piotr@example.com", "grasp", 16),
    team("team-search", "noor@example.com", "embedding", 12),
    team("team-genomics", "felix@example.com", "variants", 4),
];

pub(super) async fn seed(stage: &Stage) -> Result<(), ApiError> {
    for role in cluster_roles() {
        ensure(stage, Kind::ClusterRole, role).await?;
    }
    let everyone = json!({
        "metadata": { "name": "platform-viewers" },
        "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": "platform-viewer" },
        "subjects": [
            { "apiGroup": RBAC, "kind": "User", "name": VIEWER },
            { "apiGroup": RBAC, "kind": "Group", "name": "platform-viewers" },
        ],
    });
    ensure(stage, Kind::ClusterRoleBinding, everyone).await?;
    for team in TEAMS {
        one(stage, team).await?;
    }
    Ok(())
}

const RBAC: &str = "rbac.authorization.k8s.io";

/// Everything but Secrets for viewers; what a contributor of a namespace may do.
fn cluster_roles() -> Vec<Value> {
    let groups = [
        "kubeflow.org",
        "trainer.kubeflow.org",
        "jobset.x-k8s.io",
        "argoproj.io",
        "pipelines.kubeflow.org",
        "sparkoperator.k8s.io",
        "serving.kserve.io",
    ];
    let read = json!(["get", "list", "watch"]);
    let all = json!(["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"]);
    let core = json!([
        "pods",
        "pods/log",
        "services",
        "configmaps",
        "persistentvolumeclaims",
        "serviceaccounts",
        "events",
        "resourcequotas",
        "endpoints",
        "replicationcontrollers",
        "limitranges",
        "podtemplates",
    ]);
    let cluster = json!(["namespaces", "nodes", "persistentvolumes"]);
    let workloads = json!(["apps", "batch", "autoscaling", "policy", "networking.k8s.io", "discovery.k8s.io"]);
    let rule = |groups: &Value, resources: &Value, verbs: &Value| json!({ "apiGroups": groups, "resources": resources, "verbs": verbs });
    let (any, groups, none) = (json!(["*"]), json!(groups), json!([""]));
    let more = json!([
        "storage.k8s.io",
        "apiextensions.k8s.io",
        "scheduling.k8s.io",
        "events.k8s.io",
        "rbac.authorization.k8s.io"
    ]);
    vec![
        json!({
            "metadata": { "name": "platform-viewer" },
            "rules": [
                rule(&none, &core, &read), rule(&none, &cluster, &read), rule(&workloads, &any, &read),
                rule(&groups, &any, &read), rule(&more, &any, &read),
            ],
        }),
        json!({
            "metadata": { "name": "kubeflow-edit" },
            "rules": [rule(&none, &core, &all), rule(&none, &json!(["secrets"]), &all), rule(&workloads, &any, &all), rule(&groups, &any, &all)],
        }),
        json!({
            "metadata": { "name": "kubeflow-view" },
            "rules": [rule(&none, &core, &read), rule(&workloads, &any, &read), rule(&groups, &any, &read)],
        }),
    ]
}

async fn one(stage: &Stage, team: &Team) -> Result<(), ApiError> {
    let namespace = team.namespace;
    let hard = quota(team);
    let profile = json!({
        "metadata": { "name": namespace },
        "spec": { "owner": { "kind": "User", "name": team.owner }, "resourceQuotaSpec": { "hard": hard } },
    });
    ensure(stage, Kind::Profile, profile).await?;
    let itself = json!({ "metadata": {
        "name": namespace,
        "annotations": { "owner": team.owner },
        "labels": {
            "app.kubernetes.io/part-of": "kubeflow-profile", "istio-injection": "enabled",
            "katib.kubeflow.org/metrics-collector-injection": "enabled", "kubernetes.io/metadata.name": namespace,
        },
    } });
    ensure(stage, Kind::Namespace, itself).await?;
    let quota = object(namespace, "kf-resource-quota", &json!({}), json!({ "spec": { "hard": hard } }));
    ensure(stage, Kind::ResourceQuota, quota).await?;
    for account in ["default-editor", "default-viewer", "default"] {
        ensure(stage, Kind::ServiceAccount, object(namespace, account, &json!({}), json!({}))).await?;
    }
    rights(stage, team).await?;
    belongings(stage, team).await
}

fn quota(team: &Team) -> Value {
    json!({
        "requests.nvidia.com/gpu": team.gpus.to_string(), "pods": "120", "persistentvolumeclaims": "20",
    })
}

async fn rights(stage: &Stage, team: &Team) -> Result<(), ApiError> {
    let namespace = team.namespace;
    let binding = |name: &str, role: &str, user: &str| {
        json!({
            "metadata": { "name": name, "namespace": namespace, "annotations": { "user": user, "role": role } },
            "roleRef": { "apiGroup": RBAC, "kind": "ClusterRole", "name": role },
            "subjects": [{ "apiGroup": RBAC, "kind": "User", "name": user }],
        })
    };
    ensure(stage, Kind::RoleBinding, binding("namespaceAdmin", "kubeflow-edit", team.owner)).await?;
    if namespace == "team-vision" {
        ensure(
            stage,
            Kind::RoleBinding,
            binding("user-tom-example-com-clusterrole-edit", "kubeflow-edit", TEAM_MEMBER),
        )
        .await?;
    }
    Ok(())
}

/// Volumes, settings, secrets and a PodDefault of a team.
async fn belongings(stage: &Stage, team: &Team) -> Result<(), ApiError> {
    let namespace = team.namespace;
    let labels = json!({ "platform.example.com/team": namespace });
    let settings = json!({ "data": { "MLFLOW_TRACKING_URI": "http://mlflow.kubeflow:5000", "DATASET": format!("s3://datasets/{}", team.subject) } });
    ensure(stage, Kind::ConfigMap, object(namespace, "training-settings", &labels, settings)).await?;
    let secret = json!({ "type": "Opaque", "stringData": { "AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo-only" } });
    ensure(stage, Kind::Secret, object(namespace, "s3-credentials", &labels, secret)).await?;
    let pod_default = json!({ "spec": {
        "desc": "Allow access to the object store", "selector": { "matchLabels": { "s3-access": "true" } },
        "envFrom": [{ "secretRef": { "name": "s3-credentials" } }],
    } });
    ensure(stage, Kind::PodDefault, object(namespace, "s3-access", &json!({}), pod_default)).await?;
    for (name, size) in [(format!("{}-data", team.subject), "500Gi"), ("checkpoints".to_owned(), "1Ti")] {
        let claim = json!({ "spec": {
            "accessModes": ["ReadWriteMany"], "storageClassName": "shared-nvme", "resources": { "requests": { "storage": size } },
        } });
        ensure(stage, Kind::PersistentVolumeClaim, object(namespace, &name, &labels, claim)).await?;
    }
    Ok(())
}
