//! What `get` and `why` share: the cluster that is meant, with its patience.

use std::time::Duration;

use pilothouse_app::{Cluster, Contexts, Engine};

use crate::arguments::ClusterArguments;
use crate::failure::Failure;

/// How long a command waits for a cluster before it says that it cannot be reached.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The cluster that is meant, connecting.
pub(crate) fn cluster(arguments: &ClusterArguments) -> Result<Cluster, Failure> {
    let contexts = Contexts::load(arguments.kubeconfig.clone(), arguments.context.clone())?;
    let engine = Engine::new(contexts);
    let current = engine.current();
    Ok(engine.cluster(current.as_str())?)
}

/// Splits `KIND/NAME`.
pub(crate) fn kind_and_name(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((kind, name)) => (kind, Some(name)),
        None => (text, None),
    }
}
