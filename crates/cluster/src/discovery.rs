//! What a cluster serves.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use http::{HeaderValue, header};
use pilothouse_model::Resource;
use serde::Deserialize;

use crate::connection::{Call, Connection, LONGEST, malformed};
use crate::error::ClusterError;

mod aggregated;
mod definitions;
mod groups;

/// Asks for aggregated discovery, final or beta; older servers answer the last, plain type.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
     application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json";

/// What a cluster serves, in the server's order: every version of every resource; subresources left out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Discovery {
    /// The resources. Of each, one version is marked as preferred: the group's preferred version where that serves it,
    /// else the next one that does.
    pub resources: Vec<Arc<Resource>>,
    /// The parts that could not be read.
    pub problems: Vec<Problem>,
}

/// A part of a cluster's discovery that could not be read. Shown, it is one sentence: what is missing, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Of which group and version it is not known what it serves, as in `apiVersion`; `None` when it is something else that
    /// is missing.
    pub api_version: Option<String>,
    /// What is missing.
    pub what: String,
    /// The failure that is the reason, if a request failed.
    pub error: Option<ClusterError>,
}

impl Problem {
    /// The group of which not everything is known.
    pub fn group(&self) -> Option<&str> {
        self.api_version.as_deref().map(|version| version.split_once('/').map_or("", |(group, _)| group))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "{}: {error}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    resources: Vec<Resource>,
    problems: Vec<Problem>,
}

pub(crate) async fn discover(connection: &Connection) -> Result<Discovery, ClusterError> {
    let (findings, columns) = tokio::join!(find(connection), definitions::read(connection));
    let Findings { mut resources, mut problems } = findings?;
    mark_preferred(&mut resources);
    match columns {
        Ok(columns) => definitions::join(columns, &mut resources),
        Err(error) => {
            let what = "the printer columns of custom resources are unknown".to_owned();
            problems.push(Problem { api_version: None, what, error: Some(error) });
        }
    }
    Ok(Discovery { resources: resources.into_iter().map(Arc::new).collect(), problems })
}

/// All resources, without printer columns.
async fn find(connection: &Connection) -> Result<Findings, ClusterError> {
    let (core, named) = tokio::join!(root(connection, "/api"), root(connection, "/apis"));
    let mut findings = Findings::default();
    // Without one of the two roots there is no partial success.
    for root in [core?, named?] {
        match root {
            Root::Aggregated(list) => aggregated::read(list, &mut findings),
            Root::Groups(groups) => groups::read(connection, groups, &mut findings).await,
        }
    }
    Ok(findings)
}

/// What `/api` or `/apis` answered.
enum Root {
    Aggregated(aggregated::List),
    Groups(Vec<groups::Group>),
}

async fn root(connection: &Connection, path: &str) -> Result<Root, ClusterError> {
    #[derive(Deserialize)]
    struct Kind {
        kind: String,
    }
    let mut call = Call::get(path);
    call.headers.insert(header::ACCEPT, HeaderValue::from_static(AGGREGATED));
    let response = connection.send(&call).await?;
    let body = connection.collect_whole(response.into_body(), &call.words(), LONGEST).await?;
    let broken = |error: serde_json::Error| malformed(path, error.to_string());
    let Kind { kind } = serde_json::from_slice(&body).map_err(broken)?;
    match kind.as_str() {
        "APIGroupDiscoveryList" => serde_json::from_slice(&body).map(Root::Aggregated).map_err(broken),
        "APIVersions" => serde_json::from_slice(&body).map(groups::core).map(Root::Groups).map_err(broken),
        "APIGroupList" => serde_json::from_slice(&body).map(groups::named).map(Root::Groups).map_err(broken),
        other => Err(malformed(path, format!("`{other}` is not a discovery document"))),
    }
}

/// Marks the first version of each resource: versions come in the server's order of preference.
fn mark_preferred(resources: &mut [Resource]) {
    let mut seen = HashSet::new();
    for resource in resources {
        resource.preferred = seen.insert((resource.group.clone(), resource.plural.clone()));
    }
}

/// Reads bytes as every document of discovery (see [`crate::fuzzing`]).
#[cfg(fuzzing)]
pub(crate) fn fuzz(bytes: &[u8]) {
    let mut findings = Findings::default();
    if let Ok(list) = serde_json::from_slice(bytes) {
        aggregated::read(list, &mut findings);
    }
    groups::fuzz(bytes, &mut findings);
    definitions::join(definitions::fuzz(bytes), &mut findings.resources);
    mark_preferred(&mut findings.resources);
}
