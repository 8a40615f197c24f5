//! Where kubeconfigs are found, and what is said when they do not lead anywhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::fake::kubeconfig;
use crate::account::ServiceAccount;
use crate::config::Surroundings;
use crate::{ConfigError, Connection, Contexts};

fn write(path: &Path, text: &str) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    path.to_owned()
}

fn nothing() -> Surroundings {
    Surroundings { kubeconfig: None, home: None, pod: None }
}

/// A pod's surroundings, its files in `folder`.
fn environment(name: &str) -> Option<String> {
    match name {
        "KUBERNETES_SERVICE_HOST" => Some("fd00::1".to_owned()),
        "KUBERNETES_SERVICE_PORT" => Some("6443".to_owned()),
        _ => None,
    }
}

fn pod(folder: &Path) -> ServiceAccount {
    let folder = folder.join("serviceaccount");
    let key = rcgen::generate_simple_self_signed(["kubernetes.default.svc".to_owned()]).unwrap();
    write(&folder.join("ca.crt"), &key.cert.pem());
    write(&folder.join("token"), "first");
    write(&folder.join("namespace"), "team-a\n");
    ServiceAccount::find(&folder, environment).unwrap()
}

fn named(name: &str) -> String {
    kubeconfig("http://127.0.0.1:1", "token: t").replace("fake", name)
}

#[test]
fn the_flag_comes_before_the_variable_and_the_variable_before_home() {
    let folder = tempfile::tempdir().unwrap();
    let flag = write(&folder.path().join("flag"), &named("from-flag"));
    let variable = write(&folder.path().join("variable"), &named("from-variable"));
    write(&folder.path().join("home/.kube/config"), &named("from-home"));
    let home = Some(folder.path().join("home"));
    let both = Surroundings { kubeconfig: Some(variable.into()), home: home.clone(), pod: Some(pod(folder.path())) };
    let load =
        |path, surroundings: &Surroundings| Contexts::load_from(path, None, surroundings).unwrap().current().to_owned();
    assert_eq!(load(Some(flag), &both), "from-flag");
    assert_eq!(load(None, &both), "from-variable");
    assert_eq!(load(None, &Surroundings { home, ..nothing() }), "from-home");
    assert_eq!(load(None, &Surroundings { pod: Some(pod(folder.path())), ..nothing() }), "in-cluster");
}

#[test]
fn a_pod_without_a_kubeconfig_uses_its_service_account() {
    let folder = tempfile::tempdir().unwrap();
    let surroundings = Surroundings { pod: Some(pod(folder.path())), ..nothing() };
    let contexts = Contexts::load_from(None, None, &surroundings).unwrap();
    assert_eq!((contexts.current(), contexts.default_namespace("in-cluster")), ("in-cluster", "team-a"));
    let config = contexts.client_config("in-cluster").unwrap();
    assert_eq!(config.cluster_url.to_string(), "https://[fd00::1]:6443/");
    assert!(config.root_cert.is_some_and(|certificates| certificates.len() == 1));
    // The kubelet renews the token in its file; whoever keeps its text would be locked out after an hour.
    let token = folder.path().join("serviceaccount/token");
    assert_eq!(config.auth_info.token_file.as_deref(), token.to_str());
    assert!(config.auth_info.token.is_none());

    std::fs::remove_file(folder.path().join("serviceaccount/ca.crt")).unwrap();
    let error = Contexts::load_from(None, None, &surroundings).unwrap_err().to_string();
    assert!(error.contains("there is no ca.crt beside the token"), "{error}");
    std::fs::remove_file(&token).unwrap();
    assert_eq!(ServiceAccount::find(&folder.path().join("serviceaccount"), environment), None);
    assert_eq!(ServiceAccount::find(&folder.path().join("serviceaccount"), |_| None), None);
}

#[test]
fn the_files_of_the_variable_are_merged_and_absent_ones_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let first = write(&folder.path().join("first"), &named("one"));
    let second = write(
        &folder.path().join("second"),
        &named("two").replace("cluster: two, user: me", "cluster: two, user: me, namespace: team-b"),
    );
    let list = std::env::join_paths([first, folder.path().join("absent"), second]).unwrap();
    let surroundings = Surroundings { kubeconfig: Some(list), ..nothing() };
    let contexts = Contexts::load_from(None, None, &surroundings).unwrap();
    assert_eq!((contexts.names(), contexts.current()), (vec!["one", "two"], "one"));
    assert_eq!((contexts.default_namespace("one"), contexts.default_namespace("two")), ("default", "team-b"));
    let other = Contexts::load_from(None, Some("two".to_owned()), &surroundings).unwrap();
    assert_eq!(other.current(), "two");
}

#[test]
fn what_is_wrong_is_said_in_one_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent");
    let good = write(&folder.path().join("good"), &named("one"));
    let currentless = write(&folder.path().join("currentless"), &named("one").replace("current-context: one, ", ""));
    let broken = write(&folder.path().join("broken"), "users:\n- name: me\n  user: {token: hunter2\nclusters: [\n");
    let empty = write(&folder.path().join("empty"), "");
    let odd = write(&folder.path().join("odd"), "contexts: 3\n");
    let load = |path: &Path, context: Option<&str>| {
        Contexts::load_from(Some(path.to_owned()), context.map(str::to_owned), &nothing()).unwrap_err().to_string()
    };
    let at = |path: &Path| path.display().to_string();
    assert_eq!(
        load(&absent, None),
        format!(
            "there is no kubeconfig at {}: check the path, or leave it out to use KUBECONFIG or ~/.kube/config",
            at(&absent)
        )
    );
    assert_eq!(load(&good, Some("two")), format!("{} has no context named `two`; the only one is `one`", at(&good)));
    assert_eq!(
        load(&currentless, None),
        format!("{} has no current context: choose one with --context; the only one is `one`", at(&currentless))
    );
    for context in [None, Some("two")] {
        assert!(load(&empty, context).contains("has no contexts"), "{}", load(&empty, context));
    }
    let said = load(&broken, None);
    assert!(said.starts_with(&format!("{} is not a kubeconfig: ", at(&broken))), "{said}");
    assert!(!said.contains("hunter2") && !said.contains('\n'), "{said}");
    let said = load(&odd, None);
    assert!(said.starts_with(&format!("{} is not a kubeconfig: ", at(&odd))) && said.contains("line 1"), "{said}");
    let none = Contexts::load_from(None, None, &nothing()).unwrap_err();
    assert!(matches!(none, ConfigError::None(_)));
    let listed = Surroundings { kubeconfig: Some(OsString::from("/no/such/file")), ..nothing() };
    let none = Contexts::load_from(None, None, &listed).unwrap_err().to_string();
    assert!(none.contains("/no/such/file"), "{none}");
    let blank = Surroundings { kubeconfig: Some(std::env::join_paths(["", ""]).unwrap()), ..nothing() };
    let none = Contexts::load_from(None, None, &blank).unwrap_err().to_string();
    assert!(none.contains("lists no file"), "{none}");
}

#[test]
fn a_context_that_leads_nowhere_is_an_error_when_it_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    let stray = named("one").replace("context: {cluster: one", "context: {cluster: two");
    let keyless = named("one").replace("token: t", "client-certificate: /no/such/file, client-key: /no/such/key");
    let cases = [
        ("stray", stray, "there is no cluster named `two`"),
        ("nameless", named("one").replace("server: ", "other: "), "its cluster has no `server`"),
        (
            "authority",
            named("one").replace("{server: ", "{certificate-authority: /no/such/ca, server: "),
            "/no/such/ca",
        ),
    ];
    for (name, text, expected) in cases {
        let path = write(&folder.path().join(name), &text);
        let contexts = Contexts::load_from(Some(path), None, &nothing()).unwrap();
        let error = Connection::open(&contexts, "one").unwrap_err().to_string();
        assert!(error.contains("the context `one` of ") && error.contains(expected), "{error}");
    }
    let path = write(&folder.path().join("keyless"), &keyless);
    let contexts = Contexts::load_from(Some(path), None, &nothing()).unwrap();
    assert!(matches!(
        Connection::open(&contexts, "two"),
        Err(crate::ClusterError::Config(ConfigError::UnknownContext { .. }))
    ));
}
