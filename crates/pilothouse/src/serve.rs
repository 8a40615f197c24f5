//! `pilothouse serve`: the web console over the clusters of a kubeconfig, on loopback.

use std::ffi::OsStr;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pilothouse_app::{Contexts, Engine};
use pilothouse_web::{Door, LaunchSecret, Metrics, WebOptions, launch_url, serve_probes};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

use crate::allocator;
use crate::arguments::{Arguments, ClusterArguments, Command, ListenArguments, LogFormat, ServeArguments};
use crate::audit;
use crate::failure::Failure;
use crate::log::OneLine;

mod shared;

/// The port that the console takes when nobody says otherwise and it is free.
const PORT: u16 = 7070;
/// How long what is under way may take to end once the end was asked for.
pub(crate) const FAREWELL: Duration = Duration::from_secs(5);

/// What every command needs before it begins: a log on standard error, and the one TLS provider.
pub(crate) fn prepare(arguments: &Arguments) -> Result<(), Failure> {
    // A command that ends with a message of its own needs no second voice.
    let usual = match arguments.command {
        Command::Serve(_) | Command::Demo(_) => "warn",
        _ => "off",
    };
    let filter = filter(std::env::var_os("PILOTHOUSE_LOG").as_deref(), usual)?;
    // Colours are for a terminal, and for who wants them; a file gets plain lines.
    let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(OneLine { colours });
    match log_format(arguments) {
        LogFormat::Text => log.with_ansi(colours).init(),
        LogFormat::Json => log.json().flatten_event(true).with_current_span(false).with_span_list(false).init(),
    }
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| Failure::Other("a TLS provider is installed already".to_owned()))
}

/// What the log tells: what somebody wants of it, or the usual.
fn filter(wanted: Option<&OsStr>, usual: &str) -> Result<EnvFilter, Failure> {
    let wanted = wanted.filter(|wanted| !wanted.is_empty()).map(OsStr::to_string_lossy);
    let mut told = wanted.as_deref().unwrap_or(usual).to_owned();
    // kube's client tells of failed requests itself; the console does, too, with more to say. Who wants it asks for it.
    if !told.contains("kube") {
        told += ",kube_client=off";
    }
    EnvFilter::try_new(told).map_err(|error| {
        Failure::Other(format!(
            "PILOTHOUSE_LOG does not say what the log is to tell: {error}; write info, or warn,kube=debug"
        ))
    })
}

fn log_format(arguments: &Arguments) -> LogFormat {
    match &arguments.command {
        Command::Serve(options) => options.listen.log_format,
        Command::Demo(options) => options.listen.log_format,
        _ => LogFormat::Text,
    }
}

/// Opens the console for the clusters of a kubeconfig.
pub(crate) async fn run(cluster: &ClusterArguments, options: &ServeArguments) -> Result<(), Failure> {
    let contexts = Contexts::load(cluster.kubeconfig.clone(), cluster.context.clone())?;
    if options.shared.shared {
        return shared::run(contexts, options, stopped()?).await;
    }
    console(contexts, &options.listen, stopped()?).await
}

/// Listens, says where, and serves until `stop`.
pub(crate) async fn console(
    contexts: Contexts,
    options: &ListenArguments,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let listener = listen(options.listen, false).await?;
    let address = listener.local_addr()?;
    let engine = Engine::new(contexts);
    audit::begin(engine.audit(), &options.audit, false)?;
    // Connecting begins now, so that the first page has something to show.
    engine.cluster(engine.current().as_str())?;
    let secret = LaunchSecret::generate();
    let mut out = std::io::stdout();
    writeln!(out, "Pilothouse is open at {}", launch_url(address, secret.reveal()))?;
    out.flush()?;
    // The arguments of the program that opens the browser are for all to read: they get a secret of their own.
    if !options.no_open
        && let Err(error) = opener::open_browser(launch_url(address, &secret.for_browser()))
    {
        tracing::info!("no browser could be opened: {error}");
    }
    open(engine, (listener, Door::Local(secret)), options, stop).await
}

/// Serves until `stop`, and lets what is under way come to its end.
async fn open(
    engine: Engine,
    (listener, door): (TcpListener, Door),
    options: &ListenArguments,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let metrics = Metrics::default();
    let ended = CancellationToken::new();
    if let Some(address) = options.probes {
        let probes = TcpListener::bind(address).await.map_err(|error| {
            Failure::Other(format!("cannot listen on {address}: {error}; choose another port with --probes"))
        })?;
        writeln!(std::io::stdout(), "Probes are answered at http://{}", probes.local_addr()?)?;
        let answering = serve_probes(engine.clone(), metrics.clone(), probes, (stop.clone(), ended.clone()));
        tokio::spawn(async move {
            if let Err(error) = answering.await {
                tracing::error!(%error, "probes are not answered any more");
            }
        });
    }
    tokio::spawn(allocator::look_through_pages());
    let serving = pilothouse_web::serve(engine.clone(), WebOptions { listener, door, metrics }, stop.clone());
    let served = within(&stop, FAREWELL, serving).await;
    engine.shutdown();
    ended.cancel();
    match served {
        Some(served) => served.map_err(|error| Failure::Other(error.to_string())),
        None => {
            tracing::warn!("some answers were cut off: they took too long to end");
            Ok(())
        }
    }
}

/// What `work` gives; `None` when it goes on for longer than `farewell` after `stop`.
pub(crate) async fn within<T>(
    stop: &CancellationToken,
    farewell: Duration,
    work: impl Future<Output = T>,
) -> Option<T> {
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(farewell).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = late => None,
    }
}

/// Ends when the person or the system says so. Who says it again does not want to wait: the program ends at once.
pub(crate) fn stopped() -> std::io::Result<CancellationToken> {
    let mut signals = Signals::listen()?;
    let stop = CancellationToken::new();
    let ended = stop.clone();
    tokio::spawn(async move {
        signals.next().await;
        ended.cancel();
        signals.next().await;
        std::process::exit(IMPATIENT);
    });
    Ok(stop)
}

/// What shells report of a program that an interrupt ended.
const IMPATIENT: i32 = 130;

/// The signals that mean the end. Listened for from the beginning: one that comes between two waits is not lost.
#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> std::io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}

async fn listen(address: Option<SocketAddr>, shared: bool) -> Result<TcpListener, Failure> {
    if let Some(address) = address {
        if !shared && !address.ip().is_loopback() {
            return Err(Failure::Other(format!(
                "the console listens on loopback only, and {address} is not; use 127.0.0.1:{}, or --shared for many people",
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;

    #[test]
    fn a_log_that_cannot_be_understood_is_not_taken_for_the_usual_one() {
        let told = |wanted: Option<&str>| filter(wanted.map(OsStr::new), "warn").map(|filter| filter.to_string());
        for (wanted, level) in [(Some("info"), "info"), (None, "warn"), (Some(""), "warn")] {
            let told = told(wanted).unwrap();
            assert!(told.contains("kube_client=off") && told.contains(level), "{wanted:?}: {told}");
        }
        assert!(!told(Some("warn,kube_client=debug")).unwrap().contains("off"), "who wants it gets it");
        for wrong in ["loud=7x", "info,,=="] {
            let why = told(Some(wrong));
            assert!(matches!(&why, Err(Failure::Other(why)) if why.contains("PILOTHOUSE_LOG")), "{wrong}: {why:?}");
        }
    }

    #[tokio::test]
    async fn what_does_not_end_is_left_after_the_farewell() {
        let stop = CancellationToken::new();
        let farewell = Duration::ZERO;
        assert_eq!(within(&stop, farewell, ready(7)).await, Some(7));
        stop.cancel();
        assert_eq!(within(&stop, farewell, pending::<u8>()).await, None);
        assert_eq!(within(&stop, farewell, ready(7)).await, Some(7), "what is done is never thrown away");
    }
}
