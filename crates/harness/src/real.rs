//! A real control plane: etcd and kube-apiserver, with the controller manager and the scheduler where a test wants them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::api::Api;
use crate::kubeconfig::Credential;
use crate::places;
use crate::process::{Process, free_port};

/// What runs beside etcd and the API server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The controller manager's controllers, as its `--controllers` flag takes them; none means that it does not run.
    pub controllers: Vec<&'static str>,
    /// Whether the scheduler runs.
    pub scheduler: bool,
    /// Where etcd keeps its data, so that another control plane can begin with it; none means a folder that ends with this one.
    pub data: Option<PathBuf>,
    /// How many more users there are, besides [`USERS`]: `person-0`, `person-1`, …, all in the group `people`, and every third,
    /// from the first on, in the group `readers` too.
    pub people: usize,
    /// More flags of the API server.
    pub flags: Vec<String>,
}

/// The users every real control plane knows, with their group.
pub const USERS: [(&str, &str); 3] = [("admin", "system:masters"), ("ada", "team-a"), ("ben", "visitors")];

/// A running control plane; dropping it ends it and removes its files.
#[derive(Debug)]
pub struct RealControlPlane {
    // Fields are dropped in order: the servers before etcd, etcd before the folder.
    programs: Vec<Process>,
    kubeconfigs: BTreeMap<String, PathBuf>,
    admin: Api,
    etcd: String,
    folder: tempfile::TempDir,
}

impl RealControlPlane {
    /// Starts it and waits until it answers.
    pub async fn start(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("pilothouse-real-").tempdir().expect("a temporary folder");
        let binaries = places::control_plane();
        let authority = write_certificates(folder.path());
        let tokens = write_tokens(folder.path(), options.people);
        let data = options.data.clone().unwrap_or_else(|| folder.path().join("etcd"));
        let (etcd, etcd_url) = start_etcd(&binaries, folder.path(), &data);
        let port = free_port();
        let server = start_server(&binaries, folder.path(), (port, &etcd_url), &options);
        let server_url = format!("https://127.0.0.1:{port}");
        let mut kubeconfigs = BTreeMap::new();
        let mut admin = None;
        for (user, token) in tokens {
            let credential = Credential { server: server_url.clone(), authority: authority.clone(), token };
            kubeconfigs.insert(user.clone(), credential.write(folder.path(), &user));
            if user == "admin" {
                admin = Some(Api::new(credential));
            }
        }
        let admin = admin.expect("the administrator is one of the users");
        let mut plane = Self { programs: vec![server, etcd], kubeconfigs, admin, etcd: etcd_url, folder };
        plane.wait_until_ready().await;
        plane.start_companions(&binaries, &options);
        plane
    }

    async fn wait_until_ready(&mut self) {
        let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(120);
        loop {
            for program in &mut self.programs {
                program.must_live();
            }
            let ready = self.admin.try_send(reqwest::Method::GET, "/readyz", None).await;
            if ready.is_some_and(|answer| answer.status == 200) {
                break;
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "the API server is not ready:\n{}",
                self.programs[0].last_lines()
            );
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        self.admin.wait("/api/v1/namespaces/default", |answer| answer.status == 200).await;
    }

    fn start_companions(&mut self, binaries: &Path, options: &Options) {
        let folder = self.folder.path().to_path_buf();
        let kubeconfig = self.kubeconfig("admin");
        if !options.controllers.is_empty() {
            let mut command = Command::new(binaries.join("kube-controller-manager"));
            command
                .arg(flag("kubeconfig", &kubeconfig))
                .arg(format!("--controllers={}", options.controllers.join(",")))
                .arg(flag("service-account-private-key-file", folder.join("accounts.key")))
                .arg(flag("root-ca-file", folder.join("authority.crt")))
                .args(["--leader-elect=false", "--port=0", "--secure-port=0", "--concurrent-gc-syncs=4"]);
            self.programs.insert(0, Process::start("kube-controller-manager", &mut command, &folder));
        }
        if options.scheduler {
            let mut command = Command::new(binaries.join("kube-scheduler"));
            command.arg(flag("kubeconfig", &kubeconfig)).args(["--leader-elect=false", "--port=0", "--secure-port=0"]);
            self.programs.insert(0, Process::start("kube-scheduler", &mut command, &folder));
        }
    }

    /// Ends the API server at once, as a crash would.
    pub fn crash_server(&mut self) {
        self.program("kube-apiserver").crash();
    }

    /// Starts the API server again, on the same port and the same etcd, and waits until it answers.
    pub async fn restart_server(&mut self) {
        self.program("kube-apiserver").restart();
        self.wait_until_ready().await;
    }

    /// Sends etcd a signal: `STOP` to let it hang, `CONT` to let it go on.
    pub fn signal_etcd(&mut self, signal: &str) {
        self.program("etcd").signal(signal);
    }

    fn program(&mut self, name: &str) -> &mut Process {
        let found = self.programs.iter_mut().find(|program| program.name() == name);
        found.unwrap_or_else(|| panic!("{name} does not run"))
    }

    /// A client of the administrator.
    pub fn admin(&self) -> &Api {
        &self.admin
    }

    /// A client of `user`.
    pub fn api(&self, user: &str) -> Api {
        let text = std::fs::read_to_string(self.kubeconfig(user)).expect("the kubeconfig is readable");
        Api::new(Credential::read(&text))
    }

    /// The kubeconfig of `user`, one of [`USERS`] or of the people in the options.
    pub fn kubeconfig(&self, user: &str) -> PathBuf {
        self.kubeconfigs.get(user).unwrap_or_else(|| panic!("nobody is called {user}")).clone()
    }

    /// Where etcd answers.
    pub fn etcd(&self) -> &str {
        &self.etcd
    }

    /// Its programs: name and process id.
    pub fn programs(&self) -> Vec<(String, u32)> {
        self.programs.iter().map(|program| (program.name().to_owned(), program.id())).collect()
    }

    /// A folder that lives as long as the control plane.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn flag(name: &str, path: impl AsRef<Path>) -> String {
    format!("--{name}={}", path.as_ref().display())
}

/// Makes an authority, the certificates of the server and of the administrator, and the key that signs service account
/// tokens; gives the authority.
fn write_certificates(folder: &Path) -> String {
    use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "pilothouse test authority");
    let certificate = authority.self_signed(&authority_key).expect("an authority signs itself");
    let issuer = Issuer::new(authority, authority_key);
    let server_key = KeyPair::generate().expect("a key");
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut server = CertificateParams::new(names).expect("the names are valid");
    server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    let server = server.signed_by(&server_key, &issuer).expect("the authority signs");
    let admin_key = KeyPair::generate().expect("a key");
    let mut admin = CertificateParams::default();
    admin.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    admin.distinguished_name.push(DnType::CommonName, "admin");
    admin.distinguished_name.push(DnType::OrganizationName, "system:masters");
    let admin = admin.signed_by(&admin_key, &issuer).expect("the authority signs");
    let accounts = KeyPair::generate().expect("a key");
    let files = [
        ("authority.crt", certificate.pem()),
        ("server.crt", server.pem()),
        ("server.key", server_key.serialize_pem()),
        ("admin.crt", admin.pem()),
        ("admin.key", admin_key.serialize_pem()),
        ("accounts.key", accounts.serialize_pem()),
        ("accounts.pub", accounts.public_key_pem()),
    ];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).expect("the folder is writable");
    }
    certificate.pem()
}

/// Writes the token file; gives the tokens by user.
fn write_tokens(folder: &Path, people: usize) -> Vec<(String, String)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let run = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut lines = String::new();
    let mut tokens = Vec::new();
    let known = USERS.iter().map(|(user, group)| ((*user).to_owned(), *group));
    let groups = |number: usize| if number.is_multiple_of(3) { "people,readers" } else { "people" };
    let people = (0..people).map(|number| (format!("person-{number}"), groups(number)));
    for (user, group) in known.chain(people) {
        let token = format!("{user}-{run}");
        lines.push_str(&format!("{token},{user},{user},\"{group}\"\n"));
        tokens.push((user, token));
    }
    std::fs::write(folder.join("tokens.csv"), lines).expect("the folder is writable");
    tokens
}

fn start_etcd(binaries: &Path, folder: &Path, data: &Path) -> (Process, String) {
    let url = format!("http://127.0.0.1:{}", free_port());
    let peers = format!("http://127.0.0.1:{}", free_port());
    let mut command = Command::new(binaries.join("etcd"));
    command
        .arg(flag("data-dir", data))
        .arg(format!("--listen-client-urls={url}"))
        .arg(format!("--advertise-client-urls={url}"))
        .arg(format!("--listen-peer-urls={peers}"))
        .args(["--unsafe-no-fsync", "--quota-backend-bytes=8589934592", "--log-level=error"]);
    (Process::start("etcd", &mut command, folder), url)
}

fn start_server(binaries: &Path, folder: &Path, (port, etcd): (u16, &str), options: &Options) -> Process {
    let mut command = Command::new(binaries.join("kube-apiserver"));
    command
        .arg(format!("--etcd-servers={etcd}"))
        .arg(format!("--secure-port={port}"))
        .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
        .arg(flag("cert-dir", folder.join("apiserver")))
        .arg(flag("tls-cert-file", folder.join("server.crt")))
        .arg(flag("tls-private-key-file", folder.join("server.key")))
        .arg(flag("token-auth-file", folder.join("tokens.csv")))
        .arg(flag("client-ca-file", folder.join("authority.crt")))
        .arg(flag("service-account-key-file", folder.join("accounts.pub")))
        .arg(flag("service-account-signing-key-file", folder.join("accounts.key")))
        .args(["--service-account-issuer=https://pilothouse.test", "--authorization-mode=RBAC"])
        .args(["--service-cluster-ip-range=10.0.0.0/24", "--allow-privileged", "--endpoint-reconciler-type=none"])
        .args(["--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000"])
        .args(&options.flags);
    if !options.controllers.iter().any(|name| *name == "*" || name.starts_with("serviceaccount")) {
        command.arg("--disable-admission-plugins=ServiceAccount");
    }
    Process::start("kube-apiserver", &mut command, folder)
}
