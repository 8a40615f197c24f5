//! Names of things: clusters, resources, kinds and objects.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A shared, immutable string, behind one pointer. Writers intern the ones that repeat.
pub type Str = arcstr::ArcStr;

/// The name of a cluster: the context's name in a kubeconfig.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClusterId(pub Str);

impl ClusterId {
    /// A cluster of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClusterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A resource by group and plural name, whatever version the cluster serves. The core group is the empty string.
///
/// Instruments name what they understand this way: detection goes by resource, never by group, because groups such as
/// `kubeflow.org` are shared by unrelated projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupResource<'a> {
    /// API group; empty for the core group.
    pub group: &'a str,
    /// Plural name in lower case, as in URLs: `pods`.
    pub plural: &'a str,
}

impl<'a> GroupResource<'a> {
    /// A resource of this group and plural name.
    pub const fn new(group: &'a str, plural: &'a str) -> Self {
        Self { group, plural }
    }
}

impl fmt::Display for GroupResource<'_> {
    /// As kubectl writes it: `pods`, `deployments.apps`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

/// A column that a custom resource definition asks clients to print (`additionalPrinterColumns`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrinterColumn {
    /// Heading.
    pub name: String,
    /// OpenAPI type: `string`, `integer`, `number`, `boolean` or `date`.
    #[serde(rename = "type")]
    pub kind: String,
    /// OpenAPI format, or empty.
    #[serde(default)]
    pub format: String,
    /// What the column means, or empty.
    #[serde(default)]
    pub description: String,
    /// Zero shows always, more only in the wide view.
    #[serde(default)]
    pub priority: i32,
    /// JSONPath into the object, starting with a dot.
    pub json_path: String,
}

/// One resource as discovery describes it, at one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: Str,
    /// Version: `v1`.
    pub version: Str,
    /// Plural name, as in URLs.
    pub plural: Str,
    /// Singular name; may be empty on old servers.
    pub singular: Str,
    /// Kind in upper camel case.
    pub kind: Str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Verbs the server offers: `get`, `list`, `watch`, ...
    pub verbs: Vec<Str>,
    /// What each object has below it: `status`, `log`, `exec`.
    pub subresources: Vec<Str>,
    /// Short names: `po`.
    pub short_names: Vec<Str>,
    /// Categories: `all`.
    pub categories: Vec<Str>,
    /// Whether this is the version that the server prefers: the group's preferred one where that serves the resource, else
    /// the next one that does.
    pub preferred: bool,
    /// Printer columns of a custom resource; `None` when it is not one or its definition could not be read.
    pub printer_columns: Option<Vec<PrinterColumn>>,
}

impl Resource {
    /// A namespaced resource of which no more is known: no verbs, no other names, no printer columns.
    pub fn new(group: &str, version: &str, plural: &str, kind: &str) -> Self {
        Self {
            group: group.into(),
            version: version.into(),
            plural: plural.into(),
            singular: kind.to_lowercase().into(),
            kind: kind.into(),
            namespaced: true,
            verbs: Vec::new(),
            subresources: Vec::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
            preferred: true,
            printer_columns: None,
        }
    }

    /// Group and plural name.
    pub fn group_resource(&self) -> GroupResource<'_> {
        GroupResource { group: &self.group, plural: &self.plural }
    }

    /// `v1` or `apps/v1`, as in an object's `apiVersion`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether the server offers `verb`.
    pub fn offers(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| &**v == verb)
    }

    /// Whether each object has this below it.
    pub fn has(&self, subresource: &str) -> bool {
        self.subresources.iter().any(|part| &**part == subresource)
    }

    /// The path of the API server for a list of it (`namespace` narrows a namespaced one), without a trailing slash.
    pub fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        };
        match namespace {
            Some(namespace) if self.namespaced => format!("{root}/namespaces/{namespace}/{}", self.plural),
            _ => format!("{root}/{}", self.plural),
        }
    }
}

/// Where an object stands within its resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<Str>,
    /// Name.
    pub name: Str,
}

impl ObjectKey {
    /// The key of `name` in `namespace`.
    pub fn new(namespace: Option<&str>, name: &str) -> Self {
        Self { namespace: namespace.map(Str::from), name: name.into() }
    }
}

impl fmt::Display for ObjectKey {
    /// `namespace/name`, or `name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// A reference to one object in one cluster, enough to name it to a person and to link to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// `v1` or `apps/v1`.
    pub api_version: String,
    /// Kind in upper camel case.
    pub kind: String,
    /// Namespace; `None` for a cluster-scoped object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Unique id, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
}

impl ObjectRef {
    /// API group; empty for the core group.
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }
}

impl fmt::Display for ObjectRef {
    /// `Kind/name`, as people say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}
