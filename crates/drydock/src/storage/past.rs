//! Versions of objects in the log. The newest of each object is shared with the shelf; older ones are kept as text, which is
//! many times smaller than a tree, and read again by the few who ask for the past.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Stored;

/// One version of an object.
#[derive(Clone, Debug)]
pub(crate) enum Past {
    /// As it lies on the shelf.
    Whole(Arc<Stored>),
    /// As JSON, with its revision.
    Packed(Bytes, u64),
}

impl Past {
    /// Its JSON alone.
    pub(super) fn packed(stored: &Stored) -> Self {
        Self::Packed(stored.json(), stored.revision)
    }

    /// The version, read again if need be.
    pub(crate) fn read(&self) -> Arc<Stored> {
        match self {
            Self::Whole(stored) => stored.clone(),
            Self::Packed(json, revision) => {
                let value = serde_json::from_slice(json).unwrap_or_else(|error| {
                    tracing::error!(%error, "a version that was packed cannot be read again");
                    Value::Null
                });
                Arc::new(Stored { value, revision: *revision, json: json.clone().into() })
            }
        }
    }
}
