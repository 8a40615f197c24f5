//! Which lists are maps or sets in disguise, and by which keys: needed by strategic merge, by apply and for managed fields.

use pilothouse_model::Read;
use serde_json::Value;

use crate::registry::Served;

/// What a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListKind {
    /// One value, replaced as a whole.
    Atomic,
    /// A set of plain values.
    Set,
    /// A map: items are known by these fields. The first is strategic merge's key.
    Map(Vec<String>),
}

/// What the lists of one resource are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lists<'a> {
    schema: Option<&'a Value>,
    custom: bool,
}

/// Built-in lists of maps: (field that it is in, or `*`; its name; keys). Facts of Kubernetes' API types.
const MAPS: &[(&str, &str, &[&str])] = &[
    ("*", "containers", &["name"]),
    ("*", "initContainers", &["name"]),
    ("*", "ephemeralContainers", &["name"]),
    ("*", "env", &["name"]),
    ("*", "volumes", &["name"]),
    ("*", "volumeMounts", &["mountPath"]),
    ("*", "volumeDevices", &["devicePath"]),
    ("*", "imagePullSecrets", &["name"]),
    ("*", "hostAliases", &["ip"]),
    ("*", "topologySpreadConstraints", &["topologyKey", "whenUnsatisfiable"]),
    ("*", "schedulingGates", &["name"]),
    ("*", "ownerReferences", &["uid"]),
    ("*", "webhooks", &["name"]),
    ("spec", "resourceClaims", &["name"]),
    ("containers", "ports", &["containerPort", "protocol"]),
    ("initContainers", "ports", &["containerPort", "protocol"]),
    ("spec", "ports", &["port", "protocol"]),
    ("status", "conditions", &["type"]),
    ("status", "addresses", &["type"]),
    ("status", "podIPs", &["ip"]),
    ("status", "hostIPs", &["ip"]),
    ("", "secrets", &["name"]),
];

/// Fields that strategic merge replaces but for the keys that the patch retains (`$retainKeys`) are told by the patch
/// itself; nothing is listed for them here.
const SETS: &[(&str, &str)] = &[("metadata", "finalizers")];

/// How a list of a built-in type merges, for clients that make strategic merge patches: the key of its items, empty for
/// a set; `None` when it is replaced as a whole. `owner` is the type that has the field, as `core.PodSpec`.
pub(crate) fn strategy(owner: &str, field: &str) -> Option<&'static str> {
    if SETS.iter().any(|(_, name)| *name == field) && owner == "meta.ObjectMeta" {
        return Some("");
    }
    let is_in = |within: &str| match within {
        "*" => true,
        "spec" => owner.ends_with("Spec"),
        "status" => owner.ends_with("Status"),
        "" => owner == "core.ServiceAccount",
        _ => owner.ends_with("Container"),
    };
    let found = MAPS.iter().find(|(within, name, _)| *name == field && is_in(within));
    found.and_then(|(_, _, keys)| keys.first().copied())
}

impl<'a> Lists<'a> {
    /// Those of a resource: by its schema, or the built-in table.
    pub(crate) fn of(served: &'a Served) -> Self {
        Self { schema: served.schema.as_deref(), custom: served.custom }
    }

    /// What the list at a path is; the path names fields and skips list items.
    pub(crate) fn kind(&self, path: &[&str]) -> ListKind {
        let field = path.last().copied().unwrap_or_default();
        let parent = path.len().checked_sub(2).and_then(|at| path.get(at)).copied().unwrap_or_default();
        if self.custom && path.first() != Some(&"metadata") {
            return self.by_schema(path).unwrap_or(ListKind::Atomic);
        }
        if SETS.contains(&(parent, field)) {
            return ListKind::Set;
        }
        MAPS.iter()
            .find(|(within, name, _)| *name == field && (*within == "*" || *within == parent))
            .map_or(ListKind::Atomic, |(_, _, keys)| ListKind::Map(keys.iter().map(|key| (*key).to_owned()).collect()))
    }

    fn by_schema(&self, path: &[&str]) -> Option<ListKind> {
        let mut schema = self.schema?;
        for field in path {
            while let Some(items) = schema.get("items") {
                schema = items;
            }
            schema = match schema.get("properties").and_then(|properties| properties.get(field)) {
                Some(inner) => inner,
                None => schema.get("additionalProperties")?,
            };
        }
        match schema.get("x-kubernetes-list-type")?.as_str()? {
            "map" => {
                let keys = schema.items("/x-kubernetes-list-map-keys").iter().filter_map(Value::as_str);
                Some(ListKind::Map(keys.map(str::to_owned).collect()))
            }
            "set" => Some(ListKind::Set),
            _ => None,
        }
    }
}

/// The key of an item of a list of maps, as its field set names it; `None` when a key field is missing.
pub(crate) fn key_of(item: &Value, keys: &[String]) -> Option<serde_json::Map<String, Value>> {
    keys.iter()
        .map(|key| match item.get(key) {
            Some(value) => Some((key.clone(), value.clone())),
            // The only key field that the API server fills in by itself.
            None if key == "protocol" => Some((key.clone(), Value::from("TCP"))),
            None => None,
        })
        .collect()
}
