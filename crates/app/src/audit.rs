//! The audit log: who did what through the console, as whom, where, and what came of it. One JSON object a line.
//!
//! What cannot be recorded is not done: see [`Audit::ready`]. The file is opened anew for every line, so that a program that
//! rotates logs may move it away at any time.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use pilothouse_cluster::{ClusterError, Token};
use pilothouse_model::ClusterId;
use serde_json::{Value, json};

use crate::error::{AppError, ErrorKind};
use crate::person::Viewer;

/// The most of an error's words that a line carries.
const WORDS: usize = 500;

/// Where the audit log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTo {
    /// To the end of this file.
    File(PathBuf),
    /// To standard output.
    Output,
}

/// An audit log. Clones write to the same one; one that was never opened records nothing.
#[derive(Clone, Debug, Default)]
pub struct Audit {
    inner: Arc<OnceLock<Sink>>,
}

#[derive(Debug)]
struct Sink {
    to: AuditTo,
    events: bool,
    state: Mutex<Backlog>,
}

/// What could not be written yet.
#[derive(Debug, Default)]
struct Backlog {
    lines: Vec<String>,
    /// Whether the last line may have been written in part.
    torn: bool,
}

/// The log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("the audit log {to} cannot be written: {error}")]
pub struct AuditError {
    to: String,
    error: std::io::Error,
}

impl Audit {
    /// Begins to record, and proves that it can; `events` has Kubernetes events made of what was done, too.
    pub fn begin(&self, to: AuditTo, events: bool) -> Result<(), AuditError> {
        let sink = Sink { to, events, state: Mutex::default() };
        let line = json!({
            "time": Timestamp::now().to_string(), "event": "opened", "version": env!("CARGO_PKG_VERSION"),
        });
        sink.append(Some(format!("{line}\n"))).map_err(|error| AuditError { to: sink.name(), error })?;
        if self.inner.set(sink).is_err() {
            tracing::warn!("the audit log was opened already; it stays where it is");
        }
        Ok(())
    }

    /// Whether Kubernetes events are made of what was done.
    pub(crate) fn makes_events(&self) -> bool {
        self.inner.get().is_some_and(|sink| sink.events)
    }

    /// Refuses when lines cannot be written now.
    fn ready(&self) -> Result<(), AppError> {
        let Some(sink) = self.inner.get() else { return Ok(()) };
        sink.append(None).map_err(|error| {
            tracing::error!("the audit log {} cannot be written: {error}", sink.name());
            AppError::new(
                ErrorKind::Unavailable,
                "refused: the audit log cannot be written, and what cannot be recorded is not done",
            )
            .hint("whoever runs the console finds the reason in its log")
        })
    }

    /// Begins the record of one deed. Refuses the deed when it could not be recorded.
    pub(crate) fn record(&self, deed: Deed) -> Result<Record, AppError> {
        self.ready()?;
        Ok(Record { audit: self.clone(), deed: Some(deed), began: Instant::now() })
    }

    fn write(&self, line: String) {
        if let Some(sink) = self.inner.get()
            && let Err(error) = sink.append(Some(line))
        {
            tracing::error!(
                "the audit log {} cannot be written: {error}; nothing more is done until it can",
                sink.name()
            );
        }
    }
}

impl Sink {
    /// Writes what is left over, then the line. What could not be written is kept.
    fn append(&self, line: Option<String>) -> std::io::Result<()> {
        let mut backlog = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        backlog.lines.extend(line);
        match &self.to {
            AuditTo::File(path) => {
                let mut file = open(path)?;
                backlog.flush(&mut file)
            }
            AuditTo::Output => backlog.flush(&mut std::io::stdout().lock()),
        }
    }

    fn name(&self) -> String {
        match &self.to {
            AuditTo::File(path) => path.display().to_string(),
            AuditTo::Output => "on standard output".to_owned(),
        }
    }
}

impl Backlog {
    fn flush(&mut self, out: &mut dyn Write) -> std::io::Result<()> {
        while let Some(line) = self.lines.first() {
            // A line that was cut off stands alone and spoils no other.
            let line = if self.torn { format!("\n{line}") } else { line.clone() };
            self.torn = true;
            out.write_all(line.as_bytes())?;
            out.flush()?;
            self.torn = false;
            self.lines.remove(0);
        }
        Ok(())
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// What someone is about to do.
#[derive(Clone, Debug)]
pub(crate) struct Deed {
    /// Names the deed; whoever gets the answer can find the line.
    pub(crate) request: String,
    /// Who.
    pub(crate) viewer: Viewer,
    /// In which cluster.
    pub(crate) cluster: ClusterId,
    /// As Kubernetes calls it: `delete`, `patch`, `get`.
    pub(crate) verb: &'static str,
    /// Group, version and plural.
    pub(crate) resource: [String; 3],
    /// Namespace.
    pub(crate) namespace: Option<String>,
    /// Name; `None` for what is still to be named.
    pub(crate) name: Option<String>,
    /// Subresource, or empty.
    pub(crate) subresource: &'static str,
    /// What was asked for, without any value of a Secret.
    pub(crate) summary: Value,
    /// Whether it is only tried.
    pub(crate) dry_run: bool,
}

/// The record of one deed: exactly one line, whatever becomes of it.
#[derive(Debug)]
pub(crate) struct Record {
    audit: Audit,
    deed: Option<Deed>,
    began: Instant,
}

impl Record {
    /// The name of the deed.
    pub(crate) fn request(&self) -> &str {
        self.deed.as_ref().map(|deed| deed.request.as_str()).unwrap_or_default()
    }

    /// It was done. `made` names what was created.
    pub(crate) fn done(self, made: Option<&str>) {
        let made = made.map(str::to_owned);
        self.finish(|_| json!({"outcome": "done", "made": made}));
    }

    /// What came of it, in these words.
    pub(crate) fn told(self, result: Value) {
        self.finish(|_| result);
    }

    /// It was refused, or it failed.
    pub(crate) fn failed(self, error: &ClusterError) {
        let (outcome, code, reason) = told(error);
        let words = error.to_string();
        self.finish(move |deed| {
            // An API server may repeat what it was sent, and that may be the value of a Secret.
            let words = (!deed.is_secret()).then(|| words.chars().take(WORDS).collect::<String>());
            json!({"outcome": outcome, "code": code, "reason": reason, "message": words})
        });
    }

    fn finish(mut self, result: impl FnOnce(&Deed) -> Value) {
        if let Some(deed) = self.deed.take() {
            let result = result(&deed);
            self.audit.write(deed.line(&result, self.began));
        }
    }
}

impl Drop for Record {
    /// Nobody waited for the end: the deed was asked for, and what came of it is not known.
    fn drop(&mut self) {
        if let Some(deed) = self.deed.take() {
            self.audit.write(deed.line(&json!({"outcome": "unknown"}), self.began));
        }
    }
}

impl Deed {
    fn is_secret(&self) -> bool {
        self.resource[0].is_empty() && self.resource[2] == "secrets"
    }

    fn line(&self, result: &Value, began: Instant) -> String {
        let [group, version, resource] = &self.resource;
        let (who, credential) = identity(&self.viewer, &self.cluster);
        let line = json!({
            "time": Timestamp::now().to_string(),
            "event": "request",
            "request": self.request,
            "who": who,
            "as": credential,
            "cluster": self.cluster,
            "verb": self.verb,
            "group": group, "version": version, "resource": resource,
            "subresource": self.subresource,
            "namespace": self.namespace,
            "name": self.name,
            "dryRun": self.dry_run,
            "summary": self.summary,
            "result": result,
            "milliseconds": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        });
        format!("{line}\n")
    }
}

/// Who asks, and which credential the cluster is shown; never the credential itself.
fn identity(viewer: &Viewer, cluster: &ClusterId) -> (Value, Value) {
    match viewer {
        Viewer::Console => {
            let name = ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
            (json!({"name": name, "known": "local session"}), json!({"credential": "kubeconfig", "context": cluster}))
        }
        Viewer::Person(person) => {
            let fingerprint = person.token(cluster).map(fingerprint);
            let credential = json!({"credential": "bearer token", "fingerprint": fingerprint});
            (json!({"name": person.name(), "known": "signed in"}), credential)
        }
        Viewer::Nobody => (json!({"name": null, "known": "nobody"}), Value::Null),
    }
}

/// Tells tokens apart without giving one away.
fn fingerprint(token: &Token) -> String {
    format!("sha256:{}", digest(token.reveal()))
}

/// The beginning of the SHA-256, 16 hexadecimal digits.
fn digest(text: &str) -> String {
    let whole = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    whole.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Outcome, HTTP status where there was one, and reason.
fn told(error: &ClusterError) -> (&'static str, Option<u16>, String) {
    let (outcome, code) = match error {
        ClusterError::Unauthorized { .. } => ("refused", Some(401)),
        ClusterError::Forbidden { .. } => ("refused", Some(403)),
        ClusterError::NotFound { .. } => ("failed", Some(404)),
        ClusterError::Gone { .. } => ("failed", Some(410)),
        ClusterError::TooMany { .. } => ("failed", Some(429)),
        ClusterError::Other { code, .. } => ("failed", Some(*code)),
        // The request may have arrived.
        ClusterError::Unreachable { .. } | ClusterError::Malformed { .. } | ClusterError::TooLarge { .. } => {
            ("unknown", None)
        }
        _ => ("failed", None),
    };
    (outcome, code, format!("{:?}", error.kind()))
}

/// A name for one deed that nothing else has: 16 hexadecimal digits.
pub(crate) fn request_id() -> String {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    digest(&format!("{} {} {count}", std::process::id(), Timestamp::now().as_nanosecond()))
}

#[cfg(test)]
mod tests;
