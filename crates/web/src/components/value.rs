//! Values of facts and cells.

use jiff::Timestamp;
use maud::{Markup, html};
use pilothouse_model::{Cell, ColumnKind, Value, time};

use super::icon::icon;
use super::scene::Scene;
use super::{status, time as moments};

/// What the object does not have.
pub(crate) fn missing() -> Markup {
    html! { span.none title="none" { "–" } }
}

/// What the object should say but does not: not the same as nothing.
pub(crate) fn unknown() -> Markup {
    html! { span.unknown-value title="the object does not say" { "unknown" } }
}

/// A cell of a row, in a column of this kind.
pub(crate) fn cell(cell: &Cell, kind: ColumnKind, now: Timestamp) -> Markup {
    match cell {
        Cell::Missing => missing(),
        Cell::Unknown => unknown(),
        Cell::Time(moment) if kind == ColumnKind::Age => moments::age(moment.get(), now),
        other => html! { (other.show(kind, now)) },
    }
}

/// A value of a fact.
pub(crate) fn value(value: &Value, scene: &Scene<'_>) -> Markup {
    html! {
        @match value {
            Value::Missing => (missing()),
            Value::Unknown => (unknown()),
            Value::Text(text) => (text),
            Value::Code(text) => code { (text) },
            Value::Number(number) => (number),
            Value::Cpu(quantity) => { (quantity.to_string()) span.faint { " cores" } },
            Value::Bytes(quantity) => (quantity.bytes()),
            Value::Time(moment) => (moments::date(*moment, scene.now)),
            Value::Duration(span) => (time::human(*span)),
            Value::Status(this) => (status::status(this)),
            Value::Object(reference) => (scene.link(reference)),
            Value::Many(values) if values.is_empty() => (missing()),
            Value::Many(values) => span.many { @for one in values { span { (self::value(one, scene)) } } },
            Value::Cell(this) => (cell(this, natural(this), scene.now)),
            Value::Outside { text, address } => (outside(text, address)),
        }
    }
}

/// The kind of column that a cell alone suggests.
fn natural(cell: &Cell) -> ColumnKind {
    match cell {
        Cell::Time(_) => ColumnKind::Age,
        Cell::Duration(_) => ColumnKind::Duration,
        Cell::Fraction(..) => ColumnKind::Fraction,
        _ => ColumnKind::Text,
    }
}

/// A link to the outside. The address comes from a cluster: only schemes of the list become links, the rest is text.
pub(crate) fn outside(text: &str, address: &str) -> Markup {
    html! {
        @if is_web_address(address) {
            a href=(address) target="_blank" rel="noopener noreferrer" { (text) " " (icon("outside")) }
        } @else {
            (text) @if text != address { " " code { (address) } }
        }
    }
}

/// The one allow-list of schemes for links from cluster data.
fn is_web_address(address: &str) -> bool {
    const SCHEMES: [&str; 2] = ["http", "https"];
    let clean = !address.chars().any(|c| c.is_control() || c.is_whitespace());
    clean
        && address.split_once("://").is_some_and(|(scheme, rest)| {
            !rest.is_empty() && SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_become_links() {
        for good in ["https://example.com/run/1", "http://127.0.0.1:8080", "HTTPS://EXAMPLE.COM"] {
            assert!(outside("run", good).into_string().contains("<a "), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JavaScript://%0aalert(1)",
            "data:text/html,x",
            " https://example.com",
            "java\nscript://x",
            "//example.com",
            "https://",
            "/local",
            "",
        ] {
            assert!(!outside("run", bad).into_string().contains("<a "), "{bad}");
        }
        assert!(!outside("<script>", "https://x\"onclick=").into_string().contains("<script>"));
    }

    #[test]
    fn missing_unknown_empty_and_zero_look_different() {
        let now = Timestamp::UNIX_EPOCH;
        let shown: std::collections::BTreeSet<_> = [Cell::Missing, Cell::Unknown, Cell::text(""), Cell::Integer(0)]
            .iter()
            .map(|this| cell(this, ColumnKind::Text, now).into_string())
            .collect();
        assert_eq!(shown.len(), 4);
    }
}
