//! Floor 1: kubectl's columns and states of the well-known kinds, and the printer columns of custom resources.
//!
//! [`columns`] and [`project`] make a list's rows; [`table`] makes the same into the `Table` that an API server answers
//! with. A malformed object never fails: the cell that cannot be read is [`Cell::Unknown`].

pub mod jsonpath;
pub mod pod;
pub mod table;

mod custom;
mod generic;
mod kinds;

use pilothouse_model::{Cell, Column, Object, Projection, Resource};

pub use table::{TableColumn, table_cells, table_columns};

/// The columns after the name: kubectl's for the well-known kinds, a custom resource's own printer columns, else its age.
pub fn columns(resource: &Resource) -> Vec<Column> {
    match kinds::find(resource) {
        Some(kind) => kind.columns(),
        None => custom::columns(resource),
    }
}

/// A custom resource's own printer columns, for who has other columns of it and wants these beside them; none of a
/// resource that has none.
pub fn printed_columns(resource: &Resource) -> Vec<Column> {
    custom::printer_columns(resource).iter().map(custom::column).collect()
}

/// One cell per column of [`printed_columns`] that `wanted` picks by its index.
pub fn printed_cells(resource: &Resource, object: &Object, wanted: impl Fn(usize) -> bool) -> Vec<Cell> {
    let printed = custom::printer_columns(resource).iter().enumerate();
    printed.filter(|(index, _)| wanted(*index)).map(|(_, column)| custom::cell(column, object)).collect()
}

/// The status and one cell per column of [`columns`], in the same order.
pub fn project(resource: &Resource, object: &Object) -> Projection {
    match kinds::find(resource) {
        Some(kind) => (kind.project)(object),
        None => Projection { status: generic::status(object), cells: custom::cells(resource, object) },
    }
}

#[cfg(test)]
mod tests;
