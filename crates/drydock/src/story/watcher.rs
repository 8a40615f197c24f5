//! Keeps the mirror true: one list and watch for each kind, for as long as the story goes.

use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use pilothouse_model::Read;

use super::api::{Api, ApiError};
use super::kind::Kind;
use super::mirror::Mirror;

/// Lists and watches one kind until the story ends.
pub(super) async fn keep(api: Api, mirror: Mirror, kind: Kind, end: CancellationToken) {
    let work = async {
        let mut failures = 0_u32;
        loop {
            let began = tokio::time::Instant::now();
            let pause = match follow(&api, &mirror, kind).await {
                Ok(()) => Duration::ZERO,
                // The definition of a kind may have been made a moment ago.
                Err(error) if error.is_missing() => Duration::from_millis(300),
                Err(error) => {
                    failures = if began.elapsed() > Duration::from_secs(60) { 1 } else { failures + 1 };
                    tracing::warn!(kind = kind.place().plural, %error, "the story lost sight of a kind");
                    Duration::from_secs(1 << failures.min(5))
                }
            };
            tokio::time::sleep(pause).await;
        }
    };
    tokio::select! {
        () = work => {}
        () = end.cancelled() => {}
    }
}

/// One list, then watches from there until the server forgets the version.
async fn follow(api: &Api, mirror: &Mirror, kind: Kind) -> Result<(), ApiError> {
    let (objects, mut version) = list(api, kind).await?;
    mirror.replace(kind, objects);
    loop {
        match one_watch(api, mirror, kind, &version).await? {
            Some(newer) => version = newer,
            None => return Ok(()),
        }
    }
}

async fn list(api: &Api, kind: Kind) -> Result<(Vec<Value>, String), ApiError> {
    let place = kind.place();
    let mut objects = Vec::new();
    let mut resume = String::new();
    loop {
        let path = format!("{}?limit=500{resume}", kind.path(None));
        let mut page = api.get(&path).await?;
        if let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) {
            objects.extend(items.into_iter().map(|item| named(item, place.api_version, place.kind)));
        }
        match page.text("/metadata/continue").filter(|token| !token.is_empty()) {
            Some(token) => {
                let token = percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC);
                resume = format!("&continue={token}");
            }
            None => return Ok((objects, page.text("/metadata/resourceVersion").unwrap_or("0").to_owned())),
        }
    }
}

/// Items of lists carry no kind of their own; the actors want it for references.
fn named(mut object: Value, api_version: &str, kind: &str) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.entry("apiVersion").or_insert_with(|| api_version.into());
        fields.entry("kind").or_insert_with(|| kind.into());
    }
    object
}

/// Reads one watch to its end. `None` when a new list is needed.
async fn one_watch(api: &Api, mirror: &Mirror, kind: Kind, from: &str) -> Result<Option<String>, ApiError> {
    let mut version = from.to_owned();
    let response = match api.watch(kind, from).await {
        Ok(response) => response,
        Err(ApiError::Refused { status: 410, .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = response.bytes_stream();
    let mut pending: Vec<u8> = Vec::new();
    while let Some(chunk) = bytes.next().await {
        pending.extend_from_slice(&chunk?);
        let mut start = 0;
        while let Some(length) = pending[start..].iter().position(|byte| *byte == b'\n') {
            let line = &pending[start..start + length];
            start += length + 1;
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let mut event: Value =
                serde_json::from_slice(line).map_err(|error| ApiError::Transport(format!("a watch line: {error}")))?;
            let object = event["object"].take();
            if event.text("/type") == Some("ERROR") {
                return Ok(None);
            }
            if let Some(newer) = object.text("/metadata/resourceVersion") {
                version = newer.to_owned();
            }
            match event.text("/type") {
                Some("ADDED" | "MODIFIED") => {
                    mirror.observe(kind, object);
                }
                Some("DELETED") => mirror.bury(kind, object),
                _ => {}
            }
        }
        pending.drain(..start);
    }
    Ok(Some(version))
}
