//! People's tokens on a real API server: nothing of the console's own credential goes along, whatever it is.

use pilothouse_cluster::{Access, Connection, ErrorKind, LogOptions, Token, Write, WriteMethod};
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Api, Options, RealControlPlane};
use pilothouse_model::Resource;
use serde_json::json;

/// The administrator's kubeconfig with a certificate in place of the token, and one that leads nowhere without it.
fn with_certificate(plane: &RealControlPlane, folder: &std::path::Path) -> std::path::PathBuf {
    use base64::Engine as _;
    let encoded = |name: &str| {
        let bytes = std::fs::read(plane.folder().join(name)).unwrap();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    };
    let server = &plane.admin().credential().server;
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "cert",
        "contexts": [{"name": "cert", "context": {"cluster": "cert", "user": "cert"}}],
        "clusters": [{"name": "cert", "cluster": {
            // What leads to the server and vouches for it is the same for people.
            "server": server, "tls-server-name": "localhost", "certificate-authority-data": encoded("authority.crt")}}],
        "users": [{"name": "cert", "user": {
            "client-certificate-data": encoded("admin.crt"), "client-key-data": encoded("admin.key")}}],
    });
    let path = folder.join("certificate.kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    path
}

fn access(verb: &str, resource: &str) -> Access {
    Access {
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        namespace: Some("default".to_owned()),
        ..Access::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_nobody_else_whatever_the_console_is() {
    let plane = RealControlPlane::start(Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = |user: &str| {
        let text = std::fs::read_to_string(plane.kubeconfig(user)).unwrap();
        Token::new(Credential::read(&text).token)
    };
    let role = json!({"metadata": {"name": "reader"}, "rules": [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["mine"], "verbs": ["get", "patch"]}]});
    let binding = json!({"metadata": {"name": "reader"}, "subjects": [{"kind": "User", "name": "ada", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"}});
    let api: &Api = plane.admin();
    let rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    api.ensure(&format!("{rbac}/roles"), &role).await;
    api.ensure(&format!("{rbac}/rolebindings"), &binding).await;
    for name in ["mine", "other"] {
        let secret = json!({"metadata": {"name": name}, "stringData": {"key": "hunter2"}});
        api.ensure("/api/v1/namespaces/default/secrets", &secret).await;
    }
    for kubeconfig in [plane.kubeconfig("admin"), with_certificate(&plane, folder.path())] {
        let contexts = pilothouse_app::Contexts::load(Some(kubeconfig), None).unwrap();
        let console = Connection::open(&contexts, contexts.current()).unwrap();
        assert!(console.review_access(&access("delete", "secrets")).await.unwrap(), "the console may do everything");
        for user in ["ada", "ben"] {
            let person = console.with_token(&token(user));
            assert_eq!(person.review_access(&access("list", "configmaps")).await.unwrap(), user == "ada");
            assert!(!person.review_access(&access("list", "secrets")).await.unwrap());
            let rules = person.review_rules("default").await.unwrap();
            assert_eq!(rules.allow("list", "", "configmaps", None), user == "ada", "{rules:?}");
            assert_eq!(rules.allow("get", "", "secrets", Some("mine")), user == "ada");
            assert!(!rules.allow("get", "", "secrets", None) && !rules.allow("list", "", "pods", None));
            assert_eq!(person.who_am_i().await.unwrap(), None, "an old server does not tell");
            writes(&person, user).await;
            let error = person.logs("default", "none", &LogOptions::default()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Forbidden);
        }
        for wrong in ["nonsense", "admin"] {
            let error = console.with_token(&Token::new(wrong)).version().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthorized, "{error}");
        }
        console.version().await.unwrap();
    }
}

async fn writes(person: &Connection, user: &str) {
    let secrets = Resource::new("", "v1", "secrets", "Secret");
    let shown = person.get_secret(&secrets, "default", "mine").await;
    let other = person.get_secret(&secrets, "default", "other").await.unwrap_err();
    assert_eq!(other.kind(), ErrorKind::Forbidden);
    let patch = |name| Write {
        method: WriteMethod::Patch,
        resource: &secrets,
        namespace: Some("default"),
        name: Some(name),
        subresource: None,
        query: vec![("fieldManager", "pilothouse")],
        content_type: "application/merge-patch+json",
        body: r#"{"metadata":{"labels":{"seen":"yes"}}}"#.into(),
    };
    let written = person.write(&patch("mine")).await;
    assert_eq!(person.write(&patch("other")).await.unwrap_err().kind(), ErrorKind::Forbidden);
    if user == "ada" {
        assert_eq!(shown.unwrap().pointer("/data/key").unwrap(), "aHVudGVyMg==");
        let written = written.unwrap();
        assert_eq!(written["metadata"]["labels"]["seen"], "yes");
        assert_eq!(written["data"]["key"], "<hidden, 7 bytes>");
    } else {
        assert_eq!(shown.unwrap_err().kind(), ErrorKind::Forbidden);
        assert_eq!(written.unwrap_err().kind(), ErrorKind::Forbidden);
    }
}
