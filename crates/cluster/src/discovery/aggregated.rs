//! Aggregated discovery (Kubernetes 1.26 and newer): everything in two answers.

use pilothouse_model::{Resource, Str};
use serde::Deserialize;

use super::{Findings, Problem};
use crate::decode::nullable;

/// `APIGroupDiscoveryList`, as far as we read it.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(default)]
    metadata: Metadata,
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<Version>,
}

#[derive(Debug, Default, Deserialize)]
struct Metadata {
    /// Left out for the core group.
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
struct Version {
    version: String,
    #[serde(default, deserialize_with = "nullable")]
    resources: Vec<Entry>,
    #[serde(default)]
    freshness: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    resource: String,
    /// Left out for a resource that is only there to hold subresources.
    response_kind: Option<Kind>,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    singular_resource: String,
    #[serde(default, deserialize_with = "nullable")]
    verbs: Vec<Str>,
    #[serde(default, deserialize_with = "nullable")]
    subresources: Vec<Part>,
    #[serde(default, deserialize_with = "nullable")]
    short_names: Vec<Str>,
    #[serde(default, deserialize_with = "nullable")]
    categories: Vec<Str>,
}

#[derive(Debug, Deserialize)]
struct Part {
    subresource: Str,
}

#[derive(Debug, Deserialize)]
struct Kind {
    #[serde(default)]
    kind: String,
}

/// Adds the resources of one document.
pub(super) fn read(list: List, findings: &mut Findings) {
    for Group { metadata, versions } in list.items {
        let group: Str = metadata.name.into();
        for Version { version, resources, freshness } in versions {
            if freshness == "Stale" {
                let api_version = if group.is_empty() { version.clone() } else { format!("{group}/{version}") };
                let what = format!(
                    "the API server could not ask {api_version} what it serves (is its APIService available?); what is \
                     known of it may be incomplete"
                );
                findings.problems.push(Problem { api_version: Some(api_version), what, error: None });
            }
            let version: Str = version.into();
            findings.resources.extend(resources.into_iter().filter_map(|entry| resource(&group, &version, entry)));
        }
    }
}

fn resource(group: &Str, version: &Str, entry: Entry) -> Option<Resource> {
    let kind = entry.response_kind?.kind;
    if entry.verbs.is_empty() || kind.is_empty() {
        return None;
    }
    Some(Resource {
        group: group.clone(),
        version: version.clone(),
        plural: entry.resource.into(),
        singular: entry.singular_resource.into(),
        kind: kind.into(),
        namespaced: entry.scope == "Namespaced",
        verbs: entry.verbs,
        subresources: entry.subresources.into_iter().map(|part| part.subresource).collect(),
        short_names: entry.short_names,
        categories: entry.categories,
        preferred: false,
        printer_columns: None,
    })
}
