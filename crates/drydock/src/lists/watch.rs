//! Watches: a stream of changes from a version on.
//!
//! A watch holds no queue of its own: it wakes when its collection's newest revision moves and reads the log from where it
//! was. A slow client costs nothing, and one that falls behind the log is told so with 410.

use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures::Stream;
use http::Response;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;

use super::{Version, prefix};
use crate::api::{Api, Asked};
use crate::failure::Failure;
use crate::http::reply::{self, Body, Shape};
use crate::present;
use crate::selector::Selection;
use crate::storage::{Change, ChangeKind, Past, Stored, TooOld};

/// How long a watch lasts when the client does not say.
const LONGEST: Duration = Duration::from_secs(45 * 60);

struct Watch {
    api: Arc<Api>,
    asked: Asked,
    selection: Selection,
    prefix: String,
    newest: Receiver<u64>,
    seen: u64,
    bookmarks: bool,
    ends: Instant,
    next_bookmark: Instant,
    /// Whether the table's headings were sent.
    headed: bool,
    first: Option<Bytes>,
    over: bool,
}

/// Starts one: checks the version, sends what is there when the client has nothing yet.
pub(super) fn start(api: &Arc<Api>, asked: Asked) -> Result<Response<Body>, Failure> {
    let selection = Selection::from(&asked.served, &asked.query)?;
    let newest = api.storage.listen(&asked.served.collection);
    let timeout =
        asked.query.get("timeoutSeconds").and_then(|text| text.parse().ok()).map_or(LONGEST, Duration::from_secs);
    let now = Instant::now();
    let bookmark_every = api.settings.bookmark_every;
    let media = if asked.accepted.shape == Shape::Whole { "application/json" } else { "application/json;stream=watch" };
    let mut watch = Watch {
        api: api.clone(),
        prefix: prefix(&asked),
        bookmarks: asked.query.flag("allowWatchBookmarks"),
        asked,
        selection,
        newest,
        seen: 0,
        ends: now + timeout.min(LONGEST),
        next_bookmark: now + bookmark_every,
        headed: false,
        first: None,
        over: false,
    };
    watch.begin()?;
    Ok(reply::stream(media, watch.stream()))
}

impl Watch {
    fn begin(&mut self) -> Result<(), Failure> {
        let api = self.api.clone();
        let state = api.storage.read();
        let current = state.revision();
        let version = Version::from(&self.asked)?;
        let initial = self.asked.query.flag("sendInitialEvents");
        if initial && self.asked.query.get("resourceVersionMatch") != Some("NotOlderThan") {
            return Err(Failure::bad_request(
                "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
            ));
        }
        if let Version::At(revision) = version
            && revision > current
        {
            return Err(Failure::from_the_future(revision, current));
        }
        match version {
            Version::At(revision) if !initial => {
                self.seen = revision;
                let late = state.shelf(&self.asked.served.collection).and_then(|shelf| shelf.since(revision).err());
                if let Some(TooOld(oldest)) = late {
                    // The real server, too, answers 200 and says it in the stream.
                    self.first = Some(too_old(revision, oldest));
                    self.over = true;
                }
            }
            _ => {
                self.seen = current;
                let here: Vec<Arc<Stored>> = state
                    .shelf(&self.asked.served.collection)
                    .map(|shelf| shelf.range(&self.prefix, None).map(|(_, stored)| stored.clone()).collect())
                    .unwrap_or_default();
                drop(state);
                let mut bytes = BytesMut::new();
                for stored in here {
                    if self.selection.selects(&stored.value) {
                        self.write(&mut bytes, "ADDED", &stored);
                    }
                }
                if initial && self.bookmarks {
                    self.write_bookmark(&mut bytes, true);
                }
                self.first = Some(bytes.freeze());
            }
        }
        Ok(())
    }

    fn stream(self) -> impl Stream<Item = Bytes> + Send + 'static {
        futures::stream::unfold(self, |mut watch| async move {
            let bytes = watch.next().await?;
            Some((bytes, watch))
        })
    }

    async fn next(&mut self) -> Option<Bytes> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Some(first);
        }
        loop {
            if self.over {
                return None;
            }
            let bytes = self.catch_up();
            if !bytes.is_empty() {
                return Some(bytes);
            }
            let bookmark_at = if self.bookmarks { self.next_bookmark } else { self.ends };
            tokio::select! {
                changed = self.newest.changed() => self.over = changed.is_err(),
                () = tokio::time::sleep_until(bookmark_at.min(self.ends)) => return self.tick(),
                () = self.api.stopping.cancelled() => return None,
            }
        }
    }

    /// Time for a bookmark, or for the end; the end gets a bookmark as well, so that the next watch starts close.
    fn tick(&mut self) -> Option<Bytes> {
        self.over = Instant::now() >= self.ends;
        if !self.bookmarks {
            return None;
        }
        self.next_bookmark = Instant::now() + self.api.settings.bookmark_every;
        let mut bytes = BytesMut::new();
        self.write_bookmark(&mut bytes, false);
        Some(bytes.freeze())
    }

    /// Everything that happened since the last look. The revision looked up to is the whole storage's, so that bookmarks
    /// move on in quiet collections as well.
    fn catch_up(&mut self) -> Bytes {
        self.newest.borrow_and_update();
        let (changes, current) = {
            let state = self.api.storage.read();
            let Some(shelf) = state.shelf(&self.asked.served.collection) else { return Bytes::new() };
            match shelf.since(self.seen) {
                Err(TooOld(oldest)) => {
                    self.over = true;
                    return too_old(self.seen, oldest);
                }
                Ok(changes) => {
                    let ours = changes.filter(|change| change.key.starts_with(&self.prefix));
                    (ours.cloned().collect::<Vec<Change>>(), state.revision())
                }
            }
        };
        self.seen = current;
        let mut bytes = BytesMut::new();
        for change in &changes {
            if let Some((kind, stored)) = self.seen_through_selection(change) {
                self.write(&mut bytes, kind, &stored);
            }
        }
        bytes.freeze()
    }

    /// What a change means to a client that sees selected objects only.
    fn seen_through_selection(&self, change: &Change) -> Option<(&'static str, Arc<Stored>)> {
        // Who sees everything need not have the past read again.
        let selects = |version: &Past| self.selection.is_everything() || self.selection.selects(&version.read().value);
        let before = change.previous.as_ref().is_some_and(selects);
        let after = change.kind != ChangeKind::Deleted && selects(&change.object);
        match (before, after) {
            (false, true) => Some(("ADDED", change.object.read())),
            (true, true) => Some(("MODIFIED", change.object.read())),
            // An object that leaves the selection is shown as it was when it was last in it, at the version of its leaving.
            (true, false) => {
                let gone = change.kind == ChangeKind::Deleted;
                let shown = change.previous.as_ref().filter(|_| !gone);
                Some(("DELETED", shown.map_or_else(|| change.object.read(), |last| last.read().at(change.revision))))
            }
            (false, false) => None,
        }
    }

    fn write(&mut self, bytes: &mut BytesMut, kind: &str, stored: &Stored) {
        bytes.put_slice(b"{\"type\":\"");
        bytes.put_slice(kind.as_bytes());
        bytes.put_slice(b"\",\"object\":");
        let served = &self.asked.served;
        match self.asked.accepted.shape {
            Shape::Whole => match present::in_version(served, &stored.value) {
                std::borrow::Cow::Borrowed(_) => bytes.put_slice(&stored.json()),
                std::borrow::Cow::Owned(value) => bytes.put_slice(value.to_string().as_bytes()),
            },
            Shape::Partial => bytes.put_slice(present::partial(&stored.value).to_string().as_bytes()),
            Shape::Table => {
                // Headings come once; a client keeps them.
                let columns = if self.headed { Value::Null } else { present::columns(served) };
                self.headed = true;
                let row = present::row(served, stored, self.asked.query.get("includeObject"));
                let metadata = json!({ "resourceVersion": stored.revision.to_string() });
                bytes.put_slice(present::table(&metadata, &columns, &[row]).to_string().as_bytes());
            }
        }
        bytes.put_slice(b"}\n");
    }

    fn write_bookmark(&mut self, bytes: &mut BytesMut, initial_end: bool) {
        let mut metadata = json!({ "resourceVersion": self.seen.to_string(), "creationTimestamp": null });
        if initial_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        let served = &self.asked.served;
        let object = match self.asked.accepted.shape {
            Shape::Whole => json!({
                "kind": &*served.resource.kind,
                "apiVersion": served.api_version(),
                "metadata": metadata,
            }),
            Shape::Partial => present::partial(&json!({ "metadata": metadata })),
            Shape::Table => {
                let row = json!({ "cells": [], "object": present::partial(&json!({ "metadata": metadata })) });
                present::table(&json!({ "resourceVersion": self.seen.to_string() }), &Value::Null, &[row])
            }
        };
        bytes.put_slice(json!({ "type": "BOOKMARK", "object": object }).to_string().as_bytes());
        bytes.put_u8(b'\n');
    }
}

fn too_old(asked: u64, oldest: u64) -> Bytes {
    let failure = Failure::expired(format!("too old resource version: {asked} ({oldest})"));
    Bytes::from(format!("{}\n", json!({ "type": "ERROR", "object": failure.status() })))
}
