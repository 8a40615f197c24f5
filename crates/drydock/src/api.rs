//! What can be asked of resources, each verb in its own file.

mod delete;
mod logs;
mod read;
mod review;
mod scale;
mod special;
pub(crate) mod write;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub(crate) use delete::{Deletion, Propagation, delete_one};

use crate::failure::Failure;
use crate::http::query::Query;
use crate::http::reply::{self, Body, Negotiated};
use crate::http::{ResourcePath, body};
use crate::present;
use crate::registry::{CRD_COLLECTION, Registry, Served};
use crate::storage::{Errand, State, Storage, Stored};
use crate::user::{Tokens, User};

/// What does not change while a server runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Changes remembered for each collection.
    pub(crate) history: usize,
    /// Time between bookmarks.
    pub(crate) bookmark_every: Duration,
}

/// One API server, without its network side.
#[derive(Debug)]
pub(crate) struct Api {
    /// The objects.
    pub(crate) storage: Storage,
    /// Who may sign in.
    pub(crate) tokens: Tokens,
    /// How it runs.
    pub(crate) settings: Settings,
    /// The certificate authority, for the configuration map that pods read it from.
    pub(crate) authority: String,
    /// Ends open watches.
    pub(crate) stopping: CancellationToken,
    registry: RwLock<Arc<Registry>>,
}

/// One request for a resource.
#[derive(Debug)]
pub(crate) struct Asked {
    /// HTTP method.
    pub(crate) method: Method,
    /// Parameters.
    pub(crate) query: Query,
    /// Headers.
    pub(crate) headers: HeaderMap,
    /// Body.
    pub(crate) bytes: Bytes,
    /// Who.
    pub(crate) user: User,
    /// Shape of the answer.
    pub(crate) accepted: Negotiated,
    /// The resource.
    pub(crate) served: Arc<Served>,
    /// The path.
    pub(crate) target: ResourcePath,
}

impl Api {
    /// An empty one, and the far end of its errands.
    pub(crate) fn new(
        tokens: Tokens,
        settings: Settings,
        authority: String,
        stopping: CancellationToken,
    ) -> (Self, mpsc::UnboundedReceiver<Errand>) {
        let (storage, errands) = Storage::new(settings.history);
        let registry = RwLock::new(Arc::new(Registry::builtin()));
        (Self { storage, tokens, settings, authority, stopping, registry }, errands)
    }

    /// What is served now.
    pub(crate) fn registry(&self) -> Arc<Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves what the stored definitions say. Called under the storage's lock, so that the order is theirs.
    pub(crate) fn refresh_registry(&self, state: &State) {
        let alive = state.all(CRD_COLLECTION).map(|(_, stored)| &stored.value);
        let registry = Registry::with_definitions(alive);
        *self.registry.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(registry);
    }
}

impl Asked {
    /// The namespace, for namespaced resources.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.target.scope(self.served.resource.namespaced)
    }

    /// The name; 405 where there is none.
    pub(crate) fn name(&self) -> Result<&str, Failure> {
        self.target.name.as_deref().ok_or_else(Failure::method_not_allowed)
    }

    /// Where the object lies.
    pub(crate) fn key(&self) -> Result<String, Failure> {
        Ok(self.served.key(self.namespace(), self.name()?))
    }

    /// Whether nothing should be kept (`dryRun=All`).
    pub(crate) fn dry_run(&self) -> Result<bool, Failure> {
        match self.query.get("dryRun") {
            None => Ok(false),
            Some("All") => Ok(true),
            Some(other) => {
                Err(Failure::bad_request(format!("dryRun: Unsupported value: \"{other}\": supported values: \"All\"")))
            }
        }
    }

    /// The object in the body.
    pub(crate) fn object(&self) -> Result<Value, Failure> {
        body::object(&self.headers, &self.bytes)
    }

    /// Answers with one object in the shape asked for.
    pub(crate) fn show(&self, code: StatusCode, stored: &Stored) -> Result<Response<Body>, Failure> {
        let shown = present::one(&self.served, stored, self.accepted.shape, self.query.get("includeObject"));
        reply::object(code, self.accepted, &shown)
    }
}

/// Does what was asked.
pub(crate) async fn dispatch(api: &Arc<Api>, asked: Asked) -> Result<Response<Body>, Failure> {
    let resource = &asked.served.resource;
    let misplaced = match (&asked.target.namespace, resource.namespaced) {
        (Some(_), false) => &*resource.plural != "namespaces",
        (None, true) => asked.target.name.is_some(),
        _ => false,
    };
    if misplaced {
        return Err(Failure::no_such_path());
    }
    if resource.verbs.len() == 1 {
        return review::answer(api, &asked);
    }
    match asked.target.subresource.as_deref() {
        None => main_resource(api, asked).await,
        Some("status") if asked.served.status => status(api, &asked),
        Some("scale") if asked.served.scale.is_some() => scale::answer(api, &asked),
        Some(part) if asked.served.further.iter().any(|further| further.name == part) => match part {
            "log" => logs::answer(api, asked).await,
            _ => special::answer(api, &asked),
        },
        Some(_) => Err(Failure::no_such_path()),
    }
}

async fn main_resource(api: &Arc<Api>, asked: Asked) -> Result<Response<Body>, Failure> {
    let named = asked.target.name.is_some();
    match (asked.method.as_str(), named) {
        ("GET" | "HEAD", true) => read::get(api, &asked),
        ("GET" | "HEAD", false) => crate::lists::answer(api, asked),
        ("POST", false) => write::create(api, &asked),
        ("PUT", true) => write::replace(api, &asked, ""),
        ("PATCH", true) => write::patch(api, &asked, ""),
        ("DELETE", true) => delete::one(api, &asked),
        ("DELETE", false) if asked.served.resource.offers("deletecollection") => delete::collection(api, &asked),
        _ => Err(Failure::method_not_allowed()),
    }
}

fn status(api: &Arc<Api>, asked: &Asked) -> Result<Response<Body>, Failure> {
    match asked.method.as_str() {
        "GET" | "HEAD" => read::get(api, asked),
        "PUT" => write::replace(api, asked, "status"),
        "PATCH" => write::patch(api, asked, "status"),
        _ => Err(Failure::method_not_allowed()),
    }
}
