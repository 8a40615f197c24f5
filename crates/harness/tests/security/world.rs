//! A cluster, two people with rights in a namespace each, a proxy that remembers every request, and the console.

use std::net::SocketAddr;
use std::path::PathBuf;

use pilothouse_drydock::{Options, Server, User};
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::{Api, Console, Faults, places};
use serde_json::{Value, json};

use crate::raw::{Answer, send};

/// The value of every Secret.
pub(crate) const VALUE: &str = "zQ7marked4Secret9Value";
/// The same as the API writes it.
pub(crate) const ENCODED: &str = "elE3bWFya2VkNFNlY3JldDlWYWx1ZQ==";
/// What anybody may write into an object of the cluster.
pub(crate) const HOSTILE: &str = "\"'><script>alert(1)</script>\n\nevent: end\ndata: x\r\n\u{1b}[31m\u{202e}\u{9b}";

/// Everything that runs; dropping it ends it.
pub(crate) struct World {
    pub(crate) console: Console,
    pub(crate) proxy: Faults,
    pub(crate) at: SocketAddr,
    pub(crate) probes: SocketAddr,
    pub(crate) audit: PathBuf,
    pub(crate) server: Server,
    _folder: tempfile::TempDir,
}

/// What somebody's requests carry.
#[derive(Clone, Debug)]
pub(crate) struct Who {
    pub(crate) name: &'static str,
    pub(crate) token: String,
    pub(crate) cookie: String,
}

impl World {
    pub(crate) async fn start(shared: bool) -> Self {
        pilothouse_harness::api::install_cryptography();
        let users = ["console", "ada", "ben"].map(|name| User::new(name, &[])).to_vec();
        let server = Server::start(Options { users, ..Options::default() }).await.unwrap();
        let admin = Api::new(Credential::read(&server.kubeconfig("admin").unwrap()));
        seed(&admin).await;
        let folder = tempfile::Builder::new().prefix("pilothouse-security-").tempdir().unwrap();
        let proxy = Faults::start(admin.credential()).await;
        let own = if shared { "console" } else { "admin" };
        let kubeconfig = Faults::kubeconfig(folder.path(), "prod", (&proxy.url(), server.token(own).unwrap()));
        let audit = folder.path().join("audit.log");
        let mut arguments = vec!["serve", "--kubeconfig", kubeconfig.to_str().unwrap(), "--listen", "127.0.0.1:0"];
        arguments.extend(["--no-open", "--probes", "127.0.0.1:0", "--audit-events"]);
        arguments.extend(["--audit-log", audit.to_str().unwrap()]);
        if shared {
            arguments.push("--shared");
        }
        let mut console = Console::start_in(&arguments, &[("PILOTHOUSE_LOG", "trace")]);
        let (at, probes) = (console.address(), console.probes());
        Self { console, proxy, at, probes, audit, server, _folder: folder }
    }

    /// Somebody with a session of the shared console.
    pub(crate) async fn sign_in(&self, name: &'static str) -> Who {
        let token = self.server.token(name).unwrap().to_owned();
        let body = format!("cluster=prod&token={token}");
        let origin = format!("http://{}", self.at);
        let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answer = send(self.at, ("POST", "/sign-in"), &headers, &body).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Who { name, token, cookie }
    }

    /// The one person of a local console.
    pub(crate) async fn launch(&self) -> Who {
        let secret = self.console.secret();
        let answer = send(self.at, ("GET", &format!("/?launch={secret}")), &[], "").await;
        let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Who { name: "admin", token: secret.to_owned(), cookie }
    }

    /// Asks as somebody, from a page of the console.
    pub(crate) async fn ask(&self, who: &Who, method: &str, path: &str, (kind, body): (&str, &str)) -> Answer {
        let origin = format!("http://{}", self.at);
        let headers = [("cookie", who.cookie.as_str()), ("origin", &origin), ("content-type", kind)];
        send(self.at, (method, path), &headers, body).await
    }

    /// The beginning of a stream.
    pub(crate) async fn follow(&self, who: &Who, path: &str) -> Answer {
        let headers = [("cookie", who.cookie.as_str()), ("accept", "text/event-stream")];
        send(self.at, ("GET", path), &headers, "").await
    }

    /// Gets a page or an answer of the API as somebody.
    pub(crate) async fn get(&self, who: &Who, path: &str) -> Answer {
        self.ask(who, "GET", path, ("text/plain", "")).await
    }
}

async fn seed(admin: &Api) {
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let subject = |user: &str| json!([{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]);
    let reference =
        |kind: &str, name: &str| json!({"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name});
    let text = std::fs::read_to_string(places::repository().join("deploy/cluster-role.yaml")).unwrap();
    let role: Value = serde_saphyr::from_str(&text).unwrap();
    admin.ensure(&format!("{rbac}/clusterroles"), &role).await;
    let binding = json!({"metadata": {"name": "console"}, "roleRef": reference("ClusterRole", "pilothouse"), "subjects": subject("console")});
    admin.ensure(&format!("{rbac}/clusterrolebindings"), &binding).await;
    for (user, namespace) in [("ada", "team-a"), ("ben", "team-b")] {
        admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
        let rule = json!({"apiGroups": ["", "apps"], "resources": ["*"], "verbs": ["*"]});
        admin
            .ensure(
                &format!("{rbac}/namespaces/{namespace}/roles"),
                &json!({"metadata": {"name": "all"}, "rules": [rule]}),
            )
            .await;
        let binding =
            json!({"metadata": {"name": "all"}, "roleRef": reference("Role", "all"), "subjects": subject(user)});
        admin.ensure(&format!("{rbac}/namespaces/{namespace}/rolebindings"), &binding).await;
        objects(admin, user, namespace).await;
    }
}

/// A pod, a Secret, a config map and an event in a namespace; each one's name tells whose it is.
async fn objects(admin: &Api, user: &str, namespace: &str) {
    let at = |plural: &str| format!("/api/v1/namespaces/{namespace}/{plural}");
    let applied = json!({"apiVersion": "v1", "kind": "Secret", "data": {"key": ENCODED}, "stringData": {"key": VALUE}});
    let annotations = json!({"kubectl.kubernetes.io/last-applied-configuration": applied.to_string(), "note": HOSTILE});
    let metadata = |name: &str| json!({"name": format!("{name}-of-{user}"), "labels": {"owner": format!("label-of-{user}")}, "annotations": annotations});
    let plain = |name: &str| json!({"name": format!("{name}-of-{user}"), "labels": {"owner": format!("label-of-{user}")}, "annotations": {"note": HOSTILE}});
    let spec = json!({"containers": [{"name": "main", "image": format!("example.com/image-of-{user}:1")}]});
    admin.ensure(&at("pods"), &json!({"metadata": plain("pod"), "spec": spec})).await;
    admin.ensure(&at("configmaps"), &json!({"metadata": plain("map"), "data": {"text": HOSTILE}})).await;
    admin
        .ensure(&at("secrets"), &json!({"metadata": metadata("keys"), "type": "Opaque", "data": {"key": ENCODED}}))
        .await;
    let event = json!({
        "metadata": {"name": format!("event-of-{user}")}, "type": "Warning", "reason": "Broken", "message": HOSTILE,
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": format!("pod-of-{user}")},
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1,
    });
    admin.ensure(&at("events"), &event).await;
}
