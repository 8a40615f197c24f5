//! Notebook, in the order of the rules.

use super::*;

const API: &str = "kubeflow.org/v1";
const LABEL: &str = "notebook-name";
const STOPPED: &str = "annotations: {kubeflow-resource-stopped: '2026-01-02T00:00:00Z'}";

fn notebook(meta: &str, status: &str) -> String {
    let spec = "spec: {template: {spec: {containers: [{name: side, image: proxy}, {name: it, image: jupyter, \
                resources: {requests: {cpu: 500m, memory: 1Gi}, limits: {nvidia.com/gpu: 1}}}]}}}";
    it(API, "Notebook", meta, &format!("{spec}, status: {status}"))
}

#[test]
fn states_in_their_order() {
    let conditions = |reason: &str| {
        format!(
            "{{containerState: {{}}, readyReplicas: 0, conditions: [{{type: Ready, status: 'False'}}, \
             {{type: PodScheduled, status: 'False', reason: {reason}, message: 3 Insufficient nvidia.com/gpu}}]}}"
        )
    };
    let waiting =
        |reason: &str| format!("{{readyReplicas: 0, containerState: {{waiting: {{reason: {reason}, message: m}}}}}}");
    let cases = [
        ("nothing yet", "", "{}".to_owned(), State::Pending, Level::Waiting, ""),
        // A stopped notebook is not a pending one.
        ("stopped", STOPPED, "{}".to_owned(), State::Stopped, Level::Idle, ""),
        ("stopped, told", STOPPED, "{readyReplicas: 0}".to_owned(), State::Stopped, Level::Idle, ""),
        ("stopping", STOPPED, "{readyReplicas: 1}".to_owned(), State::Stopping, Level::Progress, ""),
        (
            "deleted",
            "deletionTimestamp: '2026-01-02T00:00:00Z'",
            "{readyReplicas: 1}".to_owned(),
            State::Stopping,
            Level::Progress,
            "Terminating",
        ),
        (
            "stopped before it is deleted",
            "annotations: {kubeflow-resource-stopped: x}, deletionTimestamp: '2026-01-02T00:00:00Z'",
            "{}".to_owned(),
            State::Stopped,
            Level::Idle,
            "",
        ),
        ("ready", "", "{readyReplicas: 1}".to_owned(), State::Running, Level::Good, ""),
        ("starting", "", waiting("PodInitializing"), State::Starting, Level::Progress, "PodInitializing"),
        ("creating", "", waiting("ContainerCreating"), State::Starting, Level::Progress, "ContainerCreating"),
        ("no image", "", waiting("ImagePullBackOff"), State::Starting, Level::Warning, "ImagePullBackOff"),
        ("crashing", "", waiting("CrashLoopBackOff"), State::Starting, Level::Warning, "CrashLoopBackOff"),
        // An unschedulable one says so, instead of the condition's type.
        ("unschedulable", "", conditions("Unschedulable"), State::Pending, Level::Warning, "Unschedulable"),
        ("coming up", "", conditions("ContainersNotReady"), State::Starting, Level::Progress, "ContainersNotReady"),
    ];
    for (name, meta, status, state, level, reason) in cases {
        let case = Case::new(&notebook(meta, &status));
        assert_eq!(case.says(), (state, level, reason.to_owned()), "{name}");
        assert_eq!(case.shows(), (state.to_string(), level, reason.to_owned()), "{name}");
    }
}

#[test]
fn an_ordinary_condition_does_not_hide_a_telling_one() {
    let status = "{conditions: [{type: Ready, status: 'False', reason: ContainersNotReady}, \
                  {type: PodScheduled, status: 'False', reason: Unschedulable}]}";
    assert_eq!(Case::new(&notebook("", status)).says().2, "Unschedulable");
}

#[test]
fn the_message_is_the_schedulers_own() {
    let case = Case::new(&and(&notebook("", "{}"), &pod("it-0", LABEL, UNSCHEDULABLE)));
    assert_eq!(case.says(), (State::Pending, Level::Warning, "Unschedulable".to_owned()));
    assert_eq!(case.workload().message, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.");
}

#[test]
fn a_notebook_that_runs_while_its_pod_crashes_again_and_again_is_in_trouble() {
    let pod_with = |restarts: u8, code: u8| {
        let status = format!(
            "{{phase: Running, containerStatuses: [{{name: it, restartCount: {restarts}, state: {{running: {{}}}}, \
             lastState: {{terminated: {{exitCode: {code}, reason: OOMKilled}}}}}}]}}"
        );
        Case::new(&and(&notebook("", "{readyReplicas: 1}"), &pod("it-0", LABEL, &status))).says()
    };
    assert_eq!(pod_with(5, 137), (State::Running, Level::Warning, "OOMKilled".to_owned()));
    assert_eq!(pod_with(1, 137), (State::Running, Level::Good, String::new()));
    assert_eq!(pod_with(5, 0), (State::Running, Level::Good, String::new()));
}

#[test]
fn the_newest_warning_speaks_when_nothing_else_does() {
    let event = |name: &str, kind: &str, reason: &str, at: &str| {
        format!(
            "{{apiVersion: v1, kind: Event, metadata: {{name: {name}, namespace: ns}}, type: {kind}, reason: {reason}, \
             message: 'exceeded quota: kf-resource-quota', lastTimestamp: '{at}', \
             involvedObject: {{kind: Notebook, name: it, namespace: ns, uid: u}}}}"
        )
    };
    let page = notebook("", "{}");
    let page = and(&page, &event("a", "Warning", "FailedScheduling", "2026-01-01T00:01:00Z"));
    let page = and(&page, &event("b", "Warning", "FailedCreate", "2026-01-01T00:02:00Z"));
    let page = and(&page, &event("c", "Normal", "Fine", "2026-01-01T00:03:00Z"));
    assert_eq!(Case::new(&page).says(), (State::Pending, Level::Warning, "FailedCreate".to_owned()));

    let earlier = and(&notebook("", "{}"), &event("a", "Warning", "FailedCreate", "2025-12-31T00:00:00Z"));
    assert_eq!(Case::new(&earlier).says(), (State::Pending, Level::Waiting, String::new()));
}

#[test]
fn what_it_asks_for_and_what_it_is() {
    let annotations = "annotations: {notebooks.kubeflow.org/server-type: group-one}";
    let case = Case::new(&notebook(annotations, "{readyReplicas: 1}"));
    assert_eq!(case.cell("CPU"), Cell::Quantity(Quantity::milli(500)));
    assert_eq!(case.cell("Memory"), Cell::Quantity(Quantity::units(1 << 30)));
    assert_eq!(case.cell("GPU"), Cell::Quantity(Quantity::units(1)));
    assert_eq!(case.cell("Image"), Cell::text("jupyter"));
    assert_eq!(case.cell("Type"), Cell::text("VS Code"));
    assert_eq!(case.cell("Last activity"), Cell::Missing);
}

#[test]
fn stop_and_start_write_and_remove_the_annotation() {
    let case = Case::new(&notebook("", "{readyReplicas: 1}"));
    assert_eq!(case.actions(), ["stop"]);
    let stop = Kubeflow.actions(&case.it).remove(0).request;
    let WriteMethod::StampedMergePatch(pointer) = stop.method else { panic!("{:?}", stop.method) };
    assert!(stop.body.pointer(pointer).is_some(), "the stamp has its place");

    let case = Case::new(&notebook(STOPPED, "{}"));
    assert_eq!(case.actions(), ["start"]);
    let start = Kubeflow.actions(&case.it).remove(0).request;
    let patched = start.body.pointer("/metadata/annotations/kubeflow-resource-stopped");
    assert_eq!((start.method, patched), (WriteMethod::MergePatch, Some(&serde_json::Value::Null)));
}

#[test]
fn a_stopped_notebook_says_only_that() {
    let case = Case::new(&notebook(STOPPED, "{}"));
    assert_eq!(case.why(), ["stopped"]);
    assert_eq!(case.causes()[0].evidence[0].value, "2026-01-02T00:00:00Z");
    assert_eq!(Case::new(&notebook("", "{readyReplicas: 1}")).why(), Vec::<&str>::new());
}

#[test]
fn what_the_pod_says_is_not_said_twice() {
    let status = "{conditions: [{type: PodScheduled, status: 'False', reason: Unschedulable, message: none fit}]}";
    let alone = Case::new(&notebook("", status));
    assert_eq!(alone.why(), ["notebook-waits"]);
    let with_pod = Case::new(&and(&notebook("", status), &pod("it-0", LABEL, UNSCHEDULABLE)));
    assert_eq!(with_pod.why(), ["unschedulable"]);
    assert_eq!(with_pod.causes()[0].evidence[0].object.to_string(), "Pod/it-0");
}

#[test]
fn a_full_quota_is_only_possibly_why() {
    let quota = "{apiVersion: v1, kind: ResourceQuota, metadata: {name: kf-resource-quota, namespace: ns}, \
                 status: {hard: {requests.nvidia.com/gpu: '4', cpu: '8'}, used: {requests.nvidia.com/gpu: '4', cpu: '2'}}}";
    let case = Case::new(&and(&notebook("", "{}"), quota));
    let causes = case.causes();
    assert_eq!(case.why(), ["quota-used-up"]);
    assert_eq!(causes[0].certainty, Certainty::Possible);
    assert!(causes[0].title.contains("nvidia.com/gpu is used up (4 of 4)"), "{}", causes[0].title);
    let running = Case::new(&and(&notebook("", "{readyReplicas: 1}"), quota));
    assert_eq!(running.why(), Vec::<&str>::new());
}

#[test]
fn a_profile_is_ready_failed_or_unknown() {
    let status = |body: &str| Case::new(&it("kubeflow.org/v1", "Profile", "", body)).shows();
    assert_eq!(status("").0, "Unknown");
    assert_eq!(status("status: {conditions: [{type: Successful}]}").0, "Ready");
    assert_eq!(status("status: {conditions: [{type: Successful, status: 'False'}]}").0, "Unknown");
    let failed = Case::new(&it(
        "kubeflow.org/v1",
        "Profile",
        "",
        "status: {conditions: [{type: Failed, message: namespace already exists}]}",
    ));
    assert_eq!(failed.shows(), ("Failed".to_owned(), Level::Error, String::new()));
    assert_eq!(failed.why(), ["profile-failed"]);
}
