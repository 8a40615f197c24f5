//! The resources of Kubeflow and of the projects that it is made of, by group and plural name.

use pilothouse_model::GroupResource;

const KUBEFLOW: &str = "kubeflow.org";
const TRAINER: &str = "trainer.kubeflow.org";
const SPARK: &str = "sparkoperator.k8s.io";

pub(super) const NOTEBOOKS: GroupResource = GroupResource::new(KUBEFLOW, "notebooks");
pub(super) const PROFILES: GroupResource = GroupResource::new(KUBEFLOW, "profiles");
pub(super) const EXPERIMENTS: GroupResource = GroupResource::new(KUBEFLOW, "experiments");
pub(super) const TRIALS: GroupResource = GroupResource::new(KUBEFLOW, "trials");
pub(super) const SUGGESTIONS: GroupResource = GroupResource::new(KUBEFLOW, "suggestions");
pub(super) const TRAIN_JOBS: GroupResource = GroupResource::new(TRAINER, "trainjobs");
pub(super) const TRAINING_RUNTIMES: GroupResource = GroupResource::new(TRAINER, "trainingruntimes");
pub(super) const CLUSTER_TRAINING_RUNTIMES: GroupResource = GroupResource::new(TRAINER, "clustertrainingruntimes");
pub(super) const JOB_SETS: GroupResource = GroupResource::new("jobset.x-k8s.io", "jobsets");
pub(super) const PYTORCH_JOBS: GroupResource = GroupResource::new(KUBEFLOW, "pytorchjobs");
pub(super) const TF_JOBS: GroupResource = GroupResource::new(KUBEFLOW, "tfjobs");
pub(super) const MPI_JOBS: GroupResource = GroupResource::new(KUBEFLOW, "mpijobs");
pub(super) const XGBOOST_JOBS: GroupResource = GroupResource::new(KUBEFLOW, "xgboostjobs");
pub(super) const PADDLE_JOBS: GroupResource = GroupResource::new(KUBEFLOW, "paddlejobs");
pub(super) const JAX_JOBS: GroupResource = GroupResource::new(KUBEFLOW, "jaxjobs");
pub(super) const WORKFLOWS: GroupResource = GroupResource::new("argoproj.io", "workflows");
pub(super) const SCHEDULED_WORKFLOWS: GroupResource = GroupResource::new(KUBEFLOW, "scheduledworkflows");
pub(super) const SPARK_APPLICATIONS: GroupResource = GroupResource::new(SPARK, "sparkapplications");
pub(super) const SCHEDULED_SPARK_APPLICATIONS: GroupResource = GroupResource::new(SPARK, "scheduledsparkapplications");
pub(super) const INFERENCE_SERVICES: GroupResource = GroupResource::new("serving.kserve.io", "inferenceservices");

pub(super) const PODS: GroupResource = GroupResource::new("", "pods");
pub(super) const NAMESPACES: GroupResource = GroupResource::new("", "namespaces");
pub(super) const RESOURCE_QUOTAS: GroupResource = GroupResource::new("", "resourcequotas");
pub(super) const STATEFUL_SETS: GroupResource = GroupResource::new("apps", "statefulsets");
pub(super) const JOBS: GroupResource = GroupResource::new("batch", "jobs");
