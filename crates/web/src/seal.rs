//! Sealed values: what the console gives away and takes back unread and unchanged, and only where it belongs.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{aead, hkdf};

/// How a sealed value begins; another form gets another number.
const VERSION: u8 = 1;
/// Bytes that tell keys apart.
const ID: usize = 4;
/// Bytes that make each value's own key: none is ever used twice, so that a nonce is not needed.
const SALT: usize = 24;
/// The fewest bytes that make a key.
const SHORTEST: usize = 32;

/// The keys that seal sessions. The first one seals; all of them open, so that a key can be replaced without ending sessions.
#[derive(Clone)]
pub struct SessionKeys(Vec<Key>);

#[derive(Clone)]
struct Key {
    id: [u8; ID],
    secret: hkdf::Prk,
}

/// Why there are no keys. Shown, it is one sentence: what, where, and what next.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file cannot be read.
    #[error("cannot read the session key {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: std::io::Error,
    },
    /// A key is too short to be safe.
    #[error(
        "the session key {path} has {length} bytes, and it takes {SHORTEST} random ones at least; \
         make one with `openssl rand -out {path} 48`"
    )]
    Short {
        /// The file.
        path: String,
        /// How many it has.
        length: usize,
    },
}

impl fmt::Debug for SessionKeys {
    /// Never shows a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKeys({})", self.0.len())
    }
}

impl Key {
    fn new(secret: &[u8]) -> Option<Self> {
        let secret = hkdf::Salt::new(hkdf::HKDF_SHA256, b"pilothouse session key").extract(secret);
        let mut id = [0; ID];
        secret.expand(&[b"id"], Length(ID)).and_then(|okm| okm.fill(&mut id)).ok()?;
        Some(Self { id, secret })
    }

    /// The key of one value.
    fn own(&self, salt: &[u8]) -> Option<aead::LessSafeKey> {
        let info = [b"seal".as_slice(), salt];
        let okm = self.secret.expand(&info, &aead::AES_256_GCM).ok()?;
        Some(aead::LessSafeKey::new(aead::UnboundKey::from(okm)))
    }
}

/// A number of bytes to derive.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

impl SessionKeys {
    /// A key of this process alone: what it seals ends with it.
    pub fn random() -> Self {
        let secret: [u8; SHORTEST] = rand::random();
        Self(Key::new(&secret).into_iter().collect())
    }

    /// The keys in these files, the first of which seals. Blanks and line ends around a key do not belong to it: editors and
    /// shells add them.
    pub fn read<P: AsRef<Path>>(files: &[P]) -> Result<Self, KeyError> {
        let mut keys = Vec::new();
        for file in files {
            let path = file.as_ref().display().to_string();
            let content = std::fs::read(file).map_err(|reason| KeyError::Unreadable { path: path.clone(), reason })?;
            let secret = content.trim_ascii();
            let key = if secret.len() < SHORTEST { None } else { Key::new(secret) };
            keys.push(key.ok_or(KeyError::Short { path, length: secret.len() })?);
        }
        Ok(Self(keys))
    }

    /// Seals a value for one purpose: it opens for no other.
    pub(crate) fn seal(&self, purpose: &str, value: &[u8]) -> Option<String> {
        let key = self.0.first()?;
        let salt: [u8; SALT] = rand::random();
        let mut sealed = value.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
        key.own(&salt)?.seal_in_place_append_tag(nonce, purpose_of(purpose), &mut sealed).ok()?;
        let whole = [&[VERSION], key.id.as_slice(), &salt, &sealed].concat();
        Some(URL_SAFE_NO_PAD.encode(whole))
    }

    /// Opens what one of the keys sealed for this purpose; `None` for everything else.
    pub(crate) fn open(&self, purpose: &str, text: &str) -> Option<Vec<u8>> {
        let whole = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (version, rest) = whole.split_first()?;
        let (id, rest) = rest.split_at_checked(ID)?;
        let (salt, sealed) = rest.split_at_checked(SALT)?;
        let key = self.0.iter().find(|key| key.id == id).filter(|_| *version == VERSION)?;
        let mut sealed = sealed.to_vec();
        let nonce = aead::Nonce::assume_unique_for_key([0; aead::NONCE_LEN]);
        let opened = key.own(salt)?.open_in_place(nonce, purpose_of(purpose), &mut sealed).ok()?;
        Some(opened.to_vec())
    }
}

fn purpose_of(purpose: &str) -> aead::Aad<Vec<u8>> {
    aead::Aad::from([&[VERSION], purpose.as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(seeds: &[u8]) -> SessionKeys {
        SessionKeys(seeds.iter().map(|seed| Key::new(&[*seed; SHORTEST]).unwrap()).collect())
    }

    #[test]
    fn what_was_sealed_opens_for_its_purpose_alone() {
        let keys = keys(&[1]);
        let sealed = keys.seal("session prod", b"token").unwrap();
        assert_eq!(keys.open("session prod", &sealed).unwrap(), b"token");
        for other in ["session dev", "flow prod", "session", "session pro", "session prod ", ""] {
            assert_eq!(keys.open(other, &sealed), None, "{other}");
        }
        assert_ne!(keys.seal("session prod", b"token").unwrap(), sealed, "no two are alike");
    }

    #[test]
    fn any_flipped_bit_and_any_cut_is_refused() {
        let keys = keys(&[1]);
        for length in [0, 1, 2, 3, 100] {
            let sealed = keys.seal("p", &vec![7; length]).unwrap();
            let whole = URL_SAFE_NO_PAD.decode(&sealed).unwrap();
            for bit in 0..whole.len() * 8 {
                let mut flipped = whole.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(keys.open("p", &URL_SAFE_NO_PAD.encode(flipped)), None, "bit {bit}");
            }
            // Another spelling of the same bytes is no second value either.
            for (index, _) in sealed.char_indices() {
                for other in "AQgwb_-0 =+/".chars().filter(|other| !sealed[index..].starts_with(*other)) {
                    let mut text = sealed.clone();
                    text.replace_range(index..=index, &other.to_string());
                    assert_eq!(keys.open("p", &text), None, "{index} {other}");
                }
                assert_eq!(keys.open("p", &sealed[..index]), None);
            }
        }
    }

    #[test]
    fn an_old_key_opens_while_it_is_listed_and_a_foreign_one_never() {
        let old = keys(&[1]).seal("p", b"x").unwrap();
        assert_eq!(keys(&[2, 1]).open("p", &old).unwrap(), b"x");
        assert_eq!(keys(&[2]).open("p", &old), None);
        let new = keys(&[2, 1]).seal("p", b"x").unwrap();
        assert_eq!(keys(&[2]).open("p", &new).unwrap(), b"x", "the first one seals");
        assert_eq!(SessionKeys::random().open("p", &new), None);
    }

    #[test]
    fn keys_come_from_files_and_outlive_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let (good, short, missing) = (folder.path().join("key"), folder.path().join("short"), folder.path().join("no"));
        std::fs::write(&good, "0123456789abcdef0123456789abcdef\n").unwrap();
        std::fs::write(&short, "secret").unwrap();
        let sealed = SessionKeys::read(&[&good]).unwrap().seal("p", b"x").unwrap();
        assert_eq!(SessionKeys::read(&[&good]).unwrap().open("p", &sealed).unwrap(), b"x");
        let error = SessionKeys::read(&[&good, &short]).unwrap_err().to_string();
        assert!(error.contains("short has 6 bytes") && error.contains("openssl rand"), "{error}");
        let error = SessionKeys::read(&[&missing]).unwrap_err().to_string();
        assert!(error.contains("cannot read the session key"), "{error}");
        assert_eq!(format!("{:?}", SessionKeys::random()), "SessionKeys(1)");
    }
}
