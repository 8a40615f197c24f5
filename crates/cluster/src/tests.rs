//! This room against a small API server that answers by script.

mod discovering;
mod fake;
mod hostile;
mod loading;
mod person;
mod requesting;
mod running;
mod watching;
mod writing;

pub(crate) use fake::resource;
