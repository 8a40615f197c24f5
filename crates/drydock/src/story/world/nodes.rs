//! The machines: a control plane, a pool of processors, a pool of A100s, a pool of T4s.

use serde_json::{Value, json};

use super::super::clock::stamp;
use super::super::kubelet::status::host_address;
use super::super::node::POOL;

/// One pool of equal machines.
struct Pool {
    prefix: &'static str,
    count: usize,
    machine: &'static str,
    cpus: u32,
    memory_gib: u32,
    /// How many, product, memory in MiB.
    gpus: Option<(u32, &'static str, u32)>,
    role: &'static str,
    /// Key, value.
    taint: Option<(&'static str, &'static str)>,
}

const GPU_TAINT: Option<(&str, &str)> = Some(("nvidia.com/gpu", "present"));

const POOLS: &[Pool] = &[
    Pool {
        prefix: "control-plane",
        count: 1,
        machine: "m6i.2xlarge",
        cpus: 8,
        memory_gib: 32,
        gpus: None,
        role: "control-plane",
        taint: Some(("node-role.kubernetes.io/control-plane", "")),
    },
    Pool {
        prefix: "cpu",
        count: 5,
        machine: "m6i.16xlarge",
        cpus: 64,
        memory_gib: 256,
        gpus: None,
        role: "worker",
        taint: None,
    },
    Pool {
        prefix: "a100",
        count: 5,
        machine: "p4de.24xlarge",
        cpus: 96,
        memory_gib: 1152,
        gpus: Some((8, "NVIDIA-A100-SXM4-80GB", 81_920)),
        role: "worker",
        taint: GPU_TAINT,
    },
    Pool {
        prefix: "t4",
        count: 3,
        machine: "g4dn.12xlarge",
        cpus: 48,
        memory_gib: 192,
        gpus: Some((4, "Tesla-T4", 15_360)),
        role: "worker",
        taint: GPU_TAINT,
    },
];

/// All nodes as they stand when the story begins.
pub(super) fn all() -> Vec<Value> {
    POOLS.iter().flat_map(|pool| (1..=pool.count).map(move |number| node(pool, number))).collect()
}

fn node(pool: &Pool, number: usize) -> Value {
    let name = format!("{}-{number}", pool.prefix);
    let zone = format!("eu-central-1{}", ["a", "b", "c"][number % 3]);
    let role = format!("node-role.kubernetes.io/{}", pool.role);
    let mut labels = json!({
        "kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", role: "",
        "node.kubernetes.io/instance-type": pool.machine, "topology.kubernetes.io/region": "eu-central-1",
        "topology.kubernetes.io/zone": zone, POOL: pool.prefix,
    });
    let whole = |reserved: bool| {
        let memory = if reserved { pool.memory_gib - pool.memory_gib / 16 } else { pool.memory_gib };
        let mut amounts = json!({
            "cpu": pool.cpus.to_string(), "memory": format!("{memory}Gi"), "pods": "110",
            "ephemeral-storage": "900Gi", "hugepages-2Mi": "0",
        });
        if let Some((count, ..)) = pool.gpus {
            amounts["nvidia.com/gpu"] = count.to_string().into();
        }
        amounts
    };
    if let Some((count, product, memory)) = pool.gpus {
        labels["nvidia.com/gpu.present"] = "true".into();
        labels["nvidia.com/gpu.count"] = count.to_string().into();
        labels["nvidia.com/gpu.product"] = product.into();
        labels["nvidia.com/gpu.memory"] = memory.to_string().into();
    }
    let taints: Vec<Value> =
        pool.taint.iter().map(|(key, value)| json!({ "key": key, "value": value, "effect": "NoSchedule" })).collect();
    let (since, now) = (super::began(), stamp(jiff::Timestamp::now()));
    let condition = |kind: &str, status: &str, reason: &str, message: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastHeartbeatTime": now, "lastTransitionTime": since,
        })
    };
    json!({
        "metadata": { "name": name, "labels": labels },
        "spec": { "taints": taints, "podCIDR": format!("10.244.{number}.0/24") },
        "status": {
            "capacity": whole(false), "allocatable": whole(true),
            "addresses": [
                { "type": "InternalIP", "address": host_address(&name) }, { "type": "Hostname", "address": name },
            ],
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                condition("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
            ],
            "nodeInfo": {
                "architecture": "amd64", "operatingSystem": "linux", "kernelVersion": "6.1.0-28-amd64",
                "osImage": "Debian GNU/Linux 12 (bookworm)", "containerRuntimeVersion": "containerd://1.7.27",
                "kubeletVersion": "v1.33.4", "kubeProxyVersion": "v1.33.4", "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_fourteen_with_fifty_two_gpus() {
        use pilothouse_model::Read;
        let all = super::all();
        let gpus: u32 = all
            .iter()
            .filter_map(|node| {
                node.pointer("/status/allocatable")?.get("nvidia.com/gpu")?.as_str()?.parse::<u32>().ok()
            })
            .sum();
        assert_eq!((all.len(), gpus), (14, 52));
        assert!(all.iter().all(|node| node.text("/status/conditions/3/status") == Some("True")));
    }
}
