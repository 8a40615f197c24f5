//! The yardstick: kube-rs over all pods of a cluster. `kube-reflector store` keeps them as its plain reflector store does;
//! `kube-reflector watch` decodes and drops them, and prints the stamp of each change with the time at which it was decoded.
//!
//! Prints one JSON line when the first list is complete, then lives until its input ends.

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use futures::StreamExt;
use kube::api::{ApiResource, DynamicObject};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::{self, Event};
use kube::{Api, Client, Config};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, kubeconfig] = arguments.as_slice() else {
        return Err("usage: kube-reflector store|watch KUBECONFIG".into());
    };
    rustls::crypto::ring::default_provider().install_default().map_err(|_| "a TLS provider is installed already")?;
    let config =
        Config::from_custom_kubeconfig(Kubeconfig::read_from(kubeconfig)?, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let pods = ApiResource::from_gvk(&kube::core::GroupVersionKind::gvk("", "v1", "Pod"));
    let api: Api<DynamicObject> = Api::all_with(client, &pods);
    let follow = async {
        match mode.as_str() {
            "store" => store(api, pods).await,
            _ => watch(api).await,
        }
    };
    let mut rest = Vec::new();
    let mut input = tokio::io::stdin();
    tokio::select! {
        done = follow => done,
        ended = input.read_to_end(&mut rest) => { ended?; Ok(()) }
    }
}

fn say(line: &serde_json::Value) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()?;
    Ok(())
}

async fn store(api: Api<DynamicObject>, pods: ApiResource) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let writer = Writer::new(pods);
    let reader = writer.as_reader();
    let mut stream = std::pin::pin!(reflector::reflector(writer, watcher::watcher(api, watcher::Config::default())));
    while let Some(event) = stream.next().await {
        if matches!(event?, Event::InitDone) {
            say(&serde_json::json!({"objects": reader.len(), "seconds": started.elapsed().as_secs_f64()}))?;
        }
    }
    Ok(())
}

async fn watch(api: Api<DynamicObject>) -> Result<(), Box<dyn Error>> {
    let (started, mut objects) = (Instant::now(), 0_u64);
    let mut stream = std::pin::pin!(watcher::watcher(api, watcher::Config::default()));
    while let Some(event) = stream.next().await {
        match event? {
            Event::InitApply(_) => objects += 1,
            Event::InitDone => {
                say(&serde_json::json!({"objects": objects, "seconds": started.elapsed().as_secs_f64()}))?
            }
            Event::Apply(pod) => {
                let stamp = pod.data.pointer("/status/containerStatuses/0/restartCount").cloned();
                let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
                say(&serde_json::json!(BTreeMap::from([
                    ("stamp", stamp),
                    ("micros", Some(serde_json::json!(now as u64)))
                ])))?;
            }
            _ => {}
        }
    }
    Ok(())
}
