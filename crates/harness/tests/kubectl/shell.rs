//! Runs kubectl and compares what it says with what is expected.

use std::cell::RefCell;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use pilothouse_harness::process::Process;

/// One kubectl with one server.
pub(crate) struct Shell {
    kubectl: PathBuf,
    admin: PathBuf,
    visitor: PathBuf,
    home: tempfile::TempDir,
    complaints: RefCell<Vec<String>>,
}

/// What a command said.
pub(crate) struct Said {
    code: i32,
    output: String,
    name: String,
}

impl Said {
    /// Whether the exit code was zero.
    pub(crate) fn succeeded(&self) -> bool {
        self.code == 0
    }
}

impl Shell {
    pub(crate) fn new(kubectl: &Path, admin: &Path, visitor: &Path) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let complaints = RefCell::default();
        Self { kubectl: kubectl.to_owned(), admin: admin.to_owned(), visitor: visitor.to_owned(), home, complaints }
    }

    fn command(&self, kubeconfig: &Path, line: &str) -> Command {
        let mut command = Command::new(&self.kubectl);
        // The home keeps kubectl's cache of discovery, which must not outlive the server.
        command.args(words(line)).env("KUBECONFIG", kubeconfig).env("HOME", self.home.path());
        command.env("KUBE_EDITOR", "sed -i s/first/second/");
        command
    }

    /// Runs `kubectl` with the words of `line` as the administrator.
    pub(crate) fn run(&self, line: &str) -> Said {
        self.say(line, self.command(&self.admin, line), "")
    }

    /// The same with a YAML document on its standard input.
    pub(crate) fn feed(&self, line: &str, input: &str) -> Said {
        // Without the marker kubectl takes a document that begins with a brace for JSON.
        self.say(line, self.command(&self.admin, line), &format!("---\n{input}"))
    }

    /// The same as a user who may do nothing by himself.
    pub(crate) fn visitor(&self, line: &str) -> Said {
        self.say(line, self.command(&self.visitor, line), "")
    }

    fn say(&self, line: &str, mut command: Command, input: &str) -> Said {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl starts");
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        // A command that reads nothing may have closed it.
        drop(stdin.write_all(input.as_bytes()));
        drop(stdin);
        let output = child.wait_with_output().expect("kubectl ends");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().unwrap_or(-1);
        Said { code, output: text(&output.stdout) + &text(&output.stderr), name: line.to_owned() }
    }

    /// Starts a command that does not end by itself.
    pub(crate) fn background(&self, line: &str) -> Process {
        Process::start("kubectl", &mut self.command(&self.admin, line), self.home.path())
    }

    /// Waits until a command in the background has printed `text`.
    pub(crate) fn wait_for(&self, process: &Process, text: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !process.printed().contains(text) {
            if Instant::now() > deadline {
                self.complain(&format!("a command in the background never printed {text:?}:\n{}", process.printed()));
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn complain(&self, complaint: &str) {
        self.complaints.borrow_mut().push(complaint.to_owned());
    }

    /// Expects that the command succeeded and printed each of these texts.
    pub(crate) fn expect(&self, said: Said, texts: &[&str]) {
        self.expect_code(said, 0, texts);
    }

    /// Expects this exit code and each of these texts.
    pub(crate) fn expect_code(&self, said: Said, code: i32, texts: &[&str]) {
        let missing: Vec<&&str> = texts.iter().filter(|text| !said.output.contains(**text)).collect();
        if said.code != code || !missing.is_empty() {
            let Said { code: found, output, name } = said;
            self.complain(&format!(
                "kubectl {name}: exit code {found}, not {code}, or missing {missing:?} in:\n{output}"
            ));
        }
    }

    /// Fails when any command was not as expected.
    pub(crate) fn finish(self) {
        let complaints = self.complaints.into_inner();
        assert!(complaints.is_empty(), "{}:\n\n{}", self.kubectl.display(), complaints.join("\n\n"));
    }
}

/// The words of a line; single quotes hold a word together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("there is a word").push(other),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
