//! Where there are no terminals as Unix has them: a command gets none.

use std::convert::Infallible;

use crate::failure::Failure;

/// There is none.
#[derive(Debug)]
pub(super) struct Terminal(Infallible);

/// Nothing befalls what there is not.
#[derive(Debug)]
pub(super) struct Changes(Infallible);

impl Terminal {
    pub(super) fn take() -> Result<Self, Failure> {
        Err(Failure::Other("a terminal (-t) needs Linux, macOS or WSL here; leave -t out".to_owned()))
    }

    pub(super) fn size(&self) -> Option<(u16, u16)> {
        match self.0 {}
    }

    pub(super) fn changes(&self) -> Result<Changes, Failure> {
        match self.0 {}
    }
}

impl Changes {
    pub(super) async fn next(&mut self) -> bool {
        match self.0 {}
    }
}
