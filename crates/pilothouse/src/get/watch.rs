//! `pilothouse get --watch`: the list, then a line for every change.

use std::collections::HashMap;
use std::sync::Arc;

use pilothouse_app::{Ask, Cluster, Record, RowId};

use super::{Wanted, check};
use crate::ask::PATIENCE;
use crate::failure::Failure;
use crate::get::print::Printer;

/// Prints the rows, then goes on printing what changes until the program is stopped.
pub(crate) async fn run(cluster: &Cluster, wanted: &Wanted, ask: Ask, mut printer: Printer) -> Result<(), Failure> {
    check(&cluster.list_settled(&wanted.source, &ask, PATIENCE).await?)?;
    let mut window = cluster.window(wanted.source.clone(), ask)?;
    let mut known: HashMap<RowId, Arc<Record>> = HashMap::new();
    let mut first = true;
    while let Some(update) = window.next().await {
        let Some(delta) = update.delta else { continue };
        // What is gone is printed once more as it was last seen, as kubectl does.
        let mut records: Vec<Arc<Record>> = delta.left.iter().filter_map(|id| known.remove(id)).collect();
        records.extend(delta.changed.iter().map(|(_, record, _)| Arc::clone(record)));
        records.extend(delta.entered.iter().map(|(_, record)| Arc::clone(record)));
        for record in
            delta.changed.iter().map(|(_, record, _)| record).chain(delta.entered.iter().map(|(_, record)| record))
        {
            known.insert(RowId::of(&record.row), Arc::clone(record));
        }
        if !records.is_empty() {
            printer.print_rows(&update.columns, &records.iter().collect::<Vec<_>>(), first)?;
            first = false;
        }
    }
    Ok(())
}
