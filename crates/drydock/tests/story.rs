//! The story on the embedded server: every state that it promises comes to pass, and it ends when told.
#![expect(clippy::unwrap_used, reason = "a test fails loudly when a server is not as it should be")]

use std::time::{Duration, Instant};

use pilothouse_drydock::story::{Credential, Story, StoryHandle, StoryOptions, Target};
use pilothouse_drydock::{Options, Server};
use pilothouse_model::Read;
use serde_json::{Value, json};

use client::{Client, path_of};

/// Just enough of a client, apart so that the lints know it for test code.
#[cfg(test)]
mod client {
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use pilothouse_drydock::Server;
    use pilothouse_model::Read;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use serde_json::Value;

    /// Where the API serves an object of a collection.
    pub(super) fn path_of(collection: &str, object: &Value) -> String {
        let (root, plural) = collection.rsplit_once('/').unwrap();
        let (namespace, name) = (object.text("/metadata/namespace").unwrap(), object.text("/metadata/name").unwrap());
        format!("{root}/namespaces/{namespace}/{plural}/{name}")
    }

    pub(super) struct Client {
        http: reqwest::Client,
        url: String,
        token: String,
    }

    impl Client {
        pub(super) fn of(server: &Server) -> Self {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(server.certificate_authority().as_bytes()) {
                roots.add(certificate.unwrap()).unwrap();
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let tls = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let http = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
            Self { http, url: server.url(), token: server.token("admin").unwrap().to_owned() }
        }

        pub(super) async fn list(&self, path: &str) -> Vec<Value> {
            let request = self.http.get(format!("{}{path}", self.url)).bearer_auth(&self.token);
            let answer: Value = request.send().await.unwrap().json().await.unwrap();
            answer.items("/items").to_vec()
        }

        pub(super) async fn merge(&self, path: &str, patch: &Value) {
            let request = self.http.patch(format!("{}{path}", self.url)).bearer_auth(&self.token);
            let request = request.header("content-type", "application/merge-patch+json").body(patch.to_string());
            request.send().await.unwrap().error_for_status().unwrap();
        }

        /// Asks until some object of the list is as wanted; that object.
        pub(super) async fn until(&self, path: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
            let deadline = Instant::now() + Duration::from_secs(90);
            loop {
                let all = self.list(path).await;
                if let Some(found) = all.iter().find(|object| wanted(object)) {
                    return found.clone();
                }
                assert!(Instant::now() < deadline, "{path}: none of {} is {what}", all.len());
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn is(object: &Value, kind: &str) -> bool {
    object
        .items("/status/conditions")
        .iter()
        .any(|one| one.text("/type") == Some(kind) && one.text("/status") == Some("True"))
}

const PODS: &str = "/api/v1/pods";
const NOTEBOOKS: &str = "/apis/kubeflow.org/v1/notebooks";
const TRAIN_JOBS: &str = "/apis/trainer.kubeflow.org/v1alpha1/trainjobs";

/// A story on a cluster of its own.
async fn told(speed: f64) -> (Server, Client, StoryHandle) {
    let server = Server::start(Options::default()).await.unwrap();
    let client = Client::of(&server);
    let target = Target {
        url: server.url(),
        ca_pem: server.certificate_authority().as_bytes().to_vec(),
        credential: Credential::Token(server.token("admin").unwrap().to_owned()),
    };
    let story = Story::start(target, StoryOptions { seed: 1, speed, ..StoryOptions::default() }).await.unwrap();
    (server, client, story)
}

/// All moments that an object's status tells, to the second.
fn moments(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => vec![text[..19].to_owned()],
        Value::Array(items) => items.iter().flat_map(moments).collect(),
        Value::Object(fields) => fields.values().flat_map(moments).collect(),
        _ => Vec::new(),
    }
}

/// Since when it exists, to the second.
fn made(object: &Value) -> &str {
    &object.text("/metadata/creationTimestamp").unwrap()[..19]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_older_than_what_it_is_in_or_tells_of_what_was_before_it() {
    let (server, client, story) = told(1.0).await;
    let workflows = "/apis/argoproj.io/v1alpha1/workflows";
    let experiments = "/apis/kubeflow.org/v1beta1/experiments";
    client.until(workflows, "of the past", |one| one.text("/status/phase") == Some("Succeeded")).await;
    client.until(experiments, "of the past", |one| is(one, "Failed")).await;
    let mut all = Vec::new();
    for path in
        [PODS, "/apis/batch/v1/jobs", "/apis/jobset.x-k8s.io/v1alpha2/jobsets", TRAIN_JOBS, workflows, experiments]
    {
        all.extend(client.list(path).await);
    }
    all.extend(client.list("/apis/kubeflow.org/v1beta1/trials").await);
    let places = [client.list("/api/v1/namespaces").await, client.list("/api/v1/nodes").await].concat();
    let events = client.list("/api/v1/events").await;
    let mut owned = 0;
    for object in &all {
        let what = format!("{} {}", object.text("/metadata/name").unwrap(), made(object));
        for at in ["/metadata/namespace", "/spec/nodeName"] {
            let place = places.iter().find(|place| place.text("/metadata/name") == object.text(at));
            assert!(place.is_none_or(|place| made(place) <= made(object)), "{what}: {place:?}");
        }
        let owner = object.text("/metadata/ownerReferences/0/uid");
        let owner = all.iter().find(|one| owner.is_some() && one.text("/metadata/uid") == owner);
        assert!(owner.is_none_or(|owner| made(owner) <= made(object)), "{what}: {owner:?}");
        owned += usize::from(owner.is_some());
        let earlier = moments(&object["status"]).into_iter().find(|moment| &**moment < made(object));
        assert_eq!(earlier, None, "{what}");
        let uid = object.text("/metadata/uid");
        let heard = events.iter().find(|event| event.text("/involvedObject/uid") == uid && uid.is_some());
        let goes_on = |event: &Value| ["BackOff", "Failed"].map(Some).contains(&event.text("/reason"));
        let past = object
            .pointer("/metadata/annotations")
            .is_some_and(|notes| notes["drydock.pilothouse.dev/began"].is_string());
        assert!(!past || heard.is_none_or(goes_on), "{what}: {heard:?}");
    }
    for experiment in client.list(experiments).await {
        let uid = experiment.text("/metadata/uid");
        let trials: Vec<&Value> = all.iter().filter(|one| one.text("/metadata/ownerReferences/0/uid") == uid).collect();
        let times =
            trials.iter().map(|trial| ["startTime", "completionTime"].map(|name| trial["status"][name].as_str()));
        let times: Vec<_> = times.collect();
        let parallel = usize::try_from(experiment.integer("/spec/parallelTrialCount").unwrap()).unwrap();
        for [start, _] in &times {
            let at_once =
                times.iter().filter(|[other, end]| other <= start && end.is_none_or(|end| Some(end) > *start));
            assert!(at_once.count() <= parallel, "{}: {times:?}", experiment["metadata"]["name"]);
        }
    }
    let now = jiff::Timestamp::now();
    let old = |object: &&Value| {
        object.time("/metadata/creationTimestamp").is_some_and(|made| now.duration_since(made).as_hours() > 0)
    };
    assert!(owned > 20 && all.iter().filter(old).count() > 50, "{owned} of {}", all.len());
    story.stop().await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_promised_state_comes_to_pass() {
    let (server, client, story) = told(6.0).await;

    let waiting = |reason: &'static str| {
        move |pod: &Value| pod.text("/status/containerStatuses/0/state/waiting/reason") == Some(reason)
    };
    client.until(PODS, "waiting for its image", waiting("ImagePullBackOff")).await;
    client.until(PODS, "in a crash loop", waiting("CrashLoopBackOff")).await;
    client.until(PODS, "evicted", |pod| pod.text("/status/reason") == Some("Evicted")).await;
    let killed = |pod: &Value| pod.text("/status/containerStatuses/0/state/terminated/reason") == Some("OOMKilled");
    client.until(PODS, "out of memory", killed).await;
    let unscheduled = |pod: &Value| {
        pod.items("/status/conditions").iter().any(|one| {
            one.text("/reason") == Some("Unschedulable")
                && one.text("/message").is_some_and(|text| text.starts_with("0/14 nodes"))
        })
    };
    client.until(PODS, "unschedulable", unscheduled).await;
    let quota =
        |event: &Value| event.text("/message").is_some_and(|text| text.contains("exceeded quota: kf-resource-quota"));
    client.until("/api/v1/events", "about quota", quota).await;
    client.until(TRAIN_JOBS, "complete", |job| is(job, "Complete")).await;
    client.until(TRAIN_JOBS, "failed", |job| is(job, "Failed")).await;
    client.until(TRAIN_JOBS, "suspended", |job| is(job, "Suspended")).await;
    client.until("/apis/kubeflow.org/v1beta1/experiments", "succeeded", |one| is(one, "Succeeded")).await;
    let phase = |phase: &'static str| move |one: &Value| one.text("/status/phase") == Some(phase);
    client.until("/apis/argoproj.io/v1alpha1/workflows", "succeeded", phase("Succeeded")).await;
    client.until("/apis/argoproj.io/v1alpha1/workflows", "failed", phase("Failed")).await;
    let spark = |app: &Value| app.text("/status/applicationState/state") == Some("COMPLETED");
    client.until("/apis/sparkoperator.k8s.io/v1beta2/sparkapplications", "completed", spark).await;
    let lost = |node: &Value| {
        node.items("/status/conditions")
            .iter()
            .any(|one| one.text("/type") == Some("Ready") && one.text("/status") == Some("Unknown"))
    };
    client.until("/api/v1/nodes", "lost", lost).await;

    // A person stops a notebook, and its pod goes.
    let calm = |one: &Value| {
        one.integer("/status/readyReplicas") == Some(1)
            && one.text("/metadata/labels/platform.example.com~1purpose") == Some("explore")
    };
    let notebook = client.until(NOTEBOOKS, "ready", calm).await;
    let stop = json!({"metadata": {"annotations": {"kubeflow-resource-stopped": "2026-01-01T00:00:00Z"}}});
    client.merge(&path_of(NOTEBOOKS, &notebook), &stop).await;
    let name = notebook.text("/metadata/name").unwrap().to_owned();
    let stopped =
        |one: &Value| one.text("/metadata/name") == Some(&name) && one.integer("/status/readyReplicas") == Some(0);
    client.until(NOTEBOOKS, "stopped", stopped).await;

    // A person suspends a TrainJob, and its pods go.
    let running = |one: &Value| one.text("/metadata/labels/platform.example.com~1purpose") == Some("foundation");
    let job = client.until(TRAIN_JOBS, "the foundation run", running).await;
    client.merge(&path_of(TRAIN_JOBS, &job), &json!({"spec": {"suspend": true}})).await;
    let name = job.text("/metadata/name").unwrap().to_owned();
    let deadline = Instant::now() + Duration::from_secs(60);
    let its_pods = format!("{PODS}?labelSelector=jobset.sigs.k8s.io/jobset-name%3D{name}");
    while !client.list(&its_pods).await.is_empty() {
        assert!(Instant::now() < deadline, "the pods of a suspended TrainJob stay");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    story.stop().await;
    server.shutdown().await;
}
