//! Two issuers, an API server that believes one of them, and a console with both.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use pilothouse_harness::process::{Process, free_port};
use pilothouse_harness::{Console, Options, RealControlPlane, places};
use serde_json::{Value, json};

/// Everything that runs; dropping it ends it.
pub(crate) struct World {
    pub(crate) console: Option<Console>,
    pub(crate) plane: RealControlPlane,
    pub(crate) authority: String,
    port: u16,
    folder: tempfile::TempDir,
    _issuers: [Process; 2],
}

/// The life of an ID token in seconds: long enough to look around, short enough to see it end.
const LIFE: u32 = 24;

impl World {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("pilothouse-signin-").tempdir().unwrap();
        let authority = write_certificates(folder.path());
        let (port, first, second) = (free_port(), free_port(), free_port());
        let issuers = [issuer(folder.path(), "prod", first, port), issuer(folder.path(), "second", second, port)];
        let flags = [
            format!("--oidc-issuer-url=https://127.0.0.1:{first}"),
            "--oidc-client-id=console".to_owned(),
            format!("--oidc-ca-file={}", folder.path().join("authority.crt").display()),
            "--oidc-username-claim=preferred_username".to_owned(),
            "--oidc-username-prefix=-".to_owned(),
            "--oidc-groups-claim=groups".to_owned(),
        ];
        let plane = RealControlPlane::start(Options { flags: flags.to_vec(), ..Options::default() }).await;
        grant(&plane).await;
        write_files(folder.path(), &plane, [first, second]);
        let mut world = Self { console: None, plane, authority, port, folder, _issuers: issuers };
        world.restart();
        world
    }

    /// Starts the console, after ending the one before.
    pub(crate) fn restart(&mut self) {
        self.console = None;
        let file = |name: &str| self.folder.path().join(name).display().to_string();
        let listen = format!("127.0.0.1:{}", self.port);
        self.console = Some(Console::start(&[
            "serve",
            "--shared",
            "--kubeconfig",
            &file("kubeconfig"),
            "--listen",
            &listen,
            "--public-url",
            &format!("https://{listen}"),
            "--tls-cert",
            &file("server.crt"),
            "--tls-key",
            &file("server.key"),
            "--session-key",
            &file("session.key"),
            "--config",
            &file("config.yaml"),
        ]));
    }

    /// The port of the console.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The address of a page.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("https://127.0.0.1:{}{path}", self.port)
    }
}

/// Starts an issuer for one cluster of the console.
fn issuer(folder: &Path, cluster: &str, port: u16, console: u16) -> Process {
    let options = json!({
        "port": port,
        "key": folder.join("server.key"),
        "certificate": folder.join("server.crt"),
        "client": "console",
        "secret": "a secret: for tests",
        "redirects": [format!("https://127.0.0.1:{console}/sign-in/{cluster}/callback")],
        "back": format!("https://127.0.0.1:{console}/sign-in"),
        "life": LIFE,
    });
    let mut command = Command::new("node");
    command.arg(places::repository().join("tests/oidc/provider.mjs")).arg(options.to_string());
    let mut process = Process::start(&format!("issuer-{cluster}"), &mut command, folder);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !process.printed().lines().any(|line| line == "ready") {
        process.must_live();
        assert!(Instant::now() < deadline, "the issuer does not listen:\n{}", process.last_lines());
        std::thread::sleep(Duration::from_millis(50));
    }
    process
}

/// What is there, what ada may see of it, and the rights that the console is deployed with.
async fn grant(plane: &RealControlPlane) {
    let admin = plane.admin();
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    for (namespace, pod) in [("team-a", "seen"), ("team-b", "out-of-sight")] {
        admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        let pod =
            json!({"metadata": {"name": pod}, "spec": {"containers": [{"name": "main", "image": "example.com/i:1"}]}});
        admin.ensure(&format!("/api/v1/namespaces/{namespace}/pods"), &pod).await;
    }
    let rule = json!({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]});
    let roles = format!("{rbac}/namespaces/team-a/roles");
    admin.ensure(&roles, &json!({"metadata": {"name": "look"}, "rules": [rule]})).await;
    let ada = json!({
        "metadata": {"name": "look"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ada"}],
    });
    admin.ensure(&format!("{rbac}/namespaces/team-a/rolebindings"), &ada).await;
    let text = std::fs::read_to_string(places::repository().join("deploy/cluster-role.yaml")).unwrap();
    let role: Value = serde_saphyr::from_str(&text).unwrap();
    admin.ensure(&format!("{rbac}/clusterroles"), &role).await;
    let console = json!({
        "metadata": {"name": "console"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role["metadata"]["name"]},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "ben"}],
    });
    admin.ensure(&format!("{rbac}/clusterrolebindings"), &console).await;
}

/// The console's files: the same API server under two names, each with an issuer of its own.
fn write_files(folder: &Path, plane: &RealControlPlane, [first, second]: [u16; 2]) {
    let own: Value = serde_saphyr::from_str(&std::fs::read_to_string(plane.kubeconfig("ben")).unwrap()).unwrap();
    let context = |name: &str| json!({"name": name, "context": own["contexts"][0]["context"]});
    let mut kubeconfig = own.clone();
    kubeconfig["contexts"] = json!([context("prod"), context("second")]);
    kubeconfig["current-context"] = json!("prod");
    let issuer = |port: u16| {
        json!({"oidc": {
            "issuer-url": format!("https://127.0.0.1:{port}"), "client-id": "console", "client-secret-file": "secret",
            "ca-file": "authority.crt", "scopes": ["profile"], "username-claim": "preferred_username",
        }})
    };
    let config = json!({"clusters": {"prod": issuer(first), "second": issuer(second)}});
    for (name, text) in [
        ("kubeconfig", kubeconfig.to_string()),
        ("config.yaml", config.to_string()),
        ("secret", "a secret: for tests\n".to_owned()),
        ("session.key", "a key of more than thirty-two bytes, for tests".to_owned()),
    ] {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

/// Makes an authority and one certificate that all servers of the test have.
fn write_certificates(folder: &Path) -> String {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "pilothouse sign-in authority");
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let files: [(&str, String); 3] =
        [("authority.crt", certificate.pem()), ("server.crt", server.pem()), ("server.key", key.serialize_pem())];
    for (name, text) in files {
        std::fs::write(PathBuf::from(folder).join(name), text).unwrap();
    }
    certificate.pem()
}
