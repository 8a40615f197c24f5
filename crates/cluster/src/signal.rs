//! What a watch tells the one who asked for it.

use std::time::Duration;

use pilothouse_model::Object;

use crate::error::ClusterError;
use crate::items::Items;

/// One thing that a watch saw, in the order it happened.
///
/// A first watch gives `Listing { first: true }`, pages, `Listed`, then changes. When the server no longer knows where we
/// left off, it begins again with `Listing { first: false }`: what was known stays until `Listed`, then exactly what the
/// pages held is true. A `Listing` that follows another without `Listed` between them means that the list had to start
/// anew: forget the pages so far.
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// A list begins.
    Listing {
        /// Whether none has been completed yet.
        first: bool,
    },
    /// A page of the list, or a part of one.
    Page(Items),
    /// The list is complete.
    Listed,
    /// An object was created or changed.
    Applied(Object),
    /// An object is gone; its last state.
    Deleted(Object),
    /// A change came that could not be read as an object. What was known of it is out of date.
    Malformed(Malformed),
    /// Proof of life: all is as told so far. Changes are none: those that come first after a watch was opened again may be
    /// old.
    Fresh,
    /// It does not work at the moment. What was known stays, and grows old.
    Trouble {
        /// Why.
        error: ClusterError,
        /// When it is tried again.
        retry_in: Duration,
    },
}

/// Something that should have been an object and could not be read as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// `namespace/name`, or `name` without a namespace, where that much could be read.
    pub which: Option<String>,
    /// One sentence: which, and why.
    pub why: String,
}
