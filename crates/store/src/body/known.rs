//! Texts that a row has as well as its object: in the packed object a byte stands for each.
//!
//! Names, unique ids and messages are most of what cannot be compressed in an object, because they are like nothing else.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};

use memchr::memmem::Finder;
use pilothouse_model::{Row, Str, Uid};
use rustc_hash::FxHasher;

/// Shorter ones are not worth it.
const SHORTEST: usize = 8;
/// So many bytes are free: JSON has none below the space within its texts, and without indentation none between them.
const MOST: usize = 31;

/// The texts of a row, as JSON writes them, the longest first: one may be a part of another.
pub(super) struct Known<'a>(Vec<Cow<'a, str>>);

impl<'a> Known<'a> {
    pub(super) fn of(row: &'a Row) -> Self {
        // What a pod is called after, and what an event is about.
        let stems = ['-', '.'].into_iter().filter_map(|mark| Some(row.name.rsplit_once(mark)?.0));
        let lists = [&*row.owners, &*row.images].into_iter().flatten().map(Str::as_str);
        let labels = row.labels.iter().map(|(_, value)| value.as_str());
        let uid = if let Uid::Text(text) = &row.uid { Some(text.as_str()) } else { None };
        let texts = [&*row.name, &*row.status.message].into_iter().chain(row.namespace.as_deref()).chain(uid);
        let long = texts.chain(stems).chain(lists).chain(labels).filter(|text| text.len() >= SHORTEST);
        let mut texts: Vec<Cow<'a, str>> = long.filter_map(escaped).collect();
        if let Uid::Uuid(_) = row.uid {
            texts.push(Cow::Owned(row.uid.to_string()));
        }
        texts.sort_unstable_by(|one, other| other.len().cmp(&one.len()).then_with(|| one.cmp(other)));
        texts.dedup();
        texts.truncate(MOST);
        Self(texts)
    }

    /// A number that tells these texts from others; not zero.
    pub(super) fn check(&self) -> u32 {
        let mut hasher = FxHasher::default();
        self.0.hash(&mut hasher);
        let hash = hasher.finish();
        ((hash ^ (hash >> 32)) as u32).max(1)
    }

    /// Puts bytes in the place of texts. `spare` is overwritten.
    pub(super) fn take_out(&self, json: &mut Vec<u8>, spare: &mut Vec<u8>) {
        for (byte, text) in (1_u8..).zip(&self.0) {
            let finder = Finder::new(text.as_bytes());
            let mut from = 0;
            spare.clear();
            for at in finder.find_iter(json) {
                spare.extend_from_slice(&json[from..at]);
                spare.push(byte);
                from = at + text.len();
            }
            if from > 0 {
                spare.extend_from_slice(&json[from..]);
                std::mem::swap(json, spare);
            }
        }
    }

    /// Puts texts in the place of bytes, as long as that makes no more than `most` of them; else tells how many it would have
    /// made so far.
    pub(super) fn put_back(&self, packed: &[u8], most: usize) -> Result<Vec<u8>, usize> {
        let mut json = Vec::with_capacity((packed.len() * 2).min(most));
        for part in packed.chunk_by(|before, _| *before >= b' ') {
            let (last, rest) = match part.split_last() {
                Some((last, rest)) if *last < b' ' => (usize::from(*last).checked_sub(1), rest),
                _ => (None, part),
            };
            let text = last.and_then(|last| self.0.get(last)).map_or("", |text| text);
            let size = json.len() + rest.len() + text.len();
            if size > most {
                return Err(size);
            }
            json.extend_from_slice(rest);
            json.extend_from_slice(text.as_bytes());
        }
        Ok(json)
    }
}

/// A text as JSON writes it, without its quotes.
fn escaped(text: &str) -> Option<Cow<'_, str>> {
    if !text.bytes().any(|byte| matches!(byte, b'"' | b'\\' | ..b' ')) {
        return Some(Cow::Borrowed(text));
    }
    let mut json = serde_json::to_string(text).ok()?;
    json.pop();
    (!json.is_empty()).then(|| Cow::Owned(json.split_off(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_become_too_large_is_not_put_back() {
        let known = Known(vec![Cow::Borrowed("a message"), Cow::Borrowed("the name")]);
        let mut packed = br#"["a message","the name","a message"]"#.to_vec();
        let whole = packed.clone();
        known.take_out(&mut packed, &mut Vec::new());
        assert_eq!(packed, b"[\"\x01\",\"\x02\",\"\x01\"]");
        assert_eq!(known.put_back(&packed, whole.len()), Ok(whole.clone()));
        assert_eq!(known.put_back(&packed, whole.len() - 1), Err(whole.len()));
        assert!(known.put_back(&packed, packed.len()).is_err(), "its packed size says nothing");
    }
}
