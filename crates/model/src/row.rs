//! Rows: what a list shows of an object, computed once per object version.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::id::{ObjectKey, ObjectRef, Resource, Str};
use crate::labels::Labels;
use crate::object::Object;
use crate::quantity::{Amount, Quantity};
use crate::small::{Fraction, Moment, Span};
use crate::stamp::{Uid, Version};
use crate::status::Status;
use crate::time;

/// What kind of values a column holds: decides alignment, comparison and how a query reads its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnKind {
    /// Free text.
    Text,
    /// The row's [`Status`] word, shown with its level.
    Status,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `ready/total`.
    Fraction,
    /// `true` or `false`.
    Boolean,
    /// Cores.
    Cpu,
    /// Bytes.
    Bytes,
    /// A moment, shown as the age since then; filters take a span (`age:<2h`).
    Age,
    /// A moment, shown as a date.
    Time,
    /// A span; a moment stands for the span since then, which still grows.
    Duration,
}

/// One column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Field name in queries, sort keys and the API: lower case, words joined by `-`.
    pub id: Str,
    /// Heading, as kubectl or the project's own tools write it: `Nominated Node`.
    pub title: Str,
    /// What it holds.
    pub kind: ColumnKind,
    /// Whether only the wide view shows it (a printer column's priority above zero).
    pub wide: bool,
    /// What it means, or empty.
    pub description: Str,
}

impl Column {
    /// A column for every view; its id is made from its title.
    pub fn new(title: &str, kind: ColumnKind) -> Self {
        Self { id: Self::id_of(title).into(), title: title.into(), kind, wide: false, description: "".into() }
    }

    /// The same, in the wide view only.
    #[must_use]
    pub fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// `Nominated Node` → `nominated-node`.
    pub fn id_of(title: &str) -> String {
        title
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join("-")
            .to_lowercase()
    }
}

/// One value of a row, in sixteen bytes. Missing, unknown, empty and zero are four different things.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Cell {
    /// The object does not have it; shown as kubectl's `<none>`.
    #[default]
    Missing,
    /// The object should say but does not, or says something unreadable; shown as `<unknown>`.
    Unknown,
    /// Text.
    Text(Str),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Ready of total.
    Fraction(Fraction),
    /// Yes or no.
    Boolean(bool),
    /// An amount; whether of cores, bytes or devices is the column's kind.
    Quantity(Quantity),
    /// A moment.
    Time(Moment),
    /// A span.
    Duration(Span),
}

impl From<Amount> for Cell {
    fn from(amount: Amount) -> Self {
        match amount {
            Amount::Unsaid => Self::Missing,
            Amount::Unknown => Self::Unknown,
            Amount::Known(quantity) => Self::Quantity(quantity),
        }
    }
}

impl From<Timestamp> for Cell {
    fn from(moment: Timestamp) -> Self {
        Self::Time(moment.into())
    }
}

impl From<SignedDuration> for Cell {
    fn from(span: SignedDuration) -> Self {
        Self::Duration(span.into())
    }
}

impl Cell {
    /// Ready of total.
    pub fn fraction(ready: i64, total: i64) -> Self {
        Self::Fraction(Fraction::new(ready, total))
    }

    /// A moment, missing when there is none.
    pub fn moment(moment: Option<Timestamp>) -> Self {
        moment.map_or(Self::Missing, Self::from)
    }

    /// A text cell; empty text stays empty.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// A text cell, missing when there is none.
    pub fn optional(text: Option<&str>) -> Self {
        text.map_or(Self::Missing, Self::text)
    }

    /// The value as kubectl would print it in a column of this kind.
    pub fn show(&self, kind: ColumnKind, now: Timestamp) -> String {
        match self {
            Self::Missing => "<none>".to_owned(),
            Self::Unknown => "<unknown>".to_owned(),
            Self::Text(text) => text.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Fraction(fraction) => fraction.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Quantity(quantity) if kind == ColumnKind::Bytes => quantity.bytes(),
            Self::Quantity(quantity) => quantity.to_string(),
            // A span that has not ended yet is given by its beginning.
            Self::Time(moment) if matches!(kind, ColumnKind::Age | ColumnKind::Duration) => {
                time::age(moment.get(), now)
            }
            Self::Time(moment) => moment.get().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            Self::Duration(span) => time::human(span.get()),
        }
    }

    /// A total order: what is missing or unknown comes last, numbers before texts, ages by moment (youngest last).
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.number(), other.number()) {
            (Some(left), Some(right)) => left.total_cmp(&right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (self, other) {
                (Self::Text(left), Self::Text(right)) => left.cmp(right),
                (Self::Text(_), _) => Ordering::Less,
                (_, Self::Text(_)) => Ordering::Greater,
                (Self::Unknown, Self::Missing) => Ordering::Less,
                (Self::Missing, Self::Unknown) => Ordering::Greater,
                _ => Ordering::Equal,
            },
        }
    }

    /// The value on a number line: units, seconds, seconds since 1970, or the ready share.
    pub fn number(&self) -> Option<f64> {
        Some(match self {
            Self::Integer(number) => *number as f64,
            // What is no number is always the same.
            Self::Number(number) => {
                if number.is_nan() {
                    f64::NAN
                } else {
                    *number
                }
            }
            Self::Fraction(fraction) => {
                let (ready, total) = fraction.get();
                ready as f64 / total.max(1) as f64
            }
            Self::Boolean(truth) => f64::from(u8::from(*truth)),
            Self::Quantity(quantity) => quantity.as_f64(),
            Self::Time(moment) => moment.get().as_duration().as_secs_f64(),
            Self::Duration(span) => span.get().as_secs_f64(),
            Self::Missing | Self::Unknown | Self::Text(_) => return None,
        })
    }
}

impl Serialize for Cell {
    /// Typed JSON: `null` for missing and unknown, RFC 3339 for moments, seconds for spans, `"1/2"` for fractions.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing | Self::Unknown => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Fraction(fraction) => serializer.collect_str(fraction),
            Self::Boolean(truth) => serializer.serialize_bool(*truth),
            Self::Quantity(quantity) => quantity.serialize(serializer),
            Self::Time(moment) => serializer.collect_str(&moment.get()),
            Self::Duration(span) => serializer.serialize_i64(span.get().as_secs()),
        }
    }
}

/// What an instrument says of one object version: its status and its cells, one per column of its resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Projection {
    /// How it stands.
    pub status: Status,
    /// One cell per column, in the columns' order.
    pub cells: Vec<Cell>,
}

/// One row of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Of which resource the object is. Rows of one table may differ (workloads).
    pub resource: Arc<Resource>,
    /// Namespace; `None` for a cluster-scoped object.
    pub namespace: Option<Str>,
    /// Name.
    pub name: Str,
    /// Unique id.
    pub uid: Uid,
    /// `metadata.resourceVersion` of the version that the row was computed from.
    pub version: Version,
    /// Since when it exists.
    pub created: Option<Moment>,
    /// Since when it waits for its end.
    pub deleted: Option<Moment>,
    /// Labels, sorted by key.
    pub labels: Labels,
    /// Unique ids of its owners, the controller first. Shared, as are images: what one owner makes looks alike.
    pub owners: Arc<[Str]>,
    /// The container images that it names, each once.
    pub images: Arc<[Str]>,
    /// How it stands.
    pub status: Status,
    /// One cell per column of the table.
    pub cells: Box<[Cell]>,
}

impl Row {
    /// Joins what every object has with what an instrument says of it. `intern` shares repeated strings.
    pub fn assemble(
        resource: Arc<Resource>,
        object: &Object,
        projection: Projection,
        intern: &mut dyn FnMut(&str) -> Str,
    ) -> Self {
        let labels = object.labels().map(|(key, value)| (intern(key), intern(value))).collect();
        let mut owners: Vec<_> = object.owners().filter(|owner| !owner.uid.is_empty()).collect();
        owners.sort_by_key(|owner| !owner.controller);
        let Projection { mut status, mut cells } = projection;
        for text in [&mut status.word, &mut status.reason, &mut status.message] {
            *text = intern(text);
        }
        let name: Str = object.name().into();
        for cell in &mut cells {
            if let Cell::Text(text) = cell {
                // A message of some length is not remembered by those who intern, and a name is unique.
                let again = [&status.message, &name].into_iter().find(|known| *known == text);
                *text = again.map_or_else(|| intern(text), Str::clone);
            }
        }
        Self {
            resource,
            namespace: object.namespace().map(&mut *intern),
            name,
            uid: object.uid().into(),
            version: object.resource_version().into(),
            created: object.created().map(Moment::from),
            deleted: object.deleted().map(Moment::from),
            labels,
            owners: owners.iter().map(|owner| intern(owner.uid)).collect(),
            images: object.images().into_iter().map(&mut *intern).collect(),
            status,
            cells: cells.into(),
        }
    }

    /// Shares with another row of the same object what both have of it.
    pub fn share_with(&mut self, other: &Self) {
        fn share<T: Clone + PartialEq>(own: &mut T, other: &T) {
            if own == other {
                own.clone_from(other);
            }
        }
        share(&mut self.namespace, &other.namespace);
        share(&mut self.name, &other.name);
        share(&mut self.labels, &other.labels);
        share(&mut self.owners, &other.owners);
        share(&mut self.images, &other.images);
    }

    /// Where it stands within its resource.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { namespace: self.namespace.clone(), name: self.name.clone() }
    }

    /// The value of one label.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key)
    }

    /// A reference to the object that the row stands for.
    pub fn reference(&self) -> ObjectRef {
        ObjectRef {
            api_version: self.resource.api_version(),
            kind: self.resource.kind.to_string(),
            namespace: self.namespace.as_deref().map(str::to_owned),
            name: self.name.to_string(),
            uid: Some(self.uid.to_string()).filter(|uid| !uid.is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_of_one_object_share_what_both_have_and_nothing_else() {
        let row = |team: &str| {
            let metadata = json!({"namespace": "a", "name": "web", "labels": {"team": team}, "ownerReferences": [
                {"apiVersion": "v1", "kind": "Job", "name": "j", "uid": "u"}]});
            let object = Object::new(json!({"metadata": metadata, "spec": {"image": "one"}})).unwrap();
            let projection = Projection { status: Status::none(), cells: Vec::new() };
            let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
            Row::assemble(resource, &object, projection, &mut |text| text.into())
        };
        let (one, mut same, mut other) = (row("x"), row("x"), row("y"));
        for row in [&mut same, &mut other] {
            let before = row.clone();
            row.share_with(&one);
            assert_eq!(*row, before);
        }
        assert!(Str::ptr_eq(&one.name, &same.name) && Str::ptr_eq(&one.name, &other.name));
        assert!(Arc::ptr_eq(&one.owners, &same.owners) && Arc::ptr_eq(&one.images, &same.images));
        let value = |row: &Row| row.labels.iter().next().map(|(_, value)| value.clone()).unwrap();
        assert!(Str::ptr_eq(&value(&one), &value(&same)));
        assert_eq!(&*value(&other), "y");
    }

    #[test]
    fn a_cell_takes_sixteen_bytes_and_a_row_no_more_than_fits_a_record_of_256() {
        assert_eq!(size_of::<Cell>(), 16);
        assert!(size_of::<Row>() <= 208, "{}", size_of::<Row>());
    }
}
