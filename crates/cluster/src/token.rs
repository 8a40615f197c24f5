//! A bearer token: a secret that is compared, hashed and sent, and never shown.

use std::fmt;
use std::sync::Arc;

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
    }
}
