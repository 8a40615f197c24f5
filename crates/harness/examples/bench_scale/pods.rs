//! The pods of the load and the events about them.

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::population::{PODS_EACH, Population, Workload, image, node_name};

/// What became of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Running,
    Crashing,
    Unready,
    Succeeded,
    Unschedulable,
    Creating,
    NoImage,
    OutOfMemory,
    Failed,
    Evicted,
}

impl Fate {
    fn of(percent: u64) -> Self {
        match percent {
            0..54 => Self::Running,
            54..57 => Self::Crashing,
            57..59 => Self::Unready,
            59..82 => Self::Succeeded,
            82..87 => Self::Unschedulable,
            87..89 => Self::Creating,
            89..91 => Self::NoImage,
            91..94 => Self::OutOfMemory,
            94..98 => Self::Failed,
            _ => Self::Evicted,
        }
    }

    fn phase(self) -> &'static str {
        match self {
            Self::Running | Self::Crashing | Self::Unready => "Running",
            Self::Succeeded => "Succeeded",
            Self::Unschedulable | Self::Creating | Self::NoImage => "Pending",
            Self::OutOfMemory | Self::Failed | Self::Evicted => "Failed",
        }
    }

    /// Whether its containers run, so that a change of their restarts is a real one.
    pub(crate) fn runs(self) -> bool {
        self.phase() == "Running"
    }
}

impl Population {
    pub(crate) fn fate(&self, number: u64) -> Fate {
        Fate::of(Dice::new(self.seed, 5, number).below(100))
    }

    pub(crate) fn pod_workload(&self, number: u64) -> Workload {
        self.workload(number / PODS_EACH)
    }

    pub(crate) fn pod_name(&self, number: u64) -> String {
        let suffix = Dice::new(self.seed, 6, number).suffix();
        format!("{}-{}-{suffix}", self.pod_workload(number).owner_name(), number % PODS_EACH)
    }

    /// A pod as its controller creates it; `owner` is the uid of what owns it.
    pub(crate) fn pod(&self, number: u64, owner: &str) -> Value {
        let dice = &mut Dice::new(self.seed, 7, number);
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": self.pod_metadata(number, owner), "spec": self.pod_spec(number, dice)})
    }

    /// The part that a change of the status carries along, too: the API server takes labels and annotations from it.
    pub(crate) fn pod_metadata(&self, number: u64, owner: &str) -> Value {
        let dice = &mut Dice::new(self.seed, 8, number);
        let (workload, rank) = (self.pod_workload(number), number % PODS_EACH);
        let owner_name = workload.owner_name();
        json!({
            "name": self.pod_name(number), "namespace": workload.namespace, "generateName": format!("{owner_name}-{rank}-"),
            "labels": {
                "workload": workload.name, "team": workload.namespace, "app.kubernetes.io/name": dice.one(&["trainer", "server", "etl"]),
                "app.kubernetes.io/instance": owner_name, "rank": rank.to_string(),
                "tier": dice.one(&["gpu", "cpu"]), "cost-center": format!("cc-{}", dice.below(60)),
                "release": format!("r{}", dice.below(400)),
            },
            "annotations": {
                "sidecar.istio.io/inject": "false", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
                "scheduling.example/queue": format!("queue-{}", dice.below(24)), "checksum/config": dice.digest(),
                "pipelines.example/parameters": format!("{{\"learning_rate\":0.{},\"batch\":{},\"dataset\":\"s3://data/{}/{}\"}}",
                    dice.below(100_000), 8 << dice.below(7), workload.namespace, dice.letters(b"abcdefghijklmnopqrstuvwxyz0123456789", 24)),
            },
            "ownerReferences": [{"apiVersion": workload.owner().api, "kind": workload.owner().kind, "name": owner_name,
                "uid": owner, "controller": true, "blockOwnerDeletion": true}],
        })
    }

    fn pod_spec(&self, number: u64, dice: &mut Dice) -> Value {
        let (workload, rank) = (self.pod_workload(number), number % PODS_EACH);
        let gpus = [0, 0, 1, 1, 2, 4, 8][dice.below(7) as usize].to_string();
        let mut variables = vec![
            json!({"name": "RANK", "value": rank.to_string()}),
            json!({"name": "MASTER_ADDR", "value": format!("{}-0.{}.svc", workload.name, workload.namespace)}),
            json!({"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}),
            json!({"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}}),
        ];
        for number in 0..dice.below(6) {
            variables.push(json!({"name": format!("HYPER_{number}"), "value": format!("0.{}", dice.below(100_000))}));
        }
        let mut spec = json!({
            "restartPolicy": if matches!(workload.owner().kind, "ReplicaSet" | "StatefulSet") { "Always" } else { "Never" },
            "serviceAccountName": "default-editor", "hostname": format!("worker-{rank}"), "securityContext": {"fsGroup": 100},
            "containers": [{
                "name": "main", "image": image(dice), "command": ["torchrun", "--nnodes=5", format!("--node_rank={rank}"), "train.py"],
                "args": ["--epochs", (10 + dice.below(90)).to_string(), "--seed", dice.below(1 << 30).to_string()], "env": variables,
                "resources": {"limits": {"nvidia.com/gpu": gpus, "cpu": "64", "memory": "512Gi"},
                    "requests": {"nvidia.com/gpu": gpus, "cpu": (1 + dice.below(32)).to_string(), "memory": format!("{}Gi", 1 + dice.below(256))}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "shm", "mountPath": "/dev/shm"}],
                "ports": [{"name": "rendezvous", "containerPort": 29500}],
            }],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": format!("dataset-{}", dice.below(50))}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Gi"}},
            ],
            "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        });
        if self.fetches(number) {
            spec["initContainers"] = json!([{"name": "fetch", "image": image(dice), "args": ["--to", "/data"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}]}]);
        }
        if let Some(containers) = spec["containers"].as_array_mut().filter(|_| self.has_sidecar(number)) {
            containers.push(json!({"name": "log-shipper", "image": "registry.example/mesh/log-shipper:2.4.1", "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                "resources": {"limits": {"cpu": "200m", "memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}}}));
        }
        if self.fate(number) != Fate::Unschedulable {
            spec["nodeName"] = json!(node_name(self.node_of(number)));
        }
        spec
    }

    fn fetches(&self, number: u64) -> bool {
        Dice::new(self.seed, 12, number).below(5) == 0
    }

    fn has_sidecar(&self, number: u64) -> bool {
        Dice::new(self.seed, 13, number).below(5) < 2
    }

    fn node_of(&self, number: u64) -> u64 {
        Dice::new(self.seed, 9, number).below(self.nodes())
    }

    /// The status as the kubelet writes it. `restarts` takes the place of the main container's number of restarts.
    pub(crate) fn pod_status(&self, number: u64, restarts: Option<u64>) -> Value {
        let dice = &mut Dice::new(self.seed, 10, number);
        let fate = self.fate(number);
        let began = dice.below(700_000) + 600;
        let (started, ended) = (self.before(began), self.before(began / 2));
        let state = |yes: bool| if yes { "True" } else { "False" };
        let condition = |kind: &str, holds: bool| json!({"type": kind, "status": state(holds), "lastProbeTime": null, "lastTransitionTime": started});
        if fate == Fate::Unschedulable {
            let count = self.nodes();
            return json!({"phase": "Pending", "qosClass": "Burstable", "conditions": [{"type": "PodScheduled", "status": "False",
                "reason": "Unschedulable", "lastProbeTime": null, "lastTransitionTime": started,
                "message": format!("0/{count} nodes are available: {} Insufficient nvidia.com/gpu, {} Insufficient memory.", count - 2, 2)}]});
        }
        let ran = |code: u64, reason: &str| {
            json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": started, "finishedAt": ended,
            "containerID": "containerd://ended"}})
        };
        let waits = |reason: &str, message: String| json!({"waiting": {"reason": reason, "message": message}});
        let main = match fate {
            Fate::Running | Fate::Unready => json!({"running": {"startedAt": started}}),
            Fate::Crashing => waits("CrashLoopBackOff", "back-off 5m0s restarting failed container=main".to_owned()),
            Fate::Succeeded => ran(0, "Completed"),
            Fate::Creating => waits("ContainerCreating", String::new()),
            Fate::NoImage => waits("ImagePullBackOff", format!("Back-off pulling image \"{}\"", image(dice))),
            Fate::OutOfMemory => ran(137, "OOMKilled"),
            _ => ran(1, "Error"),
        };
        let ready = fate == Fate::Running;
        let usual = if fate == Fate::Crashing { 3 + dice.below(90) } else { dice.below(12).saturating_sub(8) };
        let container = |dice: &mut Dice, name: &str, (ready, restarts, state): (bool, u64, &Value)| {
            json!({"name": name, "ready": ready, "started": ready, "restartCount": restarts, "image": image(dice),
                "imageID": format!("registry.example/{name}@sha256:{}", dice.digest()), "containerID": format!("containerd://{}", dice.digest()),
                "state": state, "lastState": {}})
        };
        let mut status = json!({
            "phase": fate.phase(), "qosClass": "Burstable", "startTime": started, "hostIP": format!("10.200.0.{}", dice.below(250)),
            "podIP": format!("10.{}.{}.{}", dice.below(250), dice.below(250), 1 + dice.below(250)),
            "conditions": [condition("Initialized", true), condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", true)],
            "containerStatuses": [container(dice, "main", (ready, restarts.unwrap_or(usual), &main))],
        });
        if let Some(containers) = status["containerStatuses"].as_array_mut().filter(|_| self.has_sidecar(number)) {
            containers.push(container(
                dice,
                "log-shipper",
                (fate.runs(), 0, &json!({"running": {"startedAt": started}})),
            ));
        }
        if self.fetches(number) {
            status["initContainerStatuses"] = json!([container(dice, "fetch", (true, 0, &ran(0, "Completed")))]);
        }
        if fate == Fate::Evicted {
            status["reason"] = json!("Evicted");
            status["message"] = json!("The node was low on resource: memory. Threshold quantity: 100Mi.");
        }
        status
    }

    /// An event about a pod, whose uid is `uid`.
    pub(crate) fn event(&self, number: u64, uid: &str) -> Value {
        let dice = &mut Dice::new(self.seed, 11, number);
        let pod = number % self.pods;
        let (name, namespace) = (self.pod_name(pod), self.pod_workload(pod).namespace);
        let (kind, reason, message) = match (self.fate(pod), number >= self.pods) {
            (Fate::Unschedulable, _) => (
                "Warning",
                "FailedScheduling",
                "0/400 nodes are available: 400 Insufficient nvidia.com/gpu.".to_owned(),
            ),
            (Fate::NoImage, true) => {
                ("Warning", "Failed", format!("Failed to pull image \"{}\": not found", image(dice)))
            }
            (Fate::Crashing, true) => ("Warning", "BackOff", "Back-off restarting failed container".to_owned()),
            (Fate::Evicted, true) => ("Warning", "Evicted", "The node was low on resource: memory.".to_owned()),
            (_, true) => ("Normal", "Started", "Started container main".to_owned()),
            _ => (
                "Normal",
                "Pulled",
                format!("Successfully pulled image \"{}\" in {}.{}s", image(dice), dice.below(90), dice.below(1000)),
            ),
        };
        let last = dice.below(3_400);
        json!({
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": format!("{name}.{:016x}", number), "namespace": namespace},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", "name": name, "namespace": namespace, "uid": uid, "fieldPath": "spec.containers{main}"},
            "type": kind, "reason": reason, "message": message, "count": 1 + dice.below(40),
            "firstTimestamp": self.before(last + dice.below(90_000)), "lastTimestamp": self.before(last),
            "source": {"component": "kubelet", "host": node_name(self.node_of(pod))},
        })
    }
}
