//! A record: one row and the compressed object that it was computed from.

use std::cmp::Ordering;
use std::fmt;

use pilothouse_model::{Object, Row, Str};

use crate::body::{Body, BodyError};

/// One row of a table with the object behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What lists show and filters read.
    pub row: Row,
    /// The whole object, compressed; [`Body::none`] in derived tables.
    pub body: Body,
}

// With the two counts of an `Arc` it fills a size that allocators have; the next one is a quarter larger.
const _: () = assert!(size_of::<Record>() + 2 * size_of::<usize>() <= 256);

impl Record {
    /// The whole object.
    pub fn object(&self) -> Result<Object, BodyError> {
        self.body.object(&self.row)
    }

    /// Whether writing `newer` over this record would change nothing. The server's version decides about the object
    /// where it is known; the row counts as well because a derived row can change while its object does not.
    pub(crate) fn is_same_as(&self, newer: &Self) -> bool {
        self.row == newer.row && (!self.row.version.is_empty() || self.body == newer.body)
    }
}

/// The identity of a row within a table: tables of workloads hold rows of many kinds. Ordered by namespace, name, kind
/// and group: the natural order of every table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId {
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<Str>,
    /// Name.
    pub name: Str,
    /// Kind.
    pub kind: Str,
    /// API group; empty for the core group.
    pub group: Str,
}

impl RowId {
    /// The identity of this row.
    pub fn of(row: &Row) -> Self {
        Self {
            namespace: row.namespace.clone(),
            name: row.name.clone(),
            kind: row.resource.kind.clone(),
            group: row.resource.group.clone(),
        }
    }

    /// Whether this row is the one.
    pub fn is(&self, row: &Row) -> bool {
        self.order(row).is_eq()
    }

    /// The natural order of this identity and a row.
    pub(crate) fn order(&self, row: &Row) -> Ordering {
        self.namespace
            .as_deref()
            .cmp(&row.namespace.as_deref())
            .then_with(|| self.name.cmp(&row.name))
            .then_with(|| self.kind.cmp(&row.resource.kind))
            .then_with(|| self.group.cmp(&row.resource.group))
    }
}

impl fmt::Display for RowId {
    /// `Kind/namespace/name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.kind)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)
    }
}

/// The natural order of two rows.
pub(crate) fn natural_order(left: &Row, right: &Row) -> Ordering {
    left.namespace
        .as_deref()
        .cmp(&right.namespace.as_deref())
        .then_with(|| left.name.cmp(&right.name))
        .then_with(|| left.resource.kind.cmp(&right.resource.kind))
        .then_with(|| left.resource.group.cmp(&right.resource.group))
}
