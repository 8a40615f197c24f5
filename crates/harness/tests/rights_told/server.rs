//! A small API server on loopback that answers by grants, the way a test wants it: its authorizer may not tell its rules, it
//! may serve projects, and it may be away.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What it serves: group, version, plural, kind, whether in namespaces.
const SERVED: [(&str, &str, &str, &str, bool); 7] = [
    ("", "v1", "namespaces", "Namespace", false),
    ("", "v1", "pods", "Pod", true),
    ("", "v1", "configmaps", "ConfigMap", true),
    ("", "v1", "secrets", "Secret", true),
    ("batch", "v1", "jobs", "Job", true),
    ("trainer.kubeflow.org", "v1alpha1", "trainjobs", "TrainJob", true),
    ("project.openshift.io", "v1", "projects", "Project", false),
];

/// Somebody may do something.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    pub(crate) token: &'static str,
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    /// `None` for everywhere.
    pub(crate) namespace: Option<&'static str>,
}

/// A grant to read.
pub(crate) fn grant(
    token: &'static str,
    (group, plural): (&'static str, &'static str),
    namespace: impl Into<Option<&'static str>>,
) -> Grant {
    Grant { token, group, plural, namespace: namespace.into() }
}

/// What it is like at the moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) grants: Vec<Grant>,
    /// Group, plural, namespace (empty for none) and name of each object.
    pub(crate) objects: Vec<(&'static str, &'static str, &'static str, String)>,
    /// The projects of each token: those who are in one see it, without any grant.
    pub(crate) projects: Vec<(&'static str, &'static str)>,
    /// Whether another authorizer decides, which cannot list its rules.
    pub(crate) webhook: bool,
    /// Whether no request is answered.
    pub(crate) down: bool,
}

/// A running server.
pub(crate) struct Server {
    url: String,
    world: watch::Sender<(u64, World)>,
    asked: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// One request.
struct Asked {
    path: String,
    query: String,
    token: String,
    body: Value,
}

impl Server {
    pub(crate) async fn start(world: World) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let world = watch::Sender::new((1, world));
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let (state, log) = (world.clone(), Arc::clone(&asked));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, state.subscribe(), Arc::clone(&log)));
            }
        });
        Self { url, world, asked, task }
    }

    /// Lets it be otherwise from now on.
    pub(crate) fn change(&self, change: impl FnOnce(&mut World)) {
        self.world.send_modify(|(generation, world)| {
            *generation += 1;
            change(world);
        });
    }

    /// Path and token of every request so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// A kubeconfig of whoever has this token.
    pub(crate) fn kubeconfig(&self, folder: &std::path::Path, token: &str) -> PathBuf {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "told",
            "contexts": [{"name": "told", "context": {"cluster": "told", "user": "me"}}],
            "clusters": [{"name": "told", "cluster": {"server": self.url}}],
            "users": [{"name": "me", "user": {"token": token}}],
        });
        let path = folder.join(format!("{token}.kubeconfig"));
        std::fs::write(&path, config.to_string()).unwrap();
        path
    }
}

async fn serve(mut stream: TcpStream, mut world: watch::Receiver<(u64, World)>, log: Arc<Mutex<Vec<String>>>) {
    let Some(asked) = read(&mut stream).await else { return };
    let (generation, now) = world.borrow_and_update().clone();
    if now.down {
        return;
    }
    log.lock().unwrap().push(format!("{} {}", asked.token, asked.path));
    let watches = asked.query.contains("watch=");
    let (status, body) = answer(&asked, (generation, &now));
    if !watches || status != 200 {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close\r\n");
        let body = body.to_string();
        let whole = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        stream.write_all(whole.as_bytes()).await.unwrap_or_default();
        return;
    }
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap_or_default();
    // Whatever changes, everything is listed anew; a server that goes away takes its connections along.
    if asked.query.contains(&format!("resourceVersion={generation}")) && world.changed().await.is_err() {
        return;
    }
    if !world.borrow().1.down {
        let gone = json!({"type": "ERROR", "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}});
        stream.write_all(format!("{gone}\n").as_bytes()).await.unwrap_or_default();
    }
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let header = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            break ((head.to_owned(), header("authorization")), body[..length].to_owned());
        }
    };
    let (head, authorization) = head;
    let target = head.split(' ').nth(1)?.to_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let token = authorization?.trim_start_matches("Bearer ").to_owned();
    let body = serde_json::from_str(&length).unwrap_or(Value::Null);
    Some(Asked { path: path.to_owned(), query: query.to_owned(), token, body })
}

fn refused(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": reason, "code": code}),
    )
}

fn answer(asked: &Asked, (generation, world): (u64, &World)) -> (u16, Value) {
    let segments: Vec<&str> = asked.path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["version"] => (200, json!({"gitVersion": "v1.30.0"})),
        ["api"] => (200, json!({"kind": "APIVersions", "versions": ["v1"]})),
        ["apis"] => {
            let groups = SERVED.iter().filter(|served| !served.0.is_empty()).map(|(group, version, ..)| {
                let version = json!({"groupVersion": format!("{group}/{version}"), "version": version});
                json!({"name": group, "versions": [version], "preferredVersion": version})
            });
            (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()}))
        }
        ["api", "v1"] => (200, resources("", "v1")),
        ["apis", "authorization.k8s.io", "v1", "selfsubjectrulesreviews"] => rules(asked, world),
        ["apis", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"] => {
            let attributes = &asked.body["spec"]["resourceAttributes"];
            let text = |name: &str| attributes[name].as_str().unwrap_or_default();
            let namespace = Some(text("namespace")).filter(|namespace| !namespace.is_empty());
            let allowed = may(world, &asked.token, (text("group"), text("resource")), namespace);
            (201, json!({"status": {"allowed": allowed && ["get", "list", "watch"].contains(&text("verb"))}}))
        }
        ["api", "v1", rest @ ..] => objects(asked, ("", rest), (generation, world)),
        ["apis", group, version] if SERVED.iter().any(|served| served.0 == *group) => (200, resources(group, version)),
        ["apis", group, _, rest @ ..] => objects(asked, (group, rest), (generation, world)),
        _ => refused(404, "NotFound"),
    }
}

fn resources(group: &str, version: &str) -> Value {
    let served = SERVED.iter().filter(|served| served.0 == group).map(|(_, _, plural, kind, namespaced)| {
        json!({"name": plural, "kind": kind, "namespaced": namespaced, "verbs": ["get", "list", "watch"], "singularName": ""})
    });
    let name = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({"kind": "APIResourceList", "groupVersion": name, "resources": served.collect::<Vec<_>>()})
}

fn may(world: &World, token: &str, (group, plural): (&str, &str), namespace: Option<&str>) -> bool {
    world.grants.iter().any(|grant| {
        let of = |own: &str, wanted: &str| own == "*" || own == wanted;
        grant.token == token
            && of(grant.group, group)
            && of(grant.plural, plural)
            && grant.namespace.is_none_or(|own| Some(own) == namespace)
    })
}

fn rules(asked: &Asked, world: &World) -> (u16, Value) {
    let namespace = asked.body["spec"]["namespace"].as_str();
    let granted = world.grants.iter().filter(|grant| {
        !world.webhook && grant.token == asked.token && grant.namespace.is_none_or(|own| Some(own) == namespace)
    });
    let rule = |grant: &Grant| json!({"verbs": ["get", "list", "watch"], "apiGroups": [grant.group], "resources": [grant.plural]});
    let problem = if world.webhook { "webhook authorizer does not support user rule resolution" } else { "" };
    let rules: Vec<Value> = granted.map(rule).collect();
    (
        201,
        json!({"status": {
            "resourceRules": rules, "nonResourceRules": [], "incomplete": world.webhook, "evaluationError": problem,
        }}),
    )
}

/// The objects of a resource, everywhere, in a namespace, or one by its name.
fn objects(asked: &Asked, (group, rest): (&str, &[&str]), (generation, world): (u64, &World)) -> (u16, Value) {
    let (namespace, plural, name) = match rest {
        ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
        ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
        [plural] => (None, *plural, None),
        [plural, name] => (None, *plural, Some(*name)),
        _ => return refused(404, "NotFound"),
    };
    let Some((_, version, _, kind, _)) = SERVED.iter().find(|served| (served.0, served.2) == (group, plural)) else {
        return refused(404, "NotFound");
    };
    let object = |namespace: &str, name: &str| {
        let mut object =
            json!({"metadata": {"name": name, "uid": format!("{plural}/{namespace}/{name}"), "resourceVersion": "1"}});
        if !namespace.is_empty() {
            object["metadata"]["namespace"] = json!(namespace);
        }
        object
    };
    let items: Vec<Value> = if plural == "projects" {
        let own = world.projects.iter().filter(|(token, _)| *token == asked.token);
        own.map(|(_, name)| object("", name)).collect()
    } else if may(world, &asked.token, (group, plural), namespace) {
        let there = world.objects.iter().filter(|(own_group, own, place, _)| {
            (*own_group, *own) == (group, plural) && namespace.is_none_or(|namespace| namespace == *place)
        });
        there.map(|(_, _, place, name)| object(place, name)).collect()
    } else {
        return refused(403, "Forbidden");
    };
    let api_version = if group.is_empty() { (*version).to_owned() } else { format!("{group}/{version}") };
    if let Some(name) = name {
        let found = items.into_iter().find(|item| item["metadata"]["name"] == name);
        return found.map_or_else(|| refused(404, "NotFound"), |item| (200, item));
    }
    let metadata = json!({"resourceVersion": generation.to_string()});
    (200, json!({"kind": format!("{kind}List"), "apiVersion": api_version, "metadata": metadata, "items": items}))
}
