//! One error for everything a person can ask: what kind it is, what happened, and what to do next.

use pilothouse_cluster::{ClusterError, ErrorKind as ClusterErrorKind};
use pilothouse_query::QueryError;

/// What kind of failure it is; decides the HTTP status and the exit code at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The question itself is wrong: an unknown field, a malformed selector.
    BadInput,
    /// There is no such thing.
    NotFound,
    /// The cluster does not allow it.
    Forbidden,
    /// The cluster does not know who we are: the credential is missing, wrong or expired.
    Unauthorized,
    /// The cluster cannot be reached, or not yet.
    Unavailable,
    /// The cluster answered something that cannot be understood.
    Malformed,
}

/// A failure as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct AppError {
    /// What kind.
    pub kind: ErrorKind,
    /// What happened, and where: one sentence.
    pub message: String,
    /// What to do next, if anything sensible can be said.
    pub hint: Option<String>,
    /// For a question that could not be read: the text and where in it the trouble is, in bytes.
    pub span: Option<(String, std::ops::Range<usize>)>,
    /// What to write in place of the span, or of the name that is not known, when something close is.
    pub replacement: Option<String>,
}

impl AppError {
    /// An error with no hint.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, span: None, replacement: None }
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, with the name that was likely meant.
    #[must_use]
    pub(crate) fn suggest(self, name: String) -> Self {
        Self { hint: Some(format!("did you mean {name}?")), replacement: Some(name), ..self }
    }

    /// A question (`q` or `sort`) that could not be read.
    pub(crate) fn question(text: &str, error: &QueryError) -> Self {
        Self {
            kind: ErrorKind::BadInput,
            message: error.message.clone(),
            hint: error.suggestion.as_ref().map(|suggestion| format!("did you mean `{suggestion}`?")),
            span: Some((text.to_owned(), error.span.clone())),
            replacement: error.suggestion.clone(),
        }
    }
}

impl From<ClusterError> for AppError {
    fn from(error: ClusterError) -> Self {
        let kind = match error.kind() {
            ClusterErrorKind::Unreachable | ClusterErrorKind::TooMany | ClusterErrorKind::Gone => {
                ErrorKind::Unavailable
            }
            ClusterErrorKind::Unauthorized => ErrorKind::Unauthorized,
            ClusterErrorKind::Forbidden => ErrorKind::Forbidden,
            ClusterErrorKind::NotFound => ErrorKind::NotFound,
            ClusterErrorKind::Config => ErrorKind::BadInput,
            ClusterErrorKind::Malformed | ClusterErrorKind::Other => ErrorKind::Malformed,
        };
        Self::new(kind, error.to_string())
    }
}
