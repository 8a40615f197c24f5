//! Floor 2: one table per cluster and resource: a writer, immutable snapshots, change sets, windows.
//!
//! ```text
//! writer ─ upsert, remove, replace ─► Table ─ commit ─► ChangeSet
//!                                       │                  │
//!                                   snapshot          what changed
//!                                       ▼                  ▼
//!                        Snapshot ─ run(plan) ─►   Window::update ─► Delta
//! ```
//!
//! A [`Table`] has one writer. What it writes becomes visible at [`Table::commit`], all at once. A [`Snapshot`] is one
//! committed state: it never changes, costs one pointer to clone, and can be read from any thread while the writer goes
//! on. A [`Window`] is a question with an offset and a length that somebody looks at: after each commit it says what
//! differs on the screen, and does no work for changes that cannot reach it.
//!
//! # How states share memory
//!
//! A state is a set of vectors of shared chunks: records by slot, slots in natural order (namespace, name, kind, group),
//! and, per index, sorted pairs of a 32-bit hash and a slot. A commit copies the vectors of pointers; a later write
//! copies only the chunks that it touches (at most 4 KB each). Indexes hold no keys: a lookup checks the candidates
//! against their rows, so that an index entry costs eight bytes.
//!
//! No clock, no I/O, no async: time arrives as an argument.

mod body;
mod change;
mod chunks;
mod facts;
mod interner;
mod page_key;
mod record;
mod run;
mod snapshot;
mod state;
mod table;
mod window;
mod words;

pub use body::{Body, BodyError, Compressor, MAX_OBJECT_BYTES};
pub use change::{Change, ChangeSet};
pub use interner::Interner;
pub use page_key::{PageKey, PageKeyError};
pub use record::{Record, RowId};
pub use run::Answer;
pub use snapshot::Snapshot;
pub use table::Table;
pub use window::{Delta, Steps, Window, difference};
