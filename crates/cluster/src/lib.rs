//! Floor 2: the only room that talks to Kubernetes: connect, discover, list and watch.
//!
//! [`Contexts`] reads kubeconfigs, [`Connection`] speaks to the API server of one of them. A [`Connection::watch`] lists a
//! resource in pages, then follows it, and tells what it sees as [`Signal`]s. [`Connection::with_token`] asks as a person
//! instead, and [`Connection::review_access`] and [`Connection::review_rules`] tell what that person may do; nothing here
//! decides who may see what.

mod account;
mod backoff;
mod config;
mod connection;
mod credential;
mod decode;
mod discovery;
mod error;
mod exec;
mod follow;
mod frames;
#[cfg(fuzzing)]
pub mod fuzzing;
mod items;
mod list;
mod logs;
mod path;
mod proxy;
mod reach;
mod reason;
mod review;
mod signal;
mod token;
mod watch;
mod write;

pub use config::{ConfigError, Contexts};
pub use connection::Connection;
pub use discovery::{Discovery, Problem};
pub use error::{ClusterError, ErrorKind};
pub use exec::{Exec, ExecCut, ExecEnd, ExecInput, ExecOptions, ExecOutput};
pub use items::Items;
pub use logs::{LogOptions, LogStream};
pub use review::{Access, Identity, Rule, Rules};
pub use signal::{Malformed, Signal};
pub use token::Token;
pub use write::{Write, WriteMethod};

#[cfg(test)]
mod tests;
