//! The server: one table of routes behind one door.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use pilothouse_app::Engine;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::compress::compress;
use crate::deeds::from_own_page;
use crate::guard::{Guard, Local, check};
use crate::metrics::{Metrics, observe};
use crate::openid::OpenIdError;
use crate::session::{LaunchSecret, Sessions};
use crate::signin::{Shared, SharedOptions};
use crate::terminal::{self, Terminals};
use crate::{api, assets, listen, live, pages, unseen};

/// The longest form that is read: a token with its surroundings.
const LONGEST_FORM: usize = 64 << 10;

/// What the server needs besides an engine.
#[derive(Debug)]
pub struct WebOptions {
    /// Where it listens.
    pub listener: TcpListener,
    /// Who may come in.
    pub door: Door,
    /// Where requests are counted.
    pub metrics: Metrics,
}

/// Who may come in.
#[derive(Debug)]
pub enum Door {
    /// Whoever holds the secret made at launch: the one person whose credentials the console uses. Loopback only.
    Local(LaunchSecret),
    /// Everybody who signs in to a cluster.
    Shared(Box<SharedOptions>),
}

/// Why the server did not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Local mode has no users and no TLS: it must not be reachable from elsewhere.
    #[error("the console listens on loopback only, not on {0}: use 127.0.0.1 or [::1], or --shared for many people")]
    NotLoopback(SocketAddr),
    /// The listener failed.
    #[error("the console's listener failed: {0}")]
    Listener(#[from] std::io::Error),
    /// An issuer cannot be used.
    #[error(transparent)]
    Issuer(#[from] OpenIdError),
}

/// What handlers share.
#[derive(Clone)]
pub(crate) struct Web {
    /// What they ask.
    pub(crate) engine: Engine,
    /// Ends the streams when the server ends.
    pub(crate) shutdown: CancellationToken,
    /// How people sign in, where they do.
    pub(crate) shared: Option<Arc<Shared>>,
    /// The terminals that are open.
    pub(crate) terminals: Terminals,
}

/// The address to open: it carries a secret and leads to a page whose address does not.
pub fn launch_url(address: SocketAddr, secret: &str) -> String {
    format!("http://{address}/?launch={secret}")
}

/// Serves the console until `shutdown` is cancelled and every request has ended.
pub async fn serve(engine: Engine, options: WebOptions, shutdown: CancellationToken) -> Result<(), WebError> {
    let address = options.listener.local_addr()?;
    let tls = match &options.door {
        Door::Local(_) if !address.ip().is_loopback() => return Err(WebError::NotLoopback(address)),
        Door::Local(_) => None,
        Door::Shared(shared) => shared.tls.clone(),
    };
    let terminals = Terminals::default();
    let router = router_with(engine, address, options.door, (shutdown.clone(), terminals.clone()))?
        .layer(middleware::from_fn_with_state(options.metrics, observe));
    listen::serve(options.listener, tls, router, shutdown).await;
    // Their ends are recorded, too.
    terminals.ended().await;
    Ok(())
}

/// All routes behind the guard, as if they listened on `address`.
pub fn router(
    engine: Engine,
    address: SocketAddr,
    door: Door,
    shutdown: CancellationToken,
) -> Result<Router, WebError> {
    router_with(engine, address, door, (shutdown, Terminals::default()))
}

fn router_with(
    engine: Engine,
    address: SocketAddr,
    door: Door,
    (shutdown, terminals): (CancellationToken, Terminals),
) -> Result<Router, WebError> {
    let (guard, shared) = match door {
        Door::Local(secret) => (Guard::Local(Local::new(address, Sessions::new(secret, address.port()))), None),
        Door::Shared(options) => {
            let shared = Arc::new(Shared::new(engine.clone(), *options, terminals.streams.clone())?);
            (Guard::Shared(Arc::clone(&shared)), Some(shared))
        }
    };
    let mut routes = pages()
        .into_iter()
        .fold(Router::new(), |router, (path, handler)| router.route(path, handler))
        .merge(api::routes());
    if shared.is_some() {
        routes = sign_in().into_iter().fold(routes, |router, (path, handler)| router.route(path, handler));
    }
    let router = routes
        .fallback(pages::missing::show)
        .method_not_allowed_fallback(pages::missing::method)
        .with_state(Web { engine, shutdown, shared, terminals })
        // A later layer stands further out: nothing above is reached without passing the guard, the fallback included.
        .layer(middleware::from_fn_with_state(Arc::new(guard), check))
        // What pages say is marked in one place, refusals included.
        .layer(middleware::from_fn(unseen::marked))
        // What it lets out is made small on its last steps, the last word of a stream included.
        .layer(middleware::from_fn(compress));
    Ok(router)
}

/// The routes by which people come and go.
pub(crate) fn sign_in() -> [(&'static str, MethodRouter<Web>); 4] {
    let small = || DefaultBodyLimit::max(LONGEST_FORM);
    [
        ("/sign-in", get(pages::sign_in::show).post(pages::sign_in::token).layer(small())),
        ("/sign-in/{cluster}/openid", get(pages::sign_in::openid)),
        ("/sign-in/{cluster}/callback", get(pages::sign_in::callback)),
        ("/sign-out", post(pages::sign_in::sign_out).layer(small())),
    ]
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
        ("/c/{cluster}/terminal/{namespace}/{pod}", get(terminal::open)),
        ("/c/{cluster}/terminal/{namespace}/{pod}/go-on", post(terminal::go_on)),
        ("/c/{cluster}/live", get(live::follow)),
        ("/c/{cluster}/palette", get(pages::palette::show)),
        ("/c/{cluster}/complete", get(pages::complete::show)),
        ("/all/complete", get(pages::complete::show_all)),
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
