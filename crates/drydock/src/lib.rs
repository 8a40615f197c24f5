//! Floor 2: an embedded Kubernetes API server, and the actors that make a living Kubeflow cluster.
//!
//! [`Server::start`] listens on loopback with a certificate of its own; [`Server::kubeconfig`] gives any Kubernetes client
//! what it needs to speak to it. Nothing is stored on disk. The actors in [`story`] are such clients: they know the server
//! by its address and credential alone and run against a real cluster just as well.
//!
//! What it holds to: the semantics of the Kubernetes API as clients see it (storage with resource versions, watches,
//! selectors, patches, apply, access control). What it leaves out: admission webhooks, quota enforcement, answers in
//! protobuf (bodies in protobuf are read), exec and port-forward.

mod api;
mod apply;
mod defaults;
mod discovery;
mod duties;
mod failure;
mod fields;
mod http;
pub mod kubelet_logs;
mod lists;
mod openapi;
mod patch;
mod present;
mod random;
mod rbac;
mod registry;
mod selector;
mod server;
mod shape;
mod storage;
pub mod story;
mod user;
mod validate;

/// Annotation of an object of the past: since when it exists (RFC 3339). Where the API server is not this one, objects that
/// tell it are as new as any.
const BEGAN: &str = "drydock.pilothouse.dev/began";

pub use server::{Options, Server, ServerError};
pub use user::User;
