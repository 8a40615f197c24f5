//! The training jobs of one shape.

use super::*;

fn job(spec: &str, status: &str) -> Case {
    Case::new(&it("kubeflow.org/v1", "PyTorchJob", "", &format!("spec: {{{spec}}}, status: {{{status}}}")))
}

fn true_conditions(kinds: &[&str]) -> String {
    let list: Vec<_> = kinds
        .iter()
        .map(|kind| match kind.strip_prefix('!') {
            Some(kind) => format!("{{type: {kind}, status: 'False', reason: PyTorchJob{kind}}}"),
            None => format!("{{type: {kind}, status: 'True', reason: PyTorchJob{kind}}}"),
        })
        .collect();
    format!("conditions: [{}]", list.join(", "))
}

#[test]
fn the_first_true_condition_by_priority_wins() {
    let cases: [(&[&str], State, Level); 9] = [
        (&["Created"], State::Pending, Level::Waiting),
        (&["Created", "Running"], State::Running, Level::Good),
        (&["Created", "Running", "Restarting"], State::Starting, Level::Warning),
        (&["Created", "Running", "Suspended"], State::Suspended, Level::Idle),
        (&["Created", "!Running", "Succeeded"], State::Succeeded, Level::Done),
        (&["Created", "Succeeded", "Failed"], State::Failed, Level::Error),
        (&["Created", "!Suspended", "Running"], State::Running, Level::Good),
        (&[], State::Pending, Level::Waiting),
        (&["!Running"], State::Unknown, Level::Unknown),
    ];
    for (conditions, state, level) in cases {
        let case = job("", &true_conditions(conditions));
        assert_eq!((case.says().0, case.says().1), (state, level), "{conditions:?}");
    }
}

#[test]
fn every_kind_has_its_replicas_in_its_own_place() {
    let kinds = [
        ("kubeflow.org/v1", "PyTorchJob", "pytorchReplicaSpecs"),
        ("kubeflow.org/v1", "TFJob", "tfReplicaSpecs"),
        ("kubeflow.org/v1", "MPIJob", "mpiReplicaSpecs"),
        ("kubeflow.org/v2beta1", "MPIJob", "mpiReplicaSpecs"),
        ("kubeflow.org/v1", "XGBoostJob", "xgbReplicaSpecs"),
        ("kubeflow.org/v1", "PaddleJob", "paddleReplicaSpecs"),
        ("kubeflow.org/v1", "JAXJob", "jaxReplicaSpecs"),
    ];
    let template = "{spec: {containers: [{name: c, resources: {limits: {nvidia.com/gpu: 2}}}]}}";
    for (api, kind, replicas) in kinds {
        let body = format!(
            "spec: {{{replicas}: {{A: {{template: {template}}}, Worker: {{replicas: 3, template: {template}}}}}}}"
        );
        let case = Case::new(&it(api, kind, "", &body));
        assert_eq!(case.workload().requested.gpus, Amount::Known(Quantity::units(8)), "{api} {kind}");
    }
}

#[test]
fn active_pods_are_counted_once_the_controller_counts() {
    let spec = "pytorchReplicaSpecs: {Master: {replicas: 1}, Worker: {replicas: 3}}";
    assert_eq!(job(spec, "").cell("Active"), Cell::Missing);
    let counted = job(spec, "replicaStatuses: {Master: {active: 1}, Worker: {active: 2}}");
    assert_eq!(counted.cell("Active"), Cell::fraction(3, 4));
    assert_eq!(job(spec, "replicaStatuses: {Worker: {succeeded: 3}}").cell("Active"), Cell::fraction(0, 4));
}

#[test]
fn a_worker_that_cannot_be_placed_is_seen_while_the_master_runs() {
    let page =
        it("kubeflow.org/v1", "PyTorchJob", "", &format!("status: {{{}}}", true_conditions(&["Created", "Running"])));
    let case = Case::new(&and(&page, &pod("it-worker-0", "training.kubeflow.org/job-name", UNSCHEDULABLE)));
    assert_eq!(case.says(), (State::Running, Level::Warning, "Unschedulable".to_owned()));
}

#[test]
fn a_refused_pod_is_told_by_the_jobs_own_event() {
    let event = "{apiVersion: v1, kind: Event, metadata: {name: e, namespace: ns}, type: Warning, reason: FailedCreatePod, \
                 message: exceeded quota, lastTimestamp: '2026-01-02T00:00:00Z', involvedObject: {kind: PyTorchJob, name: it, namespace: ns}}";
    let page = it("kubeflow.org/v1", "PyTorchJob", "", &format!("status: {{{}}}", true_conditions(&["Created"])));
    let case = Case::new(&and(&page, event));
    assert_eq!(case.says(), (State::Pending, Level::Warning, "FailedCreatePod".to_owned()));
}

#[test]
fn why_it_failed() {
    let failed = |reason: &str, message: &str| {
        let status = format!("conditions: [{{type: Failed, status: 'True', reason: {reason}, message: {message}}}]");
        job("", &status).why()
    };
    assert_eq!(
        failed("PyTorchJobFailed", "PyTorchJob it is failed because 1 Worker replica(s) failed."),
        ["training-job-failed"]
    );
    assert_eq!(failed("PyTorchJobFailedValidation", "bad"), ["invalid"]);
    assert_eq!(failed("PyTorchJobFailed", "it was active longer than specified deadline"), ["deadline"]);
}

#[test]
fn an_old_refusal_ranks_below_what_ended_the_job() {
    let event = "{apiVersion: v1, kind: Event, metadata: {name: e, namespace: ns}, type: Warning, reason: FailedCreatePod, \
                 message: 'pods it-worker-1 is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=2, limited: cpu=2', \
                 lastTimestamp: '2026-01-02T00:00:00Z', involvedObject: {kind: PyTorchJob, name: it, namespace: ns}}";
    let job = |ends: &[&str]| {
        and(&it("kubeflow.org/v1", "PyTorchJob", "", &format!("status: {{{}}}", true_conditions(ends))), event)
    };
    let killed =
        "{phase: Failed, containerStatuses: [{name: main, state: {terminated: {reason: OOMKilled, exitCode: 137}}}]}";
    let killed = pod("it-worker-0", "training.kubeflow.org/job-name", killed);
    let why = |page: &str| Case::new(page).why();
    assert_eq!(why(&and(&job(&["Failed"]), &killed)), ["out-of-memory", "training-job-failed", "quota"]);
    assert_eq!(why(&job(&["Failed"])), ["training-job-failed", "quota"], "its pods may be gone");
    assert_eq!(why(&job(&["Created"]))[0], "quota");
    assert_eq!(why(&job(&["Succeeded"])), Vec::<&str>::new());
}

#[test]
fn it_began_and_ended_when_that_is_certain() {
    let replicas = |policy: &str| format!("pytorchReplicaSpecs: {{Master: {{restartPolicy: {policy}}}}}");
    let with_pod = |policy: &str, status: &str| {
        let page =
            it("kubeflow.org/v1", "PyTorchJob", "", &format!("spec: {{{}}}, status: {{{status}}}", replicas(policy)));
        let started = "{phase: Running, startTime: '2026-01-01T00:05:00Z'}";
        Case::new(&and(&page, &pod("it-master-0", "training.kubeflow.org/job-name", started))).workload()
    };
    let moment = |minute: u32| time::parse(&format!("2026-01-01T00:{minute:02}:00Z"));
    assert_eq!(with_pod("Never", "").started, moment(5));
    assert_eq!(with_pod("ExitCode", "").started, None, "pods before this one may be gone");
    assert_eq!(with_pod("Never", "startTime: '2026-01-01T00:04:00Z'").started, moment(4));
    let failed = "conditions: [{type: Failed, status: 'True', lastTransitionTime: '2026-01-01T00:09:00Z'}]";
    assert_eq!(with_pod("Never", failed).finished, moment(9));
    assert_eq!(with_pod("Never", "").finished, None);
}

#[test]
fn suspension_is_in_the_run_policy() {
    let case = job("runPolicy: {suspend: true}", &true_conditions(&["Created"]));
    assert_eq!(case.says().0, State::Suspended);
    let action = Kubeflow.actions(&case.it).remove(0);
    assert_eq!(action.id, "resume");
    assert_eq!(action.request.body, serde_json::json!({"spec": {"runPolicy": {"suspend": false}}}));
}
