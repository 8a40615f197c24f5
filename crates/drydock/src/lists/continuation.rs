//! Where a list in pieces goes on: opaque to clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pilothouse_model::Read;
use serde_json::{Value, json};

use crate::failure::Failure;

/// A continue token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Continuation {
    /// The version that the whole list is of.
    pub(super) revision: u64,
    /// The last key of the piece before.
    pub(super) after: String,
}

impl Continuation {
    /// As text for clients.
    pub(super) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(json!({ "v": "drydock/v1", "rv": self.revision, "after": self.after }).to_string())
    }

    /// From a client's text.
    pub(super) fn decode(text: &str) -> Result<Self, Failure> {
        let read = || {
            let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let revision = u64::try_from(value.integer("/rv")?).ok()?;
            Some(Self { revision, after: value.text("/after")?.to_owned() })
        };
        read().ok_or_else(|| Failure::bad_request("continue key is not valid: it was not made by this server"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_and_refuses_the_rest() {
        let token = Continuation { revision: 7, after: "team-a/é".to_owned() };
        assert_eq!(Continuation::decode(&token.encode()).unwrap(), token);
        for text in ["", "x", "e30", "%%%"] {
            assert!(Continuation::decode(text).is_err(), "{text}");
        }
    }
}
