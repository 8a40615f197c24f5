//! A list in pages: the next ones are on their way while one is taken in.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::future::{BoxFuture, FutureExt, ready};
use pilothouse_model::Resource;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::spawn_blocking;

use crate::connection::{Connection, malformed};
use crate::error::ClusterError;
use crate::items::{Items, ListMeta};
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
    let (queue, mut waiting) = mpsc::channel::<(String, Splitting)>(1);
    let read = async move {
        let mut limit = scope.page;
        let mut path = scope.path(&format!("limit={limit}"))?;
        let mut read = Vec::new();
        loop {
            let body = connection.read_within(&path, LONGEST, reclaimed(&mut read)).await?;
            read.push(body.clone());
            limit = next_limit(limit, body.len());
            let head = Items::head(&body);
            let mut splitting = split(body, &scope.resource);
            let head = match head {
                Some(head) => head,
                None => {
                    let (head, parts) = splitting.await.map_err(|reason| malformed(&path, reason))?;
                    splitting = ready(Ok((head.clone(), parts))).boxed();
                    head
                }
            };
            let following = match head.next.as_str() {
                "" => None,
                token => Some(scope.path(&format!("limit={limit}&continue={}", path::escape(token)))?),
            };
            let delivered = queue.send((path, splitting)).await;
            match following.filter(|_| delivered.is_ok()) {
                Some(following) => path = following,
                None => return Ok::<String, ClusterError>(head.resource_version),
            }
        }
    };
    let deliver = async move {
        while let Some((path, splitting)) = waiting.recv().await {
            let (_, parts) = splitting.await.map_err(|reason| malformed(&path, reason))?;
            for items in parts {
                if sender.send(Signal::Page(items)).await.is_err() {
                    // Nobody listens any more: the whole task is being dropped.
                    return Ok(());
                }
            }
        }
        Ok::<(), ClusterError>(())
    };
    // What was read before something went wrong is delivered: it is true, and may be all that there will be.
    let (read, delivered) = tokio::join!(read, deliver);
    delivered?;
    read
}

/// A page that is taken apart.
type Splitting = BoxFuture<'static, Result<(ListMeta, Vec<Items>), String>>;

/// Takes a page apart. Megabytes are read through, beside the runtime, which has others to serve.
fn split(body: Bytes, resource: &Arc<Resource>) -> Splitting {
    let resource = Arc::clone(resource);
    let task = spawn_blocking(move || Items::split(&body, &resource));
    async move { task.await.unwrap_or_else(|_| Err("the decoding was interrupted".to_owned())) }.boxed()
}

/// The memory of a page that nobody reads any more, if there is one: new memory has to be asked of the system, page by page.
fn reclaimed(read: &mut Vec<Bytes>) -> BytesMut {
    for _ in 0..read.len() {
        match read.remove(0).try_into_mut() {
            Ok(mut memory) => {
                memory.clear();
                return memory;
            }
            Err(in_use) => read.push(in_use),
        }
    }
    BytesMut::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_over_from_a_page_that_nobody_reads() {
        let page = |text: &str| BytesMut::from(text).freeze();
        let (first, second) = (page("first"), page("second"));
        let in_use = first.slice(1..);
        let (mut read, place) = (vec![first, second.clone()], second.as_ptr());
        drop(second);
        let memory = reclaimed(&mut read);
        assert_eq!((memory.len(), memory.as_ptr(), &*in_use), (0, place, &b"irst"[..]));
        assert_eq!((read.len(), reclaimed(&mut read).capacity()), (1, 0), "the other one is read");
    }

    #[test]
    fn pages_of_large_objects_become_smaller() {
        assert_eq!(next_limit(500, 0), 500);
        assert_eq!(next_limit(500, PAGE_BYTES), 500);
        assert_eq!(next_limit(500, 10 * PAGE_BYTES), 50);
        assert_eq!(next_limit(1, 10 * PAGE_BYTES), 1);
    }
}
