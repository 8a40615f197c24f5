//! The printer columns that custom resource definitions ask for. Definitions hold schemas of up to a megabyte: they are
//! read in small pages, and only the few fields needed are kept.

use std::collections::HashMap;

use pilothouse_model::{PrinterColumn, Resource};
use serde::Deserialize;

use crate::connection::Connection;
use crate::decode::nullable;
use crate::error::ClusterError;
use crate::items::ListMeta;
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
pub(super) type Columns = HashMap<(String, String, String), Vec<PrinterColumn>>;

/// Gives each custom resource its printer columns.
pub(super) fn join(mut columns: Columns, resources: &mut [Resource]) {
    for resource in resources {
        let key = (resource.group.to_string(), resource.plural.to_string(), resource.version.to_string());
        resource.printer_columns = columns.remove(&key);
    }
}

/// Reads the columns of all definitions; none where there are no definitions.
pub(super) async fn read(connection: &Connection) -> Result<Columns, ClusterError> {
    let first = read_pages(connection).await;
    match first {
        // The definitions changed under a slow reader.
        Err(ClusterError::Gone { .. }) => read_pages(connection).await,
        Err(ClusterError::NotFound { .. }) => Ok(Columns::new()),
        other => other,
    }
}

fn collect(items: Vec<Definition>, columns: &mut Columns) {
    for Definition { spec } in items {
        for Version { name, additional_printer_columns } in spec.versions {
            columns.insert((spec.group.clone(), spec.names.plural.clone(), name), additional_printer_columns);
        }
    }
}

async fn read_pages(connection: &Connection) -> Result<Columns, ClusterError> {
    let mut columns = Columns::new();
    let mut path = format!("{PATH}?limit={PAGE}");
    loop {
        let Page { metadata, items } = connection.read_json(&path).await?;
        collect(items, &mut columns);
        if metadata.next.is_empty() {
            return Ok(columns);
        }
        path = format!("{PATH}?limit={PAGE}&continue={}", escape(&metadata.next));
    }
}

/// Reads bytes as a page of definitions (see [`crate::fuzzing`]).
#[cfg(fuzzing)]
pub(super) fn fuzz(bytes: &[u8]) -> Columns {
    let mut columns = Columns::new();
    if let Ok(Page { items, .. }) = serde_json::from_slice(bytes) {
        collect(items, &mut columns);
    }
    columns
}
