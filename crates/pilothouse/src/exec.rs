//! `pilothouse exec`: a command in a container, with kubectl's flags, words and exit codes.

use std::io::{Read, Write};

use pilothouse_app::{Cluster, Ended, ExecInput, ExecOptions, Output, Session};
use tokio::sync::mpsc;

use crate::arguments::ClusterArguments;
use crate::arguments::act::ExecArguments;
use crate::ask::{cluster, kind_and_name};
use crate::failure::Failure;
use crate::logs;
use crate::plain::say;

#[cfg(unix)]
mod terminal;
#[cfg(not(unix))]
#[path = "exec/no_terminal.rs"]
mod terminal;

use terminal::Terminal;

/// How much input is read at once.
const PIECE: usize = 16 << 10;

/// Runs a command.
pub(crate) async fn run(arguments: &ClusterArguments, options: &ExecArguments) -> Result<(), Failure> {
    let cluster = cluster(arguments)?;
    let namespace = options.namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
    let pod = pod(&cluster, &namespace, &options.object).await?;
    let tty = options.stdin && options.tty && is_terminal();
    let asked = ExecOptions {
        container: options.container.clone(),
        command: options.command.clone(),
        stdin: options.stdin,
        tty,
    };
    let mut session = cluster.exec(&namespace, &pod, &asked).await?;
    if let Some(words) = session.defaulted().filter(|_| !options.quiet) {
        say(words);
    }
    // Raw from here on: the guard gives the terminal back however this ends.
    let terminal = if tty { Some(Terminal::take()?) } else { None };
    if asked.stdin {
        type_in(session.input(), !tty && !session.tells_end());
    }
    let input = session.input();
    let ended = tokio::select! {
        ended = print(&mut session) => ended,
        ended = resized(terminal.as_ref(), input) => ended,
    };
    drop(terminal);
    match ended? {
        Ended::Exited(0) => Ok(()),
        Ended::Exited(code) => Err(Failure::Exited(code)),
        Ended::Cut(error) => Err(error.into()),
    }
}

/// The pod that is meant: itself, or the first that stands below what is meant.
async fn pod(cluster: &Cluster, namespace: &str, object: &str) -> Result<String, Failure> {
    Ok(match kind_and_name(object)? {
        (name, None) | ("pod" | "pods" | "po", Some(name)) => name.to_owned(),
        (kind, Some(name)) => logs::pod(cluster, kind, namespace, name).await?.name().to_owned(),
    })
}

/// Whether a terminal stands where the input comes from; says so when it was asked for and does not, as kubectl does.
fn is_terminal() -> bool {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdin());
    if !terminal {
        say("Unable to use a TTY - input is not a terminal or the right kind of file");
    }
    terminal
}

/// Prints what comes, to the end.
async fn print(session: &mut Session) -> Result<Ended, Failure> {
    while let Some(output) = session.next().await {
        match output {
            // A program that somebody runs speaks to the terminal of that one, as it is.
            Output::Out(bytes) => write(&mut std::io::stdout().lock(), &bytes)?,
            Output::Error(bytes) => write(&mut std::io::stderr().lock(), &bytes)?,
            Output::Ended(ended) => return Ok(ended),
        }
    }
    Err(Failure::Other("the command ended, and nobody said how".to_owned()))
}

fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Failure> {
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

/// Reads the input in a thread of its own: reading cannot be given up, and the program ends without waiting for it.
fn type_in(input: mpsc::Sender<ExecInput>, silent_end: bool) {
    std::thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let read = match std::io::stdin().lock().read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    say(&format!("error: the input cannot be read: {error}"));
                    break;
                }
            };
            let bytes = piece.get(..read).unwrap_or_default().to_vec();
            if input.blocking_send(ExecInput::Bytes(bytes.into())).is_err() {
                return;
            }
        }
        if silent_end {
            say(
                "hint: this API server cannot be told that the input has ended (1.30 and newer can): what waits for it goes on until Ctrl C",
            );
        }
        // The command may have ended meanwhile.
        drop(input.blocking_send(ExecInput::End));
    });
}

/// Tells the size of the terminal, now and whenever it changes; is over when somebody ends the program.
async fn resized(terminal: Option<&Terminal>, input: mpsc::Sender<ExecInput>) -> Result<Ended, Failure> {
    let Some(terminal) = terminal else { return std::future::pending().await };
    let mut changes = terminal.changes()?;
    loop {
        if let Some((columns, rows)) = terminal.size()
            && input.send(ExecInput::Resize { columns, rows }).await.is_err()
        {
            // The command has ended: whoever prints tells how.
            return std::future::pending().await;
        }
        if !changes.next().await {
            return Err(Failure::Other("ended by a signal; what became of the command is not known".to_owned()));
        }
    }
}
