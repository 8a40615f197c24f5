//! The printer columns that custom resource definitions ask for. Definitions hold schemas of up to a megabyte: they are
//! read in small pages, and only the few fields needed are kept.

use std::collections::HashMap;

use pilothouse_model::PrinterColumn;
use serde::Deserialize;

use super::{Findings, nullable};
use crate::connection::Connection;
use crate::decode::ListMeta;
use crate::error::ClusterError;
use crate::path::escape;

const PATH: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
/// Definitions in a page.
const PAGE: usize = 20;

/// A page of definitions, as far as we read it.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    metadata: ListMeta,
    #[serde(default, deserialize_with = "nullable")]
    items: Vec<Definition>,
}

#[derive(Debug, Deserialize)]
struct Definition {
    spec: Spec,
}

#[derive(Debug, Deserialize)]
struct Spec {
    group: String,
    names: Names,
    #[serde(default, deserialize_with = "nullable")]
    versions: Vec<Version>,
}

#[derive(Debug, Deserialize)]
struct Names {
    plural: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version {
    name: String,
    #[serde(default, deserialize_with = "nullable")]
    additional_printer_columns: Vec<PrinterColumn>,
}

/// Columns by group, plural and version.
type Columns = HashMap<(String, String, String), Vec<PrinterColumn>>;

/// Gives each custom resource its printer columns; that they cannot be had is a problem, not an error.
pub(super) async fn join_columns(connection: &Connection, findings: &mut Findings) {
    let served = findings.resources.iter().any(|resource| {
        &*resource.group == "apiextensions.k8s.io"
            && &*resource.version == "v1"
            && &*resource.plural == "customresourcedefinitions"
            && resource.offers("list")
    });
    if !served {
        return;
    }
    let mut columns = match read(connection).await {
        Ok(columns) => columns,
        Err(error) => {
            findings.problems.push(format!("the printer columns of custom resources are unknown: {error}"));
            return;
        }
    };
    for resource in &mut findings.resources {
        let key = (resource.group.to_string(), resource.plural.to_string(), resource.version.to_string());
        resource.printer_columns = columns.remove(&key);
    }
}

async fn read(connection: &Connection) -> Result<Columns, ClusterError> {
    match read_pages(connection).await {
        // The definitions changed under a slow reader.
        Err(ClusterError::Gone { .. }) => read_pages(connection).await,
        other => other,
    }
}

async fn read_pages(connection: &Connection) -> Result<Columns, ClusterError> {
    let mut columns = Columns::new();
    let mut path = format!("{PATH}?limit={PAGE}");
    loop {
        let Page { metadata, items } = connection.read_json(&path).await?;
        for Definition { spec } in items {
            for Version { name, additional_printer_columns } in spec.versions {
                let key = (spec.group.clone(), spec.names.plural.clone(), name);
                columns.insert(key, additional_printer_columns);
            }
        }
        if metadata.next.is_empty() {
            return Ok(columns);
        }
        path = format!("{PATH}?limit={PAGE}&continue={}", escape(&metadata.next));
    }
}
