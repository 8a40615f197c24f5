//! Changes: one request each, never repeated by us.

use bytes::Bytes;
use http::{HeaderValue, Method};
use pilothouse_model::Resource;
use serde_json::Value;

use crate::connection::{Call, Connection, LONGEST};
use crate::decode;
use crate::error::ClusterError;
use crate::path;

/// How something is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WriteMethod {
    /// POST: an object, or what a subresource takes (an eviction, a token request).
    Create,
    /// PUT.
    Replace,
    /// PATCH; the content type says which kind of patch.
    Patch,
    /// DELETE of one object.
    Delete,
}

impl WriteMethod {
    fn method(self) -> Method {
        match self {
            Self::Create => Method::POST,
            Self::Replace => Method::PUT,
            Self::Patch => Method::PATCH,
            Self::Delete => Method::DELETE,
        }
    }
}

/// A change of one object.
#[derive(Clone, Debug)]
pub struct Write<'a> {
    /// How.
    pub method: WriteMethod,
    /// Of what kind the object is.
    pub resource: &'a Resource,
    /// Where it lives; `None` for what lives in no namespace.
    pub namespace: Option<&'a str>,
    /// Its name; left out only to create it.
    pub name: Option<&'a str>,
    /// `scale`, `status`, `eviction`, ...
    pub subresource: Option<&'a str>,
    /// `dryRun`, `fieldManager`, `force`, `fieldValidation`, ...
    pub query: Vec<(&'a str, &'a str)>,
    /// `application/json`, `application/merge-patch+json`, `application/apply-patch+yaml`, ...
    pub content_type: &'a str,
    /// What is sent; may be empty for a deletion.
    pub body: Bytes,
}

impl Write<'_> {
    fn path(&self) -> Result<String, ClusterError> {
        let mut path = match (self.name, self.subresource) {
            (Some(name), Some(part)) => path::subresource(self.resource, self.namespace, (name, part))?,
            (Some(name), None) => path::object(self.resource, self.namespace, name)?,
            (None, None) if self.method == WriteMethod::Create => path::collection(self.resource, self.namespace)?,
            // Without a name it would be a change of all of them.
            (None, _) => return Err(self.refused("it names no object")),
        };
        if self.resource.namespaced != self.namespace.is_some() {
            let objects = self.resource.group_resource();
            let why = if self.resource.namespaced { "live in a namespace" } else { "live in no namespace" };
            return Err(self.refused(&format!("{objects} {why}")));
        }
        for (index, (key, value)) in self.query.iter().enumerate() {
            let mark = if index == 0 { '?' } else { '&' };
            path.push_str(&format!("{mark}{}={}", path::escape(key), path::escape(value)));
        }
        Ok(path)
    }

    fn refused(&self, why: &str) -> ClusterError {
        let request = format!("{} {}", self.method.method(), self.resource.group_resource());
        ClusterError::Malformed { request, reason: why.to_owned() }
    }
}

impl Connection {
    /// Makes a change and gives what the server answered: the object as it is now, or a `Status`, or what the subresource
    /// answers. Values of Secrets stay hidden here, too. An [`ClusterError::Unreachable`] says whether the change may have
    /// been made all the same.
    pub async fn write(&self, write: &Write<'_>) -> Result<Value, ClusterError> {
        let path = write.path()?;
        let kind = HeaderValue::from_str(write.content_type).map_err(|error| write.refused(&error.to_string()))?;
        let call = Call { changes: true, ..Call::with_body(write.method.method(), &path, kind, write.body.clone()) };
        let response = self.send(&call).await?;
        let answered = self.collect_whole(response.into_body(), &call.words(), LONGEST).await;
        let body = answered.map_err(|error| match error {
            ClusterError::Unreachable { server, reason } => {
                let reason = format!("{reason}; the change was accepted, only its result could not be read");
                ClusterError::Unreachable { server, reason }
            }
            error => error,
        })?;
        decode::answer(&body, write.resource)
            .map_err(|reason| ClusterError::Malformed { request: call.words(), reason })
    }
}
