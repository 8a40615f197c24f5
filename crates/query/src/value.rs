//! Reads the values of numbers, amounts, spans and dates.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use pilothouse_model::Quantity;

/// What a value stands for on the number line of its field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reading {
    /// A number: units, cores, bytes.
    Number(f64),
    /// A span of seconds, and how many seconds its smallest unit has: `2h` is from 2 hours to just below 3.
    Span(f64, f64),
    /// From a moment to just before another: a whole day, minute or second.
    Moments(Timestamp, Timestamp),
}

pub(crate) fn number(text: &str) -> Option<Reading> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.".contains(&b));
    let number = match text.parse::<f64>() {
        Ok(number) if plain => number,
        _ => text.parse::<Quantity>().ok()?.as_f64(),
    };
    // Adding zero makes minus zero plain zero, which compares otherwise.
    number.is_finite().then_some(Reading::Number(number + 0.0))
}

/// `90s`, `2h`, `1h30m`, `3d`, `2w`, `1y` (of 365 days, as kubectl counts).
pub(crate) fn span(text: &str) -> Option<Reading> {
    let (mut seconds, mut smallest) = (0_u64, u64::MAX);
    let mut rest = text;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let unit = match rest[digits..].chars().next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 7 * 86_400,
            'y' => 365 * 86_400,
            _ => return None,
        };
        // Units fall: `30m1h` and `1h2h` are slips.
        if unit >= smallest {
            return None;
        }
        smallest = unit;
        seconds = seconds.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    // A thousand years is far beyond any use and keeps the arithmetic exact.
    (seconds <= 1000 * 365 * 86_400).then_some(Reading::Span(seconds as f64, smallest as f64))
}

/// `2026-11-01`, `2026-11-01T10:00` (both in UTC), and RFC 3339.
pub(crate) fn moments(text: &str) -> Option<Reading> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let utc = |time: DateTime| time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    let (start, seconds) = match shape.as_str() {
        "0000-00-00" => (utc(text.parse::<Date>().ok()?.at(0, 0, 0, 0))?, 86_400),
        "0000-00-00T00:00" | "0000-00-00T00:00Z" => (utc(text.trim_end_matches('Z').parse::<DateTime>().ok()?)?, 60),
        shape if shape.starts_with("0000-00-00T00:00:00") => (text.parse::<Timestamp>().ok()?, 1),
        _ => return None,
    };
    Some(Reading::Moments(start, start.checked_add(SignedDuration::from_secs(seconds)).ok()?))
}
