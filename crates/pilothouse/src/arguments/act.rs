//! The command line of what does something, of logs, and of where it is recorded. Words and flags are kubectl's.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::namespace;

/// Whose log, and which part of it.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse logs web-0 -n team-a -f --tail 50
  pilothouse logs deployment/web -c proxy --since 10m
  pilothouse logs trainjob/llama -p")]
pub(crate) struct LogsArguments {
    /// Pod, or KIND/NAME of what runs pods
    #[arg(value_name = "POD|KIND/NAME", required = true)]
    pub(crate) object: String,
    /// Container [default: the one that the pod names, else its first]
    #[arg(short, long, value_name = "CONTAINER")]
    pub(crate) container: Option<String>,
    /// Go on and print what comes later
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// The container's run before this one
    #[arg(short, long)]
    pub(crate) previous: bool,
    /// Only so many lines from the end; -1 for all
    #[arg(long, value_name = "LINES", default_value_t = -1, hide_default_value = true, allow_negative_numbers = true, value_parser = lines)]
    pub(crate) tail: i64,
    /// Only what is younger than this: 90s, 5m, 2h
    #[arg(long, value_name = "DURATION", value_parser = seconds)]
    pub(crate) since: Option<u64>,
    /// Begin each line with its time
    #[arg(long)]
    pub(crate) timestamps: bool,
    /// No more than about this many bytes
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) limit_bytes: Option<u64>,
    /// Namespace [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub(crate) namespace: Option<String>,
}

/// Where a command is run, and which.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse exec web-0 -n team-a -- ls /var/log
  pilothouse exec -it web-0 -c proxy -- sh
  pilothouse exec -i deployment/web -- tar xf - < files.tar")]
pub(crate) struct ExecArguments {
    /// Pod, or KIND/NAME of what runs pods
    #[arg(value_name = "POD|KIND/NAME", required = true)]
    pub(crate) object: String,
    /// Container [default: the one that the pod names, else its first]
    #[arg(short, long, value_name = "CONTAINER")]
    pub(crate) container: Option<String>,
    /// Pass standard input on to the command
    #[arg(short = 'i', long)]
    pub(crate) stdin: bool,
    /// Run it in a terminal; takes -i, too
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Print what the command prints and nothing else
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// Namespace [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// Program and its arguments
    #[arg(value_name = "COMMAND", last = true, required = true)]
    pub(crate) command: Vec<String>,
}

/// What every change takes.
#[derive(Args, Clone, Debug)]
pub(crate) struct ChangeArguments {
    /// Namespace [default: the context's]
    #[arg(short, long, value_name = "NAMESPACE", value_parser = namespace)]
    pub(crate) namespace: Option<String>,
    /// Only try it: `server` has the API server check everything and change nothing
    #[arg(long, value_name = "HOW", default_value = "none", hide_default_value = true)]
    pub(crate) dry_run: DryRun,
    /// Output format: `name` prints resource/name alone
    #[arg(short, long, value_name = "FORMAT")]
    pub(crate) output: Option<NameOnly>,
}

/// Whether a change is only tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    /// Do it
    None,
    /// The API server checks everything and changes nothing
    Server,
}

/// The one format that changes are told in beside words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum NameOnly {
    /// resource/name
    Name,
}

/// What is deleted, and how.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse delete pod web-0 -n team-a
  pilothouse delete job/night cronjob/night --dry-run=server")]
pub(crate) struct DeleteArguments {
    /// KIND NAME..., or KIND/NAME...
    #[arg(value_name = "KIND NAME|KIND/NAME", required = true)]
    pub(crate) objects: Vec<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
    /// What becomes of what it owns
    #[arg(long, value_name = "HOW", default_value = "background")]
    pub(crate) cascade: Cascade,
    /// Seconds that it has to end in peace; -1 for its own
    #[arg(long, value_name = "SECONDS", default_value_t = -1, hide_default_value = true, allow_negative_numbers = true, value_parser = grace)]
    pub(crate) grace_period: i64,
    /// End it at once: a grace period of one second
    #[arg(long)]
    pub(crate) now: bool,
    /// End it without waiting for its node; what runs may go on there
    #[arg(long)]
    pub(crate) force: bool,
    /// What is not there is no error
    #[arg(long)]
    pub(crate) ignore_not_found: bool,
    /// kubectl's, understood to be answered in words
    #[arg(long, hide = true)]
    pub(crate) all: bool,
    /// kubectl's, understood to be answered in words
    #[arg(short = 'l', long, hide = true)]
    pub(crate) selector: Option<String>,
    /// Wait until it is gone
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1, default_missing_value = "true", action = ArgAction::Set)]
    pub(crate) wait: bool,
}

/// What becomes of the objects that a deleted one owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Cascade {
    /// They are deleted after it
    Background,
    /// They are deleted first
    Foreground,
    /// They stay
    Orphan,
}

/// What is scaled, and to what.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse scale deployment/web --replicas 3 -n team-a")]
pub(crate) struct ScaleArguments {
    /// KIND/NAME, or KIND NAME...
    #[arg(value_name = "KIND/NAME", required = true)]
    pub(crate) objects: Vec<String>,
    /// How many
    #[arg(long, value_name = "NUMBER", required = true, allow_negative_numbers = true, value_parser = replicas)]
    pub(crate) replicas: i64,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
}

/// What a rollout does.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RolloutArguments {
    /// Replace the pods by new ones
    Restart(RestartArguments),
}

/// What is restarted.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pilothouse rollout restart deployment/web -n team-a")]
pub(crate) struct RestartArguments {
    /// KIND/NAME, or KIND NAME...
    #[arg(value_name = "KIND/NAME", required = true)]
    pub(crate) objects: Vec<String>,
    #[command(flatten)]
    pub(crate) change: ChangeArguments,
}

/// Where what is done through the console is recorded.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct AuditArguments {
    /// Audit log: a file, `-` for standard output, or `none` [default: pilothouse/audit.log in your state directory]
    #[arg(long, value_name = "FILE", env = "PILOTHOUSE_AUDIT_LOG")]
    pub(crate) audit_log: Option<PathBuf>,
    /// Make Kubernetes events of what is done, too, where the person may
    #[arg(long)]
    pub(crate) audit_events: bool,
}

fn lines(text: &str) -> Result<i64, String> {
    let lines = text.parse().ok().filter(|lines| *lines >= -1);
    lines.ok_or_else(|| "write how many lines from the end, such as 50; -1 is all".to_owned())
}

fn bytes(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write how many bytes, such as 65536".to_owned())
}

fn grace(text: &str) -> Result<i64, String> {
    let seconds = text.parse().ok().filter(|seconds| *seconds <= i64::from(u32::MAX));
    seconds.ok_or_else(|| "write how many seconds, such as 30; -1 is its own".to_owned())
}

fn replicas(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| "write how many, such as 3".to_owned())
}

/// `90`, `90s`, `5m`, `2h`, `1h30m`, as Go writes durations.
fn seconds(text: &str) -> Result<u64, String> {
    let wrong = || "write a duration such as 90s, 5m or 2h".to_owned();
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let (mut total, mut number) = (0_u64, String::new());
    for character in text.chars() {
        if character.is_ascii_digit() {
            number.push(character);
            continue;
        }
        let factor = match character {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            _ => return Err(wrong()),
        };
        let part: u64 = number.parse().map_err(|_| wrong())?;
        total = part.checked_mul(factor).and_then(|part| total.checked_add(part)).ok_or_else(wrong)?;
        number.clear();
    }
    if number.is_empty() && !text.is_empty() { Ok(total) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn what_cannot_be_asked_for_is_refused_and_not_left_out() {
        let read = |line: &str| crate::arguments::Arguments::try_parse_from(line.split(' ')).is_ok();
        for tail in ["-1", "0", "20"] {
            assert!(read(&format!("pilothouse logs web --tail {tail}")), "{tail}");
        }
        assert!(!read("pilothouse logs web --tail -2"));
        assert!(read("pilothouse delete pod web --grace-period -1"));
        assert!(!read("pilothouse delete pod web --grace-period 4294967296"), "it would be deleted with its own grace");
    }

    #[test]
    fn what_is_no_number_is_told_what_is_taken() {
        for (line, words) in [
            ("logs web --tail", "write how many lines from the end, such as 50; -1 is all"),
            ("logs web --limit-bytes", "write how many bytes, such as 65536"),
            ("delete pod web --grace-period", "write how many seconds, such as 30; -1 is its own"),
            ("scale deployment/web --replicas", "write how many, such as 3"),
            ("serve --shared --session-hours", "write how many hours, from 1 to 720"),
            ("demo --seed", "write a whole number, such as 7"),
        ] {
            for wrong in ["abc", "1.5", "99999999999999999999"] {
                let line = format!("pilothouse {line} {wrong}");
                let said = crate::arguments::Arguments::try_parse_from(line.split(' ')).unwrap_err().to_string();
                assert!(said.contains(words), "{line}: {said}");
            }
        }
    }

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, expected) in [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5400), ("2h", 7200)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["", "m", "5x", "5m3", "-5m", "99999999999999999999h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
