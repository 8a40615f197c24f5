//! One error for everything a person can ask: what kind it is, what happened, and what to do next.

use pilothouse_cluster::ClusterError;
use pilothouse_query::QueryError;

/// What kind of failure it is; decides the HTTP status and the exit code at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The question itself is wrong: an unknown field, a malformed selector.
    BadInput,
    /// There is no such object.
    NotFound,
    /// There is no such thing to ask for: no cluster, kind, place or action of that name.
    NotOffered,
    /// It has changed since, or something of that name is there already.
    Conflict,
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
        let kind = match &error {
            // A kubeconfig that leads nowhere is not the question's fault.
            ClusterError::Unreachable { .. }
            | ClusterError::TooMany { .. }
            | ClusterError::Gone { .. }
            | ClusterError::Config(_) => ErrorKind::Unavailable,
            ClusterError::Other { code: 500.., .. } => ErrorKind::Unavailable,
            ClusterError::Unauthorized { .. } => ErrorKind::Unauthorized,
            ClusterError::Forbidden { .. } => ErrorKind::Forbidden,
            ClusterError::NotFound { .. } => ErrorKind::NotFound,
            ClusterError::Malformed { .. } | ClusterError::TooLarge { .. } | ClusterError::Other { .. } => {
                ErrorKind::Malformed
            }
        };
        Self { hint: next(&error).map(str::to_owned), ..Self::new(kind, error.to_string()) }
    }
}

/// What to do about an error of a cluster; `None` where the error says so itself.
fn next(error: &ClusterError) -> Option<&'static str> {
    Some(match error {
        ClusterError::Unreachable { .. } => {
            "`kubectl cluster-info` with the same context shows whether the cluster answers at all"
        }
        ClusterError::Unauthorized { .. } => "the kubeconfig is read anew with the next try: no restart is needed",
        ClusterError::Forbidden { .. } => {
            "`kubectl auth can-i --list` shows what you may do; ask whoever runs the cluster for more"
        }
        ClusterError::NotFound { .. } => "check the name and the namespace; it may also have been deleted meanwhile",
        ClusterError::Gone { .. } => "ask again: the answer begins anew",
        ClusterError::TooMany { .. } => "try again in a moment",
        ClusterError::Malformed { .. } => {
            "something on the way may have changed the answer; check `server` and `proxy-url` in the kubeconfig"
        }
        ClusterError::TooLarge { .. } => "ask for less: one namespace, or one object",
        ClusterError::Other { code: 500.., .. } => {
            "the API server has trouble of its own; try again in a moment, and see its log if it lasts"
        }
        ClusterError::Config(_) | ClusterError::Other { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_cluster_say_what_next_and_whose_turn_it_is() {
        let text = String::new;
        let other = |code| ClusterError::Other { request: text(), code, retry_after: None, message: text() };
        let cases = [
            (ClusterError::Unreachable { server: text(), reason: text() }, ErrorKind::Unavailable),
            (ClusterError::Unauthorized { server: text(), reason: text() }, ErrorKind::Unauthorized),
            (ClusterError::Forbidden { message: text() }, ErrorKind::Forbidden),
            (ClusterError::NotFound { message: text() }, ErrorKind::NotFound),
            (ClusterError::Gone { message: text() }, ErrorKind::Unavailable),
            (ClusterError::TooMany { retry_after: None, message: text() }, ErrorKind::Unavailable),
            (ClusterError::Malformed { request: text(), reason: text() }, ErrorKind::Malformed),
            (ClusterError::TooLarge { request: text(), megabytes: 1 }, ErrorKind::Malformed),
            (other(503), ErrorKind::Unavailable),
        ];
        for (error, kind) in cases {
            let shown = AppError::from(error.clone());
            assert_eq!(shown.kind, kind, "{error:?}");
            assert!(shown.hint.is_some(), "{error:?}");
        }
        assert_eq!(AppError::from(other(400)).kind, ErrorKind::Malformed);
    }
}
