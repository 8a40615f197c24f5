//! The doors through which bytes of a server come in, for fuzzers alone (`cfg(fuzzing)`): not a part of the room's interface.

use std::sync::Arc;

use bytes::Bytes;
use pilothouse_model::Resource;

use crate::decode;
use crate::discovery;
use crate::exec;
use crate::frames::{Frame, Lines};
use crate::items::Items;
use crate::reason;

/// Reads bytes as everything that a server may answer; panics when any of it breaks a promise.
pub fn everything(bytes: &[u8]) {
    let pods = Resource { namespaced: true, ..Resource::new("", "v1", "pods", "Pod") };
    let secrets = Resource { namespaced: true, ..Resource::new("", "v1", "secrets", "Secret") };
    for resource in [&pods, &secrets] {
        if let Ok((_, parts)) = Items::split(&Bytes::copy_from_slice(bytes), &Arc::new(resource.clone())) {
            parts.into_iter().for_each(|items| assert_eq!(items.len(), items.objects().count()));
        }
        if let Ok(object) = decode::object(bytes, resource) {
            assert!(!object.name().is_empty());
            assert!(object.value().pointer("/metadata/managedFields").is_none());
        }
    }
    watch(bytes, &pods);
    discovery::fuzz(bytes);
    reason::fuzz(bytes);
    exec::fuzz(bytes);
}

/// The same lines come out wherever the stream is cut; each is read or told to be malformed.
fn watch(bytes: &[u8], resource: &Resource) {
    let lines = |chunks: &[&[u8]]| {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                found.push(line);
            }
        }
        found
    };
    let whole = lines(&[bytes]);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    assert_eq!(lines(&[first, second]), whole);
    for line in &whole {
        match Frame::read(line, resource) {
            Ok(Frame::Applied(object) | Frame::Deleted(object)) => assert!(!object.name().is_empty()),
            Ok(Frame::Bookmark(version)) => assert!(!version.is_empty()),
            Ok(Frame::Error(_) | Frame::Malformed(..)) => {}
            Err(why) => assert!(!why.is_empty()),
        }
    }
}
