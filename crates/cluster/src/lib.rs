//! Floor 2: the only room that talks to Kubernetes: connect, discover, list and watch.
//!
//! [`Contexts`] reads kubeconfigs, [`Connection`] speaks to the API server of one of them. A [`Connection::watch`] lists a
//! resource in pages, then follows it, and tells what it sees as [`Signal`]s. Nothing here decides who may see what.

mod backoff;
mod config;
mod connection;
mod credential;
mod decode;
mod discovery;
mod error;
mod follow;
mod frames;
mod list;
mod path;
mod proxy;
mod reason;
mod signal;
mod token;
mod watch;

pub use config::{ConfigError, Contexts};
pub use connection::Connection;
pub use discovery::{Discovery, Problem};
pub use error::{ClusterError, ErrorKind};
pub use signal::{Malformed, Signal};
pub use token::Token;

#[cfg(test)]
mod tests;
