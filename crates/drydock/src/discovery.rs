//! Discovery: which groups, versions and resources there are; and the server's version.

use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::http::reply::{self, Body};
use crate::registry::{Registry, Served};

/// The version told to clients: near to both kubectl 1.32 and current libraries; old clients do not mind.
const VERSION: (&str, &str, &str) = ("1", "33", "v1.33.0+pilothouse");

/// Answers a path of discovery.
pub(crate) fn answer(registry: &Registry, path: &str, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let value = match parts.as_slice() {
        ["version"] => version(),
        [] => json!({ "paths": paths(registry) }),
        [root @ ("api" | "apis")] => {
            if let Some(version) = reply::aggregated(headers) {
                return Ok(aggregated(registry, *root == "api", version));
            }
            if *root == "api" { core_versions() } else { groups(registry) }
        }
        ["api", version] if registry.versions("").iter().any(|own| &**own == *version) => {
            resources(registry, "", version)
        }
        ["apis", name] if !registry.versions(name).is_empty() => group(registry, name),
        ["apis", group, version] if registry.versions(group).iter().any(|own| &**own == *version) => {
            resources(registry, group, version)
        }
        _ => return Err(Failure::no_such_path()),
    };
    Ok(reply::json(StatusCode::OK, &value))
}

fn version() -> Value {
    let (major, minor, whole) = VERSION;
    json!({
        "major": major,
        "minor": minor,
        "gitVersion": whole,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    })
}

fn paths(registry: &Registry) -> Vec<String> {
    let mut paths: Vec<String> =
        ["/api", "/apis", "/healthz", "/livez", "/openapi/v2", "/openapi/v3", "/readyz", "/version"]
            .map(str::to_owned)
            .to_vec();
    for (group, versions) in registry.groups() {
        for version in versions {
            paths.push(if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") });
        }
    }
    paths.sort();
    paths
}

fn core_versions() -> Value {
    json!({
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [],
    })
}

fn groups(registry: &Registry) -> Value {
    let groups: Vec<Value> =
        registry.groups().filter(|(name, _)| !name.is_empty()).map(|(name, _)| group_body(registry, name)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
}

fn group(registry: &Registry, name: &str) -> Value {
    let mut group = group_body(registry, name);
    group["kind"] = json!("APIGroup");
    group["apiVersion"] = json!("v1");
    group
}

fn group_body(registry: &Registry, name: &str) -> Value {
    let versions: Vec<Value> = registry
        .versions(name)
        .iter()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": &**version }))
        .collect();
    let preferred = versions.first().cloned().unwrap_or(Value::Null);
    json!({ "name": name, "versions": versions, "preferredVersion": preferred })
}

/// Kinds of the parts of a resource: (name, group, version, kind, verbs).
fn parts(served: &Served) -> Vec<(&'static str, String, String, String, Vec<&'static str>)> {
    let mut parts = Vec::new();
    let resource = &served.resource;
    let own = || (resource.group.to_string(), resource.version.to_string(), resource.kind.to_string());
    for further in served.further {
        let name = (further.group.to_owned(), further.version.to_owned(), further.kind.to_owned());
        parts.push((further.name, name.0, name.1, name.2, further.verbs.to_vec()));
    }
    if served.status {
        let (group, version, kind) = own();
        parts.push(("status", group, version, kind, vec!["get", "patch", "update"]));
    }
    if served.scale.is_some() {
        let verbs = vec!["get", "patch", "update"];
        parts.push(("scale", "autoscaling".to_owned(), "v1".to_owned(), "Scale".to_owned(), verbs));
    }
    if !served.custom {
        parts.sort_by_key(|(name, ..)| *name);
    }
    parts
}

fn resources(registry: &Registry, group: &str, version: &str) -> Value {
    let mut all = Vec::new();
    for served in registry.of(group, version) {
        let resource = &served.resource;
        let mut entry = json!({
            "name": &*resource.plural,
            "singularName": &*resource.singular,
            "namespaced": resource.namespaced,
            "kind": &*resource.kind,
            "verbs": resource.verbs.iter().map(|verb| &**verb).collect::<Vec<_>>(),
        });
        if !resource.short_names.is_empty() {
            entry["shortNames"] = resource.short_names.iter().map(|name| &**name).collect();
        }
        if !resource.categories.is_empty() {
            entry["categories"] = resource.categories.iter().map(|name| &**name).collect();
        }
        all.push(entry);
        for (name, part_group, part_version, kind, verbs) in parts(served) {
            let mut entry = json!({
                "name": format!("{}/{name}", resource.plural),
                "singularName": "",
                "namespaced": resource.namespaced,
                "kind": kind,
                "verbs": verbs,
            });
            if part_group != group || part_version != version {
                entry["group"] = json!(part_group);
                entry["version"] = json!(part_version);
            }
            all.push(entry);
        }
    }
    let whole = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": whole, "resources": all })
}

fn aggregated(registry: &Registry, core: bool, version: &'static str) -> Response<Body> {
    let items: Vec<Value> = registry
        .groups()
        .filter(|(group, _)| group.is_empty() == core)
        .map(|(group, versions)| {
            let versions: Vec<Value> = versions
                .iter()
                .map(|version| {
                    let resources: Vec<Value> =
                        registry.of(group, version).map(|served| aggregated_resource(served)).collect();
                    json!({ "version": &**version, "resources": resources, "freshness": "Current" })
                })
                .collect();
            let metadata = if group.is_empty() {
                json!({ "creationTimestamp": null })
            } else {
                json!({ "name": group, "creationTimestamp": null })
            };
            json!({ "metadata": metadata, "versions": versions })
        })
        .collect();
    let list = json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    });
    let media = if version == "v2" {
        "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    } else {
        "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
    };
    reply::whole(StatusCode::OK, media, list.to_string())
}

fn aggregated_resource(served: &Served) -> Value {
    let resource = &served.resource;
    let scope = if resource.namespaced { "Namespaced" } else { "Cluster" };
    let mut entry = json!({
        "resource": &*resource.plural,
        "responseKind": { "group": &*resource.group, "version": &*resource.version, "kind": &*resource.kind },
        "scope": scope,
        "singularResource": &*resource.singular,
        "verbs": resource.verbs.iter().map(|verb| &**verb).collect::<Vec<_>>(),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = resource.short_names.iter().map(|name| &**name).collect();
    }
    if !resource.categories.is_empty() {
        entry["categories"] = resource.categories.iter().map(|name| &**name).collect();
    }
    let parts: Vec<Value> = parts(served)
        .into_iter()
        .map(|(name, group, version, kind, verbs)| {
            json!({
                "subresource": name,
                "responseKind": { "group": group, "version": version, "kind": kind },
                "verbs": verbs,
            })
        })
        .collect();
    if !parts.is_empty() {
        entry["subresources"] = json!(parts);
    }
    entry
}
