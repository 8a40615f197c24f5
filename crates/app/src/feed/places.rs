//! Where a table is kept when it is not kept of the whole cluster.

use pilothouse_model::Seen;

/// Namespaces, and single objects by name; sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Places {
    namespaces: Vec<String>,
    names: Vec<(Option<String>, String)>,
}

/// One place: a namespace or all of them, and there one object or all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
}

impl Place {
    /// The whole cluster.
    pub(crate) fn everywhere() -> Self {
        Self::default()
    }
}

impl Places {
    /// These namespaces.
    pub(crate) fn in_namespaces(mut namespaces: Vec<String>) -> Self {
        namespaces.sort_unstable();
        namespaces.dedup();
        Self { namespaces, names: Vec::new() }
    }

    /// Where someone sees something, within these namespaces; none means all.
    pub(crate) fn of(seen: &Seen, wanted: &[String]) -> Self {
        let is_wanted = |namespace: &str| wanted.is_empty() || wanted.iter().any(|one| one == namespace);
        let namespaces = seen.namespaces.iter().filter(|name| is_wanted(name)).map(ToString::to_string).collect();
        let elsewhere = seen.names.iter().filter(|(namespace, _)| {
            namespace.as_deref().is_none_or(|namespace| is_wanted(namespace) && !seen.namespaces.contains(namespace))
        });
        // An object that is seen by name in every namespace need not be asked for in each.
        let once =
            elsewhere.filter(|(namespace, name)| namespace.is_none() || !seen.names.contains(&(None, name.clone())));
        let names = once.map(|(namespace, name)| (namespace.as_deref().map(str::to_owned), name.to_string())).collect();
        Self { names, ..Self::in_namespaces(namespaces) }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.namespaces.is_empty() && self.names.is_empty()
    }

    /// Whether all of a namespace is kept.
    pub(crate) fn contain(&self, namespace: &str) -> bool {
        self.namespaces.iter().any(|known| known == namespace)
    }

    /// The namespaces of which everything is kept, in words.
    pub(crate) fn words(&self) -> String {
        self.namespaces.join(", ")
    }

    /// Each of them.
    pub(crate) fn each(&self) -> Vec<Place> {
        let namespaces = self.namespaces.iter().map(|name| Place { namespace: Some(name.clone()), name: None });
        let names =
            self.names.iter().map(|(namespace, name)| Place { namespace: namespace.clone(), name: Some(name.clone()) });
        namespaces.chain(names).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_where_something_is_seen_each_once() {
        let name = |namespace: Option<&str>, name: &str| (namespace.map(Into::into), name.into());
        let seen = Seen {
            namespaces: ["a".into(), "b".into()].into(),
            names: [name(Some("a"), "x"), name(Some("c"), "x"), name(Some("c"), "y"), name(None, "y")].into(),
        };
        let place = |namespace: Option<&str>, name: Option<&str>| Place {
            namespace: namespace.map(str::to_owned),
            name: name.map(str::to_owned),
        };
        let all = [place(Some("a"), None), place(Some("b"), None), place(None, Some("y")), place(Some("c"), Some("x"))];
        assert_eq!(Places::of(&seen, &[]).each(), all);
        let some = Places::of(&seen, &["b".to_owned(), "c".to_owned(), "d".to_owned()]);
        assert_eq!(some.each(), [all[1].clone(), all[2].clone(), all[3].clone()]);
        assert!(some.contain("b") && !some.contain("c"));
        assert!(Places::of(&Seen { names: [].into(), ..seen }, &["d".to_owned()]).is_empty());
    }
}
