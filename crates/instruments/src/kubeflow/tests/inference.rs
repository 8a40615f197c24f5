//! InferenceService.

use super::*;

fn service(meta: &str, spec: &str, status: &str) -> Case {
    Case::new(&it(
        "serving.kserve.io/v1beta1",
        "InferenceService",
        meta,
        &format!("spec: {{{spec}}}, status: {{{status}}}"),
    ))
}

#[test]
fn states() {
    let ready = |status: &str| format!("conditions: [{{type: Ready, status: '{status}', reason: R}}]");
    let failing = "modelStatus: {transitionStatus: BlockedByFailedLoad, lastFailureInfo: {reason: ModelLoadFailed, message: no such file}}";
    let cases = [
        ("", String::new(), State::Pending, Level::Waiting, ""),
        ("", ready("True"), State::Running, Level::Good, ""),
        ("", ready("Unknown"), State::Starting, Level::Progress, "R"),
        ("", ready("False"), State::Starting, Level::Warning, "R"),
        (
            "",
            format!("{}, modelStatus: {{transitionStatus: InProgress}}", ready("False")),
            State::Starting,
            Level::Progress,
            "R",
        ),
        ("", format!("{}, {failing}", ready("False")), State::Failed, Level::Error, "ModelLoadFailed"),
        ("", format!("{}, {failing}", ready("True")), State::Running, Level::Warning, "ModelLoadFailed"),
        ("annotations: {serving.kserve.io/stop: 'true'}", ready("False"), State::Stopped, Level::Idle, ""),
        ("", "conditions: [{type: Stopped, status: 'True'}]".to_owned(), State::Stopped, Level::Idle, ""),
        ("", "conditions: [{type: Stopped, status: 'False'}]".to_owned(), State::Unknown, Level::Unknown, ""),
    ];
    for (meta, status, state, level, reason) in cases {
        assert_eq!(service(meta, "", &status).says(), (state, level, reason.to_owned()), "{meta} {status}");
    }
}

#[test]
fn the_part_that_is_not_ready_says_why() {
    let status = "conditions: [{type: Ready, status: 'False', reason: PredictorNotReady}, \
                  {type: PredictorReady, status: 'False', reason: RevisionFailed, message: quota}]";
    let case = service("", "", status);
    assert_eq!(case.says().2, "RevisionFailed");
    assert_eq!(case.why(), ["not-ready"]);
}

#[test]
fn it_asks_for_each_component_by_its_fewest_replicas() {
    let spec = "predictor: {minReplicas: 2, model: {modelFormat: {name: pytorch}, resources: {limits: {nvidia.com/gpu: 1}}}}, \
                transformer: {containers: [{name: t, resources: {requests: {cpu: 1}}}]}";
    let case = service("", spec, "");
    let asked = case.workload().requested;
    assert_eq!((asked.gpus, asked.cpu), (Amount::Known(Quantity::units(2)), Amount::Known(Quantity::units(1))));
    assert_eq!(case.cell("Model format"), Cell::text("pytorch"));
}
