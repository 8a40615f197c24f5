//! Floor 2: the query language, from text to a typed plan.
//!
//! ```text
//! state:failed gpu:>0 ns:team-a,team-b age:<2h label:app=train oom
//! ```
//!
//! A question goes through a pipeline of types: text → tokens → syntax with spans → [`Filter`]. What cannot be understood
//! is a [`QueryError`] that points at the word and suggests another.
//!
//! # Grammar
//!
//! ```text
//! question  = any | nothing                  nothing asks for every row
//! any       = all { "OR" all }
//! all       = one { [ "AND" ] one }          side by side means and
//! one       = ( "NOT" | "-" ) one | "(" any ")" | term | text
//! term      = field ":" value { "," value }  any of the values
//!           | "label:" selector
//!           | "has:" field                   has a value
//!           | "is:" ( "active" | "failed" | "finished" | "deleting" )
//! value     = [ ">" | ">=" | "<" | "<=" | "=" ] ( word | quoted )
//!           | expression
//!           | [ word ] ".." [ word ]         from, up to, both included
//! selector  = a label selector as Kubernetes writes it; in quotes or parentheses when it holds spaces, save before the
//!             set of in and notin
//! text      = word | quoted | expression     anywhere in name, namespace, labels, images, reason, message, text columns
//! quoted    = '"' { any character, \" or \\ } '"'
//! expression = "/" regular expression "/"    found anywhere in the text, in any case; \/ for a slash
//! ```
//!
//! `AND`, `OR` and `NOT` are operators in capitals alone. Field names, texts and states ignore case. Nothing in quotes is
//! special.
//!
//! # Fields
//!
//! `name`, `namespace` (or `ns`), and the columns of the table by their ids; besides, unless a column has the same name,
//! `kind`, `state` (or `status`), `level`, `reason`, `message`, `image`, `created`, `deleted` and `age`. A column that shows the status asks for
//! the status word.
//!
//! # Values
//!
//! | kind of field | takes |
//! |---|---|
//! | text, state | the whole text; `*` any characters, `?` one; `/expression/` |
//! | level | `error`, `warning`, `waiting`, `progress`, `good`, `done`, `idle`, `unknown` |
//! | number, cores, bytes | `3`, `500m`, `16Gi`: quantities as Kubernetes writes them |
//! | ready/total | `1/2`, or a number: the ready ones |
//! | moment | how long ago: `90s`, `1h30m`, `3d`, `2w`; or a date: `2026-11-01`, `2026-11-01T10:00`, RFC 3339 |
//! | span | as how long ago |
//! | yes or no | `true`, `false` |
//!
//! A date is a whole day of UTC: `created:2026-11-01` is during it, `>` after it, `<` before it. `age:2h` reads as ages are
//! shown: from two hours to just below three. A missing or unknown value fulfils no comparison, and so fulfils its negation.

mod complete;
mod error;
mod field;
mod narrow;
mod resolve;
mod sort;
mod syntax;
mod token;
mod value;

use pilothouse_model::{Column, Filter};

pub use complete::{Completion, Item, ItemKind, Values, Wanted, complete, complete_sort};
pub use error::{QueryError, pointer};
pub use field::fields;
pub use narrow::{conditions, narrow, widen};
pub use sort::{parse_fields, parse_sort};

/// Reads a question about a table with these columns; empty text asks for every row.
///
/// ```
/// use pilothouse_model::{Column, ColumnKind};
///
/// let columns = [Column::new("GPU", ColumnKind::Integer)];
/// assert!(pilothouse_query::parse("state:failed gpu:>0 oom", &columns).is_ok());
///
/// let error = pilothouse_query::parse("gpuu:>0", &columns).unwrap_err();
/// assert_eq!(error.to_string(), "`gpuu` is not a field here; did you mean `gpu`?");
/// assert_eq!(pilothouse_query::pointer("gpuu:>0", &error.span), ["gpuu:>0", "^^^^"]);
/// ```
pub fn parse(text: &str, columns: &[Column]) -> Result<Filter, QueryError> {
    syntax::read(text)?.map_or(Ok(Filter::All), |syntax| resolve::resolve(&syntax, columns))
}
