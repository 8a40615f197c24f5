//! What a shell offers when a line of ours is completed: flags and commands as they are declared, and beside them what the
//! cluster has, asked as the line says. A shell must never wait long or see an error: there is a deadline, and silence.

mod bash;
mod words;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use clap::{Arg, Command, CommandFactory};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{CompleteEnv, Elvish, Fish, Powershell, Shells, Zsh};
use pilothouse_app::{Ask, Catalog, Cluster, Completion, Contexts, Engine, Source};
use pilothouse_model::{GroupResource, Resource};

use crate::arguments::Arguments;
use crate::ask::is_workloads;
use crate::failure::Failure;
use words::{Words, unquoted};

/// The variable by which a shell's script says that it wants a completion.
const VARIABLE: &str = "PILOTHOUSE_COMPLETE";
/// How long a shell waits at most.
const DEADLINE: Duration = Duration::from_millis(1000);
/// How long the cluster is waited for: less, so that fields are offered when rows are slow.
const PATIENCE: Duration = Duration::from_millis(850);
/// Names that are offered; one letter more finds the others.
const MOST: usize = 100;

const SHELLS: Shells<'static> = Shells(&[&bash::Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// What an argument takes.
#[derive(Clone, Copy)]
enum Taken {
    Context,
    Namespace,
    Resource,
    Name,
    /// A resource and then names, or `KIND/NAME` several times.
    Objects,
    /// A pod's name, or `KIND/NAME`.
    Pod,
    Query,
    Sort,
    Selector,
}

/// Answers a shell that asks for a completion; `false` when none does.
pub(crate) fn answered() -> bool {
    let asked = std::env::var_os(VARIABLE).is_some_and(|shell| !shell.is_empty() && shell != "0");
    if !asked {
        return false;
    }
    let here = std::env::current_dir().ok();
    let environment = CompleteEnv::with_factory(command).var(VARIABLE).shells(SHELLS);
    if let Err(error) = environment.try_complete(std::env::args_os(), here.as_deref()) {
        // Whatever is wrong, the line that is being typed is no place to tell it.
        tracing::debug!("no completion: {error}");
    }
    true
}

/// Prints the script that makes a shell ask.
pub(crate) fn script(shell: Shell) -> Result<(), Failure> {
    let name = shell.to_string();
    let unknown = || Failure::Other(format!("there are no completions for {name}"));
    let completer = SHELLS.completer(&name).ok_or_else(unknown)?;
    let mut script = Vec::new();
    completer.write_registration(VARIABLE, "pilothouse", "pilothouse", &program(), &mut script)?;
    std::io::stdout().lock().write_all(&script)?;
    Ok(())
}

/// How a script calls us: by name where we were found by name, else by the whole path.
fn program() -> String {
    let called = std::env::args_os().next().unwrap_or_default();
    let path = std::path::PathBuf::from(&called);
    let place = if path.components().count() > 1 { std::path::absolute(&path).ok() } else { None };
    place.unwrap_or(path).to_string_lossy().into_owned()
}

/// The command line with what its arguments take.
fn command() -> Command {
    equipped(Arguments::command())
}

fn equipped(mut command: Command) -> Command {
    let name = command.get_name().to_owned();
    command = command.mut_args(|argument| match taken(&name, &argument) {
        Some(taken) => argument.add(ArgValueCompleter::new(move |typed: &OsStr| complete(taken, typed))),
        None => argument,
    });
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, equipped))
}

fn taken(command: &str, argument: &Arg) -> Option<Taken> {
    Some(match argument.get_id().as_str() {
        "context" => Taken::Context,
        "namespace" => Taken::Namespace,
        "object" if matches!(command, "logs" | "exec") => Taken::Pod,
        "resource" | "object" => Taken::Resource,
        "objects" => Taken::Objects,
        "names" | "name" => Taken::Name,
        "query" => Taken::Query,
        "sort" => Taken::Sort,
        "selector" => Taken::Selector,
        _ => return None,
    })
}

/// What can be written, within the deadline; nothing when that is not known by then.
fn complete(taken: Taken, typed: &OsStr) -> Vec<CompletionCandidate> {
    let words = Words::read(&line());
    let typed = unquoted(&typed.to_string_lossy());
    let (sender, receiver) = mpsc::channel();
    // The thread may outlive the answer: the program ends with it.
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let found = runtime.ok().and_then(|runtime| runtime.block_on(offers(taken, &words, &typed)).ok());
        if sender.send(found.unwrap_or_default()).is_err() {
            tracing::debug!("the deadline of a completion is over");
        }
        // The runtime is not ended before this is sent: it may wait for a connection.
    });
    receiver.recv_timeout(DEADLINE).unwrap_or_default()
}

/// The line as the shell gives it, up to the word that is completed.
fn line() -> Vec<OsString> {
    let mut line: Vec<OsString> = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    line.truncate(index.unwrap_or(line.len().saturating_sub(1)));
    line
}

fn candidate(value: impl Into<OsString>, help: impl Into<String>) -> CompletionCandidate {
    let help: String = help.into();
    CompletionCandidate::new(value)
        .help(Some(help.into()).filter(|help: &clap::builder::StyledStr| !help.to_string().is_empty()))
}

async fn offers(taken: Taken, words: &Words, typed: &str) -> Result<Vec<CompletionCandidate>, Failure> {
    let meant = words.cluster();
    if let Taken::Context = taken {
        let contexts = Contexts::load(meant.kubeconfig, None)?;
        let (before, typed) = last(typed);
        let names = contexts.names().into_iter().map(|name| name.to_string()).filter(|name| name.starts_with(typed));
        return Ok(names.map(|name| candidate(format!("{before}{name}"), "")).collect());
    }
    // Tests and other shells' lines may come without one; a second installation is no mistake here.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::debug!("a TLS provider is installed already");
    }
    let engine = Engine::new(Contexts::load(meant.kubeconfig, meant.context)?);
    let cluster = engine.cluster(engine.current().as_str())?;
    let asked = Asked { cluster, words, until: Instant::now() + PATIENCE };
    match taken {
        Taken::Context => Ok(Vec::new()),
        Taken::Namespace => asked.namespaces(typed).await,
        Taken::Resource => asked.resources(typed).await,
        Taken::Pod if !typed.contains('/') => asked.names("pods", typed).await,
        Taken::Pod => asked.resources(typed).await,
        Taken::Objects if words.resource().is_none() || typed.contains('/') => asked.resources(typed).await,
        Taken::Name | Taken::Objects => match words.resource() {
            Some(kind) if !kind.contains([',', '/']) => asked.names(kind, typed).await,
            _ => Ok(Vec::new()),
        },
        Taken::Query => {
            asked.question(typed, typed, |cluster, source, ask| cluster.complete(source, ask, ask.q.len())).await
        }
        Taken::Sort => {
            let sort = |cluster: &Cluster, source: &Source, ask: &Ask| {
                let ask = Ask { sort: std::mem::take(&mut ask.q.clone()), q: String::new(), ..ask.clone() };
                cluster.complete_sort(source, &ask, ask.sort.len())
            };
            asked.question(typed, typed, sort).await
        }
        // A selector is what `label:` takes, in quotes.
        Taken::Selector => {
            let opening = "label:\"";
            let text = format!("{opening}{}", typed.replace('"', ""));
            let complete = |cluster: &Cluster, source: &Source, ask: &Ask| {
                let completion = cluster.complete(source, ask, ask.q.len())?;
                let back = |at: usize| at.saturating_sub(opening.len());
                let replace = back(completion.replace.start)..back(completion.replace.end);
                Ok(Completion { replace, ..completion })
            };
            asked.question(&text, typed, complete).await
        }
    }
}

/// A cluster and what is asked of it.
struct Asked<'a> {
    cluster: Cluster,
    words: &'a Words,
    /// When patience is over.
    until: Instant,
}

impl Asked<'_> {
    /// What is left of patience.
    fn patience(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    async fn catalog(&self) -> Result<Arc<Catalog>, Failure> {
        Ok(self.cluster.wait_catalog(self.patience()).await?)
    }

    /// The namespaces that the line means.
    fn scope(&self) -> Vec<String> {
        match self.words.namespaces.as_slice() {
            _ if self.words.all_namespaces => Vec::new(),
            [] => vec![self.cluster.default_namespace().to_owned()],
            named => named.to_vec(),
        }
    }

    async fn namespaces(&self, typed: &str) -> Result<Vec<CompletionCandidate>, Failure> {
        let catalog = self.catalog().await?;
        let Some(resource) = catalog.served(GroupResource::new("", "namespaces")) else { return Ok(Vec::new()) };
        self.rows(&Source::Resource(Arc::clone(resource)), typed).await
    }

    async fn names(&self, kind: &str, typed: &str) -> Result<Vec<CompletionCandidate>, Failure> {
        let source = self.source(Some(kind)).await?;
        self.rows(&source, typed).await
    }

    /// The names of objects that begin as typed.
    async fn rows(&self, source: &Source, typed: &str) -> Result<Vec<CompletionCandidate>, Failure> {
        let plain = typed.chars().all(|c| c.is_alphanumeric() || "-._".contains(c));
        let q = if plain { format!("name:{typed}*") } else { String::new() };
        let ask = Ask { q, limit: Some(MOST), namespaces: self.scope(), confined: true, ..Ask::default() };
        let ask = match source {
            Source::Resource(resource) if !resource.namespaced => Ask { namespaces: Vec::new(), ..ask },
            _ => ask,
        };
        let listing = self.cluster.list_settled(source, &ask, self.patience()).await?;
        let rows = listing.rows.iter().map(|record| &record.row).filter(|row| row.name.starts_with(typed));
        Ok(rows.map(|row| candidate(row.name.to_string(), row.status.word.to_string())).collect())
    }

    /// Resource types, several with commas between, or the names behind `KIND/`.
    async fn resources(&self, typed: &str) -> Result<Vec<CompletionCandidate>, Failure> {
        if let Some((kind, name)) = typed.split_once('/') {
            let found = self.names(kind, name).await?;
            return Ok(found.into_iter().map(|found| found.add_prefix(format!("{kind}/"))).collect());
        }
        let (before, typed) = last(typed);
        let mut types = vec![("workloads".to_owned(), "everything that runs".to_owned())];
        // Without an answer of the cluster there is one list that every cluster has.
        if let Ok(catalog) = self.catalog().await {
            types.extend(catalog.listed().map(|resource| (short_name(&catalog, resource), resource.kind.to_string())));
        }
        let fits = types.into_iter().filter(|(name, _)| name.starts_with(typed));
        Ok(fits.map(|(name, help)| candidate(format!("{before}{name}"), help)).collect())
    }

    /// What is listed: workloads unless a resource is named that the cluster has.
    async fn source(&self, kind: Option<&str>) -> Result<Source, Failure> {
        match kind {
            Some(kind) if !is_workloads(kind) => Ok(Source::Resource(self.catalog().await?.find(kind)?)),
            _ => Ok(Source::Workloads),
        }
    }

    /// The text with each thing that can be written at its end; `typed` is what the shell knows of it.
    async fn question(
        &self,
        text: &str,
        typed: &str,
        complete: impl Fn(&Cluster, &Source, &Ask) -> Result<Completion, pilothouse_app::AppError>,
    ) -> Result<Vec<CompletionCandidate>, Failure> {
        // Several lists have no fields in common but those that all have.
        let kind = self.words.resource().filter(|kind| !kind.contains(','));
        let source = self.source(kind).await?;
        let namespaces = match &source {
            Source::Resource(resource) if !resource.namespaced => Vec::new(),
            _ => self.scope(),
        };
        let scope = Ask { namespaces, confined: true, limit: Some(0), ..Ask::default() };
        if let Err(error) = self.cluster.list_settled(&source, &scope, self.patience()).await {
            tracing::debug!("no rows to complete from: {error}");
        }
        let completion = complete(&self.cluster, &source, &Ask { q: text.to_owned(), ..scope })?;
        let before = typed.get(..completion.replace.start).unwrap_or_default();
        let help = |detail: &str, count: Option<usize>| match count {
            Some(1) => "1 row".to_owned(),
            Some(count) => format!("{count} rows"),
            None => detail.to_owned(),
        };
        let items = completion.items.iter();
        Ok(items
            .map(|item| candidate(format!("{before}{}", item.text.trim_end()), help(&item.detail, item.count)))
            .collect())
    }
}

/// What stands behind the last comma, and what stands before it, with the comma.
fn last(typed: &str) -> (&str, &str) {
    typed.split_at(typed.rfind(',').map_or(0, |comma| comma + 1))
}

/// The shortest name of a resource that means no other: `pods`, `events.events.k8s.io`.
fn short_name(catalog: &Catalog, resource: &Arc<Resource>) -> String {
    let plain = resource.plural.to_string();
    match catalog.find(&plain) {
        Ok(found) if found.group == resource.group => plain,
        _ => resource.group_resource().to_string(),
    }
}
