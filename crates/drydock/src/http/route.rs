//! Paths of the API: which resource, where, and which part of it.

use percent_encoding::percent_decode_str;

use crate::failure::Failure;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A resource, served or not.
    Resource(ResourcePath),
    /// Anything else: discovery, health, OpenAPI.
    Path(String),
}

/// A path of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourcePath {
    /// API group.
    pub(crate) group: String,
    /// Version.
    pub(crate) version: String,
    /// Namespace.
    pub(crate) namespace: Option<String>,
    /// Plural name.
    pub(crate) plural: String,
    /// Name of the object.
    pub(crate) name: Option<String>,
    /// Subresource.
    pub(crate) subresource: Option<String>,
}

impl Route {
    /// Reads a path, percent signs decoded.
    pub(crate) fn parse(path: &str) -> Result<Self, Failure> {
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_decode_str(part).decode_utf8().map(|text| text.into_owned()))
            .collect::<Result<_, _>>()
            .map_err(|_| Failure::bad_request("the path is not UTF-8"))?;
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let found = match parts.as_slice() {
            ["api", version, rest @ ..] if !rest.is_empty() => resource("", version, rest),
            ["apis", group, version, rest @ ..] if !rest.is_empty() => resource(group, version, rest),
            _ => return Ok(Self::Path(path.to_owned())),
        };
        found.map(Self::Resource).ok_or_else(Failure::no_such_path)
    }
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Option<ResourcePath> {
    let base = ResourcePath { group: group.to_owned(), version: version.to_owned(), ..ResourcePath::default() };
    let owned = |text: &&str| Some((*text).to_owned());
    Some(match rest {
        // `/namespaces/x/status` is a part of the namespace, `/namespaces/x/pods` a resource in it.
        ["namespaces", name, part @ ("status" | "finalize")] => ResourcePath {
            plural: "namespaces".to_owned(),
            namespace: owned(name),
            name: owned(name),
            subresource: owned(part),
            ..base
        },
        ["namespaces", name] => {
            ResourcePath { plural: "namespaces".to_owned(), namespace: owned(name), name: owned(name), ..base }
        }
        ["namespaces", namespace, plural, inner @ ..] if inner.len() <= 2 => ResourcePath {
            namespace: owned(namespace),
            plural: (*plural).to_owned(),
            name: inner.first().and_then(owned),
            subresource: inner.get(1).and_then(owned),
            ..base
        },
        [plural, inner @ ..] if inner.len() <= 2 => ResourcePath {
            plural: (*plural).to_owned(),
            name: inner.first().and_then(owned),
            subresource: inner.get(1).and_then(owned),
            ..base
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> String {
        match Route::parse(path) {
            Ok(Route::Path(path)) => format!("path {path}"),
            Ok(Route::Resource(it)) => format!(
                "{}/{} {} ns={} name={} sub={}",
                it.group,
                it.version,
                it.plural,
                it.namespace.unwrap_or_default(),
                it.name.unwrap_or_default(),
                it.subresource.unwrap_or_default()
            ),
            Err(failure) => failure.code.to_string(),
        }
    }

    #[test]
    fn paths_are_read_as_kubernetes_reads_them() {
        for (path, expected) in [
            ("/api/v1/pods", "/v1 pods ns= name= sub="),
            ("/api/v1/namespaces/a/pods/x/log", "/v1 pods ns=a name=x sub=log"),
            ("/api/v1/namespaces", "/v1 namespaces ns= name= sub="),
            ("/api/v1/namespaces/a", "/v1 namespaces ns=a name=a sub="),
            ("/api/v1/namespaces/a/finalize", "/v1 namespaces ns=a name=a sub=finalize"),
            ("/apis/apps/v1/namespaces/a/deployments/d%2Dx", "apps/v1 deployments ns=a name=d-x sub="),
            ("/apis/apps/v1", "path /apis/apps/v1"),
            ("/api/v1/nodes/n/status", "/v1 nodes ns= name=n sub=status"),
            ("/version", "path /version"),
            ("/api/v1/namespaces/a/pods/x/log/y", "404 Not Found"),
        ] {
            assert_eq!(read(path), expected, "{path}");
        }
    }
}
