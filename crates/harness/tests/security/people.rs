//! Two people ask the same addresses, in turn and at the same time: nobody gets what was made for the other.

use futures::future::join_all;

use pilothouse_harness::api::Api;
use pilothouse_harness::kubeconfig::Credential;
use serde_json::json;

use crate::raw::Answer;
use crate::world::{Who, World};

/// Addresses whose answers depend on who asks.
const ADDRESSES: [&str; 26] = [
    "/",
    "/clusters",
    "/c/prod",
    "/c/prod/workloads",
    "/c/prod/r/core/v1/pods",
    "/c/prod/r/core/v1/secrets",
    "/c/prod/r/core/v1/configmaps?q=map",
    "/c/prod/r/core/v1/namespaces",
    "/c/prod/r/core/v1/pods/namespaces/team-a/pod-of-ada",
    "/c/prod/r/core/v1/pods/namespaces/team-b/pod-of-ben",
    "/c/prod/r/core/v1/secrets/namespaces/team-a/keys-of-ada?view=yaml",
    "/c/prod/r/core/v1/pods/namespaces/team-b/pod-of-ben?view=logs",
    "/c/prod/edit/core/v1/configmaps/namespaces/team-b/map-of-ben",
    "/c/prod/palette?q=of",
    "/c/prod/complete?resource=core/v1/pods&q=label:owner=&at=12",
    "/search?q=of",
    "/all/workloads",
    "/all/r/core/v1/pods",
    "/c/prod/live?watch=r/core/v1/pods&watch=state",
    "/api/v1/workloads",
    "/api/v1/resources/core/v1/configmaps",
    "/api/v1/search?q=of",
    "/api/v1/clusters/prod/resources/core/v1/pods",
    "/api/v1/clusters/prod/resources/core/v1/secrets",
    "/api/v1/clusters/prod/resources/core/v1/events",
    "/api/v1/clusters/prod/resources/core/v1/pods/namespaces/team-a/pod-of-ada",
];

/// What only the other one may see.
fn stranger(who: &Who) -> [&'static str; 2] {
    if who.name == "ada" { ["of-ben", "label-of-ben"] } else { ["of-ada", "label-of-ada"] }
}

/// Whether an answer to `who` shows anything of the other one that the address itself does not say.
fn check(who: &Who, address: &str, answer: &Answer) {
    let asked = address.split(['?', '/']).filter(|part| part.contains("-of-"));
    let body = asked.fold(answer.body.clone(), |body, name| body.replace(name, "the one asked for"));
    for other in stranger(who) {
        assert!(!body.contains(other), "{} sees {other} at {address}:\n{body}", who.name);
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{address}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_people_at_the_same_addresses_get_their_own_answers() {
    let world = World::start(true).await;
    let (ada, ben) = (world.sign_in("ada").await, world.sign_in("ben").await);
    let mut own = 0;
    for round in 0..3 {
        for address in ADDRESSES {
            for who in [&ada, &ben] {
                let answer = world.get(who, address).await;
                check(who, address, &answer);
                let listed = address.starts_with("/api/v1/clusters/prod/resources") && !address.contains("-of-");
                if listed && round == 0 {
                    let stream = world.follow(who, address).await;
                    assert_eq!(stream.header("content-type"), Some("text/event-stream"));
                    check(who, address, &stream);
                    own += usize::from(stream.body.contains(&format!("of-{}", who.name)));
                }
                own += usize::from(answer.body.contains(&format!("of-{}", who.name)));
            }
        }
        // At the same time, every one as both.
        let both = ADDRESSES.iter().flat_map(|address| [(&ada, *address), (&ben, *address)]);
        let answers = join_all(both.clone().map(|(who, address)| world.get(who, address))).await;
        for ((who, address), answer) in both.zip(answers) {
            check(who, address, &answer);
        }
        assert!(round < 2 || own > 30, "each sees the own: {own}");
    }
    // Names of what one may not see are as good as names of nothing.
    let there = world.get(&ada, "/api/v1/clusters/prod/resources/core/v1/pods/namespaces/team-b/pod-of-ben").await;
    let nowhere = world.get(&ada, "/api/v1/clusters/prod/resources/core/v1/pods/namespaces/team-b/pod-of-nil").await;
    assert_eq!(there.status, nowhere.status);
    assert_eq!(there.body.replace("pod-of-ben", "X"), nowhere.body.replace("pod-of-nil", "X"));
    // Both cookies in one request make one person of nobody.
    let mixed = Who { cookie: format!("{}; {}", ada.cookie, ben.cookie), ..ada.clone() };
    check(
        &ada,
        "/api/v1/clusters/prod/resources/core/v1/pods",
        &world.get(&mixed, "/api/v1/clusters/prod/resources/core/v1/pods").await,
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_of_what_owns_pods_say_which_may_not_be_read_and_that_others_are_not_known() {
    let world = World::start(true).await;
    let admin = Api::new(Credential::read(&world.server.kubeconfig("admin").unwrap()));
    let (rbac, group) = ("/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io");
    admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": "part"}})).await;
    admin.ensure("/api/v1/namespaces/part/configmaps", &json!({"metadata": {"name": "owner"}})).await;
    let uid = admin.get("/api/v1/namespaces/part/configmaps/owner").await.body["metadata"]["uid"].clone();
    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}]);
    let spec = json!({"containers": [{"name": "main", "image": "example.com/image:1"}]});
    let pod = json!({"metadata": {"name": "listed", "ownerReferences": owner}, "spec": spec});
    admin.ensure("/api/v1/namespaces/part/pods", &pod).await;
    let rule = |plural: &str, verbs: &[&str]| json!({"apiGroups": [""], "resources": [plural], "verbs": verbs});
    let rules = |pods: &[&str]| json!([rule("configmaps", &["get", "list"]), rule("pods", pods)]);
    for (user, rules) in [("ada", rules(&["list"])), ("ben", rules(&["get"]))] {
        let role = json!({"metadata": {"name": user}, "rules": rules});
        admin.ensure(&format!("{rbac}/namespaces/part/roles"), &role).await;
        let binding = json!({
            "metadata": {"name": user}, "roleRef": {"apiGroup": group, "kind": "Role", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        });
        admin.ensure(&format!("{rbac}/namespaces/part/rolebindings"), &binding).await;
    }
    let ada = world.sign_in("ada").await;
    let logs = world.get(&ada, "/c/prod/r/core/v1/configmaps/namespaces/part/owner?view=logs").await;
    assert_eq!(logs.status, 200, "{}", logs.body);
    assert!(logs.body.contains("pods &quot;listed&quot; is forbidden"), "{}", logs.body);
    let ben = world.sign_in("ben").await;
    let logs = world.get(&ben, "/c/prod/r/core/v1/configmaps/namespaces/part/owner?view=logs").await;
    assert!(
        logs.body.contains("It is not known which pods stand below it."),
        "who may list none is not told that there are none: {}",
        logs.body
    );
}
