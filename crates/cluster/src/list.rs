//! A list in pages: the next page is on its way while the one before is decoded.

use std::sync::Arc;

use bytes::Bytes;
use pilothouse_model::Resource;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::connection::{Connection, malformed};
use crate::decode::{self, Decoded, ListMeta, RawPage};
use crate::error::ClusterError;
use crate::path;
use crate::signal::Signal;

/// About how long a page should be at most, in bytes: a page is in memory as text and as objects at once.
const PAGE_BYTES: usize = 16 << 20;

/// How many objects to ask for after a page of `limit` objects that was `bytes` long.
fn next_limit(limit: usize, bytes: usize) -> usize {
    if bytes <= PAGE_BYTES { limit } else { (limit.saturating_mul(PAGE_BYTES) / bytes).max(1) }
}

/// What is listed.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    pub(crate) resource: Arc<Resource>,
    pub(crate) namespace: Option<String>,
    /// Only the object of this name.
    pub(crate) name: Option<String>,
    pub(crate) page: usize,
}

impl Scope {
    /// The path of the list with these query parameters.
    pub(crate) fn path(&self, query: &str) -> Result<String, ClusterError> {
        let path = format!("{}?{query}", path::collection(&self.resource, self.namespace.as_deref())?);
        Ok(match &self.name {
            Some(name) => format!("{path}&fieldSelector=metadata.name%3D{}", path::escape(name)),
            None => path,
        })
    }
}

/// Lists everything, sends each page, and gives the version from which to watch.
pub(crate) async fn list(
    connection: &Connection,
    scope: &Scope,
    sender: &Sender<Signal>,
) -> Result<String, ClusterError> {
    let mut limit = scope.page;
    let mut path = scope.path(&format!("limit={limit}"))?;
    let mut body = connection.read(&path).await?;
    loop {
        limit = next_limit(limit, body.len());
        let Decoding { head, objects } = Decoding::start(body, scope.resource.clone());
        let broken = || malformed(&path, "the decoding was interrupted".to_owned());
        let head = head.await.map_err(|_| broken())?.map_err(|reason| malformed(&path, reason))?;
        let following = match head.next.as_str() {
            "" => None,
            token => Some(scope.path(&format!("limit={limit}&continue={}", path::escape(token)))?),
        };
        let fetch = async {
            match &following {
                Some(following) => connection.read(following).await.map(Some),
                None => Ok(None),
            }
        };
        let deliver = async {
            let Decoded { objects, malformed } = objects.await.map_err(|_| broken())?;
            let page = Signal::Page { objects, malformed };
            // When nobody listens any more, the whole task is being dropped.
            sender.send(page).await.map_err(|_| broken())
        };
        let (delivered, fetched) = tokio::join!(deliver, fetch);
        delivered?;
        match (fetched?, following) {
            (Some(next), Some(following)) => (body, path) = (next, following),
            _ => return Ok(head.resource_version),
        }
    }
}

/// A page being decoded off the runtime: the head is there first, the objects later.
struct Decoding {
    head: oneshot::Receiver<Result<ListMeta, String>>,
    objects: JoinHandle<Decoded>,
}

impl Decoding {
    fn start(body: Bytes, resource: Arc<Resource>) -> Self {
        let (tell_head, head) = oneshot::channel();
        let objects = tokio::task::spawn_blocking(move || {
            let page: RawPage<'_> = match serde_json::from_slice(&body) {
                Ok(page) => page,
                Err(error) => {
                    // Unheard only when the list was given up.
                    drop(tell_head.send(Err(error.to_string())));
                    return Decoded::default();
                }
            };
            let RawPage { metadata, items } = page;
            if tell_head.send(Ok(metadata)).is_err() {
                return Decoded::default();
            }
            decode::items(&items, &resource)
        });
        Self { head, objects }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_large_objects_become_smaller() {
        assert_eq!(next_limit(500, 0), 500);
        assert_eq!(next_limit(500, PAGE_BYTES), 500);
        assert_eq!(next_limit(500, 10 * PAGE_BYTES), 50);
        assert_eq!(next_limit(1, 10 * PAGE_BYTES), 1);
    }
}
