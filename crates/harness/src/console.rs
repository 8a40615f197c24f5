//! The console's own program, started as a person starts it.

use std::net::SocketAddr;
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
        let url = announced(&mut process, "Pilothouse is open at ");
        Self { process, url, _folder: folder }
    }

    /// The URL to open, with the launch secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL without the launch secret and without a slash at its end.
    pub fn origin(&self) -> &str {
        self.url.split("/?").next().unwrap_or_default().trim_end_matches('/')
    }

    /// The launch secret of a console for one person.
    pub fn secret(&self) -> &str {
        self.url.split_once("/?launch=").expect("a console for one person has a launch secret").1
    }

    /// Where it listens, when its URL says so.
    pub fn address(&self) -> SocketAddr {
        address(self.origin())
    }

    /// Where its probes are answered, when it was started with `--probes`.
    pub fn probes(&mut self) -> SocketAddr {
        address(&announced(&mut self.process, "Probes are answered at "))
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

/// The word that the program prints after these. It counts once a blank or a line's end follows it.
fn announced(process: &mut Process, words: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let printed = process.printed();
        if let Some((word, _)) = printed.split_once(words).and_then(|(_, rest)| rest.split_once(char::is_whitespace)) {
            return word.to_owned();
        }
        process.must_live();
        assert!(Instant::now() < deadline, "no {words:?} within a minute:\n{}", process.last_lines());
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn address(origin: &str) -> SocketAddr {
    origin.rsplit('/').next().and_then(|host| host.parse().ok()).expect("the URL has an address and a port")
}
