//! A program that runs as long as its value lives.

use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running program; dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: String,
    command: (OsString, Vec<OsString>),
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; both its outputs go to `<name>.log` in `folder`.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let log = folder.join(format!("{name}.log"));
        let again = (command.get_program().to_owned(), command.get_args().map(OsStr::to_owned).collect());
        let child = spawn(name, command, &log);
        Self { name: name.to_owned(), command: again, child, log }
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends it at once, as a crash would.
    pub fn crash(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a killed child ends");
    }

    /// Starts it again with the same arguments after a crash.
    pub fn restart(&mut self) {
        let (program, arguments) = &self.command;
        self.child = spawn(&self.name, Command::new(program).args(arguments), &self.log);
    }

    /// What it printed so far.
    pub fn printed(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// Fails with the end of its log when it has ended.
    pub fn must_live(&mut self) {
        if let Some(status) = self.child.try_wait().expect("the state of a child is known") {
            panic!("{} ended with {status}:\n{}", self.name, self.last_lines());
        }
    }

    /// The end of what it printed.
    pub fn last_lines(&self) -> String {
        let printed = self.printed();
        let lines: Vec<&str> = printed.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Stops it where it stands (`STOP`) or lets it go on (`CONT`).
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([format!("-{signal}"), self.id().to_string()]).status();
        assert!(status.expect("kill starts").success(), "{} got no {signal}", self.name);
    }

    /// How it ended, once it has; `None` while it runs.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("the state of a child is known")
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// Starts a program whose outputs go to the end of a file.
fn spawn(name: &str, command: &mut Command, log: &Path) -> Child {
    let file = OpenOptions::new().create(true).append(true).open(log).expect("the log file can be written");
    command
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("the log file can be shared"))
        .stderr(file)
        .spawn()
        .unwrap_or_else(|error| panic!("{name} does not start: {error}"))
}

/// A port of the loopback that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the loopback has a free port");
    listener.local_addr().expect("a listener has an address").port()
}
