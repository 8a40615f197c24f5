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
//! # How a question is answered
//!
//! Rows are made for people: their texts lie anywhere in memory. So the table keeps the facts of its rows once more, made
//! for reading straight through: every distinct text is one *word* (a number) of the table's dictionary, and per field and
//! 256 slots there is one block of numbers, labels are pairs of words. A question is answered in four steps: the rows that
//! may be seen and are in the namespaces asked for become a set of slots; the filter narrows the set, chunk by chunk, asking
//! each distinct text once and searching the dictionary, not the rows, for free text; the total is the size of the set; the
//! page is selected by numbers that order as the values do, so the last page costs what the first one does. Where few rows
//! are left the rows themselves are asked. What only a row can tell (moments within a millisecond of an age that is asked
//! for, columns of mixed kinds) is asked of the row: facts never decide what they do not know exactly.
//!
//! # How states share memory
//!
//! A state is a set of shared chunks: records by slot in a shallow tree, facts by slot, the pages of the dictionary, and in
//! sorted chunks slots in natural order (namespace, name, kind, group), words in the order of their texts and, per index
//! (owners, labels), pairs of a 32-bit hash and a slot. A commit copies the vectors of pointers; a later write copies only
//! the chunks that it touches (most have 1 to 4 KB), and of the facts only those of the fields that differ. Indexes hold no
//! keys: a lookup checks the candidates against their rows, so that an index entry costs eight bytes. Texts and pairs are
//! counted by the writer and leave the dictionary with the last row that has them.
//!
//! Objects are packed with a dictionary of their table, without the texts that their row has as well.
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
pub use run::{Answer, Selection};
pub use snapshot::Snapshot;
pub use table::Table;
pub use window::{Delta, Steps, Window, difference};
