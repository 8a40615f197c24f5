//! How failures leave the program: a sentence on standard error and kubectl's exit code, 1.

use std::process::ExitCode;

use pilothouse_app::{AppError, ConfigError, ErrorKind, pointer};

use crate::plain::say;

/// Why a command could not do what was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine says why.
    App(AppError),
    /// The kubeconfig cannot be used.
    Config(ConfigError),
    /// Anything else, in words.
    Other(String),
    /// Each of several parts of what was asked.
    Several(Vec<Self>),
    /// What was run elsewhere ended with this code, which is ours, too.
    Exited(i32),
    /// Nobody reads any more: standard output was closed.
    Closed,
}

impl Failure {
    /// Says why, and gives the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let lines = self.lines();
        lines.iter().for_each(|line| say(line));
        match self {
            Self::Exited(code) => u8::try_from(*code).map_or(ExitCode::FAILURE, ExitCode::from),
            _ if lines.is_empty() => ExitCode::SUCCESS,
            _ => ExitCode::FAILURE,
        }
    }

    /// What there is to say; nothing when all is well.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::App(error) => lines(error),
            Self::Config(error) => vec![format!("error: {error}")],
            Self::Other(message) => vec![format!("error: {message}")],
            Self::Several(failures) => failures.iter().flat_map(Self::lines).collect(),
            Self::Exited(code) => vec![format!("command terminated with exit code {code}")],
            Self::Closed => Vec::new(),
        }
    }
}

/// An engine's error as kubectl users read errors.
fn lines(error: &AppError) -> Vec<String> {
    let mut lines = vec![match error.kind {
        ErrorKind::NotFound => format!("Error from server (NotFound): {error}"),
        ErrorKind::Forbidden => format!("Error from server (Forbidden): {error}"),
        ErrorKind::Unauthorized => format!("error: You must be logged in to the server: {error}"),
        _ => format!("error: {error}"),
    }];
    if let Some((question, span)) = &error.span {
        lines.extend(pointer(question, span).map(|line| format!("  {line}")));
    }
    lines.extend(error.hint.iter().map(|hint| format!("hint: {hint}")));
    lines
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        Self::App(error)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Other(error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_question_is_pointed_at() {
        let error = AppError {
            kind: ErrorKind::BadInput,
            message: "`stat` is not a field".to_owned(),
            hint: Some("did you mean state?".to_owned()),
            span: Some(("é stat:failed".to_owned(), 3..7)),
            replacement: Some("state".to_owned()),
        };
        assert_eq!(
            lines(&error),
            ["error: `stat` is not a field", "  é stat:failed", "    ^^^^", "hint: did you mean state?"]
        );
    }

    #[test]
    fn a_missing_object_reads_as_kubectl_says_it() {
        let error = AppError::new(ErrorKind::NotFound, "pods \"web\" not found in namespace a");
        assert_eq!(lines(&error), ["Error from server (NotFound): pods \"web\" not found in namespace a"]);
        let error = AppError::new(ErrorKind::NotFound, "nothing of the name web");
        assert_eq!(lines(&error), ["Error from server (NotFound): nothing of the name web"], "whatever its words");
        let kind = AppError::new(ErrorKind::NotOffered, "the server doesn't have a resource type \"not found\"");
        assert_eq!(lines(&kind), ["error: the server doesn't have a resource type \"not found\""]);
    }
}
