//! Shares strings that repeat: namespaces, label keys and values, states, node names.

use std::sync::Arc;

use pilothouse_model::Str;
use rustc_hash::FxHashSet;

/// Longer texts (messages) hardly ever repeat and are not worth remembering.
const LONGEST: usize = 128;

/// Gives equal strings one shared allocation, and forgets those that nobody else holds any more.
///
/// ```
/// let mut interner = pilothouse_store::Interner::new();
/// let (one, two) = (interner.intern("team-a"), interner.intern("team-a"));
/// assert!(std::sync::Arc::ptr_eq(&one, &two));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interner {
    known: FxHashSet<Str>,
    /// How many strings were held after the last sweep.
    kept: usize,
}

impl Interner {
    /// An interner that knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The shared string that equals `text`.
    pub fn intern(&mut self, text: &str) -> Str {
        if text.len() > LONGEST {
            return text.into();
        }
        if let Some(known) = self.known.get(text) {
            return known.clone();
        }
        if self.known.len() >= 2 * self.kept.max(1024) {
            self.sweep();
        }
        let shared: Str = text.into();
        self.known.insert(shared.clone());
        shared
    }

    /// How many strings it holds.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Forgets the strings that nobody else holds. Happens by itself each time the number has doubled.
    pub fn sweep(&mut self) {
        self.known.retain(|text| Arc::strong_count(text) > 1);
        self.known.shrink_to_fit();
        self.kept = self.known.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_what_nobody_holds() {
        let mut interner = Interner::new();
        let held = interner.intern("held");
        for number in 0..10_000 {
            interner.intern(&format!("gone-{number}"));
        }
        assert!(interner.len() <= 2 * 1024, "{}", interner.len());
        interner.sweep();
        assert_eq!(interner.len(), 1);
        assert!(Arc::ptr_eq(&held, &interner.intern("held")));
    }

    #[test]
    fn long_texts_are_not_remembered() {
        let mut interner = Interner::new();
        assert_eq!(&*interner.intern(&"x".repeat(LONGEST + 1)), "x".repeat(LONGEST + 1));
        assert!(interner.is_empty());
    }
}
