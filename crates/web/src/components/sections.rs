//! Sections of pages, as instruments describe them.

use maud::{Markup, html};
use pilothouse_model::{Column, ColumnKind, Fact, ObjectRef, Section, Value};

use super::scene::Scene;
use super::{freshness, graph, value};

/// A section; `listing` shows a live window, which only a page knows how to fill.
pub(crate) fn section(section: &Section, scene: &Scene<'_>, listing: &mut dyn FnMut(&Section) -> Markup) -> Markup {
    match section {
        Section::Facts { title, facts } => self::facts(title, facts, scene),
        Section::Table { title, columns, rows, empty } => table((title, columns), rows, empty, scene),
        Section::Graph { title, nodes, edges } => graph::graph(title, nodes, edges, scene),
        Section::Notice { status, text } => freshness::notice(status.level, text, ""),
        Section::Listing { .. } => listing(section),
    }
}

/// Names and values as a card; nothing when there are none.
pub(crate) fn facts(title: &str, facts: &[Fact], scene: &Scene<'_>) -> Markup {
    html! {
        @if !facts.is_empty() {
            section.card aria-label=(if title.is_empty() { "Facts" } else { title }) {
                header { @if !title.is_empty() { h2 { (title) } } }
                div.body { (plain_facts(facts, scene)) }
            }
        }
    }
}

/// Names and values.
pub(crate) fn plain_facts(facts: &[Fact], scene: &Scene<'_>) -> Markup {
    html! {
        dl.facts {
            @for fact in facts {
                div.whole[is_long(&fact.value)] { dt { (fact.label) } dd { (value::value(&fact.value, scene)) } }
            }
        }
    }
}

fn is_long(value: &Value) -> bool {
    match value {
        Value::Text(text) | Value::Code(text) => text.len() > 90,
        Value::Many(values) => values.iter().any(is_long),
        _ => false,
    }
}

fn table(
    (title, columns): (&str, &[Column]),
    rows: &[(Option<ObjectRef>, Vec<Value>)],
    empty: &str,
    scene: &Scene<'_>,
) -> Markup {
    html! {
        section.card {
            header { h2 { (title) } span.faint { (rows.len()) } }
            @if rows.is_empty() {
                p.empty { (empty) }
            } @else {
                div.sideways { div.table tabindex="0" role="region" aria-label=(title) {
                    table.told {
                        thead { tr { @for column in columns { th scope="col" class=[class(column)] { (column.title) } } } }
                        tbody { @for (object, cells) in rows { tr { (row(object.as_ref(), cells, columns, scene)) } } }
                    }
                } }
            }
        }
    }
}

/// A text from this length on is broken where a line ends, and not only between words: images and paths have none.
const LONG: usize = 32;

fn row(object: Option<&ObjectRef>, cells: &[Value], columns: &[Column], scene: &Scene<'_>) -> Markup {
    html! {
        @for (index, column) in columns.iter().enumerate() {
            @let cell = cells.get(index).unwrap_or(&Value::Unknown);
            @let long = matches!(cell, Value::Text(text) | Value::Code(text) if text.len() > LONG);
            td class=[if long { Some("wrap") } else { class(column) }] {
                @match object.filter(|_| index == 0 && !matches!(cell, Value::Object(_))).and_then(|object| scene.reference(object)) {
                    Some(url) => a href=(url) { (show(cell, column, scene)) },
                    None => (show(cell, column, scene)),
                }
            }
        }
    }
}

fn show(cell: &Value, column: &Column, scene: &Scene<'_>) -> Markup {
    match cell {
        Value::Cell(cell) => value::cell(cell, column.kind, scene.now),
        Value::Time(moment) if column.kind == ColumnKind::Age => super::time::age(*moment, scene.now),
        other => value::value(other, scene),
    }
}

fn class(column: &Column) -> Option<&'static str> {
    use ColumnKind::{Bytes, Cpu, Fraction, Integer, Number};
    matches!(column.kind, Integer | Number | Cpu | Bytes | Fraction).then_some("number")
}
