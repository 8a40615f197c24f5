//! From a context to kube's client: run the credential plugin, set timeouts, build again when the credential has ended.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::time::Duration;

use jiff::Timestamp;
use kube::Client;
use kube::config::{AuthInfo, Config, ExecInteractiveMode};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::config::{Contexts, without_userinfo};
use crate::error::ClusterError;
use crate::proxy;
use crate::reason;

/// How long a TCP and TLS connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long a credential plugin may take; some wait for a person to log in.
const PLUGIN: Duration = Duration::from_secs(120);
/// How long before its end a credential counts as ended.
const MARGIN: Duration = Duration::from_secs(60);

/// The client of one context, built when first needed.
pub(crate) struct Credential {
    contexts: Contexts,
    context: String,
    server: String,
    /// Whether the client authenticates nobody: it knows the way and the authority, and nothing else of the context.
    bare: bool,
    built: Mutex<Built>,
}

/// A client and which build it is.
#[derive(Default)]
struct Built {
    client: Option<Client>,
    generation: u64,
}

impl Credential {
    pub(crate) fn new(contexts: &Contexts, context: &str) -> Result<Self, ClusterError> {
        let server = contexts.server(context)?;
        Ok(Self {
            contexts: contexts.clone(),
            context: context.to_owned(),
            server,
            bare: false,
            built: Mutex::default(),
        })
    }

    /// The same way to the same server, without anything that authenticates.
    pub(crate) fn bare(&self) -> Self {
        Self {
            contexts: self.contexts.clone(),
            context: self.context.clone(),
            server: self.server.clone(),
            bare: true,
            built: Mutex::default(),
        }
    }

    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// The client, and the number of its build.
    pub(crate) async fn client(&self) -> Result<(Client, u64), ClusterError> {
        let mut built = self.built.lock().await;
        if let Some(client) = built.client.as_ref().filter(|client| is_valid(client)) {
            return Ok((client.clone(), built.generation));
        }
        let mut config = prepare(self.contexts_for(built.generation).client_config(&self.context)?);
        if self.bare {
            config = without_credential(config).map_err(|error| ClusterError::Unreachable {
                server: self.server.clone(),
                reason: error.to_string(),
            })?;
        }
        let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
        // Building runs an exec plugin to its end, which may take seconds.
        let building = tokio::task::spawn_blocking(move || Client::try_from(config));
        let client = timeout(PLUGIN, building)
            .await
            .map_err(|_| self.no_credential("the kubeconfig's credential plugin does not come to an end".to_owned()))?
            .map_err(|error| self.no_credential(format!("the client could not be made: {error}")))?
            .map_err(|error| reason::from_building(&self.server, plugin.as_deref(), &error))?;
        built.generation += 1;
        built.client = Some(client.clone());
        Ok((client, built.generation))
    }

    /// The same error of the build `generation`, told by its cause where the kubeconfig shows one: a context may name a user
    /// that there is not, which kubectl takes for no credential, too.
    pub(crate) fn explained(&self, error: ClusterError, generation: u64) -> ClusterError {
        let ClusterError::Unauthorized { .. } = &error else { return error };
        match self.contexts_for(generation).missing_user(&self.context) {
            Some(user) => self.no_credential(format!(
                "it was asked without a credential, for the kubeconfig has no user named `{user}`, which the context names"
            )),
            None => error,
        }
    }

    fn no_credential(&self, reason: String) -> ClusterError {
        ClusterError::Unauthorized { server: self.server.clone(), reason }
    }

    /// The first build takes the files as they were loaded, later ones read them again: that is how a person mends an
    /// expired credential. Files that are gone or broken by then leave what was loaded.
    fn contexts_for(&self, generation: u64) -> Cow<'_, Contexts> {
        if generation == 0 {
            return Cow::Borrowed(&self.contexts);
        }
        match self.contexts.reread() {
            Ok(contexts) => Cow::Owned(contexts),
            Err(error) => {
                tracing::warn!(%error, "the kubeconfig cannot be read again; using what it held before");
                Cow::Borrowed(&self.contexts)
            }
        }
    }

    /// Forgets the client of this build: the server did not accept its credential.
    pub(crate) async fn reject(&self, generation: u64) {
        let mut built = self.built.lock().await;
        if built.generation == generation {
            built.client = None;
        }
    }
}

/// Whether a client's certificate, if an exec plugin gave one with an end, holds for a while.
fn is_valid(client: &Client) -> bool {
    let margin = Timestamp::now().saturating_add(MARGIN);
    match (client.valid_until(), margin) {
        (Some(end), Ok(margin)) => *end > margin,
        _ => true,
    }
}

/// The way to a server without what says who comes: certificate, token, password, plugin, impersonation, further headers, and
/// a name and password in the URL. The server's authority, its name in TLS and the proxy stay.
fn without_credential(mut config: Config) -> Result<Config, http::uri::InvalidUri> {
    config.cluster_url = without_userinfo(&config.cluster_url.to_string()).parse()?;
    config.auth_info = AuthInfo::default();
    config.headers.clear();
    Ok(config)
}

fn prepare(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT);
    // Watches are silent for minutes; their stalls are found one level up.
    config.read_timeout = None;
    // We retry ourselves, and tell what we wait for.
    config.default_retry = false;
    // On the machine itself, compressing a list takes longer than sending it.
    config.disable_compression |= config.cluster_url.host().is_some_and(proxy::is_this_machine);
    if let Some(exec) = config.auth_info.exec.as_mut()
        && exec.interactive_mode != Some(ExecInteractiveMode::Always)
        && !std::io::stdin().is_terminal()
    {
        // Nobody can answer a question, so the plugin's words belong into the error.
        exec.interactive_mode = Some(ExecInteractiveMode::Never);
    }
    config
}
