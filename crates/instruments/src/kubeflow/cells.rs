//! Cells from what an object may or may not say.

use pilothouse_model::page::Value as Shown;
use pilothouse_model::{Cell, Timestamp};

pub(super) fn text(text: Option<&str>) -> Cell {
    Cell::optional(text.filter(|text| !text.is_empty()))
}

pub(super) fn count(number: Option<i64>) -> Cell {
    number.map_or(Cell::Missing, Cell::Integer)
}

pub(super) fn moment(moment: Option<Timestamp>) -> Cell {
    moment.map_or(Cell::Missing, Cell::from)
}

pub(super) fn fraction(pair: Option<(i64, i64)>) -> Cell {
    pair.map_or(Cell::Missing, |(done, total)| Cell::fraction(done, total))
}

/// The time between two moments; missing until both are known.
pub(super) fn span(from: Option<Timestamp>, to: Option<Timestamp>) -> Cell {
    match (from, to) {
        (Some(from), Some(to)) => to.duration_since(from).into(),
        _ => Cell::Missing,
    }
}

/// A number when the text is one, else the text itself: objective values are written as text.
pub(super) fn value(text: Option<&str>) -> Cell {
    match text {
        None | Some("") => Cell::Missing,
        Some("unavailable") => Cell::Unknown,
        Some(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Cell::Number(number),
            _ => Cell::text(text),
        },
    }
}

/// The fact's value for optional text.
pub(super) fn shown(text: Option<&str>) -> Shown {
    text.filter(|text| !text.is_empty()).map_or(Shown::Missing, |text| Shown::Text(text.to_owned()))
}

/// The fact's value for an optional moment.
pub(super) fn shown_moment(moment: Option<Timestamp>) -> Shown {
    moment.map_or(Shown::Missing, Shown::Time)
}
