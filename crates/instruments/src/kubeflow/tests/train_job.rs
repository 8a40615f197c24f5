//! TrainJob, its runtimes, and JobSet.

use super::*;

const API: &str = "trainer.kubeflow.org/v1alpha1";
const LABEL: &str = "jobset.sigs.k8s.io/jobset-name";
const SPEC: &str = "runtimeRef: {name: torch}, trainer: {numNodes: 4, resourcesPerNode: {requests: {cpu: 2}, limits: {memory: 8Gi, nvidia.com/gpu: 2}}}";

fn job(meta: &str, spec: &str, status: &str) -> String {
    it(API, "TrainJob", meta, &format!("spec: {{{spec}}}, status: {{{status}}}"))
}

fn condition(kind: &str, status: &str, reason: &str) -> String {
    format!(
        "{{type: {kind}, status: '{status}', reason: {reason}, message: m, lastTransitionTime: '2026-01-01T01:00:00Z'}}"
    )
}

fn job_set(body: &str) -> String {
    format!(
        "{{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, metadata: {{name: it, namespace: ns, uid: s, \
         ownerReferences: [{{apiVersion: {API}, kind: TrainJob, name: it, uid: u, controller: true}}]}}, {body}}}"
    )
}

#[test]
fn states_in_their_order() {
    let jobs = |counts: &str| format!("jobsStatus: [{{name: node, {counts}}}]");
    let conditions = |list: &[String]| format!("conditions: [{}]", list.join(", "));
    let running = jobs("active: 1, ready: 1, succeeded: 0, failed: 0");
    let cases = [
        ("nothing yet", String::new(), State::Pending, Level::Waiting, ""),
        (
            "failed",
            conditions(&[condition("Failed", "True", "DeadlineExceeded")]),
            State::Failed,
            Level::Error,
            "DeadlineExceeded",
        ),
        // The word is `Complete`; a finished job must not show as running.
        (
            "complete",
            format!("{}, {running}", conditions(&[condition("Complete", "True", "AllJobsCompleted")])),
            State::Succeeded,
            Level::Done,
            "AllJobsCompleted",
        ),
        (
            "suspended",
            conditions(&[condition("Suspended", "True", "Suspended")]),
            State::Suspended,
            Level::Idle,
            "Suspended",
        ),
        // A running job has no condition at all; a resumed one has `Suspended=False`.
        ("running", running.clone(), State::Running, Level::Good, ""),
        (
            "resumed",
            format!("{}, {running}", conditions(&[condition("Suspended", "False", "Resumed")])),
            State::Running,
            Level::Good,
            "",
        ),
        ("starting", jobs("active: 2, ready: 1"), State::Starting, Level::Progress, ""),
        ("no pod yet", jobs("active: 0, ready: 0"), State::Pending, Level::Waiting, ""),
        (
            "failed counts more than complete",
            conditions(&[condition("Complete", "True", "C"), condition("Failed", "True", "F")]),
            State::Failed,
            Level::Error,
            "F",
        ),
        (
            "a word of another project",
            conditions(&[condition("Succeeded", "True", "S")]),
            State::Pending,
            Level::Waiting,
            "",
        ),
    ];
    for (name, status, state, level, reason) in cases {
        let case = Case::new(&job("", SPEC, &status));
        assert_eq!(case.says(), (state, level, reason.to_owned()), "{name}");
        assert_eq!(case.shows(), (state.to_string(), level, reason.to_owned()), "{name}");
    }
}

#[test]
fn what_was_asked_to_suspend_is_suspended_or_queued() {
    let suspended = format!("suspend: true, {SPEC}");
    assert_eq!(Case::new(&job("", &suspended, "")).says().0, State::Suspended);
    let queued = Case::new(&job("labels: {kueue.x-k8s.io/queue-name: gpus}", &suspended, ""));
    assert_eq!(queued.says().0, State::Queued);
    assert_eq!(queued.workload().queue.as_deref(), Some("gpus"));
    assert_eq!(queued.why(), ["queued"]);
}

#[test]
fn a_job_set_that_was_restarted_is_restarting() {
    let page = and(&job("", SPEC, ""), &job_set("status: {restarts: 2}"));
    let case = Case::new(&page);
    assert_eq!(case.says(), (State::Starting, Level::Warning, "Restarting".to_owned()));
    assert_eq!(case.workload().attempts, Some(3));
    let running = and(&job("", SPEC, "jobsStatus: [{active: 1, ready: 1}]"), &job_set("status: {restarts: 2}"));
    assert_eq!(Case::new(&running).says().0, State::Running);
}

#[test]
fn an_unschedulable_pod_is_why_it_is_pending() {
    let case = Case::new(&and(&job("", SPEC, ""), &pod("it-node-0-0-x", LABEL, UNSCHEDULABLE)));
    assert_eq!(case.says(), (State::Pending, Level::Warning, "Unschedulable".to_owned()));
    assert_eq!(case.workload().message, "0/3 nodes are available: 3 Insufficient nvidia.com/gpu.");
    assert_eq!(case.shows().2, "", "the object alone does not know");
}

#[test]
fn preparing_is_said_to_be_preparing() {
    let reason = |jobs: &str| Case::new(&job("", SPEC, &format!("jobsStatus: [{jobs}]"))).says().2;
    let preparing = "{name: dataset-initializer, active: 1, ready: 1}";
    assert_eq!(reason(&format!("{preparing}, {{name: node, active: 0}}")), "Initializing");
    assert_eq!(reason(&format!("{preparing}, {{name: node, active: 1, ready: 1}}")), "");
    assert_eq!(reason("{name: node, active: 1}"), "");
}

#[test]
fn a_failed_job_says_how_its_first_pod_failed() {
    let failed = |code: u8, reason: &str, at: &str| {
        format!(
            "{{phase: Failed, containerStatuses: [{{name: node, state: {{terminated: {{exitCode: {code}, reason: {reason}, \
             finishedAt: '2026-01-01T0{at}:00:00Z'}}}}}}]}}"
        )
    };
    let page = job("", SPEC, &format!("conditions: [{}]", condition("Failed", "True", "FailedJobs")));
    let page = and(&page, &pod("late", LABEL, &failed(1, "Error", "2")));
    let page = and(&page, &pod("first", LABEL, &failed(137, "OOMKilled", "1")));
    let workload = Case::new(&page).workload();
    assert_eq!(workload.reason, "FailedJobs");
    assert_eq!(workload.message, "m. Pod first: container node ended with OOMKilled (exit code 137).");
}

#[test]
fn other_pods_troubles_have_their_own_words() {
    let with = |status: &str| Case::new(&and(&job("", SPEC, ""), &pod("p", LABEL, status))).says();
    let waiting = |reason: &str| {
        format!("{{phase: Pending, containerStatuses: [{{name: node, state: {{waiting: {{reason: {reason}}}}}}}]}}")
    };
    assert_eq!(with(&waiting("ImagePullBackOff")).2, "ImagePullBackOff");
    assert_eq!(with(&waiting("ContainerCreating")), (State::Pending, Level::Waiting, String::new()));
    let gated = "{phase: Pending, conditions: [{type: PodScheduled, status: 'False', reason: SchedulingGated}]}";
    assert_eq!(with(gated), (State::Queued, Level::Waiting, "SchedulingGated".to_owned()));
    assert_eq!(with("{phase: Failed, conditions: [{type: PodScheduled, status: 'False'}]}").2, "");
}

#[test]
fn a_job_that_is_over_has_no_trouble() {
    let page = job("", SPEC, &format!("conditions: [{}]", condition("Complete", "True", "Done")));
    let case = Case::new(&and(&page, &pod("p", LABEL, UNSCHEDULABLE)));
    assert_eq!(case.says(), (State::Succeeded, Level::Done, "Done".to_owned()));
    assert_eq!(case.workload().finished, time::parse("2026-01-01T01:00:00Z"));
    assert_eq!(case.actions(), Vec::<&str>::new());
}

#[test]
fn it_asks_for_nodes_times_resources_per_node() {
    let case = Case::new(&job("", SPEC, ""));
    let asked = case.workload().requested;
    assert_eq!(asked.cpu, Amount::Known(Quantity::units(8)));
    assert_eq!(asked.memory, Amount::Known(Quantity::units(32 << 30)));
    assert_eq!(asked.gpus, Amount::Known(Quantity::units(8)));
    assert_eq!(case.cell("GPU"), Cell::Quantity(Quantity::units(8)));
}

#[test]
fn the_runtime_says_how_many_nodes_when_the_job_does_not() {
    let spec = "runtimeRef: {name: torch}, trainer: {resourcesPerNode: {limits: {nvidia.com/gpu: 2}}}";
    let alone = Case::new(&job("", spec, ""));
    assert_eq!(alone.cell("Nodes"), Cell::Missing);
    assert_eq!(alone.cell("GPU"), Cell::Unknown, "unknown is not zero and not one");
    assert_eq!(alone.workload().requested, Resources { gpus: Amount::Unknown, ..Resources::default() });
    let runtime = format!(
        "{{apiVersion: {API}, kind: ClusterTrainingRuntime, metadata: {{name: torch}}, spec: {{mlPolicy: {{numNodes: 3}}}}}}"
    );
    let case = Case::new(&and(&job("", spec, ""), &runtime));
    assert_eq!(case.workload().requested.gpus, Amount::Known(Quantity::units(6)));
}

#[test]
fn the_job_set_says_what_is_really_asked_for() {
    let set = job_set(
        "spec: {replicatedJobs: [{name: node, replicas: 2, template: {spec: {parallelism: 3, template: {spec: \
         {containers: [{name: node, resources: {limits: {nvidia.com/gpu: 1}}}]}}}}}, {name: launcher, template: {spec: \
         {template: {spec: {containers: [{name: l, resources: {requests: {cpu: 1}}}]}}}}}]}",
    );
    let case = Case::new(&and(&job("", "runtimeRef: {name: torch}", ""), &set));
    let asked = case.workload().requested;
    assert_eq!((asked.gpus, asked.cpu), (Amount::Known(Quantity::units(6)), Amount::Known(Quantity::units(1))));
    let silent = Case::new(&and(&job("", SPEC, ""), &job_set("spec: {replicatedJobs: []}")));
    assert_eq!(
        silent.workload().requested.gpus,
        Amount::Known(Quantity::units(8)),
        "what the set does not say, the job does"
    );
}

#[test]
fn progress_is_told_or_missing() {
    let told = Case::new(&job("", SPEC, "trainerStatus: {progressPercentage: 40}"));
    assert_eq!(told.workload().progress, Some((40, 100)));
    assert_eq!(told.cell("Progress"), Cell::fraction(40, 100));
    assert_eq!(Case::new(&job("", SPEC, "")).cell("Progress"), Cell::Missing);
}

#[test]
fn why_it_failed_is_what_it_says_with_the_deadline_in_words() {
    let failed = |reason: &str, spec: &str| {
        let status = format!("conditions: [{}]", condition("Failed", "True", reason));
        Case::new(&job("", &format!("{spec}{SPEC}"), &status)).causes().remove(0)
    };
    let deadline = failed("DeadlineExceeded", "activeDeadlineSeconds: 60, ");
    assert_eq!((deadline.id, deadline.title.as_str()), ("deadline", "It ran longer than its deadline of 1m"));
    assert_eq!(deadline.evidence[0].field, "status.conditions[Failed]");
    assert_eq!(deadline.evidence[0].value, "DeadlineExceeded: m");
    assert_eq!(failed("TrainingRuntimeNotSupported", "").id, "runtime-not-supported");
    assert_eq!(failed("FailedJobs", "").title, "The run failed: FailedJobs");
}

#[test]
fn a_missing_runtime_is_said_only_when_it_is_certain() {
    let page = job("", SPEC, "");
    assert_eq!(Case::new(&page).why(), ["no-runtime"]);
    let mut case = Case::new(&page);
    case.folder = case.folder.without(super::super::kinds::CLUSTER_TRAINING_RUNTIMES, Completeness::Loading);
    assert_eq!(case.why(), Vec::<&str>::new());
}

#[test]
fn a_job_set_counts_only_when_it_is_nobodys() {
    let folder = Folder::new(&job_set("status: {}"));
    assert_eq!(Kubeflow.workload(&folder.object("JobSet", "it"), &folder), None);
    let alone = |status: &str| {
        Case::new(&it("jobset.x-k8s.io/v1alpha2", "JobSet", "", &format!("status: {{{status}}}"))).says().0
    };
    assert_eq!(alone(""), State::Pending);
    assert_eq!(alone("replicatedJobsStatus: [{active: 1, ready: 1}, {active: 0}]"), State::Running);
    assert_eq!(alone("replicatedJobsStatus: [{active: 2, ready: 1}]"), State::Starting);
    assert_eq!(alone("conditions: [{type: Completed, status: 'True'}]"), State::Succeeded);
    assert_eq!(alone("conditions: [{type: Failed, status: 'True'}]"), State::Failed);
}

#[test]
fn suspending_and_resuming_set_the_field() {
    let request = |spec: &str| Kubeflow.actions(&Case::new(&job("", spec, "")).it).remove(0);
    let suspend = request(SPEC);
    assert_eq!((suspend.id, suspend.request.body), ("suspend", serde_json::json!({"spec": {"suspend": true}})));
    let resume = request("suspend: true");
    assert_eq!((resume.id, resume.request.body), ("resume", serde_json::json!({"spec": {"suspend": false}})));
}

#[test]
fn it_began_with_its_first_pod_unless_it_was_restarted() {
    let child = "{apiVersion: batch/v1, kind: Job, metadata: {name: it-node-0, namespace: ns, uid: j, labels: \
                 {jobset.sigs.k8s.io/jobset-name: it}}, status: {startTime: '2026-01-01T00:02:00Z'}}";
    let one = pod("p", LABEL, "{phase: Running, startTime: '2026-01-01T00:05:00Z'}");
    let started = |page: &str| Case::new(page).workload().started;
    let page = job("", SPEC, "");
    assert_eq!(started(&page), None);
    assert_eq!(started(&and(&page, &one)), time::parse("2026-01-01T00:05:00Z"));
    assert_eq!(started(&and(&page, child)), None, "a job whose pods the quota refuses has a start, too");
    let again = and(&and(&page, &one), &job_set("status: {restarts: 1}"));
    assert_eq!(started(&again), None, "the first pods are gone");
}

#[test]
fn a_run_that_is_over_counts_nothing_as_current() {
    let status = "trainerStatus: {estimatedRemainingSeconds: 600}, jobsStatus: [{name: node, active: 1, failed: 2}]";
    let shows = |end: &str| {
        let case = Case::new(&job("", SPEC, &format!("{status}{end}")));
        let mut titles = Vec::new();
        for section in case.sections() {
            match section {
                Section::Facts { facts, .. } => titles.extend(facts.into_iter().map(|fact| fact.label)),
                Section::Table { columns, .. } => {
                    titles.extend(columns.into_iter().map(|column| column.title.to_string()));
                }
                _ => {}
            }
        }
        ["Remaining", "Active", "Ready", "Suspended", "Failed"].map(|title| titles.iter().any(|own| own == title))
    };
    assert_eq!(shows(""), [true; 5]);
    let failed = format!(", conditions: [{}]", condition("Failed", "True", "FailedJobs"));
    assert_eq!(shows(&failed), [false, false, false, false, true]);
}
