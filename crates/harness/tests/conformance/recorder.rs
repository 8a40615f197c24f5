//! Sends the script's requests to one server and keeps the answers in a form that can be compared.

use std::time::Duration;

use pilothouse_harness::{Answer, Api};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::normal::normal;

/// A JSON body.
pub(crate) const JSON: &str = "application/json";
/// A JSON merge patch.
pub(crate) const MERGE: &str = "application/merge-patch+json";
/// A JSON patch.
pub(crate) const PATCH: &str = "application/json-patch+json";
/// A strategic merge patch.
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";
/// A server-side apply.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";
/// Asks for the form that kubectl prints.
pub(crate) const TABLE: &str = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

/// One server and what it answered so far.
pub(crate) struct Recorder {
    /// The administrator.
    pub(crate) admin: Api,
    /// Somebody who may do nothing until a role is bound.
    pub(crate) visitor: Api,
    /// The name of that somebody.
    pub(crate) visitor_name: String,
    /// Step and normalized answer, in order.
    pub(crate) records: Vec<(String, Value)>,
}

impl Recorder {
    /// Keeps a value as the answer of a step.
    pub(crate) fn note(&mut self, step: &str, value: impl Into<Value>) {
        let text = value.into().to_string().replace(&self.visitor_name, "VISITOR");
        let value = serde_json::from_str(&text).expect("replacing a plain word keeps JSON whole");
        assert!(!self.records.iter().any(|(known, _)| known == step), "two steps are called {step:?}");
        self.records.push((step.to_owned(), normal(value)));
    }

    fn note_answer(&mut self, step: &str, answer: &Answer) {
        self.note(step, json!({"code": answer.status, "body": answer.body}));
    }

    /// Sends a request and keeps the answer.
    pub(crate) async fn ask(&mut self, step: &str, method: Method, path: &str, body: Option<(&str, &Value)>) -> Answer {
        let answer = self.admin.send(method, path, body).await;
        self.note_answer(step, &answer);
        answer
    }

    /// Gets `path` and keeps the answer.
    pub(crate) async fn get(&mut self, step: &str, path: &str) -> Answer {
        self.ask(step, Method::GET, path, None).await
    }

    /// Posts `body` to `path` and keeps the answer.
    pub(crate) async fn post(&mut self, step: &str, path: &str, body: &Value) -> Answer {
        self.ask(step, Method::POST, path, Some((JSON, body))).await
    }

    /// Puts `body` at `path` and keeps the answer.
    pub(crate) async fn put(&mut self, step: &str, path: &str, body: &Value) -> Answer {
        self.ask(step, Method::PUT, path, Some((JSON, body))).await
    }

    /// Patches `path` and keeps the answer.
    pub(crate) async fn patch(&mut self, step: &str, path: &str, patch: (&str, &Value)) -> Answer {
        self.ask(step, Method::PATCH, path, Some(patch)).await
    }

    /// Deletes `path` and keeps the answer.
    pub(crate) async fn delete(&mut self, step: &str, path: &str, options: Option<&Value>) -> Answer {
        self.ask(step, Method::DELETE, path, options.map(|options| (JSON, options))).await
    }

    /// Gets `path` as a table and keeps the columns and the cells.
    pub(crate) async fn table(&mut self, step: &str, path: &str) {
        let request = self.admin.request(Method::GET, path).header("accept", TABLE);
        let answer = pilothouse_harness::api::read(request).await.expect("an answer");
        let columns: Vec<Value> = list(&answer.body["columnDefinitions"])
            .iter()
            .map(|column| {
                json!([
                    column["name"],
                    column["type"],
                    column.get("format").unwrap_or(&json!("")),
                    column.get("priority").unwrap_or(&json!(0))
                ])
            })
            .collect();
        let rows: Vec<Value> = list(&answer.body["rows"]).iter().map(|row| ages_hidden(&row["cells"])).collect();
        let object = answer.body.pointer("/rows/0/object").cloned().unwrap_or(Value::Null);
        let shape = json!({
            "code": answer.status,
            "kind": answer.body["kind"],
            "apiVersion": answer.body["apiVersion"],
            "columns": columns,
            "rows": rows,
            "object": [object["kind"], object["apiVersion"], object["metadata"]["name"]],
        });
        self.note(step, shape);
    }

    /// Waits until `path` is gone; unlike other steps it may take a while.
    pub(crate) async fn gone(&mut self, step: &str, path: &str) {
        let answer = self.admin.wait(path, |answer| answer.status == 404).await;
        self.note(step, json!(answer.status));
    }

    /// Opens a watch.
    pub(crate) async fn watch(&self, path: &str) -> Frames {
        let request = self.admin.request(Method::GET, path);
        let response = request.send().await.expect("the watch is answered");
        Frames { code: response.status().as_u16(), response, rest: Vec::new() }
    }
}

/// The frames of an open watch.
pub(crate) struct Frames {
    /// HTTP status.
    pub(crate) code: u16,
    response: reqwest::Response,
    rest: Vec<u8>,
}

impl Frames {
    /// The next frame; `None` at the end of the stream or after ten quiet seconds.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("a frame is JSON"));
            }
            let chunk = timeout(Duration::from_secs(10), self.response.chunk()).await.ok()?.ok()??;
            self.rest.extend_from_slice(&chunk);
        }
    }

    /// As many frames as `count`, or fewer when no more come.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<Value> {
        let mut frames = Vec::new();
        while frames.len() < count {
            let Some(frame) = self.next().await else { break };
            frames.push(frame);
        }
        frames
    }
}

/// The items of a list, none when it is not one.
pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Replaces cells such as `0s`, `12m` and `3d4h`, which depend on when one looks.
fn ages_hidden(cells: &Value) -> Value {
    let hide = |cell: &Value| match cell.as_str() {
        Some(text) if is_age(text) => json!("<age>"),
        _ => cell.clone(),
    };
    list(cells).iter().map(hide).collect()
}

fn is_age(text: &str) -> bool {
    let text = text.strip_suffix(" ago").unwrap_or(text);
    text.starts_with(|letter: char| letter.is_ascii_digit())
        && text.ends_with(['s', 'm', 'h', 'd', 'y'])
        && text.chars().all(|letter| letter.is_ascii_digit() || "smhdy".contains(letter))
}
