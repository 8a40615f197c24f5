//! Kubernetes' workloads in their states.

use pilothouse_model::{Instrument, Level, State};

use super::Core;
use crate::testing::Folder;

fn standing(yaml: &str, kind: &str) -> (State, Level, String) {
    let folder = Folder::new(yaml);
    let workload = Core.workload(&folder.object(kind, "w"), &folder).unwrap();
    (workload.state, workload.level, workload.reason)
}

#[test]
fn a_deployment_of_none_is_stopped() {
    let yaml = "{apiVersion: apps/v1, kind: Deployment, metadata: {name: w, namespace: n}, spec: {replicas: 0}}";
    assert_eq!(standing(yaml, "Deployment"), (State::Stopped, Level::Idle, String::new()));
}
