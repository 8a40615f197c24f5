//! The bulkhead around what may panic: one object that an instrument cannot bear costs its own row, not the table.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A panic, as a sentence. It is always a defect of Pilothouse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Defect(String);

impl Defect {
    /// What a caught panic said.
    pub(crate) fn of(panic: &(dyn Any + Send)) -> Self {
        let words =
            panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Self(words.unwrap_or("no words").to_owned())
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a defect of Pilothouse, please report it: {}", self.0)
    }
}

/// Does `work` and catches its panic. What it may leave half done must be thrown away by the caller, or not matter.
pub(crate) fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, Defect> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| Defect::of(&*panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_a_sentence() {
        assert_eq!(guarded(|| 1), Ok(1));
        let defect = guarded(|| -> u8 { panic!("index {} is out of bounds", 3) }).unwrap_err();
        assert_eq!(defect.to_string(), "a defect of Pilothouse, please report it: index 3 is out of bounds");
        assert!(guarded(|| -> u8 { panic!("plain") }).unwrap_err().to_string().ends_with("plain"));
    }
}
