//! Commands in containers, with the credential of the one who asks, for as long as that one may run them.
//!
//! Two lines of the audit log stand for each: that it begins, written before anything is sent, and how it ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use pilothouse_cluster::{Access, ClusterError, Connection, ExecCut, ExecEnd, ExecInput, ExecOptions, ExecOutput};
use pilothouse_model::Read;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, timeout};

use crate::act::{PODS, Target, refused};
use crate::audit::{Deed, Record};
use crate::cluster::Cluster;
use crate::containers::Containers;
use crate::error::{AppError, ErrorKind};

/// How often it is asked whether the one who runs a command still may.
const CHECK: Duration = Duration::from_secs(10);
/// After how many questions without an answer it counts as gone.
const UNANSWERED: u32 = 6;
/// The longest command: all of it stands in the audit log.
const LONGEST: usize = 16 << 10;
/// What it takes: `create` is the right to run commands, and `get` is what an API server asks for a WebSocket.
const VERBS: [&str; 2] = ["create", "get"];

/// How a command ended for the one who ran it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It ran, and ended with this code.
    Exited(i32),
    /// It could not be run, the connection is gone, or the one who ran it may not any more.
    Cut(AppError),
}

/// What comes of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Bytes of its output.
    Out(Bytes),
    /// Bytes of its errors.
    Error(Bytes),
    /// Its end; nothing follows.
    Ended(Ended),
}

/// A command that runs. Dropping it cuts the connection and records that.
pub struct Session {
    exec: pilothouse_cluster::Exec,
    /// Why it was cut from our side.
    lost: oneshot::Receiver<AppError>,
    watch: JoinHandle<()>,
    /// The cluster as the one who runs it sees it; another credential of that one may take the place of the first.
    seen: watch::Sender<Cluster>,
    record: Option<Record>,
    container: Option<String>,
    defaulted: Option<String>,
    /// Bytes that came out.
    printed: u64,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("container", &self.container).finish_non_exhaustive()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.watch.abort();
        self.finish(|printed| json!({"outcome": "left", "printed": printed}));
    }
}

impl Session {
    /// What comes next; `None` after its end. What was not taken yet when the right was gone is not given any more.
    pub async fn next(&mut self) -> Option<Output> {
        self.record.as_ref()?;
        let ended = tokio::select! {
            biased;
            error = &mut self.lost => Ended::Cut(error.unwrap_or_else(|_| closed())),
            output = self.exec.next() => match output {
                Some(Ok(ExecOutput::Out(bytes))) => return Some(Output::Out(self.counted(bytes))),
                Some(Ok(ExecOutput::Error(bytes))) => return Some(Output::Error(self.counted(bytes))),
                Some(Ok(ExecOutput::Ended(ExecEnd::Exited(code)))) => Ended::Exited(code),
                Some(Ok(ExecOutput::Ended(ExecEnd::Failed(words)))) => Ended::Cut(failed(&words)),
                Some(Err(error)) => Ended::Cut(AppError::from(error)),
                None => Ended::Cut(self.lost.try_recv().unwrap_or_else(|_| closed())),
            },
        };
        Some(self.over(ended))
    }

    /// Waits until it is cut because it may not go on, and takes nothing of what it prints: for as long as that cannot be passed on.
    /// It never comes back after the end.
    pub async fn cut(&mut self) -> Output {
        if self.record.is_none() {
            return std::future::pending().await;
        }
        let error = (&mut self.lost).await.unwrap_or_else(|_| closed());
        self.over(Ended::Cut(error))
    }

    /// Records how it ended.
    fn over(&mut self, ended: Ended) -> Output {
        self.watch.abort();
        self.finish(|printed| match &ended {
            Ended::Exited(code) => json!({"outcome": "done", "exit": code, "printed": printed}),
            Ended::Cut(error) => {
                json!({"outcome": "cut", "reason": format!("{:?}", error.kind), "message": error.message, "printed": printed})
            }
        });
        Output::Ended(ended)
    }

    /// Goes on with another credential of the same person: the one that it began with comes to its end. What runs is asked about
    /// with this one from now on.
    pub fn go_on_as(&self, cluster: &Cluster) {
        drop(self.seen.send_replace(cluster.clone()));
    }

    /// Ends it from our side, and records why.
    pub fn end(mut self, why: &str) {
        self.finish(|printed| json!({"outcome": "ended", "reason": why, "printed": printed}));
    }

    /// Where input goes; it waits while the command takes none.
    pub fn input(&self) -> mpsc::Sender<ExecInput> {
        self.exec.input()
    }

    /// Whether the command can be told that there is no more input: API servers before 1.30 have no word for it.
    pub fn tells_end(&self) -> bool {
        self.exec.tells_end()
    }

    /// The container in which it runs, where that is known.
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Which container was taken, where none was named and there was a choice.
    pub fn defaulted(&self) -> Option<&str> {
        self.defaulted.as_deref()
    }

    fn counted(&mut self, bytes: Bytes) -> Bytes {
        self.printed = self.printed.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        bytes
    }

    fn finish(&mut self, result: impl FnOnce(u64) -> Value) {
        if let Some(record) = self.record.take() {
            record.told(result(self.printed));
        }
    }
}

impl Cluster {
    /// Runs a command in a pod. It ends within seconds after the one who runs it may not any more.
    pub async fn exec(&self, namespace: &str, pod: &str, options: &ExecOptions) -> Result<Session, AppError> {
        self.exec_checked(namespace, pod, options, CHECK).await
    }

    /// The same; the cluster is asked every so often whether that one still may.
    pub async fn exec_checked(
        &self,
        namespace: &str,
        pod: &str,
        options: &ExecOptions,
        every: Duration,
    ) -> Result<Session, AppError> {
        let connection = self.own_connection()?;
        let target = Target::pod(namespace, pod);
        sensible(&options.command)?;
        let (options, defaulted) = self.chosen(&target, options).await?;
        let deed = |step: &str| Deed {
            subresource: "exec",
            summary: json!({
                "step": step, "container": options.container, "command": options.command,
                "input": options.stdin, "terminal": options.tty,
            }),
            ..self.deed("create", &target)
        };
        let begins = deed("begin");
        let ends = Deed { request: begins.request.clone(), ..deed("end") };
        // Its first line is written before anything can happen.
        self.inner.audit.record(begins)?.told(json!({"outcome": "begins"}));
        let record = self.inner.audit.record(ends)?;
        let access = needed(&target);
        let opened = match first_allowed(&connection, &access).await {
            Ok(()) => connection.exec(namespace, pod, &options).await,
            Err(error) => Err(error),
        };
        let exec = match opened {
            Ok(exec) => exec,
            Err(error) => {
                record.failed(&error);
                let pods = self.catalog().and_then(|catalog| catalog.served(PODS).cloned());
                return Err(not_opened(error, pods.is_some_and(|pods| !pods.has("exec"))));
            }
        };
        let (tell, lost) = oneshot::channel();
        let (seen, sees) = watch::channel(self.clone());
        let watch = tokio::spawn(guard(sees, access, (tell, exec.cutter()), every));
        let container = options.container.clone();
        Ok(Session { exec, lost, watch, seen, record: Some(record), container, defaulted, printed: 0 })
    }

    /// The same with the container that is meant, and kubectl's words about it where there was a choice. Who may run commands
    /// but not read the pod leaves the choice to the cluster.
    async fn chosen(&self, target: &Target, options: &ExecOptions) -> Result<(ExecOptions, Option<String>), AppError> {
        let pod = match self.read_own(target).await {
            Ok(pod) => pod,
            Err(error) if error.kind == ErrorKind::Forbidden => return Ok((options.clone(), None)),
            Err(error) => return Err(error),
        };
        if let Some(phase @ ("Succeeded" | "Failed")) = pod.value().text("/status/phase") {
            let message = format!("cannot exec into a container in a completed pod; current phase is {phase}");
            return Err(AppError::new(ErrorKind::BadInput, message).hint("its log may tell what happened"));
        }
        if options.container.is_some() {
            return Ok((options.clone(), None));
        }
        let containers = Containers::of(&pod);
        let container = containers.usual().map(str::to_owned);
        Ok((ExecOptions { container, ..options.clone() }, containers.defaulted()))
    }
}

/// What it takes to run commands in a pod.
pub(crate) fn needed(pod: &Target) -> [Access; 2] {
    VERBS.map(|verb| pod.access(verb, "exec"))
}

fn sensible(command: &[String]) -> Result<(), AppError> {
    let wrong = |message: &str| Err(AppError::new(ErrorKind::BadInput, message));
    if command.first().is_none_or(String::is_empty) {
        return wrong("you must specify at least one command for the container");
    }
    if command.iter().map(String::len).sum::<usize>() > LONGEST {
        return wrong("the command is longer than 16 KiB: put it into a file, or send it as input");
    }
    Ok(())
}

/// Whether all of it is allowed. A cluster that does not answer that does not let anybody in.
async fn first_allowed(connection: &Connection, needed: &[Access]) -> Result<(), ClusterError> {
    for access in needed {
        if !connection.review_access(access).await? {
            return Err(ClusterError::Forbidden { message: missing(access) });
        }
    }
    Ok(())
}

fn missing(access: &Access) -> String {
    let [namespace, pod] = [&access.namespace, &access.name].map(|text| text.as_deref().unwrap_or_default());
    format!("you may not {} pods/exec of pod \"{pod}\" in the namespace \"{namespace}\"", access.verb)
}

/// Cuts a command when the cluster says that its right is gone or has not said for a while that it is there, and when the
/// cluster is closed.
async fn guard(
    sees: watch::Receiver<Cluster>,
    needed: [Access; 2],
    (tell, cutter): (oneshot::Sender<AppError>, ExecCut),
    every: Duration,
) {
    let mut checks = interval_at(Instant::now() + every, every);
    checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Instant::now();
    let error = loop {
        let cluster = sees.borrow().clone();
        tokio::select! {
            () = cluster.closed() => break closed(),
            _ = checks.tick() => {
                let cluster = sees.borrow().clone();
                match timeout(every * UNANSWERED, still_allowed(&cluster, &needed)).await {
                    Ok(Ok(true)) => told = Instant::now(),
                    Ok(Err(error)) => break error,
                    Ok(Ok(false)) | Err(_) if told.elapsed() < every * UNANSWERED => {}
                    Ok(Ok(false)) | Err(_) => break unsure(),
                }
            }
        }
    };
    // Nobody may listen any more.
    drop(tell.send(error));
    cutter.cut();
}

/// Whether the cluster says that it is allowed; `false` when it says nothing. An error when it says no.
async fn still_allowed(cluster: &Cluster, needed: &[Access]) -> Result<bool, AppError> {
    match first_allowed(&cluster.own_connection()?, needed).await {
        Ok(()) => Ok(true),
        Err(ClusterError::Forbidden { .. }) => {
            Err(AppError::new(ErrorKind::Forbidden, "you may not run commands in this pod any more"))
        }
        Err(error @ ClusterError::Unauthorized { .. }) => Err(AppError::from(error)),
        Err(_) => Ok(false),
    }
}

fn unsure() -> AppError {
    let message = "the cluster does not say any more whether you may run commands in this pod";
    AppError::new(ErrorKind::Unavailable, message).hint("try again when it answers")
}

fn closed() -> AppError {
    AppError::new(ErrorKind::Unavailable, "Pilothouse let go of the cluster; what became of the command is not known")
}

/// A command that did not begin, in the cluster's words.
fn failed(words: &str) -> AppError {
    let error = AppError::new(ErrorKind::BadInput, words);
    let says = |part: &str| words.contains(part);
    if says("executable file not found") || says("no such file or directory") {
        return error.hint("the container's image has no such program; try another, such as sh");
    }
    error
}

/// Why it did not begin; `never` when the cluster runs no commands at all.
fn not_opened(error: ClusterError, never: bool) -> AppError {
    match error {
        ClusterError::Forbidden { message } => AppError::new(ErrorKind::Forbidden, format!("not allowed: {message}"))
            .hint(
                "running commands takes the verbs create and get of pods/exec: API servers take a WebSocket for a get",
            ),
        ClusterError::NotFound { .. } if never => {
            AppError::new(ErrorKind::NotOffered, "this cluster runs no commands in containers")
        }
        error => refused(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_command_is_not_sent() {
        assert!(sensible(&["sh".to_owned()]).is_ok());
        for wrong in [vec![], vec![String::new()], vec!["sh".to_owned(), "x".repeat(LONGEST)]] {
            assert_eq!(sensible(&wrong).unwrap_err().kind, ErrorKind::BadInput);
        }
    }

    #[test]
    fn refusals_say_what_they_mean() {
        let message = missing(&Target::pod("a", "web").access("get", "exec"));
        let error = not_opened(ClusterError::Forbidden { message }, false);
        assert_eq!(error.message, "not allowed: you may not get pods/exec of pod \"web\" in the namespace \"a\"");
        let not_found = || ClusterError::NotFound { message: "pods \"web\" not found".to_owned() };
        let error = not_opened(not_found(), true);
        assert_eq!((error.message.as_str(), error.hint), ("this cluster runs no commands in containers", None));
        assert_eq!(not_opened(not_found(), false).message, "not found: pods \"web\" not found");
        assert!(failed("exec: \"bash\": executable file not found in $PATH").hint.unwrap().contains("sh"));
    }
}
