//! What someone may see of a resource: decided by a cluster, carried by every question.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::Str;

/// Which objects of one resource someone may see.
///
/// It says what the cluster grants, not what exists: a namespace in it may be empty or gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sight {
    /// None at all: what is not said to be seen is not seen.
    #[default]
    None,
    /// Some of them.
    Some(Arc<Seen>),
    /// All of them, in every namespace, also those that will exist later.
    All,
}

/// The objects that someone may see when not all of them are.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seen {
    /// Namespaces of which everything is seen.
    pub namespaces: BTreeSet<Str>,
    /// Single objects, by namespace (`None`: in every namespace, and cluster-scoped ones) and name.
    pub names: BTreeSet<(Option<Str>, Str)>,
}

impl Sight {
    /// The sight of these objects; of none when there are none.
    pub fn of(seen: Seen) -> Self {
        if seen.namespaces.is_empty() && seen.names.is_empty() { Self::None } else { Self::Some(Arc::new(seen)) }
    }

    /// The sight of everything in these namespaces.
    pub fn in_namespaces(namespaces: impl IntoIterator<Item = Str>) -> Self {
        Self::of(Seen { namespaces: namespaces.into_iter().collect(), names: BTreeSet::new() })
    }

    /// Whether an object is seen; `namespace` is `None` for a cluster-scoped one.
    pub fn sees(&self, namespace: Option<&str>, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(seen) => seen.sees(namespace, name),
        }
    }

    /// Whether everything in a namespace is seen.
    pub fn sees_namespace(&self, namespace: &str) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::Some(seen) => seen.namespaces.contains(namespace),
        }
    }

    /// Whether single objects of a namespace are seen, by name.
    pub fn sees_some_of(&self, namespace: &str) -> bool {
        let Self::Some(seen) = self else { return false };
        seen.names.iter().any(|(of, _)| of.as_deref().is_none_or(|of| *of == *namespace))
    }

    /// Whether everything is seen.
    pub fn is_all(&self) -> bool {
        *self == Self::All
    }

    /// Whether nothing is seen.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// What either sees.
    pub fn union(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::None, some) | (some, Self::None) => some.clone(),
            (Self::Some(left), Self::Some(right)) => Self::of(Seen {
                namespaces: left.namespaces.union(&right.namespaces).cloned().collect(),
                names: left.names.union(&right.names).cloned().collect(),
            }),
        }
    }
}

impl Seen {
    /// Whether an object is among them.
    pub fn sees(&self, namespace: Option<&str>, name: &str) -> bool {
        if namespace.is_some_and(|namespace| self.namespaces.contains(namespace)) {
            return true;
        }
        let named = |namespace: Option<&str>| self.names.contains(&(namespace.map(Str::from), Str::from(name)));
        !self.names.is_empty() && (named(None) || (namespace.is_some() && named(namespace)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            namespaces: ["team-a".into()].into(),
            names: [(None, "shared".into()), (Some("team-b".into()), "one".into())].into(),
        }
    }

    #[test]
    fn only_what_is_granted_is_seen() {
        let some = Sight::of(seen());
        for (namespace, name, expected) in [
            (Some("team-a"), "anything", true),
            (Some("team-b"), "one", true),
            (Some("team-b"), "two", false),
            (Some("team-c"), "one", false),
            (Some("team-c"), "shared", true),
            (None, "shared", true),
            (None, "one", false),
            (None, "team-a", false),
        ] {
            assert_eq!(some.sees(namespace, name), expected, "{namespace:?}/{name}");
            assert!(Sight::All.sees(namespace, name));
            assert!(!Sight::None.sees(namespace, name));
        }
        assert!(some.sees_namespace("team-a") && !some.sees_namespace("team-b"));
        assert_eq!(Sight::default(), Sight::None);
        assert_eq!(Sight::of(Seen::default()), Sight::None);
    }

    #[test]
    fn a_union_sees_what_either_sees() {
        let a = Sight::in_namespaces(["team-a".into()]);
        let b = Sight::in_namespaces(["team-b".into()]);
        let both = a.union(&b);
        assert!(both.sees_namespace("team-a") && both.sees_namespace("team-b") && !both.sees_namespace("team-c"));
        assert_eq!(a.union(&Sight::None), a);
        assert_eq!(Sight::None.union(&a), a);
        assert!(a.union(&Sight::All).is_all());
    }
}
