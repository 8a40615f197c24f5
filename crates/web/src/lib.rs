//! Floor 4: HTTP, pages, live updates, assets.
//!
//! [`serve`] is the one way in. Every request passes the guard, which knows the launch secret, the session and the
//! addresses that may be asked; behind it stand the pages (HTML by maud), the stream that keeps them current, and the JSON
//! API of the app's operations. [`serve_probes`] answers probes and Prometheus on a listener of its own.

mod api;
mod assets;
mod claims;
mod components;
mod compress;
mod deeds;
mod failure;
mod frame;
mod guard;
mod listen;
mod live;
mod metrics;
mod openid;
mod pages;
mod question;
#[cfg(test)]
mod samples;
mod seal;
mod server;
mod session;
mod signin;
mod sse;
mod terminal;
#[cfg(test)]
mod tests;
mod unseen;
mod urls;
mod visit;

pub use listen::{TlsError, tls};
pub use metrics::{Metrics, serve_probes};
pub use openid::{IssuerOptions, OpenIdError};
pub use seal::{KeyError, SessionKeys};
pub use server::{Door, WebError, WebOptions, launch_url, router, serve};
pub use session::LaunchSecret;
pub use signin::{PublicUrl, SharedOptions, loopback_url};
