//! Pods in trouble, and what is said of each.

mod refusals;

use super::*;
use crate::testing::Folder;

fn first(yaml: &str) -> Cause {
    let folder = Folder::new(yaml);
    let pod = folder.object("Pod", "p");
    let causes = of_pod(&pod, &folder);
    assert!(!causes.is_empty(), "no cause");
    for cause in &causes {
        assert!(!cause.evidence.is_empty(), "{} has no evidence", cause.id);
        assert!(!cause.title.ends_with('.'), "{}", cause.title);
    }
    causes.into_iter().next().unwrap()
}

#[test]
fn out_of_memory_names_the_limit() {
    let cause = first(
        "
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ns}
spec: {containers: [{name: node, resources: {limits: {memory: 16Gi}}}]}
status:
  phase: Running
  containerStatuses:
  - name: node
    restartCount: 4
    state: {waiting: {reason: CrashLoopBackOff, message: back-off 5m0s restarting failed container}}
    lastState: {terminated: {reason: OOMKilled, exitCode: 137, finishedAt: '2026-01-02T03:04:05Z'}}
",
    );
    assert_eq!((cause.id, cause.title.as_str()), ("out-of-memory", "Container `node` ran out of memory (limit 16Gi)"));
    assert_eq!(cause.evidence[0].field, "status.containerStatuses[node].lastState.terminated.reason");
    assert_eq!(cause.evidence[0].value, "OOMKilled");
    assert_eq!(cause.detail, "It was restarted 4 times.");
}

/// The ids and titles of all causes of pod `p`, in order.
fn all(yaml: &str) -> Vec<(&'static str, String)> {
    let folder = Folder::new(yaml);
    let causes = of_pod(&folder.object("Pod", "p"), &folder);
    causes.into_iter().map(|cause| (cause.id, cause.title)).collect()
}

fn of_pod_in(yaml: &str) -> Vec<Cause> {
    let folder = Folder::new(yaml);
    of_pod(&folder.object("Pod", "p"), &folder)
}

fn event(reason: &str, message: &str) -> String {
    format!(
        "
---
apiVersion: v1
kind: Event
metadata: {{name: e-{}, namespace: ns}}
type: Warning
reason: {reason}
message: {message:?}
lastTimestamp: '2026-01-02T03:04:05Z'
involvedObject: {{apiVersion: v1, kind: Pod, name: p, namespace: ns, fieldPath: 'spec.containers{{main}}'}}
",
        reason.to_lowercase()
    )
}

fn container(state: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: ns}}
spec: {{containers: [{{name: main, image: 'registry.example/team/train:1'}}]}}
status:
  phase: Pending
  containerStatuses: [{{name: main, ready: false, restartCount: 0, image: 'registry.example/team/train:1', state: {state}}}]
"
    )
}

#[test]
fn images_that_cannot_be_pulled() {
    let waiting = "{waiting: {reason: ImagePullBackOff, message: Back-off pulling image}}";
    let cases = [
        ("Failed to pull image: manifest unknown", "the registry has no such image or tag"),
        ("Failed to pull image: 401 Unauthorized", "the registry refuses access"),
        (
            "Failed to pull image: dial tcp: lookup registry: no such host",
            "the registry cannot be reached from the node",
        ),
        ("Failed to pull image: toomanyrequests: slow down", "the registry limits how often it is asked"),
    ];
    for (message, why) in cases {
        let cause = first(&(container(waiting) + &event("Failed", message)));
        assert_eq!(cause.id, "image-pull");
        let title = format!("The image `registry.example/team/train:1` of container `main` cannot be pulled: {why}");
        assert_eq!(cause.title, title);
        assert!(cause.evidence.iter().any(|evidence| evidence.value.contains(message)), "{message}");
    }
    let cause = first(&container("{waiting: {reason: InvalidImageName}}"));
    assert!(cause.title.ends_with("its name is not valid"), "{}", cause.title);
}

#[test]
fn crash_loops_tell_the_exit_code_and_the_last_words() {
    let yaml = "
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ns}
spec: {containers: [{name: main}]}
status:
  phase: Running
  containerStatuses:
  - name: main
    restartCount: 7
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {reason: Error, exitCode: 127, message: \"\\nsh: train: not found\\n\"}}
";
    let cause = first(yaml);
    assert_eq!(cause.id, "crash-loop");
    assert_eq!(cause.title, "Container `main` crashes again and again after exit code 127");
    assert_eq!(
        cause.detail,
        "It was restarted 7 times. Exit code 127: the command was not found in the image or in PATH. Its last words: \
         sh: train: not found"
    );
    assert_eq!(cause.advice.last().unwrap(), "Read the log of its last run: `kubectl logs p -n ns -c main --previous`");
    let ended = yaml.replace("127", "0");
    assert_eq!(first(&ended).title, "Container `main` ends without an error and is restarted again and again");
}

#[test]
fn exit_codes_are_explained() {
    let cause = first(&container("{terminated: {reason: Error, exitCode: 137}}"));
    assert_eq!((cause.id, cause.title.as_str()), ("exit-code", "Container `main` failed with exit code 137"));
    assert_eq!(cause.detail, "Exit code 137: SIGKILL: it was killed from outside.");
    let cause =
        first(&container("{terminated: {reason: Error, exitCode: 1, message: 'RuntimeError: CUDA out of memory'}}"));
    assert_eq!(cause.id, "gpu-out-of-memory");
    let cause = first(&container("{terminated: {reason: ContainerStatusUnknown, exitCode: 137}}"));
    assert_eq!(cause.title, "Container `main` was lost: nobody knows how it ended");
    assert_eq!(all(&container("{terminated: {reason: Completed, exitCode: 0}}")), []);
}

#[test]
fn missing_configuration_is_named() {
    let waiting = "{waiting: {reason: CreateContainerConfigError, message: 'secret \"token\" not found'}}";
    assert_eq!(first(&container(waiting)).title, "Container `main` cannot start: the Secret `token` does not exist");
    let waiting = "{waiting: {reason: CreateContainerConfigError, message: \"couldn't find key a in ConfigMap n/c\"}}";
    assert_eq!(first(&container(waiting)).title, "Container `main` cannot start: couldn't find key a in ConfigMap n/c");
}

#[test]
fn an_init_container_that_fails_is_named_as_one() {
    let cause = first(
        "
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ns}
spec: {initContainers: [{name: fetch}], containers: [{name: main}]}
status:
  phase: Pending
  initContainerStatuses: [{name: fetch, restartCount: 3, state: {waiting: {reason: CrashLoopBackOff}}, lastState: {terminated: {exitCode: 1}}}]
",
    );
    assert_eq!(cause.title, "Init container `fetch` crashes again and again after exit code 1");
    assert!(cause.detail.starts_with("The pod's own containers wait for it. "), "{}", cause.detail);
}

fn unplaced(message: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: ns}}
spec:
  containers: [{{name: main, resources: {{limits: {{nvidia.com/gpu: '8'}}}}}}]
  volumes: [{{name: data, persistentVolumeClaim: {{claimName: data}}}}]
status:
  phase: Pending
  conditions: [{{type: PodScheduled, status: 'False', reason: Unschedulable, message: {message:?}, lastTransitionTime: '2026-01-02T03:04:05Z'}}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {{name: data, namespace: ns}}
status: {{phase: Bound}}
"
    )
}

#[test]
fn pods_without_a_node_say_what_nodes_lack() {
    let message = "0/14 nodes are available: 9 Insufficient nvidia.com/gpu, 5 node(s) were unschedulable.";
    let cause = first(&unplaced(message));
    assert_eq!(cause.id, "unschedulable");
    assert_eq!(cause.title, "No node fits: of 14 nodes, 9 have too little `nvidia.com/gpu` free; 5 are cordoned");
    assert_eq!(cause.evidence[0].value, message);
    assert_eq!(cause.evidence[0].since, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    assert_eq!(cause.evidence[1].field, "spec.containers[main].resources.requests[nvidia.com/gpu]");
    assert_eq!(cause.evidence[1].value, "8");
    // What is wrong with the pod itself is not said of nodes.
    let cause = first(&unplaced("0/3 nodes are available: 3 pod has unbound immediate PersistentVolumeClaims."));
    assert_eq!(cause.title, "The pod cannot be placed: a claim of the pod has no volume yet");
    // A message that is not understood is told as it is.
    let cause = first(&unplaced("no nodes available to schedule pods"));
    assert_eq!(cause.title, "No node can take the pod: no nodes available to schedule pods");
}

#[test]
fn claims_come_before_the_scheduler() {
    let message = "0/3 nodes are available: 3 pod has unbound immediate PersistentVolumeClaims.";
    let pending = unplaced(message).replace("phase: Bound", "phase: Pending");
    let failed = event("ProvisioningFailed", "storageclass.storage.k8s.io \"fast\" not found")
        .replace("kind: Pod, name: p", "kind: PersistentVolumeClaim, name: data");
    let ids: Vec<_> =
        all(&(pending.replace("status: {phase", "spec: {storageClassName: fast}\nstatus: {phase") + &failed));
    assert_eq!(ids[0].0, "pending-claim");
    assert_eq!(ids[0].1, "Claim `data` asks for the storage class `fast`, which does not exist");
    assert_eq!(ids[1].0, "unschedulable");
    let missing = unplaced(message).replace("name: data, namespace: ns", "name: other, namespace: ns");
    assert_eq!(first(&missing).title, "The claim `data` does not exist");
    // Unknown is not missing.
    let folder = Folder::new(&missing).without(
        pilothouse_model::GroupResource::new("", "persistentvolumeclaims"),
        pilothouse_model::Completeness::Loading,
    );
    let causes = of_pod(&folder.object("Pod", "p"), &folder);
    assert!(causes.iter().all(|cause| cause.id != "missing-claim"));
}

#[test]
fn gates_are_named() {
    let yaml = unplaced("Scheduling is blocked due to non-empty scheduling gates")
        .replace("Unschedulable", "SchedulingGated")
        .replace("  volumes:", "  schedulingGates: [{name: example.com/quota}]\n  volumes:");
    assert_eq!(first(&yaml).title, "The pod is held back by the scheduling gate `example.com/quota`");
}

fn ended(reason: &str, message: &str) -> String {
    format!(
        "
apiVersion: v1
kind: Pod
metadata: {{name: p, namespace: ns}}
spec: {{nodeName: gpu-1, activeDeadlineSeconds: 60, containers: [{{name: main}}]}}
status: {{phase: Failed, reason: {reason}, message: {message:?}}}
---
apiVersion: v1
kind: Node
metadata: {{name: gpu-1}}
status: {{conditions: [{{type: Ready, status: 'True'}}]}}
"
    )
}

#[test]
fn pods_ended_from_outside_say_how() {
    let cases = [
        (
            "Evicted",
            "The node was low on resource: memory. Container main was using 9Gi.",
            "evicted",
            "The pod was evicted: the node was low on memory",
        ),
        (
            "Evicted",
            "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. ",
            "evicted",
            "The pod was evicted: Pod ephemeral local storage usage exceeds the total limit of containers 1Gi",
        ),
        ("DeadlineExceeded", "Pod was active too long", "deadline", "The pod ran longer than its deadline of 1m"),
        (
            "OutOfnvidia.com/gpu",
            "Pod was rejected",
            "node-refused",
            "Node `gpu-1` refused the pod: no nvidia.com/gpu was left",
        ),
        (
            "Preempting",
            "Preempted in order to admit critical pod",
            "preempted",
            "The pod made room for one with a higher priority",
        ),
        ("NodeShutdown", "Pod was rejected", "node-lost", "Node `gpu-1` was shut down"),
    ];
    for (reason, message, id, title) in cases {
        let cause = first(&ended(reason, message));
        assert_eq!((cause.id, cause.title.as_str()), (id, title));
        assert_eq!(cause.evidence[0].value, reason);
    }
}

#[test]
fn a_node_that_does_not_answer_is_the_evidence() {
    let yaml = ended("x", "y").replace("phase: Failed, reason: x, message: \"y\"", "phase: Running").replace(
        "status: 'True'",
        "status: Unknown, reason: NodeStatusUnknown, message: Kubelet stopped posting node status.",
    );
    let cause = first(&yaml);
    assert_eq!((cause.id, cause.title.as_str()), ("node-lost", "Node `gpu-1` is not ready"));
    assert_eq!(cause.evidence[0].object.kind, "Node");
    assert_eq!(cause.evidence[0].value, "Unknown: NodeStatusUnknown: Kubelet stopped posting node status.");
    let gone = yaml.replace("name: gpu-1}", "name: gpu-2}");
    assert_eq!(first(&gone).title, "Node `gpu-1` no longer exists");
}

#[test]
fn events_tell_of_mounts_and_probes() {
    let waiting = "{waiting: {reason: ContainerCreating}}";
    let placed = container(waiting).replace("spec: {", "spec: {nodeName: gpu-1, ");
    let node = "\n---\n{apiVersion: v1, kind: Node, metadata: {name: gpu-1}}";
    let mount = event("FailedMount", "MountVolume.SetUp failed for volume \"conf\" : configmap \"settings\" not found");
    let cause = first(&(placed.clone() + &mount + node));
    assert_eq!(cause.title, "Volume `conf` cannot be mounted: the ConfigMap `settings` does not exist");
    let running = placed.replace("Pending", "Running").replace(waiting, "{running: {}}");
    let probe = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503");
    let cause = first(&(running.clone() + &probe + node));
    assert_eq!((cause.id, cause.title.as_str()), ("probe", "The readiness probe of container `main` fails"));
    let killing = event("Killing", "Container main failed liveness probe, will be restarted");
    let liveness = event("Unhealthy", "Liveness probe failed: connection refused");
    let causes = of_pod_in(&(running.clone() + &liveness + &killing + node));
    assert_eq!((causes[0].id, causes[0].certainty), ("probe", Certainty::Certain));
    // A mount that failed before the pod ran is no cause any more.
    assert_eq!(all(&(running + &mount + node)), []);
}

#[test]
fn the_same_cause_of_many_pods_is_told_once() {
    let pod = |name: &str| {
        container("{terminated: {reason: OOMKilled, exitCode: 137}}").replace("name: p,", &format!("name: {name},"))
    };
    let folder = Folder::new(&(0..9).map(|index| pod(&format!("p{index}"))).collect::<Vec<_>>().join("\n---\n"));
    let pods: Vec<_> = (0..9).map(|index| folder.object("Pod", &format!("p{index}"))).collect();
    let causes = of_pods(&pods, &folder);
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].detail, "The same in 9 pods.");
    assert_eq!(causes[0].evidence.len(), EVIDENCE_KEPT);
    assert_eq!(rank(causes.clone()), causes);
}

#[test]
fn a_healthy_pod_has_no_causes() {
    let yaml = container("{running: {}}").replace("Pending", "Running").replace("ready: false", "ready: true");
    assert_eq!(all(&yaml), []);
    assert_eq!(all(&container("{running: {}}").replace("Pending", "Succeeded")), []);
}

/// Why pods are as they are that ended with exit code 2 and these last words.
fn ended_saying(words: &[&str]) -> Vec<Cause> {
    let pod = |(index, words): (usize, &&str)| {
        container(&format!("{{terminated: {{reason: Error, exitCode: 2, message: {words:?}}}}}"))
            .replace("name: p,", &format!("name: p{index},"))
    };
    let folder = Folder::new(&words.iter().enumerate().map(pod).collect::<Vec<_>>().join("\n---\n"));
    let pods: Vec<_> = (0..words.len()).map(|index| folder.object("Pod", &format!("p{index}"))).collect();
    of_pods(&pods, &folder)
}

#[test]
fn pods_that_say_different_things_are_not_the_same() {
    let same = ended_saying(&["x\nno host", "y\nno host"]);
    assert_eq!(same[0].detail, "The same in 2 pods. Its last words: no host");
    let causes = ended_saying(&["no host", "bad data.", "no host", ""]);
    assert_eq!(causes.len(), 1);
    let detail = "4 pods, with different last words: `p0` and 1 more: no host; `p1`: bad data.; 1 said nothing.";
    assert_eq!(causes[0].detail, detail);
    assert_eq!(causes[0].evidence[0].value, "no host");
    assert_eq!(rank(causes.clone()), causes);
    let many = ended_saying(&["a", "b", "c", "d", "e", "f"]);
    assert!(many[0].detail.ends_with("`p3`: d; 2 others said something else again."), "{}", many[0].detail);
}

#[test]
fn last_words_overrule_what_an_exit_code_often_means() {
    assert_eq!(ended_saying(&["no host"])[0].detail, "Its last words: no host");
    assert!(ended_saying(&[""])[0].detail.starts_with("Exit code 2: often wrong use"));
}

#[test]
fn what_can_never_fit_is_told_from_what_is_used_up() {
    let folder = Folder::new("{apiVersion: batch/v1, kind: Job, metadata: {name: p, namespace: ns}}");
    let job = folder.object("Job", "p");
    let read = |limit: &str| {
        let message = format!(
            "exceeded quota: team, requested: cpu=1,requests.nvidia.com/gpu=5, used: cpu=4,requests.nvidia.com/gpu=0, \
             limited: cpu=4,requests.nvidia.com/gpu={limit}"
        );
        of_message(&job, "status", &message, &folder).remove(0)
    };
    let beyond = read("4");
    assert_eq!(
        beyond.title,
        "It wants more than the whole quota `team` (requests.nvidia.com/gpu: 5 wanted, 4 allowed)"
    );
    assert!(beyond.advice[0].starts_with("Ask for less"), "{:?}", beyond.advice);
    for limit in ["5", "what"] {
        assert_eq!(read(limit).title, "Quota `team` is used up (cpu: 1 more wanted, 4 of 4 used)", "{limit}");
    }
}
