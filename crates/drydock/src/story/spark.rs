//! Stands in for the Spark operator: driver, executors, and the application's state.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use pilothouse_model::Read;

use super::actor::{Actor, Key, Next};
use super::api::ApiError;
use super::clock::{began, stamp};
use super::kind::Kind;
use super::mirror::{Change, name_of};
use super::object::{add_labels, last_finish};
use super::pods::{self, Part};
use super::stage::Stage;

const APP: &str = "sparkoperator.k8s.io/app-name";
const SOURCE: &str = "spark-application-controller";

/// The stand-in Spark operator.
pub(super) struct Spark;

impl Actor for Spark {
    const NAME: &'static str = "spark";

    fn wakes(&self, _stage: &Stage, change: &Change) -> Vec<Key> {
        match change.kind {
            Kind::SparkApplication if !change.gone => vec![(Kind::SparkApplication, name_of(&change.object))],
            Kind::Pod => {
                let app = super::label(&change.object, APP);
                let namespace = super::namespace(&change.object).to_owned();
                app.map(|app| (Kind::SparkApplication, (namespace, app.to_owned()))).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    async fn act(&mut self, stage: &Stage, key: &Key) -> Result<Next, ApiError> {
        let Some(app) = stage.mirror.get(Kind::SparkApplication, &key.1.0, &key.1.1) else { return Ok(Next::Change) };
        let state = app.text("/status/applicationState/state").unwrap_or_default();
        if super::is_ending(&app) || matches!(state, "COMPLETED" | "FAILED") {
            return Ok(Next::Change);
        }
        let pods = stage.mirror.labelled(Kind::Pod, &key.1.0, APP, &key.1.1);
        Bearing { app: &app, state, pods }.advance(stage).await
    }
}

struct Bearing<'a> {
    app: &'a Value,
    state: &'a str,
    pods: Vec<Arc<Value>>,
}

impl Bearing<'_> {
    fn attempts(&self) -> i64 {
        self.app.integer("/status/executionAttempts").unwrap_or(0)
    }

    fn driver(&self) -> Option<&Arc<Value>> {
        self.pods.iter().find(|pod| super::label(pod, "spark-role") == Some("driver"))
    }

    fn executors(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.pods.iter().filter(|pod| super::label(pod, "spark-role") == Some("executor"))
    }

    async fn advance(&self, stage: &Stage) -> Result<Next, ApiError> {
        if self.app.boolean("/spec/suspend") == Some(true) {
            for pod in &self.pods {
                stage.delete_once(Kind::Pod, pod).await?;
            }
            let state = if self.pods.is_empty() { "SUSPENDED" } else { "SUSPENDING" };
            return self.report(stage, state, None).await;
        }
        let Some(driver) = self.driver() else {
            if matches!(self.state, "RUNNING" | "SUBMITTED") && self.attempts() > 0 && self.state == "RUNNING" {
                return self.report(stage, "FAILING", Some("driver pod not found")).await;
            }
            if self.state == "FAILING" {
                return self.failed(stage, "driver pod not found").await;
            }
            return self.submit(stage).await;
        };
        match pods::phase(driver) {
            "Succeeded" => {
                self.end_executors(stage).await?;
                if self.state == "SUCCEEDING" {
                    stage
                        .normal(
                            self.app,
                            SOURCE,
                            "SparkApplicationCompleted",
                            &format!("SparkApplication {} completed", super::name(self.app)),
                        )
                        .await;
                    return self.report(stage, "COMPLETED", None).await;
                }
                self.report(stage, "SUCCEEDING", None).await
            }
            "Failed" => {
                self.end_executors(stage).await?;
                let why = match super::object::ended(driver) {
                    Some((code, reason)) => format!("driver container failed with ExitCode: {code}, Reason: {reason}"),
                    None => driver.text("/status/message").unwrap_or("driver pod failed").to_owned(),
                };
                if self.state == "FAILING" {
                    return self.failed(stage, &why).await;
                }
                let message = format!("Driver {} failed", super::name(driver));
                stage.warning(self.app, SOURCE, "SparkDriverFailed", &message).await;
                self.report(stage, "FAILING", Some(&why)).await
            }
            "Running" => {
                self.make_executors(stage, driver).await?;
                stage
                    .normal(
                        self.app,
                        SOURCE,
                        "SparkDriverRunning",
                        &format!("Driver {} is running", super::name(driver)),
                    )
                    .await;
                self.report(stage, "RUNNING", None).await
            }
            _ => self.report(stage, "SUBMITTED", None).await,
        }
    }

    /// Tries again where the restart policy allows it, else it is over.
    async fn failed(&self, stage: &Stage, why: &str) -> Result<Next, ApiError> {
        let retries = self.app.integer("/spec/restartPolicy/onFailureRetries").unwrap_or(0);
        let again = matches!(self.app.text("/spec/restartPolicy/type"), Some("OnFailure" | "Always"))
            && self.attempts() <= retries;
        if !again {
            let message = format!("SparkApplication {} failed: {why}", super::name(self.app));
            stage.warning(self.app, SOURCE, "SparkApplicationFailed", &message).await;
            return self.report(stage, "FAILED", Some(why)).await;
        }
        for pod in &self.pods {
            stage.delete_once(Kind::Pod, pod).await?;
        }
        if self.pods.is_empty() {
            return self.submit(stage).await;
        }
        let message = format!("SparkApplication {} is pending rerun", super::name(self.app));
        stage.warning(self.app, SOURCE, "SparkApplicationPendingRerun", &message).await;
        self.report(stage, "FAILING", Some(why)).await
    }

    async fn submit(&self, stage: &Stage) -> Result<Next, ApiError> {
        let attempt = self.attempts();
        let submission = stage.dice.uuid(&format!("{} submission {attempt}", super::title(self.app)));
        let name = format!("{}-driver", super::name(self.app));
        let pod = self.pod(stage, ("driver", &name, "spark-kubernetes-driver"), (&submission, attempt));
        match stage.create(Kind::Pod, pod).await {
            Ok(_) => {}
            Err(error) if error.is_conflict() => {}
            Err(error) if error.is_forbidden() => {
                let why = format!("failed to run spark-submit: {error}");
                stage.warning(self.app, SOURCE, "SparkApplicationSubmissionFailed", &why).await;
                return Ok(self.report(stage, "SUBMISSION_FAILED", Some(&why)).await?.sooner(Next::In(15.0)));
            }
            Err(error) => return Err(error),
        }
        let message = format!("SparkApplication {} was submitted successfully", super::name(self.app));
        stage.normal(self.app, SOURCE, "SparkApplicationSubmitted", &message).await;
        let mut status = self.status(stage, "SUBMITTED", None);
        status["executionAttempts"] = (attempt + 1).into();
        status["submissionAttempts"] = 1.into();
        status["submissionID"] = submission.into();
        status["sparkApplicationId"] = self.spark_id(stage, attempt).into();
        status["lastSubmissionAttemptTime"] =
            stamp(if attempt == 0 { began(self.app) } else { stage.clock.now() }).into();
        status["executorState"] = Value::Null;
        stage.set_status(Kind::SparkApplication, self.app, &status).await?;
        Ok(Next::Change)
    }

    fn spark_id(&self, stage: &Stage, attempt: i64) -> String {
        format!(
            "spark-{}",
            stage.dice.uuid(&format!("{} application {attempt}", super::title(self.app))).replace('-', "")
        )
    }

    fn pod(
        &self,
        stage: &Stage,
        (role, name, container): (&str, &str, &str),
        (submission, attempt): (&str, i64),
    ) -> Value {
        let part = format!("/spec/{role}");
        let cores = self.app.integer(&format!("{part}/cores")).unwrap_or(1);
        let memory = self.app.text(&format!("{part}/memory")).unwrap_or("1g");
        // Spark writes JVM suffixes: `4g` are gibibytes.
        let memory = match memory
            .strip_suffix('g')
            .map(|number| (number, "Gi"))
            .or_else(|| Some((memory.strip_suffix('m')?, "Mi")))
        {
            Some((number, unit)) => format!("{number}{unit}"),
            None => memory.to_owned(),
        };
        let environment = json!([{ "name": "SPARK_APPLICATION_ID", "value": self.spark_id(stage, attempt) }]);
        let template = json!({
            "metadata": { "labels": self.app.pointer(&format!("{part}/labels")).cloned().unwrap_or_else(|| json!({})) },
            "spec": {
                "restartPolicy": "Never",
                "containers": [{
                    "name": container, "image": self.app.text("/spec/image").unwrap_or("spark:4.0.0"), "args": [role], "env": environment,
                    "resources": { "requests": { "cpu": cores.to_string(), "memory": memory }, "limits": { "memory": memory } },
                }],
            },
        });
        let fate_role = if role == "driver" {
            "driver".to_owned()
        } else {
            name.rsplit('-').next().map_or_else(String::new, |end| format!("executor-{end}"))
        };
        let attempt_number = u32::try_from(attempt).unwrap_or(0);
        let part = Part { name, role: &fate_role, attempt: attempt_number };
        let mut pod = pods::from_template(Kind::SparkApplication, self.app, &template, &part);
        add_labels(
            &mut pod,
            &[
                (APP, super::name(self.app)),
                ("sparkoperator.k8s.io/submission-id", submission),
                ("sparkoperator.k8s.io/launched-by-spark-operator", "true"),
                ("spark-role", role),
                ("spark-app-selector", &self.spark_id(stage, attempt)),
                ("spark-app-name", super::name(self.app)),
                ("spark-version", self.app.text("/spec/sparkVersion").unwrap_or("4.0.0")),
            ],
        );
        pod
    }

    async fn make_executors(&self, stage: &Stage, driver: &Value) -> Result<(), ApiError> {
        let submission = self.app.text("/status/submissionID").unwrap_or_default().to_owned();
        let attempt = self.attempts() - 1;
        for number in 1..=self.app.integer("/spec/executor/instances").unwrap_or(1) {
            let hash = &self.spark_id(stage, attempt)[6..22];
            let name = format!("{}-{hash}-exec-{number}", super::name(self.app));
            if self.pods.iter().any(|pod| super::name(pod) == name) {
                continue;
            }
            let mut pod = self.pod(stage, ("executor", &name, "spark-kubernetes-executor"), (&submission, attempt));
            add_labels(&mut pod, &[("spark-exec-id", &number.to_string())]);
            // Executors belong to their driver.
            pod["metadata"]["ownerReferences"] = json!([super::object::owner_reference(Kind::Pod, driver)]);
            pods::create(stage, self.app, SOURCE, pod).await?;
        }
        Ok(())
    }

    /// Executors leave with their driver.
    async fn end_executors(&self, stage: &Stage) -> Result<(), ApiError> {
        for pod in self.executors().filter(|pod| pods::is_active(pod)) {
            stage.delete_once(Kind::Pod, pod).await?;
        }
        Ok(())
    }

    fn status(&self, stage: &Stage, state: &str, why: Option<&str>) -> Value {
        let mut status = self.app.get("status").cloned().unwrap_or_else(|| json!({}));
        status["applicationState"] = json!({ "state": state });
        if let Some(why) = why {
            status["applicationState"]["errorMessage"] = why.into();
        }
        let name = super::name(self.app);
        status["driverInfo"] = json!({
            "podName": format!("{name}-driver"), "webUIServiceName": format!("{name}-ui-svc"), "webUIPort": 4040,
            "webUIAddress": format!("{name}-ui-svc.{}.svc:4040", super::namespace(self.app)),
        });
        let known = self.app.pointer("/status/executorState").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut executors: Map<String, Value> = known;
        for pod in self.executors() {
            let state = match pods::phase(pod) {
                "Succeeded" => "COMPLETED",
                "Failed" => "FAILED",
                "Running" => "RUNNING",
                _ => "PENDING",
            };
            executors.insert(super::name(pod).to_owned(), state.into());
        }
        // What vanished with its driver had been running.
        if matches!(state, "COMPLETED" | "FAILED") {
            for value in executors.values_mut().filter(|value| matches!(value.as_str(), Some("RUNNING" | "PENDING"))) {
                *value = if state == "COMPLETED" { "COMPLETED" } else { "FAILED" }.into();
            }
            let finish =
                self.driver().and_then(|driver| last_finish([driver.as_ref()])).unwrap_or_else(|| stage.clock.now());
            status["terminationTime"] = stamp(finish).into();
        }
        if !executors.is_empty() {
            status["executorState"] = Value::Object(executors);
        }
        status
    }

    async fn report(&self, stage: &Stage, state: &str, why: Option<&str>) -> Result<Next, ApiError> {
        let status = self.status(stage, state, why);
        stage.set_status(Kind::SparkApplication, self.app, &status).await?;
        Ok(if matches!(state, "SUCCEEDING" | "FAILING") { Next::In(1.0) } else { Next::Change })
    }
}
