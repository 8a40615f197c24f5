//! Chance that repeats: every draw comes from the seed and a purpose, so that the order of tasks changes nothing.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The source of all chance in one story.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dice {
    seed: u64,
}

/// What Kubernetes draws the random ends of names from: no vowels, nothing that looks alike.
const NAME_LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// A stream of chance for one purpose: `team-a/job-1 names`.
    pub(super) fn stream(self, purpose: &str) -> ChaCha8Rng {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&fnv64(purpose).to_le_bytes());
        seed[16..24].copy_from_slice(&(purpose.len() as u64).to_le_bytes());
        ChaCha8Rng::from_seed(seed)
    }

    /// The random end of a name, such as `x7k2p`.
    pub(super) fn suffix(self, purpose: &str, length: usize) -> String {
        letters(&mut self.stream(purpose), length)
    }

    /// A number between two for one purpose.
    pub(super) fn between(self, purpose: &str, low: f64, high: f64) -> f64 {
        self.stream(purpose).random_range(low..=high)
    }

    /// A UUID (version 4) for one purpose.
    pub(super) fn uuid(self, purpose: &str) -> String {
        let mut bytes: [u8; 16] = self.stream(purpose).random();
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// Random letters as Kubernetes uses them in names.
pub(super) fn letters(stream: &mut ChaCha8Rng, length: usize) -> String {
    (0..length).map(|_| char::from(*pick(stream, NAME_LETTERS))).collect()
}

/// One of several. `all` must not be empty; the tables of the story never are.
pub(super) fn pick<'a, T>(stream: &mut ChaCha8Rng, all: &'a [T]) -> &'a T {
    &all[stream.random_range(0..all.len())]
}

/// FNV-1a, 32 bits: how Argo names nodes and their pods.
pub(super) fn fnv32a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// FNV-1a, 64 bits.
pub(super) fn fnv64(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A hash in the letters that Kubernetes uses for pod template hashes.
pub(super) fn safe_hash(text: &str) -> String {
    fnv32a(text)
        .to_string()
        .bytes()
        .map(|digit| char::from(NAME_LETTERS[usize::from(digit) % NAME_LETTERS.len()]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_gives_the_published_values() {
        assert_eq!(fnv32a(""), 0x811c_9dc5);
        assert_eq!(fnv32a("a"), 0xe40c_292c);
        assert_eq!(fnv32a("foobar"), 0xbf9c_f968);
        assert_eq!(fnv64("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn same_seed_same_draws() {
        let (one, two, other) = (Dice::new(7), Dice::new(7), Dice::new(8));
        assert_eq!(one.suffix("pod", 5), two.suffix("pod", 5));
        assert_eq!(one.uuid("run"), two.uuid("run"));
        assert_ne!(one.uuid("run"), other.uuid("run"));
        assert_ne!(one.uuid("run"), one.uuid("run 2"));
        assert_eq!(one.uuid("run").len(), 36);
    }

    #[test]
    fn hashes_are_letters_for_names() {
        assert!(safe_hash("anything").bytes().all(|letter| NAME_LETTERS.contains(&letter)));
    }
}
