//! What the API server refused, as events and messages tell it.

use super::*;

#[test]
fn quotas_are_read_and_looked_up() {
    let folder = Folder::new(
        "
apiVersion: batch/v1
kind: Job
metadata: {name: p, namespace: ns}
---
apiVersion: v1
kind: Event
metadata: {name: e, namespace: ns}
type: Warning
reason: FailedCreate
message: 'Error creating: pods \"p-x\" is forbidden: exceeded quota: team, requested: requests.nvidia.com/gpu=4, used: requests.nvidia.com/gpu=6, limited: requests.nvidia.com/gpu=8'
involvedObject: {apiVersion: batch/v1, kind: Job, name: p, namespace: ns}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: team, namespace: ns}
status: {hard: {requests.nvidia.com/gpu: '8'}, used: {requests.nvidia.com/gpu: '6'}}
",
    );
    let causes = of_events(&folder.object("Job", "p"), &folder);
    assert_eq!(causes.len(), 1);
    assert_eq!(causes[0].id, "quota");
    assert_eq!(causes[0].title, "Quota `team` is used up (requests.nvidia.com/gpu: 4 more wanted, 6 of 8 used)");
    let quota: Vec<_> = causes[0].evidence.iter().filter(|evidence| evidence.object.kind == "ResourceQuota").collect();
    assert_eq!((quota[0].field.as_str(), quota[0].value.as_str()), ("status.used[requests.nvidia.com/gpu]", "6"));
    assert_eq!(quota[1].value, "8");
}

#[test]
fn a_refusal_is_past_when_the_pod_that_it_names_is_there() {
    let refused = "
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: s, namespace: ns}
---
apiVersion: v1
kind: Event
metadata: {name: e, namespace: ns}
type: Warning
reason: FailedCreate
message: 'create Pod s-0 in StatefulSet s failed error: pods \"s-0\" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=3, limited: cpu=3'
involvedObject: {apiVersion: apps/v1, kind: StatefulSet, name: s, namespace: ns}
";
    let pod = "---\n{apiVersion: v1, kind: Pod, metadata: {name: s-0, namespace: ns}}\n";
    let ids = |text: &str| {
        let folder = Folder::new(text);
        of_events(&folder.object("StatefulSet", "s"), &folder).iter().map(|cause| cause.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(refused), ["quota"]);
    assert_eq!(ids(&format!("{refused}{pod}")), Vec::<&str>::new());
}

#[test]
fn refusals_of_the_api_server_are_told_apart() {
    let folder = Folder::new("{apiVersion: batch/v1, kind: Job, metadata: {name: p, namespace: ns}}");
    let job = folder.object("Job", "p");
    let read = |message: &str| {
        of_message(&job, "status", message, &folder).into_iter().next().map(|cause| (cause.id, cause.title))
    };
    let cases = [
        (
            "Error creating: pods \"x\" is forbidden: failed quota: q: must specify limits.cpu,requests.cpu",
            "quota",
            "Quota `q` lets in only pods whose containers all set `limits.cpu`, `requests.cpu`",
        ),
        (
            "admission webhook \"policy.example\" denied the request: no root",
            "admission",
            "The admission webhook `policy.example` refused it: no root",
        ),
        (
            "Internal error occurred: failed calling webhook \"hook.example\": no endpoints available",
            "webhook-unreachable",
            "The admission webhook `hook.example` does not answer",
        ),
        (
            "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": privileged",
            "pod-security",
            "The namespace's pod security level `restricted:latest` forbids the pod",
        ),
        (
            "pods \"x\" is forbidden: error looking up service account n/a: serviceaccount \"a\" not found",
            "service-account",
            "The service account `a` does not exist",
        ),
        (
            "pods \"x\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 4Gi",
            "limit-range",
            "The namespace's limits forbid it: maximum memory usage per Container is 1Gi, but limit is 4Gi",
        ),
    ];
    for (message, id, title) in cases {
        assert_eq!(read(message), Some((id, title.to_owned())), "{message}");
    }
    assert_eq!(read("all is well"), None);
}
