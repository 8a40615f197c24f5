//! Kubernetes' workloads in their states.

use pilothouse_model::{Column, Completeness, Instrument, Level, Section, State, Value};

use super::Core;
use crate::testing::Folder;

fn standing(yaml: &str, kind: &str) -> (State, Level, String) {
    let folder = Folder::new(yaml);
    let workload = Core.workload(&folder.object(kind, "w"), &folder).unwrap();
    (workload.state, workload.level, workload.reason)
}

#[test]
fn a_deployment_of_none_is_stopped() {
    let yaml = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: w, namespace: ns}, spec: {replicas: 0}}";
    assert_eq!(standing(yaml, "Deployment"), (State::Stopped, Level::Idle, String::new()));
}

fn deployment(status: &str, pod: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: w, namespace: ns, uid: d}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: w, tier: a}}}}
  template: {{spec: {{containers: [{{name: c, resources: {{requests: {{cpu: 500m, nvidia.com/gpu: '1'}}}}}}]}}}}
status: {status}
---
apiVersion: v1
kind: Pod
metadata: {{name: w-1, namespace: ns, labels: {{app: w, tier: a}}}}
{pod}
"
    )
}

const CRASHING: &str = "spec: {nodeName: a}\nstatus: {phase: Running, containerStatuses: [{name: c, restartCount: 2, state: {waiting: {reason: CrashLoopBackOff, message: back-off}}}]}";
const UNPLACED: &str = "spec: {}\nstatus: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: no room}]}";

#[test]
fn deployments_stand_as_their_replicas_and_pods_do() {
    let cases = [
        ("{replicas: 2, readyReplicas: 2}", "", State::Running, Level::Good, ""),
        ("{replicas: 2, readyReplicas: 1}", CRASHING, State::Running, Level::Warning, "CrashLoopBackOff"),
        ("{replicas: 2}", CRASHING, State::Starting, Level::Error, "CrashLoopBackOff"),
        ("{replicas: 2}", UNPLACED, State::Pending, Level::Waiting, "Unschedulable"),
        ("{replicas: 2}", "spec: {nodeName: a}\nstatus: {phase: Pending}", State::Starting, Level::Progress, ""),
        (
            "{conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: 'exceeded quota: q'}]}",
            "",
            State::Queued,
            Level::Warning,
            "QuotaExceeded",
        ),
        (
            "{replicas: 2, conditions: [{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded}]}",
            UNPLACED,
            State::Pending,
            Level::Error,
            "Unschedulable",
        ),
    ];
    for (status, pod, state, level, reason) in cases {
        assert_eq!(
            standing(&deployment(status, pod), "Deployment"),
            (state, level, reason.to_owned()),
            "{status} {pod}"
        );
    }
}

#[test]
fn why_nothing_runs_is_unknown_where_pods_are_out_of_sight() {
    let standing = |yaml: &str, kind: &str, pods: Completeness| {
        let folder = Folder::new(yaml).without(super::kin::PODS, pods);
        let workload = Core.workload(&folder.object(kind, "w"), &folder).unwrap();
        (workload.unseen, workload.message)
    };
    let forbidden = || Completeness::Forbidden("you may not list it".to_owned());
    let short = |status: &str| deployment(status, "spec: {nodeName: a}");
    let told = |status: &str, pods| standing(&short(status), "Deployment", pods);
    let unseen = "0 of 2 replicas are ready; its pods are out of sight".to_owned();
    assert_eq!(told("{replicas: 2}", forbidden()), (true, unseen));
    assert!(told("{replicas: 2, readyReplicas: 1}", forbidden()).0);
    assert_eq!(told("{replicas: 2, readyReplicas: 2}", forbidden()), (false, String::new()));
    for known in [Completeness::Complete, Completeness::Stale("cut".to_owned())] {
        assert_eq!(told("{replicas: 2}", known), (false, "0 of 2 replicas are ready".to_owned()));
    }
    let refused =
        "{conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: 'exceeded quota: q'}]}";
    assert!(!told(refused, forbidden()).0, "the controller itself says why");
    let unseen = "its pods are out of sight".to_owned();
    assert_eq!(standing(&job("", "{active: 2}"), "Job", forbidden()), (true, unseen));
    assert!(!standing(&job("", "{active: 2, ready: 2}"), "Job", forbidden()).0);
    assert!(!standing(&job("", "{active: 2}"), "Job", Completeness::Complete).0);
}

#[test]
fn a_pod_that_is_only_not_ready_says_why_where_it_is_certain() {
    let pod = |reason: &str| {
        format!(
            "spec: {{nodeName: a, containers: [{{name: c}}]}}\nstatus: {{phase: Running, conditions: [{{type: Ready, status: 'False'{reason}}}], \
             containerStatuses: [{{name: c, ready: false, state: {{running: {{}}}}}}]}}"
        )
    };
    let node = |ready: &str| {
        format!(
            "---\n{{apiVersion: v1, kind: Node, metadata: {{name: a}}, status: {{conditions: [{{type: Ready, status: {ready}}}]}}}}"
        )
    };
    let told = |pod: &str, node: &str| {
        let yaml = deployment("{replicas: 2, readyReplicas: 1}", pod) + node;
        let folder = Folder::new(&yaml);
        let workload = Core.workload(&folder.object("Deployment", "w"), &folder).unwrap();
        assert_eq!((workload.state, workload.level), (State::Running, Level::Warning));
        (workload.reason, workload.message)
    };
    let said = |reason: &str, message: &str| (reason.to_owned(), message.to_owned());
    let short = "1 of 2 replicas are ready";
    assert_eq!(told(&pod(""), &node("Unknown")), said("NodeNotReady", "Pod w-1: its node a is not ready"));
    assert_eq!(told(&pod(""), &node("'True'")), said("", short));
    assert_eq!(told(&pod(""), ""), said("", short), "a node that nobody knows is not lost");
    let unready = pod(", reason: ContainersNotReady, message: 'containers with unready status: [c]'");
    let expected = said("ContainersNotReady", "Pod w-1: containers with unready status: [c]");
    assert_eq!(told(&unready, &node("'True'")), expected);
    assert_eq!(told(&unready, &node("'False'")).0, "NodeNotReady");
}

#[test]
fn a_deployment_asks_for_all_its_replicas() {
    let folder = Folder::new(&deployment("{readyReplicas: 1}", ""));
    let workload = Core.workload(&folder.object("Deployment", "w"), &folder).unwrap();
    assert_eq!(workload.requested.cpu, pilothouse_model::Amount::Known(pilothouse_model::Quantity::units(1)));
    assert_eq!(workload.requested.gpus, pilothouse_model::Amount::Known(pilothouse_model::Quantity::units(2)));
    assert_eq!(workload.progress, Some((1, 2)));
}

fn job(spec: &str, status: &str) -> String {
    format!(
        "{{apiVersion: batch/v1, kind: Job, metadata: {{name: w, namespace: ns, uid: j, labels: {{{spec}}}}}, status: {status}}}"
    )
}

#[test]
fn jobs_stand_as_their_conditions_say() {
    let condition = |kind: &str| format!("{{conditions: [{{type: {kind}, status: 'True', reason: R}}]}}");
    assert_eq!(standing(&job("", &condition("Complete")), "Job"), (State::Succeeded, Level::Done, "R".to_owned()));
    assert_eq!(standing(&job("", &condition("Failed")), "Job"), (State::Failed, Level::Error, "R".to_owned()));
    assert_eq!(standing(&job("", "{}"), "Job").0, State::Pending);
    assert_eq!(standing(&job("", "{active: 2, ready: 1}"), "Job").0, State::Starting);
    assert_eq!(standing(&job("", "{active: 2, ready: 2}"), "Job"), (State::Running, Level::Good, String::new()));
    assert_eq!(standing(&job("", "{active: 1, ready: 1, failed: 3}"), "Job").1, Level::Warning);
    let suspended = |labels: &str| job(labels, "{}").replace("status:", "spec: {suspend: true}, status:");
    assert_eq!(standing(&suspended(""), "Job").0, State::Suspended);
    assert_eq!(standing(&suspended("kueue.x-k8s.io/queue-name: q"), "Job").0, State::Queued);
}

#[test]
fn only_owners_that_are_shown_hide_their_children() {
    let shown = |api_version: &str, kind: &str| {
        let owner = format!(
            "ownerReferences: [{{apiVersion: {api_version}, kind: {kind}, name: o, uid: o, controller: true}}]"
        );
        let folder = Folder::new(&job("", "{}").replace("uid: j", &format!("uid: j, {owner}")));
        Core.workload(&folder.object("Job", "w"), &folder).map(|workload| workload.owner.unwrap().kind)
    };
    assert_eq!(shown("batch/v1", "CronJob"), Some("CronJob".to_owned()));
    assert_eq!(shown("example.com/v1", "Thing"), Some("Thing".to_owned()));
    assert_eq!(shown("kubeflow.org/v1beta1", "Trial"), None);
}

#[test]
fn a_job_explains_itself_by_its_pods() {
    let folder = Folder::new(
        "
apiVersion: batch/v1
kind: Job
metadata: {name: w, namespace: ns, uid: j}
spec: {backoffLimit: 2}
status: {failed: 3, conditions: [{type: Failed, status: 'True', reason: BackoffLimitExceeded, message: Job has reached the specified backoff limit}]}
---
apiVersion: v1
kind: Pod
metadata: {name: w-1, namespace: ns, ownerReferences: [{apiVersion: batch/v1, kind: Job, name: w, uid: j, controller: true}]}
status: {phase: Failed, containerStatuses: [{name: c, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}
",
    );
    let causes = Core.explain(&folder.object("Job", "w"), &folder);
    assert_eq!(causes.iter().map(|cause| cause.id).collect::<Vec<_>>(), ["out-of-memory", "backoff-limit"]);
    assert_eq!(causes[1].title, "Its pods failed more often than allowed (backoffLimit 2)");
}

#[test]
fn nodes_and_finalizers_are_explained() {
    let folder = Folder::new(
        "
apiVersion: v1
kind: Node
metadata: {name: a}
spec: {unschedulable: true}
status: {conditions: [{type: Ready, status: 'True'}, {type: DiskPressure, status: 'True', reason: KubeletHasDiskPressure}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: ns, deletionTimestamp: '2026-01-02T03:04:05Z', finalizers: [example.com/hold]}
",
    );
    let ids = |kind: &str, name: &str| {
        let causes = Core.explain(&folder.object(kind, name), &folder);
        causes.into_iter().map(|cause| cause.title).collect::<Vec<_>>()
    };
    assert_eq!(
        ids("Node", "a"),
        ["The node is short of disk space", "The node is cordoned: new pods are not placed here"]
    );
    assert_eq!(ids("ConfigMap", "c"), ["It is deleted but held by `example.com/hold`"]);
}

#[test]
fn a_refusal_is_told_once_and_only_while_it_lasts() {
    let yaml = |replicas: i64| {
        format!(
            "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: w, namespace: ns, uid: d}}
spec: {{replicas: 2, selector: {{matchLabels: {{app: w}}}}}}
status:
  replicas: {replicas}
  conditions: [{{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: 'exceeded quota: q, requested: cpu=1, used: cpu=3, limited: cpu=3'}}]
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {{name: w-1, namespace: ns, uid: r, ownerReferences: [{{apiVersion: apps/v1, kind: Deployment, name: w, uid: d, controller: true}}]}}
spec: {{replicas: 2}}
status: {{replicas: {replicas}}}
---
apiVersion: v1
kind: Event
metadata: {{name: e, namespace: ns}}
reason: FailedCreate
type: Warning
message: 'exceeded quota: q, requested: cpu=1, used: cpu=2, limited: cpu=3'
involvedObject: {{apiVersion: apps/v1, kind: ReplicaSet, name: w-1, namespace: ns}}
"
        )
    };
    let ids = |replicas: i64| {
        let folder = Folder::new(&yaml(replicas));
        let causes = Core.explain(&folder.object("Deployment", "w"), &folder);
        causes.into_iter().map(|cause| cause.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(1), ["quota"]);
    assert_eq!(ids(2), [""; 0]);
}

#[test]
fn pages_show_containers_and_what_nodes_give() {
    let folder = Folder::new(
        "
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: ns}
spec:
  nodeName: gpu-1
  initContainers: [{name: fetch, image: 'f:1'}]
  containers: [{name: main, image: 'm:1', resources: {requests: {cpu: 500m}, limits: {memory: 1Gi, nvidia.com/gpu: '2'}}}]
status:
  containerStatuses: [{name: main, ready: true, restartCount: 1, state: {running: {}}, lastState: {terminated: {reason: OOMKilled, exitCode: 137}}}]
---
apiVersion: v1
kind: Node
metadata: {name: gpu-1}
spec: {taints: [{key: dedicated, value: infra, effect: NoSchedule}]}
status: {capacity: {cpu: '8', memory: 16Gi, nvidia.com/gpu: '4'}, allocatable: {cpu: '7'}}
",
    );
    let texts = |kind: &str, name: &str, table: &str| -> Vec<Vec<String>> {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let found = Core.sections(&folder.object(kind, name), &folder).into_iter().find_map(|section| match section {
            Section::Table { title, columns, rows, .. } if title == table => Some((columns, rows)),
            _ => None,
        });
        let (columns, rows) = found.unwrap();
        let show = |(value, column): (&Value, &Column)| match value {
            Value::Cell(cell) => cell.show(column.kind, now),
            Value::Status(status) => status.word.to_string(),
            Value::Text(text) | Value::Code(text) => text.clone(),
            other => format!("{other:?}"),
        };
        rows.iter().map(|(_, row)| row.iter().zip(&columns).map(show).collect()).collect()
    };
    let none = "<none>";
    assert_eq!(
        texts("Pod", "p", "Containers"),
        [
            ["fetch", "Unknown", "<unknown>", "<unknown>", none, "f:1", none, none, none, none, none],
            ["main", "Running", "true", "1", "OOMKilled (exit code 137)", "m:1", "500m", none, none, "1Gi", "2"],
        ]
    );
    assert_eq!(
        texts("Node", "gpu-1", "Resources"),
        [["cpu", "8", "7"], ["memory", "16Gi", none], ["nvidia.com/gpu", "4", none]]
    );
    assert_eq!(texts("Node", "gpu-1", "Taints"), [["dedicated", "infra", "NoSchedule", none]]);
}

#[test]
fn conditions_that_mean_trouble_are_told() {
    let folder = Folder::new(
        "
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.x}
status: {conditions: [{type: Available, status: 'False', reason: MissingEndpoints, message: no endpoints for service.}]}
",
    );
    let causes = Core.explain(&folder.object("APIService", "v1.x"), &folder);
    assert_eq!(causes[0].title, "The API is not available: no endpoints for service");
    assert_eq!(causes[0].evidence[0].value, "False: MissingEndpoints: no endpoints for service.");
}

/// JSON of the fields that rules read, so that arbitrary objects reach deep.
fn any_json() -> impl proptest::strategy::Strategy<Value = serde_json::Value> {
    use proptest::prelude::*;
    use serde_json::Value;
    const FIELDS: &[&str] = &[
        "containers",
        "initContainers",
        "containerStatuses",
        "initContainerStatuses",
        "name",
        "state",
        "lastState",
        "waiting",
        "terminated",
        "reason",
        "message",
        "exitCode",
        "conditions",
        "type",
        "status",
        "phase",
        "volumes",
        "persistentVolumeClaim",
        "claimName",
        "nodeName",
        "template",
        "spec",
        "selector",
        "matchLabels",
        "resources",
        "requests",
        "limits",
        "memory",
        "hard",
        "used",
        "taints",
        "key",
        "capacity",
        "ports",
        "restartCount",
        "replicas",
    ];
    let words = vec![
        "True",
        "False",
        "PodScheduled",
        "Failed",
        "OOMKilled",
        "CrashLoopBackOff",
        "ImagePullBackOff",
        "Evicted",
        "main",
        "0/3 nodes are available: 3 Insufficient cpu.",
        "exceeded quota: ",
        "secret \"",
        "CreateContainerConfigError",
        "é\"",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        prop::sample::select(words).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 5, |inner| {
        let key = prop::sample::select(FIELDS.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map(key, inner, 0..6).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(150))]

    #[test]
    fn no_object_makes_a_rule_fail(spec in any_json(), status in any_json()) {
        for (api_version, kind) in [
            ("v1", "Pod"), ("v1", "Node"), ("v1", "PersistentVolumeClaim"), ("v1", "Service"), ("v1", "ResourceQuota"),
            ("v1", "Namespace"), ("apps/v1", "Deployment"), ("apps/v1", "StatefulSet"), ("apps/v1", "DaemonSet"),
            ("batch/v1", "Job"), ("batch/v1", "CronJob"), ("example.com/v1", "Thing"),
        ] {
            let metadata = serde_json::json!({"name": "w", "namespace": "n", "uid": "u", "labels": spec.clone()});
            let value = serde_json::json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec, "status": status});
            let folder = Folder::of([value]);
            let object = folder.object(kind, "w");
            Core.links(&object);
            Core.workload(&object, &folder);
            Core.sections(&object, &folder);
            for cause in Core.explain(&object, &folder) {
                assert!(!cause.evidence.is_empty() && !cause.title.is_empty());
            }
        }
    }
}
