//! `pilothouse demo`: the console on the embedded cluster, with its story.

use std::path::{Path, PathBuf};

use pilothouse_app::Contexts;
use pilothouse_drydock::story::{Credential, Story, StoryOptions, TEAM_MEMBER, Target, VIEWER};
use pilothouse_drydock::{Options, Server, User};

use crate::arguments::{ClusterArguments, DemoArguments};
use crate::failure::Failure;
use crate::serve::{FAREWELL, console, stopped, within};

/// How many changes of each collection the demo remembers: enough for a watch that was cut, little enough that a demo left
/// open for a day stays small.
const HISTORY: usize = 1_000;
/// The user that the console and the story are.
const ADMIN: &str = "admin";

/// Starts the cluster, its story and the console; stops all three at the end.
pub(crate) async fn run(cluster: &ClusterArguments, options: &DemoArguments) -> Result<(), Failure> {
    refuse_other_clusters(cluster)?;
    let stop = stopped()?;
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
    let mut listen = options.listen.clone();
    // What is done in a demo matters to nobody afterwards.
    listen.audit.audit_log.get_or_insert_with(|| "none".into());
    let ended = console(contexts, &listen, stop.clone()).await;
    stop.cancel();
    let curtain = async {
        story.stop().await;
        server.shutdown().await;
    };
    if within(&stop, FAREWELL, curtain).await.is_none() {
        tracing::warn!("the embedded cluster took too long to end and was cut off");
    }
    drop(kubeconfig);
    ended
}

/// The demo brings its own cluster: who names another means something else.
fn refuse_other_clusters(cluster: &ClusterArguments) -> Result<(), Failure> {
    let named = match cluster {
        ClusterArguments { kubeconfig: Some(_), .. } => "--kubeconfig",
        ClusterArguments { context: Some(_), .. } => "--context",
        _ => return Ok(()),
    };
    Err(Failure::Other(format!(
        "the demo has a cluster of its own, so {named} means nothing to it; use `pilothouse serve` for your own clusters, \
         and --kubeconfig-out to have a kubeconfig for the demo's"
    )))
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
        let failed = |why: &dyn std::fmt::Display| {
            Failure::Other(format!("cannot write the kubeconfig {}: {why}", path.display()))
        };
        if !is_ours(&path).map_err(|error| failed(&error))? {
            let why = "there is a file that is not a demo's kubeconfig; name another, or move it away";
            return Err(failed(&why));
        }
        private(&path, content).map_err(|error| failed(&error))?;
        Ok(Self { path, _folder: folder })
    }
}

/// The first line of a kubeconfig that a demo wrote: the next demo may replace it, and nothing else.
const MARK: &str = "# Written by `pilothouse demo`, which may replace it.\n";

/// Whether the path is free, or holds what a demo wrote.
fn is_ours(path: &Path) -> std::io::Result<bool> {
    match std::fs::read(path) {
        Ok(content) => Ok(content.starts_with(MARK.as_bytes())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Writes a file that only its owner can read, whatever was there before: it holds a credential.
fn private(path: &Path, content: &str) -> std::io::Result<()> {
    use std::io::Write;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // New temporary files are for their owner alone; renamed, they take the old one's place in one step.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(MARK.as_bytes())?;
    file.write_all(content.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demo_shows_no_other_cluster() {
        let kubeconfig = ClusterArguments { kubeconfig: Some("k".into()), context: None };
        let context = ClusterArguments { kubeconfig: None, context: Some("c".to_owned()) };
        assert!(refuse_other_clusters(&ClusterArguments::default()).is_ok());
        for (named, option) in [(kubeconfig, "--kubeconfig"), (context, "--context")] {
            let refused = refuse_other_clusters(&named);
            assert!(matches!(refused, Err(Failure::Other(why)) if why.contains(option)));
        }
    }

    #[test]
    fn a_demo_replaces_its_own_kubeconfig_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        for content in ["first", "second"] {
            Kubeconfig::write(Some(&path), content).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), format!("{MARK}{content}"));
        }
        for theirs in ["apiVersion: v1\nkind: Config\n", ""] {
            std::fs::write(&path, theirs).unwrap();
            let Err(Failure::Other(why)) = Kubeconfig::write(Some(&path), "third") else { panic!("it was replaced") };
            assert!(why.contains("is not a demo's kubeconfig"), "{why}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), theirs);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it_even_where_all_could_read_the_one_before() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, MARK).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        Kubeconfig::write(Some(&path), "secret").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
