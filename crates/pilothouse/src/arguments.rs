//! The command line, declared once: parser, help and completions come from it. Flags and their short forms are kubectl's.

use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use pilothouse_app::{MOST_RESULTS, is_slip};

pub(crate) mod act;
pub(crate) mod shared;

use act::{AuditArguments, DeleteArguments, ExecArguments, LogsArguments, RolloutArguments, ScaleArguments};
use shared::SharedArguments;

/// Shows and explains what runs on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "pilothouse", version, propagate_version = false, args_override_self = true)]
#[command(after_help = "Examples:
  pilothouse demo                                  a living cluster to look at, nothing needed
  pilothouse serve                                 the console for your own clusters
  pilothouse get workloads -A -q 'is:failed'       everything that failed, of every project
  pilothouse why trainjob/llama-7b -n team-a       why it is as it is, with the evidence")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterArguments,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which cluster is meant.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ClusterArguments {
    /// Kubeconfig file [default: $KUBECONFIG, else ~/.kube/config]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use; `get` and `search` take several, separated by commas
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open the web console for the clusters of a kubeconfig
    Serve(Box<ServeArguments>),
    /// Open the web console on an embedded, living cluster
    Demo(DemoArguments),
    /// List objects or workloads
    Get(GetArguments),
    /// Search everything: names, labels, images and messages of all kinds
    Search(SearchArguments),
    /// Explain why an object is as it is
    Why(WhyArguments),
    /// Print what a pod's container prints
    Logs(LogsArguments),
    /// Run a command in a pod's container
    Exec(ExecArguments),
    /// Delete objects
    Delete(DeleteArguments),
    /// Set how many pods something runs
    Scale(ScaleArguments),
    /// Manage how pods are replaced
    #[command(subcommand)]
    Rollout(RolloutArguments),
    /// Print the version
    Version(VersionArguments),
    /// Print a completion script for a shell
    Completions {
        /// Shell to write for
        shell: Shell,
    },
}

/// How the console is served.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArguments {
    #[command(flatten)]
    pub(crate) listen: ListenArguments,
    #[command(flatten)]
    pub(crate) shared: SharedArguments,
}

/// Where the console listens.
#[derive(Args, Clone, Debug)]
pub(crate) struct ListenArguments {
    /// Address to listen on, on loopback unless it is shared [default: 127.0.0.1:7070, or a free port when that is taken]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listening)]
    pub(crate) listen: Option<SocketAddr>,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
    /// Answer /livez, /readyz and /metrics on this address; they are for probes and Prometheus and ask for no session
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listening)]
    pub(crate) probes: Option<SocketAddr>,
    /// How the log on standard error is written; PILOTHOUSE_LOG=info says how much
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub(crate) log_format: LogFormat,
    #[command(flatten)]
    pub(crate) audit: AuditArguments,
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// One JSON object a line
    Json,
}

/// How the embedded cluster lives.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArguments {
    #[command(flatten)]
    pub(crate) listen: ListenArguments,
    /// Which story is told: the same seed tells the same story
    #[arg(long, default_value_t = 1, value_name = "NUMBER", value_parser = seed)]
    pub(crate) seed: u64,
    /// How fast the story is told: 2 is twice as fast
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR", value_parser = speed)]
    pub(crate) speed: f64,
    /// Write a kubeconfig for kubectl and other clients; replaces only what a demo wrote
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig_out: Option<PathBuf>,
}

/// What is listed, and how.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse get pods -n team-a
  pilothouse get workloads -A -q 'is:active gpu:>0' --sort=-gpu
  pilothouse get trainjobs,notebooks -A -o wide
  pilothouse get pods -A --count-by state,node
  pilothouse get pod/web-0 -o yaml
  pilothouse get pods -A --context prod,staging")]
pub(crate) struct GetArguments {
    /// Resource as kubectl names it (pods, po, deployments.apps, pod/NAME), several separated by commas, or `workloads`
    #[arg(value_name = "RESOURCE", required = true)]
    pub(crate) resource: String,
    /// Names of objects
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Namespaces, separated by commas [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub(crate) namespace: Vec<String>,
    /// All namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// The clusters of all contexts together
    #[arg(long)]
    pub(crate) all_contexts: bool,
    /// Label selector: app=train,tier!=cache,env in (dev,prod)
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub(crate) selector: String,
    /// Query: typed filters and free text, as in the console's search box
    #[arg(
        short,
        long,
        value_name = "QUERY",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(crate) query: String,
    /// Columns to sort by, separated by commas; a leading - reverses: --sort=-age
    #[arg(
        long,
        alias = "sort-by",
        value_name = "COLUMN",
        default_value = "",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    pub(crate) sort: String,
    /// Show at most so many rows; 0 for all
    #[arg(long, value_name = "NUMBER", value_parser = limit, allow_negative_numbers = true)]
    pub(crate) limit: Option<usize>,
    /// Count instead: how many have each value of these fields, separated by commas
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["watch", "sort", "show_labels"])]
    pub(crate) count_by: Option<String>,
    /// Go on and print what changes
    #[arg(short, long)]
    pub(crate) watch: bool,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) output: Format,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
    /// Add a column with all labels
    #[arg(long)]
    pub(crate) show_labels: bool,
}

/// What is searched.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse search web
  pilothouse search oom kind:Pod -n team-a
  pilothouse search trainer --all-contexts -o wide")]
pub(crate) struct SearchArguments {
    /// Words that all must be mentioned, and filters of the query language
    #[arg(value_name = "TEXT", required = true)]
    pub(crate) text: Vec<String>,
    /// Namespaces, separated by commas [default: all]
    #[arg(short, long, value_name = "NAMESPACE", value_delimiter = ',', value_parser = namespace)]
    pub(crate) namespace: Vec<String>,
    /// All namespaces, and what lives in none
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// The clusters of all contexts together
    #[arg(long)]
    pub(crate) all_contexts: bool,
    /// Show at most so many results, from 1 to 50
    #[arg(long, value_name = "NUMBER", value_parser = results, allow_negative_numbers = true)]
    pub(crate) limit: Option<usize>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    pub(crate) output: Format,
    /// Leave out the headings
    #[arg(long)]
    pub(crate) no_headers: bool,
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns for people
    Table,
    /// More columns
    Wide,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// resource/name, a line each
    Name,
}

/// What is explained.
#[derive(Args, Clone, Debug)]
pub(crate) struct WhyArguments {
    /// Object: KIND/NAME, or KIND NAME
    #[arg(value_name = "KIND/NAME", required = true)]
    pub(crate) object: String,
    /// Name, when it does not follow a slash
    #[arg(value_name = "NAME", hide = true)]
    pub(crate) name: Option<String>,
    /// Namespace [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// Output format
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Document>,
}

/// How the version is printed.
#[derive(Args, Clone, Debug)]
pub(crate) struct VersionArguments {
    /// Output format
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<Document>,
}

/// A format for machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Document {
    /// JSON
    Json,
    /// YAML
    Yaml,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && (0.01..=1000.0).contains(&factor) => Ok(factor),
        _ => Err("write a factor between 0.01 and 1000".to_owned()),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number, such as 7".to_owned())
}

fn limit(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "write how many rows to show at most, such as 20; 0 shows all".to_owned())
}

fn results(text: &str) -> Result<usize, String> {
    let known = text.parse().ok().filter(|number| (1..=MOST_RESULTS).contains(number));
    known.ok_or_else(|| format!("write a number from 1 to {MOST_RESULTS}; filters narrow a search, as in kind:Pod"))
}

/// What the API server takes for a namespace: letters, digits and dashes. Asked for another, it answers beside the point.
fn namespace(text: &str) -> Result<String, String> {
    let inner = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if text.is_empty() {
        return Err("name a namespace; leave -n out for the context's own, or write -A for all".to_owned());
    }
    if text.len() > 63 || !text.chars().all(inner) || text.starts_with('-') || text.ends_with('-') {
        return Err(
            "this cannot be the name of a namespace: they have lower-case letters, digits and dashes".to_owned()
        );
    }
    Ok(text.to_owned())
}

/// `127.0.0.1:7071`, `localhost:7071`, or a port alone. That the address is loopback is looked at where it is listened on.
fn listening(text: &str) -> Result<SocketAddr, String> {
    let wanted = "write an address and a port, such as 127.0.0.1:7071 or localhost:7071, or a port alone";
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port: u16 = port.parse().map_err(|_| wanted.to_owned())?;
    if host.is_empty() || host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("{host} is unknown ({error}); {wanted}"))?;
    addresses
        .into_iter()
        .find(|address| address.ip().is_loopback())
        .ok_or_else(|| format!("the console listens on loopback only, and {host} is not; use localhost:{port}"))
}

/// Reads the command line. Help goes out with success; a wrong line fails with kubectl's exit code.
pub(crate) fn read() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(helpful).map_err(|error| {
        let code = match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        };
        // A closed pipe is the reader's choice: there is nobody left to tell.
        if let Err(closed) = error.print() {
            tracing::debug!("cannot print: {closed}");
        }
        code
    })
}

/// The same error without tips that are wrong: kubectl has flags that mean something else than those that look a bit like them.
fn helpful(mut error: clap::Error) -> clap::Error {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else { return error };
    if error.kind() != ErrorKind::UnknownArgument || !flag.starts_with('-') {
        return error;
    }
    let bare = |flag: &str| flag.trim_start_matches('-').to_owned();
    let meant = match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(meant)) => is_slip(&bare(flag), &bare(meant)),
        _ => false,
    };
    // What begins with a dash is the name of no object; it may be a word to run, or to look for.
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let takes_words = ["pilothouse exec", "pilothouse search"].iter().any(|command| usage.contains(command));
    if !meant && error.remove(ContextKind::SuggestedArg).is_some() {
        // It was written for the flag that is not meant.
        error.remove(ContextKind::Usage);
    }
    if !takes_words {
        error.remove(ContextKind::Suggested);
    }
    error
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn kubectl_habits_are_understood() {
        let read = |line: &str| Arguments::try_parse_from(line.split(' ')).map(|arguments| arguments.command);
        let Command::Get(get) = read("pilothouse get po -A -l app=x -o wide -w --sort -age").unwrap() else {
            panic!("not get")
        };
        assert!(get.all_namespaces && get.watch);
        assert_eq!((get.selector.as_str(), get.sort.as_str(), get.output), ("app=x", "-age", Format::Wide));
        let Command::Get(get) = read("pilothouse get pods -n a,b -ojson --context=c").unwrap() else {
            panic!("not get")
        };
        assert_eq!((get.namespace, get.output), (vec!["a".to_owned(), "b".to_owned()], Format::Json));
        assert!(read("pilothouse get").is_err());
        assert!(read("pilothouse get pods --colour").is_err());
        assert!(read("pilothouse demo --speed 0").is_err());
        let Command::Get(get) = read("pilothouse get pods -A -A -q -has:gpu --limit 5 --limit 0").unwrap() else {
            panic!("not get")
        };
        assert_eq!((get.all_namespaces, get.query.as_str(), get.limit), (true, "-has:gpu", Some(0)));
        for line in ["pilothouse --version", "pilothouse -V"] {
            assert_eq!(read(line).unwrap_err().kind(), ErrorKind::DisplayVersion, "{line}");
        }
    }

    #[test]
    fn no_tip_is_better_than_a_wrong_one() {
        let said = |line: &str| helpful(Arguments::try_parse_from(line.split(' ')).unwrap_err()).to_string();
        for line in ["get pods --as ada", "get pods --field-selector a=b", "get pods --since 5m", "why pod/a --all"] {
            let said = said(&format!("pilothouse {line}"));
            assert!(said.starts_with("error: unexpected argument '--") && !said.contains("tip:"), "{line}: {said}");
            assert!(!said.contains("--namespace") && !said.contains("--selector"), "{line}: {said}");
        }
        let slip = said("pilothouse get pods --namespac a");
        assert!(slip.contains("a similar argument exists: '--namespace'"), "{slip}");
        let word = said("pilothouse search --oops");
        assert!(word.contains("-- --oops"), "{word}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_a_sentence() {
        let refused = |line: &[&str]| Arguments::try_parse_from(line).unwrap_err().to_string();
        for namespace in ["", ",,", "a b", "Team", "a,", "-a", "a/b"] {
            let said = refused(&["pilothouse", "get", "pods", &format!("--namespace={namespace}")]);
            assert!(said.contains("namespace"), "{said}");
        }
        assert!(refused(&["pilothouse", "why", "pod/x", "-n", "a,b"]).contains("name of a namespace"));
        let said = refused(&["pilothouse", "get", "pods", "--limit", "-1"]);
        assert!(said.contains("0 shows all"), "{said}");
        for number in ["0", "51", "-1", "many"] {
            let said = refused(&["pilothouse", "search", "web", "--limit", number]);
            assert!(said.contains("from 1 to 50"), "{said}");
        }
        assert!(Arguments::try_parse_from(["pilothouse", "search", "web", "--limit", "50"]).is_ok());
    }

    #[test]
    fn the_console_listens_where_people_say() {
        for (text, expected) in [
            ("7071", "127.0.0.1:7071"),
            (":7071", "127.0.0.1:7071"),
            ("localhost:7072", "127.0.0.1:7072"),
            ("[::1]:0", "[::1]:0"),
            ("10.0.0.1:80", "10.0.0.1:80"),
        ] {
            assert_eq!(listening(text), Ok(expected.parse().unwrap()), "{text}");
        }
        for text in ["", "localhost", "localhost:x", "70000"] {
            assert!(listening(text).unwrap_err().contains("such as"), "{text}");
        }
    }
}
