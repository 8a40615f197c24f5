//! A real API server or the embedded one, people with rights of different reach, and consoles that have none of their own.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use pilothouse_drydock::{Options, Server, User};
use pilothouse_harness::kubeconfig::Credential;
use pilothouse_harness::kubelet::V4;
use pilothouse_harness::{Api, Console, Faults, Kubelet, RealControlPlane, places, real};
use reqwest::Method;
use serde_json::{Value, json};

use crate::raw::{Answer, send};

/// The namespaces; each one's objects bear its name.
pub(super) const NAMESPACES: [&str; 3] = ["one", "two", "three"];
/// The value of every Secret.
pub(super) const VALUE: &str = "bXkgb3duIHZhbHVl";
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";

/// The people, by what they may see. Two of them see the same.
pub(super) const NARROW: &str = "person-0";
pub(super) const WIDE: &str = "person-1";
pub(super) const NOTHING: &str = "person-2";
pub(super) const TWIN: &str = "person-3";
/// May list namespaces besides what the narrow ones may.
pub(super) const FINDER: &str = "person-4";

/// What answers.
pub(super) enum Kind {
    /// With a node that has logs.
    Real(Box<RealControlPlane>, #[expect(dead_code, reason = "it runs for as long as it is held")] Kubelet),
    Embedded(Box<Server>),
}

/// A cluster that knows the people.
pub(super) struct Plane {
    server: Kind,
    pub(super) admin: Api,
}

impl Plane {
    pub(super) async fn real() -> Self {
        let plane = RealControlPlane::start(real::Options { people: 5, ..real::Options::default() }).await;
        let admin = plane.admin().clone();
        let kubelet = Kubelet::start(V4).await;
        for namespace in NAMESPACES {
            admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
            kubelet.run(&admin, (namespace, &format!("runner-of-{namespace}")), &["main"]).await;
        }
        Self::seeded(Kind::Real(Box::new(plane), kubelet), admin).await
    }

    pub(super) async fn embedded() -> Self {
        pilothouse_harness::api::install_cryptography();
        let people = [NARROW, WIDE, NOTHING, TWIN, FINDER].map(|name| User::new(name, &["people"]));
        let users = people.into_iter().chain([User::new("ben", &[])]).collect();
        let server = Server::start(Options { users, ..Options::default() }).await.unwrap();
        let admin = Api::new(Credential::read(&server.kubeconfig("admin").unwrap()));
        Self::seeded(Kind::Embedded(Box::new(server)), admin).await
    }

    async fn seeded(server: Kind, admin: Api) -> Self {
        for namespace in NAMESPACES {
            objects(&admin, namespace).await;
        }
        let all = json!({"apiGroups": ["", "apps", "batch"], "resources": ["*"], "verbs": ["*"]});
        for namespace in ["one", "two"] {
            let role = json!({"metadata": {"name": "all"}, "rules": [all]});
            admin.ensure(&format!("{RBAC}/namespaces/{namespace}/roles"), &role).await;
            bind(&admin, Some(namespace), "all", &[NARROW, TWIN, FINDER].map(user)).await;
        }
        let look = ["get", "list", "watch"];
        let every = json!({"apiGroups": ["*"], "resources": ["*"], "verbs": look});
        let finds = json!({"apiGroups": [""], "resources": ["namespaces"], "verbs": look});
        for (name, rule, who) in [("look", every, WIDE), ("find", finds, FINDER)] {
            let role = json!({"metadata": {"name": name}, "rules": [rule]});
            admin.ensure(&format!("{RBAC}/clusterroles"), &role).await;
            bind(&admin, None, name, &[user(who)]).await;
        }
        Self { server, admin }
    }

    pub(super) fn token(&self, user: &str) -> String {
        match &self.server {
            Kind::Real(plane, _) => plane.api(user).credential().token.clone(),
            Kind::Embedded(server) => server.token(user).unwrap().to_owned(),
        }
    }

    /// Whether it has pods that run, and logs.
    pub(super) fn has_logs(&self) -> bool {
        matches!(self.server, Kind::Real(..))
    }

    /// A client of somebody's.
    pub(super) fn api(&self, token: &str) -> Api {
        Api::new(Credential { token: token.to_owned(), ..self.admin.credential().clone() })
    }

    /// Lets only `groups` ask what is served, where everybody who is known may otherwise.
    pub(super) async fn discovery_for(&self, names: &[&str]) {
        for name in ["system:discovery", "system:public-info-viewer"] {
            let path = format!("{RBAC}/clusterrolebindings/{name}");
            let answer = self.admin.send(Method::DELETE, &path, None).await;
            assert_eq!(answer.status, 200, "{}", answer.body);
        }
        bind(&self.admin, None, "system:discovery", &names.iter().map(|name| user(name)).collect::<Vec<_>>()).await;
    }
}

pub(super) fn user(name: &str) -> Value {
    json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name})
}

/// Binds a role of a namespace, or of the cluster.
pub(super) async fn bind(admin: &Api, namespace: Option<&str>, role: &str, subjects: &[Value]) {
    let kind = if namespace.is_some() { "Role" } else { "ClusterRole" };
    let binding = json!({
        "metadata": {"generateName": "test-"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
        "subjects": subjects,
    });
    let path = match namespace {
        Some(namespace) => format!("{RBAC}/namespaces/{namespace}/rolebindings"),
        None => format!("{RBAC}/clusterrolebindings"),
    };
    admin.ensure(&path, &binding).await;
}

/// A namespace with a deployment whose pod does not start, a Secret, a config map, and an event.
async fn objects(admin: &Api, namespace: &str) {
    admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": namespace}})).await;
    let at = |plural: &str| format!("/api/v1/namespaces/{namespace}/{plural}");
    let apps = |plural: &str| format!("/apis/apps/v1/namespaces/{namespace}/{plural}");
    let metadata = |name: &str| json!({"name": format!("{name}-of-{namespace}")});
    let image = format!("example.com/image-of-{namespace}:1");
    let labels = json!({"app": "app"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": image}]}});
    let spec = json!({"replicas": 1, "selector": {"matchLabels": labels}, "template": template});
    let uid = make(admin, &apps("deployments"), &json!({"metadata": metadata("app"), "spec": spec})).await;
    let owned = |name: &str, kind: &str, owner: &str, uid: &Value| {
        json!({"name": format!("{name}-of-{namespace}"), "labels": labels, "ownerReferences": [{
            "apiVersion": "apps/v1", "kind": kind, "name": format!("{owner}-of-{namespace}"), "uid": uid, "controller": true,
        }]})
    };
    let set = json!({"metadata": owned("set", "Deployment", "app", &uid), "spec": spec});
    let uid = make(admin, &apps("replicasets"), &set).await;
    let spec = json!({"nodeName": "node", "containers": [{"name": "main", "image": image}]});
    let pod = json!({"metadata": owned("pod", "ReplicaSet", "set", &uid), "spec": spec});
    let uid = make(admin, &at("pods"), &pod).await;
    let waiting = json!({"reason": "ImagePullBackOff", "message": format!("Back-off pulling image {image}")});
    let status = json!({"status": {"phase": "Pending", "containerStatuses": [{
        "name": "main", "image": image, "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": waiting},
    }]}});
    let path = format!("{}/pod-of-{namespace}/status", at("pods"));
    let patched = admin.send(Method::PATCH, &path, Some(("application/merge-patch+json", &status))).await;
    assert_eq!(patched.status, 200, "{}", patched.body);
    admin.ensure(&at("configmaps"), &json!({"metadata": metadata("map")})).await;
    admin.ensure(&at("secrets"), &json!({"metadata": metadata("keys"), "data": {"key": VALUE}})).await;
    let event = json!({
        "metadata": metadata("event"), "type": "Warning", "reason": "Broken", "message": format!("trouble-of-{namespace}"),
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "namespace": namespace, "name": format!("pod-of-{namespace}"), "uid": uid},
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z", "count": 1,
    });
    admin.ensure(&at("events"), &event).await;
}

/// Makes an object; gives its uid.
async fn make(admin: &Api, path: &str, object: &Value) -> Value {
    let made = admin.send(Method::POST, path, Some(("application/json", object))).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.body["metadata"]["uid"].clone()
}

/// A console that has no rights of its own, behind which a proxy remembers every request.
pub(super) struct Lone {
    pub(super) console: Console,
    pub(super) proxy: Faults,
    pub(super) at: SocketAddr,
    probes: SocketAddr,
    pub(super) audit: PathBuf,
    _folder: tempfile::TempDir,
}

impl Lone {
    /// Starts it with this token of its own, or with the kubeconfig of `deploy/` that has none, and with these namespaces to look into.
    pub(super) async fn start(plane: &Plane, own: &str, hints: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("pilothouse-own-").tempdir().unwrap();
        let proxy = Faults::start(plane.admin.credential()).await;
        let kubeconfig = if own.is_empty() {
            deployed(folder.path(), &proxy.url(), &plane.admin.credential().authority)
        } else {
            Faults::kubeconfig(folder.path(), "prod", (&proxy.url(), own))
        };
        let (audit, config) = (folder.path().join("audit.log"), folder.path().join("config.yaml"));
        std::fs::write(&config, json!({"clusters": {"prod": {"namespaces": hints}}}).to_string()).unwrap();
        let mut arguments =
            vec!["serve", "--shared", "--user-credentials-only", "--listen", "127.0.0.1:0", "--no-open"];
        arguments.extend(["--kubeconfig", kubeconfig.to_str().unwrap(), "--probes", "127.0.0.1:0"]);
        arguments.extend(["--audit-log", audit.to_str().unwrap(), "--config", config.to_str().unwrap()]);
        let mut console = Console::start(&arguments);
        let (at, probes) = (console.address(), console.probes());
        Self { console, proxy, at, probes, audit, _folder: folder }
    }

    /// A session of the console, begun with a bearer token in the form.
    pub(super) async fn sign_in(&self, token: &str) -> String {
        let origin = format!("http://{}", self.at);
        let headers = [("origin", origin.as_str()), ("content-type", "application/x-www-form-urlencoded")];
        let answer = send(self.at, ("POST", "/sign-in"), &headers, &format!("cluster=prod&token={token}")).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    }

    /// A page, or what a form on it leads to.
    pub(super) async fn page(&self, cookie: &str, (method, path): (&str, &str), form: &str) -> Answer {
        let origin = format!("http://{}", self.at);
        let kind = ("content-type", "application/x-www-form-urlencoded");
        send(self.at, (method, path), &[("cookie", cookie), ("origin", &origin), kind], form).await
    }

    /// An answer of the API to somebody's token: `path` goes on after the cluster.
    pub(super) async fn ask(&self, token: &str, (method, path): (&str, &str), body: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        send(self.at, (method, &format!("/api/v1/clusters/prod{path}")), &headers, body).await
    }

    /// The same as JSON; it must be good.
    pub(super) async fn json(&self, token: &str, path: &str) -> Value {
        let answer = self.ask(token, ("GET", path), "").await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    /// A figure of the console about the cluster; `None` where it has none.
    pub(super) async fn figure(&self, name: &str) -> Option<f64> {
        let answer = send(self.probes, ("GET", "/metrics"), &[], "").await;
        assert!(answer.body.contains("pilothouse_watches"), "{}", answer.body);
        let line = answer.body.lines().find(|line| line.starts_with(&format!("pilothouse_{name}{{")))?.to_owned();
        line.rsplit(' ').next().unwrap().parse().ok()
    }

    /// The tokens with which the cluster was asked, and anything else that went along in their place.
    pub(super) fn shown(&self) -> BTreeSet<String> {
        let all = self.proxy.seen().into_iter().map(|seen| {
            let credentials = seen.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case("authorization"));
            credentials.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" and ")
        });
        all.collect()
    }
}

/// The kubeconfig that a console without rights is deployed with, leading here.
fn deployed(folder: &Path, server: &str, authority: &str) -> PathBuf {
    let text = places::repository().join("deploy/user-credentials-only/kubeconfig");
    let text = std::fs::read_to_string(text).unwrap();
    let (path, server) = (folder.join("kubeconfig"), text.replace("https://kubernetes.default.svc", server));
    std::fs::write(&path, server.replace("in-cluster", "prod")).unwrap();
    std::fs::write(folder.join("ca.crt"), authority).unwrap();
    path
}
