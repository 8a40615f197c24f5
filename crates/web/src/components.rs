//! Parts of pages: pure functions from data to HTML. Everything is escaped by maud; nothing here prints raw HTML.

pub(crate) mod causes;
pub(crate) mod data;
pub(crate) mod events;
pub(crate) mod facets;
pub(crate) mod found;
pub(crate) mod freshness;
pub(crate) mod graph;
pub(crate) mod icon;
pub(crate) mod listing;
pub(crate) mod many;
pub(crate) mod namespaces;
pub(crate) mod offers;
pub(crate) mod prose;
pub(crate) mod rows;
pub(crate) mod scene;
pub(crate) mod sections;
pub(crate) mod status;
pub(crate) mod time;
pub(crate) mod tree;
pub(crate) mod value;
pub(crate) mod yaml;
