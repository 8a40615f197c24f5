//! What the server serves: the built-in resources and those of established custom resource definitions.

mod builtin;
mod custom;

use std::collections::BTreeMap;
use std::sync::Arc;

use pilothouse_model::{Resource, Str};
use serde_json::Value;

pub(crate) use custom::{CRD_COLLECTION, accept as accept_definition, definitions_of};

/// One resource at one version, as it is served.
#[derive(Debug)]
pub(crate) struct Served {
    /// What discovery says of it.
    pub(crate) resource: Resource,
    /// Where its objects lie; versions of one resource (and `events` of both groups) share it.
    pub(crate) collection: Str,
    /// `apiVersion` that objects are stored with.
    pub(crate) stored_as: String,
    /// Whether there is a `status` subresource.
    pub(crate) status: bool,
    /// The `scale` subresource.
    pub(crate) scale: Option<Scale>,
    /// Whether a change of the specification bumps `metadata.generation`.
    pub(crate) generation: bool,
    /// OpenAPI schema of a custom resource; null for the built-in ones.
    pub(crate) schema: Option<Arc<Value>>,
    /// Whether it comes from a custom resource definition.
    pub(crate) custom: bool,
    /// Further subresources: name, kind, verbs.
    pub(crate) further: &'static [Further],
}

/// A subresource besides `status` and `scale`.
#[derive(Debug)]
pub(crate) struct Further {
    /// Name in the path.
    pub(crate) name: &'static str,
    /// Group of its kind.
    pub(crate) group: &'static str,
    /// Version of its kind.
    pub(crate) version: &'static str,
    /// Its kind.
    pub(crate) kind: &'static str,
    /// Verbs.
    pub(crate) verbs: &'static [&'static str],
}

/// Where the scale subresource reads and writes: dotted JSON paths.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    /// Wanted replicas, in the specification.
    pub(crate) wanted: String,
    /// Present replicas, in the status.
    pub(crate) present: String,
    /// The selector, in the status as text or (built-in kinds) in the specification as an object.
    pub(crate) selector: Option<String>,
}

impl Served {
    /// The `apiVersion` of this version.
    pub(crate) fn api_version(&self) -> String {
        self.resource.api_version()
    }

    /// Whether this is a resource of this group and plural name.
    pub(crate) fn is(&self, group: &str, plural: &str) -> bool {
        &*self.resource.group == group && &*self.resource.plural == plural
    }

    /// Where an object of this name lies in its collection.
    pub(crate) fn key(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) if self.resource.namespaced => format!("{namespace}/{name}"),
            _ => name.to_owned(),
        }
    }
}

/// Everything served at one moment. Replaced as a whole when a definition changes.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    /// Group → versions in order of preference.
    groups: BTreeMap<Str, Vec<Str>>,
    /// (group, version, plural) → resource.
    served: BTreeMap<(Str, Str, Str), Arc<Served>>,
}

impl Registry {
    /// The built-in resources alone.
    pub(crate) fn builtin() -> Self {
        let mut registry = Self::default();
        for served in builtin::all() {
            registry.add(served);
        }
        registry
    }

    /// The built-in resources and those of the definitions.
    pub(crate) fn with_definitions<'a>(definitions: impl Iterator<Item = &'a Value>) -> Self {
        let mut registry = Self::builtin();
        for definition in definitions {
            for served in definitions_of(definition) {
                registry.add(served);
            }
        }
        for versions in registry.groups.values_mut() {
            versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        }
        registry.mark_preferred();
        registry
    }

    fn add(&mut self, served: Served) {
        let versions = self.groups.entry(served.resource.group.clone()).or_default();
        if !versions.contains(&served.resource.version) {
            versions.push(served.resource.version.clone());
        }
        let resource = &served.resource;
        let key = (resource.group.clone(), resource.version.clone(), resource.plural.clone());
        self.served.insert(key, Arc::new(served));
    }

    /// `resource.preferred` is told by the group's first version; definitions may have reordered the versions.
    fn mark_preferred(&mut self) {
        for ((group, version, _), served) in &mut self.served {
            let preferred = self.groups.get(group).and_then(|versions| versions.first()) == Some(version);
            if let Some(served) = Arc::get_mut(served) {
                served.resource.preferred = preferred;
            }
        }
    }

    /// The groups and their versions, the preferred one first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, &[Str])> {
        self.groups.iter().map(|(group, versions)| (&**group, versions.as_slice()))
    }

    /// Versions of a group; empty when it is not served.
    pub(crate) fn versions(&self, group: &str) -> &[Str] {
        self.groups.get(group).map_or(&[], Vec::as_slice)
    }

    /// The resources of one version of a group.
    pub(crate) fn of<'a>(&'a self, group: &'a str, version: &'a str) -> impl Iterator<Item = &'a Arc<Served>> {
        self.served
            .values()
            .filter(move |served| &*served.resource.group == group && &*served.resource.version == version)
    }

    /// One resource at one version.
    pub(crate) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Served>> {
        self.served.get(&(group.into(), version.into(), plural.into()))
    }

    /// One version of each collection: enough to reach every stored object.
    pub(crate) fn collections(&self) -> Vec<&Arc<Served>> {
        let mut seen: BTreeMap<&str, &Arc<Served>> = BTreeMap::new();
        for served in self.served.values() {
            let known = seen.entry(&served.collection).or_insert(served);
            if served.api_version() == served.stored_as {
                *known = served;
            }
        }
        seen.into_values().collect()
    }
}

/// Kubernetes' order of versions: stable before beta before alpha, later before earlier.
fn priority(version: &str) -> (u8, u32, u32) {
    let parse = || {
        let rest = version.strip_prefix('v')?;
        let major_end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let major = rest[..major_end].parse().ok()?;
        let (stage, minor) = match &rest[major_end..] {
            "" => (3, 0),
            stage => match (stage.strip_prefix("beta"), stage.strip_prefix("alpha")) {
                (Some(minor), _) => (2, minor.parse().ok()?),
                (_, Some(minor)) => (1, minor.parse().ok()?),
                _ => return None,
            },
        };
        Some((stage, major, minor))
    };
    parse().unwrap_or((0, 0, 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stable_versions_come_first() {
        let mut versions = ["v1alpha1", "v2", "v1beta2", "v1", "v10", "foo", "v1beta1"];
        versions.sort_by_key(|version| std::cmp::Reverse(priority(version)));
        assert_eq!(versions, ["v10", "v2", "v1", "v1beta2", "v1beta1", "v1alpha1", "foo"]);
    }
}
