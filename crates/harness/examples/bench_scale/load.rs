//! Makes the load: parallel POSTs to the API server, as controllers and kubelets make them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pilothouse_harness::{Api, crds};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::outcome::Outcome;
use crate::population::Population;

/// Connections to the API server, and requests under way on each.
const CONNECTIONS: usize = 8;
const UNDER_WAY: usize = 8;
/// How often a request is tried before the load is given up.
const TRIES: u64 = 8;

pub(crate) const KUBELET: &str = "kubelet/v1.33.1 (linux/amd64)";
pub(crate) const CONTROLLERS: &str = "kube-controller-manager/v1.33.1 (linux/amd64)";

/// One request.
pub(crate) struct Write {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Value,
    /// Who says that it is: the name under which the fields are managed.
    pub(crate) agent: &'static str,
}

impl Write {
    pub(crate) fn create(path: String, body: Value) -> Self {
        Self { method: Method::POST, path, body, agent: CONTROLLERS }
    }

    fn status(path: String, status: &Value) -> Self {
        Self { method: Method::PATCH, path, body: json!({ "status": status }), agent: CONTROLLERS }
    }
}

/// Writes over several connections.
#[derive(Clone)]
pub(crate) struct Writer {
    connections: Vec<Api>,
}

impl Writer {
    pub(crate) fn new(api: &Api) -> Self {
        Self { connections: (0..CONNECTIONS).map(|_| Api::new(api.credential().clone())).collect() }
    }

    /// The connection for the request of this number.
    pub(crate) fn connection(&self, number: u64) -> &Api {
        &self.connections[(number % CONNECTIONS as u64) as usize]
    }

    /// Sends a request for every number below `count`, several at once; gives the uids of what came back.
    async fn each<F>(&self, title: &str, count: u64, make: F) -> Outcome<Vec<String>>
    where
        F: Fn(u64) -> Option<Write> + Send + Sync + 'static,
    {
        let shared =
            Arc::new((AtomicU64::new(0), AtomicU64::new(0), Mutex::new(vec![String::new(); count as usize]), make));
        let mut tasks = JoinSet::new();
        for number in 0..CONNECTIONS * UNDER_WAY {
            let (api, shared) = (self.connections[number % CONNECTIONS].clone(), Arc::clone(&shared));
            tasks.spawn(async move {
                let (next, done, uids, make) = &*shared;
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return Outcome::Ok(());
                    }
                    if let Some(write) = make(number) {
                        let uid = patiently(&api, &write).await?;
                        uids.lock().map_err(|_| "another writer failed")?[number as usize] = uid;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let (started, mut told) = (Instant::now(), Instant::now());
        loop {
            tokio::select! {
                ended = tasks.join_next() => match ended {
                    Some(ended) => ended??,
                    None => break,
                },
                () = tokio::time::sleep(Duration::from_secs(1)) => {}
            }
            if told.elapsed() > Duration::from_secs(10) {
                told = Instant::now();
                let done = shared.1.load(Ordering::Relaxed);
                println!("  {title}: {done} of {count}, {:.0} a second", done as f64 / started.elapsed().as_secs_f64());
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        println!("  {title}: {count} in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
        let uids = std::mem::take(&mut *shared.2.lock().map_err(|_| "a writer failed")?);
        Ok(uids)
    }
}

async fn patiently(api: &Api, write: &Write) -> Outcome<String> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match send(api, write).await {
            Ok(uid) => return Ok(uid),
            Err(error) if attempt == TRIES => return Err(format!("{} {}: {error}", write.method, write.path).into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100 << attempt)).await,
        }
    }
}

/// Sends one request; gives the uid of the object that came back.
pub(crate) async fn send(api: &Api, write: &Write) -> Outcome<String> {
    #[derive(serde::Deserialize)]
    struct Named {
        metadata: Uid,
    }
    #[derive(serde::Deserialize)]
    struct Uid {
        uid: String,
    }
    let kind = if write.method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
    let request = api.request(write.method.clone(), &write.path).header("content-type", kind);
    let response = request.header("user-agent", write.agent).body(serde_json::to_vec(&write.body)?).send().await?;
    let status = response.status().as_u16();
    let mut body = response.bytes().await?;
    if status == 409 && write.method == Method::POST {
        // An earlier attempt arrived although its answer did not.
        let name = write.body.pointer("/metadata/name").and_then(Value::as_str).ok_or("the object has no name")?;
        body = api
            .request(Method::GET, &format!("{}/{name}", write.path))
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
    } else if !(200..300).contains(&status) {
        return Err(
            format!("{status}: {}", String::from_utf8_lossy(&body).chars().take(400).collect::<String>()).into()
        );
    }
    let named: Named = serde_json::from_slice(&body)?;
    Ok(named.metadata.uid)
}

/// Writes the whole population.
pub(crate) async fn fill(api: &Api, population: &Population) -> Outcome<()> {
    let started = Instant::now();
    crds::install(api, &crds::kubeflow()).await;
    let writer = Writer::new(api);
    let named = |name: String| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": name}}});
    let all = population.clone();
    writer
        .each("namespaces", population.namespaces(), move |number| {
            Some(Write::create("/api/v1/namespaces".to_owned(), named(Population::namespace(number))))
        })
        .await?;
    let people = all.clone();
    writer
        .each("nodes", population.nodes(), move |number| {
            Some(Write::create("/api/v1/nodes".to_owned(), people.node(number)))
        })
        .await?;
    let tops = {
        let all = all.clone();
        let top = move |number| {
            let workload = all.workload(number);
            Some(Write::create(workload.kind.collection(&workload.namespace), all.top(number)))
        };
        writer.each("workloads", population.workloads(), top).await?
    };
    {
        let all = all.clone();
        let status = move |number| {
            let workload = all.workload(number);
            let path = format!("{}/{}/status", workload.kind.collection(&workload.namespace), workload.name);
            Some(Write::status(path, &all.top_status(number)))
        };
        writer.each("states of workloads", population.workloads(), status).await?;
    }
    let owners = Arc::new(below(&writer, &all, tops).await?);
    let pods = {
        let all = all.clone();
        let pod = move |number: u64| {
            let path = format!("/api/v1/namespaces/{}/pods", all.pod_workload(number).namespace);
            Some(Write::create(path, all.pod(number, &owners[(number / crate::population::PODS_EACH) as usize])))
        };
        Arc::new(writer.each("pods", population.pods, pod).await?)
    };
    {
        let all = all.clone();
        writer.each("states of pods", population.pods, move |number| Some(pod_status(&all, number, None))).await?;
    }
    let event = move |number: u64| {
        let pod = number % all.pods;
        let path = format!("/api/v1/namespaces/{}/events", all.pod_workload(pod).namespace);
        Some(Write { agent: KUBELET, ..Write::create(path, all.event(number, &pods[pod as usize])) })
    };
    writer.each("events", population.events(), event).await?;
    println!("  loaded in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// Creates what stands between workloads and pods; gives the uid of each workload's owner of pods.
async fn below(writer: &Writer, all: &Population, tops: Vec<String>) -> Outcome<Vec<String>> {
    let (population, owners) = (all.clone(), Arc::new(tops));
    let known = Arc::clone(&owners);
    let middle = move |number: u64| {
        let workload = population.workload(number);
        let object = population.middle(number, &known[number as usize])?;
        Some(Write::create(workload.owner().collection(&workload.namespace), object))
    };
    let mut middles = writer.each("what they own", all.workloads(), middle).await?;
    for (middle, top) in middles.iter_mut().zip(owners.iter()) {
        if middle.is_empty() {
            middle.clone_from(top);
        }
    }
    Ok(middles)
}

/// The kubelet's word about a pod.
pub(crate) fn pod_status(population: &Population, number: u64, restarts: Option<u64>) -> Write {
    let namespace = population.pod_workload(number).namespace;
    let path = format!("/api/v1/namespaces/{namespace}/pods/{}/status", population.pod_name(number));
    Write { agent: KUBELET, ..Write::status(path, &population.pod_status(number, restarts)) }
}
