//! Commands in containers: what goes in and out of one, and how it ends.
//!
//! Spoken by WebSocket in `v5.channel.k8s.io` (API servers since 1.30) or `v4.channel.k8s.io`: the first byte of each message
//! names its channel.

mod conversation;
mod frame;
mod handshake;

use std::fmt;

use bytes::Bytes;
use pilothouse_model::Resource;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinHandle};

use crate::connection::Connection;
use crate::error::ClusterError;
use crate::path;

/// How many messages wait at most for who reads them, in either direction; beyond that the other side waits.
const WAITING: usize = 16;

/// What is run, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecOptions {
    /// Which container; may be left out where a pod has only one.
    pub container: Option<String>,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Whether it is given input.
    pub stdin: bool,
    /// Whether it runs in a terminal; its errors then come with its output.
    pub tty: bool,
}

impl ExecOptions {
    fn query(&self) -> String {
        let mut query = vec!["stdout=true".to_owned()];
        let flags = [("stdin", self.stdin), ("tty", self.tty), ("stderr", !self.tty)];
        query.extend(flags.iter().filter(|(_, set)| *set).map(|(name, _)| format!("{name}=true")));
        query.extend(self.container.iter().map(|name| format!("container={}", path::escape(name))));
        query.extend(self.command.iter().map(|part| format!("command={}", path::escape(part))));
        query.join("&")
    }
}

/// What goes to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecInput {
    /// Bytes of its input.
    Bytes(Bytes),
    /// The terminal has another size now.
    Resize {
        /// Characters in a line.
        columns: u16,
        /// Lines.
        rows: u16,
    },
    /// There is no more input; see [`Exec::tells_end`].
    End,
}

/// What comes from a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecOutput {
    /// Bytes of its output.
    Out(Bytes),
    /// Bytes of its errors.
    Error(Bytes),
    /// How it ended; nothing follows.
    Ended(ExecEnd),
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecEnd {
    /// It ran, and ended with this code.
    Exited(i32),
    /// It could not be run, or what became of it is not known; in the cluster's words.
    Failed(String),
}

/// A command that runs. Dropping it cuts the connection; what becomes of the command then is up to the node.
pub struct Exec {
    input: mpsc::Sender<ExecInput>,
    output: mpsc::Receiver<Result<ExecOutput, ClusterError>>,
    tells_end: bool,
    conversation: JoinHandle<()>,
}

/// Cuts the connection to a command from elsewhere.
#[derive(Clone, Debug)]
pub struct ExecCut(AbortHandle);

impl ExecCut {
    /// Cuts it: nothing goes in or out any more.
    pub fn cut(&self) {
        self.0.abort();
    }
}

impl fmt::Debug for Exec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exec(..)")
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        self.conversation.abort();
    }
}

impl Exec {
    /// What comes next; an error ends it, and so does `None`.
    pub async fn next(&mut self) -> Option<Result<ExecOutput, ClusterError>> {
        self.output.recv().await
    }

    /// Where input goes. It waits while the command takes none.
    pub fn input(&self) -> mpsc::Sender<ExecInput> {
        self.input.clone()
    }

    /// Whether the command can be told that there is no more input. API servers before 1.30 have no word for it over
    /// WebSocket: there, [`ExecInput::End`] changes nothing.
    pub fn tells_end(&self) -> bool {
        self.tells_end
    }

    /// What cuts the connection.
    pub fn cutter(&self) -> ExecCut {
        ExecCut(self.conversation.abort_handle())
    }
}

impl Connection {
    /// Runs a command in a container of a pod, with this connection's credential and no other.
    pub async fn exec(&self, namespace: &str, pod: &str, options: &ExecOptions) -> Result<Exec, ClusterError> {
        let pods = Resource::new("", "v1", "pods", "Pod");
        let path = path::subresource(&pods, Some(namespace), (pod, "exec"))?;
        let path = format!("{path}?{}", options.query());
        let opened = self.upgrade(&path).await.map_err(handshake::explained)?;
        let (input, typed) = mpsc::channel(WAITING);
        let (told, output) = mpsc::channel(WAITING);
        let tells_end = opened.tells_end;
        let conversation = tokio::spawn(conversation::hold(opened, self.server().to_owned(), typed, told));
        Ok(Exec { input, output, tells_end, conversation })
    }
}

/// Reads bytes as a message of an API server (see [`crate::fuzzing`]).
#[cfg(fuzzing)]
pub(crate) fn fuzz(message: &[u8]) {
    drop(frame::decode(&Bytes::copy_from_slice(message)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_run_stays_apart_in_the_address() {
        let options = ExecOptions {
            container: Some("main".to_owned()),
            command: ["sh", "-c", "echo a&b=c; exit 3"].map(str::to_owned).to_vec(),
            stdin: true,
            tty: true,
        };
        assert_eq!(
            options.query(),
            "stdout=true&stdin=true&tty=true&container=main&command=sh&command=-c&command=echo%20a%26b%3Dc%3B%20exit%203"
        );
        assert_eq!(ExecOptions::default().query(), "stdout=true&stderr=true");
    }
}
