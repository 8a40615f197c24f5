//! `pilothouse demo`: the console on the embedded cluster, with its story.

use std::path::{Path, PathBuf};

use pilothouse_app::Contexts;
use pilothouse_drydock::story::{Credential, Story, StoryOptions, TEAM_MEMBER, Target, VIEWER};
use pilothouse_drydock::{Options, Server, User};

use crate::arguments::DemoArguments;
use crate::failure::Failure;
use crate::serve::{console, stopped};

/// How many changes of each collection the demo remembers: enough for a watch that was cut, little enough that a demo left
/// open for a day stays small.
const HISTORY: usize = 1_000;
/// The user that the console and the story are.
const ADMIN: &str = "admin";

/// Starts the cluster, its story and the console; stops all three at the end.
pub(crate) async fn run(options: &DemoArguments) -> Result<(), Failure> {
    let stop = stopped();
    let people = vec![User::new(VIEWER, &[]), User::new(TEAM_MEMBER, &[])];
    let server =
        Server::start(Options { users: people, history: HISTORY, ..Options::default() }).await.map_err(other)?;
    let kubeconfig = Kubeconfig::write(options.kubeconfig_out.as_deref(), &server.kubeconfig(ADMIN).map_err(other)?)?;
    let contexts = Contexts::load(Some(kubeconfig.path.clone()), None)?;
    let target = Target {
        url: server.url(),
        ca_pem: server.certificate_authority().as_bytes().to_vec(),
        credential: Credential::Token(server.token(ADMIN).map_err(other)?.to_owned()),
    };
    let telling = StoryOptions { seed: options.seed, speed: options.speed, ..StoryOptions::default() };
    let story = Story::start(target, telling).await.map_err(other)?;
    let ended = console(contexts, &options.serve, stop).await;
    story.stop().await;
    server.shutdown().await;
    drop(kubeconfig);
    ended
}

fn other(error: impl std::fmt::Display) -> Failure {
    Failure::Other(error.to_string())
}

/// The kubeconfig of the embedded cluster: a file that the person named, or one of our own that goes with us.
struct Kubeconfig {
    path: PathBuf,
    _folder: Option<tempfile::TempDir>,
}

impl Kubeconfig {
    fn write(named: Option<&Path>, content: &str) -> Result<Self, Failure> {
        let (path, folder) = match named {
            Some(path) => (path.to_owned(), None),
            None => {
                let folder = tempfile::tempdir()?;
                (folder.path().join("kubeconfig"), Some(folder))
            }
        };
        private(&path, content)
            .map_err(|error| Failure::Other(format!("cannot write the kubeconfig {}: {error}", path.display())))?;
        Ok(Self { path, _folder: folder })
    }
}

/// Writes a file that only its owner can read: it holds a credential.
fn private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::io::Write;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_bytes())
}
