//! The custom resources of a Kubeflow cluster, in small: real names, versions, columns and subresources over an open schema.
//!
//! A definition that the cluster has already stays as it is.

use serde_json::{Value, json};

use pilothouse_model::Read;

use super::api::{Api, ApiError};
use super::kind::Kind;

/// A printer column: name, type, JSONPath.
type Column = (&'static str, &'static str, &'static str);

/// One definition.
struct Definition {
    group: &'static str,
    /// The stored version first, then others that are served.
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    namespaced: bool,
    status: bool,
    columns: &'static [Column],
}

const AGE: Column = ("Age", "date", ".metadata.creationTimestamp");
const STATE: Column = ("State", "string", ".status.conditions[-1:].type");
const LAST_TYPE: Column = ("Type", "string", ".status.conditions[-1:].type");
const LAST_STATUS: Column = ("Status", "string", ".status.conditions[-1:].status");
const READY: Column = ("Ready", "string", ".status.conditions[?(@.type=='Ready')].status");

const fn plain(
    group: &'static str,
    versions: &'static [&'static str],
    kind: &'static str,
    plural: &'static str,
) -> Definition {
    Definition { group, versions, kind, plural, short: &[], namespaced: true, status: true, columns: &[] }
}

const fn training(kind: &'static str, plural: &'static str, columns: &'static [Column]) -> Definition {
    Definition { columns, ..plain("kubeflow.org", &["v1"], kind, plural) }
}

const fn argo(
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    columns: &'static [Column],
) -> Definition {
    Definition { short, status: false, columns, ..plain("argoproj.io", &["v1alpha1"], kind, plural) }
}

const fn trainer(kind: &'static str, plural: &'static str, status: bool) -> Definition {
    Definition { status, ..plain("trainer.kubeflow.org", &["v1alpha1"], kind, plural) }
}

const ALL: &[Definition] = &[
    plain("kubeflow.org", &["v1", "v1beta1", "v1alpha1"], "Notebook", "notebooks"),
    Definition { namespaced: false, ..plain("kubeflow.org", &["v1", "v1beta1"], "Profile", "profiles") },
    plain("kubeflow.org", &["v1alpha1"], "PodDefault", "poddefaults"),
    Definition {
        columns: &[LAST_TYPE, LAST_STATUS, AGE],
        ..plain("kubeflow.org", &["v1beta1"], "Experiment", "experiments")
    },
    Definition { columns: &[LAST_TYPE, LAST_STATUS, AGE], ..plain("kubeflow.org", &["v1beta1"], "Trial", "trials") },
    Definition {
        columns: &[
            LAST_TYPE,
            LAST_STATUS,
            ("Requested", "string", ".spec.requests"),
            ("Assigned", "string", ".status.suggestionCount"),
            AGE,
        ],
        ..plain("kubeflow.org", &["v1beta1"], "Suggestion", "suggestions")
    },
    Definition {
        short: &["swf"],
        status: false,
        ..plain("kubeflow.org", &["v1beta1"], "ScheduledWorkflow", "scheduledworkflows")
    },
    training("PyTorchJob", "pytorchjobs", &[STATE, AGE]),
    training("TFJob", "tfjobs", &[STATE, AGE]),
    training("MPIJob", "mpijobs", &[AGE, STATE]),
    training("XGBoostJob", "xgboostjobs", &[STATE, AGE]),
    training("PaddleJob", "paddlejobs", &[STATE, AGE]),
    training("JAXJob", "jaxjobs", &[STATE, AGE]),
    Definition { columns: &[STATE, AGE], ..trainer("TrainJob", "trainjobs", true) },
    trainer("TrainingRuntime", "trainingruntimes", false),
    Definition { namespaced: false, ..trainer("ClusterTrainingRuntime", "clustertrainingruntimes", false) },
    Definition {
        columns: &[
            ("TerminalState", "string", ".status.terminalState"),
            ("Restarts", "string", ".status.restarts"),
            ("Completed", "string", ".status.conditions[?(@.type==\"Completed\")].status"),
            ("Suspended", "string", ".spec.suspend"),
            AGE,
        ],
        ..plain("jobset.x-k8s.io", &["v1alpha2"], "JobSet", "jobsets")
    },
    argo(
        "Workflow",
        "workflows",
        &["wf"],
        &[
            ("Status", "string", ".status.phase"),
            ("Age", "date", ".status.startedAt"),
            ("Message", "string", ".status.message"),
        ],
    ),
    argo("WorkflowTemplate", "workflowtemplates", &["wftmpl"], &[]),
    argo("CronWorkflow", "cronworkflows", &["cwf", "cronwf"], &[]),
    Definition { status: false, ..plain("pipelines.kubeflow.org", &["v2beta1"], "Pipeline", "pipelines") },
    plain("pipelines.kubeflow.org", &["v2beta1"], "PipelineVersion", "pipelineversions"),
    Definition {
        short: &["sparkapp"],
        columns: &[
            ("Suspend", "boolean", ".spec.suspend"),
            ("Status", "string", ".status.applicationState.state"),
            ("Attempts", "string", ".status.executionAttempts"),
            ("Start", "string", ".status.lastSubmissionAttemptTime"),
            ("Finish", "string", ".status.terminationTime"),
            AGE,
        ],
        ..plain("sparkoperator.k8s.io", &["v1beta2"], "SparkApplication", "sparkapplications")
    },
    Definition {
        short: &["scheduledsparkapp"],
        columns: &[
            ("Schedule", "string", ".spec.schedule"),
            ("TimeZone", "string", ".spec.timeZone"),
            ("Suspend", "string", ".spec.suspend"),
            ("Last Run", "date", ".status.lastRun"),
            ("Last Run Name", "string", ".status.lastRunName"),
            AGE,
        ],
        ..plain("sparkoperator.k8s.io", &["v1beta2"], "ScheduledSparkApplication", "scheduledsparkapplications")
    },
    Definition {
        short: &["isvc"],
        columns: &[("URL", "string", ".status.url"), READY, AGE],
        ..plain("serving.kserve.io", &["v1beta1"], "InferenceService", "inferenceservices")
    },
];

impl Definition {
    fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    fn json(&self) -> Value {
        let columns: Vec<Value> = self
            .columns
            .iter()
            .map(|(name, kind, path)| json!({ "name": name, "type": kind, "jsonPath": path }))
            .collect();
        let versions: Vec<Value> = self
            .versions
            .iter()
            .enumerate()
            .map(|(index, version)| {
                let mut json = json!({
                    "name": version, "served": true, "storage": index == 0,
                    "schema": { "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } },
                });
                if self.status {
                    json["subresources"] = json!({ "status": {} });
                }
                if !columns.is_empty() {
                    json["additionalPrinterColumns"] = json!(columns);
                }
                json
            })
            .collect();
        let singular = self.kind.to_lowercase();
        // Groups below k8s.io are protected: a definition must say that it was approved.
        let approved =
            self.group.ends_with(".k8s.io").then_some("https://github.com/kubernetes/enhancements/pull/1111");
        let annotations: serde_json::Map<String, Value> =
            approved.iter().map(|link| ("api-approved.kubernetes.io".to_owned(), json!(link))).collect();
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": { "name": self.name(), "annotations": annotations },
            "spec": {
                "group": self.group,
                "names": {
                    "kind": self.kind, "listKind": format!("{}List", self.kind), "plural": self.plural,
                    "singular": singular, "shortNames": self.short,
                },
                "scope": if self.namespaced { "Namespaced" } else { "Cluster" },
                "versions": versions,
            },
        })
    }
}

/// Installs what is missing and waits until the cluster serves all of it.
pub(super) async fn install(api: &Api) -> Result<(), ApiError> {
    let path = Kind::CustomResourceDefinition.path(None);
    for definition in ALL {
        match api.post(&path, &definition.json()).await {
            Err(error) if !error.is_conflict() => return Err(error),
            _ => {}
        }
    }
    for definition in ALL {
        await_established(api, &format!("{path}/{}", definition.name())).await?;
    }
    Ok(())
}

async fn await_established(api: &Api, path: &str) -> Result<(), ApiError> {
    for _ in 0..200 {
        let definition = api.get(path).await?;
        let conditions = definition.items("/status/conditions");
        if conditions.iter().any(|one| one.text("/type") == Some("Established") && one.text("/status") == Some("True"))
        {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Err(ApiError::Transport(format!("{path} was not established in time")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_story_is_defined() {
        for kind in super::super::kind::WATCHED.iter().filter(|kind| kind.place().api_version.contains("kubeflow.org"))
        {
            let place = kind.place();
            let (group, version) = place.api_version.split_once('/').unwrap();
            let definition = ALL.iter().find(|one| one.group == group && one.plural == place.plural).unwrap();
            assert!(definition.versions.contains(&version), "{}", place.plural);
            assert_eq!(
                definition.status,
                kind.has_status() && !definition.kind.ends_with("Runtime"),
                "{}",
                place.plural
            );
        }
    }
}
