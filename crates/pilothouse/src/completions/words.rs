//! What was typed on the command line before the word that is completed: enough of it to know which cluster, which
//! namespaces and which list are meant. Half a line cannot be parsed, so this looks for no more than that.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::arguments::ClusterArguments;

/// What the line says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) kubeconfig: Option<PathBuf>,
    pub(super) context: Option<String>,
    pub(super) namespaces: Vec<String>,
    pub(super) all_namespaces: bool,
    /// What stands on its own: the command, the resource, names.
    pub(super) plain: Vec<String>,
}

/// Flags that take a value, besides those that are of interest.
const VALUED: [&str; 18] = [
    "-l",
    "--selector",
    "-q",
    "--query",
    "--sort",
    "--sort-by",
    "--limit",
    "-o",
    "--output",
    "-c",
    "--container",
    "--tail",
    "--since",
    "--listen",
    "--audit-log",
    "--limit-bytes",
    "--replicas",
    "--grace-period",
];

impl Words {
    /// Reads the words of a line, the program's name first, up to the one that is completed.
    pub(super) fn read(line: &[OsString]) -> Self {
        let mut words = Self::default();
        let mut rest = line.iter().skip(1).map(|word| unquoted(&word.to_string_lossy()));
        while let Some(word) = rest.next() {
            let (flag, joined) = match word.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(unquoted(value))),
                // `-nteam-a`
                _ if word.starts_with("-n") && word.len() > 2 => ("-n".to_owned(), Some(word[2..].to_owned())),
                _ => (word, None),
            };
            let mut value = || joined.clone().or_else(|| rest.next());
            match flag.as_str() {
                "--kubeconfig" => words.kubeconfig = value().map(PathBuf::from),
                "--context" => words.context = value(),
                "-n" | "--namespace" => {
                    let names = value().unwrap_or_default();
                    words.namespaces = names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
                }
                "-A" | "--all-namespaces" => words.all_namespaces = true,
                flag if VALUED.contains(&flag) => drop(value()),
                flag if flag.starts_with('-') => {}
                plain => words.plain.push(plain.to_owned()),
            }
        }
        words
    }

    /// Which cluster is meant.
    pub(super) fn cluster(&self) -> ClusterArguments {
        // Of several contexts the first tells for all.
        let first = |contexts: &String| contexts.split(',').next().unwrap_or(contexts).to_owned();
        ClusterArguments { kubeconfig: self.kubeconfig.clone(), context: self.context.as_ref().map(first) }
    }

    /// What is named behind the command: a resource, several with commas, `KIND/NAME`.
    pub(super) fn resource(&self) -> Option<&str> {
        let commands = if self.plain.first().is_some_and(|command| command == "rollout") { 2 } else { 1 };
        self.plain.get(commands).map(String::as_str)
    }
}

/// A word without the quotes around it, closed or not.
pub(super) fn unquoted(word: &str) -> String {
    for quote in ['\'', '"'] {
        if let Some(inner) = word.strip_prefix(quote) {
            return inner.strip_suffix(quote).unwrap_or(inner).to_owned();
        }
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Words {
        Words::read(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_line_tells_cluster_namespaces_and_resource() {
        assert_eq!(read("pilothouse --context='east' get").context.as_deref(), Some("east"));
        let words = read("pilothouse get --context 'east' po -n team-a,team-b -o wide -q x -A --kubeconfig=/k");
        assert_eq!(words.context.as_deref(), Some("east"));
        assert_eq!(words.namespaces, ["team-a", "team-b"]);
        assert_eq!((words.resource(), words.all_namespaces), (Some("po"), true));
        assert_eq!(words.kubeconfig, Some(PathBuf::from("/k")));
        assert_eq!(words.plain, ["get", "po"]);
        assert_eq!(read("pilothouse get pod/web -nx").resource(), Some("pod/web"));
        assert_eq!(read("pilothouse rollout restart deployment web").resource(), Some("deployment"));
        assert_eq!(read("pilothouse get --context a,b pods").cluster().context.as_deref(), Some("a"));
        assert_eq!(read("pilothouse get").resource(), None);
    }
}
