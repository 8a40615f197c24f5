//! What the API server stamps objects with: a unique id, and a version at every write.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::id::Str;

/// The unique id of an object: as sixteen bytes where it is a UUID in the form that API servers give, as text where
/// somebody else made it up, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Uid {
    /// It is not known.
    #[default]
    None,
    /// A UUID in lower case with its four hyphens.
    Uuid([u8; 16]),
    /// Any other text.
    Text(Str),
}

/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uid {
    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::None
    }
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 36 || HYPHENS.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut digits = text.iter().enumerate().filter(|(at, _)| !HYPHENS.contains(at)).map(|(_, byte)| digit(*byte));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = digits.next()?? << 4 | digits.next()??;
    }
    Some(bytes)
}

fn written(bytes: [u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let places = (0..36).filter(|at| !HYPHENS.contains(at));
    let digits = bytes.into_iter().flat_map(|byte| [byte >> 4, byte & 15]);
    for (at, digit) in places.zip(digits) {
        text[at] = b"0123456789abcdef"[usize::from(digit)];
    }
    text
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        match uuid(text.as_bytes()) {
            Some(bytes) => Self::Uuid(bytes),
            None if text.is_empty() => Self::None,
            None => Self::Text(text.into()),
        }
    }
}

impl fmt::Display for Uid {
    /// As the API server writes it; nothing when it is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Text(text) => f.write_str(text),
            Self::Uuid(bytes) => f.write_str(std::str::from_utf8(&written(*bytes)).unwrap_or_default()),
        }
    }
}

impl Serialize for Uid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A `metadata.resourceVersion`: opaque, equal or not. As a number where its text is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Version {
    /// It is not known.
    #[default]
    None,
    /// Decimal digits without a leading zero.
    Number(u64),
    /// Any other text.
    Text(Str),
}

impl Version {
    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::None
    }
}

impl From<&str> for Version {
    fn from(text: &str) -> Self {
        // `+1` and `01` are numbers, too, but other texts than `1`.
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        match text.parse() {
            Ok(number) if plain => Self::Number(number),
            _ if text.is_empty() => Self::None,
            _ => Self::Text(text.into()),
        }
    }
}

impl fmt::Display for Version {
    /// As the API server writes it; nothing when it is not known.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_text_comes_back_as_it_was(text in "[0-9a-fA-F]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{11}[0-9a-g]|[+0-9]{0,22}|.{0,40}") {
            prop_assert_eq!(Uid::from(&*text).to_string(), &*text);
            prop_assert_eq!(Version::from(&*text).to_string(), &*text);
            prop_assert_eq!(Uid::from(&*text).is_empty(), text.is_empty());
            prop_assert_eq!(Version::from(&*text).is_empty(), text.is_empty());
        }
    }

    #[test]
    fn what_api_servers_give_takes_no_memory_elsewhere() {
        assert!(matches!(Uid::from("0f9e2f0a-6a5b-4d7e-9c53-1f2f3a4b5c6d"), Uid::Uuid(_)));
        assert!(matches!(Uid::from("0F9e2f0a-6a5b-4d7e-9c53-1f2f3a4b5c6d"), Uid::Text(_)));
        assert!(matches!(Version::from("18446744073709551615"), Version::Number(u64::MAX)));
        assert!(matches!(Version::from("18446744073709551616"), Version::Text(_)));
        assert!(matches!(Version::from("01"), Version::Text(_)));
    }
}
