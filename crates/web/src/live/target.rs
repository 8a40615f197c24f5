//! What a page follows, as its addresses name it: `workloads?..`, `r/{group}/{version}/{plural}?..`, `o/..`, `state?was=..`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use axum::http::Uri;
use percent_encoding::percent_decode_str;
use pilothouse_app::{AppError, Cluster, ErrorKind, Source};
use pilothouse_model::Resource;

use crate::pages::object::View;
use crate::question::{Pairs, Question};
use crate::visit::name_of;

/// A stream has time: it is open while the cluster is still being reached.
const PATIENCE: Duration = Duration::from_secs(20);

/// One thing to follow.
pub(crate) enum Target {
    /// The connection; whether it stood when the page was made.
    State {
        /// Whether it stood.
        was_up: bool,
    },
    /// A window over a list.
    Window(AskedWindow),
    /// How the rows of a list divide.
    Counts(Source, Question),
    /// One object.
    Object(AskedObject),
}

/// A window that a page shows.
#[derive(Clone)]
pub(crate) struct AskedWindow {
    /// What is listed.
    pub(crate) source: Source,
    /// How it was asked for.
    pub(crate) question: Question,
    /// The columns that the page was made with.
    pub(crate) columns: String,
    /// Whether it stands inside another page.
    pub(crate) inside: bool,
    /// What the page says when there are no rows.
    pub(crate) empty: String,
}

/// An object that a page shows.
#[derive(Clone)]
pub(crate) struct AskedObject {
    /// Its resource.
    pub(crate) resource: Arc<Resource>,
    /// Its namespace.
    pub(crate) namespace: Option<String>,
    /// Its name.
    pub(crate) name: String,
    /// How it is looked at.
    pub(crate) view: View,
    /// The namespaces that links carry along.
    pub(crate) scope: Question,
    /// The windows that the page shows beside it.
    pub(crate) windows: String,
}

impl Target {
    /// Reads one `watch` parameter.
    pub(crate) async fn read(cluster: &Cluster, watch: &str) -> Result<Self, AppError> {
        let (segments, pairs) = address(watch)?;
        let text = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let question = Question::read(&pairs)?;
        let asked = |source| {
            let columns = text("columns").unwrap_or_default().to_owned();
            let empty = text("empty").unwrap_or_default().to_owned();
            let inside = text("inside").is_some();
            Self::Window(AskedWindow { source, question: question.clone(), columns, inside, empty })
        };
        let object = |resource, namespace: Option<&str>, name: &str| {
            Self::Object(AskedObject {
                resource,
                namespace: namespace.map(str::to_owned),
                name: name.to_owned(),
                view: View::read(text("view")),
                scope: question.scope(),
                windows: text("windows").unwrap_or_default().to_owned(),
            })
        };
        match segments.as_slice() {
            ["state"] => Ok(Self::State { was_up: text("was") == Some("up") }),
            ["workloads"] => {
                cluster.wait_catalog(PATIENCE).await?;
                Ok(asked(Source::Workloads))
            }
            ["counts", "workloads"] => {
                cluster.wait_catalog(PATIENCE).await?;
                Ok(Self::Counts(Source::Workloads, question))
            }
            ["counts", "r", path @ ..] if path.len() == 3 => {
                Ok(Self::Counts(Source::Resource(resource(cluster, path).await?), question))
            }
            ["r", path @ ..] if path.len() == 3 => Ok(asked(Source::Resource(resource(cluster, path).await?))),
            ["o", path @ .., "namespaces", namespace, name] if path.len() == 3 => {
                Ok(object(resource(cluster, path).await?, Some(namespace), name))
            }
            ["o", path @ .., name] if path.len() == 3 => Ok(object(resource(cluster, path).await?, None, name)),
            _ => Err(unknown()),
        }
    }
}

async fn resource(cluster: &Cluster, path: &[&str]) -> Result<Arc<Resource>, AppError> {
    cluster.wait_catalog(PATIENCE).await?.resource(path[0], path[1], path[2])
}

/// One `watch` parameter: what it names, and how.
pub(super) fn address(watch: &str) -> Result<(Vec<String>, Pairs), AppError> {
    let uri: Uri = format!("/{watch}").parse().map_err(|_| unknown())?;
    let Query(pairs) = Query::<Pairs>::try_from_uri(&uri).map_err(|_| unknown())?;
    Ok((segments(uri.path()).ok_or_else(unknown)?, pairs))
}

pub(super) fn unknown() -> AppError {
    AppError::new(ErrorKind::NotFound, "this page follows something that the console does not know")
}

/// Decoded path segments, when each can be a name.
fn segments(path: &str) -> Option<Vec<String>> {
    path.trim_start_matches('/')
        .split('/')
        .map(|segment| {
            let decoded = percent_decode_str(segment).decode_utf8().ok()?;
            name_of(&decoded).ok().map(str::to_owned)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_once_and_checked() {
        assert_eq!(segments("/r/core/v1/pods").unwrap(), ["r", "core", "v1", "pods"]);
        assert_eq!(segments("/o/x/v1/roles/system%3Anode").unwrap()[4], "system:node");
        for bad in ["/r//v1/pods", "/r/..%2f..%2fsecrets/v1/pods", "/r/%2e%2e/v1/pods", "/r/%252e/v1/pods"] {
            assert_eq!(segments(bad), None, "{bad}");
        }
    }
}
