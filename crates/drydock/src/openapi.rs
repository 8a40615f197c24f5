//! OpenAPI documents, enough for clients to validate, apply and explain.

mod document;
mod protobuf;

use http::{HeaderMap, Response, StatusCode, header};
use serde_json::json;

use crate::failure::Failure;
use crate::http::reply::{self, Body};
use crate::registry::Registry;

/// Answers a path below `/openapi`.
pub(crate) fn answer(registry: &Registry, path: &str, headers: &HeaderMap) -> Result<Response<Body>, Failure> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        ["openapi", "v2"] => {
            let document = document::second(registry);
            let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if accept.contains("proto-openapi.spec.v2@v1.0+protobuf") {
                let media = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
                return Ok(reply::whole(StatusCode::OK, media, protobuf::encode(&document)));
            }
            Ok(reply::json(StatusCode::OK, &document))
        }
        ["openapi", "v3"] => {
            let mut paths = serde_json::Map::new();
            for (group, versions) in registry.groups() {
                for version in versions {
                    let path =
                        if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
                    let url = json!({ "serverRelativeURL": format!("/openapi/v3/{path}") });
                    paths.insert(path, url);
                }
            }
            Ok(reply::json(StatusCode::OK, &json!({ "paths": paths })))
        }
        ["openapi", "v3", "api", version] if *version == "v1" => {
            Ok(reply::json(StatusCode::OK, &document::third(registry, "", version)))
        }
        ["openapi", "v3", "apis", group, version] if registry.versions(group).iter().any(|own| &**own == *version) => {
            Ok(reply::json(StatusCode::OK, &document::third(registry, group, version)))
        }
        _ => Err(Failure::no_such_path()),
    }
}
