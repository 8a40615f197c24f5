//! The kinds that the story reads and writes, and where the API serves them.

/// A kind the story has to do with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Namespace,
    Node,
    Pod,
    Event,
    Service,
    ConfigMap,
    Secret,
    ServiceAccount,
    ResourceQuota,
    PersistentVolume,
    PersistentVolumeClaim,
    Deployment,
    ReplicaSet,
    StatefulSet,
    DaemonSet,
    Job,
    ClusterRole,
    ClusterRoleBinding,
    RoleBinding,
    StorageClass,
    CustomResourceDefinition,
    Notebook,
    Profile,
    PodDefault,
    Experiment,
    Trial,
    Suggestion,
    PyTorchJob,
    TFJob,
    MPIJob,
    XGBoostJob,
    PaddleJob,
    JAXJob,
    TrainJob,
    TrainingRuntime,
    ClusterTrainingRuntime,
    JobSet,
    Workflow,
    ScheduledWorkflow,
    Pipeline,
    PipelineVersion,
    SparkApplication,
    InferenceService,
}

/// Where the API serves a kind.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// `apiVersion`.
    pub(super) api_version: &'static str,
    /// Plural name, as in paths.
    pub(super) plural: &'static str,
    /// Name of the kind.
    pub(super) kind: &'static str,
    /// Whether it lives in namespaces.
    pub(super) namespaced: bool,
}

/// The kinds that actors watch; the others are only written.
pub(super) const WATCHED: &[Kind] = &[
    Kind::Namespace,
    Kind::Node,
    Kind::Pod,
    Kind::ResourceQuota,
    Kind::PersistentVolumeClaim,
    Kind::Deployment,
    Kind::ReplicaSet,
    Kind::StatefulSet,
    Kind::DaemonSet,
    Kind::Job,
    Kind::Service,
    Kind::Notebook,
    Kind::Profile,
    Kind::Experiment,
    Kind::Trial,
    Kind::Suggestion,
    Kind::PyTorchJob,
    Kind::TFJob,
    Kind::MPIJob,
    Kind::XGBoostJob,
    Kind::PaddleJob,
    Kind::JAXJob,
    Kind::TrainJob,
    Kind::TrainingRuntime,
    Kind::ClusterTrainingRuntime,
    Kind::JobSet,
    Kind::Workflow,
    Kind::ScheduledWorkflow,
    Kind::SparkApplication,
    Kind::InferenceService,
];

/// The training operator's kinds.
pub(super) const LEGACY_TRAINING: &[Kind] =
    &[Kind::PyTorchJob, Kind::TFJob, Kind::MPIJob, Kind::XGBoostJob, Kind::PaddleJob, Kind::JAXJob];

impl Kind {
    /// Where the API serves it.
    pub(super) fn place(self) -> Place {
        let (api_version, plural, kind, namespaced) = match self {
            Self::Namespace => ("v1", "namespaces", "Namespace", false),
            Self::Node => ("v1", "nodes", "Node", false),
            Self::Pod => ("v1", "pods", "Pod", true),
            Self::Event => ("v1", "events", "Event", true),
            Self::Service => ("v1", "services", "Service", true),
            Self::ConfigMap => ("v1", "configmaps", "ConfigMap", true),
            Self::Secret => ("v1", "secrets", "Secret", true),
            Self::ServiceAccount => ("v1", "serviceaccounts", "ServiceAccount", true),
            Self::ResourceQuota => ("v1", "resourcequotas", "ResourceQuota", true),
            Self::PersistentVolume => ("v1", "persistentvolumes", "PersistentVolume", false),
            Self::PersistentVolumeClaim => ("v1", "persistentvolumeclaims", "PersistentVolumeClaim", true),
            Self::Deployment => ("apps/v1", "deployments", "Deployment", true),
            Self::ReplicaSet => ("apps/v1", "replicasets", "ReplicaSet", true),
            Self::StatefulSet => ("apps/v1", "statefulsets", "StatefulSet", true),
            Self::DaemonSet => ("apps/v1", "daemonsets", "DaemonSet", true),
            Self::Job => ("batch/v1", "jobs", "Job", true),
            Self::ClusterRole => ("rbac.authorization.k8s.io/v1", "clusterroles", "ClusterRole", false),
            Self::ClusterRoleBinding => {
                ("rbac.authorization.k8s.io/v1", "clusterrolebindings", "ClusterRoleBinding", false)
            }
            Self::RoleBinding => ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", true),
            Self::StorageClass => ("storage.k8s.io/v1", "storageclasses", "StorageClass", false),
            Self::CustomResourceDefinition => {
                ("apiextensions.k8s.io/v1", "customresourcedefinitions", "CustomResourceDefinition", false)
            }
            Self::Notebook => ("kubeflow.org/v1", "notebooks", "Notebook", true),
            Self::Profile => ("kubeflow.org/v1", "profiles", "Profile", false),
            Self::PodDefault => ("kubeflow.org/v1alpha1", "poddefaults", "PodDefault", true),
            Self::Experiment => ("kubeflow.org/v1beta1", "experiments", "Experiment", true),
            Self::Trial => ("kubeflow.org/v1beta1", "trials", "Trial", true),
            Self::Suggestion => ("kubeflow.org/v1beta1", "suggestions", "Suggestion", true),
            Self::PyTorchJob => ("kubeflow.org/v1", "pytorchjobs", "PyTorchJob", true),
            Self::TFJob => ("kubeflow.org/v1", "tfjobs", "TFJob", true),
            Self::MPIJob => ("kubeflow.org/v1", "mpijobs", "MPIJob", true),
            Self::XGBoostJob => ("kubeflow.org/v1", "xgboostjobs", "XGBoostJob", true),
            Self::PaddleJob => ("kubeflow.org/v1", "paddlejobs", "PaddleJob", true),
            Self::JAXJob => ("kubeflow.org/v1", "jaxjobs", "JAXJob", true),
            Self::TrainJob => ("trainer.kubeflow.org/v1alpha1", "trainjobs", "TrainJob", true),
            Self::TrainingRuntime => ("trainer.kubeflow.org/v1alpha1", "trainingruntimes", "TrainingRuntime", true),
            Self::ClusterTrainingRuntime => {
                ("trainer.kubeflow.org/v1alpha1", "clustertrainingruntimes", "ClusterTrainingRuntime", false)
            }
            Self::JobSet => ("jobset.x-k8s.io/v1alpha2", "jobsets", "JobSet", true),
            Self::Workflow => ("argoproj.io/v1alpha1", "workflows", "Workflow", true),
            Self::ScheduledWorkflow => ("kubeflow.org/v1beta1", "scheduledworkflows", "ScheduledWorkflow", true),
            Self::Pipeline => ("pipelines.kubeflow.org/v2beta1", "pipelines", "Pipeline", true),
            Self::PipelineVersion => ("pipelines.kubeflow.org/v2beta1", "pipelineversions", "PipelineVersion", true),
            Self::SparkApplication => ("sparkoperator.k8s.io/v1beta2", "sparkapplications", "SparkApplication", true),
            Self::InferenceService => ("serving.kserve.io/v1beta1", "inferenceservices", "InferenceService", true),
        };
        Place { api_version, plural, kind, namespaced }
    }

    /// The path of the collection; all namespaces when `namespace` is `None`.
    pub(super) fn path(self, namespace: Option<&str>) -> String {
        let place = self.place();
        let root = if place.api_version.contains('/') { "apis" } else { "api" };
        match namespace.filter(|_| place.namespaced) {
            Some(namespace) => format!("/{root}/{}/namespaces/{namespace}/{}", place.api_version, place.plural),
            None => format!("/{root}/{}/{}", place.api_version, place.plural),
        }
    }

    /// Whether status is written through its own subresource. Workflow and ScheduledWorkflow have none.
    pub(super) fn has_status(self) -> bool {
        !matches!(self, Self::Workflow | Self::ScheduledWorkflow)
    }

    /// The watched kind that an owner reference names.
    pub(super) fn of_owner(api_version: &str, kind: &str) -> Option<Self> {
        let group = |version: &str| version.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
        WATCHED.iter().copied().find(|candidate| {
            let place = candidate.place();
            place.kind == kind && group(place.api_version) == group(api_version)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_api() {
        assert_eq!(Kind::Pod.path(Some("a")), "/api/v1/namespaces/a/pods");
        assert_eq!(Kind::Node.path(Some("a")), "/api/v1/nodes");
        assert_eq!(Kind::Trial.path(None), "/apis/kubeflow.org/v1beta1/trials");
    }

    #[test]
    fn owners_are_found_by_group_and_kind() {
        assert_eq!(Kind::of_owner("kubeflow.org/v1beta1", "Experiment"), Some(Kind::Experiment));
        assert_eq!(Kind::of_owner("apps/v1", "ReplicaSet"), Some(Kind::ReplicaSet));
        assert_eq!(Kind::of_owner("v1", "ReplicaSet"), None);
    }
}
