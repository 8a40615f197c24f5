//! Floor 3: what one can do: browse, explain, act. Joins the rooms below for the web and the command line.
//!
//! [`Engine`] holds the clusters, [`Cluster`] answers questions about one. Questions of a page never wait for the network:
//! they answer with what is known and say how complete that is. The command line asks with patience instead
//! ([`Cluster::list_settled`]).

mod act;
mod ask;
mod audit;
#[cfg(test)]
mod away;
mod catalog;
mod clock;
mod cluster;
mod complete;
mod containers;
mod counts;
mod discreet;
mod engine;
mod error;
mod exec;
mod feed;
mod held;
mod isolate;
mod json;
mod live;
mod logs;
mod looks;
mod many;
mod moment;
mod object;
mod operations;
mod paging;
mod person;
mod rights;
mod search;
mod secret;
mod slip;
mod words;
mod workloads;
mod yaml;

pub use act::{Choice, Deletion, Done, Expected, Offer, Propagation, Target, parse_object};
pub use ask::{Ask, Listing, Source};
pub use audit::{Audit, AuditError, AuditTo};
pub use catalog::{Catalog, NavigationGroup, NavigationItem};
#[doc(hidden)]
pub use clock::set_clock;
pub use cluster::{Cluster, ClusterFigures, ConnectionState, TableFigures};
pub use containers::Containers;
pub use counts::{Counts, FieldCounts, LiveCounts};
pub use engine::{ClusterView, Engine};
pub use error::{AppError, ErrorKind};
pub use exec::{Ended, Output, Session};
pub use json::{
    counts_json, explanation_json, found_json, is_whole, listing_json, many_json, many_row_json, parts_json, row_json,
};
pub use live::{LiveObject, LiveWindow, Update};
pub use logs::{Lines, Log};
pub use many::{
    Among, Many, ManyDelta, ManyId, ManyListing, ManyRow, ManySource, ManyUpdate, ManyWindow, Part, Standing,
};
pub use object::{Dependent, Gap, ObjectView, Relative, Single};
pub use operations::{Method, OPERATIONS, Operation, Parameter};
pub use person::{Person, Sharing, Viewer};
pub use pilothouse_cluster::{Access, ConfigError, Contexts, ExecInput, ExecOptions, LogOptions, Problem, Token};
pub use pilothouse_columns::table::is_events;
pub use pilothouse_query::{Completion, Item as CompletionItem, ItemKind as CompletionKind, QueryError};
pub use pilothouse_query::{conditions, narrow, pointer, widen};
pub use pilothouse_store::{Delta, Record, RowId};
pub use search::{Facet, Found, Hit, MOST_RESULTS, Matched, SHORTEST_SEARCH, Search, SearchAsk, SearchGap, What, Why};
pub use slip::is_slip;
pub use yaml::yaml;
