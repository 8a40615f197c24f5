//! SparkApplication and what starts it by a timetable.

use super::*;

const API: &str = "sparkoperator.k8s.io/v1beta2";

fn application(spec: &str, status: &str) -> Case {
    Case::new(&it(API, "SparkApplication", "", &format!("spec: {{{spec}}}, status: {{{status}}}")))
}

#[test]
fn every_word_of_the_operator_has_a_state() {
    let cases = [
        ("''", State::Pending, Level::Waiting),
        ("SUBMITTED", State::Starting, Level::Progress),
        ("RUNNING", State::Running, Level::Good),
        ("COMPLETED", State::Succeeded, Level::Done),
        ("FAILED", State::Failed, Level::Error),
        ("SUBMISSION_FAILED", State::Pending, Level::Warning),
        ("PENDING_RERUN", State::Pending, Level::Warning),
        ("INVALIDATING", State::Starting, Level::Progress),
        ("SUCCEEDING", State::Running, Level::Good),
        ("FAILING", State::Running, Level::Warning),
        ("SUSPENDING", State::Stopping, Level::Progress),
        ("SUSPENDED", State::Suspended, Level::Idle),
        ("RESUMING", State::Starting, Level::Progress),
        ("UNKNOWN", State::Unknown, Level::Unknown),
        ("SOMETHING_NEW", State::Unknown, Level::Unknown),
    ];
    for (word, state, level) in cases {
        let case = application("", &format!("applicationState: {{state: {word}}}"));
        assert_eq!((case.says().0, case.says().1), (state, level), "{word}");
    }
    assert_eq!(application("", "").says().0, State::Pending);
    assert_eq!(application("suspend: true", "").says().0, State::Suspended);
}

#[test]
fn only_what_is_over_is_terminal() {
    for word in ["SUBMITTED", "RUNNING", "SUCCEEDING", "FAILING", "RESUMING", "PENDING_RERUN", "INVALIDATING"] {
        let state = application("", &format!("applicationState: {{state: {word}}}")).says().0;
        assert!(state.is_active() && !state.is_over(), "{word}");
    }
}

#[test]
fn memory_is_jvm_memory_and_executors_count_by_instances() {
    let case = application(
        "driver: {cores: 1, memory: 512m}, executor: {instances: 3, cores: 2, coreRequest: 500m, memory: 4g, \
         memoryOverhead: 1g, gpu: {name: nvidia.com/gpu, quantity: 1}}",
        "",
    );
    let asked = case.workload().requested;
    assert_eq!(asked.memory, Amount::Known(Quantity::units((512 << 20) + 3 * (5 << 30))));
    assert_eq!(asked.cpu, Amount::Known(Quantity::milli(2500)));
    assert_eq!(asked.gpus, Amount::Known(Quantity::units(3)));
    let silent = application("driver: {}, executor: {}", "");
    assert_eq!(silent.workload().requested, Resources::default());
    let unread = application("driver: {cores: 1, memory: 1g}, executor: {cores: 2, memory: lots, instances: 2}", "");
    let asked = unread.workload().requested;
    assert_eq!((asked.cpu, asked.memory), (Amount::Known(Quantity::units(5)), Amount::Unknown));
    let uncounted = application("driver: {cores: 1}, executor: {cores: 2}", "");
    assert_eq!(uncounted.workload().requested.cpu, Amount::Unknown, "nobody says how many executors");
}

#[test]
fn dynamic_allocation_begins_with_its_first_executors() {
    let gpus = |dynamic: &str| {
        application(&format!("dynamicAllocation: {{{dynamic}}}, executor: {{gpu: {{quantity: 1}}}}"), "")
            .workload()
            .requested
            .gpus
    };
    assert_eq!(gpus("enabled: true, initialExecutors: 2, minExecutors: 1"), Amount::Known(Quantity::units(2)));
    assert_eq!(gpus("enabled: true, minExecutors: 1"), Amount::Known(Quantity::units(1)));
    assert_eq!(gpus("minExecutors: 1"), Amount::Unknown);
}

#[test]
fn executors_run_out_of_those_wanted() {
    let states = "executorState: {e-1: RUNNING, e-2: PENDING, e-3: RUNNING}, executionAttempts: 2";
    let case = application("executor: {instances: 3}", states);
    assert_eq!(case.cell("Executors"), Cell::fraction(2, 3));
    assert_eq!(case.cell("Attempts"), Cell::Integer(2));
    assert_eq!(case.workload().attempts, Some(2));
    assert_eq!(application("executor: {instances: 3}", "").cell("Executors"), Cell::Missing);
}

#[test]
fn why_it_failed_is_the_operators_message_then_the_executors() {
    let case = application(
        "",
        "applicationState: {state: FAILED, errorMessage: driver container failed with ExitCode 137}, \
         executorState: {e-1: FAILED, e-2: COMPLETED, e-3: FAILED}",
    );
    assert_eq!(case.why(), ["spark-failed", "executors-failed"]);
    let causes = case.causes();
    assert_eq!(causes[0].evidence[0].value, "driver container failed with ExitCode 137");
    assert_eq!(causes[1].title, "2 executors failed, e-1 among them");
    assert_eq!(
        application("", "applicationState: {state: SUBMISSION_FAILED, errorMessage: denied}").causes()[0].title,
        "The application could not be submitted"
    );
    assert_eq!(application("", "applicationState: {state: RUNNING}").why(), Vec::<&str>::new());
}

#[test]
fn its_driver_that_cannot_be_placed_is_seen() {
    let page = it(API, "SparkApplication", "", "status: {applicationState: {state: SUBMITTED}}");
    let case = Case::new(&and(&page, &pod("it-driver", "sparkoperator.k8s.io/app-name", UNSCHEDULABLE)));
    assert_eq!(case.says(), (State::Starting, Level::Warning, "Unschedulable".to_owned()));
}

#[test]
fn a_timetable_is_no_workload_but_has_a_state() {
    let shows = |spec: &str, status: &str| {
        let body = format!("spec: {{{spec}}}, status: {{{status}}}");
        Case::new(&it(API, "ScheduledSparkApplication", "", &body)).shows().0
    };
    assert_eq!(shows("", ""), "New");
    assert_eq!(shows("", "scheduleState: Scheduled"), "Scheduled");
    assert_eq!(shows("", "scheduleState: FailedValidation, reason: bad cron"), "FailedValidation");
    assert_eq!(shows("suspend: true", "scheduleState: Scheduled"), "Suspended");
}
