//! One change on its way: recorded, sent, told.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use pilothouse_cluster::{ClusterError, Connection};
use pilothouse_model::{ObjectRef, Resource};
use serde_json::{Value, json};

use super::{Done, JSON, MERGE_PATCH, Method, Target, Write};
use crate::audit::{Deed, request_id};
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};

/// How we call ourselves where an API server asks who manages a field.
const MANAGER: &str = "pilothouse";

/// A change that is to be made.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    target: Target,
    pub(super) method: Method,
    /// What is created, where that is another object than the target.
    creates: Option<Arc<Resource>>,
    pub(super) subresource: &'static str,
    pub(super) body: Value,
    /// For the audit log: no value of a Secret stands here.
    pub(super) summary: Value,
    dry_run: bool,
}

impl Sending {
    /// A merge patch of the target, unless it is made something else.
    pub(super) fn new(target: &Target, dry_run: bool) -> Self {
        let (body, summary) = (Value::Null, Value::Null);
        Self { target: target.clone(), method: Method::Patch, creates: None, subresource: "", body, summary, dry_run }
    }

    pub(super) fn creates(&mut self, resource: Arc<Resource>) {
        self.method = Method::Create;
        self.creates = Some(resource);
    }

    fn resource(&self) -> &Arc<Resource> {
        self.creates.as_ref().unwrap_or(&self.target.resource)
    }

    fn verb(&self) -> &'static str {
        match self.method {
            Method::Create => "create",
            Method::Replace => "update",
            Method::Patch => "patch",
            Method::Delete => "delete",
        }
    }

    async fn send(&self, connection: &Connection) -> Result<Value, ClusterError> {
        let mut query = Vec::new();
        if self.method != Method::Delete {
            query.push(("fieldManager", MANAGER));
            if self.dry_run {
                query.push(("dryRun", "All"));
            }
            if self.method == Method::Replace {
                query.push(("fieldValidation", "Strict"));
            }
        }
        let write = Write {
            method: self.method,
            resource: self.resource(),
            namespace: self.target.namespace.as_deref(),
            name: self.creates.is_none().then_some(self.target.name.as_str()),
            subresource: Some(self.subresource).filter(|part| !part.is_empty()),
            query,
            content_type: if self.method == Method::Patch { MERGE_PATCH } else { JSON },
            body: Bytes::from(self.body.to_string()),
        };
        connection.write(&write).await
    }
}

impl Cluster {
    /// What is about to be done, for the audit log.
    pub(crate) fn deed(&self, verb: &'static str, target: &Target) -> Deed {
        let resource = &target.resource;
        Deed {
            request: request_id(),
            viewer: self.viewer.clone(),
            cluster: self.id().clone(),
            verb,
            resource: [resource.group.to_string(), resource.version.to_string(), resource.plural.to_string()],
            namespace: target.namespace.clone(),
            name: Some(target.name.clone()),
            subresource: "",
            summary: Value::Null,
            dry_run: false,
        }
    }

    /// Records and makes a change. Once begun it goes on to its end: a browser that goes away takes only the answer with it.
    pub(super) async fn send(&self, sending: Sending) -> Result<Done, AppError> {
        let connection = self.own_connection()?;
        let resource = sending.resource();
        let created = sending.creates.is_some();
        let deed = Deed {
            resource: [resource.group.to_string(), resource.version.to_string(), resource.plural.to_string()],
            name: (!created).then(|| sending.target.name.clone()),
            subresource: sending.subresource,
            summary: sending.summary.clone(),
            dry_run: sending.dry_run,
            ..self.deed(sending.verb(), &sending.target)
        };
        let record = self.inner.audit.record(deed)?;
        let cluster = self.clone();
        let making = tokio::spawn(async move {
            let request = record.request().to_owned();
            match sending.send(&connection).await {
                Ok(answer) => {
                    record.done(answer.pointer("/metadata/name").and_then(Value::as_str).filter(|_| created));
                    if cluster.inner.audit.makes_events() && !sending.dry_run {
                        cluster.tell(&connection, &sending).await;
                    }
                    Ok(Done { request, answer, dry_run: sending.dry_run })
                }
                Err(error) => {
                    record.failed(&error);
                    Err(refused(error))
                }
            }
        });
        making.await.unwrap_or_else(|_| {
            Err(AppError::new(ErrorKind::Unavailable, "Pilothouse is shutting down: it is not known what came of this"))
        })
    }

    /// Makes a Kubernetes event of what was done, in the person's name. Where that is not allowed, the audit log has it.
    async fn tell(&self, connection: &Connection, sending: &Sending) {
        let target = &sending.target;
        let namespace = target.namespace.as_deref().unwrap_or("default");
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let involved = ObjectRef {
            api_version: target.resource.api_version(),
            kind: target.resource.kind.to_string(),
            namespace: target.namespace.clone(),
            name: target.name.clone(),
            uid: sending
                .body
                .pointer("/metadata/uid")
                .or(sending.body.pointer("/preconditions/uid"))
                .and_then(Value::as_str)
                .map(str::to_owned),
        };
        let action = sending.summary.get("action").and_then(Value::as_str).unwrap_or(sending.verb());
        let message = match self.viewer.name() {
            Some(name) => format!("{action} by {name} through Pilothouse"),
            None => format!("{action} through Pilothouse"),
        };
        let event = json!({
            "apiVersion": "v1", "kind": "Event", "type": "Normal", "reason": "ChangedByPerson", "message": message,
            "metadata": {"generateName": "pilothouse-", "namespace": namespace}, "involvedObject": involved,
            "source": {"component": MANAGER}, "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        });
        let events = Resource::new("", "v1", "events", "Event");
        let write = Write {
            method: Method::Create,
            resource: &events,
            namespace: Some(namespace),
            name: None,
            subresource: None,
            query: Vec::new(),
            content_type: JSON,
            body: Bytes::from(event.to_string()),
        };
        if let Err(error) = connection.write(&write).await {
            tracing::debug!("no event of a change could be made: {error}");
        }
    }
}

/// Why a change was not made, in the API server's words.
pub(crate) fn refused(error: ClusterError) -> AppError {
    let kind = match &error {
        ClusterError::Other { code: 409, .. } => ErrorKind::Conflict,
        // So a patch that names the object it is meant for is refused by another one.
        ClusterError::Other { code: 422, message, .. } if message.contains("metadata.uid") => ErrorKind::Conflict,
        ClusterError::Other { code: 400..=499, .. } => ErrorKind::BadInput,
        _ => return AppError::from(error),
    };
    let ClusterError::Other { message, .. } = error else { return AppError::from(error) };
    let said = AppError::new(kind, message);
    if kind == ErrorKind::Conflict { said.hint("it has changed since; look at it again, then decide") } else { said }
}
