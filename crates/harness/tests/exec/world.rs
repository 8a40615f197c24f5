//! A real API server, a node, a pod on it, and people with and without the right to run commands there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_app::{AuditTo, Cluster, Contexts, Ended, Engine, ExecOptions, Output, Person, Session, Sharing, Token};
use pilothouse_harness::{Api, Kubelet, Options, RealControlPlane};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/a";

pub(crate) struct World {
    pub(crate) plane: RealControlPlane,
    pub(crate) kubelet: Kubelet,
    pub(crate) engine: Engine,
    pub(crate) audit: PathBuf,
}

impl World {
    /// Ada may run commands in the namespace `a`, where the pod `web` has the containers `main` and `side`; Ben may only look.
    pub(crate) async fn start(protocol: &'static str) -> Self {
        let plane = RealControlPlane::start(Options::default()).await;
        let kubelet = Kubelet::start(protocol).await;
        let admin = plane.admin();
        admin.ensure("/api/v1/namespaces", &json!({"metadata": {"name": "a"}})).await;
        kubelet.run(admin, ("a", "web"), &["main", "side"]).await;
        let looks = rule("pods", &["get", "list", "watch"]);
        role(admin, "looks", &[looks], &[("User", "ada"), ("User", "ben")]).await;
        role(admin, "runs", &[rule("pods/exec", &["create", "get"])], &[("User", "ada")]).await;
        // The console itself may do everything: nothing of that reaches anybody.
        let contexts = Contexts::load(Some(plane.kubeconfig("admin")), None).unwrap();
        let engine = Engine::shared(contexts, Sharing::default());
        let folder = plane.folder().join("audit");
        std::fs::create_dir(&folder).unwrap();
        let audit = folder.join("audit.log");
        engine.audit().begin(AuditTo::File(audit.clone()), false).unwrap();
        Self { plane, kubelet, engine, audit }
    }

    /// The cluster as someone sees it who signed in with this token.
    pub(crate) fn with_token(&self, name: &str, token: &str) -> Cluster {
        let person = Person::new(name, BTreeMap::from([(self.engine.current(), Token::new(token))]));
        self.engine.seen_by(Arc::new(person)).cluster(self.engine.current().as_str()).unwrap()
    }

    /// The cluster as a user sees it.
    pub(crate) fn seen_by(&self, user: &str) -> Cluster {
        self.with_token(user, &self.plane.api(user).credential().token)
    }

    /// Takes the right to run commands away from everybody but the administrator.
    pub(crate) async fn take_away(&self) {
        let path = format!("{RBAC}/rolebindings/runs");
        assert_eq!(self.plane.admin().send(Method::DELETE, &path, None).await.status, 200);
    }

    /// The lines of the audit log about commands.
    pub(crate) fn recorded(&self) -> Vec<Value> {
        recorded(&std::fs::read_to_string(&self.audit).unwrap())
    }
}

pub(crate) fn recorded(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["subresource"] == "exec").collect()
}

pub(crate) fn rule(resource: &str, verbs: &[&str]) -> Value {
    json!({"apiGroups": [""], "resources": [resource], "verbs": verbs})
}

/// A role in the namespace `a`, and who has it.
pub(crate) async fn role(admin: &Api, name: &str, rules: &[Value], subjects: &[(&str, &str)]) {
    admin.ensure(&format!("{RBAC}/roles"), &json!({"metadata": {"name": name}, "rules": rules})).await;
    let subjects: Vec<_> = subjects
        .iter()
        .map(|(kind, name)| match *kind {
            "ServiceAccount" => json!({"kind": kind, "name": name, "namespace": "a"}),
            _ => json!({"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}),
        })
        .collect();
    let binding = json!({"metadata": {"name": name}, "subjects": subjects,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name}});
    admin.ensure(&format!("{RBAC}/rolebindings"), &binding).await;
}

/// A command of the shell, without a terminal.
pub(crate) fn shell(script: &str, stdin: bool) -> ExecOptions {
    let command = ["sh", "-c", script].map(str::to_owned).to_vec();
    ExecOptions { command, stdin, tty: false, container: None }
}

/// What comes out of a command up to its end.
pub(crate) async fn to_end(mut session: Session) -> (String, String, Ended) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    loop {
        match timeout(PATIENCE, session.next()).await.unwrap().unwrap() {
            Output::Out(bytes) => out.extend_from_slice(&bytes),
            Output::Error(bytes) => errors.extend_from_slice(&bytes),
            Output::Ended(ended) => {
                assert_eq!(session.next().await, None, "nothing follows the end");
                return (String::from_utf8(out).unwrap(), String::from_utf8(errors).unwrap(), ended);
            }
        }
    }
}
