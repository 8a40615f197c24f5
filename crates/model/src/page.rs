//! Pages as plain data: web renders them to HTML, the command line to tables or JSON.

use jiff::{SignedDuration, Timestamp};

use crate::id::ObjectRef;
use crate::quantity::{Amount, Quantity};
use crate::row::{Cell, Column};
use crate::status::Status;

/// What an instrument shows at one of its places, or of one object.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// Heading.
    pub title: String,
    /// One sentence under it, or empty.
    pub summary: String,
    /// Sections in reading order.
    pub sections: Vec<Section>,
}

/// One part of a page.
#[derive(Clone, Debug, PartialEq)]
pub enum Section {
    /// Names and values.
    Facts {
        /// Heading; empty for the facts that open a page.
        title: String,
        /// The facts.
        facts: Vec<Fact>,
    },
    /// A table that is complete in itself.
    Table {
        /// Heading.
        title: String,
        /// Columns.
        columns: Vec<Column>,
        /// Rows, one cell per column, each with the object it is about, if any.
        rows: Vec<(Option<ObjectRef>, Vec<Value>)>,
        /// What to say when there are no rows.
        empty: String,
    },
    /// A live window over a resource or over all workloads; `app` runs the query with the person's rights.
    Listing {
        /// Heading.
        title: String,
        /// What is listed: `None` for workloads, else group and plural name.
        resource: Option<(String, String)>,
        /// Query text.
        query: String,
        /// Sort text: `-age`.
        sort: String,
        /// Rows shown; more is a link to the list.
        limit: usize,
        /// What to say when there are no rows.
        empty: String,
    },
    /// A directed graph.
    Graph {
        /// Heading.
        title: String,
        /// Nodes: id, label, status, object.
        nodes: Vec<Node>,
        /// Edges, from id to id.
        edges: Vec<(String, String)>,
    },
    /// Something the person must know before reading on.
    Notice {
        /// How serious, and the word for it.
        status: Status,
        /// One or two sentences.
        text: String,
    },
}

/// One node of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Unique within the graph.
    pub id: String,
    /// Shown.
    pub label: String,
    /// How it stands.
    pub status: Status,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// The object behind it.
    pub object: Option<ObjectRef>,
}

/// A name and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Name.
    pub label: String,
    /// Value.
    pub value: Value,
}

impl Fact {
    /// A fact.
    pub fn new(label: &str, value: Value) -> Self {
        Self { label: label.to_owned(), value }
    }

    /// A fact in plain text.
    pub fn text(label: &str, text: &str) -> Self {
        Self::new(label, Value::Text(text.to_owned()))
    }
}

/// A value that knows how it wants to be shown.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing there.
    Missing,
    /// The object should say but does not.
    Unknown,
    /// Plain text.
    Text(String),
    /// Text in a fixed-width face: an image, a command, an expression.
    Code(String),
    /// A number.
    Number(f64),
    /// Cores.
    Cpu(Quantity),
    /// Bytes.
    Bytes(Quantity),
    /// A moment.
    Time(Timestamp),
    /// A span.
    Duration(SignedDuration),
    /// A status.
    Status(Status),
    /// A link to an object.
    Object(ObjectRef),
    /// Several values.
    Many(Vec<Value>),
    /// A cell of a row.
    Cell(Cell),
    /// A link to the outside; web passes its scheme through one allow-list.
    Outside {
        /// Shown.
        text: String,
        /// Address.
        address: String,
    },
}

impl Value {
    /// An amount that may be unsaid or unknown.
    pub fn amount(amount: Amount, shown: impl Fn(Quantity) -> Self) -> Self {
        match amount {
            Amount::Unsaid => Self::Missing,
            Amount::Unknown => Self::Unknown,
            Amount::Known(quantity) => shown(quantity),
        }
    }
}
