//! What many people may read of failures that are the console's own: nothing of its credential and surroundings.

use pilothouse_cluster::{ClusterError, Problem};

/// What is said where nothing may be told.
const CLOSED: &str = "the console cannot read it at the moment; its own log says why";

/// The words of a failure for people, where some of it is theirs to know: whether the server answers.
pub(crate) fn open(error: &ClusterError) -> Option<String> {
    match error {
        ClusterError::Unreachable { .. } => Some("the console cannot reach the API server at the moment".to_owned()),
        ClusterError::TooMany { .. } => Some("the API server is busy".to_owned()),
        ClusterError::Other { code: code @ 500.., .. } => Some(format!("the API server answers {code} at the moment")),
        ClusterError::Unauthorized { .. }
        | ClusterError::Forbidden { .. }
        | ClusterError::NotFound { .. }
        | ClusterError::Gone { .. }
        | ClusterError::Malformed { .. }
        | ClusterError::TooLarge { .. }
        | ClusterError::Config(_)
        | ClusterError::Other { .. } => None,
    }
}

/// The words of a failure for people.
pub(crate) fn public(error: &ClusterError) -> String {
    open(error).unwrap_or_else(closed)
}

/// The words where nothing may be told.
pub(crate) fn closed() -> String {
    CLOSED.to_owned()
}

/// Leaves of what is missing in a discovery what people may read. Whom the cluster takes the console for is nobody else's to
/// know; and people know whom it takes them for.
pub(crate) fn make_public(problem: &mut Problem) {
    let Some(error) = &problem.error else { return };
    if !matches!(error, ClusterError::Forbidden { .. }) {
        problem.what = format!("{}: {}", problem.what, public(error));
    }
    problem.error = None;
}

#[cfg(test)]
mod tests {
    use pilothouse_cluster::ConfigError;

    use super::*;

    /// One of each kind, all of whose words are for whoever runs the console.
    fn failures() -> Vec<ClusterError> {
        let secret = || "SECRET".to_owned();
        let other = |code| ClusterError::Other { request: secret(), code, retry_after: None, message: secret() };
        vec![
            ClusterError::Unreachable { server: secret(), reason: secret() },
            ClusterError::Unauthorized { server: secret(), reason: secret() },
            ClusterError::Forbidden { message: secret() },
            ClusterError::NotFound { message: secret() },
            ClusterError::Gone { message: secret() },
            ClusterError::TooMany { retry_after: None, message: secret() },
            ClusterError::Malformed { request: secret(), reason: secret() },
            ClusterError::TooLarge { request: secret(), megabytes: 1 },
            ClusterError::Config(ConfigError::UnknownContext { place: secret(), name: secret(), known: secret() }),
            other(503),
            other(409),
        ]
    }

    #[test]
    fn people_read_nothing_of_the_consoles_credential_and_surroundings() {
        let told: Vec<String> = failures().iter().map(public).collect();
        assert!(told.iter().all(|words| !words.contains("SECRET") && !words.contains("http")), "{told:?}");
        let open: Vec<&str> = told.iter().map(String::as_str).filter(|words| *words != CLOSED).collect();
        let answers = [
            "the console cannot reach the API server at the moment",
            "the API server is busy",
            "the API server answers 503 at the moment",
        ];
        assert_eq!(open, answers, "whether the server answers is no secret");
    }

    #[test]
    fn what_is_missing_is_named_without_the_words_of_the_failure() {
        let told = |error: ClusterError| {
            let what = "what a.io/v1 serves is unknown".to_owned();
            let mut problem = Problem { api_version: Some("a.io/v1".to_owned()), what, error: Some(error) };
            make_public(&mut problem);
            problem.to_string()
        };
        for error in failures() {
            let words = told(error);
            assert!(words.starts_with("what a.io/v1 serves is unknown") && !words.contains("SECRET"), "{words}");
        }
        let busy = ClusterError::TooMany { retry_after: None, message: String::new() };
        assert_eq!(told(busy), "what a.io/v1 serves is unknown: the API server is busy");
        let refused = ClusterError::Forbidden { message: "SECRET".to_owned() };
        assert_eq!(told(refused), "what a.io/v1 serves is unknown");
    }
}
