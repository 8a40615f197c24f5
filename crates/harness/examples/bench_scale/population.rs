//! The load: namespaces, nodes and workloads of a shared platform, each a pure function of the seed and its number.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::dice::Dice;

/// How large everything is.
#[derive(Clone, Debug)]
pub(crate) struct Population {
    pub(crate) seed: u64,
    pub(crate) pods: u64,
    /// The moment that all times are counted back from.
    pub(crate) now: Timestamp,
}

/// How many pods a workload has.
pub(crate) const PODS_EACH: u64 = 5;

/// What a workload is made of: the object at the top, and the one below it that owns the pods, if that is another.
pub(crate) struct Workload {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) kind: &'static Kind,
}

/// A kind of workload.
pub(crate) struct Kind {
    pub(crate) api: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    /// Kind that owns the pods.
    pub(crate) below: Option<&'static Kind>,
}

static JOB: Kind = Kind { api: "batch/v1", plural: "jobs", kind: "Job", below: None };
static REPLICA_SET: Kind = Kind { api: "apps/v1", plural: "replicasets", kind: "ReplicaSet", below: None };
static STATEFUL_SET: Kind = Kind { api: "apps/v1", plural: "statefulsets", kind: "StatefulSet", below: None };
static DEPLOYMENT: Kind = Kind { api: "apps/v1", plural: "deployments", kind: "Deployment", below: Some(&REPLICA_SET) };
static PYTORCH_JOB: Kind = Kind { api: "kubeflow.org/v1", plural: "pytorchjobs", kind: "PyTorchJob", below: None };
static TRAIN_JOB: Kind =
    Kind { api: "trainer.kubeflow.org/v1alpha1", plural: "trainjobs", kind: "TrainJob", below: Some(&JOB) };
static NOTEBOOK: Kind =
    Kind { api: "kubeflow.org/v1", plural: "notebooks", kind: "Notebook", below: Some(&STATEFUL_SET) };

impl Kind {
    /// The address of the collection in a namespace.
    pub(crate) fn collection(&self, namespace: &str) -> String {
        format!("/apis/{}/namespaces/{namespace}/{}", self.api, self.plural)
    }
}

impl Workload {
    /// The kind that owns the pods.
    pub(crate) fn owner(&self) -> &'static Kind {
        self.kind.below.unwrap_or(self.kind)
    }

    /// The name of the object that owns the pods.
    pub(crate) fn owner_name(&self) -> String {
        match self.kind.kind {
            "Deployment" => format!("{}-7d4b9c6f58", self.name),
            "TrainJob" => format!("{}-node-0", self.name),
            _ => self.name.clone(),
        }
    }
}

impl Population {
    pub(crate) fn namespaces(&self) -> u64 {
        (self.pods / 500).clamp(4, 200)
    }

    pub(crate) fn nodes(&self) -> u64 {
        (self.pods / 60).max(3)
    }

    pub(crate) fn workloads(&self) -> u64 {
        self.pods.div_ceil(PODS_EACH)
    }

    pub(crate) fn events(&self) -> u64 {
        self.pods * 2
    }

    pub(crate) fn namespace(number: u64) -> String {
        const PARTS: [&str; 10] =
            ["vision", "speech", "search", "ads", "risk", "maps", "robotics", "genomics", "payments", "platform"];
        format!("{}-{number}", PARTS[(number % 10) as usize])
    }

    /// A time `seconds` before the load was made, as objects write it.
    pub(crate) fn before(&self, seconds: u64) -> String {
        let moment = self.now - SignedDuration::from_secs(seconds as i64);
        moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    pub(crate) fn workload(&self, number: u64) -> Workload {
        let mut dice = Dice::new(self.seed, 1, number);
        let kind = match number % 20 {
            0..10 => &JOB,
            10..13 => &PYTORCH_JOB,
            13..15 => &TRAIN_JOB,
            15..18 => &DEPLOYMENT,
            _ => &NOTEBOOK,
        };
        let task = dice.one(&["train", "eval", "tune", "etl", "export", "serve"]);
        let model = dice.one(&["llama", "bert", "resnet", "whisper", "clip", "mixtral", "unet"]);
        let namespace = Self::namespace(dice.skewed(self.namespaces()));
        Workload { namespace, name: format!("{task}-{model}-{number}"), kind }
    }

    pub(crate) fn node(&self, number: u64) -> Value {
        let mut dice = Dice::new(self.seed, 2, number);
        let gpus = if number.is_multiple_of(3) { "0" } else { "8" };
        let condition = |kind: &str, status: &str| {
            let time = self.before(40);
            json!({"type": kind, "status": status, "reason": format!("Kubelet{kind}"), "message": "kubelet says so",
                "lastHeartbeatTime": time, "lastTransitionTime": self.before(900_000)})
        };
        let ready = if dice.below(100) == 0 { "Unknown" } else { "True" };
        let capacity = json!({"cpu": "96", "memory": "1056768000Ki", "pods": "110", "nvidia.com/gpu": gpus,
            "ephemeral-storage": "1843269236Ki"});
        let images: Vec<Value> = (0..12)
            .map(|_| json!({"names": [image(&mut dice)], "sizeBytes": 90_000_000 + dice.below(9_000_000_000)}))
            .collect();
        json!({
            "apiVersion": "v1", "kind": "Node",
            "metadata": {"name": node_name(number), "labels": {
                "kubernetes.io/hostname": node_name(number), "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
                "topology.kubernetes.io/zone": format!("zone-{}", number % 3), "node.example/pool": if gpus == "8" { "gpu" } else { "cpu" }}},
            "spec": {"podCIDR": format!("10.{}.{}.0/24", number / 250, number % 250)},
            "status": {"capacity": capacity, "allocatable": capacity, "images": images,
                "addresses": [{"type": "InternalIP", "address": format!("10.200.{}.{}", number / 250, number % 250)}],
                "conditions": [condition("MemoryPressure", "False"), condition("DiskPressure", "False"), condition("Ready", ready)],
                "nodeInfo": {"architecture": "amd64", "bootID": "", "containerRuntimeVersion": "containerd://2.0.4", "kernelVersion": "6.8.0",
                    "kubeProxyVersion": "v1.33.1", "kubeletVersion": "v1.33.1", "machineID": "", "operatingSystem": "linux", "osImage": "Debian GNU/Linux 12", "systemUUID": ""}},
        })
    }

    /// The object at the top of a workload.
    pub(crate) fn top(&self, number: u64) -> Value {
        let workload = self.workload(number);
        let mut object = described(&workload, workload.kind, &workload.name);
        object["spec"] = self.specification(number, workload.kind.kind);
        object
    }

    /// The object below it that owns the pods, if there is one.
    pub(crate) fn middle(&self, number: u64, top: &str) -> Option<Value> {
        let workload = self.workload(number);
        let below = workload.kind.below?;
        let mut object = described(&workload, below, &workload.owner_name());
        object["metadata"]["ownerReferences"] = json!([{"apiVersion": workload.kind.api, "kind": workload.kind.kind,
            "name": workload.name, "uid": top, "controller": true, "blockOwnerDeletion": true}]);
        object["spec"] = self.specification(number, below.kind);
        Some(object)
    }

    fn specification(&self, number: u64, kind: &str) -> Value {
        let mut dice = Dice::new(self.seed, 3, number);
        let labels = json!({"workload": self.workload(number).name});
        let container = json!({"name": "main", "image": image(&mut dice), "args": ["--run", dice.digest()],
            "resources": {"requests": {"cpu": "4", "memory": "32Gi"}, "limits": {"nvidia.com/gpu": dice.below(9).to_string()}}});
        let template = |policy: &str| json!({"metadata": {"labels": labels}, "spec": {"restartPolicy": policy, "containers": [container]}});
        match kind {
            "Job" => {
                json!({"parallelism": PODS_EACH, "completions": PODS_EACH, "backoffLimit": 3, "template": template("Never")})
            }
            "Deployment" | "ReplicaSet" => {
                json!({"replicas": PODS_EACH, "selector": {"matchLabels": labels}, "template": template("Always")})
            }
            "StatefulSet" => {
                json!({"replicas": PODS_EACH, "serviceName": "notebook", "selector": {"matchLabels": labels}, "template": template("Always")})
            }
            "PyTorchJob" => {
                json!({"pytorchReplicaSpecs": {"Worker": {"replicas": PODS_EACH, "restartPolicy": "OnFailure", "template": template("Never")}}})
            }
            "TrainJob" => {
                json!({"runtimeRef": {"name": "torch-distributed"}, "trainer": {"numNodes": PODS_EACH, "image": container["image"]}})
            }
            _ => json!({"template": template("Always")}),
        }
    }

    /// The status of the object at the top: running, done or failed.
    pub(crate) fn top_status(&self, number: u64) -> Value {
        let mut dice = Dice::new(self.seed, 4, number);
        let fate = dice.below(10);
        let started = self.before(dice.below(800_000) + 300);
        let condition = |kind: &str, reason: &str| {
            json!({"type": kind, "status": "True", "reason": reason, "message": format!("{kind}: {reason}"),
                "lastTransitionTime": started, "lastUpdateTime": started, "lastProbeTime": started})
        };
        match (self.workload(number).kind.kind, fate) {
            ("Job", 0..5) => json!({"active": PODS_EACH, "startTime": started}),
            ("Job", 5..8) => json!({"succeeded": PODS_EACH, "startTime": started, "completionTime": self.before(200),
                "conditions": [condition("Complete", "CompletionsReached")]}),
            ("Job", _) => {
                json!({"failed": 4, "startTime": started, "conditions": [condition("Failed", "BackoffLimitExceeded")]})
            }
            ("Deployment", _) => {
                json!({"replicas": PODS_EACH, "readyReplicas": PODS_EACH, "availableReplicas": PODS_EACH,
                "updatedReplicas": PODS_EACH, "conditions": [condition("Available", "MinimumReplicasAvailable")]})
            }
            ("PyTorchJob", 0..6) => json!({"startTime": started, "replicaStatuses": {"Worker": {"active": PODS_EACH}},
                "conditions": [condition("Created", "PyTorchJobCreated"), condition("Running", "PyTorchJobRunning")]}),
            ("PyTorchJob", _) => json!({"startTime": started, "replicaStatuses": {"Worker": {"failed": 1}},
                "conditions": [condition("Created", "PyTorchJobCreated"), condition("Failed", "PyTorchJobFailed")]}),
            ("TrainJob", 0..7) => {
                json!({"jobsStatus": [{"name": "node", "active": 1, "ready": 1, "succeeded": 0, "failed": 0, "suspended": 0}]})
            }
            ("TrainJob", _) => json!({"conditions": [condition("Complete", "JobsCompleted")]}),
            _ => json!({"readyReplicas": 1, "containerState": {"running": {"startedAt": started}}, "conditions": []}),
        }
    }
}

fn described(workload: &Workload, kind: &Kind, name: &str) -> Value {
    json!({"apiVersion": kind.api, "kind": kind.kind, "metadata": {
        "name": name, "namespace": workload.namespace,
        "labels": {"workload": workload.name, "team": workload.namespace, "app.kubernetes.io/managed-by": "pipelines"},
        "annotations": {"pipelines.example/run": format!("run of {}", workload.name)},
    }})
}

pub(crate) fn node_name(number: u64) -> String {
    format!("node-{number:04}.cluster.example")
}

/// One of some hundred images.
pub(crate) fn image(dice: &mut Dice) -> String {
    let project = dice.one(&["vision", "speech", "search", "base", "mesh"]);
    let name = dice.one(&["trainer", "notebook", "etl", "server", "evaluator"]);
    format!("registry.example/{project}/{name}:v{}.{}", dice.below(3), dice.below(6))
}
