//! Kubeconfigs: which contexts there are and how each leads to a cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use hyper_util::client::proxy::matcher::Matcher;
use kube::config::{Config, Context, Kubeconfig, KubeconfigError};

use crate::account::ServiceAccount;
use crate::proxy;

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// Why no cluster could be found. Shown, it is one sentence: what, where, and what next.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A file that was named does not exist.
    #[error("there is no kubeconfig at {0}: check the path, or leave it out to use KUBECONFIG or ~/.kube/config")]
    Missing(String),
    /// No file was named, and none is where one is looked for.
    #[error("no kubeconfig found: {0}; name one with --kubeconfig")]
    None(String),
    /// A file cannot be read.
    #[error("cannot read the kubeconfig {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// A file is not a kubeconfig.
    #[error("{path} is not a kubeconfig: {reason}")]
    Invalid {
        /// The file.
        path: String,
        /// Where and why.
        reason: String,
    },
    /// There is no context at all: the file is empty, for one.
    #[error("the kubeconfig {0} has no contexts: it is empty or unfinished; name another with --kubeconfig")]
    NoContexts(String),
    /// The context does not exist.
    #[error("{place} has no context named `{name}`; {known}")]
    UnknownContext {
        /// The file or files.
        place: String,
        /// The context that was asked for.
        name: String,
        /// Which there are, in words.
        known: String,
    },
    /// No context was named, and none is current.
    #[error("{place} has no current context: choose one with --context; {known}")]
    NoCurrentContext {
        /// The file or files.
        place: String,
        /// Which there are, in words.
        known: String,
    },
    /// A context does not lead to a cluster.
    #[error("the context `{name}` of {place} cannot be used: {reason}")]
    Unusable {
        /// The file or files.
        place: String,
        /// The context.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The contexts of one kubeconfig, or of several merged.
#[derive(Clone)]
pub struct Contexts {
    origin: Origin,
    kubeconfig: Kubeconfig,
    current: String,
}

impl std::fmt::Debug for Contexts {
    /// Names only: the rest holds credentials.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contexts")
            .field("place", &self.place())
            .field("names", &self.names())
            .field("current", &self.current)
            .finish_non_exhaustive()
    }
}

/// Where the contexts come from, so that they can be read again.
#[derive(Clone, Debug)]
enum Origin {
    Files(Vec<PathBuf>),
    ServiceAccount(ServiceAccount),
}

/// What of the process's surroundings decides where a kubeconfig is looked for.
pub(crate) struct Surroundings {
    /// `KUBECONFIG`.
    pub(crate) kubeconfig: Option<OsString>,
    /// The home folder.
    pub(crate) home: Option<PathBuf>,
    /// The service account of the pod we are in.
    pub(crate) pod: Option<ServiceAccount>,
}

impl Surroundings {
    fn read() -> Self {
        Self {
            kubeconfig: std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()),
            home: std::env::home_dir(),
            pod: ServiceAccount::find(Path::new(SERVICE_ACCOUNT), |name| std::env::var(name).ok()),
        }
    }
}

impl Contexts {
    /// Reads the kubeconfig at `path`, else those that `KUBECONFIG` lists, else `~/.kube/config`, else the service account
    /// of the pod we are in. `context` takes the place of the current context.
    pub fn load(path: Option<PathBuf>, context: Option<String>) -> Result<Self, ConfigError> {
        Self::load_from(path, context, &Surroundings::read())
    }

    pub(crate) fn load_from(
        path: Option<PathBuf>,
        context: Option<String>,
        surroundings: &Surroundings,
    ) -> Result<Self, ConfigError> {
        let origin = Origin::find(path, surroundings)?;
        let kubeconfig = origin.read()?;
        let place = origin.to_string();
        if kubeconfig.contexts.is_empty() {
            return Err(ConfigError::NoContexts(place));
        }
        let known = known(&kubeconfig);
        let current = context
            .or_else(|| kubeconfig.current_context.clone().filter(|name| !name.is_empty()))
            .ok_or_else(|| ConfigError::NoCurrentContext { place: place.clone(), known: known.clone() })?;
        if !kubeconfig.contexts.iter().any(|context| context.name == current) {
            return Err(ConfigError::UnknownContext { place, name: current, known });
        }
        Ok(Self { origin, kubeconfig, current })
    }

    /// The names of all contexts, as the files order them.
    pub fn names(&self) -> Vec<&str> {
        self.kubeconfig.contexts.iter().map(|context| context.name.as_str()).collect()
    }

    /// The context to begin with.
    pub fn current(&self) -> &str {
        &self.current
    }

    /// The namespace that a context begins in: its own, else `default`.
    pub fn default_namespace(&self, name: &str) -> &str {
        self.context(name)
            .and_then(|context| context.namespace.as_deref())
            .filter(|n| !n.is_empty())
            .unwrap_or("default")
    }

    /// The files that the contexts come from, in words.
    pub fn place(&self) -> String {
        self.origin.to_string()
    }

    /// The namespaces that contexts name which lead to the same server as this one: somebody may be at home there.
    pub fn namespaces(&self, name: &str) -> Vec<&str> {
        let Ok(server) = self.server(name) else { return Vec::new() };
        let same = self.names().into_iter().filter(|other| self.server(other).is_ok_and(|other| other == server));
        same.map(|other| self.default_namespace(other)).collect()
    }

    /// The URL of a context's API server, as it may be shown: without a name and password that it may hold.
    pub(crate) fn server(&self, name: &str) -> Result<String, ConfigError> {
        let config = self.client_config(name)?;
        Ok(without_userinfo(config.cluster_url.to_string().trim_end_matches('/')))
    }

    /// What kube's client needs to know for this context. Reads certificate files; runs nothing.
    pub(crate) fn client_config(&self, name: &str) -> Result<Config, ConfigError> {
        let place = self.origin.to_string();
        if self.context(name).is_none() {
            let known = known(&self.kubeconfig);
            return Err(ConfigError::UnknownContext { place, name: name.to_owned(), known });
        }
        let unusable = |reason: String| ConfigError::Unusable { place: place.clone(), name: name.to_owned(), reason };
        let mut kubeconfig = self.kubeconfig.clone();
        kubeconfig.current_context = Some(name.to_owned());
        let named = self.named_proxy(name);
        let mut config = Config::try_from(kubeconfig).map_err(|error| unusable(explain(&error)))?;
        let environment = Matcher::from_env();
        config.proxy_url =
            proxy::choose(named, config.proxy_url, &config.cluster_url, &environment).map_err(unusable)?;
        Ok(config)
    }

    /// The proxy that the context's cluster names.
    fn named_proxy(&self, name: &str) -> Option<&str> {
        let wanted = &self.context(name)?.cluster;
        let cluster = self.kubeconfig.clusters.iter().find(|cluster| cluster.name == *wanted)?;
        cluster.cluster.as_ref()?.proxy_url.as_deref()
    }

    /// The user that a context names, when there is no such user.
    pub(crate) fn missing_user(&self, name: &str) -> Option<&str> {
        let user = self.context(name)?.user.as_deref().filter(|user| !user.is_empty())?;
        (!self.kubeconfig.auth_infos.iter().any(|known| known.name == user)).then_some(user)
    }

    /// The same contexts, read again: tokens and certificates in the files may have changed since.
    pub(crate) fn reread(&self) -> Result<Self, ConfigError> {
        Ok(Self { origin: self.origin.clone(), kubeconfig: self.origin.read()?, current: self.current.clone() })
    }

    fn context(&self, name: &str) -> Option<&Context> {
        self.kubeconfig.contexts.iter().find(|context| context.name == name)?.context.as_ref()
    }
}

/// The URL without what stands before an `@` of its host.
pub(crate) fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

impl Origin {
    fn find(path: Option<PathBuf>, surroundings: &Surroundings) -> Result<Self, ConfigError> {
        if let Some(path) = path {
            if !path.exists() {
                return Err(ConfigError::Missing(path.display().to_string()));
            }
            return Ok(Self::Files(vec![path]));
        }
        if let Some(list) = &surroundings.kubeconfig {
            let listed: Vec<PathBuf> =
                std::env::split_paths(list).filter(|path| !path.as_os_str().is_empty()).collect();
            // As kubectl does: a file of the list that does not exist is left out.
            let existing: Vec<PathBuf> = listed.iter().filter(|path| path.exists()).cloned().collect();
            if listed.is_empty() {
                return Err(ConfigError::None("KUBECONFIG is set but lists no file".to_owned()));
            }
            if existing.is_empty() {
                let names = listed.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
                return Err(ConfigError::None(format!("KUBECONFIG lists {names}, which does not exist")));
            }
            return Ok(Self::Files(existing));
        }
        let usual = surroundings.home.as_ref().map(|home| home.join(".kube").join("config"));
        match usual {
            Some(path) if path.exists() => Ok(Self::Files(vec![path])),
            usual => match (&surroundings.pod, usual) {
                (Some(account), _) => Ok(Self::ServiceAccount(account.clone())),
                (None, Some(path)) => {
                    Err(ConfigError::None(format!("KUBECONFIG is not set, and {} does not exist", path.display())))
                }
                (None, None) => Err(ConfigError::None("KUBECONFIG is not set, and there is no home folder".to_owned())),
            },
        }
    }

    fn read(&self) -> Result<Kubeconfig, ConfigError> {
        let paths = match self {
            Self::Files(paths) => paths,
            Self::ServiceAccount(account) => return account.read(),
        };
        let mut merged: Option<Kubeconfig> = None;
        for path in paths {
            let read = read_file(path)?;
            merged = Some(match merged {
                None => read,
                Some(merged) => merged.merge(read).map_err(|error| ConfigError::Invalid {
                    path: path.display().to_string(),
                    reason: format!("it does not go with the files before it: {error}"),
                })?,
            });
        }
        Ok(merged.unwrap_or_default())
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Files(paths) => {
                let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
                f.write_str(&names.join(" + "))
            }
            Self::ServiceAccount(_) => f.write_str("the pod's service account"),
        }
    }
}

fn read_file(path: &Path) -> Result<Kubeconfig, ConfigError> {
    let shown = path.display().to_string();
    Kubeconfig::read_from(path).map_err(|error| match error {
        KubeconfigError::ReadConfig(error, _) => ConfigError::Unreadable { path: shown, reason: error.to_string() },
        // Only the first line: the rest of a parser's message quotes the file, which holds credentials.
        error => {
            let text = explain(&error);
            ConfigError::Invalid { path: shown, reason: text.lines().next().unwrap_or_default().to_owned() }
        }
    })
}

/// kube's words, without the frame that our own sentence already gives.
fn explain(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => error.without_snippet().to_string(),
        KubeconfigError::MissingClusterUrl => "its cluster has no `server`".to_owned(),
        KubeconfigError::LoadClusterOfContext(name) => format!("there is no cluster named `{name}`"),
        KubeconfigError::LoadContext(_) => "the entry is empty".to_owned(),
        error => error.to_string(),
    }
}

/// Which contexts there are, for an error.
fn known(kubeconfig: &Kubeconfig) -> String {
    let names = kubeconfig.contexts.iter().map(|context| format!("`{}`", context.name)).collect::<Vec<_>>();
    match names.as_slice() {
        [] => "it has none".to_owned(),
        [only] => format!("the only one is {only}"),
        _ => format!("there are {}", names.join(", ")),
    }
}
