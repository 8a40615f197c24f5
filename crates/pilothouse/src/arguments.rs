//! The command line, declared once: parser, help and completions come from it. Flags and their short forms are kubectl's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// Shows, explains and operates what runs on Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "pilothouse", version, disable_version_flag = true, propagate_version = false)]
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
    /// Context of the kubeconfig to use
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub(crate) context: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Open the web console for the clusters of a kubeconfig
    Serve(ServeArguments),
    /// Open the web console on an embedded, living cluster
    Demo(DemoArguments),
    /// List objects or workloads
    Get(GetArguments),
    /// Explain why an object is as it is
    Why(WhyArguments),
    /// Print the version
    Version(VersionArguments),
    /// Print a completion script for a shell
    Completions {
        /// Shell to write for
        shell: Shell,
    },
}

/// Where the console listens.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServeArguments {
    /// Loopback address to listen on [default: 127.0.0.1:7070, or a free port when that is taken]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// Do not open a browser
    #[arg(long)]
    pub(crate) no_open: bool,
}

/// How the embedded cluster lives.
#[derive(Args, Clone, Debug)]
pub(crate) struct DemoArguments {
    #[command(flatten)]
    pub(crate) serve: ServeArguments,
    /// Which story is told: the same seed tells the same story
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
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
  pilothouse get pod/web-0 -o yaml")]
pub(crate) struct GetArguments {
    /// Resource as kubectl names it (pods, po, deployments.apps, pod/NAME), several separated by commas, or `workloads`
    #[arg(value_name = "RESOURCE", required = true)]
    pub(crate) resource: String,
    /// Names of objects
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Namespaces, separated by commas [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_delimiter = ',')]
    pub(crate) namespace: Vec<String>,
    /// All namespaces
    #[arg(short = 'A', long)]
    pub(crate) all_namespaces: bool,
    /// Label selector: app=train,tier!=cache,env in (dev,prod)
    #[arg(short = 'l', long, value_name = "SELECTOR", default_value = "", hide_default_value = true)]
    pub(crate) selector: String,
    /// Query: typed filters and free text, as in the console's search box
    #[arg(short, long, value_name = "QUERY", default_value = "", hide_default_value = true)]
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
    /// Show at most so many rows
    #[arg(long, value_name = "NUMBER")]
    pub(crate) limit: Option<usize>,
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
    #[arg(short, long, value_name = "NAMESPACE")]
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

/// Reads the command line. Help goes out with success; a wrong line fails with kubectl's exit code.
pub(crate) fn read() -> Result<Arguments, ExitCode> {
    Arguments::try_parse().map_err(|error| {
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
    }
}
