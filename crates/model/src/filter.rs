//! A question as plain data: a filter, an order. The query room makes it from text, the store runs it.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::id::Str;
use crate::row::{Cell, Row};
use crate::selector::LabelSelector;
use crate::sight::Sight;
use crate::status::Level;

mod pattern;
pub mod text;

pub use pattern::{Pattern, PatternError};

/// What a filter or a sort key looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// `metadata.namespace`.
    Namespace,
    /// `metadata.name`.
    Name,
    /// The kind.
    Kind,
    /// The status word.
    State,
    /// The status level.
    Level,
    /// The status reason.
    Reason,
    /// The status message.
    Message,
    /// `metadata.creationTimestamp`.
    Created,
    /// `metadata.deletionTimestamp`: since when it waits for its end.
    Deleted,
    /// The container images: compares when any of them does.
    Image,
    /// The value of one label.
    Label(Str),
    /// A column of the table, by position.
    Column(usize),
}

impl Field {
    /// The value of this field in a row.
    pub fn of(&self, row: &Row) -> Cell {
        let filled = |text: &Str| if text.is_empty() { Cell::Missing } else { Cell::Text(text.clone()) };
        match self {
            Self::Namespace => row.namespace.clone().map_or(Cell::Missing, Cell::Text),
            Self::Name => Cell::Text(row.name.clone()),
            Self::Kind => Cell::Text(row.resource.kind.clone()),
            Self::State => filled(&row.status.word),
            Self::Level => Cell::text(row.status.level.as_str()),
            Self::Reason => filled(&row.status.reason),
            Self::Message => filled(&row.status.message),
            Self::Created => row.created.map_or(Cell::Missing, Cell::Time),
            Self::Deleted => row.deleted.map_or(Cell::Missing, Cell::Time),
            Self::Image => Cell::optional(row.images.first().map(|image| &**image)),
            Self::Label(key) => Cell::optional(row.label(key)),
            Self::Column(index) => row.cells.get(*index).cloned().unwrap_or(Cell::Unknown),
        }
    }

    /// The value of this field as a sort key: orders as [`Cell::compare`] orders [`Field::of`].
    pub fn sort_key<'a>(&self, row: &'a Row) -> SortKey<'a> {
        let filled = |text: &'a str| if text.is_empty() { SortKey::Missing } else { SortKey::Text(text) };
        match self {
            Self::Namespace => row.namespace.as_deref().map_or(SortKey::Missing, SortKey::Text),
            Self::Name => SortKey::Text(&row.name),
            Self::Kind => SortKey::Text(&row.resource.kind),
            Self::State => filled(&row.status.word),
            Self::Level => SortKey::Text(row.status.level.as_str()),
            Self::Reason => filled(&row.status.reason),
            Self::Message => filled(&row.status.message),
            Self::Created => {
                row.created.map_or(SortKey::Missing, |time| SortKey::Number(time.get().as_duration().as_secs_f64()))
            }
            Self::Deleted => {
                row.deleted.map_or(SortKey::Missing, |time| SortKey::Number(time.get().as_duration().as_secs_f64()))
            }
            Self::Image => row.images.first().map_or(SortKey::Missing, |image| SortKey::Text(image)),
            Self::Label(key) => row.label(key).map_or(SortKey::Missing, SortKey::Text),
            Self::Column(index) => match row.cells.get(*index) {
                None | Some(Cell::Unknown) => SortKey::Unknown,
                Some(Cell::Missing) => SortKey::Missing,
                Some(Cell::Text(text)) => SortKey::Text(text),
                Some(cell) => cell.number().map_or(SortKey::Unknown, SortKey::Number),
            },
        }
    }
}

/// A value reduced to what its order needs, borrowed from its row: sorting many rows clones nothing.
#[derive(Clone, Copy, Debug)]
pub enum SortKey<'a> {
    /// A number, a moment, a span.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// The value is unknown.
    Unknown,
    /// There is no value.
    Missing,
}

impl SortKey<'_> {
    /// The order of two values, the greatest first when `descending`. What is missing comes last either way.
    pub fn order(&self, other: &Self, descending: bool) -> Ordering {
        let ordering = match (self, other) {
            (Self::Number(left), Self::Number(right)) => left.total_cmp(right),
            // Interned texts are often the very same.
            (Self::Text(left), Self::Text(right)) if std::ptr::eq(*left, *right) => Ordering::Equal,
            (Self::Text(left), Self::Text(right)) => left.cmp(right),
            _ => self.rank().cmp(&other.rank()),
        };
        if descending && self.rank() < 2 && other.rank() < 2 { ordering.reverse() } else { ordering }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Number(_) => 0,
            Self::Text(_) => 1,
            Self::Unknown => 2,
            Self::Missing => 3,
        }
    }
}

impl PartialEq for SortKey<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey<'_> {}

impl PartialOrd for SortKey<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order(other, false)
    }
}

/// How a value is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Equal (texts: ignoring case).
    Equal,
    /// Smaller, younger, earlier.
    Less,
    /// Smaller or equal.
    AtMost,
    /// Greater, older, later.
    Greater,
    /// Greater or equal.
    AtLeast,
}

impl Comparison {
    /// Whether a value that stands so to what it is compared with compares.
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A text; `*` and `?` are wildcards.
    Text(Str),
    /// A text in which nothing is special.
    Exact(Str),
    /// A regular expression, found anywhere in the text; only equality compares with it.
    Pattern(Pattern),
    /// A number in the column's own unit: units, bytes, seconds.
    Number(f64),
    /// A span of seconds: for moments, how long ago.
    Ago(f64),
    /// A moment.
    Moment(Timestamp),
}

/// A condition on rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Every row.
    All,
    /// All hold.
    And(Vec<Filter>),
    /// Any holds.
    Or(Vec<Filter>),
    /// Does not hold.
    Not(Box<Filter>),
    /// A field compares. A missing or unknown value never compares.
    Compare(Field, Comparison, Operand),
    /// A field has a value.
    Exists(Field),
    /// The level is one of these.
    Levels(Vec<Level>),
    /// Labels are selected.
    Labels(LabelSelector),
    /// Free text, in lower case: occurs in the name, the namespace, a label, an image, the reason, the message or a
    /// text cell.
    Text(Str),
    /// The same for a regular expression or a text with wildcards.
    Mentions(Pattern),
}

impl Filter {
    /// Whether the row fulfils it at `now`.
    pub fn matches(&self, row: &Row, now: Timestamp) -> bool {
        match self {
            Self::All => true,
            Self::And(filters) => filters.iter().all(|filter| filter.matches(row, now)),
            Self::Or(filters) => filters.iter().any(|filter| filter.matches(row, now)),
            Self::Not(filter) => !filter.matches(row, now),
            Self::Compare(field, comparison, operand) => holds(row, field, *comparison, operand, now),
            Self::Exists(field) => !matches!(field.sort_key(row), SortKey::Missing | SortKey::Unknown),
            Self::Levels(levels) => levels.contains(&row.status.level),
            Self::Labels(selector) => selector.matches(|key| row.label(key)),
            Self::Text(needle) => text::mentions(row, needle),
            Self::Mentions(pattern) => text::mentions_pattern(row, pattern),
        }
    }

    /// Visits the conditions on ages: the field and the seconds.
    pub fn each_age(&self, visit: &mut dyn FnMut(&Field, f64)) {
        match self {
            Self::And(filters) | Self::Or(filters) => filters.iter().for_each(|filter| filter.each_age(visit)),
            Self::Not(filter) => filter.each_age(visit),
            Self::Compare(field, _, Operand::Ago(seconds)) => visit(field, *seconds),
            _ => {}
        }
    }

    /// Until when (in seconds since 1970) the answer for this row stays what it is at `now`, if the clock does not go back.
    pub fn steady_until(&self, row: &Row, now: Timestamp) -> f64 {
        let mut until = f64::INFINITY;
        self.each_age(&mut |field, seconds| {
            if let SortKey::Number(moment) = field.sort_key(row) {
                until = until.min(reaches(moment, seconds, now));
            }
        });
        until
    }
}

/// Nearer than this in seconds, moments are as good as equal: what is reckoned in floating point is no more exact.
const NEAR: f64 = 0.001;

/// When what began at `moment` (in seconds since 1970) reaches an age in seconds; never, when it has.
pub fn reaches(moment: f64, age: f64, now: Timestamp) -> f64 {
    let at = moment + age;
    if at + NEAR < now.as_duration().as_secs_f64() { f64::INFINITY } else { at - NEAR }
}

/// Whether a field of a row compares. Clones nothing: it runs for every row of a table.
fn holds(row: &Row, field: &Field, comparison: Comparison, operand: &Operand, now: Timestamp) -> bool {
    match field {
        Field::Column(index) => row.cells.get(*index).is_some_and(|cell| compare(cell, comparison, operand, now)),
        Field::Image => row.images.iter().any(|image| compare_text(image, comparison, operand)),
        Field::Created => row.created.is_some_and(|time| compare(&Cell::Time(time), comparison, operand, now)),
        Field::Deleted => row.deleted.is_some_and(|time| compare(&Cell::Time(time), comparison, operand, now)),
        text => match text.sort_key(row) {
            SortKey::Text(text) => compare_text(text, comparison, operand),
            SortKey::Number(_) | SortKey::Unknown | SortKey::Missing => false,
        },
    }
}

/// Whether a cell compares with an operand.
pub fn compare(cell: &Cell, comparison: Comparison, operand: &Operand, now: Timestamp) -> bool {
    let ordering = match (cell, operand) {
        (Cell::Text(text), operand) => return compare_text(text, comparison, operand),
        // A longer age is an earlier moment.
        (Cell::Time(moment), Operand::Ago(seconds)) => {
            now.duration_since(moment.get()).as_secs_f64().total_cmp(seconds)
        }
        (Cell::Time(moment), Operand::Moment(other)) => moment.get().cmp(other),
        (Cell::Fraction(fraction), Operand::Text(wanted) | Operand::Exact(wanted)) => {
            return comparison == Comparison::Equal && fraction.to_string() == **wanted;
        }
        (Cell::Fraction(fraction), Operand::Number(number)) => (fraction.get().0 as f64).total_cmp(number),
        (cell, Operand::Number(number) | Operand::Ago(number)) => match cell.number() {
            Some(value) => value.total_cmp(number),
            None => return false,
        },
        (Cell::Boolean(truth), Operand::Text(word) | Operand::Exact(word)) => {
            return comparison == Comparison::Equal && word.eq_ignore_ascii_case(if *truth { "true" } else { "false" });
        }
        _ => return false,
    };
    comparison.holds(ordering)
}

/// Whether a text compares with an operand.
pub fn compare_text(text: &str, comparison: Comparison, operand: &Operand) -> bool {
    let (wanted, wild) = match operand {
        Operand::Text(pattern) => (pattern, pattern.contains(['*', '?'])),
        Operand::Exact(wanted) => (wanted, false),
        Operand::Pattern(pattern) => return comparison == Comparison::Equal && pattern.finds(text),
        Operand::Number(_) | Operand::Ago(_) | Operand::Moment(_) => return false,
    };
    match comparison {
        Comparison::Equal if wild => text::glob_ignoring_case(text, wanted),
        Comparison::Equal if text.is_ascii() && wanted.is_ascii() => text.eq_ignore_ascii_case(wanted),
        Comparison::Equal => text.to_lowercase() == wanted.to_lowercase(),
        Comparison::Less => *text < **wanted,
        Comparison::AtMost => *text <= **wanted,
        Comparison::Greater => *text > **wanted,
        Comparison::AtLeast => *text >= **wanted,
    }
}

/// One sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By what.
    pub field: Field,
    /// Greatest first. What is missing comes last either way.
    pub descending: bool,
}

/// A whole question over one table.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Only rows in these namespaces (cluster-scoped rows never match a list); `None` for all.
    pub namespaces: Option<Vec<Str>>,
    /// Only rows that may be seen: no total, count, page or difference tells of others.
    pub sight: Sight,
    /// Which rows.
    pub filter: Filter,
    /// In which order; ties go by namespace, name and kind, so that the order is total and stable.
    pub order: Vec<Sort>,
}

impl Plan {
    /// Every row, by namespace and name.
    pub fn everything() -> Self {
        Self { namespaces: None, sight: Sight::All, filter: Filter::All, order: Vec::new() }
    }

    /// Whether the row belongs to the answer at `now`.
    pub fn matches(&self, row: &Row, now: Timestamp) -> bool {
        self.covers(row) && self.filter.matches(row, now)
    }

    /// Whether the row may be seen, and rows of its namespace are asked for.
    pub fn covers(&self, row: &Row) -> bool {
        self.namespaces.as_ref().is_none_or(|wanted| row.namespace.as_ref().is_some_and(|own| wanted.contains(own)))
            && self.sight.sees(row.namespace.as_deref(), &row.name)
    }

    /// The order of two rows in the answer.
    pub fn compare(&self, left: &Row, right: &Row) -> Ordering {
        for sort in &self.order {
            let ordering = sort.field.sort_key(left).order(&sort.field.sort_key(right), sort.descending);
            if ordering.is_ne() {
                return ordering;
            }
        }
        left.namespace
            .cmp(&right.namespace)
            .then_with(|| left.name.cmp(&right.name))
            .then_with(|| left.resource.kind.cmp(&right.resource.kind))
            .then_with(|| left.resource.group.cmp(&right.resource.group))
    }

    /// Whether the answer can change while the rows do not: a condition on an age.
    pub fn depends_on_time(&self) -> bool {
        let mut depends = false;
        self.filter.each_age(&mut |_, _| depends = true);
        depends
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Missing),
            Just(Cell::Unknown),
            "[ab]{0,2}".prop_map(|text| Cell::text(&text)),
            (-2..3_i64).prop_map(Cell::Integer),
            (-2..3_i32).prop_map(|number| Cell::Number(f64::from(number) / 2.0)),
            (0..3_i64, 0..3_i64).prop_map(|(ready, total)| Cell::fraction(ready, total)),
            any::<bool>().prop_map(Cell::Boolean),
            (0..3_i64).prop_map(|seconds| jiff::SignedDuration::from_secs(seconds).into()),
        ]
    }

    fn row(cell: Cell) -> Row {
        let object = crate::object::Object::new(serde_json::json!({"metadata": {"name": "x"}})).unwrap();
        let resource = crate::id::Resource::new("", "v1", "things", "Thing");
        let projection = crate::row::Projection { status: crate::status::Status::none(), cells: vec![cell] };
        Row::assemble(std::sync::Arc::new(resource), &object, projection, &mut |text| text.into())
    }

    #[test]
    fn texts_compare_ignoring_case_and_exact_ones_without_wildcards() {
        let holds = |text: &str, operand| {
            Filter::Compare(Field::Column(0), Comparison::Equal, operand)
                .matches(&row(Cell::text(text)), Timestamp::UNIX_EPOCH)
        };
        assert!(holds("OOMKilled", Operand::Text("oom*".into())));
        assert!(holds("OOMKilled", Operand::Text("oomkilled".into())));
        assert!(holds("ÄB", Operand::Exact("äb".into())));
        assert!(!holds("OOMKilled", Operand::Exact("oom*".into())));
        assert!(holds("a*", Operand::Exact("A*".into())));
    }

    proptest::proptest! {
        #[test]
        fn sort_keys_order_as_cells_do(left in cell(), right in cell(), descending: bool) {
            let (one, other) = (row(left.clone()), row(right.clone()));
            let field = Field::Column(0);
            let lacking = |cell: &Cell| matches!(cell, Cell::Missing | Cell::Unknown);
            let mut expected = left.compare(&right);
            if descending && !lacking(&left) && !lacking(&right) {
                expected = expected.reverse();
            }
            proptest::prop_assert_eq!(field.sort_key(&one).order(&field.sort_key(&other), descending), expected);
            proptest::prop_assert_eq!(field.of(&one), left);
        }
    }
}
