//! `pilothouse serve`: the web console over the clusters of a kubeconfig, on loopback.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use pilothouse_app::{Contexts, Engine};
use pilothouse_web::{LaunchSecret, WebOptions};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::arguments::{Arguments, ClusterArguments, Command, ServeArguments};
use crate::failure::Failure;

/// The port that the console takes when nobody says otherwise and it is free.
const PORT: u16 = 7070;

/// What every command needs before it begins: a log on standard error, and the one TLS provider.
pub(crate) fn prepare(arguments: &Arguments) -> Result<(), Failure> {
    // A command that ends with a message of its own needs no second voice.
    let usual = match arguments.command {
        // kube's client tells of failed requests itself; the console does, too, with more to say.
        Command::Serve(_) | Command::Demo(_) => "warn,kube_client=off",
        _ => "off",
    };
    let filter = EnvFilter::try_from_env("PILOTHOUSE_LOG").unwrap_or_else(|_| EnvFilter::new(usual));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Failure::Other("a TLS provider is installed already".to_owned()))
}

/// Opens the console for the clusters of a kubeconfig.
pub(crate) async fn run(cluster: &ClusterArguments, options: &ServeArguments) -> Result<(), Failure> {
    let contexts = Contexts::load(cluster.kubeconfig.clone(), cluster.context.clone())?;
    console(contexts, options, stopped()).await
}

/// Listens, says where, and serves until `stop`.
pub(crate) async fn console(
    contexts: Contexts,
    options: &ServeArguments,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let listener = listen(options.listen).await?;
    let address = listener.local_addr()?;
    let engine = Engine::new(contexts);
    // Connecting begins now, so that the first page has something to show.
    engine.cluster(engine.current().as_str())?;
    let secret = LaunchSecret::generate();
    let url = format!("http://{address}/?launch={}", secret.reveal());
    let mut out = std::io::stdout();
    writeln!(out, "Pilothouse is open at {url}")?;
    out.flush()?;
    if !options.no_open
        && let Err(error) = opener::open_browser(&url)
    {
        tracing::info!("no browser could be opened: {error}");
    }
    let served = pilothouse_web::serve(engine.clone(), WebOptions { listener, secret }, stop).await;
    engine.shutdown();
    served.map_err(|error| Failure::Other(error.to_string()))
}

/// Ends when the person or the system says so.
pub(crate) fn stopped() -> CancellationToken {
    let stop = CancellationToken::new();
    let ended = stop.clone();
    tokio::spawn(async move {
        if let Err(error) = signal().await {
            tracing::error!("cannot listen for signals: {error}");
            return;
        }
        ended.cancel();
    });
    stop
}

#[cfg(unix)]
async fn signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

async fn listen(address: Option<SocketAddr>) -> Result<TcpListener, Failure> {
    if let Some(address) = address {
        if !address.ip().is_loopback() {
            return Err(Failure::Other(format!(
                "the console listens on loopback only, and {address} is not; use 127.0.0.1:{}",
                address.port()
            )));
        }
        return TcpListener::bind(address).await.map_err(|error| {
            Failure::Other(format!("cannot listen on {address}: {error}; choose another port with --listen"))
        });
    }
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, PORT));
    match TcpListener::bind(usual).await {
        Ok(listener) => Ok(listener),
        Err(_taken) => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?),
    }
}
