//! What a table could not take in, told only to those who may know that it is there.

use std::collections::BTreeMap;

use pilothouse_cluster::Malformed;
use pilothouse_model::{Object, Sight};
use rustc_hash::FxHashMap;

/// How many malformed objects are named one by one.
const MOST_NAMED: usize = 10;

/// What cannot be read, each once, however often it changes: by name, or by what is wrong where not even that can be told.
#[derive(Default)]
pub(super) struct Unreadable(BTreeMap<String, String>);

/// What cannot be read in one namespace, or in none.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Unread {
    namespace: Option<String>,
    /// The first few: the name, where that could be read, and what is wrong.
    first: Vec<(Option<String>, String)>,
    /// How many more there are.
    more: usize,
}

impl Unread {
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

impl Unreadable {
    pub(super) fn add(&mut self, Malformed { which, why }: Malformed) {
        self.0.insert(which.unwrap_or_else(|| why.clone()), why);
    }

    /// It can be read again, or is no more.
    pub(super) fn clear(&mut self, object: &Object) {
        if !self.0.is_empty() {
            self.0.remove(&name_of(object));
        }
    }

    /// The first few of each namespace by name, the others by number.
    pub(super) fn told(&self) -> Vec<Unread> {
        let mut told: Vec<Unread> = Vec::new();
        let mut places: FxHashMap<Option<String>, usize> = FxHashMap::default();
        for (which, why) in &self.0 {
            let named = *which != *why;
            let (namespace, name) = match which.split_once('/') {
                Some((namespace, name)) if named => (Some(namespace.to_owned()), Some(name.to_owned())),
                _ => (None, named.then(|| which.clone())),
            };
            let at = *places.entry(namespace.clone()).or_insert(told.len());
            if at == told.len() {
                told.push(Unread { namespace, ..Unread::default() });
            }
            let place = &mut told[at];
            if place.first.len() < MOST_NAMED {
                place.first.push((name, why.clone()));
            } else {
                place.more += 1;
            }
        }
        told
    }
}

/// The name that the cluster room gives a malformed object.
pub(super) fn name_of(object: &Object) -> String {
    match object.namespace() {
        Some(namespace) => format!("{namespace}/{}", object.name()),
        None => object.name().to_owned(),
    }
}

/// What is said of it to someone who sees this much: the first few by name, the others by number.
pub(super) fn notes(unreadable: &[Unread], sight: &Sight) -> Vec<String> {
    let (mut named, mut more) = (Vec::new(), 0);
    for place in unreadable {
        let namespace = place.namespace.as_deref();
        let all = sight.is_all() || namespace.is_some_and(|namespace| sight.sees_namespace(namespace));
        let seen = place
            .first
            .iter()
            .filter(|(name, _)| all || name.as_deref().is_some_and(|name| sight.sees(namespace, name)));
        named.extend(seen.map(|(_, why)| why.clone()));
        more += if all { place.more } else { 0 };
    }
    more += named.len().saturating_sub(MOST_NAMED);
    named.truncate(MOST_NAMED);
    named.extend(match more {
        0 => None,
        1 => Some("1 more object cannot be read".to_owned()),
        more => Some(format!("{more} more objects cannot be read")),
    });
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told_to_those_who_may_know_of_it() {
        let mut unreadable = Unreadable::default();
        for number in 0..12 {
            let which = Some(format!("a/{number:02}"));
            unreadable.add(Malformed { which, why: format!("a/{number:02} is odd") });
        }
        unreadable.add(Malformed { which: Some("b/x".to_owned()), why: "b/x is odd".to_owned() });
        unreadable.add(Malformed { which: None, why: "something is odd".to_owned() });
        let told = unreadable.told();
        let notes = |sight: &Sight| notes(&told, sight);
        let all = notes(&Sight::All);
        assert_eq!(
            (all.len(), all[0].as_str(), all[10].as_str()),
            (11, "a/00 is odd", "4 more objects cannot be read")
        );
        assert_eq!(notes(&Sight::in_namespaces(["b".into()])), ["b/x is odd"]);
        assert_eq!(notes(&Sight::in_namespaces(["a".into()])).len(), 11);
        assert!(notes(&Sight::None).is_empty() && notes(&Sight::in_namespaces(["c".into()])).is_empty());
    }
}
