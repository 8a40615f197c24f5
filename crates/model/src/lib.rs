//! Floor 0: the vocabulary of Pilothouse and its two contracts, [`Objects`] and [`Instrument`].
//!
//! Nothing here does I/O, reads a clock, or knows HTTP, HTML, tokio or kube's client: time arrives as an argument.
//! A newcomer who wants to write an instrument reads [`contract`] first, then [`row`], [`workload`], [`cause`] and
//! [`page`].

pub mod action;
pub mod cause;
pub mod contract;
pub mod event;
pub mod filter;
pub mod id;
pub mod labels;
pub mod object;
pub mod page;
pub mod quantity;
pub mod row;
pub mod selector;
pub mod sight;
pub mod small;
pub mod stamp;
pub mod status;
pub mod time;
pub mod unseen;
pub mod workload;

pub use action::{Action, Danger, Permission, WriteMethod, WriteRequest};
pub use cause::{Cause, Certainty, Evidence};
pub use contract::{Completeness, Found, Instrument, Link, LinkTarget, Lookup, Manifest, Objects, Place};
pub use filter::{Comparison, Field, Filter, Operand, Plan, Sort};
pub use id::{ClusterId, GroupResource, ObjectKey, ObjectRef, PrinterColumn, Resource, Str};
pub use labels::Labels;
pub use object::{Condition, MalformedObject, Object, OwnerReference, Read};
pub use page::{Fact, Page, Section, Value};
pub use quantity::{Amount, ParseQuantityError, Quantity};
pub use row::{Cell, Column, ColumnKind, Projection, Row};
pub use selector::{LabelSelector, ParseSelectorError, Requirement};
pub use sight::{Seen, Sight};
pub use small::{Fraction, Moment, Span};
pub use stamp::{Uid, Version};
pub use status::{Level, State, Status};
pub use workload::{Resources, Workload};

/// A moment, in UTC.
pub use jiff::Timestamp;
