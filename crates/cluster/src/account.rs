//! The service account of the pod that the program runs in, as a kubeconfig of one context.
//!
//! Source of the rules: `rest.InClusterConfig` of `k8s.io/client-go`.

use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext};

use crate::config::ConfigError;

/// The name that the only context has inside a cluster.
const NAME: &str = "in-cluster";

/// Where a pod finds its API server and its credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    /// The folder of the files that the kubelet keeps up to date: `token`, `ca.crt`, `namespace`.
    folder: PathBuf,
    server: String,
}

impl ServiceAccount {
    /// The account whose files are in `folder`; `None` where there is no token, or the environment names no API server.
    pub(crate) fn find(folder: &Path, variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let host = variable("KUBERNETES_SERVICE_HOST").filter(|host| !host.is_empty())?;
        let port = variable("KUBERNETES_SERVICE_PORT").filter(|port| !port.is_empty())?;
        let host = if host.contains(':') { format!("[{host}]") } else { host };
        let account = Self { folder: folder.to_owned(), server: format!("https://{host}:{port}") };
        account.folder.join("token").exists().then_some(account)
    }

    /// The one context, in the pod's own namespace. The token is read from its file again as it is renewed.
    pub(crate) fn read(&self) -> Result<Kubeconfig, ConfigError> {
        let authority = self.folder.join("ca.crt");
        if !authority.exists() {
            let place = self.folder.display().to_string();
            return Err(ConfigError::Unreadable {
                path: place,
                reason: "there is no ca.crt beside the token".to_owned(),
            });
        }
        // A namespace file that cannot be read leaves the namespace open, as in a context that names none.
        let namespace = std::fs::read_to_string(self.folder.join("namespace")).ok();
        let cluster = Cluster {
            server: Some(self.server.clone()),
            certificate_authority: Some(authority.display().to_string()),
            ..Cluster::default()
        };
        let user =
            AuthInfo { token_file: Some(self.folder.join("token").display().to_string()), ..AuthInfo::default() };
        let context = Context {
            cluster: NAME.to_owned(),
            user: Some(NAME.to_owned()),
            namespace: namespace.map(|name| name.trim().to_owned()),
            ..Context::default()
        };
        Ok(Kubeconfig {
            clusters: vec![NamedCluster { name: NAME.to_owned(), cluster: Some(cluster), ..NamedCluster::default() }],
            auth_infos: vec![NamedAuthInfo {
                name: NAME.to_owned(),
                auth_info: Some(user),
                ..NamedAuthInfo::default()
            }],
            contexts: vec![NamedContext { name: NAME.to_owned(), context: Some(context), ..NamedContext::default() }],
            current_context: Some(NAME.to_owned()),
            ..Kubeconfig::default()
        })
    }
}
