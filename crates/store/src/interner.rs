//! Shares strings that repeat: namespaces, label keys and values, states, node names.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use pilothouse_model::{Row, Str};
use rustc_hash::{FxHashSet, FxHasher};

/// Longer texts (messages) hardly ever repeat and are not worth remembering.
const LONGEST: usize = 128;

/// So many lists are remembered.
const RECENT: usize = 1024;

/// Gives equal strings one shared allocation, and forgets those that fewer than two others hold: most strings that came once
/// do not come again, and to remember each would take more than now and then to keep one twice.
///
/// ```
/// let mut interner = pilothouse_store::Interner::new();
/// let (one, two) = (interner.intern("team-a"), interner.intern("team-a"));
/// assert!(pilothouse_model::Str::ptr_eq(&one, &two));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Interner {
    known: FxHashSet<Str>,
    /// How many strings were held after the last sweep.
    kept: usize,
    recent: Recent,
}

/// The lists seen last, each in the place that its hash gives: objects with the same owner follow each other in a list, and mostly
/// have the same images, labels, or at least keys of labels.
#[derive(Clone, Debug, Default)]
struct Recent(Vec<Arc<[Str]>>);

impl Recent {
    /// Puts one that was seen lately in the place of its equal.
    fn share(&mut self, list: &mut Arc<[Str]>) {
        if self.0.is_empty() {
            self.0.resize_with(RECENT, Arc::default);
        }
        let mut hasher = FxHasher::default();
        list.hash(&mut hasher);
        // The upper bits of this hash are the better ones.
        let place = (hasher.finish() >> 32) as usize % RECENT;
        let Some(recent) = self.0.get_mut(place) else { return };
        if recent == list {
            *list = Arc::clone(recent);
        } else {
            *recent = Arc::clone(list);
        }
    }
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

    /// Lets a row share its lists with the rows before it.
    pub fn share(&mut self, row: &mut Row) {
        row.labels.share(|list| self.recent.share(list));
        self.recent.share(&mut row.owners);
        self.recent.share(&mut row.images);
    }

    /// How many strings it holds.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Forgets the strings that fewer than two others hold. Happens by itself each time the number has doubled.
    pub fn sweep(&mut self) {
        // Itself and two more.
        self.known.retain(|text| Str::strong_count(text).is_some_and(|count| count > 2));
        self.known.shrink_to_fit();
        self.kept = self.known.len();
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{Object, Projection, Resource, Status};
    use serde_json::json;

    use super::*;

    #[test]
    fn forgets_what_only_one_holds() {
        let mut interner = Interner::new();
        let held = interner.intern("held");
        let again = interner.intern("held");
        let alone = interner.intern("alone");
        for number in 0..10_000 {
            interner.intern(&format!("gone-{number}"));
        }
        assert!(interner.len() <= 2 * 1024, "{}", interner.len());
        interner.sweep();
        assert_eq!(interner.len(), 1);
        assert!(Str::ptr_eq(&held, &again) && Str::ptr_eq(&held, &interner.intern("held")));
        assert!(!Str::ptr_eq(&alone, &interner.intern("alone")));
    }

    #[test]
    fn rows_share_the_lists_that_are_equal() {
        let row = |name: &str, labels: &serde_json::Value, interner: &mut Interner| {
            let object = Object::new(json!({
                "metadata": {"name": name, "labels": labels, "ownerReferences": [
                    {"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "u"}]},
                "spec": {"image": "one"},
            }));
            let projection = Projection { status: Status::none(), cells: Vec::new() };
            let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
            let mut row = Row::assemble(resource, &object.unwrap(), projection, &mut |text| interner.intern(text));
            let before = row.clone();
            interner.share(&mut row);
            assert_eq!(row, before);
            row
        };
        let mut interner = Interner::new();
        let one = row("one", &json!({"a": "x"}), &mut interner);
        let same = row("same", &json!({"a": "x"}), &mut interner);
        let other = row("other", &json!({"a": "y"}), &mut interner);
        let first = |row: &Row| {
            row.labels.iter().next().map(|(key, value)| (std::ptr::from_ref(key), std::ptr::from_ref(value)))
        };
        let (one_first, same_first, other_first) =
            (first(&one).unwrap(), first(&same).unwrap(), first(&other).unwrap());
        assert_eq!(one_first, same_first);
        assert_eq!(one_first.0, other_first.0);
        assert_ne!(one_first.1, other_first.1);
        assert!([&same, &other].iter().all(|row| Arc::ptr_eq(&one.owners, &row.owners)));
        assert!([&same, &other].iter().all(|row| Arc::ptr_eq(&one.images, &row.images)));
        for number in 0..10_000 {
            row("many", &json!({"a": number.to_string()}), &mut interner);
        }
        assert_eq!(interner.recent.0.len(), RECENT);
    }

    #[test]
    fn long_texts_are_not_remembered() {
        let mut interner = Interner::new();
        assert_eq!(&*interner.intern(&"x".repeat(LONGEST + 1)), "x".repeat(LONGEST + 1));
        assert!(interner.is_empty());
    }
}
