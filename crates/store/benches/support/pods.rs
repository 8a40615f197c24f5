//! Pods as a shared ML platform has them: a few kilobytes of JSON each, no two alike.

use std::sync::Arc;

use pilothouse_model::{Cell, Column, ColumnKind, Level, Object, Projection, Quantity, Read, Resource, Row, Status};
use pilothouse_store::{Compressor, Interner, Record};
use serde_json::{Value, json};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn uid(&mut self) -> String {
        let hex: String = (0..32).map(|_| char::from(b"0123456789abcdef"[self.below(16) as usize])).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }

    fn digest(&mut self) -> String {
        (0..64).map(|_| char::from(b"0123456789abcdef"[self.below(16) as usize])).collect()
    }
}

/// Makes records and counts what they were made from.
pub(crate) struct Pods {
    resource: Arc<Resource>,
    pub(crate) interner: Interner,
    pub(crate) compressor: Compressor,
    /// Bytes of JSON so far.
    pub(crate) json_bytes: usize,
}

pub(crate) fn columns() -> Arc<[Column]> {
    vec![
        Column::new("Ready", ColumnKind::Fraction),
        Column::new("Status", ColumnKind::Status),
        Column::new("Restarts", ColumnKind::Integer),
        Column::new("Age", ColumnKind::Age),
        Column::new("IP", ColumnKind::Text).wide(),
        Column::new("Node", ColumnKind::Text).wide(),
        Column::new("GPU", ColumnKind::Integer),
        Column::new("CPU", ColumnKind::Cpu),
        Column::new("Memory", ColumnKind::Bytes),
    ]
    .into()
}

impl Pods {
    pub(crate) fn new() -> Self {
        let resource = Resource::new("", "v1", "pods", "Pod");
        Self { resource: Arc::new(resource), interner: Interner::new(), compressor: Compressor::new(), json_bytes: 0 }
    }

    /// The record of one pod at one version: another version has another status.
    pub(crate) fn record(&mut self, number: u64, version: u64) -> Record {
        self.record_of(&object(number, version))
    }

    /// The record of a pod.
    pub(crate) fn record_of(&mut self, object: &Object) -> Record {
        self.json_bytes += object.value().to_string().len();
        let number = object.integer("/spec/priority").unwrap_or_default();
        let status = match object.text("/status/phase") {
            Some("Failed") => Status::new(Level::Error, "OOMKilled")
                .because("OOMKilled", "the container used more memory than its limit"),
            Some("Pending") => Status::new(Level::Waiting, "Pending")
                .because("Unschedulable", "0/400 nodes are available: 400 Insufficient nvidia.com/gpu."),
            Some("Succeeded") => Status::new(Level::Done, "Completed"),
            _ => Status::new(Level::Good, "Running"),
        };
        let restarts = object.integer("/status/containerStatuses/0/restartCount");
        let cells = vec![
            Cell::fraction(1, 2),
            Cell::text(&status.word),
            restarts.map_or(Cell::Unknown, Cell::Integer),
            object.created().map_or(Cell::Missing, Cell::from),
            Cell::optional(object.text("/status/podIP")),
            Cell::optional(object.text("/spec/nodeName")),
            Cell::Integer(number % 9),
            Cell::Quantity(Quantity::units(number % 64)),
            Cell::Quantity(Quantity::units((number % 64) << 30)),
        ];
        let interner = &mut self.interner;
        let row = Row::assemble(self.resource.clone(), object, Projection { status, cells }, &mut |text| {
            interner.intern(text)
        });
        Record { body: self.compressor.compress(object, &row), row }
    }
}

fn environment(dice: &mut Dice, job: u64, rank: u64) -> Vec<Value> {
    let mut environment = vec![
        json!({"name": "RANK", "value": rank.to_string()}),
        json!({"name": "MASTER_ADDR", "value": format!("train-{job}-0.train-{job}.svc")}),
        json!({"name": "NCCL_DEBUG", "value": "WARN"}),
        json!({"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}}),
    ];
    for number in 0..dice.below(8) {
        environment.push(json!({"name": format!("HYPER_{number}"), "value": format!("0.{}", dice.below(100_000))}));
    }
    environment
}

/// The object of one pod.
#[expect(clippy::expect_used, reason = "a bench's own object")]
pub(crate) fn object(number: u64, version: u64) -> Object {
    let mut dice = Dice(number);
    let (job, rank) = (number / 16, number % 16);
    let (namespace, node) = (format!("team-{}", job % 40), format!("gpu-node-{:03}", dice.below(400)));
    let phase = ["Running", "Running", "Running", "Running", "Succeeded", "Pending", "Failed"]
        [((number + version) % 7) as usize];
    let time =
        |offset: u64| format!("2026-11-{:02}T{:02}:{:02}:{:02}Z", 1 + job % 19, job % 24, number % 60, offset % 60);
    let image = format!("registry.example/{namespace}/trainer@sha256:{}", Dice(job % 100).digest());
    let ready = (phase == "Running").to_string();
    let condition = |kind: &str, offset| json!({"type": kind, "status": "True", "lastProbeTime": null, "lastTransitionTime": time(offset)});
    let waiting = json!({"type": "Ready", "status": if phase == "Running" { "True" } else { "False" }, "lastTransitionTime": time(version)});
    let mounts = json!([
        {"name": "data", "mountPath": "/data"}, {"name": "shm", "mountPath": "/dev/shm"},
        {"name": "kube-api-access", "readOnly": true, "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
    ]);
    let value = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": format!("train-{job}-worker-{rank}-{:05x}", dice.below(1 << 20)), "namespace": namespace,
            "generateName": format!("train-{job}-worker-{rank}-"), "uid": dice.uid(),
            "resourceVersion": (1_000_000 + number + version * 100_000).to_string(), "creationTimestamp": time(0),
            "labels": {
                "app.kubernetes.io/name": "trainer", "app.kubernetes.io/instance": format!("train-{job}"),
                "jobset.sigs.k8s.io/jobset-name": format!("train-{job}"), "job-name": format!("train-{job}-worker"),
                "batch.kubernetes.io/job-completion-index": rank.to_string(), "team": namespace,
                "controller-uid": Dice(job).uid(),
            },
            "annotations": {
                "sidecar.istio.io/inject": "false", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
                "scheduling.example/queue": format!("queue-{}", job % 12), "checksum/config": dice.digest(),
            },
            "ownerReferences": [{"apiVersion": "batch/v1", "kind": "Job", "name": format!("train-{job}-worker"),
                "uid": Dice(job).uid(), "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {
            "nodeName": node, "restartPolicy": "Never", "dnsPolicy": "ClusterFirst", "schedulerName": "default-scheduler",
            "serviceAccountName": "default-editor", "serviceAccount": "default-editor", "terminationGracePeriodSeconds": 30,
            "hostname": format!("train-{job}-{rank}"), "subdomain": format!("train-{job}"), "priority": number,
            "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority", "securityContext": {"fsGroup": 100},
            "containers": [{
                "name": "trainer", "image": image, "imagePullPolicy": "IfNotPresent",
                "command": ["torchrun", "--nnodes=16", format!("--node_rank={rank}"), "train.py"],
                "args": ["--epochs", (10 + dice.below(90)).to_string(), "--batch", (8 << dice.below(6)).to_string(), "--seed", dice.below(1 << 30).to_string()],
                "env": environment(&mut dice, job, rank),
                "resources": {"limits": {"nvidia.com/gpu": "8", "cpu": "64", "memory": "512Gi"}, "requests": {"nvidia.com/gpu": "8", "cpu": "32", "memory": "256Gi"}},
                "volumeMounts": mounts, "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "ports": [{"name": "rendezvous", "containerPort": 29500, "protocol": "TCP"}],
            }, {
                "name": "log-shipper", "image": "registry.example/platform/log-shipper:2.4.1", "imagePullPolicy": "IfNotPresent",
                "resources": {"limits": {"cpu": "200m", "memory": "256Mi"}, "requests": {"cpu": "50m", "memory": "64Mi"}}, "volumeMounts": mounts,
            }],
            "volumes": [
                {"name": "data", "persistentVolumeClaim": {"claimName": format!("dataset-{}", job % 50)}},
                {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "64Gi"}},
                {"name": "kube-api-access", "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}, {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}}]}},
            ],
            "tolerations": [
                {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
                {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
                {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300},
            ],
        },
        "status": {
            "phase": phase, "hostIP": format!("10.0.{}.{}", dice.below(4), dice.below(250)), "qosClass": "Burstable", "startTime": time(1),
            "podIP": format!("10.{}.{}.{}", dice.below(250), dice.below(250), dice.below(250)),
            "conditions": [condition("Initialized", 2), waiting, condition("ContainersReady", version), condition("PodScheduled", 1)],
            "containerStatuses": [{
                "name": "trainer", "ready": ready == "true", "started": true, "restartCount": dice.below(5), "image": image,
                "imageID": image, "containerID": format!("containerd://{}", dice.digest()), "state": {"running": {"startedAt": time(3)}}, "lastState": {},
            }, {
                "name": "log-shipper", "ready": true, "started": true, "restartCount": 0, "image": "registry.example/platform/log-shipper:2.4.1",
                "imageID": format!("registry.example/platform/log-shipper@sha256:{}", Dice(7).digest()),
                "containerID": format!("containerd://{}", dice.digest()), "state": {"running": {"startedAt": time(3)}}, "lastState": {},
            }],
        },
    });
    Object::new(value).expect("a pod has a name")
}
