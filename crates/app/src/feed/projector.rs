//! From objects of one resource to rows.

use std::sync::Arc;

use pilothouse_model::{Column, Instrument, Object, Projection, Read, Resource, Row, Str};
use pilothouse_store::{Interner, RowId};

/// What an event is about: the unique id of an object, and its name where that is no id of the API server's. A kubelet gives
/// its node's name for an id, and for a static pod the hash of its file, which the pod in the API does not have.
fn subjects(event: &Object) -> Vec<String> {
    let about = |field: &str| {
        event.text(&format!("/involvedObject/{field}")).or_else(|| event.text(&format!("/regarding/{field}")))
    };
    let Some(uid) = about("uid").filter(|uid| !uid.is_empty()) else { return Vec::new() };
    let named = match (about("kind"), about("name")) {
        (Some(kind), Some(name)) if !is_of_the_server(uid) => Some(by_name(kind, about("namespace"), name)),
        _ => None,
    };
    std::iter::once(uid.to_owned()).chain(named).collect()
}

/// Under what name the events of an object are found that do not give its unique id. No unique id looks like it.
pub(crate) fn by_name(kind: &str, namespace: Option<&str>, name: &str) -> String {
    format!("{kind}/{}/{name}", namespace.unwrap_or_default())
}

/// Whether the API server may have given this unique id: it gives UUIDs.
fn is_of_the_server(uid: &str) -> bool {
    let lengths = uid.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && uid.bytes().all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// Turns objects of one resource into rows.
pub(crate) struct Projector {
    resource: Arc<Resource>,
    columns: Arc<[Column]>,
    instrument: Option<&'static dyn Instrument>,
    is_event: bool,
}

impl Projector {
    /// The instrument that understands the resource shapes its rows, else its own printer columns do.
    pub(crate) fn new(resource: Arc<Resource>, instruments: &[&'static dyn Instrument]) -> Self {
        let understood = instruments
            .iter()
            .filter(|instrument| instrument.manifest().resources.contains(&resource.group_resource()))
            .find_map(|instrument| instrument.columns(&resource).map(|columns| (*instrument, columns)));
        let (instrument, columns) = match understood {
            Some((instrument, columns)) => (Some(instrument), columns),
            None => (None, pilothouse_columns::columns(&resource)),
        };
        let is_event = &*resource.plural == "events";
        Self { resource, columns: columns.into(), instrument, is_event }
    }

    pub(crate) fn columns(&self) -> &Arc<[Column]> {
        &self.columns
    }

    pub(crate) fn row(&self, object: &Object, interner: &mut Interner) -> Row {
        let projection: Projection = match self.instrument {
            Some(instrument) => instrument.project(&self.resource, object),
            None => pilothouse_columns::project(&self.resource, object),
        };
        let mut row = Row::assemble(Arc::clone(&self.resource), object, projection, &mut |text| interner.intern(text));
        if self.is_event {
            // An event hangs on the object it is about, so that the store's index by owner finds it.
            row.owners = subjects(object).into_iter().map(|subject| interner.intern(&subject)).collect();
        }
        interner.share(&mut row);
        row
    }

    /// The identity of an object's row.
    pub(crate) fn id(&self, object: &Object) -> RowId {
        RowId {
            namespace: object.namespace().map(Into::into),
            name: object.name().into(),
            kind: Str::clone(&self.resource.kind),
            group: Str::clone(&self.resource.group),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_is_about_an_id_and_a_name_where_the_id_is_none_of_the_servers() {
        let uuid = "0f9e2f0a-6a5b-4d7e-9c53-1f2f3a4b5c6d";
        let cases = [
            (json!({"kind": "Pod", "namespace": "a", "name": "web", "uid": uuid}), vec![uuid]),
            (json!({"kind": "Node", "name": "node-1", "uid": "node-1"}), vec!["node-1", "Node//node-1"]),
            (
                json!({"kind": "Pod", "namespace": "kube-system", "name": "etcd-cp", "uid": "0123456789abcdef0123456789abcdef"}),
                vec!["0123456789abcdef0123456789abcdef", "Pod/kube-system/etcd-cp"],
            ),
            (json!({"kind": "Pod", "namespace": "a", "name": "web"}), vec![]),
            (json!({"uid": "x"}), vec!["x"]),
        ];
        for (about, expected) in cases {
            for field in ["involvedObject", "regarding"] {
                let event = Object::new(json!({"metadata": {"name": "e"}, field: about})).unwrap();
                assert_eq!(subjects(&event), expected, "{about}");
            }
        }
    }
}
