//! A list in pages: the next ones are on their way while one is taken in.

use std::sync::Arc;

use pilothouse_model::Resource;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::spawn_blocking;

use crate::connection::{Connection, malformed};
use crate::error::ClusterError;
use crate::items::Items;
use crate::path;
use crate::signal::Signal;

/// About how long a page should be at most, in bytes: a page is in memory as text and as objects at once.
const PAGE_BYTES: usize = 16 << 20;

/// The longest page that is taken in. One of 500 of the largest objects that API servers store is longer, and is asked for
/// again in smaller pages; servers that give no pages may need as much.
const LONGEST: usize = 256 << 20;
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
    // One page is delivered, one more may wait for that, and the next is on its way: neither side waits for the other's
    // every page. More would be in memory for nothing.
    let (queue, mut waiting) = mpsc::channel::<Vec<Items>>(1);
    let read = async move {
        let mut limit = scope.page;
        let mut path = scope.path(&format!("limit={limit}"))?;
        loop {
            let body = connection.read_within(&path, LONGEST).await?;
            limit = next_limit(limit, body.len());
            let resource = Arc::clone(&scope.resource);
            // Megabytes are read through: the runtime has others to serve.
            let split = spawn_blocking(move || Items::split(&body, &resource)).await;
            let split = split.unwrap_or_else(|_| Err("the decoding was interrupted".to_owned()));
            let (head, parts) = split.map_err(|reason| malformed(&path, reason))?;
            if queue.send(parts).await.is_err() {
                return Ok(head.resource_version);
            }
            match head.next.as_str() {
                "" => return Ok::<String, ClusterError>(head.resource_version),
                token => path = scope.path(&format!("limit={limit}&continue={}", path::escape(token)))?,
            }
        }
    };
    // When nobody listens any more, the whole task is being dropped.
    let deliver = async move {
        while let Some(parts) = waiting.recv().await {
            for items in parts {
                if sender.send(Signal::Page(items)).await.is_err() {
                    return;
                }
            }
        }
    };
    // What was read before something went wrong is delivered: it is true, and may be all that there will be.
    tokio::join!(read, deliver).0
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
