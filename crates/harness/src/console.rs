//! The console's own program, started as a person starts it.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::places;
use crate::process::Process;

/// A running `pilothouse serve` or `pilothouse demo`; dropping it ends it.
#[derive(Debug)]
pub struct Console {
    process: Process,
    url: String,
    _folder: tempfile::TempDir,
}

impl Console {
    /// `pilothouse serve` on this kubeconfig.
    pub fn serve(kubeconfig: &Path) -> Self {
        let kubeconfig = kubeconfig.to_str().expect("paths are UTF-8");
        Self::start(&["serve", "--kubeconfig", kubeconfig, "--listen", "127.0.0.1:0", "--no-open"])
    }

    /// `pilothouse` with these arguments, which make it print the URL to open.
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_in(arguments, &[])
    }

    /// The same with these variables in its environment.
    pub fn start_in(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("pilothouse-console-").tempdir().expect("a temporary folder");
        let mut command = Command::new(places::built("pilothouse"));
        command.args(arguments).env_remove("KUBECONFIG").env("HOME", folder.path());
        command.envs(environment.iter().copied());
        let mut process = Process::start("pilothouse", &mut command, folder.path());
        let deadline = Instant::now() + Duration::from_secs(60);
        let url = loop {
            if let Some(url) = first_url(&process.printed()) {
                break url;
            }
            process.must_live();
            assert!(Instant::now() < deadline, "no URL within a minute:\n{}", process.last_lines());
            std::thread::sleep(Duration::from_millis(20));
        };
        Self { process, url, _folder: folder }
    }

    /// The URL to open, with the launch secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end, as a system does that shuts down.
    pub fn terminate(&self) {
        self.process.signal("TERM");
    }

    /// How it ended, once it has; `None` while it runs.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.process.ended()
    }

    /// What it printed so far.
    pub fn printed(&self) -> String {
        self.process.printed()
    }
}

/// The first complete word that is a URL; the word counts once a blank or a line's end follows it.
fn first_url(printed: &str) -> Option<String> {
    let start = ["http://", "https://"].into_iter().filter_map(|scheme| printed.find(scheme)).min()?;
    let rest = &printed[start..];
    let end = rest.find(char::is_whitespace)?;
    Some(rest[..end].to_owned())
}
