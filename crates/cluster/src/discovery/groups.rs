//! Discovery group by group, as servers before 1.26 offer it.

use futures::{StreamExt, stream};
use pilothouse_model::{Resource, Str};
use serde::Deserialize;

use super::{Findings, Problem};
use crate::connection::Connection;
use crate::decode::nullable;

/// How many groups are asked for at a time.
const AT_ONCE: usize = 8;

/// One group and its versions, in order of preference.
#[derive(Debug)]
pub(super) struct Group {
    name: Str,
    versions: Vec<Str>,
}

/// `APIVersions`: the versions of the core group.
#[derive(Debug, Deserialize)]
pub(super) struct Versions {
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<Str>,
}

/// `APIGroupList`.
#[derive(Debug, Deserialize)]
pub(super) struct Groups {
    #[serde(default, deserialize_with = "nullable")]
    groups: Vec<NamedGroup>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NamedGroup {
    name: Str,
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<Version>,
    preferred_version: Option<Version>,
}

#[derive(Debug, Deserialize)]
struct Version {
    version: Str,
}

/// `APIResourceList`.
#[derive(Debug, Deserialize)]
struct Resources {
    #[serde(default, deserialize_with = "nullable")]
    resources: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: Str,
    #[serde(default)]
    singular_name: String,
    #[serde(default)]
    namespaced: bool,
    kind: Str,
    #[serde(default, deserialize_with = "nullable")]
    verbs: Vec<Str>,
    #[serde(default, deserialize_with = "nullable")]
    short_names: Vec<Str>,
    #[serde(default, deserialize_with = "nullable")]
    categories: Vec<Str>,
}

/// The core group.
pub(super) fn core(versions: Versions) -> Vec<Group> {
    vec![Group { name: "".into(), versions: versions.versions }]
}

/// All other groups.
pub(super) fn named(groups: Groups) -> Vec<Group> {
    groups.groups.into_iter().map(order_versions).collect()
}

/// The preferred version first, the others as the server orders them.
fn order_versions(group: NamedGroup) -> Group {
    let mut versions: Vec<Str> = group.versions.into_iter().map(|version| version.version).collect();
    if let Some(preferred) = group.preferred_version
        && let Some(place) = versions.iter().position(|version| *version == preferred.version)
    {
        versions[..=place].rotate_right(1);
    }
    Group { name: group.name, versions }
}

/// Asks for what each group serves and adds it, in order.
pub(super) async fn read(connection: &Connection, groups: Vec<Group>, findings: &mut Findings) {
    let wanted = groups
        .into_iter()
        .flat_map(|Group { name, versions }| versions.into_iter().map(move |version| (name.clone(), version)));
    let mut answers = stream::iter(wanted)
        .map(|(group, version)| async move {
            let path = if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") };
            let answer = connection.read_json::<Resources>(&path).await;
            (group, version, answer)
        })
        .buffered(AT_ONCE);
    while let Some((group, version, answer)) = answers.next().await {
        match answer {
            Ok(list) => {
                findings.resources.extend(resources(&group, &version, list.resources));
            }
            Err(error) => {
                let name = if group.is_empty() { version.to_string() } else { format!("{group}/{version}") };
                let what = format!("what {name} serves is unknown");
                findings.problems.push(Problem { api_version: Some(name), what, error: Some(error) });
            }
        }
    }
}

/// The resources of a list, in which a slash marks a subresource.
fn resources(group: &Str, version: &Str, entries: Vec<Entry>) -> Vec<Resource> {
    let (parts, whole): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.name.contains('/'));
    let mut resources: Vec<_> = whole.into_iter().filter_map(|entry| resource(group, version, entry)).collect();
    for (plural, part) in parts.iter().filter_map(|entry| entry.name.split_once('/')) {
        if let Some(resource) = resources.iter_mut().find(|resource| *resource.plural == *plural) {
            resource.subresources.push(part.into());
        }
    }
    resources
}

fn resource(group: &Str, version: &Str, entry: Entry) -> Option<Resource> {
    if entry.verbs.is_empty() {
        return None;
    }
    Some(Resource {
        group: group.clone(),
        version: version.clone(),
        plural: entry.name,
        singular: entry.singular_name.into(),
        kind: entry.kind,
        namespaced: entry.namespaced,
        verbs: entry.verbs,
        subresources: Vec::new(),
        short_names: entry.short_names,
        categories: entry.categories,
        preferred: false,
        printer_columns: None,
    })
}

/// Reads bytes as each of the documents above (see [`crate::fuzzing`]).
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8], findings: &mut Findings) {
    let found = [serde_json::from_slice(bytes).map(core), serde_json::from_slice(bytes).map(named)];
    for group in found.into_iter().flatten().flatten() {
        let list = serde_json::from_slice::<Resources>(bytes).into_iter().flat_map(|list| list.resources);
        let version = group.versions.first().cloned().unwrap_or_default();
        findings.resources.extend(resources(&group.name, &version, list.collect()));
    }
}
