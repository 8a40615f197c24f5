//! Kubernetes resource quantities: `500m`, `2`, `16Gi`, `1e3`.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Mul};
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// An amount of a resource in thousandths of its unit (a core, a byte, a device): exact for all that Kubernetes allows
/// except nano and micro fractions, which round up as the API server rounds them.
///
/// Source of the grammar: `k8s.io/apimachinery/pkg/api/resource/quantity.go`.
// In twelve bytes, so that a cell that holds one takes sixteen: rows are kept by the hundred thousand.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(4))]
pub struct Quantity {
    /// All bits of the thousandths but the lowest 32, with the sign: orders first.
    high: i64,
    low: u32,
}

/// The largest quantity that there is, in thousandths; larger ones count as this one, as the API server has it.
const MOST: i128 = i64::MAX as i128 * 1000;

/// A text that is not a quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a quantity; write a number with an optional suffix such as m, k, M, G, Ki, Mi, Gi")]
pub struct ParseQuantityError {
    /// The text.
    pub text: String,
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { high: 0, low: 0 };

    /// So many whole units: cores, bytes, devices.
    pub fn units(units: i64) -> Self {
        Self::of(i128::from(units) * 1000)
    }

    /// So many thousandths of a unit.
    pub fn milli(milli: i64) -> Self {
        Self::of(i128::from(milli))
    }

    fn of(milli: i128) -> Self {
        let milli = milli.clamp(-MOST, MOST);
        Self { high: (milli >> 32) as i64, low: milli as u32 }
    }

    /// Thousandths of a unit.
    pub fn as_milli(self) -> i128 {
        i128::from(self.high) << 32 | i128::from(self.low)
    }

    /// Units as a floating point number, for sorting, charts and JSON.
    pub fn as_f64(self) -> f64 {
        self.as_milli() as f64 / 1000.0
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self == Self::ZERO
    }

    /// Bytes for people: `16Gi`, `1.5Gi`, `512Mi`.
    pub fn bytes(self) -> String {
        let bytes = self.as_f64();
        for (suffix, size) in [("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)] {
            let size = (1_u64 << size) as f64;
            if bytes.abs() >= size {
                return format!("{}{suffix}", tidy(bytes / size));
            }
        }
        tidy(bytes)
    }
}

/// At most one decimal, and none when it is zero.
fn tidy(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        read(text.trim()).map(Self::of).ok_or_else(|| ParseQuantityError { text: text.to_owned() })
    }
}

fn read(text: &str) -> Option<i128> {
    let (negative, unsigned) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(unsigned.len());
    let (number, suffix) = unsigned.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') || whole.len() > 24 || fraction.len() > 24 {
        return None;
    }
    // The value is digits × 10^-places × factor, wanted in thousandths and rounded up.
    let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
    let places = u32::try_from(fraction.len()).ok()?;
    let (numerator, denominator): (i128, i128) = match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1000),
        "k" => (1000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (10_i128.pow(12), 1),
        "P" => (10_i128.pow(15), 1),
        "E" => (10_i128.pow(18), 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let power = 10_i128.checked_pow(exponent.unsigned_abs())?;
            if exponent < 0 { (1, power) } else { (power, 1) }
        }
    };
    let numerator = digits.checked_mul(numerator)?.checked_mul(1000)?;
    let denominator = denominator.checked_mul(10_i128.checked_pow(places)?)?;
    let milli = (numerator / denominator + i128::from(numerator % denominator != 0)).min(MOST);
    Some(if negative { -milli } else { milli })
}

impl fmt::Debug for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Quantity {
    /// Canonical decimal form: `2`, `500m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let milli = self.as_milli();
        if milli % 1000 == 0 { write!(f, "{}", milli / 1000) } else { write!(f, "{milli}m") }
    }
}

impl Serialize for Quantity {
    /// A JSON number of units.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match i64::try_from(self.as_milli() / 1000) {
            Ok(units) if self.as_milli() % 1000 == 0 => serializer.serialize_i64(units),
            _ => serializer.serialize_f64(self.as_f64()),
        }
    }
}

impl Add for Quantity {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::of(self.as_milli().saturating_add(other.as_milli()))
    }
}

impl Mul<i64> for Quantity {
    type Output = Self;

    fn mul(self, factor: i64) -> Self {
        Self::of(self.as_milli().saturating_mul(i128::from(factor)))
    }
}

impl Sum for Quantity {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// How much of something is asked for, where many parts may say so or not. What is unreadable must not add nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Amount {
    /// Nobody said, which is not zero.
    #[default]
    Unsaid,
    /// Somebody said something, but it cannot be read or counted.
    Unknown,
    /// So much.
    Known(Quantity),
}

impl Amount {
    /// The amount, where it is known. Use where unsaid and unknown lead to the same answer.
    pub fn known(self) -> Option<Quantity> {
        match self {
            Self::Known(quantity) => Some(quantity),
            Self::Unsaid | Self::Unknown => None,
        }
    }

    /// The other one where nobody said.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Unsaid { other } else { self }
    }

    /// The greater one; unknown when either is.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        self.join(other, Ord::max)
    }

    /// So many times the same; unknown when nobody knows how many. Less than none is none.
    #[must_use]
    pub fn times(self, count: Option<i64>) -> Self {
        match (self, count) {
            (Self::Unsaid, _) => Self::Unsaid,
            (Self::Known(each), Some(count)) => Self::Known(each * count.max(0)),
            (Self::Unknown, _) | (Self::Known(_), None) => Self::Unknown,
        }
    }

    fn join(self, other: Self, both: impl Fn(Quantity, Quantity) -> Quantity) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Unsaid, said) | (said, Self::Unsaid) => said,
            (Self::Known(left), Self::Known(right)) => Self::Known(both(left, right)),
        }
    }
}

impl Add for Amount {
    type Output = Self;

    /// Both together: what nobody said adds nothing, and what is unknown makes the sum unknown.
    fn add(self, other: Self) -> Self {
        self.join(other, Add::add)
    }
}

impl Sum for Amount {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::Unsaid, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milli(text: &str) -> i128 {
        text.parse::<Quantity>().unwrap().as_milli()
    }

    #[test]
    fn reads_every_suffix() {
        assert_eq!(milli("500m"), 500);
        assert_eq!(milli("2"), 2000);
        assert_eq!(milli("1.5"), 1500);
        assert_eq!(milli(".5"), 500);
        assert_eq!(milli("16Gi"), 16 * 1024 * 1024 * 1024 * 1000);
        assert_eq!(milli("1k"), 1_000_000);
        assert_eq!(milli("1e3"), 1_000_000);
        assert_eq!(milli("5E-1"), 500);
        assert_eq!(milli("1n"), 1);
        assert_eq!(milli("-2"), -2000);
        assert_eq!(milli("1E"), 10_i128.pow(21));
        assert_eq!(milli("122e22"), MOST);
        assert_eq!(milli("-99E"), -MOST);
    }

    #[test]
    fn refuses_what_is_not_a_quantity() {
        for text in ["", "Gi", "1.2.3", "1 Gi", "abc", "1e", "0x10", "1GiB", "--1", "1e99999"] {
            assert!(text.parse::<Quantity>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn shows_bytes_for_people() {
        assert_eq!("16Gi".parse::<Quantity>().unwrap().bytes(), "16Gi");
        assert_eq!("1536Mi".parse::<Quantity>().unwrap().bytes(), "1.5Gi");
        assert_eq!("100".parse::<Quantity>().unwrap().bytes(), "100");
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_reads_back(value: i64) {
            let quantity = Quantity::milli(value);
            proptest::prop_assert_eq!(quantity.to_string().parse::<Quantity>().unwrap(), quantity);
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _either = text.parse::<Quantity>();
        }
    }

    #[test]
    fn unknown_parts_make_the_whole_unknown_and_unsaid_ones_add_nothing() {
        let known = |units: i64| Amount::Known(Quantity::units(units));
        let sum = |parts: &[Amount]| parts.iter().copied().sum::<Amount>();
        assert_eq!(sum(&[]), Amount::Unsaid);
        assert_eq!(sum(&[known(1), Amount::Unsaid, known(2)]), known(3));
        assert_eq!(sum(&[known(1), Amount::Unknown, known(2)]), Amount::Unknown);
        assert_eq!(known(1).max(known(2)), known(2));
        assert_eq!(known(1).max(Amount::Unsaid), known(1));
        assert_eq!(known(1).max(Amount::Unknown), Amount::Unknown);
        assert_eq!(known(2).times(Some(3)), known(6));
        assert_eq!(known(2).times(Some(-1)), known(0));
        assert_eq!(known(2).times(None), Amount::Unknown);
        assert_eq!(Amount::Unsaid.times(None), Amount::Unsaid);
        assert_eq!(Amount::Unsaid.or(known(1)), known(1));
        assert_eq!(Amount::Unknown.or(known(1)), Amount::Unknown);
    }
}
