//! The columns that a custom resource's definition prints and a family's own list lacks: they stand in the wide view.

use pilothouse_model::{Cell, Column, Object, Resource};

/// Words that mean how an object stands in every list; a printer column of that name says the same in other words, and would
/// take the word away from queries.
const TAKEN: [&str; 11] =
    ["name", "namespace", "ns", "kind", "state", "status", "level", "reason", "message", "created", "age"];

/// Which of the printer columns, by index, say more than these columns.
fn wanted(resource: &Resource, own: &[Column]) -> Vec<usize> {
    let mut seen: Vec<String> = own.iter().map(|column| column.id.to_string()).collect();
    let printed = resource.printer_columns.as_deref().unwrap_or_default().iter().enumerate();
    let more = printed.filter(|(_, column)| {
        let id = Column::id_of(&column.name);
        let fresh = !id.is_empty() && !TAKEN.contains(&id.as_str()) && !seen.contains(&id);
        seen.push(id);
        fresh
    });
    more.map(|(index, _)| index).collect()
}

/// The family's own columns, and those printer columns that say more.
pub(super) fn columns(resource: &Resource, mut own: Vec<Column>) -> Vec<Column> {
    let wanted = wanted(resource, &own);
    let printed = pilothouse_columns::printed_columns(resource).into_iter().enumerate();
    own.extend(printed.filter(|(index, _)| wanted.contains(index)).map(|(_, column)| column.wide()));
    own
}

/// The cells of what [`columns`] added.
pub(super) fn cells(resource: &Resource, object: &Object, own: impl Fn() -> Vec<Column>) -> Vec<Cell> {
    if resource.printer_columns.as_ref().is_none_or(Vec::is_empty) {
        return Vec::new();
    }
    let wanted = wanted(resource, &own());
    pilothouse_columns::printed_cells(resource, object, |index| wanted.contains(&index))
}
