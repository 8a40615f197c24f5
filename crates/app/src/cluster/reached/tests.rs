//! What people see of the cluster, and leave behind, where the console has no rights of its own.

use pilothouse_cluster::{Discovery, Token};
use pilothouse_model::Resource;

use super::*;
use crate::away;
use crate::error::ErrorKind;
use crate::person::Sharing;

/// A cluster that is away, read with people's credentials only.
fn cluster() -> Cluster {
    away::cluster(Sharing { user_credentials_only: true, ..Sharing::default() })
}

fn as_seen_by(cluster: &Cluster, name: &str) -> Cluster {
    cluster.seen_by(Viewer::of_token(cluster.id(), &Token::new(name)))
}

#[tokio::test]
async fn nobody_knows_what_the_cluster_told_somebody_else() {
    let cluster = cluster();
    let (ada, ben) = (as_seen_by(&cluster, "ada"), as_seen_by(&cluster, "ben"));
    assert_eq!(cluster.is_up(), None, "nobody has asked");
    ada.reached().catalog.store(Some(Arc::new(Catalog::new(Discovery::default()))));
    assert!(ada.known_catalog().is_some() && ada.catalog().is_some());
    assert!(ben.known_catalog().is_none() && ben.catalog().is_none(), "it was not Ben who asked");
    assert!(cluster.known_catalog().is_none());
    // A stranger is told so, and does not wait for a connection that nobody makes.
    let refused = cluster.wait_catalog(Duration::MAX).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
    assert_eq!(cluster.state(), ConnectionState::Idle);
    // What is equal is kept once all the same.
    let same = ben.same_catalog(Catalog::new(Discovery::default()));
    assert!(Arc::ptr_eq(&same, &ada.known_catalog().unwrap()));
    let other = Discovery { resources: vec![Arc::new(Resource::new("", "v1", "pods", "Pod"))], ..Discovery::default() };
    assert!(!Arc::ptr_eq(&ben.same_catalog(Catalog::new(other)), &same));
}

#[tokio::test]
async fn what_was_read_for_one_who_has_left_is_let_go_of_and_no_other() {
    let cluster = cluster();
    let (ada, ben) = (as_seen_by(&cluster, "ada"), as_seen_by(&cluster, "ben"));
    let pods = Arc::new(Resource::new("", "v1", "pods", "Pod"));
    let read = |who: &Cluster| who.table_of(&who.holder().unwrap(), &pods, &None);
    let shown = read(&ada);
    drop(read(&ben));
    ada.leave();
    cluster.release();
    assert_eq!(cluster.tables().len(), 2, "a window shows Ada's, and Ben may come back");
    drop(shown);
    cluster.release();
    let holders: Vec<_> = cluster.tables().keys().filter_map(|key| key.holder().cloned()).collect();
    assert_eq!(holders, [ben.holder().unwrap()]);
    // Who asks again is not one who has left.
    ben.leave();
    drop(read(&ben));
    cluster.release();
    assert_eq!(cluster.tables().len(), 1);
}

#[tokio::test]
async fn many_people_discover_more_rarely_each() {
    let cluster = cluster();
    let half_a_minute = Duration::from_secs(30);
    assert_eq!(cluster.crowded(half_a_minute), half_a_minute);
    for number in 0..2 * CROWD {
        drop(as_seen_by(&cluster, &number.to_string()).reached());
    }
    assert_eq!(cluster.crowded(half_a_minute), 3 * half_a_minute);
}
