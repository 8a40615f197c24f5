//! A bearer token: a secret that is compared, hashed and sent, and never shown.

use std::fmt;
use std::sync::Arc;

use http::HeaderValue;

/// A bearer token. Cloning shares it; showing it shows nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(Arc<str>);

impl Token {
    /// Takes a token as it stands in an `Authorization` header, without the scheme.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one header or the sealed session that carries it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The value of the `Authorization` header; `None` for what is no token. An empty one must not go out: a server would
    /// take the request for one of nobody, and some grant rights to nobody.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        if self.0.is_empty() || !self.0.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        // What stands in a header was checked above.
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_never_shows() {
        let token = Token::new("s3cret");
        assert_eq!(format!("{token:?}"), "Token(..)");
        assert_eq!(token.reveal(), "s3cret");
        let header = token.header().unwrap();
        assert_eq!((header.to_str().unwrap(), format!("{header:?}").as_str()), ("Bearer s3cret", "Sensitive"));
    }

    #[test]
    fn what_is_no_token_makes_no_header() {
        for odd in ["", " ", "two words", "line\nbreak", "\u{0}", "schlüssel"] {
            assert!(Token::new(odd).header().is_none(), "{odd:?}");
        }
    }
}
