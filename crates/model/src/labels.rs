//! The labels of a row.

use std::sync::Arc;

use crate::id::Str;

/// Labels, sorted by key. Keys and values stand apart, because many rows have the same keys and can share them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    keys: Arc<[Str]>,
    values: Arc<[Str]>,
}

impl Labels {
    /// The value of one label.
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.keys.binary_search_by(|own| (**own).cmp(key)).ok()?;
        self.values.get(at).map(|value| &**value)
    }

    /// Every key and its value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Str, &Str)> {
        self.keys.iter().zip(self.values.iter())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Lets the keys and the values be shared with those of other rows: `share` may put an equal list in the place of each.
    pub fn share(&mut self, mut share: impl FnMut(&mut Arc<[Str]>)) {
        let (keys, values) = (Arc::clone(&self.keys), Arc::clone(&self.values));
        share(&mut self.keys);
        share(&mut self.values);
        // Another list than an equal one would give labels that the object does not have.
        if self.keys != keys || self.values != values {
            *self = Self { keys, values };
        }
    }
}

impl FromIterator<(Str, Str)> for Labels {
    /// In any order; of several with the same key, one counts.
    fn from_iter<I: IntoIterator<Item = (Str, Str)>>(pairs: I) -> Self {
        let mut pairs: Vec<_> = pairs.into_iter().collect();
        if pairs.is_empty() {
            return Self::default();
        }
        pairs.sort_unstable();
        pairs.dedup_by(|later, earlier| later.0 == earlier.0);
        let (keys, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
        Self { keys: keys.into(), values: values.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_sorted_found_and_shared_only_with_their_equals() {
        let of = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        let labels: Labels = of(&[("b", "2"), ("a", "1"), ("c", "3")]);
        let told: Vec<_> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(told, ["a=1", "b=2", "c=3"]);
        assert_eq!((labels.get("b"), labels.get("d")), (Some("2"), None));
        let other: Labels = of(&[("a", "1"), ("b", "2"), ("c", "4")]);
        let mut shared = other.clone();
        shared.share(|list| {
            if *list == labels.keys {
                *list = Arc::clone(&labels.keys);
            }
        });
        assert!(Arc::ptr_eq(&shared.keys, &labels.keys));
        shared.share(|list| *list = Arc::clone(&labels.values));
        assert_eq!(shared, other);
        assert!(of(&[]).is_empty());
    }
}
