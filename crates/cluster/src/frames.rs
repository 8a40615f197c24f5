//! The frames of a watch: newline-delimited JSON, cut anywhere on its way.

use bytes::{Buf, Bytes, BytesMut};
use pilothouse_model::{Object, Resource};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::decode;
use crate::reason::Status;
use crate::signal::Malformed;

/// The longest line that is waited for: more than the largest object that is taken in.
pub(crate) const LONGEST: usize = 20 << 20;

/// Splits a stream of bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    buffer: BytesMut,
    /// How far the buffer was searched without finding an end of line.
    searched: usize,
}

impl Lines {
    /// Takes what came in.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether nothing has come that has no end yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether what has no end yet is longer than any frame may be.
    pub(crate) fn is_overlong(&self) -> bool {
        self.buffer.len() > LONGEST
    }

    /// The next complete line that is not blank. What has no end yet stays: it is no frame until its end has come.
    pub(crate) fn next(&mut self) -> Option<Bytes> {
        while let Some(found) = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n') {
            let line = self.buffer.split_to(self.searched + found).freeze();
            self.buffer.advance(1);
            self.searched = 0;
            if !line.iter().all(u8::is_ascii_whitespace) {
                return Some(line);
            }
        }
        self.searched = self.buffer.len();
        None
    }
}

/// What one frame says.
#[derive(Debug)]
pub(crate) enum Frame {
    /// Created or changed.
    Applied(Object),
    /// Gone.
    Deleted(Object),
    /// Nothing changed up to this version.
    Bookmark(String),
    /// The watch has failed.
    Error(Status),
    /// A change that is no object, and its version if it has one.
    Malformed(Malformed, Option<String>),
}

impl Frame {
    /// Reads a frame. An error means that the stream is broken, not just one object.
    pub(crate) fn read(line: &[u8], resource: &Resource) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Event<'a> {
            #[serde(rename = "type")]
            kind: &'a str,
            #[serde(borrow)]
            object: &'a RawValue,
        }
        let Event { kind, object } = serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let json = object.get();
        match kind {
            "ADDED" | "MODIFIED" | "DELETED" => Ok(match decode::object(json.as_bytes(), resource) {
                Ok(object) if kind == "DELETED" => Self::Deleted(object),
                Ok(object) => Self::Applied(object),
                Err(why) => {
                    let which = decode::name_of(json);
                    let name = which.as_deref().unwrap_or("an object");
                    let why = format!("a change of {name} of {} cannot be read: {why}", resource.group_resource());
                    Self::Malformed(Malformed { which, why }, version_of(json))
                }
            }),
            "BOOKMARK" => version_of(json).map(Self::Bookmark).ok_or_else(|| "a bookmark without a version".to_owned()),
            "ERROR" => serde_json::from_str(json).map(Self::Error).map_err(|error| error.to_string()),
            other => Err(format!("`{other}` is not a kind of watch event")),
        }
    }
}

/// `metadata.resourceVersion`, whatever else there is.
fn version_of(json: &str) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Versioned {
        metadata: Version,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Version {
        resource_version: String,
    }
    // A version that cannot be read is as good as none: the watch goes on from the one before.
    let Versioned { metadata } = serde_json::from_str(json).ok()?;
    Some(metadata.resource_version).filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines_of(chunks: &[&[u8]]) -> Vec<String> {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for chunk in chunks {
            lines.push(chunk);
            while let Some(line) = lines.next() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        found
    }

    #[test]
    fn a_line_without_an_end_is_given_up() {
        let mut lines = Lines::default();
        let mebibyte = vec![b'x'; 1 << 20];
        for _ in 0..LONGEST >> 20 {
            lines.push(&mebibyte);
            assert!(lines.next().is_none() && !lines.is_overlong());
        }
        lines.push(b"x");
        assert!(lines.next().is_none() && lines.is_overlong());
        lines.push(b"\n");
        assert!(lines.next().is_some() && !lines.is_overlong());
    }

    #[test]
    fn lines_come_out_whole_wherever_the_stream_is_cut() {
        let text = "{\"a\":1}\n\n{\"ü\":\"\\n\"}\r\n{\"half\":".as_bytes();
        let whole = lines_of(&[text]);
        assert_eq!(whole, ["{\"a\":1}", "{\"ü\":\"\\n\"}\r"]);
        for first in 0..text.len() {
            for second in first..text.len() {
                assert_eq!(lines_of(&[&text[..first], &text[first..second], &text[second..]]), whole);
            }
        }
    }
}
