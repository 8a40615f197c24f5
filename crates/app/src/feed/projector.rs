//! From objects of one resource to rows.

use std::sync::Arc;

use pilothouse_model::{Column, Instrument, Object, Projection, Read, Resource, Row};
use pilothouse_store::{Interner, RowId};

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
            let about = object.text("/involvedObject/uid").or_else(|| object.text("/regarding/uid"));
            row.owners = about.map(|uid| interner.intern(uid)).into_iter().collect();
        }
        row
    }

    /// The identity of an object's row.
    pub(crate) fn id(&self, object: &Object) -> RowId {
        RowId {
            namespace: object.namespace().map(Into::into),
            name: object.name().into(),
            kind: Arc::clone(&self.resource.kind),
            group: Arc::clone(&self.resource.group),
        }
    }
}
