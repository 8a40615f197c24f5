//! How the rows of a list divide, above its table: values with their counts, each a link to the rows that have it.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};
use pilothouse_app::{Counts, FieldCounts, conditions, narrow, widen};
use pilothouse_model::{Cell, Column};

use super::icon::icon;
use super::listing::thousands;
use crate::question::Question;
use crate::urls::Url;

/// Values of a field that show at once.
const SHOWN: usize = 6;
/// Values that show when a person unfolds the rest; beyond them the field is better asked for.
const MOST: usize = 40;

/// What the strip needs to know of the list.
pub(crate) struct Asked<'a> {
    /// The list's own address.
    pub(crate) here: &'a Url,
    /// How it was asked for.
    pub(crate) question: &'a Question,
    /// Its columns.
    pub(crate) columns: &'a [Column],
}

/// A value with its count.
struct Offer {
    /// The value as a question has it; `None` asks for rows without one.
    value: Option<String>,
    count: usize,
    active: bool,
}

/// The strip, and where a stream finds it. Narrow windows show it when it is opened.
pub(crate) fn strip(counts: &Counts, asked: &Asked<'_>, watch: &Url) -> Markup {
    html! {
        details.counts #counts data-watch=(watch) {
            summary.button { "Counts" (icon("down")) }
            div data-part="counts" { (groups(counts, asked)) }
        }
    }
}

/// The counted fields that divide the rows, or that the question asks for.
pub(crate) fn groups(counts: &Counts, asked: &Asked<'_>) -> Markup {
    html! { @for field in &counts.fields { (group(field, asked)) } }
}

fn group(field: &FieldCounts, asked: &Asked<'_>) -> Markup {
    let offers = offers(field, asked);
    if offers.len() < 2 && !offers.iter().any(|offer| offer.active) {
        return html! {};
    }
    // The most frequent ones are chosen, and stand in an order that does not change with every count.
    let (mut first, mut rest) = (Vec::new(), Vec::new());
    for offer in offers {
        if first.len() < SHOWN || offer.active { first.push(offer) } else { rest.push(offer) }
    }
    first.sort_by(|one, other| (one.value.is_none(), &one.value).cmp(&(other.value.is_none(), &other.value)));
    let beyond = rest.len().saturating_sub(MOST);
    rest.truncate(MOST);
    let title = title(&field.name, asked.columns);
    html! {
        section aria-label=(title) {
            h2 { (title) }
            ul { @for offer in &first { (chip(&field.name, offer, asked)) } }
            @if !rest.is_empty() {
                details #{ "more-" (field.name) } {
                    summary { span.hidden-text { (title) ": " } "+" (thousands(rest.len() + beyond)) " more" }
                    ul { @for offer in &rest { (chip(&field.name, offer, asked)) } }
                    @if beyond > 0 { p.soft { "and " (thousands(beyond)) " others: ask for " code { (field.name) ":" } } }
                }
            }
        }
    }
}

fn chip(name: &str, offer: &Offer, asked: &Asked<'_>) -> Markup {
    let (q, value) = (&asked.question.q, offer.value.as_deref());
    let next = match offer.active {
        true => widen(q, name, value, asked.columns),
        false => narrow(q, name, value, asked.columns),
    };
    let words = html! {
        span.value { @match value { Some(value) => (value), None => span.none { "none" } } }
        span.count { (thousands(offer.count)) }
    };
    html! {
        li {
            @match next {
                Some(q) => {
                    @let address = asked.here.ask(&Question { q, offset: 0, ..asked.question.clone() });
                    @let said = if offer.active { "Show all again" } else { "Show only these" };
                    a.active[offer.active] href=(address) title=(said) aria-current=[offer.active.then_some("true")] {
                        (words)
                    }
                }
                None => span { (words) },
            }
        }
    }
}

/// The values in the order of their counts, and those that the question asks for though no row has them. A field may have
/// as many values as a cluster has nodes.
fn offers(field: &FieldCounts, asked: &Asked<'_>) -> Vec<Offer> {
    let plain = |value: &Option<String>| value.as_deref().map(str::to_lowercase);
    let wanted: BTreeMap<_, _> = conditions(&asked.question.q, &field.name, asked.columns)
        .into_iter()
        .map(|value| (plain(&value), value))
        .collect();
    let mut places: HashMap<Option<String>, usize> = HashMap::new();
    let mut offers: Vec<Offer> = Vec::new();
    for (cell, count) in &field.values {
        let Some(value) = value(cell) else { continue };
        // To a question, values that differ in case alone are one, and so are missing and unknown ones.
        match places.entry(plain(&value)) {
            Entry::Occupied(place) => offers[*place.get()].count += count,
            Entry::Vacant(place) => {
                let active = wanted.contains_key(place.key());
                place.insert(offers.len());
                offers.push(Offer { value, count: *count, active });
            }
        }
    }
    let absent = wanted.into_iter().filter(|(plain, _)| !places.contains_key(plain));
    offers.extend(absent.map(|(_, value)| Offer { value, count: 0, active: true }));
    offers.sort_by_key(|offer| Reverse(offer.count));
    offers
}

/// A value as a question has it; nothing for those that are not asked for one by one.
fn value(cell: &Cell) -> Option<Option<String>> {
    match cell {
        Cell::Missing | Cell::Unknown => Some(None),
        Cell::Text(text) if text.is_empty() => None,
        Cell::Text(text) => Some(Some(text.to_string())),
        Cell::Boolean(truth) => Some(Some(truth.to_string())),
        _ => None,
    }
}

/// The field's name for people: as the table's heading has it.
fn title(name: &str, columns: &[Column]) -> String {
    let column = columns.iter().find(|column| *column.id == *name);
    column.map_or_else(
        || {
            let mut letters = name.chars();
            letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
        },
        |column| column.title.to_string(),
    )
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{ColumnKind, Completeness};

    use super::*;
    use crate::urls;

    fn counts(values: Vec<(Cell, usize)>) -> Counts {
        Counts {
            columns: Vec::new().into(),
            fields: vec![FieldCounts { name: "node".to_owned(), values }],
            total: 9,
            unfiltered: 9,
            as_of: None,
            completeness: Completeness::Complete,
            notes: Vec::new(),
        }
    }

    fn shown(q: &str, values: Vec<(Cell, usize)>) -> String {
        let question = Question { q: q.to_owned(), offset: 100, ..Question::default() };
        let columns = [Column::new("Node", ColumnKind::Text)];
        let here = urls::workloads("prod");
        groups(&counts(values), &Asked { here: &here, question: &question, columns: &columns }).into_string()
    }

    fn many(number: usize) -> Vec<(Cell, usize)> {
        (0..number).map(|index| (Cell::text(&format!("n{index:03}")), number - index)).collect()
    }

    #[test]
    fn a_value_leads_to_its_rows_and_an_active_one_back() {
        let html = shown("oom", vec![(Cell::text("a b"), 1200), (Cell::Missing, 2)]);
        assert!(html.contains(r#"href="/c/prod/workloads?q=oom%20node:%22a%20b%22""#), "{html}");
        assert!(html.contains("q=oom%20-has:node") && html.contains("1,200") && !html.contains("offset"), "{html}");
        let html = shown("node:A oom", vec![(Cell::text("a"), 3)]);
        assert!(
            html.contains(r#"href="/c/prod/workloads?q=oom""#) && html.contains(r#"aria-current="true""#),
            "{html}"
        );
    }

    #[test]
    fn what_the_question_asks_for_can_be_taken_out_though_no_row_has_it() {
        let html = shown("node:gone", Vec::new());
        assert!(html.contains(r#"href="/c/prod/workloads""#) && html.contains("gone"), "{html}");
    }

    #[test]
    fn what_divides_nothing_is_not_shown() {
        assert_eq!(shown("", vec![(Cell::text("a"), 3)]), "");
        assert_eq!(shown("", Vec::new()), "");
        assert_eq!(shown("", vec![(Cell::Missing, 3), (Cell::Unknown, 1)]), "");
    }

    #[test]
    fn the_most_frequent_values_show_and_the_rest_is_folded() {
        let html = shown("", many(8));
        assert!(html.contains("+2 more") && html.find("n005").unwrap() < html.find("<details").unwrap(), "{html}");
        assert!(html.find("n006").unwrap() > html.find("<details").unwrap());
        let html = shown("", many(50));
        assert!(html.contains("+44 more") && html.contains("and 4 others"), "{html}");
        assert_eq!(html.matches("<li>").count(), SHOWN + MOST);
    }

    #[test]
    fn values_are_escaped() {
        let html = shown("", vec![(Cell::text("<b>"), 2), (Cell::text("x"), 1)]);
        assert!(!html.contains("<b>") && html.contains("&lt;b&gt;"), "{html}");
    }
}
