//! This room against a small API server that answers by script.

mod discovering;
mod fake;
mod loading;
mod requesting;
mod watching;

pub(crate) use fake::resource;
