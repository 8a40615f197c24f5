//! `pilothouse logs`: what containers print.

use std::io::{IsTerminal, Write};

use futures::StreamExt;
use pilothouse_app::{Cluster, Containers, Lines, LogOptions};
use pilothouse_model::Object;

use crate::arguments::ClusterArguments;
use crate::arguments::act::LogsArguments;
use crate::ask::{PATIENCE, cluster, kind_and_name};
use crate::failure::Failure;
use crate::plain::{plain, say};

/// Prints a log.
pub(crate) async fn run(arguments: &ClusterArguments, options: &LogsArguments) -> Result<(), Failure> {
    let (kind, name) = match kind_and_name(&options.object)? {
        (kind, Some(name)) => (kind, name),
        (name, None) => ("pods", name),
    };
    let cluster = cluster(arguments)?;
    let namespace = options.namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
    let pod = pod(&cluster, kind, &namespace, name).await?;
    let container = match &options.container {
        Some(container) => Some(container.clone()),
        None => {
            let containers = Containers::of(&pod);
            if let Some(words) = containers.defaulted() {
                say(&words);
            }
            containers.usual().map(str::to_owned)
        }
    };
    let asked = LogOptions {
        container,
        follow: options.follow,
        previous: options.previous,
        tail_lines: u64::try_from(options.tail).ok(),
        since_seconds: options.since,
        timestamps: options.timestamps,
        limit_bytes: options.limit_bytes,
        ..LogOptions::default()
    };
    let mut log = cluster.logs(&namespace, pod.name(), &asked).await?;
    let mut out = std::io::stdout();
    let terminal = out.is_terminal();
    let mut lines = Lines::default();
    while let Some(piece) = log.next().await {
        let piece = piece?;
        if terminal {
            for line in lines.push(&piece) {
                writeln!(out, "{}", plain(&line))?;
            }
        } else {
            // A file or another program gets the log as it is.
            out.write_all(&piece)?;
        }
        out.flush()?;
    }
    if let Some(line) = lines.finish() {
        write!(out, "{}", plain(&line))?;
    }
    Ok(())
}

/// The pod that is meant: itself, or the first that stands below what is meant.
pub(crate) async fn pod(cluster: &Cluster, kind: &str, namespace: &str, name: &str) -> Result<Object, Failure> {
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let resource = catalog.find(kind)?;
    let pods = catalog.resource("core", "v1", "pods")?;
    if resource == pods {
        return Ok(cluster.read(&pods, Some(namespace), name).await?.object);
    }
    let inside = resource.namespaced.then_some(namespace);
    let view = cluster.object(&resource, inside, name, PATIENCE).await?;
    let names: Vec<&str> = view.pods().collect();
    let Some(first) = names.first() else {
        return Err(Failure::Other(match cluster.why_pods_are_unknown(namespace, PATIENCE).await? {
            Some(why) => format!("it is not known which pods stand below {}/{name}: {why}", resource.kind),
            None => format!("no pods stand below {}/{name}", resource.kind),
        }));
    };
    if names.len() > 1 {
        say(&format!("Found {} pods, using pod/{first}", names.len()));
    }
    Ok(cluster.read(&pods, Some(namespace), first).await?.object)
}
