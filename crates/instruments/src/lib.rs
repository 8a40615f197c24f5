//! Floor 2: what is known of each project, as pure functions from objects to rows, pages and causes.
//!
//! One file or folder per project, and one table, [`all`], in alphabetical order. An instrument neither touches a cluster
//! nor writes HTML: see [`pilothouse_model::contract`] for how to write one.

mod causes;
mod core;
mod kubeflow;
#[cfg(test)]
mod testing;

use pilothouse_model::Instrument;

/// Every instrument, by id.
pub fn all() -> &'static [&'static dyn Instrument] {
    &[&core::Core, &kubeflow::Kubeflow]
}
