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

/// The contexts that are meant when several are; none of them named means all.
pub(crate) fn several(arguments: &ClusterArguments, all: bool) -> Result<Option<Vec<String>>, Failure> {
    match &arguments.context {
        Some(_) if all => {
            Err(Failure::Other("--context names some contexts and --all-contexts means all: leave one out".to_owned()))
        }
        None => Ok(all.then(Vec::new)),
        Some(text) if text.contains(',') => {
            let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
            if names.iter().any(String::is_empty) {
                return Err(Failure::Other(format!("`{text}` names a context without a name")));
            }
            Ok(Some(names))
        }
        Some(_) => Ok(None),
    }
}

/// The engine over several contexts, none of which is connected yet.
pub(crate) fn engine(arguments: &ClusterArguments, contexts: &[String]) -> Result<Engine, Failure> {
    Ok(Engine::new(Contexts::load(arguments.kubeconfig.clone(), contexts.first().cloned())?))
}

/// Whether what is asked for is all that runs, of whatever kind.
pub(crate) fn is_workloads(text: &str) -> bool {
    matches!(text.to_lowercase().as_str(), "workloads" | "workload")
}

/// Splits `KIND/NAME`; both must be something.
pub(crate) fn kind_and_name(text: &str) -> Result<(&str, Option<&str>), Failure> {
    let whole = |part: &str| !part.is_empty() && !part.contains('/');
    match text.split_once('/') {
        None if text.is_empty() => Err(Failure::Other("a resource without a name was asked for".to_owned())),
        None => Ok((text, None)),
        Some((kinds, name)) if whole(kinds) && whole(name) && kinds.contains(',') => Err(one_by_one(kinds, &[name])),
        Some((kind, name)) if whole(kind) && whole(name) => Ok((kind, Some(name))),
        Some(_) => Err(Failure::Other(format!("`{text}` is not KIND/NAME: write it as in pod/web-0"))),
    }
}

/// Objects of several kinds are named one by one.
pub(crate) fn one_by_one(kinds: &str, names: &[&str]) -> Failure {
    let kinds = kinds.split(',').filter(|kind| !kind.is_empty());
    let each: Vec<_> = kinds.flat_map(|kind| names.iter().map(move |name| format!("{kind}/{name}"))).collect();
    Failure::Other(format!("name each object with its one kind, as in {}", each.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_name_names_nothing() {
        assert_eq!(kind_and_name("pod/web").unwrap(), ("pod", Some("web")));
        assert_eq!(kind_and_name("pods").unwrap(), ("pods", None));
        let several = kind_and_name("pod,svc/x").unwrap_err();
        let said = |failure: &Failure| format!("{failure:?}").contains("one kind, as in pod/x svc/x\"");
        assert!(said(&several) && said(&one_by_one("pod,svc", &["x"])), "{several:?}");
        for text in ["", "/", "pod/", "/web", "pod/web/0"] {
            assert!(kind_and_name(text).is_err(), "{text}");
        }
    }
}
