//! Getting one object.

use http::{Response, StatusCode};

use super::{Api, Asked};
use crate::failure::Failure;
use crate::http::reply::Body;

/// The object, or 404.
pub(super) fn get(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let stored = {
        let state = api.storage.read();
        state
            .get(&asked.served.collection, &asked.key()?)
            .cloned()
            .ok_or_else(|| Failure::not_found(&asked.served, asked.target.name.as_deref().unwrap_or_default()))?
    };
    asked.show(StatusCode::OK, &stored)
}
