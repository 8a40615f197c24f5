//! Pages: each a view, a handler and a test in one place.

pub(crate) mod act;
pub(crate) mod all;
pub(crate) mod clusters;
pub(crate) mod complete;
pub(crate) mod edit;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod missing;
pub(crate) mod object;
pub(crate) mod overview;
pub(crate) mod palette;
pub(crate) mod place;
pub(crate) mod search;
pub(crate) mod sign_in;
pub(crate) mod terminal;
