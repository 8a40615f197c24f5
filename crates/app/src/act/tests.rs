//! What is sent, told apart from what must not be.

use pilothouse_cluster::ClusterError;

use super::*;

fn target() -> Target {
    Target::new(&Arc::new(Resource::new("apps", "v1", "deployments", "Deployment")), Some("a"), "web")
}

#[test]
fn a_moment_or_a_number_is_written_where_the_action_says() {
    let mut body = json!({"spec": {"template": {"metadata": {"annotations": {}}}}});
    put(&mut body, "/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt", json!("now"));
    assert_eq!(body["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"], "now");
    put(&mut body, "/metadata/uid", json!("u"));
    assert_eq!(body["metadata"], json!({"uid": "u"}));
    for (given, good) in [(Some(0), true), (Some(-1), false), (Some(1 << 31), false), (None, false)] {
        assert_eq!(number(given).is_ok(), good, "{given:?}");
    }
}

#[test]
fn an_edited_object_stays_the_object_that_it_was() {
    let object = |change: fn(&mut Value)| {
        let mut object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "a", "name": "web", "resourceVersion": "7"},
        });
        change(&mut object);
        fits(&target(), &object).map_err(|error| error.message)
    };
    assert_eq!(object(|_| ()), Ok(()));
    assert!(object(|object| object["metadata"]["name"] = json!("other")).unwrap_err().contains("metadata.name"));
    assert!(object(|object| object["metadata"]["namespace"] = json!("b")).unwrap_err().contains("stay"));
    assert!(object(|object| object["kind"] = json!("Pod")).unwrap_err().contains("kind"));
    assert!(object(|object| object["metadata"]["resourceVersion"] = json!("")).unwrap_err().contains("which version"));
    assert!(object(|object| *object = json!([1])).unwrap_err().contains("no object"));
}

#[test]
fn what_changed_is_told_without_its_values() {
    let before = json!({"spec": {"replicas": 1, "a/b": "s3cret"}, "kind": "X"});
    let after = json!({"spec": {"replicas": 2}, "kind": "X", "new": [1]});
    assert_eq!(changed(&before, &after), ["/new", "/spec/a~1b", "/spec/replicas"]);
}

#[test]
fn another_version_than_the_one_seen_is_refused() {
    let object = Object::new(json!({"metadata": {"name": "web", "uid": "u", "resourceVersion": "7"}})).unwrap();
    let seen = |uid: Option<&str>, version: Option<&str>| {
        let expected = Expected { uid: uid.map(str::to_owned), version: version.map(str::to_owned) };
        check(&object, &expected, &target()).map_err(|error| error.message)
    };
    assert_eq!(seen(None, None), Ok(()));
    assert_eq!(seen(Some("u"), Some("7")), Ok(()));
    assert!(seen(Some("v"), Some("7")).unwrap_err().contains("made again"));
    assert!(seen(Some("u"), Some("6")).unwrap_err().contains("has changed"));
}

#[test]
fn refusals_of_an_api_server_are_its_own_words() {
    let other =
        |code| ClusterError::Other { request: "PUT".to_owned(), code, retry_after: None, message: "words".to_owned() };
    let kinds = [
        (409, ErrorKind::Conflict),
        (422, ErrorKind::BadInput),
        (400, ErrorKind::BadInput),
        (500, ErrorKind::Unavailable),
    ];
    for (code, kind) in kinds {
        assert_eq!(refused(other(code)).kind, kind, "{code}");
    }
    assert_eq!(refused(other(409)).message, "words");
}

#[test]
fn of_a_secret_no_key_is_told_that_it_does_not_have() {
    let before = json!({"data": {"a/b": "x", "key": "y"}, "metadata": {}});
    let told = |paths: &[&str]| known_keys(&before, paths.iter().map(|path| (*path).to_owned()).collect());
    assert_eq!(told(&["/data/key", "/data/a~1b", "/metadata/labels"]), ["/data/key", "/data/a~1b", "/metadata"]);
    assert_eq!(told(&["/data/hunter2", "/data/hunter3"]), ["/data"]);
    assert_eq!(told(&["/stringData"]), [""]);
}
