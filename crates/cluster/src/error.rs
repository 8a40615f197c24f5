//! What can go wrong with a cluster, told apart by what a person can do about it.

use std::time::Duration;

use crate::config::ConfigError;

/// Why a request to a cluster failed. Shown, it is one sentence: what, where, and what next.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ClusterError {
    /// No answer: refused, unknown host, timeout, TLS.
    #[error("cannot reach the API server {server}: {reason}")]
    Unreachable {
        /// The server's URL.
        server: String,
        /// Why, and what to look at.
        reason: String,
    },
    /// The credential is not accepted, or could not be had.
    #[error("the API server {server} does not know who we are: {reason}")]
    Unauthorized {
        /// The server's URL.
        server: String,
        /// Why, and what to look at.
        reason: String,
    },
    /// The credential is good, the right is missing.
    #[error("not allowed: {message}")]
    Forbidden {
        /// The server's own words.
        message: String,
    },
    /// No such object or resource.
    #[error("not found: {message}")]
    NotFound {
        /// The server's own words.
        message: String,
    },
    /// The server no longer knows the version that was asked for.
    #[error("the version asked for is too old: {message}")]
    Gone {
        /// The server's own words.
        message: String,
    },
    /// The server asks for patience.
    #[error("the API server is busy: {message}")]
    TooMany {
        /// How long it wants us to wait.
        retry_after: Option<Duration>,
        /// The server's own words.
        message: String,
    },
    /// The answer is not what the Kubernetes API promises.
    #[error("cannot read the answer to {request}: {reason}")]
    Malformed {
        /// Method and path, or what was being read.
        request: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is longer than anything we take in.
    #[error("the answer to {request} is longer than {megabytes} MiB and was given up")]
    TooLarge {
        /// Method and path.
        request: String,
        /// The limit that it goes beyond.
        megabytes: usize,
    },
    /// The kubeconfig does not lead to a cluster.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Any other answer of the server.
    #[error("the API server answered {code} to {request}: {message}")]
    Other {
        /// Method and path.
        request: String,
        /// HTTP status.
        code: u16,
        /// How long the server wants us to wait.
        retry_after: Option<Duration>,
        /// The server's own words.
        message: String,
    },
}

/// The kinds of [`ClusterError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// [`ClusterError::Unreachable`].
    Unreachable,
    /// [`ClusterError::Unauthorized`].
    Unauthorized,
    /// [`ClusterError::Forbidden`].
    Forbidden,
    /// [`ClusterError::NotFound`].
    NotFound,
    /// [`ClusterError::Gone`].
    Gone,
    /// [`ClusterError::TooMany`].
    TooMany,
    /// [`ClusterError::Malformed`].
    Malformed,
    /// [`ClusterError::TooLarge`].
    TooLarge,
    /// [`ClusterError::Config`].
    Config,
    /// [`ClusterError::Other`].
    Other,
}

impl ClusterError {
    /// What kind it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::Unauthorized { .. } => ErrorKind::Unauthorized,
            Self::Forbidden { .. } => ErrorKind::Forbidden,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Gone { .. } => ErrorKind::Gone,
            Self::TooMany { .. } => ErrorKind::TooMany,
            Self::Malformed { .. } => ErrorKind::Malformed,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Config(_) => ErrorKind::Config,
            Self::Other { .. } => ErrorKind::Other,
        }
    }

    /// How long the server wants us to wait, if it said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::TooMany { retry_after, .. } | Self::Other { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
