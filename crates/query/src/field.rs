//! Field names: which field a word means in a table with given columns, and what kind of values it takes.

use std::ops::Range;

use pilothouse_model::{Column, ColumnKind, Field};

use crate::error::QueryError;

/// A field and the kind of its values.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Known {
    pub(crate) field: Field,
    pub(crate) kind: Kind,
}

impl Known {
    /// Whether `<` and `>` mean something, where it is called `name`: states and kinds are words of a few, in no order.
    pub(crate) fn compares(&self, name: &str) -> bool {
        match self.kind {
            Kind::Text => self.field != Field::State && !name.eq_ignore_ascii_case("kind"),
            Kind::Level | Kind::Boolean => false,
            Kind::Number | Kind::Fraction | Kind::Cpu | Kind::Bytes | Kind::Moment | Kind::Span => true,
        }
    }
}

/// The kind of a field's values: decides how a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Level,
    Number,
    Fraction,
    Boolean,
    Cpu,
    Bytes,
    /// A moment: takes how long ago, or a date.
    Moment,
    Span,
}

impl Kind {
    /// What values a field of this kind takes, in a word or two.
    fn brief(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Level => "a level",
            Self::Number => "a number",
            Self::Fraction => "ready of total",
            Self::Boolean => "true or false",
            Self::Cpu => "cores",
            Self::Bytes => "bytes",
            Self::Moment => "an age or a date",
            Self::Span => "a time span",
        }
    }

    /// The same in a sentence's words, for error messages.
    pub(crate) fn takes(self) -> &'static str {
        match self {
            Self::Text => "text, with * and ? as wildcards, or a regular expression between slashes",
            Self::Level => "one of error, warning, waiting, progress, good, done, idle, unknown",
            Self::Number => "a number such as 3, >0 or 1..4",
            Self::Fraction => "ready/total such as 1/2, or a number of ready ones such as <2",
            Self::Boolean => "true or false",
            Self::Cpu => "cores such as 2 or >500m",
            Self::Bytes => "an amount such as >16Gi or 512Mi",
            Self::Moment => "an age such as <2h or >3d, or a date such as >2026-11-01",
            Self::Span => "a time span such as >30s, 5m or 1h30m",
        }
    }
}

/// What a standard field is, in a few words.
const MEANINGS: [(Field, &str); 9] = [
    (Field::Name, "the object's name"),
    (Field::Namespace, "the object's namespace"),
    (Field::Kind, "the object's kind"),
    (Field::State, "the word of its state"),
    (Field::Level, "how serious its state is"),
    (Field::Reason, "why, in one word"),
    (Field::Message, "why, in a sentence"),
    (Field::Image, "any of its container images"),
    (Field::Deleted, "since when it waits for its end"),
];

/// Fields that every table has. `namespace` and `name` always mean the object's own; a column of the same name as one of
/// the others takes its place, because what is asked is what is shown.
const STANDARD: [(&str, Field, Kind); 12] = [
    ("name", Field::Name, Kind::Text),
    ("namespace", Field::Namespace, Kind::Text),
    ("ns", Field::Namespace, Kind::Text),
    ("kind", Field::Kind, Kind::Text),
    ("state", Field::State, Kind::Text),
    ("level", Field::Level, Kind::Level),
    ("reason", Field::Reason, Kind::Text),
    ("message", Field::Message, Kind::Text),
    ("image", Field::Image, Kind::Text),
    ("created", Field::Created, Kind::Moment),
    ("deleted", Field::Deleted, Kind::Moment),
    ("age", Field::Created, Kind::Moment),
];
const FIXED: usize = 3;

/// Words that stand before a colon without being fields.
pub(crate) const OTHERS: [&str; 3] = ["label", "has", "is"];

/// What `is:` takes.
pub(crate) const GROUPS: [&str; 4] = ["active", "failed", "finished", "deleting"];

/// Whether rows with these columns have the states of workloads.
pub(crate) fn has_states(columns: &[Column]) -> bool {
    columns.iter().any(|column| column.kind == ColumnKind::Status && &*column.id == "state")
}

/// The field that `name` means.
pub(crate) fn find(name: &str, columns: &[Column]) -> Option<Known> {
    let name = name.to_lowercase();
    let standard = |fields: &[(&str, Field, Kind)]| {
        let found = fields.iter().find(|(own, _, _)| *own == name);
        found.map(|(_, field, kind)| Known { field: field.clone(), kind: *kind })
    };
    standard(&STANDARD[..FIXED])
        .or_else(|| {
            let index = columns.iter().position(|column| *column.id == *name)?;
            Some(of_column(index, columns[index].kind))
        })
        .or_else(|| standard(&STANDARD[FIXED..]))
        // Kinds whose column is called State or Phase still answer to kubectl's word.
        .or_else(|| (name == "status").then_some(Known { field: Field::State, kind: Kind::Text }))
}

fn of_column(index: usize, kind: ColumnKind) -> Known {
    let kind = match kind {
        ColumnKind::Status => return Known { field: Field::State, kind: Kind::Text },
        ColumnKind::Text => Kind::Text,
        ColumnKind::Integer | ColumnKind::Number => Kind::Number,
        ColumnKind::Fraction => Kind::Fraction,
        ColumnKind::Boolean => Kind::Boolean,
        ColumnKind::Cpu => Kind::Cpu,
        ColumnKind::Bytes => Kind::Bytes,
        ColumnKind::Age | ColumnKind::Time => Kind::Moment,
        ColumnKind::Duration => Kind::Span,
    };
    Known { field: Field::Column(index), kind }
}

/// What a field is, in a few words.
pub(crate) fn meaning(known: &Known, columns: &[Column]) -> String {
    let described = match &known.field {
        Field::Column(index) => columns.get(*index).map(|column| &*column.description),
        Field::Created => Some("since when it exists"),
        field => MEANINGS.iter().find(|(own, _)| own == field).map(|(_, meaning)| *meaning),
    };
    described.filter(|text| !text.is_empty()).unwrap_or(known.kind.brief()).to_owned()
}

/// Every field name of a table, once each: the columns first.
pub fn fields(columns: &[Column]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for name in columns.iter().map(|column| &*column.id).chain(STANDARD.iter().map(|(name, _, _)| *name)) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The error for a name that no field has.
pub(crate) fn unknown(name: &str, span: Range<usize>, columns: &[Column], others: &[&'static str]) -> QueryError {
    let mut names = fields(columns);
    names.extend(others);
    let message = format!("`{name}` is not a field here");
    match closest(name, &names) {
        Some(close) => QueryError::new(span, message).suggest(Some(close)),
        None => {
            let quote = if others.is_empty() { "" } else { "; text with a colon goes in quotes" };
            QueryError::new(span, format!("{message}; the fields are {}{quote}", names.join(", ")))
        }
    }
}

/// The word that was probably meant: one that begins so, else the one with the fewest edits, of which a third of the
/// letters may be.
pub(crate) fn closest<'a>(word: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    let length = word.chars().count();
    let begins = |candidate: &&&str| length >= 2 && candidate.starts_with(&word);
    candidates.iter().find(begins).copied().or_else(|| {
        let edits = candidates.iter().map(|candidate| (strsim::damerau_levenshtein(&word, candidate), *candidate));
        edits.filter(|(edits, _)| *edits <= (length / 3).max(1)).min_by_key(|(edits, _)| *edits).map(|(_, close)| close)
    })
}
