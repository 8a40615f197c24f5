//! The embedded cluster with the users of a real one, so that a test can run on either.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pilothouse_drydock::{Options, Server, User};

use crate::api::Api;
use crate::kubeconfig::Credential;
use crate::real::USERS;

/// A running embedded cluster; dropping it ends it and removes its files.
#[derive(Debug)]
pub struct Embedded {
    kubeconfigs: BTreeMap<String, PathBuf>,
    admin: Api,
    server: Server,
    folder: tempfile::TempDir,
}

impl Embedded {
    /// Starts it, empty but for what every cluster has.
    pub async fn start() -> Self {
        crate::api::install_cryptography();
        let users = USERS.iter().filter(|(user, _)| *user != "admin").map(|(user, group)| User::new(user, &[group]));
        let options = Options { users: users.collect(), ..Options::default() };
        let server = Server::start(options).await.expect("the embedded cluster starts");
        let folder = tempfile::Builder::new().prefix("pilothouse-embedded-").tempdir().expect("a temporary folder");
        let mut kubeconfigs = BTreeMap::new();
        for (user, _) in USERS {
            let text = server.kubeconfig(user).expect("the user is known");
            let path = folder.path().join(format!("{user}.kubeconfig"));
            std::fs::write(&path, text).expect("the folder is writable");
            kubeconfigs.insert(user.to_owned(), path);
        }
        let admin = Api::new(Credential::read(&server.kubeconfig("admin").expect("the user is known")));
        Self { kubeconfigs, admin, server, folder }
    }

    /// A client of the administrator.
    pub fn admin(&self) -> &Api {
        &self.admin
    }

    /// A client of `user`.
    pub fn api(&self, user: &str) -> Api {
        Api::new(Credential::read(&self.server.kubeconfig(user).expect("the user is known")))
    }

    /// The kubeconfig of `user`.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.kubeconfigs.get(user).unwrap_or_else(|| panic!("nobody is called {user}")).clone()
    }

    /// A folder that lives as long as the cluster.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
