//! Values of cells in twelve bytes each, so that a cell takes sixteen: rows are kept by the hundred thousand.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

/// A moment, to the nanosecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(4))]
pub struct Moment {
    seconds: i64,
    nanoseconds: i32,
}

impl Moment {
    /// The moment as dates are computed with.
    pub fn get(self) -> Timestamp {
        // Only ever made of one, it is within bounds: there is nothing that the default could hide.
        Timestamp::new(self.seconds, self.nanoseconds).unwrap_or_default()
    }
}

impl From<Timestamp> for Moment {
    fn from(moment: Timestamp) -> Self {
        Self { seconds: moment.as_second(), nanoseconds: moment.subsec_nanosecond() }
    }
}

impl fmt::Debug for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A span of time, to the nanosecond.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(4))]
pub struct Span {
    seconds: i64,
    nanoseconds: i32,
}

impl Span {
    /// The span as spans are computed with.
    pub fn get(self) -> SignedDuration {
        SignedDuration::new(self.seconds, self.nanoseconds)
    }
}

impl From<SignedDuration> for Span {
    fn from(span: SignedDuration) -> Self {
        Self { seconds: span.as_secs(), nanoseconds: span.subsec_nanos() }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// How many are ready, of how many. Exact up to [`Fraction::MOST`]; what is beyond counts as that.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fraction {
    ready: [u16; 3],
    total: [u16; 3],
}

impl Fraction {
    /// The largest number that it holds: 140 million millions, and as much below zero.
    pub const MOST: i64 = (1 << 47) - 1;

    /// So many of so many.
    pub fn new(ready: i64, total: i64) -> Self {
        let pack = |number: i64| {
            let number = number.clamp(-Self::MOST, Self::MOST);
            [number as u16, (number >> 16) as u16, (number >> 32) as u16]
        };
        Self { ready: pack(ready), total: pack(total) }
    }

    /// Ready and total.
    pub fn get(self) -> (i64, i64) {
        // The highest part carries the sign.
        let unpack =
            |[low, middle, high]: [u16; 3]| i64::from(low) | i64::from(middle) << 16 | i64::from(high as i16) << 32;
        (unpack(self.ready), unpack(self.total))
    }
}

impl fmt::Display for Fraction {
    /// `1/2`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ready, total) = self.get();
        write!(f, "{ready}/{total}")
    }
}

impl fmt::Debug for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment() -> impl Strategy<Value = Timestamp> {
        let bounds = Timestamp::MIN.as_nanosecond()..=Timestamp::MAX.as_nanosecond();
        bounds.prop_map(|nanoseconds| Timestamp::from_nanosecond(nanoseconds).unwrap())
    }

    proptest! {
        #[test]
        fn what_is_put_in_comes_out_and_orders_the_same(
            moments in (moment(), moment()),
            spans in prop::array::uniform2((any::<i64>(), -999_999_999..=999_999_999_i32)),
        ) {
            prop_assert_eq!(Moment::from(moments.0).get(), moments.0);
            prop_assert_eq!(Moment::from(moments.0).cmp(&Moment::from(moments.1)), moments.0.cmp(&moments.1));
            let [one, other] = spans.map(|(seconds, nanos)| SignedDuration::new(seconds / 2, nanos));
            prop_assert_eq!(Span::from(one).get(), one);
            prop_assert_eq!(Span::from(one).cmp(&Span::from(other)), one.cmp(&other));
        }

        #[test]
        fn fractions_are_exact_up_to_their_bound(
            ready in -Fraction::MOST..=Fraction::MOST,
            total in -Fraction::MOST..=Fraction::MOST,
        ) {
            prop_assert_eq!(Fraction::new(ready, total).get(), (ready, total));
        }
    }

    #[test]
    fn moments_reach_as_far_as_dates_do() {
        for moment in [Timestamp::MIN, Timestamp::MAX] {
            assert_eq!(Moment::from(moment).get(), moment);
        }
    }

    #[test]
    fn fractions_saturate() {
        assert_eq!(Fraction::new(i64::MAX, i64::MIN).get(), (Fraction::MOST, -Fraction::MOST));
        assert_eq!(Fraction::new(1, -2).to_string(), "1/-2");
    }
}
