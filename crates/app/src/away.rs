//! A cluster that is away, for tests of what holds without one: whatever is asked of it fails at once.

use pilothouse_cluster::Contexts;

use crate::cluster::Cluster;
use crate::engine::Engine;
use crate::person::Sharing;

const KUBECONFIG: &str = "{apiVersion: v1, kind: Config, current-context: away, \
    clusters: [{name: away, cluster: {server: 'http://127.0.0.1:1'}}], users: [{name: me, user: {token: t}}], \
    contexts: [{name: away, context: {cluster: away, user: me}}]}";

/// A shared console over it.
pub(crate) fn engine(sharing: Sharing) -> Engine {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    std::fs::write(&path, KUBECONFIG).unwrap();
    Engine::shared(Contexts::load(Some(path), None).unwrap(), sharing)
}

/// The cluster itself, as nobody sees it.
pub(crate) fn cluster(sharing: Sharing) -> Cluster {
    engine(sharing).cluster("away").unwrap()
}
