//! Experiment, Trial and Suggestion.

use super::*;

const API: &str = "kubeflow.org/v1beta1";
const OBJECTIVE: &str = "objective: {type: maximize, goal: 0.99, objectiveMetricName: accuracy";

fn experiment(spec: &str, status: &str) -> String {
    it(API, "Experiment", "", &format!("spec: {{{spec}}}, status: {{{status}}}"))
}

fn trial(name: &str, meta: &str, spec: &str, status: &str) -> String {
    it(
        API,
        "Trial",
        &format!("labels: {{katib.kubeflow.org/experiment: exp}}{meta}"),
        &format!("spec: {{{spec}}}, status: {{{status}}}"),
    )
    .replace("name: it", &format!("name: {name}"))
}

fn true_conditions(kinds: &[&str]) -> String {
    let list: Vec<_> = kinds.iter().map(|kind| format!("{{type: {kind}, status: 'True', reason: R{kind}}}")).collect();
    format!("conditions: [{}]", list.join(", "))
}

#[test]
fn experiment_states() {
    let cases: [(&[&str], State); 6] = [
        (&[], State::Pending),
        (&["Created"], State::Pending),
        (&["Created", "Running"], State::Running),
        (&["Created", "Succeeded"], State::Succeeded),
        (&["Created", "Succeeded", "Failed"], State::Failed),
        (&["Created", "Restarting"], State::Starting),
    ];
    for (conditions, state) in cases {
        let case = Case::new(&experiment("", &true_conditions(conditions)));
        assert_eq!(case.says().0, state, "{conditions:?}");
        let reason = conditions.iter().rev().find(|kind| **kind != "Created").or(conditions.last());
        assert_eq!(case.says().2, reason.map(|kind| format!("R{kind}")).unwrap_or_default());
    }
}

#[test]
fn an_experiment_that_was_restarted_runs_again() {
    let both = |restarting: &str, running: &str| {
        let status = format!(
            "conditions: [{{type: Restarting, status: 'True', lastTransitionTime: '{restarting}'}}, \
             {{type: Running, status: 'True', lastTransitionTime: '{running}'}}]"
        );
        Case::new(&experiment("", &status)).says().0
    };
    assert_eq!(both("2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z"), State::Running);
    assert_eq!(both("2026-01-01T00:00:05Z", "2026-01-01T00:00:00Z"), State::Starting);
    assert_eq!(both("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), State::Running);
}

#[test]
fn counters_are_those_that_the_controller_writes() {
    let counted = Case::new(&experiment(
        "maxTrialCount: 12",
        "trials: 6, trialsSucceeded: 3, trialsFailed: 1, trialsRunning: 1, trialMetricsUnavailable: 1",
    ));
    assert_eq!(counted.cell("Trials"), Cell::fraction(3, 6));
    assert_eq!(counted.cell("Failed"), Cell::Integer(1));
    assert_eq!(counted.workload().progress, Some((5, 12)));
    let first = Case::new(&experiment("maxTrialCount: 12", "trials: 2, trialsRunning: 2"));
    assert_eq!(first.cell("Failed"), Cell::Integer(0), "it counts, and leaves zeros out");
    let new = Case::new(&experiment("maxTrialCount: 12", ""));
    assert_eq!((new.cell("Trials"), new.cell("Failed")), (Cell::Missing, Cell::Missing), "it does not count yet");
    assert_eq!(new.workload().progress, None);
}

#[test]
fn the_best_value_follows_the_metrics_strategy() {
    let best = |objective: &str, metric: &str| {
        let status = format!(
            "currentOptimalTrial: {{bestTrialName: t, observation: {{metrics: [{{name: loss, max: '9'}}, {{name: accuracy, {metric}}}]}}}}"
        );
        Case::new(&experiment(&format!("{objective}}}"), &status)).cell("Best")
    };
    let values = "min: '0.1', max: '0.9', latest: '0.5'";
    let strategy = |value: &str| format!("{OBJECTIVE}, metricStrategies: [{{name: accuracy, value: {value}}}]");
    assert_eq!(best(OBJECTIVE, values), Cell::Number(0.9), "maximizing means the largest");
    assert_eq!(best(&OBJECTIVE.replace("maximize", "minimize"), values), Cell::Number(0.1));
    assert_eq!(best(&strategy("latest"), values), Cell::Number(0.5));
    assert_eq!(best(&strategy("min"), values), Cell::Number(0.1));
    assert_eq!(best(OBJECTIVE, "max: unavailable, latest: '0.5'"), Cell::Number(0.5), "the latest stands in");
    assert_eq!(best(OBJECTIVE, "max: unavailable, latest: unavailable"), Cell::Unknown);
    assert_eq!(best(OBJECTIVE, "latest: fast"), Cell::text("fast"));
    assert_eq!(best("objective: {", values), Cell::Missing);
}

#[test]
fn what_an_experiment_shows() {
    let case = Case::new(&experiment(
        &format!(
            "{OBJECTIVE}}}, algorithm: {{algorithmName: bayesianoptimization}}, parameters: [{{name: lr, \
                  parameterType: double, feasibleSpace: {{min: '0.1', max: '0.5'}}}}, {{name: opt, parameterType: \
                  categorical, feasibleSpace: {{list: [sgd, adam]}}}}]"
        ),
        "trials: 1, currentOptimalTrial: {bestTrialName: it-x, parameterAssignments: [{name: lr, value: '0.2'}]}",
    ));
    assert_eq!(case.cell("Algorithm"), Cell::text("bayesianoptimization"));
    assert_eq!(case.cell("Objective"), Cell::text("maximize accuracy (goal 0.99)"));
    let sections = case.sections();
    let Some(Section::Listing { query, .. }) = sections.last() else { panic!("trials come last") };
    assert_eq!(query, "label:katib.kubeflow.org/experiment=it ns:ns");
    let Section::Table { rows, .. } = &sections[2] else { panic!("parameters") };
    let spaces: Vec<_> = rows.iter().map(|(_, cells)| cells[2].clone()).collect();
    assert_eq!(spaces, [Value::Text("0.1 to 0.5".into()), Value::Text("sgd, adam".into())]);
}

#[test]
fn trial_states_by_the_controllers_priority() {
    let cases: [(&[&str], State); 8] = [
        (&[], State::Pending),
        (&["Created"], State::Pending),
        (&["Created", "MetricsUnavailable"], State::Failed),
        (&["Created", "MetricsUnavailable", "Running"], State::Running),
        (&["Created", "Running", "EarlyStopped"], State::Succeeded),
        (&["EarlyStopped", "Succeeded"], State::Succeeded),
        (&["Succeeded", "Failed"], State::Failed),
        (&["Failed", "Killed"], State::Canceled),
    ];
    for (conditions, state) in cases {
        let case = Case::new(&trial("it", "", "", &true_conditions(conditions)));
        assert_eq!(case.says().0, state, "{conditions:?}");
    }
}

#[test]
fn the_real_cause_of_a_failed_trial_is_in_the_suffix() {
    let failed = |reason: &str, message: &str| {
        let status =
            format!("conditions: [{{type: Failed, status: 'True', reason: '{reason}', message: '{message}'}}]");
        Case::new(&trial("it", "", "", &status))
    };
    let case = failed(
        "TrialFailed. Job reason: BackoffLimitExceeded",
        "Trial has failed. Job message: Job has reached the specified backoff limit",
    );
    assert_eq!(case.says().2, "BackoffLimitExceeded");
    assert_eq!(case.workload().message, "Job has reached the specified backoff limit");
    let cause = case.causes().remove(0);
    assert_eq!((cause.id, cause.title.as_str()), ("trial-failed", "Its worker failed: BackoffLimitExceeded"));
    assert!(cause.evidence[0].value.contains("Job reason: BackoffLimitExceeded"), "evidence is verbatim");
    assert_eq!(failed("TrialFailed", "m").says().2, "TrialFailed");
}

#[test]
fn a_trial_belongs_to_its_experiment_and_leaves_asking_to_its_worker() {
    let owned = ", ownerReferences: [{apiVersion: kubeflow.org/v1beta1, kind: Experiment, name: exp, uid: e, controller: true}]";
    let spec = "parameterAssignments: [{name: lr, value: '0.1'}, {name: batch, value: 32}], runSpec: {apiVersion: kubeflow.org/v1, kind: PyTorchJob}";
    let case = Case::new(&trial("it", owned, spec, ""));
    let workload = case.workload();
    assert_eq!(workload.owner.map(|owner| owner.to_string()).as_deref(), Some("Experiment/exp"));
    assert_eq!(case.cell("Parameters"), Cell::text("lr=0.1 batch=32"));
    assert_eq!(case.cell("Experiment"), Cell::text("exp"));
    let worker = Kubeflow.links(&case.it).into_iter().find(|link| link.relation == "children").unwrap().target;
    assert_eq!(worker.resource(), GroupResource::new("kubeflow.org", "pytorchjobs"));

    assert_eq!(workload.requested, Resources::default(), "a PyTorchJob is a workload itself");
    let job = "runSpec: {apiVersion: batch/v1, kind: Job, spec: {parallelism: 2, template: {spec: {containers: [{name: c, resources: {limits: {nvidia.com/gpu: 1}}}]}}}}";
    let of_job = Case::new(&trial("it", "", job, ""));
    assert_eq!(of_job.workload().requested.gpus, Amount::Known(Quantity::units(2)), "an owned Job is none");

    let by_label = Case::new(&trial("it", "", "", ""));
    assert_eq!(by_label.workload().owner.map(|owner| owner.name).as_deref(), Some("exp"));
}

#[test]
fn a_worker_belongs_to_its_trial() {
    let owner = "ownerReferences: [{apiVersion: kubeflow.org/v1beta1, kind: Trial, name: t, uid: t, controller: true}]";
    let case = Case::new(&it("kubeflow.org/v1", "PyTorchJob", owner, ""));
    assert_eq!(case.workload().owner.map(|owner| owner.to_string()).as_deref(), Some("Trial/t"));
}

#[test]
fn a_trial_without_metrics_says_which() {
    let status = "conditions: [{type: MetricsUnavailable, status: 'True', reason: MetricsUnavailable}]";
    let case = Case::new(&trial("it", "", &format!("{OBJECTIVE}}}"), status));
    assert_eq!(case.why(), ["no-metrics"]);
    assert!(case.causes()[0].title.contains("`accuracy`"));
}

#[test]
fn why_an_experiment_failed_reaches_its_trials() {
    let page =
        experiment("maxFailedTrialCount: 2", "conditions: [{type: Failed, status: 'True', reason: ExperimentFailed}]");
    let status =
        "conditions: [{type: Failed, status: 'True', reason: 'TrialFailed. Job reason: BackoffLimitExceeded'}]";
    let failed = trial("it-1", "", "", status).replace("experiment: exp", "experiment: it");
    let well = trial("it-2", "", "", &true_conditions(&["Succeeded"])).replace("experiment: exp", "experiment: it");
    let case = Case::new(&and(&and(&page, &failed), &well));
    assert_eq!(case.why(), ["trial-failed", "experiment-failed"]);
    assert_eq!(case.causes()[0].evidence[0].object.name, "it-1");
}

#[test]
fn suggestion_states() {
    let shows = |kinds: &[&str]| {
        Case::new(&it(API, "Suggestion", "", &format!("status: {{{}}}", true_conditions(kinds)))).shows().0
    };
    assert_eq!(shows(&[]), "Pending");
    assert_eq!(shows(&["Created", "DeploymentReady"]), "Starting");
    assert_eq!(shows(&["Created", "DeploymentReady", "Running"]), "Running");
    assert_eq!(shows(&["Running", "Succeeded"]), "Succeeded");
    assert_eq!(shows(&["Running", "Failed"]), "Failed");
}
