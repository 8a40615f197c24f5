//! `pilothouse get --watch`: the list, then a line for every change.

use std::collections::HashMap;
use std::mem::discriminant;
use std::sync::Arc;

use pilothouse_app::{Ask, Cluster, Record, RowId};
use pilothouse_model::Completeness;

use super::{Wanted, check};
use crate::ask::PATIENCE;
use crate::failure::Failure;
use crate::get::print::Printer;
use crate::output;
use crate::plain::say;

/// Prints the rows, then goes on printing what changes until the program is stopped.
pub(crate) async fn run(cluster: &Cluster, wanted: &Wanted, ask: Ask, mut printer: Printer) -> Result<(), Failure> {
    let listing = cluster.list_settled(&wanted.source, &ask, PATIENCE).await?;
    check(&listing)?;
    let mut told = (listing.completeness, listing.notes);
    let mut window = cluster.window(wanted.source.clone(), ask)?;
    let mut known: HashMap<RowId, Arc<Record>> = HashMap::new();
    let mut first = true;
    while let Some(update) = window.next().await {
        let now = (update.completeness, update.notes);
        news(&told, &now).iter().for_each(|line| say(line));
        told = now;
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

/// How much is known, and what else there is to say of it.
type Known = (Completeness, Vec<String>);

/// What to say when that changes: silence means that nothing happened, and must not mean that nothing is heard. While it is no
/// better, the words alone are no news: each kind that workloads are made of has its own.
fn news((before, old): &Known, (now, notes): &Known) -> Vec<String> {
    if *now != Completeness::Complete && discriminant(before) == discriminant(now) {
        return Vec::new();
    }
    let mut lines: Vec<_> =
        notes.iter().filter(|note| !old.contains(note)).map(|note| format!("warning: {note}")).collect();
    if before != now {
        lines.push(match now {
            Completeness::Complete => "the list is current again".to_owned(),
            _ => format!("warning: what follows may be missing changes: {}", output::incomplete(now)),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_the_list_is_told_once() {
        let well = (Completeness::Complete, Vec::new());
        let lost = (Completeness::Stale("connection refused".to_owned()), vec!["a note".to_owned()]);
        assert_eq!(news(&well, &well), Vec::<String>::new());
        let told = news(&well, &lost);
        assert_eq!(told[0], "warning: a note");
        assert!(told[1].contains("connection refused"), "{told:?}");
        assert_eq!(news(&lost, &lost), Vec::<String>::new());
        let still = (Completeness::Stale("server is starting".to_owned()), vec!["another note".to_owned()]);
        assert_eq!(news(&lost, &still), Vec::<String>::new());
        let refused = (Completeness::Forbidden("not allowed".to_owned()), Vec::new());
        assert_eq!(news(&lost, &refused).len(), 1, "that is another matter");
        assert_eq!(news(&lost, &well), ["the list is current again"]);
    }
}
