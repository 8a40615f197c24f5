//! How the console itself fares, for probes and for Prometheus: on a listener of its own, apart from the door for people.
//!
//! The listener tells no names of objects, people or namespaces. It has no session: who may reach it is decided by where it
//! listens.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use pilothouse_app::{ClusterFigures, Engine};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Upper bounds of the classes of answering times, in seconds.
const BOUNDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// What is counted of the requests of people and scripts. Clones count together.
#[derive(Clone, Debug)]
pub struct Metrics {
    requests: Family<Answered, Counter>,
    seconds: Family<Asked, Histogram, fn() -> Histogram>,
}

/// Requests of one route with one outcome.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    route: String,
    method: String,
    code: u16,
}

/// Requests of one route.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    route: String,
}

/// One cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCluster {
    cluster: String,
}

/// One kind of objects of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfResource {
    cluster: String,
    resource: String,
}

type Gauges<L> = Family<L, Gauge<f64, AtomicU64>>;

impl Default for Metrics {
    fn default() -> Self {
        Self { requests: Family::default(), seconds: Family::new_with_constructor(|| Histogram::new(BOUNDS)) }
    }
}

/// Counts a request and writes a line about it. The line holds no query: secrets travel there.
pub(crate) async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let route = path.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let method = known(request.method());
    let response = next.run(request).await;
    let code = response.status().as_u16();
    let seconds = began.elapsed().as_secs_f64();
    tracing::info!(target: "pilothouse::request", method, route, code, seconds, "answered");
    metrics.seconds.get_or_create(&Asked { route: route.clone() }).observe(seconds);
    metrics.requests.get_or_create(&Answered { route, method: method.to_owned(), code }).inc();
    response
}

/// The method; those that anybody may make up count as one.
fn known(method: &Method) -> &'static str {
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    methods.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

impl Metrics {
    /// Everything in Prometheus' text format.
    fn exposition(&self, clusters: &[ClusterFigures]) -> Result<String, std::fmt::Error> {
        let mut registry = Registry::with_prefix("pilothouse");
        registry.register("requests", "Requests answered", self.requests.clone());
        registry.register_with_unit(
            "request_duration",
            "Time until the head of an answer; streams go on after it",
            Unit::Seconds,
            self.seconds.clone(),
        );
        register_clusters(&mut registry, clusters);
        register_process(&mut registry);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

fn register_clusters(registry: &mut Registry, clusters: &[ClusterFigures]) {
    let mut per_cluster = |name: &str, help: &str, value: fn(&ClusterFigures) -> Option<f64>| {
        let gauges = Gauges::<OfCluster>::default();
        for figures in clusters {
            if let Some(value) = value(figures) {
                gauges.get_or_create(&OfCluster { cluster: figures.cluster.to_string() }).set(value);
            }
        }
        registry.register(name, help, gauges);
    };
    per_cluster("cluster_up", "Whether the API server answers", |figures| {
        Some(f64::from(u8::from(figures.connected?)))
    });
    per_cluster("watches", "Watches that are kept open", |figures| Some(figures.watches as f64));
    per_cluster("windows", "Windows that people look through", |figures| Some(figures.windows as f64));
    let objects = Gauges::<OfResource>::default();
    let bytes = Gauges::<OfResource>::default();
    let lag = Gauges::<OfResource>::default();
    for figures in clusters {
        for table in &figures.tables {
            let labels = OfResource { cluster: figures.cluster.to_string(), resource: table.resource.clone() };
            objects.get_or_create(&labels).inc_by(table.objects as f64);
            bytes.get_or_create(&labels).inc_by(table.bytes as f64);
            if let Some(seconds) = table.silent {
                let oldest = lag.get_or_create(&labels).get().max(seconds);
                lag.get_or_create(&labels).set(oldest);
            }
        }
    }
    registry.register("objects", "Objects that are known", objects);
    registry.register_with_unit("object", "Size of the objects as they are kept, compressed", Unit::Bytes, bytes);
    registry.register_with_unit("lag", "Time since a watch last gave a sign of life", Unit::Seconds, lag);
}

/// What Linux tells of the process; nothing where there is no such file.
fn register_process(registry: &mut Registry) {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return };
    let kibibytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    if let Some(kibibytes) = kibibytes {
        let kibibytes: f64 = kibibytes;
        let resident = Gauge::<f64, AtomicU64>::default();
        resident.set(kibibytes * 1024.0);
        registry.register_with_unit("resident_memory", "Memory that the process holds", Unit::Bytes, resident);
    }
}

/// What the listener for probes shares.
#[derive(Clone)]
struct Probed {
    engine: Engine,
    metrics: Metrics,
    shutdown: CancellationToken,
}

/// Answers probes and Prometheus until `ended`: `/livez`, `/readyz`, `/metrics`. It says that the console is not ready from
/// `shutdown` on, so that nobody is sent to it any more while it ends.
pub async fn serve_probes(
    engine: Engine,
    metrics: Metrics,
    listener: TcpListener,
    (shutdown, ended): (CancellationToken, CancellationToken),
) -> std::io::Result<()> {
    let router = probes(engine, metrics, shutdown);
    axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned()).await
}

fn probes(engine: Engine, metrics: Metrics, shutdown: CancellationToken) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route("/metrics", get(show))
        .with_state(Probed { engine, metrics, shutdown })
}

/// Ready means that people can be served: clusters that do not answer are told on pages, and are no reason to turn away.
async fn ready(State(probed): State<Probed>) -> Response {
    if probed.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "ending\n").into_response();
    }
    "ok\n".into_response()
}

async fn show(State(probed): State<Probed>) -> Response {
    match probed.metrics.exposition(&probed.engine.figures()) {
        Ok(text) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http_body_util::BodyExt;
    use pilothouse_app::TableFigures;
    use pilothouse_model::ClusterId;
    use tower::ServiceExt;

    use super::*;
    use crate::tests::engine;

    #[test]
    fn tables_of_one_resource_are_told_together() {
        let table =
            |objects, silent| TableFigures { resource: "pods".to_owned(), objects, bytes: objects * 100, silent };
        let figures = ClusterFigures {
            cluster: ClusterId::new("prod"),
            connected: Some(true),
            watches: 2,
            windows: 7,
            tables: vec![table(3, Some(4.5)), table(2, None)],
        };
        let text = Metrics::default().exposition(&[figures]).unwrap();
        for line in [
            "pilothouse_cluster_up{cluster=\"prod\"} 1.0",
            "pilothouse_watches{cluster=\"prod\"} 2.0",
            "pilothouse_windows{cluster=\"prod\"} 7.0",
            "pilothouse_objects{cluster=\"prod\",resource=\"pods\"} 5.0",
            "pilothouse_object_bytes{cluster=\"prod\",resource=\"pods\"} 500.0",
            "pilothouse_lag_seconds{cluster=\"prod\",resource=\"pods\"} 4.5",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[tokio::test]
    async fn requests_are_counted_by_route_and_never_by_what_they_ask() {
        let metrics = Metrics::default();
        let router = Router::new()
            .route("/c/{cluster}", get(async || "ok"))
            .layer(axum::middleware::from_fn_with_state(metrics.clone(), observe));
        for path in ["/c/prod?launch=s3cret", "/c/dev", "/nowhere"] {
            router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        }
        for made_up in 0..100 {
            let method = format!("MADE-UP-{made_up}");
            router
                .clone()
                .oneshot(Request::builder().method(&*method).uri("/x").body(Body::empty()).unwrap())
                .await
                .unwrap();
        }
        let text = metrics.exposition(&[]).unwrap();
        assert!(!text.contains("MADE-UP"), "nobody fills our memory with methods: {text}");
        for line in [
            "pilothouse_requests_total{route=\"/c/{cluster}\",method=\"GET\",code=\"200\"} 2",
            "pilothouse_requests_total{route=\"none\",method=\"GET\",code=\"404\"} 1",
            "pilothouse_request_duration_seconds_count{route=\"/c/{cluster}\"} 2",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("s3cret") && !text.contains("prod"), "{text}");
    }

    #[tokio::test]
    async fn who_is_ending_lives_and_is_not_ready() {
        let (engine, _folder) = engine();
        let shutdown = CancellationToken::new();
        let router = probes(engine, Metrics::default(), shutdown.clone());
        let ask = async |path: &str| {
            let answer = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
            let status = answer.status().as_u16();
            (status, String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
        };
        assert_eq!(ask("/livez").await.0, 200);
        assert_eq!(ask("/readyz").await.0, 200);
        let (status, text) = ask("/metrics").await;
        assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
        assert_eq!(ask("/").await.0, 404, "nothing else is here");
        shutdown.cancel();
        assert_eq!(ask("/livez").await.0, 200);
        assert_eq!(ask("/readyz").await.0, 503);
    }
}
