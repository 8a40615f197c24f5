//! The server: one table of routes behind one door.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, get};
use pilothouse_app::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::deeds::from_own_page;
use crate::guard::{Guard, check};
use crate::session::{LaunchSecret, Sessions};
use crate::{api, assets, live, pages};

/// What the server needs besides an engine.
#[derive(Debug)]
pub struct WebOptions {
    /// Where it listens; loopback only.
    pub listener: TcpListener,
    /// The secret that opens a session.
    pub secret: LaunchSecret,
}

/// Why the server did not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Local mode has no users and no TLS: it must not be reachable from elsewhere.
    #[error("the console listens on loopback only, not on {0}: use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// The listener failed.
    #[error("the console's listener failed: {0}")]
    Listener(#[from] std::io::Error),
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Web {
    /// What they ask.
    pub(crate) engine: Engine,
    /// Ends the streams when the server ends.
    pub(crate) shutdown: CancellationToken,
}

/// The address to open: it carries a secret and leads to a page whose address does not.
pub fn launch_url(address: SocketAddr, secret: &str) -> String {
    format!("http://{address}/?launch={secret}")
}

/// Serves the console until `shutdown` is cancelled and every request has ended.
pub async fn serve(engine: Engine, options: WebOptions, shutdown: CancellationToken) -> Result<(), WebError> {
    let address = options.listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(WebError::NotLoopback(address));
    }
    let router = router(engine, address, options.secret, shutdown.clone());
    axum::serve(options.listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await?;
    Ok(())
}

/// All routes behind the guard, as if they listened on `address`.
pub fn router(engine: Engine, address: SocketAddr, secret: LaunchSecret, shutdown: CancellationToken) -> Router {
    let guard = Arc::new(Guard::new(address, Sessions::new(secret, address.port())));
    pages()
        .into_iter()
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        .merge(api::routes())
        .fallback(pages::missing::show)
        .with_state(Web { engine, shutdown })
        // The last layer is the outermost: nothing above is reached without passing it, the fallback included.
        .layer(middleware::from_fn_with_state(guard, check))
}

/// The routes of all pages and streams for people.
pub(crate) fn pages() -> Vec<(&'static str, MethodRouter<Web>)> {
    vec![
        ("/", get(pages::clusters::home)),
        (assets::ROUTE, get(assets::serve)),
        ("/clusters", get(pages::clusters::show)),
        ("/palette", get(pages::palette::show)),
        ("/search", get(pages::search::show)),
        ("/all/workloads", get(pages::all::workloads)),
        ("/all/r/{group}/{version}/{plural}", get(pages::all::resource)),
        ("/all/live", get(live::many::follow)),
        ("/c/{cluster}", get(pages::overview::show)),
        ("/c/{cluster}/workloads", get(pages::list::workloads)),
        ("/c/{cluster}/i/{instrument}", get(pages::place::show)),
        ("/c/{cluster}/i/{instrument}/{place}", get(pages::place::show)),
        ("/c/{cluster}/r/{group}/{version}/{plural}", get(pages::list::resource)),
        ("/c/{cluster}/r/{group}/{version}/{plural}/{name}", get(pages::object::show)),
        ("/c/{cluster}/r/{group}/{version}/{plural}/namespaces/{namespace}/{name}", get(pages::object::show)),
        ("/c/{cluster}/act/{action}/{group}/{version}/{plural}/{name}", asked_first()),
        ("/c/{cluster}/act/{action}/{group}/{version}/{plural}/namespaces/{namespace}/{name}", asked_first()),
        ("/c/{cluster}/edit/{group}/{version}/{plural}/{name}", edited()),
        ("/c/{cluster}/edit/{group}/{version}/{plural}/namespaces/{namespace}/{name}", edited()),
        ("/c/{cluster}/reveal/{group}/{version}/{plural}/namespaces/{namespace}/{name}", revealed()),
        ("/c/{cluster}/logs/{namespace}/{pod}", get(pages::logs::follow)),
        ("/c/{cluster}/logs/{namespace}/{pod}/text", get(pages::logs::text)),
        ("/c/{cluster}/live", get(live::follow)),
        ("/c/{cluster}/palette", get(pages::palette::show)),
        ("/c/{cluster}/complete", get(pages::complete::show)),
    ]
}

fn asked_first() -> MethodRouter<Web> {
    get(pages::act::ask).post(pages::act::run).layer(middleware::from_fn(from_own_page))
}

fn edited() -> MethodRouter<Web> {
    // The largest object that an API server takes, three letters for each.
    let routes = get(pages::edit::edit).post(pages::edit::save).layer(DefaultBodyLimit::max(6 << 20));
    routes.layer(middleware::from_fn(from_own_page))
}

fn revealed() -> MethodRouter<Web> {
    get(pages::edit::revealed_before).post(pages::edit::reveal).layer(middleware::from_fn(from_own_page))
}
