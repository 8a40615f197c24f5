//! A list in pages: the next ones are on their way while one is decoded.

use std::sync::Arc;

use bytes::Bytes;
use pilothouse_model::Resource;
use serde_json::value::RawValue;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::connection::{Connection, malformed};
use crate::decode::{self, Decoded, ListMeta, RawPage};
use crate::error::ClusterError;
use crate::path;
use crate::signal::Signal;

/// About how long a page should be at most, in bytes: a page is in memory as text and as objects at once.
const PAGE_BYTES: usize = 16 << 20;

/// The longest page that is taken in. One of 500 of the largest objects that API servers store is longer, and is asked for
/// again in smaller pages; servers that give no pages may need as much.
const LONGEST: usize = 256 << 20;
/// The most objects that are decoded at once, and about how much text: an object takes ten times its text in memory.
const PART: usize = 50;
const PART_BYTES: usize = 1 << 19;

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
    let (queue, mut waiting) = mpsc::channel::<(String, mpsc::Receiver<Decoded>, JoinHandle<()>)>(1);
    let broken = |path: &str| malformed(path, "the decoding was interrupted".to_owned());
    let read = async move {
        let mut limit = scope.page;
        let mut path = scope.path(&format!("limit={limit}"))?;
        loop {
            let body = connection.read_within(&path, LONGEST).await?;
            limit = next_limit(limit, body.len());
            let Decoding { head, parts, task } = Decoding::start(body, scope.resource.clone());
            let head = head.await.map_err(|_| broken(&path))?.map_err(|reason| malformed(&path, reason))?;
            let following = match head.next.as_str() {
                "" => None,
                token => Some(scope.path(&format!("limit={limit}&continue={}", path::escape(token)))?),
            };
            queue.send((path.clone(), parts, task)).await.map_err(|_| broken(&path))?;
            match following {
                Some(following) => path = following,
                None => return Ok::<String, ClusterError>(head.resource_version),
            }
        }
    };
    let deliver = async move {
        while let Some((path, mut parts, task)) = waiting.recv().await {
            while let Some(Decoded { objects, malformed }) = parts.recv().await {
                // When nobody listens any more, the whole task is being dropped.
                sender.send(Signal::Page { objects, malformed }).await.map_err(|_| broken(&path))?;
            }
            // A page counts only when it was decoded to its end.
            task.await.map_err(|_| broken(&path))?;
        }
        Ok::<(), ClusterError>(())
    };
    // What was read before something went wrong is delivered: it is true, and may be all that there will be.
    let (read, delivered) = tokio::join!(read, deliver);
    delivered?;
    read
}

/// A page being decoded off the runtime: the head is there first, then the objects in parts, so that only a few of them are in
/// memory as objects at once.
struct Decoding {
    head: oneshot::Receiver<Result<ListMeta, String>>,
    parts: mpsc::Receiver<Decoded>,
    task: JoinHandle<()>,
}

impl Decoding {
    fn start(body: Bytes, resource: Arc<Resource>) -> Self {
        let (tell_head, head) = oneshot::channel();
        let (tell_part, parts) = mpsc::channel(1);
        let task = tokio::task::spawn_blocking(move || {
            let page: RawPage<'_> = match serde_json::from_slice(&body) {
                Ok(page) => page,
                Err(error) => {
                    // Unheard only when the list was given up.
                    drop(tell_head.send(Err(error.to_string())));
                    return;
                }
            };
            let RawPage { metadata, items } = page;
            if tell_head.send(Ok(metadata)).is_err() {
                return;
            }
            let mut begin = 0;
            loop {
                let end = begin + part_of(&items[begin..]);
                let decoded = decode::items(&items[..end], begin, &resource);
                if tell_part.blocking_send(decoded).is_err() || end == items.len() {
                    return;
                }
                begin = end;
            }
        });
        Self { head, parts, task }
    }
}

/// How many of these items are decoded at once: as many as stay within both limits, and at least one.
fn part_of(items: &[&RawValue]) -> usize {
    let mut bytes = 0;
    let fit = items.iter().take(PART).take_while(|item| {
        bytes += item.get().len();
        bytes <= PART_BYTES
    });
    fit.count().max(1).min(items.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_decoded_in_parts_of_bounded_size() {
        let raw = |bytes: usize| RawValue::from_string(format!("\"{}\"", "x".repeat(bytes))).unwrap();
        let (small, large, huge) = (raw(10), raw(PART_BYTES / 2), raw(3 * PART_BYTES));
        assert_eq!(part_of(&[]), 0);
        assert_eq!(part_of(&[&*small; 3]), 3);
        assert_eq!(part_of(&vec![&*small; 2 * PART]), PART);
        assert_eq!(part_of(&[&*large, &*large, &*large]), 1);
        assert_eq!(part_of(&[&*huge, &*small]), 1);
        assert_eq!(part_of(&[&*small, &*huge]), 1);
    }

    #[test]
    fn pages_of_large_objects_become_smaller() {
        assert_eq!(next_limit(500, 0), 500);
        assert_eq!(next_limit(500, PAGE_BYTES), 500);
        assert_eq!(next_limit(500, 10 * PAGE_BYTES), 50);
        assert_eq!(next_limit(1, 10 * PAGE_BYTES), 1);
    }
}
