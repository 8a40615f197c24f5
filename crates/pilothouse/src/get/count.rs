//! `pilothouse get --count-by`: how the objects of a list divide.

use std::fmt::Write;

use pilothouse_app::{Cluster, Counts, FieldCounts, counts_json};
use pilothouse_model::{Cell, ColumnKind, Timestamp};
use serde_json::json;

use super::{Scope, Wanted, check_known};
use crate::arguments::{Document, Format, GetArguments};
use crate::ask::PATIENCE;
use crate::failure::Failure;
use crate::output;
use crate::plain::plain;

/// Counts what the command line asks for.
pub(super) async fn run(
    cluster: &Cluster,
    wanted: &[Wanted],
    scope: &Scope,
    (options, fields): (&GetArguments, &str),
) -> Result<(), Failure> {
    if !options.names.is_empty() || options.resource.contains('/') {
        return Err(Failure::Other("objects by name are not counted; leave the names or --count-by out".to_owned()));
    }
    let [wanted] = wanted else {
        return Err(Failure::Other("only one resource type at a time may be counted".to_owned()));
    };
    let ask = scope.ask(options, wanted);
    let counts = cluster.counts_settled(&wanted.source, &ask, fields, PATIENCE).await?;
    check_known(&counts.completeness, &counts.notes, counts.unfiltered)?;
    let most = options.limit.filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let document = |format| output::document(&counts_json(cluster.id(), &counts, most), format);
    match options.output {
        Format::Json => document(Document::Json),
        Format::Yaml => document(Document::Yaml),
        Format::Table | Format::Wide => output::text(&table(&counts, most, !options.no_headers)),
        Format::Name => Err(Failure::Other("counts have no names; use -o json, yaml or none".to_owned())),
    }
}

/// One block a field: its values under its name, each with its count.
fn table(counts: &Counts, most: usize, headed: bool) -> String {
    let blocks: Vec<String> = counts.fields.iter().map(|field| block(field, most, headed)).collect();
    blocks.join("\n")
}

fn block(field: &FieldCounts, most: usize, headed: bool) -> String {
    let heading = headed.then(|| (field.name.to_uppercase(), "COUNT".to_owned()));
    let rows = field.values.iter().take(most).map(|(cell, count)| (shown(cell), count.to_string()));
    let rows: Vec<(String, String)> = heading.into_iter().chain(rows).collect();
    let width = rows.iter().map(|(value, _)| value.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for (value, count) in rows {
        // Writing into a text cannot fail.
        if writeln!(text, "{value:width$}   {count}").is_err() {
            break;
        }
    }
    text
}

fn shown(cell: &Cell) -> String {
    match cell {
        Cell::Missing => "<none>".to_owned(),
        Cell::Unknown => "<unknown>".to_owned(),
        Cell::Time(_) | Cell::Duration(_) => {
            json!(cell).as_str().map_or_else(|| json!(cell).to_string(), str::to_owned)
        }
        other => plain(&other.show(ColumnKind::Text, Timestamp::UNIX_EPOCH)).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_is_a_block_of_its_own() {
        let field =
            |name: &str, values: &[(Cell, usize)]| FieldCounts { name: name.to_owned(), values: values.to_vec() };
        let counts = Counts {
            columns: Vec::new().into(),
            fields: vec![
                field("state", &[(Cell::text("Running\u{1b}"), 120), (Cell::Missing, 3), (Cell::Unknown, 1)]),
                field("ns", &[(Cell::text("a"), 1)]),
            ],
            total: 124,
            unfiltered: 124,
            as_of: None,
            completeness: pilothouse_model::Completeness::Complete,
            notes: Vec::new(),
        };
        let expected =
            "STATE       COUNT\nRunning\u{fffd}    120\n<none>      3\n<unknown>   1\n\nNS   COUNT\na    1\n";
        assert_eq!(table(&counts, 9, true), expected);
        assert_eq!(table(&counts, 1, false), "Running\u{fffd}   120\n\na   1\n");
    }
}
