//! Lists and watches: what is there, at which version, in which pieces, and what changes after.

mod continuation;
mod watch;

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use http::{Response, StatusCode};
use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::api::{Api, Asked};
use crate::failure::Failure;
use crate::http::reply::{self, Body, Shape};
use crate::present;
use crate::registry::Served;
use crate::selector::Selection;
use crate::storage::{State, Stored, TooOld};
use continuation::Continuation;

/// A list, or a watch where the request asks for one.
pub(crate) fn answer(api: &Arc<Api>, asked: Asked) -> Result<Response<Body>, Failure> {
    if asked.query.flag("watch") { watch::start(api, asked) } else { list(api, &asked) }
}

/// A resource version in a request: absent, zero ("anything will do") or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    Newest,
    Any,
    At(u64),
}

impl Version {
    fn from(asked: &Asked) -> Result<Self, Failure> {
        match asked.query.get("resourceVersion") {
            None => Ok(Self::Newest),
            Some("0") => Ok(Self::Any),
            Some(text) => text.parse().map(Self::At).map_err(|_| {
                Failure::bad_request(format!("resourceVersion: Invalid value: \"{text}\": must be a number"))
            }),
        }
    }
}

/// A piece of a list.
struct Piece {
    objects: Vec<Arc<Stored>>,
    revision: u64,
    next: Option<Continuation>,
    remaining: Option<usize>,
}

/// Objects that lie under a namespace have keys that begin with it.
fn prefix(asked: &Asked) -> String {
    asked.namespace().map(|namespace| format!("{namespace}/")).unwrap_or_default()
}

fn list(api: &Api, asked: &Asked) -> Result<Response<Body>, Failure> {
    let selection = Selection::from(&asked.served, &asked.query)?;
    let piece = {
        let state = api.storage.read();
        collect(&state, asked, &selection)?
    };
    let mut metadata = json!({ "resourceVersion": piece.revision.to_string() });
    if let Some(next) = &piece.next {
        metadata["continue"] = json!(next.encode());
        if let Some(remaining) = piece.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
    }
    if asked.accepted.yaml {
        let value: Value = serde_json::from_slice(&whole(&asked.served, &metadata, &piece.objects)?)
            .map_err(|error| Failure::internal(error.to_string()))?;
        return reply::object(StatusCode::OK, asked.accepted, &value);
    }
    Ok(match asked.accepted.shape {
        Shape::Whole => {
            reply::whole(StatusCode::OK, "application/json", whole(&asked.served, &metadata, &piece.objects)?)
        }
        Shape::Partial => {
            let items: Vec<Value> = piece.objects.iter().map(|stored| present::partial(&stored.value)).collect();
            let list = json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items,
            });
            reply::json(StatusCode::OK, &list)
        }
        Shape::Table => {
            let include = asked.query.get("includeObject");
            let rows: Vec<Value> =
                piece.objects.iter().map(|stored| present::row(&asked.served, stored, include)).collect();
            reply::json(StatusCode::OK, &present::table(&metadata, &present::columns(&asked.served), &rows))
        }
    })
}

fn collect(state: &State, asked: &Asked, selection: &Selection) -> Result<Piece, Failure> {
    let limit = limit(asked)?;
    let current = state.revision();
    let (revision, after) = match asked.query.get("continue") {
        Some(token) => {
            let token = Continuation::decode(token)?;
            (token.revision, Some(token.after))
        }
        None => (wanted_revision(asked, current)?, None),
    };
    let Some(shelf) = state.shelf(&asked.served.collection) else {
        return Ok(Piece { objects: Vec::new(), revision, next: None, remaining: None });
    };
    let prefix = prefix(asked);
    let then;
    let all: Box<dyn Iterator<Item = (&String, &Arc<Stored>)>> = if revision == current {
        Box::new(shelf.range(&prefix, after.as_deref()))
    } else {
        then =
            shelf.at(revision, &prefix, after.as_deref()).map_err(|TooOld(oldest)| expired(asked, revision, oldest))?;
        Box::new(then.iter())
    };
    let mut objects = Vec::new();
    let mut last = None;
    let mut all = all.peekable();
    while let Some((key, stored)) = all.peek() {
        if limit.is_some_and(|limit| objects.len() >= limit) {
            break;
        }
        if selection.selects(&stored.value) {
            objects.push((*stored).clone());
        }
        last = Some((*key).clone());
        all.next();
    }
    let left = all.count();
    let next = last.filter(|_| left > 0).map(|after| Continuation { revision, after });
    // How many of the rest are selected is not known without looking at them, so it is not told.
    let remaining = selection.is_everything().then_some(left);
    Ok(Piece { objects, revision, next, remaining })
}

/// How many objects a page holds at most; zero and less mean all of them.
fn limit(asked: &Asked) -> Result<Option<usize>, Failure> {
    let Some(text) = asked.query.get("limit").filter(|text| !text.is_empty()) else { return Ok(None) };
    match text.parse::<i64>() {
        Ok(limit) => Ok(usize::try_from(limit).ok().filter(|limit| *limit > 0)),
        Err(_) => Err(Failure::bad_request(format!("strconv.ParseInt: parsing \"{text}\": invalid syntax"))),
    }
}

fn wanted_revision(asked: &Asked, current: u64) -> Result<u64, Failure> {
    let matching = asked.query.get("resourceVersionMatch");
    match (Version::from(asked)?, matching) {
        (Version::Newest, Some(_)) => Err(Failure::bad_request(
            "resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided",
        )),
        (Version::Any, Some("Exact")) => Err(Failure::bad_request(
            "resourceVersionMatch: Forbidden: resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"",
        )),
        (_, Some(other)) if !matches!(other, "Exact" | "NotOlderThan") => Err(Failure::bad_request(format!(
            "resourceVersionMatch: Unsupported value: \"{other}\": supported values: \"Exact\", \"NotOlderThan\""
        ))),
        (Version::At(revision), _) if revision > current => Err(Failure::from_the_future(revision, current)),
        (Version::At(revision), Some("Exact")) => Ok(revision),
        // As the real server: a version with a limit and no other wish means exactly that version.
        (Version::At(revision), None) if asked.query.get("limit").is_some() => Ok(revision),
        _ => Ok(current),
    }
}

fn expired(asked: &Asked, revision: u64, oldest: u64) -> Failure {
    if asked.query.get("continue").is_some() {
        Failure::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new list \
             without the continue parameter.",
        )
    } else {
        Failure::expired(format!("The resourceVersion for the provided list is too old: {revision} ({oldest})"))
    }
}

/// A list of whole objects. The built-in kinds leave out what the list already says of its items.
pub(crate) fn whole(served: &Served, metadata: &Value, objects: &[Arc<Stored>]) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::with_capacity(256 + objects.len() * 2048);
    let head = json!({
        "kind": format!("{}List", served.resource.kind),
        "apiVersion": served.api_version(),
        "metadata": metadata,
    });
    let head = head.to_string();
    bytes.put_slice(&head.as_bytes()[..head.len() - 1]);
    bytes.put_slice(b",\"items\":[");
    for (index, stored) in objects.iter().enumerate() {
        if index > 0 {
            bytes.put_u8(b',');
        }
        let value = present::in_version(served, &stored.value);
        let mut writer = (&mut bytes).writer();
        let written = if served.custom {
            serde_json::to_writer(&mut writer, &value)
        } else {
            serde_json::to_writer(&mut writer, &Untyped(&value))
        };
        written.map_err(|error| Failure::internal(format!("an object could not be written: {error}")))?;
    }
    bytes.put_slice(b"]}");
    Ok(bytes.freeze())
}

/// An object without its `apiVersion` and `kind`.
struct Untyped<'a>(&'a Value);

impl Serialize for Untyped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (key, value) in self.0.as_object().into_iter().flatten() {
            if key != "apiVersion" && key != "kind" {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}
