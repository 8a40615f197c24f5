//! Pages of an answer: from a row on, or after the place where the page before ended.

use std::sync::Arc;

use pilothouse_model::Plan;
use pilothouse_store::{PageKey, Record, Selection};

use crate::ask::Ask;
use crate::error::{AppError, ErrorKind};

/// One page.
pub(crate) struct PageOf {
    /// How many rows the whole answer has.
    pub(crate) total: usize,
    /// Those of the page.
    pub(crate) rows: Vec<Arc<Record>>,
    /// Where it ends; `None` when no row follows.
    pub(crate) next: Option<String>,
}

/// The page that is asked for of the rows of a source.
pub(crate) fn page(selection: &Selection<'_>, plan: &Plan, (what, ask): (&str, &Ask)) -> Result<PageOf, AppError> {
    let limit = ask.limit.unwrap_or(usize::MAX);
    // One row more says whether there is another page.
    let more = limit.saturating_add(1);
    let mut rows = if ask.after.is_empty() {
        selection.page(ask.offset, more)
    } else {
        selection.page_after(&read(what, plan, ask)?, more)
    };
    let follows = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| follows);
    let next = last.map(|record| format!("{}.{}", seal(what, ask), PageKey::of(plan, &record.row)));
    Ok(PageOf { total: selection.total(), rows, next })
}

/// The place that the question names.
fn read(what: &str, plan: &Plan, ask: &Ask) -> Result<PageKey, AppError> {
    let refused = |message: &str| {
        AppError::new(ErrorKind::BadInput, message)
            .hint("take it from `next` of the page before, with the same resource and order; leave it out to begin")
    };
    if ask.offset > 0 {
        return Err(refused("a page begins after a place or at an offset, not both"));
    }
    let (sealed, key) = ask.after.split_once('.').ok_or_else(|| refused("`after` is no place in a list"))?;
    let key: PageKey = key.parse().map_err(|_| refused("`after` is no place in a list"))?;
    if sealed != seal(what, ask) || !key.fits(plan) {
        return Err(refused("`after` is a place in another list, or in another order"));
    }
    Ok(key)
}

/// Tells places of other lists and orders apart. It keeps nobody out: a place gives no rights.
fn seal(what: &str, ask: &Ask) -> String {
    let order: String = ask.sort.split_whitespace().collect::<String>().to_lowercase();
    // FNV-1a: the same in every build, so that a place outlives the console that told it.
    let print = format!("{what}\n{order}")
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{print:08x}")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pilothouse_model::{Cell, Column, ColumnKind, Object, Projection, Resource, Row, Status};
    use pilothouse_store::{Body, RowId, Table};
    use serde_json::json;

    use super::*;

    fn record(name: &str, size: i64) -> Record {
        let resource = Arc::new(Resource::new("", "v1", "things", "Thing"));
        let object = Object::new(json!({"metadata": {"namespace": "a", "name": name}})).unwrap();
        let projection = Projection { status: Status::none(), cells: vec![Cell::Integer(size)] };
        let row = Row::assemble(resource, &object, projection, &mut |text| text.into());
        Record { row, body: Body::none() }
    }

    fn table() -> Table {
        let mut table = Table::new([Column::new("Size", ColumnKind::Integer)].into());
        for (name, size) in [("a", 3), ("b", 1), ("c", 2), ("d", 1), ("e", 5)] {
            table.upsert(record(name, size));
        }
        table.commit();
        table
    }

    fn asked(table: &Table, ask: &Ask) -> Result<(String, Option<String>), AppError> {
        let snapshot = table.snapshot();
        let plan = ask.plan(snapshot.columns())?;
        let page = page(&snapshot.select(&plan, Timestamp::UNIX_EPOCH), &plan, ("things", ask))?;
        let names: Vec<_> = page.rows.iter().map(|record| record.row.name.to_string()).collect();
        Ok((names.concat(), page.next))
    }

    #[test]
    fn pages_follow_each_other_while_rows_come_and_go() {
        let mut table = table();
        let first = Ask { sort: "-size".to_owned(), limit: Some(2), ..Ask::default() };
        let (names, next) = asked(&table, &first).unwrap();
        assert_eq!(names, "ea");
        // The row that the place was taken from goes, one enters before it and one after.
        table.remove(&RowId::of(&record("a", 3).row));
        table.upsert(record("f", 9));
        table.upsert(record("g", 2));
        table.commit();
        let second = Ask { after: next.unwrap(), ..first.clone() };
        let (names, next) = asked(&table, &second).unwrap();
        assert_eq!(names, "cg");
        let third = Ask { after: next.unwrap(), ..first };
        assert_eq!(asked(&table, &third).unwrap(), ("bd".to_owned(), None));
    }

    #[test]
    fn the_last_page_has_no_next_one() {
        let table = table();
        for (limit, follows) in [(Some(4), true), (Some(5), false), (Some(9), false), (None, false)] {
            let (_, next) = asked(&table, &Ask { limit, ..Ask::default() }).unwrap();
            assert_eq!(next.is_some(), follows, "{limit:?}");
        }
    }

    #[test]
    fn a_place_of_another_list_or_order_is_refused() {
        let table = table();
        let first = Ask { sort: "-size".to_owned(), limit: Some(2), ..Ask::default() };
        let next = asked(&table, &first).unwrap().1.unwrap();
        let refused = |ask: Ask| asked(&table, &ask).unwrap_err();
        let same = Ask { after: next.clone(), sort: " -SIZE".to_owned(), ..first.clone() };
        assert!(asked(&table, &same).is_ok());
        for (after, sort, offset) in [
            (next.as_str(), "size", 0),
            (next.as_str(), "", 0),
            (next.as_str(), "-size,name", 0),
            (next.as_str(), "-size", 2),
            ("nonsense", "-size", 0),
            ("0000.nonsense", "-size", 0),
        ] {
            let error = refused(Ask { after: after.to_owned(), sort: sort.to_owned(), offset, ..first.clone() });
            assert!(error.kind == ErrorKind::BadInput && error.hint.is_some(), "{after} {sort}");
        }
        let snapshot = table.snapshot();
        let plan = first.plan(snapshot.columns()).unwrap();
        let ask = Ask { after: next, ..first };
        assert!(page(&snapshot.select(&plan, Timestamp::UNIX_EPOCH), &plan, ("others", &ask)).is_err());
    }
}
