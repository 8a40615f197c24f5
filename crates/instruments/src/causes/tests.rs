//! Pods in trouble, and what is said of each.

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
metadata: {name: p, namespace: n}
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
