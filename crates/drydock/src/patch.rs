//! Patches: JSON patch, JSON merge patch, strategic merge patch.

mod strategic;

use http::HeaderMap;
use serde_json::Value;

use crate::failure::Failure;
use crate::fields::lists::Lists;
use crate::http::body;
use crate::registry::Served;

/// Media type of server-side apply, which is not handled here.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// A patch, read but not yet applied.
pub(crate) enum Patch<'a> {
    /// RFC 6902.
    Json(json_patch::Patch),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' own, which knows lists of maps.
    Strategic(Value, Lists<'a>),
}

impl<'a> Patch<'a> {
    /// Reads the patch of a request.
    pub(crate) fn read(served: &'a Served, headers: &HeaderMap, bytes: &[u8]) -> Result<Self, Failure> {
        match body::media_type(headers) {
            "application/json-patch+json" => {
                let value = body::json(bytes)?;
                serde_json::from_value(value)
                    .map(Self::Json)
                    .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))
            }
            "application/merge-patch+json" => Ok(Self::Merge(object(body::json(bytes)?)?)),
            "application/strategic-merge-patch+json" if !served.custom => {
                Ok(Self::Strategic(object(body::json(bytes)?)?, Lists::of(served)))
            }
            _ => {
                let accepted = if served.custom {
                    "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
                } else {
                    "application/json-patch+json, application/merge-patch+json, application/strategic-merge-patch+json, \
                     application/apply-patch+yaml"
                };
                Err(Failure::unsupported_media(format!(
                    "the body of the request was in an unknown format - accepted media types include: {accepted}"
                )))
            }
        }
    }

    /// The patched object.
    pub(crate) fn onto(&self, current: &Value) -> Result<Value, Failure> {
        let mut value = current.clone();
        match self {
            Self::Json(patch) => json_patch::patch(&mut value, patch).map_err(|error| {
                let mut failure = Failure::new(
                    http::StatusCode::UNPROCESSABLE_ENTITY,
                    "Invalid",
                    format!("the server rejected our request due to an error in our request: {error}"),
                );
                failure.details = serde_json::json!({});
                failure
            })?,
            Self::Merge(patch) => json_patch::merge(&mut value, patch),
            Self::Strategic(patch, lists) => strategic::merge(&mut value, patch, lists)?,
        }
        Ok(value)
    }
}

fn object(value: Value) -> Result<Value, Failure> {
    if value.is_object() { Ok(value) } else { Err(Failure::bad_request("the patch is not a JSON object")) }
}
