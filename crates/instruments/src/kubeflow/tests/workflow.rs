//! Workflow: states, steps and the graph of Kubeflow Pipelines; and the recurring run.

use super::*;
use crate::kubeflow::Kubeflow;

const API: &str = "argoproj.io/v1alpha1";

fn workflow(meta: &str, spec: &str, status: &str) -> Case {
    Case::new(&it(API, "Workflow", meta, &format!("spec: {{{spec}}}, status: {{{status}}}")))
}

#[test]
fn states() {
    let cases = [
        ("", "", State::Pending, ""),
        ("", "phase: ''", State::Pending, ""),
        ("", "phase: Pending", State::Pending, ""),
        ("", "phase: Running", State::Running, ""),
        ("suspend: true", "phase: Running", State::Suspended, "Suspended"),
        ("", "phase: Succeeded", State::Succeeded, ""),
        ("", "phase: Failed", State::Failed, "Failed"),
        ("", "phase: Error", State::Failed, "Error"),
        // Who ends a run does not fail it.
        ("shutdown: Terminate", "phase: Failed", State::Canceled, "Terminated"),
        ("activeDeadlineSeconds: 0", "phase: Failed", State::Canceled, "Terminated"),
        ("activeDeadlineSeconds: 60", "phase: Failed", State::Failed, "Failed"),
        ("shutdown: Stop", "phase: Running", State::Stopping, "Terminating"),
        ("shutdown: Stop", "phase: Succeeded", State::Succeeded, ""),
        ("", "phase: Strange", State::Unknown, "Strange"),
    ];
    for (spec, status, state, reason) in cases {
        let case = workflow("", spec, status);
        assert_eq!((case.says().0, case.says().2), (state, reason.to_owned()), "{spec} {status}");
        assert_eq!(case.shows().0, state.to_string(), "{spec} {status}");
    }
}

#[test]
fn a_run_is_read_from_the_workflow() {
    let meta = "labels: {pipeline/runid: 1234}, annotations: {pipelines.kubeflow.org/run_name: nightly, pipelines.kubeflow.org/retry-generation: '1'}";
    let meta = meta.replace("1234", "'1234'");
    let status =
        "phase: Succeeded, progress: 2/5, startedAt: '2026-01-01T00:00:00Z', finishedAt: '2026-01-01T00:01:00Z'";
    let case = workflow(&meta, "", status);
    assert_eq!(case.cell("Run"), Cell::text("nightly"));
    assert_eq!(case.cell("Progress"), Cell::fraction(2, 5));
    assert_eq!(case.cell("Duration"), Cell::from(jiff::SignedDuration::from_secs(60)));
    let workload = case.workload();
    assert_eq!((workload.progress, workload.attempts), (Some((2, 5)), Some(2)));
    assert_eq!(workflow("", "", "progress: soon").cell("Progress"), Cell::Missing);
}

#[test]
fn it_asks_for_what_its_unfinished_pods_ask_for() {
    let page = it(API, "Workflow", "", "status: {phase: Running}");
    let key = "workflows.argoproj.io/workflow";
    let page = and(&page, &pod("a", key, "{phase: Running}"));
    let page = and(&page, &pod("b", key, "{phase: Succeeded}"));
    assert_eq!(Case::new(&page).workload().requested.gpus, Amount::Known(Quantity::units(1)));
    assert_eq!(workflow("", "", "phase: Running").workload().requested, Resources::default());
}

#[test]
fn ending_a_run_goes_the_way_of_who_made_it() {
    let bodies = |meta: &str| -> Vec<_> {
        let case = workflow(meta, "", "phase: Running");
        Kubeflow.actions(&case.it).into_iter().map(|action| (action.id, action.request.body)).collect()
    };
    let pipelines = bodies("labels: {pipeline/runid: a}");
    assert_eq!(pipelines, [("terminate", serde_json::json!({"spec": {"activeDeadlineSeconds": 0}}))]);
    let plain = bodies("");
    assert_eq!(plain.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ["suspend", "stop", "terminate"]);
    assert_eq!(plain[2].1, serde_json::json!({"spec": {"shutdown": "Terminate"}}));
    assert_eq!(workflow("", "", "phase: Failed").actions(), Vec::<&str>::new());
    assert_eq!(workflow("", "shutdown: Stop", "phase: Running").actions(), Vec::<&str>::new());
}

/// Two tasks as Kubeflow Pipelines compiles them: `load`, whose result is cached, then `train`, which fails.
const PIPELINE: &str = "phase: Failed, nodes: {\
    it: {name: it, displayName: it, type: DAG, templateName: entrypoint, phase: Failed, children: [rd]}, \
    rd: {name: it.root-driver, displayName: root-driver, type: Pod, templateName: system-dag-driver, phase: Succeeded, boundaryID: it, children: [r]}, \
    r: {name: it.root, displayName: root, type: DAG, templateName: root, phase: Failed, boundaryID: it, children: [ld]}, \
    ld: {name: it.root.load-driver, displayName: load-driver, type: Pod, templateName: system-container-driver, phase: Succeeded, \
         boundaryID: r, children: [l], outputs: {parameters: [{name: cached-decision, value: 'true'}]}}, \
    l: {name: it.root.load, displayName: load, type: DAG, templateName: system-container-executor, phase: Succeeded, boundaryID: r, children: [le]}, \
    le: {name: it.root.load.executor, displayName: executor, type: Skipped, templateName: system-container-impl, phase: Skipped, boundaryID: l, children: [td]}, \
    td: {name: it.root.train-driver, displayName: train-driver, type: Pod, templateName: system-container-driver, phase: Succeeded, boundaryID: r, children: [t], \
         outputs: {parameters: [{name: cached-decision, value: 'false'}]}}, \
    t: {name: it.root.train, displayName: train, type: DAG, templateName: system-container-executor, phase: Failed, boundaryID: r, children: [te]}, \
    te: {name: it.root.train.executor, displayName: executor, type: Pod, templateName: system-container-impl, phase: Failed, boundaryID: t, \
         message: 'OOMKilled (exit code 137)', finishedAt: '2026-01-01T00:10:00Z', outputs: {exitCode: '137'}}}";

fn graph(case: &Case) -> (Vec<page::Node>, Vec<(String, String)>) {
    let graph = case.sections().into_iter().find_map(|section| match section {
        Section::Graph { nodes, edges, .. } => Some((nodes, edges)),
        _ => None,
    });
    graph.expect("it has a graph")
}

fn labels(nodes: &[page::Node]) -> Vec<(&str, &str)> {
    let mut labels: Vec<_> = nodes.iter().map(|node| (node.label.as_str(), &*node.status.word)).collect();
    labels.sort_unstable();
    labels
}

#[test]
fn a_pipelines_graph_is_the_one_that_was_drawn() {
    let case = workflow("", "", PIPELINE);
    let (nodes, edges) = graph(&case);
    assert_eq!(labels(&nodes), [("load", "Cached"), ("train", "Failed")]);
    assert_eq!(edges, [("l".to_owned(), "t".to_owned())]);
    let train = nodes.iter().find(|node| node.label == "train").unwrap();
    assert_eq!(&*train.status.message, "OOMKilled (exit code 137)", "the executor speaks for its task");
    let pod = train.object.as_ref().map(|pod| pod.name.as_str()).unwrap();
    assert!(pod.starts_with("it-system-container-impl-"), "{pod}");
}

#[test]
fn a_driver_that_failed_shows_as_its_task() {
    let status = "phase: Failed, nodes: {\
        it: {name: it, displayName: it, type: DAG, templateName: entrypoint, phase: Failed, children: [d]}, \
        d: {name: it.load-driver, displayName: load-driver, type: Pod, templateName: system-container-driver, phase: Error, boundaryID: it}}";
    let (nodes, _) = graph(&workflow("", "", status));
    assert_eq!(labels(&nodes), [("load", "Error")]);
}

#[test]
fn a_step_that_is_tried_again_is_one_node() {
    let status = |second: &str, retry: &str| {
        format!(
            "phase: {retry}, nodes: {{\
             it: {{name: it, displayName: it, type: Steps, phase: {retry}, children: [g]}}, \
             g: {{name: 'it[0]', displayName: '[0]', type: StepGroup, phase: {retry}, boundaryID: it, children: [r]}}, \
             r: {{name: 'it[0].train', displayName: train, type: Retry, templateName: t, phase: {retry}, boundaryID: it, children: [a, b]}}, \
             a: {{name: 'it[0].train(0)', displayName: train(0), type: Pod, templateName: t, phase: Failed, boundaryID: it, message: first}}, \
             b: {{name: 'it[0].train(1)', displayName: train(1), type: Pod, templateName: t, phase: {second}, boundaryID: it}}}}"
        )
    };
    let recovered = workflow("", "", &status("Succeeded", "Succeeded"));
    assert_eq!(labels(&graph(&recovered).0), [("train", "Succeeded")]);
    assert_eq!(recovered.why(), Vec::<&str>::new());
    let again = workflow("", "", &status("Running", "Running"));
    assert_eq!(again.why(), Vec::<&str>::new(), "a try that failed is no cause while the next one runs");
    let lost = workflow("", "", &status("Failed", "Failed"));
    assert_eq!(lost.why(), ["step-failed", "step-failed", "workflow-failed"]);
}

#[test]
fn a_pipelines_task_that_is_tried_again_is_still_one_node() {
    let status = "phase: Running, nodes: {\
        it: {name: it, displayName: it, type: DAG, templateName: entrypoint, phase: Running, children: [t]}, \
        t: {name: it.train, displayName: train, type: DAG, templateName: retry-system-container-executor, phase: Running, boundaryID: it, children: [r]}, \
        r: {name: it.train.executor, displayName: executor, type: Retry, templateName: retry-system-container-impl, phase: Running, boundaryID: t, children: [a, b]}, \
        a: {name: 'it.train.executor(0)', displayName: executor(0), type: Pod, templateName: retry-system-container-impl, phase: Failed, boundaryID: t, startedAt: '2026-01-01T00:00:00Z'}, \
        b: {name: 'it.train.executor(1)', displayName: executor(1), type: Pod, templateName: retry-system-container-impl, phase: Running, boundaryID: t, startedAt: '2026-01-01T00:01:00Z', message: second}}";
    let (nodes, edges) = graph(&workflow("", "", status));
    assert_eq!(labels(&nodes), [("train", "Running")]);
    assert_eq!((&*nodes[0].status.message, edges.len()), ("second", 0), "the last try speaks");
}

#[test]
fn parallel_steps_meet_through_groups() {
    let status = "phase: Running, nodes: {\
        it: {name: it, displayName: it, type: Steps, children: [g]}, \
        g: {name: 'it[0]', displayName: '[0]', type: StepGroup, boundaryID: it, children: [a, b]}, \
        a: {name: 'it[0].a', displayName: a, type: Pod, phase: Succeeded, boundaryID: it, children: [h]}, \
        b: {name: 'it[0].b', displayName: b, type: Pod, phase: Succeeded, boundaryID: it, children: [h]}, \
        h: {name: 'it[1]', displayName: '[1]', type: StepGroup, boundaryID: it, children: [c, it]}, \
        c: {name: 'it[1].c', displayName: c, type: Pod, phase: Running, boundaryID: it, children: [gone]}}";
    let (_, mut edges) = graph(&workflow("", "", status));
    edges.sort_unstable();
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    // `h` leads back to the root: a circle that must not trap the search.
    assert_eq!(edges, [pair("a", "b"), pair("a", "c"), pair("b", "a"), pair("b", "c")]);
}

#[test]
fn why_a_run_failed_names_the_step_and_its_pod() {
    let case = workflow("", "", PIPELINE);
    assert_eq!(case.why(), ["out-of-memory", "workflow-failed"]);
    let cause = case.causes().remove(0);
    assert_eq!(cause.title, "Step `train` ran out of memory");
    assert_eq!(cause.evidence[0].field, "status.nodes[te].message");
    assert_eq!(cause.evidence[0].value, "OOMKilled (exit code 137)");
    assert!(cause.detail.starts_with("Pod it-system-container-impl-"), "{}", cause.detail);
}

#[test]
fn a_step_that_the_quota_refused_says_so() {
    let status = "phase: Failed, nodes: {it: {name: it, displayName: it, type: Pod, phase: Error, message: \
                  'pods \"it\" is forbidden: exceeded quota: kf-resource-quota, requested: cpu=2, used: cpu=3, limited: cpu=4'}}";
    let case = workflow("", "", status);
    assert_eq!(case.why(), ["quota", "step-failed", "workflow-failed"]);
    assert_eq!(case.causes()[0].evidence[0].field, "status.nodes[it].message");
}

#[test]
fn a_run_that_was_ended_says_who_says_so() {
    let case = workflow("", "shutdown: Terminate", "phase: Failed, message: Stopped with strategy 'Terminate'");
    assert_eq!(case.why(), ["terminated"]);
    assert_eq!(case.causes()[0].evidence[0].field, "spec.shutdown");
}

#[test]
fn nodes_that_are_elsewhere_are_said_to_be() {
    let sections = workflow("", "", "phase: Running, offloadNodeStatusVersion: 'fnv:1'").sections();
    let notice = sections.iter().find_map(|section| match section {
        Section::Notice { text, .. } => Some(text.as_str()),
        _ => None,
    });
    assert!(notice.is_some_and(|text| text.contains("database")), "{notice:?}");
}

#[test]
fn a_recurring_run_is_on_off_or_in_error() {
    let shows = |spec: &str, status: &str| {
        let body = format!("spec: {{{spec}}}, status: {{{status}}}");
        Case::new(&it("kubeflow.org/v1beta1", "ScheduledWorkflow", "", &body)).shows().0
    };
    assert_eq!(shows("enabled: true", ""), "Enabled");
    assert_eq!(shows("enabled: false", ""), "Disabled");
    assert_eq!(shows("", ""), "Unknown");
    assert_eq!(shows("", "conditions: [{type: Enabled, status: 'True'}]"), "Enabled");
    assert_eq!(shows("enabled: true", "conditions: [{type: Error, status: 'True'}]"), "Error");
    let case = Case::new(&it(
        "kubeflow.org/v1beta1",
        "ScheduledWorkflow",
        "",
        "spec: {enabled: true, trigger: {periodicSchedule: {intervalSecond: 3600}}}",
    ));
    assert_eq!(case.cell("Schedule"), Cell::text("every 60m"));
}
